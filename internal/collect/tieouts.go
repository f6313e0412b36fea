package collect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"exporter/internal/cloud"
	"exporter/internal/store"
)

// The filters of access-auth whose totals are compared with our own counts.
var filters = []struct {
	param  string
	values []string
}{
	{"authDateType", []string{"0", "-1", "7", "15", "30"}},
	{"cardIssueStatus", []string{"0", "1"}},
	{"faceIssueStatus", []string{"0", "1"}},
	{"fingerprintIssueStatus", []string{"0", "1"}},
}

// maxGroup is how many channels one request names at most. The documents give
// no limit; this keeps the request small.
const maxGroup = 100

// tieOut asks the cloud to count the permissions under filters: with page size
// 1, for only the total is read. It is asked right after the walk; what it says
// changes no verdict, and what is refused is said and left. It returns how many
// requests it made of those that it may make; an error is one of the disk, the
// store or ctx.
func (p *project) tieOut(ctx context.Context, budget int) (used int, err error) {
	switch {
	case p.o.TieOuts == 0:
		p.uncounted = "no requests for tie-outs are allowed"
	case budget < 2:
		p.uncounted = p.outOfBudget()
	case !slices.ContainsFunc(p.resources, func(r store.Resource) bool {
		return r.Name == "permissions" && r.Verdict != store.Partial
	}):
		p.uncounted = "permissions were not read whole"
	case p.refused:
		p.uncounted = "the cloud's answers were not trusted"
	}
	if p.uncounted != "" {
		return 0, nil
	}
	channels, err := p.build.Wanted(ctx, p.id, tieOuts, math.MaxInt64)
	if err != nil {
		return 0, err
	}
	asks, last := planCounts(channels, budget)
	p.begin(tieOuts)
	total := int64(len(asks) + len(last))
	if err := p.countAll(ctx, asks, total); err != nil {
		return 0, err
	}
	// The whole list once more, when all else is known: did it move meanwhile?
	if err := p.countAll(ctx, last, total); err != nil {
		return 0, err
	}
	p.counts, p.uncounted = append(asks, last...), p.outOfBudget()
	p.sayCounted()
	return len(p.counts), p.landing.flush(tieOuts)
}

func (p *project) outOfBudget() string {
	return fmt.Sprintf("%s a run for tie-outs did not reach", quantity(int64(p.o.TieOuts), "request"))
}

// tieOuts names the landed file and the calls of these requests.
const tieOuts = "tie_outs"

// planCounts says what to ask with so many requests: first the filters of few
// values, then with what is left the channels, and at the end the whole list.
// Each channel has a request of its own if the requests reach, else they are
// asked in groups; a sum that would leave one out is not begun.
func planCounts(channels []string, budget int) (asks, last []store.Count) {
	left := budget - 1
	for _, f := range filters {
		for _, value := range f.values {
			if left > 0 {
				asks = append(asks, store.Count{Filter: f.param, Values: []string{value}})
				left--
			}
		}
	}
	groups := min(left, len(channels))
	// One group of all channels could not be told from the list without a filter.
	if groups*maxGroup >= len(channels) && (groups > 1 || len(channels) == 1) {
		for i := range groups {
			from, to := i*len(channels)/groups, (i+1)*len(channels)/groups
			asks = append(asks, store.Count{Filter: "channelIds", Values: channels[from:to]})
		}
	}
	return asks, []store.Count{{}}
}

// countAll asks what is planned, some side by side, and writes into each what
// came. Once the cloud refuses in a way that every request would meet, the rest
// is not asked. total is how many are asked in all.
func (p *project) countAll(ctx context.Context, asks []store.Count, total int64) error {
	var mu sync.Mutex
	var failed error // of the disk
	var refused error
	queue := make(chan *store.Count)
	var workers sync.WaitGroup
	for range min(p.cloud.Parallel(), len(asks)) {
		workers.Go(func() {
			for ask := range queue {
				err := caught(func() error { return p.count(ctx, ask) })
				mu.Lock()
				switch {
				case err == nil:
				case !ofCloud(err) && !errors.Is(err, errNoTotal):
					failed = errors.Join(failed, err)
				case lasts(err):
					refused = err
				}
				mu.Unlock()
				p.progress(tieOuts, 1, &total)
			}
		})
	}
	for i := range asks {
		mu.Lock()
		stop, problem := failed != nil || ctx.Err() != nil, refused
		mu.Unlock()
		if stop {
			break
		}
		if problem != nil {
			asks[i].Problem = problem.Error()
			continue
		}
		queue <- &asks[i]
	}
	close(queue)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return failed
}

// count asks one count, lands the answer and writes it into ask.
func (p *project) count(ctx context.Context, ask *store.Count) error {
	params := map[string]any{}
	key := ""
	if ask.Filter != "" {
		text := strings.Join(ask.Values, ",")
		key = ask.Filter + "=" + text
		params[ask.Filter] = text
		if ask.Filter == "channelIds" {
			params[ask.Filter] = ask.Values
		}
	}
	page, err := p.firstPage(ctx, list{resource: tieOuts, operation: "access-auth", key: key, params: params}, 1)
	if page != nil {
		at := pageOf{resource: tieOuts, operation: "access-auth", key: key, walk: 1, page: 1, rows: page.Items, total: page.Total}
		if err := p.landing.land(at, page.Response); err != nil {
			return err
		}
	}
	if err != nil {
		ask.Problem = err.Error()
		if ofCloud(err) {
			ask.Problem = "the cloud refused: " + reason(err)
		}
		return err
	}
	ask.Total = page.Total
	if page.T > 0 {
		ask.At = time.UnixMilli(page.T)
	}
	return nil
}

// reason is what the cloud said, without what it was asked.
func reason(err error) string {
	if e, ok := errors.AsType[*cloud.Error](err); ok && e.Msg != "" {
		return fmt.Sprintf("%s (code %d)", e.Msg, e.Code)
	}
	return err.Error()
}

func (p *project) sayCounted() {
	answered := 0
	for _, c := range p.counts {
		if c.Total != nil {
			answered++
		}
	}
	note := ""
	if refused := len(p.counts) - answered; refused > 0 {
		note = fmt.Sprintf("%d of %s refused", refused, quantity(int64(len(p.counts)), "request"))
	}
	if p.o.Progress != nil {
		p.o.Progress(Progress{Project: p.id, Resource: tieOuts, Done: true, Verdict: store.Complete, Note: note})
	}
	p.log.Info("counted", "resource", tieOuts, "requests", len(p.counts), "answered", answered)
}
