package reports

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"exporter/internal/sandbox"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// siteAt is when the sites of these tests are collected.
var siteAt = time.Date(2026, 3, 31, 5, 0, 0, 0, time.UTC)

const siteZone = "Asia/Shanghai"

// lines renders values as JSON rows.
func lines[T any](t testing.TB, values ...T) []string {
	t.Helper()
	rows := make([]string, len(values))
	for i, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		rows[i] = string(b)
	}
	return rows
}

// siteOf is a sandbox's site as it would be landed when all of it was read.
func siteOf(t testing.TB, st sandbox.State) storetest.Site {
	t.Helper()
	rows := map[string]map[string][]string{
		"permissions":   {"": lines(t, st.Permissions...)},
		"persons":       {"": lines(t, st.Persons...)},
		"structures":    {"": lines(t, st.Structures...)},
		"rules":         {"": lines(t, st.Rules...)},
		"tasks":         {"": lines(t, st.Tasks...)},
		"rule_channels": {}, "task_details": {}, "records": {}, "issue_infos": {}, "details": {},
	}
	for _, r := range st.Rules {
		if r.RelationType == 1 {
			rows["rule_channels"][r.AuthRelationID] = lines(t, st.RuleChannels[r.AuthRelationID]...)
		}
	}
	for id, d := range st.TaskDetails {
		rows["task_details"][id] = lines(t, d)
	}
	for id, records := range st.Records {
		rows["records"][id] = lines(t, records...)
	}
	for id, i := range st.IssueInfos {
		rows["issue_infos"][id] = lines(t, i)
	}
	for id, d := range st.Details {
		rows["details"][id] = lines(t, d)
	}
	return storetest.Site{Project: "1424615984265764001", At: siteAt, Rows: rows}
}

// sites are the stores that readers share, each of one site, by what the site holds.
var sites = struct {
	sync.Mutex
	dir    string
	stores map[string]*store.Store
}{stores: map[string]*store.Store{}}

func TestMain(m *testing.M) {
	flag.Parse()
	var err error
	if sites.dir, err = os.MkdirTemp("", "sites"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(sites.dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// reader opens a store that has just this site. It is published once, since nothing
// that reads it changes it; one with a journal, which may change, each time.
func reader(t testing.TB, site storetest.Site) *store.Reader {
	t.Helper()
	if site.Journal != "" {
		return ownReader(t, site)
	}
	sites.Lock()
	defer sites.Unlock()
	key := fmt.Sprintf("%+v", site) // maps are printed in the order of their keys
	st := sites.stores[key]
	if st == nil {
		var err error
		if st, err = store.Open(filepath.Join(sites.dir, fmt.Sprint(len(sites.stores)))); err != nil {
			t.Fatal(err)
		}
		storetest.Publish(t, st, site)
		sites.stores[key] = st
	}
	return readerOf(t, st)
}

// ownReader publishes a site in a store of the test and opens it.
func ownReader(t testing.TB, site storetest.Site) *store.Reader {
	t.Helper()
	st := storetest.Open(t)
	storetest.Publish(t, st, site)
	return readerOf(t, st)
}

// readerOf sees the newest snapshot of a store.
func readerOf(t testing.TB, st *store.Store) *store.Reader {
	t.Helper()
	return maskedReader(t, st, store.MaskFull)
}

// maskedReader sees it with a mask.
func maskedReader(t testing.TB, st *store.Store, mask string) *store.Reader {
	t.Helper()
	r, err := st.Read(t.Context(), store.ReadOptions{Timezone: siteZone, Mask: mask})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// makeReport makes one of the built-in reports.
func makeReport(t testing.TB, r *store.Reader, name string, params map[string]any) *Report {
	t.Helper()
	for _, d := range Builtin() {
		if d.Name == name {
			p, err := Run(t.Context(), r, d, Options{Params: params, ProgramVersion: "v0.0.0-test", Timezone: siteZone})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatalf("no report %s", name)
	return nil
}

// queryDir is a folder of queries, by file name.
func queryDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
