package collect

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"exporter/internal/store"
)

// publishedFigures measures the analysts' copy of 1,000,000 permissions: how long it
// takes, with what was there and without, and how long twenty clients, each a process
// with DuckDB for node, wait for an answer while the next is loaded and published.
func publishedFigures(b *testing.B, f *figures, program string) {
	one := landLarge(b, 100_000, 2)
	dir := b.TempDir()
	data, out := filepath.Join(dir, "data"), filepath.Join(dir, "analysts")
	args := append(writeConfig(b, dir, map[string]any{}, 0), "publish", out)
	one.publish(b, data, 0)
	f.section("The analysts' copy of 1,000,000 permissions, the whole process")
	masked := run(b, publishing{Dir: data, Rows: one.rows, Mask: store.MaskPseudonym}.command(b))
	f.note("the masked copy that it is made from", "%.1f s", masked.took.Seconds())
	made := run(b, exec.Command(program, args...))
	f.add(made.took <= 10*time.Second, "at most 10 s", "publish: file and Parquet", "%.1f s, %.1f s of processor", made.took.Seconds(), made.cpu.Seconds())
	f.add(made.peak < 600, "under 600 MiB", "  peak memory", "%.0f MiB", made.peak)
	f.note("  sizes", "analysts.duckdb %.1f MiB, Parquet %.1f MiB, the snapshot %.1f MiB", fileSize(b, filepath.Join(out, "analysts.duckdb")),
		treeSize(b, filepath.Join(out, "parquet")), fileSize(b, fileOf(data, firstDay)))
	again := run(b, exec.Command(program, args...))
	f.note("publish again, no Parquet file changed", "%.1f s, %.1f s of processor", again.took.Seconds(), again.cpu.Seconds())

	clients := startReaders(b, 20, filepath.Join(out, "analysts.duckdb"))
	for clients.answers() < 20 { // until all are there
		time.Sleep(100 * time.Millisecond)
	}
	clients.longest()
	time.Sleep(10 * time.Second)
	alone := clients.longest()
	one.publish(b, data, 1)
	run(b, exec.Command(program, args...))
	during := clients.longest()
	reads, failed := clients.stop()
	f.add(failed == nil, "none", "twenty clients meanwhile: errors", "%v in %d queries", failed, reads)
	f.add(during < alone+time.Second, "at most 1 s more", "  the longest wait", "%.2f s (alone %.2f s)", during.Seconds(), alone.Seconds())
}

func treeSize(b *testing.B, dir string) (size float64) {
	b.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			size += fileSize(b, path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// readers are clients that ask for a person's permissions again and again, each time
// of the file as it is then.
type readers struct {
	mu     sync.Mutex
	done   bool
	most   time.Duration
	reads  int
	failed error
	wait   sync.WaitGroup
}

func startReaders(b *testing.B, n int, file string) *readers {
	b.Helper()
	modules, err := filepath.Abs("../../.tools/clients")
	if err != nil {
		b.Fatal(err)
	}
	question, err := json.Marshal(map[string]any{"file": file, "sql": []string{
		"SELECT card_state, count(*) FROM permissions WHERE person_id = (SELECT max(person_id) FROM persons) GROUP BY ALL ORDER BY ALL"}})
	if err != nil {
		b.Fatal(err)
	}
	r := new(readers)
	for range n {
		cmd := exec.Command("node", "../../cmd/exporter/testdata/clients/duckdb.mjs", modules, "duckdb-today")
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			b.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			b.Fatalf("%v (make test-tools installs it)", err)
		}
		r.wait.Go(func() {
			answers := bufio.NewReader(out)
			for r.ask(func() (string, error) {
				fmt.Fprintf(in, "%s\n", question)
				return answers.ReadString('\n')
			}) {
				time.Sleep(time.Second)
			}
			in.Close()
			if err := cmd.Wait(); err != nil {
				b.Error(err)
			}
		})
	}
	return r
}

// ask asks once and says whether to go on.
func (r *readers) ask(ask func() (string, error)) bool {
	began := time.Now()
	answer, err := ask()
	took := time.Since(began)
	if err == nil && strings.Contains(answer, `"error"`) {
		err = fmt.Errorf("%s", answer)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = max(r.most, took)
	r.reads++
	if err != nil {
		r.failed = err
	}
	return err == nil && !r.done
}

// longest is the longest wait since it was asked last.
func (r *readers) longest() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := r.most
	r.most = 0
	return most
}

func (r *readers) answers() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads
}

func (r *readers) stop() (reads int, failed error) {
	r.mu.Lock()
	r.done = true
	r.mu.Unlock()
	r.wait.Wait()
	return r.reads, r.failed
}
