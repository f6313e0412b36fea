package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"exporter/internal/store"
)

func (a *app) snapshotsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "snapshots",
		Short: "List the snapshots, or show one",
		Example: `  exporter snapshots list
  exporter snapshots show 20260331T050000Z`,
		RunE: func(c *cobra.Command, _ []string) error { return a.listSnapshots(c.Context(), "table") },
	}
	var format string
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the snapshots, newest first",
		Example: "  exporter snapshots list --format json",
		RunE:    func(c *cobra.Command, _ []string) error { return a.listSnapshots(c.Context(), format) },
	}
	show := &cobra.Command{
		Use:   "show [SNAPSHOT]",
		Short: "Show what a snapshot holds and how it was walked",
		Example: `  exporter snapshots show
  exporter snapshots show 20260331T050000Z --format csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var id *string
			if len(args) == 1 {
				id = &args[0]
			}
			return a.showSnapshot(c.Context(), id, format)
		},
	}
	for _, child := range []*cobra.Command{list, show} {
		child.Flags().StringVar(&format, "format", "table", "table, csv or json")
		c.AddCommand(child)
	}
	return c
}

const snapshotList = `
SELECT
    snapshot_id,
    project_id,
    started_at,
    verdict,
    rows,
    digest[:12] AS digest
FROM snapshots
ORDER BY snapshot_id DESC, project_id`

const resourceList = `
SELECT
    project_id,
    resource,
    verdict,
    pages,
    total_last AS total,
    distinct_rows AS rows,
    duplicates,
    retries,
    CASE WHEN coverable > 0 THEN covered || ' of ' || coverable END AS covered,
    problem
FROM resources
WHERE snapshot_id = getvariable('snapshot_id')
ORDER BY project_id, list_position(['permissions', 'persons', 'structures', 'rules', 'rule_channels', 'tasks',
    'task_details', 'records', 'issue_infos', 'details'], resource), resource`

const tieOutList = `
SELECT project_id, name AS tie_out, ours, theirs, result
FROM tie_outs
WHERE snapshot_id = getvariable('snapshot_id')
ORDER BY project_id, name`

// listSnapshots prints every snapshot, as the newest file that can be read has
// them, and errs where that is not the newest.
func (a *app) listSnapshots(ctx context.Context, format string) error {
	err := a.showRows(ctx, snapshotList, format, nil)
	if !errors.Is(err, store.ErrDamaged) {
		return err
	}
	cfg, e := a.loadConfig(false)
	if e != nil {
		return e
	}
	st, e := openStore(cfg)
	if e != nil {
		return e
	}
	all, damaged := st.Snapshots(ctx)
	if len(all) == 0 {
		return err
	}
	return errors.Join(a.showRows(ctx, snapshotList, format, &all[len(all)-1].ID), damaged)
}

// showRows prints what query gives on a snapshot, the newest if id is nil.
func (a *app) showRows(ctx context.Context, query, format string, id *string) error {
	print, ok := formats[format]
	if !ok {
		return usage(fmt.Errorf("unknown format %q", format), "use table, csv or json")
	}
	cfg, err := a.loadConfig(false)
	if err != nil {
		return err
	}
	var read readFlags
	if id != nil {
		read.snapshot = *id
	}
	r, err := read.open(ctx, cfg)
	if err != nil {
		return err
	}
	defer r.Close()
	rows, err := r.Query(ctx, query, nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	return print(a, rows)
}

// showSnapshot prints a snapshot's facts; as csv and json its resources alone.
func (a *app) showSnapshot(ctx context.Context, id *string, format string) error {
	if format != "table" {
		return a.showRows(ctx, resourceList, format, id)
	}
	cfg, err := a.loadConfig(false)
	if err != nil {
		return err
	}
	one := len(cfg.Cloud.Projects) == 1 // the first table names it
	head := `
SELECT snapshot_id, project_id, verdict, server_time, finished_at, rows, digest[:12] AS digest
FROM snapshots
WHERE snapshot_id = getvariable('snapshot_id')
ORDER BY project_id`
	for i, query := range []string{head, resourceList, tieOutList} {
		if i > 0 {
			fmt.Fprintln(a.stdout)
			if one {
				query = "SELECT * EXCLUDE (project_id) FROM (" + query + ")"
			}
		}
		if err := a.showRows(ctx, query, format, id); err != nil {
			return err
		}
	}
	return nil
}
