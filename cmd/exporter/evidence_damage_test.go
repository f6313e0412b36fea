package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What landed and is not any more as it landed is in no bundle: it is named, and
// nothing is left; where it is moved away the bundle says that it is gone.
func TestEvidenceOfDamaged(t *testing.T) {
	t.Parallel()
	site := newEvidenceSite(t)
	cut := func(t *testing.T, path string) {
		t.Helper()
		text := readText(t, path)
		put(t, path, text[:len(text)*2/3])
	}
	flip := func(t *testing.T, path string) {
		t.Helper()
		text := []byte(readText(t, path))
		text[len(text)/2] ^= 4
		put(t, path, string(text))
	}
	create := func(s *evidenceSite, mask string) []string {
		return []string{"evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", mask, "--report", "changes", "--out", s.path("out")}
	}
	for name, c := range map[string]struct {
		file, mask string
		do         func(t *testing.T, path string)
		says       string
	}{
		"cut":               {"permissions", "full", cut, "cannot be read after 0 pages: unexpected EOF"},
		"cut, masked":       {"permissions", "pseudonym", cut, "cannot be read after 0 pages: unexpected EOF"},
		"a bit":             {"persons", "full", flip, "cannot be read after "},
		"another name":      {"permissions", "full", repack(renamed), "is not the page that was landed"},
		"another, masked":   {"permissions", "standard", repack(renamed), "is not the page that was landed"},
		"a line less":       {"permissions", "full", repack(lastLine(0)), "is missing"},
		"a line twice":      {"permissions", "full", repack(lastLine(2)), "stands after line"},
		"the calls cut":     {"calls", "full", cut, "unexpected EOF"},
		"the walks cut":     {"walks", "full", cut, "unexpected EOF"},
		"not a line is one": {"walks", "full", repack(func([]byte) []byte { return []byte("{\n") }), "it is no JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := site.copy(t, "")
			path := "raw/20260302T010000Z/1424615984265764001/" + c.file + ".ndjson.zst"
			c.do(t, s.path("data/"+path))
			_, said := s.run(t, 1, create(s, c.mask)...)
			if !strings.Contains(said, "exporter: "+path+" is damaged: ") || !strings.Contains(said, c.says) || !strings.Contains(said, "hint: restore it from a backup") {
				t.Errorf("%s", said)
			}
			if left, err := os.ReadDir(s.path("out")); err != nil || len(left) > 0 {
				t.Errorf("left %v, %v", left, err)
			}
			if slices.Contains(s.kinds(t), evidenceKind) {
				t.Error("the journal has a bundle")
			}
		})
	}
	t.Run("moved away", func(t *testing.T) {
		t.Parallel()
		s := site.copy(t, "")
		remove(t, s.path("data/raw/20260302T010000Z/1424615984265764001/persons.ndjson.zst"))
		dir := s.seal(t, "full", "out")
		v := s.verify(t, 0, dir)
		if !strings.HasPrefix(v.Info["Raw-Pages"], "1 of ") || !strings.Contains(readText(t, filepath.Join(dir, "data/ledger/raw_files.csv")), ",,nothing says why\n") {
			t.Errorf("%v", v.Info)
		}
	})
	t.Run("a log of a watched collection", func(t *testing.T) {
		t.Parallel()
		s := site.copy(t, "")
		if err := os.Mkdir(s.path("data/witness"), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, s.path("data/witness/20260302T010000Z.txt"), "I saw nothing.\n")
		_, said := s.run(t, 1, create(s, "full")...)
		if !strings.Contains(said, "exporter: witness/20260302T010000Z.txt is damaged: no line of the journal has its SHA-256") {
			t.Errorf("%s", said)
		}
	})
}

// A line of the journal that a loss of power left torn is said, and set aside by the
// entry of the bundle, which has the lines before it.
func TestEvidenceOfTornJournal(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	lines := len(s.kinds(t))
	whole := readText(t, s.path("data/journal.ndjson"))
	put(t, s.path("data/journal.ndjson"), whole+`{"prev":"`)
	_, said := s.run(t, 0, "evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", "full", "--report", "changes", "--out", s.path("out"))
	if !strings.Contains(said, "line 4 of the journal is torn, as a loss of power leaves it") || lines != 3 {
		t.Errorf("of %d lines: %s", lines, said)
	}
	dir := s.path("out/evidence-2026-03-02-2026-03-03-full")
	if got := readText(t, filepath.Join(dir, "data/journal.ndjson")); got != whole {
		t.Errorf("the bundle has\n%s", got)
	}
	s.verify(t, 0, dir)
	if text := readText(t, s.path("data/journal.ndjson")); !strings.HasPrefix(text, whole+`{"prev"`) || !strings.Contains(text, `"torn":"journal.torn-1"`) ||
		len(s.kinds(t)) != 4 {
		t.Errorf("%s", text)
	}
	// One that is broken before its end is refused, and nothing is written to it.
	broken := strings.Replace(whole, `"seq":2`, `"seq":3`, 1)
	put(t, s.path("data/journal.ndjson"), broken)
	_, said = s.run(t, 1, "evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", "full", "--report", "changes", "--out", s.path("out2"))
	if !strings.Contains(said, "hint: evidence needs a chain without a break") || readText(t, s.path("data/journal.ndjson")) != broken {
		t.Errorf("broken: %s", said)
	}
}
