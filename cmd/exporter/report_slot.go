package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// reportSlot is a due time of a report, and what it is made from.
type reportSlot struct {
	At            time.Time
	Snapshot      string // "" is the current one, and a notice says why
	SincePrevious string // the snapshot of the report's slot before, "" for none
	Notices       []string
	CaughtUp      bool
	// Begun is set where its report was made before, from the same snapshots, by a
	// run that was cut short.
	Begun bool
}

// runReportSlot makes the report of a due time and puts its mails into the outbox.
// Mails of it that are in the outbox are not put there again.
func (a *app) runReportSlot(ctx context.Context, cfg *config, d reports.Definition, slot reportSlot) (map[string]any, error) {
	if !slot.Begun {
		var err error
		if slot.SincePrevious, err = a.usableBase(ctx, cfg, slot); err != nil {
			return nil, err
		}
	}
	if slot.CaughtUp {
		slot.Notices = append(slot.Notices, fmt.Sprintf("This report was due on %s and is made up for; it speaks of that time.",
			slot.At.Format("2 January 2006 15:04")))
	}
	f := &reportFlags{out: cfg.Serve.Out, timeout: reportTimeout, quiet: true, since: slot.SincePrevious}
	f.snapshot, f.notBefore = slot.Snapshot, slot.At
	f.mailing = &mailing{cfg: cfg, outbox: a.newOutbox(cfg), at: slot.At, now: a.now, notices: slot.Notices}
	all, err := a.makeReports(ctx, cfg, []string{d.Name}, f)
	if err != nil {
		return nil, err
	}
	m := all[0]
	detail := map[string]any{"snapshot": m.entry["snapshot"], "as_of": m.entry["as_of"], "severity": m.severity, "mails": len(m.mails.list)}
	if since, ok := m.entry["since"]; ok {
		detail["since"] = since
	}
	if len(m.mails.unsent) > 0 {
		detail["unsent"] = m.mails.unsent
	}
	if len(m.mails.told) > 0 {
		detail["recipients"] = m.mails.told
	}
	if m.mails.parts != nil {
		detail["parts"] = m.mails.parts
	}
	if len(slot.Notices) > 0 {
		detail["notices"] = slot.Notices
	}
	if !m.complete {
		detail["verdict"] = store.Partial
	}
	return detail, nil
}

// usableBase is the snapshot of the slot before as one to tell changes since; ""
// where the report is made from that one, from an earlier one, or it is no more.
func (a *app) usableBase(ctx context.Context, cfg *config, slot reportSlot) (string, error) {
	if slot.SincePrevious == "" {
		return "", nil
	}
	f := readFlags{snapshot: slot.Snapshot}
	r, err := f.open(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer r.Close()
	if slot.SincePrevious >= r.Snapshot() {
		return "", nil
	}
	e, err := r.Earlier(ctx, slot.SincePrevious)
	if errors.Is(err, store.ErrNotPublished) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return slot.SincePrevious, e.Close()
}
