package collect

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

// TestMain lets the benchmarks run this program again for a job, in a process that
// does nothing else.
func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		if err := doJob(context.Background(), []byte(text)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if job := os.Getenv(bareVariable); job != "" {
		if err := askBare([]byte(job)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// figures is the table that make bench ends with.
type figures struct {
	bytes.Buffer
	table *tabwriter.Writer
}

func newFigures() *figures {
	f := &figures{}
	f.table = tabwriter.NewWriter(f, 0, 0, 2, ' ', 0)
	return f
}

// section begins a part of the table, with how busy the machine is.
func (f *figures) section(title string) {
	load, _ := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(load) + " ?")
	fmt.Fprintf(f.table, "\n%s (load of the machine %s)\n", title, fields[0])
}

// add adds a figure that has an aim, and whether it holds.
func (f *figures) add(ok bool, aim, what, format string, values ...any) {
	verdict := "holds"
	if !ok {
		verdict = "MISSED"
	}
	fmt.Fprintf(f.table, "  %s\t%s\t%s\t%s\n", what, fmt.Sprintf(format, values...), aim, verdict)
}

// note adds a figure without an aim.
func (f *figures) note(what, format string, values ...any) {
	fmt.Fprintf(f.table, "  %s\t%s\t\t\n", what, fmt.Sprintf(format, values...))
}

func (f *figures) print() {
	f.table.Flush()
	fmt.Println(f.String())
}

// BenchmarkFigures measures what the program promises of its speed and memory, each
// part beside what it is compared with, and prints all in one table.
func BenchmarkFigures(b *testing.B) {
	f := newFigures()
	program := buildProgram(b)
	b.Run("walk", func(b *testing.B) { walkFigures(b, f, program) })
	b.Run("again", func(b *testing.B) { againFigures(b, f) })
	b.Run("year", func(b *testing.B) { yearFigures(b, f, program) })
	b.Run("catalogue", func(b *testing.B) { catalogueFigures(b, f, program) })
	b.Run("sql", func(b *testing.B) { sqlFigures(b, f, program) })
	b.Run("evidence", func(b *testing.B) { evidenceFigures(b, f, program) })
	f.print()
}

func buildProgram(b *testing.B) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "exporter")
	if out, err := exec.Command("go", "build", "-o", program, "exporter/cmd/exporter").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v: %s", err, out)
	}
	return program
}

// spent is what a process took.
type spent struct {
	took, cpu time.Duration
	peak      float64 // MiB, with the most of each process that it started
	out       []byte
}

// run runs a command to its end.
func run(b *testing.B, cmd *exec.Cmd) spent {
	b.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	peaks := map[string]int64{}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				b.Fatalf("%s: %v: %s", cmd, err, errs.Bytes())
			}
			usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
			cpu := time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
			var peak int64
			for _, kib := range peaks {
				peak += kib
			}
			return spent{time.Since(start), cpu, float64(peak) / (1 << 10), out.Bytes()}
		case <-tick.C:
			notePeaks(peaks, fmt.Sprint(cmd.Process.Pid))
		}
	}
}

// notePeaks notes the most that a process has held, and each that it started, in
// KiB. What wait4 gives begins with that of the process that forked.
func notePeaks(peaks map[string]int64, pid string) {
	text, _ := os.ReadFile("/proc/" + pid + "/status") // it may have ended
	if _, after, ok := strings.Cut(string(text), "VmHWM:"); ok {
		var kib int64
		fmt.Sscan(after, &kib)
		peaks[pid] = max(peaks[pid], kib)
	}
	threads, _ := filepath.Glob("/proc/" + pid + "/task/*/children")
	for _, path := range threads {
		children, _ := os.ReadFile(path)
		for child := range strings.FieldsSeq(string(children)) {
			notePeaks(peaks, child)
		}
	}
}

func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

func median[T int64 | float64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

func fileSize(b *testing.B, path string) float64 {
	b.Helper()
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	return float64(info.Size()) / (1 << 20)
}

// writeConfig writes a configuration of the program, with a store in dir/data, and
// returns the program's arguments.
func writeConfig(b *testing.B, dir string, sections map[string]any) []string {
	b.Helper()
	sections["store"] = map[string]any{"dir": "data", "timezone": "UTC"}
	text, err := json.Marshal(sections)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(dir, "reports.yaml") // YAML holds JSON
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	return []string{"--config", path}
}
