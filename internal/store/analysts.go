package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What is in a folder of the analysts' copy.
const (
	analystsFile = "analysts.duckdb"
	parquetDir   = "parquet"
	manifestFile = parquetDir + "/manifest.json"

	publishing     = ".publishing" // what is being made; a crash leaves it to the next
	publishingLock = ".publishing.lock"
)

// publishMemory is DuckDB's limit while the copy is made, and publishWait how long
// another process that makes one in the same folder is waited for.
const (
	publishMemory = 256 << 20
	publishWait   = 5 * time.Minute
)

// AnalystsOptions says where the analysts' copy goes: a folder, made where it is
// missing, never the store's own. Timezone is an IANA name, of the days and of times
// without a zone. Masking is as in [ReadOptions].
type AnalystsOptions struct {
	Dir            string
	Timezone       string
	ProgramVersion string
	Masking        func(snapshot string)
}

// AnalystsFile is a file of the analysts' copy, by its path below the folder.
type AnalystsFile struct {
	Path   string `json:"path"`
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// AnalystsCopy is what was published. Files are those that were written, and Kept
// counts the Parquet files that hold what they should and were left alone. Bytes is
// the size of all together.
type AnalystsCopy struct {
	Snapshot string
	Files    []AnalystsFile
	Kept     int
	Bytes    int64
}

// ErrNoCopy means that a folder cannot hold the analysts' copy: it is the store's,
// or has a file under one of its names that is not one of its own.
var ErrNoCopy = errors.New("no place for the analysts' copy")

// copyError is [ErrNoCopy] of one path.
type copyError struct{ path, why, hint string }

func (e *copyError) Error() string { return e.path + " " + e.why }
func (e *copyError) Unwrap() error { return ErrNoCopy }

// Hint says what to do.
func (e *copyError) Hint() string { return e.hint }

// CheckAnalystsDir returns an [ErrNoCopy] where dir is inside a store's folder.
func CheckAnalystsDir(store, dir string) error {
	if inside(store, dir) {
		return &copyError{dir, "is inside the store, which is for its owner alone",
			"choose a folder outside " + store}
	}
	if strings.Contains(dir, "?") {
		return &copyError{dir, "has a question mark, which DuckDB cannot have in a path",
			"choose a folder with another name"}
	}
	return nil
}

// Holds tells whether a path leads into the store's folder, or is it.
func (s *Store) Holds(path string) bool { return inside(s.dir, path) }

func inside(dir, path string) bool {
	within, err := filepath.Rel(real(dir), real(path))
	return err == nil && within != ".." && !strings.HasPrefix(within, "../")
}

// real is a path without links, as far as it is there.
func real(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if resolved, err := filepath.EvalSymlinks(path); err == nil || path == "/" {
		return resolved
	}
	return filepath.Join(real(filepath.Dir(path)), filepath.Base(path))
}

// publication is one making of the analysts' copy.
type publication struct {
	store    *Store
	o        AnalystsOptions
	snapshot string
	conn     *sql.Conn
	result   *AnalystsCopy
}

// PublishAnalysts writes the newest snapshot to a folder for analysts, under the
// profile pseudonym: as one DuckDB file, analysts.duckdb, and as Parquet files below
// parquet/ with a manifest. Each file is replaced by a rename when it is whole, so
// that a reader has the old one or the new, and keeps what it has open; of the Parquet
// files only those are written whose rows have changed. One process at a time
// publishes to a folder, and others wait. It returns [ErrNotPublished] where the
// store is empty, [ErrNoCopy] and [ErrDamaged]. What an error leaves in the folder is
// whole, of this snapshot or of the one before.
func (s *Store) PublishAnalysts(ctx context.Context, o AnalystsOptions) (*AnalystsCopy, error) {
	c, err := s.publishAnalysts(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("publish to %s: %w", o.Dir, err)
	}
	return c, nil
}

func (s *Store) publishAnalysts(ctx context.Context, o AnalystsOptions) (_ *AnalystsCopy, err error) {
	if err := CheckAnalystsDir(s.dir, o.Dir); err != nil {
		return nil, err
	}
	// Before anything is made.
	if newest, err := s.newest(); err != nil || newest == "" {
		return nil, errors.Join(err, fmt.Errorf("%w: the store is empty", ErrNotPublished))
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	known, err := exists(filepath.Join(o.Dir, publishingLock))
	if err != nil {
		return nil, err
	}
	release, err := lockDir(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	p := &publication{store: s, o: o, result: &AnalystsCopy{}}
	old, err := p.before(ctx)
	if err == nil && !known && old == nil {
		// A publish that was killed has left its lock beside what it left.
		// The folder's own name may have any characters; the pattern is well formed.
		if found, _ := fs.Glob(os.DirFS(o.Dir), parquetDir+"/"+partitions); len(found) > 0 {
			err = &copyError{filepath.Join(o.Dir, found[0]), "is not one that exporter made: there is no manifest", hintForeign}
		}
	}
	if err != nil && !known {
		err = errors.Join(err, os.Remove(filepath.Join(o.Dir, publishingLock)))
	}
	if err != nil {
		return nil, err
	}
	if p.snapshot, err = s.newest(); err != nil {
		return nil, err
	}
	p.result.Snapshot = p.snapshot
	if err := errors.Join(os.RemoveAll(p.inWork()), os.Mkdir(p.inWork(), 0o700)); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(p.inWork())) }()
	m, err := p.make(ctx, old)
	if err != nil {
		return nil, err
	}
	if err := p.show(ctx, m); err != nil {
		return nil, err
	}
	return p.result, nil
}

// lockDir takes the right to publish to a folder.
func lockDir(ctx context.Context, dir string) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, publishingLock), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, publishWait,
		fmt.Errorf("another process has been publishing there for %s", publishWait))
	defer cancel()
	if err := lockFile(ctx, f, nil); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}

func (p *publication) inWork(parts ...string) string {
	return filepath.Join(append([]string{p.o.Dir, publishing}, parts...)...)
}

func (p *publication) exec(ctx context.Context, query string, args ...any) error {
	_, err := p.conn.ExecContext(ctx, query, args...)
	return err
}

// before returns what the folder's manifest says, nil where there is none. What is
// there under names of the copy and is not of it is refused, never replaced.
func (p *publication) before(ctx context.Context) (*manifest, error) {
	m, err := readManifest(filepath.Join(p.o.Dir, manifestFile))
	if errors.Is(err, errManifest) {
		return nil, &copyError{filepath.Join(p.o.Dir, manifestFile), "is not one that exporter made: " + err.Error(), hintForeign}
	}
	if err != nil {
		return nil, err
	}
	file := filepath.Join(p.o.Dir, analystsFile)
	info, err := os.Lstat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || checkMagic(file) != nil:
		return nil, &copyError{file, "is no DuckDB file", hintForeign}
	}
	// One that a client holds to write cannot be looked into.
	if m == nil {
		if err := checkOurs(ctx, file); err != nil {
			return nil, &copyError{file, "is not one that exporter made: " + err.Error(), hintForeign}
		}
	}
	return m, nil
}

const hintForeign = "move it away, or choose another folder"

// checkOurs opens an analysts' file and looks for what it says of itself.
func checkOurs(ctx context.Context, file string) (err error) {
	path, err := quotePath(file)
	if err != nil {
		return err
	}
	db, err := openMemory(func(exec func(string, ...any) error) error {
		return exec("ATTACH " + path + " AS old (READ_ONLY)")
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	made, err := texts(ctx, db, "SELECT value FROM old.main.about WHERE fact = 'made by'")
	if err == nil && len(made) == 0 {
		err = errors.New("the table about does not say so")
	}
	return err
}

// make makes all new files in the work folder, and returns the new manifest.
func (p *publication) make(ctx context.Context, old *manifest) (_ *manifest, err error) {
	copied, err := p.store.masked(ctx, p.store.path(p.snapshot),
		ReadOptions{Mask: MaskPseudonym, Masking: p.o.Masking})
	if err != nil {
		return nil, err
	}
	db, err := p.store.attach(ctx, copied, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if p.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.conn.Close()) }()
	if err := p.exec(ctx, memoryLimit(publishMemory, 0)+"SET TimeZone = "+quote(p.o.Timezone)); err != nil {
		return nil, err
	}
	rows, err := p.buildFile(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", analystsFile, err)
	}
	m, err := p.buildParquet(ctx, old)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", parquetDir, err)
	}
	if err := p.exec(ctx, "DETACH out"); err != nil {
		return nil, err
	}
	if _, err := p.finish(analystsFile, rows); err != nil {
		return nil, err
	}
	return m, ctx.Err()
}

// finish waits until a file of the work folder is on the disk, and notes it.
func (p *publication) finish(path string, rows int64) (file AnalystsFile, err error) {
	f, err := os.Open(p.inWork(path))
	if err != nil {
		return file, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	file = AnalystsFile{Path: path, Rows: rows}
	if file.Bytes, file.SHA256, err = readSum(f); err != nil {
		return file, err
	}
	p.result.Files = append(p.result.Files, file)
	p.result.Bytes += file.Bytes
	info, err := f.Stat()
	if err != nil {
		return file, err
	}
	// Nobody is to write to what others read.
	return file, errors.Join(f.Chmod(info.Mode().Perm()&0o444), f.Sync())
}

// readSum reads all of r, and returns its length and its SHA-256.
func readSum(r io.Reader) (int64, string, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	return n, hex.EncodeToString(sum.Sum(nil)), err
}

// show puts what was made in its place: the manifest last, which then is true of all.
func (p *publication) show(ctx context.Context, m *manifest) error {
	// A purge that took the snapshot meanwhile has published without us.
	if there, err := exists(p.store.path(p.snapshot)); err != nil || !there {
		return errors.Join(err, fmt.Errorf("%w: snapshot %s was removed meanwhile", ErrNotPublished, p.snapshot))
	}
	if err := p.writeManifest(m); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// Who could write left it; DuckDB would lay it over the new file.
	if err := removeIfThere(filepath.Join(p.o.Dir, analystsFile+".wal")); err != nil {
		return err
	}
	touched := map[string]bool{p.o.Dir: true}
	for _, f := range p.result.Files {
		target := filepath.Join(p.o.Dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.Rename(p.inWork(f.Path), target); err != nil {
			return err
		}
		for dir := filepath.Dir(target); dir != filepath.Clean(p.o.Dir); dir = filepath.Dir(dir) {
			touched[dir] = true
		}
	}
	for dir := range touched {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return p.removeOld(m)
}
