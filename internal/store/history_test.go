package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

func TestCarryForward(t *testing.T) {
	st := storetest.Open(t)
	site := func(n int, partial []string, permissions ...string) storetest.Site {
		return storetest.Site{Project: "p1", At: day(n), Partial: partial, Rows: rows{"permissions": list(permissions...)}}
	}
	p := func(id, name string) string { return permissionRow(id, "u1", "c1", `,"name":"`+name+`"`) }
	storetest.Publish(t, st, site(1, nil, p("a1", "Ann"), p("a2", "Bo"), p("a3", "Cy")))
	storetest.Publish(t, st, site(2, nil, p("a1", "Ann"), p("a2", "Bob"), p("a4", "Di")))
	storetest.Publish(t, st, site(3, []string{"permissions"}, p("a5", "Ed")))
	storetest.Publish(t, st, site(4, nil, p("a1", "Ann"), p("a3", "Cy"), p("a4", "Di")))

	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT access_auth_id, name, left(first_snapshot, 8), left(closed_snapshot, 8), first_seen::DATE, last_seen::DATE FROM permission_history ORDER BY 1, 3",
		"a1,Ann,20260102,,2026-01-02,2026-01-05",
		"a2,Bo,20260102,20260103,2026-01-02,2026-01-02",
		"a2,Bob,20260103,20260105,2026-01-03,2026-01-03",
		"a3,Cy,20260102,20260103,2026-01-02,2026-01-02",
		"a3,Cy,20260105,,2026-01-05,2026-01-05",
		"a4,Di,20260103,,2026-01-03,2026-01-05")
	check(t, r, "SELECT access_auth_id, name FROM permissions ORDER BY 1", "a1,Ann", "a3,Cy", "a4,Di")
	check(t, r, "SELECT left(snapshot_id, 8), verdict, left(walked_in, 8), rows FROM resources WHERE resource = 'permissions' ORDER BY 1",
		"20260102,complete,20260102,3", "20260103,complete,20260103,3", "20260104,partial,20260103,1", "20260105,complete,20260105,3")
	check(t, r, "SELECT left(snapshot_id, 8), result FROM tie_outs WHERE name = 'permissions' ORDER BY 1",
		"20260102,agrees", "20260103,agrees", "20260104,not tried", "20260105,agrees")

	for n, want := range map[int][]string{1: {"a1,Ann", "a2,Bo", "a3,Cy"}, 2: {"a1,Ann", "a2,Bob", "a4,Di"}, 3: {"a1,Ann", "a2,Bob", "a4,Di"}} {
		then := day(n).Add(time.Hour)
		check(t, read(t, st, store.ReadOptions{AsOf: then}), "SELECT access_auth_id, name FROM permissions ORDER BY 1", want...)
		check(t, r, fmt.Sprintf("SELECT access_auth_id, name FROM permissions_at(TIMESTAMPTZ '%s') ORDER BY 1", then.Format(time.RFC3339)), want...)
	}
	check(t, r, "SELECT count(*) FROM permissions_at('2026-01-03 12:00:00Z')", "3")
	rows, err := r.Query(t.Context(), "SELECT count(*) FROM permissions_at(TIMESTAMPTZ '2026-01-01 00:00:00Z')", nil)
	if err == nil {
		for rows.Next() {
		}
		err = errors.Join(rows.Err(), rows.Close())
	}
	if err == nil || !strings.Contains(err.Error(), "there was no snapshot yet at 2026-01-01") {
		t.Errorf("before the first snapshot: %v", err)
	}
}

func TestUnlistedTasks(t *testing.T) {
	st := storetest.Open(t)
	site := func(n int, ids ...string) storetest.Site {
		var tasks []string
		for _, id := range ids {
			tasks = append(tasks, fmt.Sprintf(`{"auth_task_id":%q,"auth_num":1}`, id))
		}
		return storetest.Site{Project: "p1", At: day(n), Rows: rows{"tasks": list(tasks...)}}
	}
	storetest.Publish(t, st, site(1, "t1", "t2"))
	storetest.Publish(t, st, site(2, "t2"))
	storetest.Publish(t, st, site(3, "t2"))
	storetest.Publish(t, st, site(4, "t1", "t2"))
	for n, want := range map[int]string{1: "true", 2: "false", 3: "false", 4: "true"} {
		r := read(t, st, store.ReadOptions{AsOf: day(n).Add(time.Hour)})
		check(t, r, "SELECT auth_task_id, auth_num, listed FROM tasks ORDER BY 1", "t1,1,"+want, "t2,1,true")
	}
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT auth_task_id, count(*) FROM base.tasks GROUP BY 1 ORDER BY 1", "t1,3", "t2,1")
	check(t, r, "SELECT landed_snapshot = first_snapshot FROM base.tasks WHERE NOT listed", "false")
}

func TestRuleChannelsFollowTheirRule(t *testing.T) {
	st := storetest.Open(t)
	rule := func(id string, kind int) string {
		return fmt.Sprintf(`{"auth_relation_id":%q,"relation_type":%d,"relation_id":"x%s"}`, id, kind, id)
	}
	channel := func(ids ...string) []string {
		var out []string
		for _, id := range ids {
			out = append(out, fmt.Sprintf(`{"relation_id":%q}`, id))
		}
		return out
	}
	query := "SELECT auth_relation_id, access_control_channel_id FROM rule_channels ORDER BY 1, 2"
	publish := func(n int, rules []string, channels map[string][]string, partial ...string) *store.Reader {
		storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(n), Partial: partial, Rows: rows{"rules": list(rules...), "rule_channels": channels}})
		return read(t, st, store.ReadOptions{})
	}
	r := publish(1, []string{rule("r1", 1), rule("r2", 1), rule("r3", 1)}, map[string][]string{"r1": channel("c1", "c2"), "r2": channel("c1"), "r3": channel("c3")})
	check(t, r, query, "r1,c1", "r1,c2", "r2,c1", "r3,c3")
	// r1 has lost a channel, r2 was not asked, r3 is now on one channel.
	r = publish(2, []string{rule("r1", 1), rule("r2", 1), rule("r3", 2)}, map[string][]string{"r1": channel("c2")})
	check(t, r, query, "r1,c2", "r2,c1", "r3,xr3")
	// The walk of the rules was broken off: no rule has gone.
	r = publish(3, nil, nil, "rules")
	check(t, r, query, "r1,c2", "r2,c1", "r3,xr3")
	r = publish(4, []string{rule("r1", 1)}, map[string][]string{"r1": {}})
	check(t, r, query)
	check(t, r, "SELECT count(*) FROM base.rule_channels WHERE closed_snapshot IS NULL", "0")
}

// sites publishes some of everything, changing from day to day.
func sites(t *testing.T, st *store.Store, days int) []string {
	t.Helper()
	journal := filepath.Join(t.TempDir(), "journal.ndjson")
	var ids []string
	for n := 1; n <= days; n++ {
		f, err := os.OpenFile(journal, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, `{"prev":"x","seq":%d,"at":"%s","kind":"test","detail":{"n":%d}}`+"\n", n, day(n).Format(time.RFC3339), n)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		site := func(project string, partial ...string) storetest.Site {
			s := storetest.Site{Project: project, At: day(n), Partial: partial, Journal: journal, Registers: map[string]string{
				"roster":           fmt.Sprintf("person_code,status,terminated_at,organisation,manager,manager_email\n00%d,active,,x,,\n", n/2),
				"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,1,,,\nc77,1,,,\n",
			}, Rows: rows{"rule_channels": {}, "records": {}, "issue_infos": {}, "details": {}, "task_details": {}}}
			if n == 3 {
				delete(s.Registers, "channel_register")
			}
			var permissions, persons, tasks []string
			for i := n; i < n+6; i++ {
				permissions = append(permissions, permissionRow(fmt.Sprintf("a%d", i), fmt.Sprintf("u%d", i), fmt.Sprintf("c%d", i%3),
					fmt.Sprintf(`,"name":"N%d","structure_ids":["s1"],"access_control_channel_name":"C%d","auth_end_time":%d`, i/n, i%3, 1767340800000+n/3)))
				persons = append(persons, fmt.Sprintf(`{"person_id":"u%d","name":"P %d, \"x\"","person_code":""}`, i, n/2))
				tasks = append(tasks, fmt.Sprintf(`{"auth_task_id":"t%d","access_control_channel_name":"C%d","auth_num":2,"success_num":%d,"task_finish_time":%d}`, i, i%3, i%3, i-5))
				id := fmt.Sprintf("e%d", i)
				s.Rows["records"][fmt.Sprintf("t%d", i)] = []string{fmt.Sprintf(`{"auth_task_record_id":%q,"person_id":"u1","issue_status":%d}`, id, n%5)}
				s.Rows["issue_infos"][id] = []string{fmt.Sprintf(`{"card_issue_result":{"success_issue_num":%d},"face_issue_result":{"fail_issue_del_num":1}}`, n/2)}
				s.Rows["task_details"][fmt.Sprintf("t%d", i)] = []string{`{"auth_issue_certificate":1}`}
			}
			s.Rows["details"][fmt.Sprintf("a%d", n+1)] = []string{fmt.Sprintf(`{"auth_create_time":%d}`, n)}
			s.Rows["permissions"], s.Rows["persons"], s.Rows["tasks"] = list(permissions...), list(persons...), list(tasks...)
			s.Rows["structures"] = list(fmt.Sprintf(`{"structure_id":"s1","structure_name":"S%d"}`, n))
			s.Rows["rules"] = list(fmt.Sprintf(`{"auth_relation_id":"r%d","auth_id":"s1","relation_type":1}`, n/2), `{"auth_relation_id":"r8","auth_id":"s1","relation_type":2,"relation_id":"c1"}`,
				`{"auth_relation_id":"r9","auth_id":"u3","relation_type":2,"relation_id":"c1"}`)
			s.Rows["rule_channels"][fmt.Sprintf("r%d", n/2)] = []string{fmt.Sprintf(`{"relation_id":"c%d"}`, n)}
			return s
		}
		other := site("p2", "permissions", "tasks")
		if n == 2 {
			other = site("p2")
		}
		if n == 4 {
			ids = append(ids, storetest.Publish(t, st, site("p1")))
			continue
		}
		ids = append(ids, storetest.Publish(t, st, site("p1"), other))
	}
	return ids
}

// The law of as-of: every view from a snapshot's own file is the same, byte
// for byte, from each later file as of that snapshot; calls is of its own run.
// And what the package comment says about digests, done by hand from both.
func TestLawOfAsOf(t *testing.T) {
	st := storetest.Open(t)
	ids := sites(t, st, 5)
	for i, id := range ids {
		for _, project := range []string{"", "p2"} {
			o := store.ReadOptions{Snapshot: id, Project: project}
			own := readFile(t, st, id, o)
			want := everything(t, own)
			for name, content := range want {
				if project == "" && strings.Count(content, "\n") < 2 && name != "exceptions" && name != "channel_register" && name != "purged" {
					t.Errorf("%s as of %s is empty", name, id)
				}
			}
			if project != "" {
				checkDigests(t, own)
			}
			later := ids[i+1:]
			if len(later) > 2 && project == "" {
				later = []string{later[0], later[len(later)-1]}
			} else if len(later) > 1 {
				later = later[len(later)-1:]
			}
			for _, file := range later {
				r := readFile(t, st, file, o)
				if !r.AsOf().Equal(own.AsOf()) {
					t.Errorf("as of %s: %s from the file of %s", own.AsOf(), r.AsOf(), file)
				}
				if diff := cmp.Diff(want, everything(t, r)); diff != "" {
					t.Errorf("as of %s, project %q (-own file +file of %s):\n%s", id, project, file, diff)
				}
				if project != "" {
					checkDigests(t, r)
				}
			}
		}
	}
}

func readFile(t *testing.T, st *store.Store, file string, o store.ReadOptions) *store.Reader {
	t.Helper()
	r, err := store.ReadFile(t.Context(), st, file, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// everything is the CSV of each view but calls, and of the macros.
func everything(t *testing.T, r *store.Reader) map[string]string {
	t.Helper()
	all := map[string]string{}
	at := "TIMESTAMPTZ '2026-01-04 12:00:00Z'"
	if r.AsOf().After(day(30)) { // a store of another time
		at = "TIMESTAMPTZ '" + r.AsOf().Format(time.RFC3339Nano) + "'"
	}
	for _, v := range append(views(t, r), "permissions_at("+at+")", "rules_at("+at+")") {
		if v != "calls" {
			all[v] = csv(t, r, "SELECT * FROM "+v+" ORDER BY ALL")
		}
	}
	return all
}

func checkDigests(t *testing.T, r *store.Reader) {
	t.Helper()
	rows, err := r.Query(t.Context(), "SELECT resource, sha256, query FROM digests WHERE snapshot_id = $id ORDER BY resource", map[string]any{"id": r.Snapshot()})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines strings.Builder
	for rows.Next() {
		var resource, sum, query string
		if err := rows.Scan(&resource, &sum, &query); err != nil {
			t.Fatal(err)
		}
		if got := hash(csv(t, r, query)); got != sum {
			t.Errorf("digest of %s in %s is %s, by hand %s", resource, r.Snapshot(), sum, got)
		}
		lines.WriteString(resource + " " + sum + "\n")
	}
	if strings.Count(lines.String(), "\n") != 10 {
		t.Errorf("digests:\n%s", lines.String())
	}
	check(t, r, "SELECT digest FROM snapshots WHERE snapshot_id = '"+r.Snapshot()+"'", hash(lines.String()))
}

func hash(s string) string {
	h := sha256.Sum256([]byte(s))
	return hex.EncodeToString(h[:])
}

func TestTwoProjects(t *testing.T) {
	st := storetest.Open(t)
	site := func(project string, n int, partial []string, ids ...string) storetest.Site {
		var permissions []string
		for _, id := range ids {
			permissions = append(permissions, permissionRow(id, "u1", "c1", ""))
		}
		return storetest.Site{Project: project, At: day(n), Partial: partial, Rows: rows{"permissions": list(permissions...)}}
	}
	storetest.Publish(t, st, site("p1", 1, nil, "a1"), site("p2", 1, nil, "a1", "a2"))
	storetest.Publish(t, st, site("p1", 2, nil), site("p2", 2, []string{"permissions"}))
	query := "SELECT project_id, access_auth_id FROM permissions ORDER BY 1, 2"
	check(t, read(t, st, store.ReadOptions{}), query, "p2,a1", "p2,a2")
	check(t, read(t, st, store.ReadOptions{Project: "p1"}), query)
	check(t, read(t, st, store.ReadOptions{Project: "p2"}), query, "p2,a1", "p2,a2")
	check(t, read(t, st, store.ReadOptions{AsOf: day(1).Add(time.Hour)}), query, "p1,a1", "p2,a1", "p2,a2")
	list, err := st.Snapshots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list {
		got = append(got, fmt.Sprint(s.ID, " ", s.Project, " ", s.Verdict, " ", s.Rows))
	}
	want := []string{"20260102T060000Z p1 complete 1", "20260102T060000Z p2 complete 2", "20260103T060000Z p1 complete 0", "20260103T060000Z p2 partial 2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Snapshots (-want +got):\n%s", diff)
	}
}

// A project that a run leaves out keeps its rows, and says so.
func TestProjectsLeftOut(t *testing.T) {
	st := storetest.Open(t)
	site := func(project string, n int, ids ...string) storetest.Site {
		var permissions []string
		for _, id := range ids {
			permissions = append(permissions, permissionRow(id, "u1", "c1", ""))
		}
		return storetest.Site{Project: project, At: day(n), Rows: rows{"permissions": list(permissions...)}}
	}
	storetest.Publish(t, st, site("p1", 1, "a1"), site("p2", 1, "a1", "a2"))
	storetest.Publish(t, st, site("p1", 2))
	b, projects := storetest.Load(t, st, site("p1", 3, "a3"))
	published, err := b.Publish(t.Context(), projects)
	if err != nil || len(published) != 2 || published[1].Project != "p2" || published[1].Verdict != store.Partial {
		t.Fatalf("Publish = %+v, %v", published, err)
	}
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT left(snapshot_id, 8), project_id, verdict, server_time IS NULL, rows FROM snapshots ORDER BY ALL",
		"20260102,p1,complete,false,1", "20260102,p2,complete,false,2", "20260103,p1,complete,false,0",
		"20260103,p2,partial,true,2", "20260104,p1,complete,false,1", "20260104,p2,partial,true,2")
	check(t, r, "SELECT DISTINCT left(snapshot_id, 8), verdict, problem, pages FROM resources WHERE project_id = 'p2' AND snapshot_id > '20260103' ORDER BY 1",
		"20260103,partial,not collected in this run,0", "20260104,partial,not collected in this run,0")
	check(t, r, "SELECT left(walked_in, 8) FROM resources WHERE project_id = 'p2' AND resource = 'permissions' ORDER BY snapshot_id", "20260102", "20260102", "20260102")
	check(t, r, "SELECT count(DISTINCT digest) FROM snapshots WHERE project_id = 'p2'", "1")
	check(t, r, "SELECT DISTINCT result FROM tie_outs WHERE project_id = 'p2' AND snapshot_id > '20260103'", "not tried")
	// The moment of a snapshot is by the cloud's clock, where any project heard it.
	if want := day(3).Add(30 * time.Second); !r.AsOf().Equal(want) {
		t.Errorf("AsOf = %s, want %s", r.AsOf(), want)
	}
	r = read(t, st, store.ReadOptions{Project: "p2"})
	check(t, r, "SELECT access_auth_id FROM permissions ORDER BY 1", "a1", "a2")
	if r.Snapshot() != b.ID() {
		t.Errorf("snapshot of p2 is %s", r.Snapshot())
	}
}

func TestRewrite(t *testing.T) {
	publish := func(prepare func(st *store.Store, id string)) *store.Reader {
		st := storetest.Open(t)
		ids := sites(t, st, 2)
		prepare(st, ids[len(ids)-1])
		storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(9), Rows: full})
		left, err := filepath.Glob(filepath.Join(st.Dir(), "snapshots", ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left over: %q, %v", left, err)
		}
		return read(t, st, store.ReadOptions{})
	}
	plain := publish(func(*store.Store, string) {})
	check(t, plain, "SELECT rewritten_bytes IS NULL FROM base.store", "true")
	rewritten := publish(func(st *store.Store, id string) {
		store.SetRewriteFloor(st, 0)
		store.ChangeStore(t, st, id, "rewritten_bytes = 1, rewritten_rows = 1000000")
	})
	check(t, rewritten, "SELECT rewritten_bytes > 1 FROM base.store", "true")
	for _, v := range append(views(t, plain), "(SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE database_name = 'snap')") {
		query := "SELECT * FROM " + v + " ORDER BY ALL"
		if diff := cmp.Diff(csv(t, plain, query), csv(t, rewritten, query)); diff != "" {
			t.Errorf("%s (-plain +rewritten):\n%s", v, diff)
		}
	}
}
