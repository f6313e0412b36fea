// Package storetest makes small snapshots by hand, for tests of what reads
// them. It lands rows as a collection would, and publishes them.
package storetest

import (
	"archive/tar"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"exporter/internal/store"
)

// Site is what one project holds at one time. Rows has JSON objects by
// resource and by what was asked: "" for permissions, persons, structures,
// rules and tasks; a rule's id for rule_channels; a task's for task_details and
// records; a record's for issue_infos; a permission's for details. A list that
// is not in Rows was walked and is empty.
type Site struct {
	Project string
	At      time.Time
	Rows    map[string]map[string][]string

	Partial   []string          // lists whose walk was not whole; their rows land all the same
	Registers map[string]string // table -> text of its file; read from the first site
	Journal   string            // path of the journal; read from the first site
}

// lists are the resources that are walked as a whole.
var lists = []string{"permissions", "persons", "structures", "rules", "tasks"}

// each are the resources that are asked one by one.
var each = []string{"rule_channels", "task_details", "records", "issue_infos", "details"}

// Open opens a new store in a directory of the test.
func Open(t testing.TB) *store.Store {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// Publish publishes one snapshot of the sites, one for each project, that was
// begun at the time of the first, and returns its id.
func Publish(t testing.TB, st *store.Store, sites ...Site) string {
	t.Helper()
	b, projects := Load(t, st, sites...)
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	return b.ID()
}

// Load is [Publish] without its end: the sites have landed and are loaded.
func Load(t testing.TB, st *store.Store, sites ...Site) (*store.Build, []store.Project) {
	t.Helper()
	registers := map[string]string{}
	for table, text := range sites[0].Registers {
		path := filepath.Join(t.TempDir(), table+".csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		registers[table] = path
	}
	b, err := st.Begin(t.Context(), store.BuildOptions{
		Started: sites[0].At, ProgramVersion: "test", Registers: registers, Journal: sites[0].Journal,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Discard(); err != nil {
			t.Error(err)
		}
	})
	var projects []store.Project
	for _, s := range sites {
		projects = append(projects, load(t, b, s))
	}
	return b, projects
}

func load(t testing.TB, b *store.Build, s Site) store.Project {
	t.Helper()
	p := store.Project{ID: s.Project, Started: s.At, Finished: s.At.Add(time.Minute), ServerTime: s.At.Add(30 * time.Second), Verdict: store.Complete}
	l := &landing{t: t, dir: b.Landing(s.Project), site: s}
	for _, name := range lists {
		p.Resources = append(p.Resources, l.list(name))
	}
	for _, name := range each {
		p.Resources = append(p.Resources, l.each(name))
	}
	l.write("walks", l.walks)
	l.write("calls", l.calls)
	for i := range p.Resources {
		x := &p.Resources[i]
		if x.Verdict == store.Partial {
			p.Verdict = store.Partial
		}
		loaded, err := b.Load(t.Context(), s.Project, x.Name)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(lists, x.Name) && x.Verdict == store.Complete {
			x.Distinct = loaded.Distinct
			x.Duplicates = x.Rows - x.Distinct
			x.TotalFirst, x.TotalLast = &loaded.Distinct, &loaded.Distinct
		}
	}
	return p
}

// Change runs a statement on the file of a snapshot, which is attached as x, as
// somebody would who means harm.
func Change(path, statement string) (err error) {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	// The driver has its name from the store.
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), os.Chmod(path, 0o444)) }()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("ATTACH '" + strings.ReplaceAll(path, "'", "''") + "' AS x"); err != nil {
		return err
	}
	if _, err := db.Exec(statement); err != nil {
		return err
	}
	_, err = db.Exec("DETACH x")
	return err
}

// landing writes the files of one project.
type landing struct {
	t            testing.TB
	dir          string
	site         Site
	walks, calls []string
}

func (l *landing) list(name string) store.Resource {
	x := store.Resource{Name: name, Verdict: store.Complete}
	if slices.Contains(l.site.Partial, name) {
		x.Verdict, x.Problem = store.Partial, "walk was broken off"
	}
	asked := l.site.Rows[name]
	if asked == nil {
		asked = map[string][]string{"": nil}
	}
	l.land(name, asked, &x)
	return x
}

func (l *landing) each(name string) store.Resource {
	x := store.Resource{Name: name, Verdict: store.Complete}
	l.land(name, l.site.Rows[name], &x)
	return x
}

// land writes one page of each key, and its walk.
func (l *landing) land(name string, asked map[string][]string, x *store.Resource) {
	l.t.Helper()
	if len(asked) == 0 {
		return
	}
	var pages []string
	for i, key := range slices.Sorted(maps.Keys(asked)) {
		body := Body(name, asked[key], l.site.At)
		pages = append(pages, fmt.Sprintf(`{"line":%d,"walk":1,"page":1,"key":%s,"response":%s}`, i+1, text(key), body))
		l.walks = append(l.walks, fmt.Sprintf(`{"resource":%s,"key":%s,"walk":1,"verdict":%s,"pages":1,"total_first":%[4]d,"total_last":%[4]d,"rows":%[4]d,"distinct_rows":%[4]d,"duplicates":0,"problem":%s}`,
			text(name), text(key), text(x.Verdict), len(asked[key]), text(x.Problem)))
		sum := sha256.Sum256([]byte(body))
		l.calls = append(l.calls, fmt.Sprintf(`{"resource":%s,"operation":%[1]s,"walk":1,"page":1,"key":%s,"line":%d,"tid":"%032x","t":%d,"http_status":200,"code":0,"rows":%d,"ms":1,"attempt":1,"body_sha256":"%[7]s","landed_sha256":"%[7]s"}`,
			text(name), text(key), i+1, i+1, l.site.At.UnixMilli(), len(asked[key]), hex.EncodeToString(sum[:])))
		x.Pages++
		x.Rows += int64(len(asked[key]))
		x.Distinct += int64(len(asked[key]))
	}
	l.write(name, pages)
}

func (l *landing) write(name string, lines []string) {
	l.t.Helper()
	if len(lines) == 0 {
		return
	}
	Land(l.t, filepath.Join(l.dir, name+".ndjson.zst"), lines...)
}

// Land writes lines to a landed file, as one zstd frame.
func Land(t testing.TB, path string, lines ...string) {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	content := w.EncodeAll([]byte(strings.Join(lines, "\n")+"\n"), nil)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Unpack writes the files of an archive, as those in internal/store/testdata
// are, into a directory, which it makes.
func Unpack(archive, dir string) (err error) {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		return err
	}
	defer z.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeDir {
			if err := root.MkdirAll(filepath.Clean(h.Name), 0o700); err != nil {
				return err
			}
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if err := root.WriteFile(h.Name, text, h.FileInfo().Mode().Perm()); err != nil {
			return err
		}
	}
}

// Body is a response that holds rows of a resource.
func Body(name string, rows []string, at time.Time) string {
	// As the collector does: a landed page is one line.
	list := "[" + strings.ReplaceAll(strings.Join(rows, ","), "\n", " ") + "]"
	n := len(rows)
	var result string
	switch name {
	case "structures":
		result = list
	case "task_details", "issue_infos", "details":
		result = strings.TrimSuffix(strings.TrimPrefix(list, "["), "]")
	case "records":
		result = fmt.Sprintf(`{"total_num":%[1]d,"success_num":0,"record_list_vo_list":{"total":%[1]d,"list":%s}}`, n, list)
	case "rule_channels":
		result = fmt.Sprintf(`{"total":%d,"channel_list_vo_list":%s}`, n, list)
	default:
		result = fmt.Sprintf(`{"list":%s,"total":%d}`, list, n)
	}
	return fmt.Sprintf(`{"result":%s,"success":true,"t":%d}`, result, at.UnixMilli())
}

func text(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string is always valid
	}
	return string(b)
}
