package sandbox

import (
	"cmp"
	"slices"
)

// history makes 90 days of tasks before today.
func (d *demo) history() {
	news := d.newcomers()
	left := d.leavings()
	for back := 90; back >= 1; back-- {
		for _, k := range d.channelsOf(news[back]) {
			start := latest(news[back][k]) + 30*minuteMS
			d.pushed(k, 2, 2, start, news[back][k], nil)
		}
		for i := range d.dice.between(1, 2) {
			d.ordinaryTask(d.day(-back)+int64(9+i*3)*hourMS+int64(d.dice.below(2*hourMS)), i)
		}
		for _, g := range left[back] {
			d.pushed(g.channel, 2, d.dice.between(1, 2), d.day(-back)+int64(19)*hourMS+int64(d.dice.below(hourMS)), nil, []*deletion{g})
		}
	}
	d.retriedDeletions()
	d.deadChannel()
	d.oddTasks()
	slices.SortStableFunc(d.taskList, func(a, b *task) int { return cmp.Compare(a.start, b.start) })
	for _, t := range d.taskList {
		for _, r := range t.records {
			if r.sent != 0 {
				r.apply(d.living)
			}
		}
	}
	for _, p := range d.onChannel(d.odd.dead) {
		p.AuthCardNum, p.CardIssueStatus, p.AuthFaceNum, p.FaceIssueStatus = 0, 0, 0, 0
		d.used[p] = true
	}
}

func latest(perms []*permission) int64 {
	var at int64
	for _, p := range perms {
		at = max(at, p.created)
	}
	return at
}

// newcomers returns the permissions made within the 90 days, by how many days
// ago and by channel.
func (d *demo) newcomers() map[int]map[*channel][]*permission {
	out := map[int]map[*channel][]*permission{}
	for _, p := range d.perms {
		back := int((d.today - midnightMS(p.created)) / dayMS)
		if back < 1 || back > 90 {
			continue
		}
		if out[back] == nil {
			out[back] = map[*channel][]*permission{}
		}
		out[back][p.channel] = append(out[back][p.channel], p)
	}
	return out
}

// channelsOf returns the keys of m in the order of the site.
func (d *demo) channelsOf(m map[*channel][]*permission) []*channel {
	var out []*channel
	for _, c := range d.channels {
		if len(m[c]) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// leavings returns what was to be deleted of those who left, by how many days
// ago.
func (d *demo) leavings() map[int][]*deletion {
	out := map[int][]*deletion{}
	for i, p := range d.left {
		c := pick(&d.dice, d.floors[i%8].channels[:3])
		if i < 12 { // on the device that refuses most deletions
			c = d.floors[5].channels[i%2]
		}
		g := &deletion{pair: pair{p, c}, cards: max(1, p.cards), faces: p.faces, prints: max(0, p.prints)}
		back := d.dice.between(5, 88)
		out[back] = append(out[back], g)
		d.waiting = append(d.waiting, g)
	}
	return out
}

// retriedDeletions sends some of the deletions that failed once more; the
// device obeys some of them.
func (d *demo) retriedDeletions() {
	var failed []*deletion
	for _, t := range d.taskList {
		for _, r := range t.records {
			if r.gone != nil && r.deletionFailed() {
				failed = append(failed, r.gone)
			}
		}
	}
	for i, g := range failed {
		if i%2 == 0 {
			continue
		}
		kept := *g.channel.device
		g.channel.device.failDelete = 0
		d.pushed(g.channel, 2, 1, d.day(-2)+10*hourMS+int64(i)*7*minuteMS, nil, []*deletion{g})
		*g.channel.device = kept
	}
}

// ordinaryTask sends again to some of those on a channel: mostly additions,
// now and then all.
func (d *demo) ordinaryTask(start int64, i int) {
	c := pick(&d.dice, pick(&d.dice, d.floors).channels)
	if d.dice.perMille(120) {
		c = d.channels[d.dice.below(10)]
	}
	if c == d.odd.dead {
		c = d.odd.docks[i%2]
	}
	perms := slices.DeleteFunc(d.onChannel(c), func(p *permission) bool { return p.created > start || d.used[p] })
	kind := 2
	if len(perms) <= 90 && d.dice.perMille(60) {
		kind = 1
	} else if len(perms) > 28 {
		n, from := d.dice.between(6, 28), d.dice.below(len(perms)-28)
		perms = perms[from : from+n]
	}
	d.pushed(c, kind, []int{1, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 4}[d.dice.below(12)], start, perms, nil)
}

// pushed makes a task that has been done. With certificate 3, which means
// card + password when sending and card + fingerprint when asking (A353,
// A469), half of the tasks sent the one, half the other.
func (d *demo) pushed(c *channel, kind, certificate int, start int64, perms []*permission, gone []*deletion) *task {
	t := d.newTask(c, kind, certificate, start)
	for _, p := range perms {
		if !d.untried[p.person] {
			d.newRecord(t, p.person).perm = p
		}
	}
	for _, g := range gone {
		d.newRecord(t, g.person).gone = g
	}
	pace := int64(d.dice.between(400, 2500))
	for i, r := range t.records {
		r.sent = start + taskStartMS + int64(i+1)*pace
		d.decide(t, r, c)
		if p := r.perm; p != nil && certificate == 3 && start/minuteMS%2 == 0 && p.TotalFingerprintNum != nil && r.status != recordUnknown {
			r.info.FingerprintIssueResult.SuccessIssueNum = *p.TotalFingerprintNum
			r.info.CardPwdIssueResult = IssueResult{}
			if !r.info.failed() {
				r.status = recordSucceeded
			}
		}
	}
	t.finish = start + taskStartMS + int64(len(t.records)+1)*pace
	return t
}

// deadChannel makes a device that has answered nothing for twelve days.
func (d *demo) deadChannel() {
	for back := 11; back >= 1; back -= 2 {
		perms := d.onChannel(d.odd.dead)[:d.dice.between(6, 12)]
		d.pushed(d.odd.dead, 2, 2, d.day(-back)+11*hourMS, perms, nil)
	}
}

// oddTasks makes tasks that never ended, were ended, had nothing to do, or
// say what their numbers do not.
func (d *demo) oddTasks() {
	some := func(c *channel, n int) []*permission {
		return slices.DeleteFunc(d.onChannel(c), func(p *permission) bool { return d.used[p] || d.untried[p.person] })[:n]
	}
	stop := func(t *task, after int) {
		for _, r := range t.records[after:] {
			r.sent, r.status, r.info = 0, recordInit, IssueInfo{AuthTaskRecordID: r.id, ProjectID: d.s.project}
		}
	}
	stuck := func(c *channel, start int64, n, after int) *task {
		t := d.pushed(c, 2, 2, start, some(c, n), nil)
		t.finish = 0
		stop(t, after)
		return t
	}
	stuck(d.floors[1].channels[0], d.day(-1)+19*hourMS, 8, 3)
	stuck(d.floors[3].channels[1], d.day(-2)+8*hourMS, 12, 5)
	stuck(d.floors[5].channels[2], d.day(0)+5*minuteMS, 6, 2)
	stuck(d.floors[0].channels[1], d.day(-1)+22*hourMS, 5, 0).waits = true
	d.pushed(d.floors[0].channels[3], 1, 2, d.day(-30)+7*hourMS, some(d.floors[0].channels[3], 40), nil)
	for i, back := range []int{44, 21} { // ended by hand
		t := d.pushed(d.floors[2].channels[1+i], 2, 2, d.day(-back)+16*hourMS, some(d.floors[2].channels[1+i], 9), nil)
		stop(t, 4*(1-i))
		t.terminated = true
	}
	for _, back := range []int{60, 15} { // nothing to send
		d.pushed(d.odd.oldWing, 2, 1, d.day(-back)+14*hourMS, nil, nil)
	}
	// All failed: the device took nothing.
	c := d.floors[6].channels[0]
	kept := *c.device
	c.device.failCard = 1000
	carded := func(p *permission) bool { return p.TotalCardNum == 0 || p.AuthEndTime < d.today }
	d.pushed(c, 2, 1, d.day(-4)+13*hourMS, slices.DeleteFunc(some(c, 12), carded), nil)
	*c.device = kept
	// The status says all succeeded, the numbers say some.
	c = d.floors[2].channels[0]
	kept = *c.device
	c.device.failCard = 500
	d.pushed(c, 2, 1, d.day(-6)+13*hourMS, some(c, 10), nil).status = statusAll
	*c.device = kept
}

// states puts permissions into each state that their counters can be in.
func (d *demo) states() {
	one := func(set func(*permission), suits func(*permission) bool, n int) {
		for range n {
			set(d.take(func(p *permission) bool { return d.ordinary(p) && suits(p) }))
		}
	}
	cards := func(n int) func(*permission) bool { return func(p *permission) bool { return p.TotalCardNum >= n } }
	face := func(p *permission) bool { return p.TotalFaceNum > 0 }
	faceOnly := func(p *permission) bool { return p.TotalFaceNum > 0 && p.AuthFaceNum > 0 }
	one(func(p *permission) { p.AuthCardNum = p.TotalCardNum + 1 }, cards(1), 5)                     // excess
	one(func(p *permission) { p.TotalFaceNum, p.AuthFaceNum, p.FaceIssueStatus = 0, 1, 1 }, face, 2) // excess without any
	one(func(p *permission) { p.AuthCardNum, p.CardIssueStatus = 0, 1 }, cards(1), 4)                // contradictory
	one(func(p *permission) { p.AuthFaceNum, p.FaceIssueStatus = p.TotalFaceNum, 0 }, faceOnly, 3)   // contradictory
	one(func(p *permission) { p.AuthCardNum, p.CardIssueStatus = 1, 1 }, cards(2), 6)                // partial
	one(func(p *permission) { p.AuthCardNum, p.CardIssueStatus = 0, 0 }, cards(1), 8)                // pending
	one(func(p *permission) { p.AuthFaceNum, p.FaceIssueStatus = 0, 0 }, face, 8)                    // pending
	one(func(p *permission) { p.AuthFaceNum, p.FaceIssueStatus = 0, 0 }, func(p *permission) bool { return d.untried[p.person] }, 4)
}
