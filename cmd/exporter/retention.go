package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"exporter/internal/journal"
	"exporter/internal/store"
)

func (a *app) pruneCommand() *cobra.Command {
	var keep keepConfig
	var dryRun bool
	c := &cobra.Command{
		Use:   "prune",
		Short: "Remove old snapshot files, raw pages and texts of queries; the history stays",
		Long: `Removes what store.keep lets go: of snapshots it leaves all of the last 24 hours,
the last of each of the last daily days, and the last of each of the last monthly
months; of raw pages those of the last raw_days days, and of the texts of queries
those of query_days. 0 keeps none but the newest.
The newest file holds the whole history, so that every date stays answerable.
Every collection prunes at its end.`,
		Example: `  exporter snapshots prune --dry-run
  exporter snapshots prune --keep-daily 7 --keep-monthly 24`,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.loadConfig(false)
			if err != nil {
				return err
			}
			for name, into := range map[string]*[2]*int{
				"keep-daily": {&keep.Daily, &cfg.Store.Keep.Daily}, "keep-monthly": {&keep.Monthly, &cfg.Store.Keep.Monthly},
				"keep-raw-days": {&keep.RawDays, &cfg.Store.Keep.RawDays}, "keep-query-days": {&keep.QueryDays, &cfg.Store.Keep.QueryDays},
			} {
				if !c.Flags().Changed(name) {
					*into[0] = *into[1]
				}
				if *into[0] < 0 {
					return usage(fmt.Errorf("--%s: must not be negative", name), "0 keeps none but the newest")
				}
			}
			st, err := openStore(cfg)
			if err != nil {
				return err
			}
			n, err := a.prune(c.Context(), cfg, st, keep, dryRun)
			if err == nil && n == 0 {
				fmt.Fprintln(a.stderr, "nothing to remove")
			}
			return err
		},
	}
	c.Flags().IntVar(&keep.Daily, "keep-daily", 0, "days of which one snapshot stays (default store.keep.daily)")
	c.Flags().IntVar(&keep.Monthly, "keep-monthly", 0, "months of which one snapshot stays (default store.keep.monthly)")
	c.Flags().IntVar(&keep.RawDays, "keep-raw-days", 0, "days of which the raw pages stay (default store.keep.raw_days)")
	c.Flags().IntVar(&keep.QueryDays, "keep-query-days", 0, "days of which the texts of queries stay (default store.keep.query_days)")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would go, and remove nothing")
	return c
}

// prune removes what keep lets go, or with dryRun lists it, and returns how many files
// that are. The journal knows of it first.
func (a *app) prune(ctx context.Context, cfg *config, st *store.Store, keep keepConfig, dryRun bool) (n int, err error) {
	if !dryRun {
		release, err := st.Lock(ctx)
		if err != nil {
			return 0, explainCollect(cfg, err)
		}
		defer func() { err = errors.Join(err, release()) }()
	}
	files, err := st.Prunable(ctx, store.Keep{Daily: keep.Daily, Monthly: keep.Monthly, RawDays: keep.RawDays, QueryDays: keep.QueryDays, Zone: cfg.zone, Now: a.now()})
	if err != nil || len(files) == 0 {
		return 0, err
	}
	total := totalSize(files)
	if dryRun {
		for _, f := range files {
			fmt.Fprintf(a.stdout, "%s\t%s\n", f.Path, size(f.Bytes))
		}
		fmt.Fprintf(a.stderr, "would remove %s, %s\n", plural(int64(len(files)), "file"), size(total))
		return len(files), nil
	}
	_, err = cfg.journal(a.now).Append("prune", map[string]any{
		"keep":  map[string]int{"daily": keep.Daily, "monthly": keep.Monthly, "raw_days": keep.RawDays, "query_days": keep.QueryDays},
		"files": files, "bytes": total,
	})
	if err != nil {
		return 0, explainDisk(err)
	}
	if err := st.Remove(files); err != nil {
		return 0, explainDisk(err)
	}
	fmt.Fprintf(a.stderr, "pruned %s of snapshots, raw pages and queries, %s\n", plural(int64(len(files)), "file"), size(total))
	return len(files), nil
}

func totalSize(files []store.File) int64 {
	var n int64
	for _, f := range files {
		n += f.Bytes
	}
	return n
}

// size is n bytes as people say it: 812 B, 41.3 kB, 5.8 MB, 1.2 GB.
func size(n int64) string {
	value, unit := float64(n), ""
	for _, larger := range []string{"k", "M", "G"} {
		if value < 1000 {
			break
		}
		value, unit = value/1000, larger
	}
	if unit == "" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %sB", value, unit)
}

func (a *app) purgeCommand() *cobra.Command {
	var person, project, before string
	var yes, dryRun bool
	c := &cobra.Command{
		Use:   "purge",
		Short: "Remove a person, or history older than a date, for good",
		Long: `Publishes a new snapshot without the person's rows, or without what was closed
before a date, and then removes every older snapshot file and the raw pages
that hold them, and the texts of all queries asked until then, which may name
anyone. Of a purged row its hash stays and that of its key, so that verify still
proves all digests. This cannot be undone.

A person who is still in the cloud's lists comes back with the next collection;
remove them there first. Your own input files, reports and backups are yours to
clean.`,
		Example: `  exporter snapshots purge --person 1532183396648747008 --dry-run
  exporter snapshots purge --before 2025-01-01`,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.loadConfig(false)
			if err != nil {
				return err
			}
			o := store.PurgeOptions{Person: person, Project: project, Started: a.now(), ProgramVersion: version, Journal: cfg.journalPath()}
			switch {
			case (person == "") == (before == ""):
				return usage(errors.New("purge: name --person or --before"), "see: exporter snapshots purge --help")
			case before != "" && project != "":
				return usage(errors.New("purge: --project goes with --person"), "history is purged of all projects")
			case before != "":
				if o.Before, err = time.ParseInLocation("2006-01-02", before, cfg.zone); err != nil {
					return usage(fmt.Errorf("--before: %q is no date", before), "write it as 2025-12-31")
				}
			}
			return a.purge(c.Context(), cfg, o, yes, dryRun)
		},
	}
	c.Flags().StringVar(&person, "person", "", "personId of the person")
	c.Flags().StringVar(&project, "project", "", "project of the person, where several know the id")
	c.Flags().StringVar(&before, "before", "", "date; what was closed before it goes")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would go, and remove nothing")
	return c
}

func (a *app) purge(ctx context.Context, cfg *config, o store.PurgeOptions, yes, dryRun bool) (err error) {
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	terminal := false
	if f, ok := a.stdin.(*os.File); ok {
		terminal = term.IsTerminal(int(f.Fd()))
	}
	if !yes && !dryRun && !terminal {
		return usage(errors.New("purge: it cannot be undone and nobody is there to ask"), "add --yes, or --dry-run to see what would go")
	}
	release, err := st.Lock(ctx)
	if err != nil {
		return explainCollect(cfg, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	asked := false
	o.Confirm = func(p *store.Purge) (bool, error) {
		asked = true
		a.sayPurge(p)
		if dryRun {
			fmt.Fprintln(a.stderr, "nothing was removed")
			return false, nil
		}
		return yes || a.consent(), nil
	}
	p, err := st.Purge(ctx, o)
	if err != nil {
		return explainDisk(err)
	}
	if p.Snapshot == "" {
		if !asked {
			fmt.Fprintln(a.stderr, "nothing to purge: no row and no raw page of it is in the store")
		}
		return nil
	}
	if err := journalPurge(cfg, p, a.now); err != nil {
		return err
	}
	if err := errors.Join(st.Remove(p.Files), journalSnapshots(context.WithoutCancel(ctx), cfg, st, a.now)); err != nil {
		return explainDisk(err)
	}
	fmt.Fprintf(a.stderr, "purged %s; published snapshot %s without them and gave %s back\n", plural(p.Rows, "row"), p.Snapshot, size(totalSize(p.Files)))
	if o.Person != "" {
		fmt.Fprintln(a.stderr, "exporter: hint: if the cloud still lists the person, the next collection brings them back; remove them there")
	}
	if cfg.Publish.Dir == "" {
		return nil
	}
	// The analysts' copy still has the rows.
	if err := a.publish(ctx, cfg, cfg.Publish.Dir); err != nil {
		return &exitError{exitPart, fmt.Errorf("purged, but: %w", err)}
	}
	return nil
}

// sayPurge tells what a purge takes.
func (a *app) sayPurge(p *store.Purge) {
	for _, name := range slices.Sorted(maps.Keys(p.ByResource)) {
		if n := p.ByResource[name]; n > 0 {
			fmt.Fprintf(a.stdout, "%s\t%s\n", name, plural(n, "row"))
		}
	}
	for _, f := range p.Files {
		fmt.Fprintf(a.stdout, "%s\t%s\n", f.Path, size(f.Bytes))
	}
	fmt.Fprintf(a.stderr, "in all %s and %s of %s\n", plural(p.Rows, "row"), plural(int64(len(p.Files)), "file"), size(totalSize(p.Files)))
	if p.Named > 0 {
		fmt.Fprintf(a.stderr, "%s of roster.csv and channels.csv name a manager or owner of the same name: change the files\n", plural(p.Named, "line"))
	}
}

// consent asks on the terminal.
func (a *app) consent() bool {
	fmt.Fprint(a.stderr, "This cannot be undone. Type yes to go on: ")
	answer, err := bufio.NewReader(a.stdin).ReadString('\n')
	return err == nil && strings.TrimSpace(answer) == "yes"
}

// journalPurge files what a purge takes. The person is there as their hash.
func journalPurge(cfg *config, p *store.Purge, now func() time.Time) error {
	detail := map[string]any{"snapshot": p.Snapshot, "rows": p.Rows, "files": p.Files}
	if p.PersonSHA256 != "" {
		detail["project"], detail["person_sha256"] = p.Project, p.PersonSHA256
	}
	if !p.Before.IsZero() {
		detail["before"] = p.Before
	}
	_, err := cfg.journal(now).Append("purge", detail)
	return explainDisk(err)
}

// journalPurges files the purges that a crash left without their entry.
func journalPurges(ctx context.Context, cfg *config, st *store.Store, now func() time.Time) error {
	known := map[string]bool{}
	_, err := journal.Read(cfg.journalPath(), func(e journal.Entry) error {
		var detail struct{ Snapshot string }
		if e.Kind != "purge" {
			return nil
		}
		err := json.Unmarshal(e.Detail, &detail)
		known[detail.Snapshot] = true
		return err
	})
	if err != nil {
		return err
	}
	list, err := st.Purges(ctx)
	if err != nil {
		return err
	}
	for _, p := range list {
		if known[p.Snapshot] {
			continue
		}
		for _, path := range p.Raw {
			p.Files = append(p.Files, store.File{Path: path})
		}
		if err := journalPurge(cfg, &p, now); err != nil {
			return err
		}
	}
	return nil
}
