package cloud

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// callAll makes n calls at once and gives their errors.
func callAll(ctx context.Context, c *Client, n int) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { _, errs[i] = c.Call(ctx, "match-auth-structure", project) })
	}
	wg.Wait()
	return errs
}

func TestTokenIsFetchedOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: sequence(ok(`[]`))}
		g.token = func(n int) (int, string) {
			time.Sleep(time.Second) // all others come meanwhile
			return http.StatusOK, g.grant(n, 7200)
		}
		c := g.client(t, Config{})
		if err := errors.Join(callAll(t.Context(), c, 50)...); err != nil {
			t.Fatal(err)
		}
		if business, tokens := g.counts(); business != 50 || tokens != 1 {
			t.Errorf("%d requests and %d tokens, want 50 and 1", business, tokens)
		}
	})
}

// TestTokenLife: the cloud gives the same live token again with the life that it
// has left; a token is given up a minute before that ends.
func TestTokenLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: sequence(ok(`[]`)), skew: 3 * time.Hour}
		born := time.Now()
		g.token = func(int) (int, string) {
			number, left := 1, 6209-int(time.Since(born).Seconds())
			if left <= 0 {
				number, left = 2, 7200
			}
			return http.StatusOK, g.grant(number, left)
		}
		c := g.client(t, Config{})
		steps := []struct {
			at     time.Duration // since the token was born
			tokens int
		}{
			{0, 1}, {6000 * time.Second, 1}, {6148 * time.Second, 1},
			{6150 * time.Second, 2}, // 59 s left, the same again: used for half of that
			{6160 * time.Second, 2}, {6181 * time.Second, 3}, {6190 * time.Second, 3}, {6210 * time.Second, 4},
			{12000 * time.Second, 4},
		}
		for _, s := range steps {
			time.Sleep(time.Until(born.Add(s.at)))
			if _, err := c.Call(t.Context(), "match-auth-structure", project); err != nil {
				t.Fatal(err)
			}
			if _, tokens := g.counts(); tokens != s.tokens {
				t.Errorf("after %v: %d tokens fetched, want %d", s.at, tokens, s.tokens)
			}
		}
	})
}

// TestDeadTokenIsReplacedOnce: many calls find the token refused at the same
// time; one fetches another, and each goes on with it.
func TestDeadTokenIsReplacedOnce(t *testing.T) {
	for _, code := range []int{1002, 1010, 1011, 1012, 1400} {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{}
			g.answer = func(_ int, r *http.Request, _ string) (int, string) {
				time.Sleep(time.Second)
				if r.Header.Get("access_token") == "00000000000000000000000000000001" {
					return http.StatusOK, refusal(code)
				}
				return http.StatusOK, ok(`[]`)
			}
			c := g.client(t, Config{})
			if err := errors.Join(callAll(t.Context(), c, 20)...); err != nil {
				t.Fatal(err)
			}
			if business, tokens := g.counts(); business != 40 || tokens != 2 {
				t.Errorf("%d: %d requests and %d tokens, want 40 and 2", code, business, tokens)
			}
		})
	}
}

func TestSameTokenAgainIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: sequence(refusal(1010))}
		g.token = func(int) (int, string) { return http.StatusOK, g.grant(1, 7200) }
		c := g.client(t, Config{})
		_, err := c.Call(t.Context(), "match-auth-structure", project)
		if e, ok := errors.AsType[*Error](err); !ok || e.Code != 1010 || e.Hint() == "" {
			t.Errorf("error %v", err)
		}
		if business, tokens := g.counts(); business != 2 || tokens != 2 {
			t.Errorf("%d requests and %d tokens, want 2 and 2", business, tokens)
		}
	})
}

// TestTokenEndsTwiceInACall: something else went wrong in between, so the second
// end is not the first one's repetition.
func TestTokenEndsTwiceInACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: sequence(refusal(1010), refusal(1111), refusal(1010), ok(`[]`))}
		if _, err := g.client(t, Config{}).Call(t.Context(), "match-auth-structure", project); err != nil {
			t.Error(err)
		}
	})
}

func TestTokenFetchGivenUpByItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: sequence(ok(`[]`))}
		hang := make(chan struct{})
		c := g.client(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/v1.0/token" {
				select {
				case <-hang:
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			}
			return g.RoundTrip(r)
		})})
		ctx, cancel := context.WithCancel(t.Context())
		var first, second error
		var wg sync.WaitGroup
		wg.Go(func() { _, first = c.Call(ctx, "match-auth-structure", project) })
		synctest.Wait()
		wg.Go(func() { _, second = c.Call(t.Context(), "match-auth-structure", project) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(hang)
		wg.Wait()
		if !errors.Is(first, context.Canceled) || second != nil {
			t.Errorf("errors %v and %v", first, second)
		}
	})
}

func TestTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: sequence(ok(`[]`))}
		g.token = func(int) (int, string) {
			time.Sleep(time.Second)
			return http.StatusOK, refusal(1004)
		}
		c := g.client(t, Config{})
		for _, err := range callAll(t.Context(), c, 10) {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Endpoint != "token" || e.Code != 1004 {
				t.Fatalf("error %v", err)
			}
		}
		if business, tokens := g.counts(); business != 0 || tokens != 1 {
			t.Errorf("%d requests and %d tokens, want 0 and 1", business, tokens)
		}
	})
}

func TestTokenAnswers(t *testing.T) {
	tests := []struct{ name, reply, want string }{
		{"other spelling", `{"result":{"accessToken":"0123456789","expire":"7200"},"success":true}`, ""},
		{"no token", `{"result":{"expire_time":7200},"success":true,"t":1}`, "token: result without an access token"},
		{"result is text", `{"result":"x","success":true}`, "token: result is not an object"},
		{"no result", `{"success":true}`, "token: success without a result"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{answer: sequence(ok(`[]`)), token: func(int) (int, string) { return http.StatusOK, tt.reply }}
				_, err := g.client(t, Config{}).Call(t.Context(), "match-auth-structure", project)
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || !contains(err, tt.want)) {
					t.Errorf("error %v, want %s", err, tt.want)
				}
			})
		})
	}
}
