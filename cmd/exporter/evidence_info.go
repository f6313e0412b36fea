package main

import (
	"context"
	"time"

	"exporter/internal/store"
)

// told compares what bag-info.txt tells with what the outputs were made from.
func (x *again) told() {
	f := x.from
	x.differsInfo("Snapshot", f.Snapshot)
	x.differsInfo("As-Of", f.AsOf.UTC().Format(time.RFC3339))
	x.differsInfo("Since", f.Since)
	x.differsInfo("Mask", f.Mask)
	x.differsInfo("Project", f.Project)
	x.differsInfo("Timezone", f.Timezone)
	if days := len(x.period.days(f.AsOf)); days != f.Days {
		x.differs("made_from.json", "days is %d, and the period has %d up to its snapshot", f.Days, days)
	}
}

// judged finds the days without a whole snapshot again, and what the verdict is.
func (x *again) judged(ctx context.Context, r *store.Reader) error {
	run, err := time.Parse(runLayout, x.result.Info["Run"])
	if err != nil {
		return err
	}
	// The verdict is of the time when the making began, Run that of its end: it may
	// be the day before.
	for _, today := range []time.Time{run.AddDate(0, 0, -1), run} {
		x.plan = &evidencePlan{period: x.period, snapshot: x.from.Snapshot, since: x.from.Since, project: x.from.Project, today: today}
		if err := x.plan.judge(ctx, r, x.from); err != nil {
			return err
		}
		if x.plan.words() == x.result.Info["Verdict"] {
			break
		}
	}
	x.differsInfo("Verdict", x.plan.words())
	x.differsInfo("Missing-Days", x.plan.missingDays())
	// A later file may stand for that of the snapshot.
	last, err := collectRows(ctx, r, "SELECT max(snapshot_id) FROM base.snapshots", nil, func(v *string) []any { return []any{v} })
	if err == nil && last[0] != x.from.Snapshot {
		x.laterFile = last[0]
	}
	return err
}
