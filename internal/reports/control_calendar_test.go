package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exporter/internal/store/storetest"
)

// TestControlCalendar collects on 25 March (twice), on the 26th (broken off), on
// the 29th, by Beijing's clock just after its midnight, and on the 31st. The
// journal seals the two of the 25th, and the 29th with another digest.
func TestControlCalendar(t *testing.T) {
	st := storetest.Open(t)
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	publish := func(at time.Time, partial ...string) string {
		return storetest.Publish(t, st, storetest.Site{Project: "p1", At: at, Partial: partial, Journal: path})
	}
	var journal []string
	line := func(at time.Time, kind, detail string) {
		journal = append(journal, fmt.Sprintf(`{"prev":"%064d","seq":%d,"at":%q,"kind":%q,"detail":%s}`, 0, len(journal)+1, at.Format(time.RFC3339), kind, detail))
		if err := os.WriteFile(path, []byte(strings.Join(journal, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seal := func(id string, digest string) {
		if digest == "" {
			for _, row := range rowsIn(t, st, "SELECT digest FROM snapshots WHERE snapshot_id = '"+id+"'") {
				digest = row.text("digest")
			}
		}
		line(siteAt, "snapshot", fmt.Sprintf(`{"snapshot":%q,"project":"p1","digest":%q}`, id, digest))
	}
	day := func(n, hour int) time.Time { return time.Date(2026, 3, n, hour, 0, 0, 0, time.UTC) }
	seal(publish(day(25, 1)), "")
	seal(publish(day(25, 6), "rules"), "")
	line(day(25, 16), "report", `{"report":"leavers"}`) // already the 26th in Beijing
	publish(day(26, 1), "rules")
	seal(publish(day(28, 16)), "0123") // the 29th in Beijing
	publish(siteAt)
	r := makeReport(t, readerOf(t, st), "control-calendar", map[string]any{"days": 30})
	equal(t, "days", picked(t, r, "Days", "severity", "day", "weekday", "state", "snapshots", "verdict", "sealed", "reports"), []string{
		"good | 2026-03-31 | Tue | done | 1 | complete | not yet | 0",
		"high | 2026-03-30 | Mon | gap | 0 | – | – | 0",
		"medium | 2026-03-29 | Sun | done | 1 | complete | no | 0",
		"high | 2026-03-28 | Sat | gap | 0 | – | – | 0",
		"high | 2026-03-27 | Fri | gap | 0 | – | – | 0",
		"medium | 2026-03-26 | Thu | not whole | 1 | partial | no | 1",
		"good | 2026-03-25 | Wed | done | 2 | complete | yes | 0", // the whole one of the two
	})
	equal(t, "gaps", picked(t, r, "Gaps", "first_day", "last_day", "days", "without_snapshot"), []string{
		"2026-03-30 | 2026-03-30 | 1 | 1", "2026-03-26 | 2026-03-28 | 3 | 2"})
	equal(t, "figures", figuresOf(r), []string{"42.9 % days done", "3 gaps", "1 not whole", "5 snapshots"}) // 3 of 7
	if want := "**On 4 of 7 days since the first snapshot there is no whole snapshot**, from 2026-03-25 to 2026-03-31; the last such day is 2026-03-30. 2 are not sealed by a line of the journal."; r.answer != want || r.tone != high {
		t.Errorf("answer %q (%s), want %q", r.answer, r.tone, want)
	}
	if r := makeReport(t, readerOf(t, st), "control-calendar", map[string]any{"days": 1}); r.tone != good || r.figures[0].value != "100 %" {
		t.Errorf("of the last day: %s, %v", r.tone, figuresOf(r))
	}
}
