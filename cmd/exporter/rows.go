package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// rows are what a query gave, on their way to w.
type rows struct {
	columns []store.AnswerColumn
	each    func(row func(values []any) error) error
	w       io.Writer
	zone    *time.Location // of the times in tables
	width   int            // of the terminal; 0 where w is none
}

// printers are the ways in which rows are written as text, by the name of --format.
var printers = map[string]func(*rows) error{
	"table":    (*rows).table,
	"csv":      (*rows).csv,
	"tsv":      (*rows).tsv,
	"json":     (*rows).json,
	"ndjson":   (*rows).ndjson,
	"markdown": (*rows).markdown,
	"expanded": (*rows).expanded, // of the prompt alone
}

var (
	// textFormats are those of the printers that --format may name, in the order in
	// which people are told of them; a file may have sqlFormats.
	textFormats = []string{"table", "csv", "tsv", "json", "ndjson", "markdown"}
	sqlFormats  = append(slices.Clip(textFormats), "xlsx", "parquet")
	// listFormats are those of lists of our own.
	listFormats = []string{"table", "csv", "json"}
)

// listPrinter writes a list of our own in a format.
func listPrinter(format string) (func(*rows) error, error) {
	if !slices.Contains(listFormats, format) {
		return nil, unknownFormat(format, listFormats...)
	}
	return printers[format], nil
}

func unknownFormat(name string, names ...string) error {
	return usage(fmt.Errorf("unknown format %q", name),
		didYouMean(reports.Nearest(name, names), "use "+choice(names)))
}

// printAnswer writes all rows of a query of ours to standard output.
func (a *app) printAnswer(ctx context.Context, r *store.Reader, query string, named map[string]any, print func(*rows) error) error {
	answer, err := r.Answer(ctx, query, named, 0)
	if err != nil {
		return err
	}
	defer answer.Close()
	out := &rows{columns: answer.Columns, w: a.stdout, zone: a.zone,
		each: func(row func([]any) error) error { return answer.Each(ctx, row) }}
	if width, isTerminal := terminalWidth(a.stdout); isTerminal {
		out.width = width
	}
	return print(out)
}

// maxCell is how wide a cell may be on a terminal, so that one long value does
// not push the other columns out.
const maxCell = 40

func (r *rows) table() error {
	if len(r.columns) == 2 && r.columns[0].Name == "explain_key" {
		return r.plan()
	}
	g, err := r.grid(r.width > 0 && len(r.columns) > 1)
	if err != nil {
		return err
	}
	return g.write(r.w, r.width)
}

// expanded writes a line for each cell.
func (r *rows) expanded() error {
	g, err := r.grid(false)
	if err != nil {
		return err
	}
	_, err = io.WriteString(r.w, g.lines(0))
	return err
}

// grid has all rows as text, which snipped cuts long cells of.
func (r *rows) grid(snipped bool) (*grid, error) {
	var g grid
	for i, c := range r.columns {
		g.header = append(g.header, printable(c.Name))
		if isNumeric(c.Type) {
			g.right = append(g.right, i)
		}
	}
	return &g, r.each(func(values []any) error {
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = r.cell(v, r.columns[i].Type)
			if snipped {
				cells[i] = text.Snip(cells[i], maxCell, "…")
			}
		}
		g.add(cells...)
		return nil
	})
}

// plan writes what EXPLAIN gives, which is drawn.
func (r *rows) plan() error {
	return r.each(func(values []any) error {
		for line := range strings.Lines(store.Text(values[len(values)-1], "VARCHAR")) {
			if _, err := fmt.Fprintln(r.w, printable(strings.TrimRight(line, "\n"))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rows) csv() error {
	c := store.NewCSV(r.w, r.columns)
	if err := r.each(c.Row); err != nil {
		return err
	}
	return c.End()
}

// tsvEscape writes what would end a field as PostgreSQL's COPY does.
var tsvEscape = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)

// tsv writes fields with tabs between; NULL is \N.
func (r *rows) tsv() error {
	return r.lines("", "\t", "\n", nil, tsvEscape.Replace, func(v any, kind string) string {
		if v == nil {
			return `\N`
		}
		return tsvEscape.Replace(store.Text(v, kind))
	})
}

// markdownEscape keeps a text in its cell, and from being read as markup.
var markdownEscape = strings.NewReplacer("\\", `\\`, "|", `\|`,
	"*", `\*`, "`", "\\`", "[", `\[`, "~", `\~`)

// markdown writes a table as GitHub has it, numbers to the right.
func (r *rows) markdown() error {
	var rule strings.Builder
	rule.WriteString("|")
	for _, c := range r.columns {
		if rule.WriteString(" ---"); isNumeric(c.Type) {
			rule.WriteString(":")
		}
		rule.WriteString(" |")
	}
	escape := func(s string) string { return markdownEscape.Replace(html.EscapeString(s)) }
	return r.lines("| ", " | ", " |\n", []byte(rule.String()+"\n"), escape, func(v any, kind string) string {
		return escape(r.cell(v, kind))
	})
}

// lines writes a line for the names, then the rule, then a line for each row.
func (r *rows) lines(begin, between, end string, rule []byte, name func(string) string, field func(v any, kind string) string) error {
	w := bufio.NewWriter(r.w)
	fields := make([]string, len(r.columns))
	for i, c := range r.columns {
		fields[i] = name(c.Name)
	}
	w.WriteString(begin + strings.Join(fields, between) + end)
	w.Write(rule)
	err := r.each(func(values []any) error {
		for i, v := range values {
			fields[i] = field(v, r.columns[i].Type)
		}
		_, err := w.WriteString(begin + strings.Join(fields, between) + end)
		return err
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

func (r *rows) json() error {
	w := bufio.NewWriter(r.w)
	w.WriteString("[")
	between := "\n  "
	err := r.each(func(values []any) error {
		object, err := r.object(values)
		w.WriteString(between)
		w.Write(object)
		between = ",\n  "
		return err
	})
	if err != nil {
		return err
	}
	w.WriteString("\n]\n")
	return w.Flush()
}

// ndjson writes an object on each line.
func (r *rows) ndjson() error {
	w := bufio.NewWriter(r.w)
	err := r.each(func(values []any) error {
		object, err := r.object(values)
		w.Write(object)
		if err == nil {
			err = w.WriteByte('\n')
		}
		return err
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// object is a row as a JSON object.
func (r *rows) object(values []any) ([]byte, error) {
	object := []byte("{")
	for i, v := range values {
		pair, err := jsonPair(r.columns[i].Name, v, r.columns[i].Type)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			object = append(object, ", "...)
		}
		object = append(object, pair...)
	}
	return append(object, '}'), nil
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
	case store.Nested:
		value = json.RawMessage(v.JSON)
	case float32, float64: // infinity and what is no number have no JSON
		switch s := store.Text(v, kind); s {
		case "inf", "-inf", "nan", "-nan":
			value = s
		}
	case nil, string, bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, []any, map[string]any:
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

// cell is a value as a table shows it: an en dash for NULL, times in the
// store's zone, lists with commas, and nothing that moves the cursor.
func (r *rows) cell(v any, kind string) string {
	switch v := v.(type) {
	case nil:
		return "–"
	case time.Time:
		if zoned(kind) {
			return v.In(r.zone).Format("2006-01-02 15:04:05")
		}
		return store.Text(v, kind)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = r.cell(e, strings.TrimSuffix(kind, "[]"))
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
