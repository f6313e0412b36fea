package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/reports"
)

// TestSettleReport gives files their names only once the journal has their
// report, and leaves no draft where it or a name is not to be had.
func TestSettleReport(t *testing.T) {
	for _, c := range []struct {
		name, taken string // a folder where the file should be
		want        []string
		ok          bool
	}{
		{"nothing in the way", "", []string{"a.csv new", "a.xlsx new"}, true},
		{"no journal", "data/journal.ndjson", []string{"a.csv old", "a.xlsx old"}, false},
		{"no name for the second", "out/a.xlsx", []string{"a.csv new"}, false},
	} {
		dir := t.TempDir()
		out := filepath.Join(dir, "out")
		m := made{name: "a", entry: map[string]any{"report": "a"}}
		for _, name := range []string{"data", "out", c.taken} {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"a.csv", "a.xlsx"} {
			x := file{path: filepath.Join(out, name), draft: filepath.Join(out, "."+name)}
			if c.taken != "out/"+name {
				put(t, x.path, name+" old")
			}
			put(t, x.draft, name+" new")
			m.files = append(m.files, x)
		}
		r := &reportRun{cfg: &config{path: filepath.Join(dir, "reports.yaml")}, flags: &reportFlags{out: out}}
		r.cfg.Store.Dir = filepath.Join(dir, "data")
		x := make(chan result, 1)
		x <- result{made: m}
		done, err := (&app{stderr: io.Discard, now: time.Now}).collectReports(r, []chan result{x})
		if (err == nil) != c.ok || len(done) == 1 != c.ok {
			t.Errorf("%s: %d reports are made, error %v", c.name, len(done), err)
		}
		var got []string
		entries, err := os.ReadDir(out)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				got = append(got, readText(t, filepath.Join(out, e.Name())))
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: files mismatch (-want +got):\n%s", c.name, diff)
		}
	}
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A fault of the program in one report is that report's error.
func TestReportPanics(t *testing.T) {
	var said strings.Builder
	r := &reportRun{cfg: &config{}, log: slog.New(slog.NewTextHandler(&said, nil)), flags: &reportFlags{timeout: time.Minute}}
	results := r.start(t.Context(), []reports.Definition{{Name: "leavers"}, {Name: "drift"}}) // without a store
	for i, name := range []string{"leavers", "drift"} {
		if err := (<-results[i]).err; err == nil || !strings.HasPrefix(err.Error(), "report "+name+": a fault of the program: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !strings.Contains(said.String(), "makereports.go") {
		t.Errorf("the log does not say where:\n%s", said.String())
	}
}
