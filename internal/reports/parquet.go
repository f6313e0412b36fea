package reports

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"exporter/internal/store"
)

// writeParquet writes a section as Parquet for data tools, typed and
// compressed with zstd. Moments are in UTC, as the format has them. The file's
// metadata says what it was made from.
func writeParquet(ctx context.Context, path string, p part) ([]Note, error) {
	about := map[string]string{"report": p.Name(), "section": p.table.section.sheet(), "snapshot": p.trust.snapshot,
		"as_of": p.trust.asOf.UTC().Format(time.RFC3339Nano), "digest": p.trust.digest(), "mask": p.Mask(), "verdict": p.trust.verdict(),
		"query": p.table.section.Query, "program": "exporter " + p.trust.programVersion}
	for _, q := range p.queries {
		if q.name == p.table.section.Query {
			about["query_sha256"] = q.sha256
		}
	}
	if p.sealed != nil {
		about["sealed_by"] = p.sealed.whole()
	}
	values := make([]any, len(p.table.vectors))
	err := store.WriteParquet(ctx, path, p.table.parquetColumns(), p.table.rows, func(row int) []any {
		for i, v := range p.table.vectors {
			values[i] = v.parquet(row)
		}
		return values
	}, about)
	return p.table.invalidNote(), err
}

// parquetColumns are the columns with their types. A list is one of texts, an
// element that is none as text.
func (t *table) parquetColumns() []store.ParquetColumn {
	columns := make([]store.ParquetColumn, len(t.columns))
	for i, name := range t.names() {
		name = strings.ReplaceAll(cut(validText(name), 1000), "\x00", "\uFFFD")
		columns[i] = store.ParquetColumn{Name: name, Type: t.vectors[i].parquetType()}
	}
	return columns
}

func (v *vector) parquetType() string {
	switch v.kind {
	case kindInteger:
		return "BIGINT"
	case kindNumber:
		return "DOUBLE"
	case kindYesNo:
		return "BOOLEAN"
	case kindMoment:
		return "TIMESTAMPTZ"
	case kindWall:
		return "TIMESTAMP"
	case kindDay:
		return "DATE"
	case kindList:
		return "VARCHAR[]"
	default:
		return "VARCHAR"
	}
}

// parquet is a value as Parquet has it.
func (v *vector) parquet(row int) any {
	switch x := v.at(row).(type) {
	case string:
		return validText(x)
	case listValue:
		items := make([]any, len(x))
		for i, e := range x {
			if e != nil {
				items[i] = elementText(e)
			}
		}
		return items
	default:
		return x
	}
}

// elementText is an element of a list as text: nested lists are JSON.
func elementText(e any) string {
	switch e := e.(type) {
	case string:
		return e
	case listValue:
		return string(e.json())
	default:
		return asText(e)
	}
}

func checkParquet(ctx context.Context, path string, p part) error {
	t := p.table
	y := &tally{t: t}
	err := store.ReadParquet(ctx, path, func(got []store.ParquetColumn) error {
		if want := t.parquetColumns(); !slices.Equal(got, want) {
			return fmt.Errorf("section %s: columns %v in the file, %v by the query", t.section.sheet(), got, want)
		}
		return nil
	}, func(values []any) error {
		if err := y.one(len(values), len(t.columns)); err != nil {
			return err
		}
		for i, v := range t.vectors {
			if want := v.parquet(y.row); !sameValue(values[i], want) {
				return y.differs(i, fmt.Sprint(values[i]), fmt.Sprint(want))
			}
		}
		y.row++
		return nil
	})
	if err != nil {
		return err
	}
	return y.end()
}

// sameValue compares values that are not both the same type of time, and
// numbers that may be none.
func sameValue(a, b any) bool {
	switch a := a.(type) {
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	case float64:
		b, ok := b.(float64)
		return ok && (a == b || a != a && b != b)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameValue)
	default:
		return a == b
	}
}
