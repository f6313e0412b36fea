package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/journal"
)

// toldConfig has a report due on Mondays in Berlin.
const toldConfig = `
store: {dir: data}
reports: [{name: leavers, schedule: "0 7 * * MON", timezone: Europe/Berlin}]
`

// write adds entries to a journal, each as its time, its kind and its detail.
func write(t *testing.T, path string, entries ...string) {
	t.Helper()
	for _, e := range entries {
		words := strings.SplitN(e, " ", 3)
		at, err := time.Parse(time.RFC3339, words[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := journal.Open(path, func() time.Time { return at }).Append(words[1], jsonText(words[2])); err != nil {
			t.Fatal(err)
		}
	}
}

// jsonText is JSON as it is.
type jsonText string

func (j jsonText) MarshalJSON() ([]byte, error) { return []byte(j), nil }

const startOfLeavers = `serve {"event":"start","schedules":[{"name":"report leavers","cron":"0 7 * * MON","zone":"Europe/Berlin","missed":"once"}]}`

var toldEntries = []string{
	"2026-03-01T09:00:00Z " + startOfLeavers,
	`2026-03-02T06:00:40Z mail {"message_id":"a","report":"leavers","slot":"2026-03-02T07:00:00+01:00","to":"a@example.com","attempt":1,"outcome":"deferred","code":451,"answer":"greylisted"}`,
	`2026-03-02T06:00:41Z mail {"message_id":"b","report":"leavers","slot":"2026-03-02T07:00:00+01:00","to":"b@example.com","attempt":1,"outcome":"refused","code":550,"answer":"550 no such user"}`,
	`2026-03-02T06:00:42Z slot {"schedule":"report leavers","slot":"2026-03-02T07:00:00+01:00","outcome":"ran","started":"2026-03-02T06:00:00Z","finished":"2026-03-02T06:00:41Z","detail":{"snapshot":"20260302T050003Z","since":"20260223T050003Z"}}`,
	`2026-03-03T00:00:00Z mail {"message_id":"a","report":"leavers","slot":"2026-03-02T07:00:00+01:00","to":"a@example.com","attempt":2,"outcome":"accepted","code":250,"answer":"2.0.0 Ok"}`,
	`2026-03-06T16:00:00Z serve {"event":"stop","why":"terminated signal received"}`,
	"2026-03-18T09:30:00Z " + startOfLeavers,
	`2026-03-18T09:30:01Z slot {"schedule":"report leavers","slot":"2026-03-09T07:00:00+01:00","outcome":"skipped","why":"nothing was running at that time, and of what is missed only the newest is run"}`,
	`2026-03-18T09:30:31Z slot {"schedule":"report leavers","slot":"2026-03-16T07:00:00+01:00","outcome":"failed","why":"nothing was running at that time; the disk is full","started":"2026-03-18T09:30:01Z","finished":"2026-03-18T09:30:31Z"}`,
	`2026-03-23T06:10:50Z slot {"schedule":"report leavers","slot":"2026-03-23T07:00:00+01:00","outcome":"late","why":"waited 10m0s for collect","started":"2026-03-23T06:10:00Z","finished":"2026-03-23T06:10:50Z","detail":{"snapshot":"20260323T050003Z","verdict":"partial"}}`,
}

// handEntries are of a report that was sent by hand, and of mails that did not go.
var handEntries = []string{
	`2026-03-02T06:00:30Z report {"report":"leavers","slot":"2026-03-02T07:00:00+01:00","snapshot":"20260302T050003Z"}`,
	`2026-03-04T08:00:00Z outbox {"action":"drop","mail":"20260302T060000Z-leavers/0002","message_id":"b","report":"leavers","slot":"2026-03-02T07:00:00+01:00","to":"b@example.com"}`,
	`2026-03-04T08:00:01Z outbox {"action":"set aside","mail":"20260302T060000Z-leavers/0003","why":"unexpected end of JSON input"}`,
	`2026-03-04T08:00:02Z outbox {"action":"set aside","mail":"20260302T060000Z-drift/0003","why":"unexpected end of JSON input"}`,
	`2026-03-10T09:15:40Z report {"report":"leavers","slot":"2026-03-10T09:15:30Z","snapshot":"20260310T050003Z","unsent":["c@example.com: it has no rows"]}`,
	`2026-03-10T09:15:41Z mail {"message_id":"h","report":"leavers","slot":"2026-03-10T09:15:30Z","to":"a@example.com","attempt":1,"outcome":"accepted","code":250,"answer":"2.0.0 Ok"}`,
	`2026-03-30T05:00:20Z report {"report":"leavers","slot":"2026-03-30T07:00:00+02:00","snapshot":"20260330T050003Z"}`,
}

// What was done by hand to mails, or cannot be read, is told with what was due.
func TestWhyByHand(t *testing.T) {
	for _, test := range []struct{ name, date, now, want string }{
		{"dropped, and set aside", "2026-03-02", "2026-03-24T12:00:00Z", `
report leavers, due on Monday 2 March 2026 07:00 (Europe/Berlin)
  Ran on time, from 07:00:00 to 07:00:41.
  Made from snapshot 20260302T050003Z, with what has changed since 20260223T050003Z.
  Mail to a@example.com: accepted at 3 March 2026 01:00:00, attempt 2: 250 2.0.0 Ok
  Mail to b@example.com: dropped by hand at 4 March 2026 09:00:00
  Mail 20260302T060000Z-leavers/0003: set aside at 4 March 2026 09:00:01, for it could not be read: unexpected end of JSON input
`},
		{"sent by hand", "2026-03-10", "2026-03-24T12:00:00Z", `
report leavers, sent by hand on Tuesday 10 March 2026 10:15:30 (Europe/Berlin)
  Made from snapshot 20260310T050003Z.
  No mail to c@example.com: it has no rows
  Mail to a@example.com: accepted at 10:15:41, attempt 1: 250 2.0.0 Ok
report leavers was not due on Tuesday 10 March 2026.
`},
		{"due, and cut short", "2026-03-30", "2026-03-31T12:00:00Z", `
What was due on Monday 30 March 2026 07:00 (Europe/Berlin) is not accounted for: serve had ended without a word: it was killed, or the machine went down. The next start of serve sees to it.
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, next, _ := strings.Cut(tellWhy(t, test.date, test.now, append(slices.Clone(toldEntries), handEntries...)), "Due next: ")
			if next == "" {
				t.Error("the next due time is not told")
			}
			want := strings.TrimPrefix(test.want, "\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("why mismatch (-want +got)\n%s", diff)
			}
		})
	}
}

// tellWhy is what exporter why tells of leavers at a time.
func tellWhy(t *testing.T, date, at string, entries []string) string {
	t.Helper()
	path := writeConfig(t, toldConfig)
	dir := filepath.Join(filepath.Dir(path), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "journal.ndjson"), entries...)
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := &app{stdout: &out, now: func() time.Time { return now }, zone: time.UTC, configPath: path}
	c := a.whyCommand()
	c.SetArgs([]string{"leavers", date}[:map[bool]int{true: 1, false: 2}[date == ""]])
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWhy(t *testing.T) {
	for _, test := range []struct{ name, date, now, want string }{
		{"who got what", "2026-03-02", "2026-03-24T12:00:00Z", `
report leavers, due on Monday 2 March 2026 07:00 (Europe/Berlin)
  Ran on time, from 07:00:00 to 07:00:41.
  Made from snapshot 20260302T050003Z, with what has changed since 20260223T050003Z.
  Mail to a@example.com: accepted at 3 March 2026 01:00:00, attempt 2: 250 2.0.0 Ok
  Mail to b@example.com: refused at 07:00:41, attempt 1: 550 no such user
`},
		{"skipped", "2026-03-09", "2026-03-24T12:00:00Z", `
report leavers, due on Monday 9 March 2026 07:00 (Europe/Berlin)
  Skipped: nothing was running at that time, and of what is missed only the newest is run.
  At that time serve was stopped, since Friday 6 March 2026 17:00 (Europe/Berlin) (terminated signal received); it was started again on Wednesday 18 March 2026 10:30 (Europe/Berlin).
`},
		{"failed", "2026-03-16", "2026-03-24T12:00:00Z", `
report leavers, due on Monday 16 March 2026 07:00 (Europe/Berlin)
  Failed after 30 s, at 18 March 2026 10:30:31: nothing was running at that time; the disk is full.
  At that time serve was stopped, since Friday 6 March 2026 17:00 (Europe/Berlin) (terminated signal received); it was started again on Wednesday 18 March 2026 10:30 (Europe/Berlin).
`},
		{"the newest", "", "2026-03-24T12:00:00Z", `
report leavers, due on Monday 23 March 2026 07:00 (Europe/Berlin)
  Ran late, from 07:10:00 to 07:10:50: waited 10m0s for collect.
  Made from snapshot 20260323T050003Z, which is partial.
`},
		{"a day on which nothing is due", "2026-03-10", "2026-03-24T12:00:00Z", `
report leavers was not due on Tuesday 10 March 2026.
`},
		{"before the schedule", "2026-02-23", "2026-03-24T12:00:00Z", `
report leavers was not run on Monday 23 February 2026 07:00 (Europe/Berlin): serve had not begun with this schedule.
`},
		{"to come", "2026-04-06", "2026-03-24T12:00:00Z", `
report leavers is due on Monday 6 April 2026 07:00 (Europe/Berlin); that is still to come.
`},
		{"not accounted for", "2026-03-30", "2026-03-31T12:00:00Z", `
What was due on Monday 30 March 2026 07:00 (Europe/Berlin) is not accounted for: serve had ended without a word: it was killed, or the machine went down. The next start of serve sees to it.
Due next: Monday 6 April 2026 07:00 (Europe/Berlin), but serve does not run now.
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := strings.TrimPrefix(test.want, "\n")
			if !strings.Contains(want, "Due next") {
				want += "Due next: Monday 30 March 2026 07:00 (Europe/Berlin), but serve does not run now.\n"
			}
			if diff := cmp.Diff(want, tellWhy(t, test.date, test.now, toldEntries)); diff != "" {
				t.Errorf("why mismatch (-want +got)\n%s", diff)
			}
		})
	}
}

// Health and metrics go on after a restart, for they come from the journal.
func TestHealth(t *testing.T) {
	path := writeConfig(t, toldConfig)
	now := time.Date(2026, 3, 24, 12, 0, 0, 0, time.UTC)
	a := &app{stdout: &bytes.Buffer{}, now: func() time.Time { return now }, zone: time.UTC, configPath: path}
	a.logFormat, a.stderr = "text", &bytes.Buffer{}
	if err := a.setUp(); err != nil {
		t.Fatal(err)
	}
	cfg, err := a.loadServe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.newServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code, w.Body.String()
	}
	if code, body := get("/readyz"); code != 503 || body != "serve is starting\n" {
		t.Errorf("/readyz before the start: %d %q", code, body)
	}
	write(t, s.cfg.journalPath(), append(toldEntries,
		`2026-03-23T07:00:00Z snapshot {"snapshot":"20260323T050003Z","project":"p1","verdict":"partial","rows":90,"kind":"collection"}`,
		`2026-03-22T07:00:00Z snapshot {"snapshot":"20260322T050003Z","project":"p1","verdict":"complete","rows":80,"kind":"collection"}`)...)
	run := filepath.Join(s.cfg.Store.Dir, "outbox", "20260323T060000Z-leavers")
	if err := os.MkdirAll(run, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0001.json", "0001.eml", "0002.json.damaged", "0002.eml.damaged"} {
		if err := os.WriteFile(filepath.Join(run, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, body := get("/readyz"); code != 200 || body != "report leavers\tnext due 2026-03-30T07:00:00+02:00\n" {
		t.Errorf("/readyz: %d %q", code, body)
	}
	_, body := get("/metrics")
	for _, want := range []string{
		`exporter_newest_complete_snapshot_timestamp_seconds{project="p1"} 1.774155603e+09`, // date -d 2026-03-22T05:00:03Z +%s
		`exporter_schedule_last_success_timestamp_seconds{schedule="report leavers"} 1.77424625e+09`,
		`exporter_schedule_slots_total{outcome="ran",schedule="report leavers"} 1`,
		`exporter_schedule_slots_total{outcome="failed",schedule="report leavers"} 1`,
		`exporter_mail_attempts_total{outcome="accepted"} 1`,
		`exporter_mails{state="damaged"} 2`,
		`exporter_mails{state="waiting"} 0`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("/metrics has no %s:\n%s", want, body)
		}
	}
	now = now.AddDate(0, -1, 0)
	if code, body := get("/readyz"); code != 503 || !strings.Contains(body, "set back") {
		t.Errorf("/readyz with a clock that was set back: %d %q", code, body)
	}
	if code, _ := get("/healthz"); code != 200 {
		t.Errorf("/healthz: %d", code)
	}
}
