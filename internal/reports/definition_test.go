package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestBuiltinIsValid(t *testing.T) {
	definitions := Builtin()
	if faults := Validate(definitions, ""); len(faults) > 0 {
		t.Error(faults)
	}
	if faults, err := Compile(t.Context(), definitions, ""); err != nil || len(faults) > 0 {
		t.Error(faults, err)
	}
	for _, d := range definitions {
		for _, s := range d.Sections {
			for _, c := range s.Columns {
				if c.Title == "" {
					t.Errorf("%s, %s: column %s has no title", d.Name, s.Name, c.Name)
				}
			}
		}
	}
}

// decode reads definitions as a program's configuration does.
func decode(t *testing.T, text string) ([]Definition, error) {
	t.Helper()
	var config struct {
		Reports []struct {
			Definition `yaml:",inline"`
			Schedule   string   `yaml:"schedule"`
			To         []string `yaml:"to"`
		} `yaml:"reports"`
	}
	err := yaml.UnmarshalWithOptions([]byte(text), &config, yaml.Strict())
	var definitions []Definition
	for _, r := range config.Reports {
		definitions = append(definitions, r.Definition)
	}
	return definitions, err
}

func TestMerge(t *testing.T) {
	own, err := decode(t, `
reports:
  - name: expiring-permissions
    title: Ends soon
    parameters: {within_days: 60}
    formats: [pdf]
    schedule: "0 7 * * MON"
    to: [someone@example.com]
  - name: mine
    title: Mine
    sections: [{title: All, query: mine.sql}]
`)
	if err != nil {
		t.Fatal(err)
	}
	builtin := Builtin()
	merged, from := Merge(builtin, own)
	at := slices.IndexFunc(builtin, func(d Definition) bool { return d.Name == "expiring-permissions" })
	want := append(slices.Repeat([]int{-1}, len(builtin)), 1)
	want[at] = 0
	if diff := cmp.Diff(want, from); diff != "" {
		t.Errorf("own definitions of the merged (-want +got):\n%s", diff)
	}
	if len(merged) != len(builtin)+1 || merged[len(builtin)].Name != "mine" {
		t.Fatalf("merged has %d definitions", len(merged))
	}
	got, was := merged[at], Builtin()[at]
	if got.Title != "Ends soon" || got.Question != was.Question || len(got.Sections) != len(was.Sections) || len(got.Formats) != 1 {
		t.Errorf("the keys given were not the only ones replaced: %+v", got)
	}
	p := got.Parameters["within_days"]
	if v, err := p.value(); err != nil || v != int64(60) || p.Type != "integer" {
		t.Errorf("within_days = %v (%s), %v; want 60", v, p.Type, err)
	}
	if diff := cmp.Diff(readCatalogue(), builtin); diff != "" {
		t.Errorf("Merge changed its argument:\n%s", diff)
	}
}

// TestValidateRefusesUnknownParameters names the parameter that was meant.
func TestValidateRefusesUnknownParameters(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a value for a misspelt name", "{name: expiring-permissions, parameters: {witihn_days: 60}}", `"witihn_days": the built-in report does not declare it; did you mean "within_days"?`},
		{"a whole parameter of a misspelt name", "{name: channel-coverage, parameters: {max_peple: {type: integer, default: 9}}}", `did you mean "max_people"?`},
		{"a report without parameters", "{name: failed-issues, parameters: {days: 1}}", `"days": the built-in report has none`},
		{"a declared one", "{name: expiring-permissions, parameters: {within_days: 60}}", ""},
		{"a report of one's own", "{name: mine, title: M, parameters: {x: 60}, sections: [{title: A, query: expiring_by_rule.sql}]}", ""},
	} {
		own, err := decode(t, "reports: ["+c.text+"]")
		if err != nil {
			t.Fatal(err)
		}
		merged, _ := Merge(Builtin(), own)
		faults := fmt.Sprint(Validate(merged, ""))
		if c.want == "" && faults != "[]" || !strings.Contains(faults, c.want) {
			t.Errorf("%s: %s, want %q", c.name, faults, c.want)
		}
	}
}

func TestStrictYAML(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an unknown key", "reports:\n  - name: x\n    tittle: X\n", "tittle"},
		{"an unknown key of a section", "reports:\n  - name: x\n    sections: [{title: A, qery: a.sql}]\n", "qery"},
		{"an unknown key of a parameter", "reports:\n  - name: x\n    parameters: {p: {type: integer, defult: 1}}\n", "defult"},
		{"a list for a text", "reports:\n  - name: [x]\n", "string"},
	} {
		_, err := decode(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "[") {
			t.Errorf("%s: error %v, want one with its place and %q", c.name, err, c.want)
		}
	}
}

func TestValidateGivesAllFaults(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.sql"), []byte("SELECT 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	negative := -1
	faults := Validate([]Definition{
		{Name: "Bad Name", Formats: []string{"doc"}, PDFRows: &negative,
			Parameters: map[string]Parameter{"n": {Type: "integer", Default: "many"}, "t": {Type: "time"},
				"under": {Type: "integer", Default: -1, Min: 0}, "word": {Min: 0}, "bound": {Type: "number", Max: "high"}},
			Figures: []Figure{{Label: "x"}},
			Chart:   &Chart{Section: "None", Split: "x"}},
		{Name: "twice", Title: "T", Sections: []Section{{Title: "A", Query: "own.sql"}}},
		{Name: "twice", Title: "T", Sections: []Section{
			{Name: "Method", Title: "A", Query: "../own.sql"},
			{Name: "a/b", Title: "A", Query: "none.sql", First: &First{Rows: -1}, Columns: []Column{{Name: "x"}, {Name: "x", Format: "money", Hidden: "yes", Width: -1}}}}},
	}, dir)
	var got []string
	for _, f := range faults {
		got = append(got, fmt.Sprintf("%d %s: %s", f.Definition, f.Key, strings.TrimPrefix(f.Text, "report ")))
	}
	want := []string{
		`0 name: Bad Name: name "Bad Name": must be lower-case words joined by hyphens`,
		"0 title: Bad Name: has no title",
		`0 parameters.bound.max: Bad Name: parameter bound: max: "high" is not a number`,
		`0 parameters.n.default: Bad Name: parameter n: "many" is not a whole number`,
		`0 parameters.t.type: Bad Name: parameter t: type "time": must be one of integer, number, text, boolean, date`,
		"0 parameters.under.default: Bad Name: parameter under: must be at least 0, not -1",
		"0 parameters.word.min: Bad Name: parameter word: min: only an integer, a number or a date has one",
		`0 formats[0]: Bad Name: format "doc": must be one of ` + strings.Join(Formats(), ", "),
		"0 pdf_rows: Bad Name: pdf_rows: must not be negative",
		"0 figures[0]: Bad Name: figure 1: needs a label and a value",
		"0 figures: Bad Name: figures need a summary query",
		`0 chart.section: Bad Name: chart: there is no section "None"`,
		"0 chart: Bad Name: chart: needs a label and a series",
		"0 sections: Bad Name: has no sections",
		"2 name: twice: defined twice",
		`2 sections[0].name: twice: section Method: the sheet name "Method" is taken`,
		`2 sections[0].query: twice: section Method: query "../own.sql": must be a path below queries/`,
		`2 sections[1].name: twice: section a/b: not a sheet name: at most 25 characters and none of : \ / ? * [ ]`,
		`2 sections[1].query: twice: section a/b: query "none.sql" is not in ` + dir + ` nor among the built-in ones`,
		"2 sections[1].first.rows: twice: section a/b: first: rows must not be negative",
		"2 sections[1].columns[1].name: twice: section a/b: column x: must have a name of its own",
		`2 sections[1].columns[1].format: twice: section a/b: column x: format "money": must be one of ` + strings.Join(columnFormats, ", "),
		`2 sections[1].columns[1].hidden: twice: section a/b: column x: hidden "yes": must be pdf or all`,
		"2 sections[1].columns[1].width: twice: section a/b: column x: width -1: must be from 0 to 200",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Validate mismatch (-want +got):\n%s", diff)
	}
}

// TestReportNames refuses names that are something else's, or too long for a file's.
func TestReportNames(t *testing.T) {
	for name, want := range map[string]string{
		"operators": "", "to-collect": "", strings.Repeat("a", 100): "",
		"collect":                `report collect: name "collect": must be none of check, collect, evidence, operator`,
		"operator":               `name "operator": must be none`,
		"check":                  `name "check": must be none`,
		strings.Repeat("a", 101): "report " + strings.Repeat("a", 100) + ": its name must have at most 100 letters",
	} {
		faults := Validate([]Definition{{Name: name, Title: "T", Sections: []Section{{Title: "A", Query: "expiring_by_rule.sql"}}}}, "")
		if want == "" && len(faults) == 0 {
			continue
		}
		if len(faults) != 1 || want == "" || faults[0].Key != "name" || !strings.Contains(faults[0].Text, want) {
			t.Errorf("%s: %v, want %q", name, faults, want)
		}
	}
}

// TestBounds refuses what is out of bounds, wherever it is given, and says so
// in words.
func TestBounds(t *testing.T) {
	days := Parameter{Type: "integer", Min: 0, Max: 10}
	since := Parameter{Type: "date", Min: "2026-01-01"}
	share := Parameter{Type: "number", Max: 0.5}
	for _, c := range []struct {
		p     Parameter
		given any
		want  string
	}{
		{days, 0, ""}, {days, "10", ""}, {days, -5, "must be at least 0, not -5"}, {days, "11", "must be at most 10, not 11"},
		{since, "2026-01-01", ""}, {since, "2025-12-31", "must be at least 2026-01-01, not 2025-12-31"},
		{share, 0.5, ""}, {share, "0.6", "must be at most 0.5, not 0.6"},
	} {
		if _, err := c.p.convert(c.given); c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
			t.Errorf("%v as %s: error %v, want %q", c.given, c.p.bounds(), err, c.want)
		}
	}
	for p, want := range map[Parameter]string{days: "integer, 0 to 10", since: "date, at least 2026-01-01", share: "number, at most 0.5", {}: "text"} {
		if got := p.bounds(); got != want {
			t.Errorf("bounds = %q, want %q", got, want)
		}
	}
}

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		kind  string
		given any
		want  string
	}{
		{"integer", "30", "30"}, {"integer", 30, "30"}, {"integer", uint64(7), "7"}, {"integer", "3.5", "error"}, {"integer", "", "error"},
		{"number", "3.5", "3.5"}, {"number", "x", "error"}, {"boolean", "yes", "true"}, {"boolean", true, "true"}, {"boolean", "maybe", "error"},
		{"date", "2026-03-31", "2026-03-31 00:00:00 +0000 UTC"}, {"date", "31.3.2026", "error"}, {"text", 7, "7"}, {"", "a b", "a b"},
	} {
		got, err := Parameter{Type: c.kind, Default: c.given}.value()
		text := fmt.Sprint(got)
		if err != nil {
			text = "error"
		}
		if text != c.want {
			t.Errorf("value of %v as %q = %v, %v; want %s", c.given, c.kind, got, err, c.want)
		}
	}
}
