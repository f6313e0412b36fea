package sandbox

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The signatures printed in the signature's own documents and those
// recomputed from them.
func TestSignatureVectors(t *testing.T) {
	const (
		post  = `{"projectId":"1424615984265764","page":1,"pageSize":50}`
		get   = `{"authTaskRecordId":"157","projectId":"142"}`
		about = "area_id:call_id"
	)
	g := signer{"1KAD46OrT9HafiKdsXeg", "4OHBOnWOqaEC1mWXOpVL3yV50s0qGSRC"}
	for _, tc := range []struct {
		name, method, url, body, token, nonce, headers, want string
		v1                                                   bool
	}{
		{name: "v1 token", url: "/v1.0/token", v1: true, want: "CEAAFB5CCDC2F723A9FD3E91D3D2238EE0DD9A6D7C3C365DEB50FC2AF277AA83"},
		{name: "v1 business", url: "/", v1: true, token: "x", want: "36C30E300F226B68ADD014DD1EF56A81EDB7B7A817840485769B9D6C96D0FAA1"},
		{name: "token with headers", url: "/v1.0/token?grant_type=1", nonce: "x", headers: about, want: "9E48A3E93B302EEECC803C7241985D0A34EB944F40FB573C7B5C2A82158AF13E"},
		{name: "business with headers", url: "/v2.0/apps/schema/users?page_no=1&page_size=50", token: "x", nonce: "x", headers: about, want: "AE4481C692AA80B25F3A7E12C3A5FD9BBF6251539DD78E565A1A72A508A88784"},
		{name: "token", url: "/v1.0/token?grant_type=1", want: "7BA26C076E5ECB1E959BE274A0FFB397B2B1865FC7BCED8F1C78AC5653C20CAA"},
		{name: "post", method: "POST", url: base + "access-auth", body: post, token: "x", want: "3771E435FE50818C13881F8B6B0ABCF948FE17B64C0380222588EF2C5AD3F1D8"},
		{name: "get by query", url: base + "access-auth-task/actions/issue-info?projectId=142&authTaskRecordId=157", token: "x", want: "14AE0394F1B42468CFE33A55D40CB85763D114DC66A5FB12BECAFC3128B0B0DC"},
		{name: "decoded query", url: base + "access-auth-rules/actions/list-auth-person?name=" + url.QueryEscape("张 三") + "&page=1&pageSize=20&projectId=142", token: "x", want: "1BEB90C5BF9C54EBBB9878D0B4B9AF2FBCED34181195E2E94FE01F9A1EBF301B"},
		{name: "get by body", url: base + "access-auth-task/actions/issue-info", body: get, token: "x", want: "1BD2C2E8AEF8402B2250D91AB2E171DEC357175DA0B6696656E001A33CC4586A"},
	} {
		method := "GET"
		if tc.method != "" {
			method = tc.method
		}
		r := httptest.NewRequest(method, tc.url, strings.NewReader(tc.body))
		r.Header.Set("t", "1588925778000")
		r.Header.Set("area_id", "29a33e8796834b1efa6")
		r.Header.Set("call_id", "8afdb70ab2ed11eb85290242ac130003")
		if tc.nonce != "" {
			r.Header.Set("nonce", "5138cc3a9033d69856923fd07b491173")
		}
		if tc.headers != "" {
			r.Header.Set("Signature-Headers", tc.headers)
		}
		token := ""
		if tc.token != "" {
			token = "3f4eda2bdec17232f67c0b188af3eec1"
		}
		got := g.sign(r, []byte(tc.body), token)
		if tc.v1 {
			got = g.signV1(r, token)
		}
		if got != tc.want {
			t.Errorf("%s: sign is %s, want %s", tc.name, got, tc.want)
		}
	}
}

// Each request is wrong in one way more than the next: the answer names the
// first check that it fails.
func TestCheckOrder(t *testing.T) {
	clock := noon()
	s := New(Options{Site: "documented", Now: clock.now})
	c := newClient(t, s)
	if err := c.login(); err != nil {
		t.Fatal(err)
	}
	set := func(name, v string) func(*http.Request) {
		return func(r *http.Request) {
			delete(r.Header, name)
			if v != "" {
				r.Header[name] = []string{v}
			}
		}
	}
	wrong := []struct {
		name string
		code int
		edge bool
		do   func(c *client, a args) (fault string, path string)
	}{
		{"data centre", 2007, true, func(*client, args) (string, string) { return "wrong-region", "" }},
		{"address", 1114, true, func(*client, args) (string, string) { return "ip-denied", "" }},
		{"headers", 1105, true, func(c *client, _ args) (string, string) { chain(c, set("sign_method", "")); return "", "" }},
		{"time", 1013, true, func(c *client, _ args) (string, string) { chain(c, set("t", "1588925778000")); return "", "" }},
		{"client", 1005, false, func(c *client, _ args) (string, string) { chain(c, set("client_id", "other")); return "", "" }},
		{"signature", 1004, true, func(c *client, _ args) (string, string) { chain(c, set("sign", "00")); return "", "" }},
		{"token", 1010, false, func(c *client, _ args) (string, string) { c.token = strings.Repeat("0", 32); return "", "" }},
		{"plan", 28841002, false, func(*client, args) (string, string) { return "plan-expired", "" }},
		{"path", 1108, false, func(*client, args) (string, string) { return "", base + "access-auths" }},
		{"parameters", 1109, false, func(_ *client, a args) (string, string) { a["page"] = 0; return "", "" }},
		{"project", 1106, false, func(_ *client, a args) (string, string) { a["projectId"] = "1424615984265764999"; return "", "" }},
	}
	for first := range wrong {
		broken := *c
		a := args{"projectId": c.project, "page": 1}
		path := base + "access-auth"
		var faults []string
		for _, w := range wrong[first:] {
			f, p := w.do(&broken, a)
			if f != "" {
				faults = append(faults, f)
			}
			if p != "" {
				path = p
			}
		}
		if err := s.SetFaults(faults...); err != nil {
			t.Fatal(err)
		}
		got, err := broken.send("POST", path, nil, appendJSON(nil, a))
		if err != nil {
			t.Fatal(err)
		}
		e, err := decode(got.body)
		if err != nil {
			t.Fatalf("%s: %s: %v", wrong[first].name, got.body, err)
		}
		if e.code() != wrong[first].code || e.Success || got.status != 200 || e.Result != nil || (e.TID == "") != wrong[first].edge {
			t.Errorf("%s: answer %d %s, want code %d", wrong[first].name, got.status, got.body, wrong[first].code)
		}
	}
}

func chain(c *client, edit func(*http.Request)) {
	old := c.edit
	c.edit = func(r *http.Request) {
		if old != nil {
			old(r)
		}
		edit(r)
	}
}

func TestClockSkew(t *testing.T) {
	clock := noon()
	for _, tc := range []struct {
		off  time.Duration
		want int
	}{{0, 0}, {299 * time.Second, 0}, {-299 * time.Second, 0}, {301 * time.Second, 1013}, {-301 * time.Second, 1013}} {
		c := newClient(t, New(Options{Site: "documented", Now: clock.now}))
		c.shift(tc.off)
		a, err := c.send("GET", "/v1.0/token", url.Values{"grant_type": {"1"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := decode(a.body)
		if err != nil || e.code() != tc.want || e.T != clock.at.UnixMilli() {
			t.Errorf("off by %v: %s, want code %d and the server's t", tc.off, a.body, tc.want)
		}
	}
}

// A token is the same until it dies, its life counts down, refreshing
// replaces it and kills the old one.
func TestTokens(t *testing.T) {
	clock := noon()
	s := New(Options{Site: "documented", Now: clock.now})
	c := newClient(t, s)
	type tok struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Expire  int    `json:"expire_time"`
		UID     string `json:"uid"`
	}
	take := func(path string, q url.Values) (tok, int) {
		t.Helper()
		a, err := c.send("GET", path, q, nil)
		if err != nil {
			t.Fatal(err)
		}
		e, err := decode(a.body)
		if err != nil {
			t.Fatal(err)
		}
		var k tok
		if e.Success {
			unmarshal(t, e.Result, &k)
		}
		return k, e.code()
	}
	simple := url.Values{"grant_type": {"1"}}
	first, _ := take("/v1.0/token", simple)
	if len(first.Access) != 32 || len(first.Refresh) != 32 || first.Expire != 7200 || !strings.HasPrefix(first.UID, "bay") {
		t.Errorf("token %+v", first)
	}
	clock.forward(991 * time.Second)
	again, _ := take("/v1.0/token", simple)
	if again.Access != first.Access || again.Expire != 6209 {
		t.Errorf("again %+v, want the same with 6209 s left", again)
	}
	if _, code := take("/v1.0/token", url.Values{"grant_type": {"2"}}); code != 1003 {
		t.Errorf("grant_type 2: code %d, want 1003", code)
	}
	fresh, _ := take("/v1.0/token/"+first.Refresh, nil)
	if fresh.Access == first.Access || fresh.Expire != 7200 {
		t.Errorf("refreshed %+v", fresh)
	}
	if _, code := take("/v1.0/token/"+first.Refresh, nil); code != 1107 {
		t.Errorf("the old refresh token: code %d, want 1107", code)
	}
	for _, tc := range []struct {
		token string
		after time.Duration
		want  int
	}{{first.Access, 0, 1010}, {"", 0, 1002}, {fresh.Access, 0, 0}, {fresh.Access, 2 * time.Hour, 1010}} {
		clock.forward(tc.after)
		c.token = tc.token
		e, err := c.once("match-auth-structure", nil)
		if err != nil || e.code() != tc.want {
			t.Errorf("token %.4s after %v: %v %v, want code %d", tc.token, tc.after, e, err, tc.want)
		}
	}
}

// Envelope: alphabetical members, no code and msg on success, a tid that is a
// UUID of version 1 made just before t.
func TestEnvelope(t *testing.T) {
	clock := noon()
	c := newClient(t, New(Options{Site: "documented", Now: clock.now}))
	if err := c.login(); err != nil {
		t.Fatal(err)
	}
	a, err := c.send("POST", base+"access-auth", nil, []byte(`{"projectId":"`+c.project+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	shape := regexp.MustCompile(`^\{"result":\{"list":\[.*\],"total":7\},"success":true,"t":(\d{13}),"tid":"([0-9a-f]{32})"\}$`)
	m := shape.FindSubmatch(a.body)
	if m == nil {
		t.Fatalf("envelope %s", a.body)
	}
	u, _ := hex.DecodeString(string(m[2]))
	ticks := int64(u[6]&0xf)<<56 | int64(u[7])<<48 | int64(u[4])<<40 | int64(u[5])<<32 | int64(u[0])<<24 | int64(u[1])<<16 | int64(u[2])<<8 | int64(u[3])
	ms, _ := strconv.ParseInt(string(m[1]), 10, 64)
	if before := ms - (ticks-0x01B21DD213814000)/10000; u[6]>>4 != 1 || before < 0 || before > 1000 {
		t.Errorf("tid %s dates %d ms before t", m[2], before)
	}
	var keys []string
	for _, k := range regexp.MustCompile(`"(\w+)":`).FindAllSubmatch(a.body[bytes.Index(a.body, []byte("[{")):bytes.Index(a.body, []byte("},{"))], -1) {
		keys = append(keys, string(k[1]))
	}
	for i := 1; i < len(keys); i++ {
		if keys[i-1] >= keys[i] {
			t.Errorf("%s stands before %s", keys[i-1], keys[i])
		}
	}
}

// GET parameters travel in the body, in the query, and there in both cases,
// unless a switch insists on one.
func TestGetParameters(t *testing.T) {
	for _, mode := range []string{"", "body", "query", "snake-query"} {
		for _, way := range []string{"", "query", "snake-query"} {
			clock := noon()
			s := New(Options{Site: "documented", Now: clock.now, Switches: Switches{GetParams: mode}})
			c := newClient(t, s)
			c.query = way
			name := way
			if way == "" {
				name = "body"
			}
			got := c.code("list-auth-person", args{"name": "Test 11", "page": 1, "pageSize": 20})
			want := 1100
			if mode == "" || mode == name {
				want = 0
			}
			if got != want {
				t.Errorf("mode %q, sent by %s: code %d, want %d", mode, name, got, want)
			}
		}
	}
}

func TestParameterChecks(t *testing.T) {
	clock := noon()
	s := New(Options{Site: "documented", Now: clock.now})
	c := newClient(t, s)
	hall := s.State().Channels[0].RelationID
	for _, tc := range []struct {
		op   string
		a    args
		want int
	}{
		{"access-auth", args{"page": 0}, 1109},
		{"access-auth", args{"page": -1}, 1109},
		{"access-auth", args{"pageSize": 201}, 1101},
		{"access-auth", args{"pageSize": 0}, 1101},
		{"access-auth", args{"pageSize": 200}, 0},
		{"access-auth", args{"page": "1", "pageSize": "50"}, 0},
		{"access-auth", args{"page": "one"}, 1104},
		{"access-auth", args{"page": 1.5}, 1104},
		{"access-auth", args{"page": 1 << 40}, 1104},
		{"access-auth", args{"page": 999999}, 0},
		{"access-auth", args{"channelIds": "1551450935983616001"}, 0},
		{"access-auth", args{"channelIds": map[string]int{}}, 1104},
		{"access-auth", args{"authDateType": 60}, 1109},
		{"access-auth", args{"cardIssueStatus": 2}, 1109},
		{"access-auth", args{"projectId": nil}, 1102},
		{"access-auth", args{"projectId": ""}, 1100},
		{"access-auth", args{"projectId": "1"}, 1106},
		{"access-auth", args{"unheardOf": 1}, 0},
		{"query-rules", args{"page": 1}, 1100},
		{"query-rules", args{"page": 1, "pageSize": 20}, 0},
		{"access-auth/detail", args{}, 1100},
		{"access-auth/detail", args{"accessAuthId": "1"}, 1000},
		{"access-auth-task/{authTaskId}", args{"authTaskId": "1"}, 1000},
		{"access-auth-task/records", args{"authTaskId": "1"}, 1000},
		{"access-auth-task/actions/issue-info", args{"authTaskRecordId": "1"}, 1000},
		{"list-auth-structure", args{"structureId": "1"}, 1000},
		{"channel-detail", args{"authRelationId": "1", "page": 1, "pageSize": 20}, 1000},
		{"channel-detail", args{"page": 1, "pageSize": 20}, 0},
		{"add-rules", args{"authSourceType": "4", "channelIds": []string{hall}}, 1109},
		{"add-rules", args{"authSourceType": "1", "channelIds": []string{}}, 1100},
		{"add-rules", args{"authSourceType": "1", "channelIds": []string{"1"}}, 1000},
		{"add-rules", args{"authSourceType": "1", "authIds": []string{"1"}, "channelIds": []string{hall}}, 1000},
		{"add-rules", args{"authSourceType": "1", "channelIds": []string{hall}, "authStartTime": 5, "authEndTime": 4}, 1101},
		{"access-auth-issue/actions/full", args{"authIssueCertificate": 5, "channelIds": []string{hall}}, 1109},
		{"access-auth-issue/actions/full", args{"authIssueCertificate": 1, "channelIds": []string{}}, 1100},
		{"access-auth-issue/actions/full", args{"authIssueCertificate": 1, "channelIds": []string{"1"}}, 1000},
		{"generate-auth", args{"authSourceType": "1", "authId": "1"}, 1000},
		{"delete-by-source", args{"authSourceType": "1", "authId": "1"}, 1000},
		{"delete-by-channels", args{"authId": "1"}, 1000},
		{"edit-by-channels", args{"authId": "1466612511766855001", "authRelationIds": []string{"1"}}, 1000},
	} {
		if got := c.code(tc.op, tc.a); got != tc.want {
			t.Errorf("%s %v: code %d, want %d", tc.op, tc.a, got, tc.want)
		}
	}
	for _, body := range []string{"", "[]", "{", `"x"`} {
		a, err := c.send("POST", base+"access-auth", nil, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if e, err := decode(a.body); err != nil || e.Success {
			t.Errorf("body %q: %s", body, a.body)
		}
	}
	c.edit = func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }
	if got := c.code("access-auth", nil); got != 1006 {
		t.Errorf("text/plain: code %d, want 1006", got)
	}
}
