package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
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
	drifted  bool   // snapshot, while it was read
	missing  []missingDay
	today    time.Time
	known    map[string]bool // the snapshots of the store
}

// missingDay is a day of the period that has no whole snapshot.
type missingDay struct{ day, why string }

// maxBehind is how far this machine's clock may be behind the cloud's.
const maxBehind = 5 * time.Minute

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

// hidden returns an error where the journal has a snapshot of the period, later than
// the chosen one, that the store does not know: somebody took it away.
func (p *evidencePlan) hidden(j *bundleJournal) error {
	for _, e := range j.entries {
		id := member(e.Detail, "snapshot")
		at, err := time.Parse(runLayout, id)
		if e.Kind != "snapshot" || err != nil || p.known[id] || id < p.snapshot || !at.Before(p.end()) {
			continue
		}
		return &hintError{fmt.Errorf("line %d of the journal sealed snapshot %s, which the store does not have", e.Seq, id),
			"restore its file from a backup: exporter snapshots verify"}
	}
	return nil
}

// wholeSnapshot is a snapshot of all its projects: whole where each of them is.
type wholeSnapshot struct {
	id, verdict string
	at          time.Time
}

// ofProjects puts together what the store has of each snapshot, of the plan's project
// or of all, oldest first.
func (p *evidencePlan) ofProjects(all []store.Snapshot) []*wholeSnapshot {
	by := map[string]*wholeSnapshot{}
	p.known = map[string]bool{}
	for _, s := range all {
		p.known[s.ID] = true
		if p.project != "" && s.Project != p.project {
			continue
		}
		w := by[s.ID]
		if w == nil {
			w = &wholeSnapshot{id: s.ID, verdict: store.Complete}
			by[s.ID] = w
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
	return slices.SortedFunc(maps.Values(by), func(x, y *wholeSnapshot) int { return strings.Compare(x.id, y.id) })
}

// choose finds the last whole snapshot of the period, and the one that changes are
// told since.
func (p *evidencePlan) choose(all []store.Snapshot) error {
	known := p.ofProjects(all)
	if len(known) == 0 {
		return usage(fmt.Errorf("%w: project %s", store.ErrNotPublished, p.project), "what there is: exporter snapshots list")
	}
	var whole []*wholeSnapshot
	within := 0
	start, end := p.start(), p.end()
	for _, w := range known {
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
	p.snapshot = last.id
	if last.at.After(p.today.Add(maxBehind)) {
		return &hintError{fmt.Errorf("snapshot %s is of %s, which is still to come by the clock of this machine", last.id, last.at.In(p.zone).Format(time.RFC3339)),
			"set the clock: a bundle says when it was sealed"}
	}
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

// goesOn says whether the period has days after today.
func (p *evidencePlan) goesOn() bool { return p.last.After(p.day(p.today)) }

// words is the verdict on the period.
func (p *evidencePlan) words() string {
	var parts []string
	if n := len(p.missing); n > 0 {
		parts = append(parts, fmt.Sprintf("%s of %d without a whole snapshot", plural(int64(n), "day"), len(p.days(p.today))))
	}
	if p.goesOn() {
		parts = append(parts, "the period goes on after "+p.day(p.today).Format(time.DateOnly))
	}
	words := verdictWord(p)
	if len(parts) > 0 {
		words += ": " + strings.Join(parts, "; ")
	}
	if p.drifted {
		words += "; the snapshot " + p.snapshot + " was read with drift"
	}
	return words
}

// missingDays are the days without a whole snapshot, in words.
func (p *evidencePlan) missingDays() string {
	var days []string
	for _, m := range p.missing {
		days = append(days, m.day)
	}
	return strings.Join(days, ", ")
}

// judge finds the days of the period that have no whole snapshot, and why, and
// whether the snapshot was read with drift.
func (p *evidencePlan) judge(ctx context.Context, r *store.Reader, from madeFrom) error {
	verdicts, err := collectRows(ctx, r, `
SELECT verdict
FROM snapshots
WHERE snapshot_id = $snapshot AND ($project = '' OR project_id = $project)`,
		map[string]any{"snapshot": p.snapshot, "project": from.Project}, func(v *string) []any { return []any{v} })
	if err != nil {
		return err
	}
	p.drifted = slices.Contains(verdicts, store.CompleteWithDrift)
	type dayState struct{ day, state, why string }
	list, err := collectRows(ctx, r, `
SELECT strftime(day, '%Y-%m-%d'), state, coalesce(nullif(why, ''), schedule, '')
FROM control_days(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
ORDER BY day, project_id`, map[string]any{"as_of": from.AsOf, "timezone": from.Timezone, "days": from.Days},
		func(x *dayState) []any { return []any{&x.day, &x.state, &x.why} })
	if err != nil {
		return err
	}
	days := map[string]dayState{}
	for _, x := range list { // of several projects the one that lacks something
		if had, ok := days[x.day]; !ok || had.state == "done" || had.state == "not due" {
			days[x.day] = x
		}
	}
	last := p.day(from.AsOf).Format(time.DateOnly)
	for _, name := range p.days(p.today) {
		switch s, ok := days[name]; {
		case !ok && name > last:
			p.missing = append(p.missing, missingDay{name, "after the last whole snapshot of the period"})
		case !ok:
			p.missing = append(p.missing, missingDay{name, "before the first snapshot"})
		case s.state != "done" && s.state != "not due":
			p.missing = append(p.missing, missingDay{name, strings.TrimSuffix(s.state+": "+s.why, ": ")})
		}
	}
	return nil
}
