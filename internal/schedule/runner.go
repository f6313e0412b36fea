package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Policy is what becomes of slots that were missed: those that came due while
// nobody ran the jobs, while the job itself was running, or while the machine
// slept or its clock was set forward.
type Policy string

// The policies: run the newest missed slot and skip those before, run each, or
// skip all.
const (
	Once Policy = "once"
	All  Policy = "all"
	Skip Policy = "skip"
)

// Policies are all policies.
var Policies = []Policy{Once, All, Skip}

// Job is what is due by a schedule.
type Job struct {
	Name   string
	Spec   *Spec
	Missed Policy
	// Since is the last slot that was accounted for, or when the schedule began:
	// slots after it are due.
	Since time.Time
	// After names a job whose slots, up to this job's own, come first; "" is none.
	// It is waited for at most so long, from when the slot could have run.
	After string
	Wait  time.Duration
	// Begun reports whether a slot was begun before, and cut short. Such a slot is
	// run, whatever becomes of others that were missed. It may be nil.
	Begun func(at time.Time) bool
	// Run does what is due. Its detail goes into the entry. Once ctx ends it has
	// to return soon; where it errs then, the slot stays unaccounted for.
	Run func(ctx context.Context, slot Slot) (detail map[string]any, err error)
}

// Slot is a due time of a job, as its Run is told of it.
type Slot struct {
	At time.Time // in the schedule's zone
	// CaughtUp is set where the slot was missed, Late where it was not, but began
	// more than a minute after its time.
	CaughtUp, Late bool
	// WaitedInVain is set where the job to come first was still not done.
	WaitedInVain bool
}

// Outcomes of a slot.
const (
	Ran      = "ran"
	Late     = "late"
	CaughtUp = "caught up"
	Skipped  = "skipped"
	Failed   = "failed"
)

// Entry accounts for one slot.
type Entry struct {
	Schedule string
	Slot     time.Time // in the schedule's zone
	Outcome  string
	Why      string // what made it late, missed, skipped or failed; else ""
	// Started and Finished are zero where it was skipped.
	Started, Finished time.Time
	Detail            map[string]any
}

// NotRunning begins the reason of a slot that was missed because no [Runner] ran.
const NotRunning = "nothing was running at that time"

// Runner runs jobs, each by itself and never beside itself.
type Runner struct {
	Jobs []Job
	// Grace is how long what is running may go on once Run is to end.
	Grace time.Duration
	Now   func() time.Time
	// Look is how long a wait may go without looking at the clock, which may have
	// been set, and whose timers stand still while the machine sleeps; 30 seconds
	// where it is 0.
	Look time.Duration
	// Account keeps an entry. While it errs it is called again, each time that the
	// clock is looked at, and the job waits. It is called from several goroutines.
	Account func(Entry) error
	// Say is a duration as an entry's Why has it; its String where it is nil.
	Say func(time.Duration) string

	began  time.Time
	mu     sync.Mutex
	last   map[string]time.Time // by job: its last slot that is accounted for
	change chan struct{}        // closed when last changes
}

// tolerance is how far from its time a slot may begin without being late.
const tolerance = time.Minute

// Run runs the jobs until ctx ends and what was running then has ended too. It
// errs only where a job comes after one that is not there.
func (r *Runner) Run(ctx context.Context) error {
	r.began, r.Look = r.clock(), cmp.Or(r.Look, 30*time.Second)
	if r.Say == nil {
		r.Say = time.Duration.String
	}
	r.last, r.change = map[string]time.Time{}, make(chan struct{})
	for _, j := range r.Jobs {
		r.last[j.Name] = j.Since
	}
	for _, j := range r.Jobs {
		if _, ok := r.last[j.After]; j.After != "" && !ok {
			return fmt.Errorf("schedule %s: comes after %q, which is not there", j.Name, j.After)
		}
	}
	var jobs sync.WaitGroup
	for _, j := range r.Jobs {
		jobs.Go(func() { r.runJob(ctx, j) })
	}
	jobs.Wait()
	return nil
}

// clock is the wall clock alone: what time.Now measures beside it stands still
// while the machine sleeps.
func (r *Runner) clock() time.Time { return r.Now().Round(0) }

// runJob goes through the slots of a job in order until ctx ends.
func (r *Runner) runJob(ctx context.Context, j Job) {
	at, free := j.Spec.Next(j.Since), r.began
	for ctx.Err() == nil {
		if left := at.Sub(r.clock()); left > 0 {
			wait(ctx, min(left, r.Look), nil)
			continue
		}
		entry, ok := r.runSlot(ctx, j, at, free)
		if !ok || !r.account(ctx, entry) {
			return
		}
		at = j.Spec.Next(at)
		if entry.Outcome != Skipped {
			free = r.clock()
		}
	}
}

// missed says why a slot that is due was missed, "" where it was not, and whether it
// is to be skipped.
func (r *Runner) missed(j Job, at, free, now time.Time) (why string, skip bool) {
	newer := !j.Spec.Next(at).After(now)
	switch {
	case !at.After(r.began):
		why = NotRunning
	case !at.After(free):
		why = "the slot before was still running"
	case newer || now.Sub(at) > tolerance:
		why = "the machine slept, or its clock was set forward"
	default:
		return "", false
	}
	switch {
	case j.Begun != nil && j.Begun(at):
		return "it was begun and cut short", false
	case j.Missed == Skip:
		return why + ", and what is missed is skipped", true
	case j.Missed == Once && newer:
		return why + ", and of what is missed only the newest is run", true
	}
	return why, false
}

// runSlot runs or skips a slot that is due. It reports false where the slot stays
// unaccounted for. free is since when the job could have run it.
func (r *Runner) runSlot(ctx context.Context, j Job, at, free time.Time) (Entry, bool) {
	now := r.clock()
	e := Entry{Schedule: j.Name, Slot: at}
	var skip bool
	if e.Why, skip = r.missed(j, at, free, now); skip {
		e.Outcome = Skipped
		return e, true
	}
	missed := e.Why != ""
	slot := Slot{At: at, CaughtUp: missed}
	if j.After != "" {
		done, err := r.waitFor(ctx, j, at)
		if err != nil {
			return Entry{}, false
		}
		slot.WaitedInVain = !done
	}
	e.Started = r.clock()
	waited := r.Say(e.Started.Sub(now).Round(time.Second))
	slot.Late = !missed && e.Started.Sub(at) > tolerance
	switch {
	case slot.WaitedInVain:
		e.Why = because(e.Why, fmt.Sprintf("%s was not done after %s", j.After, waited))
	case slot.Late:
		e.Why = fmt.Sprintf("waited %s for %s", waited, j.After)
	}
	running, release := WithGrace(ctx, r.Grace)
	defer release()
	var err error
	e.Detail, err = j.Run(running, slot)
	e.Finished = r.clock()
	switch {
	case err != nil && running.Err() != nil:
		return Entry{}, false
	case err != nil:
		e.Outcome, e.Why = Failed, because(e.Why, err.Error())
	case missed:
		e.Outcome = CaughtUp
	case slot.Late:
		e.Outcome = Late
	default:
		e.Outcome = Ran
	}
	return e, true
}

// because joins two reasons.
func because(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// waitFor waits until the job that j comes after has accounted for its slots up to
// at. It reports false where that takes longer than j waits, and errs when ctx ends.
func (r *Runner) waitFor(ctx context.Context, j Job, at time.Time) (bool, error) {
	var first *Spec
	for _, other := range r.Jobs {
		if other.Name == j.After {
			first = other.Spec
		}
	}
	for end := r.clock().Add(j.Wait); ; {
		r.mu.Lock()
		done, change := first.Next(r.last[j.After]).After(at), r.change
		r.mu.Unlock()
		left := end.Sub(r.clock())
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case done || left <= 0:
			return done, nil
		}
		wait(ctx, min(left, r.Look), change)
	}
}

// account brings an entry to who keeps them. It reports false when ctx ended
// before that could be done.
func (r *Runner) account(ctx context.Context, e Entry) bool {
	for r.Account(e) != nil {
		if ctx.Err() != nil {
			return false
		}
		wait(ctx, r.Look, nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last[e.Schedule] = e.Slot
	close(r.change)
	r.change = make(chan struct{})
	return true
}

// wait returns after d, or when ctx ends, or something comes from early.
func wait(ctx context.Context, d time.Duration, early <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-early:
	case <-t.C:
	}
}

// ErrGivenUp is why a run was ended that went on for longer than the grace time.
var ErrGivenUp = errors.New("given up: it was to end and had no more time")

// WithGrace returns a context that ends so long after ctx does, with [ErrGivenUp],
// or when it is released.
func WithGrace(ctx context.Context, grace time.Duration) (running context.Context, release func()) {
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		wait(running, grace, nil)
		cancel(ErrGivenUp)
	})
	return running, func() { stop(); cancel(nil) }
}
