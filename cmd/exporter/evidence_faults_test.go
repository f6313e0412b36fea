package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"exporter/internal/evidence/evidencetest"
	"exporter/internal/store/storetest"
)

var evidenceCreate = []string{"evidence", "create", "--from", "2026-03-01", "--to", "2026-03-03", "--mask", "full", "--report", "changes"}

// A time stamp that cannot be had, or is not one of the roots, leaves no bundle.
func TestEvidenceStampFaults(t *testing.T) {
	t.Parallel()
	site := newEvidenceSite(t)
	tsa, other := evidencetest.NewTSA(t, "one"), evidencetest.NewTSA(t, "other")
	put(t, site.path("roots.pem"), string(tsa.Roots))
	answer := func(status int, text string) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			w.WriteHeader(status)
			fmt.Fprint(w, text)
		}))
		t.Cleanup(srv.Close)
		return srv.URL
	}
	for name, url := range map[string]string{
		"refuses": answer(http.StatusForbidden, "no"), "says nothing": answer(http.StatusOK, ""), "says what is no stamp": answer(http.StatusOK, "stamped"),
		"is not there": "http://127.0.0.1:1", "is another": other.URL,
	} {
		s := site.copy(t, ", timestamp: {url: \""+url+"\", roots: roots.pem}")
		_, said := s.run(t, 1, append(slices.Clone(evidenceCreate), "--out", s.path("out"))...)
		if !strings.Contains(said, "time stamp: ") || !strings.Contains(said, "hint: see evidence.timestamp") {
			t.Errorf("%s: %s", name, said)
		}
		if left, err := os.ReadDir(s.path("out")); err != nil || len(left) > 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
		if slices.Contains(s.kinds(t), evidenceKind) {
			t.Errorf("%s: the journal has a bundle", name)
		}
	}
}

// A bundle that the journal could not name is sealed, which is said, and is named when
// the command is run again.
func TestEvidenceNotEntered(t *testing.T) {
	t.Parallel()
	site := newEvidenceSite(t)
	tsa := evidencetest.NewTSA(t, "stamps")
	put(t, site.path("roots.pem"), string(tsa.Roots))
	target, err := url.Parse(tsa.URL)
	if err != nil {
		t.Fatal(err)
	}
	journal := ""
	srv := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		if err := errors.Join(os.Rename(journal, journal+".aside"), os.Mkdir(journal, 0o700)); err != nil {
			t.Error(err)
		}
	}})
	t.Cleanup(srv.Close)
	s := site.copy(t, ", announce: ["+evidenceInbox+"], timestamp: {url: \""+srv.URL+"\", roots: roots.pem}")
	journal = s.path("data/journal.ndjson")
	create := append(slices.Clone(evidenceCreate), "--out", s.path("out"))
	_, said := s.run(t, 1, create...)
	if !strings.Contains(said, "the bundle is sealed, but the journal has no entry of it; the same command enters it when it is run again: ") {
		t.Errorf("without an entry: %s", said)
	}
	s.verify(t, 0, s.path("out/evidence-2026-03-01-2026-03-03-full"), "--without-reports")
	if err := errors.Join(os.Remove(journal), os.Rename(journal+".aside", journal)); err != nil {
		t.Fatal(err)
	}
	_, said = s.run(t, 0, create...)
	if kinds := s.kinds(t); !slices.Equal(kinds[len(kinds)-2:], []string{evidenceKind, "mail"}) || !strings.Contains(said, "the journal names it now") ||
		!strings.Contains(said, "Told "+evidenceInbox) {
		t.Errorf("run again: %q, %s", kinds, said)
	}
	if _, said = s.run(t, 1, create...); !strings.Contains(said, "a bundle is never replaced") {
		t.Errorf("once more: %s", said)
	}
}

// What is not there is said: a day without a snapshot, raw pages that were let go; a
// mail that could not be sent leaves the bundle.
func TestEvidenceSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	site := newEvidenceSite(t)
	s := site.copy(t, ", announce: ["+evidenceInbox+"]")
	put(t, s.path("mail"), "no folder")
	s.run(t, 0, "snapshots", "prune", "--keep-raw-days", "0")
	_, said := s.run(t, 3, append(slices.Clone(evidenceCreate), "--out", s.path("out"))...)
	if !strings.Contains(said, "the bundle is sealed; of the mails that tell of it: 0 mails delivered, 1 waiting") || strings.Contains(said, "Told ") {
		t.Errorf("of the mail: %s", said)
	}
	dir := s.path("out/evidence-2026-03-01-2026-03-03-full")
	v := s.verify(t, 0, dir)
	readme, gone := readText(t, filepath.Join(dir, "data/README.txt")), readText(t, filepath.Join(dir, "data/ledger/raw_files.csv"))
	if v.Info["Verdict"] != "incomplete: 1 day of 3 without a whole snapshot" || v.Info["Missing-Days"] != "2026-03-01" ||
		!strings.Contains(readme, "2026-03-01  before the first snapshot") {
		t.Errorf("%v\n%s", v.Info, readme)
	}
	if !strings.Contains(v.Info["Raw-Pages"], "gone") || strings.Contains(gone, "nothing says why") || strings.Count(gone, "\n") < 5 {
		t.Errorf("%v\n%s", v.Info, gone)
	}
	// So is what moved while it was read, in the verdict itself.
	file, err := filepath.Glob(site.path("data/snapshots/20260303*Z.duckdb"))
	if err != nil || len(file) != 1 {
		t.Fatal(file, err)
	}
	if err := storetest.Change(file[0], "UPDATE x.base.snapshots SET verdict = 'complete_with_drift'"); err != nil {
		t.Fatal(err)
	}
	drifted := site.copy(t, "")
	_, said = drifted.run(t, 0, "evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", "full", "--report", "changes", "--out", drifted.path("out"))
	v = drifted.verify(t, 0, drifted.path("out/evidence-2026-03-02-2026-03-03-full"))
	if want := "complete; the snapshot 20260303T010000Z was read with drift"; v.Info["Verdict"] != want || !strings.Contains(said, "  verdict    "+want+"\n") {
		t.Errorf("with drift: %v\n%s", v.Info, said)
	}
	// Snapshots in part are no evidence of a day.
	if err := storetest.Change(file[0], "UPDATE x.base.snapshots SET verdict = 'partial'"); err != nil {
		t.Fatal(err)
	}
	_, said = site.run(t, 1, append(slices.Clone(evidenceCreate), "--out", site.path("out"))...)
	if !strings.Contains(said, "has no whole snapshot, only 2 snapshots in part") || !strings.Contains(said, "hint: ") {
		t.Errorf("in part: %s", said)
	}
	if _, err := os.Stat(site.path("out")); err == nil {
		t.Error("in part: the folder is made")
	}
}
