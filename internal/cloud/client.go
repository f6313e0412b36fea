package cloud

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	connectTimeout = 5 * time.Second
	attemptTimeout = 30 * time.Second
	// maxBody is far above any page: 100 items are about 100 KB.
	maxBody = 64 << 20
	// maxParallel bounds the requests in flight, and so the connections worth
	// keeping.
	maxParallel = 64
)

// Client can call all 18 operations. It is safe for concurrent use.
type Client struct {
	url      string
	host     string
	clientID string
	lang     string
	forms    *forms
	http     *http.Client
	log      *slog.Logger
	now      func() time.Time
	observe  func(Attempt)
	tokens   *tokens
	pace     *pace
	flight   chan struct{} // holds one for each request that is under way

	// sign and scrub know the secret. No field does, because fmt prints the
	// text of an unexported one.
	sign  func(head, method, signedURL string, body []byte) string
	scrub func(text string, more ...Secret) string

	offset   atomic.Int64 // the cloud's clock minus ours, ns
	reached  atomic.Bool  // the host has answered once
	requests atomic.Int64
	retries  atomic.Int64
}

// Reader is a view of a [Client] that cannot write: it has no way to call an
// operation that does. It is safe for concurrent use.
type Reader struct{ c *Client }

// New checks c, giving all its faults at once, and makes a client. It sends
// nothing.
func New(c Config) (*Client, error) {
	if err := c.normalise(); err != nil {
		return nil, fmt.Errorf("cloud: %w", err)
	}
	transport := c.Transport
	if transport == nil {
		transport = newTransport()
	}
	u, _ := url.Parse(c.URL)
	secret := c.ClientSecret
	cl := &Client{
		url: c.URL, host: u.Host, clientID: c.ClientID, lang: c.Lang,
		forms: newForms(c.GetParams),
		http: &http.Client{
			Transport: transport,
			Timeout:   attemptTimeout,
			// A redirect would carry token and signature to another host.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		log: c.Log, now: c.Now, observe: c.Observe,
		pace: newPace(c.Rate), flight: make(chan struct{}, c.Parallel),
		sign: func(head, method, signedURL string, body []byte) string {
			return signature(secret, head, method, signedURL, body)
		},
		scrub: func(text string, more ...Secret) string {
			for _, s := range append(more, secret) {
				if len(s) >= 8 {
					text = strings.ReplaceAll(text, string(s), hidden)
				}
			}
			return text
		},
	}
	cl.tokens = &tokens{fetch: cl.fetchToken, now: cl.cloudTime}
	return cl, nil
}

func newTransport() http.RoundTripper {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}).DialContext
	t.TLSHandshakeTimeout = connectTimeout
	t.MaxIdleConnsPerHost = maxParallel
	t.MaxIdleConns = 0
	return t
}

// Reader gives the view of c that cannot write.
func (c *Client) Reader() *Reader { return &Reader{c} }

// CloseIdleConnections closes the connections that are kept for further requests,
// which open new ones.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Call calls an operation by its name. It waits for its turn by the rate, and
// repeats what can be repeated: an operation that reads after everything that may
// pass, an operation that writes only when the cloud refused its token or its
// time, and so did not carry it out.
//
// Parameters go under the API's names; see [Operation]. An operation with pages
// gets page 1 and 50 items on it unless told otherwise. Errors are an [*Error], a
// context error, or before anything was sent [ErrParams] or [ErrNoRelationIDs].
func (c *Client) Call(ctx context.Context, op string, params map[string]any) (*Response, error) {
	o, ok := Lookup(op)
	if !ok {
		return nil, fmt.Errorf("%w: no operation %q", ErrParams, cut(op))
	}
	prepared, err := o.prepare(params)
	if err != nil {
		return nil, err
	}
	return c.run(ctx, o, prepared)
}

// Call is [Client.Call] for operations that read; for others it gives [ErrWrites].
func (r *Reader) Call(ctx context.Context, op string, params map[string]any) (*Response, error) {
	if o, ok := Lookup(op); ok && o.Writes {
		return nil, fmt.Errorf("%s: %w", op, ErrWrites)
	}
	return r.c.Call(ctx, op, params)
}

// Requests gives how many HTTP requests were made so far, with those for tokens.
func (r *Reader) Requests() int64 { return r.c.requests.Load() }

// Retries gives how many of them repeated one before.
func (r *Reader) Retries() int64 { return r.c.retries.Load() }

// URL gives the base URL of the cloud.
func (r *Reader) URL() string { return r.c.url }

// Parallel gives how many requests may be in flight.
func (r *Reader) Parallel() int { return cap(r.c.flight) }

// Offset gives the cloud's clock minus this machine's, as the last answer had it.
func (r *Reader) Offset() time.Duration { return time.Duration(r.c.offset.Load()) }

func (c *Client) cloudTime() time.Time { return c.now().Add(time.Duration(c.offset.Load())) }

// attempt is one request of a call.
type attempt struct {
	op     Operation
	params map[string]any
	number int
	form   form
	token  token

	// Set when it is sent.
	offset time.Duration // with which it was signed
	sent   time.Time
	local  time.Time // by the client's clock
	sign   string
}

// try makes one request. It gives a response, or what went wrong.
func (c *Client) try(ctx context.Context, a *attempt) (*Response, *Error) {
	m, err := a.op.message(a.params, a.form)
	if err != nil {
		return nil, &Error{Endpoint: a.op.Name, host: c.host, cause: err}
	}
	resp, again, err := c.exchange(ctx, m, a)
	if resp == nil {
		return nil, &Error{Endpoint: a.op.Name, host: c.host, cause: inner(err)}
	}
	var e *Error
	if err != nil {
		e = &Error{cause: inner(err)}
	} else {
		e = resp.read(a.op)
	}
	c.learn(resp, e, a.local)
	if e != nil {
		e.retryAfter = again
		e.Msg = cut(c.scrub(e.Msg, a.token.text, Secret(a.sign)))
		e.TraceID = cut(c.scrub(e.TraceID, a.token.text, Secret(a.sign)))
		e.Endpoint, e.host, e.writes, e.attempts = a.op.Name, c.host, a.op.Writes, a.number
		e.HTTPStatus = resp.HTTPStatus
	}
	c.tell(ctx, a, resp, e)
	if e != nil {
		return nil, e
	}
	return resp, nil
}

// signed makes the HTTP request.
func (c *Client) signed(ctx context.Context, m message, tok token) (req *http.Request, sign string, err error) {
	var body io.Reader
	if m.body != nil {
		body = bytes.NewReader(m.body)
	}
	req, err = http.NewRequestWithContext(ctx, m.method, c.url+m.sent, body)
	if err != nil {
		return nil, "", err
	}
	t := strconv.FormatInt(c.cloudTime().UnixMilli(), 10)
	sign = c.sign(c.clientID+string(tok.text)+t, m.method, m.signed, m.body)
	req.Header.Set("client_id", c.clientID)
	req.Header.Set("sign", sign)
	req.Header.Set("sign_method", "HMAC-SHA256")
	req.Header.Set("t", t)
	req.Header.Set("lang", c.lang)
	if tok.text != "" {
		req.Header.Set("access_token", string(tok.text))
	}
	if m.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, sign, nil
}

// exchange waits for one of the places in flight, signs, sends m and receives
// the answer, of which nothing is read yet. The response is nil when nothing was
// sent; it holds what is known, also beside an error.
func (c *Client) exchange(ctx context.Context, m message, a *attempt) (r *Response, again time.Duration, err error) {
	select {
	case c.flight <- struct{}{}:
		defer func() { <-c.flight }()
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	a.offset = time.Duration(c.offset.Load())
	req, sign, err := c.signed(ctx, m, a.token)
	if err != nil {
		return nil, 0, err
	}
	c.requests.Add(1)
	if a.number > 1 {
		c.retries.Add(1)
	}
	a.sign, a.sent, a.local = sign, time.Now(), c.now()
	r = &Response{Operation: a.op.Name, Attempt: a.number}
	h, err := c.http.Do(req)
	if err != nil {
		r.Took = time.Since(a.sent)
		return r, 0, err
	}
	defer h.Body.Close()
	c.reached.Store(true)
	r.HTTPStatus = h.StatusCode
	r.Body, err = readBody(h)
	r.Took = time.Since(a.sent)
	r.date = dateOf(h)
	return r, retryAfter(h), err
}

// released are bodies that [Response.Release] gave back.
var released = sync.Pool{New: func() any { return new([]byte) }}

// readBody reads the whole body; a length that is known costs one allocation at
// most.
func readBody(h *http.Response) ([]byte, error) {
	size := int64(32 << 10)
	if h.ContentLength >= 0 {
		size = h.ContentLength + 1
	}
	if size > maxBody+1 {
		return nil, errTooLarge
	}
	body := (*released.Get().(*[]byte))[:0]
	if int64(cap(body)) < size {
		body = make([]byte, 0, size)
	}
	for {
		n, err := h.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxBody:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, err
		case len(body) == cap(body):
			grown := make([]byte, len(body), min(2*cap(body), maxBody+1))
			copy(grown, body)
			body = grown
		}
	}
}

// learn sets the clock's offset by the time in the answer, taken as that of the
// middle of the exchange. A refusal for the clock that has no time of its own has
// at least the header's.
func (c *Client) learn(r *Response, e *Error, local time.Time) {
	t := r.T
	if t == 0 && e != nil && (e.class() == classSkew || e.class() == classSign) {
		t = r.date
	}
	if t > 0 {
		c.offset.Store(int64(time.UnixMilli(t).Sub(local.Add(r.Took / 2))))
	}
}

// tell hands the attempt to the log and to whoever observes. Neither gets the
// answer of a token call.
func (c *Client) tell(ctx context.Context, a *attempt, r *Response, e *Error) {
	seen := Attempt{
		Operation: a.op.Name, Params: a.params, Number: a.number,
		HTTPStatus: r.HTTPStatus, TID: r.TID, T: r.T, Took: r.Took, Body: r.Body,
	}
	if a.op.Name == tokenOperation.Name {
		seen.Body = nil
	}
	attrs := []slog.Attr{slog.String("endpoint", a.op.Name), slog.Int("attempt", a.number), slog.Duration("took", r.Took)}
	if page, ok := a.params["page"].(int64); ok {
		attrs = append(attrs, slog.Int64("page", page))
	}
	if e != nil {
		seen.Code, seen.Err, seen.TID = e.Code, e, e.TraceID
		attrs = append(attrs, slog.String("error", e.Error()))
	}
	if seen.TID != "" {
		attrs = append(attrs, slog.String("trace_id", seen.TID))
	}
	c.log.LogAttrs(ctx, slog.LevelDebug, "request", attrs...)
	c.observe(seen)
}

// forms remembers for each operation how its GET parameters travel.
type forms struct {
	fixed bool
	first form

	mu      sync.Mutex
	settled map[string]form
}

func newForms(getParams string) *forms {
	f := &forms{fixed: getParams != "auto", settled: map[string]form{}}
	if getParams == "query" {
		f.first = formQuery
	}
	return f
}

// of gives the form for op, and whether it is known to be right.
func (f *forms) of(op Operation) (form, bool) {
	switch {
	case op.Name == tokenOperation.Name:
		return formQuery, true
	case op.Method != http.MethodGet:
		return formBody, true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	got, ok := f.settled[op.Name]
	if !ok {
		got = f.first
	}
	return got, ok || f.fixed
}

func (f *forms) settle(op Operation, worked form) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settled[op.Name] = worked
}
