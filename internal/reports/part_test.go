package reports

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// partIn makes a part of a report.
func partIn(t testing.TB, r *Report, column, name string, values ...string) *Report {
	t.Helper()
	p, err := r.Part(column, values, name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// allText is all that a report's files say, in every format that can be read as
// text; writing one compares it with the report's rows.
func allText(t testing.TB, r *Report) string {
	t.Helper()
	var b strings.Builder
	for _, format := range Formats() {
		paths, _ := written(t, r, format)
		for _, path := range paths {
			switch format {
			case "pdf":
				b.WriteString(pdfText(t, []byte(readFile(t, path))))
			case "xlsx":
				b.WriteString(cells(t, openXLSX(t, []byte(readFile(t, path)))))
			default:
				b.WriteString(readFile(t, path))
			}
		}
	}
	return b.String()
}

// TestPartsOfHandSite parts the permissions that end by channel. By hand, of the
// six: a1 (high) and a2 are on c1, a3 and a8 on c2, a4 and a9 on c3.
func TestPartsOfHandSite(t *testing.T) {
	whole := makeReport(t, reader(t, handSite(t)), "expiring-permissions", nil)
	const by = "access_control_channel_id"
	if got, want := whole.Values(by), (map[string]int{"c1": 2, "c2": 2, "c3": 2}); !maps.Equal(got, want) {
		t.Errorf("values %v, want %v", got, want)
	}
	p := partIn(t, whole, by, "Lin", "c1")
	equal(t, "the part of c1", picked(t, p, "Permissions", "severity", "access_auth_id"), []string{"high | a1", "medium | a2"})
	if want := "Your part: 2 of 6 rows (1 high, 1 medium)."; p.Answer() != want || p.Severity() != high {
		t.Errorf("answer %q, want %q; severity %s", p.Answer(), want, p.Severity())
	}
	equal(t, "figures", figuresOf(p), []string{"2 in Permissions that end", "1 high", "1 medium"})
	if len(p.tables) != 1 || p.question != "Which permissions end in the next 30 days?" {
		t.Errorf("%d tables, question %q", len(p.tables), p.question)
	}
	text := allText(t, p)
	for _, want := range []string{"part: Lin", "the rows whose channel is Server room 2", "has no such column: Rules that settle several",
		"Extend the rule that granted it, or let it lapse"} {
		if !strings.Contains(text, want) {
			t.Errorf("the part does not say %q", want)
		}
	}
	for _, foreign := range []string{"John Doe", "Archive", "Visitors", "Extend the rule of", "ended, still listed", "of 9 listed"} {
		if strings.Contains(text, foreign) {
			t.Errorf("the part says %q, which is of other rows", foreign)
		}
	}

	rest := partIn(t, whole, by, "", "c2", "c3", "c99")
	if got := p.Rows(by)["Permissions"] + rest.Rows(by)["Permissions"]; got != 6 || len(p.Rows(by)) != 1 {
		t.Errorf("the parts have %d rows", got)
	}
	if rest.chart == nil || rest.chart.title != "Permissions that end, by channel" || rest.chart.total != 4 {
		t.Errorf("the chart is %+v", rest.chart)
	}
	if want := "the rows whose channel is Archive, 第三宿舍 102, c98 and 1 more;"; !strings.Contains(partIn(t, whole, by, "", "c2", "c99", "c3", "c98").part.words(), want) {
		t.Errorf("%q, want %q", rest.part.words(), want)
	}
	none := partIn(t, whole, by, "Nobody", "c99")
	if none.whatToDo != "" {
		t.Errorf("without rows there is something to do: %s", none.whatToDo)
	}
	if want := "Your part: 0 of 6 rows."; none.Answer() != want || none.Severity() != good {
		t.Errorf("answer %q, want %q; severity %s", none.Answer(), want, none.Severity())
	}
	if text := allText(t, none); !strings.Contains(text, "None of the 6 rows of the whole report is in this part.") {
		t.Error("a part without rows does not say so")
	}
	if got := slices.Sorted(maps.Keys(whole.Values("organizations"))); !slices.Equal(got, []string{"", "Facility", "第三宿舍"}) {
		t.Errorf("organizations %q", got)
	}
	if _, err := whole.Part("owner_email", nil, ""); err == nil || !strings.Contains(err.Error(), "no section has a column owner_email") {
		t.Errorf("a column that there is not: %v", err)
	}
}

// TestPartNamesChannels names those of one name with their ids.
func TestPartNamesChannels(t *testing.T) {
	named := func(column, title string, values ...any) (c Column, v *vector) {
		v = &vector{kind: kindText}
		for _, x := range values {
			v.add(x)
		}
		return Column{Name: column, Title: title, Format: formatText}, v
	}
	id, ids := named("channel_id", "Channel id", "c1", "c2", "c3", "c4")
	name, names := named("channel", "Channel", "North", "East", "North", nil)
	by, granted := named("granted_by", "Granted by", "r", "r", "r", "r")
	x := &table{rows: 4, columns: []Column{id, name, by}, vectors: []*vector{ids, names, granted}, section: Section{Title: "Ends"}}
	title, list := (&Report{tables: []*table{x}}).naming("channel_id", []string{"c1", "c2", "c4", ""})
	if got, want := title+": "+strings.Join(list, ", "), "Channel: East, North (c1), c4, empty"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := x.groupedTitle(2); got != "Ends, by what granted them" {
		t.Errorf("chart %q", got)
	}
}

// TestPartKeepsTheWholeBack parts a report whose every template tells a number of
// the whole.
func TestPartKeepsTheWholeBack(t *testing.T) {
	site := permissionsSite(t, [3]string{"foreign", "c1", "2026-04-02"}, [3]string{"a2", "c2", "2026-09-01"}, [3]string{"a3", "c2", "2026-09-01"})
	site.Registers = map[string]string{"exceptions": "report,finding_key,reason,approved_by,expires_on\n" +
		"own,c1,seen,Jane Example,2027-01-01\nown,c2,over,Jane Example,2026-03-01\n"}
	d, dir := keyed(t)
	const secret = "{n} Seen {word} whole"
	d.Question, d.WhatToDo, d.Answer = secret, secret, secret
	d.Figures[0].Label, d.Figures[0].Note = secret, secret
	d.Sections[0].Note, d.Sections[0].Empty = secret, secret
	d.Chart = &Chart{Title: secret, Section: "All", Label: "channel", Split: "severity", Series: []Series{{Column: "low", Title: "low"}}}
	d.Matrix = &Matrix{Title: "Matrix of {n}", Query: "all.sql", Row: "access_auth_id", Column: "channel", Value: "severity"}
	whole, err := Run(t.Context(), reader(t, site), d, Options{QueryDir: dir, Timezone: siteZone})
	if err != nil {
		t.Fatal(err)
	}
	p := partIn(t, whole, "channel", "c2", "c2")
	if text := allText(t, p); strings.Contains(text, "whole Seen") || strings.Contains(text, " Seen ") || strings.Contains(text, "foreign") {
		t.Error("a part tells what is of the whole")
	}
	if want := "Your part: 2 of 3 rows (2 low). 2 exceptions hold no longer."; p.Answer() != want {
		t.Errorf("answer %q, want %q", p.Answer(), want)
	}
	if p.chart.title != "All of them, by channel" || p.chart.total != 2 {
		t.Errorf("chart %q of %v", p.chart.title, p.chart.total)
	}
	if p = partIn(t, whole, "channel", "c1", "c1"); p.accepted != 1 || p.lapsed != 0 || !p.tables[0].allAccepted() {
		t.Errorf("%d accepted, %d lapsed", p.accepted, p.lapsed)
	}
}

// TestPartOfChanges parts what is new, changed and gone: the parts' counts add up
// to the whole's, whatever the definition shows.
func TestPartOfChanges(t *testing.T) {
	base, r := twoDays(t,
		permissionsSite(t, [3]string{"a1", "c1", "2026-09-01"}, [3]string{"a2", "c2", "2026-09-01"}, [3]string{"a4", "c4", "2026-09-01"}),
		permissionsSite(t, [3]string{"b1", "c1", "2026-09-01"}, [3]string{"b2", "c1", "2026-10-01"}, [3]string{"a2", "c2", "2026-09-02"}))
	d, dir := keyed(t)
	for only, want := range map[string][3]string{
		"all": {"Your part: 2 of 3 rows (2 low). Since 31\u00a0Mar\u00a02026: 1 new, 0 changed, 0 gone.",
			"Your part: 1 of 3 rows (1 low). Since 31\u00a0Mar\u00a02026: 0 new, 1 changed, 1 gone.", "1 new, 0 changed, 0 gone; 1 as before."},
		"changed": {"Your part: 1 of 2 rows (1 low). Since 31\u00a0Mar\u00a02026: 1 new, 0 changed, 0 gone.",
			"Your part: 1 of 2 rows (1 low). Since 31\u00a0Mar\u00a02026: 0 new, 1 changed, 1 gone.", "1 new, 0 changed, 0 gone. What"},
	} {
		d.Only = only
		whole, err := Run(t.Context(), r, d, Options{QueryDir: dir, Timezone: siteZone, Base: base})
		if err != nil {
			t.Fatal(err)
		}
		one, rest := partIn(t, whole, "channel", "", "c1"), partIn(t, whole, "channel", "", "c2", "c4")
		if one.Answer() != want[0] || rest.Answer() != want[1] {
			t.Errorf("only %s: answers\n%q\n%q, want\n%q\n%q", only, one.Answer(), rest.Answer(), want[0], want[1])
		}
		if note := one.tables[1].note; !strings.HasPrefix(note, want[2]) {
			t.Errorf("only %s: note %q, want %q", only, note, want[2])
		}
		for sheet, rows := range whole.Rows("channel") {
			if got := one.Rows("channel")[sheet] + rest.Rows("channel")[sheet]; got != rows {
				t.Errorf("only %s: the parts of %s have %d rows, not %d", only, sheet, got, rows)
			}
		}
		if text := allText(t, one); strings.Contains(text, "left out: ") || (only == "changed") != strings.Contains(text, "nly what is new or changed since") {
			t.Errorf("only %s: the part does not say what is shown", only)
		}
	}
}

// TestPartOfChangesCountsItsSection counts the changes beside the section that has
// them, where another without a key comes first.
func TestPartOfChangesCountsItsSection(t *testing.T) {
	site := permissionsSite(t, [3]string{"a1", "c1", "2026-09-01"}, [3]string{"a2", "c2", "2026-09-01"})
	base, r := twoDays(t, site, site)
	d, dir := keyed(t)
	query := "SELECT unnest([access_control_channel_id, access_control_channel_id]) AS channel FROM permissions"
	if err := os.WriteFile(filepath.Join(dir, "twice.sql"), []byte(query), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Sections = append([]Section{{Title: "Twice", Query: "twice.sql"}}, d.Sections...)
	whole, err := Run(t.Context(), r, d, Options{QueryDir: dir, Timezone: siteZone, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	p := partIn(t, whole, "channel", "", "c1")
	if got, want := p.since.counts, []changeCount{{section: "All of them", kept: 1}}; !slices.Equal(got, want) {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	want := "Your part: 2 of 4 rows of Twice; 1 of 2 rows of All of them (1 low). Since 31\u00a0Mar\u00a02026 nothing is new, changed or gone."
	if p.Answer() != want {
		t.Errorf("answer %q, want %q", p.Answer(), want)
	}
}

// partsAddUp parts a report by each column of its sections: the parts add up to the
// whole.
func partsAddUp(t testing.TB, whole *Report) {
	t.Helper()
	for _, x := range whole.sections() {
		for _, c := range x.columns {
			sum, want := map[string]int{}, whole.Rows(c.Name)
			for value := range whole.Values(c.Name) {
				for sheet, rows := range partIn(t, whole, c.Name, "one", value).Rows(c.Name) {
					sum[sheet] += rows
				}
			}
			for sheet, rows := range want {
				if sum[sheet] != rows {
					t.Errorf("%s by %s: the parts of %s have %d rows, the whole %d", whole.Name(), c.Name, sheet, sum[sheet], rows)
				}
			}
		}
	}
}
