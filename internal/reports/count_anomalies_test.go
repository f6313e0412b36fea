package reports

import (
	"testing"

	"exporter/internal/store/storetest"
)

// TestCountAnomalies has permissions whose numbers do not fit, as of
// 2026-03-31 13:00:30 in Beijing, and as they were on the day before.
func TestCountAnomalies(t *testing.T) {
	began := beijing("2026-01-01", "00:00:00")
	none := [3]int{}
	site := func(end int64, a2 [3]int) storetest.Site {
		return smallSite(t, map[string][]fields{"permissions": {
			handPermission("a1", "u1", "c2", began, end, [3]int{3, 4, 1}, none),
			handPermission("a2", "u2", "c1", began, forever, a2, none),
			handPermission("a3", "u3", "c3", began, forever, [3]int{2, 2, 0}, [3]int{1, 0, 1}), // both contradict
			handPermission("a4", "u4", "c3", began, forever, [3]int{2, 1, 0}, [3]int{1, 1, 1}), // partial and delivered: fit
			handPermission("a5", "u5", "c3", began, forever, [3]int{0, 0, 1}, [3]int{0, 2, 0}), // a face too many; not enrolled fits
		}}, nil)
	}
	st := storetest.Open(t)
	before := site(beijing("2026-12-31", "00:00:00"), [3]int{1, 1, 1}) // a1 has another end, a2 is in order
	before.At = siteAt.AddDate(0, 0, -1)
	storetest.Publish(t, st, before)
	now := site(forever, [3]int{1, 3, 1})
	now.Registers = map[string]string{"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,sensitive,,,\n"}
	storetest.Publish(t, st, now)
	r := makeReport(t, readerOf(t, st), "count-anomalies", nil)
	equal(t, "anomalies", picked(t, r, "Anomalies", "severity", "finding", "access_auth_id", "credential", "enrolled_num", "sent_num", "difference", "state_seconds"), []string{
		"high | more than enrolled | a2 | card | 1 | 3 | 2 | 0 s", // sensitive, and new today
		"high | sent though none is enrolled | a5 | face | 0 | 2 | 2 | 1 d",
		"high | more than enrolled | a1 | card | 3 | 4 | 1 | 1 d",
		"medium | status contradicts | a3 | card | 2 | 2 | 0 | 1 d",
		"medium | status contradicts | a3 | face | 1 | 0 | -1 | 1 d",
	})
	// Five cards and five faces are told; no fingerprint is.
	equal(t, "figures", figuresOf(r), []string{"3 credentials too many", "1 sent though none is enrolled", "2 status contradicts", "10 credentials counted"})
	if want := "**3 credentials are counted on a device beyond what the person has**, 1 of them on sensitive channels; of 2 more the status contradicts the numbers."; r.answer != want || r.tone != high {
		t.Errorf("answer %q (%s), want %q", r.answer, r.tone, want)
	}
}
