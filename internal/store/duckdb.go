package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/duckdb/duckdb-go/v2"
)

// schemaVersion is what this program writes; it reads every version up to it.
const schemaVersion = 1

// defaultMemory is DuckDB's limit, which does not count all that it takes; the
// decoding of pages needs pageMemory more while it lasts, and the text of a
// digest digestRoom beside it. So the process stays under 512 MB.
const (
	defaultMemory = 192 << 20
	pageMemory    = 128 << 20
	digestRoom    = 64 << 20

	// readMemory is DuckDB's limit for a reader: a report joins and sorts more
	// at once than loading does. maxSpill bounds what a query puts beside the
	// snapshots, so that it cannot fill the disk.
	readMemory = 1 << 30
	maxSpill   = 4 << 30
)

//go:embed schema/*.sql
var schema embed.FS

// schemaSQL is the whole schema, in the order of the files' names.
func schemaSQL() (string, error) {
	entries, err := schema.ReadDir("schema")
	if err != nil {
		return "", err
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	var all strings.Builder
	for _, e := range entries {
		text, err := schema.ReadFile("schema/" + e.Name())
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
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

// settings are DuckDB's for any database that we open.
func settings(memory int64, tmp string) string {
	return memoryLimit(memory, 0) + fmt.Sprintf(`
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET allow_community_extensions = false;
SET threads = 2;
SET allocator_flush_threshold = '8MB';
SET allocator_bulk_deallocation_flush_threshold = '8MB';
SET temp_directory = %s;
SET max_temp_directory_size = '%dB';`, quote(tmp), int64(maxSpill))
}

// checkFile returns an error that names path unless it is a snapshot of this
// program or an older one.
func (s *Store) checkFile(ctx context.Context, path string) error {
	db, err := s.attach(path, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	return checkVersion(ctx, db, path)
}

// attach opens an in-memory database with the snapshot file at path attached
// read only under the name snap, and chosen.
func (s *Store) attach(path string, prepare func(exec func(string, ...any) error) error) (*sql.DB, error) {
	if err := checkMagic(path); err != nil {
		return nil, err
	}
	file, err := quotePath(path)
	if err != nil {
		return nil, err
	}
	tmp := s.newTmp()
	first := true
	db, err := openMemory(func(exec func(string, ...any) error) error {
		if first {
			if err := exec(settings(readMemory, tmp)); err != nil {
				return err
			}
			if err := exec("ATTACH " + file + " AS snap (READ_ONLY)"); err != nil {
				return &damagedError{path, err}
			}
			first = false
		}
		if err := exec("USE snap"); err != nil {
			return err
		}
		if prepare != nil {
			return prepare(exec)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The first connection is made here, so that no two are first.
	if err := db.Ping(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
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

// checkVersion looks at the row of base.store of the chosen database.
func checkVersion(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, path string) error {
	var have int
	err := db.QueryRowContext(ctx, "SELECT schema_version FROM base.store").Scan(&have)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return &damagedError{path, err}
	}
	if have > schemaVersion {
		return &ErrNewer{Have: have, Know: schemaVersion}
	}
	return nil
}
