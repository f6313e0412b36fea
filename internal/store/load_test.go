package store_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// full has one row of every resource with every field that the API documents.
var full = rows{
	"permissions":   list(`{"access_auth_id":"1","person_id":"2","name":"Ann, \"A\"","mobile_country":"+86","mobile":"182****2940","person_code":"090909","structure_ids":["3","4"],"access_auth_time_range_id":"1","access_auth_time_range_str":"All the day","business_device_name":"D","access_control_channel_id":"5","access_control_channel_name":"C","access_control_channel_no":1,"access_channel_room_id":"6","access_channel_position_path":"P","auth_start_time":1662566400000,"auth_end_time":2556115199000,"total_card_num":3,"auth_card_num":4,"total_face_num":1,"auth_face_num":0,"total_fingerprint_num":2,"auth_fingerprint_num":1,"card_issue_status":1,"face_issue_status":0,"fingerprint_issue_status":7}`),
	"persons":       list(`{"person_id":"2","name":"Ann","person_code":""}`),
	"structures":    list(`{"structure_id":"3","parent_structure_id":"4","structure_name":"S","level":1,"remark":"r","sort":2,"external_no":"e","alias_code":"a","alias_code_path":"a/b"}`),
	"rules":         list(`{"auth_relation_id":"7","auth_id":"2","relation_type":1,"relation_id":"8","relation_name":"G","access_auth_time_range_id":"1","access_auth_time_range_str":"x","auth_start_time":1,"auth_end_time":2}`),
	"tasks":         list(`{"auth_task_id":"9","task_start_time":1,"access_control_channel_name":"C","access_control_channel_no":"1","access_channel_position_path":"P","business_device_name":"D","auth_num":5,"auth_issue_type":1,"success_num":3,"auth_task_progress":4,"auth_task_status":1,"task_finish_time":8}`),
	"rule_channels": {"7": {`{"relation_id":"5","access_control_channel_name":"C","access_control_channel_no":1,"access_channel_room_id":"6","access_channel_position_path":"P","business_device_id":"10","business_device_name":"D"}`}},
	"task_details":  {"9": {`{"task_start_time":1,"task_finish_time":8,"auth_issue_certificate":3,"auth_issue_certificate_str":"x","access_control_channel_name":"C","access_control_channel_no":"1","access_channel_position_path":"P","business_device_name":"D"}`}},
	"records":       {"9": {`{"auth_task_record_id":"11","person_id":"2","name":"Ann","mobile_country":"+86","mobile":"1","structure_name":"S","access_auth_time_range_id":"1","access_auth_time_range_str":"x","auth_issue_time":5,"issue_status":4}`}},
	"issue_infos":   {"11": {`{"auth_task_record_id":"11","person_issue_result":{"success_issue_num":1,"fail_issue_num":2,"success_issue_del_num":3,"fail_issue_del_num":4},"card_issue_result":{"success_issue_num":5,"fail_issue_num":6,"success_issue_del_num":7,"fail_issue_del_num":8},"card_pwd_issue_result":{"success_issue_num":9,"fail_issue_num":10,"success_issue_del_num":11,"fail_issue_del_num":12},"face_issue_result":{"success_issue_num":13,"fail_issue_num":14,"success_issue_del_num":15,"fail_issue_del_num":16},"fingerprint_issue_result":{"success_issue_num":17,"fail_issue_num":18,"success_issue_del_num":19,"fail_issue_del_num":20}}`}},
	"details":       {"1": {`{"person_id":"2","name":"Ann","mobile_country":"+86","mobile":"1","person_code":"090909","structure_names":["S","T"],"access_control_channel_name":"C","access_control_channel_no":1,"access_channel_room_id":"6","access_channel_position_path":"P","business_device_name":"D","auth_start_time":1,"auth_end_time":2,"auth_create_time":3,"auth_source":"1","auth_source_str":"x","total_card_num":3,"auth_card_num":4,"total_face_num":1,"auth_face_num":0,"total_fingerprint_num":2,"auth_fingerprint_num":1,"card_issue_status":1,"face_issue_status":0,"fingerprint_issue_status":7}`}},
}

// respell changes every landed page of a build.
func respell(t *testing.T, dir string, change func(body string) string) {
	t.Helper()
	for name, asked := range full {
		var lines []string
		n := 0
		for key, items := range asked {
			n++
			lines = append(lines, fmt.Sprintf(`{"line":%d,"walk":1,"page":1,"key":%q,"response":%s}`, n, key, change(storetest.Body(name, items, day1))))
		}
		storetest.Land(t, filepath.Join(dir, name+".ndjson.zst"), lines...)
	}
}

var (
	memberName = regexp.MustCompile(`"([a-z]+(?:_[a-z]+)+)":`)
	number     = regexp.MustCompile(`:(\d+)([,}])`)
)

func camelCase(body string) string {
	return memberName.ReplaceAllStringFunc(body, func(m string) string {
		parts := strings.Split(strings.Trim(m, `":`), "_")
		for i := range parts[1:] {
			parts[i+1] = strings.ToUpper(parts[i+1][:1]) + parts[i+1][1:]
		}
		return `"` + strings.Join(parts, "") + `":`
	})
}

func TestSpellings(t *testing.T) {
	publish := func(change func(string) string) *store.Reader {
		st := storetest.Open(t)
		b, projects := storetest.Load(t, st, storetest.Site{Project: "p1", At: day1, Rows: full})
		respell(t, b.Landing("p1"), change)
		for _, x := range projects[0].Resources {
			loaded, err := b.Load(t.Context(), "p1", x.Name)
			if err != nil {
				t.Fatal(err)
			}
			want := int64(1)
			if x.Name == "issue_infos" {
				want = 5
			}
			if loaded.Rows != want || loaded.Distinct != want || loaded.Problems != 0 {
				t.Errorf("Load(%s) = %+v, want %d rows", x.Name, loaded, want)
			}
		}
		if _, err := b.Publish(t.Context(), projects); err != nil {
			t.Fatal(err)
		}
		return read(t, st, store.ReadOptions{})
	}
	plain := publish(func(s string) string { return s })
	// Every received column has a value, or the comparison says nothing.
	for _, v := range []string{"permissions", "persons", "structures", "rules", "tasks", "task_details", "records", "issue_infos", "details"} {
		check(t, plain, "SELECT * FROM (SELECT unnest([COLUMNS(* EXCLUDE (closed_snapshot))::VARCHAR]) FROM base."+v+") WHERE false")
		_, got, _ := strings.Cut(csv(t, plain, "SELECT * EXCLUDE (closed_snapshot) FROM base."+v), "\n")
		if strings.Contains(got, ",,") {
			t.Errorf("%s has a NULL: %s", v, got)
		}
	}
	for name, change := range map[string]func(string) string{
		"camelCase":          camelCase,
		"numbers as strings": func(s string) string { return number.ReplaceAllString(s, `:"$1"$2`) },
		"both":               func(s string) string { return number.ReplaceAllString(camelCase(s), `:"$1"$2`) },
		"ids as numbers":     func(s string) string { return regexp.MustCompile(`_id":"(\d+)"`).ReplaceAllString(s, `_id":$1`) },
		"recordListVOList": func(s string) string {
			return strings.NewReplacer("record_list_vo_list", "recordListVOList", "channel_list_vo_list", "channelListVOList").Replace(s)
		},
		"record_list_volist": func(s string) string {
			return strings.NewReplacer("record_list_vo_list", "record_list_volist", "channel_list_vo_list", "channel_list_volist").Replace(s)
		},
		"record_list_v_o_list": func(s string) string {
			return strings.NewReplacer("record_list_vo_list", "record_list_v_o_list", "channel_list_vo_list", "channel_list_v_o_list").Replace(s)
		},
		"an unknown field": func(s string) string {
			return strings.ReplaceAll(s, `"name":`, `"surprise":{"deep":[1,{"x":null}]},"name":`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := publish(change)
			for _, v := range views(t, r) {
				query := "SELECT * FROM " + v + " ORDER BY ALL"
				if diff := cmp.Diff(csv(t, plain, query), csv(t, r, query)); diff != "" {
					t.Errorf("%s (-plain +%s):\n%s", v, name, diff)
				}
			}
		})
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	st := storetest.Open(t)
	b, projects := storetest.Load(t, st, storetest.Site{Project: "p1", At: day1, Rows: rows{"permissions": list(
		`{"access_auth_id":"a1","auth_end_time":"soon","total_card_num":null,"auth_card_num":""}`,
		`{"access_auth_id":"a2","auth_end_time":1.5,"total_card_num":2.0,"auth_card_num":"1e1","structure_ids":null}`,
		`{"access_auth_id":"a3","total_card_num":99999999999,"name":{"first":"Ann"},"structure_ids":[7,null,"x"]}`,
		`{"person_id":"u4"}`,
		`{"access_auth_id":"","person_id":"u5"}`,
		`{"access_auth_id":"a6","total_card_num":true}`,
	)}})
	loaded, err := b.Load(t.Context(), "p1", "permissions")
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Rows != 6 || loaded.Distinct != 4 || loaded.Problems != 6 || !strings.HasPrefix(loaded.Problem, "line 1: ") {
		t.Errorf("Load = %+v", loaded)
	}
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	check(t, read(t, st, store.ReadOptions{}), "SELECT access_auth_id, name, auth_end_time, total_card_num, auth_card_num, structure_ids FROM permissions ORDER BY 1",
		"a1,,,,,", "a2,,,2,10,", `a3,"{""first"":""Ann""}",,,,"[7, NULL, x]"`, "a6,,,,,")
}

func TestOnlyTheLastWholeWalk(t *testing.T) {
	st := storetest.Open(t)
	b, projects := storetest.Load(t, st, storetest.Site{Project: "p1", At: day1})
	dir := b.Landing("p1")
	page := func(line, walk int, key, id, name string) string {
		return fmt.Sprintf(`{"line":%d,"walk":%d,"page":1,"key":%q,"response":{"result":{"list":[{"access_auth_id":%q,"auth_task_id":%[4]q,"name":%q,"business_device_name":%[5]q}]}}}`, line, walk, key, id, name)
	}
	walk := func(resource, key string, n int, verdict string) string {
		return fmt.Sprintf(`{"resource":%q,"key":%q,"walk":%d,"verdict":%q,"total_last":1}`, resource, key, n, verdict)
	}
	storetest.Land(t, filepath.Join(dir, "permissions.ndjson.zst"),
		page(1, 1, "", "a1", "first"), page(2, 2, "", "a1", "second"), page(3, 2, "", "a2", "second"), page(4, 2, "", "a1", "again"), page(5, 3, "", "a3", "third"))
	storetest.Land(t, filepath.Join(dir, "tasks.ndjson.zst"),
		page(1, 1, "", "t1", "old"), page(2, 1, "1", "t2", "sent"), page(3, 2, "", "t1", "new"), page(4, 1, "2", "t1", "done"))
	storetest.Land(t, filepath.Join(dir, "walks.ndjson.zst"),
		walk("permissions", "", 1, store.Complete), walk("permissions", "", 2, store.CompleteWithDrift), walk("permissions", "", 3, store.Partial),
		walk("tasks", "", 1, store.Complete), walk("tasks", "", 2, store.Complete), walk("tasks", "1", 1, store.Partial), walk("tasks", "2", 1, store.Complete))
	for name, want := range map[string]store.Loaded{"permissions": {Rows: 3, Distinct: 2}, "tasks": {Rows: 2, Distinct: 1}} {
		if loaded, err := b.Load(t.Context(), "p1", name); err != nil || loaded != want {
			t.Errorf("Load(%s) = %+v, %v; want %+v", name, loaded, err, want)
		}
	}
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT access_auth_id, name, landed_line FROM permissions ORDER BY 1", "a1,again,4", "a2,second,3")
	check(t, r, "SELECT auth_task_id, business_device_name FROM tasks ORDER BY 1", "t1,done")
}

// A landed file grows frame by frame, and a page may be large.
func TestFramesAndLargePages(t *testing.T) {
	st := storetest.Open(t)
	b, projects := storetest.Load(t, st, storetest.Site{Project: "p1", At: day1, Rows: rows{"permissions": list(permissionRow("a1", "u1", "c1", ""))}})
	file := filepath.Join(b.Landing("p1"), "permissions.ndjson.zst")
	first, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const size = 20 << 20
	storetest.Land(t, file, `{"line":2,"walk":1,"page":2,"key":"","response":`+storetest.Body("permissions", []string{permissionRow("a2", "u1", "c1", `,"name":"`+strings.Repeat("x", size)+`"`)}, day1)+`}`)
	second, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(first, second...), 0o600); err != nil {
		t.Fatal(err)
	}
	if loaded, err := b.Load(t.Context(), "p1", "permissions"); err != nil || loaded.Distinct != 2 {
		t.Fatalf("Load = %+v, %v", loaded, err)
	}
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	check(t, read(t, st, store.ReadOptions{}), "SELECT access_auth_id, length(name) FROM permissions ORDER BY 1", "a1,", fmt.Sprint("a2,", size))
}

func TestWanted(t *testing.T) {
	st := storetest.Open(t)
	task := func(id string, finished int) string {
		return fmt.Sprintf(`{"auth_task_id":%q,"task_start_time":%s,"task_finish_time":%d}`, id, id[1:], finished)
	}
	record := func(id string, status int) string {
		return fmt.Sprintf(`{"auth_task_record_id":%q,"issue_status":%d,"auth_issue_time":%s}`, id, status, id[1:])
	}
	wanted := func(b *store.Build, resource string, want ...string) {
		t.Helper()
		got, err := b.Wanted(t.Context(), "p1", resource, math.MaxInt64)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
			t.Errorf("Wanted(%s) (-want +got):\n%s", resource, diff)
		}
	}
	first := storetest.Site{Project: "p1", At: day1, Rows: rows{
		"permissions": list(permissionRow("a1", "u1", "c1", ""), permissionRow("a2", "u1", "c1", ""), permissionRow("a10", "u1", "c1", "")),
		"rules":       list(`{"auth_relation_id":"r1","relation_type":1}`, `{"auth_relation_id":"r2","relation_type":2}`, `{"auth_relation_id":"r10","relation_type":1}`),
		"tasks":       list(task("t1", 1), task("t2", 1), task("t3", 0)),
		"records":     {"t1": {record("e11", 4), record("e12", 3), record("e13", 0)}, "t3": {record("e31", 4), record("e32", 1)}},
		"issue_infos": {"e12": {`{}`}, "e31": {`{}`}},
		"details":     {"a1": {`{}`}, "a2": {`{}`}},
	}}
	b, projects := storetest.Load(t, st, first)
	wanted(b, "rule_channels", "r10", "r1")
	wanted(b, "records", "t3", "t2", "t1")
	wanted(b, "issue_infos", "e32", "e12", "e31", "e13", "e11")
	wanted(b, "details", "a10", "a2", "a1")
	if got, err := b.Wanted(t.Context(), "p1", "details", 2); err != nil || !slices.Equal(got, []string{"a10", "a2"}) {
		t.Errorf("the first two wanted details are %v, %v", got, err)
	}
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	// a2 has changed, a3 is new; t4 is new, t2 is no longer listed.
	second := storetest.Site{Project: "p1", At: day(2), Rows: rows{
		"permissions": list(permissionRow("a1", "u1", "c1", ""), permissionRow("a2", "u2", "c1", ""), permissionRow("a3", "u1", "c1", "")),
		"tasks":       list(task("t1", 1), task("t3", 1), task("t4", 0)),
	}, Partial: []string{"rules"}}
	b, projects = storetest.Load(t, st, second)
	wanted(b, "rule_channels", "r10", "r1")
	wanted(b, "task_details", "t4", "t3", "t1")
	wanted(b, "records", "t4", "t3")
	wanted(b, "issue_infos", "e32", "e31", "e13", "e11")
	wanted(b, "details", "a3", "a2")
	if n, err := b.Previous(t.Context(), "p1", "permissions"); err != nil || n != 3 {
		t.Errorf("Previous = %d, %v", n, err)
	}
	if _, err := b.Wanted(t.Context(), "p1", "permissions", math.MaxInt64); err == nil {
		t.Error("Wanted(permissions) succeeds")
	}
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	// Nothing was loaded yet: what was left over is known from the snapshot.
	b, err := st.Begin(t.Context(), store.BuildOptions{Started: day(3)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Discard() })
	wanted(b, "records", "t4", "t3")
	wanted(b, "details", "a3", "a2")
}

// Of a finished task with something to send, an answer without records is asked
// again; what tie-outs compare are both of the cloud's numbers.
func TestFinishedTasksWithoutRecords(t *testing.T) {
	st := storetest.Open(t)
	task := func(id string, size, finished int) string {
		return fmt.Sprintf(`{"auth_task_id":%q,"task_start_time":%s,"auth_num":%d,"task_finish_time":%d}`, id, id[1:], size, finished)
	}
	record := func(id string) string { return fmt.Sprintf(`{"auth_task_record_id":%q,"issue_status":4}`, id) }
	tasks := list(task("t1", 1, 1), task("t2", 2, 1), task("t3", 0, 1), task("t4", 3, 0), `{"auth_task_id":"t5","task_finish_time":1}`)
	publish := func(n int, records map[string][]string, want ...string) {
		t.Helper()
		b, projects := storetest.Load(t, st, storetest.Site{Project: "p1", At: day(n), Rows: rows{"tasks": tasks, "records": records}})
		if _, err := b.Publish(t.Context(), projects); err != nil {
			t.Fatal(err)
		}
		check(t, read(t, st, store.ReadOptions{}), "SELECT name, ours, theirs, result FROM tie_outs WHERE name LIKE 'task %' AND snapshot_id = '"+b.ID()+"' ORDER BY 1", want...)
	}
	wanted := func(n int, want ...string) {
		t.Helper()
		b, err := st.Begin(t.Context(), store.BuildOptions{Started: day(n)})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Discard()
		got, err := b.Wanted(t.Context(), "p1", "records", math.MaxInt64)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("Wanted(records) on day %d (-want +got): %v\n%s", n, err, diff)
		}
	}
	publish(1, map[string][]string{"t1": {record("e11")}, "t2": {}, "t3": {}, "t4": {record("e41")}, "t5": {}},
		"task records,4,4,agrees", "task sizes,2,3,differs")
	wanted(2, "t4", "t2")
	// What was not asked in this run is not compared anew.
	publish(2, nil, "task records,3,3,agrees", "task sizes,2,2,agrees")
	publish(3, map[string][]string{"t2": {record("e21"), record("e22")}}, "task records,4,4,agrees", "task sizes,3,3,agrees")
	wanted(4, "t4")
}
