package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// keyboard reads the terminal from the first statement of a prompt to its end, so
// that what is typed or pasted while a statement runs waits for the next editor.
type keyboard struct {
	file   *os.File
	chunks chan []byte
	err    error // set when chunks is closed

	mu   sync.Mutex
	rest []byte // of what came, what no editor has yet
}

func newKeyboard(file *os.File) *keyboard {
	k := &keyboard{file: file, chunks: make(chan []byte)}
	go k.pump()
	return k
}

func (k *keyboard) pump() {
	defer close(k.chunks)
	for {
		buf := make([]byte, 4096)
		n, err := k.file.Read(buf)
		if errors.Is(err, io.EOF) { // Ctrl-D while a query runs
			buf[0], n, err = 4, 1, nil
		}
		if n > 0 {
			k.chunks <- buf[:n]
		}
		if err != nil {
			k.err = err
			return
		}
	}
}

// ctrlC is what a terminal sends for it while an editor has it.
const ctrlC = 3

// whileRunning is ctx until a Ctrl-C, which forgets what was typed before it. It may
// come as one of signals, or as a key that was typed before the editor had given the
// terminal back. The caller calls stop before the next editor.
func (k *keyboard) whileRunning(ctx context.Context, signals <-chan os.Signal) (run context.Context, stop func()) {
	run, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		chunks := k.chunks
		for !k.forgetTo(ctrlC) {
			select {
			case <-run.Done():
				return
			case <-signals:
				k.mu.Lock()
				k.rest = nil
				k.mu.Unlock()
				return
			case chunk, ok := <-chunks:
				if !ok {
					chunks = nil
				}
				k.mu.Lock()
				k.rest = append(k.rest, chunk...)
				k.mu.Unlock()
			}
		}
	}()
	return run, func() { cancel(); <-done }
}

// forgetTo forgets what was typed up to the last key, and says whether it was typed.
func (k *keyboard) forgetTo(key byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := bytes.LastIndexByte(k.rest, key)
	k.rest = k.rest[at+1:]
	return at >= 0
}

// keys is the keyboard as one editor reads it. Behind an Enter it gives nothing
// until the editor says by next that it goes on, and nothing more when it is over:
// the rest is for the next one. Since it has no name, Bubble Tea reads it by Read
// alone and not the terminal beneath; Fd is for the terminal's mode.
type keys struct {
	*keyboard
	goesOn chan struct{}
	over   chan struct{}
	held   bool
	pasted bool   // within a paste, whose ends of lines are no Enter
	last   []byte // what came, as far back as a mark of a paste is long
}

func (k *keyboard) keys() *keys {
	return &keys{keyboard: k, goesOn: make(chan struct{}, 1), over: make(chan struct{})}
}

// enterPatience is how long an Enter may go unnoticed: one that stands in the middle of
// a broken sequence of a terminal is none.
const enterPatience = 10 * time.Second

// next tells that the editor has taken an Enter and goes on.
func (k *keys) next() {
	select {
	case k.goesOn <- struct{}{}:
	default:
	}
}

// Read gives what was typed up to the next Enter; io.EOF when the editor is over.
func (k *keys) Read(p []byte) (int, error) {
	if k.held {
		select {
		case <-k.goesOn:
		case <-k.over:
			return 0, io.EOF
		case <-time.After(enterPatience):
		}
		k.held = false
	}
	k.mu.Lock()
	waiting := len(k.rest) == 0
	k.mu.Unlock()
	if waiting {
		select {
		case <-k.over:
			return 0, io.EOF
		case chunk, ok := <-k.chunks:
			if !ok {
				return 0, k.err
			}
			k.mu.Lock()
			k.rest = append(k.rest, chunk...)
			k.mu.Unlock()
		}
	}
	select {
	case <-k.over:
		return 0, io.EOF
	default:
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	n := k.untilEnter(k.rest[:min(len(p), len(k.rest))])
	copy(p, k.rest[:n])
	k.rest = k.rest[n:]
	return n, nil
}

// untilEnter is how much of b there is up to and with an Enter.
func (k *keys) untilEnter(b []byte) int {
	for i, c := range b {
		k.last = append(k.last, c)
		k.last = k.last[max(0, len(k.last)-len("\x1b[200~")):]
		switch {
		case bytes.Equal(k.last, []byte("\x1b[200~")):
			k.pasted = true
		case bytes.Equal(k.last, []byte("\x1b[201~")):
			k.pasted = false
		case !k.pasted && (c == '\r' || c == '\n'):
			k.held = true
			return i + 1
		}
	}
	return len(b)
}

// Fd, Write and Close make keys a terminal to Bubble Tea.
func (k *keys) Fd() uintptr { return k.file.Fd() }

func (k *keys) Write(p []byte) (int, error) { return k.file.Write(p) }

// Close leaves the terminal open.
func (k *keys) Close() error { return nil }
