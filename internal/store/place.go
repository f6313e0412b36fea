package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A Place is where a state of the store is read: what another process needs to
// know of it, which then needs nothing else of the store.
type Place struct {
	File     string    `json:"file"` // the only one that is read, a masked copy where there is a mask
	Snapshot string    `json:"snapshot"`
	AsOf     time.Time `json:"as_of"`
	Project  string    `json:"project,omitempty"`
	Timezone string    `json:"timezone"` // IANA name
	Mask     string    `json:"mask"`

	// Previous, where there is one, is an earlier snapshot that File knows: its
	// tables are those of the schema previous.
	Previous string `json:"previous,omitempty"`
}

// Place finds the state that o chooses, and makes the masked copy where it is not
// there. It returns the errors of [Store.Read].
func (s *Store) Place(ctx context.Context, o ReadOptions) (Place, error) {
	p, _, err := s.find(ctx, o, false)
	if err != nil {
		return Place{}, fmt.Errorf("read store: %w", err)
	}
	return p, nil
}

// Open opens the place. In dir, a folder for the time being, DuckDB puts what does
// not fit into memory, and what [Answer.WriteParquet] writes.
func (p Place) Open(ctx context.Context, dir string) (*Reader, error) {
	return p.openIn(ctx, &Store{dir: dir})
}

// OpenSmall is Open for a query that has 1 GiB of memory, however large the file.
func (p Place) OpenSmall(ctx context.Context, dir string) (*Reader, error) {
	return p.openIn(ctx, &Store{dir: dir, small: true})
}

func (p Place) openIn(ctx context.Context, s *Store) (*Reader, error) {
	if err := os.MkdirAll(filepath.Join(s.dir, "tmp"), 0o700); err != nil {
		return nil, err
	}
	return p.open(ctx, s, filepath.Join(s.dir, parquetAnswer))
}

// open opens the place; what spills goes into the folder of s, and of all other
// files only those of writable can be written.
func (p Place) open(ctx context.Context, s *Store, writable ...string) (*Reader, error) {
	db, err := s.attach(ctx, p.File, func(*sql.Conn) (setting, error) { return p.setting(s, writable...), nil })
	if err != nil {
		return nil, err
	}
	return p.reader(db, s), nil
}

// setting is how connections are made to see the place; the first of them forbids
// every further setting. Of other files only those of writable can be written.
func (p Place) setting(s *Store, writable ...string) setting {
	locked := false
	return func(exec func(string, ...any) error) error {
		if locked {
			return p.set(exec)
		}
		if _, err := time.LoadLocation(p.Timezone); err != nil {
			return fmt.Errorf("time zone %q: %w", p.Timezone, err)
		}
		if p.Previous != "" {
			if err := p.attachPrevious(s, exec); err != nil {
				return fmt.Errorf("the state at %s: %w", p.Previous, err)
			}
		}
		for _, path := range writable {
			if err := exec("SET allowed_paths = [" + quote(path) + "]"); err != nil {
				return err
			}
		}
		if err := exec("SET GLOBAL TimeZone = " + quote(p.Timezone) + `;
SET enable_external_access = false;
SET lock_configuration = true;`); err != nil {
			return err
		}
		locked = true
		return p.set(exec)
	}
}

// reader reads the place from its database; what spills goes into the folder of s.
func (p Place) reader(db *sql.DB, s *Store) *Reader {
	earlier := func(ctx context.Context, snapshot string) (*Reader, error) {
		e := p // connections of this reader go on with p
		e.Previous = ""
		db, err := s.attach(ctx, p.File, func(conn *sql.Conn) (setting, error) {
			m, err := momentIn(ctx, conn, ReadOptions{Snapshot: snapshot, Project: p.Project})
			e.Snapshot, e.AsOf = m.snapshot, m.asOf
			return e.setting(s), err
		})
		if err != nil {
			return nil, err
		}
		return e.reader(db, s), nil
	}
	return &Reader{db: db, place: p, dir: s.dir, earlier: earlier}
}

// set sets the variables of a connection.
func (p Place) set(exec func(string, ...any) error) error {
	if err := exec("SET VARIABLE snapshot_id = $1", p.Snapshot); err != nil {
		return err
	}
	if err := exec("SET VARIABLE as_of = $1::TIMESTAMPTZ", p.AsOf.UTC().Format("2006-01-02 15:04:05.999999Z")); err != nil {
		return err
	}
	if p.Project == "" {
		return nil
	}
	return exec("SET VARIABLE project_id = $1", p.Project)
}

// baseTable matches the definition of a table in the schema.
var baseTable = regexp.MustCompile(`(?m)^CREATE TABLE base\.(\w+)`)

// attachPrevious makes the database previous: the views of today over the tables of
// the file, as of an earlier snapshot.
func (p Place) attachPrevious(s *Store, exec func(string, ...any) error) error {
	if err := s.attachBlank(exec, "previous"); err != nil {
		return err
	}
	schema, err := schemaSQL()
	if err != nil {
		return err
	}
	project := "NULL"
	if p.Project != "" {
		project = quote(p.Project)
	}
	var text strings.Builder
	text.WriteString("USE previous; BEGIN;")
	for _, table := range baseTable.FindAllStringSubmatch(schema, -1) {
		fmt.Fprintf(&text, "DROP TABLE base.%[1]s; CREATE VIEW base.%[1]s AS FROM snap.base.%[1]s;\n", table[1])
	}
	fmt.Fprintf(&text, "CREATE OR REPLACE VIEW base.as_of AS SELECT %s AS snapshot_id, %s::VARCHAR AS project_id; COMMIT; USE snap",
		quote(p.Previous), project)
	return exec(text.String())
}
