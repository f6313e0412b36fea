package main

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/sandbox"
)

// publishSite is a cloud of a large site, and a configuration that publishes it after
// each collection. Its permissions change with each generation.
type publishSite struct {
	t      *testing.T
	cloud  *sandbox.Server
	config string
	dir    string // of the analysts
}

func newPublishSite(t *testing.T) *publishSite {
	t.Helper()
	cloud := sandbox.New(sandbox.Options{Site: "large", Large: sandbox.Large{Persons: 40, Channels: 5, PerPerson: 4, Tasks: 3, PerTask: 2, Churn: 0.1}})
	srv := httptest.NewServer(cloud)
	t.Cleanup(srv.Close)
	id, secret, project := cloud.Credentials()
	dir := filepath.Join(t.TempDir(), "for analysts") // a path as people have them
	config := writeConfig(t, fmt.Sprintf(`cloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 5000, page_size: 200}
store: {dir: data, timezone: Asia/Shanghai}
collect: {budget: {run: 60}, tie_outs: 0}
publish: {dir: %q}
`, srv.URL, id, secret, project, dir))
	return &publishSite{t, cloud, config, dir}
}

func (s *publishSite) file() string { return filepath.Join(s.dir, "analysts.duckdb") }

// exporter runs a command of ours.
func (s *publishSite) exporter(args ...string) string {
	s.t.Helper()
	var out, errs strings.Builder
	if status := run(s.t.Context(), append(args, "--config", s.config), strings.NewReader(""), &out, &errs); status != 0 {
		s.t.Fatalf("exporter %s: exit %d\n%s", strings.Join(args, " "), status, errs.String())
	}
	return out.String()
}

// rows counts the permissions of each snapshot in the store itself, unmasked.
func (s *publishSite) rows() map[string]string {
	list := s.exporter("sql", "--mask", "full", "--format", "csv", `
SELECT s.snapshot_id || '=' || count(*) AS n
FROM (SELECT DISTINCT snapshot_id FROM snapshots) AS s
JOIN permission_history AS h
    ON h.first_snapshot <= s.snapshot_id AND (h.closed_snapshot IS NULL OR h.closed_snapshot > s.snapshot_id)
GROUP BY s.snapshot_id`)
	all := map[string]string{}
	for line := range strings.Lines(list) {
		if id, n, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			all[id] = n
		}
	}
	return all
}

// seeSame looks at the copy with analysts' own programs: as the file is opened and as
// it is attached, in the oldest DuckDB that is promised and in today's. It has what
// the store says of the snapshots first and last.
func (s *publishSite) seeSame(t *testing.T, rows map[string]string, first, last string) {
	changed := strings.TrimSpace(s.exporter("sql", "--format", "csv", fmt.Sprintf(
		"SELECT count(*)::VARCHAR || ' ' || count(DISTINCT kind) AS n FROM permission_changes('%s', '%s')", first, last)))
	changed = strings.TrimPrefix(changed, "n\n")
	before := slices.Sorted(maps.Keys(rows))[len(rows)-2]
	both := []string{
		"SELECT value FROM about WHERE fact = 'snapshot'",
		"SELECT count(*)::VARCHAR FROM permissions",
		"SELECT count(*)::VARCHAR FROM permission_days WHERE snapshot_id = '" + last + "'",
		"SELECT (count(*) FILTER (WHERE kind = 'added') - count(*) FILTER (WHERE kind = 'removed'))::VARCHAR FROM latest_permission_changes",
		"SELECT comment FROM duckdb_columns() WHERE table_name = 'permissions' AND column_name = 'auth_end'",
		"SELECT comment FROM duckdb_tables() WHERE table_name = 'permissions'",
		"SELECT data_type FROM duckdb_columns() WHERE table_name = 'permissions' AND column_name = 'auth_end'",
		"SELECT count(*)::VARCHAR FROM duckdb_schemas() WHERE schema_name = 'base'",
	}
	number := func(id string) (n int) {
		fmt.Sscan(rows[id], &n)
		return n
	}
	want := fmt.Sprintf("%s, %s, %s, %d, Derived: auth_end_time as a time; NULL where absent or outside the years 1 to 9999, "+
		"One person on one channel: one row of access-auth., TIMESTAMP WITH TIME ZONE, 0", last, rows[last], rows[last], number(last)-number(before))
	opened := append(slices.Clone(both),
		"SELECT count(*)::VARCHAR FROM permissions_at((SELECT server_time FROM snapshots WHERE snapshot_id = '"+first+"'))",
		"SELECT count(*)::VARCHAR || ' ' || count(DISTINCT kind) FROM permission_changes('"+first+"', '"+last+"')",
		"SELECT agrees::VARCHAR FROM permission_balance('"+first+"', '"+last+"')",
		"SELECT count(*)::VARCHAR FROM persons_at(now())")
	macros := fmt.Sprintf(", %s, %s, true, 40", rows[first], changed)
	for _, module := range []string{"duckdb-oldest", "duckdb-today"} {
		c := startClient(t, "duckdb.mjs", module)
		for _, test := range []struct {
			asked asked
			want  string
		}{
			{asked{File: s.file(), SQL: opened}, want + macros},
			{asked{File: s.file(), Attach: "their own name", SQL: qualified(both)}, want},
			{asked{File: s.file(), Attach: "a", SQL: append([]string{"USE a"}, opened...)}, "no row, " + want + macros},
		} {
			a, err := c.query(test.asked)
			if err != nil {
				t.Errorf("%s, attached %q: %v", module, test.asked.Attach, err)
			} else if diff := cmp.Diff(test.want, a.first()); diff != "" {
				t.Errorf("%s, attached %q (-want +got)\n%s", module, test.asked.Attach, diff)
			}
		}
		if _, err := c.query(asked{File: s.file(), SQL: []string{"CREATE TABLE mine AS SELECT 1"}}); err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Errorf("%s: writing to the copy: %v", module, err)
		}
	}
}

// qualified names the tables of queries as those of an attached file are named.
func qualified(queries []string) []string {
	var all []string
	for _, q := range queries {
		if !strings.Contains(q, "duckdb_") {
			q = strings.Replace(q, "FROM ", `FROM "their own name".`, 1)
		}
		all = append(all, q)
	}
	return all
}

// parquetAnswer is what parquet.mjs has read.
type parquetAnswer struct {
	Snapshot string
	Again    int
	Ms       float64
	Files    []parquetFile
}

type parquetFile struct {
	Table    string
	Snapshot string `json:"snapshot_id"`
	Rows     int
}

// seen are the counts that a client has read, by snapshot, and its longest wait.
type seen struct {
	mu      sync.Mutex
	counts  map[string]map[string]bool
	reads   int
	longest float64
}

func (s *seen) add(snapshot, count string, ms float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[snapshot] == nil {
		s.counts[snapshot] = map[string]bool{}
	}
	s.counts[snapshot][count] = true
	s.reads++
	s.longest = max(s.longest, ms)
}

func (s *seen) has(snapshot string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[snapshot] != nil
}

// newest is the last snapshot of the store.
func (s *publishSite) newest() string {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(s.config), "data", "snapshots", "*Z.duckdb"))
	if err != nil || len(files) == 0 {
		s.t.Fatalf("no snapshot: %v", err)
	}
	return strings.TrimSuffix(filepath.Base(files[len(files)-1]), ".duckdb")
}

// waitUntilSeen waits until every client has read the newest snapshot.
func (s *publishSite) waitUntilSeen(clients map[string]*seen) {
	s.t.Helper()
	newest := s.newest()
	for name, x := range clients {
		for began := time.Now(); !x.has(newest); time.Sleep(10 * time.Millisecond) {
			if s.t.Failed() || time.Since(began) > 2*time.Minute {
				s.t.Fatalf("%s does not see snapshot %s", name, newest)
			}
		}
	}
}

// readers start clients of each kind. One reads the copy and gives the snapshot, how
// many permissions it has, and how long that took in milliseconds.
func (s *publishSite) readers(t *testing.T) map[string]func() (string, string, float64, error) {
	t.Helper()
	count := []string{"SELECT snapshot_id, count(*)::VARCHAR FROM permission_days WHERE snapshot_id = (SELECT value FROM about WHERE fact = 'snapshot') GROUP BY ALL"}
	readDuckDB := func(module, attach string) func() (string, string, float64, error) {
		q := asked{File: s.file(), Attach: attach, SQL: count}
		if attach != "" {
			q.SQL = []string{"USE " + attach, count[0]}
		}
		c := startClient(t, "duckdb.mjs", module)
		return func() (string, string, float64, error) {
			a, err := c.query(q)
			if err != nil {
				return "", "", 0, err
			}
			row := a.Answers[len(a.Answers)-1][0]
			return fmt.Sprint(row[0]), fmt.Sprint(row[1]), a.Ms, nil
		}
	}
	parquet := startClient(t, "parquet.mjs")
	return map[string]func() (string, string, float64, error){
		"oldest, opened":  readDuckDB("duckdb-oldest", ""),
		"today, attached": readDuckDB("duckdb-today", "x"),
		"parquet": func() (string, string, float64, error) {
			var a parquetAnswer
			if err := parquet.tell(filepath.Join(s.dir, "parquet", "manifest.json"), &a); err != nil {
				return "", "", 0, err
			}
			i := slices.IndexFunc(a.Files, func(f parquetFile) bool { return f.Table == "permissions" && f.Snapshot == a.Snapshot })
			return a.Snapshot, fmt.Sprint(a.Files[i].Rows), a.Ms, nil
		},
	}
}

// seeAnswer reads an answer that is a Parquet file with a program that is not ours.
func (s *publishSite) seeAnswer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "answer.parquet")
	s.exporter("sql", "--out", file, `
SELECT
    range AS n,
    '张' || range AS text,
    range / 4 AS share,
    (range * 1.25)::DECIMAL(9, 2) AS decimal,
    range > 1 AS yes,
    nullif(range, 2) AS missing,
    to_timestamp(range) AS at,
    DATE '2026-03-31' + range::INTEGER AS day,
    ['a', NULL] AS list
FROM range(3)`)
	var a struct{ Rows []map[string]any }
	if err := startClient(t, "parquet.mjs").tell(file, &a); err != nil {
		t.Fatal(err)
	}
	row := map[string]any{"n": 2.0, "text": "张2", "share": 0.5, "decimal": 2.5, "yes": true, "missing": nil,
		"at": "1970-01-01T00:00:02.000Z", "day": "2026-04-02T00:00:00.000Z", "list": []any{"a", nil}}
	if len(a.Rows) != 3 {
		t.Fatalf("%d rows", len(a.Rows))
	}
	if diff := cmp.Diff(row, a.Rows[2]); diff != "" {
		t.Errorf("the last row of an answer (-want +read)\n%s", diff)
	}
}

// Clients that read again and again while collections publish see no error, and never a
// count that no snapshot has; what is open stays as it was.
func TestPublish(t *testing.T) {
	t.Parallel()
	const collections = 3
	s := newPublishSite(t)
	s.exporter("collect")
	kept := startClient(t, "duckdb.mjs", "duckdb-today")
	open := asked{File: s.file(), Keep: "open", SQL: []string{"SELECT max(snapshot_id), count(*)::VARCHAR FROM permission_days"}}
	before, err := kept.query(open)
	if err != nil {
		t.Fatal(err)
	}
	clients := s.readers(t)
	var done atomic.Bool
	var wait sync.WaitGroup
	all := map[string]*seen{}
	for name, read := range clients {
		x := &seen{counts: map[string]map[string]bool{}}
		all[name] = x
		wait.Go(func() {
			for end := false; !end; {
				end = done.Load() // one more time after the last collection
				snapshot, n, ms, err := read()
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				x.add(snapshot, n, ms)
				time.Sleep(100 * time.Millisecond) // for those who publish, on two cores
			}
		})
	}
	stop := func() { done.Store(true); wait.Wait() }
	defer stop()
	for g := range collections {
		s.waitUntilSeen(all)
		s.cloud.SetGeneration(g + 1)
		s.exporter("collect")
	}
	s.waitUntilSeen(all)
	stop()
	rows := s.rows()
	if len(rows) != collections+1 {
		t.Fatalf("%d snapshots", len(rows))
	}
	for name, x := range all {
		for snapshot, counts := range x.counts {
			if diff := cmp.Diff(map[string]bool{rows[snapshot]: true}, counts); diff != "" {
				t.Errorf("%s: permissions of %s (-want +got)\n%s", name, snapshot, diff)
			}
		}
		t.Logf("%s: %d reads of %d snapshots, the longest %.0f ms", name, x.reads, len(x.counts), x.longest)
	}
	after, err := kept.query(open)
	if err != nil || before.first() != after.first() {
		t.Errorf("what was open gave %s, and gives %s, %v", before.first(), after.first(), err)
	}
	ids := slices.Sorted(maps.Keys(rows))
	s.seeSame(t, rows, ids[0], ids[collections])
	s.seeAnswer(t)
}
