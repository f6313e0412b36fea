package sandbox

import "strconv"

// maxFiltered is how many results of a filter are remembered; a walk with a
// filter would otherwise look at every row for every page.
const maxFiltered = 4

func (l *large) permissions(key uint64, match func(*Permission, int64) bool) list {
	if match == nil {
		return list{l.size(), l.appendPermission}
	}
	g := l.generation.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.filtered == nil || l.asOf != g || len(l.filtered) > maxFiltered {
		l.filtered, l.asOf = map[uint64][]int32{}, g
	}
	rows, ok := l.filtered[key]
	if !ok {
		for i := range l.size() {
			if p := l.row(i); match(&p, largeBuilt+int64(i)) {
				rows = append(rows, int32(i))
			}
		}
		l.filtered[key] = rows
	}
	return list{len(rows), func(b []byte, i int) []byte { return l.appendPermission(b, int(rows[i])) }}
}

// index returns which of n objects made from a time on an id names.
func index(text string, built int64, n int) (int, bool) {
	v, err := strconv.ParseUint(text, 10, 64)
	i := int64(v>>22) + snowflakeEpoch - built
	return int(i), err == nil && i >= 0 && i < int64(n)
}

func (l *large) permission(text string) (PermissionDetail, bool) {
	i, ok := index(text, largeBuilt, l.size())
	if !ok || decimal(l.permissionID(i)) != text {
		return PermissionDetail{}, false
	}
	p, _ := l.split(i)
	perm := permission{
		Permission: l.row(i), created: largeBuilt + int64(i), source: 3,
		pair: pair{person: &person{sex: 1 + p%2}},
	}
	d := perm.detail()
	d.StructureNames = []string{l.structureName(l.structureOf(p))}
	return d, true
}

func (l *large) structureName(n int) string {
	if n == 0 {
		return "Tower"
	}
	return numberText("Department ", n)
}

func (l *large) structures() []Structure {
	var out []Structure
	for n := range largeStructures + 1 {
		node := Structure{
			AliasCode: strconv.Itoa(n), AliasCodePath: "0", ExternalNo: numberText("ORG-", n), ProjectID: l.s.project,
			Sort: n, StructureID: decimal(l.structureID(n)), StructureName: l.structureName(n),
		}
		if n > 0 {
			node.Level, node.AliasCodePath = 1, numberText("0/", n)
			node.ParentStructureID = new(decimal(l.structureID(0)))
		}
		out = append(out, node)
	}
	return out
}

// kept is the list of those of n rows that match, of all if match is nil.
func kept[T any](n int, row func(int) T, match func(*T) bool) list {
	write := func(b []byte, i int) []byte { return appendJSON(b, row(i)) }
	if match == nil {
		return list{n, write}
	}
	var rows []int
	for i := range n {
		if r := row(i); match(&r) {
			rows = append(rows, i)
		}
	}
	return list{len(rows), func(b []byte, i int) []byte { return write(b, rows[i]) }}
}

func (l *large) person(p int) Person {
	return Person{l.name(p), string(appendPadded(nil, p, 7)), decimal(l.personID(p))}
}

func (l *large) persons(match func(*Person) bool) list { return kept(l.g.Persons, l.person, match) }

// rules: rule n opens the channels of channel group n to person group n.
func (l *large) rules(match func(*Rule) bool) list { return kept(l.g.Channels, l.rule, match) }

func (l *large) rule(n int) Rule {
	return Rule{
		AccessAuthTimeRangeID: "1", AccessAuthTimeRangeStr: allDay, AuthEndTime: Permanent, AuthID: decimal(l.teamID(n)),
		AuthRelationID: decimal(l.ruleID(n)), AuthStartTime: largeBuilt, RelationID: decimal(l.channelsID(n)),
		RelationName: numberText("Doors ", n), RelationType: 1,
	}
}

func (l *large) ruleChannels(text string) (list, bool) {
	n, ok := index(text, largeBuilt-5*dayMS, l.g.Channels)
	if !ok {
		return list{}, false
	}
	return kept(l.g.PerPerson, func(k int) RuleChannel { return l.channel((n + k) % l.g.Channels) }, nil), true
}

func (l *large) channel(c int) RuleChannel {
	return RuleChannel{
		AccessChannelPositionPath: largePath(c), AccessChannelRoomID: decimal(l.roomID(c)),
		AccessControlChannelName: numberText("Door ", c), AccessControlChannelNo: l.s.channelNo(c%2 + 1),
		BusinessDeviceID: numberText("vdevo", 100_000_000+c/2), BusinessDeviceName: numberText("Controller ", c/2),
		RelationID: decimal(l.channelID(c)),
	}
}

// largeTask returns task t with its certificate.
func (l *large) largeTask(t int) Task {
	c := l.channel(t % l.g.Channels)
	row := Task{
		AccessChannelPositionPath: c.AccessChannelPositionPath, AccessControlChannelName: c.AccessControlChannelName,
		AccessControlChannelNo: c.AccessControlChannelNo, AuthIssueType: 2, AuthNum: l.g.PerTask, AuthTaskID: decimal(l.taskID(t)),
		AuthTaskProgress: progressDone, BusinessDeviceName: c.BusinessDeviceName,
		TaskFinishTime: l.s.finishTime(l.taskStart(t) + 30_000), TaskStartTime: l.taskStart(t),
	}
	for r := range l.g.PerTask {
		if !l.failed(t, r) {
			row.SuccessNum++
		}
	}
	switch {
	case row.SuccessNum == row.AuthNum:
		row.AuthTaskStatus = statusAll
	case row.SuccessNum > 0:
		row.AuthTaskStatus = statusPartly
	default:
		row.AuthTaskStatus = statusNone
	}
	return row
}

func (l *large) failed(t, r int) bool { return mix(uint64(t), uint64(r))%40 == 0 }

func (l *large) certificate(t int) int { return 1 + t%2 }

func (l *large) tasks(match func(*Task, int) bool) list {
	n := l.g.Tasks
	shown := func(t int) Task { return l.s.showTask(l.largeTask(n - 1 - t)) } // newest first
	if match == nil {
		return kept(n, shown, nil)
	}
	var rows []int
	for i := range n {
		if t := l.largeTask(n - 1 - i); match(&t, l.certificate(n-1-i)) {
			rows = append(rows, i)
		}
	}
	return kept(len(rows), func(i int) Task { return shown(rows[i]) }, nil)
}

// taskIndex returns the task and the number in it that an id names: 0 for the
// task itself, else its record of that number.
func (l *large) taskIndex(text string) (t, n int, ok bool) {
	v, err := strconv.ParseUint(text, 10, 64)
	at := int64(v>>22) + snowflakeEpoch - largeTasks
	t, n = int(at/largeTaskEvery), int(v&(1<<22-1))
	return t, n, err == nil && at >= 0 && at%largeTaskEvery == 0 && t < l.g.Tasks && n <= l.g.PerTask
}

func (l *large) task(text string) (TaskDetail, bool) {
	t, n, ok := l.taskIndex(text)
	if !ok || n != 0 {
		return TaskDetail{}, false
	}
	row := l.largeTask(t)
	return TaskDetail{
		AccessChannelPositionPath: row.AccessChannelPositionPath, AccessControlChannelName: row.AccessControlChannelName,
		AccessControlChannelNo: row.AccessControlChannelNo, AuthIssueCertificate: l.certificate(t),
		AuthIssueCertificateStr: certificateText(l.certificate(t)), BusinessDeviceName: row.BusinessDeviceName,
		TaskFinishTime: row.TaskFinishTime, TaskStartTime: row.TaskStartTime,
	}, true
}

func (l *large) record(t, r int) Record {
	p := l.personOf(t, r)
	row := Record{
		AccessAuthTimeRangeID: "1", AccessAuthTimeRangeStr: allDay, AuthIssueTime: new(l.taskStart(t) + 6000),
		AuthTaskRecordID: decimal(l.recordID(t, r)), IssueStatus: recordSucceeded,
		Mobile: "138****" + string(appendPadded(nil, p%10000, 4)), MobileCountry: "+86", Name: l.name(p),
		PersonID: decimal(l.personID(p)), ProjectID: l.s.project, StructureName: l.structureName(l.structureOf(p)),
	}
	if l.failed(t, r) {
		row.IssueStatus = recordFailed
	}
	return row
}

func (l *large) records(text string, match func(*Record) bool) (list, recordTotals, bool) {
	t, n, ok := l.taskIndex(text)
	if !ok || n != 0 {
		return list{}, recordTotals{}, false
	}
	var rows []Record
	totals := recordTotals{l.g.PerTask, l.largeTask(t).SuccessNum}
	for r := range l.g.PerTask {
		if row := l.record(t, r); match == nil || match(&row) {
			rows = append(rows, row)
		}
	}
	if l.s.o.Switches.RecordTotalsFiltered {
		totals = totalsOf(rows)
	}
	return listOf(rows, l.s.showRecord), totals, true
}

func (l *large) issueInfo(text string) (IssueInfo, bool) {
	t, n, ok := l.taskIndex(text)
	if !ok || n == 0 {
		return IssueInfo{}, false
	}
	i := IssueInfo{AuthTaskRecordID: text, ProjectID: l.s.project}
	i.PersonIssueResult.SuccessIssueNum = 1
	i.CardIssueResult.SuccessIssueNum = 1
	if l.failed(t, n-1) {
		i.CardIssueResult = IssueResult{FailIssueNum: 1}
	}
	return i, true
}

// A large site can not be written to.

const errReadOnly = "a large site is read-only"

func (l *large) issue(issueRequest) (string, *apiError) { return "", fail(codePermission, errReadOnly) }
func (l *large) addRules(rulesRequest) (string, *apiError) {
	return "", fail(codePermission, errReadOnly)
}
func (l *large) generate(int, string) (string, *apiError) {
	return "", fail(codePermission, errReadOnly)
}
func (l *large) deleteRules(selection) (string, *apiError) {
	return "", fail(codePermission, errReadOnly)
}

func (l *large) editRules(selection, *int64, *int64) (string, *apiError) {
	return "", fail(codePermission, errReadOnly)
}

// state holds every row in memory at once, which the operations never do.
func (l *large) state() State {
	st := newState()
	st.Structures = l.structures()
	for i := range l.size() {
		p := l.row(i)
		st.Permissions = append(st.Permissions, p)
		d, _ := l.permission(p.AccessAuthID)
		st.Details[p.AccessAuthID] = l.s.showDetail(d, p.AccessAuthID)
	}
	for p := range l.g.Persons {
		st.Persons = append(st.Persons, l.person(p))
	}
	for n := range l.g.Channels {
		r := l.rule(n)
		st.Rules = append(st.Rules, r)
		st.RuleSources[r.AuthRelationID] = 3
		st.Channels = append(st.Channels, l.channel(n))
		g := Group{Name: r.RelationName}
		for k := range l.g.PerPerson {
			c := l.channel((n + k) % l.g.Channels)
			g.Members = append(g.Members, c.RelationID)
			st.RuleChannels[r.AuthRelationID] = append(st.RuleChannels[r.AuthRelationID], c)
		}
		st.ChannelGroups[r.RelationID] = g
		st.PersonGroups[r.AuthID] = Group{Name: numberText("Team ", n), Members: l.team(n)}
	}
	for i := range l.g.Tasks {
		t := l.g.Tasks - 1 - i
		row := l.s.showTask(l.largeTask(t))
		st.Tasks = append(st.Tasks, row)
		st.TaskDetails[row.AuthTaskID], _ = l.task(row.AuthTaskID)
		for r := range l.g.PerTask {
			rec := l.s.showRecord(l.record(t, r))
			st.Records[row.AuthTaskID] = append(st.Records[row.AuthTaskID], rec)
			st.IssueInfos[rec.AuthTaskRecordID], _ = l.issueInfo(rec.AuthTaskRecordID)
		}
	}
	return st
}

// team returns the persons of group n.
func (l *large) team(n int) []string {
	var out []string
	for p := n; p < l.g.Persons; p += l.g.Channels {
		out = append(out, decimal(l.personID(p)))
	}
	return out
}
