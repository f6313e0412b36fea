package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	o, err := f.options(cfg)
	if err != nil {
		return nil, err
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
	return r, f.explain(ctx, st, cfg.zone, err)
}

// options are what the flags choose.
func (f *readFlags) options(cfg *config) (store.ReadOptions, error) {
	o := store.ReadOptions{Snapshot: f.snapshot, Project: f.project, Timezone: cfg.Store.Timezone, Mask: f.mask, Masking: f.masking}
	switch id := snapshotID.MatchString(f.asOf); {
	case id && f.snapshot != "" && f.snapshot != f.asOf:
		return o, usage(fmt.Errorf("--as-of %s and --snapshot %s", f.asOf, f.snapshot), "name one snapshot")
	case id:
		o.Snapshot = f.asOf
	case f.asOf != "":
		t, err := parseTime(f.asOf, cfg.zone)
		if err != nil {
			return o, &exitError{exitUsage, fmt.Errorf("--as-of %s: %w", f.asOf, err)}
		}
		o.AsOf = t
	}
	if f.project != "" && len(cfg.Cloud.Projects) > 0 {
		if _, err := chooseProjects(cfg, f.project); err != nil {
			return o, err
		}
	}
	return o, nil
}

// explain says of a state that there is not what there is near it.
func (f *readFlags) explain(ctx context.Context, st *store.Store, zone *time.Location, err error) error {
	name := cmp.Or(f.asOf, f.snapshot)
	if name == "" || !errors.Is(err, store.ErrNotPublished) {
		return explainRead(ctx, st, err)
	}
	snapshots, _ := st.Snapshots(ctx) // what is damaged keeps none from being named
	all := make([]moment, len(snapshots))
	for i, s := range snapshots {
		all[i] = moment{id: s.ID, at: s.ServerTime}
	}
	if len(all) > 0 {
		if _, none := chooseMoment(all, name, zone); none != nil {
			return none
		}
	}
	return explainRead(ctx, st, err)
}

// explainRead adds to an error of reading what there is to read.
func explainRead(ctx context.Context, st *store.Store, err error) error {
	if newer, ok := errors.AsType[*store.ErrNewer](err); ok {
		return newer
	}
	if !errors.Is(err, store.ErrNotPublished) {
		return err
	}
	hint := "make one: exporter collect"
	if all, _ := st.Snapshots(ctx); len(all) > 0 {
		hint = "what there is: exporter snapshots list"
	}
	return &hintError{err, hint}
}

// givenParameters are those that every query may name, and nobody can set; since and
// since_snapshot are of the earlier state.
var givenParameters = []string{"as_of", "snapshot", "timezone", "since", "since_snapshot"}

// parameters are the --set flags as text by name.
func (f *readFlags) parameters() (map[string]string, error) {
	all := map[string]string{}
	for _, s := range f.set {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usage(fmt.Errorf("--set %q is not name=value", s), "for example: --set within_days=60")
		}
		if slices.Contains(givenParameters, name) {
			return nil, usage(fmt.Errorf("--set %s: every query has it", name), "--as-of, --snapshot and --since choose the state that is read")
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
	return time.Time{}, usage(fmt.Errorf("%q is neither a snapshot nor a time", s), "for example: 2026-03-31, 2026-03-31 14:05, 2026-03-31T14:05:00+08:00")
}

// sqlFlags are those of sql.
type sqlFlags struct {
	readFlags
	since, file, format, out string
	limit                    int
	timeout                  time.Duration
}

func (a *app) sqlCommand() *cobra.Command {
	var f sqlFlags
	c := &cobra.Command{
		Use:   "sql [QUERY]",
		Short: "Ask a snapshot in SQL, read only",
		Long: `Runs one statement that reads, in DuckDB's SQL, on a snapshot. The query is the
argument, the file given by -f, or standard input; without any of them, on a
terminal, it is a prompt. The tables are permissions, persons, structures, rules,
rule_channels, channels, tasks, records, issue_infos, snapshots, resources and
more. permissions_at(time) and its like show another time, permission_changes(from,
to) what became of permissions between two snapshots, given by their ids; with
--since the tables of an earlier snapshot are at hand too: previous.permissions.

What is read is a masked copy of the snapshot, made when it is first asked for: of
a name the family name and a tag that tells persons apart, of a mobile number the
last four digits. --mask pseudonym leaves no person's name, number, work number or
id; --mask full reads the snapshot itself, which who needs names must say.

The query runs in a process of its own, which can open nothing but that one file
and is ended when it takes more than its share of memory, time or temporary space.
The journal has an entry for it: who asked, when, the SHA-256 of the query and of
its answer as csv. The text itself is kept in the store's folder queries/ for
store.keep.query_days.

Formats: table, markdown (the first 10,000 rows unless --limit says otherwise);
csv (a header line; NULL is nothing, an empty text ""), tsv (NULL is \N), json,
ndjson, xlsx, parquet (all rows). With --out the ending of the file's name says
the format. The prompt shows the first 1,000 rows in every format until \limit or
--limit says otherwise.`,
		Example: `  exporter sql "SELECT card_state, count(*) FROM permissions GROUP BY ALL"
  exporter sql --as-of 2026-03-31 --format csv -f query.sql
  exporter sql --since 2026-03-01 "SELECT name FROM permissions ANTI JOIN previous.permissions USING (access_auth_id)"
  exporter sql --set days=30 --out ending.xlsx 'FROM permissions WHERE auth_end < $as_of::TIMESTAMPTZ + to_days($days::INTEGER)'
  exporter sql                                   # a prompt: \d lists the tables`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.sql(c, args, &f)
		},
	}
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(err, "see: exporter sql --help; a query that begins with a comment comes after --: exporter sql -- QUERY")
	})
	f.add(c)
	f.addMask(c, a, store.MaskStandard, "what is hidden of persons")
	c.Flags().StringVarP(&f.file, "file", "f", "", "read the query from this file")
	c.Flags().StringVar(&f.format, "format", "", strings.Join(sqlFormats, ", ")+` (default "table")`)
	complete(c, "format", fixed(sqlFormats...))
	c.Flags().StringVar(&f.out, "out", "", "write the answer into this file")
	c.Flags().StringVar(&f.since, "since", "", "an earlier time or snapshot, whose tables are those of the schema previous")
	c.Flags().IntVar(&f.limit, "limit", 0, "the first rows only; 0 for all (default 10000 for table and markdown)")
	c.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "end a query after this time")
	a.addSchema(c)
	a.addExamples(c)
	return c
}

// shownRows is how many rows are shown to people unless they want more.
const shownRows = 10_000

// sql answers one query.
func (a *app) sql(c *cobra.Command, args []string, f *sqlFlags) error {
	if terminal := a.terminal(); len(args) == 0 && f.file == "" && f.out == "" && terminal != nil {
		return a.prompt(c, terminal, f)
	}
	query, err := a.query(c.Context(), args, f.file)
	if err != nil {
		return err
	}
	q := question{SQL: query, Format: f.format, Limit: f.limit}
	if err := f.choose(c, &q); err != nil {
		return err
	}
	if q.Set, err = f.parameters(); err != nil {
		return err
	}
	a.sayUnused(q)
	cfg, err := a.loadStore()
	if err != nil {
		return err
	}
	k, err := a.newAsker(c.Context(), cfg, f.readFlags, f.since, f.timeout)
	if err != nil {
		return err
	}
	if f.out == "" {
		return a.askTerminal(c.Context(), k, q)
	}
	return a.askFile(c.Context(), k, q, f.out)
}

// choose finds the format and the limit.
func (f *sqlFlags) choose(c *cobra.Command, q *question) error {
	if q.Format == "" && f.out != "" {
		q.Format = strings.TrimPrefix(filepath.Ext(f.out), ".")
		switch q.Format {
		case "md":
			q.Format = "markdown"
		case "":
			return usage(fmt.Errorf("--out %s: its name says no format", f.out), "give it an ending as .csv or .xlsx, or --format")
		}
	}
	q.Format = cmp.Or(q.Format, "table")
	if !slices.Contains(sqlFormats, q.Format) {
		return unknownFormat(q.Format, sqlFormats...)
	}
	if f.limit < 0 {
		return usage(fmt.Errorf("--limit %d", f.limit), "give a number of rows, or 0 for all")
	}
	if f.timeout <= 0 {
		return usage(fmt.Errorf("--timeout %s", f.timeout), "for example: --timeout 2m")
	}
	if !c.Flags().Changed("limit") && (q.Format == "table" || q.Format == "markdown") {
		q.Limit = shownRows
	}
	return nil
}

// askTerminal asks and writes the answer to standard output.
func (a *app) askTerminal(ctx context.Context, k *asker, q question) error {
	if width, isTerminal := terminalWidth(a.stdout); isTerminal {
		if q.Format == "xlsx" || q.Format == "parquet" {
			return usage(fmt.Errorf("%s is not for a terminal", q.Format), "give it a file: --out answer."+q.Format)
		}
		q.Width = width
	}
	got, err := k.ask(ctx, q, a.stdout)
	a.sayCut(got, q)
	if err == nil {
		k.sayState(ctx, q, got)
	}
	return err
}

// sayCut tells that there are more rows than were shown.
func (a *app) sayCut(got answer, q question) {
	if got.Cut {
		fmt.Fprintf(a.stderr, "exporter: these are the first %s rows; --limit 0 gives all\n", count(int64(q.Limit)))
	}
}

// askFile asks and writes the answer into a file, which is there only when all of
// it is.
func (a *app) askFile(ctx context.Context, k *asker, q question, path string) (err error) {
	target, err := k.target(path)
	if err != nil {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(target), ".exporter-sql-*")
	if err != nil {
		return &hintError{fmt.Errorf("sql: %w", err), "--out names a file in a folder that is there and writable for this account"}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	got, err := k.ask(ctx, q, draft)
	if err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft.Name(), target); err != nil {
		return fmt.Errorf("sql: %w", err)
	}
	a.sayCut(got, q)
	fmt.Fprintf(a.stderr, "%s: %s\n", path, plural(got.Rows, "row"))
	k.sayState(ctx, q, got)
	return nil
}

// terminal is the one that a person sits before; nil where standard input or
// output is something else.
func (a *app) terminal() *os.File {
	if _, shown := terminalWidth(a.stdout); shown {
		return a.typedInto()
	}
	return nil
}

// typedInto is standard input where that is a terminal, else nil.
func (a *app) typedInto() *os.File {
	if f, ok := a.stdin.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return f
	}
	return nil
}

// target is the file that --out means, behind links. What is no file, must not be
// written or belongs to the store is refused: an answer would take its place.
func (k *asker) target(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", &hintError{fmt.Errorf("sql: %w", err), "--out names a file in a folder that is there and writable for this account"}
	}
	target := filepath.Join(dir, filepath.Base(path))
	info, err := os.Stat(target)
	if err == nil {
		if target, err = filepath.EvalSymlinks(target); err != nil {
			return "", err
		}
		if !info.Mode().IsRegular() || info.Mode()&0o200 == 0 {
			return "", usage(fmt.Errorf("--out %s is no file that may be written", path), "name a file: it is made, or replaced")
		}
	}
	if k.store.Holds(target) {
		return "", usage(fmt.Errorf("--out %s is inside the store", path), "name a file elsewhere: what is in the store is never changed")
	}
	return target, nil
}

// query is the text to run.
func (a *app) query(ctx context.Context, args []string, file string) (string, error) {
	switch {
	case len(args) == 1 && file != "":
		return "", usage(errors.New("a query and -f together"), "give one of them")
	case len(args) == 1:
		return args[0], nil
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return "", usage(err, "-f names a file with a query; the query itself is given without -f")
		}
		defer f.Close()
		return readQuery(ctx, f)
	}
	if a.typedInto() != nil {
		return "", usage(errors.New("no query"), `for example: exporter sql "FROM permissions LIMIT 5"`)
	}
	return readQuery(ctx, a.stdin)
}

// readQuery reads no more than shows that a text is too long, and no longer than ctx.
func readQuery(ctx context.Context, r io.Reader) (string, error) {
	var text strings.Builder
	err := copyUntil(ctx, &text, io.LimitReader(r, maxQuery+1))
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return text.String(), err
}
