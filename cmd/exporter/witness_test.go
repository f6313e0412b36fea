package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exporter/internal/collect"
	"exporter/internal/store"
)

// beginWitness is a log that was begun, with calls of each kind of two projects.
func beginWitness(t *testing.T, cfg *config) (*witnessLog, *strings.Builder) {
	t.Helper()
	said := &strings.Builder{}
	w := &witnessLog{out: said, cfg: cfg}
	total := int64(41200)
	call := collect.Call{Snapshot: "20260102T060000Z", Project: "7", Operation: "access-auth", Page: 2, TID: strings.Repeat("a", 32),
		T: 1767333600123, HTTPStatus: 200, Attempt: 1, Rows: 100, Total: &total}
	w.see(call)
	call.Kept, call.Attempt = true, 3
	w.see(call)
	for _, x := range []collect.Call{{Attempt: 1}, {HTTPStatus: 504}, {HTTPStatus: 200}, {HTTPStatus: 200, Code: 28841002, TID: "t", T: 1767333600000}} {
		x.Snapshot, x.Project, x.Operation = call.Snapshot, "8", "access-auth-task/actions/issue-info"
		w.see(x)
	}
	return w, said
}

func witnessConfig(t *testing.T) *config {
	t.Helper()
	cfg := &config{}
	cfg.Store.Dir = filepath.Join(t.TempDir(), "store [1]")
	if err := os.Mkdir(cfg.Store.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Each call has its line, also one without an answer; the file has what was printed.
func TestWitnessLines(t *testing.T) {
	cfg := witnessConfig(t)
	w, said := beginWitness(t, cfg)
	if err := w.filed(io.Discard, time.Now); err != nil {
		t.Fatal(err)
	}
	tid := strings.Repeat("a", 32)
	want := `# calls of snapshot 20260102T060000Z, by exporter ` + version + `
# the cloud's clock       operation                            page   rows      total     code  tid
# project 7
2026-01-02T06:00:00.123Z  access-auth                             2    100      41200        0  ` + tid + `
2026-01-02T06:00:00.123Z  access-auth                             2    100      41200        0  ` + tid + `  try 3  of an interrupted run
# project 8
–                         access-auth-task/actions/issue-info     –      0          –     none  –
–                         access-auth-task/actions/issue-info     –      0          – HTTP 504  –
–                         access-auth-task/actions/issue-info     –      0          – unusable  –
2026-01-02T06:00:00.000Z  access-auth-task/actions/issue-info     –      0          – 28841002  t
# end: 6 calls
`
	if said.String() != want {
		t.Errorf("printed\n%s\nnot\n%s", said, want)
	}
	if got := readText(t, filepath.Join(cfg.Store.Dir, "witness", "20260102T060000Z.txt")); got != want {
		t.Errorf("filed\n%s", got)
	}
}

// A kill leaves no half log under a name: the next one removes what no line of the
// journal names, and names what one does.
func TestWitnessAfterKill(t *testing.T) {
	cfg := witnessConfig(t)
	dir := filepath.Join(cfg.Store.Dir, witnessDir)
	w, _ := beginWitness(t, cfg)
	if err := w.filed(io.Discard, time.Now); err != nil {
		t.Fatal(err)
	}
	named := filepath.Join(dir, "20260102T060000Z.txt")
	log := readText(t, named)
	for _, x := range []struct{ name, part string }{
		{"before its entry", log[:200]}, {"between its entry and its name", log},
	} {
		if err := os.RemoveAll(named); err != nil {
			t.Fatal(err)
		}
		put(t, named+unfiled, x.part)
		differs, err := witnessDiffers(cfg.Store.Dir, cfg.journalPath())
		if gone := x.part != log; err != nil || (len(differs) > 0) != gone {
			t.Errorf("killed %s: differs %v, %v", x.name, differs, err)
		}
		put(t, filepath.Join(dir, "stray.txt"), log)
		differs, err = witnessDiffers(cfg.Store.Dir, cfg.journalPath())
		if !slices.ContainsFunc(differs, func(f store.Finding) bool { return f.Name == witnessDir+"/stray.txt" }) {
			t.Errorf("killed %s: what nobody knows of differs %v, %v", x.name, differs, err)
		}
		if err := os.Remove(filepath.Join(dir, "stray.txt")); err != nil {
			t.Fatal(err)
		}
		if err := settleWitness(dir, cfg.journalPath()); err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(named)
		if whole := x.part == log; (err == nil) != whole || whole && string(kept) != log {
			t.Errorf("killed %s: %q, %v", x.name, kept, err)
		}
		if left, err := fs.Glob(os.DirFS(dir), "*"+unfiled); err != nil || len(left) > 0 {
			t.Errorf("killed %s: %q is left, %v", x.name, left, err)
		}
	}
}

// A log that cannot be written is said, and what is printed goes on.
func TestWitnessCannotWrite(t *testing.T) {
	cfg := witnessConfig(t)
	put(t, filepath.Join(cfg.Store.Dir, witnessDir), "in the way")
	w, said := beginWitness(t, cfg)
	if err := w.filed(io.Discard, time.Now); err == nil || !strings.HasPrefix(err.Error(), "witness: ") {
		t.Errorf("error %v", err)
	}
	if n := strings.Count(said.String(), "access-auth"); n != 6 {
		t.Errorf("%d calls are printed", n)
	}
}
