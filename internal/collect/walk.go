package collect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"

	"exporter/internal/cloud"
	"exporter/internal/store"
)

// maxWalks is how often a list is walked before it is called partial.
const maxWalks = 3

// list is one list of the cloud that is walked page by page.
type list struct {
	resource, operation, key string
	params                   map[string]any
}

// walk is what one walk of a list saw.
type walk struct {
	pages                 int
	totalFirst, totalLast *int64
	rows, distinct        int64
	ids                   []uint64 // distinct, sorted; see [project.number]
	serverTime            int64    // newest t of its pages, ms; 0 if none had one
	fell                  int64    // by how much the total fell from page to page
	problem               string
	// drifted: although the list moved, every row of the last total was seen.
	drifted bool
	note    string // what was odd about a walk that is whole
}

func (w *walk) verdict() string {
	switch {
	case w.problem == "":
		return store.Complete
	case w.drifted:
		return store.CompleteWithDrift
	}
	return store.Partial
}

// walkList walks l until a walk is whole, at most maxWalks times, and notes the
// last walk for the loader. A list that moves in every walk is taken with that
// doubt where the last one saw as many rows as its last total counts. A list that
// stays torn is no error: its problem says why. Errors are those of the cloud and
// of the disk.
func (p *project) walkList(ctx context.Context, l list) (*walk, error) {
	for number := 1; ; number++ {
		w, err := p.walkOnce(ctx, l, number)
		if err != nil {
			return w, err
		}
		if w.problem == "" || number == maxWalks {
			if w.problem != "" {
				w.problem += fmt.Sprintf(" (walked %d times)", number)
			}
			return w, p.landing.walks.add(walkLine{
				Resource: l.resource, Key: l.key, Walk: number, Verdict: w.verdict(), Pages: w.pages,
				TotalFirst: w.totalFirst, TotalLast: w.totalLast, Rows: w.rows, DistinctRows: w.distinct,
				Duplicates: w.rows - w.distinct, Problem: cmp.Or(w.problem, w.note),
			})
		}
		if l.key == "" {
			p.progress(l.resource, -w.rows, nil)
		}
		p.log.Warn("walk again", "resource", l.resource, "key", l.key, "walk", number, "problem", w.problem)
	}
}

// maxRoom is for how many ids room is made at once, whatever the total promises.
const maxRoom = 1 << 24

// walkOnce lands every page of l once and judges what it saw.
func (p *project) walkOnce(ctx context.Context, l list, number int) (*walk, error) {
	w := &walk{}
	var ids []uint64
	var received int // ids, repeated ones too
	var lastPage []string
	var sizes []int      // items of each page
	var held *cloud.Page // the last one that an interrupted run has landed
	for page, err := range p.cloud.Pages(ctx, l.operation, p.with(l.params), cloud.PageOptions{Size: p.o.PageSize, Held: p.held(l, number)}) {
		if err != nil {
			return w, err
		}
		if page.Attempt == 0 {
			held = page
		}
		at := pageOf{resource: l.resource, operation: l.operation, key: l.key, walk: number, page: page.Number, rows: page.Items, total: page.Total}
		if err := p.landing.land(at, page.Response); err != nil {
			return w, err
		}
		if w.count(page.Total); w.pages == 1 && page.Total != nil {
			ids = make([]uint64, 0, min(max(*page.Total, 0), maxRoom))
		}
		w.rows += int64(page.Items)
		w.serverTime = max(w.serverTime, page.T)
		sizes = append(sizes, page.Items)
		if page.Total != nil && page.HasMore != nil && *page.HasMore != (w.rows < *page.Total) {
			w.note = fmt.Sprintf("has_more of page %d is wrong", page.Number)
		}
		for _, id := range page.IDs {
			if id != "" {
				ids = append(ids, p.number(id))
			}
		}
		received = len(ids)
		if l.key == "" {
			p.progress(l.resource, int64(page.Items), w.totalFirst)
		}
		if w.pages > 1 && page.Items > 0 && slices.Equal(page.IDs, lastPage) {
			w.problem = fmt.Sprintf("page %d repeats page %d", page.Number, page.Number-1)
			break
		}
		lastPage = slices.Clone(page.IDs)
	}
	slices.Sort(ids)
	w.ids = slices.Compact(ids)
	w.distinct = int64(len(w.ids))
	if short := shortPage(sizes); short > 0 {
		w.note = fmt.Sprintf("page %d of %d is short: %d of %d rows", short, len(sizes), sizes[short-1], slices.Max(sizes))
	}
	if held != nil && held.Number < w.pages && w.problem == "" {
		if err := p.compareHeld(ctx, l, w, held); err != nil {
			return w, err
		}
	}
	if w.problem == "" {
		w.judge(int64(received))
	}
	if w.problem != "" && w.note != "" {
		w.problem += ", " + w.note
	}
	return w, nil
}

// compareHeld asks the last page that an interrupted run has landed once more. The
// list may have moved between the two runs by as many rows as came, which no
// total shows.
func (p *project) compareHeld(ctx context.Context, l list, w *walk, held *cloud.Page) error {
	for page, err := range p.cloud.Pages(ctx, l.operation, p.with(l.params), cloud.PageOptions{Size: p.o.PageSize, First: held.Number}) {
		if err != nil {
			return err
		}
		if !slices.Equal(page.IDs, held.IDs) {
			w.problem = fmt.Sprintf("page %d is no longer what it was before the interruption", held.Number)
		}
		break
	}
	return nil
}

// shortPage is the number of the first page, but the last, that has fewer items
// than another, 0 if there is none.
func shortPage(sizes []int) int {
	if len(sizes) < 2 {
		return 0
	}
	most := slices.Max(sizes)
	return 1 + slices.IndexFunc(sizes[:len(sizes)-1], func(n int) bool { return n < most })
}

// held gives the pages of a walk that an interrupted run has landed.
func (p *project) held(l list, number int) func(page int) *cloud.Response {
	if p.landing == nil { // a forecast
		return nil
	}
	return func(page int) *cloud.Response {
		return p.landing.heldAt(place{l.resource, l.key, number, page}, l.operation)
	}
}

// number stands for an id where distinct ids are counted: the id itself where it
// is a number that fits, which the cloud's are and which come nearly sorted, else
// its hash.
func (p *project) number(id string) uint64 {
	if n, err := strconv.ParseUint(id, 10, 64); err == nil && id[0] != '0' {
		return n
	}
	return maphash.String(p.seed, id)
}

// count notes a page by its total.
func (w *walk) count(total *int64) {
	if w.pages++; w.pages == 1 {
		w.totalFirst = total
	}
	if w.totalLast != nil && total != nil {
		w.fell += max(*w.totalLast-*total, 0)
	}
	w.totalLast = total
}

// judge says why a walk is not whole, and whether it can be taken in spite of it.
// A walk is whole when its first total, its last total and its distinct rows are
// one number, and the total did not move in between. Of the rows that were seen as
// many may be gone as the total fell: only when the others are as many as the last
// total, nothing has slipped past behind them.
func (w *walk) judge(ids int64) {
	switch {
	case w.totalFirst == nil || w.totalLast == nil:
		w.problem = "the cloud gave no total"
		return
	case ids < w.rows:
		w.problem = quantity(w.rows-ids, "row") + " without an id"
		return
	case *w.totalFirst != *w.totalLast:
		w.problem = fmt.Sprintf("the total moved from %d to %d while the list was read", *w.totalFirst, *w.totalLast)
	case w.fell > 0: // and rose by as much
		w.problem = fmt.Sprintf("the total moved by %d and back to %d while the list was read", w.fell, *w.totalLast)
	case w.distinct != *w.totalLast:
		w.problem = fmt.Sprintf("%d distinct rows of a total of %d", w.distinct, *w.totalLast)
		if w.rows > w.distinct {
			w.problem += ", " + quantity(w.rows-w.distinct, "duplicate")
		}
	}
	w.drifted = w.problem != "" && w.distinct-w.fell >= *w.totalLast
}

// fact is w as a resource of the snapshot.
func (w *walk) fact(resource string) store.Resource {
	return store.Resource{
		Name: resource, Pages: int64(w.pages), TotalFirst: w.totalFirst, TotalLast: w.totalLast,
		Rows: w.rows, Distinct: w.distinct, Duplicates: w.rows - w.distinct,
		Verdict: w.verdict(), Problem: cmp.Or(w.problem, w.note),
	}
}

// walkTree reads the organisation tree: the roots by match-auth-structure
// without a name, then the children of each structure by list-auth-structure.
// The documents leave open whether either gives one level or the subtree, so each
// id is asked once and what comes is united.
func (p *project) walkTree(ctx context.Context) (*walk, error) {
	w := &walk{}
	asked := map[string]bool{}
	queue := []string{""}
	for len(queue) > 0 {
		parent := queue[0]
		queue = queue[1:]
		operation, params := "match-auth-structure", map[string]any{}
		if parent != "" {
			operation, params["structureId"] = "list-auth-structure", parent
		}
		ids, t, err := p.single(ctx, "structures", operation, parent, params)
		if err != nil {
			return w, err
		}
		w.pages++
		w.rows += int64(len(ids))
		w.serverTime = max(w.serverTime, t)
		for _, id := range ids {
			if !asked[id] {
				asked[id] = true
				queue = append(queue, id)
			}
		}
		p.progress("structures", 1, nil)
		if len(asked) > maxStructures {
			return w, errManyStructures
		}
	}
	w.distinct = int64(len(asked))
	return w, nil
}

// maxStructures bounds the organisation tree: each costs a request.
const maxStructures = 10_000

// single asks one operation that answers in one page, lands the answer and
// notes it as a whole walk. It returns the ids of its items.
func (p *project) single(ctx context.Context, resource, operation, key string, params map[string]any) (ids []string, t int64, err error) {
	r := p.landing.heldAt(place{resource, key, 1, 1}, operation)
	if r == nil {
		if r, err = p.cloud.Call(ctx, operation, p.with(params)); err != nil {
			return nil, 0, err
		}
	}
	ids = r.IDs()
	if err := p.landing.land(pageOf{resource: resource, operation: operation, key: key, walk: 1, page: 1, rows: max(len(ids), 1)}, r); err != nil {
		return nil, 0, err
	}
	return ids, r.T, p.landing.walks.add(walkLine{
		Resource: resource, Key: key, Walk: 1, Verdict: store.Complete, Pages: 1,
		Rows: int64(max(len(ids), 1)), DistinctRows: int64(max(len(ids), 1)),
	})
}

// with is params and the project.
func (p *project) with(params map[string]any) map[string]any {
	all := map[string]any{"projectId": p.id}
	maps.Copy(all, params)
	return all
}

// errManyStructures is a tree that does not end.
var errManyStructures = fmt.Errorf("more than %d organizations: the tree does not end", maxStructures)

// ofCloud says whether err is about the cloud's answers, not about the disk, the
// store or ctx.
func ofCloud(err error) bool {
	var e *cloud.Error
	return errors.As(err, &e) || errors.Is(err, cloud.ErrEndless) || errors.Is(err, cloud.ErrParams) || errors.Is(err, errManyStructures)
}

// lasts says whether the next request would meet err too.
func lasts(err error) bool {
	var e *cloud.Error
	return errors.As(err, &e) && e.Lasting()
}
