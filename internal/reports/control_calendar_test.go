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

// TestControlCalendarOfSchedule has serve collect on weekdays at nine by Beijing's
// clock, from Tuesday the 24th on: what was due on the 25th failed, on the 26th was
// skipped, and on the 27th was caught up on the 30th, of which nothing else is due
// until then; the weekend has nothing due. Before the 24th somebody collected by
// hand.
func TestControlCalendarOfSchedule(t *testing.T) {
	st := storetest.Open(t)
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	at := func(day, hour int) time.Time { return time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC) }
	lines := 0
	write := func(when time.Time, kind, detail string) {
		lines++
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, "{\"prev\":\"%064d\",\"seq\":%d,\"at\":%q,\"kind\":%q,\"detail\":%s}\n", 0, lines, when.Format(time.RFC3339), kind, detail)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	publish := func(when time.Time) string {
		return storetest.Publish(t, st, storetest.Site{Project: "p1", At: when, Journal: path})
	}
	slot := func(when time.Time, day int, outcome, why string) {
		write(when, "slot", fmt.Sprintf(`{"schedule":"collect","slot":"2026-03-%02dT09:00:00+08:00","outcome":%q,"why":%q}`, day, outcome, why))
	}
	start := func(when time.Time, names string) {
		write(when, "serve", `{"event":"start","schedules":[`+names+`]}`)
	}
	publish(at(22, 1))
	start(at(23, 23), `{"name":"report leavers"},{"name":"collect"}`)
	publish(at(24, 1))
	slot(at(24, 2), 24, "ran", "")
	slot(at(25, 2), 25, "failed", "no route")
	start(at(30, 0), `{"name":"collect"}`)
	slot(at(30, 1), 26, "skipped", "nothing was running at that time")
	publish(at(30, 0))
	slot(at(30, 1), 27, "caught up", "nothing was running at that time")
	middle := publish(at(30, 1))
	slot(at(30, 2), 30, "ran", "")
	write(at(30, 3), "slot", `{"schedule":"report leavers","slot":"2026-03-28T09:00:00+08:00","outcome":"ran"}`)
	publish(siteAt)
	r := makeReport(t, readerOf(t, st), "control-calendar", map[string]any{"days": 30})
	equal(t, "days", picked(t, r, "Days", "day", "state", "schedule", "due", "why"), []string{
		"2026-03-31 | done | not accounted for yet | 0 | –",
		"2026-03-30 | done | 1 ran | 1 | –",
		"2026-03-29 | not due | not due | 0 | –",
		"2026-03-28 | not due | not due | 0 | –",
		"2026-03-27 | gap | 1 caught up | 1 | nothing was running at that time",
		"2026-03-26 | gap | 1 skipped | 1 | nothing was running at that time",
		"2026-03-25 | gap | 1 failed | 1 | no route",
		"2026-03-24 | done | 1 ran | 1 | –",
		"2026-03-23 | gap | no schedule | 0 | –",
		"2026-03-22 | done | no schedule | 0 | –",
	})
	equal(t, "gaps", picked(t, r, "Gaps", "first_day", "last_day", "schedule"), []string{
		"2026-03-25 | 2026-03-27 | 1 caught up; 1 failed; 1 skipped", "2026-03-23 | 2026-03-23 | no schedule"})
	const tail = " Of 5 collections due by the schedule 2 ran in time, 1 was caught up, 1 was skipped, 1 failed."
	if figuresOf(r)[0] != "50 % days done" || !strings.HasPrefix(r.answer, "**On 4 of 8 days") || !strings.HasSuffix(r.answer, tail) { // 4 of 10 less the weekend
		t.Errorf("%v, answer %q", figuresOf(r), r.answer)
	}
	if want := "exporter why collect 2026-03-27 tells"; !strings.Contains(r.whatToDo, want) {
		t.Errorf("what to do %q, want %q", r.whatToDo, want)
	}

	// A later snapshot knows the same of the time before it as that time did.
	own, later := makeReport(t, readerAt(t, st, middle), "control-calendar", nil), (*Report)(nil)
	if err := os.Remove(filepath.Join(st.Dir(), "snapshots", middle+".duckdb")); err != nil {
		t.Fatal(err)
	}
	later = makeReport(t, readerAt(t, st, middle), "control-calendar", nil)
	equal(t, "as of the 30th", []string{tsv(later)}, []string{tsv(own)})
	if !strings.HasSuffix(own.answer, "Of 4 collections due by the schedule 1 ran in time, 1 was caught up, 1 was skipped, 1 failed.") {
		t.Errorf("as of the 30th: %q", own.answer)
	}
}
