package cloud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// bodies holds shapes that answers have or could have; the list key is that of
// records or of permissions.
var bodies = []string{
	`{"result":{"list":[{"access_auth_id":"1","sex":"1"},{"accessAuthId":2}],"total":7},"success":true,"t":1664188226266,"tid":"3bce"}`,
	`{"result":{"list":[],"total":"0","hasMore":"false"},"success":"true","t":"1664188226266"}`,
	`{"result":{"total":3,"list":null},"success":true}`,
	`{"result":[{"access_auth_id":"a\u0062c"},"text",null,[1],{}],"success":true}`,
	`{"result":{"record_list_volist":{"total":2,"has_more":true,"list":[{"access_auth_id":"9"}]},"total_num":5,"total":6},"success":true}`,
	`{"result":{"recordListVOList":{"total":2,"list":[{}]}},"success":true}`,
	`{"result":{"record_list_v_o_list":[{"ACCESS_AUTH_ID":"9"}],"total":6},"success":true}`,
	`{"code":1010,"msg":"token invalid","success":false,"t":1664188226266,"tid":"3bce"}`,
	`{"code":"1199","msg":null,"success":false}`,
	`{"result":null,"success":true}`,
	`{"result":"1574375617216917504","success":true}`,
	` { "result" : { "list" : [ { "sex" : 1 , "sexStr" : "m" , "imageUrl" : { "sex" : [ 1 , 2 ] } } ] ,` + "\n\t\r" + ` "total" : 1 } , "success" : true } ` + "\n",
	`{"imageUrl":"x","result":{"image_url":1,"list":[{"a":1,"IMAGE_URL":null,"b":{"s\u0065x":1},"Sex_Str":"x"},{"sex":1,"sex":2}],"sex":3},"success":true,"sex":4}`,
	`{"success":true,"success":false}`,
	`{"result":{"list":[1],"list":[2]}}`,
	`{"result":{"list":{"list":[1],"total":5},"total":6},"success":true}`,
	`{"result":{"list":{"list":{"list":[1],"total":5}}},"success":true}`,
	`{"a":[1,-0,0.5,1e5,1E+5,-1.25e-7,true,false,null,"\"\\\/\b\f\n\r\t\ud83d\ude00"],"":{}}`,
	`{"名":"张三","emoji":"😀 and much more text than eight bytes"}`,
	`{"sexy":1,"_sex":2,"sex_":3,"imageurls":4,"image":5}`,
	`{}`, `[]`, ``, ` `, `null`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{"a":[1,]}`, `{"a":[,]}`, `{"a":[1 2]}`,
	`{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":1e}`, `{"a":+1}`, `{"a":tru}`, `{"a":truee}`, `{"a":nul`, `{"a":"\x"}`,
	`{"a":"\u12g4"}`, `{"a":"\u12`, `{"a":"` + "\x01" + `"}`, `{"a":"` + "\xff" + `"}`, `{"a":1}}`, `{"a":1} x`, `{"a":1}{"b":2}`, `{"a":"x`, `{a:1}`,
	strings.Repeat(`{"a":`, 9999) + "[]" + strings.Repeat("}", 9999),
	strings.Repeat(`{"a":`, 10000) + "[]" + strings.Repeat("}", 10000),
}

var listKeys = []string{"list", "recordlistvolist"}

// compare checks the scanner on body against encoding/json.
func compare(t *testing.T, body []byte, listKey string) {
	t.Helper()
	const itemKey = "accessauthid"
	want, tree, ok := oracle(body, listKey, itemKey)
	f, err := scan(body, listKey, itemKey)
	switch {
	case err == nil && !ok:
		t.Fatalf("scan(%q) takes what is no envelope", body)
	case want.Ambiguous:
		// Which one counts is nobody's to say; that it is noticed is what matters.
		if err == nil {
			t.Fatalf("scan(%q) takes one of two", body)
		}
		return
	case err != nil && ok:
		t.Fatalf("scan(%q) = %v", body, err)
	case err != nil:
		return
	}
	got := expected{Scalars: map[string]string{}, Result: f.hasResult(body), Listed: f.listed, Items: f.items, IDs: f.texts(body)}
	for name, at := range map[string]span{"success": f.success, "code": f.code, "msg": f.msg, "t": f.time, "tid": f.tid} {
		if v := body[at.from:at.to]; len(v) > 0 && !strings.ContainsRune("n{[", rune(v[0])) {
			got.Scalars[name] = scalar(body, at)
		}
	}
	c := f.outer
	if f.inner != (counts{}) {
		c = f.inner
	}
	got.Total, got.More = scalar(body, c.total), scalar(body, c.more)
	if len(got.IDs) == 0 {
		got.IDs = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("scan(%q) mismatch (-want +got):\n%s", body, diff)
	}
	compareKept(t, body, f, tree)
	comparePrefixes(t, body, listKey)
}

func compareKept(t *testing.T, body []byte, f *facts, tree node) {
	t.Helper()
	before := bytes.Clone(body)
	kept, verbatim := (&Response{Body: body, facts: f}).AppendKept(nil)
	if verbatim != bytes.Equal(kept, body) {
		t.Fatalf("AppendKept of %q = %q, verbatim %t", body, kept, verbatim)
	}
	if !bytes.Equal(body, before) {
		t.Fatalf("AppendKept changes the body %q", before)
	}
	if bytes.IndexByte(kept, '\n') >= 0 {
		t.Fatalf("AppendKept of %q = %q, more than a line", body, kept)
	}
	got, err := parse(kept)
	if err != nil {
		t.Fatalf("AppendKept of %q = %q: %v", body, kept, err)
	}
	// Not cmp.Diff, which takes for ever on deep trees.
	if !reflect.DeepEqual(tree.without(), got) {
		t.Fatalf("AppendKept of %q = %q", body, kept)
	}
}

// comparePrefixes checks that a body that was cut short is never taken.
func comparePrefixes(t *testing.T, body []byte, listKey string) {
	t.Helper()
	whole := bytes.TrimRight(body, " \t\r\n")
	step := max(1, len(whole)/200)
	for n := len(whole) - 1; n >= 0; n -= step {
		if _, err := scan(whole[:n:n], listKey, "accessauthid"); err == nil {
			t.Fatalf("scan takes the first %d of %d bytes of %q", n, len(whole), whole)
		}
	}
}

func TestScan(t *testing.T) {
	for _, body := range append(bodies, string(permissionsPage(3))) {
		for _, key := range listKeys {
			compare(t, []byte(body), key)
		}
	}
}

func TestScanFacts(t *testing.T) {
	body := permissionsPage(3)
	f, err := scan(body, "list", "accessauthid")
	if err != nil {
		t.Fatal(err)
	}
	p := newPage(&Response{Body: body, facts: f}, 1)
	if *p.Total != 30 || p.HasMore != nil || p.Items != 3 {
		t.Errorf("total %d, has more %v, items %d", *p.Total, p.HasMore, p.Items)
	}
	want := []string{"1567699430642100000", "1567699430642100001", "1567699430642100002"}
	if diff := cmp.Diff(want, p.IDs); diff != "" {
		t.Errorf("ids mismatch (-want +got):\n%s", diff)
	}
	if kept, _ := p.AppendKept(nil); bytes.Contains(kept, []byte(`sex`)) || !bytes.Contains(kept, []byte(`"person_id":"1532183396648747001","structure_ids"`)) {
		t.Errorf("Kept = %s", kept)
	}
}

func TestLoneSurrogatesAreMended(t *testing.T) {
	for in, want := range map[string]string{
		`"a\ud800"`:             `"a\ufffd"`,
		`"\udc00\ud800"`:        `"\ufffd\ufffd"`,
		`"\ud83d\ude00 \u4e2d"`: `"\ud83d\ude00 \u4e2d"`,
		`"\\\\ud800"`:           `"\\\\ud800"`,
		`"\\\ud800\u0041"`:      `"\\\ufffd\u0041"`,
		`"\uD800\uD83D\uDE00"`:  `"\ufffd\uD83D\uDE00"`,
	} {
		got := []byte(in)
		if mendSurrogates(got); string(got) != want {
			t.Errorf("mendSurrogates(%s) = %s, want %s", in, got, want)
		}
	}
}

// TestScanFlipped flips and drops single bytes: what encoding/json refuses is
// refused, what it takes is read the same.
func TestScanFlipped(t *testing.T) {
	body := permissionsPage(1)
	for i := range body {
		for _, c := range []byte{'"', '\\', '{', '}', '[', ']', ',', ':', ' ', '\n', 0, '0', '-', 'e', 0x80, 's'} {
			flipped := bytes.Clone(body)
			flipped[i] = c
			compareFast(t, flipped)
		}
		compareFast(t, append(bytes.Clone(body[:i]), body[i+1:]...))
	}
}

// compareFast is compare without the prefixes.
func compareFast(t *testing.T, body []byte) {
	t.Helper()
	want, _, ok := oracle(body, "list", "accessauthid")
	f, err := scan(body, "list", "accessauthid")
	if (err == nil) != (ok && !want.Ambiguous) {
		t.Fatalf("scan(%q) = %v; an envelope is %t, ambiguous %t", body, err, ok, want.Ambiguous)
	}
	if err == nil && f.items != want.Items {
		t.Fatalf("scan(%q) finds %d items of %d", body, f.items, want.Items)
	}
}

func FuzzScan(f *testing.F) {
	for _, body := range bodies[:len(bodies)-2] {
		f.Add([]byte(body), false)
		f.Add([]byte(body), true)
	}
	f.Add(permissionsPage(2), false)
	f.Fuzz(func(t *testing.T, body []byte, records bool) {
		key := listKeys[0]
		if records {
			key = listKeys[1]
		}
		compare(t, body, key)
	})
}

// FuzzAnswer: whatever comes, an answer is an error or whole.
func FuzzAnswer(f *testing.F) {
	for i, body := range bodies[:len(bodies)-2] {
		f.Add([]byte(body), 200, i)
	}
	f.Add([]byte("<html>"), 504, 1)
	f.Fuzz(func(t *testing.T, body []byte, status, n int) {
		op := operations[uint(n)%uint(len(operations))]
		r := &Response{Body: body, HTTPStatus: status}
		if e := r.read(op); e != nil {
			e.HTTPStatus = status
			if e.Error() == "" || strings.Contains(e.Hint(), "%s") || len(e.Error()) > 5000 {
				t.Fatalf("read(%q) = %q, hint %q", body, e.Error(), e.Hint())
			}
			return
		}
		if !json.Valid(body) || !op.Writes && !json.Valid(r.Result()) {
			t.Fatalf("read takes %q", body)
		}
		if p := newPage(r, 1); len(p.IDs) != p.Items {
			t.Fatalf("read(%q) finds %d ids of %d items", body, len(p.IDs), p.Items)
		}
	})
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

// BenchmarkPage is all that a page costs once it is in memory.
func BenchmarkPage(b *testing.B) {
	body := permissionsPage(100)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := scan(body, "list", "accessauthid")
		if err != nil {
			b.Fatal(err)
		}
		p := newPage(&Response{Body: body, facts: f}, 1)
		if kept, _ := p.AppendKept(nil); len(p.IDs) != 100 || len(kept) == len(body) {
			b.Fatal(p.IDs)
		}
	}
}
