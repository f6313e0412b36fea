package sandbox

// listed reports whether a task shows at a time.
func (t *task) listed(at int64) bool { return t.start <= at && (t.gone == 0 || at < t.gone) }

// progress returns the codes of a task at a time (A514-515).
func (t *task) progress(at int64) (progress, status int) {
	_, n := t.counts(at)
	switch {
	case t.finish == 0 && t.waits || t.finish != 0 && at < t.start+taskInitMS:
		return progressInit, statusWaiting
	case t.finish != 0 && at < t.start+taskStartMS && at < t.finish:
		return progressWaiting, statusWaiting
	case t.finish == 0 || at < t.finish:
		return progressRunning, statusWaiting
	case t.terminated:
		return progressTerminated, statusTerminated
	case t.status != 0:
		return progressDone, t.status
	case n == len(t.records):
		return progressDone, statusAll
	case n > 0:
		return progressDone, statusPartly
	}
	return progressDone, statusNone
}

// counts returns how many of a task's records were sent, and succeeded.
func (t *task) counts(at int64) (sent, succeeded int) {
	for _, r := range t.records {
		if r.sent == 0 || r.sent > at {
			continue
		}
		sent++
		if r.status == recordSucceeded {
			succeeded++
		}
	}
	return sent, succeeded
}

func (t *task) row(s *Server, at int64) Task {
	_, n := t.counts(at)
	progress, status := t.progress(at)
	return Task{
		AccessChannelPositionPath: t.channel.path, AccessControlChannelName: t.channel.name,
		AccessControlChannelNo: s.channelNo(t.channel.no), AuthIssueType: t.kind, AuthNum: len(t.records),
		AuthTaskID: t.id, AuthTaskProgress: progress, AuthTaskStatus: status,
		BusinessDeviceName: t.channel.device.name, SuccessNum: n,
		TaskFinishTime: s.finishTime(t.finishedBy(at)), TaskStartTime: t.start,
	}
}

// finishedBy returns when a task ended, 0 if it had not at a time.
func (t *task) finishedBy(at int64) int64 {
	if t.finish > at {
		return 0
	}
	return t.finish
}

func (t *task) detail(s *Server, at int64) TaskDetail {
	return TaskDetail{
		AccessChannelPositionPath: t.channel.path, AccessControlChannelName: t.channel.name,
		AccessControlChannelNo: s.channelNo(t.channel.no), AuthIssueCertificate: t.certificate,
		AuthIssueCertificateStr: certificateText(t.certificate), BusinessDeviceName: t.channel.device.name,
		TaskFinishTime: s.finishTime(t.finishedBy(at)), TaskStartTime: t.start,
	}
}

func (r *record) row(s *Server, t *task, at int64) Record {
	row := Record{
		AccessAuthTimeRangeID: "1", AccessAuthTimeRangeStr: allDay, AuthTaskRecordID: r.id,
		Mobile: r.person.mobile, MobileCountry: r.person.country, Name: r.person.name, PersonID: r.person.id,
		ProjectID: s.project, StructureName: r.node,
	}
	switch {
	case r.sent != 0 && r.sent <= at:
		row.AuthIssueTime, row.IssueStatus = new(r.sent), r.status
	case t.terminated && t.finish <= at:
		row.IssueStatus = recordTerminated
	}
	return row
}

// issued returns what was sent for a record by a time.
func (r *record) issued(at int64) IssueInfo {
	if r.sent != 0 && r.sent <= at {
		return r.info
	}
	return IssueInfo{AuthTaskRecordID: r.info.AuthTaskRecordID, ProjectID: r.info.ProjectID}
}

func (l *living) tasks(match func(*Task, int) bool) list {
	var rows []Task
	for _, t := range l.taskList {
		if !t.listed(l.at) {
			continue
		}
		if row := t.row(l.s, l.at); match == nil || match(&row, t.certificate) {
			rows = append(rows, row)
		}
	}
	newestFirst(rows, func(t Task) string { return t.AuthTaskID })
	return listOf(rows, l.s.showTask)
}

// taskOf returns the task of an id that is listed now.
func (l *living) taskOf(id string) *task {
	for _, t := range l.taskList {
		if t.id == id && t.listed(l.at) {
			return t
		}
	}
	return nil
}

func (l *living) task(id string) (TaskDetail, bool) {
	t := l.taskOf(id)
	if t == nil {
		return TaskDetail{}, false
	}
	return t.detail(l.s, l.at), true
}

func (l *living) records(taskID string, match func(*Record) bool) (list, recordTotals, bool) {
	t := l.taskOf(taskID)
	if t == nil {
		return list{}, recordTotals{}, false
	}
	rows := []Record{}
	totals := recordTotals{total: len(t.records)}
	_, totals.success = t.counts(l.at)
	for _, r := range t.records {
		if row := r.row(l.s, t, l.at); match == nil || match(&row) {
			rows = append(rows, row)
		}
	}
	if l.s.o.Switches.RecordTotalsFiltered {
		totals = totalsOf(rows)
	}
	return listOf(rows, l.s.showRecord), totals, true
}

func totalsOf(rows []Record) recordTotals {
	totals := recordTotals{total: len(rows)}
	for _, r := range rows {
		if r.IssueStatus == recordSucceeded {
			totals.success++
		}
	}
	return totals
}

func (l *living) issueInfo(id string) (IssueInfo, bool) {
	for _, t := range l.taskList {
		if !t.listed(l.at) {
			continue
		}
		for _, r := range t.records {
			if r.id == id {
				return r.issued(l.at), true
			}
		}
	}
	return IssueInfo{}, false
}
