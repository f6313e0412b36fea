package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// patience bounds the time that a call takes with all its waits.
	patience = 3 * time.Minute
	// skewWorth is a difference of clocks that can be why a signature is refused.
	skewWorth = 10 * time.Second
	// longestRetryAfter bounds what a Retry-After header can ask for.
	longestRetryAfter = time.Minute
)

// run makes a call with all its attempts.
func (c *Client) run(ctx context.Context, op Operation, params map[string]any) (*Response, error) {
	r := repeats{c: c, op: op, started: time.Now()}
	var known bool
	r.form, known = c.forms.of(op)
	r.mayChangeForm = !known
	for n := 1; ; n++ {
		a := &attempt{op: op, params: params, number: n, form: r.form}
		resp, e, err := c.once(ctx, a, r.stale)
		switch {
		case ctx.Err() != nil && (e != nil || err != nil):
			return nil, fmt.Errorf("%s: %w", op.Name, ctx.Err())
		case err != nil:
			return nil, err
		case e == nil:
			c.forms.settle(op, a.form)
			c.pace.content()
			return resp, nil
		}
		delay, again := r.next(a, e)
		if !again {
			return nil, e
		}
		c.log.LogAttrs(ctx, slog.LevelInfo, "repeat", slog.String("endpoint", op.Name),
			slog.Int("attempt", n), slog.Duration("wait", delay), slog.String("error", e.Error()))
		if err := pause(ctx, delay); err != nil {
			return nil, fmt.Errorf("%s: %w", op.Name, err)
		}
	}
}

// once takes a token and a turn, and makes the attempt. The error is one of
// getting there; e is what came of the attempt.
func (c *Client) once(ctx context.Context, a *attempt, stale int) (_ *Response, e *Error, err error) {
	if a.op.Name != tokenOperation.Name {
		if a.token, err = c.tokens.take(ctx, stale); err != nil {
			return nil, nil, err
		}
	}
	if err := c.pace.turn(ctx); err != nil {
		return nil, nil, err
	}
	resp, e := c.try(ctx, a)
	return resp, e, nil
}

// repeats decides, for one call, whether and when to try again.
type repeats struct {
	c             *Client
	op            Operation
	started       time.Time
	form          form
	mayChangeForm bool
	stale         int // number of the newest token that was refused

	authed, skewed bool // corrected since the last wait
	waited         map[class]int
}

// next says whether to try again after e, and after which delay. A correction
// (token, clock, form of parameters) is made once, and again only when the cloud
// had something else to say in between.
func (r *repeats) next(a *attempt, e *Error) (time.Duration, bool) {
	kind := e.class()
	if kind == classThrottle {
		r.c.pace.slower(a.sent)
	}
	offBy := (time.Duration(r.c.offset.Load()) - a.offset).Abs()
	switch {
	case kind == classAuth && !r.authed && r.op.Name != tokenOperation.Name:
		r.authed, r.stale = true, a.token.number
		return 0, true
	case kind == classSkew && !r.skewed, kind == classSign && !r.skewed && offBy > skewWorth:
		r.skewed = true
		return 0, true
	case r.op.Writes:
		// The gateway checks token, time and signature before anything else, so
		// what it refused for these was not carried out and is sent once more.
		// Anything else may have been, even where the cloud says "system error".
		return 0, false
	case r.mayChangeForm && e.formMayMatter():
		r.mayChangeForm, r.form = false, r.form.other()
		return 0, true
	}
	w, ok := waits[kind]
	if !ok {
		return 0, false
	}
	if r.waited == nil {
		r.waited = map[class]int{}
	}
	r.waited[kind]++
	n := r.waited[kind]
	if n > w.times {
		return 0, false
	}
	if !r.c.reached.Load() && (n > 2 || unresolved(e.cause)) {
		// A host that never answered is more likely wrong than away.
		return 0, false
	}
	r.authed, r.skewed = false, false
	delay := max(w.delay(n), e.retryAfter)
	return delay, time.Since(r.started)+delay < patience
}

// formMayMatter says whether e can come from GET parameters in a form that the
// cloud, or something before it, does not take.
func (e *Error) formMayMatter() bool {
	switch e.class() {
	case classParams, classSign:
		return true
	}
	return e.Code == 0 && e.HTTPStatus >= 400 && e.HTTPStatus < 500 && e.HTTPStatus != http.StatusTooManyRequests
}

// earliest and latest bound the times that are believed, 2000 to 2100 in ms: one
// in seconds or far away would move the clock and the snapshot with it.
const (
	earliest = 946_684_800_000
	latest   = 4_102_444_800_000
)

// read takes apart the body of r, and says what is wrong with the answer.
func (r *Response) read(op Operation) *Error {
	f, err := scan(r.Body, foldKey(op.ListKey), foldKey(op.ItemKey))
	if err != nil {
		e := &Error{cause: err}
		// What a proxy says helps; a torn envelope may hold a token or a person.
		if !bytes.ContainsRune(r.Body[:min(len(r.Body), 64)], '{') {
			e.Msg = excerpt(r.Body)
		}
		return e
	}
	r.facts = f
	if t, ok := integer(r.Body, f.time); ok && earliest <= t && t <= latest {
		r.T = t
	}
	r.TID = scalar(r.Body, f.tid)
	success, ok := boolean(r.Body, f.success)
	code, hasCode := integer(r.Body, f.code)
	e := &Error{Code: int(code), Msg: scalar(r.Body, f.msg), TraceID: r.TID}
	switch {
	case !ok && !hasCode:
		e.cause = errNoEnvelope
	case !success:
		if code == 0 && r.HTTPStatus >= 300 {
			e.cause = fmt.Errorf("HTTP %d", r.HTTPStatus)
		}
	case r.HTTPStatus >= 300:
		*e = Error{TraceID: r.TID, cause: fmt.Errorf("HTTP %d", r.HTTPStatus)}
	case !op.Writes && !f.hasResult(r.Body):
		*e = Error{TraceID: r.TID, cause: errNoResult}
	case op.ListKey != "" && !f.listed && !r.saysNone():
		*e = Error{TraceID: r.TID, cause: errNoList}
	default:
		return nil
	}
	return e
}

// saysNone says whether the answer counts no items, so that a list may be absent.
func (r *Response) saysNone() bool {
	for _, c := range []counts{r.facts.outer, r.facts.inner} {
		if n, ok := integer(r.Body, c.total); ok && n == 0 {
			return true
		}
	}
	return false
}

// excerpt gives the first bytes of a body that is no JSON. JSON that is broken
// could hold names, or a token.
func excerpt(body []byte) string {
	s := strings.TrimSpace(cut(string(body[:min(len(body), 300)])))
	if s == "" || s[0] == '{' || s[0] == '[' {
		return ""
	}
	return s
}

// dateOf gives the Date header in ms, for answers that carry no time of their own.
func dateOf(h *http.Response) int64 {
	t, err := http.ParseTime(h.Header.Get("Date"))
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}

func retryAfter(h *http.Response) time.Duration {
	n, err := strconv.Atoi(h.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, longestRetryAfter)
}

// fetchToken asks for a token.
func (c *Client) fetchToken(ctx context.Context) (Secret, time.Time, error) {
	resp, err := c.run(ctx, tokenOperation, map[string]any{"grant_type": "1"})
	if err != nil {
		return "", time.Time{}, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(resp.Result(), &members); err != nil {
		return "", time.Time{}, &Error{Endpoint: tokenOperation.Name, host: c.host, HTTPStatus: resp.HTTPStatus,
			TraceID: resp.TID, cause: errors.New("result is not an object")}
	}
	var text string
	var life int64
	for k, v := range members {
		switch whole := (span{0, len(v)}); foldKey(k) {
		case "accesstoken":
			text = scalar(v, whole)
		case "expiretime", "expire":
			life, _ = integer(v, whole)
		}
	}
	if text == "" {
		return "", time.Time{}, &Error{Endpoint: tokenOperation.Name, host: c.host, HTTPStatus: resp.HTTPStatus,
			TraceID: resp.TID, cause: errors.New("result without an access token")}
	}
	issued := c.cloudTime()
	if resp.T > 0 {
		issued = time.UnixMilli(resp.T)
	}
	return Secret(text), lifeEnd(issued, time.Duration(life)*time.Second), nil
}

// unresolved says whether err is that a name does not exist.
func unresolved(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}
