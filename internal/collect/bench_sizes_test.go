package collect

import (
	"cmp"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"exporter/internal/sandbox"
)

// catalogueMost is the largest size of which every report is made.
const catalogueMost = 1_000_000

// BenchmarkSizes measures each step of the way from the cloud to an auditor at
// sites of several sizes, each step in a process of its own, and prints one table.
// SIZES names other sizes, separated by commas.
func BenchmarkSizes(b *testing.B) {
	program := buildProgram(b)
	t := &sizeTable{taken: map[string]map[int]stepTaken{}}
	for text := range strings.SplitSeq(cmp.Or(os.Getenv("SIZES"), "10000,100000,1000000,3000000"), ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			t.sizes = append(t.sizes, n)
			measureSize(b, t, program, n)
		})
	}
	t.print()
}

// measureSize measures all steps at a site of n permissions.
func measureSize(b *testing.B, t *sizeTable, program string, n int) {
	s := sandbox.New(sandbox.Options{Site: "large", Large: sandbox.Large{Persons: n / 10, Channels: benchChannels, Tasks: 10}})
	cloud := httptest.NewServer(s)
	defer cloud.Close()
	at := site{URL: cloud.URL}
	at.ClientID, at.ClientSecret, at.ProjectID = s.Credentials()
	generation := func(g int) {
		s.SetGeneration(g)
		if err := s.Prepare("access-auth", benchPageSize); err != nil {
			b.Fatal(err)
		}
	}
	dir := b.TempDir()
	generation(0)
	list := job{Dir: filepath.Join(dir, "list"), Project: at.ProjectID, Rows: int64(n), Started: firstDay}
	walk := list
	walk.Walk = &at
	t.add(n, stepWalk, run(b, walk.command(b)), list.landing())
	t.add(n, stepLoad, run(b, list.command(b)), filepath.Join(list.Dir, "snapshots"))

	// The lists take a request for 100 rows; of what takes one for each row some is
	// read. Tie-outs would measure how fast the sandbox filters.
	key := filepath.Join(dir, "key")
	args := writeConfig(b, dir, map[string]any{
		"cloud":    at.section(),
		"collect":  map[string]any{"budget": map[string]any{"run": n/80 + 500}, "tie_outs": 0},
		"evidence": map[string]any{"key": key, "identity": "evidence@example.com"},
	})
	exporter := func(more ...string) spent { return run(b, exec.Command(program, slices.Concat(args, more)...)) }
	from := time.Now().UTC().Format(time.DateOnly)
	for g, name := range []string{stepCollect, stepAgain} {
		generation(g)
		spent := exporter("collect")
		t.add(n, name, spent, newestFile(b, dir))
	}
	newest := newestFile(b, dir)
	exporter("evidence", "keygen", "--out", key, "--identity", "evidence@example.com")
	measureStore(t, n, newest, b.TempDir(), exporter)
	measureEvidence(t, n, from, b.TempDir(), exporter)
	if n <= catalogueMost {
		out := b.TempDir()
		t.add(n, "all reports as xlsx and pdf", exporter("report", "--format", "xlsx,pdf", "--out", out), out)
	}
}

// measureStore measures what reads a store with its newest snapshot in a file: its
// verification, a report of a tenth of the permissions in each format, and SQL.
func measureStore(t *sizeTable, n int, newest, dir string, exporter func(...string) spent) {
	t.add(n, "snapshots verify", exporter("snapshots", "verify"), "")
	for _, format := range []string{"xlsx", "pdf", "html", "csv", "excel-csv", "json", "parquet"} {
		out := filepath.Join(dir, format)
		t.add(n, "report of every tenth as "+format, exporter("report", "expiring-permissions", "--set", "within_days=365", "--format", format, "--out", out), out)
	}
	t.add(n, "masked copy for sql, once a snapshot", exporter("sql", "SELECT 1"), strings.Replace(newest, ".duckdb", ".standard.duckdb", 1))
	for _, q := range []int{0, 2} {
		t.add(n, stepSQL+analystQueries[q].name, medianSpent(3, func() spent { return exporter("sql", "--format", "csv", analystQueries[q].text) }), "")
	}
}

// measureEvidence measures the bundle of two snapshots, which are of a day and today.
func measureEvidence(t *sizeTable, n int, from, dir string, exporter func(...string) spent) {
	to := time.Now().UTC().Format(time.DateOnly)
	created := exporter("evidence", "create", "--from", from, "--to", to, "--mask", "full", "--out", dir,
		"--report", "expiring-permissions", "--report", "failed-issues", "--report", "channel-coverage")
	t.add(n, "evidence create, two snapshots", created, dir)
	t.add(n, "evidence verify, all made again", exporter("evidence", "verify", filepath.Join(dir, "evidence-"+from+"-"+to+"-full.zip")), "")
}

// newestFile is the file of the newest snapshot of the store in dir/data.
func newestFile(b *testing.B, dir string) string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "data", "snapshots", "*Z.duckdb"))
	if err != nil || len(files) == 0 {
		b.Fatalf("%d snapshots, %v", len(files), err)
	}
	return files[len(files)-1]
}

// medianSpent is the middle one of n measurements by their time.
func medianSpent(n int, measure func() spent) spent {
	var all []spent
	for range n {
		all = append(all, measure())
	}
	slices.SortFunc(all, func(a, b spent) int { return cmp.Compare(a.took, b.took) })
	return all[n/2]
}
