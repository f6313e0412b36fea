package reports

import (
	"slices"
	"testing"
	"time"

	"exporter/internal/sandbox"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// scoredFigures are where the reports say the numbers of the scorecard: the
// figure of their first page.
var scoredFigures = map[string]struct{ report, figure string }{
	"deletions that failed, open":                      {"failed-deletions", "deletions open"},
	"persons who have left, with permissions":          {"leavers", "have left and have permissions"},
	"permissions ended, still listed":                  {"expired-permissions", "ended, still listed"},
	"permissions without a rule":                       {"drift", "permissions without a rule"},
	"rule ended, permission not":                       {"drift", "rule ended, permission not"},
	"permissions without an end on sensitive channels": {"permanent-permissions", "on sensitive channels"},
	"credentials beyond what a person has":             {"count-anomalies", "credentials too many"},
	"tasks stuck":                                      {"task-health", "tasks stuck"},
	"new permissions on the device":                    {"delivery-time", "delivered"},
	"hours to the device, 95 of 100":                   {"delivery-time", "hours, 95 of 100"},
	"days with a whole snapshot":                       {"control-calendar", "days done"},
	"counts that differ from the cloud's":              {"completeness", "counts differ from the cloud's"},
	"results of records read":                          {"completeness", "results of records read"},
	"exceptions expired":                               {"exceptions", "expired"},
}

// TestScorecardTies compares each number with that of the report that it names.
func TestScorecardTies(t *testing.T) {
	registers := map[string]string{
		"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,sensitive,,,\n",
		"roster":           "person_code,status,terminated_at,organisation,manager,manager_email\n001123,terminated,2026-03-15,,,\n000411,terminated,,,,\n",
		"exceptions":       "report,finding_key,reason,approved_by,expires_on\nleavers,u2,x,Lin,2026-01-01\n",
	}
	site := siteOf(t, sandbox.New(sandbox.Options{Site: "demo", Seed: 1, Now: func() time.Time { return siteAt }}).State())
	site.Registers = registers
	r := reader(t, site)
	made := map[string]*Report{}
	numbers := picked(t, makeReport(t, r, "scorecard", nil), "Scorecard", "kpi", "now_text", "report")
	if len(numbers) != len(scoredFigures) {
		t.Errorf("%d numbers, want %d", len(numbers), len(scoredFigures))
	}
	for kpi, from := range scoredFigures {
		if made[from.report] == nil {
			made[from.report] = makeReport(t, r, from.report, nil)
		}
		figures := made[from.report].figures
		i := slices.IndexFunc(figures, func(f figure) bool { return f.label == from.figure })
		if i < 0 {
			t.Fatalf("%s has no figure %q: %v", from.report, from.figure, figuresOf(made[from.report]))
		}
		value := figures[i].value
		if kpi == "hours to the device, 95 of 100" {
			value += " h"
		}
		if want := kpi + " | " + value + " | " + from.report; !slices.Contains(numbers, want) {
			t.Errorf("the scorecard lacks %q:\n%q", want, numbers)
		}
	}
}

// TestScorecardBefore shows the numbers of the snapshot before: on 30 March one
// permission had ended, on the 31st two have; the first of them was then and is
// now without a rule of its own, for there is none.
func TestScorecardBefore(t *testing.T) {
	st := storetest.Open(t)
	site := smallSite(t, map[string][]fields{"permissions": {
		handPermission("a1", "u1", "c1", 0, beijing("2026-03-29", "23:59:59"), [3]int{}, [3]int{}),
		handPermission("a2", "u2", "c1", 0, beijing("2026-03-30", "23:59:59"), [3]int{}, [3]int{}),
	}}, nil)
	before := site
	before.At = siteAt.AddDate(0, 0, -1)
	id := storetest.Publish(t, st, before)
	storetest.Publish(t, st, site)
	base, err := st.Read(t.Context(), store.ReadOptions{Snapshot: id, Timezone: siteZone})
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	d := Builtin()[slices.IndexFunc(Builtin(), func(d Definition) bool { return d.Name == "scorecard" })]
	r, err := Run(t.Context(), readerOf(t, st), d, Options{Timezone: siteZone, Base: base})
	if err != nil {
		t.Fatal(err)
	}
	got := picked(t, r, "Scorecard", "kpi", "now_text", "before_text", "value", "value_before", "state")
	for _, want := range []string{
		"permissions ended, still listed | 2 | 1 | 2 | 1 | missed",
		"permissions without a rule | 0 | 1 | 0 | 1 | met", // a2 had not ended yet
		"persons who have left, with permissions | unknown | unknown | – | – | unknown",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("the scorecard lacks %q:\n%q", want, got)
		}
	}
	// Without an earlier snapshot there is nothing before.
	r = makeReport(t, readerOf(t, st), "scorecard", nil)
	if rows := picked(t, r, "Scorecard", "before_text"); slices.ContainsFunc(rows, func(x string) bool { return x != "–" }) {
		t.Errorf("before without a base: %q", rows)
	}
}
