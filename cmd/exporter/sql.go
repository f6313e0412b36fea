package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"exporter/internal/store"
)

// readFlags choose the state that a command reads.
type readFlags struct {
	asOf, snapshot, project string
	notBefore               time.Time // the least that the as-of time is
	set                     []string
	mask                    string
	masking                 func(snapshot string)
}

func (f *readFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.asOf, "as-of", "", "the state at a time: 2026-03-31, 2026-03-31 14:05 or RFC 3339, in the store's zone; or a snapshot's id")
	c.Flags().StringVar(&f.snapshot, "snapshot", "", "the state of this snapshot")
	c.Flags().StringVar(&f.project, "project", "", "only this project")
	c.Flags().StringArrayVar(&f.set, "set", nil, "a parameter as name=value; may be repeated")
}

// open opens the state for reading.
func (f *readFlags) open(ctx context.Context, cfg *config) (*store.Reader, error) {
	o := store.ReadOptions{Snapshot: f.snapshot, Project: f.project, Timezone: cfg.Store.Timezone, Mask: f.mask, Masking: f.masking}
	switch id := snapshotID.MatchString(f.asOf); {
	case id && f.snapshot != "" && f.snapshot != f.asOf:
		return nil, usage(fmt.Errorf("--as-of %s and --snapshot %s", f.asOf, f.snapshot), "name one snapshot")
	case id:
		o.Snapshot = f.asOf
	case f.asOf != "":
		t, err := parseTime(f.asOf, cfg.zone)
		if err != nil {
			return nil, err
		}
		o.AsOf = t
	}
	if f.project != "" && len(cfg.Cloud.Projects) > 0 {
		if _, err := chooseProjects(cfg, f.project); err != nil {
			return nil, err
		}
	}
	st, err := openStore(cfg)
	if err != nil {
		return nil, err
	}
	r, err := st.Read(ctx, o)
	if err == nil && r.AsOf().Before(f.notBefore) {
		o.Snapshot, o.AsOf = r.Snapshot(), f.notBefore
		if err = r.Close(); err == nil {
			r, err = st.Read(ctx, o)
		}
	}
	if errors.Is(err, store.ErrNotPublished) {
		hint := "make one: exporter collect"
		if all, _ := st.Snapshots(ctx); len(all) > 0 {
			hint = "what there is: exporter snapshots list"
		}
		return nil, &hintError{err, hint}
	}
	return r, err
}

// parameters are the --set flags as text by name.
func (f *readFlags) parameters() (map[string]string, error) {
	all := map[string]string{}
	for _, s := range f.set {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usage(fmt.Errorf("--set %q is not name=value", s), "for example: --set within_days=60")
		}
		all[name] = value
	}
	return all, nil
}

// parseTime reads a time as people write it; without an offset it is in zone.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	// A day alone means the whole of it.
	if t, err := time.ParseInLocation("2006-01-02", s, zone); err == nil {
		return t.AddDate(0, 0, 1).Add(-time.Millisecond), nil
	}
	return time.Time{}, usage(fmt.Errorf("%q is not a time", s), "for example: 2026-03-31, 2026-03-31 14:05, 2026-03-31T14:05:00+08:00")
}

func (a *app) sqlCommand() *cobra.Command {
	var read readFlags
	var file, format string
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "sql [QUERY]",
		Short: "Ask a snapshot in SQL, read only",
		Long: `Runs one statement that reads, in DuckDB's SQL, on a snapshot. The query is the
argument, the file given by -f, or standard input. The tables are permissions,
persons, structures, rules, rule_channels, channels, tasks, records,
issue_infos, snapshots, resources, calls, tie_outs and more: see the last
example. permissions_at(time) and its like show another time, and
permission_changes(from, to) what became of permissions between two snapshots,
given by their ids. csv has a header line and keeps NULL (nothing) and "" apart.

What is read is a masked copy of the snapshot, made when it is first asked for: of
a name the family name and a tag that tells persons apart, of a mobile number the
last four digits. --mask pseudonym leaves no person's name, number, work number or
id; --mask full reads the snapshot itself, which who needs names must say.`,
		Example: `  exporter sql "SELECT card_state, count(*) FROM permissions GROUP BY ALL"
  exporter sql --as-of 2026-03-31 --format csv -f query.sql
  exporter sql --mask full "SELECT name, mobile FROM permissions LIMIT 5"
  exporter sql "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE comment IS NOT NULL"`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 && file == "" && a.onTerminal() {
				cfg, err := a.loadConfig(false)
				if err != nil {
					return err
				}
				set, err := read.parameters()
				if err != nil {
					return err
				}
				return a.prompt(c.Context(), cfg, read, timeout, question{Format: format, Limit: 1000, Set: set})
			}
			query, err := a.query(args, file)
			if err != nil {
				return err
			}
			print, ok := formats[format]
			if !ok {
				return usage(fmt.Errorf("unknown format %q", format), "use table, csv or json")
			}
			cfg, err := a.loadConfig(false)
			if err != nil {
				return err
			}
			// A masked copy that has to be made takes its own time.
			r, err := read.open(c.Context(), cfg)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeoutCause(c.Context(), timeout,
				&hintError{fmt.Errorf("sql: no answer within %s", timeout), "give it more with --timeout"})
			defer cancel()
			err = errors.Join(a.runQuery(ctx, r, query, &read, print), r.Close())
			if ctx.Err() != nil && c.Context().Err() == nil {
				return context.Cause(ctx)
			}
			return err
		},
	}
	read.add(c)
	read.addMask(c, a, store.MaskStandard, "what is hidden of persons")
	c.Flags().StringVarP(&file, "file", "f", "", "read the query from this file")
	c.Flags().StringVar(&format, "format", "table", "table, csv or json")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "give up after this time")
	return c
}

// onTerminal says whether a person sits before standard input and output.
func (a *app) onTerminal() bool {
	f, ok := a.stdin.(*os.File)
	_, out := terminalWidth(a.stdout)
	return ok && out && term.IsTerminal(int(f.Fd()))
}

// query is the text to run.
func (a *app) query(args []string, file string) (string, error) {
	switch {
	case len(args) == 1 && file != "":
		return "", usage(errors.New("a query and -f together"), "give one of them")
	case len(args) == 1:
		return args[0], nil
	case file != "":
		b, err := os.ReadFile(file)
		if err != nil {
			return "", &exitError{exitUsage, err}
		}
		return string(b), nil
	}
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return "", usage(errors.New("no query"), `for example: exporter sql "FROM permissions LIMIT 5"`)
	}
	b, err := io.ReadAll(a.stdin)
	return string(b), err
}

func (a *app) runQuery(ctx context.Context, r *store.Reader, query string, read *readFlags, print func(*app, *sql.Rows) error) error {
	set, err := read.parameters()
	if err != nil {
		return err
	}
	named := map[string]any{"as_of": r.AsOf()}
	for k, v := range set {
		named[k] = v
	}
	rows, err := r.Query(ctx, query, named)
	if err != nil {
		if errors.Is(err, store.ErrRefused) {
			return &exitError{exitUsage, fmt.Errorf("sql: %w", err)}
		}
		return fmt.Errorf("sql: %w", err)
	}
	defer rows.Close()
	return print(a, rows)
}
