package collect

import (
	"testing"

	"exporter/internal/store"
)

// What a walk saw of a list that moved meanwhile, and whether that can be all.
func TestVerdictOfAWalk(t *testing.T) {
	for _, tt := range []struct {
		name     string
		totals   []int64 // of each page
		rows     int64
		distinct int64
		want     string
	}{
		{"a list at rest", []int64{9, 9, 9}, 9, 9, store.Complete},
		{"a row is missing", []int64{9, 9, 9}, 8, 8, store.Partial},
		{"a row came twice in place of another", []int64{9, 9, 9}, 9, 8, store.Partial},
		{"a row was added at the end", []int64{9, 9, 10}, 10, 10, store.CompleteWithDrift},
		{"a row was added where it is not seen", []int64{9, 9, 10}, 9, 9, store.Partial},
		{"a row was removed behind a page that was read, all others were seen", []int64{9, 8, 8}, 9, 9, store.CompleteWithDrift},
		// The row that is gone is among the eight, and one that is there is not.
		{"a row was removed and another slipped past", []int64{9, 8, 8}, 8, 8, store.Partial},
		{"one was removed, one slipped past, one was added", []int64{9, 8, 9}, 9, 9, store.Partial},
		{"one was removed, one was added, none slipped past", []int64{9, 8, 9}, 10, 10, store.CompleteWithDrift},
		{"one was added and removed again", []int64{9, 10, 9}, 9, 9, store.Partial},
	} {
		w := &walk{rows: tt.rows, distinct: tt.distinct}
		for _, total := range tt.totals {
			w.count(&total)
		}
		w.judge(tt.rows)
		if got := w.verdict(); got != tt.want {
			t.Errorf("%s: %s, want %s: %s", tt.name, got, tt.want, w.problem)
		}
	}
}
