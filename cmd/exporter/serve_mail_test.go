package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exporter/internal/deliver"
	"exporter/internal/schedule"
)

const failureConfig = `
cloud: {url: "http://127.0.0.1:9", client_id: a, client_secret: b, projects: ["1"]}
store: {dir: data, timezone: Europe/Berlin}
collect: {schedule: "0 5 * * *"}
mail: {server: "file:mail", from: reports@example.com, operator: operator@example.com}
reports: [{name: leavers, schedule: "0 7 * * *"}]
`

// The operator is told once of a slot that failed, what follows from it, and what
// to do: nothing that would mail anybody twice.
func TestFailureIsTold(t *testing.T) {
	at := time.Date(2026, 3, 11, 7, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, schedule string
		mailed         bool
		want, never    string
	}{
		{"a collection", "collect", false, "go out from the newest snapshot", "--send"},
		{"a report", "report leavers", false, "exporter report leavers --send", "on their way"},
		{"a report whose mails are in the outbox", "report leavers", true, "on their way all the same", "--send"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newTestServer(t, failureConfig, at.Add(time.Minute))
			outbox := s.app.newOutbox(s.cfg)
			if test.mailed {
				m := deliver.Message{ID: "a@example.com", From: "reports@example.com", To: "boss@example.com", Text: "14", Date: at}
				if err := outbox.Put(mailRun(at, "leavers"), one(m)); err != nil {
					t.Fatal(err)
				}
			}
			e := schedule.Entry{Schedule: test.schedule, Slot: at, Outcome: schedule.Failed, Why: "502 Bad Gateway"}
			for range 2 {
				if err := s.tellFailure(e); err != nil {
					t.Fatal(err)
				}
			}
			e.Outcome = schedule.Late
			if err := s.tellFailure(e); err != nil {
				t.Fatal(err)
			}
			told, _ := filepath.Glob(filepath.Join(outbox.Dir, operatorReport+"-*", "*.eml"))
			if len(told) != 1 {
				t.Fatalf("%d mails to the operator: %v", len(told), told)
			}
			b, err := os.ReadFile(told[0])
			if err != nil {
				t.Fatal(err)
			}
			if text := string(b); !strings.Contains(text, test.want) || strings.Contains(text, test.never) ||
				!strings.Contains(text, "502 Bad Gateway") || !strings.Contains(text, "To: <operator@example.com>") {
				t.Errorf("want %q, and no %q:\n%s", test.want, test.never, text)
			}
		})
	}
}
