package reports

import "testing"

// TestFailedDeletionsOfHandSite: on the hand-made site the deletions of k3, k4
// and k7 failed. k10 closed that of k3; that of k7 may have been cleared by t6,
// which issued all of c1; that of k4, of u9, who has left, is open. Here the card
// of u8 on c3 fails too, who is in no roster; it is older.
func TestFailedDeletionsOfHandSite(t *testing.T) {
	site := handSite(t)
	at := beijing("2026-01-05", "10:00:00")
	site.Rows["tasks"][""] = append(site.Rows["tasks"][""], lines(t, handTask("t9", "c3", 2, 1, 0, at, at+60000))...)
	site.Rows["task_details"]["t9"] = lines(t, fields{"auth_issue_certificate": 1})
	site.Rows["records"]["t9"] = lines(t, handRecord("k12", "u8", "Moved Away", 3, at))
	info := handInfo("card", [4]int{0, 0, 0, 1})
	info["auth_task_record_id"] = "k12"
	site.Rows["issue_infos"]["k12"] = lines(t, info)
	p := makeReport(t, reader(t, site), "failed-deletions", nil)
	golden(t, "hand_failed_deletions.tsv", tsv(p))
	var got []string
	for row := range p.tables[0].rows { // in their order: the leaver before the older one
		got = append(got, p.tables[0].text(row, p.tables[0].index("auth_task_record_id"))+" "+
			p.tables[0].text(row, p.tables[0].index("severity"))+" "+p.tables[0].text(row, p.tables[0].index("roster_status")))
	}
	for i, want := range []string{"k4 critical terminated", "k12 critical unknown", "k7 low unknown"} {
		if i >= len(got) || got[i] != want {
			t.Fatalf("the deletions are %q; want %q at %d", got, want, i)
		}
	}
}
