package main

import (
	"context"
	"fmt"
	"time"

	"exporter/internal/collect"
	"exporter/internal/reports"
	"exporter/internal/schedule"
)

// collecting is the name of the schedule of collections.
const collecting = "collect"

// reportSchedule is the name of a report's schedule.
func reportSchedule(report string) string { return scheduleOfReport + report }

const scheduleOfReport = "report "

// jobs are what the configuration has a schedule for.
func (s *server) jobs() []schedule.Job {
	var all []schedule.Job
	first := ""
	if due := s.cfg.Collect.Due; due.spec != nil {
		first = collecting
		all = append(all, schedule.Job{Name: collecting, Spec: due.spec, Missed: due.Missed, Run: s.runCollect})
	}
	for i, d := range s.cfg.definitions {
		if s.cfg.from[i] < 0 {
			continue
		}
		r := s.cfg.Reports[s.cfg.from[i]]
		if r.Due.spec == nil {
			continue
		}
		name := reportSchedule(d.Name)
		all = append(all, schedule.Job{
			Name: name, Begun: func(at time.Time) bool { _, begun := s.history.wasBegun(name, at); return begun },
			Spec: r.Due.spec, Missed: r.Due.Missed, After: first, Wait: s.cfg.Serve.Wait,
			Run: func(ctx context.Context, slot schedule.Slot) (map[string]any, error) {
				defer s.mailsPut()
				return s.runReport(ctx, d, slot)
			},
		})
	}
	return all
}

// mailsPut has the outbox looked into at once.
func (s *server) mailsPut() {
	select {
	case s.put <- struct{}{}:
	default:
	}
}

// runReport makes and mails the report of a slot.
func (s *server) runReport(ctx context.Context, d reports.Definition, slot schedule.Slot) (detail map[string]any, err error) {
	err = s.untilDone(ctx, func() (err error) {
		select {
		case s.turns <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		defer func() { <-s.turns }()
		if err := s.history.refresh(); err != nil { // a try before may have begun it
			return err
		}
		detail, err = s.app.runReportSlot(ctx, s.cfg, d, s.reportSlot(d.Name, slot))
		return err
	})
	return detail, err
}

// runCollect runs the collection of a slot. A snapshot that lacks something is a
// result; the detail says what.
func (s *server) runCollect(ctx context.Context, _ schedule.Slot) (map[string]any, error) {
	var result *collect.Result
	err := s.untilDone(ctx, func() (err error) {
		result, err = s.app.collect(ctx, s.cfg, collectFlags{})
		return err
	})
	if result == nil {
		return nil, err
	}
	detail := map[string]any{"snapshot": result.Snapshot, "verdict": result.Verdict, "requests": result.Requests}
	var retries int64
	for _, p := range result.Projects {
		for _, r := range p.Resources {
			retries += r.Retries
		}
	}
	detail["retries"] = retries
	if err != nil {
		detail["trouble"] = err.Error()
	}
	return detail, nil
}

// reportSlot is what a report of a slot is made from: where it was begun and cut
// short, what it was made from then, else the snapshot of the newest collection that
// was due by then.
func (s *server) reportSlot(name string, slot schedule.Slot) reportSlot {
	r := s.fromCollection(name, slot)
	if b, _ := s.history.wasBegun(reportSchedule(name), slot.At); b.snapshot != "" {
		r.Snapshot, r.SincePrevious, r.Begun = b.snapshot, b.since, true
	}
	return r
}

func (s *server) fromCollection(name string, slot schedule.Slot) reportSlot {
	r := reportSlot{At: slot.At, CaughtUp: slot.CaughtUp, SincePrevious: s.history.state(reportSchedule(name)).snapshot}
	if s.cfg.Collect.Due.spec == nil {
		return r // whoever collects, the current snapshot is the one
	}
	const instead = "; this report is made from the newest snapshot there is"
	due := func(t time.Time) string { return t.Format("2 January 2006 15:04") }
	collected := s.history.upTo(collecting, slot.At)
	switch {
	case slot.WaitedInVain:
		r.Notices = append(r.Notices, fmt.Sprintf("The collection for this report was still not done after %s%s.", duration(s.cfg.Serve.Wait), instead))
	case collected.Slot.IsZero():
		r.Notices = append(r.Notices, "No collection was due before this report"+instead+".")
	case collected.Detail.Snapshot == "":
		at, outcome := collected.Slot.In(s.cfg.Collect.Due.spec.Zone()), collected.Outcome
		if outcome == schedule.Skipped {
			outcome = "was skipped"
		}
		r.Notices = append(r.Notices, fmt.Sprintf("The collection due on %s %s (%s)%s.", due(at), outcome, collected.Why, instead))
	default:
		r.Snapshot = collected.Detail.Snapshot
	}
	return r
}
