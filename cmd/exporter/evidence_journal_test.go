package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"exporter/internal/journal"
)

// Who guesses what is masked in a line of the journal cannot prove it by the hash of
// the line: that is of its salt too, which is in no masked line. Of a line without a
// salt, as older ones, it can be done, so the attack is one.
func TestMaskedJournalProvesNoGuess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	const detail = `{"by":"ada@example.com"}`
	old := `{"prev":"` + journal.Zero + `","seq":1,"at":"2026-01-02T06:00:00Z","kind":"query","detail":` + detail + "}\n"
	put(t, path, old)
	at := time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC)
	for range 2 {
		if _, err := journal.Open(path, func() time.Time { return at }).Append("query", jsonText(detail)); err != nil {
			t.Fatal(err)
		}
	}
	j, err := readBundleJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := j.write(&b, func(string, string) string { return `{"by":"masked"}` }); err != nil {
		t.Fatal(err)
	}
	masked := b.String()
	salts := regexp.MustCompile(`"salt":"([0-9a-f]{32})"`).FindAllStringSubmatch(readText(t, path), -1)
	if len(salts) != 2 {
		t.Fatalf("%d lines of the journal have a salt", len(salts))
	}
	for _, s := range salts {
		if strings.Contains(masked, s[1]) {
			t.Errorf("the salt %s is in\n%s", s[1], masked)
		}
	}
	// The members of a masked line, with what is guessed, are the line as it was.
	proved := 0
	lines := regexp.MustCompile(`^(.*)"sha256":"([0-9a-f]{64})","detail":\{"by":"masked"\}\}\n$`)
	for line := range strings.Lines(masked) {
		m := lines.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("masked line %s", line)
		}
		sum := sha256.Sum256([]byte(m[1] + `"detail":` + detail + "}\n"))
		if hex.EncodeToString(sum[:]) == m[2] {
			proved++
		}
	}
	if proved != 1 {
		t.Errorf("a guess is proved for %d lines, not for the old one alone:\n%s", proved, masked)
	}
}
