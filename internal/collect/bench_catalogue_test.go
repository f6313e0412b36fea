package collect

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"exporter/internal/sandbox"
)

// catalogueFigures makes every report of the catalogue from the second of two whole
// collections of 100,000 permissions.
func catalogueFigures(b *testing.B, f *figures, program string) {
	m := newMoving(b, sandbox.Large{Persons: 10_000, Channels: 100, Tasks: 1_000}, 0)
	f.section("The catalogue on 100,000 permissions, reports side by side")
	for day := range 2 {
		m.collect(b, day)
	}
	args := append(writeConfig(b, m.dir, map[string]any{}), "report", "--out", filepath.Join(b.TempDir(), "reports"))
	made := run(b, exec.Command(program, append(args, "--format", "xlsx,pdf")...))
	files, err := filepath.Glob(filepath.Join(args[len(args)-1], "*"))
	if err != nil || len(files) == 0 {
		b.Fatalf("%d files, %v", len(files), err)
	}
	f.add(made.took < time.Minute, "under 60 s", "all reports as xlsx and pdf", "%.1f s for %d files, %.1f s of processor", made.took.Seconds(), len(files), made.cpu.Seconds())
	f.note("  peak memory", "%.0f MiB", made.peak)
}
