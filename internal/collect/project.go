package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"exporter/internal/store"
)

// project is one project in one run.
type project struct {
	*Collector
	id      string
	build   *store.Build
	landing *landing
	log     *slog.Logger
	seed    maphash.Seed
	started time.Time

	mu        sync.Mutex
	times     []int64 // t of each list's newest page, ms
	resources []store.Resource
	attempts  map[string]*attempts // by resource
	problems  []error
	resource  string // being walked
	// distrusted: a list lost more than is believed, so other answers of this
	// run may be as empty and are not asked for.
	distrusted bool
	refused    bool // the cloud refuses in a way that every request would meet

	counts    []store.Count // for the tie-outs by filters
	uncounted string        // why there are no more
}

// attempts counts what went wrong on the way to a resource's answers.
type attempts struct{ retries, errors int64 }

func (c *Collector) newProject(build *store.Build, id string) (*project, error) {
	stamp, err := json.Marshal(map[string]any{
		"cloud": c.cloud.URL(), "page_size": c.o.PageSize, "program_version": c.o.ProgramVersion,
	})
	if err != nil {
		return nil, err
	}
	l, err := newLanding(build.Landing(id), string(stamp), &c.taken, witness{c.o.Witness, build.ID(), id})
	if err != nil {
		return nil, err
	}
	return &project{
		Collector: c, id: id, build: build, landing: l, log: c.o.Log.With("project", id, "run", build.ID()),
		seed: maphash.MakeSeed(), started: build.Started(), attempts: map[string]*attempts{},
	}, nil
}

// lists are the resources that are read whole in every run. The task list
// holds what is being sent or what was sent, by a filter whose absence the
// documents do not explain, so all three are read and united by id.
var lists = []list{
	{resource: "permissions", operation: "access-auth"},
	{resource: "tasks", operation: "access-auth-task"},
	{resource: "tasks", operation: "access-auth-task", key: "1", params: map[string]any{"issueType": 1}},
	{resource: "tasks", operation: "access-auth-task", key: "2", params: map[string]any{"issueType": 2}},
	{resource: "persons", operation: "list-auth-person"},
	{resource: "rules", operation: "query-rules"},
}

// whole are the resources that are walked whole in every run, in this order.
var whole = []string{"permissions", "tasks", "persons", "structures", "rules"}

// walkLists reads what is walked whole.
func (p *project) walkLists(ctx context.Context) error {
	for _, resource := range whole {
		if err := p.step(resource, func() (store.Resource, error) { return p.walkWhole(ctx, resource) }); err != nil {
			return err
		}
	}
	if p.distrusted {
		p.refused = true
	}
	return nil
}

// anyWhole says whether any list was walked whole.
func (p *project) anyWhole() bool {
	return slices.ContainsFunc(p.resources, func(r store.Resource) bool {
		return slices.Contains(whole, r.Name) && r.Verdict != store.Partial
	})
}

// step reads one resource and files its fact. What the cloud refuses becomes a
// problem of the resource; once it refuses in a way that every request would
// meet, the remaining resources are not tried. An error is one of the disk, the
// store or ctx.
func (p *project) step(resource string, walk func() (store.Resource, error)) error {
	if p.refused {
		p.settle(store.Resource{Name: resource, Verdict: store.Partial, Problem: "not tried"})
		return nil
	}
	p.begin(resource)
	fact, err := walk()
	if err != nil && !ofCloud(err) {
		return fmt.Errorf("%s: %w", resource, err)
	}
	if err != nil {
		fact.Name, fact.Verdict, fact.Problem = resource, store.Partial, err.Error()
		p.fail(resource, err)
		p.refused = p.refused || lasts(err)
	}
	p.settle(fact)
	return nil
}

// walkWhole reads all lists of a resource, or the tree, guards against a
// sudden loss and loads what came.
func (p *project) walkWhole(ctx context.Context, resource string) (store.Resource, error) {
	fact, err := p.walkListsOf(ctx, resource)
	if err != nil {
		return fact, err
	}
	if fact.Verdict == store.Partial {
		p.fail(resource, errors.New(fact.Problem))
		return fact, p.landing.flush(resource)
	}
	if err := p.guard(ctx, &fact); err != nil || fact.Verdict == store.Partial {
		return fact, errors.Join(err, p.landing.flush(resource))
	}
	if err := p.load(ctx, &fact); err != nil || fact.Verdict == store.Partial {
		return fact, err
	}
	err = p.guardExchange(ctx, &fact)
	return fact, err
}

// walkListsOf walks the tree, or all lists of a resource: the first gives the
// totals, the distinct rows of all are united.
func (p *project) walkListsOf(ctx context.Context, resource string) (store.Resource, error) {
	if resource == "structures" {
		w, err := p.walkTree(ctx)
		p.see(w.serverTime)
		return w.fact(resource), err
	}
	var fact store.Resource
	var ids []uint64
	for _, l := range lists {
		if l.resource != resource {
			continue
		}
		w, err := p.walkList(ctx, l)
		p.see(w.serverTime)
		part := w.fact(resource)
		if l.key == "" {
			fact = part
		} else {
			fact.Pages += part.Pages
			if worse(part.Verdict, fact.Verdict) {
				fact.Verdict, fact.Problem = part.Verdict, part.Problem
			}
		}
		if err != nil {
			return fact, err
		}
		ids = append(w.ids, ids...)
	}
	slices.Sort(ids)
	if n := int64(len(slices.Compact(ids))); n > fact.Distinct {
		fact.Problem = cmp.Or(fact.Problem, quantity(n-fact.Distinct, "row")+" only in the filtered lists")
		fact.Rows, fact.Distinct = fact.Rows+n-fact.Distinct, n
	}
	return fact, nil
}

// guardFrom is the number of rows from which a share can say anything.
const guardFrom = 20

// guard makes a walk partial that lost more rows than a site loses in a day. A
// lapsed plan answers success with an empty list, which must
// not look as if all permissions had been revoked.
func (p *project) guard(ctx context.Context, fact *store.Resource) error {
	before, err := p.build.Previous(ctx, p.id, fact.Name)
	if err != nil || p.o.AcceptDrop {
		return err
	}
	emptied := before > 0 && fact.Distinct == 0
	// The cloud may forget old tasks, and nothing is closed by that.
	dropped := p.tooMany(before-fact.Distinct, before) && fact.Name != "tasks"
	if emptied || dropped {
		p.disbelieve(fact, &DropError{Before: before, Now: fact.Distinct})
	}
	return nil
}

// guardExchange makes a loaded list partial in which too many of the ids known
// before are gone, although as many others came: the answers may be those of
// another site.
func (p *project) guardExchange(ctx context.Context, fact *store.Resource) error {
	if p.o.AcceptDrop || fact.Name == "tasks" {
		return nil
	}
	before, err := p.build.Previous(ctx, p.id, fact.Name)
	if err != nil || before < guardFrom {
		return err
	}
	missing, err := p.build.Missing(ctx, p.id, fact.Name)
	if err == nil && p.tooMany(missing, before) {
		p.disbelieve(fact, &DropError{Before: before, Now: before - missing, Others: fact.Distinct - before + missing})
	}
	return err
}

func (p *project) tooMany(lost, before int64) bool {
	// A quotient is rounded as the number in the configuration is; a product may
	// fall short of it.
	return before >= guardFrom && float64(lost)/float64(before) > p.o.MaxDrop
}

func (p *project) disbelieve(fact *store.Resource, e *DropError) {
	p.distrusted = true
	fact.Verdict, fact.Problem = store.Partial, e.Error()
	p.fail(fact.Name, e)
}

// maxUnread is the share of rows with a value that could not be read up to which
// a list is taken, with the doubt said: one odd row must not stop a site for ever.
const maxUnread = 0.01

// load gives a resource's landed pages to the store and compares what the store
// found with what the walk counted.
func (p *project) load(ctx context.Context, fact *store.Resource) error {
	if err := p.landing.flush(fact.Name); err != nil {
		return err
	}
	loaded, err := p.build.Load(ctx, p.id, fact.Name)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		// DuckDB's words may quote a row, which holds a person.
		fact.Verdict, fact.Problem = store.Partial, "the answers could not be loaded"
		p.fail(fact.Name, errors.New(fact.Problem))
		p.log.Debug("load", "resource", fact.Name, "error", err)
		return nil
	}
	// A structure's answer may hold a row that another's holds too, and the
	// counters of a record are several rows.
	if slices.Contains(whole, fact.Name) && loaded.Distinct != fact.Distinct {
		fact.Verdict = store.Partial
		fact.Problem = fmt.Sprintf("%d distinct rows were read back of %d received", loaded.Distinct, fact.Distinct)
		p.fail(fact.Name, errors.New(fact.Problem))
	} else if loaded.Problems > 0 && fact.Verdict != store.Partial {
		fact.Verdict = store.CompleteWithDrift
		unread := fmt.Sprintf("%s with a value that could not be read: %s", quantity(loaded.Problems, "row"), loaded.Problem)
		fact.Problem = strings.TrimPrefix(fact.Problem+", "+unread, ", ")
		if float64(loaded.Problems) > maxUnread*float64(loaded.Rows) {
			fact.Verdict = store.Partial
			p.fail(fact.Name, errors.New(fact.Problem))
		}
	}
	return nil
}

// begin names the resource whose attempts are counted from now on.
func (p *project) begin(resource string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.current.Store(p)
	p.resource = resource
	before := p.landing.held.counts[resource]
	p.attempts[resource] = &before
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

// see keeps a time of the cloud's clock.
func (p *project) see(t int64) {
	if t > 0 {
		p.times = append(p.times, t)
	}
}

// serverTime is the newest time of the cloud's clock, 0 if it never told. Times
// more than a day from the middle one are not believed: the reports' as-of hangs
// on this one number.
func (p *project) serverTime() int64 {
	if len(p.times) == 0 {
		return 0
	}
	slices.Sort(p.times)
	middle := p.times[len(p.times)/2]
	newest := middle
	for _, t := range p.times {
		if t-middle <= (24 * time.Hour).Milliseconds() {
			newest = max(newest, t)
		}
	}
	return newest
}

func (p *project) progress(resource string, rows int64, total *int64) {
	if p.o.Progress != nil {
		p.o.Progress(Progress{Project: p.id, Resource: resource, Rows: rows, Total: total})
	}
}

// facts is the project as the snapshot will say it.
func (p *project) facts(finished time.Time) store.Project {
	f := store.Project{
		ID: p.id, Started: p.started, Finished: finished, Verdict: store.Complete, Resources: p.resources,
		ClockOffset: p.cloud.Offset(), Counts: p.counts, Uncounted: p.uncounted, Timezone: p.o.Zone.String(),
	}
	if t := p.serverTime(); t > 0 {
		f.ServerTime = time.UnixMilli(t)
	}
	for _, r := range p.resources {
		if worse(r.Verdict, f.Verdict) {
			f.Verdict = r.Verdict
		}
	}
	return f
}
