package main

import (
	"fmt"
	"testing"
	"time"

	"exporter/internal/schedule"
)

// What serve keeps of its journal does not grow with it: a year of daily collections
// and a weekly report with its mails.
func TestHistoryIsBounded(t *testing.T) {
	begin := time.Date(2026, 1, 1, 5, 0, 0, 0, time.UTC)
	s := newTestServer(t, collectsAndReports, begin)
	h := s.history
	add := func(at time.Time, kind, detail string) {
		write(t, s.cfg.journalPath(), at.Format(time.RFC3339)+" "+kind+" "+detail)
	}
	add(begin, "serve", `{"event":"start","schedules":[{"name":"collect"},{"name":"report leavers"}]}`)
	for day := range 365 {
		at := begin.AddDate(0, 0, day)
		slot := at.Format(time.RFC3339)
		add(at, "slot", fmt.Sprintf(`{"schedule":"collect","slot":%q,"outcome":"ran","detail":{"snapshot":"S%d"}}`, slot, day))
		if day%7 == 0 {
			add(at, "serve", `{"event":"start","schedules":[{"name":"collect"},{"name":"report leavers"}]}`)
			add(at, "report", fmt.Sprintf(`{"report":"leavers","slot":%q,"snapshot":"S%d"}`, slot, day))
			add(at, "mail", fmt.Sprintf(`{"message_id":"M%d","report":"leavers","slot":%q,"outcome":"accepted"}`, day, slot))
			add(at, "slot", fmt.Sprintf(`{"schedule":"report leavers","slot":%q,"outcome":"ran","detail":{"unsent":["a@example.com"]}}`, slot))
		}
		if day == 200 {
			if err := h.refresh(); err != nil {
				t.Fatal(err)
			}
		}
	}
	ids, err := h.acceptedMails()
	if err != nil {
		t.Fatal(err)
	}
	if len(h.serves)+len(h.mails)+len(h.slots["report leavers"]) > 0 || len(h.slots[collecting]) > 8 || len(h.begun) > 6 || len(ids) > 6 {
		t.Errorf("kept: %d serves, %d mails, %d slots, %d collections, %d begun slots, %d accepted mails",
			len(h.serves), len(h.mails), len(h.slots["report leavers"]), len(h.slots[collecting]), len(h.begun), len(ids))
	}
	if !ids["M364"] || !ids["M336"] {
		t.Errorf("mails of the last month are forgotten: %v", ids)
	}
	// The report's last slot was on day 364, so that those of its next week matter.
	if from := s.reportSlot("leavers", schedule.Slot{At: begin.AddDate(0, 0, 370)}); from.Snapshot != "S364" {
		t.Errorf("made from %q, want S364", from.Snapshot)
	}
	if n := h.attempts["accepted"]; n != 53 {
		t.Errorf("%d mails counted, want 53", n)
	}
}

// A slot that was cut short is made again from what it was made from then, whatever
// was sent by hand meanwhile.
func TestBegunSlot(t *testing.T) {
	at := time.Date(2026, 3, 5, 6, 0, 0, 0, time.UTC)
	s := newTestServer(t, collectsAndReports, at,
		`2026-03-01T00:00:00Z serve {"event":"start","schedules":[{"name":"collect"},{"name":"report leavers"}]}`,
		`2026-03-05T04:00:00Z slot {"schedule":"collect","slot":"2026-03-05T05:00:00+01:00","outcome":"ran","detail":{"snapshot":"S5"}}`,
		`2026-03-05T06:00:00Z report {"report":"leavers","slot":"2026-03-05T07:00:00+01:00","snapshot":"S4","since":"S1"}`,
		`2026-03-05T06:30:00Z report {"report":"leavers","slot":"2026-03-05T06:30:00Z","snapshot":"S6"}`,
		`2026-03-05T06:40:00Z report {"report":"leavers","snapshot":"S7"}`)
	if got := s.reportSlot("leavers", schedule.Slot{At: at}); got.Snapshot != "S4" || got.SincePrevious != "S1" || !got.Begun {
		t.Errorf("made again from %+v, want S4 since S1", got)
	}
	begun := s.runner.Jobs[1].Begun
	if !begun(at) || begun(at.AddDate(0, 0, 1)) {
		t.Errorf("begun: %t, and the next slot %t", begun(at), begun(at.AddDate(0, 0, 1)))
	}
}
