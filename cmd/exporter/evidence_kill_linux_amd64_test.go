package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An evidence create that is killed at any moment leaves no half bundle under a final
// name, and a whole chain in the journal; the next one removes what it left, and
// enters what was sealed without its entry.
func TestEvidenceKill(t *testing.T) {
	t.Parallel()
	site := newEvidenceSite(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "exporter")
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	today := time.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	name := "evidence-2026-03-02-" + today + "-full"
	// The store's clock stands in March, the program's does not: the period goes on.
	create := func(s *evidenceSite, at func(point) bool) (syscall.WaitStatus, string) {
		out, err := os.Create(s.path("out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		ended, err := trace([]string{program, "evidence", "create", "--from", "2026-03-02", "--to", today, "--mask", "full", "--report", "changes",
			"--out", s.path("bundles"), "--config", s.path("reports.yaml")}, out, s.path("data"), func(int) {}, at)
		if err != nil {
			t.Fatal(err)
		}
		return ended, readText(t, s.path("out"))
	}
	var points []point
	if ended, said := create(site.copy(t, ""), func(p point) bool { points = append(points, p); return false }); ended.ExitStatus() != 0 {
		t.Fatalf("not killed: %v\n%s", ended, said)
	}
	// Afterwards it writes the journal: a kill there leaves a bundle without its entry.
	chosen := chooseKills(slices.Clone(points))
	if !*nightly {
		chosen = append(slices.DeleteFunc(chosen, func(p point) bool { return p.call != "rename" && p.file != "journal" }),
			chosen[:min(len(chosen), 4)]...)
	}
	for _, p := range chosen {
		s := site.copy(t, "")
		if killed, said := create(s, func(at point) bool { return at == p }); !killed.Signaled() {
			t.Errorf("%v: not reached (%v)\n%s", p, killed, said)
			continue
		}
		s.day = time.Now()
		there := exists(t, s.path("bundles/"+name)) && exists(t, s.path("bundles/"+name+".zip"))
		for _, path := range []string{name, name + ".zip"} {
			if exists(t, s.path("bundles/"+path)) {
				s.verify(t, 0, s.path("bundles/"+path), "--without-reports")
			}
		}
		s.kinds(t)
		ended, said := create(s, func(point) bool { return false })
		entries := 0
		for _, kind := range s.kinds(t) {
			if kind == evidenceKind {
				entries++
			}
		}
		switch {
		case !there && ended.ExitStatus() != 0 && !strings.Contains(said, "exists"), there && ended.ExitStatus() != exitFailed:
			t.Errorf("%v: the next one ends with %v: %s", p, ended, said)
		case there && entries != 1, !there && ended.ExitStatus() == 0 && entries != 1:
			t.Errorf("%v: %d entries of the bundle\n%s", p, entries, said)
		}
		if left, err := filepath.Glob(s.path("bundles/.*")); err != nil || len(left) > 0 {
			t.Errorf("%v: left %q, %v (%v)\n%s", p, left, err, ended, said)
		}
	}
	t.Logf("killed %d times of %d", len(chosen), len(points))
	if len(chosen) < 5 {
		t.Errorf("those are too few of %v", points)
	}
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}
