package reports

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"exporter/queries"
)

// The tests of this file change a few rows of the hand-made site and look at
// what the change alone does.

// TestSourceIsOfOneRule takes the name of a source from the rule that was
// chosen, also where it has none and another rule's has.
func TestSourceIsOfOneRule(t *testing.T) {
	site := handSite(t)
	site.Rows["structures"] = map[string][]string{"": lines(t, fields{"structure_id": "s1"}, fields{"structure_id": "s2", "structure_name": "第三宿舍"})}
	ends := beijing("2026-04-10", "23:59:59")
	site.Rows["rules"][""] = append(site.Rows["rules"][""], lines(t, fields{"auth_relation_id": "r9", "auth_id": "u2", "relation_id": "c2",
		"relation_name": "Archive", "relation_type": 2, "auth_start_time": 0, "auth_end_time": ends + 86400000})...)
	p := makeReport(t, reader(t, site), "expiring-permissions", nil)
	if got := column(p.tables[0], "access_auth_id", "granted_by", "auth_relation_id"); !slices.Contains(got, "a3 organization (no name) r2") {
		t.Errorf("a3 is not granted by the organization without a name: %q", got)
	}
	if !strings.Contains(p.whatToDo, "an organization without a name (2 permissions)") {
		t.Errorf("what to do: %s", p.whatToDo)
	}
}

// TestSharedThoughts keeps CTEs of one name the same in all queries of a
// report, so that a mistake cannot be mended in one of them alone.
func TestSharedThoughts(t *testing.T) {
	for _, d := range Builtin() {
		files := []string{d.Summary}
		if d.Chart != nil && d.Chart.Query != "" {
			files = append(files, d.Chart.Query)
		}
		for _, s := range d.Sections {
			files = append(files, s.Query)
		}
		bodies, from := map[string]string{}, map[string]string{}
		shared := 0
		for _, file := range files {
			text, err := queries.Files.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range ctePattern.FindAllStringSubmatch(string(text), -1) {
				name, body := m[1], m[2]
				if was, ok := bodies[name]; !ok {
					bodies[name], from[name] = body, file
				} else if was != body {
					t.Errorf("%s: %s is not that of %s", file, name, from[name])
				} else {
					shared++
				}
			}
		}
		if shared == 0 {
			t.Errorf("%s: no CTE is in two files; is the pattern still right?", d.Name)
		}
	}
}

// ctePattern is a CTE as the queries write one: its name at the begin of a
// line, its body up to a closing bracket there.
var ctePattern = regexp.MustCompile(`(?ms)^(?:WITH )?([a-z_]+) AS \(\n(.*?)^\)`)
