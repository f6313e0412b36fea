package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// idLayout is how a snapshot is named: its start in UTC, to the second.
const idLayout = "20060102T150405Z"

// building begins the names of files that are not published yet.
const building = ".building-"

var (
	published = regexp.MustCompile(`^\d{8}T\d{6}Z\.duckdb$`)
	masked    = regexp.MustCompile(`^\d{8}T\d{6}Z\.(standard|pseudonym)\.duckdb$`)
)

// Store is a directory of snapshots and of what belongs to them. Its methods
// are safe for concurrent use.
type Store struct {
	dir    string
	memory int64 // DuckDB's limit for each database that is built, in bytes
	floor  int64 // see rewriteFloor
	small  bool  // see [Place.OpenSmall]
}

// Open opens the store in dir, which need not be there: it creates nothing, and
// without its folders a store has no snapshots. A path with a question mark is
// refused. It returns an [*ErrNewer] when the newest snapshot was written by a
// newer program. A damaged file is no
// error here, but where it is used.
func Open(dir string) (*Store, error) {
	s, err := OpenToRead(dir)
	if err != nil {
		return nil, err
	}
	ids, _, err := s.files()
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if len(ids) > 0 {
		_, err := s.version(context.Background(), s.path(ids[len(ids)-1]))
		if newer, ok := errors.AsType[*ErrNewer](err); ok {
			return nil, newer
		}
	}
	return s, nil
}

// OpenToRead is [Open] without a look at the newest snapshot: what is then read is
// refused by itself where it is of a newer program.
func OpenToRead(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	// DuckDB takes what follows for options, and writes beside the folder.
	if strings.Contains(dir, "?") {
		return nil, &pathError{dir}
	}
	return &Store{dir: dir, memory: defaultMemory, floor: rewriteFloor}, nil
}

// Create makes what is missing of the store's folders, for their owner alone.
// [Store.Lock] and [Store.Begin] do so themselves.
func (s *Store) Create() error {
	for _, d := range []string{"", "snapshots", "landing", "raw", "tmp"} {
		if err := os.MkdirAll(filepath.Join(s.dir, d), 0o700); err != nil {
			return fmt.Errorf("create store: %w", err)
		}
	}
	return nil
}

// Dir returns the store's directory.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(id string) string {
	return filepath.Join(s.dir, "snapshots", id+".duckdb")
}

// glob lists the paths below the store's folder that match a pattern. The
// folder's own name may have any characters.
func (s *Store) glob(pattern string) ([]string, error) {
	return fs.Glob(os.DirFS(s.dir), pattern)
}

// files lists the published snapshots, oldest first, and the names of files in
// snapshots/ that do not belong there.
func (s *Store) files() (ids, foreign []string, err error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "snapshots"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		name := e.Name()
		switch {
		case published.MatchString(name):
			ids = append(ids, strings.TrimSuffix(name, ".duckdb"))
		case masked.MatchString(name), strings.HasPrefix(name, building), strings.HasPrefix(name, masking):
		default:
			foreign = append(foreign, name)
		}
	}
	slices.Sort(ids)
	return ids, foreign, nil
}

// Lock takes the store for one collector until release is called, making its
// folders where they are missing, and clears away what a crash left: files that
// were never published, and what an interrupted purge still had to remove; landed
// pages move to raw/ where their snapshot is published. It does not wait: when
// another process holds the store it returns a [*Locked].
func (s *Store) Lock(ctx context.Context) (release func() error, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.Create(); err != nil {
		return nil, fmt.Errorf("lock store: %w", err)
	}
	path := filepath.Join(s.dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock store: %w", err)
	}
	if err := lockNow(ctx, f); err != nil {
		f.Close()
		if _, held := errors.AsType[*Locked](err); held {
			return nil, err
		}
		return nil, fmt.Errorf("lock store: %w", err)
	}
	release = func() error {
		// The name of the holder goes first, so that nobody reads it after.
		return errors.Join(f.Truncate(0), f.Close())
	}
	if err := s.claim(ctx, f); err != nil {
		return nil, errors.Join(fmt.Errorf("lock store: %w", err), release())
	}
	return release, nil
}

// lockNow locks the store's file, or returns a [*Locked]. Who has just taken it, or
// lets it go, has no name in it for a moment, which is waited for.
func lockNow(ctx context.Context, f *os.File) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Second, &Locked{Holder: "another process"})
	defer cancel()
	return lockFile(ctx, f, func() error {
		holder, err := os.ReadFile(f.Name())
		if name := strings.TrimSpace(string(holder)); err == nil && name != "" {
			return &Locked{Holder: name}
		}
		return nil
	})
}

// lockFile locks a file. While another process has it, it waits until ctx ends, and
// returns its cause, or until held, which may be nil, returns an error.
func lockFile(ctx context.Context, f *os.File, held func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if held != nil {
			if err := held(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (s *Store) claim(ctx context.Context, lock *os.File) error {
	host, _ := os.Hostname()
	holder := fmt.Sprintf("process %d on %s", os.Getpid(), host)
	if err := lock.Truncate(0); err != nil {
		return err
	}
	if _, err := lock.WriteAt([]byte(holder+"\n"), 0); err != nil {
		return err
	}
	left, err := s.glob("snapshots/" + building + "*")
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.RemoveAll(filepath.Join(s.dir, path)); err != nil {
			return err
		}
	}
	if err := errors.Join(s.clearTmp(), s.clearIdleMasking(ctx)); err != nil {
		return err
	}
	ids, _, err := s.files()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.keepRaw(id); err != nil {
			return err
		}
	}
	copies, err := s.MaskedCopies()
	if err != nil {
		return err
	}
	for id := range copies {
		if !slices.Contains(ids, id) { // a crash came before the snapshot
			if err := s.removeMasked(id); err != nil {
				return err
			}
		}
	}
	return s.finishPurges(ctx)
}

// resume returns the run to go on with, "" where there is none, and removes what
// has landed in every other: it names people, and no snapshot will refer to it.
func (s *Store) resume(o BuildOptions, newest string) (string, error) {
	landed, err := s.glob("landing/*/*")
	if err != nil {
		return "", err
	}
	chosen := ""
	for _, dir := range landed {
		run := filepath.Base(dir)
		began, err := time.Parse(idLayout, run)
		if err == nil && run > newest && o.Started.Sub(began).Abs() <= o.Resume {
			chosen = max(chosen, run)
		}
	}
	for _, dir := range landed {
		if filepath.Base(dir) == chosen {
			continue
		}
		dir = filepath.Join(s.dir, dir)
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
		if err := removeEmpty(filepath.Dir(dir)); err != nil {
			return "", err
		}
	}
	return chosen, nil
}

// removeEmpty removes a directory that has nothing in it.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// clearTmp removes what databases of processes that are gone have spilled.
func (s *Store) clearTmp() error {
	dir := filepath.Join(s.dir, "tmp")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		pid, _, _ := strings.Cut(e.Name(), "-")
		n, err := strconv.Atoi(pid)
		if err == nil && !errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// keepRaw moves the landed pages of a published snapshot to raw/.
func (s *Store) keepRaw(id string) error {
	landed, err := s.glob("landing/*/" + id)
	if err != nil {
		return err
	}
	for _, from := range landed {
		from = filepath.Join(s.dir, from)
		project := filepath.Dir(from)
		raw := filepath.Join(s.dir, "raw", id)
		if err := os.MkdirAll(raw, 0o700); err != nil {
			return err
		}
		if err := os.Rename(from, filepath.Join(raw, filepath.Base(project))); err != nil {
			return err
		}
		for _, dir := range []string{raw, filepath.Dir(raw)} {
			if err := syncDir(dir); err != nil {
				return err
			}
		}
		if err := removeEmpty(project); err != nil {
			return err
		}
	}
	return nil
}

// folder is the name of a project's folder: the project itself as far as the
// file system allows.
func folder(project string) string {
	name := url.PathEscape(project)
	if strings.Trim(name, ".") == "" {
		name = strings.ReplaceAll(name, ".", "%2E")
	}
	return name
}

// nextID names a snapshot that starts at t, later than every one before.
func nextID(t time.Time, newest string) (string, error) {
	t = t.UTC().Truncate(time.Second)
	if newest != "" {
		last, err := time.Parse(idLayout, newest)
		if err != nil {
			return "", err
		}
		if !t.After(last) {
			t = last.Add(time.Second)
		}
	}
	return t.Format(idLayout), nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// seal makes a file read-only and waits until it is on the disk.
func seal(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o444), f.Sync(), f.Close())
}

func exists(path string) (bool, error) {
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
