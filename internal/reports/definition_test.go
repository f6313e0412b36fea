package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestBuiltinIsValid(t *testing.T) {
	definitions := Builtin()
	if err := Validate(definitions, ""); err != nil {
		t.Error(err)
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
	merged := Merge(builtin, own)
	if len(merged) != len(builtin)+1 || merged[len(builtin)].Name != "mine" {
		t.Fatalf("merged has %d definitions", len(merged))
	}
	got, was := merged[0], Builtin()[0]
	if got.Title != "Ends soon" || got.Question != was.Question || len(got.Sections) != len(was.Sections) || len(got.Formats) != 1 {
		t.Errorf("the keys given were not the only ones replaced: %+v", got)
	}
	p := got.Parameters["within_days"]
	if v, err := p.value(); err != nil || v != int64(60) || p.Type != "integer" {
		t.Errorf("within_days = %v (%s), %v; want 60", v, p.Type, err)
	}
	if diff := cmp.Diff(Builtin(), builtin); diff != "" {
		t.Errorf("Merge changed its argument:\n%s", diff)
	}
}

// TestValidateRefusesUnknownParameters names the parameter that was meant.
func TestValidateRefusesUnknownParameters(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a value for a misspelt name", "{name: expiring-permissions, parameters: {witihn_days: 60}}", `"witihn_days": the built-in report does not declare it; the nearest that it does is "within_days"`},
		{"a whole parameter of a misspelt name", "{name: channel-coverage, parameters: {max_peple: {type: integer, default: 9}}}", `nearest that it does is "max_people"`},
		{"a report without parameters", "{name: failed-issues, parameters: {days: 1}}", `"days": the built-in report has none`},
		{"a declared one", "{name: expiring-permissions, parameters: {within_days: 60}}", ""},
		{"a report of one's own", "{name: mine, title: M, parameters: {x: 60}, sections: [{title: A, query: expiring_by_rule.sql}]}", ""},
	} {
		own, err := decode(t, "reports: ["+c.text+"]")
		if err != nil {
			t.Fatal(err)
		}
		err = Validate(Merge(Builtin(), own), "")
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
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
	err := Validate([]Definition{
		{Name: "Bad Name", Formats: []string{"doc"}, PDFRows: &negative,
			Parameters: map[string]Parameter{"n": {Type: "integer", Default: "many"}, "t": {Type: "time"}},
			Figures:    []Figure{{Label: "x"}},
			Chart:      &Chart{Section: "None", Split: "x"}},
		{Name: "twice", Title: "T", Sections: []Section{{Title: "A", Query: "own.sql"}}},
		{Name: "twice", Title: "T", Sections: []Section{
			{Name: "Method", Title: "A", Query: "../own.sql"},
			{Name: "a/b", Title: "A", Query: "none.sql", Columns: []Column{{Name: "x"}, {Name: "x", Format: "money", Hidden: "yes", Width: -1}}}}},
	}, dir)
	if err == nil {
		t.Fatal("no faults were found")
	}
	for _, want := range []string{"Bad Name: name", "has no title", `"doc"`, "pdf_rows", `"many" is not a whole number`, `type "time"`,
		"figure 1", "figures need a summary", `no section "None"`, "has no sections", "defined twice", `"Method" is taken`, `"../own.sql"`,
		`"none.sql" is not in`, "not a sheet name", "must have a name of its own", `format "money"`, `hidden "yes"`, "width -1", "needs a label and a series"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the faults lack %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "own.sql\" is not in") {
		t.Error("a query of the folder was not found")
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
