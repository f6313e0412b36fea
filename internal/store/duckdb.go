package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// schemaVersion is what this program writes; it reads every version up to it.
// Every change of a file in schema/ after a release raises it, but for comments,
// and then a store of the version before is kept in testdata. After any change
// TestBlank writes the blank anew.
const schemaVersion = 3

// defaultMemory is DuckDB's limit, which does not count all that it takes; the
// decoding of pages needs pageMemory more while it lasts, and the text of a
// digest digestRoom beside it. So the process stays under 512 MB.
const (
	defaultMemory = 192 << 20
	pageMemory    = 128 << 20
	digestRoom    = 64 << 20
)

// DuckDB's limit for a reader is so many times the size of the file, between these two:
// a report joins and sorts more at once than loading does, and DuckDB cannot put all of
// that beside the snapshots.
const (
	readTimes                 = 24
	leastReading, mostReading = 1 << 30, 2 << 30
)

// reading is DuckDB's limit for a reader of the file at path.
func (s *Store) reading(path string) int64 {
	info, err := os.Stat(path)
	if err != nil || s.small {
		return leastReading
	}
	return min(max(readTimes*info.Size(), leastReading), mostReading)
}

// maxSpill bounds what a query puts beside the snapshots. To sort 3,000,000
// permissions with all columns takes 5 GB.
const maxSpill = 16 << 30

// spill is the bound where tmp is: half of what is free, so that no query fills the
// disk. tmp itself need not be there yet.
func spill(tmp string) int64 {
	var disk unix.Statfs_t
	for dir := tmp; unix.Statfs(dir, &disk) != nil && dir != filepath.Dir(dir); {
		dir = filepath.Dir(dir)
	}
	return int64(min(maxSpill, disk.Bavail*uint64(disk.Bsize)/2))
}

// How files that are built are attached. No log is kept: what is not published is
// thrown away. A new file, as the blank is, is packed so that DuckDB 1.4 and later can
// read it (1.3 opens it, and takes for NULL what stands beside a NULL), in blocks that
// are small: where little has changed, a file grows by little.
const (
	noLog   = "RECOVERY_MODE NO_WAL_WRITES"
	newFile = noLog + ", STORAGE_VERSION 'v1.3.0', BLOCK_SIZE 65536"
)

//go:embed schema/*.sql
var schema embed.FS

// blank is the file, in zstd, that every new one begins as: it has the schema and no
// snapshot. To run the schema instead takes a third of a second.
//
//go:embed schema/blank.duckdb.zst
var blank []byte

// writeBlank writes a new file that is blank.
func writeBlank(path string) error {
	z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer z.Close()
	file, err := z.DecodeAll(blank, nil)
	if err != nil {
		return err
	}
	return os.WriteFile(path, file, 0o600)
}

// attachBlank attaches a blank database under a name: a file that nobody else sees, in
// the folder of the store for the time being, or that of the system.
func (s *Store) attachBlank(exec func(query string, args ...any) error, name string) (err error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, "tmp"), "blank")
	if err != nil {
		f, err = os.CreateTemp("", "exporter-blank")
	}
	if err != nil {
		return err
	}
	path := f.Name()
	defer func() { err = errors.Join(err, os.Remove(path)) }()
	if err := errors.Join(f.Close(), writeBlank(path)); err != nil {
		return err
	}
	file, err := quotePath(path)
	if err != nil {
		return err
	}
	return exec("ATTACH " + file + " AS " + name + " (" + noLog + ")")
}

// attachNew attaches a new file that has the schema under a name. It is no copy of the
// blank: that frees blocks when it is filled, which only a later snapshot would use.
func attachNew(ctx context.Context, db runner, path, name string) error {
	file, err := quotePath(path)
	if err != nil {
		return err
	}
	from := path + ".blank"
	err = writeBlank(from)
	if err == nil {
		_, err = db.ExecContext(ctx, "ATTACH "+quote(from)+" AS blank (READ_ONLY); ATTACH "+file+" AS "+name+" ("+newFile+
			"); COPY FROM DATABASE blank TO "+name+"; DETACH blank")
	}
	return errors.Join(err, removeIfThere(from))
}

// schemaSQL is the whole schema, in the order of the numbers that the files' names
// begin with, as one transaction: that takes half the time of none.
func schemaSQL() (string, error) {
	entries, err := schema.ReadDir("schema")
	if err != nil {
		return "", err
	}
	number := func(e os.DirEntry) int {
		digits, _, _ := strings.Cut(e.Name(), "_")
		n, _ := strconv.Atoi(digits)
		return n
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int {
		return cmp.Or(number(a)-number(b), strings.Compare(a.Name(), b.Name()))
	})
	var all strings.Builder
	all.WriteString("BEGIN;\n")
	for _, e := range entries {
		text, err := schema.ReadFile("schema/" + e.Name())
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	all.WriteString("COMMIT;\n")
	return all.String(), nil
}

// quote makes an SQL string literal of any text. It is how a path comes into
// ATTACH, COPY and read_json, which take no parameters.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// quotePath is [quote] for a path. NUL cannot be part of a path and would end
// the statement.
func quotePath(path string) (string, error) {
	if strings.ContainsRune(path, 0) {
		return "", fmt.Errorf("path %q: NUL", path)
	}
	return quote(path), nil
}

// openMemory opens an in-memory database; init runs on every new connection.
func openMemory(init func(exec func(query string, args ...any) error) error) (*sql.DB, error) {
	connector, err := duckdb.NewConnector("", func(c driver.ExecerContext) error {
		return init(func(query string, args ...any) error {
			named := make([]driver.NamedValue, len(args))
			for i, a := range args {
				named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
			}
			_, err := c.ExecContext(context.Background(), query, named)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// memoryLimit is the statement that sets DuckDB's limit.
func memoryLimit(limit, more int64) string {
	return fmt.Sprintf("SET memory_limit = '%dB';", max(limit+more, digestRoom))
}

// From these sizes on, in bytes, a snapshot and a landed file are worth a second thread:
// with less to do, sharing the work costs a fifth of all.
const (
	smallSnapshot = 3 << 20
	smallLanding  = 256 << 10
)

// threadsFor is how many threads DuckDB has for the file at path; one that cannot be
// looked at counts as small.
func threadsFor(path string, small int64) int {
	if info, err := os.Stat(path); err != nil || info.Size() < small {
		return 1
	}
	return 2
}

// settings are DuckDB's for any database that we open.
func settings(memory int64, tmp string, threads int) string {
	return memoryLimit(memory, 0) + fmt.Sprintf(`
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET allow_community_extensions = false;
SET threads = %d;
SET allocator_flush_threshold = '8MB';
SET allocator_bulk_deallocation_flush_threshold = '8MB';
SET temp_directory = %s;
SET max_temp_directory_size = '%dB';`, threads, quote(tmp), spill(tmp))
}

// version returns the schema version of the snapshot file at path, and an error
// that names path unless it is a snapshot of this program or an older one.
func (s *Store) version(ctx context.Context, path string) (_ int, err error) {
	db, err := openMemory(func(func(string, ...any) error) error { return nil })
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return s.attachFile(ctx, conn, path)
}

// setting runs on every connection of a database.
type setting func(exec func(query string, args ...any) error) error

// attach opens an in-memory database with the snapshot file at path read only
// under the name snap, and chosen; one of an older schema stands behind today's.
// begin, unless it is nil, sees the first connection and says what runs on each.
func (s *Store) attach(ctx context.Context, path string, begin func(conn *sql.Conn) (setting, error)) (*sql.DB, error) {
	attached := false
	var each setting
	db, err := openMemory(func(exec func(string, ...any) error) error {
		if !attached {
			return nil
		}
		if err := exec("USE snap"); err != nil || each == nil {
			return err
		}
		return each(exec)
	})
	if err != nil {
		return nil, err
	}
	// The first connection is made here, so that no two are first.
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	exec := func(query string, args ...any) error {
		_, err := conn.ExecContext(ctx, query, args...)
		return err
	}
	version, err := s.attachFile(ctx, conn, path)
	if err == nil && version < schemaVersion {
		err = s.overlay(ctx, conn, path)
	}
	if err == nil {
		err = exec("USE snap")
	}
	if err == nil && begin != nil {
		if each, err = begin(conn); err == nil && each != nil {
			err = each(exec)
		}
	}
	if err = errors.Join(err, conn.Close()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	attached = true
	return db, nil
}

// attachFile attaches the snapshot file at path under the name snap and returns
// its schema version.
func (s *Store) attachFile(ctx context.Context, conn *sql.Conn, path string) (int, error) {
	if err := checkMagic(path); err != nil {
		return 0, err
	}
	file, err := quotePath(path)
	if err != nil {
		return 0, err
	}
	if _, err := conn.ExecContext(ctx, settings(s.reading(path), s.newTmp(), threadsFor(path, smallSnapshot))); err != nil {
		return 0, err
	}
	if _, err := conn.ExecContext(ctx, "ATTACH "+file+" AS snap (READ_ONLY)"); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return 0, &damagedError{path, err}
	}
	return checkVersion(ctx, conn, path)
}

var databases atomic.Int64

// newTmp is where one database may spill to. DuckDB makes and removes it; two
// databases would overwrite each other's files in one.
func (s *Store) newTmp() string {
	return fmt.Sprintf("%s/tmp/%d-%d", s.dir, os.Getpid(), databases.Add(1))
}

// checkMagic refuses a file that no DuckDB wrote, before DuckDB is asked.
func checkMagic(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 12)
	if _, err := io.ReadFull(f, head); err != nil || string(head[8:]) != "DUCK" {
		return &damagedError{path, nil}
	}
	return nil
}

// checkVersion returns the schema version of the database named snap.
func checkVersion(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, path string) (int, error) {
	var have int
	err := db.QueryRowContext(ctx, "SELECT schema_version FROM snap.base.store").Scan(&have)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if err != nil {
		return 0, &damagedError{path, err}
	}
	if have > schemaVersion {
		return 0, &ErrNewer{Have: have, Know: schemaVersion}
	}
	return have, nil
}
