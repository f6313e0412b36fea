package store_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// Whatever Tables tells is there in a snapshot as it tells it: each table, each
// macro with arguments of its parameters' types, the columns and their types;
// nothing is left out, and nothing goes without an explanation.
func TestTables(t *testing.T) {
	tables, err := store.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	st := storetest.Open(t)
	id := storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(1), Rows: full})
	r := read(t, st, store.ReadOptions{})
	arguments := map[string]string{"TIMESTAMPTZ": "now()", "INTEGER": "30", "DOUBLE": "1.5", "VARCHAR": "'Asia/Shanghai'"}
	var told []string
	for _, table := range tables {
		if lines := strings.Split(table.Comment, "\n"); !strings.HasSuffix(lines[len(lines)-1], ".") && len(lines) == 1 {
			t.Errorf("%s has no sentence that explains it: %q", table.Name, table.Comment)
		}
		var args []string
		for _, p := range table.Parameters {
			args = append(args, arguments[p.Type])
			if strings.HasSuffix(p.Name, "_snapshot") {
				args[len(args)-1] = "'" + id + "'"
			}
		}
		query := "SELECT * FROM " + table.Name
		switch call := "(" + strings.Join(args, ", ") + ")"; table.Kind {
		case "table":
			told = append(told, table.Name)
		case "macro":
			query += call
		default:
			query = "SELECT " + table.Name + call + " AS " + table.Name
		}
		rows, err := r.Query(t.Context(), query+" LIMIT 0", nil)
		if err != nil {
			t.Errorf("%s: %v", query, err)
			continue
		}
		types, err := rows.ColumnTypes()
		rows.Close()
		if err != nil {
			t.Fatal(err)
		}
		var want, got []string
		for _, c := range types {
			want = append(want, c.Name()+" "+c.DatabaseTypeName())
		}
		for _, c := range table.Columns {
			got = append(got, c.Name+" "+c.Type)
			if c.Comment == "" && table.Kind != "function" {
				t.Errorf("%s.%s has no comment", table.Name, c.Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("columns of %s (-there +told):\n%s", query, diff)
		}
	}
	if diff := cmp.Diff(views(t, r), slices.Sorted(slices.Values(told))); diff != "" {
		t.Errorf("tables (-there +told):\n%s", diff)
	}
}
