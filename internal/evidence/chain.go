package evidence

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"exporter/internal/journal"
)

// entryLine is a line of a bundle's journal, its members in this order: so what a
// person cuts out of it by position is what it means. Under a mask it has the hash of
// the line that it stands for, and not its salt, which would prove a guess at that.
var entryLine = regexp.MustCompile(`^\{"prev":"([0-9a-f]{64})","seq":([1-9][0-9]{0,17}),` +
	`"at":("[0-9TZ:.-]+"),"kind":"[^"\\]*",(?:"sha256":"([0-9a-f]{64})",|"salt":"[0-9a-f]{32}",)?"detail":\{.*\}\}\n$`)

// maxLine is the length of a line of a journal, in bytes.
const maxLine = 64 << 20

// JournalLines gives the lines of a journal, each with its newline. One of more than
// 64 MiB is [bufio.ErrTooLong].
func JournalLines(from io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLine)
	lines.Split(func(data []byte, atEOF bool) (int, []byte, error) {
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 && atEOF {
			end = len(data)
		}
		if end == 0 {
			return 0, nil, nil // more is needed, or there is no more
		}
		return end, data[:end], nil
	})
	return lines
}

// readChain follows the chain of a journal as a bundle has it, and returns the hash
// of each line; in a masked one those of the lines that they stand for. It returns a
// [*journal.Broken] for the first line that does not fit. head is the hash that the
// last line had, "" where that is not known.
func readChain(from io.Reader, masked bool, head string) ([][sha256.Size]byte, error) {
	var hashes [][sha256.Size]byte
	lines := JournalLines(from)
	prev := journal.Zero
	for n := int64(1); lines.Scan(); n++ {
		l, problem := parseLine(lines.Bytes(), masked)
		hash := hex.EncodeToString(l.hash[:])
		switch {
		case problem != "":
			return nil, &journal.Broken{Path: journalName, Line: n, Problem: problem}
		case l.prev != prev:
			next := head
			if lines.Scan() {
				after, _ := parseLine(lines.Bytes(), masked)
				next = after.prev
			}
			if masked { // a line has the same hash whatever its prev is
				next = ""
			}
			return nil, journal.Unchained(journalName, n, l.seq, hash, next)
		case l.seq != n:
			return nil, &journal.Broken{Path: journalName, Line: n, Problem: fmt.Sprintf("its seq is %d, not %d", l.seq, n)}
		}
		hashes = append(hashes, l.hash)
		prev = hash
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, &journal.Broken{Path: journalName, Line: int64(len(hashes) + 1), Problem: "it is too long"}
	}
	return hashes, lines.Err()
}

// chainLine is what a line of a journal has of its chain: hash is what the next line
// has to have as prev.
type chainLine struct {
	prev string
	seq  int64
	hash [sha256.Size]byte
}

// parseLine reads a line of a journal, or says what is the matter with it.
func parseLine(line []byte, masked bool) (l chainLine, problem string) {
	m := entryLine.FindSubmatch(line)
	switch {
	case m == nil || !json.Valid(line) || json.Unmarshal(m[3], new(time.Time)) != nil:
		return l, "it is no entry"
	case masked != (m[4] != nil):
		return l, "it is no entry of a bundle under this mask"
	}
	l.prev, l.hash = string(m[1]), sha256.Sum256(line)
	l.seq, _ = strconv.ParseInt(string(m[2]), 10, 64) // at most 18 digits
	if masked {
		hex.Decode(l.hash[:], m[4]) // they are digits
	}
	return l, ""
}

func isBroken(err error) bool {
	_, ok := errors.AsType[*journal.Broken](err)
	return ok
}

// anchor is the hash of a line, or its beginning. line is 0 where it was not given.
type anchor struct {
	given, hash string
	line        int64
}

var anchorText = regexp.MustCompile(`^(?:([1-9][0-9]{0,17}):)?([0-9a-f]{12,64})$`)

// CheckAnchors returns an error for what can be no anchor: see [VerifyOptions].
func CheckAnchors(given []string) error {
	_, err := parseAnchors(given)
	return err
}

func parseAnchors(given []string) ([]anchor, error) {
	var anchors []anchor
	for _, text := range given {
		m := anchorText.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
		if m == nil {
			return nil, fmt.Errorf("anchor %.100q: it is no hash of 12 to 64 hexadecimal digits, "+
				"or the number of a line, a colon and a hash", text)
		}
		a := anchor{given: text, hash: m[2]}
		if m[1] != "" {
			a.line, _ = strconv.ParseInt(m[1], 10, 64) // at most 18 digits
		}
		anchors = append(anchors, a)
	}
	return anchors, nil
}

// journal follows the chain, compares its end with bag-info.txt and looks for the
// anchors in it.
func (v *verifier) journal(ctx context.Context, anchors []anchor) error {
	if _, ok := v.b.sizes[journalName]; !ok {
		for _, a := range anchors {
			v.find(journalName, "anchor %s cannot be looked for: the journal is missing", a.given)
		}
		return v.missingJournal()
	}
	f, err := v.b.Open(journalName)
	if err != nil {
		return err
	}
	defer f.Close()
	hashes, err := readChain(&untilDone{ctx: ctx, from: f}, v.b.info.Value("Mask") != "full", v.b.info.Value("Journal-Head"))
	switch {
	case isBroken(err):
		v.find(journalName, "%s", strings.TrimPrefix(err.Error(), journalName+": "))
		return nil
	case damaged(err):
		return nil // found where it was hashed
	case err != nil:
		return err
	}
	v.JournalLength, v.JournalHead = int64(len(hashes)), journal.Zero
	if len(hashes) > 0 {
		v.JournalHead = hex.EncodeToString(hashes[len(hashes)-1][:])
	}
	v.end(int64(len(hashes)))
	for _, a := range anchors {
		v.anchor(a, hashes)
	}
	return nil
}

// end compares the end of a whole chain of n lines with bag-info.txt.
func (v *verifier) end(n int64) {
	length, head := v.b.info.Value("Journal-Length"), v.b.info.Value("Journal-Head")
	had, err := strconv.ParseInt(length, 10, 64)
	switch {
	case err != nil || strconv.FormatInt(had, 10) != length:
		v.find(infoName, "Journal-Length is no number")
	case n < had:
		v.find(journalName, "cut short: it has %d lines, and by Journal-Length of bag-info.txt it had %d, "+
			"the last of them %s", n, had, head)
	case n > had:
		v.find(journalName, "lines were added: it has %d, and by Journal-Length of bag-info.txt it had %d, "+
			"the last of them %s", n, had, head)
	case head != v.JournalHead:
		v.find(journalName, "line %d, the last: it was changed: its hash is %s, and by Journal-Head of bag-info.txt "+
			"it was %s", n, v.JournalHead, head)
	}
}

// missingJournal finds that there is none where no manifest says that there was.
func (v *verifier) missingJournal() error {
	for _, f := range v.b.manifest {
		if f.Path == journalName {
			return nil
		}
	}
	v.find(journalName, "missing, in the manifest too")
	return nil
}

// anchor looks for an anchor among the hashes of the lines.
func (v *verifier) anchor(a anchor, hashes [][sha256.Size]byte) {
	for i, h := range hashes {
		hash := hex.EncodeToString(h[:])
		if strings.HasPrefix(hash, a.hash) && (a.line == 0 || a.line == int64(i+1)) {
			v.AnchorsFound = append(v.AnchorsFound, Anchor{a.given, int64(i + 1), hash})
			return
		}
	}
	switch {
	case a.line > int64(len(hashes)):
		v.find(journalName, "anchor %s: it has only %d lines: it was cut, or the anchor is later than the bundle",
			a.given, len(hashes))
	case a.line > 0:
		v.find(journalName, "anchor %s: line %d is %x: the journal was rewritten", a.given, a.line, hashes[a.line-1])
	default:
		v.find(journalName, "anchor %s: no line has it: the journal was rewritten or cut, "+
			"or the anchor is later than the bundle", a.given)
	}
}
