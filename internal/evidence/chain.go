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
// [*journal.Broken] for the first line that does not fit.
func readChain(from io.Reader, masked bool) ([][sha256.Size]byte, error) {
	var hashes [][sha256.Size]byte
	lines := JournalLines(from)
	prev := journal.Zero
	for lines.Scan() {
		hash, problem := checkLine(lines.Bytes(), prev, int64(len(hashes)+1), masked)
		if problem != "" {
			return nil, &journal.Broken{Path: journalName, Line: int64(len(hashes) + 1), Problem: problem}
		}
		hashes = append(hashes, hash)
		prev = hex.EncodeToString(hash[:])
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, &journal.Broken{Path: journalName, Line: int64(len(hashes) + 1), Problem: "it is too long"}
	}
	return hashes, lines.Err()
}

// checkLine returns the hash that the next line has to have as prev, or what is the
// matter with the line.
func checkLine(line []byte, prev string, seq int64, masked bool) (hash [sha256.Size]byte, problem string) {
	m := entryLine.FindSubmatch(line)
	switch {
	case m == nil || !json.Valid(line) || json.Unmarshal(m[3], new(time.Time)) != nil:
		return hash, "it is no entry"
	case masked != (m[4] != nil):
		return hash, "it is no entry of a bundle under this mask"
	case string(m[1]) != prev:
		return hash, "its prev is not the hash of the line before: that line was changed, " +
			"or lines are missing, added or in another order"
	case string(m[2]) != strconv.FormatInt(seq, 10):
		return hash, fmt.Sprintf("its seq is %s, not %d", m[2], seq)
	case masked:
		hex.Decode(hash[:], m[4]) // they are digits
		return hash, ""
	default:
		return sha256.Sum256(line), ""
	}
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
	hashes, err := readChain(&untilDone{ctx: ctx, from: f}, v.b.info.Value("Mask") != "full")
	broken, ok := errors.AsType[*journal.Broken](err)
	switch {
	case ok:
		v.find(journalName, "line %d: %s", broken.Line, broken.Problem)
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
	if want := v.b.info.Value("Journal-Length"); want != strconv.Itoa(len(hashes)) {
		v.find(journalName, "it has %d lines, and bag-info.txt says that it had %s", len(hashes), want)
	}
	if want := v.b.info.Value("Journal-Head"); want != v.JournalHead {
		v.find(journalName, "it ends with %s, and bag-info.txt says that it ended with %s", v.JournalHead, want)
	}
	for _, a := range anchors {
		v.anchor(a, hashes)
	}
	return nil
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
