package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"time"
)

var errNotYet = errors.New("not built yet")

type Store struct{ dir string }

func Open(dir string) (*Store, error) { return nil, errNotYet }

func (s *Store) Dir() string { return s.dir }

func (s *Store) Lock(ctx context.Context) (release func() error, err error) { return nil, errNotYet }

func (s *Store) Snapshots(ctx context.Context) ([]Snapshot, error) { return nil, errNotYet }

func (s *Store) Begin(ctx context.Context, o BuildOptions) (*Build, error) { return nil, errNotYet }

func (s *Store) Read(ctx context.Context, o ReadOptions) (*Reader, error) { return nil, errNotYet }

type Build struct{}

func (b *Build) ID() string                    { return "" }
func (b *Build) Landing(project string) string { return "" }
func (b *Build) Discard() error                { return errNotYet }
func (b *Build) Load(ctx context.Context, project, resource string) (Loaded, error) {
	return Loaded{}, errNotYet
}
func (b *Build) Wanted(ctx context.Context, project, resource string) ([]string, error) {
	return nil, errNotYet
}
func (b *Build) Previous(ctx context.Context, project, resource string) (int64, error) {
	return 0, errNotYet
}
func (b *Build) Publish(ctx context.Context, projects []Project) ([]Snapshot, error) {
	return nil, errNotYet
}

type Reader struct{}

func (r *Reader) Snapshot() string { return "" }
func (r *Reader) AsOf() time.Time  { return time.Time{} }
func (r *Reader) Close() error     { return errNotYet }
func (r *Reader) Query(ctx context.Context, query string, named map[string]any) (*sql.Rows, error) {
	return nil, errNotYet
}

// WriteCSV writes the rest of rows with a header.
func WriteCSV(w io.Writer, rows *sql.Rows) error { return errNotYet }
