package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

var day1 = time.Date(2026, 1, 2, 6, 0, 0, 0, time.UTC)

// table runs a query and returns its rows, values joined by |.
func table(t testing.TB, r *store.Reader, query string) string {
	t.Helper()
	rows, err := r.Query(t.Context(), query, nil)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(cols))
		into := make([]any, len(cols))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		parts := make([]string, len(cols))
		for i, v := range values {
			switch v := v.(type) {
			case nil:
				parts[i] = "-"
			case time.Time:
				parts[i] = v.UTC().Format("2006-01-02T15:04:05")
			default:
				parts[i] = fmt.Sprint(v)
			}
		}
		lines = append(lines, strings.Join(parts, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func read(t testing.TB, st *store.Store, o store.ReadOptions) *store.Reader {
	t.Helper()
	r, err := st.Read(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

var _ = json.Valid
var _ = context.Background

func TestFirstSnapshot(t *testing.T) {
	st := storetest.Open(t)
	id := storetest.Publish(t, st, storetest.Site{Project: "p1", At: day1, Rows: map[string]map[string][]string{
		"permissions": {"": {
			`{"access_auth_id":"a1","person_id":"u1","name":"Ann","structure_ids":["s1"],"auth_end_time":2556115199000,"total_card_num":1,"auth_card_num":1,"card_issue_status":1}`,
			`{"accessAuthId":"a2","personId":"u2","name":"Bo","structureIds":"s2","authEndTime":"1767340800000","totalCardNum":"2","authCardNum":3}`,
		}},
	}})
	if id != "20260102T060000Z" {
		t.Errorf("id = %s", id)
	}
	r := read(t, st, store.ReadOptions{})
	got := table(t, r, "SELECT access_auth_id, person_id, name, structure_ids, auth_end_time, auth_end, permanent, card_state, face_state, first_snapshot, landed_line FROM permissions ORDER BY 1")
	want := `a1|u1|Ann|[s1]|2556115199000|2050-12-31T15:59:59|true|delivered|unknown|20260102T060000Z|1
a2|u2|Bo|[s2]|1767340800000|2026-01-02T08:00:00|false|excess|unknown|20260102T060000Z|1`
	if got != want {
		t.Errorf("permissions:\n%s\nwant:\n%s", got, want)
	}
	t.Log(table(t, r, "FROM snapshots"))
	t.Log(table(t, r, "FROM resources"))
	t.Log(table(t, r, "FROM tie_outs"))
	t.Log(table(t, r, "SELECT resource, sha256 FROM digests"))
	t.Log(table(t, r, "FROM calls"))
}
