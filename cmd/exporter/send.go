package main

import (
	"context"
	"time"

	"exporter/internal/reports"
)

// reportSlot is a due time of a report, and what it is made from.
type reportSlot struct {
	At            time.Time
	Snapshot      string // "" is the current one, and a notice says why
	SincePrevious string // the snapshot of the report's slot before, "" for none
	Notices       []string
	CaughtUp      bool
	Late          bool
}

// runReportSlot makes the report of a slot.
func (a *app) runReportSlot(ctx context.Context, cfg *config, d reports.Definition, _ reportConfig, slot reportSlot) (detail map[string]any, err error) {
	f := &reportFlags{out: "reports", timeout: reportTimeout, quiet: true}
	f.snapshot = slot.Snapshot
	all, err := a.makeReports(ctx, cfg, []string{d.Name}, f)
	if err != nil {
		return nil, err
	}
	return map[string]any{"snapshot": all[0].entry["snapshot"], "notices": slot.Notices}, nil
}
