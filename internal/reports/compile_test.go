package reports

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCompileGivesAllFaults finds, without a store, what is wrong between a
// definition and its queries.
func TestCompileGivesAllFaults(t *testing.T) {
	dir := queryDir(t, map[string]string{
		"good.sql":       "-- $none in a comment\nSELECT name, 'x' AS word, $days + 1 AS n, $since AS since FROM permissions",
		"bad.sql":        "SELECT\n    nam\nFROM permissions",
		"write.sql":      "DELETE FROM base.permissions",
		"file.sql":       "SELECT * FROM read_csv('/etc/hostname')",
		"two.sql":        "SELECT 1; SELECT 2",
		"twice.sql":      "SELECT name, 1 AS n, 2 AS Name FROM permissions",
		"undeclared.sql": "SELECT name FROM permissions WHERE name = $dyas AND person_id = $snapshot",
	})
	d := Definition{Name: "own", Title: "Own", Question: "Who, within {days}, {dasy}?", Answer: "{n} {answr}", Summary: "good.sql",
		Parameters: map[string]Parameter{"days": {Type: "integer", Default: 3}},
		Figures:    []Figure{{Label: "x", Value: "n"}, {Label: "{wrd}", Value: "m"}},
		Chart:      &Chart{Query: "good.sql", Label: "naem", Series: []Series{{Column: "n"}, {Column: "o"}}},
		Matrix:     &Matrix{Title: "{word}", Query: "good.sql", Row: "name", Column: "wort", Value: "n"},
		Sections: []Section{
			{Title: "Good", Query: "good.sql", Severity: "word", Key: []string{"name"}, Columns: []Column{{Name: "n"}}, Empty: "{name}"},
			{Title: "Wrong", Query: "good.sql", Severity: "severity", Group: "grp", Key: []string{"name", "key"}, Compare: []string{"cmp"},
				First: &First{Columns: []string{"name", "first"}, Each: []string{"each"}}, Columns: []Column{{Name: "name"}, {Name: "nam"}}, Note: "{n} {x}"},
			{Title: "Bad", Query: "bad.sql", Columns: []Column{{Name: "anything"}}},
			{Title: "Write", Query: "write.sql"}, {Title: "File", Query: "file.sql"}, {Title: "Two", Query: "two.sql"},
			{Title: "Undeclared", Query: "undeclared.sql"}, {Title: "Twice", Query: "twice.sql", Columns: []Column{{Name: "n"}}},
			{Title: "Not there", Query: "none.sql", Columns: []Column{{Name: "a"}}}, // for Validate to tell
		}}
	counted := Definition{Name: "counted", Title: "C", Sections: []Section{{Name: "All", Title: "All", Query: "expiring_by_rule.sql"}},
		Parameters: map[string]Parameter{"within_days": {Type: "integer", Default: 3}},
		Chart:      &Chart{Section: "All", Label: "sorce", Split: "severity", Series: []Series{{Column: "x"}}}}
	faults, err := Compile(t.Context(), []Definition{d, counted}, dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range faults {
		got = append(got, fmt.Sprintf("%d %s: %s", f.Definition, f.Key, strings.TrimPrefix(f.Text, "report ")))
	}
	missing := func(name, query, more string) string {
		return fmt.Sprintf("column %q: the query %s does not return it; %s", name, query, more)
	}
	all := "there is name, word, n, since"
	want := []string{
		"0 figures[1].value: own: figure 2: " + missing("m", "good.sql", `did you mean "n"?`),
		"0 sections[1].columns[1].name: own: section Wrong: " + missing("nam", "good.sql", `did you mean "name"?`),
		"0 sections[1].severity: own: section Wrong: severity: " + missing("severity", "good.sql", all),
		"0 sections[1].group: own: section Wrong: group: " + missing("grp", "good.sql", all),
		"0 sections[1].key[1]: own: section Wrong: key: " + missing("key", "good.sql", all),
		"0 sections[1].compare[0]: own: section Wrong: compare: " + missing("cmp", "good.sql", all),
		"0 sections[1].first.columns[1]: own: section Wrong: first: " + missing("first", "good.sql", all),
		"0 sections[1].first.each[0]: own: section Wrong: first: " + missing("each", "good.sql", all),
		`0 sections[2].query: own: section Bad: query bad.sql, line 2: Binder Error: Referenced column "nam" not found in FROM clause! Candidate bindings: "name", "access_auth_time_range_str", "mobile"`,
		"0 sections[3].query: own: section Write: query write.sql: refused: only a statement that reads is run: SELECT, FROM, WITH, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN",
		`0 sections[4].query: own: section File: query file.sql, line 1: Permission Error: Cannot access file "/etc/hostname" - file system operations are disabled by configuration`,
		"0 sections[5].query: own: section Two: query two.sql: refused: more than one statement",
		`0 sections[6].query: own: section Undeclared: query undeclared.sql names the parameter $dyas, which the report does not declare; did you mean "days"?`,
		`0 sections[7].query: own: section Twice: query twice.sql: returns the column "Name" twice; give each a name of its own with AS`,
		"0 chart.label: own: chart: label: " + missing("naem", "good.sql", `did you mean "name"?`),
		"0 chart.series[1].column: own: chart: series: " + missing("o", "good.sql", `did you mean "n"?`),
		"0 matrix.column: own: matrix: column: " + missing("wort", "good.sql", `did you mean "word"?`),
		`0 question: own: {dasy} is neither a parameter nor a column of the summary; did you mean "days"?`,
		`0 answer: own: {answr} is neither a parameter nor a column of the summary; there is days, name, word, n, since`,
		`0 figures[1].label: own: {wrd} is neither a parameter nor a column of the summary; did you mean "word"?`,
		`0 sections[1].note: own: {x} is neither a parameter nor a column of the summary; did you mean "n"?`,
		"1 chart.label: counted: chart: label: " + missing("sorce", "of section All", `did you mean "source"?`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Compile mismatch (-want +got):\n%s", diff)
	}
	// One that was not compiled before is refused when it runs.
	twice := Definition{Name: "own", Title: "Own", Sections: []Section{{Title: "Twice", Query: "twice.sql", Columns: []Column{{Name: "name", Mask: "standard"}}}}}
	_, err = Run(t.Context(), reader(t, handSite(t)), twice, Options{QueryDir: dir})
	if err == nil || err.Error() != `report own: query twice.sql: returns the column "Name" twice; give each a name of its own with AS` {
		t.Errorf("Run of a query with two columns of one name: %v", err)
	}
}

// TestNamesApart: a column of a section may have a name that a list of its changes
// takes too.
func TestNamesApart(t *testing.T) {
	l := &table{columns: []Column{{Name: "change"}, {Name: "Change"}, {Name: "state"}, {Name: "change_2"}}}
	if diff := cmp.Diff([]string{"change", "Change_3", "state", "change_2"}, l.names()); diff != "" {
		t.Errorf("names mismatch (-want +got):\n%s", diff)
	}
}

// templateIn matches a template in a note, none of which is of SQL.
var templateIn = regexp.MustCompile(`\{[a-z_]+_note\}`)

// TestExplain tells what a reader asks of a report, in lines that fit a terminal.
func TestExplain(t *testing.T) {
	for _, d := range Builtin() {
		text, err := d.Explain("")
		if err != nil {
			t.Fatal(err)
		}
		if templateIn.MatchString(text) {
			t.Errorf("%s: a template as it is written: %s", d.Name, templateIn.FindString(text))
		}
		told, _, _ := strings.Cut(text, "\n-- ") // the SQL follows
		for line := range strings.Lines(told) {
			if line = strings.TrimSuffix(line, "\n"); columnsOf(line) > explainWidth {
				t.Errorf("%s: a line of %v columns: %s", d.Name, columnsOf(line), line)
			}
		}
	}
	d := Definition{Name: "own", ID: "X1", Title: "Own", Question: "Who, within {days} days?", Only: "new", Mask: "standard", Controls: []string{"A", "B"},
		Parameters: map[string]Parameter{"days": {Type: "integer", Default: 3, Meaning: "how many"}}, Summary: "expiring_permissions_summary.sql",
		Sections: []Section{{Name: "All", Title: "All of them", Query: "expiring_by_rule.sql", Severity: "severity", Key: []string{"a", "b"},
			Columns: []Column{{Name: "a"}, {Name: "long_name", Title: "Name", Meaning: strings.Repeat("word ", 20), Mask: "standard"}}}}}
	text, err := d.Explain("")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"X1 · own · Own\nWho, within 3 days?\n\nEvidence for  A; B\n",
		"Made as       xlsx, pdf; mask: standard\n",
		"Changes       since the snapshot before, or the one that --since names; only\n              what is new is shown\n",
		"  days  3 (integer); how many\n",
		"\nSection All: All of them\n────────────────────────\n\nKey      a/b, the finding_key of exceptions.csv\nChanged  when severity differs\n\n  a          A\n  long_name  Name: word",
		"word word\n             word word",
		"(masked from standard on)\n\n-- Expiring permissions: rules",
		"\nFirst page: expiring_permissions_summary.sql\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text[:min(len(text), 1500)])
		}
	}
}
