package main

import (
	"bufio"
	"bytes"
	"errors"
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
