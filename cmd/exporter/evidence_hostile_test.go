package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exporter/internal/evidence"
	"exporter/internal/store/storetest"
)

// A bundle whose snapshot was made to do harm, by who has a key, is found out: it reads
// no file of the machine, and neither holds up who verifies it nor brings them down.
func TestEvidenceHostile(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	whole := s.seal(t, "full", "out")
	key, err := evidence.OpenKey(s.path("key"), []byte(evidencePassphrase))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s.path("canary"), canary)
	const cell = "data/reports/changes/changes.csv"
	// schema is what the file says of itself, as a view.
	schema := func(query string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			err := storetest.Change(path, "USE x; ALTER TABLE base.store RENAME TO was; CREATE VIEW base.store AS "+query+
				" AS schema_version FROM base.was; USE memory")
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	noise := func(t *testing.T, path string) {
		t.Helper()
		text := []byte(readText(t, path))
		r := rand.New(rand.NewPCG(*seed, 1))
		for i := 3 * 4096; i < len(text); i += 1 + r.IntN(500) {
			text[i] ^= byte(1 + r.IntN(255))
		}
		put(t, path, string(text))
	}
	for name, c := range map[string]struct {
		do     func(t *testing.T, path string)
		status int // of verify and trace
		says   string
	}{
		"as it was": {func(t *testing.T, path string) {}, 0, ""},
		// With the right to read the canary it would be a snapshot like any other.
		"a view that reads files": {schema("SELECT (SELECT min(length(content)) FROM read_text('" + s.path("canary") + "')) * 0 + schema_version"), 4, "canary"},
		"a view without an end":   {schema("SELECT (SELECT count(*) FROM range(10000000000000) AS r WHERE hash(r) = 7) + schema_version"), 1, "no end within"},
		"noise":                   {noise, 4, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), filepath.Base(whole))
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "data/snapshot/20260303T010000Z.duckdb")
			if err := os.Chmod(path, 0o600); err != nil {
				t.Fatal(err)
			}
			c.do(t, path)
			signAgain(t, dir, key)
			later := &evidenceSite{dir: s.dir, day: s.day.AddDate(0, 0, 1)}
			for _, args := range [][]string{{"verify", dir, "--timeout", "20s"}, {"trace", filepath.Join(dir, cell), "1", "--timeout", "20s"}} {
				if c.status == 1 {
					args[len(args)-1] = "3s"
				}
				began := time.Now()
				out, said := later.run(t, c.status, append([]string{"evidence"}, args...)...)
				if all := out + said; !strings.Contains(all, c.says) || c.status == 1 && time.Since(began) > 30*time.Second {
					t.Errorf("%v in %s: %s", args, time.Since(began), all)
				}
			}
		})
	}
}
