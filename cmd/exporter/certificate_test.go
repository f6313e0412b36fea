package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/journal"
)

// A certificate with everything that can be wrong, and long numbers, stays
// within 80 columns, and says all of it.
func TestCertificateFitsTheTerminal(t *testing.T) {
	at := time.Date(2026, 3, 31, 5, 0, 0, 0, time.UTC)
	n, less, walked := int64(3_000_000), int64(2_999_998), "20260330T050000Z"
	c := certificate{
		Snapshot: "20260331T050000Z", Project: "1424615984265764001", Verdict: "partial",
		ServerTime: &at, Started: &at, Finished: &at, ClockOffset: &less, Rows: n,
		Digest: strings.Repeat("0123456789abcdef", 4), Recompute: "exporter sql", Journal: sealed{Path: "journal.ndjson", Problem: "line 3 does not fit the chain"},
	}
	for _, name := range []string{"permissions", "rule_channels"} {
		c.Resources = append(c.Resources, walkFact{
			Resource: name, Verdict: "complete_with_drift", Pages: 30_000, TotalFirst: &n, TotalLast: &less, Rows: n, Distinct: less,
			Duplicates: 2, Retries: 1234, Errors: 5678, Covered: &less, Coverable: &n, WalkedIn: &walked,
			Problem: "the total moved from 3000000 to 2999998 while the list was read (walked 3 times)",
		})
	}
	note := "the list moved from 3000000 to 2999998 rows meanwhile; 168 h gives 120, calendar days 125"
	for _, result := range []string{"agrees", "differs", "filter ignored", "not tried"} {
		c.TieOuts = append(c.TieOuts, tieOutFact{Kind: "status", Name: "fingerprint, both together", Ours: &n, Theirs: &less, Result: result, Note: &note})
	}
	meaning := "partially successful"
	c.Codes = []codeFact{{Field: "auth_task_status", Code: new(int64(1)), AsResponse: &meaning, Derived: "partly succeeded", Rows: n, Fits: "cannot tell"}}
	for _, width := range []int{80, 100, 120} {
		var out bytes.Buffer
		a := &app{stdout: &out, zone: time.UTC}
		a.printCertificate(c, width)
		for line := range strings.Lines(out.String()) {
			if w := text.StringWidthWithoutEscSequences(strings.TrimRight(line, "\n")); w > width {
				t.Errorf("%d columns of %d: %s", w, width, line)
			}
		}
		said := strings.Join(strings.Fields(out.String()), " ")
		for _, want := range []string{"2,999,998", "1,234", "5,678", "99.9 %", note, c.Resources[0].Problem, "filter ignored", "line 3 does not fit",
			"1 of 2 agree, 1 filter ignored, 1 not tried; not: fingerprint, both together"} {
			if !strings.Contains(said, want) {
				t.Errorf("width %d lacks %q in\n%s", width, want, out.String())
			}
		}
	}
}

// A line that seals another digest is no seal.
func TestSealNamesTheDigest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	for _, digest := range []string{"d1", "d2"} {
		if _, err := journal.Open(path, time.Now).Append("snapshot", map[string]any{"snapshot": "s-" + digest, "project": "p", "digest": digest}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ snapshot, digest, want string }{
		{"s-d1", "d1", ""},
		{"s-d2", "d2", ""},
		{"s-d1", "d9", "line 1 names another digest"},
		{"s-d2", "d9", "line 2 names another digest"},
		{"s-d3", "d3", "no line names this snapshot"},
	} {
		s := sealOf(path, c.snapshot, "p", c.digest)
		if !strings.HasPrefix(s.Problem, c.want) || c.want == "" && (s.Problem != "" || len(s.SHA256) != 64) {
			t.Errorf("%s with %s: %+v", c.snapshot, c.digest, s)
		}
	}
}

func TestReasonNamesWhatIsMissing(t *testing.T) {
	one, two := int64(1), int64(2)
	for _, c := range []struct {
		name      string
		resources []walkFact
		want      []string
	}{
		{"whole", []walkFact{{Resource: "rules", Verdict: "complete"}}, []string{"every list was read to its end"}},
		{"budget", []walkFact{{Resource: "details", Verdict: "complete", Covered: &one, Coverable: &two}}, []string{"every list", "details for 1 of 2"}},
		{"drift", []walkFact{{Resource: "rules", Verdict: "complete_with_drift"}}, []string{"a doubt: rules"}},
		{"torn", []walkFact{{Resource: "rules", Verdict: "partial"}, {Resource: "tasks", Verdict: "partial"}},
			[]string{"not read whole in this snapshot: rules, tasks", "nothing was closed"}},
		{"unanswered", []walkFact{{Resource: "details", Verdict: "partial", Covered: &one, Coverable: &two}},
			[]string{"not every answer came: details", "details for 1 of 2"}},
	} {
		got := (&certificate{Resources: c.resources}).reason()
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q lacks %q", c.name, got, want)
			}
		}
	}
}
