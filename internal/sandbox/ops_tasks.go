package sandbox

import (
	"slices"
	"strconv"
)

// The codes of a task in responses (A514-515) and of a record (A673).
const (
	progressInit, progressWaiting, progressRunning, progressTerminated, progressDone = 0, 1, 2, 3, 4
	statusWaiting, statusPartly, statusAll, statusNone, statusTerminated             = 0, 1, 2, 3, 4
	recordInit, recordUnknown, recordTerminated, recordFailed, recordSucceeded       = 0, 1, 2, 3, 4
)

// progressFilter gives the response's code for each code of the filter
// authTaskProgress: 1 completed, 2 terminated, 3 executing (A472-475).
var progressFilter = map[int]int{0: progressInit, 1: progressDone, 2: progressTerminated, 3: progressRunning}

// statusFilter does the same for authTaskStatus: 1 all succeeded, 2 some
// succeeded, 3 all failed, 4 terminated (A478-481).
var statusFilter = map[int]int{1: statusAll, 2: statusPartly, 3: statusNone, 4: statusTerminated}

// tasks answers access-auth-task (A434-553).
func (c *call) tasks() reply {
	return c.listReply(c.s.site.tasks(c.taskFilter()))
}

func (c *call) taskFilter() func(*Task, int) bool {
	w := c.s.o.Switches
	var tests []func(*Task, int) bool
	add := func(t func(*Task, int) bool) { tests = append(tests, t) }
	sent := func(t *Task) bool { return t.AuthTaskProgress >= progressTerminated }
	kind, given := c.v.number("issueType") // 1 being sent, 2 already sent: A449-450
	if !given || w.IgnoreFilters {
		kind = map[string]int64{"": 0, "being-sent": 1, "already-sent": 2}[w.UnfilteredTasks]
	}
	if kind != 0 {
		add(func(t *Task, _ int) bool { return sent(t) == (kind == 2) })
	}
	if !w.IgnoreFilters {
		c.taskTexts(add)
		c.taskTimes(add)
		c.taskCodes(add)
	}
	if tests == nil {
		return nil
	}
	return func(t *Task, certificate int) bool {
		for _, test := range tests {
			if !test(t, certificate) {
				return false
			}
		}
		return true
	}
}

func (c *call) taskTexts(add func(func(*Task, int) bool)) {
	named := func(param string, of func(*Task) string) {
		if want := c.v.text(param); want != "" {
			add(func(t *Task, _ int) bool { return c.named(of(t), want) })
		}
	}
	named("accessControlChannelName", func(t *Task) string { return t.AccessControlChannelName })
	named("accessChannelPositionPath", func(t *Task) string { return t.AccessChannelPositionPath })
	named("businessDeviceName", func(t *Task) string { return t.BusinessDeviceName })
}

func (c *call) taskTimes(add func(func(*Task, int) bool)) {
	bound := func(param string, test func(t *Task, bound int64) bool) {
		if n, ok := c.v.number(param); ok {
			add(func(t *Task, _ int) bool { return test(t, n) })
		}
	}
	finish := func(t *Task) int64 {
		if t.TaskFinishTime == nil {
			return 0
		}
		n, _ := strconv.ParseInt(t.TaskFinishTime.String(), 10, 64) // null is no finish
		return n
	}
	bound("taskStartStartTime", func(t *Task, n int64) bool { return t.TaskStartTime >= n })
	bound("taskStartEndTime", func(t *Task, n int64) bool { return t.TaskStartTime <= n })
	bound("taskFinishStartTime", func(t *Task, n int64) bool { return finish(t) > 0 && finish(t) >= n })
	bound("taskFinishEndTime", func(t *Task, n int64) bool { return finish(t) > 0 && finish(t) <= n })
}

func (c *call) taskCodes(add func(func(*Task, int) bool)) {
	reading := c.s.o.Switches.TaskEnums
	code := func(param string, of func(*Task, int) int, filter map[int]int) {
		n, ok := c.v.number(param)
		if !ok {
			return
		}
		want := int(n)
		if filter != nil && reading != "response" {
			want = filter[want]
		}
		add(func(t *Task, certificate int) bool { return of(t, certificate) == want })
	}
	code("authIssueType", func(t *Task, _ int) int { return t.AuthIssueType }, nil)
	code("authIssueCertificate", func(_ *Task, certificate int) int { return certificate }, nil)
	code("authTaskProgress", func(t *Task, _ int) int { return t.AuthTaskProgress }, progressFilter)
	code("authTaskStatus", func(t *Task, _ int) int { return t.AuthTaskStatus }, statusFilter)
	if n, ok := c.v.number("authNumType"); ok && n >= 0 { // -1 all, 0 none, 1 having: A458-460
		add(func(t *Task, _ int) bool { return (t.AuthNum > 0) == (n == 1) })
	}
}

// showTask returns a row as it is answered.
func (s *Server) showTask(t Task) Task {
	if s.o.Switches.TaskEnums == "filter" {
		t.AuthTaskProgress = reverse(progressFilter, t.AuthTaskProgress)
		t.AuthTaskStatus = reverse(statusFilter, t.AuthTaskStatus)
	}
	if s.badCode("access-auth-task", t.AuthTaskID) {
		t.AuthTaskProgress, t.AuthTaskStatus = 9, 8
	}
	return t
}

// reverse returns the filter's code for a response's; one that the filter
// does not have (1 to be started) is 0, as a task just made.
func reverse(filter map[int]int, code int) int {
	for k, v := range filter {
		if v == code {
			return k
		}
	}
	return 0
}

// finishTime is taskFinishTime of a task; finish is 0 while it runs.
func (s *Server) finishTime(finish int64) *Scalar {
	if finish > 0 {
		return new(Scalar(strconv.FormatInt(finish, 10)))
	}
	switch s.o.Switches.UnfinishedTime {
	case "zero":
		return new(Scalar("0"))
	case "null":
		return new(Scalar("null"))
	}
	return nil
}

// taskDetail answers access-auth-task/{authTaskId} (A555-613).
func (c *call) taskDetail() reply {
	d, ok := c.s.site.task(c.v.text("authTaskId"))
	if !ok {
		return reply{err: fail(codeNoData)}
	}
	return reply{result: appendJSON(nil, d)}
}

// certificateText is authIssueCertificateStr, in the words of A587-588, which
// has no 4, and where 3 is what sending calls card + password (A353).
func certificateText(certificate int) string {
	names := []string{1: "card", 2: "card + face recognition", 3: "card + fingerprint", 4: "card + password + face recognition"}
	if certificate < 1 || certificate >= len(names) {
		return ""
	}
	return names[certificate]
}

// records answers access-auth-task/records (A615-706).
func (c *call) records() reply {
	l, totals, ok := c.s.site.records(c.v.text("authTaskId"), c.recordFilter())
	if !ok {
		return reply{err: fail(codeNoData)}
	}
	p := c.cut(l.total)
	if c.on(faultEmpty) {
		totals = recordTotals{}
	}
	b := []byte("{")
	b = c.appendListKey(b, "record_list_")
	b = append(b, '{')
	b = c.appendMore(b, p)
	b = append(b, `"list":`...)
	b = appendRows(b, l, p)
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, int64(p.total), 10)
	b = append(b, `},"success_num":`...)
	b = strconv.AppendInt(b, int64(totals.success), 10)
	b = append(b, `,"total_num":`...)
	b = strconv.AppendInt(b, int64(totals.total), 10)
	return reply{result: append(b, '}')}
}

// appendListKey appends a key that the tables spell ...ListVOList (A659,
// B617) and no sample shows in snake_case.
func (c *call) appendListKey(b []byte, prefix string) []byte {
	b = append(b, '"')
	b = append(b, prefix...)
	b = append(b, c.s.o.Switches.ListKey...)
	return append(b, '"', ':')
}

func (c *call) recordFilter() func(*Record) bool {
	if c.s.o.Switches.IgnoreFilters || !slices.ContainsFunc([]string{"name", "mobile", "structureName", "issueStatus"}, c.v.has) {
		return nil
	}
	name, mobile, structure := c.v.text("name"), c.v.text("mobile"), c.v.text("structureName")
	status, hasStatus := c.v.number("issueStatus")
	return func(r *Record) bool {
		return c.named(r.Name, name) && c.named(r.Mobile, mobile) && c.named(r.StructureName, structure) &&
			(!hasStatus || int64(r.IssueStatus) == status)
	}
}

// showRecord returns a row as it is answered.
func (s *Server) showRecord(r Record) Record {
	if s.badCode("access-auth-task/records", r.AuthTaskRecordID) {
		r.IssueStatus = 9
	}
	return r
}

// issueInfo answers access-auth-task/actions/issue-info (A708-797).
func (c *call) issueInfo() reply {
	i, ok := c.s.site.issueInfo(c.v.text("authTaskRecordId"))
	if !ok {
		return reply{err: fail(codeNoData)}
	}
	return reply{result: appendJSON(nil, i)}
}
