package store

import (
	"cmp"
	"context"
	"os"
	"testing"
)

// SchemaVersion is the version of what is written.
const SchemaVersion = schemaVersion

// SetRewriteFloor makes small files worth rewriting.
func SetRewriteFloor(s *Store, n int64) { s.floor = n }

// SetMemory sets the limit of every database that is opened from now on.
func SetMemory(s *Store, n int64) { s.memory = n }

// Published lists the snapshots whose files are there, oldest first.
func Published(s *Store) ([]string, error) {
	ids, _, err := s.files()
	return ids, err
}

// ReadFile reads as of what o chooses, from the file of one snapshot.
func ReadFile(ctx context.Context, s *Store, file string, o ReadOptions) (*Reader, error) {
	o.Mask = cmp.Or(o.Mask, MaskFull)
	p, _, err := s.findIn(ctx, s.path(file), o, false)
	if err != nil {
		return nil, err
	}
	return p.open(ctx, s)
}

// ChangeStore updates the row of base.store in the file of a snapshot.
func ChangeStore(t testing.TB, s *Store, id, set string) {
	t.Helper()
	ChangeFile(t, s, id, "UPDATE base.store SET "+set)
}

// ChangeFile runs statements on the file of a snapshot.
func ChangeFile(t testing.TB, s *Store, id, statements string) {
	t.Helper()
	path := s.path(id)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := openMemory(func(exec func(string, ...any) error) error {
		return exec("ATTACH " + quote(path) + " AS x; USE x")
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
}

// ReadFiles opens a database in memory after the statements of init, which attach
// files that are no snapshots.
func ReadFiles(t testing.TB, init string) *Reader {
	t.Helper()
	db, err := openMemory(func(exec func(string, ...any) error) error { return exec(init) })
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(2) // a reader's check has one of its own
	t.Cleanup(func() { db.Close() })
	return &Reader{db: db}
}
