package cloud

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"runtime/debug"
	"sync"
)

const (
	defaultParallel = 2
	// ahead is how many pages a walk asks for beyond those in flight, so that the
	// connections are busy while received pages are read and handed over in order.
	ahead = 2
	// spare is how many pages a list may have beyond spareFactor times what its
	// first total needs.
	spare       = 16
	spareFactor = 4
	// spareNoTotal is how many pages a list without a total may have.
	spareNoTotal = 100_000
)

// PageOptions says how a list is walked; the zero value will do.
type PageOptions struct {
	Size  int // items asked for on a page: 50 if 0, at most 1000
	First int // page to begin with: 1 if 0
	// Held gives the answer for a page that the caller has from before, nil where
	// it has none; such a page is not asked for. It may be called from several
	// goroutines at once.
	Held func(page int) *Response
}

func (o PageOptions) normalise() PageOptions {
	if o.Size <= 0 {
		o.Size = defaultPageSize
	}
	o.Size = min(o.Size, maxPageSize)
	o.First = max(o.First, 1)
	return o
}

// Pages walks a list and yields its pages in order, each as received beside what
// was read from it. The first page comes alone; the others, as far as the total
// needs them, are fetched side by side. An operation without pages yields one.
//
// The walk ends when as many items were seen as the newest total counts (pages
// before First count as full), at an empty page, or, where there is no total, at
// a page that says it is the last. It does not judge: items that come twice, a
// total that moves and a list that ends early are for the caller to see. A list
// that goes on far beyond its first total ends with [ErrEndless]. An error, as of
// [Reader.Call], is yielded once, with a nil page, behind all pages before it.
// Breaking off stops what is in flight before the loop ends.
func (r *Reader) Pages(ctx context.Context, op string, params map[string]any, o PageOptions) iter.Seq2[*Page, error] {
	return func(yield func(*Page, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer running.Wait()
		defer cancel()

		w := newWalk(op, o.normalise())
		fetch := func(n int) <-chan fetched {
			done := make(chan fetched, 1)
			running.Go(func() {
				defer func() { // whoever ranges is to have it
					if p := recover(); p != nil {
						done <- fetched{panicked: fmt.Sprintf("%v\n%s", p, debug.Stack())}
					}
				}()
				if o.Held != nil {
					if held := o.Held(n); held != nil {
						done <- fetched{page: newPage(held, n)}
						return
					}
				}
				done <- r.page(ctx, op, params, n, w.size)
			})
			return done
		}
		flight := []<-chan fetched{fetch(w.first)}
		next := w.first + 1 // not yet asked for
		for number := w.first; ; number++ {
			if len(flight) == 0 { // what the total needed was not enough
				flight = append(flight, fetch(number))
				next = number + 1
			}
			got := <-flight[0]
			flight = flight[1:]
			if got.panicked != "" {
				panic(got.panicked)
			}
			if got.err != nil {
				yield(nil, fmt.Errorf("page %d: %w", number, got.err))
				return
			}
			last := w.see(got.page)
			for ; !last && next <= w.needed && len(flight) < ahead*cap(r.c.flight); next++ {
				flight = append(flight, fetch(next))
			}
			if !yield(got.page, nil) || last {
				return
			}
			if number-w.first >= w.bound {
				yield(nil, fmt.Errorf("%s: page %d: %w: %d items seen", op, number, ErrEndless, w.rows))
				return
			}
		}
	}
}

type fetched struct {
	page     *Page
	err      error
	panicked string // with its stack; "" for no panic
}

func (r *Reader) page(ctx context.Context, op string, params map[string]any, number, size int) fetched {
	all := maps.Clone(params)
	if o, ok := Lookup(op); ok && o.Paged() {
		if all == nil {
			all = map[string]any{}
		}
		all["page"], all["pageSize"] = number, size
	}
	resp, err := r.Call(ctx, op, all)
	if err != nil {
		return fetched{err: err}
	}
	return fetched{page: newPage(resp, number)}
}

// walk is how far a list has been walked.
type walk struct {
	first, size int
	paged       bool

	rows   int64 // seen, and before the first page
	needed int   // number of the last page that the newest total needs
	bound  int   // pages after the first
}

func newWalk(op string, o PageOptions) *walk {
	w := &walk{first: o.First, size: o.Size}
	if found, ok := Lookup(op); ok {
		w.paged = found.Paged()
	}
	w.rows = int64(w.first-1) * int64(w.size)
	return w
}

// see takes p into account and says whether it is the last page.
func (w *walk) see(p *Page) (last bool) {
	w.rows += int64(p.Items)
	w.needed = p.Number
	if p.Total != nil {
		// Pages that are shorter than asked for need more pages, which are asked
		// for when these turn out not to be enough.
		left := max(*p.Total-w.rows, 0)
		w.needed += int(min((left+int64(w.size)-1)/int64(w.size), spareNoTotal))
	}
	if p.Number == w.first {
		w.bound = spareNoTotal
		if p.Total != nil {
			w.bound = min(spareNoTotal, spareFactor*(w.needed-w.first)+spare)
			if p.Items > 0 && p.Items < w.size { // the cloud has its own size
				w.bound = min(spareNoTotal, w.bound*w.size/p.Items)
			}
		}
	}
	switch {
	case !w.paged, p.Items == 0:
		return true
	case p.Total != nil:
		return w.rows >= *p.Total
	}
	return p.HasMore != nil && !*p.HasMore
}
