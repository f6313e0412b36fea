package schedule

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// began is when the clock of a synctest bubble begins.
var began = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// diary keeps entries as its owner would.
type diary struct {
	mu      sync.Mutex
	entries []Entry
	fails   int // how often it cannot
}

func (d *diary) account(e Entry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fails > 0 {
		d.fails--
		return errors.New("the disk is full")
	}
	d.entries = append(d.entries, e)
	return nil
}

// lines are the entries in words: slot, outcome, when it began, why.
func (d *diary) lines() []string {
	var all []string
	for _, e := range d.entries {
		line := e.Slot.Format("02 15:04:05 ") + e.Outcome
		if !e.Started.IsZero() {
			line += e.Started.Format(" at 02 15:04:05")
		}
		if e.Why != "" {
			line += ": " + e.Why
		}
		all = append(all, line)
	}
	return all
}

func takes(d time.Duration) func(context.Context, Slot) (map[string]any, error) {
	return func(ctx context.Context, _ Slot) (map[string]any, error) {
		wait(ctx, d, nil)
		return nil, ctx.Err()
	}
}

func spec(t testing.TB, line string) *Spec {
	t.Helper()
	s, err := Parse(line, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// runFor runs jobs for a time by the bubble's clock.
func runFor(t *testing.T, d time.Duration, r *Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if r.Now == nil {
		r.Now = time.Now
	}
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
}

func equal(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries mismatch (-want +got)\n%s", diff)
	}
}

func TestMissedSlots(t *testing.T) {
	for policy, want := range map[Policy][]string{
		Once: {
			"30 07:00:00 skipped: nothing was running at that time, and of what is missed only the newest is run",
			"31 07:00:00 caught up at 01 00:00:00: nothing was running at that time",
			"01 07:00:00 ran at 01 07:00:00",
		},
		All: {
			"30 07:00:00 caught up at 01 00:00:00: nothing was running at that time",
			"31 07:00:00 caught up at 01 00:00:10: nothing was running at that time",
			"01 07:00:00 ran at 01 07:00:00",
		},
		Skip: {
			"30 07:00:00 skipped: nothing was running at that time, and what is missed is skipped",
			"31 07:00:00 skipped: nothing was running at that time, and what is missed is skipped",
			"01 07:00:00 ran at 01 07:00:00",
		},
	} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				runFor(t, 20*time.Hour, &Runner{Account: d.account, Jobs: []Job{{
					Name: "x", Spec: spec(t, "0 7 * * *"), Missed: policy, Since: began.Add(-42 * time.Hour), Run: takes(10 * time.Second)}}})
				equal(t, d.lines(), want...)
			})
		})
	}
}

// What was begun is brought to its end, whatever becomes of other missed slots.
func TestBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		runFor(t, time.Hour, &Runner{Account: d.account, Jobs: []Job{{
			Name: "x", Spec: spec(t, "0 7 * * *"), Missed: Skip, Since: began.Add(-42 * time.Hour), Run: takes(10 * time.Second),
			Begun: func(at time.Time) bool { return at.Day() == 30 }}}})
		equal(t, d.lines(), "30 07:00:00 caught up at 01 00:00:00: it was begun and cut short",
			"31 07:00:00 skipped: nothing was running at that time, and what is missed is skipped")
	})
}

// A job that takes longer than to its next slot is never beside itself.
func TestNoOverlap(t *testing.T) {
	for policy, want := range map[Policy][]string{
		Once: {"01 00:01:00 ran at 01 00:01:00",
			"01 00:02:00 skipped: the slot before was still running, and of what is missed only the newest is run",
			"01 00:03:00 caught up at 01 00:03:30: the slot before was still running"},
		All: {"01 00:01:00 ran at 01 00:01:00",
			"01 00:02:00 caught up at 01 00:03:30: the slot before was still running",
			"01 00:03:00 caught up at 01 00:06:00: the slot before was still running"},
		Skip: {"01 00:01:00 ran at 01 00:01:00",
			"01 00:02:00 skipped: the slot before was still running, and what is missed is skipped",
			"01 00:03:00 skipped: the slot before was still running, and what is missed is skipped"},
	} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				beside := 0
				runFor(t, 9*time.Minute, &Runner{Account: d.account, Grace: time.Hour, Jobs: []Job{{
					Name: "x", Spec: spec(t, "* * * * *"), Missed: policy, Since: began,
					Run: func(ctx context.Context, _ Slot) (map[string]any, error) {
						if beside++; beside > 1 {
							t.Error("the job runs beside itself")
						}
						wait(ctx, 150*time.Second, nil)
						beside--
						return nil, nil
					}}}})
				equal(t, d.lines()[:3], want...)
			})
		})
	}
}

func TestAfter(t *testing.T) {
	for _, test := range []struct {
		name string
		takes,
		wait time.Duration
		collect, want string
		slot          Slot
	}{
		{"at once", 10 * time.Second, time.Hour, "0 5 * * *", "01 07:00:00 ran at 01 07:00:00", Slot{}},
		{"within a minute", 10 * time.Second, time.Hour, "0 7 * * *", "01 07:00:00 ran at 01 07:00:10", Slot{}},
		{"late", 10 * time.Minute, time.Hour, "0 7 * * *", "01 07:00:00 late at 01 07:10:00: waited 10 min for collect", Slot{Late: true}},
		{"in vain", 3 * time.Hour, time.Hour, "0 6 * * *",
			"01 07:00:00 late at 01 08:00:00: collect was not done after 60 min", Slot{Late: true, WaitedInVain: true}},
		{"not for a later slot", 3 * time.Hour, time.Hour, "1 7 * * *", "01 07:00:00 ran at 01 07:00:00", Slot{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var collected, reported diary
				var told Slot
				r := &Runner{Jobs: []Job{
					{Name: "collect", Spec: spec(t, test.collect), Missed: Once, Since: began, Run: takes(test.takes)},
					{Name: "report", Spec: spec(t, "0 7 * * *"), Missed: Once, Since: began, After: "collect", Wait: test.wait,
						Run: func(_ context.Context, s Slot) (map[string]any, error) {
							told = s
							return nil, nil
						}},
				}}
				r.Account = func(e Entry) error {
					if e.Schedule == "collect" {
						return collected.account(e)
					}
					return reported.account(e)
				}
				r.Say = func(d time.Duration) string { return fmt.Sprintf("%.0f min", d.Minutes()) }
				runFor(t, 12*time.Hour, r)
				equal(t, reported.lines(), test.want)
				test.slot.At = time.Date(2000, 1, 1, 7, 0, 0, 0, time.UTC)
				if told != test.slot {
					t.Errorf("the run was told %+v, want %+v", told, test.slot)
				}
			})
		})
	}
}

// A clock that is set, or a machine that sleeps, is noticed within half a minute.
func TestClockThatJumps(t *testing.T) {
	for _, test := range []struct {
		name string
		jump time.Duration
		want []string
	}{
		{"forward", 160 * time.Minute, []string{
			"01 01:00:00 ran at 01 01:00:00",
			"01 02:00:00 skipped: the machine slept, or its clock was set forward, and of what is missed only the newest is run",
			"01 03:00:00 skipped: the machine slept, or its clock was set forward, and of what is missed only the newest is run",
			"01 04:00:00 caught up at 01 04:10:30: the machine slept, or its clock was set forward",
			"01 05:00:00 ran at 01 05:00:00"}},
		{"back", -60 * time.Minute, []string{
			"01 01:00:00 ran at 01 01:00:00",
			"01 02:00:00 ran at 01 02:00:00"}}, // none twice
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				now := func() time.Time {
					if at := time.Now(); at.Sub(began) > 90*time.Minute {
						return at.Add(test.jump)
					}
					return time.Now()
				}
				runFor(t, 3*time.Hour+10*time.Minute, &Runner{Account: d.account, Now: now, Jobs: []Job{{
					Name: "x", Spec: spec(t, "@hourly"), Missed: Once, Since: began, Run: takes(0)}}})
				equal(t, d.lines(), test.want...)
			})
		})
	}
}

// What runs at the end has the grace time; a slot that is given up stays due.
func TestEnd(t *testing.T) {
	for _, test := range []struct {
		name  string
		takes time.Duration
		want  []string
		ended time.Duration
	}{
		{"finishes", 40 * time.Second, []string{"01 01:00:00 ran at 01 01:00:00"}, 40 * time.Second},
		{"is given up", 50 * time.Second, nil, 45 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				runFor(t, time.Hour+15*time.Second, &Runner{Account: d.account, Grace: 30 * time.Second, Jobs: []Job{{
					Name: "x", Spec: spec(t, "@hourly"), Missed: Once, Since: began, Run: takes(test.takes)}}})
				equal(t, d.lines(), test.want...)
				if took := time.Since(began); took != time.Hour+test.ended {
					t.Errorf("ended after %s", took)
				}
			})
		})
	}
}

func TestFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		runFor(t, 90*time.Minute, &Runner{Account: d.account, Jobs: []Job{{Name: "x", Spec: spec(t, "@hourly"), Missed: Once,
			Since: began.Add(-time.Hour), Run: func(context.Context, Slot) (map[string]any, error) { return nil, errors.New("no route") }}}})
		equal(t, d.lines(), "01 00:00:00 failed at 01 00:00:00: nothing was running at that time; no route", "01 01:00:00 failed at 01 01:00:00: no route")
	})
}

// An entry that cannot be kept is brought again, and nothing runs twice meanwhile.
func TestEntryThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := diary{fails: 3}
		runs := 0
		runFor(t, 150*time.Minute, &Runner{Account: d.account, Jobs: []Job{{Name: "x", Spec: spec(t, "@hourly"), Missed: Once, Since: began,
			Run: func(context.Context, Slot) (map[string]any, error) { runs++; return nil, nil }}}})
		equal(t, d.lines(), "01 01:00:00 ran at 01 01:00:00", "01 02:00:00 ran at 01 02:00:00")
		if runs != 2 {
			t.Errorf("%d runs", runs)
		}
	})
}

func TestAfterNobody(t *testing.T) {
	r := Runner{Now: time.Now, Jobs: []Job{{Name: "x", After: "y"}}}
	if err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), `after "y"`) {
		t.Errorf("Run: %v", err)
	}
}

// TestEverySlotOnce stops and starts jobs at random, by a clock that is set at
// random too: every slot has one entry, in order, whatever happens.
func TestEverySlotOnce(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 1))
				var d diary
				var offset time.Duration
				now := func() time.Time { return time.Now().Add(offset) }
				since := map[string]time.Time{"a": began, "b": began}
				for range 30 {
					policy := Policies[random.IntN(3)]
					slow := takes(time.Duration(random.IntN(200)) * time.Minute)
					runFor(t, time.Duration(random.IntN(600))*time.Minute, &Runner{Account: d.account, Now: now, Grace: time.Minute, Jobs: []Job{
						{Name: "a", Spec: spec(t, "@every 50m"), Missed: policy, Since: since["a"], Run: slow},
						{Name: "b", Spec: spec(t, "10 * * * *"), Missed: policy, Since: since["b"], After: "a", Wait: 20 * time.Minute, Run: takes(time.Second)},
					}})
					for _, e := range d.entries {
						since[e.Schedule] = e.Slot
					}
					offset += time.Duration(random.IntN(400)-100) * time.Minute
				}
				next := map[string]time.Time{"a": spec(t, "@every 50m").Next(began), "b": spec(t, "10 * * * *").Next(began)}
				for _, e := range d.entries {
					if !e.Slot.Equal(next[e.Schedule]) {
						t.Fatalf("%s: entry for %s, due is %s", e.Schedule, e.Slot, next[e.Schedule])
					}
					next[e.Schedule] = spec(t, map[string]string{"a": "@every 50m", "b": "10 * * * *"}[e.Schedule]).Next(e.Slot)
				}
				if len(d.entries) < 100 {
					t.Errorf("only %d entries", len(d.entries))
				}
			})
		})
	}
}
