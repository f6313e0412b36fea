package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// verify returns what differs, a line each.
func verify(t testing.TB, st *store.Store, o store.VerifyOptions) (*store.Verification, []string) {
	t.Helper()
	v, err := st.Verify(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, f := range v.Differences {
		lines = append(lines, f.Name+": "+f.Problem)
	}
	return v, lines
}

func file(st *store.Store, id string) string {
	return filepath.Join(st.Dir(), "snapshots", id+".duckdb")
}

func remove(t testing.TB, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// The hash of a row is that of a text which JSON's own encoder gives, and the
// digest that of the sorted hashes: made here without SQL.
func TestRowHash(t *testing.T) {
	st := storetest.Open(t)
	odd := "a\"b\\c/d\u00e9\u4e2d\U0001f600\n\t\x01\u2028<&>"
	quoted, err := json.Marshal(odd)
	if err != nil {
		t.Fatal(err)
	}
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day1, Rows: rows{
		"persons": list(`{"person_id":"u1","name":`+string(quoted)+`,"person_code":""}`, `{"person_id":"u2"}`),
		"rules":   list(`{"auth_relation_id":"r1","relation_type":1,"auth_start_time":1662566400000}`),
	}})
	text := func(values ...any) string {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(values); err != nil {
			t.Fatal(err)
		}
		// Go escapes two characters that JSON does not.
		return strings.NewReplacer("\\u2028", "\u2028", "\\u2029", "\u2029").Replace(strings.TrimSuffix(b.String(), "\n"))
	}
	digest := func(texts ...string) string {
		lines := []string{}
		for _, text := range texts {
			lines = append(lines, hash(text)+"\n")
		}
		slices.Sort(lines)
		return hash("row_sha256\n" + strings.Join(lines, ""))
	}
	check(t, read(t, st, store.ReadOptions{}), "SELECT resource, sha256 FROM digests WHERE resource IN ('persons', 'rules', 'tasks') ORDER BY 1",
		"persons,"+digest(text("u1", odd, ""), text("u2", nil, nil)),
		"rules,"+digest(text("r1", nil, 1, nil, nil, nil, nil, int64(1662566400000), nil)),
		"tasks,"+digest())
}

func TestVerify(t *testing.T) {
	st := storetest.Open(t)
	ids := sites(t, st, 3)
	v, lines := verify(t, st, store.VerifyOptions{})
	if len(lines) > 0 {
		t.Errorf("differences:\n%s", strings.Join(lines, "\n"))
	}
	r := read(t, st, store.ReadOptions{})
	count := func(query string) int64 {
		var n int64
		_, text, _ := strings.Cut(csv(t, r, query), "\n")
		if _, err := fmt.Sscan(text, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	history := int64(0)
	for _, name := range []string{"permissions", "persons", "structures", "rules", "tasks", "rule_channels", "task_details", "records", "issue_infos", "details"} {
		history += count("SELECT count(*) FROM base." + name)
	}
	if v.Rows != history || v.Unproven != 0 || v.Snapshots != 3 || v.Files != 3 || v.Pages < 60 {
		t.Errorf("Verify = %+v, want %d rows", v, history)
	}
	// Each file its own snapshot, the newest all: 10 resources of 2 projects.
	if v.Digests != 60+2*20 {
		t.Errorf("%d digests", v.Digests)
	}
	// Without their files snapshots have their digests all the same.
	remove(t, file(st, ids[1]))
	v, lines = verify(t, st, store.VerifyOptions{Journal: &store.JournalFacts{Lines: journalLines(t, r), Digests: journalDigests(t, r),
		Removed: map[string]string{"snapshots/" + ids[1] + ".duckdb": "removed by retention"}}})
	if len(lines) > 0 || v.Digests != 60+20 || len(v.Gone) != 1 {
		t.Errorf("after a file has gone: %+v", v)
	}
	if _, lines = verify(t, st, store.VerifyOptions{}); len(lines) != 1 || !strings.Contains(lines[0], "nothing says why") {
		t.Errorf("a file is missing without a word: %q", lines)
	}
}

func journalLines(t testing.TB, r *store.Reader) map[string]bool {
	lines := map[string]bool{}
	for l := range strings.FieldsSeq(csv(t, r, "SELECT line_sha256 FROM journal")) {
		lines[l] = true
	}
	return lines
}

func journalDigests(t testing.TB, r *store.Reader) map[[2]string]string {
	all := map[[2]string]string{}
	for _, l := range strings.Fields(csv(t, r, "SELECT snapshot_id, project_id, digest FROM snapshots"))[1:] {
		f := strings.Split(l, ",")
		all[[2]string{f[0], f[1]}] = f[2]
	}
	return all
}

// Each kind of harm is named, and nothing else.
func TestVerifyNamesHarm(t *testing.T) {
	base := storetest.Open(t)
	ids := sites(t, base, 2)
	first, last := ids[0], ids[1]
	raw := func(name string) string { return "raw/" + first + "/p1/" + name + ".ndjson.zst" }
	change := func(id, statement string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := storetest.Change(filepath.Join(dir, "snapshots", id+".duckdb"), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, x := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want []string // each in one difference, in order
	}{
		{"flipped byte", func(t *testing.T, dir string) {
			b := content(t, filepath.Join(dir, raw("permissions")))
			b[len(b)/2] ^= 1
			write(t, filepath.Join(dir, raw("permissions")), b)
		}, []string{raw("permissions") + ": "}},
		{"changed page", func(t *testing.T, dir string) {
			path := filepath.Join(dir, raw("persons"))
			text := bytes.Replace(unpack(t, path), []byte(`"person_id":"u3"`), []byte(`"person_id":"u4"`), 1)
			storetest.Land(t, path, strings.TrimSuffix(string(text), "\n"))
		}, []string{raw("persons") + ": does not hold 1 of the rows that persons has from it, such as that of line 1: u3",
			raw("persons") + ": line 1 is not the page that was landed"}},
		{"lost line", func(t *testing.T, dir string) {
			path := filepath.Join(dir, raw("records"))
			lines := strings.Split(strings.TrimSuffix(string(unpack(t, path)), "\n"), "\n")
			storetest.Land(t, path, lines[:len(lines)-1]...)
		}, []string{raw("records") + ": does not hold 1 of the rows", raw("records") + ": line 6 is missing"}},
		{"missing page", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, raw("permissions"))) },
			[]string{raw("permissions") + ": is missing, and nothing says why; "}},
		{"lost calls", func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "snapshots", first+".duckdb"))
			path := filepath.Join(dir, raw("calls"))
			lines := strings.Split(strings.TrimSuffix(string(unpack(t, path)), "\n"), "\n")
			storetest.Land(t, path, slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, `"resource":"persons"`) })...)
		}, []string{raw("persons") + ": 6 rows are from lines of no call", "snapshots/" + first + ".duckdb: is missing"}},
		{"missing folder", func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "raw", last, "p2")) },
			slices.Repeat([]string{"raw/" + last + "/p2/"}, 10)},
		{"foreign file", func(t *testing.T, dir string) { write(t, filepath.Join(dir, "snapshots", "notes.txt"), []byte("x")) },
			[]string{"snapshots/notes.txt: does not belong there"}},
		{"damaged file", func(t *testing.T, dir string) {
			path := filepath.Join(dir, "snapshots", first+".duckdb")
			write(t, path, content(t, path)[:5000])
		}, []string{"snapshots/" + first + ".duckdb: not a readable snapshot"}},
		{"a name that is another's", func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "snapshots", last+".duckdb"), content(t, filepath.Join(dir, "snapshots", first+".duckdb")))
		}, []string{"raw/" + last + ": belongs to no snapshot", "snapshots/" + last + ".duckdb: is not the snapshot of its name"}},
		{"changed row", change(last, "UPDATE x.base.permissions SET auth_end_time = 1 WHERE project_id = 'p1' AND access_auth_id = 'a3' AND first_snapshot = '"+last+"'"),
			[]string{"raw/" + last + "/p1/permissions.ndjson.zst: does not hold 1 of the rows that permissions has from it, such as that of line 1: a3",
				"snapshots/" + last + ".duckdb: permissions of snapshot " + last + ", project p1: digest is "}},
		{"lost row", change(last, "DELETE FROM x.base.persons WHERE project_id = 'p1' AND closed_snapshot = '"+last+"' AND person_id = 'u1'"),
			[]string{"snapshots/" + last + ".duckdb: persons of snapshot " + first + ", project p1: digest is "}},
		{"row closed early", change(last, "UPDATE x.base.structures SET closed_snapshot = '"+last+"' WHERE project_id = 'p1' AND closed_snapshot IS NULL"),
			[]string{"snapshots/" + last + ".duckdb: structures of snapshot " + last + ", project p1: digest is "}},
		{"changed digest", change(first, "UPDATE x.base.digests SET sha256 = repeat('0', 64) WHERE project_id = 'p1' AND resource = 'tasks'"),
			[]string{"snapshots/" + first + ".duckdb: digest of snapshot " + first + ", project p1 is not that", "tasks of snapshot " + first}},
		{"writable file", func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, "snapshots", first+".duckdb"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"snapshots/" + first + ".duckdb: mode 0644 lets it be written"}},
		{"open folder", func(t *testing.T, dir string) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}, []string{".: mode 0755 lets others in"}},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(dir, os.DirFS(base.Dir())); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				if err := os.Chmod(filepath.Join(dir, "snapshots", id+".duckdb"), 0o444); err != nil {
					t.Fatal(err)
				}
			}
			x.do(t, dir)
			st, err := store.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			_, lines := verify(t, st, store.VerifyOptions{})
			ok := len(lines) == len(x.want)
			for i := range lines {
				ok = ok && strings.Contains(lines[i], x.want[i])
			}
			if !ok {
				t.Errorf("differences (-want +got):\n%s", cmp.Diff(x.want, lines))
			}
		})
	}
}

func content(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	remove(t, path)
	if err := os.WriteFile(path, b, 0o444); err != nil {
		t.Fatal(err)
	}
}

func unpack(t testing.TB, path string) []byte {
	t.Helper()
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := z.DecodeAll(content(t, path), nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
