package sandbox

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// client signs requests as the signature's document says. It is written apart
// from the server's own code.
type client struct {
	t          testing.TB
	s          *Server
	rt         http.RoundTripper
	id, secret string
	project    string
	token      string
	now        func() time.Time
	query      string // "", "query", "snake-query": how GET parameters travel
	edit       func(*http.Request)
}

func newClient(t testing.TB, s *Server) *client {
	t.Helper()
	c := &client{t: t, s: s, rt: s.Transport(), now: s.o.Now}
	c.id, c.secret, c.project = s.Credentials()
	return c
}

// raw is an answer as it came.
type raw struct {
	status int
	header http.Header
	body   []byte
}

// envelope is an answer as read.
type envelope struct {
	Code    json.RawMessage `json:"code"`
	Msg     *string         `json:"msg"`
	Success bool            `json:"success"`
	Result  json.RawMessage `json:"result"`
	T       int64           `json:"t"`
	TID     string          `json:"tid"`
}

func (e *envelope) code() int {
	n, _ := strconv.Atoi(strings.Trim(string(e.Code), `"`))
	return n
}

// send makes one request and signs it.
func (c *client) send(method, path string, query url.Values, body []byte) (*raw, error) {
	c.t.Helper()
	u := &url.URL{Scheme: "http", Host: "sandbox.invalid", Path: path, RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(c.t.Context(), method, u.String(), bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	token := c.token
	if strings.HasPrefix(path, "/v1.0/token") {
		token = ""
	}
	ms := strconv.FormatInt(c.now().UnixMilli(), 10)
	signed := path
	if len(query) > 0 {
		var keys, pairs []string
		for k := range query {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			pairs = append(pairs, k+"="+query.Get(k))
		}
		signed += "?" + strings.Join(pairs, "&")
	}
	plain := c.id + token + ms + fmt.Sprintf("%s\n%x\n\n%s", method, sha256.Sum256(body), signed)
	m := hmac.New(sha256.New, []byte(c.secret))
	io.WriteString(m, plain)
	r.Header["client_id"] = []string{c.id}
	r.Header["t"] = []string{ms}
	r.Header["sign_method"] = []string{"HMAC-SHA256"}
	r.Header["sign"] = []string{fmt.Sprintf("%X", m.Sum(nil))}
	if token != "" {
		r.Header["access_token"] = []string{token}
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.edit != nil {
		c.edit(r)
	}
	resp, err := c.rt.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return &raw{resp.StatusCode, resp.Header, b}, err
}

// decode reads an answer strictly as the envelope.
func decode(b []byte) (*envelope, error) {
	e := &envelope{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(e); err != nil {
		return nil, err
	}
	return e, nil
}

// login takes a token.
func (c *client) login() error {
	a, err := c.send("GET", "/v1.0/token", url.Values{"grant_type": {"1"}}, nil)
	if err != nil {
		return err
	}
	e, err := decode(a.body)
	if err != nil {
		return err
	}
	if !e.Success {
		return fmt.Errorf("token: code %d", e.code())
	}
	var tok struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(e.Result, &tok); err != nil {
		return err
	}
	c.token = tok.Access
	return nil
}

type args map[string]any

// once makes one attempt at an operation.
func (c *client) once(op string, a args) (*envelope, error) {
	c.t.Helper()
	o := operationNamed(op)
	if o == nil {
		c.t.Fatalf("no operation %q", op)
	}
	full := args{"projectId": c.project}
	maps.Copy(full, a)
	path := base + o.path
	if id, ok := full["authTaskId"].(string); ok && strings.Contains(path, "{authTaskId}") {
		path = strings.Replace(path, "{authTaskId}", id, 1)
		delete(full, "authTaskId")
	}
	var query url.Values
	var body []byte
	if o.method == "GET" && c.query != "" {
		query = url.Values{}
		for k, v := range full {
			if c.query == "snake-query" {
				k = snakeOf(k)
			}
			query.Set(k, fmt.Sprint(v))
		}
	} else {
		var err error
		if body, err = json.Marshal(full); err != nil {
			c.t.Fatal(err)
		}
	}
	r, err := c.send(o.method, path, query, body)
	if err != nil {
		return nil, err
	}
	if r.status != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d", r.status)
	}
	return decode(r.body)
}

func snakeOf(name string) string {
	for c := 'A'; c <= 'Z'; c++ {
		name = strings.ReplaceAll(name, string(c), "_"+strings.ToLower(string(c)))
	}
	return name
}

var errTooOften = errors.New("tried too often")

// call makes an operation as a patient client does: it takes a token anew
// once, corrects its clock once and tries three times what may pass.
func (c *client) call(op string, a args) (*envelope, error) {
	c.t.Helper()
	anew, skewed := false, false
	var log []string
	for try := 0; try < 3; {
		var e *envelope
		var err error
		for n := 0; c.token == "" && n < 6; n++ {
			if err = c.login(); err != nil && strings.Contains(err.Error(), "code 1013") && !skewed {
				skewed = true
				c.shift(20 * time.Minute)
			}
		}
		if err == nil {
			e, err = c.once(op, a)
		}
		if err != nil {
			log = append(log, err.Error())
		} else {
			log = append(log, string(e.Code))
		}
		switch {
		case err != nil:
			try++
		case e.Success:
			return e, nil
		case e.code() == 1010 && !anew:
			anew, c.token = true, ""
		case slices.Contains([]int{500, 1110, 1111, 1199}, e.code()):
			try++
		default:
			return e, nil
		}
	}
	return nil, fmt.Errorf("%w: %v", errTooOften, log)
}

func (c *client) shift(d time.Duration) {
	old := c.now
	c.now = func() time.Time { return old().Add(d) }
}

// ok makes an operation that has to succeed and returns its result.
func (c *client) ok(op string, a args) json.RawMessage {
	c.t.Helper()
	e, err := c.call(op, a)
	if err != nil {
		c.t.Fatalf("%s: %v", op, err)
	}
	if !e.Success {
		c.t.Fatalf("%s: code %d %s", op, e.code(), *e.Msg)
	}
	return e.Result
}

// code makes an operation and returns the code of its answer, 0 for success.
func (c *client) code(op string, a args) int {
	c.t.Helper()
	e, err := c.call(op, a)
	if err != nil {
		c.t.Fatalf("%s: %v", op, err)
	}
	return e.code()
}

// page is one page of any list.
type page struct {
	Rows    []map[string]any
	Total   int
	HasMore *bool
	Top     map[string]any
}

// pageOf reads a page of any of the lists.
func pageOf(t testing.TB, result json.RawMessage) page {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(result))
	d.UseNumber()
	var top map[string]any
	if err := d.Decode(&top); err != nil {
		t.Fatalf("page %.200s: %v", result, err)
	}
	p := page{Top: top}
	inner := top
	for k, v := range top {
		if strings.HasPrefix(k, "record") {
			inner = v.(map[string]any)
		}
	}
	for k, v := range inner {
		if rows, ok := v.([]any); ok && strings.Contains(strings.ToLower(k), "list") {
			for _, r := range rows {
				p.Rows = append(p.Rows, r.(map[string]any))
			}
		}
	}
	p.Total, _ = strconv.Atoi(fmt.Sprint(inner["total"]))
	for _, k := range []string{"has_more", "hasMore"} {
		if more, ok := inner[k].(bool); ok {
			p.HasMore = &more
		}
	}
	return p
}

// walk reads all pages of a list, and reports whether the total of each page
// equals the distinct rows.
func (c *client) walk(op, id string, size int, a args) (rows []map[string]any, whole bool) {
	c.t.Helper()
	ids := map[string]bool{}
	totals := map[int]bool{}
	for n := 1; n < 10_000; n++ {
		full := args{"page": n, "pageSize": size}
		maps.Copy(full, a)
		p := pageOf(c.t, c.ok(op, full))
		totals[p.Total] = true
		for _, r := range p.Rows {
			ids[fmt.Sprint(r[id])] = true
		}
		rows = append(rows, p.Rows...)
		if len(p.Rows) == 0 || len(rows) >= p.Total {
			return rows, len(totals) == 1 && totals[len(ids)] && len(ids) == len(rows)
		}
	}
	c.t.Fatalf("%s: the walk does not end", op)
	return nil, false
}

// fixed is a clock that stands, and can be moved.
type fixed struct{ at time.Time }

func (f *fixed) now() time.Time          { return f.at }
func (f *fixed) forward(d time.Duration) { f.at = f.at.Add(d) }

// noon is the time of most tests.
func noon() *fixed { return &fixed{time.Date(2026, 3, 10, 12, 20, 0, 0, siteZone)} }

func unmarshal(t testing.TB, b []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%.200s: %v", b, err)
	}
}

// jsonNumbers reads JSON and keeps numbers as they are written.
func jsonNumbers(b []byte, into *any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(into)
}
