package store_test

import (
	"bytes"
	stdcsv "encoding/csv"
	"encoding/json"
	"fmt"
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

// fourDays publishes four days of two projects: a1 stays, a2 goes on day 2, a3 on
// day 3, a4 comes on day 4.
func fourDays(t *testing.T) (*store.Store, []string) {
	t.Helper()
	st := storetest.Open(t)
	var ids []string
	for n, there := range [][]string{{"a1", "a2", "a3"}, {"a1", "a3"}, {"a1"}, {"a1", "a4"}} {
		var sites []storetest.Site
		for _, project := range []string{"p1", "p/2"} {
			var permissions []string
			for _, id := range there {
				permissions = append(permissions, permissionRow(id, "u"+id, "c1", ""))
			}
			sites = append(sites, storetest.Site{Project: project, At: day(n + 1), Rows: rows{"permissions": list(permissions...),
				"details": {"a1": {fmt.Sprintf(`{"person_id":"ua1","auth_card_num":%d}`, n)}}}})
		}
		ids = append(ids, storetest.Publish(t, st, sites...))
	}
	return st, ids
}

func rawFiles(t *testing.T, st *store.Store, from, to time.Time, snapshot, project string) []store.EvidenceFile {
	t.Helper()
	files, err := st.RawFiles(t.Context(), from, to, snapshot, project)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestEvidence(t *testing.T) {
	st, ids := fourDays(t)
	t.Run("files", func(t *testing.T) { evidenceFiles(t, st, ids) })
	t.Run("calls", func(t *testing.T) { evidenceCalls(t, st, ids) })
	t.Run("gone", func(t *testing.T) { evidenceGone(t, st, ids) })
}

// The files behind a period are those of its own collections, and of earlier ones
// those that its rows came from: not what was over before.
func evidenceFiles(t *testing.T, st *store.Store, ids []string) {
	all := []string{"calls 0", "details 1", "permissions 0", "persons 0", "rules 0", "structures 0", "tasks 0", "walks 0"}
	with := func(permissions string) []string {
		list := slices.Clone(all)
		list[2] = permissions
		return list
	}
	const noon = 12 * time.Hour
	for name, tt := range map[string]struct {
		from, to time.Time
		snapshot string
		want     [4][]string
	}{
		// What was current when day 3 began are a1 and a3, both landed on day 1, and
		// the detail of day 2.
		"the last two days": {day(3).Add(-noon), day(4).Add(noon), ids[3],
			[4][]string{{"calls 0", "permissions 2", "walks 0"}, {"calls 0", "details 1", "walks 0"}, all, with("permissions 1")}},
		"days 3 and 4, as the snapshot of day 3 knew them": {day(3).Add(-noon), day(4).Add(noon), ids[2],
			[4][]string{{"calls 0", "permissions 2", "walks 0"}, {"calls 0", "details 1", "walks 0"}, all, nil}},
		"all": {day(1).Add(-noon), day(4).Add(noon), ids[3],
			[4][]string{with("permissions 3"), all, all, with("permissions 1")}},
		"between two collections": {day(2).Add(noon), day(2).Add(noon), ids[3],
			[4][]string{{"calls 0", "permissions 2", "walks 0"}, {"calls 0", "details 1", "walks 0"}, nil, nil}},
		"from the very time of one to that of the next": {day(2).Add(30 * time.Second), day(3).Add(30 * time.Second), ids[3],
			[4][]string{{"calls 0", "permissions 2", "walks 0"}, all, nil, nil}},
		"before the first": {day(1).Add(-2 * noon), day(1).Add(-noon), ids[3], [4][]string{}},
	} {
		for project, folder := range map[string]string{"p1": "p1", "p/2": "p%2F2"} {
			t.Run(name+" "+folder, func(t *testing.T) {
				got := [4][]string{}
				for _, f := range rawFiles(t, st, tt.from, tt.to, tt.snapshot, project) {
					i := slices.Index(ids, f.Snapshot)
					got[i] = append(got[i], fmt.Sprintf("%s %d", f.Resource, f.Rows))
					if want := f.Snapshot + "/" + folder + "/" + f.Resource + ".ndjson.zst"; f.Path != want || f.Project != project || !f.There {
						t.Errorf("%+v: its path is not %s, or it is not there", f, want)
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("mismatch (-want +got):\n%s", diff)
				}
			})
		}
	}
	both := rawFiles(t, st, day(1), day(5), ids[3], "")
	if one := rawFiles(t, st, day(1), day(5), ids[3], "p1"); len(both) != 2*len(one) || !slices.IsSortedFunc(both, func(a, b store.EvidenceFile) int {
		return strings.Compare(a.Path, b.Path)
	}) {
		t.Errorf("%d files of both projects, %d of one, or not in order", len(both), len(one))
	}
	if _, err := st.RawFiles(t.Context(), day(1), day(5), "20200101T000000Z", ""); err == nil {
		t.Error("the files of an unknown snapshot were listed")
	}
}

// A file that is gone is named all the same, and one that nobody knows of too,
// whatever signs the store's path has.
func evidenceGone(t *testing.T, st *store.Store, ids []string) {
	remove(t, filepath.Join(st.Dir(), "raw", ids[0]))
	storetest.Land(t, filepath.Join(st.Dir(), "raw", ids[3], "p1", "tie_outs.ndjson.zst"), `{"line":1,"response":{}}`)
	dir := filepath.Join(t.TempDir(), `store [1]*\`)
	if err := os.CopyFS(dir, os.DirFS(st.Dir())); err != nil {
		t.Fatal(err)
	}
	st, err := store.OpenToRead(dir)
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]bool{}
	for _, f := range rawFiles(t, st, day(3), day(5), ids[3], "p1") {
		state[f.Path] = f.There
	}
	for path, there := range map[string]bool{ids[0] + "/p1/permissions.ndjson.zst": false, ids[0] + "/p1/calls.ndjson.zst": false,
		ids[2] + "/p1/permissions.ndjson.zst": true, ids[3] + "/p1/tie_outs.ndjson.zst": true} {
		if got, listed := state[path]; !listed || got != there {
			t.Errorf("%s: listed %v, there %v, want %v", path, listed, got, there)
		}
	}
}

// The ledger of calls has every line of every file of calls, as it is.
func evidenceCalls(t *testing.T, st *store.Store, ids []string) {
	failed := `{"resource":"tasks","operation":"op","walk":1,"page":3,"key":"","line":null,"tid":"","t":0,"http_status":502,"code":0,"rows":0,"ms":9,"attempt":2,"body_sha256":"","landed_sha256":""}`
	calls := filepath.Join(st.Dir(), "raw", ids[3], "p1", "calls.ndjson.zst")
	storetest.Land(t, calls, strings.TrimSpace(string(unpack(t, calls))), failed)
	files := rawFiles(t, st, day(3), day(5), ids[3], "")
	var b bytes.Buffer
	if err := st.WriteCalls(t.Context(), files, nil, &b); err != nil {
		t.Fatal(err)
	}
	got, err := stdcsv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{strings.Fields("snapshot project resource operation walk page key line tid t time http_status code rows ms attempt body_sha256 landed_sha256")}
	for _, f := range files {
		if f.Resource != "calls" {
			continue
		}
		for line := range strings.Lines(string(unpack(t, filepath.Join(st.Dir(), "raw", f.Path)))) {
			var v map[string]any
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber()
			if err := d.Decode(&v); err != nil {
				t.Fatal(err)
			}
			v["snapshot"], v["project"] = f.Snapshot, f.Project
			// Noon of the day, as the fixture has it.
			at, err := time.Parse("20060102T150405Z", f.Snapshot)
			if err != nil {
				t.Fatal(err)
			}
			if v["time"] = at.Format("2006-01-02T15:04:05") + ".000Z"; v["http_status"] == json.Number("502") {
				v["time"], v["t"] = nil, nil
			}
			var row []string
			for _, name := range want[0] {
				text := ""
				if v[name] != nil {
					text = fmt.Sprint(v[name])
				}
				row = append(row, text)
			}
			want = append(want, row)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if len(got) < 30 {
		t.Errorf("only %d lines", len(got))
	}
	if err := os.WriteFile(calls, []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := st.WriteCalls(t.Context(), files, nil, &b); err == nil || !strings.Contains(err.Error(), ids[3]+"/p1/calls") {
		t.Errorf("a damaged file of calls: %v", err)
	}
}

// What a program with an earlier schema landed is listed and masked too.
func TestEvidenceOfAnOlderStore(t *testing.T) {
	st := old(t, 1)
	m := pageMasker(t, st, oldIDs[3], store.MaskPseudonym)
	files := rawFiles(t, st, day(1), day(1).AddDate(2, 0, 0), oldIDs[3], "")
	var n int64
	for _, f := range files {
		if !f.There {
			t.Errorf("%s is not there", f.Path)
			continue
		}
		n += f.Rows
		lines := fileLines(t, rawPath(st, f))
		if got := maskLines(t, m, f, lines...); len(got) != len(lines) {
			t.Errorf("%s: %d lines, want %d", f.Path, len(got), len(lines))
		}
	}
	if len(files) < 30 || n < 81 {
		t.Errorf("%d files and %d rows", len(files), n)
	}
}

// Who was purged is in no masked page of what landed before, whatever still has it.
func pagesOfThePurged(t *testing.T, st *store.Store, ids []string) {
	kept := map[string][]string{}
	files := rawFiles(t, st, day(1), day(3), ids[1], "p1")
	for _, f := range files {
		kept[f.Path] = fileLines(t, rawPath(st, f))
	}
	p, err := st.Purge(t.Context(), store.PurgeOptions{Person: siteIDs[2], Project: "p1", Started: day(4), ProgramVersion: "test",
		Journal: filepath.Join(st.Dir(), "journal.ndjson")})
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Remove(p.Files); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(rawPath(st, files[0])); err != nil {
		t.Fatal(err) // calls stay
	}
	m := pageMasker(t, st, p.Snapshot, store.MaskPseudonym)
	for _, f := range files {
		is := strings.Join(maskLines(t, m, f, kept[f.Path]...), "\n")
		if found := hold([]byte(is), secrets(store.MaskPseudonym)); len(found) > 0 {
			t.Errorf("%s: %q", f.Path, found)
		}
	}
}
