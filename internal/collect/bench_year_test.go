package collect

import (
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"exporter/internal/cloud"
	"exporter/internal/journal"
	"exporter/internal/sandbox"
	"exporter/internal/store"
)

// moving is a large site, its collector and a clock that both go by.
type moving struct {
	at    time.Time
	site  *sandbox.Server
	store *store.Store
	dir   string
	o     Options
}

func newMoving(b *testing.B, large sandbox.Large, budget int64) *moving {
	b.Helper()
	m := &moving{at: firstDay, dir: b.TempDir()}
	now := func() time.Time { return m.at }
	m.site = sandbox.New(sandbox.Options{Site: "large", Now: now, Large: large})
	var err error
	if m.store, err = store.Open(filepath.Join(m.dir, "data")); err != nil {
		b.Fatal(err)
	}
	_, _, project := m.site.Credentials()
	m.o = Options{
		Projects: []string{project}, PageSize: 200, MaxDrop: 0.2, Budget: Budget{Run: budget},
		ProgramVersion: "bench", Now: now, Log: slog.New(slog.DiscardHandler),
	}
	return m
}

// collect collects the site on a day after the first, which is also its generation.
func (m *moving) collect(b *testing.B, day int) (*Result, time.Duration) {
	b.Helper()
	m.at = firstDay.AddDate(0, 0, day)
	m.site.SetGeneration(day)
	id, secret, _ := m.site.Credentials()
	start := time.Now()
	c := New(m.store, m.o)
	client, err := cloud.New(cloud.Config{
		URL: "https://sandbox.example.com", ClientID: id, ClientSecret: cloud.Secret(secret), Rate: 1e6,
		Parallel: benchParallel, Transport: m.site.Transport(), Now: m.o.Now, Observe: c.Observe,
	})
	if err != nil {
		b.Fatal(err)
	}
	result, err := c.Run(b.Context(), client.Reader())
	if err != nil {
		b.Fatalf("day %d: %v", day, err)
	}
	return result, time.Since(start)
}

func (m *moving) file(r *Result) string {
	return filepath.Join(m.dir, "data", "snapshots", r.Snapshot+".duckdb")
}

// againFigures collects a site whole, and again when 1 % of its permissions have
// changed, and counts what was asked.
func againFigures(b *testing.B, f *figures) {
	m := newMoving(b, sandbox.Large{Persons: 1_000, Channels: 50, Tasks: 100}, 1_000_000)
	f.section("Whole collection of 10,000 permissions and 1,000 records, and again with 1 % changed")
	first, took := m.collect(b, 0)
	before := m.site.Requests()
	second, tookAgain := m.collect(b, 1)
	after := m.site.Requests()
	changed := m.number(b, fmt.Sprintf("SELECT count(*), '' FROM permission_history WHERE first_snapshot = '%s'", second.Snapshot))
	detail := after["access-auth/detail"] - before["access-auth/detail"]
	f.add(detail == changed && changed > 50, "as many as changed", "details asked again", "%d of %d, %d permissions changed", detail, before["access-auth/detail"], changed)
	for _, op := range []string{"access-auth-task/{authTaskId}", "access-auth-task/records", "access-auth-task/actions/issue-info"} {
		again := after[op] - before[op]
		f.add(again == 0 && before[op] > 0, "none", op+" asked again", "%d of %d", again, before[op])
	}
	f.note("requests", "%d, then %d", first.Requests, second.Requests)
	f.note("time", "%.1f s, then %.1f s", took.Seconds(), tookAgain.Seconds())
}

// read opens the newest snapshot.
func (m *moving) read(b *testing.B) *store.Reader {
	b.Helper()
	r, err := m.store.Read(b.Context(), store.ReadOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { r.Close() })
	return r
}

func (m *moving) number(b *testing.B, query string) int64 {
	b.Helper()
	n, _ := number(b, m.read(b), query)
	return n
}

// number runs a query whose only row begins with a number.
func number(b *testing.B, r *store.Reader, query string) (n int64, took time.Duration) {
	b.Helper()
	start := time.Now()
	rows, err := r.Query(b.Context(), query, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var hash any
	if !rows.Next() {
		b.Fatalf("%s: no row: %v", query, rows.Err())
	}
	if err := rows.Scan(&n, &hash); err != nil {
		b.Fatal(err)
	}
	return n, time.Since(start)
}

// benchDays is how many daily snapshots a year has.
const benchDays = 365

// yearFigures collects the lists of a site of 50,000 permissions every day for a
// year, of which 1 % change a day, and removes files as a store with the default
// retention does. The journal has what the program would have written.
func yearFigures(b *testing.B, f *figures, program string) {
	m := newMoving(b, sandbox.Large{Persons: 5_000, Channels: 50, Tasks: 10, Churn: 0.01}, 0)
	f.section(fmt.Sprintf("A year: %d daily collections of 50,000 permissions, 1 %% changed every day", benchDays))
	log := journal.Open(filepath.Join(m.dir, "data", "journal.ndjson"), m.o.Now)
	m.o.Journal = log.Path()
	var sizes [2]float64
	var took []time.Duration
	for day := range benchDays {
		r, t := m.collect(b, day)
		took = append(took, t)
		sizes[1] = fileSize(b, m.file(r))
		if day == 0 {
			sizes[0] = sizes[1]
		}
		m.retain(b, log)
	}
	f.add(sizes[1] < 6*sizes[0], "under 6 times the first", "newest file", "%.1f times (%.1f MiB)", sizes[1]/sizes[0], sizes[1])
	f.note("time of a collection", "%.2f s first, %.2f s last", median(took[1:8]).Seconds(), median(took[benchDays-7:]).Seconds())
	m.timesOfDays(b, f)

	args := writeConfig(b, m.dir, map[string]any{})
	var slowest, cpu time.Duration
	for _, ends := range [][2]int{{benchDays - 2, benchDays - 1}, {200, 230}, {100, 101}, {0, 1}, {0, benchDays - 1}} {
		diff := append(args, "snapshots", "diff", name(ends[0]), name(ends[1]))
		var times []time.Duration
		for range 3 {
			s := run(b, exec.Command(program, diff...))
			times = append(times, s.took)
			cpu = max(cpu, s.cpu)
		}
		slowest = max(slowest, median(times))
	}
	f.add(slowest < 2*time.Second, "under 2 s", "snapshots diff, slowest of five pairs of days", "%.2f s, %.2f s of processor", slowest.Seconds(), cpu.Seconds())
	verified := run(b, exec.Command(program, append(args, "snapshots", "verify")...))
	f.note("snapshots verify, no difference", "%.1f s, %.1f s of processor, peak %.0f MiB", verified.took.Seconds(), verified.cpu.Seconds(), verified.peak)
}

// retain enters the newest snapshot in the journal, and what is removed now.
func (m *moving) retain(b *testing.B, log *journal.Journal) {
	b.Helper()
	list, err := m.store.Snapshots(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	newest := list[len(list)-1]
	if _, err := log.Append("snapshot", map[string]any{"snapshot": newest.ID, "project": newest.Project, "digest": newest.Digest}); err != nil {
		b.Fatal(err)
	}
	old, err := m.store.Prunable(b.Context(), store.Keep{Daily: 14, Monthly: 13, RawDays: 90, Zone: time.UTC, Now: m.at})
	if len(old) > 0 {
		_, logged := log.Append("prune", map[string]any{"files": old})
		err = errors.Join(err, logged, m.store.Remove(old))
	}
	if err != nil {
		b.Fatal(err)
	}
}

func name(day int) string { return firstDay.AddDate(0, 0, day).Format(runLayout) }

// timesOfDays compares reading all permissions of ten days, every column, with
// reading those of today.
func (m *moving) timesOfDays(b *testing.B, f *figures) {
	r := m.read(b)
	const query = "SELECT count(*), bit_xor(hash(p))::VARCHAR FROM %s AS p"
	var current, past []time.Duration
	for i := range 10 {
		_, took := number(b, r, fmt.Sprintf(query, "permissions"))
		current = append(current, took)
		at := firstDay.AddDate(0, 0, i*(benchDays-1)/9).Add(time.Hour)
		n, took := number(b, r, fmt.Sprintf(query, "permissions_at('"+at.Format(time.RFC3339)+"')"))
		if n != 50_000 {
			b.Fatalf("%d permissions at %s", n, at)
		}
		past = append(past, took)
	}
	ratio := median(past).Seconds() / median(current).Seconds()
	f.add(ratio < 2, "under 2 times", "permissions_at, median of ten days", "%.2f times the view of today (%.0f ms)", ratio, ms(median(past)))
}
