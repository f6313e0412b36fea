package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTypedAhead types at editors that come and go: none takes what is behind the
// Enter that ends it, and nothing is lost.
func TestTypedAhead(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	board := newKeyboard(read)
	typed := []struct {
		text   string
		enters int // that do not end it
	}{
		{"SELECT 1;\r", 0},
		{"\x1b[200~SELECT\r2;\r\x1b[201~\r", 0},
		{"SELECT\r\r3;\r", 2},
		{"张伟\n", 0},
	}
	for _, c := range typed {
		if _, err := io.WriteString(write, c.text); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range typed {
		k, text := board.keys(), ""
		for one := make([]byte, 7); text != c.text; {
			n, err := k.Read(one)
			if text += string(one[:n]); err != nil || !strings.HasPrefix(c.text, text) {
				t.Fatalf("read %q, %v, want %q", text, err, c.text)
			}
			if strings.HasSuffix(text, "\r") && c.enters > 0 {
				c.enters--
				k.next()
			}
		}
		more := make(chan int)
		go func() {
			n, _ := k.Read(make([]byte, 7))
			more <- n
		}()
		select {
		case n := <-more:
			t.Fatalf("%d bytes come behind the Enter of %q", n, c.text)
		case <-time.After(20 * time.Millisecond):
		}
		close(k.over)
		if n := <-more; n > 0 {
			t.Errorf("an editor that is over reads %d bytes", n)
		}
	}
}

// A Ctrl-C that is typed behind an Enter ends what the Enter started, and what was
// typed before it; what comes behind it is for the next editor.
func TestCtrlCBehindEnter(t *testing.T) {
	for _, test := range []struct {
		name, enter, later string
		signal             bool
		next               string
	}{
		{"at once", "SELECT 1;\rSELECT 2;\r\x03SELECT 3;\r", "", false, "SELECT 3;\r"},
		{"while it runs", "SELECT 1;\rSELECT 2;\r", "\x03SELECT 3;\r", false, "SELECT 3;\r"},
		{"as a signal", "SELECT 1;\rSELECT 2;\r", "", true, "SELECT 4;\r"},
	} {
		t.Run(test.name, func(t *testing.T) {
			read, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer write.Close()
			typed := func(text string) {
				if _, err := io.WriteString(write, text); err != nil {
					t.Fatal(err)
				}
			}
			typed(test.enter)
			board, b := newKeyboard(read), make([]byte, 100)
			k := board.keys()
			if n, err := k.Read(b); err != nil || string(b[:n]) != "SELECT 1;\r" {
				t.Fatalf("read %q, %v", b[:n], err)
			}
			close(k.over)
			signals := make(chan os.Signal, 1)
			if test.signal {
				signals <- os.Interrupt
			}
			run, stop := board.whileRunning(t.Context(), signals)
			typed(test.later)
			select {
			case <-run.Done():
			case <-time.After(time.Minute):
				t.Fatal("nothing ends it")
			}
			stop()
			typed("SELECT 4;\r")
			if n, err := board.keys().Read(b); err != nil || string(b[:n]) != test.next {
				t.Errorf("the next editor reads %q, %v, want %q", b[:n], err, test.next)
			}
		})
	}
}

func TestUntilEnter(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a letter", "a", "a"},
		{"an Enter", "a\rb", "a\r"},
		{"the Enter of a terminal that is not raw", "a\nb", "a\n"},
		{"the end of a paste", "\x1b[200~a\rb\r\x1b[201~c\rd", "\x1b[200~a\rb\r\x1b[201~c\r"},
		{"an Enter behind a mark that is none", "\x1b[200a\rb", "\x1b[200a\r"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if n := new(keys).untilEnter([]byte(test.text)); test.text[:n] != test.want {
				t.Errorf("untilEnter(%q) = %q, want %q", test.text, test.text[:n], test.want)
			}
		})
	}
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "exporter", "history")
	h, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range historyLimit + 5 {
		for range 2 { // the second time is no other statement
			if err := h.add(fmt.Sprintf("SELECT %d\n;", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	for _, unkept := range []string{"", " \n", " SELECT 'secret';"} {
		if err := h.add(unkept); err != nil {
			t.Fatal(err)
		}
	}
	// A line that a crash has cut short.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("\"SELECT\n")
		f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := again.len(); n != historyLimit || again.list[0] != "SELECT 5\n;" || again.list[n-1] != fmt.Sprintf("SELECT %d\n;", historyLimit+4) {
		t.Errorf("%d statements from %q to %q", n, again.list[0], again.list[n-1])
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Count(string(text), "\n") != historyLimit {
		t.Errorf("the file has %d lines, %v", strings.Count(string(text), "\n"), err)
	}
	if info, err = os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the shortened file's mode is %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Dir(path) + "/.*"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
