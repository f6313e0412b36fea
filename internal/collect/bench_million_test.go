package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"exporter/internal/sandbox"
	"exporter/internal/store"
)

const publishVariable = "EXPORTER_BENCH_PUBLISH"

// publishing is a job for another process: to load the permissions that have
// landed in a store under the name of Started, and to publish them; or to verify
// the store, which has no journal; or to make a masked copy of its newest snapshot.
type publishing struct {
	Dir     string
	Project string
	Rows    int64
	Started time.Time
	Verify  bool
	Mask    string
}

// command runs the job.
func (p publishing) command(b *testing.B) *exec.Cmd {
	b.Helper()
	job, err := json.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), publishVariable+"="+string(job))
	return cmd
}

func publishLanded(job []byte) error {
	var p publishing
	if err := json.Unmarshal(job, &p); err != nil {
		return err
	}
	ctx := context.Background()
	st, err := store.Open(p.Dir)
	if err != nil {
		return err
	}
	if p.Mask != "" {
		return readMasked(ctx, st, p)
	}
	if p.Verify {
		v, err := st.Verify(ctx, store.VerifyOptions{})
		if err == nil && len(v.Differences) > 0 {
			err = fmt.Errorf("verify: %v", v.Differences)
		}
		return err
	}
	build, err := st.Begin(ctx, store.BuildOptions{Started: p.Started, Resume: time.Hour, ProgramVersion: "bench"})
	if err != nil {
		return err
	}
	loaded, err := build.Load(ctx, p.Project, "permissions")
	if err != nil || loaded.Distinct != p.Rows {
		return errors.Join(fmt.Errorf("loaded %+v", loaded), err)
	}
	_, err = build.Publish(ctx, []store.Project{{
		ID: p.Project, Started: p.Started, Finished: p.Started, ServerTime: p.Started, Verdict: store.Complete,
		Resources: []store.Resource{{Name: "permissions", Verdict: store.Complete, Rows: p.Rows, Distinct: p.Rows, TotalFirst: &p.Rows, TotalLast: &p.Rows}},
	}})
	return err
}

// readMasked makes a masked copy and counts what is in it.
func readMasked(ctx context.Context, st *store.Store, p publishing) error {
	r, err := st.Read(ctx, store.ReadOptions{Mask: p.Mask, Timezone: "UTC"})
	if err != nil {
		return err
	}
	defer r.Close()
	rows, err := r.Query(ctx, "SELECT count(*) FROM permissions", nil)
	if err != nil {
		return err
	}
	defer rows.Close()
	var n int64
	for rows.Next() {
		err = rows.Scan(&n)
	}
	if err = errors.Join(err, rows.Err()); err == nil && n != p.Rows {
		err = fmt.Errorf("the masked copy has %d permissions", n)
	}
	return err
}

// The days of the first and the second collection.
var (
	firstDay  = time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC)
	secondDay = firstDay.AddDate(0, 0, 1)
)

const runLayout = "20060102T150405Z" // how the store names a run

// landed is a list of permissions as the collector lands it, of one generation
// of a site after the other.
type landed struct {
	dir     string
	project string
	rows    int64
}

func landLarge(b *testing.B, persons, generations int) landed {
	b.Helper()
	s := sandbox.New(sandbox.Options{Site: "large", Large: sandbox.Large{Persons: persons, Channels: 50}})
	id, secret, project := s.Credentials()
	all := landed{b.TempDir(), project, int64(persons) * 10}
	reader := site{URL: "https://sandbox.example.com", ClientID: id, ClientSecret: secret, ProjectID: project}.client(b, s.Transport())
	for g := range generations {
		s.SetGeneration(g)
		walkPermissions(b, all.project, all.rows, reader, all.of(g))
	}
	return all
}

func fileOf(data string, day time.Time) string {
	return filepath.Join(data, "snapshots", day.Format(runLayout)+".duckdb")
}

func (l landed) of(generation int) string { return filepath.Join(l.dir, fmt.Sprint(generation)) }

// publish publishes what landed of a generation in a process of its own.
func (l landed) publish(b *testing.B, data string, generation int) spent {
	b.Helper()
	day := firstDay.AddDate(0, 0, generation)
	to := filepath.Join(data, "landing", l.project, day.Format(runLayout))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(l.of(generation))); err != nil {
		b.Fatal(err)
	}
	return run(b, publishing{Dir: data, Project: l.project, Rows: l.rows, Started: day}.command(b))
}

// runs are repeated measurements of one thing.
type runs struct {
	took, cpu []time.Duration
	peak      []float64
}

func (r *runs) add(s spent) {
	r.took, r.cpu, r.peak = append(r.took, s.took), append(r.cpu, s.cpu), append(r.peak, s.peak)
}

// millionFigures measures landed pages to published snapshot, each in a process
// of its own: 1,000,000 permissions into an empty store, then the same with 1 %
// changed, and 3,000,000; and the verification of the store of two.
func millionFigures(b *testing.B, f *figures) {
	const persons, rounds = 100_000, 3
	one, three := landLarge(b, persons, 2), landLarge(b, 3*persons, 1)
	f.section("Landed pages to published snapshot, the whole process, median of 3")
	var first, second, large runs
	var sizes, growth []float64
	data := ""
	for range rounds {
		data = filepath.Join(b.TempDir(), "data")
		first.add(one.publish(b, data, 0))
		second.add(one.publish(b, data, 1))
		large.add(three.publish(b, filepath.Join(b.TempDir(), "data"), 0))
		before, after := fileSize(b, fileOf(data, firstDay)), fileSize(b, fileOf(data, secondDay))
		sizes, growth = append(sizes, before), append(growth, 100*(after/before-1))
	}
	seconds := median(first.took).Seconds()
	speed := float64(one.rows) / seconds
	f.add(speed >= 100_000, "at least 100,000", "1,000,000 rows: rows/s", "%.0f (%.1f s, %.1f s of processor)", speed, seconds, median(first.cpu).Seconds())
	f.add(median(first.peak) < 600, "under 600 MiB", "  peak memory", "%.0f MiB", median(first.peak))
	ratio := float64(three.rows) / median(large.took).Seconds() / speed
	f.add(ratio >= 0.8, "at least 0.8 times", "3,000,000 rows: speed", "%.2f times (%.1f s, %.1f s of processor)", ratio, median(large.took).Seconds(), median(large.cpu).Seconds())
	ratio = median(large.peak) / median(first.peak)
	f.add(ratio <= 1.3, "at most 1.3 times", "  peak memory", "%.2f times (%.0f MiB)", ratio, median(large.peak))
	ratio = median(second.took).Seconds() / seconds
	f.add(ratio < 1.2, "under 1.2 times", "1,000,000 rows again, 1 % changed: time", "%.2f times (%.1f s, %.1f s of processor)", ratio, median(second.took).Seconds(), median(second.cpu).Seconds())
	f.add(median(growth) < 3, "less than 3 %", "  growth of the file", "%.1f %%, at most %.1f %% (of %.1f MiB)", median(growth), slices.Max(growth), median(sizes))
	f.note("  peak memory", "%.0f MiB", median(second.peak))
	for _, mask := range store.Masks[1:] {
		masked := run(b, publishing{Dir: data, Rows: one.rows, Mask: mask}.command(b))
		f.note("masked copy of these, "+mask, "%.1f s, %.1f s of processor, peak %.0f MiB", masked.took.Seconds(), masked.cpu.Seconds(), masked.peak)
	}
	verified := run(b, publishing{Dir: data, Verify: true}.command(b))
	f.note("verify of these two", "%.1f s, %.1f s of processor, peak %.0f MiB", verified.took.Seconds(), verified.cpu.Seconds(), verified.peak)
}
