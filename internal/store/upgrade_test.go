package store_test

import (
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

// old opens a store as a program with an earlier schema wrote it. That of
// version 1 has the documents' site: two snapshots with a change between them, a
// third without, and a fourth whose walk of the permissions was partial; the
// files of the first and the last are kept.
func old(t *testing.T, version int) *store.Store {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := storetest.Unpack(fmt.Sprintf("testdata/store-v%d.tar.zst", version), dir); err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

var oldIDs = []string{"20261122T033135Z", "20261122T033154Z", "20261122T033216Z", "20261122T033220Z"}

// The digests that the old program wrote are those of what today's views show of
// its rows: read from its own files, and from one that was made from them since.
func TestOldStore(t *testing.T) {
	st := old(t, 1)
	before := map[string]map[string]string{}
	for _, id := range oldIDs {
		r := read(t, st, store.ReadOptions{Snapshot: id})
		checkDigests(t, r)
		before[id] = everything(t, r)
		check(t, r, "SELECT schema_version FROM base.store", "1")
	}
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT snapshot_id, verdict, rows, left(digest, 12) FROM snapshots ORDER BY 1",
		"20261122T033135Z,complete,81,fc9501f6eb7c", "20261122T033154Z,complete,80,69d1b0878d72",
		"20261122T033216Z,complete,81,dcbad59f60c2", "20261122T033220Z,partial,81,57880e87a05a")
	changes := "SELECT kind, name, permanent_before, permanent_after, first_snapshot_after FROM permission_changes('" + oldIDs[0] + "', '" + oldIDs[3] + "') ORDER BY 1"
	changed := []string{"became permanent,Test 11,false,true,20261122T033154Z", "credential state changed,Test 11,false,true,20261122T033154Z"}
	check(t, r, changes, changed...)
	kept, err := os.ReadFile(filepath.Join(st.Dir(), "snapshots", oldIDs[3]+".duckdb"))
	if err != nil {
		t.Fatal(err)
	}

	site := storetest.Site{Project: "1424615984265764001", At: time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC),
		Rows: rows{"permissions": list(permissionRow("1567699430642122001", "1532183396648747001", "1551450935983616001", `,"auth_end_time":1900000000000`))}}
	id := storetest.Publish(t, st, site)
	r = read(t, st, store.ReadOptions{})
	check(t, r, "SELECT schema_version = "+fmt.Sprint(store.SchemaVersion)+" FROM base.store", "true")
	check(t, r, "SELECT access_auth_id, first_snapshot FROM permissions", "1567699430642122001,"+id)
	check(t, r, "SELECT count(*) FROM permission_history", "9")
	check(t, r, changes, changed...)
	check(t, r, "SELECT kind, count(*) FROM permission_changes('"+oldIDs[3]+"', '"+id+"') GROUP BY 1 ORDER BY 1", "credential state changed,1", "removed,6", "shortened,1")
	for _, s := range oldIDs {
		r := readFile(t, st, id, store.ReadOptions{Snapshot: s})
		checkDigests(t, r)
		if diff := cmp.Diff(before[s], everything(t, r)); diff != "" {
			t.Errorf("as of %s (-before the upgrade +after):\n%s", s, diff)
		}
	}
	after, err := os.ReadFile(filepath.Join(st.Dir(), "snapshots", oldIDs[3]+".duckdb"))
	if err != nil || string(after) != string(kept) {
		t.Errorf("the old file has changed: %v", err)
	}
	checkSchema(t, read(t, st, store.ReadOptions{Snapshot: oldIDs[0]}), r)
}

// A store of version 2, with two snapshots of the documents' site that are the same: in
// its own files and in one that was made from them since all is there, and what
// version 3 has added answers.
func TestStoreOfVersion2(t *testing.T) {
	st := old(t, 2)
	ids := []string{"20261122T200452Z", "20261122T200456Z"}
	before := map[string]map[string]string{}
	for _, id := range ids {
		r := readFile(t, st, id, store.ReadOptions{Snapshot: id})
		checkDigests(t, r)
		before[id] = everything(t, r)
		check(t, r, "SELECT schema_version FROM base.store", "2")
		check(t, r, "SELECT count(*) > 0 FROM issue_findings(now())", "true")
	}
	id := storetest.Publish(t, st, storetest.Site{Project: "1424615984265764001", At: time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC), Rows: full})
	for _, s := range ids {
		if diff := cmp.Diff(before[s], everything(t, readFile(t, st, id, store.ReadOptions{Snapshot: s}))); diff != "" {
			t.Errorf("as of %s (-before the upgrade +after):\n%s", s, diff)
		}
	}
}

// checkSchema compares what a reader of an old file sees with what one of a new
// file does.
func checkSchema(t *testing.T, old, now *store.Reader) {
	t.Helper()
	query := `
SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE database_name = 'snap' ORDER BY ALL`
	if diff := cmp.Diff(csv(t, now, query), csv(t, old, query)); diff != "" {
		t.Errorf("columns (-new file +old file):\n%s", diff)
	}
	if strings.Count(csv(t, now, query), "\n") < 200 {
		t.Error("the schema was not compared")
	}
}
