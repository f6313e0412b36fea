package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	seccomp "github.com/elastic/go-seccomp-bpf"

	"exporter/internal/journal"
)

// withoutCall runs do on a thread that may not make a system call, which then dies.
func withoutCall(t *testing.T, call string, do func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Policy: seccomp.Policy{
			DefaultAction: seccomp.ActionAllow,
			Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: []string{call}}},
		}})
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A line that may not be on the disk is taken back: who appends it again has it once,
// and a torn line before it is still told of.
func TestLineThatIsNotKept(t *testing.T) {
	for _, call := range []string{"fsync", "pwrite64"} {
		for _, torn := range []string{"", "{", strings.Repeat("{", 999)} {
			j := open(t)
			add(t, j, "first", nil)
			if err := os.WriteFile(j.Path(), []byte(content(t, j)+torn), 0o600); err != nil {
				t.Fatal(err)
			}
			before := content(t, j)
			var err error
			withoutCall(t, call, func() { _, err = j.Append("next", map[string]int{"n": 7}) })
			if !errors.Is(err, syscall.EPERM) {
				t.Fatalf("without %s: %v", call, err)
			}
			if now := content(t, j); now != before {
				t.Errorf("without %s the journal is\n%q, not\n%q", call, now, before)
			}
			add(t, j, "next", map[string]int{"n": 7})
			now := content(t, j)
			if n := strings.Count(now, `"n":7`); n != 1 {
				t.Errorf("without %s, %d signs torn: the line is there %d times", call, len(torn), n)
			}
			if torn != "" && !strings.Contains(now, `"torn":"journal.torn-1"`) {
				t.Errorf("without %s no line tells of %d torn signs: %s", call, len(torn), now)
			}
			if _, err := journal.Verify(j.Path()); err != nil {
				t.Errorf("without %s: %v", call, err)
			}
			left, err := filepath.Glob(filepath.Join(filepath.Dir(j.Path()), "journal.torn-*"))
			if err != nil || len(left) > 1 {
				t.Errorf("without %s: %q, %v", call, left, err)
			}
		}
	}
}
