package reports

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
	"exporter/queries"
)

// The tests of this file change a few rows of the hand-made site and look at
// what the change alone does.

// TestSourceIsOfOneRule takes the name of a source from the rule that was
// chosen, also where it has none and another rule's has.
func TestSourceIsOfOneRule(t *testing.T) {
	site := handSite(t)
	site.Rows["structures"] = map[string][]string{"": lines(t, fields{"structure_id": "s1"}, fields{"structure_id": "s2", "structure_name": "第三宿舍"})}
	ends := beijing("2026-04-10", "23:59:59")
	site.Rows["rules"][""] = append(site.Rows["rules"][""], lines(t, fields{"auth_relation_id": "r9", "auth_id": "u2", "relation_id": "c2",
		"relation_name": "Archive", "relation_type": 2, "auth_start_time": 0, "auth_end_time": ends + 86400000})...)
	p := makeReport(t, reader(t, site), "expiring-permissions", nil)
	if got := column(p.tables[0], "access_auth_id", "granted_by", "auth_relation_id"); !slices.Contains(got, "a3 organization (no name) r2") {
		t.Errorf("a3 is not granted by the organization without a name: %q", got)
	}
	if !strings.Contains(p.whatToDo, "an organization without a name (2 permissions)") {
		t.Errorf("what to do: %s", p.whatToDo)
	}
}

// TestRemovedPersonIsKnown finds the work number of a person whom the lists no
// longer have in what they had before, and never in what they have later.
func TestRemovedPersonIsKnown(t *testing.T) {
	st := storetest.Open(t)
	roster := "person_code,status,terminated_at,organisation,manager,manager_email\n777,terminated,2026-03-15,,,\n778,active,,,,\n555,terminated,,,,\n"
	var ids []string
	for day, codes := range [][2]string{{"777", "555"}, {"", ""}, {"778", "999"}} {
		site := handSite(t)
		site.At = siteAt.AddDate(0, 0, day)
		site.Registers["roster"] = roster
		site.Rows["persons"] = map[string][]string{"": lines(t, fields{"person_id": "u1", "name": "张伟", "person_code": "090909"})}
		if codes[0] != "" { // the first in the list of persons, the other only in that of permissions
			site.Rows["persons"][""] = append(site.Rows["persons"][""], lines(t, fields{"person_id": "u9", "name": "Gone Person", "person_code": codes[0]})...)
			p := handPermission("a0", "u1", "c1", 0, forever, [3]int{}, [3]int{})
			p["person_id"], p["person_code"] = "u7", codes[1]
			site.Rows["permissions"][""] = append(site.Rows["permissions"][""], lines(t, p)...)
		}
		ids = append(ids, storetest.Publish(t, st, site))
	}
	for i, want := range [][]string{
		{"555 terminated u7", "777 terminated u9"},
		{"555 terminated u7", "777 terminated u9"},
		{"778 active u9", "999 not in the roster u7"},
	} {
		p := makeReport(t, readerAt(t, st, ids[i]), "failed-issues", nil)
		same(t, "persons of snapshot "+ids[i], want, column(p.tables[0], "person_code", "roster_status", "person_id"))
	}
}

// TestUnknownPersonOfDeletion says unknown where no list ever had the person,
// or where the work number has been another person's too.
func TestUnknownPersonOfDeletion(t *testing.T) {
	site := handSite(t)
	site.Rows["persons"][""] = append(site.Rows["persons"][""], lines(t, fields{"person_id": "u99", "name": "Namesake", "person_code": "777"})...)
	p := makeReport(t, reader(t, site), "failed-issues", nil)
	same(t, "persons", []string{"unknown unknown u7", "unknown unknown u9"}, column(p.tables[0], "person_code", "roster_status", "person_id"))
}

// TestDeletionFailsAgain counts from the last deletion that succeeded.
func TestDeletionFailsAgain(t *testing.T) {
	site := handSite(t)
	for i, n := range [][4]int{{0, 0, 0, 1}, {0, 0, 1, 0}, {0, 0, 0, 1}, {0, 0, 1, 1}} {
		id, at := string(rune('w'+i)), beijing("2026-03-2"+string(rune('6'+i)), "10:00:00")
		site.Rows["tasks"][""] = append(site.Rows["tasks"][""], lines(t, handTask("t"+id, "c2", 2, 1, 0, at, at+60000))...)
		site.Rows["task_details"]["t"+id] = lines(t, fields{"auth_issue_certificate": 1})
		site.Rows["records"]["t"+id] = lines(t, handRecord("k"+id, "u9", "Gone Person", 3, at))
		info := handInfo("card", n)
		info["auth_task_record_id"] = "k" + id
		site.Rows["issue_infos"]["k"+id] = lines(t, info)
	}
	p := makeReport(t, reader(t, site), "failed-issues", nil)
	got := column(p.tables[0], "person_id", "times_failed", "first_failed", "last_failed", "open_seconds", "auth_task_record_id")
	if want := "u9 2 2026-03-28 10:00 2026-03-29 10:00 3 d 3 h kz"; !slices.Contains(got, want) {
		t.Errorf("deletions are %q, want %q among them", got, want)
	}
}

// TestFaceOnly counts whom the list gives 0 cards, and not whose number of
// cards it leaves out.
func TestFaceOnly(t *testing.T) {
	site := handSite(t)
	began, none, sent := beijing("2026-01-01", "00:00:00"), [3]int{}, [3]int{1, 1, 1}
	for i, change := range []func(fields){
		func(p fields) {}, // by face only
		func(p fields) { delete(p, "total_card_num") },
		func(p fields) { p["total_fingerprint_num"], p["auth_fingerprint_num"] = 1, 1 },
		func(p fields) { p["total_fingerprint_num"], p["auth_fingerprint_num"] = 0, 0 }, // by face only
	} {
		id := string(rune('w' + i))
		p := handPermission("b"+id, "u1", "c2", began, forever, none, sent)
		p["person_id"] = "u" + id
		change(p)
		site.Rows["permissions"][""] = append(site.Rows["permissions"][""], lines(t, p)...)
	}
	p := makeReport(t, reader(t, site), "channel-coverage", nil)
	if got := column(p.tables[0], "access_control_channel_id", "effective", "face_only"); !slices.Contains(got, "c2 6 2") {
		t.Errorf("persons of the channels are %q, want c2 with 2 of 6 by face only", got)
	}
}

// TestFormerChannels lists a channel that nothing names any more for 90 days.
func TestFormerChannels(t *testing.T) {
	st := storetest.Open(t)
	site := handSite(t)
	storetest.Publish(t, st, site)
	for _, c := range []struct {
		days     int
		channels int
		history  string
	}{{89, 5, "1"}, {92, 4, ""}} {
		later := handSite(t)
		later.At = siteAt.AddDate(0, 0, c.days)
		later.Rows["rules"][""] = later.Rows["rules"][""][:6] // r7 alone named the channel c5
		p := makeReport(t, readerAt(t, st, storetest.Publish(t, st, later)), "channel-coverage", nil)
		note := p.figures[0].note
		if p.tables[0].rows != c.channels || int(p.chart.total) != c.channels || strings.Contains(note, "history 1") != (c.history != "") {
			t.Errorf("after %d days: %d channels, %v in the chart, %s; want %d", c.days, p.tables[0].rows, p.chart.total, note, c.channels)
		}
	}
}

// fail adds a task of one failed record to the hand-made site, on a channel or,
// with "", on one that cannot be told. Without counters they were not read.
func fail(t *testing.T, site storetest.Site, id, channel, person string, info fields) {
	t.Helper()
	at := beijing("2026-03-30", "10:00:00")
	task := handTask("t"+id, channel, 2, 1, 0, at, at+60000)
	if channel == "" {
		task["access_control_channel_name"] = "Renamed since"
	}
	site.Rows["tasks"][""] = append(site.Rows["tasks"][""], lines(t, task)...)
	site.Rows["task_details"]["t"+id] = lines(t, fields{"auth_issue_certificate": 1})
	site.Rows["records"]["t"+id] = lines(t, handRecord("k"+id, person, "Person "+person, 3, at))
	if info != nil {
		info["auth_task_record_id"] = "k" + id
		site.Rows["issue_infos"]["k"+id] = lines(t, info)
	}
}

// TestFailuresOfEnrolled lists a failure for the credentials that the person
// has, whether the record tells which or not.
func TestFailuresOfEnrolled(t *testing.T) {
	site := handSite(t)
	whole := func() fields { return handInfo("person", [4]int{0, 1, 0, 0}) }
	fail(t, site, "A", "c2", "u4", whole())                              // has a card, no face; fingerprints unknown
	fail(t, site, "B", "c3", "u3", handInfo("card", [4]int{0, 1, 0, 0})) // a card on the device by the list
	fail(t, site, "C", "", "u4", whole())                                // channel not told
	fail(t, site, "D", "", "u9", whole())                                // nothing is known of u9
	fail(t, site, "E", "", "u3", nil)                                    // not read; has card and face
	fail(t, site, "F", "c3", "u4", handInfo("face", [4]int{0, 1, 0, 0})) // a face that the list does not have
	p := makeReport(t, reader(t, site), "failed-issues", nil)
	var got []string
	for _, x := range column(p.tables[1], "auth_task_record_id", "person_id", "credential", "reason") {
		if len(x) > 2 && x[0] == 'k' && x[1] >= 'A' {
			got = append(got, x)
		}
	}
	same(t, "failures", []string{
		"kA u4 card attempt failed, list says delivered",
		"kB u3 card attempt failed, list says delivered",
		"kC u4 card attempt failed, channel not told",
		"kD u9 unknown attempt failed, channel not told",
		"kE u3 card attempt failed, channel not told",
		"kE u3 face attempt failed, channel not told",
	}, got)
}

// TestDeviceProblem says once for each device that it fails as a whole.
func TestDeviceProblem(t *testing.T) {
	site := handSite(t)
	for i := range 5 {
		for _, channel := range []string{"c1", "c2"} {
			id := string(rune('A' + i))
			p := handPermission("p"+id+channel, "u1", channel, beijing("2026-01-01", "00:00:00"), forever, [3]int{1, 0, 0}, [3]int{})
			p["person_id"] = "u" + id
			site.Rows["permissions"][""] = append(site.Rows["permissions"][""], lines(t, p)...)
		}
	}
	p := makeReport(t, reader(t, site), "failed-issues", nil)
	device := "Controller A (Archive: 7 of 7 persons affected; Server room 2: 7 of 7 persons affected)"
	if !strings.Contains(p.whatToDo, "Look first at the device "+device+": it fails as a whole") {
		t.Errorf("what to do: %s", p.whatToDo)
	}
	if want := "One device fails as a whole, and the rows with the reason device problem follow from that: " + device + "."; p.tables[1].note != want {
		t.Errorf("note %q, want %q", p.tables[1].note, want)
	}
}

// TestSharedThoughts keeps CTEs of one name the same in all queries of a
// report, so that a mistake cannot be mended in one of them alone.
func TestSharedThoughts(t *testing.T) {
	shared := 0
	for _, d := range Builtin() {
		files := []string{d.Summary}
		if d.Chart != nil && d.Chart.Query != "" {
			files = append(files, d.Chart.Query)
		}
		for _, s := range d.Sections {
			files = append(files, s.Query)
		}
		bodies, from := map[string]string{}, map[string]string{}
		for _, file := range files {
			text, err := queries.Files.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range ctePattern.FindAllStringSubmatch(string(text), -1) {
				name, body := m[1], m[2]
				if was, ok := bodies[name]; !ok {
					bodies[name], from[name] = body, file
				} else if was != body {
					t.Errorf("%s: %s is not that of %s", file, name, from[name])
				} else {
					shared++
				}
			}
		}
	}
	if shared == 0 {
		t.Error("no CTE is in two files of a report; is the pattern still right?")
	}
}

// ctePattern is a CTE as the queries write one: its name at the begin of a
// line, its body up to a closing bracket there.
var ctePattern = regexp.MustCompile(`(?ms)^(?:WITH )?([a-z_]+) AS \(\n(.*?)^\)`)

// readerAt opens a snapshot of a store.
func readerAt(t testing.TB, st *store.Store, id string) *store.Reader {
	t.Helper()
	r, err := st.Read(t.Context(), store.ReadOptions{Snapshot: id, Timezone: siteZone})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}
