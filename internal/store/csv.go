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
	out := &csvWriter{Writer: bufio.NewWriter(w)}
	values := make([]any, len(types))
	into := make([]any, len(types))
	for i, t := range types {
		into[i] = &values[i]
		out.field(i, t.Name())
	}
	out.newline()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("write csv: %w", err)
		}
		for i, v := range values {
			if v == nil {
				out.null(i)
				continue
			}
			out.field(i, text(v, types[i].DatabaseTypeName()))
		}
		out.newline()
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("write csv: %w", err)
	}
	// The first failure to write sticks to the writer.
	if err := out.Flush(); err != nil {
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

func (w *csvWriter) newline() { w.WriteByte('\n') }

// text is what DuckDB's cast to VARCHAR gives for a value of a type.
func text(v any, kind string) string {
	switch v := v.(type) {
	case string:
		return v
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
		return text(v, kind)
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
