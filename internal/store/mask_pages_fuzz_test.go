package store_test

import (
	"encoding/json"
	"strings"
	"testing"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// Whatever JSON an answer is, it can be masked, stays JSON, and names nobody where a
// name may stand.
func FuzzMaskedPage(f *testing.F) {
	st := storetest.Open(f)
	id := storetest.Publish(f, st, storetest.Site{Project: "p1", At: day(1), Rows: rows{
		"persons": list(`{"person_id":"u1","name":"Quirin Zwolle","person_code":"ZW-1"}`)}})
	m := pageMasker(f, st, id, store.MaskPseudonym)
	for _, s := range []string{
		`{"result":{"list":[{"name":"Quirin Zwolle","personId":"u1"},{"name":null}],"total":2},"t":1}`, `[[{"a":[1,-2.5e3,true]}]]`,
		`{"result":{"record_list_volist":{"list":[{"Name":["x",{"name":""}]}]}}}`, `{ "result" : "\u51ff\"\\" , "x\u0022":{} }`, `null`, `""`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, response string) {
		line := `{"line":1,"key":"","response":` + response + `}`
		if strings.ContainsAny(line, "\n") || !json.Valid([]byte(line)) {
			return
		}
		got := maskLines(t, m, store.EvidenceFile{Path: "x", Project: "p1", Resource: "persons"}, line)
		if len(got) != 1 || !json.Valid([]byte(got[0])) {
			t.Fatalf("%s\nbecame\n%s", line, got)
		}
		if text := names(parse(t, got[0])); strings.Contains(strings.ToLower(text), "quirin") {
			t.Errorf("%s\nnames %s", line, text)
		}
	})
}

// names are the values of all members that are called so.
func names(v any) string {
	var b strings.Builder
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			if s, ok := x.(string); ok && strings.EqualFold(name, "name") {
				b.WriteString(s + "\n")
			}
			b.WriteString(names(x))
		}
	case []any:
		for _, x := range v {
			b.WriteString(names(x))
		}
	}
	return b.String()
}
