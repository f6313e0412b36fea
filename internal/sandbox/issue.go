package sandbox

import "slices"

// task is a push of permissions to one channel.
type task struct {
	id            string
	channel       channel // as it was when the task was made
	kind          int     // 1 all, 2 additional
	certificate   int
	start, finish int64 // finish 0: never
	terminated    bool
	waits         bool // stuck before its start, not while executing
	records       []*record
	status        int   // says this instead of what the numbers say, if not 0
	gone          int64 // from then on it is not listed any more
}

// record is one person in a task. What will come of it is known from the
// start and shows once the clock has passed sent.
type record struct {
	id     string
	person *person
	node   string // the organization's name
	sent   int64  // 0: never
	status int
	info   IssueInfo
	perm   *permission // to be counted when it is sent
	gone   *deletion   // to be cleared when it succeeded
	wipe   bool
}

// deletion is credentials of somebody without permission that are still on a
// device.
type deletion struct {
	pair
	cards, faces, prints int
}

const (
	taskInitMS  = 2000 // a task is initialized for so long
	taskStartMS = 5000 // and to be started until so long after its start
)

// issue makes a task for each channel.
func (l *living) issue(w issueRequest) (string, *apiError) {
	var channels []*channel
	for _, id := range w.channels {
		i := slices.IndexFunc(l.channels, func(c *channel) bool { return c.id == id })
		if i < 0 {
			return "", fail(codeNoData, "channelIds")
		}
		channels = append(channels, l.channels[i])
	}
	for _, c := range channels {
		l.push(c, w.full, w.certificate)
	}
	return l.mint.idMS(l.at), nil
}

// push makes the task that brings a channel's device up to date.
func (l *living) push(c *channel, full bool, certificate int) *task {
	t := l.newTask(c, 2, certificate, l.at)
	wipe := false
	if full {
		t.kind = 1
		wipe = l.s.o.Switches.FullWipes
	}
	inTask := map[*person]*record{}
	for _, p := range l.perms {
		if p.channel == c && (full || p.toSend(certificate)) {
			r := l.newRecord(t, p.person)
			r.perm, r.wipe = p, wipe
			inTask[p.person] = r
		}
	}
	for _, d := range l.waiting {
		if d.channel != c {
			continue
		}
		r := inTask[d.person]
		if r == nil {
			r = l.newRecord(t, d.person)
		}
		r.gone = d
	}
	pace := l.s.o.Switches.IssuePace.Milliseconds()
	for i, r := range t.records {
		r.sent = t.start + taskStartMS + int64(i+1)*pace
		l.decide(t, r, c)
		l.due = append(l.due, r)
	}
	t.finish = t.start + taskStartMS + int64(len(t.records)+1)*pace
	return t
}

// toSend reports whether something that a certificate covers is to be sent.
func (p *permission) toSend(certificate int) bool {
	return p.TotalCardNum > 0 && p.CardIssueStatus == 0 || covers(certificate, "face") && p.TotalFaceNum > 0 && p.FaceIssueStatus == 0
}

// covers reports whether sending with a certificate includes a credential
// beside cards (A351-354). Fingerprints are in none.
func covers(certificate int, credential string) bool {
	switch credential {
	case "face":
		return certificate == 2 || certificate == 4
	case "password":
		return certificate == 3 || certificate == 4
	}
	return false
}

// pushDeletions sends the deletions that wait for some channels.
func (l *living) pushDeletions(pairs []pair) {
	var done []*channel
	for _, p := range pairs {
		if !slices.Contains(done, p.channel) {
			done = append(done, p.channel)
			l.push(p.channel, false, 1)
		}
	}
}

func (l *living) newTask(c *channel, kind, certificate int, start int64) *task {
	t := &task{id: l.mint.idMS(start), channel: *c, kind: kind, certificate: certificate, start: start}
	l.taskList = append(l.taskList, t)
	return t
}

func (l *living) newRecord(t *task, p *person) *record {
	r := &record{id: l.mint.idMS(t.start), person: p, status: recordSucceeded}
	if len(p.nodes) > 0 {
		r.node = p.nodes[0].StructureName
	}
	r.info = IssueInfo{AuthTaskRecordID: r.id, ProjectID: l.s.project}
	t.records = append(t.records, r)
	return r
}

// decide settles by seed what will come of a record on a device.
func (l *living) decide(t *task, r *record, c *channel) {
	d := c.device
	if d.offlineFrom != 0 && t.start >= d.offlineFrom {
		r.status = recordUnknown
		return
	}
	roll := func(what string, i int, perMille uint64) bool {
		return mix(l.seed, sum(t.id, r.person.id, what), uint64(i))%1000 < perMille
	}
	send := func(to *IssueResult, what string, n int, perMille uint64) {
		for i := range n {
			if roll(what, i, perMille) {
				to.FailIssueNum++
			} else {
				to.SuccessIssueNum++
			}
		}
	}
	if p := r.perm; p != nil {
		r.info.PersonIssueResult.SuccessIssueNum = 1
		send(&r.info.CardIssueResult, "card", p.TotalCardNum, d.failCard)
		if covers(t.certificate, "face") {
			send(&r.info.FaceIssueResult, "face", p.TotalFaceNum, d.failFace)
		}
		if covers(t.certificate, "password") && p.person.password {
			send(&r.info.CardPwdIssueResult, "password", 1, d.failCard)
		}
	}
	if g := r.gone; g != nil {
		r.info.remove(&g.cards, &g.faces, &g.prints, roll("deletion", 0, d.failDelete))
		if r.perm == nil {
			r.info.PersonIssueResult.removed(1, r.info.failed())
		}
	}
	if r.wipe {
		r.info.CardIssueResult.SuccessIssueDelNum += r.perm.AuthCardNum
		r.info.FaceIssueResult.SuccessIssueDelNum += r.perm.AuthFaceNum
	}
	if r.info.failed() {
		r.status = recordFailed
	}
}

// remove counts deletions of some credentials.
func (i *IssueInfo) remove(cards, faces, prints *int, failed bool) {
	i.CardIssueResult.removed(*cards, failed)
	i.FaceIssueResult.removed(*faces, failed)
	i.FingerprintIssueResult.removed(*prints, failed)
}

func (r *IssueResult) removed(n int, failed bool) {
	if failed {
		r.FailIssueDelNum += n
	} else {
		r.SuccessIssueDelNum += n
	}
}

// failed reports whether anything failed.
func (i *IssueInfo) failed() bool {
	for _, r := range i.blocks() {
		if r.FailIssueNum+r.FailIssueDelNum > 0 {
			return true
		}
	}
	return false
}

func (i *IssueInfo) blocks() []*IssueResult {
	return []*IssueResult{&i.PersonIssueResult, &i.CardIssueResult, &i.CardPwdIssueResult, &i.FaceIssueResult, &i.FingerprintIssueResult}
}

// apply changes the counters of the permission as the record came out, and
// forgets a deletion that was done.
func (r *record) apply(l *living) {
	if p := r.perm; p != nil && r.status != recordUnknown && r.status != recordTerminated {
		r.info.CardIssueResult.count(&p.AuthCardNum, &p.CardIssueStatus)
		r.info.FaceIssueResult.count(&p.AuthFaceNum, &p.FaceIssueStatus)
		if p.AuthFingerprintNum != nil {
			r.info.FingerprintIssueResult.count(p.AuthFingerprintNum, &p.FingerprintIssueStatus)
		}
	}
	if r.gone != nil && r.status != recordUnknown && !r.deletionFailed() {
		l.waiting = slices.DeleteFunc(l.waiting, func(d *deletion) bool { return d == r.gone })
	}
}

func (r *record) deletionFailed() bool {
	return slices.ContainsFunc(r.info.blocks(), func(b *IssueResult) bool { return b.FailIssueDelNum > 0 })
}

// count sets a permission's counter and status for a credential that was
// sent.
func (r *IssueResult) count(on, status *int) {
	if r.SuccessIssueNum+r.FailIssueNum == 0 {
		return
	}
	*on = r.SuccessIssueNum
	*status = 0
	if r.FailIssueNum == 0 {
		*status = 1
	}
}
