package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestParquet reads back what was written, over more than one chunk and in the
// order of the rows, NULL in every place.
func TestParquet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "it's.parquet")
	columns := []ParquetColumn{{"id", "BIGINT"}, {"text", "VARCHAR"}, {"it's \"x\"", "VARCHAR[]"}, {"at", "TIMESTAMPTZ"}, {"flag", "BOOLEAN"}}
	row := func(n int) []any {
		values := []any{int64(n), fmt.Sprint("t", n), []any{fmt.Sprint(n), nil, ""}, time.UnixMicro(int64(n)).UTC(), n%2 == 0}
		if n%7 < len(values) {
			values[n%7] = nil
		}
		if n%11 == 0 {
			values[2] = []any{}
		}
		return values
	}
	const count = 7000
	if err := WriteParquet(t.Context(), path, columns, count, row, map[string]string{"who": "it's 张伟"}); err != nil {
		t.Fatal(err)
	}
	n := 0
	err := ReadParquet(t.Context(), path, func(got []ParquetColumn) error {
		if diff := cmp.Diff(columns, got); diff != "" {
			t.Errorf("columns mismatch (-want +got):\n%s", diff)
		}
		return nil
	}, func(got []any) error {
		if diff := cmp.Diff(row(n), got); diff != "" {
			return fmt.Errorf("row %d mismatch (-want +got):\n%s", n, diff)
		}
		n++
		return nil
	})
	if err != nil || n != count {
		t.Errorf("%d rows, %v; want %d", n, err, count)
	}
	stop := errors.New("stop")
	if err := ReadParquet(t.Context(), path, func([]ParquetColumn) error { return stop }, nil); !errors.Is(err, stop) {
		t.Errorf("ReadParquet = %v, want what columns says", err)
	}
	err = WriteParquet(t.Context(), path, []ParquetColumn{{"a", "MONEY"}}, 0, nil, nil)
	if err == nil || !strings.Contains(err.Error(), `no type "MONEY"`) {
		t.Errorf("WriteParquet of an unknown type = %v", err)
	}
	err = WriteParquet(t.Context(), path, columns[:1], 1, func(int) []any { return []any{"x"} }, nil)
	if err == nil || !strings.Contains(err.Error(), `column "id"`) {
		t.Errorf("WriteParquet of a text as a number = %v", err)
	}
}
