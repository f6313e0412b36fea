package main

import (
	"math"
	"runtime"
	"time"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// What a query may have, which the operating system keeps: DuckDB has limits of its
// own below them.
const (
	maxQueryMemory = 2 << 30 // bytes of memory of the process's own
	maxQueryFile   = 4 << 30 // bytes of one temporary file
	maxQueryFiles  = 64      // files open at a time
)

// queryRights are those of the process that asks.
func queryRights(r request) rights {
	return rights{files: []string{r.Place.File}, memory: maxQueryMemory, open: maxQueryFiles, timeout: r.Timeout}
}

// here is the working folder, on Linux under a name that does not tell where it is: no
// path below it can be resolved to one that does, see [filterCalls].
func here() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/cwd"
	}
	return "."
}

// rights are what a process keeps that reads what may have been made to do harm: it
// may write into its working folder.
type rights struct {
	files, folders []string      // that it may read
	memory, open   uint64        // bytes of memory of its own; files open at a time
	timeout        time.Duration // what it does is given up then
}

// confine takes all other rights from this process. On a system without Landlock and
// seccomp DuckDB's own settings keep files away.
func confine(r rights) error {
	for _, l := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_DATA, r.memory}, {unix.RLIMIT_FSIZE, maxQueryFile},
		{unix.RLIMIT_NOFILE, r.open}, {unix.RLIMIT_CPU, processorSeconds(r.timeout)},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.resource, &now); err != nil {
			return err
		}
		now.Max = min(l.most, now.Max)
		if now.Cur = now.Max; l.resource == unix.RLIMIT_CPU {
			now.Cur -= min(now.Max/2, 5) // in these seconds it is told, before the process is ended
		}
		if err := unix.Setrlimit(l.resource, &now); err != nil {
			return err
		}
	}
	err := landlock.V11.BestEffort().Restrict(landlock.ROFiles(r.files...), landlock.RODirs(r.folders...), landlock.RWDirs("."),
		// DuckDB reads there how much memory there is, and does not start without.
		landlock.ROFiles("/proc/self/cgroup").IgnoreIfMissing(), landlock.RODirs("/sys/fs/cgroup").IgnoreIfMissing())
	if err != nil {
		return err
	}
	return filterCalls()
}

// processorSeconds is the time of the processor that a process may take: of all cores,
// DuckDB's two threads at least, and for what ends it when no one else does.
func processorSeconds(timeout time.Duration) uint64 {
	cores := max(2, runtime.NumCPU())
	return uint64(math.Ceil(float64(cores)*timeout.Seconds())) + 10
}

// filterCalls takes system calls from every thread of this process: those that reach
// another machine or program, and those that tell where a folder is.
func filterCalls() error {
	if !seccomp.Supported() {
		return nil
	}
	calls := []string{"socket", "execve", "execveat", "ptrace", "kill", "pidfd_send_signal",
		"io_uring_setup", "readlinkat"}
	if runtime.GOARCH == "amd64" {
		calls = append(calls, "readlink") // others do not have it
	}
	runtime.LockOSThread() // what is set for a thread is then given to all
	defer runtime.UnlockOSThread()
	return seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: true, Flag: seccomp.FilterFlagTSync, Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls:      []seccomp.SyscallGroup{{Action: seccomp.ActionErrno, Names: calls}},
	}})
}
