package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"exporter/internal/evidence"
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
	whole := s.seal(t, "full", "out")
	key, err := evidence.OpenKey(s.path("key"), []byte(evidencePassphrase))
	if err != nil {
		t.Fatal(err)
	}
	const raw = "data/raw/20260303T010000Z/1424615984265764001/"
	dir := filepath.Join(t.TempDir(), filepath.Base(whole))
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	repack(func(lines []byte) []byte {
		return append(lines, `{"line":99,"response":{}}`+"\n"...)
	})(t, filepath.Join(dir, raw, "permissions.ndjson.zst"))
	signAgain(t, dir, key)
	s.verify(t, 0, dir)
}
