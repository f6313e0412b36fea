// Package collect reads one project after another from the cloud into a new
// snapshot: it plans what to ask, walks every list page by page, lands the
// answers as received, and judges whether each walk was whole.
//
// Its invariant: only a whole walk reaches the store's history. What is torn,
// refused or left over by the budget is counted and said, and changes nothing.
// Right after the lists it asks the cloud to count the same permissions in other
// ways; these tie-outs change no verdict.
//
// It refuses to know how a request is signed or repeated (cloud), how rows are
// kept (store), and what a report is. It holds a [cloud.Reader], so that no
// writing operation can be called from here.
package collect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"exporter/internal/cloud"
	"exporter/internal/store"
)

// Options say what to collect and how carefully.
type Options struct {
	Projects []string
	PageSize int    // items per page of a list
	Budget   Budget // of all projects together
	// TieOuts bounds the requests, repeats aside, that one run makes only to
	// compare the cloud's counts with ours; 0 is none. They come beside Budget.Run.
	TieOuts int
	Zone    *time.Location // of the site, for its days and months; UTC if nil
	// MaxDrop is the share of rows that a list may lose since the last
	// snapshot; more is taken for a fault of the cloud unless AcceptDrop.
	MaxDrop    float64
	AcceptDrop bool
	// Resume is how old an interrupted run may be to be taken up where it stopped;
	// an older one is begun anew.
	Resume time.Duration

	Registers      map[string]string // table to path, see store.BuildOptions
	Journal        string            // path of the journal
	ProgramVersion string
	Now            func() time.Time
	Log            *slog.Logger
	// Progress is told of every page and answer; nil is allowed. It is called
	// from several goroutines.
	Progress func(Progress)
	// Witness is told of every call as it is filed; nil is allowed. It is called
	// from several goroutines.
	Witness func(Call)
}

// Progress is one step of a walk.
type Progress struct {
	Project, Resource string
	Rows              int64  // rows that this step added; negative when a walk begins again
	Total             *int64 // rows to come in all, nil when unknown
	Done              bool   // the resource is finished, with Verdict and Note
	Verdict, Note     string
}

// Collector collects from one cloud into one store.
type Collector struct {
	cloud *cloud.Reader
	store *store.Store
	o     Options

	before  int64        // requests that the client had made when the run began
	taken   atomic.Int64 // answers taken from an interrupted run
	aside   int64        // of both, those for tie-outs, which have a budget of their own
	ledger  *ledger
	current atomic.Pointer[project] // whose requests are under way
}

// Result is what a run did.
type Result struct {
	Snapshot string
	Verdict  string // the worst of Projects
	Projects []store.Project
	Requests int64
	// TakenUp counts the answers that were taken from an interrupted run instead
	// of asking again.
	TakenUp int64
	Took    time.Duration
	// CarriedForward are projects that the store has and this run was not asked for:
	// they stand as they were.
	CarriedForward []string
	// Problems are what made projects or resources partial, in order.
	Problems []error

	published bool // also when an error came after the rename
}

// New returns a collector. [Collector.Observe] must be told of every attempt
// of the client, so that the snapshot's calls and retries are whole.
func New(s *store.Store, o Options) *Collector {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &Collector{store: s, o: o}
}

// Run collects every project into one snapshot and publishes it. It errs, and
// publishes nothing, when another collector holds the store, the disk fails,
// ctx ends, the program panics (a [*Fault]), or no resource of any project could be
// walked whole; the error then joins the causes. What was interrupted, by ctx or by the end of the process, is
// taken up by the next run: see Options.Resume. A partial snapshot is no error: see Result.
func (c *Collector) Run(ctx context.Context, r *cloud.Reader) (*Result, error) {
	c.cloud = r
	release, err := c.store.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	started := c.o.Now()
	c.before = r.Requests()
	build, err := c.store.Begin(ctx, store.BuildOptions{
		Started: started, Resume: c.o.Resume,
		ProgramVersion: c.o.ProgramVersion, Registers: c.o.Registers, Journal: c.o.Journal,
	})
	if err != nil {
		return nil, err
	}
	if c.ledger, err = openLedger(c.store.Dir(), c.now); err != nil {
		return nil, errors.Join(err, build.Discard())
	}
	var result *Result
	err = caught(func() (err error) {
		result, err = c.collect(ctx, build)
		return err
	})
	err = errors.Join(err, c.ledger.close())
	if err != nil && (result == nil || !result.published) {
		err = errors.Join(err, build.Discard())
		if ctx.Err() == nil { // what was only interrupted goes on in the next run
			err = errors.Join(err, c.removeLanding(build))
		}
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("snapshot %s is published, but: %w", build.ID(), err)
	}
	result.Requests, result.TakenUp = r.Requests()-c.before, c.taken.Load()
	result.Took = c.o.Now().Sub(started)
	return result, nil
}

func (c *Collector) removeLanding(b *store.Build) error {
	var errs []error
	for _, p := range c.o.Projects {
		errs = append(errs, os.RemoveAll(b.Landing(p)))
	}
	return errors.Join(errs...)
}

func (c *Collector) collect(ctx context.Context, build *store.Build) (*Result, error) {
	var projects []*project
	err := caught(func() error { return c.walkAll(ctx, build, &projects) })
	for _, p := range projects {
		err = errors.Join(err, p.landing.close())
	}
	if err != nil {
		return nil, err
	}
	result := &Result{Snapshot: build.ID(), Verdict: store.Complete}
	whole := false
	for _, p := range projects {
		whole = whole || p.anyWhole()
		facts := p.facts(c.o.Now())
		if worse(facts.Verdict, result.Verdict) {
			result.Verdict = facts.Verdict
		}
		result.Projects = append(result.Projects, facts)
		result.Problems = append(result.Problems, p.problems...)
	}
	if !whole {
		return nil, fmt.Errorf("no list was read whole, so nothing was published: %w", errors.Join(result.Problems...))
	}
	published, err := build.Publish(ctx, result.Projects)
	result.published = len(published) > 0
	for _, s := range published {
		if !slices.Contains(c.o.Projects, s.Project) {
			result.CarriedForward = append(result.CarriedForward, s.Project)
		}
	}
	return result, err
}

// walkAll reads the lists of all projects first, and then what costs a request
// per row, resource by resource over all projects: so one project does not spend
// the budget before the lists of the next are read. Each project is in projects as
// soon as its files are open, whatever comes of the walk.
func (c *Collector) walkAll(ctx context.Context, build *store.Build, projects *[]*project) error {
	for _, id := range c.o.Projects {
		p, err := c.newProject(build, id)
		if err != nil {
			return err
		}
		*projects = append(*projects, p)
	}
	left := c.o.TieOuts
	for i, p := range *projects {
		if err := p.walkLists(ctx); err != nil {
			return err
		}
		// At once, for a list moves.
		before := c.spent()
		used, err := p.tieOut(ctx, left/(len(*projects)-i))
		if err != nil {
			return fmt.Errorf("tie-outs: %w", err)
		}
		left -= used
		c.aside += c.spent() - before
	}
	for _, k := range perKey {
		for _, p := range *projects {
			if err := p.step(k.resource, func() (store.Resource, error) { return p.walkKeys(ctx, k) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// worse says whether verdict a promises less than b.
func worse(a, b string) bool {
	order := []string{store.Complete, store.CompleteWithDrift, store.Partial}
	return slices.Index(order, a) > slices.Index(order, b)
}

// Observe counts an attempt of the client, and files one that did not succeed
// among the calls; what succeeded is filed where it is landed.
func (c *Collector) Observe(a cloud.Attempt) {
	p := c.current.Load()
	if p == nil {
		return
	}
	p.mu.Lock()
	resource := p.resource
	counts := p.attempts[resource]
	if counts == nil {
		counts = &attempts{}
		p.attempts[resource] = counts
	}
	if a.Number > 1 {
		counts.retries++
	}
	if a.Err != nil {
		counts.errors++
	}
	p.mu.Unlock()
	if err := c.ledger.add(); err != nil {
		p.fail(resource, err)
	}
	if a.Err == nil {
		return
	}
	body := sha256.Sum256(a.Body)
	line := store.Call{
		Resource: resource, Operation: a.Operation, TID: a.TID, T: a.T, HTTPStatus: a.HTTPStatus, Code: a.Code,
		Milliseconds: a.Took.Milliseconds(), Attempt: a.Number,
	}
	if a.Body != nil {
		line.BodySHA256 = hex.EncodeToString(body[:])
	}
	if err := errors.Join(p.landing.enter(line, nil, false), p.landing.calls.flush()); err != nil {
		p.fail(resource, err)
	}
}

// DropError is a list that lost more rows than is believed.
type DropError struct {
	Before, Now int64 // rows of the last snapshot, and how many of them are left
	Others      int64 // rows that came in their place
}

func (e *DropError) Error() string {
	s := fmt.Sprintf("the cloud now lists %d of %d rows", e.Now, e.Before)
	if e.Others > 0 {
		s += fmt.Sprintf(" and %d others", e.Others)
	}
	return s
}

// Hint says how to go on.
func (e *DropError) Hint() string {
	return "a lapsed plan or another site answers like this; nothing was closed. If so many were really removed: exporter collect --accept-drop"
}
