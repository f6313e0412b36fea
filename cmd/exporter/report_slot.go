package main

import (
	"cmp"
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
	var err error
	if slot.Snapshot == "" {
		if slot.Snapshot, err = newestBy(ctx, cfg, slot.At); err != nil {
			return nil, err
		}
	}
	if !slot.Begun {
		if slot.SincePrevious, err = a.usableBase(ctx, cfg, slot); err != nil {
			return nil, err
		}
	}
	if slot.CaughtUp {
		speaks := "it speaks of that time"
		if slot.Snapshot > slot.At.UTC().Format(runLayout) {
			speaks = "there was no snapshot by then, so it speaks of the first one after"
		}
		slot.Notices = append(slot.Notices, fmt.Sprintf("This report was due on %s and is made up for; %s.",
			slot.At.Format("2 January 2006 15:04"), speaks))
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
	for _, told := range []string{"since", "unsent", "recipients", "parts"} {
		if value, ok := m.entry[told]; ok {
			detail[told] = value
		}
	}
	if len(slot.Notices) > 0 {
		detail["notices"] = slot.Notices
	}
	if !m.complete {
		detail["verdict"] = store.Partial
	}
	return detail, nil
}

// newestBy is the newest snapshot that had begun at a time, or else the first one
// after it; "" where there is none.
func newestBy(ctx context.Context, cfg *config, at time.Time) (string, error) {
	st, err := openStore(cfg)
	if err != nil {
		return "", err
	}
	all, err := st.Snapshots(ctx)
	by, first := "", ""
	for _, s := range all {
		if s.ID <= at.UTC().Format(runLayout) {
			by = max(by, s.ID)
		} else if first == "" || s.ID < first {
			first = s.ID
		}
	}
	if by != "" || first != "" {
		err = nil // a damaged file is said by who opens it
	}
	return cmp.Or(by, first), err
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
