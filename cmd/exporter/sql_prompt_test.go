package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
)

// someWords is a vocabulary of three tables.
func someWords() *vocabulary {
	columns := func(names ...string) (all []store.Column) {
		for _, n := range names {
			all = append(all, store.Column{Name: n, Type: "VARCHAR", Comment: "What it is. And more."})
		}
		return all
	}
	return &vocabulary{
		tables: []store.Table{
			{Name: "permissions", Kind: "table", Comment: "One person on one channel", Columns: columns("person_id", "channel_name", "auth_end")},
			{Name: "persons", Kind: "table", Comment: "One person", Columns: columns("person_id", "name", "mobile")},
			{Name: "permissions_at", Kind: "macro", Comment: "As they were", Columns: columns("person_id", "auth_end")},
		},
		functions:  []store.Function{{Name: "count", Comment: "How many."}, {Name: "count_if", Comment: "How many are true."}},
		previous:   true,
		parameters: []string{"within_days", "as_of"},
	}
}

// TestComplete completes at the | of a statement.
func TestComplete(t *testing.T) {
	for _, test := range []struct{ name, text, word, want string }{
		{"tables after FROM", "SELECT 1 FROM p|", "p", "permissions persons permissions_at( previous."},
		{"tables after a comma of FROM", "FROM persons, pers|", "pers", "persons"},
		{"tables after JOIN on a line of its own", "FROM permissions\nLEFT JOIN per|", "per", "permissions persons permissions_at("},
		{"no tables after a comma of SELECT", "SELECT name, per| FROM persons", "per", "person_id persons. permissions persons permissions_at("},
		{"columns of the tables that are named first", "FROM persons SELECT m|", "m", "mobile"},
		{"columns of a table that is named behind", "SELECT na| FROM persons", "na", "name"},
		{"columns of all where none is named", "SELECT chan|", "chan", "channel_name"},
		{"columns by an alias", "SELECT * FROM permissions AS p JOIN persons q ON q.n|", "n", "name"},
		{"columns by a table's name", "SELECT persons.| FROM persons, permissions", "", "person_id name mobile"},
		{"columns of a macro with parameters", "SELECT x.a| FROM permissions_at(now()) AS x", "a", "auth_end"},
		{"tables of the older state", "FROM previous.p|", "p", "permissions persons permissions_at("},
		{"columns of a table of the older state", "FROM previous.persons AS o SELECT o.m|", "m", "mobile"},
		{"tables that the statement makes", "WITH late AS (FROM permissions) FROM la|", "la", "late"},
		{"functions", "SELECT count_|", "count_", "count_if("},
		{"keywords as they are typed", "FROM persons whe|", "whe", "where when"},
		{"keywords in capitals", "FROM persons GROUP|", "GROUP", "GROUP BY"},
		{"parameters", "SELECT $w|", "$w", "$within_days"},
		{"whatever the case", "FROM PERS|", "PERS", "persons"},
		{"nothing within a text", "SELECT 'per|", "", ""},
		{"nothing within a text with a quote", "SELECT 'it''s per|", "", ""},
		{"nothing within a quoted name", `SELECT "per|`, "", ""},
		{"nothing within a comment", "FROM persons -- per|", "", ""},
		{"nothing within a long comment", "FROM persons /* per\nper|", "", ""},
		{"nothing within a comment in a comment", "FROM persons /* /* */ per|", "", ""},
		{"nothing within a text in dollars", "SELECT $$it's per|", "", ""},
		{"nothing within a text with escapes", `SELECT E'it\'s per|`, "", ""},
		{"behind a comment", "FROM persons -- a comment\nwhere mob|", "mob", "mobile"},
		{"behind a text", "FROM persons WHERE name = '张伟' AND mob|", "mob", "mobile"},
		{"behind a Chinese name", "SELECT 张伟mob|", "mob", "mobile"},
	} {
		t.Run(test.name, func(t *testing.T) {
			before, after, _ := strings.Cut(test.text, "|")
			word, list := someWords().complete(before, after)
			var got []string
			for _, c := range list {
				got = append(got, c.value)
			}
			if s := strings.Join(got, " "); word != test.word || s != test.want {
				t.Errorf("complete(%q) = %q, %q, want %q, %q", test.text, word, s, test.word, test.want)
			}
		})
	}
}

// What is given to every query is offered, and what \set has, in an order that stays.
func TestCompleteParameters(t *testing.T) {
	s := &session{k: &asker{}, words: func() (*vocabulary, error) { return someWords(), nil }}
	s.q.Set = map[string]string{"within_days": "30", "a": "1", "n": "2", "hours": "3"}
	for _, test := range []struct{ text, want string }{
		{"SELECT $", "$a $hours $n $within_days $as_of $snapshot $timezone $since $since_snapshot"},
		{`\set `, "a hours n within_days"},
	} {
		_, list := s.complete(t.Context(), test.text, "")
		var got []string
		for _, c := range list {
			got = append(got, c.value)
		}
		if all := strings.Join(got, " "); all != test.want {
			t.Errorf("complete(%q) = %q, want %q", test.text, all, test.want)
		}
	}
}

func TestStatementsOf(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
		whole      bool
	}{
		{"nothing", " \n", nil, true},
		{"a statement", "SELECT 1;", []string{"SELECT 1"}, true},
		{"several lines", "SELECT 1,\n  2 ;\n", []string{"SELECT 1,\n  2"}, true},
		{"a comment before the end", "SELECT 1 -- one; two\n; SELECT 2;", []string{"SELECT 1", "SELECT 2"}, true},
		{"a comment in a comment", "SELECT 1 /* /* */ ; */; SELECT 2;", []string{"SELECT 1", "SELECT 2"}, true},
		{"a comment in a comment before the end", "SELECT 1 /* /* */ */ ; SELECT $$;$$;", []string{"SELECT 1", "SELECT $$;$$"}, true},
		{"a comment in a comment that is not closed", "/* /* */ nothing", nil, false},
		{"a comment behind the end", "SELECT 1; -- one", []string{"SELECT 1"}, true},
		{"a comment alone", "-- nothing", nil, true},
		{"a comment that is not closed", "/* nothing", nil, false},
		{"a comment and its end", "-- nothing\n;", nil, true},
		{"not ended", "SELECT 1", []string{"SELECT 1"}, false},
		{"ended within a text", "SELECT ';", []string{"SELECT ';"}, false},
		{"two", "SELECT 1; SELECT 2;", []string{"SELECT 1", "SELECT 2"}, true},
		{"the second not ended", "SELECT 1; SELECT 2", []string{"SELECT 1", "SELECT 2"}, false},
		{"a command", `\timing on`, []string{`\timing on`}, true},
		{"a command and a statement", "\\timing on\nSELECT 1;", []string{`\timing on`, "SELECT 1"}, true},
		{"a statement and a command", `SELECT 1; \q`, []string{"SELECT 1", `\q`}, true},
		{"as in other shells", "exit", []string{`\q`}, true},
		{"as in other shells with a sign", "quit;", []string{`\q`}, true},
		{"a name as in other shells", "SELECT 1 AS\nexit", []string{"SELECT 1 AS\nexit"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, whole := statementsOf(test.text)
			if diff := cmp.Diff(test.want, got); diff != "" || whole != test.whole {
				t.Errorf("statementsOf(%q): whole %v, want %v (-want +got)\n%s", test.text, whole, test.whole, diff)
			}
		})
	}
}

// press types at an editor: a name in <> is a key, everything else itself.
func press(e *editor, keys ...string) {
	named := map[string]tea.KeyPressMsg{
		"<tab>": {Code: tea.KeyTab}, "<enter>": {Code: tea.KeyEnter}, "<up>": {Code: tea.KeyUp}, "<down>": {Code: tea.KeyDown},
		"<left>": {Code: tea.KeyLeft}, "<alt-enter>": {Code: tea.KeyEnter, Mod: tea.ModAlt},
	}
	for _, c := range "acdkruy" {
		named[fmt.Sprintf("<ctrl-%c>", c)] = tea.KeyPressMsg{Code: c, Mod: tea.ModCtrl}
	}
	for _, key := range keys {
		if k, ok := named[key]; ok {
			e.Update(k)
			continue
		}
		for _, r := range key {
			e.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

// someEditor is an editor of so many columns after three statements.
func someEditor(columns int) *editor {
	e := newEditor("exporter> ", &statements{list: []string{"SELECT 1;", "FROM persons\nLIMIT 2;", "SELECT 3;"}})
	e.ended = func(s string) bool { _, whole := statementsOf(s); return whole }
	e.complete, e.next = someWords().complete, func() {}
	e.Update(tea.WindowSizeMsg{Width: columns, Height: 24})
	return e
}

// TestEditor types, and compares what is shown; | is where the cursor is.
func TestEditor(t *testing.T) {
	for _, test := range []struct {
		name    string
		columns int
		keys    []string
		want    string
	}{
		{"a statement of two lines", 60, []string{"SELECT 1", "<enter>", "+ 2"}, `
exporter> SELECT 1
          + 2|`},
		{"what ends it is said", 60, []string{"SELECT 1", "<enter>"}, `
exporter> SELECT 1
          |
a statement ends with ; and Ctrl-C forgets it`},
		{"a long line is broken between words", 40, []string{"SELECT name, mobile, person_id FROM persons"}, `
exporter> SELECT name, mobile,
          person_id FROM persons|`},
		{"Chinese is twice as wide", 30, []string{"SELECT '张伟李娜王芳刘洋陈静'"}, `
exporter> SELECT
          '张伟李娜王芳刘洋陈
          静'|`},
		{"what all completions begin with", 60, []string{"FROM pe", "<tab>"}, `
exporter> FROM per|
  permissions      One person on one channel
  persons          One person
  permissions_at(  As they were`},
		{"the only completion", 60, []string{"FROM perso", "<tab>"}, `
exporter> FROM persons|`},
		{"the next completion", 60, []string{"FROM pe", "<tab>", "<tab>", "<down>"}, `
exporter> FROM persons|
  permissions      One person on one channel
> persons          One person
  permissions_at(  As they were`},
		{"a completion that is taken", 60, []string{"FROM pe", "<tab>", "<tab>", "<enter>", " p"}, `
exporter> FROM permissions p|`},
		{"typing closes the completions", 60, []string{"FROM pe", "<tab>", "mi"}, `
exporter> FROM permi|`},
		{"in the middle of a statement", 60, []string{"SELECT mob FROM persons", "<ctrl-a>", "SELECT na", "<tab>", ", "}, `
exporter> SELECT name, |SELECT mob FROM persons`},
		{"on a narrow terminal", 30, []string{"FROM pe", "<tab>"}, `
exporter> FROM per|
  permissions      One perso…
  persons          One person
  permissions_at(  As they w…`},
		{"the statement before", 60, []string{"<up>"}, `
exporter> SELECT 3;|`},
		{"the one before with its lines", 60, []string{"<up>", "<up>"}, `
exporter> FROM persons
          LIMIT 2;|`},
		{"up goes through lines first", 60, []string{"<up>", "<up>", "<up>", "x"}, `
exporter> FROM perxsons
          LIMIT 2;`},
		{"and back to what was typed", 60, []string{"mine", "<up>", "<up>", "<down>", "<down>"}, `
exporter> mine|`},
		{"search", 60, []string{"limit", "<ctrl-r>"}, `
exporter> FROM persons
          LIMIT 2;|
Ctrl-R: the one before with limit`},
		{"search again", 60, []string{"select", "<ctrl-r>", "<ctrl-r>", "<ctrl-r>"}, `
exporter> SELECT 1;|
no earlier statement with select`},
		{"what was cut comes back", 60, []string{"SELECT 1", "<ctrl-u>", "-- ", "<ctrl-y>"}, `
exporter> -- SELECT 1|`},
		{"a line in a whole statement", 60, []string{"SELECT 1;", "<alt-enter>", "-- one"}, `
exporter> SELECT 1;
          -- one|`},
		{"an escape sequence is not obeyed", 60, []string{"SELECT '\x1b[2J\u009b2J'"}, `
exporter> SELECT '[2J2J'|`},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := someEditor(test.columns)
			press(e, test.keys...)
			if diff := cmp.Diff(strings.TrimPrefix(test.want, "\n"), shown(e, strings.Contains(test.want, "|"))); diff != "" {
				t.Errorf("shown (-want +got):\n%s", diff)
			}
		})
	}
}

// shown is what an editor shows, with a | at the cursor.
func shown(e *editor, cursor bool) string {
	v := e.View()
	lines := strings.Split(v.Content, "\n")
	for i, line := range lines {
		if cursor && v.Cursor != nil && i == v.Cursor.Y {
			column := 0
			for at, r := range line + " " {
				if column == v.Cursor.X {
					line = line[:at] + "|" + line[at:]
					break
				}
				column++
				if r >= 0x2e80 {
					column++
				}
			}
		}
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

func TestEditorEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		keys []string
		want error
	}{
		{"a whole statement", []string{"SELECT 1;", "<enter>"}, errHandedIn},
		{"a command", []string{`\d`, "<enter>"}, errHandedIn},
		{"nothing", []string{"<enter>"}, errHandedIn},
		{"a statement without an end", []string{"SELECT 1", "<enter>"}, nil},
		{"Ctrl-C", []string{"SELECT 1", "<ctrl-c>"}, errAbandoned},
		{"Ctrl-D within a text", []string{"SELECT", "<ctrl-a>", "<ctrl-d>"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := someEditor(60)
			press(e, test.keys...)
			if e.outcome != test.want {
				t.Errorf("outcome %v, want %v", e.outcome, test.want)
			}
		})
	}
}

// TestVocabulary holds that what is completed from the schema and from DuckDB is
// there.
func TestVocabulary(t *testing.T) {
	w, err := newVocabulary(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if t0 := w.table("permissions"); t0 == nil || !slices.ContainsFunc(t0.Columns, func(c store.Column) bool { return c.Name == "auth_end" }) {
		t.Error("no permissions.auth_end")
	}
	for _, name := range []string{"count", "strftime", "date_trunc", "regexp_matches", "range", "unnest", "sum"} {
		if !slices.ContainsFunc(w.functions, func(f store.Function) bool { return f.Name == name }) {
			t.Errorf("no function %s", name)
		}
	}
	for _, f := range w.functions {
		if strings.HasPrefix(f.Name, "read_") || strings.HasPrefix(f.Name, "_") {
			t.Errorf("function %s is offered", f.Name)
		}
	}
}
