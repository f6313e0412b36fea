package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exporter/internal/store"
)

func (a *app) diffCommand() *cobra.Command {
	var read readFlags
	var format string
	c := &cobra.Command{
		Use:   "diff [A [B]]",
		Short: "Show in what the permissions of two snapshots differ",
		Long: `Shows what has become of the permissions between snapshot A and a later one, B:
added, removed, re-created (removed and added again under a new id), extended,
shortened, became permanent, time range changed, credential state changed,
renamed and moved. What came and went in between is counted, not listed.

A and B are ids, times (2026-03-31 is the newest snapshot of that day or before,
in the store's zone), or the words latest and previous, the one before it; B is
latest where it is left out, A previous. The table lists at most ` + fmt.Sprint(diffRows) + ` changes of
each kind, csv and json list all, with every value before and after and the two
walks between which it happened. Persons are named as --mask says.`,
		Example: `  exporter snapshots diff
  exporter snapshots diff 2026-03-01 2026-03-31
  exporter snapshots diff 20260330T050000Z 20260331T050000Z --format csv`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			ends := append(args, []string{"previous", "latest"}[len(args):]...)
			return a.diff(c.Context(), ends[0], ends[1], &read, format)
		},
	}
	addFormat(c, &format, listFormats...)
	c.Flags().StringVar(&read.project, "project", "", "only this project")
	read.addMask(c, a, store.MaskStandard, "what is hidden of persons")
	return c
}

// diffRows is how many changes of one kind a table shows.
const diffRows = 20

func (a *app) diff(ctx context.Context, from, to string, read *readFlags, format string) error {
	print, err := listPrinter(format)
	if err != nil {
		return err
	}
	cfg, err := a.loadConfig(false)
	if err != nil {
		return err
	}
	r, err := read.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer r.Close()
	all, err := moments(ctx, r)
	if err != nil {
		return err
	}
	var ends [2]moment
	for i, name := range []string{from, to} {
		if ends[i], err = chooseMoment(all, name, cfg.zone); err != nil {
			return fmt.Errorf("snapshots diff: %w", err)
		}
	}
	if ends[0].id > ends[1].id {
		return usage(fmt.Errorf("snapshots diff: %s is later than %s", ends[0].id, ends[1].id),
			fmt.Sprintf("the earlier one comes first: exporter snapshots diff %s %s", ends[1].id, ends[0].id))
	}
	d := &difference{app: a, reader: r, from: ends[0], to: ends[1]}
	if err := d.weigh(ctx); err != nil {
		return err
	}
	if format != "table" {
		for _, note := range d.notes() {
			fmt.Fprintln(a.stderr, "exporter: "+note)
		}
		if err := a.printAnswer(ctx, r, diffAll, d.ends(), print); err != nil {
			return fmt.Errorf("snapshots diff: %w", err)
		}
		return d.check()
	}
	if err := d.printTable(ctx); err != nil {
		return err
	}
	return d.check()
}

// moment is a snapshot and when it was, by the cloud's clock.
type moment struct {
	id     string
	at     time.Time
	copied bool // nothing was collected for it: it has what the one before has
}

// moments lists the snapshots that r sees, oldest first.
func moments(ctx context.Context, r *store.Reader) ([]moment, error) {
	rows, err := r.Query(ctx, `
SELECT snapshot_id, coalesce(max(server_time), max(started_at)) AS at, bool_and(kind <> 'collection') AS copied
FROM snapshots
GROUP BY snapshot_id
ORDER BY snapshot_id`, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []moment
	for rows.Next() {
		var m moment
		if err := rows.Scan(&m.id, &m.at, &m.copied); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, rows.Err()
}

var snapshotID = regexp.MustCompile(`^\d{8}T\d{6}Z$`)

// chooseMoment finds the snapshot that a person names: by its id, as latest or
// previous, or as the newest that is not after a time. all is not empty.
func chooseMoment(all []moment, name string, zone *time.Location) (moment, error) {
	switch {
	case name == "latest":
		return all[len(all)-1], nil
	case name == "previous":
		if len(all) < 2 {
			return moment{}, &hintError{errors.New("there is only one snapshot"), "make another: exporter collect"}
		}
		return all[len(all)-2], nil
	case snapshotID.MatchString(name):
		i, found := slices.BinarySearchFunc(all, name, func(m moment, id string) int { return strings.Compare(m.id, id) })
		if !found {
			return moment{}, &hintError{fmt.Errorf("%w: %q", store.ErrNotPublished, name),
				"the nearest is " + nearestInTime(all, name).id + "; what there is: exporter snapshots list"}
		}
		return all[i], nil
	}
	t, err := parseTime(name, zone)
	if err != nil {
		return moment{}, usage(fmt.Errorf("%q is neither a snapshot nor a time", name),
			"for example: "+all[len(all)-1].id+", 2026-03-31, 2026-03-31 14:05, previous, latest")
	}
	for _, m := range slices.Backward(all) {
		if !m.at.After(t) {
			return m, nil
		}
	}
	return moment{}, &hintError{fmt.Errorf("%w: none was made by %s", store.ErrNotPublished, name),
		"the first is " + all[0].id + " of " + all[0].at.In(zone).Format("2006-01-02 15:04")}
}

// nearestInTime is the snapshot whose name is nearest in time.
func nearestInTime(all []moment, name string) moment {
	began := func(id string) time.Time {
		t, _ := time.Parse(runLayout, id) // a day that there is not is no better than any
		return t
	}
	want := began(name)
	return slices.MinFunc(all, func(x, y moment) int {
		return cmp.Compare(began(x.id).Sub(want).Abs(), began(y.id).Sub(want).Abs())
	})
}
