package reports

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// TestQueryLog has lin and mei ask on three days by Beijing's clock: lin once
// unmasked, just after midnight, once in vain and once too slow, and once before
// the period; mei once, after the snapshot of the 30th was begun.
func TestQueryLog(t *testing.T) {
	st := storetest.Open(t)
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	lines := 0
	ask := func(day, hour int, by, mask, outcome, more string) {
		lines++
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, `{"prev":"%064d","seq":%d,"at":"2026-03-%02dT%02d:00:00Z","kind":"query","detail":{"by":%q,"sql_sha256":"5e1ec7","parameters":["channel","within_days"],`+
			`"snapshot":"20260325T010000Z","as_of":"2026-03-25T01:00:30Z","mask":%q,"format":"table","outcome":%q,"ms":1500,"text":"queries/x.json"%s}}`+"\n",
			0, lines, day, hour, by, mask, outcome, more)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	publish := func(at time.Time) string {
		return storetest.Publish(t, st, storetest.Site{Project: "p1", At: at, Journal: path})
	}
	publish(time.Date(2026, 3, 25, 1, 0, 0, 0, time.UTC))
	ask(1, 15, "lin", "standard", "ok", `,"rows":1`) // the 1st: the day before the last 30
	ask(25, 15, "lin", "standard", "failed", "")
	ask(25, 16, "lin", "full", "ok", `,"rows":7,"cut":true,"result_sha256":"4e5017"`) // already the 26th
	ask(26, 3, "lin", "standard", "time", "")
	middle := publish(time.Date(2026, 3, 30, 1, 0, 0, 0, time.UTC))
	ask(30, 2, "mei", "standard", "ok", `,"rows":3,"project":"p1","previous":"20260325T010000Z"`)
	publish(siteAt)

	r := makeReport(t, readerOf(t, st), "query-log", map[string]any{"days": 30})
	equal(t, "queries", picked(t, r, "Queries", "severity", "asked_at", "account", "outcome", "rows", "cut", "mask", "previous", "parameters", "result_sha256", "seq"), []string{
		"good | 2026-03-30 10:00 | mei | ok | 3 | no | standard | 20260325T010000Z | channel, within_days | – | 5",
		"low | 2026-03-26 11:00 | lin | time | – | no | standard | – | channel, within_days | – | 4",
		"medium | 2026-03-26 00:00 | lin | ok | 7 | yes | full | – | channel, within_days | 4e5017 | 3",
		"low | 2026-03-25 23:00 | lin | failed | – | no | standard | – | channel, within_days | – | 2",
	})
	equal(t, "days", picked(t, r, "Days", "severity", "day", "account", "queries", "answered", "failed", "interrupted", "at_a_limit", "unmasked", "rows", "seconds"), []string{
		"good | 2026-03-30 | mei | 1 | 1 | 0 | 0 | 0 | 0 | 3 | 1.5",
		"medium | 2026-03-26 | lin | 2 | 1 | 0 | 0 | 1 | 1 | 7 | 3",
		"low | 2026-03-25 | lin | 1 | 0 | 1 | 0 | 0 | 0 | 0 | 1.5",
	})
	equal(t, "figures", figuresOf(r), []string{"4 queries", "2 persons", "2 not answered", "1 unmasked"})
	const face = "**4 queries by 2 persons** in 30 days, the last on 2026-03-30 10:00; 2 were not answered, 1 read unmasked." +
		" What ran since is told by the next snapshot. This is of exporter sql alone: who opens the files in another way is not known."
	if r.answer != face || r.tone != medium {
		t.Errorf("answer %q (%s), want %q", r.answer, r.tone, face)
	}

	// A later snapshot knows the same of the time before it as that time did.
	own := makeReport(t, readerAt(t, st, middle), "query-log", nil)
	if err := os.Remove(filepath.Join(st.Dir(), "snapshots", middle+".duckdb")); err != nil {
		t.Fatal(err)
	}
	equal(t, "as of the 30th", []string{tsv(makeReport(t, readerAt(t, st, middle), "query-log", nil))}, []string{tsv(own)})
	equal(t, "accounts of the 30th", figuresOf(own)[:2], []string{"4 queries", "1 persons"})

	// Who asked, and what, is not in a masked copy; that and when is.
	hidden := makeReport(t, maskedReader(t, st, store.MaskStandard), "query-log", map[string]any{"days": 1})
	equal(t, "masked", picked(t, hidden, "Queries", "account", "outcome", "rows", "sql_sha256", "parameters"), nil)
	hidden = makeReport(t, maskedReader(t, st, store.MaskStandard), "query-log", map[string]any{"days": 2})
	equal(t, "masked", picked(t, hidden, "Queries", "account", "outcome", "rows", "sql_sha256"), []string{"masked | ok | 3 | masked"})
	equal(t, "masked figures", figuresOf(hidden)[:2], []string{"1 queries", "unknown persons"})

	if none := makeReport(t, reader(t, storetest.Site{Project: "p1", At: siteAt}), "query-log", nil); none.tone != good || figuresOf(none)[0] != "0 queries" {
		t.Errorf("without queries: %s, %v", none.tone, figuresOf(none))
	}
}
