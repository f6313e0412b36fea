package store

import (
	"bufio"
	"database/sql"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// WriteCSV writes the names of the columns and then the rest of rows, in the
// format of the digests, which the package comment defines: the text of a value
// is that of DuckDB's cast. Times with a zone are written in UTC. Structs, maps
// and unions, which no view has, are written as Go prints them.
func WriteCSV(w io.Writer, rows *sql.Rows) error {
	types, err := rows.ColumnTypes()
	if err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	columns := make([]AnswerColumn, len(types))
	for i, t := range types {
		columns[i] = AnswerColumn{t.Name(), t.DatabaseTypeName()}
	}
	c := NewCSV(w, columns)
	if _, err := eachRow(rows, c.Row); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return c.End()
}

// CSV writes rows in the format of [WriteCSV].
type CSV struct {
	w       *csvWriter
	columns []AnswerColumn
}

// NewCSV writes the names of the columns.
func NewCSV(w io.Writer, columns []AnswerColumn) *CSV {
	c := &CSV{&csvWriter{bufio.NewWriter(w)}, columns}
	for i, column := range columns {
		c.w.field(i, column.Name)
	}
	c.w.newline()
	return c
}

// Row writes one row. It returns the first error of the writer below, as does End.
func (c *CSV) Row(values []any) error {
	for i, v := range values {
		if v == nil {
			c.w.null(i)
			continue
		}
		c.w.field(i, Text(v, c.columns[i].Type))
	}
	return c.w.newline()
}

// End writes what is left.
func (c *CSV) End() error {
	if err := c.w.Flush(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	return nil
}

type csvWriter struct{ *bufio.Writer }

func (w *csvWriter) null(i int) {
	if i > 0 {
		w.WriteByte(',')
	}
}

func (w *csvWriter) field(i int, s string) {
	w.null(i)
	if s != "" && !strings.ContainsAny(s, ",\"\r\n#") {
		w.WriteString(s)
		return
	}
	w.WriteByte('"')
	w.WriteString(strings.ReplaceAll(s, `"`, `""`))
	w.WriteByte('"')
}

func (w *csvWriter) newline() error { return w.WriteByte('\n') }

// Text is what DuckDB's cast to VARCHAR gives for a value of a type of the
// database, as [database/sql.ColumnType] names it. v is not nil.
func Text(v any, kind string) string {
	switch v := v.(type) {
	case string:
		return v
	case Nested:
		return v.Text
	case bool:
		return strconv.FormatBool(v)
	case float32:
		return floatText(float64(v), 32)
	case float64:
		return floatText(v, 64)
	case *big.Int:
		return v.String()
	case duckdb.Decimal:
		return decimalText(v)
	case time.Time:
		return timeText(v, kind)
	case []byte:
		return bytesText(v, kind)
	case duckdb.Interval:
		return intervalText(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = "NULL"
			if item != nil {
				items[i] = itemText(item, strings.TrimSuffix(kind, "[]"))
			}
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

// itemText is the text of a value in a list: in quotes where it could be taken
// for something else.
func itemText(v any, kind string) string {
	s, ok := v.(string)
	if !ok {
		return Text(v, kind)
	}
	const space = "\t\n\v\f\r "
	plain := s != "" && strings.Trim(s, space) == s && !strings.EqualFold(s, "null") &&
		!strings.ContainsAny(s, `"'(),:=[]{}`)
	if plain {
		return s
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// floatText is the shortest text that reads back as v, in the notation that
// DuckDB chooses.
func floatText(v float64, bits int) string {
	s := strconv.FormatFloat(v, 'e', -1, bits)
	_, exponent, ok := strings.Cut(s, "e")
	if !ok {
		return strings.ToLower(strings.TrimPrefix(s, "+")) // inf, nan
	}
	n, err := strconv.Atoi(exponent)
	if err != nil || n < -4 || n >= 16 {
		return s
	}
	s = strconv.FormatFloat(v, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func decimalText(d duckdb.Decimal) string {
	digits := new(big.Int).Abs(d.Value).String()
	scale := int(d.Scale)
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	whole := len(digits) - scale
	s := digits[:whole]
	if scale > 0 {
		s += "." + digits[whole:]
	}
	if d.Value.Sign() < 0 {
		s = "-" + s
	}
	return s
}

func bytesText(v []byte, kind string) string {
	if kind == "UUID" && len(v) == 16 {
		return fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
	}
	var b strings.Builder
	for _, c := range v {
		if c < ' ' || c > '~' || strings.IndexByte(`\'"`, c) >= 0 {
			fmt.Fprintf(&b, `\x%02X`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// intervalText is an interval with its months, days and time of day.
func intervalText(v duckdb.Interval) string {
	var parts []string
	add := func(n int64, word string) {
		if n == 0 {
			return
		}
		if n != 1 && n != -1 {
			word += "s"
		}
		parts = append(parts, strconv.FormatInt(n, 10)+" "+word)
	}
	add(int64(v.Months/12), "year")
	add(int64(v.Months%12), "month")
	add(int64(v.Days), "day")
	if v.Micros != 0 || len(parts) == 0 {
		sign, micros := "", v.Micros
		if micros < 0 {
			sign, micros = "-", -micros
		}
		clock := fmt.Sprintf("%s%02d:%02d:%02d", sign, micros/3_600_000_000, micros/60_000_000%60, micros/1_000_000%60)
		if fraction := micros % 1_000_000; fraction > 0 {
			clock += strings.TrimRight(fmt.Sprintf(".%06d", fraction), "0")
		}
		parts = append(parts, clock)
	}
	return strings.Join(parts, " ")
}

func timeText(t time.Time, kind string) string {
	t = t.UTC()
	switch kind {
	case "DATE":
		return t.Format("2006-01-02")
	case "TIME":
		return t.Format("15:04:05.999999")
	case "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE":
		return t.Format("2006-01-02 15:04:05.999999") + "+00"
	default:
		return t.Format("2006-01-02 15:04:05.999999999")
	}
}
