package main

import (
	"bufio"
	"bytes"
	"errors"
	"path/filepath"
	"testing"
)

// A journal in a bundle of somebody else whose line has no end is refused before it
// fills the memory.
func TestEvidenceJournalWithoutEnd(t *testing.T) {
	line := bytes.Repeat([]byte{' '}, 65<<20)
	if _, err := parseBundleJournal(bytes.NewReader(line)); !errors.Is(err, bufio.ErrTooLong) {
		t.Errorf("error %v", err)
	}
}

// An interrupted run leaves answers that no call names: they are no fault.
func TestEvidenceOfNoCall(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	const pages = "data/raw/20260303T010000Z/1424615984265764001/permissions.ndjson.zst"
	repack(func(lines []byte) []byte {
		return append(lines, `{"line":99,"response":{}}`+"\n"...)
	})(t, s.path(pages))
	dir := s.seal(t, "full", "out")
	if got := unpacked(t, filepath.Join(dir, pages))[1]; !bytes.Contains(got, []byte(`{"line":99,`)) {
		t.Errorf("the bundle has not that line")
	}
	s.verify(t, 0, dir)
}
