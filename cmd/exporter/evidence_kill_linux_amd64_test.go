package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// An evidence create that is killed at any moment leaves no half bundle under a final
// name, and a whole chain in the journal; the next one removes what it left, or ends
// what it had sealed: gives it the name that it lacks, and enters it.
func TestEvidenceKill(t *testing.T) {
	t.Parallel()
	k := &evidenceKills{site: newEvidenceSite(t), program: filepath.Join(t.TempDir(), "exporter")}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, k.program); err != nil {
		t.Fatal(err)
	}
	k.today = time.Now().AddDate(0, 0, 1).Format(time.DateOnly)
	k.name = "evidence-2026-03-02-" + k.today + "-full"
	var points []point
	if ended, said := k.create(t, k.site.copy(t, ""), func(p point) bool { points = append(points, p); return false }); ended.ExitStatus() != 0 {
		t.Fatalf("not killed: %v\n%s", ended, said)
	}
	// Afterwards it writes the journal: a kill there leaves a bundle without its entry.
	chosen := chooseKills(slices.Clone(points))
	if !*nightly {
		chosen = append(slices.DeleteFunc(slices.Clone(chosen), func(p point) bool { return p.call != "rename" && p.file != "journal" }),
			chosen[:min(len(chosen), 4)]...)
	}
	for _, p := range chosen {
		t.Run(p.String(), func(t *testing.T) {
			t.Parallel()
			k.try(t, p)
		})
	}
	t.Logf("killed %d times of %d", len(chosen), len(points))
	if len(chosen) < 5 {
		t.Errorf("those are too few of %v", points)
	}
}

// evidenceKills kills commands that seal the site's store in the folder bundles.
type evidenceKills struct {
	site                 *evidenceSite
	program, today, name string
}

// create runs the command until it ends, or is killed where at says so. The store's
// clock stands in March, and the program's does not: the period goes on.
func (k *evidenceKills) create(t *testing.T, s *evidenceSite, at func(point) bool) (syscall.WaitStatus, string) {
	t.Helper()
	out, err := os.Create(s.path("out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ended, err := trace([]string{k.program, "evidence", "create", "--from", "2026-03-02", "--to", k.today, "--mask", "full", "--report", "changes",
		"--out", s.path("bundles"), "--config", s.path("reports.yaml")}, out, s.path("data"), func(int) {}, at)
	if err != nil {
		t.Fatal(err)
	}
	return ended, readText(t, s.path("out"))
}

func (k *evidenceKills) try(t *testing.T, p point) {
	s := k.site.copy(t, "")
	if killed, said := k.create(t, s, func(at point) bool { return at == p }); !killed.Signaled() {
		t.Errorf("not reached (%v)\n%s", killed, said)
		return
	}
	s.day = time.Now()
	entered := slices.Contains(s.kinds(t), evidenceKind)
	for _, path := range []string{k.name, k.name + ".zip"} {
		if exists(t, s.path("bundles/"+path)) {
			s.verify(t, 0, s.path("bundles/"+path), "--without-reports")
		}
	}
	s.kinds(t)
	ended, said := k.create(t, s, func(point) bool { return false })
	entries := 0
	for _, kind := range s.kinds(t) {
		if kind == evidenceKind {
			entries++
		}
	}
	if entries != 1 || (ended.ExitStatus() != 0) != entered {
		t.Errorf("the next one ends with %v, and there are %d entries: %s", ended, entries, said)
	}
	for _, path := range []string{k.name, k.name + ".zip"} {
		if !exists(t, s.path("bundles/"+path)) {
			t.Errorf("there is no %s: %s", path, said)
		}
	}
	if left, err := filepath.Glob(s.path("bundles/.*")); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v (%v)\n%s", left, err, ended, said)
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
