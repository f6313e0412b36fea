package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
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

// west is a zone in which the snapshots of the tests are of the day before.
const west = "Pacific/Pago_Pago"

func publishAnalysts(t *testing.T, st *store.Store, dir string) *store.AnalystsCopy {
	t.Helper()
	c, err := st.PublishAnalysts(t.Context(), store.AnalystsOptions{Dir: dir, Timezone: west, ProgramVersion: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// opened is the analysts' file as it is opened, attached as it is attached.
func opened(t *testing.T, dir string) *store.Reader {
	return store.ReadFiles(t, "SET TimeZone = '"+west+"'; ATTACH IF NOT EXISTS '"+quoted(dir)+"/analysts.duckdb' AS a (READ_ONLY); USE a")
}

func attached(t *testing.T, dir string) *store.Reader {
	return store.ReadFiles(t, "SET TimeZone = '"+west+"'; ATTACH IF NOT EXISTS '"+quoted(dir)+"/analysts.duckdb' AS \"x y\" (READ_ONLY)")
}

func quoted(path string) string { return strings.ReplaceAll(path, "'", "''") }

// publishedFile is a file of the manifest, as a reader of another make sees it.
type publishedFile struct {
	Path     string `json:"path"`
	Table    string `json:"table"`
	Project  string `json:"project_id"`
	Date     string `json:"snapshot_date"`
	Snapshot string `json:"snapshot_id"`
	Verdict  string `json:"verdict"`
	Rows     int
	Bytes    int
	SHA256   string `json:"sha256"`
}

func readManifest(t *testing.T, dir string) (all struct {
	Snapshot string
	Files    []publishedFile
}) {
	t.Helper()
	if err := json.Unmarshal(content(t, filepath.Join(dir, "parquet", "manifest.json")), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// The file's tables, comments and macros give what the store's views and macros give
// under the profile pseudonym, and its views what permissions_at gives for every day.
func TestAnalystsFile(t *testing.T) {
	st := storetest.Open(t)
	ids := sites(t, st, 3)
	dir := t.TempDir()
	publishAnalysts(t, st, dir)
	r, a, b := read(t, st, store.ReadOptions{Mask: store.MaskPseudonym, Timezone: west}), opened(t, dir), attached(t, dir)
	tables := slices.DeleteFunc(views(t, r), func(v string) bool { return slices.Contains([]string{"calls", "digests", "journal", "purged"}, v) })
	check(t, a, "SELECT table_name FROM duckdb_tables() WHERE table_name NOT IN ('about', 'days') ORDER BY 1", tables...)
	same := func(query string) {
		t.Helper()
		want := csv(t, r, query)
		if diff := cmp.Diff(want, csv(t, a, query)); diff != "" {
			t.Errorf("%s (-store +file)\n%s", query, diff)
		}
	}
	for _, table := range tables {
		same(`FROM "` + table + `" ORDER BY ALL`)
	}
	in := "('" + strings.Join(tables, "', '") + "')"
	same("SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE NOT internal AND schema_name = 'main' AND table_name IN " + in + " ORDER BY ALL")
	if got, want := csv(t, a, "SELECT table_name AS name, comment FROM duckdb_tables() WHERE table_name IN "+in+" ORDER BY ALL"),
		csv(t, r, "SELECT view_name AS name, comment FROM duckdb_views() WHERE schema_name = 'main' AND view_name IN "+in+" ORDER BY ALL"); got != want {
		t.Errorf("comments of tables:\n%s\nwant\n%s", got, want)
	}
	check(t, a, "SELECT count(*) FROM duckdb_columns() WHERE NOT internal AND table_name IN ('about', 'days') AND comment IS NULL", "0")
	for i, id := range ids {
		at := day(i + 1).Add(30e9).Format("'2006-01-02 15:04:05Z'::TIMESTAMPTZ")
		for _, macro := range []string{"permissions_at", "persons_at", "structures_at", "rules_at"} {
			same("FROM " + macro + "(" + at + ") ORDER BY ALL")
			same("FROM " + macro + "('" + day(i+2).Format(time.DateOnly) + "') ORDER BY ALL")
		}
		same(fmt.Sprintf("FROM permission_changes('%s', '%s') ORDER BY ALL", ids[0], id))
		const columns = "project_id, access_auth_id, person_id, name, structure_ids, auth_end_time, access_control_channel_name"
		want := csv(t, r, "SELECT "+columns+" FROM permissions_at("+at+") ORDER BY ALL")
		date := day(i+1).AddDate(0, 0, -1).Format("2006-01-02")
		if diff := cmp.Diff(want, csv(t, b, `SELECT `+columns+` FROM "x y".permission_days WHERE snapshot_date = '`+date+"' ORDER BY ALL")); diff != "" {
			t.Errorf("permission_days of %s (-permissions_at +view)\n%s", date, diff)
		}
		if i > 0 {
			changesOfDay(t, r, b, ids[i-1], id, date)
		}
	}
	same(fmt.Sprintf("FROM permission_balance('%s', '%s') ORDER BY ALL", ids[0], ids[2]))
	newest := fmt.Sprintf("FROM permission_changes('%s', '%s') ORDER BY ALL", ids[1], ids[2])
	if diff := cmp.Diff(csv(t, r, newest), csv(t, b, `FROM "x y".latest_permission_changes ORDER BY ALL`)); diff != "" {
		t.Errorf("latest_permission_changes (-macro +view)\n%s", diff)
	}
	check(t, b, `SELECT value FROM "x y".about WHERE fact IN ('snapshot', 'history from', 'verdict of project p2') ORDER BY fact`, ids[0], ids[2], "partial")
}

// changesOfDay compares a day of permission_changes_days with the rows that DuckDB's
// own set operations find among those of the two days.
func changesOfDay(t *testing.T, r, b *store.Reader, before, after, date string) {
	t.Helper()
	state := func(id string) string {
		return `(SELECT * EXCLUDE (first_seen, last_seen, closed_snapshot) FROM permission_history WHERE first_snapshot <= '` + id +
			`' AND (closed_snapshot IS NULL OR closed_snapshot > '` + id + `'))`
	}
	want := csv(t, r, `
WITH gone AS (FROM `+state(before)+` EXCEPT FROM `+state(after)+`), come AS (FROM `+state(after)+` EXCEPT FROM `+state(before)+`)
SELECT 'added' AS kind, project_id, access_auth_id FROM come ANTI JOIN gone USING (project_id, access_auth_id)
UNION ALL SELECT 'removed', project_id, access_auth_id FROM gone ANTI JOIN come USING (project_id, access_auth_id)
UNION ALL SELECT 'changed', project_id, access_auth_id FROM come JOIN gone USING (project_id, access_auth_id)
ORDER BY ALL`)
	if strings.Count(want, "\n") < 3 {
		t.Fatalf("between %s and %s hardly anything changes: no test", before, after)
	}
	got := csv(t, b, `SELECT kind, project_id, access_auth_id FROM "x y".permission_changes_days WHERE snapshot_date = '`+date+"' ORDER BY ALL")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permission_changes_days of %s (-want +got)\n%s", date, diff)
	}
}

// Each Parquet file has the rows of its table as of the last snapshot of its day, and
// no file of the copy holds what names a person.
func TestAnalystsParquet(t *testing.T) {
	st, ids := maskedStore(t)
	dir := t.TempDir()
	publishAnalysts(t, st, dir)
	m := readManifest(t, dir)
	if len(m.Files) != 2*2*10 || m.Snapshot != ids[1] {
		t.Fatalf("%d files, of %s", len(m.Files), m.Snapshot)
	}
	readers := map[string]*store.Reader{}
	for _, f := range m.Files {
		if want := fmt.Sprintf("%s/project_id=%s/snapshot_date=%s/part-0.parquet", f.Table, f.Project, f.Date); f.Path != want {
			t.Errorf("path %s, want %s", f.Path, want)
		}
		i := slices.Index(ids, f.Snapshot)
		if want := day(i+1).AddDate(0, 0, -1).Format("2006-01-02"); f.Date != want {
			t.Errorf("%s is of %s, want %s", f.Snapshot, f.Date, want)
		}
		path := filepath.Join(dir, "parquet", f.Path)
		sum := sha256.Sum256(content(t, path))
		if info, err := os.Stat(path); err != nil || info.Size() != int64(f.Bytes) || hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s: not as the manifest says", f.Path)
		}
		key := f.Snapshot + f.Project
		if readers[key] == nil {
			readers[key] = read(t, st, store.ReadOptions{Snapshot: f.Snapshot, Project: f.Project, Mask: store.MaskPseudonym})
		}
		query := "SELECT * EXCLUDE (project_id) FROM " + f.Table
		if f.Table == "snapshots" {
			query += " WHERE snapshot_id = '" + f.Snapshot + "'"
		}
		want := csv(t, readers[key], query+" ORDER BY ALL")
		got := csv(t, store.ReadFiles(t, "SET TimeZone = 'UTC'"), "FROM read_parquet('"+path+"', hive_partitioning = false) ORDER BY ALL")
		if diff := cmp.Diff(want, got); diff != "" || strings.Count(got, "\n") != f.Rows+1 {
			t.Errorf("%s, %d rows (-store +file)\n%s", f.Path, f.Rows, diff)
		}
	}
	// All days of all projects are one table to who reads the folder.
	whole := store.ReadFiles(t, "SET TimeZone = 'UTC'")
	check(t, whole, "SELECT project_id, snapshot_date::VARCHAR, count(*) FROM read_parquet('"+dir+"/parquet/permissions/**/*.parquet') GROUP BY ALL ORDER BY ALL",
		"p1,2026-01-01,3", "p1,2026-01-02,3", "p2,2026-01-01,3", "p2,2026-01-02,3")
	holdsNoSecret(t, dir)
}

// holdsNoSecret looks for what names the persons of [maskedStore].
func holdsNoSecret(t *testing.T, dir string) {
	t.Helper()
	a := opened(t, dir)
	var all strings.Builder
	_, tables, _ := strings.Cut(csv(t, a, "SELECT table_name FROM duckdb_tables()"), "\n")
	for table := range strings.FieldsSeq(tables) {
		all.WriteString(csv(t, a, "FROM "+table))
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		all.Write(content(t, path))
		if strings.HasSuffix(path, ".parquet") {
			all.WriteString(csv(t, a, "FROM read_parquet('"+path+"')"))
			all.WriteString(csv(t, a, "SELECT key::VARCHAR, value::VARCHAR FROM parquet_kv_metadata('"+path+"')"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found := hold([]byte(all.String()), secrets(store.MaskPseudonym)); len(found) > 0 {
		t.Errorf("the copy holds %q", found)
	}
	if !strings.Contains(all.String(), "Everybody") || strings.Count(all.String(), "small group") < 3 {
		t.Error("the copy has no organizations: nothing was looked for")
	}
}

// publishTeam publishes a day of an organization of the persons.
func publishTeam(t *testing.T, st *store.Store, n int, persons ...string) {
	t.Helper()
	s := storetest.Site{Project: "p1", At: day(n), Rows: rows{"structures": list(`{"structure_id":"s1","structure_name":"Falconers"}`)}}
	var permissions []string
	for _, p := range persons {
		permissions = append(permissions, permissionRow("a"+p, "u"+p, "c1", `,"structure_ids":["s1"]`))
	}
	s.Rows["permissions"] = list(permissions...)
	storetest.Publish(t, st, s)
}

// Only what has changed is written again, and the same bytes for the same rows; what
// the store lets go, goes; and what a purge, another key or an organization that has
// become small changes in days that are long past is changed there.
func TestAnalystsAgain(t *testing.T) {
	st := storetest.Open(t)
	dir := filepath.Join(t.TempDir(), "it's; here")
	written := func(what string, days ...int) {
		t.Helper()
		c := publishAnalysts(t, st, dir)
		var got, want []string
		for _, f := range c.Files {
			if strings.HasPrefix(f.Path, "parquet/permissions/") {
				got = append(got, strings.Split(f.Path, "/")[3])
			}
		}
		for _, n := range days {
			want = append(want, "snapshot_date="+day(n).AddDate(0, 0, -1).Format("2006-01-02"))
		}
		if diff := cmp.Diff(want, got); diff != "" || len(c.Files) != 10*len(days)+2 {
			t.Errorf("%s: %d files were written (-want +got)\n%s", what, len(c.Files), diff)
		}
		listed := map[string]bool{}
		for _, f := range readManifest(t, dir).Files {
			listed[f.Path] = true
		}
		there, err := fs.Glob(os.DirFS(filepath.Join(dir, "parquet")), "*/*/*/*.parquet")
		if err != nil || len(there) != len(listed) || c.Kept+10*len(days) != len(listed) {
			t.Errorf("%s: %d files are there, %d kept, %d in the manifest, %v", what, len(there), c.Kept, len(listed), err)
		}
	}
	publishTeam(t, st, 1, "1", "2", "3", "4")
	written("the first", 1)
	publishTeam(t, st, 2, "1", "2", "3")
	written("another day", 2)
	sums := readManifest(t, dir).Files
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	written("the folder is gone", 1, 2)
	if diff := cmp.Diff(sums, readManifest(t, dir).Files); diff != "" {
		t.Errorf("files of the same rows (-before +again)\n%s", diff)
	}
	damaged := filepath.Join(dir, "parquet", sums[0].Path)
	bytes := content(t, damaged)
	bytes[len(bytes)/2] ^= 1
	remove(t, damaged)
	if err := os.WriteFile(damaged, bytes, 0o444); err != nil {
		t.Fatal(err)
	}
	written("a byte of the first day has changed", 1)
	publishTeam(t, st, 3, "1", "2")
	written("an organization has become small", 1, 2, 3)
	if all := csv(t, opened(t, dir), "SELECT DISTINCT left(structure_name, 12) AS name FROM read_parquet('"+quoted(dir)+"/parquet/structures/*/*/*.parquet')"); all != "name\nsmall group \n" {
		t.Errorf("names of organizations: %s", all)
	}
	for _, name := range []string{"pseudonym.key", "snapshots/20260102T060000Z.duckdb"} {
		remove(t, filepath.Join(st.Dir(), name))
	}
	if err := st.Remove([]store.File{{Path: "snapshots/20260102T060000Z.duckdb"}, {Path: "snapshots/20260103T060000Z.pseudonym.duckdb"}, {Path: "snapshots/20260104T060000Z.pseudonym.duckdb"}}); err != nil {
		t.Fatal(err)
	}
	written("another key, and the first day pruned", 2, 3)
	p := purge(t, st, store.PurgeOptions{Person: "u1", Started: day(4), ProgramVersion: "test"})
	if err := st.Remove(p.Files); err != nil {
		t.Fatal(err)
	}
	written("a purge", 4)
	check(t, attached(t, dir), `SELECT count(DISTINCT person_id) FROM "x y".permission_days`, "3")
}
