package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

func small(n int) storetest.Site {
	return storetest.Site{Project: "p1", At: day(n), Rows: rows{"permissions": list(permissionRow("a1", "u1", "c1", `,"auth_end_time":1767340800000`))}}
}

func TestReadOptions(t *testing.T) {
	st := storetest.Open(t)
	if _, err := st.Read(t.Context(), store.ReadOptions{}); !errors.Is(err, store.ErrNotPublished) {
		t.Errorf("empty store: %v", err)
	}
	first, second := storetest.Publish(t, st, small(1)), storetest.Publish(t, st, small(2))
	served := func(n int) time.Time { return day(n).Add(30 * time.Second) }
	for _, test := range []struct {
		name     string
		o        store.ReadOptions
		snapshot string
		asOf     time.Time
	}{
		{"newest", store.ReadOptions{}, second, served(2)},
		{"named", store.ReadOptions{Snapshot: first}, first, served(1)},
		{"as of", store.ReadOptions{AsOf: day(2)}, first, day(2)},
		{"as of the very moment", store.ReadOptions{AsOf: served(2)}, second, served(2)},
		{"named and as of", store.ReadOptions{Snapshot: first, AsOf: day(5)}, first, day(5)},
		{"project", store.ReadOptions{Project: "p1"}, second, served(2)},
	} {
		r := read(t, st, test.o)
		if r.Snapshot() != test.snapshot || !r.AsOf().Equal(test.asOf) {
			t.Errorf("%s: %s as of %s, want %s as of %s", test.name, r.Snapshot(), r.AsOf(), test.snapshot, test.asOf)
		}
		check(t, r, "SELECT max(snapshot_id), getvariable('as_of') FROM snapshots", test.snapshot+","+test.asOf.Format("2006-01-02 15:04:05+00"))
	}
	for name, o := range map[string]store.ReadOptions{
		"no such snapshot": {Snapshot: "20200101T000000Z"},
		"a path":           {Snapshot: "../snapshots/" + first},
		"before the first": {AsOf: day(1)},
		"no such project":  {Project: "p9"},
	} {
		if _, err := st.Read(t.Context(), o); !errors.Is(err, store.ErrNotPublished) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := st.Read(t.Context(), store.ReadOptions{Timezone: "Mars/Olympus"}); err == nil || !strings.Contains(err.Error(), "Mars/Olympus") {
		t.Errorf("time zone: %v", err)
	}
	r := read(t, st, store.ReadOptions{Timezone: "Asia/Shanghai"})
	check(t, r, "SELECT auth_end::VARCHAR FROM permissions", "2026-01-02 16:00:00+08")
	// The file of an older snapshot may be gone.
	if err := os.Remove(filepath.Join(st.Dir(), "snapshots", first+".duckdb")); err != nil {
		t.Fatal(err)
	}
	check(t, read(t, st, store.ReadOptions{Snapshot: first}), "SELECT count(*) FROM permissions", "1")
}

func TestRefused(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, small(1))
	r := read(t, st, store.ReadOptions{})
	out := filepath.Join(t.TempDir(), "out")
	for _, query := range []string{
		"", " ", "-- nothing", ";",
		"SELECT 1; SELECT 2", "SELECT 1; DROP VIEW permissions", "SET VARIABLE snapshot_id = 'x'", "SET threads = 1", "RESET threads",
		"CREATE TABLE x(a INT)", "CREATE TEMP TABLE x(a INT)", "INSERT INTO base.store VALUES (1)", "UPDATE base.store SET schema_version = 2",
		"DELETE FROM base.permissions", "DROP VIEW permissions", "ALTER VIEW permissions RENAME TO x", "COPY permissions TO '" + out + "'",
		"EXPORT DATABASE '" + out + "'", "ATTACH ':memory:' AS x", "DETACH snap", "USE memory", "INSTALL httpfs", "LOAD httpfs",
		"CALL pragma_version()", "CHECKPOINT", "VACUUM", "PREPARE x AS SELECT 1", "EXECUTE x", "BEGIN", "COMMIT",
		"EXPLAIN ANALYZE CREATE TABLE memory.main.x(a INT)", "EXPLAIN CREATE TABLE x(a INT)", "EXPLAIN ANALYZE COPY permissions TO '" + out + "'",
		"PIVOT permissions ON person_id USING count(*)", "WITH x AS (SELECT 1 AS a) INSERT INTO permissions SELECT * FROM x",
		"/* /* a */ */ WITH x AS (SELECT 1) /* b */ DELETE FROM base.permissions WHERE true",
		"/* a */ -- b\nwith x AS (SELECT 1) DELETE FROM base.permissions WHERE true",
	} {
		if rows, err := r.Query(t.Context(), query, nil); err == nil {
			rows.Close()
			t.Errorf("%q runs", query)
		} else if !errors.Is(err, store.ErrRefused) && query != "EXECUTE x" {
			t.Errorf("%q: %v", query, err)
		}
	}
	for _, query := range []string{
		"SELECT * FROM read_csv('/etc/passwd')", "FROM '/etc/passwd'", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/*')",
	} {
		rows, err := r.Query(t.Context(), query, nil)
		if err == nil {
			err = rows.Err()
			rows.Close()
		}
		if err == nil {
			t.Errorf("%q runs", query)
		}
	}
	if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s was written: %v", out, err)
	}
	for _, query := range []string{
		"SELECT 1", " /* c */ select 1 ; ", "FROM permissions", "WITH x AS (SELECT 1) FROM x", "VALUES (1)", "TABLE permissions", "DESCRIBE permissions",
		"SUMMARIZE permissions", "SHOW TABLES", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "EXPLAIN (FORMAT json) SELECT 1",
		"PIVOT permissions ON person_id IN ('u1') USING count(*)",
	} {
		rows, err := r.Query(t.Context(), query, nil)
		if err != nil {
			t.Errorf("%q: %v", query, err)
			continue
		}
		rows.Close()
	}
}

func TestParameters(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, small(1))
	r := read(t, st, store.ReadOptions{Timezone: "Asia/Shanghai"})
	named := map[string]any{"within_days": 1, "as_of": r.AsOf(), "name": "it's", "unused": 1}
	rows, err := r.Query(t.Context(), "SELECT $name, count(*) FROM permissions WHERE auth_end < $as_of + to_days($within_days) AND $as_of = getvariable('as_of')", named)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var name string
	var n int
	if !rows.Next() || rows.Scan(&name, &n) != nil || name != "it's" || n != 1 {
		t.Errorf("got %q, %d", name, n)
	}
	if _, err := r.Query(t.Context(), "SELECT $missing", named); err == nil || !strings.Contains(err.Error(), "$missing") {
		t.Errorf("missing parameter: %v", err)
	}
}

func TestCancelledQuery(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, small(1))
	r := read(t, st, store.ReadOptions{})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	rows, err := r.Query(ctx, "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b", nil)
	if err == nil {
		rows.Close()
	}
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 10*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	check(t, r, "SELECT 1", "1")
}

// Readers come and go while a snapshot is copied, built and published.
func TestReadersDuringABuild(t *testing.T) {
	st := storetest.Open(t)
	first := storetest.Publish(t, st, small(1))
	held := read(t, st, store.ReadOptions{})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				r, err := st.Read(context.Background(), store.ReadOptions{})
				if err != nil {
					t.Errorf("read: %v", err)
					return
				}
				rows, err := r.Query(context.Background(), "FROM permissions", nil)
				if err != nil {
					t.Errorf("query: %v", err)
				} else {
					rows.Close()
				}
				if err := r.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			}
		})
	}
	second := storetest.Publish(t, st, small(2))
	close(done)
	wg.Wait()
	check(t, held, "SELECT max(snapshot_id) FROM snapshots", first)
	check(t, read(t, st, store.ReadOptions{}), "SELECT max(snapshot_id) FROM snapshots", second)
	// One reader serves several at once.
	for range 4 {
		wg.Go(func() {
			if _, err := held.Query(context.Background(), "SELECT * FROM permissions", nil); err != nil {
				t.Errorf("query: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestDamagedAndForeignFiles(t *testing.T) {
	st := storetest.Open(t)
	first, second := storetest.Publish(t, st, small(1)), storetest.Publish(t, st, small(2))
	dir := filepath.Join(st.Dir(), "snapshots")
	write := func(name, content string) {
		path := filepath.Join(dir, name)
		if err := errors.Join(ignoreMissing(os.Remove(path)), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("notes.txt", "hello")
	if list, err := st.Snapshots(t.Context()); len(list) != 2 || !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("Snapshots = %d, %v", len(list), err)
	}
	content, err := os.ReadFile(filepath.Join(dir, second+".duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]string{
		"empty": "", "text": "this is no database at all", "cut": string(content[:len(content)/2]), "only a head": string(content[:4096]),
	} {
		write(second+".duckdb", damage)
		if _, err := store.Open(st.Dir()); err != nil {
			t.Errorf("%s: Open: %v", name, err)
		}
		_, err := st.Read(t.Context(), store.ReadOptions{})
		if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), second) {
			t.Errorf("%s: Read: %v", name, err)
		}
		check(t, read(t, st, store.ReadOptions{Snapshot: first}), "SELECT count(*) FROM permissions", "1")
		list, err := st.Snapshots(t.Context())
		if len(list) != 1 || err == nil || !strings.Contains(err.Error(), second) {
			t.Errorf("%s: Snapshots = %v, %v", name, list, err)
		}
		if _, err := st.Begin(t.Context(), store.BuildOptions{Started: day(3)}); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%s: Begin: %v", name, err)
		}
		left, err := filepath.Glob(filepath.Join(dir, ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left over: %q, %v", name, left, err)
		}
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func TestNewerStore(t *testing.T) {
	st := storetest.Open(t)
	id := storetest.Publish(t, st, small(1))
	store.ChangeStore(t, st, id, "schema_version = 999")
	_, openErr := store.Open(st.Dir())
	_, readErr := st.Read(t.Context(), store.ReadOptions{})
	_, beginErr := st.Begin(t.Context(), store.BuildOptions{Started: day(2)})
	for name, err := range map[string]error{"Open": openErr, "Read": readErr, "Begin": beginErr} {
		newer, ok := errors.AsType[*store.ErrNewer](err)
		if !ok || newer.Have != 999 || newer.Know != 3 || newer.Hint() == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A sort that does not fit into memory goes to the disk, also where no other
// file may be touched.
func TestSpill(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, small(1))
	// As in a store that was copied without its empty folders.
	if err := os.Remove(filepath.Join(st.Dir(), "tmp")); err != nil {
		t.Fatal(err)
	}
	store.SetMemory(st, 64<<20)
	r := read(t, st, store.ReadOptions{})
	check(t, r, "SELECT count(*) FROM (SELECT i, hash(i) AS h, hash(i)::VARCHAR AS s FROM range(3000000) AS r(i) ORDER BY h OFFSET 1)", "2999999")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(st.Dir(), "tmp")); ignoreMissing(err) != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// TestEarlier reads an earlier snapshot from the file of a later one, of the same
// project, and refuses one that there is not.
func TestEarlier(t *testing.T) {
	st := storetest.Open(t)
	site := func(project string, n int, id string) storetest.Site {
		return storetest.Site{Project: project, At: day(n), Rows: rows{"permissions": list(permissionRow(id, "u1", "c1", ""))}}
	}
	first := storetest.Publish(t, st, site("p1", 1, "a"), site("p2", 1, "x"))
	storetest.Publish(t, st, site("p1", 2, "b"), site("p2", 2, "x"))
	if err := os.Remove(filepath.Join(st.Dir(), "snapshots", first+".duckdb")); err != nil {
		t.Fatal(err)
	}
	now := read(t, st, store.ReadOptions{Project: "p1"})
	before, err := now.Earlier(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { before.Close() })
	open, err := now.Query(t.Context(), "SELECT 1", nil) // so that the next query has a connection of its own
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	check(t, now, "SELECT access_auth_id FROM permissions", "b")
	check(t, before, "SELECT access_auth_id FROM permissions", "a")
	if want := day(1).Add(30 * time.Second); before.Snapshot() != first || !before.AsOf().Equal(want) {
		t.Errorf("the earlier one is %s as of %s, want %s as of %s", before.Snapshot(), before.AsOf(), first, want)
	}
	if _, err := now.Earlier(t.Context(), "20250101T000000Z"); !errors.Is(err, store.ErrNotPublished) {
		t.Errorf("a snapshot that there is not: %v", err)
	}
}

// TestDescribe tells what a statement takes and gives, in a store and without one,
// and refuses what a query would be refused.
func TestDescribe(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, small(1))
	empty, err := store.Empty(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { empty.Close() })
	if empty.Mask() != store.MaskFull {
		t.Errorf("the mask of an empty store is %q", empty.Mask())
	}
	for _, r := range []*store.Reader{empty, read(t, st, store.ReadOptions{})} {
		for _, c := range []struct {
			query               string
			parameters, columns []string
		}{
			{"-- Title\nSELECT $a AS x, $b + 1 AS y, name FROM permissions WHERE auth_end > $a; -- end", []string{"a", "b"}, []string{"x", "y", "name"}},
			{"WITH n AS (FROM persons SELECT name) FROM n SELECT name, name AS name", nil, []string{"name", "name"}},
			{"FROM permission_changes($since_snapshot, $snapshot) SELECT kind ;\n", []string{"since_snapshot", "snapshot"}, []string{"kind"}},
			{"SELECT error('it ran') AS x", nil, []string{"x"}},
		} {
			parameters, columns, err := r.Describe(t.Context(), c.query, map[string]any{"b": int64(1)})
			if err != nil || !slices.Equal(parameters, c.parameters) || !slices.Equal(columns, c.columns) {
				t.Errorf("%s: parameters %q, columns %q, %v", c.query, parameters, columns, err)
			}
		}
		for query, want := range map[string]string{
			"SELECT nam FROM permissions":             `Referenced column "nam" not found`,
			"DELETE FROM base.permissions":            "refused",
			"SELECT 1; SELECT 2":                      "refused",
			"SELECT * FROM read_csv('/etc/hostname')": "disabled by configuration",
			"SELECT": "SELECT clause without selection list",
		} {
			if _, _, err := r.Describe(t.Context(), query, nil); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", query, err, want)
			}
		}
	}
}
