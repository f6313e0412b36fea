package reports

import (
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"exporter/internal/sandbox"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// column returns a table's column as text, sorted.
func column(t *table, parts ...string) []string {
	var list []string
	for row := range t.rows {
		var values []string
		for _, name := range parts {
			values = append(values, t.text(row, t.index(name)))
		}
		list = append(list, strings.Join(values, " "))
	}
	slices.Sort(list)
	return list
}

func same(t *testing.T, what string, want, got []string) {
	t.Helper()
	slices.Sort(want)
	if len(want) == 0 {
		t.Errorf("%s: nothing to compare", what)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("%s mismatch (-counted +report):\n%s", what, diff)
	}
}

// TestReportsOfSites compares the queries of the sandbox's sites and of the
// hand-made one with the oracle, and the first pages with their sections.
func TestReportsOfSites(t *testing.T) {
	sandboxed := func(name string) storetest.Site {
		return siteOf(t, sandbox.New(sandbox.Options{Site: name, Seed: 1, Now: func() time.Time { return siteAt }}).State())
	}
	for _, c := range []struct {
		name string
		site storetest.Site
		days int
	}{{"demo", sandboxed("demo"), 14}, {"documented", sandboxed("documented"), 30}, {"by hand", handSite(t), 30}} {
		t.Run(c.name, func(t *testing.T) {
			r := reader(t, c.site)
			zone, err := time.LoadLocation(siteZone)
			if err != nil {
				t.Fatal(err)
			}
			w := worldOf(t, []storetest.Site{c.site})
			a := ask{asOf: r.AsOf(), zone: zone, days: c.days, minPeople: 2}
			found := compareQueries(t, r, w, a)
			for query, rows := range found {
				if rows == 0 && c.name != "documented" {
					t.Errorf("%s: nothing to compare", query)
				}
			}
			firstPages(t, r, c.days)
		})
	}
}

// firstPages compares the first figure and the chart of reports with their rows.
func firstPages(t *testing.T, r *store.Reader, days int) {
	t.Helper()
	p := makeReport(t, r, "expiring-permissions", map[string]any{"within_days": days})
	rows := p.tables[0].rows
	if got := p.figures[0].value; got != number(int64(rows)) {
		t.Errorf("the first figure is %s, want %d", got, rows)
	}
	if int(p.chart.total) != rows {
		t.Errorf("the chart's columns sum up to %v, want %d", p.chart.total, rows)
	}
	p = makeReport(t, r, "failed-issues", nil)
	if got := p.figures[0].value; got != number(int64(p.tables[1].rows)) {
		t.Errorf("the first figure is %s, the section has %d rows", got, p.tables[1].rows)
	}
	gravestFirst(t, p.tables[1])
}

// gravestFirst checks the order of the failed issues, and that their list of
// first rows names each channel's trouble once.
func gravestFirst(t *testing.T, issues *table) {
	t.Helper()
	get := func(row int, name string) string { return issues.text(row, issues.index(name)) }
	trouble := func(row int) string {
		return get(row, "access_control_channel_name") + ", " + get(row, "business_device_name") + ", " + get(row, "reason")
	}
	persons := map[string]map[string]bool{}
	for row := range issues.rows {
		if persons[trouble(row)] == nil {
			persons[trouble(row)] = map[string]bool{}
		}
		persons[trouble(row)][get(row, "person_id")] = true
	}
	var weights [][]int64
	for row := range issues.rows {
		affected := int64(len(persons[trouble(row)]))
		if got := get(row, "affected"); got != number(affected) {
			t.Errorf("row %d, %s: %s affected, want %d", row, trouble(row), got, affected)
		}
		waiting := issues.vectors[issues.index("waiting_seconds")].values[row]
		weights = append(weights, []int64{int64(slices.Index(severities, get(row, "severity"))), -affected, -waiting})
	}
	if !slices.IsSortedFunc(weights, slices.Compare[[]int64]) {
		t.Error("the failed issues are not in the order of severity, persons affected and age")
	}
	seen := map[string]bool{}
	for _, row := range issues.firstRows() {
		if seen[trouble(row)] {
			t.Errorf("the first rows name %s twice", trouble(row))
		}
		seen[trouble(row)] = true
	}
}
