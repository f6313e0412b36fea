package reports

import (
	"fmt"
	"testing"
	"time"
)

// handReport is a report made by hand: no snapshot, no SQL, invented people.
type handReport struct {
	rows    int
	partial bool
	names   []string
}

var (
	handAsOf = time.Date(2026, 3, 31, 5, 2, 0, 0, time.UTC)
	handZone = time.FixedZone("Asia/Shanghai", 8*3600)
)

func (h handReport) report(t testing.TB) *Report {
	t.Helper()
	names := h.names
	if names == nil {
		names = []string{"张伟", "Jane Tuya-Longsurname", "John Doe", "王小明", "Test 11", "Ольга Петрова", "Αθηνά", "司马相如·欧阳"}
	}
	severities := []string{"high", "high", "medium", "medium", "medium", "low"}
	sources := []string{"person 张伟", "organization Facility", "organization 第三宿舍", "not known"}
	places := []string{"Server room 2", "Archive, north door", "Dormitory 102", "东区大门"}
	section := Section{Name: "Permissions", Title: "Permissions that end", Query: "expiring_permissions.sql",
		Severity: "severity", Empty: "No permission ends within 30 days.",
		First: &First{Title: "The five to settle first", Columns: []string{"severity", "name", "person_code", "channel", "auth_end", "days_left", "source"}},
		Columns: []Column{
			{Name: "severity", Title: "Severity"},
			{Name: "name", Title: "Person", Meaning: "the person's name"},
			{Name: "person_code", Title: "Work no.", Format: formatText},
			{Name: "organizations", Title: "Organization", Format: formatList},
			{Name: "channel", Title: "Channel"},
			{Name: "path", Title: "Area"},
			{Name: "auth_end", Title: "Ends", Format: formatDatetime},
			{Name: "days_left", Title: "Days left", Format: formatInteger},
			{Name: "delivered", Title: "Delivered", Format: formatShare},
			{Name: "source", Title: "Granted by"},
			{Name: "mobile", Title: "Mobile", Hidden: "pdf"},
			{Name: "access_auth_id", Title: "Permission id", Format: formatID},
		}}
	main := handTable(section)
	for i := range h.rows {
		var code any = fmt.Sprintf("%06d", 90909+i)
		if i%5 == 4 {
			code = nil
		}
		main.fact(severities[min(i*6/max(h.rows, 1), 5)], names[i%len(names)], code, []any{"Facility", "第三宿舍"}[:1+i%2],
			places[i%len(places)], "Center-11/Floor 3", handAsOf.Add(time.Duration(i+1)*7*time.Hour), int64(i/3+1),
			1-float64(i%7)/700, sources[i%len(sources)], "+86 182****2940", fmt.Sprintf("15711346%011d", i))
	}
	main.settle()
	rules := handTable(Section{Name: "Rules", Title: "Rules that settle several", Query: "expiring_permissions_by_rule.sql"})
	rules.columns = []Column{{Name: "source", Title: "Granted by"}, {Name: "permissions", Title: "Permissions"}, {Name: "auth_relation_id", Title: "Rule id", Format: formatID}}
	rules.vectors = rules.vectors[:0]
	for range rules.columns {
		rules.vectors = append(rules.vectors, &vector{})
	}
	if h.rows > 0 {
		rules.fact("organization Facility", int64(7), "1571134600000000001")
	}
	rules.settle()
	r := &Report{
		sealed: &Sealed{4118, "3f2a9c12ab343f2a9c12ab343f2a9c12ab343f2a9c12ab343f2a9c12ab34bbbb"},
		def: Definition{Name: "expiring-permissions", ID: "R03", Title: "Expiring permissions", Controls: []string{"ISO 27001 A.5.18"},
			NotCovered: []string{"door events", "whether a device enforces the end date by itself"}, Sections: []Section{section}},
		question: "Which permissions end in the next 30 days?",
		answer:   fmt.Sprintf("**%d permissions end within 30 days**, 3 of them on sensitive channels; the first on **2 April 2026**. 11 can be settled by extending two rules.", h.rows),
		whatToDo: "Extend the rule “Facility → Server room 2, Archive” (7 permissions) and “第三宿舍 → Dormitory 102” (4), or let them lapse; decide on 3 persons one by one. The full list follows on page 2 and in the workbook.",
		tone:     high,
		figures: []figure{
			{fmt.Sprint(h.rows), "end within 30 days", "first on 2026-04-02", high},
			{"3", "on sensitive channels", "of 4 such channels", high},
			{"6", "ended, still listed", "", ""},
			{"1,486", "in force, of 1,506 listed", "61.2 % without an end", ""},
		},
		chart: &chartTable{title: "Permissions ending, by week",
			def:    Chart{Series: []Series{{Title: "other channels"}, {Title: "sensitive", Tone: high}}},
			labels: []string{"1–7 Apr", "8–14 Apr", "15–21 Apr", "22–30 Apr"},
			values: [][]float64{{3, 4, 1, 3}, {2, 1, 0, 0}}, total: 14},
		tables:     []*table{main, rules},
		parameters: []namedText{{"within_days", "30"}},
		queries:    []queryText{{"expiring_permissions.sql", "-- Which permissions end soon?\nSELECT\n    access_auth_id,\n    name -- 名字\nFROM permissions\nWHERE auth_end <= $as_of\n", "9f3c52d07ab19f3c52d07ab19f3c52d07ab19f3c52d07ab19f3c52d07ab1aaaa"}},
	}
	r.trust = trust{snapshot: "20260331T050000Z", asOf: handAsOf, zone: handZone, programVersion: "v0.1.0", journalLine: 4117,
		projects: []projectTrust{{"1424615984265764001", "complete", "9f3c52d07ab19f3c52d07ab19f3c52d07ab19f3c52d07ab19f3c52d07ab1aaaa", handAsOf, handAsOf, handAsOf}},
		resources: []resourceTrust{
			{project: "1424615984265764001", resource: "permissions", verdict: "complete", rows: 1506, distinct: 1506, totalFirst: int64(1506), totalLast: int64(1506), pages: 16, walkedIn: "20260331T050000Z"},
			{project: "1424615984265764001", resource: "details", verdict: "complete", rows: 920, distinct: 920, covered: int64(920), coverable: int64(1506), walkedIn: "20260331T050000Z"}},
		tieOuts: []tieOut{{"1424615984265764001", "sum over channels", int64(1506), int64(1506), "agrees", "57 channels in 57 requests"}}}
	if h.partial {
		r.trust.projects[0].verdict = "partial"
		r.trust.resources = append(r.trust.resources, resourceTrust{project: "1424615984265764001", resource: "rules", verdict: "partial", problem: "total moved from 41 to 44 while walking", walkedIn: "20260330T050000Z"})
	}
	r.trust.judge([]string{"permissions", "details", "rules"})
	if h.rows == 0 {
		r.answer, r.whatToDo, r.tone = "**No permission ends within 30 days.**", "", good
		r.chart.values = [][]float64{make([]float64, 4), make([]float64, 4)}
	}
	return r
}

func handTable(s Section) *table {
	t := &table{section: s, zone: handZone, columns: append([]Column(nil), s.Columns...)}
	for range s.Columns {
		t.vectors = append(t.vectors, &vector{})
	}
	return t
}
