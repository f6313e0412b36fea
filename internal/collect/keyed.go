package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"exporter/internal/cloud"
	"exporter/internal/store"
)

// keyed is a resource that costs at least one request per key.
type keyed struct {
	resource, operation, param string
	// list is true where the answer is a paged list with a total of its own.
	list bool
}

// perKey in the order in which they are asked. The operations are those of the
// API documents; the parameter of issue-info is a record's id although the
// table of its request calls it "The task ID": its result says what it is.
var perKey = []keyed{
	{resource: "rule_channels", operation: "channel-detail", param: "authRelationId", list: true},
	{resource: "task_details", operation: "access-auth-task/{authTaskId}", param: "authTaskId"},
	{resource: "records", operation: "access-auth-task/records", param: "authTaskId", list: true},
	{resource: "issue_infos", operation: "access-auth-task/actions/issue-info", param: "authTaskRecordId"},
	{resource: "details", operation: "access-auth/detail", param: "accessAuthId"},
}

// codeNotExist is what the cloud answers for an id that it no longer knows.
const codeNotExist = 1000

// maxKeyErrors is how many keys of a resource may fail one after the other before
// the rest is left for the next run.
const maxKeyErrors = 20

// keyedResult gathers what the walks of one resource's keys saw.
type keyedResult struct {
	mu      sync.Mutex
	fact    store.Resource
	failed  int
	inRow   int // failures since the last success
	gone    int64
	drifted int64  // lists that moved while they were read
	drift   string // the first one's problem
	first   error  // the first failure, for the problem's text
	stop    error  // why no more keys are asked
}

// walkKeys asks k for every key that the store wants, within the budget, and
// loads what came. An error is one of the disk or of ctx; what the cloud
// refused stands in the fact.
func (p *project) walkKeys(ctx context.Context, k keyed) (store.Resource, error) {
	// A key takes a request at least. One more than can be asked shows that not all were.
	most := p.affordable()
	keys, err := p.build.Wanted(ctx, p.id, k.resource, min(most, math.MaxInt64-1)+1)
	if err != nil {
		return store.Resource{}, err
	}
	res := &keyedResult{fact: store.Resource{Name: k.resource, Verdict: store.Complete}}
	wanted := min(int64(len(keys)), most)
	queue := make(chan string)
	var pending atomic.Int64 // keys given out and not yet answered
	answered := make(chan struct{}, 1)
	var workers sync.WaitGroup
	for range min(p.cloud.Parallel(), len(keys)) {
		workers.Go(func() {
			for key := range queue {
				res.add(p.walkKey(ctx, k, key))
				pending.Add(-1)
				select {
				case answered <- struct{}{}:
				default: // one is enough to look again
				}
				p.progress(k.resource, 1, &wanted)
			}
		})
	}
	asked := 0
	for _, key := range keys {
		for n := pending.Load(); n >= p.affordable() && n > 0; n = pending.Load() {
			<-answered // what is counted as under way may be made by now
		}
		if pending.Load() >= p.affordable() || res.stopped() || ctx.Err() != nil {
			break
		}
		pending.Add(1)
		queue <- key
		asked++
	}
	close(queue)
	workers.Wait()
	if ctx.Err() != nil {
		return res.fact, context.Cause(ctx)
	}
	if res.stop != nil && !ofCloud(res.stop) {
		return res.fact, res.stop
	}
	p.refused = p.refused || lasts(res.stop)
	res.settle(p)
	// Only the channels of rules can be closed by what is missing in an answer, and
	// only where all were asked is there a number to compare with.
	if k.resource == "rule_channels" && asked == len(keys) && int64(asked) <= most && res.fact.Verdict != store.Partial {
		if err := p.guard(ctx, &res.fact); err != nil || res.fact.Verdict == store.Partial {
			return res.fact, errors.Join(err, p.landing.flush(k.resource))
		}
	}
	err = p.load(ctx, &res.fact)
	return res.fact, err
}

// walkKey asks for one key. It runs in a goroutine of its own.
func (p *project) walkKey(ctx context.Context, k keyed, key string) (w *walk, err error) {
	params := map[string]any{k.param: key}
	err = caught(func() (err error) {
		if k.list {
			w, err = p.walkList(ctx, list{resource: k.resource, operation: k.operation, key: key, params: params})
			return err
		}
		_, t, err := p.single(ctx, k.resource, k.operation, key, params)
		w = &walk{pages: 1, rows: 1, distinct: 1, serverTime: t}
		return err
	})
	return w, err
}

func (r *keyedResult) add(w *walk, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var e *cloud.Error
	switch {
	case errors.As(err, &e) && e.Code == codeNotExist:
		r.gone++
		return
	case err != nil && !ofCloud(err):
		r.stop = err
		return
	case err != nil:
		r.failed++
		r.inRow++
		r.first = cmp.Or(r.first, err)
		if r.inRow >= maxKeyErrors || lasts(err) {
			r.stop = err
		}
		return
	}
	r.inRow = 0
	switch w.verdict() {
	case store.Partial:
		r.failed++
		r.first = cmp.Or(r.first, errors.New(w.problem))
	case store.CompleteWithDrift:
		r.drifted++
		r.drift = cmp.Or(r.drift, w.problem)
	}
	r.fact.Pages += int64(w.pages)
	r.fact.Rows += w.rows
	r.fact.Distinct += w.distinct
	r.fact.Duplicates += w.rows - w.distinct
	r.fact.TotalFirst = sum(r.fact.TotalFirst, w.totalFirst)
	r.fact.TotalLast = sum(r.fact.TotalLast, w.totalLast)
}

func (r *keyedResult) stopped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stop != nil
}

// settle gives the verdict. Keys left over by the budget are coverage, and
// keys that the cloud no longer knows are said; neither makes it partial.
func (r *keyedResult) settle(p *project) {
	if r.gone > 0 {
		r.fact.Problem = quantity(r.gone, "id") + " no longer known to the cloud"
	}
	if r.drifted > 0 {
		r.fact.Verdict = store.CompleteWithDrift
		r.fact.Problem = fmt.Sprintf("%s moved while it was read: %s", quantity(r.drifted, "list"), r.drift)
	}
	if r.failed > 0 {
		r.fact.Verdict = store.Partial
		r.fact.Problem = fmt.Sprintf("%s not read: %v", quantity(int64(r.failed), "answer"), r.first)
		p.fail(r.fact.Name, r.first)
	}
}

// sum adds two totals of which either may be absent.
func sum(a, b *int64) *int64 {
	if a == nil || b == nil {
		return cmp.Or(a, b)
	}
	return new(*a + *b)
}
