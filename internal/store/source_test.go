package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// value is a received value of a source.
func value(t *testing.T, s store.Source, column string) string {
	t.Helper()
	for _, v := range s.Values {
		if v.Column == column && v.Value != nil {
			return *v.Value
		}
	}
	return "NULL"
}

// TestSources follows rows of every resource, in both spellings of the API, to the
// member of the response that holds them.
func TestSources(t *testing.T) {
	st := storetest.Open(t)
	site := storetest.Site{Project: "p1", At: day(1), Rows: rows{
		"permissions": list(
			permissionRow("a1", "u1", "c1", `,"name":"Ann"`),
			`{"accessAuthId":"a2","personId":"u1","accessControlChannelId":"c2"}`,
			permissionRow("a3", "u2", "c2", "")),
		"persons":       list(`{"person_id":"u2"}`, `{"personId":"u1","name":"Ann"}`),
		"structures":    list(`{"structure_id":"s1"}`, `{"structureId":"s2"}`),
		"rules":         list(`{"auth_relation_id":"r1","relation_type":1,"relation_id":"g1"}`),
		"tasks":         list(`{"auth_task_id":"t1"}`, `{"auth_task_id":"t2"}`),
		"rule_channels": {"r1": {`{"relation_id":"c1"}`, `{"relationId":"c2"}`}},
		"task_details":  {"t2": {`{"auth_issue_certificate":1}`}},
		"records": {"t1": {`{"auth_task_record_id":"e1","person_id":"u1"}`,
			`{"authTaskRecordId":"e2"}`}},
		"issue_infos": {"e2": {`{"auth_task_record_id":"e2","card_issue_result":{"fail_issue_num":1},"faceIssueResult":{"failIssueNum":2}}`}},
		"details":     {"a3": {`{"name":"Bob"}`}},
	}}
	first := storetest.Publish(t, st, site)
	r := read(t, st, store.ReadOptions{})
	for _, test := range []struct {
		table  string
		where  map[string]string
		member string
		item   string // a part of it
	}{
		{"permissions", map[string]string{"access_auth_id": "a1"}, "result.list[0]", `"name":"Ann"`},
		{"permissions", map[string]string{"access_auth_id": "a2", "project_id": "p1"}, "result.list[1]",
			`"accessAuthId":"a2"`},
		{"permissions", map[string]string{"person_id": "u2", "access_control_channel_id": "c2"},
			"result.list[2]", `"a3"`},
		{"persons", map[string]string{"person_id": "u1"}, "result.list[1]", `"personId":"u1"`},
		{"structures", map[string]string{"structure_id": "s2"}, "result[1]", `"s2"`},
		{"rules", map[string]string{"auth_relation_id": "r1"}, "result.list[0]", `"g1"`},
		{"tasks", map[string]string{"auth_task_id": "t2"}, "result.list[1]", `"t2"`},
		{"rule_channels", map[string]string{"auth_relation_id": "r1", "relation_id": "c2"},
			"result.channel_list_vo_list[1]", `"relationId":"c2"`},
		{"task_details", map[string]string{"auth_task_id": "t2"}, "result", `"auth_issue_certificate":1`},
		{"records", map[string]string{"auth_task_record_id": "e2"}, "result.record_list_vo_list.list[1]",
			`"e2"`},
		{"issue_infos", map[string]string{"auth_task_record_id": "e2", "credential": "face"},
			"result.faceIssueResult", `{"failIssueNum":2}`},
		{"issue_infos", map[string]string{"auth_task_record_id": "e2", "credential": "card"},
			"result.card_issue_result", `{"fail_issue_num":1}`},
		{"details", map[string]string{"access_auth_id": "a3"}, "result", `"name":"Bob"`},
	} {
		found, n, err := r.Sources(t.Context(), test.table, test.where, 5)
		if err != nil || n != 1 || len(found) != 1 {
			t.Errorf("%s %v: %v, %d, %v", test.table, test.where, found, n, err)
			continue
		}
		s := found[0]
		for column, want := range test.where {
			if got := value(t, s, column); column != "project_id" && got != want {
				t.Errorf("%s %v: %s is %s", test.table, test.where, column, got)
			}
		}
		p, err := s.Page(st.Dir(), nil)
		if err != nil || p.Member != test.member || !strings.Contains(string(p.Item), test.item) ||
			!strings.Contains(string(p.Response), string(p.Item)) {
			t.Errorf("%s %v: member %s, %s, %v", test.table, test.where, p.Member, p.Item, err)
			continue
		}
		if other, err := r.Compare(t.Context(), s, p); err != nil || len(other) > 0 {
			t.Errorf("%s %v: the page says otherwise: %+v, %v", test.table, test.where, other, err)
		}
		sum := sha256.Sum256(p.Response)
		if p.Call == nil || p.Call.LandedSHA256 != hex.EncodeToString(sum[:]) || s.Landed != first ||
			p.Path != fmt.Sprintf("raw/%s/p1/%s.ndjson.zst", first, test.table) {
			t.Errorf("%s: %s line %d: %x, call %+v", test.table, p.Path, s.Line, sum, p.Call)
		}
	}
	if _, _, err := r.Sources(t.Context(), "permissions", map[string]string{"name": "Ann"},
		1); err == nil {
		t.Error("a permission was found by a name")
	}
	if _, _, err := r.Sources(t.Context(), "nothing", nil, 1); err == nil {
		t.Error("rows were found in no table")
	}
}

// TestCompare names what a page says otherwise than the snapshot's row.
func TestCompare(t *testing.T) {
	st := storetest.Open(t)
	row := func(name, end string) string {
		return permissionRow("a1", "u1", "c1", `,"name":`+name+`,"auth_end_time":`+end+`,"structure_ids":["s1"]`)
	}
	id := storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(1), Rows: rows{"permissions": list(row(`"Ann"`, "7"))}})
	r := read(t, st, store.ReadOptions{})
	found, _, err := r.Sources(t.Context(), "permissions", map[string]string{"access_auth_id": "a1"}, 1)
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	for _, test := range []struct{ row, want string }{
		{row(`"Ann"`, "7"), ""},
		{row(`"Ann"`, `"7"`), ""}, // a number may be a text
		{row(`"Anna"`, "7"), "name Ann Anna"},
		{row("null", "8"), "name Ann NULL, auth_end_time 7 8"},
		{strings.Replace(row(`"Ann"`, "7"), `["s1"]`, `["s1","s2"]`, 1), "structure_ids [s1] [s1, s2]"},
		{permissionRow("a2", "u1", "c1", ""), store.ErrNoRow.Error()},
	} {
		// The page of another store stands in the place of this one's.
		forged := storetest.Open(t)
		other := storetest.Publish(t, forged, storetest.Site{Project: "p1", At: day(1), Rows: rows{"permissions": list(test.row)}})
		if other != id {
			t.Fatalf("%s, not %s", other, id)
		}
		p, err := found[0].Page(forged.Dir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		differs, err := r.Compare(t.Context(), found[0], p)
		var got []string
		for _, d := range differs {
			text := func(v *string) string {
				if v == nil {
					return "NULL"
				}
				return *v
			}
			got = append(got, d.Column+" "+text(d.Row)+" "+text(d.Page))
		}
		if err != nil {
			got = append(got, err.Error())
		}
		slices.Sort(got)
		slices.Reverse(got)
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %q, want %q", test.row, got, test.want)
		}
	}
}

// TestSourcesInHistory finds the version that stood as of a snapshot, the last one
// of what has gone, and counts what there are more of.
func TestSourcesInHistory(t *testing.T) {
	st := storetest.Open(t)
	at := func(n int, more ...string) string {
		return storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(n),
			Rows: rows{"permissions": list(more...)}})
	}
	first := at(1, permissionRow("a1", "u1", "c1", `,"name":"Ann"`), permissionRow("a2", "u1", "c1",
		""), permissionRow("a3", "u1", "c1", ""))
	second := at(2, permissionRow("a1", "u1", "c1", `,"name":"Anna"`), permissionRow("a3", "u1", "c1",
		""))
	third := at(3, permissionRow("a3", "u1", "c1", ""))
	one := func(snapshot, id string) store.Source {
		found, _, err := read(t, st, store.ReadOptions{Snapshot: snapshot}).Sources(t.Context(),
			"permissions", map[string]string{"access_auth_id": id}, 3)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s as of %s: %v, %v", id, snapshot, found, err)
		}
		return found[0]
	}
	for _, test := range []struct{ snapshot, id, name, first, closed, landed string }{
		{first, "a1", "Ann", first, "", first},
		{second, "a1", "Anna", second, "", second},
		{third, "a1", "Anna", second, third, second}, // it has gone
		{third, "a2", "NULL", first, second, first},
		{third, "a3", "NULL", first, "", first}, // the page that opened it
	} {
		s := one(test.snapshot, test.id)
		if s.First != test.first || s.Landed != test.landed || value(t, s, "name") != test.name ||
			s.Closed != test.closed {
			t.Errorf("%s as of %s: %+v", test.id, test.snapshot, s)
		}
	}
	for snapshot, want := range map[string]int64{first: 3, second: 2, third: 1} {
		found, n, err := read(t, st, store.ReadOptions{Snapshot: snapshot}).Sources(t.Context(),
			"permissions", map[string]string{"access_control_channel_id": "c1"}, 2)
		if err != nil || n != want || len(found) != int(min(want, 2)) {
			t.Errorf("as of %s there are %d, %v; want %d", snapshot, n, err, want)
		}
	}
	s := one(third, "a3")
	if err := os.Remove(filepath.Join(st.Dir(), "raw", first, "p1",
		"permissions.ndjson.zst")); err != nil {
		t.Fatal(err)
	}
	if p, err := s.Page(st.Dir(), nil); !errors.Is(err, fs.ErrNotExist) || p.Path == "" {
		t.Errorf("a page that has gone: %+v, %v", p, err)
	}
	s.Landed = "../x"
	if _, err := s.Page(st.Dir(), nil); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a page elsewhere: %v", err)
	}
}
