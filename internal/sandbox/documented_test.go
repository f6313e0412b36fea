package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// The result of access-auth and of list-auth-person begins with the real
// sample of the documents (A139-230, B212-236), digit for digit but for those
// masked with *** and for the rows that the sample leaves out of its total.
func TestDocumentedSamples(t *testing.T) {
	clock := noon()
	s := New(Options{Site: "documented", Now: clock.now})
	c := newClient(t, s)
	for _, tc := range []struct{ op, file string }{
		{"access-auth", "sample-access-auth.json"},
		{"list-auth-person", "sample-list-auth-person.json"},
	} {
		b, err := os.ReadFile("testdata/" + tc.file)
		if err != nil {
			t.Fatal(err)
		}
		var sample struct{ Result json.RawMessage }
		if err := json.Unmarshal(b, &sample); err != nil {
			t.Fatal(err)
		}
		want, got := pageOf(t, sample.Result), pageOf(t, c.ok(tc.op, args{"page": 1, "pageSize": 50}))
		if got.Total != want.Total || len(got.Rows) != want.Total {
			t.Errorf("%s: %d rows of %d, want %d", tc.op, len(got.Rows), got.Total, want.Total)
		}
		for i, row := range want.Rows {
			if len(row) != len(got.Rows[i]) {
				t.Errorf("%s: row %d has %d members, want %d", tc.op, i, len(got.Rows[i]), len(row))
			}
			for k, v := range row {
				w, g := strings.Trim(fmt.Sprint(v), "[]"), strings.Trim(fmt.Sprint(got.Rows[i][k]), "[]")
				known, masked := strings.CutSuffix(w, "***")
				if masked && (!strings.HasPrefix(g, known) || len(g) != len(w)) || !masked && g != w {
					t.Errorf("%s: row %d: %s is %s, want %s", tc.op, i, k, g, w)
				}
			}
		}
	}
}
