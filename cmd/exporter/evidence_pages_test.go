package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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

// An interrupted run leaves answers that no call names: they are no fault. That rows
// come from such an answer is one.
func TestEvidenceOfNoCall(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	whole := s.seal(t, "full", "out")
	key, err := evidence.OpenKey(s.path("key"), []byte(evidencePassphrase))
	if err != nil {
		t.Fatal(err)
	}
	const raw = "data/raw/20260303T010000Z/1424615984265764001/"
	changed := func(change func(dir string)) string {
		dir := filepath.Join(t.TempDir(), filepath.Base(whole))
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		change(dir)
		signAgain(t, dir, key)
		return dir
	}
	s.verify(t, 0, changed(func(dir string) {
		repack(func(lines []byte) []byte {
			return append(lines, `{"line":99,"response":{}}`+"\n"...)
		})(t, filepath.Join(dir, raw, "permissions.ndjson.zst"))
	}))
	v := s.verify(t, 4, changed(func(dir string) {
		repack(func(lines []byte) []byte {
			return regexp.MustCompile(`(?m)^\{"resource":"permissions".*\n`).ReplaceAll(lines, nil)
		})(t, filepath.Join(dir, raw, "calls.ndjson.zst"))
		ledger := filepath.Join(dir, "data/ledger/calls.csv")
		put(t, ledger, regexp.MustCompile(`(?m)^20260303T010000Z,[0-9]+,permissions,.*\n`).ReplaceAllString(readText(t, ledger), ""))
	}))
	if !slices.ContainsFunc(v.Findings, func(f evidence.Finding) bool {
		return f.Name == raw+"permissions.ndjson.zst" && strings.Contains(f.Problem, "are from lines of no call")
	}) {
		t.Errorf("%v", v.Findings)
	}
}
