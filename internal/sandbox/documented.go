package sandbox

import "strconv"

// newDocumented returns the site of the documents' three real samples: the
// permissions of A141-227, the persons of B214-233 and the rule of B284-293.
// Masked digits are filled in. The samples' totals (7 permissions, 4 persons)
// hold too: four permissions are ours, and so are the names of organizations,
// the device of the second channel, the tasks with their records, and all
// rules but the one.
func newDocumented(s *Server) *living {
	l := &living{s: s, seed: s.o.Seed, byPair: map[pair]*permission{}}
	d := documentedPlaces(l)
	d.people(l)
	d.rules(l)
	d.tasks(l)
	return l
}

// documented holds the parts of the site by the names they have here.
type documented struct {
	park, dormitory, office, guests        *structure
	hall, yard                             *channel
	test, newpeople, jane, tuya, john, t11 *person
}

// The times of the samples.
const (
	sept1  = 1662048000000 // A182, A211: 2022-09-02 00:00 UTC+8
	sept8  = 1662566400000 // A153: 2022-09-08 00:00 UTC+8
	aug26  = 1661443200000 // B284: 2022-08-26 00:00 UTC+8
	sample = 1664188226266 // A232: 2022-09-26, when the list was asked for
)

func documentedPlaces(l *living) *documented {
	d := &documented{}
	node := func(id, name, code string, sort int, parent *structure) *structure {
		n := &structure{Structure: Structure{
			StructureID: id, StructureName: name, AliasCode: code, AliasCodePath: code, ExternalNo: "X-" + code,
			ProjectID: l.s.project, Remark: "", Sort: sort,
		}, parent: parent}
		if parent != nil {
			n.ParentStructureID = &parent.StructureID
			n.Level, n.AliasCodePath = parent.Level+1, parent.AliasCodePath+"/"+code
		}
		l.nodes = append(l.nodes, n)
		return n
	}
	d.park = node("1424637000000000001", "Center", "01", 1, nil)
	d.dormitory = node("1531473126917959001", "Dormitory", "0101", 1, d.park) // A165, B66
	d.office = node("1466612511766855001", "Office", "0102", 2, d.park)       // A194, A223
	d.guests = node("1563057531880804001", "Guests", "0103", 3, d.park)       // B286
	d.hall = &channel{
		id: "1551450935983616001", name: "Virtual Dormitory 102", no: 1, // A147-149
		room: "1424637349790294001", path: "Center-11", // A145-146
		device: &device{id: "vdevo166251200000001", name: "Virtual device"}, // the name: A154
	}
	d.yard = &channel{
		id: "1554305065534095001", name: "Virtual Dormitory 103", no: 1, // the id: B291
		room: "1424637349790294002", path: "Center-12",
		device: &device{id: "vdevo166251200000002", name: "Virtual device 2", failFace: 500},
	}
	l.channels = []*channel{d.hall, d.yard}
	l.groups = []*channelGroup{{id: "1551450940000000001", name: "Dormitories", channels: l.channels}}
	return d
}

func (d *documented) people(l *living) {
	add := func(id, name, code, mobile string, node *structure, cards, faces int) *person {
		p := &person{
			id: id, name: name, code: code, listName: name, listCode: code, sex: 1, country: "+86",
			mobile: mobile, nodes: []*structure{node}, cards: cards, faces: faces, prints: -1,
		}
		l.people = append(l.people, p)
		return p
	}
	d.test = add("1532183396648747001", "Test", "090909", "182****2940", d.dormitory, 3, 1)      // A158-168
	d.newpeople = add("1567428253323362001", "newpeople", "456", "199****9879", d.office, 1, 1)  // A187-197
	d.jane = add("1564855972651077001", "John", "1123", "188****9898", d.office, 1, 1)           // A216-226
	d.tuya = add("1563058569924837001", "Tuya", "", "188****0002", d.guests, 1, 1)               // B220-222
	d.john = add("1534731015270957001", "John", "0123", "188****0003", d.dormitory, 1, 0)        // B225-227
	d.t11 = add("1523932734794235001", "Test 11", "121212234", "188****0004", d.dormitory, 1, 1) // B230-232
	d.jane.listName = "Jane"                                                                     // B215, where A218 has John
	d.test.unlisted, d.newpeople.unlisted = true, true                                           // not among B214-233

	grant := func(id string, p *person, c *channel, start, end int64) *permission {
		perm := l.newPermission(p, c, start, end, sample, 1)
		perm.AccessAuthID = id
		perm.AuthCardNum, perm.CardIssueStatus = p.cards, 1
		return perm
	}
	grant("1567699430642122001", d.test, d.hall, sept8, Permanent).AuthCardNum = 4 // A142, A150: of 3 cards
	grant("1567428255730958001", d.newpeople, d.hall, sept1, Permanent)            // A171
	grant("1564884950136676001", d.jane, d.hall, sept1, Permanent)                 // A200
	p := grant("1563058570123456001", d.tuya, d.yard, aug26, Permanent)
	p.AuthFaceNum, p.FaceIssueStatus = 1, 1
	grant("1554305070000000001", d.john, d.yard, aug26, Permanent)
	p = grant("1554305069000000001", d.t11, d.yard, aug26, Permanent)
	p.AuthCardNum, p.CardIssueStatus = 0, 0
	p = grant("1554305068000000001", d.t11, d.hall, aug26, midnight(l.s.o.Now()).AddDate(0, 0, 21).UnixMilli()-1000)
	p.source = 2
	for _, perm := range l.perms {
		perm.created = idTime(perm.AccessAuthID)
	}
}

// idTime returns when a snowflake was made.
func idTime(id string) int64 {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return 0
	}
	return int64(n>>22) + snowflakeEpoch
}

func (d *documented) rules(l *living) {
	rule1 := func(id string, source int, authID string, c *channel, g *channelGroup, start, end int64) {
		l.ruleList = append(l.ruleList, &rule{
			id: id, created: idTime(id), source: source, authID: authID, channel: c, group: g,
			start: start, end: end, rangeID: "1",
		})
	}
	rule1("1574375617000000001", 1, d.guests.StructureID, d.yard, nil, aug26, Permanent) // B284-292
	rule1("1567699430000000001", 1, d.dormitory.StructureID, d.hall, nil, sept8, Permanent)
	rule1("1564884950000000001", 1, d.office.StructureID, d.hall, nil, sept1, Permanent)
	rule1("1554305065600000001", 1, d.dormitory.StructureID, nil, l.groups[0], aug26, Permanent)
	rule1("1554305065700000001", 2, d.t11.id, d.hall, nil, aug26, l.byPair[pair{d.t11, d.hall}].AuthEndTime)
}

// tasks adds a task that sent all of one channel, one that sent additions to
// the other and partly failed, and a deletion that failed.
func (d *documented) tasks(l *living) {
	t := l.newTask(d.hall, 1, 1, sept8+9*3600_000)
	for i, p := range []*person{d.test, d.newpeople, d.jane, d.t11} {
		r := l.newRecord(t, p)
		r.sent = t.start + taskStartMS + int64(i+1)*1000
		r.info.PersonIssueResult.SuccessIssueNum = 1
		r.info.CardIssueResult.SuccessIssueNum = p.cards
	}
	t.finish = t.start + 10_000
	t = l.newTask(d.yard, 2, 2, sept8+10*3600_000)
	for i, p := range []*person{d.tuya, d.john, d.t11} {
		r := l.newRecord(t, p)
		r.sent = t.start + taskStartMS + int64(i+1)*1000
		r.info.PersonIssueResult.SuccessIssueNum = 1
		r.info.CardIssueResult.SuccessIssueNum = p.cards
		r.info.FaceIssueResult.SuccessIssueNum = p.faces
	}
	failed := t.records[2]
	failed.status = recordFailed
	failed.info.CardIssueResult = IssueResult{FailIssueNum: 1}
	failed.info.FaceIssueResult = IssueResult{FailIssueNum: 1}
	gone := l.newRecord(t, &person{
		id: "1523932734000000001", name: "Former 7", mobile: "188****0007", country: "+86", nodes: []*structure{d.office},
	})
	gone.sent, gone.status = t.start+taskStartMS+4000, recordFailed
	gone.info.CardIssueResult.FailIssueDelNum = 1
	gone.info.PersonIssueResult.FailIssueDelNum = 1
	t.finish = t.start + 10_000
}
