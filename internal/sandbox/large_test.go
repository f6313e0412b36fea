package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"testing"
)

// Rows written fast are the rows of the state, under both spellings of the
// channel's number.
func TestLargeRows(t *testing.T) {
	clock := noon()
	for _, w := range []Switches{{}, {ChannelNoString: true}} {
		s := New(Options{Site: "large", Persons: 500, Channels: 30, Tasks: 40, Now: clock.now, Switches: w, Large: Large{Generation: 250}})
		l := s.site.(*large)
		for i := range l.size() {
			if got, want := l.appendPermission(nil, i), appendJSON(nil, l.row(i)); !bytes.Equal(got, want) {
				t.Fatalf("row %d is\n%s, want\n%s", i, got, want)
			}
		}
	}
}

// What a walk over every operation gives is the state, and it hangs together.
func TestLargeIsConsistent(t *testing.T) {
	clock := noon()
	s := New(Options{Site: "large", Persons: 300, Channels: 25, Tasks: 30, Now: clock.now, Large: Large{PerPerson: 7, PerTask: 12}})
	c := newClient(t, s)
	f := factsOf(s.State())
	same := func(op, id string, a args, want any) {
		t.Helper()
		rows, whole := c.walk(op, id, 100, a)
		var wantRows []map[string]any
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.UseNumber()
		if err := d.Decode(&wantRows); err != nil {
			t.Fatal(err)
		}
		if !whole || !reflect.DeepEqual(rows, wantRows) {
			t.Errorf("%s: %d rows, whole %v, want the state's %d", op, len(rows), whole, len(wantRows))
		}
	}
	same("access-auth", "access_auth_id", nil, f.Permissions)
	same("list-auth-person", "person_id", nil, f.Persons)
	same("query-rules", "auth_relation_id", nil, f.Rules)
	same("access-auth-task", "auth_task_id", nil, f.Tasks)
	same("access-auth-task/records", "auth_task_record_id", args{"authTaskId": f.Tasks[3].AuthTaskID}, f.State.Records[f.Tasks[3].AuthTaskID])
	same("channel-detail", "relation_id", args{"authRelationId": f.Rules[9].AuthRelationID}, f.RuleChannels[f.Rules[9].AuthRelationID])
	for _, p := range f.Permissions {
		if len(f.rulesOf(p)) != 1 {
			t.Fatalf("permission %s has %d rules, want 1", p.AccessAuthID, len(f.rulesOf(p)))
		}
	}
	one := f.Permissions[77]
	if got, want := c.count("access-auth", args{"channelIds": []string{one.AccessControlChannelID}}), len(f.byDoor[one.AccessControlChannelID]); got != want {
		t.Errorf("%d permissions on a channel, want %d", got, want)
	}
	var d PermissionDetail
	unmarshal(t, c.ok("access-auth/detail", args{"accessAuthId": one.AccessAuthID}), &d)
	if d.PersonID != one.PersonID || d.AuthSource != "3" || len(d.StructureNames) != 1 {
		t.Errorf("detail %+v", d)
	}
	failed := 0
	for _, task := range f.Tasks {
		for _, r := range f.State.Records[task.AuthTaskID] {
			var i IssueInfo
			unmarshal(t, c.ok("access-auth-task/actions/issue-info", args{"authTaskRecordId": r.AuthTaskRecordID}), &i)
			if i.failed() != (r.IssueStatus == 3) {
				t.Errorf("record %+v with %+v", r, i)
			}
			failed += btoi(r.IssueStatus == 3)
		}
	}
	if failed == 0 {
		t.Error("no record failed")
	}
	for op, a := range map[string]args{
		"add-rules":                      {"authSourceType": "2", "channelIds": []string{one.AccessControlChannelID}},
		"access-auth-issue/actions/full": {"authIssueCertificate": 1, "channelIds": []string{one.AccessControlChannelID}},
		"generate-auth":                  {"authSourceType": "2", "authId": one.PersonID},
		"delete-by-source":               {"authSourceType": "2", "authId": one.PersonID},
		"edit-by-channels":               {"authId": one.PersonID},
		"delete-by-channels":             {"authId": one.PersonID},
	} {
		if got := c.code(op, a); got != 1106 {
			t.Errorf("%s: code %d, want 1106: it is read-only", op, got)
		}
	}
}

// From one generation to the next the share of permissions asked for changes;
// some of them come again under another id. The clock changes nothing.
func TestLargeChurn(t *testing.T) {
	clock := noon()
	s := New(Options{Site: "large", Persons: 2000, Channels: 40, Now: clock.now, Large: Large{Churn: 0.02}})
	byID := func() map[string]Permission {
		out := map[string]Permission{}
		for _, p := range s.State().Permissions {
			out[p.AccessAuthID] = p
		}
		return out
	}
	old := byID()
	clock.forward(50 * 24 * 3600e9)
	if !reflect.DeepEqual(old, byID()) {
		t.Error("the clock changes rows")
	}
	for g := 1; g <= 3; g++ {
		s.SetGeneration(g * 100)
		old = byID()
		s.SetGeneration(g*100 + 1)
		next := byID()
		changed, again := 0, 0
		for id, p := range old {
			q, ok := next[id]
			changed += btoi(!ok || !reflect.DeepEqual(p, q))
			again += btoi(!ok)
		}
		if len(next) != len(old) || changed < len(old)/70 || changed > len(old)/35 || again == 0 || again > changed/4 {
			t.Errorf("generation %d: %d of %d changed, %d under another id", g, changed, len(old), again)
		}
	}
}

// Prepared pages are the pages.
func TestPrepare(t *testing.T) {
	clock := noon()
	s := New(Options{Site: "large", Persons: 230, Channels: 20, Now: clock.now})
	c := newClient(t, s)
	want, _ := c.walk("access-auth", "access_auth_id", 100, nil)
	if err := s.Prepare("access-auth", 100); err != nil {
		t.Fatal(err)
	}
	if n := len(s.ready.pages); n != 23 {
		t.Errorf("%d pages prepared, want 23", n)
	}
	got, whole := c.walk("access-auth", "access_auth_id", 100, nil)
	if !whole || !reflect.DeepEqual(got, want) {
		t.Error("prepared pages differ")
	}
	if n := c.count("access-auth", args{"personCode": "0000007"}); n != 10 {
		t.Errorf("a filter gives %d rows, want 10", n)
	}
	s.SetGeneration(90)
	if got, _ = c.walk("access-auth", "access_auth_id", 100, nil); reflect.DeepEqual(got, want) {
		t.Error("prepared pages outlive their generation")
	}
	if err := New(Options{Site: "documented", Now: clock.now}).Prepare("access-auth", 100); err == nil {
		t.Error("pages of a site that changes were prepared")
	}
}

// Three million permissions take next to no memory.
func TestLargeMemory(t *testing.T) {
	clock := noon()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := New(Options{Site: "large", Persons: 100_000, Channels: 200, Now: clock.now, Large: Large{PerPerson: 30}})
	c := newClient(t, s)
	for _, n := range []int{1, 77, 14_000, 15_000} {
		p := pageOf(t, c.ok("access-auth", args{"page": n, "pageSize": 200}))
		if p.Total != MaxPermissions || len(p.Rows) != 200 {
			t.Errorf("page %d: %d rows of %d", n, len(p.Rows), p.Total)
		}
	}
	if n := c.count("access-auth", args{"structureId": s.site.structures()[3].StructureID}); n != MaxPermissions/largeStructures {
		t.Errorf("%d permissions of an organization", n)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc); used > 50<<20 {
		t.Errorf("%d MB are held", used>>20)
	}
	runtime.KeepAlive(s)
	for _, o := range []Options{
		{Site: "large", Persons: 1_000_000, Channels: 10},
		{Site: "large", Large: Large{PerPerson: 30, Channels: 10}},
		{Site: "large", Tasks: 5_000_000},
		{Site: "large", Large: Large{Churn: 2}},
	} {
		if err := o.Validate(); err == nil {
			t.Errorf("%+v was taken", o.Large)
		}
	}
}

func BenchmarkLargePages(b *testing.B) {
	clock := noon()
	s := New(Options{Site: "large", Persons: 100_000, Channels: 200, Now: clock.now, Large: Large{PerPerson: 30, Generation: 30}})
	l := s.site.(*large)
	c := &call{s: s, op: operationNamed("access-auth"), pg: paging{1, 100}}
	n := 0
	for b.Loop() {
		c.pg.page = c.pg.page%30_000 + 1
		n += len(c.listReply(l.permissions(0, nil)).result)
	}
	b.SetBytes(int64(n / b.N))
}

func ExampleServer_Credentials() {
	s := New(Options{Site: "documented"})
	_, _, project := s.Credentials()
	fmt.Println(project)
	// Output: 1424615984265764001
}
