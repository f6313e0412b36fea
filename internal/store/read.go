package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Reader sees the store as of one snapshot. Its methods are safe for
// concurrent use.
type Reader struct {
	db      *sql.DB
	place   Place
	dir     string // where DuckDB writes
	earlier func(ctx context.Context, snapshot string) (*Reader, error)
}

// Read opens the store as of the snapshot that o chooses: its own file, or
// where that is gone the newest one. Where that is damaged an older file still
// answers for a time before the damaged one began. It returns [ErrNotPublished] when there
// is none, [ErrDamaged] when the file cannot be read, and [*ErrNewer].
func (s *Store) Read(ctx context.Context, o ReadOptions) (*Reader, error) {
	p, db, err := s.find(ctx, o, true)
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	if db != nil {
		return p.reader(db, s), nil
	}
	r, err := p.open(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	return r, nil
}

// find finds the state that o chooses. To be read, it comes with its database, unless
// its file was not opened to find it.
func (s *Store) find(ctx context.Context, o ReadOptions, read bool) (Place, *sql.DB, error) {
	if o.Mask = cmp.Or(o.Mask, MaskFull); !slices.Contains(Masks, o.Mask) {
		return Place{}, nil, fmt.Errorf("mask %.200q: must be one of %s", o.Mask, strings.Join(Masks, ", "))
	}
	ids, _, err := s.files()
	if err != nil {
		return Place{}, nil, err
	}
	if len(ids) == 0 {
		return Place{}, nil, fmt.Errorf("%w: the store is empty", ErrNotPublished)
	}
	file := s.path(ids[len(ids)-1])
	if o.Snapshot != "" {
		own := s.path(o.Snapshot)
		if there, err := exists(own); err != nil {
			return Place{}, nil, err
		} else if there {
			file = own
		}
	}
	p, db, err := s.findIn(ctx, file, o, read)
	// An older file answers for the time before the damaged ones began.
	for i := len(ids) - 2; i >= 0 && o.Snapshot == "" && !o.AsOf.IsZero() && errors.Is(err, ErrDamaged); i-- {
		if began, e := time.Parse(idLayout, ids[i+1]); e != nil || !o.AsOf.Before(began) {
			return Place{}, nil, err
		}
		p, db, err = s.findIn(ctx, s.path(ids[i]), o, read)
	}
	return p, db, err
}

// findIn finds the state that o chooses among those that one file knows. Its masked
// copy knows the same, where there is one that can be used.
func (s *Store) findIn(ctx context.Context, file string, o ReadOptions, read bool) (p Place, db *sql.DB, err error) {
	p = Place{Project: o.Project, Timezone: cmp.Or(o.Timezone, "UTC"), Mask: o.Mask}
	choose := func(path string) (*sql.DB, error) {
		return s.attach(ctx, path, func(conn *sql.Conn) (setting, error) {
			if path != file {
				if made, err := readMask(ctx, conn); err != nil || !made.fits(o.Mask) {
					return nil, errors.Join(ErrNotPublished, err)
				}
			}
			m, err := momentIn(ctx, conn, o)
			if err != nil {
				return nil, err
			}
			p.File, p.Snapshot, p.AsOf = path, m.snapshot, m.asOf
			if own := s.path(m.snapshot); own != file && o.Snapshot == "" {
				if there, err := exists(own); err != nil {
					return nil, err
				} else if there {
					p.File = own
				}
			}
			if read = read && p.File == path && (path != file || o.Mask == MaskFull); !read {
				return nil, nil
			}
			return p.setting(s), nil
		})
	}
	err = ErrNotPublished
	if o.Mask != MaskFull {
		db, err = choose(maskedPath(file, o.Mask))
	}
	if err != nil {
		db, err = choose(file)
	}
	if err != nil || read {
		return p, db, err
	}
	if err := db.Close(); err != nil {
		return Place{}, nil, err
	}
	if o.Mask != MaskFull && p.File != maskedPath(file, o.Mask) {
		p.File, err = s.masked(ctx, p.File, o)
	}
	return p, nil, err
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
	return e, nil
}

// moment is a snapshot with the time that it is read as of.
type moment struct {
	snapshot string
	asOf     time.Time
}

// momentIn finds the snapshot that o chooses among those that the chosen database
// knows. It refuses one of which a purge has taken rows by their age: as of it they
// would be missing without a word.
func momentIn(ctx context.Context, db queryer, o ReadOptions) (moment, error) {
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
	found := false
	var m moment
	for rows.Next() && !found {
		if err := rows.Scan(&m.snapshot, &m.asOf); err != nil {
			return moment{}, err
		}
		found = o.Snapshot == m.snapshot || o.Snapshot == "" && (o.AsOf.IsZero() || !m.asOf.After(o.AsOf))
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return moment{}, err
	}
	if !found {
		return moment{}, notPublished(o)
	}
	if !o.AsOf.IsZero() {
		m.asOf = o.AsOf
	}
	list, err := purgesOf(ctx, db)
	if err != nil {
		return moment{}, err
	}
	for _, p := range list {
		if p.lastClosed > m.snapshot {
			return moment{}, fmt.Errorf("%w: snapshot %s: the history before %s has been purged", ErrNotPublished, m.snapshot, p.lastClosed)
		}
	}
	return m, nil
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

// Empty opens the schema without any snapshot: a reader to describe statements with
// where there is no store.
func Empty(ctx context.Context) (_ *Reader, err error) {
	dir, err := os.MkdirTemp("", "exporter-schema")
	if err != nil {
		return nil, fmt.Errorf("empty store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s, path := &Store{dir: dir}, filepath.Join(dir, "blank.duckdb")
	if err := writeBlank(path); err != nil {
		return nil, fmt.Errorf("empty store: %w", err)
	}
	db, err := s.attach(ctx, path, func(conn *sql.Conn) (setting, error) {
		_, err := conn.ExecContext(ctx, "SET enable_external_access = false; SET lock_configuration = true")
		return nil, err
	})
	if err != nil {
		return nil, fmt.Errorf("empty store: %w", err)
	}
	return &Reader{db: db, place: Place{Mask: MaskFull}, earlier: func(_ context.Context, id string) (*Reader, error) {
		return nil, notPublished(ReadOptions{Snapshot: id})
	}}, nil
}

// Snapshot returns the id of the snapshot that is read.
func (r *Reader) Snapshot() string { return r.place.Snapshot }

// AsOf returns the time that was asked for, else the snapshot's server time;
// with several projects the latest of theirs.
func (r *Reader) AsOf() time.Time { return r.place.AsOf }

// Mask returns the profile of what is read: one of [Masks].
func (r *Reader) Mask() string { return r.place.Mask }

// Close closes the reader; rows that are still open become unusable.
func (r *Reader) Close() error { return r.db.Close() }

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

// texts is the first column of a query.
func texts(ctx context.Context, db queryer, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
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
