package reports

import (
	"strings"
	"testing"
)

// leaversReport is of a site with seven persons. p1 and p2 have left, p3 will,
// p4 is employed, p5 is not in the roster, p6 has no work number, p7 is
// employed, p8 has left and has nothing. It is 2026-03-31 13:00:30 in Beijing.
func leaversReport(t testing.TB, roster string, exceptions ...string) *Report {
	began := beijing("2026-01-01", "00:00:00")
	codes := map[string]string{"p1": "001", "p2": " 002 ", "p3": "003", "p4": "004", "p5": "005", "p6": " ", "p7": "007", "p8": "008"}
	permission := func(id, person, channel string, end int64, sent int) fields {
		return fields{"access_auth_id": id, "person_id": person, "name": "Person " + person, "person_code": codes[person],
			"access_control_channel_id": channel, "access_control_channel_name": "Channel " + channel,
			"auth_start_time": began, "auth_end_time": end, "total_card_num": 1, "auth_card_num": sent, "card_issue_status": sent}
	}
	ended := beijing("2026-03-31", "13:00:30") // this very moment
	at := beijing("2026-03-20", "10:00:00")
	site := smallSite(t, map[string][]fields{
		"permissions": {
			permission("a1", "p1", "c1", forever, 1), // in force and on the device, sensitive
			permission("a2", "p1", "c2", ended, 0),   // neither
			permission("a3", "p2", "c2", ended, 0),
			permission("a4", "p3", "c2", forever, 1), permission("a5", "p4", "c2", forever, 1),
			permission("a6", "p5", "c2", forever, 1), permission("a7", "p6", "c2", forever, 1),
			permission("a8", "p7", "c2", forever, 1),
		},
		"persons": {{"person_id": "p8", "name": "Person p8", "person_code": "008"}},
		"tasks": {{"auth_task_id": "t1", "access_control_channel_name": "Channel c2", "auth_issue_type": 2, "auth_num": 2, "success_num": 0,
			"task_start_time": at, "task_finish_time": at + 1000}},
	}, map[string]map[string][]fields{
		"records": {"t1": {handRecord("k1", "p8", "Person p8", 3, at), handRecord("k2", "p4", "Person p4", 3, at)}},
		"issue_infos": {"k1": {withID("k1", handInfo("card", [4]int{0, 0, 0, 1}))}, // of somebody who has left
			"k2": {withID("k2", handInfo("card", [4]int{0, 0, 0, 1}))}}, // of somebody employed
	})
	site.Registers = map[string]string{"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,sensitive,,,\n"}
	if roster != "" {
		site.Registers["roster"] = "person_code,status,terminated_at,organisation,manager,manager_email\n" + roster
	}
	if len(exceptions) > 0 {
		site.Registers["exceptions"] = "report,finding_key,reason,approved_by,expires_on\n" + strings.Join(exceptions, "\n") + "\n"
	}
	return makeReport(t, reader(t, site), "leavers", nil)
}

func withID(id string, info fields) fields {
	info["auth_task_record_id"] = id
	return info
}

func TestLeavers(t *testing.T) {
	r := leaversReport(t, `001,Terminated,2026-03-01T00:00:00+08:00,,Lin,lin@example.com
002,terminated,,,,
003,terminated,2026-04-01,,,
004,active,,,,
007,active,,,,
008,terminated,2026-03-15,,,
099,active,,,,
098,terminated,2025-01-01,,,
`)

	equal(t, "leavers", picked(t, r, "Leavers", "severity", "name", "terminated", "permissions", "in_force", "on_sensitive", "on_device", "open_deletions", "manager"), []string{
		"critical | Person p1 | 2026-03-01 00:00 | 2 | 1 | 1 | 1 | 0 | Lin",
		"high | Person p2 | – | 1 | 0 | 0 | 0 | 0 | –",
	})
	equal(t, "permissions", picked(t, r, "Permissions", "severity", "access_auth_id", "means"), []string{
		"critical | a1 | card", "high | a2 | nothing on the device", "high | a3 | nothing on the device"})
	equal(t, "deletions", picked(t, r, "Deletions", "name", "person_code", "credential"), []string{"Person p8 | 008 | card"})
	equal(t, "unsettled", picked(t, r, "Unsettled", "name", "reason"), []string{
		"Person p5 | not in the roster", "Person p6 | no work number"})
	equal(t, "roster lines", picked(t, r, "Roster", "person_code"), []string{"099"}) // 098 has left and is in no list
	// p1, p2, p3, p4 and p7 of the seven with a permission: 5 / 7.
	equal(t, "figures", figuresOf(r), []string{"2 have left and have permissions", "1 deletions of leavers failed", "71.4 % match rate", "2 persons not settled"})
	equal(t, "chart", []string{strings.Join(r.chart.labels, ","), fmtFloats(r.chart.values[0])},
		[]string{"up to 24 h,1–7 days,8–30 days,31–90 days,longer,not told", "0,0,0,1,0,1"}) // p1 30.5 days, p2 not told
	if want := "**2 persons who have left still have 3 permissions**, 1 of them on sensitive channels. **1 deletion of such persons has failed**. " +
		"Of 2 persons more it cannot be told: the roster does not settle them."; r.answer != want || r.tone != critical {
		t.Errorf("answer %q (%s), want %q", r.answer, r.tone, want)
	}
}

// TestLeaversAccepted does not advise to delete what an exception accepts: all of
// p2 and one permission of p1; the exception of the other has expired.
func TestLeaversAccepted(t *testing.T) {
	r := leaversReport(t, "001,terminated,2026-03-01,,,\n002,terminated,,,,\n",
		"leavers,p2,x,Lin,", "leavers,p1/c1,x,Lin,2026-12-31", "leavers,p1/c2,x,Lin,2026-01-01", "drift,p1,x,Lin,")
	if want := "; 2 of the permissions are accepted as exceptions. "; !strings.Contains(r.answer, want) {
		t.Errorf("answer %q lacks %q", r.answer, want)
	}
	if want := "**Delete 1 permission today**, all but the 2 accepted as exceptions, "; !strings.HasPrefix(r.whatToDo, want) {
		t.Errorf("what to do %q, want %q", r.whatToDo, want)
	}
	// The work numbers of p8 and p4, whose deletions failed, are not in this roster.
	figures := figuresOf(r)
	if !strings.HasPrefix(figures[1], "unknown ") {
		t.Errorf("deletions of leavers: %q, want unknown", figures[1])
	}
}

// TestLeaversCannotConclude says so without a roster, and with one that has
// nobody of the site: a clean result would be worth nothing.
func TestLeaversCannotConclude(t *testing.T) {
	for roster, want := range map[string]string{
		"":               "**Cannot conclude: there is no roster.** ",
		"099,active,,,,": "**Cannot conclude: the roster has none of the persons' work numbers.**",
	} {
		r := leaversReport(t, roster)
		if !strings.HasPrefix(r.answer, want) || r.tone != medium || len(picked(t, r, "Leavers", "name")) > 0 {
			t.Errorf("roster %q: answer %q (%s), want %q", roster, r.answer, r.tone, want)
		}
	}
	r := leaversReport(t, "")
	if r.figures[0].value != "unknown" || r.figures[2].value != "unknown" {
		t.Errorf("figures without a roster: %v", figuresOf(r))
	}
}
