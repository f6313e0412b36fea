package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/sandbox"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// officeAt is when the office is collected; a week earlier it was another.
var officeAt = time.Date(2026, 6, 8, 5, 0, 0, 0, time.FixedZone("", 8*3600))

// office is a small site, so that the answer to each example can be worked out by
// looking at it: six persons, five channels, two of them sensitive.
func office(now bool) storetest.Site {
	at := func(day string) int64 {
		t, err := time.Parse("2006-01-02 -0700", day+" +0800")
		if err != nil {
			panic(err)
		}
		return t.UnixMilli()
	}
	const forever = 2556115199000 // 2050-12-31 23:59:59 +08:00
	channels := map[string]string{"c1": "Main Entrance", "c2": "Server Room", "c3": "Cash Office", "c4": "Lobby Gate"}
	persons := map[string][3]string{"u1": {"Ann Lee", "0001", "s1"}, "u2": {"Bo Chen", "0002", "s1"}, "u3": {"Cem Arslan", "0003", "s2"},
		"u4": {"Dora Weiss", "0004", "s2"}, "u5": {"Eli Novak", "", "s3"}, "u6": {"王小明", "0004", "s1"}}
	// permission has the totals of card and face, and how many of them were sent.
	permission := func(id, person, channel, start string, end int64, cards, faces [2]int) string {
		p := persons[person]
		status := func(n [2]int) int { return min(n[1], 1) }
		return fmt.Sprintf(`{"access_auth_id":%q,"person_id":%q,"name":%q,"person_code":%q,"structure_ids":[%q],"access_control_channel_id":%q,"access_control_channel_name":%q,`+
			`"access_channel_position_path":"Office","business_device_name":"Controller","auth_start_time":%d,"auth_end_time":%d,"total_card_num":%d,"auth_card_num":%d,"card_issue_status":%d,`+
			`"total_face_num":%d,"auth_face_num":%d,"face_issue_status":%d,"total_fingerprint_num":0,"auth_fingerprint_num":0,"fingerprint_issue_status":0}`,
			id, person, p[0], p[1], p[2], channel, channels[channel], at(start), end, cards[0], cards[1], status(cards), faces[0], faces[1], status(faces))
	}
	none, sent, waits := [2]int{}, [2]int{1, 1}, [2]int{1, 0}
	list := func(rows ...string) map[string][]string { return map[string][]string{"": rows} }
	s := storetest.Site{Project: "p1", At: officeAt.AddDate(0, 0, -7), Rows: map[string]map[string][]string{
		"structures": list(`{"structure_id":"s0","structure_name":"Office"}`, `{"structure_id":"s1","structure_name":"Engineering","parent_structure_id":"s0"}`,
			`{"structure_id":"s2","structure_name":"Finance","parent_structure_id":"s0"}`, `{"structure_id":"s3","structure_name":"Visitors","parent_structure_id":"s0"}`),
		"permissions": list(
			permission("a1", "u1", "c1", "2026-01-05", forever, sent, none),
			permission("a2", "u1", "c2", "2026-01-05", at("2026-06-10"), sent, sent),
			permission("a3", "u2", "c1", "2026-01-05", forever, sent, none),
			permission("a4", "u2", "c2", "2026-01-05", forever, sent, waits),
			permission("a5", "u3", "c1", "2026-01-05", forever, sent, none),
			permission("a6", "u3", "c3", "2026-01-05", at("2027-01-01"), sent, none),
			permission("a7", "u4", "c3", "2026-01-05", at("2026-07-01"), sent, none),
			permission("a9", "u5", "c1", "2026-05-20", at("2026-06-05"), sent, none),
			permission("a10", "u6", "c4", "2026-05-20", forever, waits, none),
			permission("a12", "u5", "c4", "2026-05-20", at("2026-06-05"), sent, none)),
		"rules": list(`{"auth_relation_id":"r1","auth_id":"s1","relation_type":1,"relation_id":"g1","relation_name":"Ground floor"}`,
			`{"auth_relation_id":"r2","auth_id":"u1","relation_type":2,"relation_id":"c2","relation_name":"Server Room"}`,
			`{"auth_relation_id":"r3","auth_id":"s2","relation_type":2,"relation_id":"c3","relation_name":"Cash Office"}`,
			`{"auth_relation_id":"r4","auth_id":"u2","relation_type":2,"relation_id":"c2","relation_name":"Server Room"}`),
		"rule_channels": {"r1": {`{"relation_id":"c1","access_control_channel_name":"Main Entrance"}`, `{"relation_id":"c4","access_control_channel_name":"Lobby Gate"}`}},
		"tasks": list(fmt.Sprintf(`{"auth_task_id":"t1","access_control_channel_name":"Server Room","access_channel_position_path":"Office","business_device_name":"Controller","auth_issue_type":2,"auth_num":2,"success_num":1,"task_start_time":%d,"task_finish_time":%d}`,
			at("2026-05-20"), at("2026-05-20")+60000),
			fmt.Sprintf(`{"auth_task_id":"t2","access_control_channel_name":"Cash Office","access_channel_position_path":"Office","business_device_name":"Controller","auth_issue_type":2,"auth_num":1,"success_num":0,"task_start_time":%d,"task_finish_time":%d}`,
				at("2026-05-21"), at("2026-05-21")+60000)),
		"task_details": {"t1": {`{"auth_issue_certificate":1}`}},
		"records": {"t1": {`{"auth_task_record_id":"k1","person_id":"u1","name":"Ann Lee","issue_status":4}`, `{"auth_task_record_id":"k2","person_id":"u2","name":"Bo Chen","issue_status":3}`},
			"t2": {`{"auth_task_record_id":"k3","person_id":"u6","name":"王小明","issue_status":3}`}},
		"issue_infos": {"k1": {`{"face_issue_result":{"success_issue_num":1}}`}, "k2": {`{"face_issue_result":{"fail_issue_num":1}}`},
			"k3": {`{"card_issue_result":{"fail_issue_del_num":1}}`}},
		"details": {"a9": {fmt.Sprintf(`{"person_id":"u5","auth_source":"3","auth_source_str":"by person group","auth_create_time":%d}`, at("2026-05-20"))}},
	}, Registers: map[string]string{
		"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,normal,Reception,,\nc2,sensitive,IT,,\nc3,sensitive,Finance,,\nc5,normal,Facility,,the roof\n",
		"roster":           "person_code,status,terminated_at,organisation,manager,manager_email\n0001,active,,,,\n0002,active,,,,\n0003,terminated,2026-06-03,,,\n0004,active,,,,\n",
	}}
	var rows []string
	for _, id := range []string{"u1", "u2", "u3", "u4", "u5", "u6"} {
		rows = append(rows, fmt.Sprintf(`{"person_id":%q,"name":%q,"person_code":%q}`, id, persons[id][0], persons[id][1]))
	}
	s.Rows["persons"] = list(rows...)
	if now {
		s.At = officeAt
		all := s.Rows["permissions"][""]
		all[1] = permission("a2", "u1", "c2", "2026-01-05", at("2026-06-20"), sent, sent)
		all[9] = permission("a11", "u6", "c2", "2026-06-15", at("2026-10-01"), waits, none)
	}
	return s
}

// openOffice publishes the two states and opens the newer with the older as
// previous.
func openOffice(t *testing.T) *store.Reader {
	t.Helper()
	st := storetest.Open(t)
	before := storetest.Publish(t, st, office(false))
	storetest.Publish(t, st, office(true))
	p, err := st.Place(t.Context(), store.ReadOptions{Timezone: "Asia/Shanghai"})
	if err != nil {
		t.Fatal(err)
	}
	p.Previous = before
	r, err := p.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// rowsOf are the rows of an answer, a line each, with their columns above.
func rowsOf(t *testing.T, r *store.Reader, query string) string {
	t.Helper()
	rows, err := r.Query(t.Context(), query, map[string]any{"as_of": r.AsOf(), "channel": "Server Room", "within_days": "30", "time": "2026-06-01 12:00"})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(strings.Join(columns, "\t") + "\n")
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if at, ok := v.(time.Time); ok {
				v = at.In(officeAt.Location()).Format("2006-01-02 15:04:05")
			}
			if i > 0 {
				b.WriteString("\t")
			}
			fmt.Fprint(&b, v)
		}
		b.WriteString("\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What exporter sql --examples and --schema print as SQL runs, on one store.
func TestPrintedSQL(t *testing.T) {
	r := openOffice(t)
	t.Run("examples", func(t *testing.T) { checkExamples(t, r) })
	t.Run("schema", func(t *testing.T) { checkSchema(t, r) })
}

// The answers in testdata/examples.txt were checked against the rows of office.
func checkExamples(t *testing.T, r *store.Reader) {
	all := examples()
	if len(all) != 20 {
		t.Errorf("%d examples", len(all))
	}
	var got strings.Builder
	for i, e := range all {
		if e.number != fmt.Sprint(i+1) {
			t.Errorf("example %s stands at %d", e.number, i+1)
		}
		fmt.Fprintf(&got, "%s. %s\n%s\n", e.number, e.question, rowsOf(t, r, e.text))
	}
	path := filepath.Join("testdata", "examples.txt")
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("answers (-%s +now; work them out from office before -update):\n%s", path, diff)
	}
}

// Each join finds partners, leads to one row at most, and runs as it is printed;
// so does each call of a macro.
func checkSchema(t *testing.T, r *store.Reader) {
	for _, j := range store.Joins() {
		if got := rowsOf(t, r, "SELECT count(*) > 0 AS some FROM "+j.From+" "+j.SQL()); got != "some\ntrue\n" {
			t.Errorf("%s %s finds nothing", j.From, j.SQL())
		}
		unique := "SELECT " + strings.Join(j.ToColumns, ", ") + " FROM " + j.To + " GROUP BY ALL HAVING count(*) > 1"
		if got := rowsOf(t, r, unique); strings.Count(got, "\n") > 1 {
			t.Errorf("%s to %s: %v has several rows:\n%s", j.From, j.To, j.ToColumns, got)
		}
	}
	tables, err := store.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if table.Kind != "table" {
			rowsOf(t, r, strings.NewReplacer("20260102T060000Z", "20260531T210000Z", "20260103T060000Z", r.Snapshot()).Replace(macroCall(table)))
		}
	}
}

// Whoever tries the examples on the demo gets answers.
func TestExamplesNameTheDemo(t *testing.T) {
	site, err := newSandbox(sandbox.Options{Site: "demo", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`"channel=([^"]+)"`).FindAllStringSubmatch(examplesSQL, -1)
	if len(names) == 0 {
		t.Error("no example names a channel")
	}
	for _, name := range names {
		if !slices.ContainsFunc(site.State().Channels, func(c sandbox.RuleChannel) bool { return c.AccessControlChannelName == name[1] }) {
			t.Errorf("the demo has no channel %q", name[1])
		}
	}
}
