package sandbox

import "slices"

// grants makes the rules and the permissions that they give.
func (d *demo) grants() {
	begun := d.day(-800)
	d.give(rule{created: begun, source: 1, authID: d.root.StructureID, group: d.public, start: begun, end: Permanent})
	ends := []int64{
		Permanent, Permanent, Permanent, Permanent, d.lastSecond(80), d.lastSecond(24), Permanent, d.lastSecond(5),
	}
	for i, org := range d.orgs {
		d.give(rule{created: begun, source: 1, authID: org.StructureID, group: d.floors[i], start: begun, end: ends[i]})
	}
	all := d.newGroup("所有通道 All channels", slices.Concat(d.channels[:54], d.odd.docks[:]))
	d.give(rule{created: d.day(-600), source: 3, authID: d.guards.id, group: all, start: d.day(-600), end: d.lastSecond(400)})
	cleaners, drivers := d.teams[1], d.teams[2]
	for _, g := range append(slices.Clone(d.floors), d.plant) {
		d.give(rule{created: d.day(-500), source: 3, authID: cleaners.id, group: g, start: d.day(-500), end: d.lastSecond(52)})
	}
	d.give(rule{created: d.day(-400), source: 3, authID: drivers.id, group: d.parking, start: d.day(-400), end: Permanent})
	d.personRules()
}

func (d *demo) newGroup(name string, cs []*channel) *channelGroup {
	g := &channelGroup{id: d.mint.idMS(d.day(-890)), name: name, channels: cs}
	d.groups = append(d.groups, g)
	return g
}

// give adds a rule and what it permits.
func (d *demo) give(r rule) *rule {
	r.rangeID = "1"
	pairs := d.addRule(r, r.channel, r.group)
	for _, p := range pairs {
		perm := d.byPair[p]
		if perm == nil {
			perm = d.newPermission(p.person, p.channel, r.start, r.end, max(r.created, idTime(p.person.id))+600, r.source)
			perm.deliver()
			continue
		}
		perm.AuthStartTime, perm.AuthEndTime = min(perm.AuthStartTime, r.start), max(perm.AuthEndTime, r.end)
		if r.source != 1 {
			perm.source = r.source
		}
	}
	return d.ruleList[len(d.ruleList)-1]
}

// deliver says that all that the person has is on the device.
func (p *permission) deliver() {
	sent := func(n int) int { return min(n, 1) }
	p.AuthCardNum, p.CardIssueStatus = p.TotalCardNum, sent(p.TotalCardNum)
	p.AuthFaceNum, p.FaceIssueStatus = p.TotalFaceNum, sent(p.TotalFaceNum)
	if p.TotalFingerprintNum != nil {
		p.AuthFingerprintNum, p.FingerprintIssueStatus = new(*p.TotalFingerprintNum), sent(*p.TotalFingerprintNum)
	}
}

// personRuleEnds are when rules for one person end, in days from today: some
// in each bucket of 7, 15, 30, 60 and 90 days, some past, some without end.
var personRuleEnds = []int{0, 1, 3, 6, 7, 9, 12, 14, 15, 19, 25, 29, 33, 47, 59, 61, 75, 89, 95, 200, -1, -2, -9, -33, noEnd, noEnd, noEnd, noEnd}

const noEnd = 1 << 20

// personRules gives single persons single channels of other floors.
func (d *demo) personRules() {
	for i := 0; i < 124; {
		p := d.living.people[d.dice.below(600)]
		c := pick(&d.dice, pick(&d.dice, d.floors).channels)
		if d.byPair[pair{p, c}] != nil || c == d.odd.dead {
			continue
		}
		begun := d.day(-d.dice.between(2, 300)) + int64(d.dice.between(8, 17))*hourMS
		begun = max(begun, idTime(p.id)+dayMS)
		end := Permanent
		if n := personRuleEnds[i%len(personRuleEnds)]; n != noEnd {
			end = d.lastSecond(n)
		}
		d.give(rule{created: begun, source: 2, authID: p.id, channel: c, start: midnightMS(begun), end: end})
		i++
	}
	d.give(rule{created: d.day(-200), source: 2, authID: d.loner().id, channel: d.channels[0], start: d.day(-200), end: Permanent})
	// One with many more channels than anybody of the same organization.
	many := d.newGroup("Temporary project", slices.Concat(d.floors[0].channels, d.floors[1].channels, d.floors[2].channels, d.floors[3].channels, d.floors[6].channels, d.plant.channels))
	collector := d.living.people[370]
	d.give(rule{created: d.day(-150), source: 2, authID: collector.id, group: many, start: d.day(-150), end: Permanent})
}

func midnightMS(ms int64) int64 { return midnight(unixMS(ms)).UnixMilli() }

// cases makes rules and permissions that do not fit each other (R16), and
// channels that few or none can open (R06).
func (d *demo) cases() {
	begun := d.day(-300)
	alone := d.living.people[70]
	d.give(rule{created: begun, source: 2, authID: alone.id, channel: d.odd.cash, start: begun, end: Permanent})
	d.give(rule{created: begun, source: 3, authID: d.teams[3].id, channel: d.odd.vault, start: begun, end: Permanent})
	oldWing := d.groups[slices.IndexFunc(d.groups, func(g *channelGroup) bool { return slices.Contains(g.channels, d.odd.oldWing) })]
	d.give(rule{created: begun, source: 1, authID: d.empty.StructureID, group: oldWing, start: begun, end: Permanent})
	person := func(i int) *person { return d.living.people[i] }
	free := func(i int) *channel { // a channel that person i can not open yet
		for k := range 40 {
			c := d.floors[(i+k)%8].channels[k%5]
			if d.byPair[pair{person(i), c}] == nil && c != d.odd.dead {
				return c
			}
		}
		return d.odd.fireExit
	}
	mark := func(p *permission) *permission {
		d.used[p] = true
		return p
	}
	given := func(i int, end int64) (*rule, *permission) {
		c := free(i)
		r := d.give(rule{created: begun, source: 2, authID: person(i).id, channel: c, start: begun, end: end})
		return r, mark(d.byPair[pair{person(i), c}])
	}
	for _, i := range []int{80, 211, 345} { // (a) permissions without a rule
		p := mark(d.newPermission(person(i), free(i), begun, Permanent, begun, 2))
		p.deliver()
	}
	for _, i := range []int{91, 222} { // (b) rules for a person without permission
		r := rule{created: begun, source: 2, authID: person(i).id, start: begun, end: Permanent, rangeID: "1"}
		d.addRule(r, free(i), nil)
	}
	for n, i := range []int{102, 233, 366} { // (d) other dates than the rule
		_, p := given(i, d.lastSecond(200))
		p.AuthEndTime = []int64{d.lastSecond(230), d.lastSecond(20), Permanent}[n]
	}
	for _, i := range []int{113, 244} { // (e) the rule is past, the permission lives
		r, p := given(i, d.lastSecond(-3))
		p.AuthEndTime = Permanent
		r.start = p.AuthStartTime
	}
	_, p := given(124, Permanent) // (f) two rules for the same
	r := rule{created: begun + dayMS, source: 2, authID: person(124).id, start: begun, end: d.lastSecond(90), rangeID: "1"}
	d.addRule(r, p.channel, nil)
	_, p = given(135, Permanent) // (g) a source that the rules do not have
	p.source = 1
	given(146, d.lastSecond(365*9))      // far away, but not the permanent end
	_, p = given(257, d.lastSecond(-40)) // past, nothing of it delivered
	p.AuthCardNum, p.CardIssueStatus, p.AuthFaceNum, p.FaceIssueStatus = 0, 0, 0, 0
	_, p = given(268, d.lastSecond(300)) // not begun yet
	p.AuthStartTime = d.day(10)
}
