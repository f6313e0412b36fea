package collect

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	_ "github.com/duckdb/duckdb-go/v2"

	"exporter/internal/sandbox"
)

// analystQueries are what is asked of a large store, from the simplest on.
var analystQueries = []struct{ name, text string }{
	{"first rows", "SELECT * FROM permissions LIMIT 10"},
	{"count", "SELECT count(*) FROM permissions"},
	{"group", "SELECT access_control_channel_id, card_state, count(*) FROM permissions GROUP BY ALL ORDER BY ALL"},
	{"join", "SELECT p.person_id, count(*) AS n FROM persons AS p JOIN permissions USING (project_id, person_id) GROUP BY ALL ORDER BY n DESC, 1 LIMIT 10"},
	{"sort", "SELECT access_auth_id, auth_end FROM permissions ORDER BY auth_end, access_auth_id LIMIT 100"},
}

// sqlRounds is how often each query is asked.
const sqlRounds = 9

// sqlFigures asks a store of 1,000,000 permissions, of 20,000 of which the detail is
// known, through the program and with DuckDB alone on the same file, each in a process
// of its own of which that for SELECT 1 is taken off; then the copy for analysts.
func sqlFigures(b *testing.B, f *figures, program string) {
	m := newMoving(b, sandbox.Large{Persons: 100_000, Channels: 50, Tasks: 100}, 0)
	m.o.Budget.Run = 30_000
	f.section(fmt.Sprintf("SQL on 1,000,000 permissions, whole processes, median of %d rounds", sqlRounds))
	result, _ := m.collect(b, 0)
	args := writeConfig(b, m.dir, map[string]any{})
	ask := func(query string) time.Duration {
		return run(b, exec.Command(program, append(args, "sql", "--format", "csv", query)...)).took
	}
	ask("SELECT 1") // makes the masked copy
	masked := filepath.Join(m.dir, "data", "snapshots", result.Snapshot+".standard.duckdb")
	// What is compared takes turns, so that a busy machine is so to all of it.
	var starts []time.Duration
	n := len(analystQueries)
	whole, asked, bare := make([][]time.Duration, n), make([][]time.Duration, n), make([][]time.Duration, n)
	for range sqlRounds {
		for i, q := range analystQueries {
			start, took := ask("SELECT 1"), ask(q.text)
			starts = append(starts, start)
			whole[i], asked[i] = append(whole[i], took), append(asked[i], took-start)
			bare[i] = append(bare[i], bareProcess(b, masked, q.text)-bareProcess(b, masked, "SELECT 1"))
		}
	}
	f.note("start-up: SELECT 1", "%.0f ms", ms(median(starts)))
	for i, q := range analystQueries {
		if i == 0 {
			took := median(whole[i])
			f.add(took < 200*time.Millisecond, "under 200 ms", "first row of a simple query, start included", "%.0f ms", ms(took))
		}
		more, alone := ms(median(asked[i])), ms(median(bare[i]))
		f.add(more <= 1.2*alone, "at most 1.2", "  "+q.name+": sql without start-up / bare DuckDB", "%.2f (%.0f ms / %.0f ms)", more/alone, more, alone)
	}
	dir := filepath.Join(b.TempDir(), "analysts")
	published := run(b, exec.Command(program, append(args, "publish", dir)...))
	file := filepath.Join(dir, "analysts.duckdb")
	f.add(published.took < 30*time.Second, "under 30 s", "publish", "%.1f s, %.0f MiB, %.0f MiB of memory", published.took.Seconds(), fileSize(b, file), published.peak)
	for i, q := range analystQueries {
		f.note("  "+q.name+": DuckDB on the published file", "%.0f ms, on the snapshot %.0f ms", ms(bareDuckDB(b, file, q.text)), ms(median(bare[i])))
	}
	clientFigures(b, f, m, program, args, dir)
}

// bareDuckDB is how long DuckDB alone takes for a query on a file, the median of 5.
func bareDuckDB(b *testing.B, file, query string) time.Duration {
	b.Helper()
	return medianOf(5, func() time.Duration { return bareOnce(b, file, query) })
}

// bareVariable tells another process of this program to run a query on a file with
// DuckDB alone.
const bareVariable = "EXPORTER_BENCH_BARE"

// bareProcess is how long a process of its own takes for that, its start included.
func bareProcess(b *testing.B, file, query string) time.Duration {
	b.Helper()
	job, err := json.Marshal([]string{file, query})
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), bareVariable+"="+string(job))
	return run(b, cmd).took
}

func askBare(job []byte) error {
	var p [2]string
	if err := json.Unmarshal(job, &p); err != nil {
		return err
	}
	db, err := sql.Open("duckdb", p[0]+"?access_mode=READ_ONLY&threads=2")
	if err != nil {
		return err
	}
	_, err = drain(context.Background(), db, p[1])
	return err
}

// bareOnce is how long DuckDB alone takes for a query on a file, opened anew.
func bareOnce(b *testing.B, file, query string) time.Duration {
	b.Helper()
	db, err := sql.Open("duckdb", file+"?access_mode=READ_ONLY&threads=2")
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("SELECT 1"); err != nil {
		b.Fatal(err)
	}
	took, err := drain(b.Context(), db, query)
	if err != nil {
		b.Fatal(err)
	}
	return took
}

// drain reads all rows of a query.
func drain(ctx context.Context, db *sql.DB, query string) (time.Duration, error) {
	start := time.Now()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return time.Since(start), rows.Err()
}

func medianOf(n int, measure func() time.Duration) time.Duration {
	var all []time.Duration
	for range n {
		all = append(all, measure())
	}
	return median(all)
}

// clientFigures has twenty clients ask the published file, one of them through the
// program, while another day is collected and published.
func clientFigures(b *testing.B, f *figures, m *moving, program string, args []string, dir string) {
	f.section("Twenty clients, each with a query every 2 s, while a day is collected and published")
	const query = "SELECT card_state, count(*) FROM permissions GROUP BY ALL"
	file := filepath.Join(dir, "analysts.duckdb")
	alone := bareDuckDB(b, file, query)
	done := make(chan struct{})
	var mu sync.Mutex
	var waits []time.Duration
	var failed []error
	var clients sync.WaitGroup
	for i := range 20 {
		clients.Go(func() {
			tick := time.NewTicker(2 * time.Second)
			defer tick.Stop()
			time.Sleep(time.Duration(i) * 100 * time.Millisecond)
			for {
				began := time.Now()
				var err error
				if i == 0 {
					err = exec.Command(program, append(args, "sql", query)...).Run()
				} else {
					err = askOnce(b.Context(), file, query)
				}
				mu.Lock()
				if waits = append(waits, time.Since(began)); err != nil {
					failed = append(failed, err)
				}
				mu.Unlock()
				select {
				case <-done:
					return
				case <-tick.C:
				}
			}
		})
	}
	m.collect(b, 1)
	run(b, exec.Command(program, append(args, "publish", dir)...))
	close(done)
	clients.Wait()
	slices.Sort(waits)
	f.add(len(failed) == 0, "none", "errors", "%d of %d queries %v", len(failed), len(waits), failed)
	longest := waits[len(waits)-1]
	f.add(longest < alone+time.Second, "within 1 s of it", "longest wait, opening included", "%.0f ms; median %.0f ms; alone %.0f ms", ms(longest), ms(median(waits)), ms(alone))
}

// askOnce opens the file, asks and closes it, as a client that comes by does.
func askOnce(ctx context.Context, file, query string) error {
	if _, err := os.Stat(file); err != nil {
		return err
	}
	db, err := sql.Open("duckdb", file+"?access_mode=READ_ONLY&threads=1")
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := drain(ctx, db, query); err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}
