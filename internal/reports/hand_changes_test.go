package reports

import (
	"strings"
	"testing"

	"exporter/internal/store/storetest"
)

// changesSites are three mornings of a small building. Only the last two are
// compared; the first is there for u4, who is granted again.
func changesSites(t testing.TB) [3]storetest.Site {
	began, ends := beijing("2026-01-01", "00:00:00"), beijing("2026-06-30", "23:59:59")
	sent, toSend, none := [3]int{1, 1, 1}, [3]int{1, 0, 0}, [3]int{}
	p := func(id, person, channel string, end int64) fields {
		return handPermission(id, person, channel, began, end, sent, none)
	}
	with := func(f fields, change func(fields)) fields {
		change(f)
		return f
	}
	mornings := [3][]fields{
		{
			p("a1", "u1", "c1", ends), p("a2", "u1", "c2", ends), p("a3", "u2", "c2", ends), p("a4", "u2", "c3", forever),
			p("a5", "u3", "c2", forever), p("a6", "u3", "c3", ends),
			p("a7", "u4", "c3", ends),                              // gone on the second morning, with time left
			p("a8", "u5", "c3", beijing("2026-03-29", "23:59:59")), // over by then, and gone too
		},
		{
			p("a1", "u1", "c1", ends), p("a2", "u1", "c2", ends), p("a3", "u2", "c2", ends), p("a4", "u2", "c3", forever),
			p("a5", "u3", "c2", forever), p("a6", "u3", "c3", ends),
		},
		{
			// a1 is removed.
			p("a2", "u1", "c2", beijing("2026-07-31", "23:59:59")),                                     // extended
			p("a3", "u2", "c2", forever),                                                               // became permanent
			p("a4", "u2", "c3", beijing("2026-05-01", "12:30:00")),                                     // shortened, to a time that is no day's end
			with(p("b5", "u3", "c2", forever), func(f fields) { f["structure_ids"] = []string{"s1"} }), // a5 under another id
			with(p("a6", "u3", "c3", ends), func(f fields) { // another state; and u3 moved, as a5 cannot show
				f["auth_card_num"], f["card_issue_status"] = 0, 0
				f["structure_ids"] = []string{"s1"}
			}),
			p("a9", "u5", "c1", ends),                                   // added on a sensitive channel
			p("b7", "u4", "c3", ends),                                   // granted again
			handPermission("b8", "u5", "c3", began, ends, toSend, none), // again too, but its time had been over
		},
	}
	var sites [3]storetest.Site
	for i, permissions := range mornings {
		site := handSite(t)
		site.At = siteAt.AddDate(0, 0, i-2)
		site.Rows["permissions"] = map[string][]string{"": lines(t, permissions...)}
		sites[i] = site
	}
	return sites
}

// since makes a built-in report of the last snapshot since an earlier one, or
// since none.
func since(t testing.TB, name string, sites ...storetest.Site) *Report {
	t.Helper()
	st := storetest.Open(t)
	var ids []string
	for _, site := range sites {
		ids = append(ids, storetest.Publish(t, st, site))
	}
	o := Options{ProgramVersion: "v0.0.0-test", Timezone: siteZone}
	if len(ids) > 1 {
		o.Base = readerAt(t, st, ids[len(ids)-2])
	}
	for _, d := range Builtin() {
		if d.Name == name {
			p, err := Run(t.Context(), readerAt(t, st, ids[len(ids)-1]), d, o)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatalf("no report %s", name)
	return nil
}

// TestChangesOfHandSite: of six permissions on the second morning one is
// removed and three are added, so that there are eight on the third.
func TestChangesOfHandSite(t *testing.T) {
	sites := changesSites(t)
	p := since(t, "changes", sites[:]...)
	golden(t, "hand_changes.tsv", tsv(p))
	same(t, "changes", []string{
		"critical added b7", // u4 had a7 on that channel until the second morning, with time left
		"high added a9",     // c1 is sensitive
		"low added b8",      // a8 was over when it went
		"low removed a1",
		"medium became permanent a3",
		"low extended a2",
		"low shortened a4",
		"low re-created b5",
		"low state changed a6",
		"low moved u3", // once for the person, not for each of a6 and b5
	}, column(p.tables[0], "severity", "kind", "subject_id"))
	same(t, "balance", []string{"6 3 1 8 agrees"}, column(p.tables[1], "rows_before", "added", "removed", "rows_after", "result"))
}

// TestChangesSaysWhatItLacks: without an earlier snapshot, without a whole walk,
// and without a change.
func TestChangesSaysWhatItLacks(t *testing.T) {
	sites := changesSites(t)
	partial := sites[2]
	partial.Partial = []string{"permissions"}
	same2 := sites[1]
	same2.At = siteAt
	for _, c := range []struct {
		name  string
		sites []storetest.Site
		want  string
	}{
		{"first", sites[:1], "**This is the first collection: there is nothing earlier to compare with.** It holds 8 permissions."},
		{"partial", []storetest.Site{sites[1], partial},
			"**No change is known** since 30 March 2026 13:00. In this collection the permissions were not read whole: those of 20260330T050000Z stand in for them, and what changed since is not shown."},
		{"same", []storetest.Site{sites[1], same2}, "**Nothing changed** since 30 March 2026 13:00."},
	} {
		p := since(t, "changes", c.sites...)
		if got := strings.ReplaceAll(p.answer, "\u00a0", " "); got != c.want {
			t.Errorf("%s: the answer is\n%s\nwant\n%s", c.name, got, c.want)
		}
		if p.tables[0].rows != 0 {
			t.Errorf("%s: %d changes", c.name, p.tables[0].rows)
		}
	}
}
