package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

// An Answer has all rows of one statement in a table of its reader's memory, of
// which DuckDB puts on the disk what does not fit: so it is of any size, and whoever
// shows it sees either all of it or an error.
type Answer struct {
	Columns []AnswerColumn
	Rows    int64
	Cut     bool // there were more rows than were asked for

	conn *sql.Conn
	dir  string
}

// An AnswerColumn has a name that no other column has, and DuckDB's name of its
// type. A column that had the name of another has a number after it.
type AnswerColumn struct{ Name, Type string }

// Answer runs a statement that [Reader.Query] takes, and keeps its first rows, at
// most limit of them, or all for 0. The rows are in the order of the statement. The
// caller closes the answer; the reader gives one at a time.
func (r *Reader) Answer(ctx context.Context, query string, named map[string]any, limit int) (*Answer, error) {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	a := &Answer{conn: conn, dir: r.dir}
	kept := false
	if reads(query) {
		kept, err = a.keepAtOnce(ctx, query, named, limit)
	}
	if err == nil && !kept {
		err = a.keepChecked(ctx, r, query, named, limit)
	}
	if err == nil {
		err = a.describe(ctx, limit)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// keepAtOnce fills the table with the rows of a statement without a look at it
// before: only a query can stand where it is put, and only one. It returns false
// where it cannot, and then nothing has run.
func (a *Answer) keepAtOnce(ctx context.Context, query string, named map[string]any, limit int) (bool, error) {
	text, end := keeping(query, limit)
	args, whole := arguments(query[:end], named)
	if !whole || strings.Trim(query[end:], " \t\r\n;") != "" { // a comment may be open
		return false, nil
	}
	stmt, err := a.conn.PrepareContext(ctx, text) // of several statements it runs none
	if err != nil {
		return false, nil
	}
	defer stmt.Close()
	if _, err = stmt.ExecContext(ctx, args...); err != nil {
		err = &excerptError{err}
	}
	return true, err
}

// arguments are the values of the parameters that a query names. It returns false
// where one has none, or the query closes a bracket that it did not open.
func arguments(query string, named map[string]any) (args []any, ok bool) {
	seen := map[string]bool{}
	depth := 0
	for token := range Tokens(query) {
		name, parameter := strings.CutPrefix(token, "$")
		switch value, has := named[name]; {
		case token == "(":
			depth++
		case token == ")":
			depth--
		case token == "?":
			return nil, false
		case parameter && has && !seen[name]:
			seen[name] = true
			args = append(args, sql.Named(name, value))
		case parameter && !has && !strings.HasSuffix(token, "$"):
			return nil, false
		}
		if depth < 0 {
			return nil, false
		}
	}
	return args, true
}

// keepChecked fills the table with the rows of a statement, and tells what is wrong
// with one that is none that reads.
func (a *Answer) keepChecked(ctx context.Context, r *Reader, query string, named map[string]any, limit int) error {
	s, err := r.check(ctx, query)
	if err != nil {
		return err
	}
	args, err := s.arguments(named)
	if err != nil {
		return err
	}
	if s.kind == duckdb.STATEMENT_TYPE_EXPLAIN {
		return a.explain(ctx, query, args)
	}
	text, _ := keeping(query, limit)
	if _, err := a.conn.ExecContext(ctx, text, args...); err != nil {
		return &excerptError{err}
	}
	return nil
}

// keeping is the statement that fills the table with the rows of a query, which ends
// at end.
func keeping(query string, limit int) (text string, end int) {
	end, _ = StatementEnd(query)
	text = "CREATE TABLE memory.main.answer AS SELECT * FROM (\n" + query[:end] + "\n)"
	if limit > 0 {
		text += fmt.Sprintf(" LIMIT %d", limit+1)
	}
	return text, end
}

// excerptError is an error of DuckDB about a statement that begins on the second
// line of what was run.
type excerptError struct{ err error }

// excerpt matches the line of an error that shows the place, and the mark below it.
var excerpt = regexp.MustCompile(`(?m)^LINE (\d+): (.*\n)( *)\^`)

func (e *excerptError) Error() string {
	return excerpt.ReplaceAllStringFunc(e.err.Error(), func(s string) string {
		m := excerpt.FindStringSubmatch(s)
		line, err := strconv.Atoi(m[1])
		if err != nil {
			return s
		}
		first := strconv.Itoa(line - 1)
		return "LINE " + first + ": " + m[2] + m[3][min(len(m[3]), len(m[1])-len(first)):] + "^"
	})
}

func (e *excerptError) Unwrap() error { return e.err }

// explain fills the table with a plan, which cannot be part of a statement.
func (a *Answer) explain(ctx context.Context, query string, args []any) error {
	rows, err := a.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var plan [][2]string
	for rows.Next() {
		var line [2]string
		if err := rows.Scan(&line[0], &line[1]); err != nil {
			return err
		}
		plan = append(plan, line)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_, err = a.conn.ExecContext(ctx, "CREATE TABLE memory.main.answer (explain_key VARCHAR, explain_value VARCHAR)")
	for _, line := range plan {
		if err == nil {
			_, err = a.conn.ExecContext(ctx, "INSERT INTO memory.main.answer VALUES ($1, $2)", line[0], line[1])
		}
	}
	return err
}

// describe finds the columns and the number of rows, and takes away what is beyond
// the limit.
func (a *Answer) describe(ctx context.Context, limit int) error {
	rows, err := a.conn.QueryContext(ctx, "FROM memory.main.answer LIMIT 0")
	if err != nil {
		return err
	}
	types, err := rows.ColumnTypes()
	if err := errors.Join(err, rows.Close()); err != nil {
		return err
	}
	for _, t := range types {
		a.Columns = append(a.Columns, AnswerColumn{t.Name(), t.DatabaseTypeName()})
	}
	if err := a.conn.QueryRowContext(ctx, "SELECT count(*) FROM memory.main.answer").Scan(&a.Rows); err != nil {
		return err
	}
	if a.Cut = limit > 0 && a.Rows > int64(limit); a.Cut {
		a.Rows = int64(limit)
	}
	return nil
}

// flat are the types whose values come as they are; those of all others come as
// [Nested], for the driver gives them in forms of its own.
var flat = regexp.MustCompile(`^(VARCHAR|BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DOUBLE)(\[\])?$|` +
	`^(FLOAT|DECIMAL\(\d+,\d+\)|DATE|TIME|TIMESTAMP|TIMESTAMPTZ|INTERVAL|BLOB|UUID)$`)

// Nested is a value of a type that has parts: what DuckDB's cast to VARCHAR gives, and
// its to_json.
type Nested struct{ Text, JSON string }

// columns are the expressions of the columns; nested ones as with says.
func (a *Answer) columns(nested string) string {
	list := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		if list[i] = `"` + strings.ReplaceAll(c.Name, `"`, `""`) + `"`; !flat.MatchString(c.Type) {
			list[i] = strings.ReplaceAll(nested, "$", list[i]) + " AS " + list[i]
		}
	}
	return strings.Join(list, ", ")
}

// atOnce is how many rows are read at a time: so many are one piece of a table.
const atOnce = 122_880

// Each gives the rows in their order to row, which must not keep values.
func (a *Answer) Each(ctx context.Context, row func(values []any) error) error {
	query := "SELECT " + a.columns("if($ IS NULL, NULL, [$::VARCHAR, to_json($)::VARCHAR])") + `
FROM memory.main.answer
WHERE rowid >= $1 AND rowid < $2`
	for first := int64(0); first < a.Rows; first += atOnce {
		rows, err := a.conn.QueryContext(ctx, query, first, min(first+atOnce, a.Rows))
		if err != nil {
			return err
		}
		_, err = eachRow(rows, func(values []any) error {
			for i, v := range values {
				if pair, ok := v.([]any); ok && !flat.MatchString(a.Columns[i].Type) {
					values[i] = Nested{fmt.Sprint(pair[0]), fmt.Sprint(pair[1])}
				}
			}
			return row(values)
		})
		if err := errors.Join(err, rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

// All are the rows as one result, which DuckDB holds in memory, with the texts of
// [Nested] values. The caller closes it.
func (a *Answer) All(ctx context.Context) (*sql.Rows, error) {
	return a.conn.QueryContext(ctx, "SELECT "+a.columns("$::VARCHAR")+" FROM memory.main.answer WHERE rowid < $1", a.Rows)
}

// parquetAnswer is the one file that DuckDB may write for [Answer.WriteParquet].
const parquetAnswer = "answer.parquet"

// WriteParquet writes the rows as Parquet, compressed with zstd, into the folder
// that [Place.Open] was given, and returns the path of the file.
func (a *Answer) WriteParquet(ctx context.Context) (string, error) {
	path := filepath.Join(a.dir, parquetAnswer)
	file, err := quotePath(path)
	if err != nil {
		return "", err
	}
	_, err = a.conn.ExecContext(ctx, fmt.Sprintf(
		"COPY (FROM memory.main.answer WHERE rowid < %d) TO %s (FORMAT parquet, COMPRESSION zstd, PRESERVE_ORDER true, USE_TMP_FILE false)", a.Rows, file))
	return path, err
}

// OutOfMemory tells whether DuckDB came to its limit of memory, or to that of what
// it may put on the disk.
func OutOfMemory(err error) bool {
	e, ok := errors.AsType[*duckdb.Error](err)
	return ok && e.Type == duckdb.ErrorTypeOutOfMemory
}

// Close ends the answer; the reader then gives another.
func (a *Answer) Close() error {
	_, err := a.conn.ExecContext(context.Background(), "DROP TABLE IF EXISTS memory.main.answer")
	return errors.Join(err, a.conn.Close())
}
