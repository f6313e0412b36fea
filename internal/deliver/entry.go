package deliver

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// asideSuffix ends the names of files that could not be read.
const asideSuffix = ".damaged"

// entryFile is a file of an entry.
var entryFile = regexp.MustCompile(`^([0-9]{4,})\.(eml|json|accepted)$`)

// entries are all mails, in the order in which they were put, those that the
// server has among them, and those that cannot be read.
func (o *Outbox) entries() (all []Entry, damaged []*Damaged, err error) {
	runs, err := os.ReadDir(o.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("outbox: %w", err)
	}
	for _, run := range runs {
		if !run.IsDir() || !runName.MatchString(run.Name()) {
			continue
		}
		files, err := os.ReadDir(filepath.Join(o.Dir, run.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // tidied away meanwhile
		}
		if err != nil { // another account's, perhaps: it keeps no other back
			damaged = append(damaged, &Damaged{run.Name(), err})
			continue
		}
		last := ""
		for _, f := range files {
			parts := entryFile.FindStringSubmatch(f.Name())
			if parts == nil || parts[1] == last {
				continue
			}
			last = parts[1]
			e, err := o.read(run.Name(), last)
			switch {
			case errors.Is(err, errGone):
			case err != nil:
				damaged = append(damaged, &Damaged{run.Name() + "/" + last, err})
			default:
				all = append(all, e)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(a.Queued.Compare(b.Queued), strings.Compare(a.Run, b.Run), cmp.Compare(len(a.Number), len(b.Number)),
			strings.Compare(a.Number, b.Number))
	})
	return all, damaged, nil
}

// errGone is an entry that another process removed meanwhile.
var errGone = errors.New("it is gone")

// read reads an entry, and not its mail.
func (o *Outbox) read(run, number string) (Entry, error) {
	e := Entry{Run: run, Number: number}
	text, err := os.ReadFile(o.file(e, ".json"))
	if errors.Is(err, fs.ErrNotExist) {
		e.accepted = true
		text, err = os.ReadFile(o.file(e, ".accepted"))
	}
	mail, missing := os.Stat(o.file(e, ".eml"))
	switch {
	case err != nil && missing != nil:
		return e, errGone
	case err != nil:
		return e, err
	case missing != nil && !e.accepted: // of one that was accepted the mail goes first
		return e, missing
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return e, err
	}
	if CheckAddress(e.To) != nil || e.MessageID == "" || e.State != Waiting && e.State != Refused {
		return e, errors.New("it says not who gets it, or not whether it waits")
	}
	e.Next = o.sane(e.Next)
	if missing == nil && mail.Size() != e.Size {
		return e, fmt.Errorf("the mail has %d bytes, not %d", mail.Size(), e.Size)
	}
	return e, nil
}

// mail reads the bytes of an entry's mail.
func (o *Outbox) mail(e Entry) ([]byte, error) {
	raw, err := os.ReadFile(o.file(e, ".eml"))
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != e.SHA256 {
		return nil, errors.New("the mail is not the one that was put: its SHA-256 differs")
	}
	return raw, nil
}

func (o *Outbox) file(e Entry, suffix string) string {
	return filepath.Join(o.Dir, e.Run, e.Number+suffix)
}

// write replaces an entry's file.
func (o *Outbox) write(e Entry) error {
	return replaceJSON(o.file(e, ".json"), e)
}

// remove takes an entry that is done with out of the outbox.
func (o *Outbox) remove(e Entry) error {
	for _, suffix := range []string{".eml", ".json", ".accepted"} {
		if err := os.Remove(o.file(e, suffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// setAside keeps the files of a damaged entry under names that nothing reads.
func (o *Outbox) setAside(d *Damaged) error {
	stem := filepath.Join(o.Dir, filepath.FromSlash(d.Name))
	for _, suffix := range []string{".eml", ".json", ".accepted"} {
		err := os.Rename(stem+suffix, stem+suffix+asideSuffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// keepRuns is how long the empty folder of a run stays.
const keepRuns = 31 * 24 * time.Hour

// tidy removes what crashes left of runs that were never whole, and the folders
// of runs that are long done.
func (o *Outbox) tidy() error {
	names, err := os.ReadDir(o.Dir)
	if err != nil {
		return err
	}
	release, err := flock(filepath.Join(o.Dir, "put.lock"), syscall.LOCK_EX|syscall.LOCK_NB)
	nobodyPuts := err == nil
	if nobodyPuts {
		defer release()
	}
	for _, d := range names {
		path := filepath.Join(o.Dir, d.Name())
		info, err := d.Info()
		switch {
		case err != nil || !d.IsDir():
		case strings.HasPrefix(d.Name(), ".tmp-") && nobodyPuts:
			err = os.RemoveAll(path)
		case runName.MatchString(d.Name()) && o.Now().Sub(info.ModTime()) > keepRuns:
			os.Remove(path) // refused where it is not empty
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Busy says that another process is sending.
type Busy struct{ Holder string }

func (b *Busy) Error() string { return "outbox: in use by " + cmp.Or(b.Holder, "another process") }

// lock waits until no other process changes entries, until ctx ends; it then
// returns a [Busy].
func (o *Outbox) lock(ctx context.Context) (release func() error, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(o.Dir, "lock")
	for {
		release, err = flock(path, syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			host, _ := os.Hostname()
			// The name is for people; a disk without room for it is no reason.
			os.WriteFile(path, fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0o600)
			return release, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			holder, _ := os.ReadFile(path)
			return nil, errors.Join(&Busy{strings.TrimSpace(string(holder))}, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// flock opens the file at path and locks it.
func flock(path string, how int) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f.Close, nil
}

// writeFile makes a file that is on the disk when it returns.
func writeFile(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// replaceJSON puts v into the file at path, whole or not at all.
func replaceJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := writeFile(fresh, append(text, '\n'), 0o600); err != nil {
		os.Remove(fresh)
		return err
	}
	return os.Rename(fresh, path)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
