package sandbox

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// read makes a whole collection: every list and, of some rows, what is asked
// row by row; of permissions those that some says. Walks that are not whole are made again, three times at most.
func (c *client) read(some args) (map[string][]map[string]any, map[string]bool) {
	c.t.Helper()
	all, whole := map[string][]map[string]any{}, map[string]bool{}
	walk := func(name, op, id string, a args) {
		for range 3 {
			if all[name], whole[name] = c.walk(op, id, 50, a); whole[name] {
				break
			}
		}
		// The order of rows is not promised.
		slices.SortFunc(all[name], func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a[id]), fmt.Sprint(b[id])) })
	}
	walk("permissions", "access-auth", "access_auth_id", some)
	walk("persons", "list-auth-person", "person_id", nil)
	walk("rules", "query-rules", "auth_relation_id", nil)
	walk("tasks", "access-auth-task", "auth_task_id", nil)
	for i, task := range all["tasks"] {
		if i%19 == 0 {
			walk(fmt.Sprint("records ", i), "access-auth-task/records", "auth_task_record_id", args{"authTaskId": task["auth_task_id"]})
		}
	}
	return all, whole
}

// Each recoverable fault, and all of them together, leave a patient client
// with the same rows. A fault that only changes the form is undone here.
func TestRecoverableFaults(t *testing.T) {
	clock := noon()
	s := New(Options{Now: clock.now})
	some := args{"structureId": s.State().Structures[2].StructureID}
	want, whole := newClient(t, s).read(some)
	for name, ok := range whole {
		if !ok {
			t.Fatalf("%s is not whole without faults", name)
		}
	}
	var together []string
	for _, f := range Faults() {
		if !f.Recoverable {
			continue
		}
		if !slices.Contains([]string{faultCamel, faultStrings, faultUnknown}, f.Name) {
			together = append(together, f.Name)
		}
		t.Run(f.Name, func(t *testing.T) {
			s := New(Options{Now: clock.now, Faults: []string{f.Name}, SlowDelay: time.Millisecond})
			c := newClient(t, s)
			c.rt = formless{c.rt}
			got, _ := c.read(some)
			if !reflect.DeepEqual(got, want) {
				t.Error("the rows differ")
			}
		})
	}
	t.Run("together", func(t *testing.T) {
		want, _ := newClient(t, s).read(nil)
		for seed := range uint64(2) {
			s := New(Options{Now: clock.now, Faults: together, SlowDelay: time.Microsecond})
			s.passer.seed += seed
			got, _ := newClient(t, s).read(nil)
			if !reflect.DeepEqual(got, want) {
				t.Error("the rows differ")
			}
		}
	})
}

// Faults that alter lists alter every walk, so that none is whole.
func TestUnrecoverableFaults(t *testing.T) {
	clock := noon()
	some := args{"structureId": New(Options{Now: clock.now}).State().Structures[2].StructureID}
	for _, f := range Faults() {
		if f.Recoverable || f.Content {
			continue
		}
		s := New(Options{Now: clock.now, Faults: []string{f.Name}})
		c := newClient(t, s)
		refused := map[string]int{faultPlan: 28841002, faultQuota: 28841004, faultIP: 1114, faultRegion: 2007}
		if want, ok := refused[f.Name]; ok {
			if err := c.login(); err != nil {
				if !strings.Contains(err.Error(), fmt.Sprint(want)) {
					t.Errorf("%s: %v", f.Name, err)
				}
				continue
			}
			if got := c.code("access-auth", nil); got != want {
				t.Errorf("%s: code %d, want %d", f.Name, got, want)
			}
			continue
		}
		if f.Name == faultNoResult {
			if e, err := c.call("access-auth", nil); err != nil || !e.Success || e.Result != nil {
				t.Errorf("%s: %+v %v", f.Name, e, err)
			}
			continue
		}
		for range 4 {
			rows, whole := c.walk("access-auth", "access_auth_id", 50, some)
			if f.Name == faultEmpty && len(rows) > 0 || f.Name != faultEmpty && whole {
				t.Errorf("%s: %d rows, whole %v", f.Name, len(rows), whole)
			}
		}
	}
}

func TestBadCode(t *testing.T) {
	clock := noon()
	s := New(Options{Now: clock.now, Faults: []string{"bad-code"}})
	c := newClient(t, s)
	rows, whole := c.walk("access-auth", "access_auth_id", 200, nil)
	st := s.State()
	odd := func(p Permission) bool { return p.CardIssueStatus == 7 }
	n := 0
	for _, r := range rows {
		n += btoi(fmt.Sprint(r["card_issue_status"]) == "7")
	}
	if want := countOf(st.Permissions, odd); !whole || n != want || n == 0 {
		t.Errorf("%d odd codes, state has %d, whole %v", n, want, whole)
	}
}

// No request is hit more than twice in a row, and about every seventh is.
func TestPassingFaults(t *testing.T) {
	clock := noon()
	for _, name := range []string{faultThrottle, fault500, faultBusy, fault504, faultReset, faultTruncated} {
		s := New(Options{Site: "documented", Now: clock.now, Faults: []string{name}})
		c := newClient(t, s)
		for c.token == "" {
			if err := c.login(); err == nil {
				break
			}
		}
		hits, row := 0, 0
		const n = 400
		for i := range n {
			e, err := c.once("access-auth", args{"page": 1 + i%3})
			if err == nil && e.Success {
				row = 0
				continue
			}
			hits++
			if row++; row > 2*3 {
				t.Fatalf("%s: %d requests of three in a row were hit", name, row)
			}
		}
		if hits < n/14 || hits > n*2/3 {
			t.Errorf("%s: %d of %d requests were hit, want about every seventh", name, hits, n)
		}
	}
}

func TestFaultNames(t *testing.T) {
	s := New(Options{Site: "documented", Now: noon().now})
	c := newClient(t, s)
	if err := s.SetFaults("duplicate:list-auth-person", "empty-success:query-rules"); err != nil {
		t.Fatal(err)
	}
	if _, whole := c.walk("list-auth-person", "person_id", 50, nil); whole {
		t.Error("the fault is not where it was asked for")
	}
	if _, whole := c.walk("access-auth", "access_auth_id", 50, nil); !whole {
		t.Error("the fault is where it was not asked for")
	}
	if n := c.count("query-rules", nil); n != 0 {
		t.Errorf("%d rules, want none", n)
	}
	for _, bad := range []string{"nonsense", "500:nonsense"} {
		if err := s.SetFaults(bad); err == nil {
			t.Errorf("fault %q was taken", bad)
		}
	}
	if err := s.SetFaults(); err != nil {
		t.Fatal(err)
	}
	if n := c.count("query-rules", nil); n == 0 {
		t.Error("the fault is still on")
	}
	if err := (Options{Site: "x", Faults: []string{"y"}, Switches: Switches{ListKey: "z"}}).Validate(); err == nil || len(strings.Split(err.Error(), "\n")) != 3 {
		t.Errorf("Validate says %v, want three faults", err)
	}
}

// Over a real connection, resets and cut bodies are what they are called.
func TestFaultsOverHTTP(t *testing.T) {
	clock := noon()
	for _, name := range []string{faultReset, faultTruncated, fault504} {
		s := New(Options{Site: "documented", Now: clock.now})
		h := httptest.NewUnstartedServer(s)
		h.Config.ErrorLog = nil
		h.Start()
		defer h.Close()
		c := newClient(t, s)
		c.rt = &toServer{h}
		if err := c.login(); err != nil {
			t.Fatal(err)
		}
		if err := s.SetFaults(name); err != nil {
			t.Fatal(err)
		}
		seen := false
		for range 60 {
			_, err := c.once("access-auth", nil)
			switch name {
			case faultTruncated:
				seen = seen || errors.Is(err, io.ErrUnexpectedEOF)
			case fault504:
				seen = seen || err != nil && strings.Contains(err.Error(), "504")
			default:
				seen = seen || err != nil
			}
		}
		if !seen {
			t.Errorf("%s never showed", name)
		}
	}
}

// toServer sends requests to a test server whatever their host.
type toServer struct{ h *httptest.Server }

func (s *toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r.URL.Host = strings.TrimPrefix(s.h.URL, "http://")
	return s.h.Client().Transport.RoundTrip(r)
}

// formless undoes the faults that change the form of an answer: names become
// snake_case, numbers that came as strings numbers, unknown members go.
type formless struct{ rt http.RoundTripper }

func (f formless) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f.rt.RoundTrip(r)
	if err != nil || resp.StatusCode != 200 {
		return resp, err
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(string(b)), cutOff{}))
		return resp, nil
	}
	resp.Body = io.NopCloser(strings.NewReader(string(undo(b))))
	return resp, nil
}

func undo(b []byte) []byte {
	e, err := decode(b)
	if err != nil || !e.Success {
		return b
	}
	var x any
	if d := jsonNumbers(e.Result, &x); d != nil {
		return b
	}
	texts := map[string]bool{}
	for _, v := range []any{Permission{}, Task{}, Record{}, Person{}, Rule{}} {
		t := reflect.TypeOf(v)
		for f := range t.Fields() {
			if f.Type.Kind() == reflect.String && f.Type.Name() == "string" {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				texts[name] = true
			}
		}
	}
	out := appendJSON([]byte(`{"result":`), restore(x, texts))
	return append(out, fmt.Sprintf(`,"success":true,"t":%d,"tid":"%s"}`, e.T, e.TID)...)
}

func restore(x any, texts map[string]bool) any {
	switch x := x.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range x {
			k = snakeOf(strings.ReplaceAll(k, "VOList", "_vo_list"))
			if k == "gmt_modified" || k == "extension" {
				continue
			}
			if s, ok := v.(string); ok && !texts[k] && s != "" && strings.Trim(s, "0123456789") == "" && k != "access_token" && k != "refresh_token" {
				v = Scalar(s)
			}
			out[k] = restore(v, texts)
		}
		return out
	case []any:
		for i := range x {
			x[i] = restore(x[i], texts)
		}
	}
	return x
}

// Requests are counted by operation.
func TestRequests(t *testing.T) {
	s := New(Options{Site: "documented", Now: noon().now})
	c := newClient(t, s)
	c.ok("access-auth", nil)
	c.ok("access-auth", nil)
	c.send("GET", "/v1.0/nowhere", nil, nil)
	want := map[string]int64{"token": 1, "access-auth": 2, "unknown": 1}
	if got := s.Requests(); !maps.Equal(got, want) {
		t.Errorf("requests %v, want %v", got, want)
	}
}

// Clients side by side, as the pages of one walk are fetched, get through too:
// a token that dies under one of them does not die again before the others
// have a new one.
func TestFaultsInParallel(t *testing.T) {
	clock := noon()
	s := New(Options{Now: clock.now, Faults: []string{faultRevoke, faultExpire, faultThrottle, fault500, fault504, faultReset}})
	var wg sync.WaitGroup
	for n := range 6 {
		c := newClient(t, s)
		wg.Go(func() {
			for page := 1; page <= 60; page++ {
				e, err := c.call("access-auth", args{"page": page, "pageSize": 20 + n})
				if err != nil || !e.Success {
					t.Errorf("client %d, page %d: %v %v", n, page, e, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if s.tokens.n < 4 {
		t.Errorf("%d tokens were made: none died", s.tokens.n)
	}
}
