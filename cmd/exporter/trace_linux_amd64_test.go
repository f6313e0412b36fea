package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// point is one moment at which the program is killed: when it is about to make a
// system call that changes a file of the store, counted over all its threads, or
// around a request. The tools that can inject a signal, strace among them, count
// each thread for itself, and Go moves its work between threads.
type point struct {
	call string // a system call, or asked or answered
	file string // what it is about, "" for requests
	n    int    // the n-th of these, from 1
}

func (p point) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %d %s", p.call, p.n, p.file))
}

// changing are the system calls that change files.
var changing = map[uint64]string{
	unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64", unix.SYS_WRITEV: "writev", unix.SYS_PWRITEV: "pwritev",
	unix.SYS_COPY_FILE_RANGE: "copy_file_range", unix.SYS_SENDFILE: "sendfile", unix.SYS_SPLICE: "splice",
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync",
	unix.SYS_FTRUNCATE: "truncate", unix.SYS_FALLOCATE: "fallocate", unix.SYS_FLOCK: "flock", unix.SYS_FCHMOD: "chmod",
	unix.SYS_OPEN: "create", unix.SYS_OPENAT: "create",
	unix.SYS_RENAME: "rename", unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename",
	unix.SYS_UNLINK: "unlink", unix.SYS_UNLINKAT: "unlink", unix.SYS_RMDIR: "unlink",
	unix.SYS_MKDIR: "mkdir", unix.SYS_MKDIRAT: "mkdir", unix.SYS_MKNOD: "mknod", unix.SYS_MKNODAT: "mknod",
}

// parts name the files of a store by what a program does with them.
var parts = []struct {
	name string
	path *regexp.Regexp
}{
	{"stage", regexp.MustCompile(`^snapshots/\.building-.*\.stage\.duckdb`)},
	{"pipe", regexp.MustCompile(`^snapshots/\.building-.*\.pipe$`)},
	{"build", regexp.MustCompile(`^snapshots/\.building-`)},
	{"snapshots", regexp.MustCompile(`^snapshots`)},
	{"landing", regexp.MustCompile(`^landing`)},
	{"raw", regexp.MustCompile(`^raw`)},
	{"journal", regexp.MustCompile(`^journal`)},
	{"mail", regexp.MustCompile(`^outbox/.*\.eml$`)},
	{"entry", regexp.MustCompile(`^outbox/.*/.*\.json(\.new)?$`)},
	{"accepted", regexp.MustCompile(`^outbox/.*\.accepted$`)},
	{"outbox", regexp.MustCompile(`^outbox`)},
	{"lock", regexp.MustCompile(`^lock$`)},
	{"requests", regexp.MustCompile(`^requests\.json$`)},
	{"tmp", regexp.MustCompile(`^tmp`)},
	{"draft", regexp.MustCompile(`^\.\./reports/\.`)},
	{"output", regexp.MustCompile(`^\.\./reports`)},
	{"delivered", regexp.MustCompile(`^\.\./mail`)},
	{"manifest", regexp.MustCompile(`^\.\./copy/\.publishing/parquet/manifest`)},
	{"parquet", regexp.MustCompile(`^\.\./copy/\.publishing/parquet`)},
	{"file", regexp.MustCompile(`^\.\./copy/\.publishing/analysts`)},
	{"work", regexp.MustCompile(`^\.\./copy/\.publishing$`)},
	{"log", regexp.MustCompile(`^\.\./copy/analysts\.duckdb\.wal$`)},
	{"copy", regexp.MustCompile(`^\.\./copy`)},
	{"zip", regexp.MustCompile(`^(\.\./bundles/)?\.evidence[^/]*\.part/[^/]*\.zip$`)},
	{"payload", regexp.MustCompile(`^(\.\./bundles/)?\.evidence[^/]*\.part/[^/]*/data`)},
	{"bag", regexp.MustCompile(`^(\.\./bundles/)?\.evidence[^/]*\.part`)},
	{"folder", regexp.MustCompile(`^(\.\./bundles|\.)$`)},
}

// tracee is a program that is followed from one system call to the next.
type tracee struct {
	pid   int
	store string // its directory
	// at is told of every call that changes the store, before it happens, and says
	// whether to kill.
	at func(point) bool

	counts map[point]int // calls so far, n being 0
}

// trace runs argv, which writes to out, and returns how it ended.
func trace(argv []string, out *os.File, store string, started func(pid int), at func(point) bool) (syscall.WaitStatus, error) {
	// Only the thread that started a process may follow it. The process has a group
	// of its own, so that nobody else's child is waited for.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	process, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Files: []*os.File{nil, out, out}, Env: os.Environ(), Sys: &syscall.SysProcAttr{Ptrace: true, Setpgid: true},
	})
	if err != nil {
		return 0, err
	}
	defer process.Release()
	t := &tracee{pid: process.Pid, store: store, at: at, counts: map[point]int{}}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(t.pid, &status, syscall.WALL, nil); err != nil {
		return 0, err
	}
	err = syscall.PtraceSetOptions(t.pid, unix.PTRACE_O_TRACESECCOMP|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL)
	if err = errors.Join(err, t.filter()); err != nil {
		return 0, errors.Join(err, process.Kill())
	}
	started(t.pid)
	return t.follow()
}

// filter has the kernel stop the program, which has not begun yet, at each of the
// changing calls and at no other: a stop at every call would take as long as the
// program itself. The program is made to ask for it, as its children would have
// to.
func (t *tracee) filter() error {
	const load, equal, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	code := []unix.SockFilter{{Code: load}} // the number of the call
	for number := range changing {
		code = append(code, unix.SockFilter{Code: equal, Jf: 1, K: uint32(number)}, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_TRACE})
	}
	code = append(code, unix.SockFilter{Code: answer, K: unix.SECCOMP_RET_ALLOW})
	var before, r syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(t.pid, &before); err != nil {
		return err
	}
	// Far below its stack: the code's length and address, then the code.
	at := uintptr(before.Rsp) - 8192
	text := new(bytes.Buffer)
	binary.Write(text, binary.LittleEndian, []uint64{uint64(len(code)), uint64(at) + 16})
	binary.Write(text, binary.LittleEndian, code)
	next := make([]byte, 8)
	_, err := syscall.PtracePeekText(t.pid, uintptr(before.Rip), next)
	if err == nil {
		_, err = syscall.PtracePokeData(t.pid, at, text.Bytes())
	}
	for _, call := range [][]uint64{
		{unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0},
		{unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uint64(at)},
	} {
		if err == nil {
			_, err = syscall.PtracePokeText(t.pid, uintptr(before.Rip), []byte{0x0f, 0x05}) // syscall
		}
		r = before
		r.Rax, r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8 = call[0], call[1], call[2], call[3], 0, 0
		var status syscall.WaitStatus
		if err == nil {
			err = errors.Join(syscall.PtraceSetRegs(t.pid, &r), syscall.PtraceSingleStep(t.pid))
		}
		if err == nil {
			_, err = syscall.Wait4(t.pid, &status, syscall.WALL, nil)
		}
		if err = errors.Join(err, syscall.PtraceGetRegs(t.pid, &r)); err == nil && r.Rax != 0 {
			err = fmt.Errorf("seccomp: %w", syscall.Errno(-r.Rax))
		}
	}
	if err != nil {
		return err
	}
	_, err = syscall.PtracePokeText(t.pid, uintptr(before.Rip), next)
	return errors.Join(err, syscall.PtraceSetRegs(t.pid, &before))
}

func (t *tracee) follow() (syscall.WaitStatus, error) {
	known := map[int]bool{t.pid: true}
	tid, signal := t.pid, 0
	for {
		// A thread that has been killed meanwhile needs nothing any more.
		if err := syscall.PtraceCont(tid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, err
		}
		var status syscall.WaitStatus
		for !status.Stopped() {
			var err error
			tid, err = syscall.Wait4(-t.pid, &status, syscall.WALL, nil)
			if err != nil && !errors.Is(err, syscall.EINTR) {
				return 0, err
			}
			if err == nil && tid == t.pid && !status.Stopped() {
				return status, nil
			}
		}
		signal = 0
		switch stop := status.StopSignal(); {
		case stop == syscall.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_SECCOMP:
			if err := t.enter(tid); err != nil {
				return 0, err
			}
		case stop == syscall.SIGTRAP:
		case stop == syscall.SIGSTOP && !known[tid]:
			known[tid] = true
		default:
			signal = int(stop)
		}
	}
}

// enter looks at a thread that is about to make a system call.
func (t *tracee) enter(tid int) error {
	var r syscall.PtraceRegs
	err := syscall.PtraceGetRegs(tid, &r)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	var path string
	switch r.Orig_rax {
	case unix.SYS_OPEN:
		if r.Rsi&syscall.O_CREAT == 0 {
			return nil
		}
		path = t.text(r.Rdi)
	case unix.SYS_OPENAT:
		if r.Rdx&syscall.O_CREAT == 0 {
			return nil
		}
		path = t.below(r.Rdi, t.text(r.Rsi))
	case unix.SYS_RENAME, unix.SYS_UNLINK, unix.SYS_RMDIR, unix.SYS_MKDIR, unix.SYS_MKNOD:
		path = t.text(r.Rdi)
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT, unix.SYS_MKNODAT:
		path = t.below(r.Rdi, t.text(r.Rsi))
	case unix.SYS_COPY_FILE_RANGE, unix.SYS_SPLICE:
		path = t.opened(r.Rdx)
	default:
		path = t.opened(r.Rdi)
	}
	p := point{call: changing[r.Orig_rax], file: t.part(path)}
	if p.file == "" {
		return nil
	}
	t.counts[p]++
	p.n = t.counts[point{call: p.call, file: p.file}]
	if t.at(p) {
		return syscall.Kill(t.pid, syscall.SIGKILL)
	}
	return nil
}

// part names what a path is in the store, "" where it is not in it.
func (t *tracee) part(path string) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	below, err := filepath.Rel(t.store, path)
	if err != nil {
		return ""
	}
	for _, p := range parts {
		if p.path.MatchString(below) {
			return p.name
		}
	}
	return ""
}

// opened is the path of an open file.
func (t *tracee) opened(fd uint64) string {
	path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(fd)))
	return path
}

// below is path in the folder that is open as fd.
func (t *tracee) below(fd uint64, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(t.opened(fd), path)
}

// text is the string at an address of the program.
func (t *tracee) text(address uint64) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", t.pid))
	if err != nil {
		return ""
	}
	defer f.Close()
	b := make([]byte, 512)
	n, _ := f.ReadAt(b, int64(address))
	s, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(s)
}
