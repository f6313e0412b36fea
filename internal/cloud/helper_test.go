package cloud

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	testID     = "1KAD46OrT9HafiKdsXeg"
	testSecret = "4OHBOnWOqaEC1mWXOpVL3yV50s0qGSRC"
)

// gateway is as much of the cloud as these tests need: it gives tokens, checks
// signatures, and leaves the rest to answer.
type gateway struct {
	// answer gives the answer to the n-th business request (from 1).
	answer func(n int, r *http.Request, body string) (status int, reply string)
	// token gives the answer to the n-th token request; nil gives token n for
	// 7200 s.
	token func(n int) (status int, reply string)
	skew  time.Duration // of the cloud's clock
	drop  func(n int) error

	mu       sync.Mutex
	business []string // path, query and body of each business request
	tokens   int
	faults   []string
}

// NOW in an answer becomes the cloud's time in ms.
func ok(result string) string {
	return `{"result":` + result + `,"success":true,"t":NOW,"tid":"3bce60c83d8611ed84fd2237f0528b74"}`
}

func refusal(code int) string {
	return fmt.Sprintf(`{"code":%d,"msg":"no","success":false,"t":NOW}`, code)
}

func (g *gateway) grant(n int, life int) string {
	return fmt.Sprintf(`{"result":{"access_token":"%032d","expire_time":%d,"refresh_token":"%032d","uid":"bay1"},"success":true,"t":NOW}`,
		n, life, n+1000)
}

func (g *gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	n := len(g.business) + 1
	g.mu.Unlock()
	if g.drop != nil && !strings.HasPrefix(r.URL.Path, "/v1.0/token") {
		if err := g.drop(n); err != nil {
			g.mu.Lock()
			g.business = append(g.business, "dropped")
			g.mu.Unlock()
			return nil, err
		}
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w.Result(), nil
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	if want := signed(r, body); r.Header.Get("sign") != want {
		g.mu.Lock()
		g.faults = append(g.faults, "wrong signature for "+r.URL.String())
		g.mu.Unlock()
	}
	var status int
	var reply string
	if r.URL.Path == "/v1.0/token" {
		g.mu.Lock()
		g.tokens++
		n := g.tokens
		g.mu.Unlock()
		status, reply = http.StatusOK, g.grant(n, 7200)
		if g.token != nil {
			status, reply = g.token(n)
		}
	} else {
		g.mu.Lock()
		g.business = append(g.business, strings.TrimSpace(r.URL.Path+" "+r.URL.RawQuery+" "+string(body)))
		n := len(g.business)
		g.mu.Unlock()
		status, reply = g.answer(n, r, string(body))
	}
	w.WriteHeader(status)
	now := strconv.FormatInt(time.Now().Add(g.skew).UnixMilli(), 10)
	_, _ = io.WriteString(w, strings.ReplaceAll(reply, "NOW", now))
}

// signed computes the signature from a request as the cloud would.
func signed(r *http.Request, body []byte) string {
	target := r.URL.Path
	if r.URL.RawQuery != "" {
		q, _ := url.ParseQuery(r.URL.RawQuery)
		var pairs []string
		for k := range q {
			pairs = append(pairs, k+"="+q.Get(k))
		}
		slices.Sort(pairs)
		target += "?" + strings.Join(pairs, "&")
	}
	sum := sha256.Sum256(body)
	m := hmac.New(sha256.New, []byte(testSecret))
	fmt.Fprintf(m, "%s%s%s%s\n%x\n\n%s", r.Header.Get("client_id"), r.Header.Get("access_token"), r.Header.Get("t"), r.Method, sum, target)
	return strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
}

// client makes a client of g, with a rate that does not matter unless c sets one.
func (g *gateway) client(t testing.TB, c Config) *Client {
	t.Helper()
	c.URL, c.ClientID, c.ClientSecret = "https://cloud.example", testID, testSecret
	if c.Transport == nil {
		c.Transport = g
	}
	if c.Rate == 0 {
		c.Rate = 1e6
	}
	cl, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		for _, f := range g.faults {
			t.Error(f)
		}
	})
	return cl
}

func (g *gateway) counts() (business, tokens int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.business), g.tokens
}

// sequence answers with each of replies in turn, and with the last for ever.
// A reply is a body, or "504 body".
func sequence(replies ...string) func(int, *http.Request, string) (int, string) {
	return func(n int, _ *http.Request, _ string) (int, string) {
		reply := replies[min(n, len(replies))-1]
		if status, body, found := strings.Cut(reply, " "); found {
			if code, err := strconv.Atoi(status); err == nil {
				return code, body
			}
		}
		return http.StatusOK, reply
	}
}

// listOf serves total items in pages, each with an id of its number.
func listOf(total int) func(int, *http.Request, string) (int, string) {
	return func(_ int, _ *http.Request, body string) (int, string) {
		page, size := numberIn(body, "page"), numberIn(body, "pageSize")
		return http.StatusOK, ok(items((page-1)*size, min(page*size, total), total))
	}
}

// items is a result with the items from up to to.
func items(from, to, total int) string {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"access_auth_id":"%d","sex":"1"}`, i)
	}
	return fmt.Sprintf(`{"list":[%s],"total":%d}`, b.String(), total)
}

func numberIn(body, key string) int {
	_, rest, _ := strings.Cut(body, `"`+key+`":`)
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	n, _ := strconv.Atoi(rest[:max(end, 0)])
	return n
}

var project = map[string]any{"projectId": "142"}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func contains(err error, text string) bool { return strings.Contains(err.Error(), text) }
