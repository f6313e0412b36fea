package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"exporter/internal/store"
)

// evidencePlan is which period and snapshots a bundle is of.
type evidencePlan struct {
	period
	name     string
	project  string
	snapshot string // the last whole one of the period
	since    string // the last whole one before the period, else the first in it; "" for none
	verdict  string // of snapshot
	missing  []missingDay
	today    time.Time
}

// missingDay is a day of the period that has no whole snapshot.
type missingDay struct{ day, why string }

const hintPeriod = "days of the store's time zone, as: --from 2026-01-01 --to 2026-03-31"

// planEvidence chooses the snapshots of a period.
func planEvidence(ctx context.Context, cfg *config, st *store.Store, f *evidenceFlags, now time.Time) (*evidencePlan, error) {
	for _, x := range [][2]string{{"--from", f.from}, {"--to", f.to}} {
		if x[1] == "" {
			return nil, usage(fmt.Errorf("evidence create: %s is missing", x[0]), hintPeriod)
		}
	}
	of, err := parsePeriod(f.from, f.to, cfg.zone)
	if err != nil {
		return nil, usage(fmt.Errorf("evidence create: %w", err), hintPeriod)
	}
	if of.start().After(now) {
		return nil, usage(fmt.Errorf("--from %s is in the future", f.from), hintPeriod)
	}
	p := &evidencePlan{period: of, project: f.project, today: now}
	p.name = "evidence-" + f.from + "-" + f.to + "-" + f.mask
	if f.project != "" {
		p.name += "-" + f.project
	}
	all, err := st.Snapshots(ctx)
	if err != nil { // a damaged file may be that of the period
		return nil, err
	}
	if len(all) == 0 {
		return nil, &hintError{fmt.Errorf("%w: the store is empty", store.ErrNotPublished), "make one: exporter collect"}
	}
	return p, p.choose(all)
}

// wholeSnapshot is a snapshot of which every project is whole.
type wholeSnapshot struct {
	id, verdict string
	at          time.Time
}

// choose finds the last whole snapshot of the period, and the one that changes are
// told since.
func (p *evidencePlan) choose(all []store.Snapshot) error {
	by := map[string]*wholeSnapshot{}
	var ids []string
	for _, s := range all {
		if p.project != "" && s.Project != p.project {
			continue
		}
		w := by[s.ID]
		if w == nil {
			w = &wholeSnapshot{id: s.ID, verdict: store.Complete}
			by[s.ID] = w
			ids = append(ids, s.ID)
		}
		at := s.ServerTime
		if at.IsZero() {
			at = s.Started
		}
		if at.After(w.at) {
			w.at = at
		}
		if s.Verdict == store.Partial || s.Verdict == store.CompleteWithDrift && w.verdict == store.Complete {
			w.verdict = s.Verdict
		}
	}
	if len(ids) == 0 {
		return usage(fmt.Errorf("%w: project %s", store.ErrNotPublished, p.project), "what there is: exporter snapshots list")
	}
	slices.Sort(ids)
	var whole []*wholeSnapshot
	within := 0
	start, end := p.start(), p.end()
	for _, id := range ids {
		w := by[id]
		if !w.at.Before(start) && w.at.Before(end) {
			within++
		}
		if w.verdict != store.Partial {
			whole = append(whole, w)
		}
	}
	var first, last, before *wholeSnapshot
	for _, w := range whole {
		switch {
		case w.at.Before(start):
			before = w
		case w.at.Before(end):
			last = w
			first = cmp.Or(first, w)
		}
	}
	if last == nil {
		return p.nothing(whole, within)
	}
	p.snapshot, p.verdict = last.id, last.verdict
	switch {
	case before != nil:
		p.since = before.id
	case first != last:
		p.since = first.id
	}
	return nil
}

// nothing says that the period has no whole snapshot, and when there were some.
func (p *evidencePlan) nothing(whole []*wholeSnapshot, within int) error {
	what := "no snapshot"
	if within > 0 {
		what = fmt.Sprintf("no whole snapshot, only %s in part", plural(int64(within), "snapshot"))
	}
	hint := "no snapshot of the store is whole: exporter snapshots show"
	if len(whole) > 0 {
		day := func(w *wholeSnapshot) string { return w.at.In(p.zone).Format(time.DateOnly) }
		hint = fmt.Sprintf("there are whole ones from %s to %s: exporter snapshots list", day(whole[0]), day(whole[len(whole)-1]))
	}
	return &hintError{fmt.Errorf("%w: the period %s to %s has %s", store.ErrNotPublished,
		p.from(), p.to(), what), hint}
}

// words is the verdict on the period.
func (p *evidencePlan) words() string {
	var parts []string
	if n := len(p.missing); n > 0 {
		parts = append(parts, fmt.Sprintf("%s of %d without a whole snapshot", plural(int64(n), "day"), len(p.days(p.today))))
	}
	if today := p.day(p.today); p.last.After(today) {
		parts = append(parts, "the period goes on after "+today.Format(time.DateOnly))
	}
	if len(parts) > 0 {
		return "incomplete: " + strings.Join(parts, "; ")
	}
	return "complete"
}
