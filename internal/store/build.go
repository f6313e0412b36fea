package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Build is a snapshot that is being made. Its methods are safe for concurrent
// use and take turns. End it with [Build.Publish] or [Build.Discard].
type Build struct {
	store    *Store
	id       string
	version  string
	file     string // .building-<id>.duckdb
	scratch  string // .building-<id>.stage.duckdb
	db       *sql.DB
	conn     *sql.Conn
	threads  int // of DuckDB; more once there is much to load
	mu       sync.Mutex
	projects []string         // in the order in which they were first loaded
	loaded   map[string]int64 // keys with a whole walk, of each stage that is filled
}

// Begin names a new snapshot, later than every other, or takes up one that was
// interrupted, and opens a copy of the newest to build it in. The caller holds the lock of the store. It returns
// [ErrDamaged] when the newest file cannot be read, and [*ErrNewer].
func (s *Store) Begin(ctx context.Context, o BuildOptions) (*Build, error) {
	b, err := s.begin(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("begin snapshot: %w", err)
	}
	return b, nil
}

func (s *Store) begin(ctx context.Context, o BuildOptions) (*Build, error) {
	if err := s.Create(); err != nil {
		return nil, err
	}
	newest, err := s.newest()
	if err != nil {
		return nil, err
	}
	id, err := s.resume(o, newest)
	if err == nil && id == "" {
		id, err = nextID(o.Started, newest)
	}
	if err != nil {
		return nil, err
	}
	b, err := s.newBuild(ctx, id, newest, o.ProgramVersion)
	if err != nil {
		return nil, err
	}
	if err := b.loadRegisters(ctx, o.Registers); err != nil {
		return nil, errors.Join(err, b.Discard())
	}
	if err := b.loadJournal(ctx, o.Journal); err != nil {
		return nil, errors.Join(err, b.Discard())
	}
	return b, nil
}

// newest is the last published snapshot, "" where there is none.
func (s *Store) newest() (string, error) {
	ids, _, err := s.files()
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[len(ids)-1], nil
}

// newBuild opens a copy of the newest snapshot to build another in.
func (s *Store) newBuild(ctx context.Context, id, newest, version string) (*Build, error) {
	name := filepath.Join(s.dir, "snapshots", building+id)
	b := &Build{
		store: s, id: id, version: version,
		file: name + ".duckdb", scratch: name + ".stage.duckdb",
		loaded: map[string]int64{},
	}
	if err := b.open(ctx, newest); err != nil {
		return nil, errors.Join(err, b.Discard())
	}
	return b, nil
}

func (b *Build) open(ctx context.Context, newest string) error {
	version := 0
	if newest != "" {
		var err error
		if version, err = b.store.version(ctx, b.store.path(newest)); err != nil {
			return err
		}
	}
	begin := writeBlank
	if version == schemaVersion {
		begin = func(path string) error { return copyFile(b.store.path(newest), path) }
	}
	if err := begin(b.file); err != nil {
		return err
	}
	if err := b.attach(ctx, newest); err != nil {
		return err
	}
	if newest != "" {
		if version != schemaVersion {
			if err := b.upgrade(ctx, newest); err != nil {
				return fmt.Errorf("upgrade %s: %w", newest, err)
			}
		}
		// Their blocks are free for what comes.
		if err := b.exec(ctx, "DELETE FROM base.calls; CHECKPOINT build"); err != nil {
			return err
		}
	}
	return b.exec(ctx, "SET VARIABLE snapshot_id = $1", b.id)
}

// attach opens the database of the build, which is chosen, and its stage.
func (b *Build) attach(ctx context.Context, newest string) error {
	file, err := quotePath(b.file)
	if err != nil {
		return err
	}
	scratch, err := quotePath(b.scratch)
	if err != nil {
		return err
	}
	tmp := b.store.newTmp()
	b.threads = threadsFor(b.file, smallSnapshot)
	// The stage is not written out when it is closed; the snapshot is by its own
	// CHECKPOINT.
	attached := false
	b.db, err = openMemory(func(exec func(string, ...any) error) error {
		if attached {
			return exec("USE build")
		}
		attached = true
		if err := exec(settings(b.store.memory, tmp, b.threads) + "SET preserve_insertion_order = false; PRAGMA disable_checkpoint_on_shutdown;"); err != nil {
			return err
		}
		if err := exec("ATTACH " + file + " AS build (" + noLog + ")"); err != nil {
			if newest != "" {
				return &damagedError{b.store.path(newest), err}
			}
			return err
		}
		return exec("ATTACH " + scratch + " AS stage (" + noLog + "); USE build")
	})
	if err != nil {
		return err
	}
	b.conn, err = b.db.Conn(ctx)
	return err
}

func copyFile(from, to string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// ID returns the name of the snapshot: its start in UTC.
func (b *Build) ID() string { return b.id }

// Started returns when the collection began, to the second: the time of its name,
// which is that of the first run where it was interrupted.
func (b *Build) Started() time.Time {
	t, _ := time.Parse(idLayout, b.id) // it was made by this layout
	return t
}

// Landing returns the directory where the pages of a project land. It is made
// when it is asked for.
func (b *Build) Landing(project string) string {
	dir := b.landing(project)
	// A failure shows when the first page is written.
	_ = os.MkdirAll(dir, 0o700)
	return dir
}

func (b *Build) landing(project string) string {
	return filepath.Join(b.store.dir, "landing", folder(project), b.id)
}

// Discard gives the snapshot up. What has landed stays. After Publish it does
// nothing.
func (b *Build) Discard() error {
	err := b.close()
	for _, path := range []string{b.file, b.scratch, b.file + ".wal", b.scratch + ".wal", b.fresh()} {
		if e := os.Remove(path); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// fresh is where a snapshot is rewritten to.
func (b *Build) fresh() string {
	return filepath.Join(b.store.dir, "snapshots", building+b.id+".fresh.duckdb")
}

func (b *Build) close() error {
	var err error
	if b.conn != nil {
		err = b.conn.Close()
		b.conn = nil
	}
	if b.db != nil {
		err = errors.Join(err, b.db.Close())
		b.db = nil
	}
	return err
}

func (b *Build) exec(ctx context.Context, query string, args ...any) error {
	_, err := b.conn.ExecContext(ctx, query, args...)
	return err
}

func (b *Build) count(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := b.conn.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

// Previous returns how many rows of a resource were current before this run.
func (b *Build) Previous(ctx context.Context, project, name string) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := lookup(name)
	if err != nil {
		return 0, err
	}
	where := ""
	if r.name == "tasks" {
		where = " AND listed"
	}
	n, err := b.count(ctx, "SELECT count(*) FROM base."+r.name+" WHERE closed_snapshot IS NULL AND project_id = $1"+where, project)
	if err != nil {
		return 0, fmt.Errorf("previous rows of %s: %w", name, err)
	}
	return n, nil
}

// Missing returns how many of the rows that were current before this run are not
// among those loaded for a list.
func (b *Build) Missing(ctx context.Context, project, name string) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := lookup(name)
	if err != nil {
		return 0, err
	}
	n, err := b.count(ctx, `
SELECT count(*)
FROM base.`+r.name+` AS h
ANTI JOIN `+b.stageOf(project, r)+` AS s USING (`+strings.Join(r.key, ", ")+`)
WHERE h.closed_snapshot IS NULL AND h.project_id = $1`, project)
	if err != nil {
		return 0, fmt.Errorf("missing rows of %s: %w", name, err)
	}
	return n, nil
}

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}
