package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// masker fills one masked copy. What becomes of each text is put into tables of
// the memory, was and becomes, first; then every table is copied through them.
type masker struct {
	db      *sql.DB
	conn    *sql.Conn
	key     maskKey
	profile string
	columns map[string][]maskedColumn // by table
	tables  []string
	filled  map[string]bool // tables of the memory that have rows
	known   scrubber

	names, mobiles, codes, groups map[string]string
	places                        map[string]string    // texts in which a name may stand
	persons                       map[[2]string]string // project and id
	projects                      map[string][]string  // that know an id
}

// newMasker reads what becomes of each text of the snapshot file at path. The caller
// closes it.
func (s *Store) newMasker(ctx context.Context, path, profile string, key maskKey) (_ *masker, err error) {
	db, err := s.attach(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	m := &masker{db: db, conn: conn, key: key, profile: profile, columns: map[string][]maskedColumn{}, filled: map[string]bool{},
		persons: map[[2]string]string{}, projects: map[string][]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.close())
		}
	}()
	if err := m.exec(ctx, memoryLimit(s.memory, 0)+"SET preserve_insertion_order = false"); err != nil {
		return nil, err
	}
	if err := m.readColumns(ctx); err != nil {
		return nil, err
	}
	return m, m.fill(ctx)
}

func (m *masker) close() error { return errors.Join(m.conn.Close(), m.db.Close()) }

// buildMasked writes the masked copy of the snapshot file at path to file.
func (s *Store) buildMasked(ctx context.Context, path, file, profile string, key maskKey) (err error) {
	m, err := s.newMasker(ctx, path, profile, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	if err := attachNew(ctx, m.conn, file, "masked"); err != nil {
		return err
	}
	for _, table := range m.tables {
		if err := m.copy(ctx, table); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
	}
	// What the file says of itself. Whoever opens it with another program sees it too.
	for _, query := range []string{
		"CREATE TABLE masked.base.masked (profile VARCHAR, rules INTEGER, key_check VARCHAR)",
		fmt.Sprintf("INSERT INTO masked.base.masked VALUES (%s, %d, %s)", quote(profile), maskRules, quote(key.check())),
		"COMMENT ON TABLE masked.base.masked IS 'This file is a masked copy. Its counts and keys are those of the full snapshot, and its digests are the full snapshot''s.'",
		"CHECKPOINT masked",
		"DETACH masked",
	} {
		if err := m.exec(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

func (m *masker) exec(ctx context.Context, query string, args ...any) error {
	_, err := m.conn.ExecContext(ctx, query, args...)
	return err
}

// readColumns finds the columns of the tables that have treatments, with these.
func (m *masker) readColumns(ctx context.Context) error {
	rows, err := m.conn.QueryContext(ctx, `
SELECT table_name, column_name
FROM duckdb_columns()
WHERE database_name = 'snap' AND schema_name = 'base' AND table_name IN (SELECT unnest($1::VARCHAR[]))
ORDER BY table_name, column_index`, slices.Collect(maps.Keys(treatments)))
	if err != nil {
		return err
	}
	defer rows.Close()
	columns := map[string][]string{}
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			return err
		}
		if columns[table] == nil {
			m.tables = append(m.tables, table)
		}
		columns[table] = append(columns[table], column)
	}
	for _, table := range m.tables {
		if m.columns[table], err = treat(table, columns[table]); err != nil {
			return err
		}
	}
	return rows.Err()
}

// copy fills one table. The rows are in the order of what the copy has: that of
// the original would tell the order of what is masked.
func (m *masker) copy(ctx context.Context, table string) error {
	var values, joins []string
	for i, c := range m.columns[table] {
		value, join := m.value(c, fmt.Sprintf("m%d", i))
		values = append(values, value+` AS "`+c.name+`"`)
		if join != "" {
			joins = append(joins, join)
		}
	}
	order := "ALL"
	if i := slices.IndexFunc(resources, func(r resource) bool { return r.name == table }); i >= 0 {
		order = "project_id, " + strings.Join(resources[i].key, ", ") + ", first_snapshot"
	}
	return m.exec(ctx, `INSERT INTO masked.base."`+table+`" BY NAME
SELECT * FROM (
    SELECT `+strings.Join(values, ", ")+`
    FROM snap.base."`+table+`" AS t`+"\n"+strings.Join(joins, "\n")+`
)
ORDER BY `+order)
}

// keeps tells whether what a column holds stays as it is. The keys of calls are not
// of ids alone.
func (m *masker) keeps(t treatment) bool {
	return t == asIs || m.profile != MaskPseudonym && slices.Contains([]treatment{asPerson, asPerhaps, asCountry, asCode, asNumber, asKeyHash}, t)
}

// value is the SQL of what becomes of a column, and the join that it needs.
func (m *masker) value(c maskedColumn, alias string) (value, join string) {
	column := `t."` + c.name + `"`
	through := func(table, on string, deny bool) (string, string) {
		switch {
		case m.filled[table] && deny:
			value = alias + ".becomes"
		case m.filled[table]:
			value = "coalesce(" + alias + ".becomes, " + column + ")"
		case deny:
			return "NULL", ""
		default:
			return column, ""
		}
		return value, "LEFT JOIN memory.main." + table + " AS " + alias + " ON " + alias + ".was = " + column + on
	}
	project := " AND " + alias + ".project_id = t.project_id"
	switch t := c.treatment; {
	case m.keeps(t) && !(t == asPerhaps && c.table == "calls"):
		return column, ""
	case t == asPerson:
		return through("persons", project, true)
	case t == asPerhaps && c.table == "calls":
		return through("texts", "", false)
	case t == asPerhaps:
		return through("persons", project, false)
	case t == asName:
		return through("names", "", true)
	case t == asMobile:
		return through("mobiles", "", true)
	case t == asCode:
		return through("codes", "", true)
	case t == asPlace:
		return through("texts", "", false)
	case t == asGroup:
		return through("groups", "", true)
	case t == asGroups:
		return through("lists", "", true)
	case t == asFinding:
		return through("findings", "", true)
	case t == asFileHash:
		return through("files", "", true)
	case t == asDetail:
		return through("entries", " AND "+alias+".kind IS NOT DISTINCT FROM t.kind", true)
	case t == asLineHash:
		return fmt.Sprintf(`if(%[1]s.becomes IS DISTINCT FROM t.detail, 'masked', %[2]s)`, alias, column),
			"LEFT JOIN memory.main.entries AS " + alias + " ON " + alias + ".was = t.detail AND " + alias + ".kind IS NOT DISTINCT FROM t.kind"
	case t == asKeyHash || t == asRowHash:
		if c.table == "purged" {
			return "''::BLOB", ""
		}
		return "NULL", ""
	}
	// What people wrote, and what is left: no more than that there is something.
	return "CASE WHEN trim(" + column + ") <> '' THEN 'masked' ELSE " + column + " END", ""
}

// table makes a table of the memory and fills it with rows of texts.
func (m *masker) table(ctx context.Context, name string, columns []string, rows func(add func(...string) error) error) error {
	definition := strings.Join(columns, " VARCHAR, ") + " VARCHAR"
	if err := m.exec(ctx, "CREATE TABLE memory.main."+name+" ("+definition+")"); err != nil {
		return err
	}
	return m.conn.Raw(func(c any) error {
		dc, ok := c.(*duckdb.Conn)
		if !ok {
			return fmt.Errorf("connection is a %T", c)
		}
		a, err := duckdb.NewAppender(dc, "memory", "main", name)
		if err != nil {
			return err
		}
		err = rows(func(texts ...string) error {
			m.filled[name] = true
			values := make([]driver.Value, len(texts))
			for i, s := range texts {
				values[i] = s
			}
			return a.AppendRow(values...)
		})
		return errors.Join(err, a.Close())
	})
}
