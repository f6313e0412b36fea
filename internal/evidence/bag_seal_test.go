package evidence

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Nothing is under a final name, and nothing else is left, when a seal does not
// succeed.
func TestSealFails(t *testing.T) {
	key, signers := newKey(t)
	files := payload(t, "full")
	broken := errors.New("broken")
	for name, change := range map[string]func(*Writer, *Seal) context.Context{
		"cancelled": func(*Writer, *Seal) context.Context {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return ctx
		},
		"no signature": func(_ *Writer, s *Seal) context.Context {
			s.Sign = func([]byte) ([]byte, []byte, error) { return nil, nil, broken }
			return t.Context()
		},
		"a file is not whole": func(w *Writer, _ *Seal) context.Context {
			w.Path("reports/half.xlsx")
			return t.Context()
		},
		"a file failed": func(w *Writer, _ *Seal) context.Context {
			w.WriteFunc("reports/half.xlsx", func(io.Writer) error { return broken })
			return t.Context()
		},
		"a file was changed": func(w *Writer, _ *Seal) context.Context {
			if err := w.bag.WriteFile("data/README.txt", []byte("short"), 0o600); err != nil {
				t.Error(err)
			}
			return t.Context()
		},
		"a file was not added": func(w *Writer, _ *Seal) context.Context {
			if err := w.bag.WriteFile("data/other.txt", []byte("short"), 0o600); err != nil {
				t.Error(err)
			}
			return t.Context()
		},
		"encryption fails": func(_ *Writer, s *Seal) context.Context {
			s.Encrypt = func(io.Writer) (io.WriteCloser, error) { return nil, broken }
			return t.Context()
		},
		"the disk fills": func(_ *Writer, s *Seal) context.Context {
			s.Encrypt = func(to io.Writer) (io.WriteCloser, error) { return &full{to, 2000}, nil }
			return t.Context()
		},
		"a label is no label": func(_ *Writer, s *Seal) context.Context {
			s.Info = append(s.Info, Field{"Two\nlines", "x"})
			return t.Context()
		},
		"somebody takes the name": func(w *Writer, s *Seal) context.Context {
			if err := os.Mkdir(filepath.Join(w.dir, w.name), 0o700); err != nil {
				t.Error(err)
			}
			return t.Context()
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := Create(dir, "evidence")
			if err != nil {
				t.Fatal(err)
			}
			for path, content := range files {
				if err := w.Write(path, bytes.NewReader(content)); err != nil {
					t.Fatal(err)
				}
			}
			s := seal(key, signers, "full", files["journal.ndjson"])
			if _, err := w.Seal(change(w, &s), s); err == nil {
				t.Error("Seal succeeds")
			}
			if err := w.Discard(); err != nil {
				t.Error(err)
			}
			if got := contents(t, dir); len(got) > 0 {
				t.Errorf("left: %v", got)
			}
		})
	}
}

// full is a disk on which some bytes are left.
type full struct {
	to   io.Writer
	left int
}

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.left {
		return 0, syscall.ENOSPC
	}
	f.left -= len(b)
	return f.to.Write(b)
}

func (f *full) Close() error { return nil }

// Two cannot make the same bundle; what a killed one left is removed; what is there
// is not replaced.
func TestCreate(t *testing.T) {
	dir := t.TempDir()
	first, err := Create(dir, "evidence")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, "evidence"); !errors.Is(err, ErrHeld) {
		t.Errorf("a second one: %v", err)
	}
	if err := first.Write("secret.txt", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := first.lock.Close(); err != nil { // as a kill does
		t.Fatal(err)
	}
	second, err := Create(dir, "evidence")
	if err != nil {
		t.Fatal(err)
	}
	if got := contents(t, dir); len(got) > 0 {
		t.Errorf("left of the first: %v", got)
	}
	if err := second.Discard(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	for _, there := range []string{"evidence", "evidence.zip", "evidence.zip.age"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, there), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Create(dir, "evidence"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s is there: %v", there, err)
		}
	}
	victim := t.TempDir()
	if err := os.WriteFile(filepath.Join(victim, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(path string) error{
		"a link to a folder": func(path string) error { return os.Symlink(victim, path) },
		"a file":             func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		dir := t.TempDir()
		if err := make(filepath.Join(dir, ".evidence.part")); err != nil {
			t.Fatal(err)
		}
		if _, err := Create(dir, "evidence"); err == nil || !strings.Contains(err.Error(), ".evidence.part is in the way: it is no folder") {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(victim); err != nil || len(left) != 1 {
			t.Errorf("%s: of its folder there is left %v, %v", name, left, err)
		}
	}
	for _, name := range []string{"", ".", "..", ".x", "a/b", "a b", "a%b", "项目"} {
		if _, err := Create(t.TempDir(), name); err == nil {
			t.Errorf("Create(%q) succeeds", name)
		}
	}
}

func TestPaths(t *testing.T) {
	w, err := Create(t.TempDir(), "evidence")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	for _, path := range []string{"a", "A1/b.csv", "A1/c/d-e_f=20.txt", "A1/c/d"} {
		if err := w.Write(path, strings.NewReader("")); err != nil {
			t.Errorf("Write(%q): %v", path, err)
		}
	}
	for _, path := range []string{
		"", "/etc/passwd", "../x", "a/../b", "x//y", "x/", "./x", `x\y`, "a b", "a%20b", "x\ny", "项目", "x.", "x./y",
		"a", "A", "a/b", "a1/other", "A1", "A1/C/x", strings.Repeat("x/", 600) + "x",
	} {
		if err := w.Write(path, strings.NewReader("")); err == nil {
			t.Errorf("Write(%q) succeeds", path)
		}
	}
	if got := len(w.Files()); got != 4 {
		t.Errorf("%d files", got)
	}
	for path, want := range map[string]string{"p%2F1/a.csv": "p=252F1/a.csv", "a=b": "a=3Db", "中": "=E4=B8=AD", "ok-1_2.x": "ok-1_2.x"} {
		if got := SafePath(path); got != want || checkPath(got) != nil {
			t.Errorf("SafePath(%q) = %q, want %q", path, got, want)
		}
	}
}
