package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"exporter/internal/deliver"
	"exporter/internal/schedule"
	"exporter/internal/store"
)

func (a *app) whyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "why REPORT [DATE]",
		Short: "Tell what happened to a due report, and who got what",
		Long: `Tells in plain words what became of a report that was due, as the journal has
it: when it was due, when and from which snapshot it was made or why not, and
which server answered what for whose mail. DATE is a day in the schedule's zone;
without it the newest due time is told. For the collections: exporter why collect.`,
		Example: `  exporter why expiring-permissions
  exporter why expiring-permissions 2026-03-30
  exporter why collect 2026-03-30`,
		Args: cobra.RangeArgs(1, 2), ValidArgsFunction: a.completeReports,
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := a.loadConfig(false)
			if err != nil {
				return err
			}
			w, err := a.newWhy(cfg, args[0])
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return w.newest()
			}
			day, err := time.ParseInLocation(time.DateOnly, args[1], w.zone)
			if err != nil || day.Year() < 1970 || day.Year() > 2200 { // beyond, Go counts no nanoseconds
				return usage(fmt.Errorf("%q is no day", args[1]), "for example: exporter why "+args[0]+" 2026-03-31")
			}
			return w.day(day)
		},
	}
}

// why tells of one schedule.
type why struct {
	app     *app
	history *history
	name    string // of the schedule
	report  string // "" for the collections
	spec    *schedule.Spec
	zone    *time.Location
	outbox  []deliver.Entry
	running bool // a serve is
	now     time.Time
}

func (a *app) newWhy(cfg *config, name string) (*why, error) {
	w := &why{app: a, history: newHistory(cfg, true), name: name, zone: cfg.zone, now: a.now()}
	if name == collecting {
		w.spec = cfg.Collect.Due.spec
	} else {
		if _, err := chooseReports(cfg.definitions, []string{name}); err != nil {
			return nil, err
		}
		w.name, w.report = reportSchedule(name), name
		for _, r := range cfg.Reports {
			if r.Name == name {
				w.spec = r.Due.spec
			}
		}
	}
	if err := w.history.refresh(); err != nil {
		return nil, fmt.Errorf("why: journal: %w", err)
	}
	w.outbox, _ = a.newOutbox(cfg).List() // what is damaged, exporter outbox tells
	var err error
	if w.running, err = serveRuns(cfg); err != nil {
		return nil, err
	}
	if w.spec != nil {
		w.zone = w.spec.Zone()
	} else if zone, err := time.LoadLocation(w.history.state(w.name).Zone); err == nil {
		w.zone = zone
	}
	return w, nil
}

// serveRuns reports whether a serve holds the store.
func serveRuns(cfg *config) (bool, error) {
	f, err := os.Open(filepath.Join(cfg.Store.Dir, "serve.lock"))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	// An empty one belongs to nobody; a serve that starts must not find it taken.
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return false, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK), nil
}

// newest tells of the newest slot that is accounted for, and of what was sent by hand
// last where that is newer.
func (w *why) newest() error {
	var slot slotEntry
	all, hand := w.history.slots[w.name], w.sentByHand()
	if len(all) > 0 {
		slot = all[len(all)-1]
		w.tell(slot)
	}
	if len(hand) > 0 && hand[len(hand)-1].Slot.After(slot.Slot) {
		w.tell(hand[len(hand)-1])
	}
	return w.ahead(len(all)+len(hand) > 0)
}

// day tells of the slots of a day, and of what was sent by hand.
func (w *why) day(from time.Time) error {
	to := from.AddDate(0, 0, 1)
	tell := func(all []slotEntry) (told bool) {
		for _, e := range all {
			if !e.Slot.Before(from) && e.Slot.Before(to) {
				w.tell(e)
				told = true
			}
		}
		return told
	}
	told := tell(w.history.slots[w.name])
	byHand := tell(w.sentByHand())
	if told || w.spec == nil {
		return w.ahead(told || byHand)
	}
	at := w.spec.Next(from.Add(-time.Second))
	began, known := w.began()
	switch {
	case !at.Before(to):
		w.say("%s was not due on %s.", w.name, from.Format("Monday 2 January 2006"))
	case at.After(w.now):
		w.say("%s is due on %s; that is still to come.", w.name, w.moment(at))
	case !known || !at.After(began):
		w.say("%s was not run on %s: serve had not begun with this schedule.", w.name, w.moment(at))
	default:
		return w.ahead(false)
	}
	return w.ahead(true)
}

// ahead tells of what is due and not accounted for, and of what is due next.
func (w *why) ahead(told bool) error {
	if w.spec == nil {
		if !told {
			w.say("%s has no schedule in reports.yaml, and the journal has no due time of it.", w.name)
		}
		return nil
	}
	since, known := w.began()
	if !known {
		w.say("Serve has not run with this schedule yet. Due next: %s.", w.moment(w.spec.Next(w.now)))
		return nil
	}
	if last := w.history.state(w.name).since; last.After(since) {
		since = last
	}
	next := w.spec.Next(since)
	if !next.After(w.now) {
		if w.running {
			w.say("What was due on %s is being run, or waits for the collection.", w.moment(next))
		} else {
			w.say("What was due on %s is not accounted for: %s. The next start of serve sees to it.", w.moment(next), w.silence(next))
		}
		next = w.spec.Next(w.now)
	}
	idle := ""
	if !w.running {
		idle = ", but serve does not run now"
	}
	w.say("Due next: %s%s.", w.moment(next), idle)
	return nil
}

// began is when serve began with the schedule as it now is in reports.yaml; false
// where it has not.
func (w *why) began() (time.Time, bool) {
	var began time.Time
	known := false
	for _, s := range w.history.serves {
		if s.Event != "start" {
			continue
		}
		had := known
		known = false
		for _, x := range s.Schedules {
			known = known || x.Name == w.name && x.Cron == w.spec.String() && x.Zone == w.spec.Zone().String()
		}
		if known && !had {
			began = s.at
		}
	}
	return began, known
}

// tell tells of one slot.
func (w *why) tell(e slotEntry) {
	how := "due"
	if e.Outcome == mailedReport {
		how = "sent by hand"
	}
	w.say("%s, %s on %s", w.name, how, w.moment(e.Slot))
	at := func(t time.Time) string {
		t = t.In(w.zone)
		if t.Format(time.DateOnly) == e.Slot.In(w.zone).Format(time.DateOnly) {
			return t.Format("15:04:05")
		}
		return t.Format("2 January 2006 15:04:05")
	}
	reason := ""
	if e.Why != "" {
		reason = ": " + e.Why
	}
	switch e.Outcome {
	case mailedReport:
	case schedule.Skipped:
		w.say("  Skipped%s.", reason)
	case schedule.Failed:
		w.say("  Failed after %s, at %s%s.", duration(e.Finished.Sub(e.Started)), at(e.Finished), reason)
	default:
		verb := map[string]string{schedule.Ran: "Ran on time", schedule.Late: "Ran late", schedule.CaughtUp: "Caught up"}[e.Outcome]
		w.say("  %s, from %s to %s%s.", cmp.Or(verb, e.Outcome), at(e.Started), at(e.Finished), reason)
	}
	if strings.HasPrefix(e.Why, schedule.NotRunning) {
		w.say("  At that time %s.", w.silence(e.Slot))
	}
	if d := e.Detail; d.Snapshot != "" {
		from := map[bool]string{true: "Published", false: "Made from"}[w.report == ""] + " snapshot " + d.Snapshot
		if d.Verdict != "" && d.Verdict != store.Complete {
			from += ", which is " + strings.ReplaceAll(d.Verdict, "_", " ")
		}
		if d.Since != "" {
			from += ", with what has changed since " + d.Since
		}
		w.say("  %s.", from)
	}
	for _, n := range e.Detail.Notices {
		w.say("  %s", n)
	}
	if e.Detail.Trouble != "" {
		w.say("  Trouble: %s", e.Detail.Trouble)
	}
	for _, x := range e.Detail.Recipients {
		w.say("  Recipients: %s", printable(x))
	}
	for _, x := range e.Detail.Unsent {
		w.say("  No mail to %s", printable(x))
	}
	w.tellMails(e, at)
}

// silence says why what was due at a time was not run then, by serve's own entries.
func (w *why) silence(at time.Time) string {
	var before, next, start serveEntry
	for _, s := range w.history.serves {
		switch {
		case !s.at.After(at):
			before = s
		case next.at.IsZero():
			next = s
		}
		if s.at.After(at) && start.at.IsZero() && s.Event == "start" {
			start = s
		}
	}
	words := "serve had not been started"
	switch {
	case before.Event == "stop":
		words = fmt.Sprintf("serve was stopped, since %s (%s)", w.moment(before.at), before.Why)
	case before.Event == "start" && next.Event == "stop":
		words = fmt.Sprintf("serve was stopped on %s (%s) before that was done", w.moment(next.at), next.Why)
	case before.Event == "start":
		words = "serve had ended without a word: it was killed, or the machine went down"
	}
	if !start.at.IsZero() {
		words += "; it was started again on " + w.moment(start.at)
	}
	return words
}

func (w *why) moment(t time.Time) string {
	clock := "15:04"
	if t.Second() != 0 {
		clock = "15:04:05"
	}
	return t.In(w.zone).Format("Monday 2 January 2006 "+clock) + " (" + w.zone.String() + ")"
}

func (w *why) say(format string, args ...any) {
	fmt.Fprintln(w.app.stdout, wrapped(w.app.stdout, fmt.Sprintf(format, args...)))
}
