package collect

import (
	"hash/maphash"
	"strings"
	"testing"
	"time"

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
		{"a row was added, and one has no id", []int64{9, 9, 10}, 11, 10, store.Partial},
	} {
		w := &walk{rows: tt.rows, distinct: tt.distinct}
		for _, total := range tt.totals {
			w.count(&total)
		}
		ids := tt.rows
		if strings.Contains(tt.name, "no id") {
			ids--
		}
		w.judge(ids)
		if got := w.verdict(); got != tt.want {
			t.Errorf("%s: %s, want %s: %s", tt.name, got, tt.want, w.problem)
		}
	}
}

// Ids that differ are counted as different, be they numbers or not.
func TestNumbersOfIDs(t *testing.T) {
	p := &project{seed: maphash.MakeSeed()}
	seen := map[uint64]string{}
	for _, id := range []string{"7", "07", "007", "0", "00", "70", "-7", "+7", "7 ", "18446744073709551615", "18446744073709551616", "a"} {
		n := p.number(id)
		if other, twice := seen[n]; twice {
			t.Errorf("%q and %q are one", id, other)
		}
		seen[n] = id
	}
	if p.number("1567699430642122001") != 1567699430642122001 {
		t.Error("a number does not stand for itself")
	}
}

// One answer with a time far from the others does not move the time that reports
// speak of.
func TestServerTime(t *testing.T) {
	const hour = int64(time.Hour / time.Millisecond)
	now := clock.UnixMilli()
	for _, tt := range []struct {
		times []int64
		want  int64
	}{
		{nil, 0},
		{[]int64{now}, now},
		{[]int64{now, now + 2*hour, now + hour}, now + 2*hour},
		{[]int64{now, now + hour, now + 24*hour}, now + 24*hour},
		{[]int64{now, now + hour, now + 26*hour}, now + hour},
		{[]int64{now - 1000*hour, now, now + hour}, now + hour},
	} {
		p := &project{}
		for _, at := range append(tt.times, 0) { // an answer without a time
			p.see(at)
		}
		if got := p.serverTime(); got != tt.want {
			t.Errorf("times %v: %d, want %d", tt.times, got, tt.want)
		}
	}
}
