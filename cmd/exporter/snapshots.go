package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"exporter/internal/store"
)

func (a *app) snapshotsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "snapshots",
		Short: "List, show, compare and verify the snapshots, and let old ones go",
		Example: `  exporter snapshots list
  exporter snapshots show 20260331T050000Z
  exporter snapshots verify`,
		RunE: func(c *cobra.Command, _ []string) error { return a.listSnapshots(c.Context(), "table") },
	}
	var format string
	list := &cobra.Command{
		Use:     "list",
		Short:   "List the snapshots, newest first",
		Example: "  exporter snapshots list --format json",
		RunE:    func(c *cobra.Command, _ []string) error { return a.listSnapshots(c.Context(), format) },
	}
	var read readFlags
	show := &cobra.Command{
		Use:   "show [SNAPSHOT]",
		Short: "Show how complete a snapshot is, and what says so",
		Long: `Shows what an auditor needs to judge whether a snapshot is complete: its verdict
and the walks that it rests on, the tie-outs with the cloud's own counts, the
codes of the API against what the counters say, its digest and the line of the
journal that sealed it. Without SNAPSHOT and --as-of it is the newest. csv gives
the walks, tie-outs and codes as lines of one table.`,
		Example: `  exporter snapshots show
  exporter snapshots show 20260331T050000Z --format json
  exporter snapshots show --as-of 2026-03-31`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				if read.asOf != "" {
					return usage(errors.New("a snapshot and --as-of together"), "give one of them")
				}
				read.snapshot = args[0]
			}
			return a.showSnapshot(c.Context(), &read, format)
		},
	}
	show.Flags().StringVar(&read.asOf, "as-of", "", "the snapshot that was current at a time: 2026-03-31, 2026-03-31 14:05 or RFC 3339")
	show.Flags().StringVar(&read.project, "project", "", "only this project")
	for _, child := range []*cobra.Command{list, show} {
		addFormat(child, &format, listFormats...)
		c.AddCommand(child)
	}
	c.AddCommand(a.diffCommand(), a.verifyCommand(), a.pruneCommand(), a.purgeCommand())
	return c
}

const snapshotList = `
SELECT
    snapshot_id,
    project_id,
    started_at,
    rows,
    digest[:12] AS digest,
    verdict,
    kind,
    json_extract_string($masked, snapshot_id) AS masked
FROM snapshots
ORDER BY snapshot_id DESC, project_id`

// listSnapshots prints every snapshot, as the newest file that can be read has
// them, and errs where that is not the newest.
func (a *app) listSnapshots(ctx context.Context, format string) error {
	cfg, err := a.loadConfig(false)
	if err != nil {
		return err
	}
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	named, err := maskedCopies(st)
	if err != nil {
		return err
	}
	all, damaged := st.Snapshots(ctx)
	query := snapshotList
	if format == "table" && !slices.ContainsFunc(all, func(s store.Snapshot) bool { return s.Project != all[0].Project }) {
		query = strings.Replace(query, "    project_id,\n", "", 1) // the room is for what differs
	}
	err = a.showRows(ctx, &readFlags{}, query, named, format)
	if !errors.Is(err, store.ErrDamaged) || len(all) == 0 {
		return err
	}
	return errors.Join(a.showRows(ctx, &readFlags{snapshot: all[len(all)-1].ID}, query, named, format), damaged)
}

// maskedCopies is the parameter of [snapshotList]: the profiles in which each
// snapshot has a masked copy, as JSON.
func maskedCopies(st *store.Store) (map[string]any, error) {
	copies, err := st.MaskedCopies()
	if err != nil {
		return nil, err
	}
	words := map[string]string{}
	for id, profiles := range copies {
		words[id] = strings.Join(profiles, ", ")
	}
	text, err := json.Marshal(words)
	return map[string]any{"masked": string(text)}, err
}

// showRows prints what query gives on the snapshot that read chooses.
func (a *app) showRows(ctx context.Context, read *readFlags, query string, named map[string]any, format string) error {
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
	return a.printAnswer(ctx, r, query, named, print)
}

// showSnapshot prints the certificate of each of a snapshot's projects.
func (a *app) showSnapshot(ctx context.Context, read *readFlags, format string) error {
	if format == "csv" {
		return a.showRows(ctx, read, certificateLines, nil, format)
	}
	if _, err := listPrinter(format); err != nil {
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
	list, err := readCertificates(ctx, cfg, r)
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(list)
	}
	width, _ := terminalWidth(a.stdout)
	for i, c := range list {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		a.printCertificate(c, min(width, maxPage))
	}
	return nil
}
