package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// documented has every code that the cloud documents, with what is to be done:
// how often a reading operation is sent when the answer stays the same.
var documented = map[int]int{
	500: 4, 501: 4, 1000: 1, 1001: 1, 1002: 2, 1003: 1, 1004: 1, 1005: 1, 1006: 1, 1007: 1, 1008: 1, 1010: 2, 1011: 2, 1012: 2, 1013: 2,
	1100: 1, 1101: 1, 1102: 1, 1103: 1, 1104: 1, 1105: 1, 1106: 1, 1107: 1, 1108: 1, 1109: 1, 1110: 9, 1111: 6, 1112: 5, 1113: 2, 1114: 1,
	1199: 9, 1400: 2, 2001: 1, 2007: 1, 2406: 1, 28841001: 1, 28841002: 1, 28841003: 1, 28841004: 1, 28841101: 1, 28841102: 1, 28841103: 1,
	28841104: 1, 28841105: 1, 28841106: 1, 28841107: 1, 60001001: 1,
	// Unknown ones.
	7: 1, 999999: 1,
}

// onceMore has those that even a writing operation is sent again after: the
// gateway says that it did not let the request through.
var onceMore = []int{1002, 1010, 1011, 1012, 1013, 1400}

func TestEveryCode(t *testing.T) {
	for c := range codes {
		if documented[c] == 0 {
			t.Errorf("code %d is in the table, and not in this test", c)
		}
	}
	for code, want := range documented {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{answer: func(int, *http.Request, string) (int, string) { return http.StatusOK, refusal(code) }}
			start := time.Now()
			_, err := g.client(t, Config{}).Call(t.Context(), "access-auth", project)
			checkRefusal(t, err, code)
			if n, _ := g.counts(); n != want {
				t.Errorf("code %d: sent %d times, want %d", code, n, want)
			}
			if took := time.Since(start); took > patience || want > 3 && took < 3*time.Second {
				t.Errorf("code %d: gives up after %v", code, took)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{answer: func(int, *http.Request, string) (int, string) { return http.StatusOK, refusal(code) }}
			_, err := g.client(t, Config{}).Call(t.Context(), "generate-auth", map[string]any{"projectId": "142", "authSourceType": "1", "authId": "5"})
			checkRefusal(t, err, code)
			want := 1
			if slices.Contains(onceMore, code) {
				want = 2
			}
			if n, _ := g.counts(); n != want {
				t.Errorf("code %d: a writing operation is sent %d times, want %d", code, n, want)
			}
		})
	}
}

func checkRefusal(t *testing.T, err error, code int) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != code || !strings.Contains(err.Error(), fmt.Sprint("code ", code)) {
		t.Errorf("code %d: error %v", code, err)
		return
	}
	if strings.Contains(e.Hint(), "%") {
		t.Errorf("code %d: hint %q", code, e.Hint())
	}
}

func TestLasting(t *testing.T) {
	for code, want := range map[int]bool{1004: true, 1106: true, 1114: true, 1400: true, 28841004: true, 500: false, 1000: false, 1109: false, 1199: false, 7: false} {
		if got := (&Error{Code: code}).Lasting(); got != want {
			t.Errorf("code %d lasting: %t", code, got)
		}
	}
	if dial := (&Error{cause: &net.OpError{Op: "dial"}}); !dial.Lasting() {
		t.Error("a host that cannot be reached is not lasting")
	}
	if read := (&Error{cause: &net.OpError{Op: "read"}}); read.Lasting() {
		t.Error("a connection that broke is lasting")
	}
}

// TestHints: those that a person can act on say how.
func TestHints(t *testing.T) {
	for code, want := range map[int]string{
		1114: "allow-list", 2007: "data centre", 1108: "data centre", 1004: "secret", 1005: "data centre", 2406: "data centre", 1001: "secret",
		1013: "clock", 28841001: "plan", 28841002: "renew", 28841003: "pay", 28841004: "quota", 28841101: "subscribe", 28841102: "subscribe",
		28841103: "pay", 28841104: "quota", 28841105: "subscribe", 28841106: "subscribe", 28841107: "enable", 1106: "project id", 1010: "client id", 1199: "rate",
	} {
		e := &Error{Code: code, host: "openapi.example"}
		if !strings.Contains(e.Hint(), want) {
			t.Errorf("hint for %d is %q, without %q", code, e.Hint(), want)
		}
		if slices.Contains([]int{1114, 2007, 1108, 1004, 1005, 2406}, code) && !strings.Contains(e.Hint(), "openapi.example") {
			t.Errorf("hint for %d does not name the host: %q", code, e.Hint())
		}
	}
}

func TestReadsAreRepeatedAfterNoise(t *testing.T) {
	whole := ok(items(0, 2, 2))
	tests := []struct {
		name, reply string
		want        string // of the error when it stays so
		times       int
	}{
		{"504 with HTML", "504 <html>\n<h1>Gateway Time-out</h1></html>", `HTTP 504 Gateway Timeout: "<html>\n<h1>Gateway Time-out</h1></html>"`, 6},
		{"500 without a body", "500 ", "HTTP 500 Internal Server Error", 6},
		{"502 with JSON", `502 {"error":"bad gateway"}`, "HTTP 502 Bad Gateway", 6},
		{"429", "429 slow down", "HTTP 429 Too Many Requests", 9},
		{"HTML with 200", "200 <html>login</html>", `not a JSON object: "<html>login</html>"`, 6},
		{"nothing with 200", "200 ", "not a JSON object", 6},
		{"no envelope", `{"hello":"world"}`, "an object without success", 6},
		{"truncated", whole[:len(whole)-1], "JSON ends early", 6},
		{"truncated within a name", whole[:20], "JSON ends early", 6},
		{"broken", strings.Replace(whole, ",", ",,", 1), "broken JSON at byte", 6},
		{"no result", `{"success":true,"t":1}`, "success without a result", 2},
		{"null result", `{"result":null,"success":true,"t":1}`, "success without a result", 2},
		{"no list", ok(`{"total":3}`), "result without a list", 2},
		{"list of null", ok(`{"list":null,"total":3}`), "result without a list", 2},
		{"result is text", ok(`"1574375617216917504"`), "result without a list", 2},
		{"403 with HTML", "403 <html>forbidden</html>", `HTTP 403 Forbidden: "<html>forbidden</html>"`, 1},
		{"404", "404 ", "HTTP 404 Not Found", 1},
		{"405", "405 ", "HTTP 405 Method Not Allowed", 1},
		{"302", "302 ", "HTTP 302 Found", 1},
		{"502 that says success", "502 " + whole, "HTTP 502 Bad Gateway", 6},
		{"refused without a code", `{"success":false,"t":1}`, "refused by the cloud", 1},
		{"code as text", `{"success":false,"code":"1106","msg":"permission deny"}`, `refused by the cloud with code 1106 "permission deny"`, 1},
		{"success as text", `{"success":"false","code":1000}`, "with code 1000, data not exist", 1},
		{"503 with a code", "503 " + refusal(1111), "with code 1111", 6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{answer: sequence(tt.reply)}
				_, err := g.client(t, Config{}).Call(t.Context(), "access-auth", project)
				if err == nil || !contains(err, tt.want) {
					t.Errorf("error %v, want %s", err, tt.want)
				}
				if n, _ := g.counts(); n != tt.times {
					t.Errorf("sent %d times, want %d", n, tt.times)
				}
			})
			if tt.times == 1 {
				return
			}
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{answer: sequence(tt.reply, whole)}
				c := g.client(t, Config{})
				r, err := c.Call(t.Context(), "access-auth", project)
				if err != nil || r.Attempt != 2 || c.Reader().Requests() != 3 || c.Reader().Retries() != 1 {
					t.Errorf("%v, %v", r, err)
				}
			})
		})
	}
}

func TestReadsAreRepeatedAfterTransportFaults(t *testing.T) {
	for _, cause := range []error{io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNREFUSED, io.EOF, errors.New("http2: stream closed")} {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{answer: sequence(ok(items(0, 1, 1)))}
			g.drop = func(n int) error {
				if n < 6 {
					return cause
				}
				return nil
			}
			if _, err := g.client(t, Config{}).Call(t.Context(), "access-auth", project); err != nil {
				t.Errorf("%v: %v", cause, err)
			}
			g = &gateway{drop: func(int) error { return cause }}
			_, err := g.client(t, Config{}).Call(t.Context(), "access-auth", project)
			if e, ok := errors.AsType[*Error](err); !ok || !errors.Is(err, cause) || e.HTTPStatus != 0 || e.Endpoint != "access-auth" {
				t.Errorf("%v: %v", cause, err)
			}
			if n, _ := g.counts(); n != 6 {
				t.Errorf("%v: sent %d times, want 6", cause, n)
			}
		})
	}
}

func TestWritesAreNotRepeatedAfterTransportFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{drop: func(int) error { return syscall.ECONNRESET }}
		_, err := g.client(t, Config{}).Call(t.Context(), "generate-auth", map[string]any{"projectId": "142", "authSourceType": "1", "authId": "5"})
		e, ok := errors.AsType[*Error](err)
		if n, _ := g.counts(); n != 1 || !ok || !strings.Contains(e.Hint(), "may have carried the request out") {
			t.Errorf("sent %d times, error %v", n, err)
		}
	})
}

// TestWriteWithoutResult: it was carried out, and that is what counts.
// A refusal without a code that comes with HTTP 502 is of something between, behind
// which the cloud may have done it.
func TestWriteRefusedOnTheWay(t *testing.T) {
	g := &gateway{answer: sequence(`502 {"success":false}`)}
	_, err := g.client(t, Config{}).Call(t.Context(), "generate-auth", map[string]any{"projectId": "142", "authSourceType": "1", "authId": "5"})
	if e, ok := errors.AsType[*Error](err); !ok || !strings.Contains(e.Error(), "HTTP 502") || !strings.Contains(e.Hint(), "may have carried the request out") {
		t.Errorf("%v", err)
	}
}

func TestWriteWithoutResult(t *testing.T) {
	g := &gateway{answer: sequence(`{"success":true,"t":1664195372302,"tid":"x"}`)}
	r, err := g.client(t, Config{}).Call(t.Context(), "generate-auth", map[string]any{"projectId": "142", "authSourceType": "1", "authId": "5"})
	if err != nil || r.Result() != nil {
		t.Errorf("%v, %v", r, err)
	}
}

func TestAnswerThatNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: sequence(ok(items(0, 1, 1)))}
		hangs := 1
		c := g.client(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path != "/v1.0/token" && hangs > 0 {
				hangs--
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return g.RoundTrip(r)
		})})
		start := time.Now()
		if _, err := c.Call(t.Context(), "access-auth", project); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < attemptTimeout || took > attemptTimeout+2*time.Second {
			t.Errorf("took %v", took)
		}
		hangs = 1000
		start = time.Now()
		_, err := c.Call(t.Context(), "access-auth", project)
		e, ok := errors.AsType[*Error](err)
		if !ok || !strings.Contains(e.Hint(), "does not answer") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took > patience+attemptTimeout {
			t.Errorf("gives up after %v", took)
		}
	})
}

// TestCancelWhileWaiting: in a backoff, for the rate, and for an answer.
func TestCancelWhileWaiting(t *testing.T) {
	tests := []struct {
		name  string
		reply string
		rate  float64
		hang  bool
	}{
		{"backoff", refusal(1112), 0, false},
		{"rate", ok(items(0, 1, 1)), 0.001, false},
		{"answer", "", 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{answer: sequence(tt.reply)}
				c := g.client(t, Config{Rate: tt.rate, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					if tt.hang {
						<-r.Context().Done()
						return nil, r.Context().Err()
					}
					return g.RoundTrip(r)
				})})
				ctx, cancel := context.WithCancel(t.Context())
				start := time.Now()
				time.AfterFunc(2*time.Second, cancel)
				_, err := c.Call(ctx, "access-auth", project)
				if took := time.Since(start); !errors.Is(err, context.Canceled) || took != 2*time.Second {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}

// TestBackoffGrows: waits double, and never are less than the table says.
func TestBackoffGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		g := &gateway{answer: func(int, *http.Request, string) (int, string) {
			at = append(at, time.Now())
			return http.StatusOK, refusal(1111)
		}}
		_, _ = g.client(t, Config{}).Call(t.Context(), "access-auth", project)
		want := waits[classBack].first
		for i := 1; i < len(at); i++ {
			if d := at[i].Sub(at[i-1]); d < want || d > want*3/2 {
				t.Errorf("wait %d is %v, want %v to %v", i, d, want, want*3/2)
			}
			want *= 2
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		seconds string
		times   int // that it is asked for
		answer  bool
		took    time.Duration
	}{
		{"17", 1, true, 17 * time.Second},
		{"3600", 1, true, longestRetryAfter},
		{"3600", 100, false, 2 * longestRetryAfter}, // a third would be beyond all patience
	} {
		synctest.Test(t, func(t *testing.T) {
			g := &gateway{answer: sequence(ok(items(0, 1, 1)))}
			refused := 0
			c := g.client(t, Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path != "/v1.0/token" && refused < tt.times {
					refused++
					return &http.Response{StatusCode: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {tt.seconds}},
						Body: io.NopCloser(strings.NewReader("busy"))}, nil
				}
				return g.RoundTrip(r)
			})})
			start := time.Now()
			if _, err := c.Call(t.Context(), "access-auth", project); (err == nil) != tt.answer || time.Since(start) != tt.took {
				t.Errorf("%s s, %d times: %v after %v", tt.seconds, tt.times, err, time.Since(start))
			}
		})
	}
}

// TestRateFollowsTheCloud: it halves when the cloud finds it too fast, once for
// all that were under way, and comes back slowly.
func TestRateFollowsTheCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		throttled := map[string]bool{}
		g := &gateway{}
		limit := true
		g.answer = func(_ int, _ *http.Request, body string) (int, string) {
			time.Sleep(time.Second)
			if limit && !throttled[body] {
				throttled[body] = true
				return http.StatusOK, refusal(1199)
			}
			return http.StatusOK, ok(items(0, 1, 1))
		}
		c := g.client(t, Config{Rate: 8})
		call := func(name string) {
			if _, err := c.Call(t.Context(), "access-auth", map[string]any{"projectId": "142", "name": name}); err != nil {
				t.Error(err)
			}
		}
		call("first")
		if got := c.pace.limiter.Limit(); got != 4 {
			t.Errorf("rate %v after one refusal, want 4", got)
		}
		limit = false
		for range 1000 {
			call("more")
		}
		if got := c.pace.limiter.Limit(); got != 8 {
			t.Errorf("rate %v in the end, want 8", got)
		}
		p := newPace(8)
		sent := time.Now()
		time.Sleep(time.Millisecond)
		for range 5 {
			p.slower(sent)
		}
		if got := p.limiter.Limit(); got != 4 {
			t.Errorf("rate %v after refusals of one moment, want 4", got)
		}
		for range 100 {
			time.Sleep(time.Millisecond)
			p.slower(time.Now())
		}
		if got := p.limiter.Limit(); got != 0.125 {
			t.Errorf("rate %v at the lowest", got)
		}
		p.content()
		if got := p.limiter.Limit(); got != 0.125 {
			t.Errorf("rate %v right after a refusal", got)
		}
		time.Sleep(recovery)
		p.content()
		if got := p.limiter.Limit(); got <= 0.125 || got > 1 {
			t.Errorf("rate %v after a while", got)
		}
	})
}

func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gateway{answer: sequence(ok(`[]`))}
		c := g.client(t, Config{Rate: 5})
		start := time.Now()
		if err := errors.Join(callAll(t.Context(), c, 50)...); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 9900*time.Millisecond || took > 11*time.Second {
			t.Errorf("50 requests and a token at 5 a second took %v", took)
		}
	})
}
