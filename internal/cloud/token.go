package cloud

import (
	"context"
	"sync"
	"time"
)

// token is an access token and when it ends by the cloud's clock. Its number
// tells it from one fetched before, whose text may be the same: the cloud gives
// a live token again, with the life that it has left.
type token struct {
	text   Secret
	ends   time.Time
	number int
}

// tokens keeps the one token that all calls share. It never refreshes: that would
// end the token of any other program with the same client id at once, where
// asking for a token gives both of them the same.
type tokens struct {
	fetch func(context.Context) (text Secret, ends time.Time, err error)
	now   func() time.Time // by the cloud's clock

	mu       sync.Mutex
	current  token
	fetching chan struct{} // closed when the fetch in flight ends; nil when there is none
	failed   error         // of the last fetch, unless its own caller gave up
}

// take gives a token that is not number stale, fetching one if needed. Of all
// that wait one fetches; a caller whose stale token is no longer the current one
// gets the current one without a fetch.
func (t *tokens) take(ctx context.Context, stale int) (token, error) {
	for waited := false; ; waited = true {
		t.mu.Lock()
		if cur := t.current; cur.number > stale && t.now().Before(cur.ends) {
			t.mu.Unlock()
			return cur, nil
		}
		if err := t.failed; waited && err != nil {
			// Whoever fetched has tried as often as there is sense in.
			t.mu.Unlock()
			return token{}, err
		}
		done := t.fetching
		if done == nil {
			t.fetching = make(chan struct{})
			t.mu.Unlock()
			return t.renew(ctx)
		}
		t.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return token{}, ctx.Err()
		}
	}
}

// renew fetches for all that wait.
func (t *tokens) renew(ctx context.Context) (token, error) {
	text, ends, err := t.fetch(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.fetching)
	t.fetching, t.failed = nil, nil
	if err != nil {
		if ctx.Err() == nil {
			t.failed = err
		}
		return token{}, err
	}
	t.current = token{text: text, ends: ends, number: t.current.number + 1}
	return t.current, nil
}

// lifeEnd gives when to stop using a token that the cloud issued at issued for
// life: a minute early, but a token with little left is used for half of that, for
// asking again would only give the same one.
func lifeEnd(issued time.Time, life time.Duration) time.Time {
	return issued.Add(max(life-time.Minute, life/2, time.Second))
}
