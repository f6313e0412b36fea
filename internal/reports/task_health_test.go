package reports

import (
	"testing"

	"exporter/internal/store/storetest"
)

// TestTaskHealth has a task of each kind. It is 2026-03-31 13:00:30 in Beijing.
func TestTaskHealth(t *testing.T) {
	task := func(id string, all, ok int, start, finish int64, progress, status int) fields {
		x := handTask(id, "c1", 2, all, ok, start, finish)
		x["auth_task_progress"], x["auth_task_status"] = progress, status
		return x
	}
	today := func(clock string) int64 { return beijing("2026-03-31", clock) }
	march := func(day string) int64 { return beijing("2026-03-"+day, "10:00:00") }
	tasks := []fields{
		task("ok", 3, 3, march("20"), march("20")+60000, 4, 2),
		task("running", 2, 0, today("11:00:30"), 0, 2, 0),              // two hours to the second: not yet stuck
		task("stuck", 2, 1, today("11:00:29"), 0, 2, 0),                // a second more
		task("dead", 9, 4, beijing("2026-01-01", "10:00:00"), 0, 2, 0), // not finished: counts however old
		task("ended", 9, 4, march("21"), march("21")+60000, 3, 4),
		task("none", 4, 0, march("22"), march("22")+60000, 4, 3),
		task("part", 10, 7, march("23"), march("23")+60000, 4, 2), // its code says that all arrived
		task("empty", 0, 0, march("24"), march("24")+60000, 4, 2),
		task("odd", 1, 2, march("25"), march("25")+60000, 4, 2),                                         // more arrived than there were
		task("old", 2, 1, beijing("2026-03-01", "13:00:30"), march("25"), 4, 1),                         // begun 30 days ago to the second: too old
		task("month", 2, 1, beijing("2026-03-01", "13:00:31"), beijing("2026-03-01", "14:00:00"), 4, 1), // a second later
		task("gone", 5, 0, march("29"), 0, 2, 0),                                                        // not in the second list
	}
	st := storetest.Open(t)
	first := smallSite(t, map[string][]fields{"tasks": tasks}, nil)
	first.At = siteAt.AddDate(0, 0, -1)
	storetest.Publish(t, st, first)
	storetest.Publish(t, st, smallSite(t, map[string][]fields{"tasks": tasks[:len(tasks)-1]}, map[string]map[string][]fields{
		"records": {"part": {handRecord("k1", "u1", "Person", 3, 0), handRecord("k2", "u2", "Person", 1, 0), handRecord("k3", "u3", "Person", 4, 0)}}}))
	r := makeReport(t, readerOf(t, st), "task-health", nil)
	equal(t, "tasks", picked(t, r, "Tasks", "severity", "finding", "auth_task_id", "auth_num", "success_num", "missing", "records_failed", "records_unknown"), []string{
		"critical | stuck | dead | 9 | 4 | 5 | – | –",
		"high | stuck | stuck | 2 | 1 | 1 | – | –",
		"high | vanished | gone | 5 | 0 | 5 | – | –",
		"high | all failed | none | 4 | 0 | 4 | – | –",
		"medium | terminated | ended | 9 | 4 | 5 | – | –",
		"medium | partly failed | part | 10 | 7 | 3 | 1 | 1",
		"medium | partly failed | month | 2 | 1 | 1 | – | –",
		"medium | numbers missing | odd | 1 | 2 | -1 | – | –",
		"low | empty | empty | 0 | 0 | 0 | – | –",
	})
	// Of eleven, one is under way and one was empty: 1 of 9 sent all it had.
	equal(t, "figures", figuresOf(r), []string{"2 tasks stuck", "3 failed", "2 terminated or vanished", "11.1 % sent all they had"})
	// 2026-01-01 10:00 to 2026-03-31 13:00 are 89 days.
	if want := "**2 tasks are stuck**, the oldest for 89 days; 6 others did not send all they had to."; r.answer != want || r.tone != critical {
		t.Errorf("answer %q (%s), want %q", r.answer, r.tone, want)
	}
	if r := makeReport(t, readerOf(t, st), "task-health", map[string]any{"stuck_hours": 3000, "critical_hours": 3000}); r.tone != high || r.figures[0].value != "0" {
		t.Errorf("with 3000 hours: %s, %v", r.tone, figuresOf(r))
	}
}
