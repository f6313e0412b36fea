package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"exporter/internal/schedule"
	"exporter/internal/store"
)

// newTestServer is a serve of a configuration with entries in its journal, at a time.
func newTestServer(t *testing.T, config string, now time.Time, entries ...string) *server {
	t.Helper()
	a := &app{now: func() time.Time { return now }, zone: time.UTC, configPath: writeConfig(t, config), log: slog.New(slog.DiscardHandler)}
	cfg, err := a.loadServe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.newServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	write(t, cfg.journalPath(), entries...)
	if err := s.history.refresh(); err != nil {
		t.Fatal(err)
	}
	return s
}

const collectsAndReports = `
cloud: {url: "http://127.0.0.1:9", client_id: a, client_secret: b, projects: ["1"]}
store: {dir: data, timezone: Europe/Berlin}
collect: {schedule: "0 5 * * *"}
reports: [{name: leavers, schedule: "0 7 * * *"}]
`

// A report is made from the snapshot of the newest collection that was due by then;
// where there is none it says why.
func TestReportSlot(t *testing.T) {
	collected := func(day int, outcome, rest string) string {
		return fmt.Sprintf(`2026-03-%02dT05:00:00Z slot {"schedule":"collect","slot":"2026-03-%02dT05:00:00+01:00","outcome":%q%s}`, day, day, outcome, rest)
	}
	start := `2026-03-01T00:00:00Z serve {"event":"start","schedules":[{"name":"collect"},{"name":"report leavers"}]}`
	before := `2026-03-02T06:00:00Z slot {"schedule":"report leavers","slot":"2026-03-02T07:00:00+01:00","outcome":"ran","detail":{"snapshot":"S1","unsent":7}}`
	slot := schedule.Slot{At: time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)}
	late := slot
	late.WaitedInVain, late.Late = true, true
	for _, test := range []struct {
		name, config             string
		entries                  []string
		slot                     schedule.Slot
		snapshot, since, notices string
	}{
		{"its own collection", collectsAndReports, []string{start, before, collected(4, "ran", `,"detail":{"snapshot":"S4"}`), collected(5, "caught up", `,"detail":{"snapshot":"S5"}`),
			collected(6, "ran", `,"detail":{"snapshot":"S6"}`)}, slot, "S5", "S1", ""},
		{"it failed", collectsAndReports, []string{start, collected(4, "ran", `,"detail":{"snapshot":"S4"}`), collected(5, "failed", `,"why":"no route"`)}, slot, "", "",
			"The collection due on 5 March 2026 05:00 failed (no route); this report is made from the newest snapshot there is."},
		{"it was skipped", collectsAndReports, []string{start, collected(5, "skipped", `,"why":"the machine slept"`)}, slot, "", "",
			"The collection due on 5 March 2026 05:00 was skipped (the machine slept); this report is made from the newest snapshot there is."},
		{"it still runs", collectsAndReports, []string{start, collected(4, "ran", `,"detail":{"snapshot":"S4"}`)}, late, "", "",
			"The collection for this report was still not done after 1 h 0 min; this report is made from the newest snapshot there is."},
		{"there was none", collectsAndReports, []string{start}, slot, "", "",
			"No collection was due before this report; this report is made from the newest snapshot there is."},
		{"somebody else collects", strings.Replace(collectsAndReports, "collect: {", "collect: {budget: {run: 1}}\n#", 1), []string{start, before}, slot, "", "S1", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := newTestServer(t, test.config, slot.At, test.entries...).reportSlot("leavers", test.slot)
			if notices := strings.Join(got.Notices, " "); got.Snapshot != test.snapshot || got.SincePrevious != test.since || notices != test.notices {
				t.Errorf("snapshot %q since %q, %q\nwant %q since %q, %q", got.Snapshot, got.SincePrevious, notices, test.snapshot, test.since, test.notices)
			}
		})
	}
}

// A clock behind the store is refused. Once accepted, slots go on from its time, and
// the entries of the later time count no more.
func TestClockBehind(t *testing.T) {
	start := `serve {"event":"start","schedules":[{"name":"report leavers","cron":"0 7 * * MON","zone":"Europe/Berlin"}]}`
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	s := newTestServer(t, toldConfig, now, "2026-03-01T00:00:00Z "+start,
		`2027-03-01T06:00:00Z slot {"schedule":"report leavers","slot":"2027-03-01T07:00:00+01:00","outcome":"ran"}`)
	err := s.checkClock(t.Context(), false)
	if err == nil || !strings.Contains(err.Error(), "clock shows 2026-03-04 12:00 UTC, but an entry of its journal is of 2027-03-01 06:00 UTC") {
		t.Errorf("checkClock: %v", err)
	}
	if err := s.checkClock(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := s.begin(); err != nil {
		t.Fatal(err)
	}
	if since := s.runner.Jobs[0].Since; !since.Equal(now) {
		t.Errorf("goes on from %s, want %s", since, now)
	}
	if err := s.checkClock(t.Context(), false); err != nil {
		t.Errorf("after the clock was accepted: %v", err)
	}
}

// A schedule begins with the start of serve that first has it, or first has its
// times.
func TestSchedulesBegin(t *testing.T) {
	with := func(cron string) string {
		return fmt.Sprintf(`serve {"event":"start","schedules":[{"name":"report leavers","cron":%q,"zone":"Europe/Berlin"}]}`, cron)
	}
	const mondays, daily = "0 7 * * MON", "0 7 * * *"
	slot := `2026-03-02T06:00:00Z slot {"schedule":"report leavers","slot":"2026-03-02T07:00:00+01:00","outcome":"ran"}`
	for _, test := range []struct {
		name    string
		entries []string
		want    string
	}{
		{"first seen", nil, "2026-03-11T00:00:00Z"},
		{"goes on", []string{"2026-03-01T00:00:00Z " + with(mondays), slot}, "2026-03-02T06:00:00Z"},
		{"before its first slot", []string{"2026-03-03T00:00:00Z " + with(mondays)}, "2026-03-03T00:00:00Z"},
		{"had other times", []string{"2026-03-01T00:00:00Z " + with(daily), slot}, "2026-03-11T00:00:00Z"},
		{"was gone for a while", []string{"2026-03-01T00:00:00Z " + with(mondays), slot, `2026-03-05T00:00:00Z serve {"event":"start"}`}, "2026-03-11T00:00:00Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newTestServer(t, toldConfig, time.Date(2026, 3, 11, 0, 0, 0, 0, time.UTC), test.entries...)
			if err := s.begin(); err != nil {
				t.Fatal(err)
			}
			if got := s.runner.Jobs[0].Since.UTC().Format(time.RFC3339); got != test.want {
				t.Errorf("begins after %s, want %s", got, test.want)
			}
		})
	}
}

// A slot has one entry, also where the journal cannot be read after it was written.
func TestAccountOnce(t *testing.T) {
	at := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	s := newTestServer(t, toldConfig, at, "2026-03-01T09:00:00Z "+startOfLeavers)
	s.history.path = t.TempDir() // a folder can be opened, and not read
	if err := s.account(schedule.Entry{Schedule: "report leavers", Slot: at, Outcome: schedule.Ran, Started: at, Finished: at}); err != nil {
		t.Errorf("account: %v, although the journal has the entry", err)
	}
	var slots []string
	for e := range entries(t, s.cfg.journalPath()) {
		if e.Kind == "slot" {
			slots = append(slots, string(e.Detail))
		}
	}
	want := `{"schedule":"report leavers","slot":"2026-03-02T06:00:00Z","outcome":"ran","started":"2026-03-02T06:00:00Z","finished":"2026-03-02T06:00:00Z"}`
	if len(slots) != 1 || slots[0] != want {
		t.Errorf("slots %q, want %q", slots, want)
	}
}

// Serve lets the store go only when the journal has its stop, also where it ends for
// an error.
func TestStopBeforeRelease(t *testing.T) {
	now := time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC)
	s := newTestServer(t, strings.Replace(toldConfig, "store:", "serve: {listen: off}\nstore:", 1), now)
	release, err := s.start(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := os.Open(s.cfg.journalPath())
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	if err := syscall.Flock(int(journal.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.end(t.Context(), errors.New("no such job"), release) }()
	time.Sleep(50 * time.Millisecond)
	if unlock, err := lockServe(s.cfg); err == nil {
		t.Error("the store is free before the journal has the stop")
		unlock()
	}
	if err := syscall.Flock(int(journal.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "no such job") {
		t.Errorf("end: %v", err)
	}
	last := ""
	for e := range entries(t, s.cfg.journalPath()) {
		last = string(e.Detail)
	}
	if want := `{"event":"stop","why":"no such job"}`; last != want {
		t.Errorf("last entry %s, want %s", last, want)
	}
	unlock, err := lockServe(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// Mails that cannot be sent are not tried without a pause, and what came of the last
// pass is told also where serve is to end.
func TestSendMails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		passes := 0
		s := &server{app: &app{now: time.Now}, log: slog.New(slog.NewTextHandler(&said, nil)), cfg: &config{}, look: 30 * time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		s.send = func(_ context.Context, ending <-chan struct{}) (sent, error) {
			if passes++; passes < 20 {
				return sent{next: time.Now()}, errors.New("the disk is full")
			}
			cancel()
			<-ending
			return sent{accepted: 3, waiting: 5}, errors.New("the disk is gone")
		}
		began := time.Now()
		s.sendMails(ctx)
		if took := time.Since(began); took != 19*30*time.Second {
			t.Errorf("20 passes in %s", took)
		}
		if got := said.String(); !strings.Contains(got, "the disk is gone") || !strings.Contains(got, "accepted=3 waiting=5") || strings.Count(got, "full") != 1 {
			t.Errorf("log:\n%s", got)
		}
	})
}

// Who only looks whether serve runs keeps none from starting.
func TestLookedAtWhileStarting(t *testing.T) {
	s := newTestServer(t, toldConfig, time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC))
	looks, err := os.Create(filepath.Join(s.cfg.Store.Dir, "serve.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(looks.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { looks.Close() })
	unlock, err := lockServe(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// What may pass by itself is tried again, but not for ever; what a person has to
// mend is not.
func TestUntilDone(t *testing.T) {
	locked := fmt.Errorf("collect: %w", &store.Locked{Holder: "process 7"})
	for _, test := range []struct {
		name  string
		err   error
		lasts time.Duration
		want  bool // it is done in the end
		tries int  // at most
	}{
		{"another process for a while", locked, 5 * time.Minute, true, 32},
		{"another process for ever", locked, 2 * time.Hour, false, 362},
		{"no cloud for a while", errors.New("502"), 20 * time.Minute, true, 7},
		{"no cloud for ever", &exitError{exitFailed, errors.New("502")}, 2 * time.Hour, false, 11},
		{"a wrong file", usage(errors.New("no"), ""), time.Minute, false, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{app: &app{now: time.Now}, log: slog.New(slog.DiscardHandler), cfg: &config{Serve: serveConfig{Wait: time.Hour}}}
				began, tries := time.Now(), 0
				err := s.untilDone(t.Context(), func() error {
					if tries++; time.Since(began) < test.lasts {
						return test.err
					}
					return nil
				})
				if took := time.Since(began); (err == nil) != test.want || took > time.Hour || tries > test.tries {
					t.Errorf("%v after %s and %d tries", err, took, tries)
				}
			})
		})
	}
}
