package cloud

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// clock is a cloud whose clock is off by skew, and which refuses what is more
// than five minutes off, with or without its time in the answer.
func clock(skew time.Duration, code int, withTime bool) (*gateway, func(*http.Request) string) {
	g := &gateway{skew: skew}
	check := func(r *http.Request) string {
		var ms int64
		_, _ = fmt.Sscan(r.Header.Get("t"), &ms)
		if off := time.Until(time.UnixMilli(ms)) - skew; off.Abs() < 5*time.Minute {
			return ""
		}
		if !withTime {
			return fmt.Sprintf(`{"success":false,"code":%d}`, code)
		}
		return fmt.Sprintf(`{"success":false,"code":%d,"t":%d}`, code, time.Now().Add(skew).UnixMilli())
	}
	return g, check
}

func TestClock(t *testing.T) {
	for _, skew := range []time.Duration{20 * time.Minute, -20 * time.Minute, 8 * time.Hour, -100 * 24 * time.Hour} {
		for _, code := range []int{1013, 1004} {
			for _, withTime := range []bool{true, false} {
				synctest.Test(t, func(t *testing.T) {
					g, check := clock(skew, code, withTime)
					g.answer = func(_ int, r *http.Request, _ string) (int, string) {
						if refused := check(r); refused != "" {
							return http.StatusOK, refused
						}
						return http.StatusOK, ok(`[]`)
					}
					var sent int
					c := g.client(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
						sent++
						reply := check(r)
						if reply == "" {
							return g.RoundTrip(r)
						}
						date := time.Now().Add(skew).UTC().Format(http.TimeFormat)
						return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Date": {date}},
							Body: io.NopCloser(strings.NewReader(reply))}, nil
					})})
					if _, err := c.Call(t.Context(), "match-auth-structure", project); err != nil || sent != 3 {
						t.Errorf("%v off, code %d, time in the answer %t: %v after %d requests", skew, code, withTime, err, sent)
					}
					if off := c.Reader().Offset() - skew; off.Abs() > time.Second {
						t.Errorf("offset %v, want %v", c.Reader().Offset(), skew)
					}
				})
			}
		}
	}
}

func TestClockThatJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, check := clock(0, 1013, true)
		g.answer = func(_ int, r *http.Request, _ string) (int, string) {
			if refused := check(r); refused != "" {
				return http.StatusOK, refused
			}
			return http.StatusOK, ok(`[]`)
		}
		var jump time.Duration
		c := g.client(t, Config{Now: func() time.Time { return time.Now().Add(jump) }})
		for _, jump = range []time.Duration{0, time.Hour, -time.Hour, 0} {
			if _, err := c.Call(t.Context(), "match-auth-structure", project); err != nil {
				t.Errorf("clock jumped to %v: %v", jump, err)
			}
		}
	})
}

// A time that cannot be the cloud's, and that of whatever answers in its place, moves
// neither the clock nor the snapshot.
func TestTimesThatAreNotBelieved(t *testing.T) {
	for _, reply := range []string{
		`{"result":[],"success":true,"t":1767333600}`, `{"result":[],"success":true,"t":9999999999999}`,
		`{"result":[],"success":true,"t":-5}`, `{"result":[],"success":true}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{}
			c := g.client(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/v1.0/token" {
					return g.RoundTrip(r)
				}
				date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Date": {date}}, Body: io.NopCloser(strings.NewReader(reply))}, nil
			})})
			r, err := c.Call(t.Context(), "match-auth-structure", project)
			if err != nil || r.T != 0 || c.Reader().Offset().Abs() > time.Second {
				t.Errorf("%s: %v, time %+v, offset %v", reply, err, r, c.Reader().Offset())
			}
		})
	}
}
