package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	netmail "net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exporter/internal/deliver"
	"exporter/internal/deliver/delivertest"
	"exporter/internal/journal"
	"exporter/internal/schedule"
)

// monthConfig has daily reports in three zones whose clocks change within the
// month, two of them at the time that is left out or comes twice.
const monthConfig = `
store: {dir: data, timezone: Europe/Berlin}
cloud: {url: "http://127.0.0.1:9", client_id: a, client_secret: b, projects: ["p1"]}
collect: {schedule: "0 5 * * *"}
serve: {listen: off, wait: 1h}
mail: {server: "smtp://127.0.0.1:2525", from: from@example.com, domains: [example.com]}
reports:
  - {name: leavers, schedule: "30 2 * * *", to: [a@example.com, b@example.com]}
  - {name: changes, schedule: "0 5 * * *", to: [a@example.com]}
  - {name: drift, schedule: "30 2 * * *", timezone: America/New_York, to: [c@example.com]}
  - {name: exceptions, schedule: "45 1 * * *", timezone: Australia/Lord_Howe, to: [a@example.com]}
  - {name: scorecard, schedule: "0 7 * * MON", timezone: Asia/Tokyo, to: [d@example.com]}
`

// month is a month of serve by a clock that is made up.
type month struct {
	t      *testing.T
	app    *app
	cfg    *config
	random *rand.Rand
	mails  *delivertest.Server

	mu      sync.Mutex
	healthy bool // no more faults
	unseen  int  // answers to a mail that the client did not see
	dead    bool // the process that runs has ended
}

// TestMonthOfServe runs serve for a month by a fake clock, with the collections and
// reports put down beforehand. It ends at random moments, in order or killed, and
// is started again; the mail server is away half of the time. Every slot has one
// entry, and every report that was made one mail for each of its recipients.
func TestMonthOfServe(t *testing.T) {
	t.Parallel()
	a := &app{now: time.Now, zone: time.UTC, configPath: writeConfig(t, monthConfig), log: slog.New(slog.DiscardHandler)}
	cfg, err := a.loadServe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seeds := uint64(20)
	if *nightly {
		seeds = 200
	}
	for n := range seeds {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runMonth(t, a, *cfg, n+*seed) })
		})
	}
}

func runMonth(t *testing.T, a *app, cfg config, seed uint64) {
	begin := time.Date(2000, 3, 15, 0, 0, 0, 0, time.UTC)
	time.Sleep(time.Until(begin))
	m := &month{t: t, app: a, cfg: &cfg, random: rand.New(rand.NewPCG(seed, 5))}
	cfg.Store.Dir = inMemory(t)
	cfg.Reports = slices.Clone(cfg.Reports)
	cfg.Collect.Due.Missed = schedule.Policies[m.random.IntN(3)]
	for i := range cfg.Reports {
		cfg.Reports[i].Due.Missed = schedule.Policies[m.random.IntN(3)]
	}
	var err error
	if m.mails, err = delivertest.Start(delivertest.Options{Pipe: true, Fault: m.fault}); err != nil {
		t.Fatal(err)
	}
	defer m.mails.Close()
	starts := 0
	for end := begin.AddDate(0, 1, 0); time.Now().Before(end); starts++ {
		m.serve(time.Duration(m.random.Int64N(int64(96*time.Hour))), m.chance(2) == 0)
		time.Sleep(time.Duration(m.random.Int64N(int64(30 * time.Hour))))
	}
	m.mu.Lock()
	m.healthy = true
	m.mu.Unlock()
	// Whatever is due, and whatever waits. Nothing is due from 08:30 to 14:30 UTC.
	m.serve(time.Until(time.Now().Add(15*time.Hour).Truncate(24*time.Hour).Add(12*time.Hour)), false)
	m.check(begin, starts)
}

// fault is what goes wrong at the mail server.
func (m *month) fault(e delivertest.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	away := time.Now().Unix()/int64((5*time.Hour).Seconds())%2 == 0
	switch {
	case m.healthy:
	case e.At == "connect" && away:
		return delivertest.ErrDrop
	case e.At == "rcpt" && m.random.IntN(4) == 0:
		return delivertest.Answer(450, "greylisted")
	case e.At == "dot" && m.random.IntN(10) == 0:
		m.unseen++
		return delivertest.ErrDrop
	}
	return nil
}

// chance draws a number below n.
func (m *month) chance(n int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.Int64N(n)
}

// serve runs one for so long, and ends it in order or as a kill would.
func (m *month) serve(d time.Duration, killed bool) {
	s, err := m.app.newServer(m.cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	m.mu.Lock()
	m.dead = false
	m.mu.Unlock()
	s.look, s.runner.Look = 12*time.Hour, 12*time.Hour // no clock is set here, and nobody else puts mails
	outbox := m.app.newOutbox(s.cfg)
	outbox.Server = &deliver.Server{Addr: m.mails.Addr, TLS: deliver.Plain, Dial: m.mails.Dial}
	s.send = func(ctx context.Context, ending <-chan struct{}) (sent, error) {
		o := *outbox
		o.Ending = ending
		return s.app.sendDue(ctx, s.cfg, &o)
	}
	for i := range s.runner.Jobs {
		j := &s.runner.Jobs[i]
		j.Run = m.collected
		if name, ok := strings.CutPrefix(j.Name, "report "); ok {
			j.Run = func(ctx context.Context, slot schedule.Slot) (map[string]any, error) {
				defer s.mailsPut()
				return m.reported(ctx, s, outbox, name, slot)
			}
		}
	}
	account := s.runner.Account
	s.runner.Account = func(e schedule.Entry) error {
		m.mu.Lock()
		dead := m.dead
		m.mu.Unlock()
		if dead {
			return errors.New("killed")
		}
		return account(e)
	}
	ctx, cancel := context.WithTimeout(m.t.Context(), d)
	defer cancel()
	if killed {
		s.runner.Grace = 0
		context.AfterFunc(ctx, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.dead = true
		})
	}
	release, err := s.start(ctx, false)
	if err != nil {
		m.t.Fatal(err)
	}
	err = s.run(ctx)
	if killed {
		err = errors.Join(err, release())
	} else {
		err = s.end(ctx, err, release)
	}
	if err != nil {
		m.t.Error(err)
	}
}

// collected stands for a collection: it takes up to 30 hours, and may fail.
func (m *month) collected(ctx context.Context, _ schedule.Slot) (map[string]any, error) {
	most := 40 * time.Minute
	if m.chance(10) == 0 {
		most = 30 * time.Hour
	}
	if err := m.work(ctx, most); err != nil {
		return nil, err
	}
	if m.chance(8) == 0 {
		return nil, errors.New("no route")
	}
	return map[string]any{"snapshot": time.Now().UTC().Format("20060102T150405Z"), "verdict": "complete"}, nil
}

// reported stands for a report: it puts its mails into the outbox.
func (m *month) reported(ctx context.Context, s *server, o *deliver.Outbox, name string, slot schedule.Slot) (map[string]any, error) {
	from := s.reportSlot(name, slot)
	if (from.Snapshot == "") != (len(from.Notices) > 0) {
		m.t.Errorf("report of %s from snapshot %q, notices %q", slot.At, from.Snapshot, from.Notices)
	}
	if err := m.work(ctx, 20*time.Minute); err != nil {
		return nil, err
	}
	run := name + "-" + slot.At.UTC().Format("20060102T150405Z")
	if m.chance(12) == 0 && !o.Has(run) {
		return nil, errors.New("a query without an end")
	}
	var to []string
	for _, r := range s.cfg.Reports {
		if r.Name == name {
			to = r.To
		}
	}
	if _, err := s.journal.Append("report", map[string]any{"report": name, "slot": slot.At}); err != nil {
		return nil, err
	}
	err := o.Put(run, func(yield func(deliver.Message, error) bool) {
		for _, a := range to {
			if !yield(deliver.Message{ID: deliver.MessageID(name, slot.At, a, "example.com"), From: s.cfg.Mail.From, To: a,
				Subject: name, Text: name, Date: slot.At, Report: name, Slot: slot.At}, nil) {
				return
			}
		}
	})
	if err != nil && !errors.Is(err, deliver.ErrExists) {
		return nil, err
	}
	// It may be cut short although the mails are on their way.
	return map[string]any{"snapshot": from.Snapshot}, m.work(ctx, 20*time.Minute)
}

// inMemory is a folder in memory, where there is one: a month brings more to the
// disk than it takes time for.
func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "exporter-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

// work takes so long at most, and little at the end of the month; it errs when ctx
// ends.
func (m *month) work(ctx context.Context, most time.Duration) error {
	d := time.Duration(m.chance(int64(most)))
	m.mu.Lock()
	if m.healthy {
		d = min(d, time.Minute)
	}
	m.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// check holds the journal and the mails against the calendar.
func (m *month) check(begin time.Time, starts int) {
	cfg := m.cfg
	if _, err := journal.Verify(cfg.journalPath()); err != nil {
		m.t.Error(err)
	}
	days := map[string]map[string]int{} // by schedule and day: slots with an entry
	wanted := map[string]int{}          // Message-IDs
	outcomes := map[string]int{}
	first, last := time.Time{}, time.Time{}
	for e := range entries(m.t, cfg.journalPath()) {
		last = e.At
		if e.Kind == "serve" && first.IsZero() {
			first = e.At
		}
		if e.Kind != "slot" {
			continue
		}
		x, ok := detailOf[slotEntry](e)
		if !ok {
			m.t.Fatalf("entry %s", e.Detail)
		}
		outcomes[x.Outcome]++
		if days[x.Schedule] == nil {
			days[x.Schedule] = map[string]int{}
		}
		days[x.Schedule][x.Slot.Format(time.DateOnly)]++ // by the clock of its zone
		if x.Outcome == schedule.Skipped || x.Outcome == schedule.Failed || x.Schedule == collecting {
			continue
		}
		for _, r := range cfg.Reports {
			if "report "+r.Name == x.Schedule {
				for _, a := range r.To {
					wanted[deliver.MessageID(r.Name, x.Slot, a, "example.com")]++
				}
			}
		}
	}
	m.checkDays(cfg, days, first, last)
	m.checkMails(wanted)
	if starts < 5 || outcomes[schedule.Ran] < 20 || outcomes[schedule.Failed] == 0 || len(wanted) < 20 {
		m.t.Errorf("a dull month: %d starts, %v, %d mails", starts, outcomes, len(wanted))
	}
}

// checkDays wants one slot of each day, or of each Monday, from the first start on
// until the end.
func (m *month) checkDays(cfg *config, days map[string]map[string]int, first, last time.Time) {
	schedules := map[string]scheduleConfig{collecting: cfg.Collect.Due}
	for _, r := range cfg.Reports {
		schedules["report "+r.Name] = r.Due
	}
	for name, due := range schedules {
		zone := due.spec.Zone()
		var minute, hour int
		var rest string
		if _, err := fmt.Sscanf(due.Schedule, "%d %d * * %s", &minute, &hour, &rest); err != nil {
			m.t.Fatal(err)
		}
		total := 0
		for day := first.In(zone); !day.After(last.AddDate(0, 0, 1)); day = day.AddDate(0, 0, 1) {
			at := time.Date(day.Year(), day.Month(), day.Day(), hour, minute, 0, 0, zone)
			want := 1
			if at.Before(first) || at.After(last) || rest == "MON" && at.Weekday() != time.Monday {
				want = 0
			}
			got := days[name][at.Format(time.DateOnly)]
			if got != want {
				m.t.Errorf("%s: %d entries for %s, want %d", name, got, at, want)
			}
			total += want
		}
		if rest != "MON" && total < 28 {
			m.t.Errorf("%s: only %d days", name, total)
		}
	}
}

// checkMails wants each mail once, and again only where its answer was not seen.
func (m *month) checkMails(wanted map[string]int) {
	got := map[string]int{}
	for _, x := range m.mails.Mails() {
		message, err := netmail.ReadMessage(strings.NewReader(string(x.Bytes)))
		if err != nil {
			m.t.Fatal(err)
		}
		got[strings.Trim(message.Header.Get("Message-Id"), "<>")]++
	}
	repeats := 0
	for id, n := range got {
		if wanted[id] == 0 {
			m.t.Errorf("mail %s came, and no slot that was run has it", id)
		}
		repeats += n - 1
	}
	for id := range wanted {
		if got[id] == 0 {
			m.t.Errorf("mail %s did not come", id)
		}
	}
	if repeats > m.unseen {
		m.t.Errorf("%d mails came again, %d answers were not seen", repeats, m.unseen)
	}
}

// entries are the lines of a journal.
func entries(t *testing.T, path string) iter.Seq[journal.Entry] {
	return func(yield func(journal.Entry) bool) {
		f, err := os.Open(filepath.Clean(path))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var e journal.Entry
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Fatal(err)
			}
			if !yield(e) {
				return
			}
		}
	}
}
