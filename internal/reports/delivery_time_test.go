package reports

import (
	"testing"

	"exporter/internal/store/storetest"
)

// TestDeliveryTime has six permissions of March, of the days before two
// collections on 30 and 31 March at 13:00. It is 2026-03-31 13:00:30 in Beijing.
func TestDeliveryTime(t *testing.T) {
	none, sent, toSend := [3]int{}, [3]int{1, 1, 1}, [3]int{1, 0, 0}
	created := map[string]int64{
		"a1": beijing("2026-03-23", "10:00:00"), // Monday; a record issues its card 2 h later
		"a2": beijing("2026-03-24", "10:00:00"), // a record fails, one issues it 30 h after
		"a3": beijing("2026-03-30", "12:00:30"), // seen as sent on 31 March at 13:00:30, not on the 30th: 25 h
		"a4": beijing("2026-03-30", "01:00:30"), // nothing is sent: open for 36 h
		"a5": beijing("2026-03-25", "10:00:00"), // sent when it is first seen: not told
		"a6": beijing("2025-12-31", "13:00:30"), // 90 days ago to the second: too old
		"a7": beijing("2026-03-25", "10:00:00"), // nobody has a card there: not counted
	}
	site := func(a3 [3]int) storetest.Site {
		var permissions []fields
		for _, p := range []struct {
			id, person, channel string
			card                [3]int
		}{{"a1", "u1", "c1", sent}, {"a2", "u2", "c1", sent}, {"a3", "u3", "c3", a3}, {"a4", "u4", "c3", toSend},
			{"a5", "u5", "c3", sent}, {"a6", "u1", "c3", toSend}, {"a7", "u2", "c3", none}} {
			permissions = append(permissions, handPermission(p.id, p.person, p.channel, created[p.id], forever, p.card, none))
		}
		details := map[string][]fields{}
		for id, at := range created {
			details[id] = []fields{{"auth_create_time": at}}
		}
		first, second, third := created["a1"]+2*3600_000, created["a2"]+3600_000, created["a2"]+30*3600_000
		return smallSite(t, map[string][]fields{
			"permissions": permissions,
			"tasks": {handTask("t1", "c1", 2, 1, 1, first, first+1000), handTask("t2", "c1", 2, 1, 0, second, second+1000),
				handTask("t3", "c1", 2, 1, 1, third, third+1000)},
		}, map[string]map[string][]fields{
			"details": details,
			"records": {"t1": {handRecord("k1", "u1", "x", 4, first)}, "t2": {handRecord("k2", "u2", "x", 3, second)},
				"t3": {handRecord("k3", "u2", "x", 4, third)}},
			"issue_infos": {"k1": {withID("k1", handInfo("card", [4]int{1, 0, 0, 0}))},
				"k2": {withID("k2", handInfo("card", [4]int{0, 1, 0, 0}))}, "k3": {withID("k3", handInfo("card", [4]int{1, 0, 0, 0}))}},
		})
	}
	st := storetest.Open(t)
	before := site(toSend)
	before.At = siteAt.AddDate(0, 0, -1)
	storetest.Publish(t, st, before)
	storetest.Publish(t, st, site(sent))
	r := makeReport(t, readerOf(t, st), "delivery-time", nil)
	equal(t, "weeks", picked(t, r, "Weeks", "severity", "week", "granted", "delivered", "open", "not_told", "p50_hours", "p95_hours", "by_snapshot"), []string{
		"medium | 2026-03-23 | 3 | 2 | 0 | 1 | 2 | 30 | 0", // a1, a2 and a5
		"high | 2026-03-30 | 2 | 1 | 1 | 0 | 25 | 25 | 1",  // a3 and a4: half is delivered
	})
	equal(t, "devices", picked(t, r, "Devices", "device", "delivered", "open", "not_told"), []string{"Controller B | 1 | 1 | 1", "Controller A | 2 | 0 | 0"})
	equal(t, "open", picked(t, r, "Open", "severity", "access_auth_id", "open_seconds"), []string{"medium | a4 | 1 d 12 h"})
	// Delivered in 2, 25 and 30 hours: half within 25, 95 of 100 within 30; 3 of 4.
	equal(t, "figures", figuresOf(r), []string{"25 hours, half take no longer", "30 hours, 95 of 100", "75 % delivered", "1 still open"})
	if want := "**95 of 100 permissions that reach their device do so within 30.0 hours**; 1 of 4 has not reached it yet, the oldest for 36.0 hours. **2 of 2 devices miss the target.**"; r.answer != want || r.tone != high {
		t.Errorf("answer %q (%s), want %q", r.answer, r.tone, want)
	}
}
