package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"exporter/internal/journal"
	"exporter/internal/store"
)

// runConfined is the program `confined FILE OUTSIDE`: it gives up its rights as the
// process that asks about FILE does, and prints what it can still do.
func runConfined() {
	file, outside := os.Args[1], os.Args[2]
	before, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = confine(queryRights(request{Place: store.Place{File: file}, Timeout: time.Second}))
	}
	if err != nil {
		fmt.Println("confine:", err)
		os.Exit(1)
	}
	write := func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }
	for _, try := range []struct {
		name string
		do   func() error
	}{
		{"read the file", func() error { _, err := os.ReadFile(file); return err }},
		{"write here", func() error { return write("x") }},
		{"read another file", func() error { _, err := os.ReadFile(filepath.Join(outside, "canary")); return err }},
		{"read /etc/passwd", func() error { _, err := os.ReadFile("/etc/passwd"); return err }},
		{"read its environment", func() error { _, err := os.ReadFile("/proc/self/environ"); return err }},
		{"list a folder", func() error { _, err := os.ReadDir(outside); return err }},
		{"write the file", func() error { return write(file) }},
		{"write another file", func() error { return write(filepath.Join(outside, "new")) }},
		{"remove a file", func() error { return os.Remove(filepath.Join(outside, "canary")) }},
		{"link a file", func() error { return os.Link(filepath.Join(outside, "canary"), "linked") }},
		{"resolve a link", func() error { _, err := os.Readlink("/proc/self/exe"); return err }},
		{"connect", func() error { _, err := net.Dial("tcp", before.Addr().String()); return err }},
		{"send a datagram", func() error { _, err := net.Dial("udp", "127.0.0.1:9"); return err }},
		{"connect to a local socket", func() error { _, err := net.Dial("unix", filepath.Join(outside, "socket")); return err }},
		{"run a program", func() error { return exec.CommandContext(context.Background(), "/bin/true").Run() }},
		{"run itself", func() error { return syscall.Exec("/proc/self/exe", []string{"exporter", "version"}, nil) }},
		{"signal its parent", func() error { return syscall.Kill(os.Getppid(), 0) }},
		{"write more than 4 GiB", func() error { return writeAt("x", 5<<30) }},
		{"write less than 4 GiB", func() error { return writeAt("x", 3<<30) }},
		{"map 3 GiB", func() error { return mapMemory(3 << 30) }},
		{"map 256 MiB", func() error { return mapMemory(256 << 20) }},
		{"open 100 files", openMany},
	} {
		said := "can"
		if try.do() != nil {
			said = "cannot"
		}
		fmt.Println(said, try.name)
	}
}

func writeAt(path string, at int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte("x"), at)
	return err
}

func mapMemory(bytes int) error {
	b, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	return unix.Munmap(b)
}

func openMany() error {
	for range 100 {
		if _, err := os.Open("x"); err != nil {
			return err
		}
	}
	return nil
}

// The operating system keeps a query's process from what it does not need, whatever
// DuckDB lets it do.
func TestSQLConfined(t *testing.T) {
	t.Parallel()
	if version, err := ll.LandlockGetABIVersion(); err != nil || version < 1 {
		t.Fatalf("this machine cannot show it: Landlock is wanted (Linux 5.13, started with landlock in lsm=), it has version %d: %v", version, err)
	}
	dir, outside := t.TempDir(), t.TempDir()
	file := filepath.Join(outside, "file")
	for _, path := range []string{file, filepath.Join(outside, "canary")} {
		if err := os.WriteFile(path, []byte(canary), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(outside, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, file, outside)
	cmd.Args[0], cmd.Dir = "confined", dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	may := map[string]bool{"read the file": true, "write here": true, "write less than 4 GiB": true, "map 256 MiB": true}
	tried := 0
	for line := range strings.Lines(string(out)) {
		said, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if want := may[name]; (said == "can") != want {
			t.Errorf("a query's process %s %s", said, name)
		}
		tried++
	}
	if tried != 22 {
		t.Errorf("%d things were tried:\n%s", tried, out)
	}
}

// endless is a query that runs until it is ended.
const endless = "SELECT count(*) FROM range(1000000000000)"

// start starts a query that does not end, and returns when it runs.
func (s *harmSite) start() (*exec.Cmd, int) {
	s.t.Helper()
	cmd := s.command(s.t.Context(), nil, "sql", "--timeout", "10m", endless)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(10 * time.Millisecond) {
		for _, path := range s.left() {
			pid, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(path, "/proc/"), "/cwd"))
			if err != nil {
				continue
			}
			// What DuckDB makes is there once it runs.
			if made, _ := filepath.Glob(filepath.Join(path, "tmp")); len(made) > 0 {
				return cmd, pid
			}
		}
	}
	s.t.Fatalf("the query does not run: %v", cmd.Stderr)
	return nil, 0
}

// gone waits until nothing of queries is left, or with kept only their folders.
func (s *harmSite) gone(kept bool) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < 2*time.Minute; time.Sleep(10 * time.Millisecond) {
		left := 0
		for _, path := range s.left() {
			if !kept || strings.HasPrefix(path, "/proc/") {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
	s.t.Fatalf("after two minutes there is %q", s.left())
}

// Every query that ran has its entry however it ended, and the journal's chain holds.
func TestSQLJournal(t *testing.T) {
	t.Parallel()
	s := newHarmSite(t)
	had := len(s.entries())
	expect := func(outcome string, status, want int) {
		t.Helper()
		list := s.entries()
		if had++; len(list) != had || list[had-1].Outcome != outcome || status != want {
			t.Fatalf("%d entries, want %d; status %d, want %d; want outcome %q: %+v", len(list), had, status, want, outcome, list[len(list)-1])
		}
		s.gone(false)
	}

	cmd, pid := s.start()
	s.checkProcess(pid)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	expect("interrupted", cmd.ProcessState.ExitCode(), exitInterrupted)

	cmd, pid = s.start()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	expect("failed", cmd.ProcessState.ExitCode(), exitFailed)

	pipe := exec.CommandContext(t.Context(), "sh", "-c", `"$0" "$@" | head -1`, s.program, "--config", s.config, "sql", "--format", "csv", "FROM range(3000000)")
	if out, err := pipe.CombinedOutput(); err != nil || string(out) != "range\n" {
		t.Fatalf("%v: %s", err, out)
	}
	expect("interrupted", 0, 0)

	// Where the process that started it is gone, it ends, and a collection clears up.
	cmd, _ = s.start()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	s.gone(true)
	if got := s.run(t.Context(), nil, "collect"); got.status != 0 {
		t.Fatalf("collect: %+v", got)
	}
	s.gone(false)
	if got := s.run(t.Context(), nil, "sql", "SELECT 1"); got.status != 0 {
		t.Fatalf("a query afterwards: %+v", got)
	}
	expect("ok", 0, 0)
	if _, err := journal.Verify(filepath.Join(s.data(), "journal.ndjson")); err != nil {
		t.Error(err)
	}
	texts, err := filepath.Glob(filepath.Join(s.data(), "queries", "*"))
	if err != nil || len(texts) != had+1 { // and that of the one whose process was killed
		t.Errorf("%d texts beside %d entries, %v", len(texts), had, err)
	}
	for _, path := range texts {
		if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// checkProcess checks the process of a query that runs.
func (s *harmSite) checkProcess(pid int) {
	s.t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil {
			s.t.Fatal(err)
		}
		return string(bytes.ReplaceAll(b, []byte("\t"), []byte(" ")))
	}
	if environ := read("environ"); environ != "" {
		s.t.Errorf("its environment is %q", environ)
	}
	for _, want := range []string{"NoNewPrivs: 1\n", "Seccomp: 2\n"} {
		if status := read("status"); !strings.Contains(status, want) {
			s.t.Errorf("its status is not %q:\n%s", want, status)
		}
	}
	limits := strings.Join(strings.Fields(read("limits")), " ")
	for _, want := range []string{"Max cpu time 1205 1210 seconds", "Max file size 4294967296 4294967296 bytes", "Max data size 2147483648 2147483648 bytes",
		"Max core file size 0 0 bytes", "Max open files 64 64 files"} {
		if !strings.Contains(limits, want) {
			s.t.Errorf("its limits have not %q:\n%s", want, limits)
		}
	}
}
