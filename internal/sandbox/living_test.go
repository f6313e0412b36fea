package sandbox

import (
	"slices"
	"testing"
	"time"
)

// stand is the documented site with a client and a clock to move.
type stand struct {
	*client
	clock *fixed
}

func newStand(t *testing.T, w Switches) *stand {
	t.Helper()
	clock := noon()
	return &stand{newClient(t, New(Options{Site: "documented", Now: clock.now, Switches: w})), clock}
}

func (s *stand) state() State { return s.s.State() }

// on returns the permissions of a person by channel name.
func (s *stand) on(person string) map[string]Permission {
	out := map[string]Permission{}
	for _, p := range s.state().Permissions {
		if p.PersonID == person {
			out[p.AccessControlChannelName] = p
		}
	}
	return out
}

func (s *stand) id(op string, a args) string {
	s.t.Helper()
	var id string
	unmarshal(s.t, s.ok(op, a), &id)
	return id
}

const (
	documentedTuya  = "1563058569924837001" // in Guests, may pass the yard
	documentedGuest = "1563057531880804001" // the organization
	hallID          = "1551450935983616001"
	yardID          = "1554305065534095001"
	groupID         = "1551450940000000001" // hall and yard
	hallName        = "Virtual Dormitory 102"
	yardName        = "Virtual Dormitory 103"
)

func TestAddRules(t *testing.T) {
	s := newStand(t, Switches{})
	end := s.clock.at.UnixMilli() + 20*dayMS
	id := s.id("add-rules", args{"authSourceType": "2", "authIds": []string{documentedTuya}, "channelIds": []string{hallID}, "groupIds": []string{}, "authEndTime": end})
	if made := idTime(id); made != s.clock.at.UnixMilli() {
		t.Errorf("the result %s was made at %d, want now", id, made)
	}
	p, ok := s.on(documentedTuya)[hallName]
	if !ok || p.AuthEndTime != end || p.CardIssueStatus != 0 || p.AuthCardNum != 0 || p.TotalCardNum != 1 {
		t.Fatalf("permission %+v, want one that is to be sent", p)
	}
	if d := s.state().Details[p.AccessAuthID]; d.AuthSource != "2" || d.AuthCreateTime != s.clock.at.UnixMilli() || d.StructureNames[0] != "Guests" {
		t.Errorf("detail %+v", d)
	}
	rules := pageOf(t, s.ok("query-rules", args{"authId": documentedTuya, "page": 1, "pageSize": 20}))
	if rules.Total != 1 || rules.Rows[0]["relation_id"] != hallID {
		t.Errorf("rules %+v", rules)
	}
	// By organization and by channel group.
	s.id("add-rules", args{"authSourceType": "1", "authIds": []string{"1466612511766855001"}, "channelIds": []string{}, "groupIds": []string{groupID}})
	if got := s.on("1567428253323362001"); len(got) != 2 {
		t.Errorf("a person of the organization may pass %d channels, want 2", len(got))
	}
}

func TestGenerateAuth(t *testing.T) {
	s := newStand(t, Switches{AddRulesOnly: true})
	s.id("add-rules", args{"authSourceType": "2", "authIds": []string{documentedTuya}, "channelIds": []string{hallID}})
	if _, ok := s.on(documentedTuya)[hallName]; ok {
		t.Error("add-rules made a permission though the switch says that it does not")
	}
	s.id("generate-auth", args{"authSourceType": "2", "authId": documentedTuya})
	if _, ok := s.on(documentedTuya)[hallName]; !ok {
		t.Error("generate-auth made no permission")
	}
}

// The rule of a person's organization stays when the person's own goes; what
// was on the device waits to be deleted.
func TestDeletions(t *testing.T) {
	s := newStand(t, Switches{})
	own := args{"authSourceType": "2", "authIds": []string{documentedTuya}, "channelIds": []string{hallID, yardID}}
	s.id("add-rules", own)
	if got := len(s.on(documentedTuya)); got != 2 {
		t.Fatalf("%d permissions, want 2", got)
	}
	s.id("delete-by-source", args{"authSourceType": "2", "authId": documentedTuya})
	if got := s.on(documentedTuya); len(got) != 1 || got[yardName].AccessAuthID == "" {
		t.Errorf("permissions %+v, want the organization's alone", got)
	}
	rules := pageOf(t, s.ok("query-rules", args{"authId": documentedGuest, "page": 1, "pageSize": 20}))
	s.id("delete-by-channels", args{"authId": documentedGuest, "authRelationIds": []any{rules.Rows[0]["auth_relation_id"]}})
	if got := s.on(documentedTuya); len(got) != 0 {
		t.Errorf("permissions %+v, want none", got)
	}
	// The yard had a card and a face of this person.
	s.id("access-auth-issue/actions/increment", args{"authIssueCertificate": 1, "channelIds": []string{yardID}})
	s.clock.forward(time.Minute)
	st := s.state()
	var i IssueInfo
	for _, r := range st.Records[st.Tasks[0].AuthTaskID] {
		if r.PersonID == documentedTuya {
			i = st.IssueInfos[r.AuthTaskRecordID]
		}
	}
	if i.CardIssueResult.SuccessIssueDelNum != 1 || i.FaceIssueResult.SuccessIssueDelNum != 1 || i.PersonIssueResult.SuccessIssueDelNum != 1 {
		t.Errorf("issue info %+v, want a card and a face deleted", i)
	}
}

func TestEditByChannels(t *testing.T) {
	end := noon().at.UnixMilli() + 9*dayMS
	for _, tc := range []struct {
		name      string
		w         Switches
		a         args
		wantStart int64
		code      int
		changed   bool
	}{
		{"the end alone", Switches{}, args{"authEndTime": end}, aug26, 0, true},
		{"what is not given is reset", Switches{PartialEditResets: true}, args{"authEndTime": end}, noon().at.UnixMilli(), 0, true},
		{"no rules named changes none", Switches{NoRelationIDs: "none"}, args{"authEndTime": end}, aug26, 0, false},
		{"no rules named is an error", Switches{NoRelationIDs: "error"}, args{"authEndTime": end}, aug26, 1100, false},
		{"the end before the start", Switches{}, args{"authEndTime": 1}, aug26, 1101, false},
		{"a rule of another source", Switches{}, args{"authEndTime": end, "authRelationIds": []string{"1567699430000000001"}}, aug26, 1000, false},
	} {
		s := newStand(t, tc.w)
		tc.a["authId"] = documentedGuest
		if got := s.code("edit-by-channels", tc.a); got != tc.code {
			t.Errorf("%s: code %d, want %d", tc.name, got, tc.code)
		}
		p := s.on(documentedTuya)[yardName]
		if (p.AuthEndTime == end) != tc.changed || p.AuthStartTime != tc.wantStart || tc.changed && p.CardIssueStatus != 0 {
			t.Errorf("%s: permission from %d to %d, card status %d", tc.name, p.AuthStartTime, p.AuthEndTime, p.CardIssueStatus)
		}
	}
}

// A task goes through its codes with the clock; records, issue infos and the
// permissions' counters follow.
func TestIssue(t *testing.T) {
	for _, full := range []bool{true, false} {
		s := newStand(t, Switches{})
		s.id("add-rules", args{"authSourceType": "1", "authIds": []string{"1466612511766855001"}, "channelIds": []string{yardID}})
		op, certificate := "access-auth-issue/actions/increment", 2
		if full {
			op = "access-auth-issue/actions/full"
		}
		was := len(s.state().Tasks)
		s.id(op, args{"authIssueCertificate": certificate, "channelIds": []string{yardID, hallID}})
		var seen []int
		for range 80 {
			st := s.state()
			if len(st.Tasks) != was+2 {
				t.Fatalf("%d tasks more, want one a channel", len(st.Tasks)-was)
			}
			i := slices.IndexFunc(st.Tasks, func(x Task) bool { return x.AccessControlChannelName == yardName })
			task := st.Tasks[i]
			if len(seen) == 0 || seen[len(seen)-1] != task.AuthTaskProgress {
				seen = append(seen, task.AuthTaskProgress)
			}
			done := countOf(st.Records[task.AuthTaskID], func(r Record) bool { return r.IssueStatus == 4 })
			if done != task.SuccessNum || (task.AuthTaskProgress == 4) != (task.TaskFinishTime != nil) {
				t.Errorf("%d of %d succeeded, says %d; finished %v", done, task.AuthNum, task.SuccessNum, task.TaskFinishTime)
			}
			s.clock.forward(200 * time.Millisecond)
		}
		if want := []int{0, 1, 2, 4}; !slices.Equal(seen, want) {
			t.Errorf("full %v: progress %v, want %v", full, seen, want)
		}
		st := s.state()
		task := st.Tasks[slices.IndexFunc(st.Tasks, func(x Task) bool { return x.AccessControlChannelName == yardName })]
		// The yard has three persons of old and two of the organization; one
		// of the old and the two new ones have something to be sent.
		want := 5
		if !full {
			want = countOf(st.Records[task.AuthTaskID], func(Record) bool { return true })
			if want < 3 || want > 4 {
				t.Errorf("%d records in an increment, want those that were to be sent", want)
			}
		}
		if task.AuthNum != want || (task.AuthIssueType == 1) != full || st.TaskDetails[task.AuthTaskID].AuthIssueCertificate != certificate {
			t.Errorf("task %+v, want %d records", task, want)
		}
		for _, r := range st.Records[task.AuthTaskID] {
			i := st.IssueInfos[r.AuthTaskRecordID]
			p := s.on(r.PersonID)[yardName]
			if p.AuthCardNum != i.CardIssueResult.SuccessIssueNum || p.AuthFaceNum != i.FaceIssueResult.SuccessIssueNum {
				t.Errorf("permission has %d cards and %d faces, sent were %+v", p.AuthCardNum, p.AuthFaceNum, i)
			}
		}
	}
}

// Devices refuse by seed, deletions too; a later increment tries again.
func TestDeviceRefuses(t *testing.T) {
	clock := noon()
	s := New(Options{Site: "documented", Now: clock.now})
	c := newClient(t, s)
	l := s.site.(*living)
	yard := l.channels[1]
	yard.device.failDelete = 1000
	c.ok("delete-by-source", args{"authSourceType": "1", "authId": documentedGuest})
	push := func() IssueInfo {
		t.Helper()
		c.ok("access-auth-issue/actions/increment", args{"authIssueCertificate": 1, "channelIds": []string{yardID}})
		clock.forward(time.Minute)
		st := s.State()
		for _, r := range st.Records[st.Tasks[0].AuthTaskID] {
			if r.PersonID == documentedTuya {
				return st.IssueInfos[r.AuthTaskRecordID]
			}
		}
		return IssueInfo{}
	}
	if i := push(); i.CardIssueResult.FailIssueDelNum != 1 || i.PersonIssueResult.FailIssueDelNum != 1 {
		t.Errorf("issue info %+v, want a deletion that failed", i)
	}
	yard.device.failDelete = 0
	if i := push(); i.CardIssueResult.SuccessIssueDelNum != 1 {
		t.Errorf("issue info %+v, want the deletion done", i)
	}
	if i := push(); i != (IssueInfo{}) {
		t.Errorf("issue info %+v, want none: nothing is left to delete", i)
	}
	yard.device.offlineFrom = 1
	c.ok("access-auth-issue/actions/full", args{"authIssueCertificate": 1, "channelIds": []string{yardID}})
	clock.forward(time.Minute)
	st := s.State()
	for _, r := range st.Records[st.Tasks[0].AuthTaskID] {
		if r.IssueStatus != 1 {
			t.Errorf("record %+v of a device that does not answer, want status unknown", r)
		}
	}
}

// DeletePushes and FullWipes.
func TestPushSwitches(t *testing.T) {
	s := newStand(t, Switches{DeletePushes: true, FullWipes: true})
	was := len(s.state().Tasks)
	s.id("delete-by-source", args{"authSourceType": "1", "authId": documentedGuest})
	if got := len(s.state().Tasks); got != was+1 {
		t.Errorf("%d tasks, want %d: the deletion is sent by itself", got, was+1)
	}
	s.clock.forward(time.Hour)
	s.id("access-auth-issue/actions/full", args{"authIssueCertificate": 1, "channelIds": []string{hallID}})
	s.clock.forward(time.Hour)
	st := s.state()
	deleted := 0
	for _, r := range st.Records[st.Tasks[0].AuthTaskID] {
		deleted += st.IssueInfos[r.AuthTaskRecordID].CardIssueResult.SuccessIssueDelNum
	}
	if deleted == 0 {
		t.Error("full deleted nothing first")
	}
}

func TestStructureRuleAlone(t *testing.T) {
	for alone, want := range map[bool]bool{true: false, false: true} {
		s := newStand(t, Switches{StructureRuleAlone: alone})
		s.id("add-rules", args{"authSourceType": "1", "authIds": []string{"1424637000000000001"}, "channelIds": []string{hallID}})
		if _, ok := s.on(documentedTuya)[hallName]; ok != want {
			t.Errorf("alone %v: a person of an organization below may pass: %v, want %v", alone, ok, want)
		}
	}
}
