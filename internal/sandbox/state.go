package sandbox

// State is a site as plain values, for tests that compute the answer of a
// report without SQL. Rows are those that the operations answer, without the
// faults that alter lists.
type State struct {
	At           int64 // ms, the time as of which this is
	Permissions  []Permission
	Details      map[string]PermissionDetail // by access_auth_id
	Persons      []Person
	Structures   []Structure
	Rules        []Rule
	RuleSources  map[string]int           // by auth_relation_id: 1 organization, 2 person, 3 person group
	RuleChannels map[string][]RuleChannel // by auth_relation_id
	Tasks        []Task
	TaskDetails  map[string]TaskDetail // by auth_task_id
	Records      map[string][]Record   // by auth_task_id
	IssueInfos   map[string]IssueInfo  // by auth_task_record_id

	// What no operation lists.
	Channels      []RuleChannel // all there are, RelationID is the channel's id
	ChannelGroups map[string]Group
	PersonGroups  map[string]Group
}

// Group is a group of channels or of persons, by id.
type Group struct {
	Name    string
	Members []string
}

// State returns the site as it is now.
func (s *Server) State() State {
	at := s.o.Now().UnixMilli()
	defer s.site.begin(at)()
	st := s.site.state()
	st.At = at
	return st
}

func newState() State {
	return State{
		Details: map[string]PermissionDetail{}, RuleSources: map[string]int{}, RuleChannels: map[string][]RuleChannel{},
		TaskDetails: map[string]TaskDetail{}, Records: map[string][]Record{}, IssueInfos: map[string]IssueInfo{},
		ChannelGroups: map[string]Group{}, PersonGroups: map[string]Group{},
	}
}

func (l *living) state() State {
	st := newState()
	st.Structures = l.structures()
	for _, p := range l.perms {
		st.Permissions = append(st.Permissions, l.s.showPermission(p.Permission))
		st.Details[p.AccessAuthID] = l.s.showDetail(p.detail(), p.AccessAuthID)
	}
	newestFirst(st.Permissions, func(p Permission) string { return p.AccessAuthID })
	for _, p := range l.people {
		if !p.unlisted {
			st.Persons = append(st.Persons, p.row())
		}
	}
	newestFirst(st.Persons, func(p Person) string { return p.PersonID })
	for _, r := range l.ruleList {
		st.Rules = append(st.Rules, r.row())
		st.RuleSources[r.id] = r.source
		for _, c := range r.opens() {
			st.RuleChannels[r.id] = append(st.RuleChannels[r.id], l.ruleChannel(c))
		}
	}
	newestFirst(st.Rules, func(r Rule) string { return r.AuthRelationID })
	l.taskState(&st)
	for _, c := range l.channels {
		st.Channels = append(st.Channels, l.ruleChannel(c))
	}
	for _, g := range l.groups {
		members := []string{}
		for _, c := range g.channels {
			members = append(members, c.id)
		}
		st.ChannelGroups[g.id] = Group{g.name, members}
	}
	for _, g := range l.teams {
		members := []string{}
		for _, p := range g.members {
			members = append(members, p.id)
		}
		st.PersonGroups[g.id] = Group{g.name, members}
	}
	return st
}

func (l *living) taskState(st *State) {
	for _, t := range l.taskList {
		if !t.listed(l.at) {
			continue
		}
		st.Tasks = append(st.Tasks, l.s.showTask(t.row(l.s, l.at)))
		st.TaskDetails[t.id] = t.detail(l.s, l.at)
		for _, r := range t.records {
			st.Records[t.id] = append(st.Records[t.id], l.s.showRecord(r.row(l.s, t, l.at)))
			st.IssueInfos[r.id] = r.issued(l.at)
		}
	}
	newestFirst(st.Tasks, func(t Task) string { return t.AuthTaskID })
}
