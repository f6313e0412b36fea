package store

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// maskKey is the store's secret, of which pseudonyms and tags are made. Whoever
// has it can tell who is who by trying; without it nobody can.
type maskKey []byte

const keySize = 32

// derive is a key of its own for each label. Labels of tags begin with NUL, so
// that none is a project's.
func (k maskKey) derive(label string) []byte { return mac(k, label) }

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// pseudonym stands for a person of a project in every snapshot of the store: the
// first 12 signs of the base32 of HMAC-SHA256(HMAC-SHA256(key, project), person).
func pseudonym(projectKey []byte, person string) string {
	return base32.StdEncoding.EncodeToString(mac(projectKey, person))[:12]
}

// check tells keys apart without giving one away.
func (k maskKey) check() string { return hex.EncodeToString(k.derive("\x00check"))[:16] }

// tags gives each text a face and a tag of n signs after it, so that texts that
// differ still differ, and what compares them counts as before: the blanks around
// a text stay around its tag, since some trim and some do not. Texts that are one
// but for capitals and blanks have one face, and the same letters in their tag;
// capitals tell them apart. Empty and blank texts stay. What there is without its
// blanks is given too.
func (k maskKey) tags(label string, texts []string, n int, face func(string) string) map[string]string {
	key := k.derive("\x00" + label)
	spellings := map[string][]string{}
	for _, s := range texts {
		if core := strings.TrimSpace(s); core != "" {
			normal := normalise(core)
			spellings[normal] = append(spellings[normal], core)
		}
	}
	all, taken := make(map[string]string, len(texts)), map[string]bool{}
	for _, normal := range slices.Sorted(maps.Keys(spellings)) {
		slices.Sort(spellings[normal])
		sum := strings.ToLower(base32.StdEncoding.EncodeToString(mac(key, normal)))
		// The first has the most blanks, and so its words apart.
		shown := face(spellings[normal][0])
		tag, front := sum[:n], normalise(shown)
		for more := n + 1; taken[front+tag] && more < 52; more++ {
			tag = sum[:more]
		}
		taken[front+tag] = true
		for i, core := range slices.Compact(spellings[normal]) {
			all[core] = shown + capitals(tag, i)
		}
	}
	for _, s := range texts {
		core := strings.TrimSpace(s)
		if core == "" {
			all[s] = s
			continue
		}
		before, after, _ := strings.Cut(s, core)
		all[s] = before + all[core] + after
	}
	return all
}

// normalise is what a text has in common with its other spellings. The blanks are
// those that identity_findings leaves out of names, and no more.
func normalise(s string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", "\u3000", "").Replace(s))
}

// capitals writes the bits of n into the letters of tag.
func capitals(tag string, n int) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			if n&1 == 1 {
				r = unicode.ToUpper(r)
			}
			n >>= 1
		}
		return r
	}, tag)
}

// maskError is what keeps a masked copy from being made, with what to do.
type maskError struct {
	err  error
	hint string
}

func (e *maskError) Error() string { return e.err.Error() }
func (e *maskError) Unwrap() error { return e.err }
func (e *maskError) Hint() string  { return e.hint }

const hintKey = "restore it from a backup; or remove it and snapshots/*.standard.duckdb, *.pseudonym.duckdb: " +
	"then everybody gets another pseudonym, and files that you gave away no longer fit"

func (s *Store) keyPath() string { return filepath.Join(s.dir, "pseudonym.key") }

// maskKey reads the store's key, and makes it where there has never been one. The
// caller holds the lock of the masks.
func (s *Store) maskKey(ctx context.Context) (maskKey, error) {
	path := s.keyPath()
	copies, err := s.glob("snapshots/*.*.duckdb")
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) && len(copies) > 0 {
		return nil, &maskError{fmt.Errorf("%s is missing, but %s was made with it", path, copies[0]), hintKey}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return newMaskKey(path)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, &maskError{fmt.Errorf("%s: mode %04o lets others read it, want 0600", path, info.Mode().Perm()),
			"chmod 600 it; who has read it can tell who is behind each pseudonym"}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, &maskError{fmt.Errorf("%s is cut or damaged: want %d hexadecimal digits", path, 2*keySize), hintKey}
	}
	for _, path := range copies {
		made, err := s.maskOf(ctx, filepath.Join(s.dir, path))
		if err == nil && made.key != maskKey(key).check() {
			return nil, &maskError{fmt.Errorf("pseudonym.key is another than %s was made with", path), hintKey}
		}
	}
	return key, ctx.Err()
}

// newMaskKey makes the key. It is whole, and on the disk, before it has its name.
func newMaskKey(path string) (_ maskKey, err error) {
	key := make(maskKey, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".pseudonym.key.*")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = fmt.Fprintf(f, "%x\n", []byte(key))
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return nil, err
	}
	return key, syncDir(filepath.Dir(path))
}
