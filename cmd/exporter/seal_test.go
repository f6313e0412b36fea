package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exporter/internal/journal"
	"exporter/internal/reports"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// A snapshot of several projects is sealed by the last of their lines, for ever; one
// whose digest is not the journal's is not sealed.
func TestSealOfSeveralProjects(t *testing.T) {
	st := storetest.Open(t)
	at := time.Date(2026, 3, 31, 5, 0, 0, 0, time.UTC)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: at}, storetest.Site{Project: "p2", At: at})
	all, err := st.Snapshots(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatal(all, err)
	}
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	enter := func(s store.Snapshot, digest string) journal.Head {
		head, err := journal.Open(path, time.Now).Append("snapshot", map[string]any{"snapshot": s.ID, "project": s.Project, "digest": digest})
		if err != nil {
			t.Fatal(err)
		}
		return head
	}
	sealed := func(project, want string) *reports.Sealed {
		t.Helper()
		r, err := st.Read(t.Context(), store.ReadOptions{Project: project})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		by, why, err := sealedBy(t.Context(), path, r)
		if err != nil || want == "" && (by == nil || why != "") || !strings.Contains(why, want) {
			t.Fatalf("project %q: %v, %q, %v; not %q", project, by, why, err, want)
		}
		return by
	}
	sealed("", "no line of the journal names it")
	first := enter(all[0], all[0].Digest)
	sealed("", "no line of the journal names it")
	last := enter(all[1], all[1].Digest)
	enter(all[0], "another")
	enter(all[1], all[1].Digest)
	if by := sealed("", ""); *by != (reports.Sealed{Line: last.Seq, SHA256: last.SHA256}) {
		t.Errorf("sealed by %+v, not %+v", *by, last)
	}
	if by := sealed(all[0].Project, ""); *by != (reports.Sealed{Line: first.Seq, SHA256: first.SHA256}) {
		t.Errorf("project %s is sealed by %+v, not %+v", all[0].Project, *by, first)
	}
	path = filepath.Join(t.TempDir(), "journal.ndjson")
	enter(all[0], "forged")
	enter(all[1], all[1].Digest)
	sealed("", "line 1 of the journal names another digest")
}
