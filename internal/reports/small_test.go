package reports

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// smallSite is a site of lists (permissions, persons, structures, rules, tasks)
// and of what was asked one by one, by what was asked.
func smallSite(t testing.TB, lists map[string][]fields, asked map[string]map[string][]fields) storetest.Site {
	t.Helper()
	s := storetest.Site{Project: "1424615984265764001", At: siteAt, Rows: map[string]map[string][]string{}}
	for name, rows := range lists {
		s.Rows[name] = map[string][]string{"": lines(t, rows...)}
	}
	for name, keys := range asked {
		s.Rows[name] = map[string][]string{}
		for key, rows := range keys {
			s.Rows[name][key] = lines(t, rows...)
		}
	}
	return s
}

// picked are the rows of a section, of each the named columns joined by " | ".
func picked(t testing.TB, r *Report, section string, columns ...string) []string {
	t.Helper()
	for _, x := range r.tables {
		if x.section.Name != section {
			continue
		}
		var rows []string
		for row := range x.rows {
			var cells []string
			for _, c := range columns {
				i := x.index(c)
				if i < 0 {
					t.Fatalf("section %s has no column %s", section, c)
				}
				cells = append(cells, x.text(row, i))
			}
			rows = append(rows, strings.Join(cells, " | "))
		}
		return rows
	}
	t.Fatalf("no section %s", section)
	return nil
}

// figuresOf are the figures of the first page: value and label.
func figuresOf(r *Report) []string {
	var all []string
	for _, f := range r.figures {
		all = append(all, f.value+" "+f.label)
	}
	return all
}

// equal compares what a report says with what was worked out by hand.
func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s mismatch (-want +got):\n%s", what, diff)
	}
}

// fmtFloats are the numbers of a series.
func fmtFloats(values []float64) string {
	var all []string
	for _, v := range values {
		all = append(all, decimal(v))
	}
	return strings.Join(all, ",")
}

// rowsIn runs a query on a store's newest snapshot.
func rowsIn(t testing.TB, st *store.Store, query string) []row {
	t.Helper()
	rows, err := rowsOf(t.Context(), readerOf(t, st), query, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
