package main

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"exporter/internal/evidence"
	"exporter/internal/journal"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// bundleJournal is the journal as a bundle has it.
type bundleJournal struct {
	lines   [][]byte // with their newlines, as they are in the file
	entries []journal.Entry
	head    journal.Head
	facts   *store.JournalFacts
	torn    int64 // number of a last line that is torn; 0 for none
}

// newBundleJournal is one without a line.
func newBundleJournal() *bundleJournal {
	return &bundleJournal{head: journal.Head{SHA256: journal.Zero}, facts: newFacts()}
}

// add adds an entry.
func (j *bundleJournal) add(e journal.Entry) {
	addFact(j.facts, e)
	j.entries = append(j.entries, e)
	j.head = journal.Head{SHA256: e.SHA256, Seq: e.Seq}
}

// readBundleJournal reads the whole chain, up to a last line that is torn: what writes
// next sets that aside. Entries of bundles, and of the mails that tell of them, that
// nothing else follows are left out, so that a bundle made again from the same store is
// the same.
func readBundleJournal(path string) (*bundleJournal, error) {
	j := newBundleJournal()
	_, err := journal.Read(path, func(e journal.Entry) error {
		j.add(e)
		return nil
	})
	if broken, ok := errors.AsType[*journal.Broken](err); ok && broken.Torn {
		j.torn, err = broken.Line, nil
	}
	if err != nil {
		return nil, &hintError{fmt.Errorf("journal: %w", err), "evidence needs a chain without a break: exporter snapshots verify"}
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for range j.entries { // what was added since is not of this bundle
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("journal: %w", err)
		}
		j.lines = append(j.lines, line)
	}
	n := len(j.entries)
	for n > 0 && ofBundle(j.entries[n-1]) {
		n--
	}
	j.entries, j.lines = j.entries[:n], j.lines[:n]
	if j.head = (journal.Head{SHA256: journal.Zero}); n > 0 {
		j.head = journal.Head{SHA256: j.entries[n-1].SHA256, Seq: j.entries[n-1].Seq}
	}
	return j, nil
}

// ofBundle says whether an entry is that of a bundle, or of a mail that tells of one.
func ofBundle(e journal.Entry) bool {
	return e.Kind == evidenceKind || e.Kind == "mail" && member(e.Detail, "report") == announceReport
}

// sealed is the line that names a snapshot; of several projects the last. Of one
// project the first counts, as in [readSeals].
func (j *bundleJournal) sealed(snapshot, project string) *reports.Sealed {
	var found *reports.Sealed
	seen := map[string]bool{}
	for _, e := range j.entries {
		if e.Kind != "snapshot" || member(e.Detail, "snapshot") != snapshot {
			continue
		}
		p := member(e.Detail, "project")
		if !seen[p] && (project == "" || p == project) {
			found = &reports.Sealed{Line: e.Seq, SHA256: e.SHA256}
		}
		seen[p] = true
	}
	return found
}

// witnessed says whether a line names the log of a watched collection with that SHA-256.
func (j *bundleJournal) witnessed(snapshot, sum string) bool {
	return slices.ContainsFunc(j.entries, func(e journal.Entry) bool {
		return e.Kind == "witness" && member(e.Detail, "sha256") == sum && member(e.Detail, "snapshot") == snapshot
	})
}

// member is a text member of a JSON object; "" where there is none.
func member(object json.RawMessage, name string) string {
	var members map[string]json.RawMessage
	var text string
	if json.Unmarshal(object, &members) == nil {
		_ = json.Unmarshal(members[name], &text) // of another type: no text
	}
	return text
}

// parseBundleJournal reads the journal of a bundle that has been verified.
func parseBundleJournal(r io.Reader) (*bundleJournal, error) {
	j := newBundleJournal()
	lines := evidence.JournalLines(r)
	for lines.Scan() {
		var l maskedLine
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return nil, fmt.Errorf("journal: line %d: %w", len(j.entries)+1, err)
		}
		j.add(journal.Entry{Prev: l.Prev, Seq: l.Seq, At: l.At, Kind: l.Kind, Detail: l.Detail,
			SHA256: cmp.Or(l.SHA256, lineHash(lines.Bytes()))})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("journal: line %d: %w", len(j.entries)+1, err)
	}
	return j, nil
}

// maskedLine is a line of the journal under a mask: its links and its hash stay, so
// that the chain can be followed; what it says is masked, and its salt is left out:
// with it the hash would prove a guess at what is masked.
type maskedLine struct {
	Prev   string          `json:"prev"`
	Seq    int64           `json:"seq"`
	At     time.Time       `json:"at"`
	Kind   string          `json:"kind"`
	SHA256 string          `json:"sha256"` // of the line itself, with its newline
	Detail json.RawMessage `json:"detail"`
}

// write writes the chain. mask gives what is shown of an entry's detail; nil: all.
func (j *bundleJournal) write(w io.Writer, mask func(kind, detail string) string) error {
	for i, line := range j.lines {
		if mask != nil {
			e := j.entries[i]
			var err error
			line, err = marshalLine(maskedLine{e.Prev, e.Seq, e.At, e.Kind, e.SHA256, json.RawMessage(mask(e.Kind, string(e.Detail)))})
			if err != nil {
				return err
			}
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func marshalLine(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

// journalLedgers are the ledgers that are made of the journal, with the kinds of
// their entries.
var journalLedgers = []struct {
	name  string
	kinds []string
}{
	{"runs", []string{"snapshot", "witness", "serve", "slot", "clock", "program"}},
	{"reports", []string{"report", "publish", evidenceKind, "key"}},
	{"mails", []string{"mail", "outbox"}},
	{"queries", []string{"query"}},
	{"removals", []string{"prune", "purge"}},
	{"writes", []string{"write-asked", "write-answered"}},
}

// ledger writes the entries of some kinds within a period as csv: a column for each
// member that one of them has, texts as they are, all else as JSON.
func (j *bundleJournal) ledger(w io.Writer, kinds []string, p period, mask func(kind, detail string) string) (rows int64, err error) {
	header := []string{"seq", "at", "kind"}
	fixed := len(header)
	start, end := p.start(), p.end()
	var lines []map[string]string
	for _, e := range j.entries {
		if !slices.Contains(kinds, e.Kind) || e.At.Before(start) || !e.At.Before(end) {
			continue
		}
		detail := string(e.Detail)
		if mask != nil {
			detail = mask(e.Kind, detail)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal([]byte(detail), &members); err != nil {
			return 0, fmt.Errorf("journal: line %d: %w", e.Seq, err)
		}
		line := map[string]string{"seq": strconv.FormatInt(e.Seq, 10), "at": e.At.UTC().Format(time.RFC3339Nano), "kind": e.Kind}
		for name, value := range members {
			column := name
			if slices.Contains(header[:fixed], name) {
				column = "detail." + name
			}
			if !slices.Contains(header, column) {
				header = append(header, column)
			}
			var text string
			if json.Unmarshal(value, &text) != nil {
				text = string(value)
			}
			line[column] = text
		}
		lines = append(lines, line)
	}
	slices.Sort(header[fixed:])
	c := csv.NewWriter(w)
	if err := c.Write(header); err != nil {
		return 0, err
	}
	for _, line := range lines {
		record := make([]string, len(header))
		for i, name := range header {
			record[i] = line[name]
		}
		if err := c.Write(record); err != nil {
			return 0, err
		}
	}
	c.Flush()
	return int64(len(lines)), c.Error()
}

// lineHash is the SHA-256, in hex, of a line of the journal.
func lineHash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}
