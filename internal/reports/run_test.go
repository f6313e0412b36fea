package reports

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// TestOwnReport runs a definition of one's own from a folder of queries.
func TestOwnReport(t *testing.T) {
	dir := t.TempDir()
	query := "SELECT name, access_auth_id, access_auth_id AS again, auth_end, NULL AS empty, total_card_num FROM permissions WHERE name <> $who ORDER BY 2"
	if err := os.WriteFile(filepath.Join(dir, "own.sql"), []byte(query), 0o600); err != nil {
		t.Fatal(err)
	}
	r := reader(t, handSite(t))
	d := Definition{Name: "own", Title: "Own", Question: "Who is not {who}?", Parameters: map[string]Parameter{"who": {Default: "张伟"}},
		Sections: []Section{{Title: "All", Query: "own.sql"}}}
	p, err := Run(t.Context(), r, d, Options{QueryDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if p.question != "Who is not 张伟?" || p.Answer() != "7 rows in All." || p.rows() != 7 {
		t.Errorf("question %q, answer %q, %d rows", p.question, p.Answer(), p.rows())
	}
	pdfOf(t, p)
	xlsxOf(t, p)
}

// TestTimesWithoutZone shows what has no zone as the query gives it, wherever
// the report is made.
func TestTimesWithoutZone(t *testing.T) {
	dir := t.TempDir()
	query := "SELECT DATE '2026-03-31' AS day, TIMESTAMP '2026-03-31 02:30:00' AS wall, TIMESTAMP_S '2026-03-31 02:30:00' AS s, " +
		"TIMESTAMPTZ '2026-03-31 02:30:00+00' AS moment, DATE '2026-03-31' + 1 AS as_time"
	if err := os.WriteFile(filepath.Join(dir, "own.sql"), []byte(query), 0o600); err != nil {
		t.Fatal(err)
	}
	r := reader(t, handSite(t))
	d := Definition{Name: "own", Title: "Own", Summary: "own.sql", Answer: "{day}, {wall}, {moment}",
		Sections: []Section{{Title: "All", Query: "own.sql", Columns: []Column{{Name: "moment"}, {Name: "as_time", Format: formatDatetime}}}}}
	for zone, want := range map[string][2]string{
		"Asia/Shanghai":       {"2026-03-31, 2026-03-31 02:30, 2026-03-31 10:30", "2026-03-31 10:30 2026-04-01 00:00 2026-03-31 2026-03-31 02:30 2026-03-31 02:30"},
		"America/Los_Angeles": {"2026-03-31, 2026-03-31 02:30, 2026-03-30 19:30", "2026-03-30 19:30 2026-04-01 00:00 2026-03-31 2026-03-31 02:30 2026-03-31 02:30"},
	} {
		p, err := Run(t.Context(), r, d, Options{QueryDir: dir, Timezone: zone})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Answer(); got != want[0] {
			t.Errorf("%s: answer %q, want %q", zone, got, want[0])
		}
		if got := column(p.tables[0], "moment", "as_time", "day", "wall", "s"); got[0] != want[1] {
			t.Errorf("%s: row %q, want %q", zone, got[0], want[1])
		}
		f := openXLSX(t, xlsxOf(t, p))
		if got, err := f.GetCellValue("All", "C2", excelize.Options{RawCellValue: true}); err != nil || got != "46112" {
			t.Errorf("%s: the day's cell is %q, %v; want 46112", zone, got, err)
		}
	}
}

func TestRunErrors(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"bad.sql": "SELECT nam FROM permissions", "write.sql": "DELETE FROM permissions",
		"two.sql": "SELECT 1 AS a UNION ALL SELECT 2", "ok.sql": "SELECT 1 AS a"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := reader(t, handSite(t))
	section := func(s Section) Definition { return Definition{Name: "x", Title: "X", Sections: []Section{s}} }
	for _, c := range []struct {
		name string
		d    Definition
		o    Options
		want []string
	}{
		{"SQL that does not compile", section(Section{Title: "A", Query: "bad.sql"}), Options{}, []string{"report x", "query bad.sql", "nam"}},
		{"SQL that writes", section(Section{Title: "A", Query: "write.sql"}), Options{}, []string{"report x: query write.sql: "}},
		{"a missing file", section(Section{Title: "A", Query: "none.sql"}), Options{}, []string{`query "none.sql" is not in`}},
		{"a way out of the folder", section(Section{Title: "A", Query: "../ok.sql"}), Options{}, []string{"must be a path below queries/"}},
		{"columns that are not returned", section(Section{Title: "A", Query: "ok.sql", Severity: "s", Columns: []Column{{Name: "b"}, {Name: "c"}}}), Options{}, []string{"column b", "column c", "column s"}},
		{"a summary of two rows", Definition{Name: "x", Summary: "two.sql"}, Options{}, []string{"returns 2 rows"}},
		{"an unknown parameter", section(Section{Title: "A", Query: "ok.sql"}), Options{Params: map[string]any{"z": 1}}, []string{`parameter "z"`}},
		{"a parameter of another type", Definition{Name: "x", Parameters: map[string]Parameter{"n": {Type: "integer"}}}, Options{Params: map[string]any{"n": "x"}}, []string{"parameter n", "whole number"}},
		{"an unknown zone", section(Section{Title: "A", Query: "ok.sql"}), Options{Timezone: "Mars/Olympus"}, []string{"time zone"}},
	} {
		c.o.QueryDir = dir
		_, err := Run(t.Context(), r, c.d, c.o)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %q lacks %q", c.name, err, want)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, r, section(Section{Title: "A", Query: "ok.sql"}), Options{QueryDir: dir}); err == nil {
		t.Error("a cancelled run gives no error")
	}
}

// TestPartialSnapshot says on the first page what a partial snapshot lacks.
func TestPartialSnapshot(t *testing.T) {
	st := storetest.Open(t)
	site := handSite(t)
	storetest.Publish(t, st, site)
	later := handSite(t)
	later.At = later.At.Add(24 * time.Hour)
	later.Partial = []string{"rules"}
	storetest.Publish(t, st, later)
	r, err := st.Read(t.Context(), store.ReadOptions{Timezone: siteZone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	p := makeReport(t, r, "expiring-permissions", nil)
	ok, lacks := p.Complete()
	want := "Rules could not be read whole in this snapshot (walk was broken off); shown as last read whole in 20260331T050000Z"
	if ok || len(lacks) != 1 || lacks[0] != want {
		t.Errorf("Complete() = %v, %q; want %q", ok, lacks, want)
	}
	first, _, _ := strings.Cut(pdfText(t, pdfOf(t, p)), "\f")
	if !strings.Contains(first, "Partial snapshot.") {
		t.Error("the first page does not say that the snapshot is partial")
	}
	if text := cells(t, openXLSX(t, xlsxOf(t, p))); !strings.Contains(text, "Partial snapshot.") {
		t.Error("the summary does not say that the snapshot is partial")
	}
}

// TestLackWords says of a list what is shown instead, and of what is asked one
// by one how much of it came.
func TestLackWords(t *testing.T) {
	for _, c := range []struct {
		r    resourceTrust
		want string
	}{
		{resourceTrust{resource: "rules", walkedIn: "A"}, "Rules could not be read whole in this snapshot; shown as last read whole in A"},
		{resourceTrust{resource: "rules"}, "Rules could not be read whole in this snapshot nor in any before it"},
		{resourceTrust{resource: "records", walkedIn: "A", problem: "budget"}, "Records of tasks could not be read whole in this snapshot (budget); some could not be read"},
		{resourceTrust{resource: "issue_infos", walkedIn: "A", covered: int64(1010), coverable: int64(1011)}, "Issue results of records could not be read whole in this snapshot; 1,010 of 1,011 are covered"},
	} {
		if got := lackWords(resourceWords(c.r.resource), c.r, "B", true); got != c.want {
			t.Errorf("%s: %q, want %q", c.r.resource, got, c.want)
		}
	}
}

// TestAsOf makes the same report from a snapshot's own file and from a later
// one.
func TestAsOf(t *testing.T) {
	st := storetest.Open(t)
	id := storetest.Publish(t, st, handSite(t))
	open := func() *Report {
		r, err := st.Read(t.Context(), store.ReadOptions{Snapshot: id, Timezone: siteZone})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return makeReport(t, r, "failed-issues", nil)
	}
	before := pdfOf(t, open())
	later := storetest.Site{Project: handSite(t).Project, At: siteAt.Add(24 * time.Hour)}
	storetest.Publish(t, st, later)
	if err := os.Remove(filepath.Join(st.Dir(), "snapshots", id+".duckdb")); err != nil {
		t.Fatal(err)
	}
	if after := pdfOf(t, open()); string(before) != string(after) {
		t.Error("the report of a snapshot is another one when it is made from a later file")
	}
}
