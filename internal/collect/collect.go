// Package collect reads one project after another from the cloud into a new
// snapshot: it plans what to ask, walks every list page by page, lands the
// answers as received, and judges whether each walk was whole.
//
// Its invariant: only a whole walk reaches the store's history. What is torn,
// refused or left over by the budget is counted and said, and changes nothing.
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
	"hash/maphash"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"exporter/internal/cloud"
	"exporter/internal/store"
)

// Options say what to collect and how carefully.
type Options struct {
	Projects []string
	PageSize int // items per page of a list
	Parallel int // requests in flight at most
	// Budget bounds the requests of one run in all projects; 0 is no bound.
	// Lists are always read; what costs a request per row stops at the bound.
	Budget int64
	// MaxDrop is the share of rows that a list may lose since the last
	// snapshot; more is taken for a fault of the cloud unless AcceptDrop.
	MaxDrop    float64
	AcceptDrop bool

	Registers      map[string]string // table to path, see store.BuildOptions
	Journal        string            // path of the journal
	ProgramVersion string
	Now            func() time.Time
	Log            *slog.Logger
	// Progress is told of every page and answer; nil is allowed. It is called
	// from several goroutines.
	Progress func(Progress)
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

	current atomic.Pointer[project] // whose requests are under way
}

// Result is what a run did.
type Result struct {
	Snapshot string
	Verdict  string
	Projects []store.Project
	Requests int64
	Took     time.Duration
	// Problems are what made projects or resources partial, in order.
	Problems []error
}

// New returns a collector. [Collector.Observe] must be told of every attempt
// of the client, so that the snapshot's calls and retries are whole.
func New(s *store.Store, o Options) *Collector { return &Collector{store: s, o: o} }

// Run collects every project into one snapshot and publishes it. It errs, and
// publishes nothing, when another collector holds the store, the disk fails,
// ctx ends, or no resource of any project could be walked whole; the error then
// joins the causes. A partial snapshot is no error: see Result.
func (c *Collector) Run(ctx context.Context, r *cloud.Reader) (*Result, error) {
	c.cloud = r
	release, err := c.store.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	started := c.o.Now()
	requests := r.Requests()
	build, err := c.store.Begin(ctx, store.BuildOptions{
		Started: started, ProgramVersion: c.o.ProgramVersion, Registers: c.o.Registers, Journal: c.o.Journal,
	})
	if err != nil {
		return nil, err
	}
	result, err := c.collect(ctx, build)
	if err != nil {
		return nil, errors.Join(err, build.Discard(), c.removeLanding(build))
	}
	result.Requests = r.Requests() - requests
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
	result := &Result{Snapshot: build.ID()}
	whole := 0
	for _, id := range c.o.Projects {
		p, err := c.newProject(build, id)
		if err != nil {
			return nil, err
		}
		c.current.Store(p)
		err = errors.Join(p.walk(ctx), p.landing.close())
		if err != nil {
			return nil, err
		}
		facts := p.facts(c.o.Now())
		for _, f := range facts.Resources {
			if f.Verdict != store.Partial {
				whole++
			}
		}
		result.Projects = append(result.Projects, facts)
		result.Problems = append(result.Problems, p.problems...)
	}
	if whole == 0 {
		return nil, errors.Join(result.Problems...)
	}
	result.Verdict = worst(result.Projects)
	_, err := build.Publish(ctx, result.Projects)
	return result, err
}

// worst is the least of the projects' verdicts.
func worst(projects []store.Project) string {
	order := []string{store.Complete, store.CompleteWithDrift, store.Partial}
	at := 0
	for _, p := range projects {
		at = max(at, slices.Index(order, p.Verdict))
	}
	return order[at]
}

// project is one project in one run.
type project struct {
	*Collector
	id      string
	build   *store.Build
	landing *landing
	log     *slog.Logger
	seed    maphash.Seed
	started time.Time

	mu         sync.Mutex
	serverTime int64
	resources  []store.Resource
	attempts   map[string]*attempts // by resource
	problems   []error
	resource   string // being walked
	// distrusted: a list lost more than is believed, so other answers of this
	// run may be as empty and are not asked for.
	distrusted bool
}

// attempts counts what went wrong on the way to a resource's answers.
type attempts struct{ retries, errors int64 }

func (c *Collector) newProject(build *store.Build, id string) (*project, error) {
	dir := build.Landing(id)
	l, err := newLanding(dir)
	if err != nil {
		return nil, err
	}
	return &project{
		Collector: c, id: id, build: build, landing: l, log: c.o.Log.With("project", id, "run", build.ID()),
		seed: maphash.MakeSeed(), started: c.o.Now(), attempts: map[string]*attempts{},
	}, nil
}

// lists are the resources that are read whole in every run. The task list
// holds what is being sent or what was sent, by a filter whose absence the
// documents do not explain (A448), so all three are read and united by id.
var lists = []list{
	{resource: "permissions", operation: "access-auth"},
	{resource: "tasks", operation: "access-auth-task"},
	{resource: "tasks", operation: "access-auth-task", key: "1", params: map[string]any{"issueType": 1}},
	{resource: "tasks", operation: "access-auth-task", key: "2", params: map[string]any{"issueType": 2}},
	{resource: "persons", operation: "list-auth-person"},
	{resource: "rules", operation: "query-rules"},
}

// walk reads the whole project. What the cloud refuses becomes a problem of
// its resource; once it refuses in a way that every request would meet, the
// remaining resources are not tried.
func (p *project) walk(ctx context.Context) error {
	var refused error
	step := func(resource string, walk func() (store.Resource, error)) error {
		if refused != nil {
			p.settle(store.Resource{Name: resource, Verdict: store.Partial, Problem: "not tried: see above"})
			return nil
		}
		p.begin(resource)
		fact, err := walk()
		var e *cloud.Error
		switch {
		case errors.As(err, &e):
			fact.Name, fact.Verdict, fact.Problem = resource, store.Partial, err.Error()
			p.fail(resource, err)
			if ends(err) {
				refused = err
			}
		case err != nil:
			return fmt.Errorf("%s: %w", resource, err)
		}
		p.settle(fact)
		return nil
	}
	for _, resource := range []string{"permissions", "tasks", "persons", "structures", "rules"} {
		if err := step(resource, func() (store.Resource, error) { return p.walkWhole(ctx, resource) }); err != nil {
			return err
		}
	}
	if p.distrusted {
		refused = errDistrusted
	}
	for _, k := range perKey {
		if err := step(k.resource, func() (store.Resource, error) { return p.walkKeys(ctx, k) }); err != nil {
			return err
		}
	}
	return nil
}

// walkWhole reads all lists of a resource, or the tree, guards against a
// sudden loss and loads what came.
func (p *project) walkWhole(ctx context.Context, resource string) (store.Resource, error) {
	var fact store.Resource
	if resource == "structures" {
		w, err := p.walkTree(ctx)
		fact = w.fact(resource)
		if err != nil {
			return fact, err
		}
		p.see(w.serverTime)
	} else {
		for _, l := range lists {
			if l.resource != resource {
				continue
			}
			w, err := p.walkList(ctx, l)
			if w != nil {
				fact = unite(fact, w.fact(resource))
				p.see(w.serverTime)
			}
			if err != nil {
				return fact, err
			}
		}
	}
	if fact.Verdict == store.Partial {
		p.fail(resource, errors.New(fact.Problem))
		return fact, p.landing.flush(resource)
	}
	if err := p.guard(ctx, &fact); err != nil || fact.Verdict == store.Partial {
		return fact, errors.Join(err, p.landing.flush(resource))
	}
	return fact, p.load(ctx, resource)
}

// unite adds the fact of a filtered walk to that of the whole list: its pages
// and problems count, its rows are among the whole's.
func unite(whole, part store.Resource) store.Resource {
	if whole.Name == "" {
		return part
	}
	whole.Pages += part.Pages
	if part.Verdict == store.Partial && whole.Verdict != store.Partial {
		whole.Verdict, whole.Problem = part.Verdict, part.Problem
	}
	return whole
}

var errDistrusted = errors.New("a list lost more rows than is believed")

// guardFrom is the number of rows from which a share can say anything.
const guardFrom = 20

// guard makes a walk partial that lost more rows than a site loses in a day. A
// lapsed plan answers success with an empty list (protocol.md 4), which must
// not look as if all permissions had been revoked.
func (p *project) guard(ctx context.Context, fact *store.Resource) error {
	before, err := p.build.Previous(ctx, p.id, fact.Name)
	if err != nil || p.o.AcceptDrop {
		return err
	}
	lost := before - fact.Distinct
	emptied := before > 0 && fact.Distinct == 0
	// The cloud may forget old tasks, and nothing is closed by that.
	dropped := before >= guardFrom && float64(lost) > p.o.MaxDrop*float64(before) && fact.Name != "tasks"
	if !emptied && !dropped {
		return nil
	}
	p.distrusted = true
	fact.Verdict = store.Partial
	fact.Problem = fmt.Sprintf("the cloud now lists %d of %d rows", fact.Distinct, before)
	p.fail(fact.Name, &DropError{Resource: fact.Name, Before: before, Now: fact.Distinct})
	return nil
}

// DropError is a list that lost more rows than is believed.
type DropError struct {
	Resource    string
	Before, Now int64
}

func (e *DropError) Error() string {
	return fmt.Sprintf("the cloud now lists %d of %d rows", e.Now, e.Before)
}

// Hint says how to go on.
func (e *DropError) Hint() string {
	return "a lapsed plan answers like this; nothing was closed. If so many were really removed: exporter collect --accept-drop"
}

// load gives a resource's landed pages to the store and compares what the
// store found with what the walk counted.
func (p *project) load(ctx context.Context, resource string) error {
	if err := p.landing.flush(resource); err != nil {
		return err
	}
	_, err := p.build.Load(ctx, p.id, resource)
	return err
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
	if a.Err == nil {
		return
	}
	body := sha256.Sum256(a.Body)
	line := call{
		Resource: resource, Operation: a.Operation, TID: a.TID, T: a.T, HTTPStatus: a.HTTPStatus, Code: a.Code,
		Milliseconds: a.Took.Milliseconds(), Attempt: a.Number,
	}
	if a.Body != nil {
		line.BodySHA256 = hex.EncodeToString(body[:])
	}
	if err := p.landing.calls.add(line); err != nil {
		p.fail(resource, err)
	}
}

// begin names the resource whose attempts are counted from now on.
func (p *project) begin(resource string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resource = resource
	p.attempts[resource] = &attempts{}
}

// settle files a resource's fact.
func (p *project) settle(fact store.Resource) {
	p.mu.Lock()
	if a := p.attempts[fact.Name]; a != nil {
		fact.Retries, fact.Errors = a.retries, a.errors
	}
	p.resources = append(p.resources, fact)
	p.mu.Unlock()
	if p.o.Progress != nil {
		p.o.Progress(Progress{Project: p.id, Resource: fact.Name, Done: true, Verdict: fact.Verdict, Note: fact.Problem})
	}
	if fact.Pages == 0 && fact.Verdict == store.Partial {
		return
	}
	p.log.Info("walked", "resource", fact.Name, "pages", fact.Pages, "rows", fact.Distinct, "verdict", fact.Verdict)
}

func (p *project) fail(resource string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, fmt.Errorf("project %q: %s: %w", p.id, resource, err))
}

// see keeps the newest time of the cloud's clock.
func (p *project) see(t int64) { p.serverTime = max(p.serverTime, t) }

func (p *project) progress(resource string, rows int64, total *int64) {
	if p.o.Progress != nil {
		p.o.Progress(Progress{Project: p.id, Resource: resource, Rows: rows, Total: total})
	}
}

func (p *project) withinBudget() bool {
	return p.o.Budget == 0 || p.cloud.Requests() < p.o.Budget
}

// facts is the project as the snapshot will say it.
func (p *project) facts(finished time.Time) store.Project {
	f := store.Project{ID: p.id, Started: p.started, Finished: finished, Verdict: store.Complete, Resources: p.resources}
	if p.serverTime > 0 {
		f.ServerTime = time.UnixMilli(p.serverTime)
	}
	for _, r := range p.resources {
		if r.Verdict == store.Partial {
			f.Verdict = store.Partial
		} else if r.Verdict == store.CompleteWithDrift && f.Verdict == store.Complete {
			f.Verdict = store.CompleteWithDrift
		}
	}
	return f
}

// Lacks says in words what a project's snapshot lacks, "" when nothing.
func Lacks(p store.Project) string {
	var parts []string
	for _, r := range p.Resources {
		if r.Verdict != store.Complete {
			parts = append(parts, r.Name+": "+r.Problem)
		}
	}
	return strings.Join(parts, "; ")
}
