package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Writer makes a bundle in a folder .NAME.part beside where it will stand, which
// nobody else can enter. Every Writer ends with [Writer.Discard], also after
// [Writer.Seal]. Its methods are safe for concurrent use, but for these two.
//
// Paths of the payload are given as they are below data/, in the letters that
// [SafePath] leaves as they are.
type Writer struct {
	dir, name string
	lock      *os.File // the folder .NAME.part, locked
	root      *os.Root // the same
	bag       *os.Root // the bundle's folder in it

	mu    sync.Mutex
	names names
	files map[string]*written // by path in the bundle's folder
}

// written is a file whose content is known.
type written struct {
	File
	crc  uint32
	done bool
}

// Create begins a bundle that will stand at dir/name and dir/name.zip. What a killed
// one has left of the same name it removes; but where that one had sealed its bundle
// already, it gives it the names that are missing. It returns an error that is
// [fs.ErrExist] when the bundle is there by then, folder, zip or encrypted zip, and
// [ErrHeld] while another process makes it.
func Create(dir, name string) (*Writer, error) {
	w := &Writer{dir: dir, name: name, names: names{}, files: map[string]*written{}}
	if err := w.create(); err != nil {
		return nil, errors.Join(fmt.Errorf("begin bundle %s: %w", show(name), err), w.Discard())
	}
	return w, nil
}

// ErrHeld is a bundle that another process is just making.
var ErrHeld = errors.New("another process is making it")

func (w *Writer) create() error {
	if err := checkPath(w.name); err != nil || path.Base(w.name) != w.name || w.name[0] == '.' {
		return errors.New("a bundle's name is of A-Z a-z 0-9 . _ - alone and begins with no dot")
	}
	var err error
	if w.lock, err = lockFolder(w.part()); err != nil {
		return err
	}
	if w.root, err = os.OpenRoot(w.part()); err != nil {
		return err
	}
	if _, err := w.root.Lstat(sealedMark); err == nil {
		if _, err := w.giveNames(); err != nil {
			return err
		}
	}
	left, err := fs.ReadDir(w.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, e := range left {
		if err := w.root.RemoveAll(e.Name()); err != nil {
			return err
		}
	}
	for _, ending := range endings {
		if err := absent(filepath.Join(w.dir, w.name+ending)); err != nil {
			return err
		}
	}
	if err := w.root.MkdirAll(w.name+"/data", 0o700); err != nil {
		return err
	}
	w.bag, err = w.root.OpenRoot(w.name)
	return err
}

// part is the folder in which the bundle is made.
func (w *Writer) part() string { return filepath.Join(w.dir, "."+w.name+".part") }

// absent returns an error that is fs.ErrExist where something is at path.
func absent(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

// lockFolder makes the folder and locks it, for as long as it is open.
func lockFolder(path string) (*os.File, error) {
	for {
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed by who made it
		}
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrHeld
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		held, err := f.Stat()
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		there, err := os.Lstat(path)
		switch {
		case err == nil && !there.IsDir():
			return nil, errors.Join(fmt.Errorf("%s is in the way: it is no folder", path), f.Close())
		case err == nil && os.SameFile(held, there):
			return f, nil
		}
		f.Close() // it was removed between the two
	}
}

// Scratch makes a folder for what is needed while the bundle is made. It goes with
// [Writer.Discard], and where that does not come about, with the next [Create] of the
// bundle.
func (w *Writer) Scratch() (string, error) {
	const name = ".scratch"
	return filepath.Join(w.part(), name), w.root.MkdirAll(name, 0o700)
}

// Discard removes what is not under its final name, and ends the Writer. Repeated,
// it does nothing.
func (w *Writer) Discard() error {
	var errs []error
	if w.bag != nil {
		errs = append(errs, w.bag.Close())
	}
	if w.root != nil {
		errs = append(errs, w.unmark(), w.root.Close())
	}
	if w.lock != nil {
		errs = append(errs, os.RemoveAll(w.part()), w.lock.Close())
	}
	w.bag, w.root, w.lock = nil, nil, nil
	return errors.Join(errs...)
}

// Write makes the payload file data/path of what from gives.
func (w *Writer) Write(path string, from io.Reader) error {
	return w.WriteFunc(path, func(to io.Writer) error {
		_, err := io.Copy(to, from)
		return err
	})
}

// WriteFunc makes the payload file data/path of what write writes.
func (w *Writer) WriteFunc(path string, write func(io.Writer) error) error {
	return w.write("data/"+path, write)
}

// Copy makes the payload file data/path of the file at from, as it is.
func (w *Writer) Copy(path, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("bundle: data/%s: %w", path, err)
	}
	defer f.Close()
	return w.Write(path, f)
}

// Path returns where in the file system the payload file data/path is to be
// written by somebody else; its folder is there. [Writer.Added] has to follow.
func (w *Writer) Path(path string) (string, error) {
	if err := w.begin("data/" + path); err != nil {
		return "", err
	}
	return filepath.Join(w.part(), w.name, "data", filepath.FromSlash(path)), nil
}

// Added takes in the file at [Writer.Path], which does not change any more.
func (w *Writer) Added(path string) error {
	path = "data/" + path
	f, err := w.bag.Open(path)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	defer f.Close()
	sum := newSummer()
	if _, err := io.Copy(sum, f); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	w.end(path, sum)
	return nil
}

// Open opens the payload file data/path, which is complete, to read it.
func (w *Writer) Open(path string) (*os.File, error) { return w.bag.Open("data/" + path) }

// Files returns the payload so far, sorted by path.
func (w *Writer) Files() []File {
	w.mu.Lock()
	defer w.mu.Unlock()
	var files []File
	for _, f := range w.files {
		if f.done && strings.HasPrefix(f.Path, "data/") {
			files = append(files, f.File)
		}
	}
	slices.SortFunc(files, byPath)
	return files
}

// begin takes the path, in the bundle's folder, and makes its folder.
func (w *Writer) begin(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.names.add(name)
	if err == nil {
		err = w.bag.MkdirAll(path.Dir(name), 0o700)
	}
	if err != nil {
		return fmt.Errorf("bundle: %s: %w", show(name), err)
	}
	w.files[name] = &written{File: File{Path: name}}
	return nil
}

func (w *Writer) end(name string, sum *summer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.files[name]
	f.Bytes, f.SHA256, f.crc, f.done = sum.bytes, hex.EncodeToString(sum.sha.Sum(nil)), sum.crc, true
}

func (w *Writer) write(name string, write func(io.Writer) error) error {
	if err := w.begin(name); err != nil {
		return err
	}
	f, err := w.bag.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	sum := newSummer()
	sum.to = f
	if err := errors.Join(write(sum), f.Close()); err != nil {
		return fmt.Errorf("bundle: %s: %w", name, err)
	}
	w.end(name, sum)
	return nil
}

// summer sums up what is written to it and, if there is a to, passes it on.
type summer struct {
	to  io.Writer
	sha interface {
		io.Writer
		Sum([]byte) []byte
	}
	crc   uint32
	bytes int64
}

func newSummer() *summer { return &summer{sha: sha256.New()} }

func (s *summer) Write(b []byte) (int, error) {
	if s.to != nil {
		if n, err := s.to.Write(b); err != nil {
			return n, err
		}
	}
	s.crc = crc32.Update(s.crc, crc32.IEEETable, b)
	s.bytes += int64(len(b))
	return s.sha.Write(b)
}
