package reports

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
	"exporter/queries"
)

// oracles have the answer of each query that is compared with one, and the columns
// that tell its rows apart.
var oracles = map[string]struct {
	answer func(*knownProject, ask) []fields
	key    []string
}{
	"expiring_permissions.sql": {(*knownProject).expiring, []string{"access_auth_id"}},
	"expiring_by_rule.sql":     {(*knownProject).settling, []string{"auth_relation_id"}},
	"channel_coverage.sql":     {(*knownProject).coverage, []string{"access_control_channel_id"}},
	"failed_issues.sql":        {(*knownProject).issues, []string{"access_auth_id", "auth_task_record_id", "credential"}},
	"drift.sql":                {(*knownProject).drift, []string{"class", "source_id", "access_control_channel_id"}},
	"failed_deletions.sql":     {(*knownProject).deletions, []string{"auth_task_record_id", "credential"}},
}

// worldOf is what a store knows after these snapshots, each with one site of
// each project.
func worldOf(t testing.TB, snapshots ...[]storetest.Site) *world {
	t.Helper()
	w := &world{projects: map[string][]cloudSite{}, register: map[string]registered{}}
	for _, sites := range snapshots {
		for _, s := range sites {
			w.projects[s.Project] = append(w.projects[s.Project], cloudSiteOf(t, s))
		}
	}
	registers := snapshots[len(snapshots)-1][0].Registers
	for _, line := range registerLines(t, registers["channel_register"]) {
		w.register[line[0]] = registered{line[1], line[2]}
	}
	for _, line := range registerLines(t, registers["roster"]) {
		if w.roster == nil {
			w.roster = map[string][]string{}
		}
		w.roster[line[0]] = append(w.roster[line[0]], line[1])
	}
	w.prepare()
	w.known = map[string]*knownProject{}
	for project := range w.projects {
		w.known[project] = w.know(project)
	}
	return w
}

func registerLines(t testing.TB, text string) [][]string {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		for i := range line {
			line[i] = strings.TrimSpace(line[i])
		}
	}
	return lines[min(1, len(lines)):]
}

// compareQueries compares the rows of every query with those of the oracle, each
// column of each project by itself, and returns how many there were.
func compareQueries(t *testing.T, r *store.Reader, w *world, a ask) map[string]int {
	t.Helper()
	found := map[string]int{}
	for query := range oracles {
		text, err := queries.Files.ReadFile(query)
		if err != nil {
			t.Fatal(err)
		}
		var faults []string
		found[query], faults = w.compare(t, r, query, string(text), a)
		for _, fault := range faults[:min(3, len(faults))] {
			t.Errorf("%s as of %s in %s, %s", query, a.asOf.Format(time.RFC3339), a.zone, fault)
		}
		if len(faults) > 3 {
			t.Errorf("%s: %d projects differ", query, len(faults))
		}
	}
	return found
}

// compare returns how many rows the oracle has for a query, and in what its text
// answers otherwise, for each project where it does.
func (w *world) compare(t *testing.T, r *store.Reader, query, text string, a ask) (rows int, faults []string) {
	t.Helper()
	got := queried(t, r, text, map[string]any{"as_of": a.asOf, "timezone": a.zone.String(),
		"within_days": a.days, "min_people": a.minPeople, "max_people": a.maxPeople})
	for _, project := range slices.Sorted(maps.Keys(w.known)) {
		want := oracles[query].answer(w.known[project], a)
		for _, row := range want {
			row["project_id"] = project
			for c, v := range row {
				row[c] = valueText(v)
			}
		}
		rows += len(want)
		if diff := differences(oracles[query].key, want, got[project]); diff != "" {
			faults = append(faults, "project "+project+":\n"+diff)
		}
	}
	return rows, faults
}

// differences are the rows that only one of the two has; of rows that are alike
// in their key, the columns in which they differ.
func differences(key []string, want, got []fields) string {
	byKey := func(rows []fields) map[string][]string {
		of := map[string][]string{}
		for _, row := range rows {
			var id []string
			for _, c := range key {
				id = append(id, row[c].(string))
			}
			of[strings.Join(id, " ")] = append(of[strings.Join(id, " ")], row.text())
		}
		return of
	}
	wanted, gotten := byKey(want), byKey(got)
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(over(wanted, gotten))) {
		w, g := wanted[id], gotten[id]
		slices.Sort(w)
		slices.Sort(g)
		switch {
		case slices.Equal(w, g):
		case len(w) == 1 && len(g) == 1:
			b.WriteString(id + ":")
			was, is := strings.Split(w[0], " | "), strings.Split(g[0], " | ")
			for i := range was {
				if was[i] != is[i] {
					b.WriteString(" oracle " + was[i] + ", query " + is[i] + ";")
				}
			}
			b.WriteString("\n")
		default:
			fmt.Fprintf(&b, "%s:\n  oracle %s\n  query  %s\n", id, strings.Join(w, "\n         "), strings.Join(g, "\n         "))
		}
	}
	return b.String()
}

// text is a row of texts on one line.
func (f fields) text() string {
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, c+"="+f[c].(string))
	}
	return strings.Join(parts, " | ")
}

// queried runs a query and returns its rows by project, each value as text.
func queried(t *testing.T, r *store.Reader, text string, named map[string]any) map[string][]fields {
	t.Helper()
	rows, err := r.Query(t.Context(), text, named)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, to := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		to[i] = &values[i]
	}
	of := map[string][]fields{}
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			t.Fatal(err)
		}
		row := fields{}
		for i, c := range columns {
			row[c] = valueText(values[i])
		}
		project := row["project_id"].(string)
		of[project] = append(of[project], row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return of
}

// valueText is a value in a form that does not depend on where it came from. A
// list is sorted.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return "-"
	case word:
		if v.ok {
			return v.v
		}
		return "-"
	case integer:
		if v.ok {
			return strconv.FormatInt(v.v, 10)
		}
		return "-"
	case time.Time:
		return strconv.FormatInt(v.UnixMilli(), 10)
	case float64:
		return strconv.FormatFloat(v, 'g', 12, 64)
	case []string:
		return "[" + strings.Join(slices.Sorted(slices.Values(v)), ", ") + "]"
	case []any:
		texts := make([]string, len(v))
		for i, x := range v {
			texts[i] = valueText(x)
		}
		return valueText(texts)
	default:
		return fmt.Sprint(v)
	}
}
