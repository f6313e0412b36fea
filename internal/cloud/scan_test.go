package cloud

import (
	"bytes"
	"fmt"
	"testing"
)

// permissionsPage is a page as the document's own sample has it: snake case,
// keys in alphabetical order, no white space.
func permissionsPage(items int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"result":{"list":[`)
	for i := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"access_auth_id":"15676994306421%05d","access_auth_time_range_id":"1","access_auth_time_range_str":"All the day",`+
			`"access_channel_position_path":"园区-11","access_channel_room_id":"1424637349790294001","access_control_channel_id":"1551450935983616001",`+
			`"access_control_channel_name":"Virtual Dormitory 102","access_control_channel_no":1,"auth_card_num":4,"auth_end_time":2556115199000,`+
			`"auth_face_num":0,"auth_start_time":1662566400000,"business_device_name":"Virtual device","card_issue_status":1,"face_issue_status":0,`+
			`"fingerprint_issue_status":0,"mobile":"182****2940","mobile_country":"+86","name":"张三","person_code":"090909",`+
			`"person_id":"1532183396648747001","sex":"1","structure_ids":["1531473126917959001"],"total_card_num":3,"total_face_num":1}`, i)
	}
	fmt.Fprintf(&b, `],"total":%d},"success":true,"t":1664188226266,"tid":"3bce60c83d8611ed84fd2237f0528b74"}`, items*10)
	return b.Bytes()
}

func BenchmarkScan(b *testing.B) {
	body := permissionsPage(100)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := scan(body, "list", "accessauthid")
		if err != nil || f.items != 100 || len(f.cuts) != 100 {
			b.Fatal(err, f)
		}
	}
}
