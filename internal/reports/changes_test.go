package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// twoDays are readers of two snapshots a day apart, the earlier one first.
func twoDays(t *testing.T, before, now storetest.Site) (base, r *store.Reader) {
	t.Helper()
	st := storetest.Open(t)
	now.At = before.At.Add(24 * time.Hour)
	first := storetest.Publish(t, st, before)
	storetest.Publish(t, st, now)
	r, err := st.Read(t.Context(), store.ReadOptions{Timezone: siteZone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	if base, err = r.Earlier(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { base.Close() })
	return base, r
}

// TestGivenParameters names the parameters that every query has, with an earlier
// snapshot and without.
func TestGivenParameters(t *testing.T) {
	base, r := twoDays(t, handSite(t), handSite(t))
	dir := queryDir(t, map[string]string{"own.sql": `SELECT $snapshot || ' ' || coalesce($since_snapshot, 'none') || ' ' ||
		coalesce(strftime(timezone('UTC', CAST($since AS TIMESTAMPTZ)), '%Y-%m-%d %H:%M:%S'), 'never') AS text, $as_of > coalesce($since, TIMESTAMPTZ '2026-01-01') AS later`})
	d := Definition{Name: "own", Title: "Own", Sections: []Section{{Title: "All", Query: "own.sql"}}}
	for _, c := range []struct {
		base *store.Reader
		want string
	}{{base, "20260401T050000Z 20260331T050000Z 2026-03-31 05:00:30 yes"}, {nil, "20260401T050000Z none never yes"}} {
		p, err := Run(t.Context(), r, d, Options{QueryDir: dir, Base: c.base})
		if err != nil {
			t.Fatal(err)
		}
		if got := column(p.tables[0], "text", "later"); got[0] != c.want {
			t.Errorf("parameters %q, want %q", got[0], c.want)
		}
	}
}

// permissionsSite is a site of a few permissions: id, channel, end.
func permissionsSite(t *testing.T, permissions ...[3]string) storetest.Site {
	t.Helper()
	var rows []fields
	for _, p := range permissions {
		rows = append(rows, handPermission(p[0], "u1", p[1], beijing("2026-01-01", "00:00:00"), beijing(p[2], "12:00:00"), [3]int{}, [3]int{}))
	}
	return storetest.Site{Project: "p1", At: siteAt, Rows: map[string]map[string][]string{"permissions": {"": lines(t, rows...)}}}
}

// keyed is a report of all permissions, a finding being one on a channel.
func keyed(t *testing.T) (Definition, string) {
	dir := queryDir(t, map[string]string{
		"all.sql": "SELECT if(auth_end < $as_of + INTERVAL 7 DAY, 'high', 'low') AS severity, access_control_channel_id AS channel, auth_end, access_auth_id FROM permissions ORDER BY channel, access_auth_id",
		"sum.sql": "SELECT count(*) AS n, count(*) / 10 AS some_share, 'seen' AS word, 'Seen.' AS answer FROM permissions",
	})
	return Definition{Name: "own", Title: "Own", Summary: "sum.sql",
		Figures: []Figure{{Label: "all", Value: "n", Note: "of all"}, {Label: "share", Value: "some_share"}, {Label: "word", Value: "word"}},
		Sections: []Section{{Name: "All", Title: "All of them", Query: "all.sql", Severity: "severity", Key: []string{"channel"}, Compare: []string{"auth_end"},
			Columns: []Column{{Name: "access_auth_id", Hidden: "pdf", Format: formatID}}}}}, dir
}

// TestChanges tells what is new, changed and gone since the day before. By hand:
// c1 is as it was though its id is another; c2 ends later; c3 only comes within
// seven days; c4 is gone; c5 and the second of c1 are new.
func TestChanges(t *testing.T) {
	base, r := twoDays(t,
		permissionsSite(t, [3]string{"a1", "c1", "2026-09-01"}, [3]string{"a2", "c2", "2026-09-01"}, [3]string{"a3", "c3", "2026-04-08"}, [3]string{"a4", "c4", "2026-09-01"}),
		permissionsSite(t, [3]string{"b1", "c1", "2026-09-01"}, [3]string{"b2", "c1", "2026-10-01"}, [3]string{"a2", "c2", "2026-09-02"}, [3]string{"a3", "c3", "2026-04-08"}, [3]string{"a5", "c5", "2026-09-01"}))
	d, dir := keyed(t)
	run := func(d Definition, o Options) *Report {
		t.Helper()
		o.QueryDir, o.Timezone = dir, siteZone
		p, err := Run(t.Context(), r, d, o)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := run(d, Options{Base: base})
	if want := "Seen. Since 31\u00a0Mar\u00a02026: 2 new, 2 changed, 1 gone."; p.Answer() != want {
		t.Errorf("answer %q, want %q", p.Answer(), want)
	}
	var notes []string
	for _, f := range p.figures {
		notes = append(notes, f.note)
	}
	if want := "+1 since 31\u00a0Mar\u00a02026 · of all|+10 points since 31\u00a0Mar\u00a02026|"; strings.Join(notes, "|") != want {
		t.Errorf("figures say %q, want %q", strings.Join(notes, "|"), want)
	}
	if len(p.tables) != 2 || p.tables[1].section.sheet() != "Changes" || p.tables[1].section.Title != "Changes since 20260331T050000Z · All of them" {
		t.Fatalf("%d tables, the last %q", len(p.tables), p.tables[len(p.tables)-1].section.Title)
	}
	if got, want := tableText(p.tables[1]), `change severity severity_before channel auth_end auth_end_before
new low – c1 2026-10-01 12:00 –
new low – c5 2026-09-01 12:00 –
changed low low c2 2026-09-02 12:00 2026-09-01 12:00
changed high low c3 2026-04-08 12:00 2026-04-08 12:00
gone – low c4 – 2026-09-01 12:00
`; got != want {
		t.Errorf("changes:\n%swant:\n%s", got, want)
	}
	if want := "2 new, 2 changed, 1 gone; 1 as before. What has the same channel is the same finding."; p.tables[1].note != want || p.rows() != 5 {
		t.Errorf("note %q, want %q; %d rows", p.tables[1].note, want, p.rows())
	}
	text := pdfText(t, pdfOf(t, p))
	for _, want := range []string{"Changes since 20260331T050000Z", "Compared with", "all 5 rows"} {
		if !strings.Contains(text, want) {
			t.Errorf("the PDF lacks %q", want)
		}
	}
	if got := cells(t, openXLSX(t, xlsxOf(t, p))); !strings.Contains(got, "Changes!A2\t") || !strings.Contains(got, "Compared with") {
		t.Error("the workbook has no sheet of changes, or does not say with what it compares")
	}

	for only, want := range map[string][]string{"new": {"c1", "c5"}, "changed": {"c1", "c2", "c3", "c5"}, "all": {"c1", "c1", "c2", "c3", "c5"}} {
		some := d
		some.Only = only
		p := run(some, Options{Base: base})
		if got := column(p.tables[0], "channel"); !slices.Equal(got, want) || p.tables[1].rows != 5 {
			t.Errorf("only %s: channels %q, want %q; %d changes", only, got, want, p.tables[1].rows)
		}
		told := fmt.Sprint(p.tables[0].note, p.trust.limits)
		if said := fmt.Sprintf("%d of 5 rows; %d left out", len(want), 5-len(want)); (only != "all") != strings.Contains(told, said) {
			t.Errorf("only %s: says %q, want %q", only, told, said)
		}
	}

	// Without an earlier snapshot nothing is left out, and that is said.
	first := d
	first.Only = "new"
	p = run(first, Options{})
	if told := fmt.Sprint(p.tables[0].note, p.trust.limits, emptyWords(p.tables[1].section)); p.tables[0].rows != 5 || p.tables[1].rows != 0 ||
		strings.Count(told, "no earlier snapshot") != 3 {
		t.Errorf("%d rows, %d changes; says %q", p.tables[0].rows, p.tables[1].rows, told)
	}
	if p = run(d, Options{}); len(p.tables) != 1 || p.since != nil {
		t.Error("changes are told although nobody asked")
	}

	// A query that compares by itself is not compared.
	own := d
	own.Sections = slices.Clone(d.Sections)
	own.Sections[0].Query, own.Sections[0].Severity, own.Sections[0].Compare, own.Sections[0].Columns = "since.sql", "", nil, nil
	if err := os.WriteFile(filepath.Join(dir, "since.sql"), []byte("SELECT $since_snapshot AS channel"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p = run(own, Options{Base: base}); len(p.tables) != 1 || p.tables[0].rows != 1 {
		t.Errorf("%d tables of %d rows", len(p.tables), p.tables[0].rows)
	}
}

// TestChangesSincePartial says that the earlier snapshot is partial.
func TestChangesSincePartial(t *testing.T) {
	before := permissionsSite(t, [3]string{"a1", "c1", "2026-09-01"})
	before.Partial = []string{"permissions"}
	base, r := twoDays(t, before, permissionsSite(t, [3]string{"a1", "c1", "2026-09-01"}))
	d, dir := keyed(t)
	p, err := Run(t.Context(), r, d, Options{QueryDir: dir, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	want := "the earlier snapshot 20260331T050000Z is partial, so that a change may be older than it: Permissions could not be read whole in it"
	if n := len(p.trust.limits); !strings.HasPrefix(p.trust.limits[n-1], want) {
		t.Errorf("limits %q, want %q", p.trust.limits, want)
	}
}

// TestExceptions marks what is accepted, on the day of its end for the last time,
// and never leaves it out.
func TestExceptions(t *testing.T) {
	site := permissionsSite(t, [3]string{"a1", "c1", "2026-04-02"}, [3]string{"a2", "c2", "2026-09-01"}, [3]string{"a3", "c3", "2026-09-01"},
		[3]string{"a4", "c4", "2026-09-01"}, [3]string{"a5", "c5", "2026-09-01"}, [3]string{"a6", "c6", "2026-09-01"})
	site.Registers = map[string]string{"exceptions": "report,finding_key,reason,approved_by,expires_on\n" +
		"own,c1,on holiday,Jane Example,2026-03-31\n" + // the day of the snapshot in Beijing
		"own,c2,=cmd(),Jane Example,2026-03-30\n" +
		"own,c3,,,\n" +
		"own,c4,soon,Jane Example,next year\n" +
		"own,c5,renewed,Jane Example,2027-01-01\n" +
		"other,c6,not this report,Jane Example,2027-01-01\n"}
	d, dir := keyed(t)
	d.Sections[0].First = &First{Columns: []string{"channel"}}
	p, err := Run(t.Context(), reader(t, site), d, Options{QueryDir: dir, Timezone: siteZone})
	if err != nil {
		t.Fatal(err)
	}
	all := p.tables[0]
	want := []string{
		"c1 by Jane Example until 2026-03-31: on holiday",
		"c2 expired 2026-03-30 (by Jane Example: =cmd())",
		"c3 by nobody named, without an end: no reason given",
		`c4 not accepted: "next year" is no date to expire on (by Jane Example: soon)`,
		"c5 by Jane Example until 2027-01-01: renewed",
		"c6 –",
	}
	if got := column(all, "channel", "accepted"); !slices.Equal(got, want) {
		t.Errorf("accepted:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if want := "Seen. 3 findings listed here are accepted as exceptions; 2 exceptions hold no longer."; p.Answer() != want {
		t.Errorf("answer %q, want %q", p.Answer(), want)
	}
	if got := all.firstRows(); !slices.Equal(got, []int{1, 3, 5}) {
		t.Errorf("rows %v are to be settled first, want those of c2, c4 and c6", got)
	}
	if got := cells(t, openXLSX(t, xlsxOf(t, p))); !strings.Contains(got, "by Jane Example until 2026-03-31: on holiday") {
		t.Error("the workbook does not say what is accepted")
	}
	if text := pdfText(t, pdfOf(t, p)); !strings.Contains(text, "Accepted") {
		t.Error("the PDF does not say what is accepted")
	}
}

// tableText is a table's pages as text.
func tableText(t *table) string {
	var b strings.Builder
	var names []string
	for _, i := range t.onPages() {
		names = append(names, t.columns[i].Name)
	}
	b.WriteString(strings.Join(names, " ") + "\n")
	for row := range t.rows {
		var values []string
		for _, i := range t.onPages() {
			values = append(values, t.text(row, i))
		}
		b.WriteString(strings.Join(values, " ") + "\n")
	}
	return b.String()
}
