package sandbox

// life makes what happens in the building while nobody asks, hour by hour:
// a task that begins each hour and takes 70 minutes, so that one is always
// running, and the changes of a day each night at three.
func (d *demo) life(at int64) {
	for d.next <= at {
		d.at = d.next
		d.applyDue(d.at)
		hour := int((d.next - d.today) / hourMS)
		if hour >= 24 && hour%24 == 3 {
			d.night(hour / 24)
		}
		d.hourly(hour)
		d.next += hourMS
	}
	d.at = at
}

// hourly makes a task that sends three persons what they have already. Every
// sixth is forgotten by the cloud while it runs.
func (d *demo) hourly(hour int) {
	n := uint64(hour + 24)
	start := d.at + 10*minuteMS
	c := d.floors[n%4].channels[4]
	t := d.newTask(c, 2, 1, start)
	t.finish = start + 70*minuteMS
	if n%6 == 2 {
		t.gone = start + 40*minuteMS
	}
	for _, p := range d.onChannel(c) {
		if len(t.records) == 3 {
			break
		}
		if d.used[p] || d.untried[p.person] || p.TotalCardNum == 0 || p.AuthCardNum != p.TotalCardNum || p.CardIssueStatus != 1 {
			continue
		}
		r := d.newRecord(t, p.person)
		r.info.PersonIssueResult.SuccessIssueNum = 1
		r.info.CardIssueResult.SuccessIssueNum = p.TotalCardNum
		r.sent = t.finish - 1000
		if len(t.records) == 1 {
			r.sent = start + 10_000
		}
	}
}

// night makes the changes of one day: permissions that are extended,
// shortened, made permanent, added, removed, made again under another id, and
// persons who are renamed or move.
func (d *demo) night(day int) {
	dice := dice{seed: mix(d.living.seed, uint64(day))}
	some := func(suits func(*permission) bool) *permission {
		start := dice.below(len(d.perms))
		for i := range d.perms {
			if p := d.perms[(start+i)%len(d.perms)]; d.ordinary(p) && suits(p) {
				d.used[p] = true
				return p
			}
		}
		return nil
	}
	ending := func(p *permission) bool { return p.AuthEndTime < Permanent }
	permanent := func(p *permission) bool { return p.AuthEndTime == Permanent }
	each := func(n int, suits func(*permission) bool, change func(*permission)) {
		for range n {
			if p := some(suits); p != nil {
				change(p)
			}
		}
	}
	each(4, ending, func(p *permission) { p.AuthEndTime += 30 * dayMS })
	each(2, permanent, func(p *permission) { p.AuthEndTime = d.lastSecond(day + 60) })
	each(1, ending, func(p *permission) { p.AuthEndTime = Permanent })
	each(4, permanent, d.revoke)
	each(2, permanent, func(p *permission) { // again under another id
		d.unlist(p)
		d.newPermission(p.person, p.channel, p.AuthStartTime, p.AuthEndTime, d.at, p.source).deliver()
	})
	each(3, permanent, func(p *permission) { p.AuthFaceNum, p.FaceIssueStatus = 0, 0 })
	d.rename(d.living.people[dice.below(600)], day)
	d.move(d.living.people[dice.below(600)], pick(&dice, d.orgs[:6]))
	for range 4 {
		p, c := d.living.people[dice.below(600)], pick(&dice, pick(&dice, d.floors).channels)
		if d.byPair[pair{p, c}] == nil {
			r := rule{created: d.at, source: 2, authID: p.id, start: d.day(day), end: d.lastSecond(day + 90), rangeID: "1"}
			d.settle(d.addRule(r, c, nil))
			d.push(c, false, 2)
		}
	}
}

// revoke takes a permission away and has the device told.
func (d *demo) revoke(p *permission) {
	d.removePermission(p)
	d.push(p.channel, false, 1)
}

func (d *demo) rename(p *person, day int) {
	p.name += " " + string(rune('A'+day%26))
	p.listName = p.name
	d.refreshAll(p)
}

func (d *demo) move(p *person, to *structure) {
	p.nodes = []*structure{to}
	d.refreshAll(p)
}

func (d *demo) refreshAll(p *person) {
	for _, perm := range d.perms {
		if perm.person == p {
			perm.refresh(d.s)
		}
	}
}
