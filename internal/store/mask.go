package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Profiles of masks. Full is none.
const (
	MaskFull      = "full"
	MaskStandard  = "standard"
	MaskPseudonym = "pseudonym"
)

// Masks lists the profiles, from the one that shows most.
var Masks = []string{MaskFull, MaskStandard, MaskPseudonym}

// masking begins the names of masked copies that are being made.
const masking = ".masking-"

// masked returns the path of the masked copy of the snapshot file at path, and
// makes it where it is not there: once for each snapshot and profile, under a
// temporary name until it is whole and on the disk. It is a file of its own, with
// none of what it masks, because whoever may ask a file anything gets around every
// view in it.
func (s *Store) masked(ctx context.Context, path string, o ReadOptions) (string, error) {
	id := strings.TrimSuffix(filepath.Base(path), ".duckdb")
	target := maskedPath(path, o.Mask)
	if s.usable(ctx, target, o.Mask) {
		return target, nil
	}
	if err := checkMagic(path); err != nil {
		return "", err
	}
	if o.Masking != nil {
		o.Masking(id)
	}
	err := s.makeMasked(ctx, path, target, o.Mask, maskWait)
	if err != nil {
		err = fmt.Errorf("make the %s copy of snapshot %s: %w", o.Mask, id, err)
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return "", &maskError{err, "let an account that may write the store make it: exporter sql --mask " + o.Mask +
			" --snapshot " + id + "; or read everything: --mask full"}
	}
	return target, err
}

// maskedPath is the path of the masked copy of the snapshot file at path.
func maskedPath(path, profile string) string {
	return strings.TrimSuffix(path, ".duckdb") + "." + profile + ".duckdb"
}

// usable tells whether a masked copy is there and was made by today's rules.
func (s *Store) usable(ctx context.Context, path, profile string) bool {
	if there, err := exists(path); err != nil || !there {
		return false
	}
	made, err := s.maskOf(ctx, path)
	return err == nil && made.fits(profile)
}

// maskFacts is what a masked copy says of itself.
type maskFacts struct {
	profile, key string
	rules        int
}

// fits tells whether the copy is of a profile and was made by today's rules.
func (m maskFacts) fits(profile string) bool { return m.profile == profile && m.rules == maskRules }

// readMask reads what the chosen masked copy says of itself.
func readMask(ctx context.Context, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (m maskFacts, err error) {
	err = db.QueryRowContext(ctx, "SELECT profile, rules, key_check FROM snap.base.masked").Scan(&m.profile, &m.rules, &m.key)
	return m, err
}

func (s *Store) maskOf(ctx context.Context, path string) (m maskFacts, err error) {
	db, err := openMemory(func(func(string, ...any) error) error { return nil })
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return m, err
	}
	defer conn.Close()
	if _, err := s.attachFile(ctx, conn, path); err != nil {
		return m, err
	}
	return readMask(ctx, conn)
}

// maskAhead makes for a snapshot that is about to be published, whose file is still
// at path, the masked copies that the newest one has: so nobody who asks has to wait
// for them. One that cannot be made now is made when it is asked for.
func (s *Store) maskAhead(ctx context.Context, path, id string) {
	ids, _, err := s.files()
	if err != nil || len(ids) == 0 {
		return
	}
	copies, err := s.MaskedCopies()
	if err != nil {
		return
	}
	for _, profile := range copies[ids[len(ids)-1]] {
		_ = s.makeMasked(ctx, path, maskedPath(s.path(id), profile), profile, 0)
	}
}

// makeMasked makes the copy unless another process did so meanwhile.
func (s *Store) makeMasked(ctx context.Context, path, target, profile string, wait time.Duration) (err error) {
	if err := os.MkdirAll(filepath.Join(s.dir, "tmp"), 0o700); err != nil {
		return err
	}
	release, err := s.lockMasks(ctx, wait)
	if err != nil {
		return err
	}
	if release == nil {
		return errMasking(wait)
	}
	defer func() { err = errors.Join(err, release()) }()
	if s.usable(ctx, target, profile) {
		return nil
	}
	if err := s.clearMasking(); err != nil {
		return err
	}
	key, err := s.maskKey(ctx)
	if err != nil {
		return err
	}
	file := filepath.Join(filepath.Dir(target), masking+filepath.Base(target))
	if err := s.buildMasked(ctx, path, file, profile, key); err != nil {
		return errors.Join(err, s.clearMasking())
	}
	if err := errors.Join(seal(file), ctx.Err()); err != nil {
		return errors.Join(err, s.clearMasking())
	}
	if err := os.Rename(file, target); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(target)); err != nil {
		return err
	}
	// A purge that took the snapshot meanwhile did not know of the copy, or
	// removes it after the snapshot.
	if there, err := exists(path); err != nil || there {
		return err
	}
	return errors.Join(fmt.Errorf("%w: it was removed meanwhile", ErrNotPublished), removeIfThere(target))
}

func errMasking(wait time.Duration) error {
	return &maskError{fmt.Errorf("another process has been making one for more than %s", wait),
		"it holds the file mask.lock of the store: wait for it, or end it if it is stopped"}
}

// maskWait is how long one process waits for another that makes a masked copy: for a
// large store that takes half a minute, and one that is stopped never ends.
const maskWait = 2 * time.Minute

// lockMasks takes the right to make masked copies, and waits for another process that
// has it; release is nil when that has it for longer than wait.
func (s *Store) lockMasks(ctx context.Context, wait time.Duration) (release func() error, err error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "mask.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(wait)
	err = lockFile(ctx, f, func() error {
		if time.Now().Before(until) {
			return nil
		}
		return syscall.EWOULDBLOCK
	})
	switch {
	case err == nil:
		return f.Close, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil, f.Close()
	}
	return nil, errors.Join(err, f.Close())
}

// clearMasking removes what a crash left of masked copies. The caller holds the
// lock of the masks.
func (s *Store) clearMasking() error {
	left, err := s.glob("snapshots/" + masking + "*")
	for _, path := range left {
		err = errors.Join(err, removeIfThere(filepath.Join(s.dir, path)))
	}
	return err
}

// clearIdleMasking is [Store.clearMasking] unless a process is making one.
func (s *Store) clearIdleMasking(ctx context.Context) error {
	left, err := s.glob("snapshots/" + masking + "*")
	if err != nil || len(left) == 0 {
		return err
	}
	release, err := s.lockMasks(ctx, 0)
	if err != nil || release == nil {
		return err
	}
	return errors.Join(s.clearMasking(), release())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeMasked removes the masked copies of a snapshot whose own file is gone.
func (s *Store) removeMasked(id string) error {
	copies, err := s.glob("snapshots/" + id + ".*.duckdb")
	for _, path := range copies {
		err = errors.Join(err, removeIfThere(filepath.Join(s.dir, path)))
	}
	return err
}

// MaskedCopies lists the profiles in which each snapshot has a copy.
func (s *Store) MaskedCopies() (map[string][]string, error) {
	names, err := folders(filepath.Join(s.dir, "snapshots"))
	if err != nil {
		return nil, fmt.Errorf("list masked copies: %w", err)
	}
	copies := map[string][]string{}
	for _, mask := range Masks {
		for _, name := range names {
			if id, profile, _ := strings.Cut(strings.TrimSuffix(name, ".duckdb"), "."); masked.MatchString(name) && profile == mask {
				copies[id] = append(copies[id], mask)
			}
		}
	}
	return copies, nil
}
