package main

import (
	"bufio"
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/store"
)

// formats are the ways in which rows are printed, by the name of --format.
var formats = map[string]func(*app, *sql.Rows) error{
	"table": (*app).printRowsTable,
	"csv":   func(a *app, rows *sql.Rows) error { return store.WriteCSV(a.stdout, rows) },
	"json":  (*app).printRowsJSON,
}

// maxTableRows is how many rows a table shows; beyond, csv and json serve.
const maxTableRows = 10_000

// maxCell is how wide a cell may be on a terminal, so that one long value does
// not push the other columns out.
const maxCell = 40

func (a *app) printRowsTable(rows *sql.Rows) error {
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	var g grid
	for i, t := range types {
		g.header = append(g.header, printable(t.Name()))
		if isNumeric(t.DatabaseTypeName()) {
			g.right = append(g.right, i)
		}
	}
	_, isTerminal := terminalWidth(a.stdout)
	n := 0
	for rows.Next() {
		if n++; n > maxTableRows {
			break
		}
		values, err := scan(rows, len(types))
		if err != nil {
			return err
		}
		cells := make([]string, len(values))
		for i, v := range values {
			s := a.cell(v, types[i].DatabaseTypeName())
			if isTerminal && len(types) > 1 {
				s = text.Snip(s, maxCell, "…")
			}
			cells[i] = s
		}
		g.add(cells...)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if n > maxTableRows {
		fmt.Fprintf(a.stderr, "exporter: the first %s rows; --format csv gives all\n", count(maxTableRows))
	}
	return a.printGrid(&g)
}

func (a *app) printRowsJSON(rows *sql.Rows) error {
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	w := bufio.NewWriter(a.stdout)
	w.WriteString("[")
	for n := 0; rows.Next(); n++ {
		values, err := scan(rows, len(types))
		if err != nil {
			return err
		}
		if n > 0 {
			w.WriteString(",")
		}
		w.WriteString("\n  {")
		for i, v := range values {
			if i > 0 {
				w.WriteString(", ")
			}
			line, err := jsonPair(types[i].Name(), v, types[i].DatabaseTypeName())
			if err != nil {
				return err
			}
			w.Write(line)
		}
		w.WriteString("}")
	}
	if err := rows.Err(); err != nil {
		return err
	}
	w.WriteString("\n]\n")
	return w.Flush()
}

// jsonPair is a column's name and value as a member of an object. Decimals stay
// exact; times with a zone are RFC 3339, what JSON has no type for is text.
func jsonPair(name string, value any, kind string) ([]byte, error) {
	switch v := value.(type) {
	case time.Time:
		if zoned(kind) {
			value = v.Format(time.RFC3339Nano)
		} else {
			value = store.Text(v, kind)
		}
	case nil, string, bool, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64, []any, map[string]any:
	default:
		if s := store.Text(v, kind); strings.HasPrefix(kind, "DECIMAL") {
			value = json.Number(s)
		} else {
			value = s
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(name); err != nil {
		return nil, err
	}
	b.Truncate(b.Len() - 1)
	b.WriteString(": ")
	if err := e.Encode(value); err != nil {
		return nil, fmt.Errorf("column %q: %w", name, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// scan reads the current row.
func scan(rows *sql.Rows, n int) ([]any, error) {
	values, pointers := make([]any, n), make([]any, n)
	for i := range values {
		pointers[i] = &values[i]
	}
	return values, rows.Scan(pointers...)
}

// cell is a value as a table shows it: an en dash for NULL, times in the
// store's zone, lists with commas, and nothing that moves the cursor.
func (a *app) cell(v any, kind string) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case time.Time:
		if zoned(kind) {
			return v.In(a.zone).Format("2006-01-02 15:04:05")
		}
		return store.Text(v, kind)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = a.cell(e, strings.TrimSuffix(kind, "[]"))
		}
		return strings.Join(parts, ", ")
	}
	return printable(store.Text(v, kind))
}

// zoned says whether a type is a moment, and not what a clock shows somewhere.
func zoned(kind string) bool { return kind == "TIMESTAMPTZ" || kind == "TIMESTAMP WITH TIME ZONE" }

func isNumeric(kind string) bool {
	switch kind {
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE":
		return true
	}
	return strings.HasPrefix(kind, "DECIMAL")
}

// printable is s without control characters, which a terminal would obey.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '·'
		}
		return r
	}, s)
}
