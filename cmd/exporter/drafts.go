package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// draftsPrefix begins the name of the folder below --out in which a run writes
// its files until the journal has them and they get their names.
const draftsPrefix = ".exporter-drafts-"

// drafts is such a folder. Its lock is held for as long as the process lives, so
// that the next run can tell what a killed one left from what one that still runs
// is writing.
type drafts struct {
	dir  string
	lock *os.File
	made []string // the folders of --out that were not there before, innermost first
	left []string // files of killed runs that were removed
}

const hintOut = "--out names the folder for the files; it must be writable for this account"

// openDrafts makes the folder out, and in it the one of this run; those that
// killed runs left are removed.
func openDrafts(out string) (_ *drafts, err error) {
	d := &drafts{}
	for dir := filepath.Clean(out); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		d.made = append(d.made, dir)
	}
	if err = os.MkdirAll(out, 0o700); err == nil {
		err = errors.Join(d.sweep(out), d.open(out))
	}
	if err != nil {
		return nil, &hintError{errors.Join(err, d.close()), hintOut}
	}
	return d, nil
}

// workFolder makes a folder for the time being, for what done removes, and removes
// those that killed commands have left.
func workFolder() (dir string, done func() error, err error) {
	d := &drafts{}
	if err := errors.Join(d.sweep(os.TempDir()), d.open(os.TempDir())); err != nil {
		return "", nil, &hintError{errors.Join(fmt.Errorf("make a folder for the time being: %w", err), d.close()),
			"it is made in $TMPDIR, else in /tmp, which must be writable and have room"}
	}
	return d.dir, d.close, nil
}

// open makes the folder of this run. One that another run takes for left over
// before it is locked is made anew.
func (d *drafts) open(out string) error {
	for {
		dir, err := os.MkdirTemp(out, draftsPrefix+"*")
		if err != nil {
			return err
		}
		lock, err := lockDrafts(dir, os.O_CREATE)
		switch {
		case lock != nil:
			d.dir, d.lock = dir, lock
			return nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return errors.Join(err, os.RemoveAll(dir))
		}
	}
}

// lockDrafts takes the lock of a folder; nil where another has it or the folder
// is no more.
func lockDrafts(dir string, flag int) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|flag, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, f.Close()
	} else if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	if _, err := os.Stat(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the folders of runs that have ended without removing them. Those
// of another account are left to it.
func (d *drafts) sweep(out string) error {
	entries, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dir := filepath.Join(out, e.Name())
		if ok, _ := filepath.Match(draftsPrefix+"*", e.Name()); !ok || !ownFolder(e) {
			continue
		}
		lock, err := lockDrafts(dir, 0)
		if errors.Is(err, fs.ErrNotExist) {
			// Killed before it had a lock, then it is empty; or while it was removed.
			if os.Remove(dir) != nil && !hasLock(dir) {
				os.RemoveAll(dir)
			}
			continue
		}
		if errors.Is(err, fs.ErrPermission) || err == nil && lock == nil {
			continue
		}
		if err != nil {
			return err
		}
		files, err := os.ReadDir(dir)
		for _, f := range files {
			if f.Name() != filepath.Base(lock.Name()) {
				d.left = append(d.left, f.Name())
			}
		}
		if err := errors.Join(err, os.RemoveAll(dir), lock.Close()); err != nil {
			return fmt.Errorf("remove what a killed run left: %w", err)
		}
	}
	return nil
}

// ownFolder reports whether it is a folder of this account.
func ownFolder(e fs.DirEntry) bool {
	if !e.IsDir() {
		return false
	}
	info, err := e.Info()
	if err != nil {
		return false // gone
	}
	of, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(of.Uid) == os.Getuid()
}

// hasLock reports whether a folder has a lock by now.
func hasLock(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "lock"))
	return err == nil
}

// close removes the run's folder with what is in it, and those made for it that
// are empty.
func (d *drafts) close() error {
	var err error
	if d.lock != nil {
		err = errors.Join(os.RemoveAll(d.dir), d.lock.Close())
	}
	for _, dir := range d.made {
		if os.Remove(dir) != nil {
			break // it has the files
		}
	}
	return err
}

// explainOut is [explainDisk] for what is written to --out.
func explainOut(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return &hintError{err, hintOut}
	}
	return explainDisk(err)
}
