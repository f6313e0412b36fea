package store_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

var day1 = time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC)

func day(n int) time.Time { return day1.AddDate(0, 0, n-1) }

// rows are the rows of a site, by resource and by what was asked.
type rows = map[string]map[string][]string

func read(t testing.TB, st *store.Store, o store.ReadOptions) *store.Reader {
	t.Helper()
	r, err := st.Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// csv runs a query and returns what WriteCSV makes of it.
func csv(t testing.TB, r *store.Reader, query string) string {
	t.Helper()
	rows, err := r.Query(t.Context(), query, nil)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	var b bytes.Buffer
	if err := store.WriteCSV(&b, rows); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return b.String()
}

// check compares a query's CSV with lines, the header left out.
func check(t testing.TB, r *store.Reader, query string, want ...string) {
	t.Helper()
	_, got, _ := strings.Cut(csv(t, r, query), "\n")
	if diff := cmp.Diff(strings.Join(append(want, ""), "\n"), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

// views lists what a reader sees.
func views(t testing.TB, r *store.Reader) []string {
	t.Helper()
	_, list, _ := strings.Cut(csv(t, r, "SELECT view_name FROM duckdb_views() WHERE schema_name = 'main' AND NOT internal ORDER BY 1"), "\n")
	names := strings.Fields(list)
	if len(names) < 20 {
		t.Fatalf("views: %q", names)
	}
	return names
}

func permissionRow(id, person, channel string, more string) string {
	return fmt.Sprintf(`{"access_auth_id":%q,"person_id":%q,"access_control_channel_id":%q%s}`, id, person, channel, more)
}

func list(rows ...string) map[string][]string { return map[string][]string{"": rows} }

func TestPermissions(t *testing.T) {
	st := storetest.Open(t)
	id := storetest.Publish(t, st, storetest.Site{Project: "p1", At: day1, Rows: rows{
		"permissions": list(
			`{"access_auth_id":"a1","person_id":"u1","name":"Ann","structure_ids":["s1","s2"],"auth_start_time":1662566400000,"auth_end_time":2556115199000,
			  "total_card_num":3,"auth_card_num":4,"card_issue_status":1,"total_face_num":1,"auth_face_num":0,"face_issue_status":0,"fingerprint_issue_status":0}`,
			`{"access_auth_id":"a2","structure_ids":"s1","auth_end_time":1767340800000,
			  "total_card_num":1,"auth_card_num":1,"card_issue_status":1,"total_face_num":0,"auth_face_num":0,"face_issue_status":7,
			  "total_fingerprint_num":2,"auth_fingerprint_num":1,"fingerprint_issue_status":1}`,
			`{"access_auth_id":"a3","total_card_num":1,"auth_card_num":1,"card_issue_status":0,"total_face_num":1,"auth_face_num":0,"face_issue_status":1,
			  "total_fingerprint_num":1,"auth_fingerprint_num":1,"fingerprint_issue_status":2}`,
		),
		"details": {"a1": {`{"auth_create_time":1662566400123,"auth_source":"1","auth_source_str":"by organisation","structure_names":["Works"]}`}},
	}})
	if id != "20260102T060000Z" {
		t.Errorf("id = %s", id)
	}
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT access_auth_id, name, structure_ids, auth_start, auth_end, permanent FROM permissions ORDER BY 1",
		`a1,Ann,"[s1, s2]",2022-09-07 16:00:00+00,2050-12-31 15:59:59+00,true`,
		`a2,,[s1],,2026-01-02 08:00:00+00,false`,
		`a3,,,,,`)
	check(t, r, "SELECT access_auth_id, card_state, face_state, fingerprint_state, card_issue_status_text, face_issue_status_text, fingerprint_issue_status_text FROM permissions ORDER BY 1",
		"a1,excess,pending,unknown,already sent,to be sent,to be sent",
		"a2,delivered,not_enrolled,partial,already sent,unknown (7),already sent",
		"a3,contradictory,contradictory,unknown,to be sent,already sent,unknown (2)")
	check(t, r, "SELECT access_auth_id, auth_create_time, auth_create, auth_source, auth_source_str, structure_names, detail_snapshot, first_snapshot, landed_snapshot, landed_line FROM permissions ORDER BY 1",
		"a1,1662566400123,2022-09-07 16:00:00.123+00,1,by organisation,[Works],20260102T060000Z,20260102T060000Z,20260102T060000Z,1",
		"a2,,,,,,,20260102T060000Z,20260102T060000Z,1",
		"a3,,,,,,,20260102T060000Z,20260102T060000Z,1")
}

func TestRulesAndChannels(t *testing.T) {
	st := storetest.Open(t)
	channel := `,"access_control_channel_name":"Gate","access_control_channel_no":1,"access_channel_position_path":"A","business_device_name":"D1"`
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day1,
		Registers: map[string]string{"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,1,Zoe,zoe@example.com,\nc9,2,,,stores\n"},
		Rows: rows{
			"permissions": list(permissionRow("a1", "u1", "c1", channel), permissionRow("a2", "u2", "c8", "")),
			"persons":     list(`{"person_id":"u1","name":"Ann","person_code":"007"}`),
			"structures": {
				"":   {`{"structure_id":"s1","structure_name":"Works","level":0}`},
				"s1": {`{"structure_id":"s2","parent_structure_id":"s1","structure_name":"Press","level":1}`, `{"structureId":"s1","structureName":"Works","level":"0"}`},
			},
			"rules": list(
				`{"auth_relation_id":"r1","auth_id":"u1","relation_type":2,"relation_id":"c1","relation_name":"Gate"}`,
				`{"auth_relation_id":"r2","auth_id":"s2","relation_type":1,"relation_id":"g1","relation_name":"All gates"}`,
				`{"auth_relation_id":"r3","auth_id":"x","relation_type":3}`,
				`{"auth_relation_id":"r4","auth_id":"u2","relation_type":2,"relation_id":"c3","relation_name":"Yard"}`,
			),
			"rule_channels": {"r2": {
				`{"relation_id":"c1","access_control_channel_name":"Gate","business_device_id":"d1"}`,
				`{"relation_id":"c2","access_control_channel_name":"Back door","business_device_id":"d2"}`,
			}},
		}})
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(2),
		Registers: map[string]string{"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc9,2,,,stores\n"},
		Rows: rows{
			"permissions": list(permissionRow("a1", "u1", "c1", channel)),
			"rules":       list(`{"auth_relation_id":"r1","auth_id":"u1","relation_type":2,"relation_id":"c1","relation_name":"Gate"}`),
		}})
	r := read(t, st, store.ReadOptions{Snapshot: "20260102T060000Z"})
	check(t, r, "SELECT structure_id, parent_structure_id, structure_name, level FROM structures ORDER BY 1", "s1,,Works,0", "s2,s1,Press,1")
	check(t, r, "SELECT auth_relation_id, relation_type_text, source_kind, source_name FROM rules ORDER BY 1",
		"r1,channel,person,Ann", "r2,channel group,structure,Press", "r3,unknown (3),unknown,", "r4,channel,person,")
	check(t, r, "SELECT auth_relation_id, access_control_channel_id, access_control_channel_name, business_device_id, named_by FROM rule_channels ORDER BY 1, 2",
		"r1,c1,Gate,,rule", "r2,c1,Gate,d1,channel-detail", "r2,c2,Back door,d2,channel-detail", "r4,c3,Yard,,rule")
	check(t, r, "SELECT access_control_channel_id, access_control_channel_name, access_control_channel_no, business_device_id, business_device_name, tier, owner, named_by FROM channels ORDER BY 1",
		`c1,Gate,1,d1,D1,1,Zoe,"[permissions, rules, details, register]"`,
		"c2,Back door,,d2,,,,[details]",
		"c3,Yard,,,,,,[rules]",
		`c8,,,,,,,[permissions]`,
		`c9,,,,,2,"",[register]`)

	r = read(t, st, store.ReadOptions{})
	check(t, r, "SELECT count(*) FROM rule_channels", "1")
	check(t, r, "SELECT access_control_channel_id, named_by FROM channels ORDER BY 1",
		`c1,"[permissions, rules]"`, "c2,[history]", "c3,[history]", "c8,[history]", "c9,[register]")
}

// channel-detail may name persons among the channels of a rule.
func TestPersonsAmongChannels(t *testing.T) {
	st := storetest.Open(t)
	site := storetest.Site{Project: "p1", At: day1, Registers: map[string]string{"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc4,1,,,\n"}, Rows: rows{
		"permissions": list(permissionRow("a1", "u1", "c1", "")),
		"persons":     list(`{"person_id":"u1","name":"Ann"}`),
		"rules":       list(`{"auth_relation_id":"r1","relation_type":1}`, `{"auth_relation_id":"r2","relation_type":2,"relation_id":"c2"}`),
		"rule_channels": {"r1": {`{"relation_id":"u1"}`, `{"relation_id":"u9","business_device_id":""}`, `{"relation_id":"c1"}`, `{"relation_id":"c2"}`,
			`{"relation_id":"c3","access_control_channel_no":3}`, `{"relation_id":"c4"}`}},
	}}
	storetest.Publish(t, st, site)
	query := "SELECT access_control_channel_id, named_by FROM channels ORDER BY 1"
	check(t, read(t, st, store.ReadOptions{}), query, `c1,"[permissions, details]"`, `c2,"[rules, details]"`, "c3,[details]", `c4,"[details, register]"`)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(2)})
	check(t, read(t, st, store.ReadOptions{}), query, "c1,[history]", "c2,[history]", "c3,[history]")
}

func TestTasksAndRecords(t *testing.T) {
	st := storetest.Open(t)
	place := func(name, no string) string {
		return fmt.Sprintf(`,"access_control_channel_name":%q,"access_control_channel_no":%q,"access_channel_position_path":"A","business_device_name":"D"`, name, no)
	}
	task := func(id, name string, more string) string {
		return fmt.Sprintf(`{"auth_task_id":%q%s%s}`, id, place(name, "1"), more)
	}
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day1, Rows: rows{
		"permissions": list(permissionRow("a1", "u1", "c1", place("Gate", "1")), permissionRow("a2", "u1", "c2", place("Twin", "1")), permissionRow("a3", "u1", "c3", place("Twin", "1"))),
		"tasks": {
			"": {
				task("t1", "Gate", `,"auth_num":2,"success_num":2,"task_finish_time":1767340800000,"auth_task_progress":4,"auth_task_status":2,"auth_issue_type":1`),
				task("t2", "Twin", `,"auth_num":2,"success_num":0,"task_finish_time":0,"auth_task_progress":2,"auth_task_status":9,"auth_issue_type":2`),
				task("t3", "None", `,"auth_num":2,"success_num":1,"task_finish_time":1`),
				task("t4", "Gate", `,"auth_num":0,"success_num":0,"task_finish_time":1`),
				task("t5", "Gate", `,"auth_num":2,"success_num":0,"task_finish_time":1`),
				task("t6", "Gate", `,"auth_num":2,"success_num":3,"task_finish_time":1`),
				task("t7", "Gate", `,"task_finish_time":1`),
			},
			"1": {task("t2", "Twin", `,"auth_num":2,"success_num":0,"task_finish_time":0,"auth_task_progress":2,"auth_task_status":9,"auth_issue_type":2`)},
			"2": {task("t8", "Gate", "")},
		},
		"task_details": {"t1": {`{"auth_issue_certificate":3,"auth_issue_certificate_str":"card+password"}`}},
		"records": {
			"t1": {
				`{"auth_task_record_id":"e1","person_id":"u1","issue_status":4}`, `{"auth_task_record_id":"e2","issue_status":4}`,
				`{"auth_task_record_id":"e3","issue_status":3}`, `{"auth_task_record_id":"e4","issue_status":3}`,
				`{"auth_task_record_id":"e5","issue_status":0}`, `{"auth_task_record_id":"e6","issue_status":1}`,
				`{"auth_task_record_id":"e7","issue_status":2}`, `{"auth_task_record_id":"e8"}`, `{"auth_task_record_id":"e9","issue_status":1}`,
			},
			"t2": {},
		},
		"issue_infos": {
			"e1": {`{"card_issue_result":{"success_issue_num":1,"fail_issue_num":0}}`},
			"e2": {`{"card_issue_result":{"success_issue_num":1},"face_issue_result":{"fail_issue_del_num":1}}`},
			"e3": {`{"cardIssueResult":{"failIssueNum":"2"}}`},
			"e4": {`{"card_issue_result":{"success_issue_num":1}}`},
			"e9": {`{"card_issue_result":{"success_issue_del_num":1}}`},
		},
	}})
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT auth_task_id, finished, result, auth_task_progress_text, auth_task_status_text, auth_issue_type_text, auth_issue_certificate, listed FROM tasks ORDER BY 1",
		"t1,true,succeeded,completed,all successful,all permissions,3,true",
		"t2,false,unfinished,being executed,unknown (9),additional permissions,,true",
		"t3,true,partly succeeded,,,,,true", "t4,true,empty,,,,,true", "t5,true,failed,,,,,true",
		"t6,true,unknown,,,,,true", "t7,true,unknown,,,,,true", "t8,false,unfinished,,,,,true")
	check(t, r, "SELECT auth_task_id, access_control_channel_id, channel_match FROM tasks WHERE auth_task_id < 't4' ORDER BY 1",
		"t1,c1,exact", "t2,,ambiguous", "t3,,none")
	check(t, r, "SELECT auth_task_record_id, issue_status_text, result, issue_info_snapshot IS NOT NULL FROM records ORDER BY 1",
		"e1,succeeded,succeeded,true", "e2,succeeded,unknown,true", "e3,failed,failed,true", "e4,failed,unknown,true",
		"e5,initialized,waiting,false", "e6,unknown,unknown,false", "e7,terminated,terminated,false", "e8,,unknown,false",
		"e9,unknown,succeeded,true")
	check(t, r, "FROM issue_infos SELECT * EXCLUDE (project_id, first_snapshot, landed_snapshot) WHERE auth_task_record_id = 'e2' ORDER BY credential",
		"e2,t1,card,1,,,,2", "e2,t1,card_pwd,,,,,2", "e2,t1,face,,,,1,2", "e2,t1,fingerprint,,,,,2", "e2,t1,person,,,,,2")
	check(t, r, "SELECT resource, covered, coverable, coverage FROM resources WHERE coverable IS NOT NULL ORDER BY 1",
		"details,0,3,0.0", "issue_infos,5,9,0.5555555555555556", "records,2,8,0.25", "rule_channels,0,0,1.0", "task_details,1,8,0.125")
	check(t, r, "SELECT name, ours, theirs, result FROM tie_outs WHERE kind IN ('list', 'cross') ORDER BY 1",
		"channels of rules,0,0,not tried", "permissions,3,3,agrees", "persons,0,0,agrees", "persons in permissions,1,0,differs", "rules,0,0,agrees",
		"task records,1,1,agrees", "task sizes,0,1,differs", "tasks,8,8,agrees")
}

func TestEveryColumnHasAComment(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day1})
	r := read(t, st, store.ReadOptions{})
	check(t, r, `
SELECT c.table_name, c.column_name
FROM duckdb_columns() AS c
WHERE c.database_name = 'snap' AND c.schema_name = 'main' AND coalesce(c.comment, '') = ''`)
	check(t, r, "SELECT view_name FROM duckdb_views() WHERE database_name = 'snap' AND schema_name = 'main' AND comment IS NULL")
}

func TestResourceViewsBeginAndEndAlike(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day1})
	r := read(t, st, store.ReadOptions{})
	for _, v := range []string{"permissions", "persons", "structures", "rules", "rule_channels", "tasks", "task_details", "records", "issue_infos", "details"} {
		head := strings.Split(strings.TrimSpace(csv(t, r, "FROM "+v+" LIMIT 0")), ",")
		if head[0] != "project_id" || strings.Join(head[len(head)-3:], ",") != "first_snapshot,landed_snapshot,landed_line" {
			t.Errorf("columns of %s: %q", v, head)
		}
	}
}
