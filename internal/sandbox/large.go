package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// MaxPermissions is the most that a large site can hold.
	MaxPermissions = 3_000_000

	maxLargeRecords = 4_000_000
	largeStructures = 20
	largeTaskEvery  = minuteMS
)

// The times at which the large site's objects were made. They do not depend
// on the clock, so that only a generation changes what is there.
var (
	largeBuilt = time.Date(2024, 1, 1, 0, 0, 0, 0, siteZone).UnixMilli()
	largeTasks = time.Date(2025, 1, 1, 0, 0, 0, 0, siteZone).UnixMilli()
	largeEnds  = time.Date(2026, 1, 1, 0, 0, 0, 0, siteZone).UnixMilli()
)

// large is a site that can only be read. Each of its rows is computed from
// its number alone.
//
// Person p may pass the PerPerson channels from number p modulo Channels on.
// The persons of the same remainder are one person group, their channels one
// channel group, and one rule joins the two.
type large struct {
	s          *Server
	g          Large
	every      uint64 // a permission changes every so many generations
	generation atomic.Int64
	names      []string

	mu       sync.Mutex
	filtered map[uint64][]int32 // rows that pass a filter
	asOf     int64              // the generation of filtered
}

func newLarge(s *Server) *large {
	l := &large{s: s, g: s.o.Large, every: max(1, uint64(1/max(s.o.Large.Churn, 1e-9)+0.5))}
	l.generation.Store(int64(l.g.Generation))
	for _, family := range append(hanFamily[:30:30], latinFamily[:20]...) {
		for _, given := range append(hanGiven[:20:20], latinGiven[:20]...) {
			l.names = append(l.names, family+" "+given)
		}
	}
	return l
}

func (l *large) begin(int64) func() { return func() {} }

// version returns how often permission i has changed.
func (l *large) version(i int) uint64 {
	g := uint64(l.generation.Load())
	if g == 0 {
		return 0
	}
	turn := scramble(uint64(i)) % l.every
	switch {
	case turn == 0:
		return g / l.every
	case g < turn:
		return 0
	}
	return (g-turn)/l.every + 1
}

// permissionID returns the id of permission i. Where a change makes a row
// again, which one in eight do, it has a new id.
func (l *large) permissionID(i int) uint64 {
	made := uint64(0)
	if scramble(uint64(i))>>32%8 == 0 {
		made = l.version(i)
	}
	return uint64(largeBuilt+int64(i)-snowflakeEpoch)<<22 | made
}

func largeID(at int64, n int) uint64 { return uint64(at+int64(n)-snowflakeEpoch) << 22 }

func (l *large) personID(p int) uint64    { return largeID(largeBuilt-dayMS, p) }
func (l *large) channelID(c int) uint64   { return largeID(largeBuilt-2*dayMS, c) }
func (l *large) roomID(c int) uint64      { return largeID(largeBuilt-3*dayMS, c/10) }
func (l *large) structureID(n int) uint64 { return largeID(largeBuilt-4*dayMS, n) }
func (l *large) ruleID(n int) uint64      { return largeID(largeBuilt-5*dayMS, n) }
func (l *large) teamID(n int) uint64      { return largeID(largeBuilt-6*dayMS, n) }
func (l *large) channelsID(n int) uint64  { return largeID(largeBuilt-7*dayMS, n) }
func (l *large) taskStart(t int) int64    { return largeTasks + int64(t)*largeTaskEvery }
func (l *large) taskID(t int) uint64      { return largeID(l.taskStart(t), 0) }
func (l *large) recordID(t, r int) uint64 { return l.taskID(t) | uint64(r+1) }
func (l *large) personOf(t, r int) int    { return (t*31 + r*7) % l.g.Persons }
func (l *large) structureOf(p int) int    { return 1 + p%largeStructures }
func (l *large) size() int                { return l.g.Persons * l.g.PerPerson }
func (l *large) split(i int) (p, c int) {
	p = i / l.g.PerPerson
	return p, (p + i%l.g.PerPerson) % l.g.Channels
}

// name returns the name of person p, which nobody else has.
func (l *large) name(p int) string {
	parts := []string{l.names[p%len(l.names)]}
	for n := p / len(l.names); n > 0; n /= len(latinGiven) {
		parts = append(parts, latinGiven[n%len(latinGiven)])
	}
	return strings.Join(parts, "-")
}

func numberText(prefix string, n int) string { return prefix + strconv.Itoa(n) }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

// counters are what permission i shows of its credentials.
type counters struct {
	cards, authCards, cardStatus int
	faces, authFaces, faceStatus int
}

func (l *large) counters(i int) counters {
	h := scramble(uint64(i) + 77)
	c := counters{cards: 1 + int(h%4)/3, faces: int(h >> 8 % 2), cardStatus: 1}
	c.authCards = c.cards
	if h>>16%50 == 0 {
		c.authCards, c.cardStatus = 0, 0
	}
	if c.faces > 0 && h>>24%40 != 0 {
		c.authFaces, c.faceStatus = 1, 1
	}
	if l.s.badCodesOn() && l.s.badCode("access-auth", decimal(l.permissionID(i))) {
		c.cardStatus, c.faceStatus = 7, -3
	}
	return c
}

func (l *large) end(i int) int64 {
	h := scramble(uint64(i) + 99)
	end := Permanent
	if h%10 >= 6 {
		end = largeEnds + int64(h>>8%1500+1)*dayMS - 1000
	}
	if v := l.version(i); v > 0 {
		end = min(end, Permanent-dayMS*2000) + int64(v)*dayMS
	}
	return end
}

// appendPermission appends the JSON of permission i. It has to be fast: the
// collection of millions of rows is measured against it.
func (l *large) appendPermission(b []byte, i int) []byte {
	p, c := l.split(i)
	n := l.counters(i)
	str := func(key, v string) {
		b = append(b, key...)
		b = append(b, v...)
	}
	num := func(key string, v int64) {
		b = append(b, key...)
		b = strconv.AppendInt(b, v, 10)
	}
	num(`{"access_auth_id":"`, int64(l.permissionID(i)))
	str(`","access_auth_time_range_id":"1","access_auth_time_range_str":"`+allDay, "")
	num(`","access_channel_position_path":"Tower/`, int64(c/10))
	num(`F","access_channel_room_id":"`, int64(l.roomID(c)))
	num(`","access_control_channel_id":"`, int64(l.channelID(c)))
	num(`","access_control_channel_name":"Door `, int64(c))
	if l.s.o.Switches.ChannelNoString {
		num(`","access_control_channel_no":"`, int64(c%2+1))
		str(`","auth_card_num":`, "")
	} else {
		num(`","access_control_channel_no":`, int64(c%2+1))
		str(`,"auth_card_num":`, "")
	}
	b = strconv.AppendInt(b, int64(n.authCards), 10)
	num(`,"auth_end_time":`, l.end(i))
	num(`,"auth_face_num":`, int64(n.authFaces))
	num(`,"auth_start_time":`, largeBuilt)
	num(`,"business_device_name":"Controller `, int64(c/2))
	num(`","card_issue_status":`, int64(n.cardStatus))
	num(`,"face_issue_status":`, int64(n.faceStatus))
	str(`,"fingerprint_issue_status":0,"mobile":"138****`, "")
	b = appendPadded(b, p%10000, 4)
	str(`","mobile_country":"+86","name":"`, l.name(p))
	str(`","person_code":"`, "")
	b = appendPadded(b, p, 7)
	num(`","person_id":"`, int64(l.personID(p)))
	num(`","sex":"`, int64(1+p%2))
	num(`","structure_ids":["`, int64(l.structureID(l.structureOf(p))))
	num(`"],"total_card_num":`, int64(n.cards))
	num(`,"total_face_num":`, int64(n.faces))
	return append(b, '}')
}

func appendPadded(b []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			for range width - 1 {
				b = append(b, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(b, int64(n), 10)
}

// row returns permission i, equal to what appendPermission writes.
func (l *large) row(i int) Permission {
	p, c := l.split(i)
	n := l.counters(i)
	return Permission{
		AccessAuthID: decimal(l.permissionID(i)), AccessAuthTimeRangeID: "1", AccessAuthTimeRangeStr: allDay,
		AccessChannelPositionPath: largePath(c), AccessChannelRoomID: decimal(l.roomID(c)),
		AccessControlChannelID: decimal(l.channelID(c)), AccessControlChannelName: numberText("Door ", c),
		AccessControlChannelNo: l.s.channelNo(c%2 + 1), AuthCardNum: n.authCards, AuthEndTime: l.end(i),
		AuthFaceNum: n.authFaces, AuthStartTime: largeBuilt, BusinessDeviceName: numberText("Controller ", c/2),
		CardIssueStatus: n.cardStatus, FaceIssueStatus: n.faceStatus, Mobile: fmt.Sprintf("138****%04d", p%10000),
		MobileCountry: "+86", Name: l.name(p), PersonCode: fmt.Sprintf("%07d", p), PersonID: decimal(l.personID(p)),
		Sex: strconv.Itoa(1 + p%2), StructureIDs: []string{decimal(l.structureID(l.structureOf(p)))},
		TotalCardNum: n.cards, TotalFaceNum: n.faces,
	}
}

func largePath(c int) string { return numberText("Tower/", c/10) + "F" }
