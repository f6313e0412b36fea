package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// A file of an older schema is never changed. It is read through the tables and
// views of today, made over it ([Store.overlay]); and the next snapshot is
// a new file with the schema of today, filled from it by the names of tables and
// columns ([Build.copyTables]). What the older schema did not have is the
// column's default, else NULL.

// runner is a connection, or a database with one.
type runner interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// overlay makes a database of today's schema named snap over the file at path, which
// is attached under that name.
func (s *Store) overlay(ctx context.Context, db runner, path string) error {
	file, err := quotePath(path)
	if err != nil {
		return err
	}
	exec := func(query string, args ...any) error {
		_, err := db.ExecContext(ctx, query, args...)
		return err
	}
	err = exec("DETACH snap; ATTACH " + file + " AS old (READ_ONLY)")
	if err == nil {
		err = s.attachBlank(exec, "snap")
	}
	if err != nil {
		return fmt.Errorf("%s: an older schema: %w", path, err)
	}
	tables, err := shared(ctx, db, "old", "snap")
	if err != nil {
		return err
	}
	for _, t := range tables {
		if _, err := db.ExecContext(ctx, `DROP TABLE snap.base."`+t.name+`"; CREATE VIEW snap.base."`+t.name+`" AS SELECT `+
			strings.Join(t.values, ", ")+` FROM old.base."`+t.name+`"`); err != nil {
			return err
		}
	}
	return nil
}

// sharedTable is a table that two databases have. For each column of the newer
// one values is where it comes from in the older.
type sharedTable struct {
	name   string
	values []string
}

// shared lists the tables of base that the database newer has and older too.
func shared(ctx context.Context, db runner, older, newer string) ([]sharedTable, error) {
	rows, err := db.QueryContext(ctx, `
SELECT
    n.table_name,
    if(o.column_name IS NULL, coalesce(n.column_default, 'NULL'), '"' || n.column_name || '"')
        || '::' || n.data_type || ' AS "' || n.column_name || '"' AS value
FROM duckdb_columns() AS n
SEMI JOIN duckdb_tables() AS t
    ON t.database_name = $1 AND t.schema_name = 'base' AND t.table_name = n.table_name
LEFT JOIN duckdb_columns() AS o
    ON o.database_name = $1 AND o.schema_name = 'base' AND o.table_name = n.table_name AND o.column_name = n.column_name
WHERE n.schema_name = 'base'
    AND n.database_name = $2
    AND n.table_name IN (SELECT table_name FROM duckdb_tables() WHERE database_name = $2 AND schema_name = 'base')
ORDER BY n.table_name, n.column_index`, older, newer)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var tables []sharedTable
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		if len(tables) == 0 || tables[len(tables)-1].name != name {
			tables = append(tables, sharedTable{name: name})
		}
		last := &tables[len(tables)-1]
		last.values = append(last.values, value)
	}
	return tables, rows.Err()
}

// upgrade fills the empty file of the build from that of a snapshot of an older schema.
func (b *Build) upgrade(ctx context.Context, id string) error {
	path, err := quotePath(b.store.path(id))
	if err != nil {
		return err
	}
	if err := b.exec(ctx, "ATTACH "+path+" AS old (READ_ONLY)"); err != nil {
		return err
	}
	if err := b.copyTables(ctx, "old", "build"); err != nil {
		return err
	}
	return b.exec(ctx, "DETACH old")
}

// copyTables fills the empty tables of one database from those of another, in
// the order of their keys. What a file says of itself stays.
func (b *Build) copyTables(ctx context.Context, from, to string) error {
	tables, err := shared(ctx, b.conn, from, to)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.name == "store" {
			continue
		}
		order := ""
		if i := slices.IndexFunc(resources, func(r resource) bool { return r.name == t.name }); i >= 0 {
			order = " ORDER BY project_id, " + strings.Join(resources[i].key, ", ") + ", first_snapshot"
		}
		if err := b.exec(ctx, "INSERT INTO "+to+`.base."`+t.name+`" BY NAME SELECT `+strings.Join(t.values, ", ")+
			" FROM "+from+`.base."`+t.name+`"`+order); err != nil {
			return fmt.Errorf("copy %s: %w", t.name, err)
		}
	}
	return nil
}
