package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

func TestPrunable(t *testing.T) {
	st := storetest.Open(t)
	zone := time.FixedZone("", 8*3600)
	// Names alone decide; an empty snapshot is enough. 17:00Z is the next day in
	// the zone.
	for _, at := range []string{"2025-11-30 12:00", "2025-12-30 12:00", "2025-12-31 17:00", "2026-01-01 02:00", "2026-01-10 02:00", "2026-01-10 17:00", "2026-01-11 03:00", "2026-01-12 01:00"} {
		moment, err := time.Parse("2006-01-02 15:04", at)
		if err != nil {
			t.Fatal(err)
		}
		storetest.Publish(t, st, storetest.Site{Project: "p1", At: moment, Rows: rows{"persons": list(`{"person_id":"u1"}`)}})
	}
	write(t, filepath.Join(st.Dir(), "snapshots", "20260101T020000Z.standard.duckdb"), []byte("x"))
	if err := os.Mkdir(filepath.Join(st.Dir(), "queries"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{"20260109T235959.999999999Z", "20260110T010000.000000001Z", "20260112T010000.000000001Z"} {
		write(t, filepath.Join(st.Dir(), "queries", at+"-7.json"), []byte("x"))
	}
	for _, x := range []struct {
		name string
		keep store.Keep
		want string
	}{
		{"two days and two months", store.Keep{Daily: 2, Monthly: 2, RawDays: 11, QueryDays: 2},
			// Of December the last in the zone is the 30th; of 11 January the 11th's 03:00Z.
			"s 20251130T120000Z.duckdb, s 20251231T170000Z.duckdb, s 20260101T020000Z.duckdb, s 20260110T020000Z.duckdb, s 20260110T170000Z.duckdb, s 20260101T020000Z.standard.duckdb, raw 20251130T120000Z, raw 20251230T120000Z, raw 20251231T170000Z, q 20260109T235959.999999999Z-7.json"},
		{"nothing but the newest", store.Keep{},
			"s 20251130T120000Z.duckdb, s 20251230T120000Z.duckdb, s 20251231T170000Z.duckdb, s 20260101T020000Z.duckdb, s 20260110T020000Z.duckdb, s 20260110T170000Z.duckdb, s 20260111T030000Z.duckdb, s 20260101T020000Z.standard.duckdb, raw 20251130T120000Z, raw 20251230T120000Z, raw 20251231T170000Z, raw 20260101T020000Z, raw 20260110T020000Z, raw 20260110T170000Z, raw 20260111T030000Z, q 20260109T235959.999999999Z-7.json, q 20260110T010000.000000001Z-7.json"},
		{"everything", store.Keep{Daily: 1000, Monthly: 1000, RawDays: 1000, QueryDays: 1000}, "s 20251231T170000Z.duckdb, s 20260110T170000Z.duckdb"},
	} {
		x.keep.Zone, x.keep.Now = zone, day(300)
		files, err := st.Prunable(t.Context(), x.keep)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range files {
			got = append(got, strings.NewReplacer("snapshots/", "s ", "raw/", "raw ", "queries/", "q ").Replace(f.Path))
			if f.Bytes == 0 {
				t.Errorf("%s has no size", f.Path)
			}
		}
		if diff := cmp.Diff(x.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", x.name, diff)
		}
	}
	// A newest snapshot of a clock that was years ahead lets nothing else go.
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(4000), Rows: rows{}})
	files, err := st.Prunable(t.Context(), store.Keep{Daily: 1000, Monthly: 1000, RawDays: 90, QueryDays: 90, Zone: zone, Now: day(11)})
	if err != nil || len(files) != 2 {
		t.Errorf("after a wrong clock: %v, %v", files, err)
	}
}

// What was pruned is answered by the newest file, byte for byte.
func TestPruneKeepsHistory(t *testing.T) {
	st := storetest.Open(t)
	ids := sites(t, st, 3)
	before := map[string]map[string]string{}
	for _, id := range ids {
		before[id] = everything(t, read(t, st, store.ReadOptions{Snapshot: id}))
	}
	files, err := st.Prunable(t.Context(), store.Keep{Zone: time.UTC, Now: day(9)})
	if err != nil || len(files) != 4 {
		t.Fatalf("Prunable = %v, %v", files, err)
	}
	if err := st.Remove(files); err != nil {
		t.Fatal(err)
	}
	if left, err := store.Published(st); err != nil || len(left) != 1 {
		t.Fatalf("left: %v, %v", left, err)
	}
	for _, id := range ids {
		if diff := cmp.Diff(before[id], everything(t, read(t, st, store.ReadOptions{Snapshot: id}))); diff != "" {
			t.Errorf("as of %s (-before +after):\n%s", id, diff)
		}
	}
	removed := map[string]string{}
	for _, f := range files {
		removed[f.Path] = "removed by retention"
	}
	r := read(t, st, store.ReadOptions{})
	v, lines := verify(t, st, store.VerifyOptions{Journal: &store.JournalFacts{Lines: journalLines(t, r), Digests: journalDigests(t, r), Removed: removed}})
	if len(lines) > 0 || v.Digests != 60 || v.Rows == 0 || v.Unproven == 0 {
		t.Errorf("Verify = %+v", v)
	}
}

const (
	secretName, secretID, secretNumber, secretCode = "Quirin Zwolle", "7770001112223334441", "182****9931", "ZW-55512"
)

// personal publishes two days of a site that knows the person everywhere.
func personal(t *testing.T, st *store.Store, days ...int) {
	t.Helper()
	for _, n := range days {
		who := fmt.Sprintf(`"name":%q,"mobile":%q,"person_id":%q`, secretName, secretNumber, secretID)
		s := storetest.Site{Project: "p1", At: day(n), Registers: map[string]string{
			"roster":     "person_code,status,terminated_at,organisation,manager,manager_email\n" + secretCode + ",active,,x,,\n002,active,,x,,\n",
			"exceptions": "report,finding_key,reason,approved_by,expires_on\nr,k-" + secretID + ",gone,x,2030-01-01\nr,k2,asked by " + secretName + ",x,2030-01-01\n",
		}, Rows: rows{
			"persons":     list(fmt.Sprintf(`{%s,"person_code":%q}`, who, secretCode), `{"person_id":"u2","name":"Bo"}`),
			"tasks":       list(`{"auth_task_id":"t1","auth_num":2,"task_finish_time":5}`),
			"records":     {"t1": {fmt.Sprintf(`{"auth_task_record_id":"e1",%s}`, who), `{"auth_task_record_id":"e2","person_id":"u2","name":"Bo"}`}},
			"issue_infos": {"e1": {`{"card_issue_result":{"success_issue_num":1}}`}, "e2": {`{"card_issue_result":{"success_issue_num":1}}`}},
			"details":     {"a1": {fmt.Sprintf(`{%s,"person_code":%q}`, who, secretCode)}, "a2": {`{"person_id":"u2"}`}},
			"rules":       list(fmt.Sprintf(`{"auth_relation_id":"r1","auth_id":%q,"relation_type":2,"relation_id":"c1"}`, secretID)),
		}}
		var permissions []string
		for i := range 3000 {
			permissions = append(permissions, permissionRow(fmt.Sprintf("b%d", i), "u2", "c1", fmt.Sprintf(`,"name":"Bo","auth_end_time":%d`, n/2*i)))
		}
		s.Rows["permissions"] = list(append(permissions, fmt.Sprintf(`{"access_auth_id":"a1",%s,"person_code":%q,"access_control_channel_id":"c1","auth_end_time":%d}`, who, secretCode, n))...)
		storetest.Publish(t, st, s)
	}
}

// holding lists the files of the store whose bytes, or text, hold one of the
// person's.
func holding(t *testing.T, st *store.Store) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(st.Dir(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text := content(t, path)
		if strings.HasSuffix(path, ".zst") {
			text = unpack(t, path)
		}
		for _, s := range []string{secretName, "Quirin", secretID, secretNumber, "9931", secretCode} {
			if bytes.Contains(text, []byte(s)) {
				rel, _ := filepath.Rel(st.Dir(), path)
				found = append(found, rel+": "+s)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func purge(t *testing.T, st *store.Store, o store.PurgeOptions) *store.Purge {
	t.Helper()
	release, err := st.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	p, err := st.Purge(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPurgePerson(t *testing.T) {
	st := storetest.Open(t)
	personal(t, st, 1, 2, 3)
	if len(holding(t, st)) < 10 {
		t.Fatal("the site does not know the person")
	}
	ids, err := store.Published(st)
	if err != nil {
		t.Fatal(err)
	}
	digests := csv(t, read(t, st, store.ReadOptions{}), "SELECT * FROM digests ORDER BY ALL")
	size := len(content(t, file(st, ids[2])))

	refused := purge(t, st, store.PurgeOptions{Person: secretID, Started: day(4), Confirm: func(*store.Purge) (bool, error) { return false, nil }})
	if left, _ := store.Published(st); refused.Snapshot != "" || refused.Rows == 0 || len(left) != 3 {
		t.Errorf("without consent: %+v, %v", refused, left)
	}
	p := purge(t, st, store.PurgeOptions{Person: secretID, Started: day(4)})
	if err := st.Remove(p.Files); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{"permissions": 3, "persons": 1, "records": 1, "details": 1, "issue_infos": 5, "rules": 1, "rule_channels": 0,
		"roster": 1, "exceptions": 1, "reasons of exceptions": 1}
	if diff := cmp.Diff(want, p.ByResource); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if found := holding(t, st); len(found) > 0 {
		t.Errorf("still in the store:\n%s", strings.Join(found, "\n"))
	}
	if left := tree(t, filepath.Join(st.Dir(), "snapshots")); len(left) != 1 {
		t.Errorf("left in snapshots: %v", left)
	}
	// What the file says of the purge may take one block more.
	if after := len(content(t, file(st, p.Snapshot))); after > size+64<<10 {
		t.Errorf("the file was %d bytes and is %d", size, after)
	}
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT DISTINCT kind, verdict FROM snapshots ORDER BY ALL", "collection,complete", "purge,complete")
	check(t, r, "SELECT resource, count(*), max(purged_in) FROM purged GROUP BY 1 ORDER BY 1",
		"details,1,"+p.Snapshot, "issue_infos,5,"+p.Snapshot, "permissions,3,"+p.Snapshot, "persons,1,"+p.Snapshot, "records,1,"+p.Snapshot, "rules,1,"+p.Snapshot)
	check(t, r, "SELECT key_sha256 FROM purged WHERE resource = 'persons'", p.PersonSHA256)
	check(t, r, "SELECT name FROM persons", "Bo")
	if got := csv(t, read(t, st, store.ReadOptions{Snapshot: ids[2]}), "SELECT * FROM digests ORDER BY ALL"); got != digests {
		t.Error("recorded digests have changed")
	}
	checkDigests(t, read(t, st, store.ReadOptions{Snapshot: ids[0], Project: "p1"}))
	checkDigests(t, read(t, st, store.ReadOptions{Project: "p1"}))
	v, lines := verify(t, st, store.VerifyOptions{})
	if len(lines) > 0 || v.Purged != 12 || len(v.Gone) == 0 || v.Digests != 40 {
		t.Errorf("Verify = %+v", v)
	}
	for _, g := range v.Gone {
		if g.Problem != "purged by policy in "+p.Snapshot {
			t.Errorf("%+v", g)
		}
	}

	// The next collection, from a cloud that no longer knows them.
	s := storetest.Site{Project: "p1", At: day(5), Rows: rows{"persons": list(`{"person_id":"u2","name":"Bo"}`), "tasks": list(`{"auth_task_id":"t1","auth_num":2,"task_finish_time":5}`)}}
	var permissions []string
	for i := range 3000 {
		permissions = append(permissions, permissionRow(fmt.Sprintf("b%d", i), "u2", "c1", fmt.Sprintf(`,"name":"Bo","auth_end_time":%d`, i)))
	}
	s.Rows["permissions"] = list(permissions...)
	b, projects := storetest.Load(t, st, s)
	for _, name := range []string{"permissions", "persons"} {
		previous, err := b.Previous(t.Context(), "p1", name)
		missing, err2 := b.Missing(t.Context(), "p1", name)
		if err := errors.Join(err, err2); err != nil || previous != map[string]int64{"permissions": 3000, "persons": 1}[name] || missing != 0 {
			t.Errorf("%s: %d before, %d missing, %v", name, previous, missing, err)
		}
	}
	for _, name := range []string{"records", "issue_infos", "details"} {
		wanted, err := b.Wanted(t.Context(), "p1", name, math.MaxInt64)
		if err != nil || name != "details" && len(wanted) != 0 {
			t.Errorf("%s wanted: %v, %v", name, wanted, err)
		}
	}
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	// The task's own numbers count them still, and that is no difference.
	check(t, read(t, st, store.ReadOptions{}), "SELECT name, ours, theirs, result FROM tie_outs WHERE name LIKE 'task %' AND snapshot_id = getvariable('snapshot_id') ORDER BY 1",
		"task records,1,1,agrees", "task sizes,1,1,agrees")
	if _, lines := verify(t, st, store.VerifyOptions{}); len(lines) > 0 {
		t.Errorf("after the next collection: %v", lines)
	}
}

// Brackets in the name of the store's folder mean themselves: what is to go is
// found all the same.
func TestPurgeInAFolderOfAnyName(t *testing.T) {
	st, err := store.Open(filepath.Join(t.TempDir(), "site [a-b]", "data"))
	if err != nil {
		t.Fatal(err)
	}
	personal(t, st, 1, 2)
	landing := filepath.Join(st.Dir(), "landing", "p1", "20260204T060000Z") // by a clock that was wrong
	if err := os.MkdirAll(landing, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(landing, "page"), []byte(secretName))
	p := purge(t, st, store.PurgeOptions{Person: secretID, Started: day(4)})
	if err := st.Remove(p.Files); err != nil {
		t.Fatal(err)
	}
	if found := holding(t, st); len(found) > 0 {
		t.Errorf("still in the store:\n%s", strings.Join(found, "\n"))
	}
}

// Of a person who is in two projects only what the named one has goes; and one whose
// name is blank or short takes nothing along from the registers that is of others.
func TestPurgeOfOneProject(t *testing.T) {
	st := storetest.Open(t)
	site := func(project string) storetest.Site {
		return storetest.Site{Project: project, At: day(1), Registers: map[string]string{
			"roster":           "person_code,status,terminated_at,organisation,manager,manager_email\n7,active,,x,,\n",
			"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,1,,,\nc2,1,Bo,,\n",
			"exceptions":       "report,finding_key,reason,approved_by,expires_on\nr,k1,agreed with Bob,x,2030-01-01\nr,k2,asked by Bo,x,2030-01-01\n",
		}, Rows: rows{
			"permissions":   list(permissionRow("a1", "u1", "c1", `,"name":"","person_code":""`), permissionRow("a2", "u2", "c1", "")),
			"persons":       list(`{"person_id":"u1","name":" "}`, `{"person_id":"u2"}`),
			"rules":         list(`{"auth_relation_id":"r1","auth_id":"u1","relation_type":1,"relation_id":"g1"}`),
			"rule_channels": {"r1": {`{"relation_id":"c1"}`}},
			"tasks":         list(`{"auth_task_id":"t1","auth_num":1,"task_finish_time":5}`),
			"records":       {"t1": {`{"auth_task_record_id":"e1","person_id":"u1","name":"Bo"}`}},
			"issue_infos":   {"e1": {`{"card_issue_result":{"success_issue_num":1}}`}},
			"details":       {"a1": {`{"person_id":"u1"}`}},
		}}
	}
	other := site("p2")
	other.Rows["rules"][""] = append(other.Rows["rules"][""], `{"auth_relation_id":"r9","auth_id":"u9","relation_type":2,"relation_id":"c1"}`)
	first := storetest.Publish(t, st, site("p1"), other)
	tables := []string{"permissions", "persons", "rules", "rule_channels", "records", "issue_infos", "details", "asked"}
	of := func(project string) (text string) {
		for _, table := range tables {
			text += csv(t, read(t, st, store.ReadOptions{}), "SELECT * FROM base."+table+" WHERE project_id = '"+project+"' ORDER BY ALL")
		}
		return text
	}
	before := of("p2")
	if _, err := st.Purge(t.Context(), store.PurgeOptions{Person: "u1", Started: day(4)}); err == nil || !strings.Contains(err.Error(), "p1, p2: choose one") {
		t.Errorf("without a project: %v", err)
	}
	p := purge(t, st, store.PurgeOptions{Person: "u1", Project: "p1", Started: day(4)})
	want := map[string]int64{"permissions": 1, "persons": 1, "records": 1, "details": 1, "issue_infos": 5, "rules": 1, "rule_channels": 1, "reasons of exceptions": 1}
	if diff := cmp.Diff(want, p.ByResource); diff != "" || p.Named != 1 {
		t.Errorf("%d lines name the person still; rows (-want +got):\n%s", p.Named, diff)
	}
	if diff := cmp.Diff(before, of("p2")); diff != "" {
		t.Errorf("the other project (-before +after):\n%s", diff)
	}
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT finding_key, reason FROM exceptions ORDER BY ALL", "k1,agreed with Bob", "k2,(purged)")
	check(t, r, "SELECT resource, string_agg(key, ' ') FROM base.asked WHERE project_id = 'p1' GROUP BY ALL", "records,t1")
	var raw []string // of the counters of records and the channels of rules it is known that they name nobody
	for _, name := range []string{"details", "permissions", "persons", "records", "rules"} {
		raw = append(raw, store.RawPath(first, "p1", name))
	}
	if diff := cmp.Diff(raw, p.Raw); diff != "" {
		t.Errorf("raw pages (-want +got):\n%s", diff)
	}
	// Who is only the source of a rule, and who stands only in a page that was not taken.
	if p := purge(t, st, store.PurgeOptions{Person: "u9", Started: day(5)}); p.Project != "p2" || p.ByResource["rules"] != 1 {
		t.Errorf("the source of a rule: %+v", p)
	}
	torn := site("p1")
	torn.At, torn.Partial, torn.Rows["persons"] = day(6), []string{"persons"}, list(`{"person_id":"u8"}`)
	id := storetest.Publish(t, st, torn)
	p = purge(t, st, store.PurgeOptions{Person: "u8", Started: day(7)})
	if want := []string{store.RawPath(id, "p1", "persons")}; p.Snapshot == "" || p.Rows != 0 || !slices.Equal(p.Raw, want) {
		t.Errorf("in a raw page alone: %+v", p)
	}
}

// Who has an id that is a part of another's takes nothing of theirs along.
func TestPurgeOfAShortID(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(1), Registers: map[string]string{
		"exceptions": "report,finding_key,reason,approved_by,expires_on\nr,c1/u1,x,x,2030-01-01\nr,c1/u12,see u1,x,2030-01-01\nr,c1/u13,see u123,x,2030-01-01\n",
	}, Rows: rows{"persons": list(`{"person_id":"u1","name":"Al"}`, `{"person_id":"u12","name":"Bo"}`)}})
	purge(t, st, store.PurgeOptions{Person: "u1", Started: day(4)})
	check(t, read(t, st, store.ReadOptions{}), "SELECT finding_key FROM exceptions", "c1/u13")
}

// A purge that ends after the rename is finished by the next lock.
func TestInterruptedPurge(t *testing.T) {
	st := storetest.Open(t)
	personal(t, st, 1, 2)
	asked, after := filepath.Join(st.Dir(), "queries", "20260104T060000.5Z-1.json"), filepath.Join(st.Dir(), "queries", "20260105T060000.5Z-1.json")
	if err := os.Mkdir(filepath.Dir(asked), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, asked, []byte(secretName))
	write(t, after, []byte("{}"))
	landing := filepath.Join(st.Dir(), "landing", "p1", "20260103T120000Z")
	if err := os.MkdirAll(landing, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(landing, "page"), []byte(secretName))
	p := purge(t, st, store.PurgeOptions{Person: secretID, Started: day(4)})
	// Whoever purges takes all texts of queries; who finishes it only those from before.
	for _, path := range []string{"queries/" + filepath.Base(asked), "queries/" + filepath.Base(after)} {
		if !slices.ContainsFunc(p.Files, func(f store.File) bool { return f.Path == path }) {
			t.Errorf("%s is not to go: %v", path, p.Files)
		}
	}
	if len(holding(t, st)) == 0 {
		t.Fatal("Purge removes by itself")
	}
	release, err := st.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if found := holding(t, st); len(found) > 0 {
		t.Errorf("still in the store:\n%s", strings.Join(found, "\n"))
	}
	if left := tree(t, filepath.Dir(after)); len(left) != 1 {
		t.Errorf("of queries asked since: %v", left)
	}
	if again, err := st.Purge(t.Context(), store.PurgeOptions{Person: secretID, Started: day(5)}); err != nil || again.Snapshot != "" || again.Rows != 0 {
		t.Errorf("again: %+v, %v", again, err)
	}
	if list, err := st.Purges(t.Context()); err != nil || len(list) != 1 || list[0].Snapshot != p.Snapshot || len(list[0].Raw) != len(p.Raw) {
		t.Errorf("Purges = %+v, %v", list, err)
	}
}

func TestPurgeBefore(t *testing.T) {
	st := storetest.Open(t)
	ids := sites(t, st, 5)
	size := len(content(t, file(st, ids[4])))
	kept := everything(t, read(t, st, store.ReadOptions{Snapshot: ids[3]}))
	// What the snapshot of that very time has closed was there until then.
	exactly := purge(t, st, store.PurgeOptions{Before: day(2).Add(30 * time.Second), Started: day(9), Confirm: func(*store.Purge) (bool, error) { return false, nil }})
	if exactly.Rows != 0 {
		t.Errorf("%d rows of the second snapshot are to go", exactly.Rows)
	}
	p := purge(t, st, store.PurgeOptions{Before: day(4), Started: day(9)})
	if err := st.Remove(p.Files); err != nil {
		t.Fatal(err)
	}
	if p.Rows < 20 {
		t.Errorf("%d rows", p.Rows)
	}
	// What the file says of the purge may take one block more.
	if after := len(content(t, file(st, p.Snapshot))); after > size+64<<10 {
		t.Errorf("the file was %d bytes and is %d", size, after)
	}
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT count(*) FROM base.permissions WHERE closed_snapshot <= '"+ids[2]+"'", "0")
	check(t, r, "SELECT count(*) > 0 FROM base.permissions WHERE closed_snapshot > '"+ids[2]+"'", "true")
	// Before the date is refused, by whatever way it is asked, from it on all is as
	// it was.
	for _, query := range []string{
		"SELECT count(*) FROM permissions_at(TIMESTAMPTZ '2026-01-02 12:00:00Z')",
		"SELECT count(*) FROM persons_at(TIMESTAMPTZ '2026-01-02 12:00:00Z')",
		"SELECT count(*) FROM structures_at(TIMESTAMPTZ '2026-01-02 12:00:00Z')",
		"SELECT count(*) FROM rules_at(TIMESTAMPTZ '2026-01-02 12:00:00Z')",
		"SELECT count(*) FROM permission_changes('" + ids[1] + "', '" + ids[4] + "')",
		"SELECT count(*) FROM permission_balance('" + ids[1] + "', '" + ids[4] + "')",
	} {
		rows, err := r.Query(t.Context(), query, nil)
		if err == nil {
			rows.Next()
			err = errors.Join(rows.Err(), rows.Close())
		}
		if err == nil || !strings.Contains(err.Error(), "has been purged") {
			t.Errorf("%s: %v", query, err)
		}
	}
	check(t, r, "SELECT count(*) FROM permissions_at(TIMESTAMPTZ '2026-01-04 12:00:00Z')", "12")
	check(t, r, "SELECT bool_and(agrees) FROM permission_balance('"+ids[2]+"', '"+ids[4]+"')", "true")
	if _, err := st.Read(t.Context(), store.ReadOptions{Snapshot: ids[1]}); !errors.Is(err, store.ErrNotPublished) || !strings.Contains(err.Error(), "has been purged") {
		t.Errorf("a purged snapshot: %v", err)
	}
	read(t, st, store.ReadOptions{Snapshot: ids[2]}) // the last before the date
	got := everything(t, read(t, st, store.ReadOptions{Snapshot: ids[3]}))
	for name, text := range kept {
		if !strings.HasSuffix(name, "_history") && !strings.Contains(name, "_at(") && got[name] != text {
			t.Errorf("%s (-before +after):\n%s", name, cmp.Diff(text, got[name]))
		}
	}
	v, lines := verify(t, st, store.VerifyOptions{})
	if len(lines) > 0 || v.Digests != 120 || v.Purged != p.Rows {
		t.Errorf("Verify = %+v", v)
	}
	if left, err := os.ReadDir(filepath.Join(st.Dir(), "raw")); err != nil || len(left) != 3 {
		t.Errorf("raw: %v, %v", left, err)
	}
	if err := storetest.Change(file(st, p.Snapshot), "UPDATE x.base.purged SET row_sha256 = unhex(repeat('0', 64)) WHERE resource = 'persons' AND project_id = 'p1'"); err != nil {
		t.Fatal(err)
	}
	if _, lines := verify(t, st, store.VerifyOptions{}); len(lines) == 0 || !strings.Contains(lines[0], "persons of snapshot") {
		t.Errorf("a changed hash of a purged row: %v", lines)
	}
}
