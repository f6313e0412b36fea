package cloud

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// slowest is how far throttling can lower the rate, as a part of the ceiling.
	slowest = 1.0 / 64
	// recovery is how long the cloud has to be content before the rate rises,
	// each time by a tenth of the ceiling.
	recovery = 10 * time.Second
)

// pace spreads the requests. It starts at the configured rate, halves when the
// cloud finds it too fast, and comes back slowly.
type pace struct {
	limiter *rate.Limiter
	ceiling float64

	mu      sync.Mutex
	changed time.Time
}

func newPace(ceiling float64) *pace {
	// A tenth of a second's worth may start at once: a timer is too coarse for
	// high rates.
	return &pace{limiter: rate.NewLimiter(rate.Limit(ceiling), max(1, int(ceiling/10))), ceiling: ceiling}
}

// turn waits until a request may start.
func (p *pace) turn(ctx context.Context) error {
	r := p.limiter.Reserve()
	if err := pause(ctx, r.Delay()); err != nil {
		r.Cancel()
		return err
	}
	return nil
}

// slower halves the rate, once for all the requests that were under way since
// it last changed.
func (p *pace) slower(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sent.Before(p.changed) {
		return
	}
	p.changed = time.Now()
	p.limiter.SetLimit(max(p.limiter.Limit()/2, rate.Limit(p.ceiling*slowest)))
}

// content notes that a request was not found too fast.
func (p *pace) content() {
	if p.limiter.Limit() >= rate.Limit(p.ceiling) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.changed) >= recovery {
		p.changed = time.Now()
		p.limiter.SetLimit(min(p.limiter.Limit()+rate.Limit(p.ceiling/10), rate.Limit(p.ceiling)))
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// delay gives the n-th wait (from 1), with up to half of it added at random so
// that calls which failed together do not come back together.
func (w wait) delay(n int) time.Duration {
	d := w.longest
	if n < 20 {
		d = min(w.first<<(n-1), w.longest)
	}
	return d + rand.N(d/2+1)
}
