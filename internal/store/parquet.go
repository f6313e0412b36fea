package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// A ParquetColumn is a column of a Parquet file. Type is VARCHAR, BIGINT,
// DOUBLE, BOOLEAN, TIMESTAMPTZ, TIMESTAMP, DATE, or one of these with [] for a
// list of it.
type ParquetColumn struct{ Name, Type string }

var parquetTypes = map[string]duckdb.Type{
	"VARCHAR": duckdb.TYPE_VARCHAR, "BIGINT": duckdb.TYPE_BIGINT, "DOUBLE": duckdb.TYPE_DOUBLE,
	"BOOLEAN": duckdb.TYPE_BOOLEAN, "TIMESTAMPTZ": duckdb.TYPE_TIMESTAMP_TZ,
	"TIMESTAMP": duckdb.TYPE_TIMESTAMP, "DATE": duckdb.TYPE_DATE,
}

// info is the column as DuckDB describes it.
func (c ParquetColumn) info() (duckdb.ColumnInfo, error) {
	name, list := strings.CutSuffix(c.Type, "[]")
	t, ok := parquetTypes[name]
	if !ok {
		return duckdb.ColumnInfo{}, fmt.Errorf("column %q: no type %q", c.Name, c.Type)
	}
	info, err := duckdb.NewTypeInfo(t)
	if err == nil && list {
		info, err = duckdb.NewListInfo(info)
	}
	return duckdb.ColumnInfo{Name: c.Name, T: info}, err
}

// WriteParquet writes rows to the file at path as Parquet, compressed with
// zstd: those of the numbers from 0 below count, which row gives, and which are
// used before it is asked for the next. A value is nil, or of the column's type: string, int64,
// float64, bool, [time.Time], or []any of these. Columns have names of their
// own whatever the case. about goes into the file's metadata. The same input
// gives the same bytes. Rows are not held: a million take what a few take.
func WriteParquet(ctx context.Context, path string, columns []ParquetColumn, count int, row func(n int) []any, about map[string]string) error {
	file, err := quotePath(path)
	if err != nil {
		return err
	}
	source := &parquetSource{count: count, row: row}
	for _, c := range columns {
		info, err := c.info()
		if err != nil {
			return err
		}
		source.columns = append(source.columns, info)
	}
	var pairs []string
	for _, key := range slices.Sorted(maps.Keys(about)) {
		pairs = append(pairs, quote(key)+": "+quote(strings.ReplaceAll(about[key], "\x00", "\uFFFD")))
	}
	options := "FORMAT parquet, COMPRESSION zstd, PRESERVE_ORDER true, USE_TMP_FILE false"
	if len(pairs) > 0 {
		options += ", KV_METADATA {" + strings.Join(pairs, ", ") + "}"
	}
	return withParquet(ctx, func(conn *sql.Conn) error {
		f := duckdb.ChunkTableFunction{BindArguments: func(map[string]any, ...any) (duckdb.ChunkTableSource, error) { return source, nil }}
		if err := duckdb.RegisterTableUDF(conn, "report_rows", f); err != nil {
			return err
		}
		_, err := conn.ExecContext(ctx, "COPY (SELECT * FROM report_rows()) TO "+file+" ("+options+")")
		return err
	})
}

// withParquet runs one use of a database of its own: in one thread, so that row
// groups come out alike.
func withParquet(ctx context.Context, use func(*sql.Conn) error) (err error) {
	db, err := openMemory(func(func(string, ...any) error) error { return nil })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, memoryLimit(defaultMemory, 0)+`
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET threads = 1;
SET temp_directory = '';
SET TimeZone = 'UTC';`); err != nil {
		return err
	}
	return use(conn)
}

// parquetSource gives rows to DuckDB.
type parquetSource struct {
	columns      []duckdb.ColumnInfo
	given, count int
	row          func(int) []any
}

func (s *parquetSource) ColumnInfos() []duckdb.ColumnInfo     { return s.columns }
func (s *parquetSource) Cardinality() *duckdb.CardinalityInfo { return nil }
func (s *parquetSource) Init()                                {}

func (s *parquetSource) FillChunk(chunk duckdb.DataChunk) error {
	n := min(duckdb.GetDataChunkCapacity(), s.count-s.given)
	for row := range n {
		for i, v := range s.row(s.given + row) {
			if err := chunk.SetValue(i, row, v); err != nil {
				return fmt.Errorf("column %q: %w", s.columns[i].Name, err)
			}
		}
	}
	s.given += n
	return chunk.SetSize(n)
}

// readAtOnce is how many rows are read from Parquet at a time, since DuckDB
// holds all of a result.
const readAtOnce = 100_000

// ReadParquet gives the columns of the Parquet file at path to columns, then
// each of its rows to row, in the types that [WriteParquet] takes. What row is
// given is overwritten by the next.
func ReadParquet(ctx context.Context, path string, columns func([]ParquetColumn) error, row func([]any) error) error {
	file, err := quotePath(path)
	if err != nil {
		return err
	}
	return withParquet(ctx, func(conn *sql.Conn) error {
		for first := 0; ; first += readAtOnce {
			rows, err := conn.QueryContext(ctx, fmt.Sprintf("FROM read_parquet(%s) LIMIT %d OFFSET %d", file, readAtOnce, first))
			if err != nil {
				return err
			}
			if first == 0 {
				err = describe(rows, columns)
			}
			n := 0
			if err == nil {
				n, err = eachRow(rows, row)
			}
			if err := errors.Join(err, rows.Close()); err != nil || n < readAtOnce {
				return err
			}
		}
	})
}

func describe(rows *sql.Rows, columns func([]ParquetColumn) error) error {
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	list := make([]ParquetColumn, len(types))
	for i, t := range types {
		list[i] = ParquetColumn{t.Name(), t.DatabaseTypeName()}
	}
	return columns(list)
}

func eachRow(rows *sql.Rows, row func([]any) error) (n int, err error) {
	names, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range into {
		into[i] = &values[i]
	}
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		if err := row(values); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
