package reports

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"exporter/internal/store/storetest"
)

// fields is one object of the API.
type fields map[string]any

// beijing is a time in the zone of the hand-made site, in ms.
func beijing(day, clock string) int64 {
	t, err := time.Parse("2006-01-02 15:04:05 -0700", day+" "+clock+" +0800")
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

const forever = 2556115199000 // 2050-12-31 23:59:59 +08:00

// handChannels are the channels of the hand-made site: name, number, device.
var handChannels = map[string][3]string{
	"c1": {"Server room 2", "1", "Controller A"},
	"c2": {"Archive", "2", "Controller A"},
	"c3": {"第三宿舍 102", "1", "Controller B"},
}

var handPersons = map[string]struct {
	name, code string
	structures []string
}{
	"u1": {"张伟", "090909", []string{"s1"}},
	"u2": {"Jane Tuya", "001123", []string{"s1"}},
	"u3": {"John Doe", "000123", []string{"s2"}},
	"u4": {"王小明", "", []string{"s2"}},
	"u5": {"=1+1", "121212", nil},
}

// handPermission is a permission with a state of cards and faces: total,
// delivered, status.
func handPermission(id, person, channel string, start, end int64, card, face [3]int) fields {
	p, c := handPersons[person], handChannels[channel]
	return fields{"access_auth_id": id, "person_id": person, "name": p.name, "person_code": p.code,
		"mobile_country": "+86", "mobile": "182****2940", "structure_ids": p.structures,
		"access_control_channel_id": channel, "access_control_channel_name": c[0], "access_control_channel_no": c[1],
		"business_device_name": c[2], "access_channel_position_path": "Center-11",
		"auth_start_time": start, "auth_end_time": end,
		"total_card_num": card[0], "auth_card_num": card[1], "card_issue_status": card[2],
		"total_face_num": face[0], "auth_face_num": face[1], "face_issue_status": face[2]}
}

func handTask(id, channel string, kind, all, ok int, start, finish int64) fields {
	c := handChannels[channel]
	return fields{"auth_task_id": id, "access_control_channel_name": c[0], "access_control_channel_no": c[1],
		"business_device_name": c[2], "access_channel_position_path": "Center-11", "auth_issue_type": kind,
		"auth_num": all, "success_num": ok, "task_start_time": start, "task_finish_time": finish}
}

func handRecord(id, person, name string, status int, at int64) fields {
	return fields{"auth_task_record_id": id, "person_id": person, "name": name, "issue_status": status, "auth_issue_time": at,
		"mobile_country": "+86", "mobile": "182****2940"}
}

// handInfo has the counters of one credential: issued, not issued, deleted,
// not deleted.
func handInfo(credential string, n [4]int) fields {
	return fields{credential + "_issue_result": fields{"success_issue_num": n[0], "fail_issue_num": n[1],
		"success_issue_del_num": n[2], "fail_issue_del_num": n[3]}}
}

// handSite is a site whose findings are worked out beside each row. Its
// reports speak of 2026-03-31 13:00:30 in Beijing.
func handSite(t testing.TB) storetest.Site {
	began := beijing("2026-01-01", "00:00:00")
	nothing, sent, toSend := [3]int{}, [3]int{1, 1, 1}, [3]int{1, 0, 0}
	permissions := []fields{
		// Two days left on a sensitive channel: high. Its face failed.
		handPermission("a1", "u1", "c1", began, beijing("2026-04-02", "23:59:59"), sent, toSend),
		// Ten days left, sensitive: medium; settled by rule r2 with a3. One card of two.
		handPermission("a2", "u2", "c1", began, beijing("2026-04-10", "23:59:59"), [3]int{2, 1, 0}, nothing),
		// Never attempted, and nothing else on the device: shut out.
		handPermission("a3", "u2", "c2", began, beijing("2026-04-10", "23:59:59"), toSend, nothing),
		// The last moment that counts. Its face is there by number but "to be sent".
		handPermission("a4", "u3", "c3", began, beijing("2026-04-30", "13:00:30"), sent, [3]int{1, 1, 0}),
		// One second later: not counted.
		handPermission("a5", "u4", "c3", began, beijing("2026-04-30", "13:00:31"), sent, nothing),
		// No end. The list says delivered, the last record failed.
		handPermission("a6", "u4", "c2", began, forever, sent, nothing),
		// Ended at the very moment: neither expiring nor in force.
		handPermission("a7", "u5", "c3", began, beijing("2026-03-31", "13:00:30"), toSend, nothing),
		// Not begun, ends within 30 days; granted by a group, which only the detail knows.
		handPermission("a8", "u5", "c2", beijing("2026-04-05", "00:00:00"), beijing("2026-04-20", "23:59:59"), nothing, sent),
		// Two rules grant it and neither ends with it. Its card waits: shut out.
		handPermission("a9", "u1", "c3", began, beijing("2026-04-15", "23:59:59"), toSend, nothing),
	}
	rule := func(id, source, relation, name string, kind int, end int64) fields {
		return fields{"auth_relation_id": id, "auth_id": source, "relation_id": relation, "relation_name": name,
			"relation_type": kind, "auth_start_time": began, "auth_end_time": end}
	}
	rules := []fields{
		rule("r1", "u1", "c1", "Server room 2", 2, beijing("2026-04-02", "23:59:59")),
		rule("r2", "s1", "g1", "Ground floor", 1, beijing("2026-04-10", "23:59:59")),
		rule("r3", "s2", "c3", "第三宿舍 102", 2, forever),
		rule("r4", "u3", "c3", "第三宿舍 102", 2, beijing("2026-04-30", "13:00:30")),
		rule("r5", "u1", "c3", "第三宿舍 102", 2, beijing("2026-05-01", "00:00:00")),
		rule("r6", "u1", "c3", "第三宿舍 102", 2, forever),
		rule("r7", "u3", "c5", "Roof", 2, forever), // a channel that only a rule names: nobody
	}
	march := func(day int) int64 { return beijing(fmt.Sprintf("2026-03-%02d", day), "10:00:00") }
	tasks := []fields{
		handTask("t1", "c1", 2, 1, 0, march(20), march(20)+60000),
		handTask("t2", "c3", 2, 2, 1, march(21), march(21)+60000),
		handTask("t3", "c2", 2, 2, 0, march(22), march(22)+60000),
		handTask("t4", "c3", 2, 1, 0, march(30), 0),
		handTask("t5", "c1", 2, 1, 0, march(10), march(10)+60000),
		handTask("t6", "c1", 1, 2, 2, march(12), march(12)+60000), // all of c1, and all arrived
		handTask("t7", "c3", 2, 1, 1, march(25), march(25)+60000),
		{"auth_task_id": "t8", "access_control_channel_name": "Renamed since", "auth_issue_type": 2, "auth_num": 1, "success_num": 0,
			"task_start_time": march(23), "task_finish_time": march(23) + 60000},
	}
	records := map[string][]fields{
		"t1": {handRecord("k1", "u1", "张伟", 3, march(20))},
		"t2": {handRecord("k2", "u3", "John Doe", 4, march(21)), handRecord("k3", "u8", "Moved Away", 3, march(21))},
		"t3": {handRecord("k4", "u9", "Gone Person", 3, march(22)), handRecord("k5", "u4", "王小明", 3, march(22))},
		"t4": {handRecord("k6", "u1", "张伟", 0, 0)},
		"t5": {handRecord("k7", "u7", "Left Earlier", 3, march(10))},
		"t6": {handRecord("k8", "u1", "张伟", 4, march(12)), handRecord("k9", "u6", "Not Asked", 4, march(12))},
		"t7": {handRecord("k10", "u8", "Moved Away", 4, march(25))},
		"t8": {handRecord("k11", "u2", "Jane Tuya", 3, march(23))},
	}
	infos := map[string]fields{
		"k1":  handInfo("face", [4]int{0, 1, 0, 0}),
		"k2":  handInfo("face", [4]int{1, 0, 0, 0}), // yet the list says to be sent: not confirmed
		"k3":  handInfo("face", [4]int{0, 0, 0, 1}), // closed by k10
		"k4":  handInfo("card", [4]int{0, 0, 0, 1}), // open
		"k5":  handInfo("card", [4]int{0, 1, 0, 0}),
		"k6":  handInfo("card", [4]int{}),
		"k7":  handInfo("card", [4]int{0, 0, 0, 2}), // cleared by t6, by inference
		"k8":  handInfo("face", [4]int{1, 0, 0, 0}), // before k1
		"k10": handInfo("face", [4]int{0, 0, 1, 0}),
		"k11": handInfo("card", [4]int{0, 1, 0, 0}), // of a channel that cannot be told
		// k9 was not asked: for u6 on c1 it cannot be concluded.
	}
	var persons []fields
	for _, id := range []string{"u1", "u2", "u3", "u4", "u5"} {
		persons = append(persons, fields{"person_id": id, "name": handPersons[id].name, "person_code": handPersons[id].code})
	}
	persons = append(persons, fields{"person_id": "u9", "name": "Gone Person", "person_code": "777"})
	asked := map[string]map[string][]string{
		"permissions": {"": lines(t, permissions...)},
		"persons":     {"": lines(t, persons...)},
		"structures": {"": lines(t, fields{"structure_id": "s1", "structure_name": "Facility"},
			fields{"structure_id": "s2", "structure_name": "第三宿舍", "parent_structure_id": "s1"})},
		"rules": {"": lines(t, rules...)},
		"tasks": {"": lines(t, tasks...)},
		"rule_channels": {"r2": lines(t,
			fields{"relation_id": "c1", "access_control_channel_name": "Server room 2", "access_control_channel_no": "1"},
			fields{"relation_id": "c2", "access_control_channel_name": "Archive", "access_control_channel_no": "2"})},
		"task_details": {}, "records": {}, "issue_infos": {},
		"details": {"a8": lines(t, fields{"person_id": "u5", "auth_source": "3", "auth_source_str": "Visitors' group",
			"auth_create_time": began})},
	}
	for task, rows := range records {
		asked["records"][task] = lines(t, rows...)
		asked["task_details"][task] = lines(t, fields{"auth_issue_certificate": 1})
	}
	for record, info := range infos {
		info = maps.Clone(info)
		info["auth_task_record_id"] = record
		asked["issue_infos"][record] = lines(t, info)
	}
	return storetest.Site{Project: "1424615984265764001", At: siteAt, Rows: asked,
		Registers: map[string]string{
			"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,sensitive,Lin,lin@example.com,\nc4,1,Lin,lin@example.com,new wing\n",
			"roster":           "person_code,status,terminated_at,organisation,manager,manager_email\n777,terminated,2026-03-15,,,\n"}}
}
