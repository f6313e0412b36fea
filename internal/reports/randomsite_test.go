package reports

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

var (
	oneSite = flag.String("site", "", "the project of the one random site to try, as p017")
	seed    = flag.Uint64("seed", 1, "the seed of the random sites")
)

// randomSites is how many there are, each a project of one store.
const randomSites = 200

// clocks are what the reports of random sites are asked with: spring and autumn
// changes of clocks, and a zone without.
var clocks = []ask{
	clock("Asia/Shanghai", "2026-03-31 07:30:30", 30, 2, 0),       // the day before in UTC
	clock("Europe/Berlin", "2026-03-28 13:00:00", 1, 3, 4),        // a day of 23 hours
	clock("Australia/Sydney", "2026-04-03 23:59:59", 8, 0, 3),     // one of 25
	clock("America/New_York", "2026-04-01 00:00:00", 20000, 1, 1), // beyond 2050
}

func clock(zone, at string, days, minPeople, maxPeople int) ask {
	z, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	t, err := time.ParseInLocation(time.DateTime, at, z)
	if err != nil {
		panic(err)
	}
	return ask{asOf: t, zone: z, days: days, minPeople: minPeople, maxPeople: maxPeople}
}

// TestReportsOfRandomSites compares the queries with the oracle over random
// sites. A project that fails can be tried alone:
//
//	go test ./internal/reports -run TestReportsOfRandomSites -site p017
func TestReportsOfRandomSites(t *testing.T) {
	r, w := randomWorld(t)
	found := map[string]int{}
	for _, a := range clocks {
		for query, rows := range compareQueries(t, r, w, a) {
			found[query] += rows
		}
	}
	for query, rows := range found {
		if rows < 40 && *oneSite == "" {
			t.Errorf("%s: only %d rows to compare", query, rows)
		}
	}
	if t.Failed() {
		t.Logf("the seed is %d; a project can be tried alone with -site", *seed)
	}
}

// randomWorld publishes the random sites three times.
func randomWorld(t *testing.T) (*store.Reader, *world) {
	t.Helper()
	var snapshots [3][]storetest.Site
	for n := range randomSites {
		project := fmt.Sprintf("p%03d", n)
		if *oneSite != "" && project != *oneSite {
			continue
		}
		d := &dice{rand.New(rand.NewPCG(*seed, uint64(n)))}
		s := d.site()
		for i, at := range []time.Time{d.formerTime().AddDate(0, 0, -7), d.formerTime(), siteAt} {
			if i > 0 {
				s = d.later(s)
			}
			s.At = at
			snapshots[i] = append(snapshots[i], s.landed(t, project))
		}
	}
	for _, sites := range snapshots {
		sites[0].Registers = randomRegisters
	}
	st := storetest.Open(t)
	ids := storetest.PublishProjects(t, st, snapshots[:]...)
	r, err := st.Read(t.Context(), store.ReadOptions{Timezone: siteZone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	w := worldOf(t, snapshots[:]...)
	w.snapshot, w.since = ids[2], ids[1]
	return r, w
}

// randomRegisters name channels that all, some and no sites have, and work
// numbers that several persons have.
var randomRegisters = map[string]string{
	"channel_register": "access_control_channel_id,tier,owner,owner_email,note\n" +
		"c1,Sensitive ,Lin,lin@example.com,\nc2,1,,,\nc3,normal,Lin,,\nc8,sensitive,,,rare\nc9,sensitive,,,nobody's\nu5,,,,a person's id\n",
	"roster": "person_code,status,terminated_at,organisation,manager,manager_email\n" +
		"777,terminated,2026-03-15,,,\n778,active,,,,\n779,,,,,\n",
}

// dice make random sites.
type dice struct{ *rand.Rand }

func (d *dice) one(of int) bool { return d.IntN(of) == 0 }

func pick[T any](d *dice, from ...T) T { return from[d.IntN(len(from))] }

// or nothing, one time of n.
func rarely[T string | int64](d *dice, n int, v opt[T]) opt[T] {
	if d.one(n) {
		return opt[T]{}
	}
	return v
}

// formerTime is that of a walk of which a clock's 90 days have just passed, or
// have not.
func (d *dice) formerTime() time.Time {
	at := pick(d, clocks...).asOf.Add(-90*24*time.Hour - serverDelay)
	return at.Add(pick[time.Duration](d, 0, 0, -1, 1) * time.Millisecond)
}

// bounds are the times at which a report's answer turns.
func (d *dice) bound() int64 {
	a := pick(d, clocks...)
	local := a.asOf.In(a.zone)
	y, m, day := local.Date()
	days := min(a.days, 40)
	midnight := func(days int) time.Time { return time.Date(y, m, day+days, 0, 0, 0, 0, a.zone) }
	t := pick(d, a.asOf, local.AddDate(0, 0, a.days), a.asOf.Add(time.Duration(a.days)*24*time.Hour),
		midnight(1), midnight(7), midnight(8), midnight(d.IntN(days+2)), a.asOf.Add(time.Duration(d.IntN(40*24))*time.Hour))
	return t.UnixMilli() + pick[int64](d, 0, 0, 0, -1, 1, -1000, 1000)
}

// end is the end of a permission or a rule.
func (d *dice) end() integer {
	switch d.IntN(10) {
	case 0:
		return integer{}
	case 1:
		return num(pick[int64](d, forever, 2556093599000, 2556093598999, 253402300800000, 2556172799000))
	case 2:
		return num(0)
	case 3:
		return num(d.bound() + 30*86400000)
	}
	return num(d.bound())
}

// begin is the begin of one.
func (d *dice) begin() integer {
	switch d.IntN(12) {
	case 0:
		return integer{}
	case 1, 2, 3:
		return num(d.bound())
	}
	return num(siteAt.AddDate(0, -d.IntN(9)-1, 0).UnixMilli())
}

// counters are the counts of one kind of credential, some that cannot be.
func (d *dice) counters() (total, sent, status integer) {
	c := pick(d, [3]int64{1, 1, 1}, [3]int64{1, 1, 1}, [3]int64{0, 0, 0}, [3]int64{0, 0, 1}, [3]int64{0, 0, 0}, [3]int64{1, 0, 0},
		[3]int64{1, 0, 0}, [3]int64{2, 1, 0}, [3]int64{2, 1, 1}, [3]int64{1, 2, 1}, [3]int64{0, 1, 0}, [3]int64{1, 1, 0}, [3]int64{1, 0, 1},
		[3]int64{1, 1, 7}, [3]int64{2, 1, 7}, [3]int64{-1, 0, 0}, [3]int64{1, -1, 0})
	return rarely(d, 25, num(c[0])), rarely(d, 25, num(c[1])), rarely(d, 25, num(c[2]))
}

// words of channels are few, so that several channels have the same.
func (d *dice) words(id string) place {
	n := int(id[len(id)-1]-'0') % 4
	return place{said([]string{"East", "West", "East", "Hall"}[n]), said([]string{"1", "2", "1", "1"}[n]),
		said([]string{"Ground", "Ground", "Ground", "Roof"}[n]), said([]string{"A", "A", "B", "B"}[n])}
}

// spoken are a channel's words as one row has them.
func (d *dice) spoken(id string) place {
	p := d.words(id)
	switch d.IntN(16) {
	case 0:
		p.name = pick(d, word{}, said("Renamed"), said(""))
	case 1:
		p.no = pick(d, word{}, said("9"))
	case 2:
		p.path = word{}
	case 3:
		p.device = pick(d, word{}, said("C"))
	}
	return p
}

// site is a small one of everything.
func (d *dice) site() cloudSite {
	s := cloudSite{RuleChannels: map[string][]cloudRuleChannel{}, Records: map[string][]cloudRecord{},
		IssueInfos: map[string]cloudIssueInfo{}, Details: map[string]cloudDetail{}}
	for i := range 3 {
		if !d.one(4) {
			s.Structures = append(s.Structures, cloudStructure{ID: fmt.Sprintf("s%d", i+1), Parent: pick(d, word{}, said("s1"), said("s2"), said("s9")), Name: rarely(d, 5, said(pick(d, "Facility", "Guards")))})
		}
	}
	if d.one(10) {
		s.Structures = append(s.Structures, cloudStructure{ID: "u1", Name: said("Like a person")})
	}
	for _, id := range []string{"u1", "u2", "u3", "u4", "u7", "u9"} {
		if !d.one(3) {
			s.Persons = append(s.Persons, cloudPerson{ID: id, Name: rarely(d, 10, said(pick(d, "Ann", "Bo"))), Code: d.code(id)})
		}
	}
	d.permissions(&s, pick(d, 0, 3, 8, 20))
	if d.one(3) {
		d.crowd(&s)
	}
	if d.one(3) {
		d.family(&s)
	}
	for range d.IntN(8) {
		d.rule(&s)
	}
	for range d.IntN(9) {
		d.task(&s)
	}
	if d.one(4) {
		d.grudge(&s)
	}
	return s
}

// code is a work number: blank, of the person, or of others, too.
func (d *dice) code(person string) word {
	own := map[string]string{"u9": "777", "u8": "778", "u7": "779"}[person]
	if own == "" {
		own = "10" + person[1:]
	}
	switch d.IntN(10) {
	case 0:
		return pick(d, word{}, said(""), said("  "))
	case 1:
		return said(pick(d, "777", "778"))
	}
	return said(own)
}

func (d *dice) permissions(s *cloudSite, n int) {
	channels := []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7"}[:1+d.IntN(7)]
	for range n {
		d.permission(s, pick(d, "u1", "u2", "u3", "u4", "u5"), pick(d, channels...))
	}
}

// crowd is a channel that many have, most of them in vain.
func (d *dice) crowd(s *cloudSite) {
	channel, n := pick(d, "c1", "c2", "c5"), 4+d.IntN(8)
	good := pick(d, 0, n/5, n/5+1)
	for i := range n {
		d.permission(s, fmt.Sprintf("w%02d", i), channel)
		p := &s.Permissions[len(s.Permissions)-1]
		p.Start, p.End = num(siteAt.AddDate(-1, 0, -i).UnixMilli()), num(forever)
		p.TotalCards, p.SentCards, p.CardStatus = num(1), num(0), num(0)
		p.TotalFaces, p.SentFaces, p.FaceStatus = num(0), num(0), num(0)
		p.TotalFingerprints, p.SentFingerprints = integer{}, integer{}
		if i < good {
			p.SentCards, p.CardStatus = num(1), num(1)
		}
		if d.one(12) {
			p.TotalCards = num(0)
		}
		if d.one(3) {
			p.TotalFaces, p.SentFaces, p.FaceStatus = num(1), num(1), num(1)
		}
	}
	if d.one(2) {
		w := d.words(channel)
		d.records(s, cloudTask{ID: "t-" + channel, Name: w.name, No: w.no, Path: w.path, Device: w.device, Kind: num(1), Start: num(d.hour()),
			All: num(3), Done: num(0)}, "w00", "w01", "w02", "w03")
	}
}

// grudge is a credential that was deleted again and again, for better or worse.
func (d *dice) grudge(s *cloudSite) {
	w := d.words("c3")
	for i := range 3 + d.IntN(3) {
		t := cloudTask{ID: fmt.Sprintf("t-del%d", i), Name: w.name, No: w.no, Path: w.path, Device: w.device, Kind: num(2), Start: num(d.hour()), Finished: num(d.hour())}
		d.records(s, t, pick(d, "u7", "u9", "u9"))
		s.IssueInfos[s.Records[t.ID][0].ID] = cloudIssueInfo{Card: cloudCounters{Deleted: num(d.Int64N(2)), NotDeleted: num(d.Int64N(2))}}
	}
}

// family are permissions of one organization, or person, on channels of one rule.
func (d *dice) family(s *cloudSite) {
	end, n := num(d.bound()), len(s.Permissions)
	for _, person := range []string{"u1", "u2", "u3"} {
		d.permission(s, person, pick(d, "c1", "c3"))
	}
	source := said(pick(d, "s1", "s1", "u3"))
	for i := range s.Permissions[n:] {
		p := &s.Permissions[n+i]
		if p.End, p.Structures = end, []string{"s1"}; source.v == "u3" {
			p.Person = source
		}
	}
	r := cloudRule{ID: "rf", Source: source, Kind: num(1), Relation: said("g1"),
		Name: said("Ground floor"), Start: d.begin(), End: pick(d, end, end, d.end())}
	s.Rules = append(s.Rules, r)
	s.RuleChannels[r.ID] = []cloudRuleChannel{{Relation: "c1", Name: said("West")}, {Relation: "c3"}}
}

func (d *dice) permission(s *cloudSite, person, channel string) {
	w := d.spoken(channel)
	p := cloudPermission{ID: fmt.Sprintf("a%04d", d.IntN(10000)), Person: rarely(d, 60, said(person)), Channel: rarely(d, 80, said(channel)),
		Name: rarely(d, 20, said(pick(d, "Ann", "Bo", "Cy"))), Code: d.code(person), Country: said("+86"), Mobile: said("182****2940"),
		ChannelName: w.name, ChannelNo: w.no, Path: w.path, Device: w.device, Room: rarely(d, 5, said(pick(d, "r1", "r2"))),
		Start: d.begin(), End: d.end(), Hours: said("1"), HoursText: said("All the day")}
	p.Structures = pick(d, nil, []string{"s1"}, []string{"s1", "s2"}, []string{"s2", "s3", "s2"}, []string{"s4"})
	p.TotalCards, p.SentCards, p.CardStatus = d.counters()
	p.TotalFaces, p.SentFaces, p.FaceStatus = d.counters()
	p.TotalFingerprints, p.SentFingerprints, p.FingerprintsStatus = d.counters()
	if slices.ContainsFunc(s.Permissions, func(q cloudPermission) bool { return q.ID == p.ID }) {
		return
	}
	s.Permissions = append(s.Permissions, p)
	if d.one(3) {
		created := rarely(d, 6, num(d.bound()-pick[int64](d, 0, 86400000*40, 86400000*400)))
		s.Details[p.ID] = cloudDetail{Created: created, Source: pick(d, said("1"), said("2"), said("3"), said(""), word{}), SourceText: pick(d, word{}, said(""), said("Visitors"))}
	}
}

// rule is mostly one that could have granted a permission.
func (d *dice) rule(s *cloudSite) {
	r := cloudRule{ID: fmt.Sprintf("r%03d", d.IntN(1000)), Source: rarely(d, 20, said(pick(d, "u1", "u2", "s1", "s2", "g1", "u9"))),
		Kind: num(pick[int64](d, 1, 2, 2, 2)), Relation: said(pick(d, "c1", "c2", "c5", "c8")), Name: rarely(d, 8, said(pick(d, "East", "Gate"))),
		Start: d.begin(), End: d.end()}
	if d.one(12) {
		r.Kind = pick(d, integer{}, num(3))
	}
	opens := pick(d, "c1", "c2", "c6")
	if len(s.Permissions) > 0 && !d.one(4) {
		p := pick(d, s.Permissions...)
		r.Relation, opens = p.Channel, p.Channel.or(said("c1")).v
		if !d.one(3) {
			r.End = p.End
		}
		r.Source = pick(d, p.Person, said(pick(d, append([]string{"s1"}, p.Structures...)...)))
	}
	if slices.ContainsFunc(s.Rules, func(q cloudRule) bool { return q.ID == r.ID }) {
		return
	}
	if !r.onChannel() {
		if r.Relation = said(pick(d, "g1", "g1", "c7")); !d.one(8) {
			s.RuleChannels[r.ID] = d.ruleChannels(opens)
		}
	}
	s.Rules = append(s.Rules, r)
}

func (d *dice) ruleChannels(opens string) (list []cloudRuleChannel) {
	for _, id := range []string{opens, "c4", "u1", "u5", "c8"} {
		if id != opens && !d.one(3) || slices.ContainsFunc(list, func(c cloudRuleChannel) bool { return c.Relation == id }) {
			continue
		}
		c := cloudRuleChannel{Relation: id}
		if id[0] == 'c' && !d.one(6) {
			w := d.spoken(id)
			c.Name, c.No, c.Path, c.Device, c.Room = w.name, w.no, w.path, w.device, said("r1")
		}
		list = append(list, c)
	}
	if d.one(4) { // one that nothing else names, perhaps a person
		list = append(list, cloudRuleChannel{Relation: fmt.Sprintf("n%04d", d.IntN(10000)), Name: pick(d, word{}, said(""), said("Gate")),
			No: pick(d, word{}, said(""), said("5"))})
	}
	return list
}
