package main

import (
	"encoding/csv"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// The index says of each table the rows that it has, and populations those that the
// store answers with.
func TestEvidenceNumbers(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	dir := s.seal(t, "full", "out")
	lines := regexp.MustCompile(`(?m)^ +data/(\S+\.csv) +([0-9,]+) rows$`).FindAllStringSubmatch(readText(t, filepath.Join(dir, "data/README.txt")), -1)
	rows := map[string]int{}
	for _, l := range lines {
		records, err := csv.NewReader(strings.NewReader(readText(t, filepath.Join(dir, "data", l[1])))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		rows[l[1]] = max(0, len(records)-1)
		if got := count(int64(rows[l[1]])); got != l[2] {
			t.Errorf("%s has %s rows, and README.txt says %s", l[1], got, l[2])
		}
	}
	for _, table := range []string{"permissions", "persons", "structures", "rules", "channels", "tasks", "records"} {
		want := s.column(t, "SELECT count(*) FROM "+table)[0]
		if got := count(int64(rows["population/"+table+".csv"])); got != want || got == "0" {
			t.Errorf("%s: %s rows, and the store has %s", table, got, want)
		}
	}
	if rows["ledger/snapshots.csv"] != 2 || rows["ledger/calendar.csv"] != 2 || rows["ledger/runs.csv"] != 2 || rows["ledger/changes.csv"] == 0 || rows["ledger/calls.csv"] == 0 {
		t.Errorf("ledgers: %v", rows)
	}
	if readme := strings.Join(strings.Fields(readText(t, filepath.Join(dir, "data/README.txt"))), " "); !strings.Contains(readme, `sealed is "not yet"`) ||
		!strings.Contains(readme, "Line 3 of data/journal.ndjson seals it.") {
		t.Errorf("README.txt does not say what the calendar's last day is:\n%s", readme)
	}
	calls, err := csv.NewReader(strings.NewReader(readText(t, filepath.Join(dir, "data/ledger/calls.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"20260302T010000Z", "20260303T010000Z"} {
		n := 0
		for _, c := range calls {
			if c[0] == id {
				n++
			}
		}
		if want := s.column(t, "SELECT count(*) FROM calls", "--snapshot", id)[0]; fmt.Sprint(n) != want || n == 0 {
			t.Errorf("%d calls of %s, and the store has %s", n, id, want)
		}
	}
}

// Two that seal the same at once: one does, and the other says so; collections and
// bundles of other names go on meanwhile.
func TestEvidenceTogether(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	var group sync.WaitGroup
	done := make([]int, 3)
	said := make([]strings.Builder, len(done))
	for i := range done {
		group.Go(func() {
			mask := "full"
			if i == 2 {
				mask = "standard"
			}
			a := &app{stdin: strings.NewReader(""), stdout: &said[i], stderr: &said[i], now: s.now, zone: time.UTC}
			done[i] = a.run(t.Context(), []string{"evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", mask,
				"--report", "changes", "--out", s.path("out"), "--config", s.path("reports.yaml")})
		})
	}
	group.Wait()
	if done[0]+done[1] != 1 || done[2] != 0 {
		t.Errorf("%v\n%s\n%s\n%s", done, said[0].String(), said[1].String(), said[2].String())
	}
	loser := said[done[1]].String()
	if !strings.Contains(loser, "hint: ") || !strings.Contains(loser, "another process is making it") && !strings.Contains(loser, "exists") {
		t.Errorf("who came second: %s", loser)
	}
	for _, mask := range []string{"full", "standard"} {
		s.verify(t, 0, s.path("out/evidence-2026-03-02-2026-03-03-"+mask+".zip"))
	}
	entries := 0
	for _, kind := range s.kinds(t) {
		if kind == evidenceKind {
			entries++
		}
	}
	if entries != 2 {
		t.Errorf("%d entries", entries)
	}
}

// Where retention let the file of the period's snapshot go, the later one stands for
// it, and that is said; the numbers are those of the day.
func TestEvidenceOfLaterFile(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	before := s.column(t, "SELECT count(*) FROM permissions", "--snapshot", "20260302T010000Z")[0]
	s.run(t, 0, "snapshots", "prune", "--keep-daily", "0", "--keep-monthly", "0")
	s.run(t, 0, "evidence", "create", "--from", "2026-03-02", "--to", "2026-03-02", "--mask", "full", "--report", "expiring-permissions", "--out", s.path("out"))
	dir := s.path("out/evidence-2026-03-02-2026-03-02-full")
	v := s.verify(t, 0, dir)
	readme := readText(t, filepath.Join(dir, "data/README.txt"))
	if v.Info["Snapshot"] != "20260302T010000Z" || v.Digests == 0 || !strings.Contains(readme, "The file of snapshot 20260302T010000Z was let go by retention") {
		t.Errorf("%+v\n%s", v, readme)
	}
	if !regexp.MustCompile(`population/permissions.csv +` + before + ` rows`).MatchString(readme) {
		t.Errorf("not %s permissions:\n%s", before, readme)
	}
}
