package reports

import "testing"

// completenessSite has two permissions, a task with two records, of which the
// result of one was asked, and no rule. Persons may be broken off.
func completenessSite(t testing.TB, partial ...string) *Report {
	permission := func(id string) fields {
		return fields{"access_auth_id": id, "person_id": "p" + id, "access_control_channel_id": "c1", "auth_end_time": forever}
	}
	site := smallSite(t, map[string][]fields{
		"permissions": {permission("1"), permission("2")},
		"persons":     {{"person_id": "p1"}, {"person_id": "p2"}},
		"tasks": {{"auth_task_id": "t1", "auth_num": 2, "success_num": 2, "auth_task_progress": 4,
			"auth_task_status": 3, "task_start_time": beijing("2026-03-30", "10:00:00"), "task_finish_time": beijing("2026-03-30", "10:01:00")}},
	}, map[string]map[string][]fields{
		"records": {"t1": {{"auth_task_record_id": "k1", "person_id": "p1", "issue_status": 4},
			{"auth_task_record_id": "k2", "person_id": "p2", "issue_status": 4}}},
		"task_details": {"t1": {{"auth_issue_certificate": 1}}},
		"issue_infos":  {"k1": {{"auth_task_record_id": "k1", "card_issue_result": fields{"success_issue_num": 1}}}},
		"details":      {"1": {{"person_id": "p1"}}, "2": {{"person_id": "p2"}}},
	})
	site.Partial = partial
	return makeReport(t, reader(t, site), "completeness", nil)
}

func TestCompleteness(t *testing.T) {
	r := completenessSite(t)
	equal(t, "resources", picked(t, r, "Resources", "severity", "resource", "state", "total_last", "distinct_rows", "covered", "coverable", "problem"), []string{
		"medium | issue_infos | with care | – | 1 | 1 | 2 | not asked yet: 1", // k2 was not asked
		"good | permissions | can be relied on | 2 | 2 | – | – | –",
		"good | persons | can be relied on | 2 | 2 | – | – | –",
		"good | rules | can be relied on | 0 | 0 | – | – | –",
		"good | rule_channels | can be relied on | – | 0 | 0 | 0 | –",
		"good | structures | can be relied on | 0 | 0 | – | – | –",
		"good | tasks | can be relied on | 1 | 1 | – | – | –",
		"good | records | can be relied on | – | 2 | 1 | 1 | –",
		"good | details | can be relied on | – | 2 | 2 | 2 | –",
		"good | task_details | can be relied on | – | 1 | 1 | 1 | –",
	})
	// The status 3 is "all failed" both ways, yet both records succeeded.
	equal(t, "codes", picked(t, r, "Codes", "severity", "field", "code", "derived", "rows", "fits"), []string{
		"medium | auth_task_status | 3 | succeeded | 1 | neither",
		"good | auth_task_progress | 4 | finished | 1 | response",
		"good | issue_status | 4 | succeeded | 1 | both", // of k1; of k2 nothing was counted
	})
	equal(t, "figures", figuresOf(r), []string{"0 lists not read whole", "0 counts differ from the cloud's", "50 % results of records read", "100 % details read"})
	if r.tone != medium {
		t.Errorf("tone %s, want medium", r.tone)
	}

	broken := completenessSite(t, "persons")
	equal(t, "resources of a broken walk", picked(t, broken, "Resources", "severity", "resource", "state", "total_last", "problem")[:1],
		[]string{"critical | persons | cannot be relied on | – | walk was broken off"})
	if want := "**This snapshot is not whole**: persons were not read to the end, so rows may be missing."; broken.answer[:len(want)] != want || broken.tone != critical {
		t.Errorf("answer %q (%s)", broken.answer, broken.tone)
	}
}

// TestCompletenessConsole leaves room for what a person writes down.
func TestCompletenessConsole(t *testing.T) {
	blank := "________________"
	for _, row := range picked(t, completenessSite(t), "Console", "seen_total", "seen_on", "seen_by", "picture") {
		if want := blank + " | " + blank + " | " + blank + " | " + blank; row != want {
			t.Errorf("row %q, want %q", row, want)
		}
	}
}
