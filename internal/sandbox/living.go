package sandbox

import (
	"cmp"
	"slices"
	"sync"
)

// living is a site that rules, edits, issues and time change. Its fields are
// guarded by mu, which begin takes.
type living struct {
	s    *Server
	mu   sync.Mutex
	at   int64 // the time as of which it is asked
	seed uint64
	mint mint

	nodes    []*structure
	people   []*person
	teams    []*personGroup
	channels []*channel
	groups   []*channelGroup
	ruleList []*rule
	perms    []*permission // in the order in which they were made
	newest   []*permission // the same, newest first; nil when perms has changed
	byPair   map[pair]*permission
	taskList []*task
	waiting  []*deletion // credentials to be deleted from devices
	due      []*record   // of tasks that are running: effects to come

	// life, if there is one, makes what happens by itself up to a time.
	life func(at int64)
}

type structure struct {
	Structure
	parent *structure
}

// person is somebody who can hold permissions, with all that the site knows.
type person struct {
	id, name, code string
	listName       string // in list-auth-person
	listCode       string
	unlisted       bool // not in list-auth-person
	sex            int
	country        string
	mobile         string
	nodes          []*structure
	cards, faces   int
	prints         int // -1: the fingerprint counters are absent
	password       bool
}

type personGroup struct {
	id, name string
	members  []*person
}

type device struct {
	id, name string
	// Of a thousand cards, faces and deletions, how many it refuses.
	failCard, failFace, failDelete uint64
	offlineFrom                    int64 // 0: never
}

type channel struct {
	id, name   string
	no         int
	room, path string
	device     *device
}

type channelGroup struct {
	id, name string
	channels []*channel
}

type rule struct {
	id         string
	created    int64
	source     int // 1 organization, 2 person, 3 person group
	authID     string
	channel    *channel // or
	group      *channelGroup
	start, end int64
	rangeID    string
}

type pair struct {
	person  *person
	channel *channel
}

// permission is a row of access-auth as it stands, with what its detail adds.
type permission struct {
	Permission
	created int64
	source  int
	pair
}

// begin brings the site to a time and holds it there.
func (l *living) begin(at int64) func() {
	l.mu.Lock()
	l.advance(at)
	return l.mu.Unlock
}

// advance lets happen what is due up to at.
func (l *living) advance(at int64) {
	l.at = at
	if l.life != nil {
		l.life(at)
	}
	l.applyDue(at)
}

// applyDue lets the records sent up to at change what they are about.
func (l *living) applyDue(at int64) {
	l.due = slices.DeleteFunc(l.due, func(r *record) bool {
		if r.sent == 0 || r.sent > at {
			return false
		}
		r.apply(l)
		return true
	})
}

// newPermission lists that p may pass c.
func (l *living) newPermission(p *person, c *channel, start, end, created int64, source int) *permission {
	perm := &permission{
		Permission: Permission{
			AccessAuthID:          l.mint.idMS(created),
			AccessAuthTimeRangeID: "1", AccessAuthTimeRangeStr: allDay,
			AuthStartTime: start, AuthEndTime: end,
			TotalCardNum: p.cards, TotalFaceNum: p.faces,
		},
		created: created, source: source, pair: pair{p, c},
	}
	if p.prints >= 0 {
		perm.TotalFingerprintNum, perm.AuthFingerprintNum = new(p.prints), new(0)
	}
	perm.refresh(l.s)
	l.perms, l.newest = append(l.perms, perm), nil
	l.byPair[perm.pair] = perm
	return perm
}

// refresh copies what the row shows of its person and channel.
func (p *permission) refresh(s *Server) {
	c, o := p.channel, p.person
	p.AccessChannelPositionPath, p.AccessChannelRoomID = c.path, c.room
	p.AccessControlChannelID, p.AccessControlChannelName = c.id, c.name
	p.AccessControlChannelNo, p.BusinessDeviceName = s.channelNo(c.no), c.device.name
	p.Mobile, p.MobileCountry, p.Name, p.PersonCode, p.PersonID = o.mobile, o.country, o.name, o.code, o.id
	p.Sex = string(rune('0' + o.sex))
	p.StructureIDs = []string{}
	for _, n := range o.nodes {
		p.StructureIDs = append(p.StructureIDs, n.StructureID)
	}
}

// removePermission unlists p and leaves its credentials to be deleted from
// the device.
func (l *living) removePermission(p *permission) {
	delete(l.byPair, p.pair)
	l.unlist(p)
	d := &deletion{pair: p.pair, cards: p.AuthCardNum, faces: p.AuthFaceNum}
	if p.AuthFingerprintNum != nil {
		d.prints = *p.AuthFingerprintNum
	}
	if d.cards+d.faces+d.prints > 0 {
		l.waiting = append(l.waiting, d)
	}
}

func (l *living) unlist(p *permission) {
	l.perms, l.newest = slices.DeleteFunc(l.perms, func(q *permission) bool { return q == p }), nil
}

// newestFirst sorts by id, as the real samples stand (A142, A171, A200).
func newestFirst[T any](rows []T, id func(T) string) []T {
	slices.SortStableFunc(rows, func(a, b T) int { return cmp.Compare(id(b), id(a)) })
	return rows
}

func (l *living) permissions(_ uint64, match func(*Permission, int64) bool) list {
	if l.newest == nil {
		l.newest = newestFirst(slices.Clone(l.perms), func(p *permission) string { return p.AccessAuthID })
	}
	rows := l.newest
	if match != nil {
		rows = slices.DeleteFunc(slices.Clone(rows), func(p *permission) bool { return !match(&p.Permission, p.created) })
	}
	return listOf(rows, func(p *permission) Permission { return l.s.showPermission(p.Permission) })
}

func (l *living) permission(id string) (PermissionDetail, bool) {
	for _, p := range l.perms {
		if p.AccessAuthID == id {
			return p.detail(), true
		}
	}
	return PermissionDetail{}, false
}

// sourceTexts are authSourceStr by source; no document has the texts.
var sourceTexts = []string{"", "by organization", "by person", "by person group"}

// sexTexts are sexStr by sex; no document has the codes or the texts.
var sexTexts = []string{"unknown", "male", "female"}

func (p *permission) detail() PermissionDetail {
	d := PermissionDetail{
		AccessChannelPositionPath: p.AccessChannelPositionPath, AccessChannelRoomID: p.AccessChannelRoomID,
		AccessControlChannelName: p.AccessControlChannelName, AccessControlChannelNo: p.AccessControlChannelNo,
		AuthCardNum: p.AuthCardNum, AuthCreateTime: p.created, AuthEndTime: p.AuthEndTime, AuthFaceNum: p.AuthFaceNum,
		AuthFingerprintNum: p.AuthFingerprintNum, AuthSource: string(rune('0' + p.source)), AuthSourceStr: sourceTexts[p.source],
		AuthStartTime: p.AuthStartTime, BusinessDeviceName: p.BusinessDeviceName, CardIssueStatus: p.CardIssueStatus,
		FaceIssueStatus: p.FaceIssueStatus, FingerprintIssueStatus: p.FingerprintIssueStatus,
		ImageURL: "https://images.example.com/persons/" + p.PersonID + ".jpg",
		Mobile:   p.Mobile, MobileCountry: p.MobileCountry, Name: p.Name, PersonCode: p.PersonCode, PersonID: p.PersonID,
		Sex: p.person.sex, SexStr: sexTexts[p.person.sex], StructureNames: []string{},
		TotalCardNum: p.TotalCardNum, TotalFaceNum: p.TotalFaceNum, TotalFingerprintNum: p.TotalFingerprintNum,
	}
	for _, n := range p.person.nodes {
		d.StructureNames = append(d.StructureNames, n.StructureName)
	}
	return d
}

func (l *living) structures() []Structure {
	out := make([]Structure, len(l.nodes))
	for i, n := range l.nodes {
		out[i] = n.Structure
	}
	return out
}

func (p *person) row() Person { return Person{p.listName, p.listCode, p.id} }

func (l *living) persons(match func(*Person) bool) list {
	var rows []Person
	for _, p := range l.people {
		if row := p.row(); !p.unlisted && (match == nil || match(&row)) {
			rows = append(rows, row)
		}
	}
	newestFirst(rows, func(p Person) string { return p.PersonID })
	return listOf(rows, func(p Person) Person { return p })
}

func (r *rule) row() Rule {
	row := Rule{
		AccessAuthTimeRangeID: r.rangeID, AccessAuthTimeRangeStr: allDay,
		AuthEndTime: r.end, AuthID: r.authID, AuthRelationID: r.id, AuthStartTime: r.start,
	}
	if r.group != nil {
		row.RelationType, row.RelationID, row.RelationName = 1, r.group.id, r.group.name
	} else {
		row.RelationType, row.RelationID, row.RelationName = 2, r.channel.id, r.channel.name
	}
	return row
}

func (l *living) rules(match func(*Rule) bool) list {
	var rows []Rule
	for _, r := range l.ruleList {
		if row := r.row(); match == nil || match(&row) {
			rows = append(rows, row)
		}
	}
	newestFirst(rows, func(r Rule) string { return r.AuthRelationID })
	return listOf(rows, func(r Rule) Rule { return r })
}

func (l *living) ruleChannels(id string) (list, bool) {
	for _, r := range l.ruleList {
		if r.id == id {
			return listOf(r.opens(), l.ruleChannel), true
		}
	}
	return list{}, false
}

func (l *living) ruleChannel(c *channel) RuleChannel {
	return RuleChannel{c.path, c.room, c.name, l.s.channelNo(c.no), c.device.id, c.device.name, c.id}
}

// opens returns the channels of a rule.
func (r *rule) opens() []*channel {
	if r.group != nil {
		return r.group.channels
	}
	return []*channel{r.channel}
}
