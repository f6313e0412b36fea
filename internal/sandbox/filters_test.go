package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// count returns how many rows of a list there are, with some parameters.
func (c *client) count(op string, a args) int {
	c.t.Helper()
	full := args{"page": 1, "pageSize": 1}
	maps.Copy(full, a)
	return pageOf(c.t, c.ok(op, full)).Total
}

func countOf[T any](rows []T, keep func(T) bool) int {
	n := 0
	for _, r := range rows {
		if keep(r) {
			n++
		}
	}
	return n
}

func has(s, part string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(part)) }

// Each filter of access-auth keeps what a count over the state keeps.
func TestPermissionFilters(t *testing.T) {
	clock := noon()
	s := New(Options{Now: clock.now})
	c := newClient(t, s)
	st := s.State()
	at := clock.at.UnixMilli()
	one := st.Permissions[1234]
	two := []string{one.AccessControlChannelID, st.Channels[0].RelationID}
	within := func(days int64) func(Permission) bool {
		return func(p Permission) bool { return p.AuthEndTime > at && p.AuthEndTime < at+days*dayMS }
	}
	for _, tc := range []struct {
		a    args
		keep func(Permission) bool
	}{
		{args{}, func(Permission) bool { return true }},
		{args{"name": "anna"}, func(p Permission) bool { return has(p.Name, "anna") }},
		{args{"name": "王"}, func(p Permission) bool { return has(p.Name, "王") }},
		{args{"sex": 2}, func(p Permission) bool { return p.Sex == "2" }},
		{args{"mobile": one.Mobile}, func(p Permission) bool { return p.Mobile == one.Mobile }},
		{args{"structureId": one.StructureIDs[0]}, func(p Permission) bool { return slices.Contains(p.StructureIDs, one.StructureIDs[0]) }},
		{args{"personCode": one.PersonCode}, func(p Permission) bool { return p.PersonCode == one.PersonCode }},
		{args{"authDateType": 0}, func(p Permission) bool { return p.AuthEndTime == Permanent }},
		{args{"authDateType": -1}, func(p Permission) bool { return p.AuthEndTime <= at }},
		{args{"authDateType": 7}, within(7)},
		{args{"authDateType": 15}, within(15)},
		{args{"authDateType": 30}, within(30)},
		{args{"accessControlChannelName": "north door"}, func(p Permission) bool { return p.AccessControlChannelName == "North Door" }},
		{args{"accessChannelRoomId": one.AccessChannelRoomID}, func(p Permission) bool { return p.AccessChannelRoomID == one.AccessChannelRoomID }},
		{args{"businessDeviceName": "Lobby"}, func(p Permission) bool { return has(p.BusinessDeviceName, "lobby") }},
		{args{"authStartTime": at - 100*dayMS}, func(p Permission) bool { return p.AuthStartTime >= at-100*dayMS }},
		{args{"authEndTime": at + 100*dayMS}, func(p Permission) bool { return p.AuthEndTime <= at+100*dayMS }},
		{args{"cardIssueStatus": 0}, func(p Permission) bool { return p.CardIssueStatus == 0 }},
		{args{"faceIssueStatus": 1}, func(p Permission) bool { return p.FaceIssueStatus == 1 }},
		{args{"fingerprintIssueStatus": 1}, func(p Permission) bool { return p.FingerprintIssueStatus == 1 }},
		{args{"channelIds": two}, func(p Permission) bool { return slices.Contains(two, p.AccessControlChannelID) }},
		{args{"channelIds": two, "cardIssueStatus": 1, "authDateType": 0}, func(p Permission) bool {
			return slices.Contains(two, p.AccessControlChannelID) && p.CardIssueStatus == 1 && p.AuthEndTime == Permanent
		}},
	} {
		want := countOf(st.Permissions, tc.keep)
		if got := c.count("access-auth", tc.a); got != want || want == 0 {
			t.Errorf("%v: %d rows, want %d and some", tc.a, got, want)
		}
	}
	if rows, whole := c.walk("access-auth", "access_auth_id", 200, nil); !whole || len(rows) != len(st.Permissions) {
		t.Errorf("the walk gave %d rows, want %d", len(rows), len(st.Permissions))
	}
}

func TestTaskFilters(t *testing.T) {
	clock := noon()
	s := New(Options{Now: clock.now})
	c := newClient(t, s)
	st := s.State()
	at := clock.at.UnixMilli()
	one := st.Tasks[100]
	finish := func(t Task) int64 {
		if t.TaskFinishTime == nil {
			return 0
		}
		var n int64
		fmt.Sscan(t.TaskFinishTime.String(), &n)
		return n
	}
	for _, tc := range []struct {
		a    args
		keep func(Task) bool
	}{
		{args{}, func(Task) bool { return true }},
		{args{"issueType": 1}, func(t Task) bool { return t.AuthTaskProgress < 3 }},
		{args{"issueType": 2}, func(t Task) bool { return t.AuthTaskProgress >= 3 }},
		{args{"taskStartStartTime": at - 9*dayMS}, func(t Task) bool { return t.TaskStartTime >= at-9*dayMS }},
		{args{"taskStartEndTime": at - 9*dayMS}, func(t Task) bool { return t.TaskStartTime <= at-9*dayMS }},
		{args{"taskFinishStartTime": at - 9*dayMS}, func(t Task) bool { return finish(t) >= at-9*dayMS }},
		{args{"taskFinishEndTime": at - 9*dayMS}, func(t Task) bool { return finish(t) > 0 && finish(t) <= at-9*dayMS }},
		{args{"accessControlChannelName": "loading"}, func(t Task) bool { return has(t.AccessControlChannelName, "loading") }},
		{args{"accessChannelPositionPath": "B1"}, func(t Task) bool { return has(t.AccessChannelPositionPath, "B1") }},
		{args{"businessDeviceName": one.BusinessDeviceName}, func(t Task) bool { return t.BusinessDeviceName == one.BusinessDeviceName }},
		{args{"authNumType": -1}, func(Task) bool { return true }},
		{args{"authNumType": 0}, func(t Task) bool { return t.AuthNum == 0 }},
		{args{"authNumType": 1}, func(t Task) bool { return t.AuthNum > 0 }},
		{args{"authIssueType": 1}, func(t Task) bool { return t.AuthIssueType == 1 }},
		{args{"authIssueCertificate": 3}, func(t Task) bool { return st.TaskDetails[t.AuthTaskID].AuthIssueCertificate == 3 }},
		// The filter's 1 is the response's 4, and so on: A472-475, A514.
		{args{"authTaskProgress": 0}, func(t Task) bool { return t.AuthTaskProgress == 0 }},
		{args{"authTaskProgress": 1}, func(t Task) bool { return t.AuthTaskProgress == 4 }},
		{args{"authTaskProgress": 2}, func(t Task) bool { return t.AuthTaskProgress == 3 }},
		{args{"authTaskProgress": 3}, func(t Task) bool { return t.AuthTaskProgress == 2 }},
		{args{"authTaskStatus": 1}, func(t Task) bool { return t.AuthTaskStatus == 2 }},
		{args{"authTaskStatus": 2}, func(t Task) bool { return t.AuthTaskStatus == 1 }},
		{args{"authTaskStatus": 3}, func(t Task) bool { return t.AuthTaskStatus == 3 }},
		{args{"authTaskStatus": 4}, func(t Task) bool { return t.AuthTaskStatus == 4 }},
	} {
		want := countOf(st.Tasks, tc.keep)
		if got := c.count("access-auth-task", tc.a); got != want || want == 0 {
			t.Errorf("%v: %d rows, want %d and some", tc.a, got, want)
		}
	}
}

func TestRecordPersonAndRuleFilters(t *testing.T) {
	clock := noon()
	s := New(Options{Now: clock.now})
	c := newClient(t, s)
	st := s.State()
	var task string
	for id, rows := range st.Records {
		if len(rows) > len(st.Records[task]) || len(rows) == len(st.Records[task]) && id < task {
			task = id
		}
	}
	rows := st.Records[task]
	one := rows[len(rows)/2]
	for _, tc := range []struct {
		a    args
		keep func(Record) bool
	}{
		{args{}, func(Record) bool { return true }},
		{args{"name": one.Name}, func(r Record) bool { return has(r.Name, one.Name) }},
		{args{"mobile": one.Mobile}, func(r Record) bool { return has(r.Mobile, one.Mobile) }},
		{args{"structureName": one.StructureName}, func(r Record) bool { return r.StructureName == one.StructureName }},
		{args{"issueStatus": one.IssueStatus}, func(r Record) bool { return r.IssueStatus == one.IssueStatus }},
	} {
		tc.a["authTaskId"] = task
		want := countOf(rows, tc.keep)
		if got := c.count("access-auth-task/records", tc.a); got != want || want == 0 {
			t.Errorf("%v: %d rows, want %d and some", tc.a, got, want)
		}
	}
	who := st.Persons[77]
	for _, tc := range []struct {
		a    args
		keep func(Person) bool
	}{
		{args{}, func(Person) bool { return true }},
		{args{"name": who.Name}, func(p Person) bool { return has(p.Name, who.Name) }},
		{args{"personCode": who.PersonCode}, func(p Person) bool { return p.PersonCode == who.PersonCode }},
	} {
		if got, want := c.count("list-auth-person", tc.a), countOf(st.Persons, tc.keep); got != want || want == 0 {
			t.Errorf("persons %v: %d rows, want %d and some", tc.a, got, want)
		}
	}
	r := st.Rules[50]
	for _, tc := range []struct {
		a    args
		keep func(Rule) bool
	}{
		{args{}, func(Rule) bool { return true }},
		{args{"authId": r.AuthID}, func(x Rule) bool { return x.AuthID == r.AuthID }},
		{args{"relationType": 1}, func(x Rule) bool { return x.RelationType == 1 }},
		{args{"relationType": 2}, func(x Rule) bool { return x.RelationType == 2 }},
		{args{"relationName": "plant"}, func(x Rule) bool { return has(x.RelationName, "plant") }},
	} {
		if got, want := c.count("query-rules", tc.a), countOf(st.Rules, tc.keep); got != want || want == 0 {
			t.Errorf("rules %v: %d rows, want %d and some", tc.a, got, want)
		}
	}
	if got := c.count("list-auth-person", args{"name": "nobody of that name"}); got != 0 {
		t.Errorf("%d persons of a name that nobody has", got)
	}
}

// The organization tree by its children, and by name.
func TestStructures(t *testing.T) {
	clock := noon()
	c := newClient(t, New(Options{Now: clock.now}))
	ask := func(op string, a args) []Structure {
		t.Helper()
		var rows []Structure
		unmarshal(t, c.ok(op, a), &rows)
		return rows
	}
	all := ask("match-auth-structure", nil)
	root := all[slices.IndexFunc(all, func(n Structure) bool { return n.ParentStructureID == nil })]
	seen := 1
	var descend func(id string, level int)
	descend = func(id string, level int) {
		for _, n := range ask("list-auth-structure", args{"structureId": id}) {
			seen++
			if n.Level != level || *n.ParentStructureID != id {
				t.Errorf("%s is at level %d below %s", n.StructureName, n.Level, *n.ParentStructureID)
			}
			descend(n.StructureID, level+1)
		}
	}
	descend(root.StructureID, 1)
	if seen != len(all) || root.Level != 0 {
		t.Errorf("%d organizations by walking, %d by name", seen, len(all))
	}
	if got := ask("match-auth-structure", args{"structureName": "实验室"}); len(got) != 1 || got[0].Level != 2 {
		t.Errorf("by name: %+v", got)
	}
}

// Each switch changes what it says it changes.
func TestSwitches(t *testing.T) {
	clock := noon()
	plain := New(Options{Now: clock.now})
	st := plain.State()
	at := clock.at.UnixMilli()
	midnight := midnightMS(at)
	ends := func(from, to int64) int {
		return countOf(st.Permissions, func(p Permission) bool { return p.AuthEndTime > from && p.AuthEndTime < to })
	}
	root := st.Structures[0].StructureID
	for _, tc := range []struct {
		name string
		w    Switches
		op   string
		a    args
		want int
	}{
		{"ignored filters", Switches{IgnoreFilters: true}, "access-auth", args{"authDateType": 7, "name": "x"}, len(st.Permissions)},
		{"whole names", Switches{ExactNames: true}, "access-auth", args{"accessControlChannelName": "North"}, 0},
		{"expired not listed", Switches{DropExpired: true}, "access-auth", nil, ends(at, 1<<62)},
		{"disjoint", Switches{DateTypeDisjoint: true}, "access-auth", args{"authDateType": 15}, ends(at+7*dayMS-1, at+15*dayMS)},
		{"disjoint 30", Switches{DateTypeDisjoint: true}, "access-auth", args{"authDateType": 30}, ends(at+15*dayMS-1, at+30*dayMS)},
		{"calendar days", Switches{DateTypeCalendar: true}, "access-auth", args{"authDateType": 7}, ends(at, midnight+8*dayMS)},
		{"with expired", Switches{DateTypeWithExpired: true}, "access-auth", args{"authDateType": 7}, ends(0, at+7*dayMS)},
		{"times of creation", Switches{TimesCreated: true}, "access-auth", args{"authStartTime": at - 50*dayMS}, countOf(st.Permissions, func(p Permission) bool {
			return st.Details[p.AccessAuthID].AuthCreateTime >= at-50*dayMS
		})},
		{"organizations below", Switches{StructureFilterSubtree: true}, "access-auth", args{"structureId": root}, countOf(st.Permissions, func(p Permission) bool { return len(p.StructureIDs) > 0 })},
		{"that organization only", Switches{}, "access-auth", args{"structureId": root}, 0},
		{"response enum in the filter", Switches{TaskEnums: "response"}, "access-auth-task", args{"authTaskStatus": 2}, countOf(st.Tasks, func(t Task) bool { return t.AuthTaskStatus == 2 })},
		{"unfiltered tasks being sent", Switches{UnfilteredTasks: "being-sent"}, "access-auth-task", nil, countOf(st.Tasks, func(t Task) bool { return t.AuthTaskProgress < 3 })},
	} {
		c := newClient(t, New(Options{Now: clock.now, Switches: tc.w}))
		if got := c.count(tc.op, tc.a); got != tc.want {
			t.Errorf("%s: %d rows, want %d", tc.name, got, tc.want)
		}
	}
	for _, tc := range []struct {
		name string
		w    Switches
		op   string
		a    args
		want int
	}{
		{"subtree", Switches{StructureSubtree: true}, "list-auth-structure", args{"structureId": root}, len(st.Structures) - 1},
		{"children", Switches{}, "list-auth-structure", args{"structureId": root}, 8},
		{"roots", Switches{MatchRoots: true}, "match-auth-structure", nil, 1},
	} {
		c := newClient(t, New(Options{Now: clock.now, Switches: tc.w}))
		var rows []Structure
		unmarshal(t, c.ok(tc.op, tc.a), &rows)
		if len(rows) != tc.want {
			t.Errorf("%s: %d organizations, want %d", tc.name, len(rows), tc.want)
		}
	}
}

// Switches that change how values are written.
func TestFormSwitches(t *testing.T) {
	clock := noon()
	first := func(w Switches, op string, a args) map[string]any {
		t.Helper()
		c := newClient(t, New(Options{Now: clock.now, Switches: w}))
		p := pageOf(t, c.ok(op, a))
		if len(p.Rows) == 0 {
			t.Fatalf("%s: no rows", op)
		}
		return p.Rows[0]
	}
	if no := first(Switches{ChannelNoString: true}, "access-auth", nil)["access_control_channel_no"]; fmt.Sprintf("%T", no) != "string" {
		t.Errorf("channel number %v is a %T, want a string", no, no)
	}
	running := args{"issueType": 1}
	if _, ok := first(Switches{}, "access-auth-task", running)["task_finish_time"]; ok {
		t.Error("a running task has a finish time")
	}
	if v, ok := first(Switches{UnfinishedTime: "null"}, "access-auth-task", running)["task_finish_time"]; !ok || v != nil {
		t.Errorf("finish time %v, want null", v)
	}
	if v := first(Switches{UnfinishedTime: "zero"}, "access-auth-task", running)["task_finish_time"]; fmt.Sprint(v) != "0" {
		t.Errorf("finish time %v, want 0", v)
	}
	filter := New(Options{Now: clock.now, Switches: Switches{TaskEnums: "filter"}}).State()
	response := New(Options{Now: clock.now}).State()
	for i, task := range response.Tasks {
		want := map[int]int{0: 0, 1: 0, 2: 3, 3: 2, 4: 1}[task.AuthTaskProgress]
		if got := filter.Tasks[i].AuthTaskProgress; got != want {
			t.Errorf("progress %d is %d in the filter's reading, want %d", task.AuthTaskProgress, got, want)
		}
	}
}
