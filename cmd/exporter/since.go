package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// openBase opens the snapshot that the reports of r tell changes since: the one
// that since names, else the one before r's collection. It returns nil where none is
// named and there is none before, or not any more.
func openBase(ctx context.Context, r *store.Reader, since string, zone *time.Location) (*store.Reader, error) {
	all, err := moments(ctx, r)
	if err != nil {
		return nil, err
	}
	own := slices.IndexFunc(all, func(m moment) bool { return m.id == r.Snapshot() })
	if since == "" {
		for own > 0 && all[own].copied {
			own--
		}
		if own < 1 {
			return nil, nil
		}
		e, err := r.Earlier(ctx, all[own-1].id)
		if errors.Is(err, store.ErrNotPublished) { // purged
			return nil, nil
		}
		return e, err
	}
	base, err := chooseBase(all, own, since, zone)
	if err != nil {
		if err = fmt.Errorf("--since %s: %w", since, err); errors.Is(err, store.ErrNotPublished) {
			return nil, err
		}
		return nil, &exitError{exitUsage, err}
	}
	e, err := r.Earlier(ctx, base.id)
	if errors.Is(err, store.ErrNotPublished) {
		return nil, &hintError{fmt.Errorf("--since %s: %w", since, err), "what there is: exporter snapshots list"}
	}
	return e, err
}

// chooseBase finds the snapshot that a person names as the earlier one.
func chooseBase(all []moment, own int, since string, zone *time.Location) (moment, error) {
	earlier := "it must name an earlier one; see: exporter snapshots list"
	if own > 0 {
		earlier = "the one before is " + all[own-1].id + "; what there is: exporter snapshots list"
	}
	report := all[own]
	if snapshotID.MatchString(since) && since > report.id {
		return moment{}, &hintError{fmt.Errorf("what is read is %s, which is earlier", report.id), earlier}
	}
	if t, err := parseTime(since, zone); err == nil && t.After(report.at) && since != report.at.In(zone).Format(time.DateOnly) {
		return moment{}, &hintError{fmt.Errorf("what is read is %s of %s, which is earlier",
			report.id, report.at.In(zone).Format("2006-01-02 15:04")), earlier}
	}
	m, err := chooseMoment(all, since, zone)
	if err == nil && m.id == report.id {
		return moment{}, &hintError{fmt.Errorf("that is %s, which is read itself", m.id), earlier}
	}
	return m, err
}

// comparing reports whether one of the definitions asks for an earlier snapshot
// without being told of one.
func comparing(chosen []reports.Definition) bool {
	return slices.ContainsFunc(chosen, reports.Definition.ComparesAlways)
}
