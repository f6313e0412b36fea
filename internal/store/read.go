package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// Reader sees the store as of one snapshot. Its methods are safe for
// concurrent use.
type Reader struct {
	db       *sql.DB
	snapshot string
	asOf     time.Time
	mask     string
	earlier  func(ctx context.Context, snapshot string) (*Reader, error)
}

// Read opens the store as of the snapshot that o chooses: its own file, or
// where that is gone the newest one. Where that is damaged an older file still
// answers for a time before the damaged one began. It returns [ErrNotPublished] when there
// is none, [ErrDamaged] when the file cannot be read, and [*ErrNewer].
func (s *Store) Read(ctx context.Context, o ReadOptions) (*Reader, error) {
	r, err := s.read(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	return r, nil
}

func (s *Store) read(ctx context.Context, o ReadOptions) (*Reader, error) {
	zone, err := time.LoadLocation(o.Timezone)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w", o.Timezone, err)
	}
	if o.Mask != "" && !slices.Contains(Masks, o.Mask) {
		return nil, fmt.Errorf("mask %.200q: must be one of %s", o.Mask, strings.Join(Masks, ", "))
	}
	ids, _, err := s.files()
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%w: the store is empty", ErrNotPublished)
	}
	file := s.path(ids[len(ids)-1])
	if o.Snapshot != "" {
		own := s.path(o.Snapshot)
		if there, err := exists(own); err != nil {
			return nil, err
		} else if there {
			file = own
		}
	}
	r, err := s.readFile(ctx, file, zone, o)
	// An older file answers for the time before the damaged ones began.
	for i := len(ids) - 2; i >= 0 && o.Snapshot == "" && !o.AsOf.IsZero() && errors.Is(err, ErrDamaged); i-- {
		if began, e := time.Parse(idLayout, ids[i+1]); e != nil || !o.AsOf.Before(began) {
			return nil, err
		}
		r, err = s.readFile(ctx, s.path(ids[i]), zone, o)
	}
	if err != nil || o.Snapshot == "" && o.AsOf.IsZero() {
		return r, err
	}
	if err := r.answerable(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// answerable refuses a snapshot of which a purge has taken rows by their age: as
// of it they would be missing without a word.
func (r *Reader) answerable(ctx context.Context) error {
	list, err := purgesOf(ctx, r.db)
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.lastClosed > r.snapshot {
			return fmt.Errorf("%w: snapshot %s: the history before %s has been purged", ErrNotPublished, r.snapshot, p.lastClosed)
		}
	}
	return nil
}

// readFile opens the store as of the snapshot that o chooses, from one file.
func (s *Store) readFile(ctx context.Context, file string, zone *time.Location, o ReadOptions) (*Reader, error) {
	moment, err := s.moment(ctx, file, o)
	if err != nil {
		return nil, err
	}
	if own := s.path(moment.snapshot); own != file && o.Snapshot == "" {
		if there, err := exists(own); err != nil {
			return nil, err
		} else if there {
			file = own
		}
	}
	o.Mask = cmp.Or(o.Mask, MaskFull)
	seen := file
	if o.Mask != MaskFull {
		if seen, err = s.masked(ctx, file, o); err != nil {
			return nil, err
		}
	}
	locked := false
	db, err := s.attach(ctx, seen, func(exec func(string, ...any) error) error {
		if !locked {
			// Last, since it forbids every further setting.
			if err := exec("SET GLOBAL TimeZone = " + quote(zone.String()) + `;
SET enable_external_access = false;
SET lock_configuration = true;`); err != nil {
				return err
			}
			locked = true
		}
		return moment.set(exec, o.Project)
	})
	if err != nil {
		return nil, err
	}
	earlier := func(ctx context.Context, snapshot string) (*Reader, error) {
		o.Snapshot, o.AsOf = snapshot, time.Time{}
		return s.readFile(ctx, file, zone, o)
	}
	return &Reader{db: db, snapshot: moment.snapshot, asOf: moment.asOf, mask: o.Mask, earlier: earlier}, nil
}

// Earlier opens a reader of an earlier snapshot from the file that r reads, so
// that both have the same mask, and of the same project. It returns
// [ErrNotPublished] when r does not see that snapshot, or its history has been
// purged. The caller closes it.
func (r *Reader) Earlier(ctx context.Context, snapshot string) (*Reader, error) {
	e, err := r.earlier(ctx, snapshot)
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	if err := e.answerable(ctx); err != nil {
		return nil, fmt.Errorf("read store: %w", errors.Join(err, e.Close()))
	}
	return e, nil
}

// moment is what a connection's variables are set to.
type moment struct {
	snapshot string
	asOf     time.Time
}

func (m moment) set(exec func(string, ...any) error, project string) error {
	if err := exec("SET VARIABLE snapshot_id = $1", m.snapshot); err != nil {
		return err
	}
	if err := exec("SET VARIABLE as_of = $1::TIMESTAMPTZ", m.asOf.UTC().Format("2006-01-02 15:04:05.999999Z")); err != nil {
		return err
	}
	if project == "" {
		return nil
	}
	return exec("SET VARIABLE project_id = $1", project)
}

// moment finds the snapshot that o chooses among those that file knows.
func (s *Store) moment(ctx context.Context, file string, o ReadOptions) (moment, error) {
	db, err := s.attach(ctx, file, nil)
	if err != nil {
		return moment{}, err
	}
	defer db.Close()
	// A project that the cloud never answered for has no server time; where none
	// has one, our own clock stands in.
	rows, err := db.QueryContext(ctx, `
SELECT snapshot_id, coalesce(max(server_time), max(started_at)) AS at
FROM base.snapshots
WHERE $1 = '' OR project_id = $1
GROUP BY snapshot_id
ORDER BY snapshot_id DESC`, o.Project)
	if err != nil {
		return moment{}, err
	}
	defer rows.Close()
	for rows.Next() {
		var m moment
		if err := rows.Scan(&m.snapshot, &m.asOf); err != nil {
			return moment{}, err
		}
		switch {
		case o.Snapshot != "" && m.snapshot != o.Snapshot:
			continue
		case o.AsOf.IsZero():
			return m, nil
		case o.Snapshot != "" || !m.asOf.After(o.AsOf):
			m.asOf = o.AsOf
			return m, nil
		}
	}
	if err := rows.Err(); err != nil {
		return moment{}, err
	}
	return moment{}, notPublished(o)
}

func notPublished(o ReadOptions) error {
	var want []string
	if o.Snapshot != "" {
		want = append(want, fmt.Sprintf("snapshot %q", o.Snapshot))
	}
	if !o.AsOf.IsZero() {
		want = append(want, "as of "+o.AsOf.Format(time.RFC3339))
	}
	if o.Project != "" {
		want = append(want, fmt.Sprintf("project %q", o.Project))
	}
	return fmt.Errorf("%w: %s", ErrNotPublished, strings.Join(want, ", "))
}

// Empty opens the schema without any snapshot, in memory: a reader to describe
// statements with where there is no store.
func Empty(ctx context.Context) (_ *Reader, err error) {
	db, err := openMemory(func(func(string, ...any) error) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("empty store: %w", err)
	}
	text, err := schemaSQL()
	if err == nil {
		_, err = db.ExecContext(ctx, settings(readMemory, "")+text+`
SET enable_external_access = false;
SET lock_configuration = true;`)
	}
	if err != nil {
		return nil, fmt.Errorf("empty store: %w", errors.Join(err, db.Close()))
	}
	return &Reader{db: db, mask: MaskFull, earlier: func(_ context.Context, id string) (*Reader, error) {
		return nil, notPublished(ReadOptions{Snapshot: id})
	}}, nil
}

// Snapshot returns the id of the snapshot that is read.
func (r *Reader) Snapshot() string { return r.snapshot }

// AsOf returns the time that was asked for, else the snapshot's server time;
// with several projects the latest of theirs.
func (r *Reader) AsOf() time.Time { return r.asOf }

// Mask returns the profile of what is read: one of [Masks].
func (r *Reader) Mask() string { return r.mask }

// Close closes the reader; rows that are still open become unusable.
func (r *Reader) Close() error { return r.db.Close() }

var (
	// explain matches what stands before the statement that is explained.
	explain = regexp.MustCompile(`(?is)^\s*EXPLAIN\s+(ANALYZE\s+)?(\([^()]*\)\s*)?`)

	// reading matches the beginning of a statement that may be one that reads.
	reading = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/|\()*(SELECT|FROM|WITH|VALUES|TABLE|PIVOT|UNPIVOT|DESCRIBE|DESC|SUMMARIZE|SHOW)\b`)

	// changing matches one that changes rows and names others before, as WITH does.
	changing = regexp.MustCompile(`(?is)^(\s|--[^\n]*\n|/\*.*?\*/)*WITH\b.*\)\s*(INSERT|UPDATE|DELETE|MERGE)\b`)
)

const hintReads = "a snapshot is never changed; to keep an answer: exporter sql --format csv QUERY > FILE"

// Query runs one statement that reads: SELECT in any of its forms (FROM, WITH,
// VALUES, PIVOT with its values named), DESCRIBE, SUMMARIZE, SHOW, or EXPLAIN
// of one. Every other statement, and more than one, is [ErrRefused] before
// anything runs. Of named it passes the parameters that the statement names;
// one that is missing is an error that names it. Cancelling ctx stops the
// query. The caller closes the rows; DuckDB holds all of them in memory.
func (r *Reader) Query(ctx context.Context, query string, named map[string]any) (*sql.Rows, error) {
	names, err := r.check(ctx, query)
	if err != nil {
		return nil, err
	}
	args := make([]any, len(names))
	for i, name := range names {
		value, ok := named[name]
		if !ok {
			return nil, fmt.Errorf("query names the parameter $%s, which has no value", name)
		}
		args[i] = sql.Named(name, value)
	}
	return r.db.QueryContext(ctx, query, args...)
}

// Describe returns the names of the parameters and of the columns of a statement
// that [Reader.Query] takes, without running it. named has values for those of
// its parameters that are known; the others are taken as NULL.
func (r *Reader) Describe(ctx context.Context, query string, named map[string]any) (parameters, columns []string, err error) {
	if parameters, err = r.check(ctx, query); err != nil {
		return nil, nil, err
	}
	args := make([]any, len(parameters))
	for i, name := range parameters {
		args[i] = sql.Named(name, named[name])
	}
	// A prepared statement with parameters does not tell its columns.
	rows, err := r.db.QueryContext(ctx, "DESCRIBE "+query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var rest [5]any // type, whether it may be NULL, key, default and more
		if err := rows.Scan(&name, &rest[0], &rest[1], &rest[2], &rest[3], &rest[4]); err != nil {
			return nil, nil, err
		}
		columns = append(columns, name)
	}
	return parameters, columns, rows.Err()
}

// check prepares a statement without running it and returns the names of its
// parameters.
func (r *Reader) check(ctx context.Context, query string) ([]string, error) {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var names []string
	err = conn.Raw(func(c any) error {
		dc, ok := c.(*duckdb.Conn)
		if !ok {
			return fmt.Errorf("connection is a %T", c)
		}
		kind, found, err := prepare(dc, query)
		if err != nil && !errors.Is(err, ErrRefused) && (!reading.MatchString(explain.ReplaceAllString(query, "")) || changing.MatchString(query)) {
			// DuckDB's own refusal comes before the kind is known.
			return &refusedError{why: err, hint: hintReads}
		}
		if err != nil {
			return err
		}
		names = found
		switch kind {
		case duckdb.STATEMENT_TYPE_SELECT:
			return nil
		case duckdb.STATEMENT_TYPE_EXPLAIN:
			// EXPLAIN ANALYZE runs what it explains.
			kind, _, err := prepare(dc, explain.ReplaceAllString(query, ""))
			if err == nil && kind == duckdb.STATEMENT_TYPE_SELECT {
				return nil
			}
		}
		return &refusedError{errors.New("only a statement that reads is run: SELECT, FROM, WITH, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN"), hintReads}
	})
	return names, err
}

// prepare returns the kind and the parameters of a single statement.
func prepare(c *duckdb.Conn, query string) (duckdb.StmtType, []string, error) {
	prepared, err := c.Prepare(query)
	if err != nil {
		if _, ok := errors.AsType[*duckdb.Error](err); ok {
			return 0, nil, err
		}
		// The driver's own two refusals: of several statements, which it joins to
		// another, and of none.
		if _, several := err.(interface{ Unwrap() []error }); several {
			return 0, nil, &refusedError{errors.New("more than one statement"),
				"give them one by one; PIVOT is several unless its values are named: ON column IN ('a', 'b')"}
		}
		return 0, nil, &refusedError{errors.New("there is no statement"), "for example: FROM permissions LIMIT 5"}
	}
	defer prepared.Close()
	stmt, ok := prepared.(*duckdb.Stmt)
	if !ok {
		return 0, nil, fmt.Errorf("statement is a %T", prepared)
	}
	kind, err := stmt.StatementType()
	if err != nil {
		return 0, nil, err
	}
	names := make([]string, stmt.NumInput())
	for i := range names {
		if names[i], err = stmt.ParamName(i + 1); err != nil {
			return 0, nil, err
		}
	}
	return kind, names, nil
}

// Snapshots lists every project of every snapshot, oldest first, as the newest
// readable file has them. Files in snapshots/ that are no snapshots come back
// as an error beside the list, each wrapped in [ErrDamaged] and named.
func (s *Store) Snapshots(ctx context.Context) ([]Snapshot, error) {
	ids, foreign, err := s.files()
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	var bad []error
	for _, name := range foreign {
		bad = append(bad, &damagedError{"snapshots/" + name, nil})
	}
	var list []Snapshot
	found := false
	for i := len(ids) - 1; i >= 0; i-- {
		path := s.path(ids[i])
		if found {
			if err := checkMagic(path); err != nil {
				bad = append(bad, err)
			}
			continue
		}
		if list, err = s.list(ctx, path); err != nil {
			bad = append(bad, err)
			continue
		}
		found = true
	}
	if len(bad) > 0 {
		return list, fmt.Errorf("list snapshots: %w", errors.Join(bad...))
	}
	return list, nil
}

func (s *Store) list(ctx context.Context, path string) ([]Snapshot, error) {
	db, err := s.attach(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return snapshotsWhere(ctx, db, "")
}

type queryer interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// snapshotsWhere reads base.snapshots of the chosen database: of one snapshot,
// or of all where id is empty.
func snapshotsWhere(ctx context.Context, db queryer, id string) ([]Snapshot, error) {
	rows, err := db.QueryContext(ctx, `
SELECT snapshot_id, project_id, started_at, finished_at, server_time, verdict, rows, digest, program_version, kind
FROM base.snapshots
WHERE $1 = '' OR snapshot_id = $1
ORDER BY snapshot_id, project_id`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Snapshot
	for rows.Next() {
		var x Snapshot
		var started, finished, server sql.NullTime
		var digest, version sql.NullString
		var n sql.NullInt64
		if err := rows.Scan(&x.ID, &x.Project, &started, &finished, &server, &x.Verdict, &n, &digest, &version, &x.Kind); err != nil {
			return nil, err
		}
		x.Started, x.Finished, x.ServerTime = started.Time, finished.Time, server.Time
		x.Rows, x.Digest, x.ProgramVersion = n.Int64, digest.String, version.String
		list = append(list, x)
	}
	return list, rows.Err()
}
