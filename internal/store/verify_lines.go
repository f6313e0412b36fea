package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"sync"
)

// callSums reads the SHA-256 of each landed line of a folder from its file of calls,
// by resource and line.
func callSums(path string) (map[string]map[int64]string, error) {
	sums := map[string]map[int64]string{}
	_, err := eachLine(path, func(text []byte) error {
		var c struct {
			Resource     string `json:"resource"`
			Line         *int64 `json:"line"`
			LandedSHA256 string `json:"landed_sha256"`
		}
		if err := json.Unmarshal(text, &c); err != nil {
			return err
		}
		if c.Line == nil {
			return nil
		}
		if sums[c.Resource] == nil {
			sums[c.Resource] = map[int64]string{}
		}
		sums[c.Resource][*c.Line] = c.LandedSHA256
		return nil
	})
	return sums, err
}

// landedLines is what the lines of a landed file are, beside their calls.
type landedLines struct {
	pages, bytes int64
	uncalled     []string // numbers of lines that have no call
	problem      string   // the first
	problems     int
}

func (l *landedLines) fault(format string, args ...any) {
	if l.problems++; l.problems == 1 {
		l.problem = fmt.Sprintf(format, args...)
	}
}

// readLanded compares the lines of a landed file with their SHA-256; those that it
// finds it takes out of sums. An error is of reading, and says how far it came.
func readLanded(ctx context.Context, from io.Reader, sums map[int64]string) (*landedLines, error) {
	l := &landedLines{}
	var last int64
	var err error
	l.bytes, err = eachLineOf(from, func(text []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := ParseLanded(text)
		if err != nil {
			return err
		}
		l.pages++
		if line.Line <= last {
			l.fault("line %d stands after line %d", line.Line, last)
		}
		last = line.Line
		want, ok := sums[line.Line]
		delete(sums, line.Line)
		sum := sha256.Sum256(line.Response)
		switch {
		case !ok:
			l.uncalled = append(l.uncalled, strconv.FormatInt(line.Line, 10))
		case hex.EncodeToString(sum[:]) != want:
			l.fault("line %d is not the page that was landed: its SHA-256 is not %s", line.Line, short(want))
		}
		return nil
	})
	if err != nil {
		return l, fmt.Errorf("cannot be read after %d pages: %w", l.pages, err)
	}
	return l, nil
}

// missing adds the lines that are not in the file.
func (l *landedLines) missing(sums map[int64]string) {
	if len(sums) == 0 {
		return
	}
	first := int64(-1)
	for line := range sums {
		if first < 0 || line < first {
			first = line
		}
	}
	l.fault("line %d is missing", first)
	l.problems += len(sums) - 1
}

// words say what is wrong; "" for nothing.
func (l *landedLines) words() string {
	if l.problems > 1 {
		return fmt.Sprintf("%s (and %d lines more)", l.problem, l.problems-1)
	}
	return l.problem
}

// Damaged is a file below the store's folder that is not as it was landed.
type Damaged struct {
	Path    string
	Problem string
}

func (e *Damaged) Error() string { return e.Path + " is damaged: " + e.Problem }

// RawChecker compares landed files, each once, with the SHA-256 of their lines that
// the calls beside them have. It is safe for concurrent use.
type RawChecker struct {
	dir     string // of the store
	mu      sync.Mutex
	folders map[string]func() (map[string]map[int64]string, error)
}

// RawChecker begins a check of landed files.
func (s *Store) RawChecker() *RawChecker {
	return &RawChecker{dir: s.dir, folders: map[string]func() (map[string]map[int64]string, error){}}
}

// Check reads a file that [Store.RawFiles] listed from from, to its end. It returns a
// [*Damaged] for one that cannot be read, that lacks a line, or in which one is not
// the answer that landed, or stands twice. Lines that have no call no row is from.
func (c *RawChecker) Check(ctx context.Context, f EvidenceFile, from io.Reader) error {
	if f.Resource == "calls" || f.Resource == "walks" {
		n := int64(0)
		_, err := eachLineOf(from, func(text []byte) error {
			if n++; !json.Valid(text) {
				return errors.New("it is no JSON")
			}
			return ctx.Err()
		})
		if err != nil && ctx.Err() == nil {
			err = &Damaged{path.Join("raw", f.Path), fmt.Sprintf("cannot be read after %d lines: %v", n, err)}
		}
		return err
	}
	sums, err := c.sums(f)
	if err != nil {
		return err
	}
	l, err := readLanded(ctx, from, sums)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return &Damaged{path.Join("raw", f.Path), err.Error()}
	}
	if l.missing(sums); l.problems > 0 {
		return &Damaged{path.Join("raw", f.Path), l.words()}
	}
	return nil
}

// sums are the hashes of the file's lines; none where the calls are gone.
func (c *RawChecker) sums(f EvidenceFile) (map[int64]string, error) {
	calls := path.Join("raw", path.Dir(f.Path), "calls.ndjson.zst")
	c.mu.Lock()
	read := c.folders[calls]
	if read == nil {
		read = sync.OnceValues(func() (map[string]map[int64]string, error) {
			return callSums(filepath.Join(c.dir, filepath.FromSlash(calls)))
		})
		c.folders[calls] = read
	}
	c.mu.Unlock()
	folder, err := read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &Damaged{calls, err.Error()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sums := folder[f.Resource]
	delete(folder, f.Resource) // of many snapshots they would be too many
	return sums, nil
}
