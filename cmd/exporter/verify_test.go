package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"exporter/internal/journal"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// What a prune removes while verify reads is no difference, and what is gone
// without a word still is.
func TestVerifyWhilePruning(t *testing.T) {
	st := storetest.Open(t)
	cfg := &config{}
	cfg.Store.Dir = st.Dir()
	now := time.Date(2026, 3, 31, 5, 0, 0, 0, time.UTC)
	person := map[string]map[string][]string{"persons": {"": {`{"person_id":"u1"}`}}}
	old := storetest.Publish(t, st, storetest.Site{Project: "p1", At: now, Rows: person})
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: now.Add(time.Hour), Rows: person})
	if err := journalSnapshots(t.Context(), cfg, st, time.Now); err != nil {
		t.Fatal(err)
	}
	file := "snapshots/" + old + ".duckdb"
	if err := os.Remove(filepath.Join(st.Dir(), file)); err != nil {
		t.Fatal(err)
	}
	v, _, err := verifyAtRest(t.Context(), st, cfg.journalPath(), store.VerifyOptions{})
	if err != nil || len(v.Differences) != 1 || v.Differences[0].Name != file {
		t.Errorf("gone without a word: %+v, %v", v, err)
	}
	told := false
	v, head, err := verifyAtRest(t.Context(), st, cfg.journalPath(), store.VerifyOptions{Progress: func(int, int) {
		if told {
			return
		}
		told = true
		if _, err := journal.Open(cfg.journalPath(), time.Now).Append("prune", map[string]any{"files": []store.File{{Path: file}}}); err != nil {
			t.Error(err)
		}
	}})
	if err != nil || len(v.Differences) > 0 || len(v.Gone) != 1 || head.Seq != 3 {
		t.Errorf("pruned meanwhile: %+v, %+v, %v", v, head, err)
	}
}
