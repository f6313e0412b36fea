package collect

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"exporter/internal/journal"
	"exporter/internal/sandbox"
)

// evidenceDays is how many daily snapshots are sealed.
const evidenceDays = 90

// evidenceFigures seals three reports of a store of daily snapshots, 1 % of whose
// permissions change every day, with the raw pages as they landed, and verifies the
// bundle.
func evidenceFigures(b *testing.B, f *figures, program string) {
	m := newMoving(b, sandbox.Large{Persons: 5_000, Channels: 50, Tasks: 10, Churn: 0.01}, 0)
	f.section(fmt.Sprintf("Evidence: %d daily snapshots of 50,000 permissions, three reports, raw pages as landed", evidenceDays))
	log := journal.Open(filepath.Join(m.dir, "data", "journal.ndjson"), m.o.Now)
	m.o.Journal = log.Path()
	for day := range evidenceDays {
		m.collect(b, day)
		list, err := m.store.Snapshots(b.Context())
		if err == nil {
			newest := list[len(list)-1]
			_, err = log.Append("snapshot", map[string]any{"snapshot": newest.ID, "project": newest.Project, "digest": newest.Digest})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	key := filepath.Join(m.dir, "key")
	args := writeConfig(b, m.dir, map[string]any{"evidence": map[string]any{"key": key, "identity": "evidence@example.com"}})
	exporter := func(more ...string) spent {
		return run(b, exec.Command(program, slices.Concat(args, []string{"evidence"}, more)...))
	}
	exporter("keygen", "--out", key, "--identity", "evidence@example.com")
	from, to := firstDay.Format(time.DateOnly), firstDay.AddDate(0, 0, evidenceDays-1).Format(time.DateOnly)
	out := filepath.Join(m.dir, "evidence")
	created := exporter("create", "--from", from, "--to", to, "--mask", "full", "--out", out,
		"--report", "expiring-permissions", "--report", "failed-issues", "--report", "channel-coverage")
	bundle := filepath.Join(out, "evidence-"+from+"-"+to+"-full.zip")
	f.add(created.took < time.Minute, "under 60 s", "create", "%.1f s, %.1f s of processor, zip %.0f MiB", created.took.Seconds(), created.cpu.Seconds(), fileSize(b, bundle))
	f.add(created.peak < 600, "under 600 MiB", "  peak memory", "%.0f MiB", created.peak)
	files := exporter("verify", "--without-reports", bundle)
	f.add(files.took < 30*time.Second, "under 30 s", "verify, without making reports again", "%.1f s, %.1f s of processor", files.took.Seconds(), files.cpu.Seconds())
	again := exporter("verify", bundle)
	f.note("verify, all made again", "%.1f s, %.1f s of processor", again.took.Seconds(), again.cpu.Seconds())
	peak := max(files.peak, again.peak)
	f.add(peak < 600, "under 600 MiB", "  peak memory", "%.0f MiB", peak)
}
