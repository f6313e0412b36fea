package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// TestTerminal runs dialogues of a person with the program.
func TestTerminal(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/terminal",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"sandbox": startSandbox,
			"talk":    talk,
		},
	})
}

// terminal is a program that runs on a terminal of its own.
type terminal struct {
	side *os.File // ours
	cmd  *exec.Cmd

	mu   sync.Mutex
	out  bytes.Buffer
	seen int           // how much of out was waited for
	done chan struct{} // closed when the program has closed the terminal
}

// openTerminal starts a program on a terminal of so many columns.
func openTerminal(cmd *exec.Cmd, columns int) (*terminal, error) {
	side, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	// Not Fd: that would make reads of side block a close.
	raw, err := side.SyscallConn()
	if err != nil {
		return nil, err
	}
	var number int
	if e := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
		if err == nil {
			size := unix.Winsize{Row: 40, Col: uint16(columns)}
			err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &size)
		}
	}); e != nil || err != nil {
		return nil, fmt.Errorf("terminal: %w, %w", e, err)
	}
	theirs, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t := &terminal{side: side, cmd: cmd, done: make(chan struct{})}
	go t.read()
	return t, nil
}

func (t *terminal) read() {
	defer close(t.done)
	buf := make([]byte, 4096)
	for {
		n, err := t.side.Read(buf)
		t.mu.Lock()
		t.out.Write(buf[:n])
		t.mu.Unlock()
		if err != nil { // EIO: nobody has the other side any more
			return
		}
	}
}

// controls are the sequences that move the cursor or change how text looks.
var controls = regexp.MustCompile(`\x1b\[[0-9;?>=<]*[ -/]*[@-~]|` +
	`\x1b[\]P][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>78]|\r`)

// text is what was written to the terminal, without sequences.
func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return controls.ReplaceAllString(t.out.String(), "")
}

// mostWait is how long a program on a terminal may take for one thing: it only ends
// tests that fail.
const mostWait = time.Minute

// wait returns when the program has written s after what was waited for before.
func (t *terminal) wait(s string) error {
	for deadline := time.Now().Add(mostWait); ; time.Sleep(5 * time.Millisecond) {
		text := t.text()
		if at := strings.Index(text[min(t.seen, len(text)):], s); at >= 0 {
			t.seen += at + len(s)
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not on the terminal: %q; there is:\n%s", s, text[min(t.seen, len(text)):])
		}
	}
}

// namedKeys are what keys without a sign of their own send.
var namedKeys = map[string]string{
	"tab": "\t", "enter": "\r", "up": "\x1b[A", "ctrl-c": "\x03", "ctrl-d": "\x04", "ctrl-r": "\x12",
	"paste": "\x1b[200~", "pasted": "\x1b[201~",
}

// talk is `talk COLUMNS DIALOGUE COMMAND...`: it runs the command on a terminal. Of
// the dialogue a line that begins with > is typed with Enter, one with ] without,
// one with * is keys by their names, one with ! is run by a shell meanwhile, one with ? is a
// pattern of files of which one has to be there, and one with < has to be written by then.
func talk(ts *testscript.TestScript, neg bool, args []string) {
	var columns int
	if neg || len(args) < 3 {
		ts.Fatalf("usage: talk COLUMNS DIALOGUE COMMAND...")
	}
	_, err := fmt.Sscan(args[0], &columns)
	ts.Check(err)
	path, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(path, args[3:]...)
	cmd.Args[0] = args[2]
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "WORK", "XDG_STATE_HOME", "GOCOVERDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "TERM=xterm")
	t, err := openTerminal(cmd, columns)
	ts.Check(err)
	ts.Defer(func() {
		cmd.Process.Kill()
		cmd.Wait()
		t.side.Close()
		<-t.done
	})
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		sign, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch sign {
		case "<":
			ts.Check(t.wait(strings.TrimSpace(rest)))
		case "?":
			err = waitForFile(ts.MkAbs(rest))
		case "!":
			shell := exec.Command("sh", "-c", rest)
			shell.Dir, shell.Env = cmd.Dir, cmd.Env
			err = shell.Run()
		case ">":
			_, err = io.WriteString(t.side, rest+"\r")
		case "]":
			_, err = io.WriteString(t.side, rest)
		case "*":
			for name := range strings.FieldsSeq(rest) {
				_, err = io.WriteString(t.side, namedKeys[name])
			}
		}
		ts.Check(err)
	}
	left := make(chan error, 1)
	go func() { left <- cmd.Wait() }()
	select {
	case err := <-left:
		ts.Check(err)
	case <-time.After(mostWait):
		ts.Fatalf("%s does not end; it wrote:\n%s", args[2], t.text())
	}
	<-t.done
	ts.Check(os.WriteFile(ts.MkAbs("terminal"), []byte(t.text()), 0o600))
}

// waitForFile returns when there is a file of this pattern.
func waitForFile(pattern string) error {
	for deadline := time.Now().Add(mostWait); ; time.Sleep(5 * time.Millisecond) {
		if found, err := filepath.Glob(pattern); err != nil || len(found) > 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("there is no %s", pattern)
		}
	}
}
