package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"exporter/internal/evidence"
	"exporter/internal/journal"
	"exporter/internal/sandbox"
)

// waitAtPages runs evidence create until it opens the pages of permissions of the first
// day, does something then, and lets it go on.
func (s *evidenceSite) waitAtPages(t *testing.T, want int, do func()) (dir, said string) {
	t.Helper()
	pages := s.path("data/raw/20260302T010000Z/1424615984265764001/permissions.ndjson.zst")
	text := readText(t, pages)
	remove(t, pages)
	if err := syscall.Mkfifo(pages, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan string)
	go func() {
		var b strings.Builder
		a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &b, now: s.now, zone: time.UTC}
		if got := a.run(t.Context(), []string{"evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", "full", "--report", "changes",
			"--out", s.path("out"), "--config", s.path("reports.yaml")}); got != want {
			t.Errorf("create ends with %d, want %d", got, want)
		}
		ended <- b.String()
	}()
	f, err := os.OpenFile(pages, os.O_WRONLY, 0) // when somebody reads it
	if err != nil {
		t.Fatal(err)
	}
	do()
	_, err = io.WriteString(f, text)
	if err := errors.Join(err, f.Close()); err != nil && want == 0 {
		t.Error(err)
	}
	said = <-ended
	if regular, err := os.Lstat(pages); err == nil && !regular.Mode().IsRegular() {
		remove(t, pages)
		put(t, pages, text)
	}
	return s.path("out/evidence-2026-03-02-2026-03-03-full"), said
}

// A collection that ends while a bundle is made leaves it as it is; a prune that takes
// what is being copied ends it, and says so.
func TestEvidenceDuring(t *testing.T) {
	t.Parallel()
	site := newEvidenceSite(t)
	t.Run("a collection", func(t *testing.T) {
		t.Parallel()
		s := site.copy(t, "")
		cloud := sandbox.New(sandbox.Options{Site: "large", Now: s.now, Large: sandbox.Large{Persons: 3, Channels: 3, PerPerson: 2}})
		srv := httptest.NewServer(cloud)
		defer srv.Close()
		put(t, s.path("reports.yaml"), strings.Replace(readText(t, s.path("reports.yaml")), `url: "http`, `url: "`+srv.URL+`", lang: "http`, 1))
		dir, said := s.waitAtPages(t, 0, func() {
			s.run(t, 0, "collect", "--accept-drop")
			s.run(t, 0, "snapshots", "prune", "--keep-daily", "0", "--keep-monthly", "0")
		})
		if v := s.verify(t, 0, dir); v.Info["Snapshot"] != "20260303T010000Z" || !strings.Contains(said, "complete") {
			t.Errorf("%v\n%s", v.Info, said)
		}
	})
	t.Run("a prune", func(t *testing.T) {
		t.Parallel()
		s := site.copy(t, "")
		_, said := s.waitAtPages(t, 1, func() { s.run(t, 0, "snapshots", "prune", "--keep-raw-days", "0") })
		if !strings.Contains(said, "hint: a prune or a purge removed it meanwhile: run again") {
			t.Errorf("%s", said)
		}
		if left, err := os.ReadDir(s.path("out")); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
		if slices.Contains(s.kinds(t), evidenceKind) {
			t.Error("the journal has a bundle")
		}
		s.verify(t, 0, s.seal(t, "full", "out"))
	})
}

// A server of time stamps that takes the request and says nothing more holds nobody up
// for ever, and can be interrupted; nothing is left.
func TestEvidenceStampHangs(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	asked := make(chan bool, 9)
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked <- true; <-release }))
	defer srv.Close()
	defer close(release)
	put(t, s.path("roots.pem"), "")
	s = s.copy(t, `, timestamp: {url: "`+srv.URL+`", roots: roots.pem}`)
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: s.now, zone: time.UTC, configPath: s.path("reports.yaml")}
	cfg, err := a.loadReports(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	seal, err := a.openSeal(cfg, "")
	if err != nil {
		t.Fatal(err)
	}
	if seal.patience <= 0 || seal.patience > 2*time.Minute {
		t.Errorf("it waits %s", seal.patience)
	}
	seal.patience = 50 * time.Millisecond
	_, _, err = seal.sign(t.Context(), []byte("x"))
	if late := net.Error(nil); !errors.As(err, &late) || !late.Timeout() {
		t.Errorf("after its patience: %v", err)
	}
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if got := a.run(ctx, []string{"evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", "full", "--report", "changes",
		"--out", s.path("out"), "--config", s.path("reports.yaml")}); got != exitInterrupted {
		t.Errorf("interrupted: %d", got)
	}
	if left, err := os.ReadDir(s.path("out")); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// A command that is killed leaves nothing that the next one does not remove, and never
// the text of an encrypted bundle.
func TestEvidenceLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	s := newEvidenceSite(t)
	recipient := newIdentity(t, s.path("age-key"))
	s = s.copy(t, ", recipients: ["+recipient+"]")
	t.Setenv("TMPDIR", tmp)
	locked := s.seal(t, "full", "out") + ".zip.age"
	b, done, err := openBundle(locked, s.path("age-key"))
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("while it is open there are %v, %v", left, err)
	}
	if v, err := b.Verify(t.Context(), evidence.VerifyOptions{Now: s.now()}); err != nil || len(v.Findings) > 0 {
		t.Errorf("%v, %v", v, err)
	}
	if err := done(); err != nil {
		t.Error(err)
	}
	killed, running := filepath.Join(tmp, draftsPrefix+"1"), filepath.Join(tmp, draftsPrefix+"2")
	for _, dir := range []string{killed, running} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, "lock"), "")
		put(t, filepath.Join(dir, "snapshot.duckdb"), "names")
	}
	lock, err := lockDrafts(running, 0)
	if err != nil || lock == nil {
		t.Fatal(lock, err)
	}
	defer lock.Close()
	s.verify(t, 0, locked, "--decrypt-key", s.path("age-key"))
	if left, err := filepath.Glob(filepath.Join(tmp, ".*")); err != nil || !slices.Equal(left, []string{running}) {
		t.Errorf("left %v, %v", left, err)
	}
}

// Where this machine's clock is behind the snapshot nothing is sealed: a bundle would
// say that it was made before what is in it.
func TestEvidenceClockBehind(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	s.day = time.Date(2026, 3, 3, 0, 30, 0, 0, time.UTC) // half an hour before
	args := []string{"evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", "full", "--report", "changes", "--out", s.path("out")}
	_, said := s.run(t, 1, args...)
	if !strings.Contains(said, "snapshot 20260303T010000Z is of 2026-03-03T09:00:00+08:00, which is still to come by the clock of this machine") ||
		!strings.Contains(said, "hint: set the clock") {
		t.Errorf("%s", said)
	}
	s.day = time.Date(2026, 3, 3, 0, 58, 0, 0, time.UTC) // clocks are never the same
	s.run(t, 0, args...)
}

// What a bundle says of a snapshot that no line of the journal seals is said.
func TestEvidenceNotSealed(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	remove(t, s.path("data/journal.ndjson"))
	_, said := s.run(t, 0, "evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", "full", "--report", "changes", "--out", s.path("out"))
	if !strings.Contains(said, "snapshot 20260303T010000Z is not sealed: no line of the journal names it") {
		t.Errorf("%s", said)
	}
	n := 0
	if _, err := journal.Read(s.path("data/journal.ndjson"), func(journal.Entry) error { n++; return nil }); err != nil || n != 2 {
		t.Errorf("%d lines, %v", n, err)
	}
}
