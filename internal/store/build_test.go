package store_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/journal"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// tree lists the files below a directory.
func tree(t testing.TB, dir string) []string {
	t.Helper()
	var names []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() && !strings.HasPrefix(path, "tmp/") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestFilesOfASnapshot(t *testing.T) {
	st := storetest.Open(t)
	id := storetest.Publish(t, st, storetest.Site{Project: "a/b", At: day1})
	want := []string{
		"raw/" + id + "/a%2Fb/calls.ndjson.zst", "raw/" + id + "/a%2Fb/permissions.ndjson.zst", "raw/" + id + "/a%2Fb/persons.ndjson.zst",
		"raw/" + id + "/a%2Fb/rules.ndjson.zst", "raw/" + id + "/a%2Fb/structures.ndjson.zst", "raw/" + id + "/a%2Fb/tasks.ndjson.zst",
		"raw/" + id + "/a%2Fb/walks.ndjson.zst", "snapshots/" + id + ".duckdb",
	}
	if diff := cmp.Diff(want, tree(t, st.Dir())); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(st.Dir()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("store: %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(st.Dir(), "snapshots", id+".duckdb")); err != nil || info.Mode().Perm() != 0o444 {
		t.Errorf("snapshot: %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Join(st.Dir(), "landing"))
	if err != nil || len(entries) > 0 {
		t.Errorf("landing: %v, %v", entries, err)
	}
	if ids, err := store.Published(st); err != nil || !slices.Equal(ids, []string{id}) {
		t.Errorf("Published = %q, %v", ids, err)
	}
}

func TestNamesAlwaysIncrease(t *testing.T) {
	st := storetest.Open(t)
	var got []string
	for _, at := range []time.Time{day1, day1.Add(300 * time.Millisecond), day1, day1.Add(-time.Hour), day1.Add(time.Minute).In(time.FixedZone("", 3600))} {
		got = append(got, storetest.Publish(t, st, storetest.Site{Project: "p1", At: at}))
	}
	want := []string{"20260102T060000Z", "20260102T060001Z", "20260102T060002Z", "20260102T060003Z", "20260102T060100Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// A crash between any two steps leaves what was there before, or the whole new
// snapshot; the next holder of the lock clears up, and the next build takes up
// the newest run that has landed, or forgets it.
func TestCrash(t *testing.T) {
	st := storetest.Open(t)
	first := storetest.Publish(t, st, small(1))
	storetest.Load(t, st, small(2))
	check(t, read(t, st, store.ReadOptions{}), "SELECT max(snapshot_id) FROM snapshots", first)
	if ids, err := store.Published(st); err != nil || len(ids) != 1 {
		t.Errorf("Published = %q, %v", ids, err)
	}
	raw := tree(t, filepath.Join(st.Dir(), "raw"))
	lock := func() {
		t.Helper()
		release, err := st.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
	lock()
	left, err := filepath.Glob(filepath.Join(st.Dir(), "snapshots", ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
	if diff := cmp.Diff(raw, tree(t, filepath.Join(st.Dir(), "raw"))); diff != "" {
		t.Errorf("raw pages (-before +after):\n%s", diff)
	}
	// As if the crash had come after the rename, beside a run that was killed.
	b, _ := storetest.Load(t, st, small(3))
	if runs, err := filepath.Glob(filepath.Join(st.Dir(), "landing", "*", "*")); err != nil || len(runs) != 1 {
		t.Errorf("landed runs: %q, %v", runs, err)
	}
	landed := tree(t, b.Landing("p1"))
	killed := filepath.Join(st.Dir(), "landing", "p1", "20260101T000000Z")
	if err := errors.Join(os.MkdirAll(killed, 0o700), os.WriteFile(filepath.Join(killed, "persons.ndjson.zst"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	renamed := filepath.Join(st.Dir(), "snapshots", b.ID()+".duckdb")
	if err := os.Link(filepath.Join(st.Dir(), "snapshots", first+".duckdb"), renamed); err != nil {
		t.Fatal(err)
	}
	lock()
	if diff := cmp.Diff(landed, tree(t, filepath.Join(st.Dir(), "raw", b.ID(), "p1"))); diff != "" {
		t.Errorf("raw pages (-landed +raw):\n%s", diff)
	}
}

// The newest interrupted run goes on under its name while it is young, and no
// other is kept.
func TestResume(t *testing.T) {
	for _, tt := range []struct {
		name   string
		after  time.Duration // from the interrupted run to the next
		resume time.Duration
		want   string
	}{
		{"young", time.Hour, 2 * time.Hour, "20260104T060000Z"},
		{"as old as allowed", 2 * time.Hour, 2 * time.Hour, "20260104T060000Z"},
		{"too old", 3 * time.Hour, 2 * time.Hour, "20260104T090000Z"},
		{"never", 0, 0, "20260104T060000Z"},
		{"the clock was set back", -time.Hour, 2 * time.Hour, "20260104T060000Z"},
		{"the clock was wrong", -12 * time.Hour, 2 * time.Hour, "20260103T180000Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := storetest.Open(t)
			storetest.Publish(t, st, small(1))
			at := time.Date(2026, 1, 4, 6, 0, 0, 0, time.UTC)
			for _, run := range []string{"p1/20260101T000000Z", "p1/20260104T050000Z", "p2/20260104T060000Z", "p1/20260104T060000Z"} {
				if err := os.MkdirAll(filepath.Join(st.Dir(), "landing", run), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			b, err := st.Begin(t.Context(), store.BuildOptions{Started: at.Add(tt.after), Resume: tt.resume})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Discard()
			if b.ID() != tt.want {
				t.Errorf("ID = %s, want %s", b.ID(), tt.want)
			}
			runs, _ := filepath.Glob(filepath.Join(st.Dir(), "landing", "*", "*"))
			want := 0
			if tt.want == "20260104T060000Z" {
				want = 2
			}
			if len(runs) != want {
				t.Errorf("landed runs: %q, want %d", runs, want)
			}
		})
	}
}

// Who only reads makes nothing.
func TestOpenCreatesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	st, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Read(t.Context(), store.ReadOptions{}); !errors.Is(err, store.ErrNotPublished) {
		t.Errorf("Read: %v", err)
	}
	if list, err := st.Snapshots(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("Snapshots = %v, %v", list, err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is there: %v", dir, err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Open of a file: %v", err)
	}
	if _, err := st.Lock(t.Context()); err == nil || !strings.Contains(err.Error(), "lock store: create store: mkdir "+dir) {
		t.Errorf("Lock: %v", err)
	}
	if err := errors.Join(os.Remove(dir), st.Create()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("created store: %v, %v", info, err)
	}
}

func TestFailedPublishLeavesNothing(t *testing.T) {
	st := storetest.Open(t)
	first := storetest.Publish(t, st, small(1))
	for name, spoil := range map[string]func(*store.Build, []store.Project) []store.Project{
		"no projects":        func(*store.Build, []store.Project) []store.Project { return nil },
		"unknown resource":   func(_ *store.Build, p []store.Project) []store.Project { p[0].Resources[0].Name = "doors"; return p },
		"nothing was loaded": func(_ *store.Build, p []store.Project) []store.Project { p[0].ID = "p7"; return p },
	} {
		b, projects := storetest.Load(t, st, small(2))
		if list, err := b.Publish(t.Context(), spoil(b, projects)); err == nil || len(list) > 0 {
			t.Errorf("%s: Publish = %v, %v", name, list, err)
		}
		if ids, err := store.Published(st); err != nil || !slices.Equal(ids, []string{first}) {
			t.Errorf("%s: Published = %q, %v", name, ids, err)
		}
		left, err := filepath.Glob(filepath.Join(st.Dir(), "snapshots", ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: left over: %q, %v", name, left, err)
		}
		if len(tree(t, b.Landing("p1"))) == 0 {
			t.Errorf("%s: landed pages are gone", name)
		}
		if err := b.Discard(); err != nil {
			t.Errorf("%s: Discard again: %v", name, err)
		}
	}
}

// What fails after the rename does not take the snapshot back: who publishes
// must not throw its pages away.
func TestPublishedWithAnError(t *testing.T) {
	st := storetest.Open(t)
	b, projects := storetest.Load(t, st, small(1))
	raw := filepath.Join(st.Dir(), "raw")
	if err := errors.Join(os.RemoveAll(raw), os.WriteFile(raw, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	landed := tree(t, b.Landing("p1"))
	list, err := b.Publish(t.Context(), projects)
	if err == nil || len(list) != 1 || list[0].ID != b.ID() {
		t.Fatalf("Publish = %+v, %v", list, err)
	}
	check(t, read(t, st, store.ReadOptions{}), "SELECT max(snapshot_id) FROM snapshots", b.ID())
	if diff := cmp.Diff(landed, tree(t, b.Landing("p1"))); diff != "" {
		t.Errorf("landed pages (-before +after):\n%s", diff)
	}
	if err := os.Remove(raw); err != nil {
		t.Fatal(err)
	}
	release, err := st.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(landed, tree(t, filepath.Join(raw, b.ID(), "p1"))); diff != "" {
		t.Errorf("raw pages (-landed +raw):\n%s", diff)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

func TestLock(t *testing.T) {
	st := storetest.Open(t)
	release, err := st.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = st.Lock(t.Context())
	locked, ok := errors.AsType[*store.Locked](err)
	if !ok || !strings.HasPrefix(locked.Holder, "process ") {
		t.Errorf("second Lock: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = st.Lock(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// Who has only just taken the store has not written its name yet.
func TestLockNameless(t *testing.T) {
	st := storetest.Open(t)
	if err := st.Create(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(st.Dir(), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { f.WriteString("process 7 on example\n") })
	_, err = st.Lock(t.Context())
	if locked, ok := errors.AsType[*store.Locked](err); !ok || locked.Holder != "process 7 on example" {
		t.Errorf("Lock: %v", err)
	}
}

func TestRegisters(t *testing.T) {
	st := storetest.Open(t)
	publish := func(n int, registers map[string]string) {
		storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(n), Registers: registers})
	}
	const head = "person_code,status,terminated_at,organisation,manager,manager_email\n"
	roster1, roster2 := head+"007,active,,\"Works, Ltd\",,\n", "\ufeffstatus,person_code,terminated_at,organisation,manager,manager_email\nterminated,007,2026-01-02,,,\nactive,008,,,,\n"
	publish(1, map[string]string{"roster": roster1})
	publish(2, map[string]string{"roster": roster2, "exceptions": "report,finding_key,reason,approved_by,expires_on\nR05,a1,\"two\nlines\",Zoe,2026-12-31\nR05,a2,,,never\n"})
	publish(3, nil)
	publish(4, map[string]string{"roster": roster1})
	at := func(n int) *store.Reader {
		return read(t, st, store.ReadOptions{Snapshot: day(n).Format("20060102T150405Z")})
	}
	check(t, at(1), "FROM roster", `2,007,active,"",,"Works, Ltd","",""`)
	check(t, at(2), "SELECT line, person_code, status, terminated FROM roster ORDER BY line", "2,007,terminated,2026-01-02 00:00:00+00", "3,008,active,")
	check(t, at(2), "SELECT line, finding_key, reason, expires FROM exceptions ORDER BY line", "2,a1,\"two\nlines\",2026-12-31", `4,a2,"",`)
	check(t, at(3), "FROM roster")
	check(t, at(4), "SELECT person_code, status FROM roster", "007,active")
	check(t, at(4), "SELECT count(*) FROM base.roster", "3")
	check(t, at(4), `SELECT "table", path, sha256, rows FROM registers ORDER BY 1`, "channel_register,,,0", "exceptions,,,0", "roster,roster.csv,"+hash(roster1)+",1")

	for text, want := range map[string]string{
		"":                  "no header",
		"person_code\n":     `column "status" is missing`,
		"person,status\n":   `unknown column "person"`,
		head + "1,2\n":      "line 2",
		"status,status\n":   `"status" stands twice`,
		head + "\"1,2,3,4,": "line 2",
	} {
		path := filepath.Join(t.TempDir(), "roster.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := st.Begin(t.Context(), store.BuildOptions{Started: day(5), Registers: map[string]string{"roster": path}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "roster.csv") {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	if _, err := st.Begin(t.Context(), store.BuildOptions{Started: day(5), Registers: map[string]string{"doors": "x"}}); err == nil {
		t.Error("unknown register is taken")
	}
}

// A line that stood twice would multiply the rows of every report.
func TestKeysOfRegisters(t *testing.T) {
	st := storetest.Open(t)
	const channels, roster, exceptions = "access_control_channel_id,tier,owner,owner_email,note\n",
		"person_code,status,terminated_at,organisation,manager,manager_email\n", "report,finding_key,reason,approved_by,expires_on\n"
	for _, test := range []struct{ name, table, text, want string }{
		{"a channel twice", "channel_register", channels + "c1,1,,,\nc2,1,,,\nc1,2,,,\n", `line 4: access_control_channel_id "c1" stands on line 2 already`},
		{"a channel twice but for spaces", "channel_register", channels + "c1,1,,,\n c1 ,1,,,\n", `line 3: access_control_channel_id "c1"`},
		{"a channel without id", "channel_register", channels + "c1,1,,,\n ,2,,,\n", "line 3: access_control_channel_id is empty"},
		{"a person twice", "roster", roster + "007,active,,\"two\nlines\",,\n007,active,,,,\n", `line 4: person_code "007" stands on line 2 already`},
		{"a person without code", "roster", roster + ",active,,,,\n", "line 2: person_code is empty"},
		{"a status of another word", "roster", roster + "007,Active,,,,\n008,,,,,\n009,Terminatd,,,,\n", `line 4: status "Terminatd": must be active or terminated`},
		{"a field too many", "roster", roster + "007,active,,,,,\n", `record on line 2: wrong number of fields, want person_code, status,`},
		{"a finding twice", "exceptions", exceptions + "R05,a1,,,\nR06,a1,,,\nR05,a1,x,,\n", `line 4: report "R05", finding_key "a1" stands on line 2 already`},
		{"a finding without report", "exceptions", exceptions + ",a1,,,\n", "line 2: report is empty"},
		{"an exception without finding", "exceptions", exceptions + "R05,,,,\n", "line 2: finding_key is empty"},
	} {
		path := filepath.Join(t.TempDir(), "file.csv")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := st.Begin(t.Context(), store.BuildOptions{Started: day1, Registers: map[string]string{test.table: path}})
		if err == nil || !strings.Contains(err.Error(), "file.csv: "+test.want) {
			t.Errorf("%s: %v; want %s", test.name, err, test.want)
		}
	}
}

func TestSpacesInRegisters(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day1, Registers: map[string]string{
		"channel_register": "access_control_channel_id, tier,owner,owner_email,note\n c1 ,sensitive , Zoe Q, \"z@example.com \",\t\n"}})
	check(t, read(t, st, store.ReadOptions{}), "FROM channel_register", `2,c1,sensitive,Zoe Q,z@example.com,""`)
}

func TestJournalIsATable(t *testing.T) {
	st := storetest.Open(t)
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	j := journal.Open(path, func() time.Time { return day1 })
	add := func(kind string) string {
		head, err := j.Append(kind, map[string]string{"k": kind})
		if err != nil {
			t.Fatal(err)
		}
		return head.SHA256
	}
	publish := func(n int) string {
		return storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(n), Journal: path})
	}
	one := add("one")
	first := publish(1)
	two := add("two")
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"prev":"torn`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	second := publish(2)
	query := `SELECT seq, "at", kind, detail, line_sha256 FROM journal ORDER BY seq`
	line1, line2 := `1,2026-01-02 06:00:00+00,one,"{""k"":""one""}",`+one, `2,2026-01-02 06:00:00+00,two,"{""k"":""two""}",`+two
	check(t, read(t, st, store.ReadOptions{Snapshot: second}), query, line1, line2)
	r, err := store.ReadFile(t.Context(), st, second, store.ReadOptions{Snapshot: first})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	check(t, r, query, line1)
}
