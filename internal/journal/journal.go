// Package journal keeps what happened as a chain of lines that cannot be
// changed without being noticed.
//
// A line is one JSON object. Its first member, "prev", is the SHA-256, in hex,
// of the line before it with its newline; of the first line it is 64 zeros.
// Then come "seq" (from 1), "at" (UTC), "kind", "salt" (16 random bytes, in hex) and
// "detail", an object:
//
//	{"prev":"0000...","seq":1,"at":"2026-01-02T06:00:00Z","kind":"snapshot","salt":"5f1d...","detail":{"id":"20260102T060000Z"}}
//
// The salt keeps the hash of a line from proving a guess at what the line says: a
// copy that leaves out some of it, and the salt, still has the hashes. A line may
// have none, as older ones.
//
// So the chain can be checked with read and sha256sum alone:
//
//	p=$(printf '0%.0s' {1..64}); while IFS= read -r l; do
//	  [ "${l:9:64}" = "$p" ] || echo BROKEN; p=$(printf '%s\n' "$l" | sha256sum | cut -c1-64); done < journal.ndjson
//
// A chain shows a change of any line but the last, and not that lines are
// missing at the end: for that its head has to be kept elsewhere.
//
// Lines are only added. The one exception is a last line without its newline,
// which a loss of power left: the next writer moves it to a file of its own
// and says so in its entry. The package does not know what the entries mean.
package journal

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Zero is what the first line has as "prev".
var Zero = strings.Repeat("0", 64)

// Journal is a file of lines. Its methods are safe for concurrent use, also by
// several processes.
type Journal struct {
	path string
	now  func() time.Time
}

// Open returns the journal at path, which need not exist yet. Entries carry
// the time that now gives.
func Open(path string, now func() time.Time) *Journal {
	return &Journal{path: path, now: now}
}

// Path returns where the journal is.
func (j *Journal) Path() string { return j.path }

// Head is the end of a chain: the hash of its last line, which the next one
// has as "prev", and its number; of an empty journal [Zero] and 0.
type Head struct {
	SHA256 string
	Seq    int64
}

// Entry is one line. Salt is "" in one that has none. SHA256 is its own hash where it
// has been read.
type Entry struct {
	Prev   string          `json:"prev"`
	Seq    int64           `json:"seq"`
	At     time.Time       `json:"at"`
	Kind   string          `json:"kind"`
	Salt   string          `json:"salt,omitempty"`
	Detail json.RawMessage `json:"detail"`
	SHA256 string          `json:"-"`
}

var saltText = regexp.MustCompile(`^([0-9a-f]{32})?$`)

// Writable returns an error where no line could be added. It changes nothing.
func (j *Journal) Writable() error {
	f, err := os.OpenFile(j.path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		const write = 2
		dir := filepath.Dir(j.path)
		if err = syscall.Access(dir, write); err != nil {
			err = &fs.PathError{Op: "write to", Path: dir, Err: err}
		}
	case err == nil:
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// Append adds a line and returns when it is on the disk. detail is anything
// that JSON has as an object. A torn last line is first cut off into
// journal.torn-<n> beside the journal; the member "torn" of detail then names
// that file. It returns a [*Broken] when the last line is no entry.
func (j *Journal) Append(kind string, detail any) (Head, error) {
	head, err := j.append(kind, detail)
	if err != nil {
		return Head{}, fmt.Errorf("journal: append %s: %w", kind, err)
	}
	return head, nil
}

func (j *Journal) append(kind string, detail any) (Head, error) {
	object, err := marshalObject(detail)
	if err != nil {
		return Head{}, err
	}
	f, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return Head{}, err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return Head{}, err
	}
	end, last, torn, err := tail(f)
	if err != nil {
		return Head{}, err
	}
	if torn != nil {
		name, err := j.setAside(torn)
		if err != nil {
			return Head{}, err
		}
		if object, err = addMember(object, "torn", name); err != nil {
			return Head{}, err
		}
	}
	head := Head{SHA256: Zero}
	if last != nil {
		var e Entry
		if err := json.Unmarshal(last, &e); err != nil {
			return Head{}, &Broken{Path: j.path, Problem: "it is no entry"}
		}
		head = Head{SHA256: sum(last), Seq: e.Seq}
	}
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	line, err := json.Marshal(Entry{Prev: head.SHA256, Seq: head.Seq + 1, At: j.now().UTC(), Kind: kind,
		Salt: hex.EncodeToString(salt), Detail: object})
	if err != nil {
		return Head{}, err
	}
	line = append(line, '\n')
	if err := writeEnd(f, line, end); err != nil {
		// A line that may not be on the disk would stand there twice when it is
		// appended again, and a piece of it would be taken for a torn one.
		_, undo := f.WriteAt(torn, end)
		return Head{}, errors.Join(err, undo, f.Truncate(end+int64(len(torn))))
	}
	return Head{SHA256: sum(line), Seq: head.Seq + 1}, nil
}

// writeEnd makes line the last one of a journal, from end on, and returns when it is
// on the disk.
func writeEnd(f *os.File, line []byte, end int64) error {
	if _, err := f.WriteAt(line, end); err != nil {
		return err
	}
	if err := f.Truncate(end + int64(len(line))); err != nil {
		return err
	}
	if err := f.Sync(); err != nil || end > 0 {
		return err
	}
	return syncDir(filepath.Dir(f.Name()))
}

// marshalObject returns detail as a JSON object on one line.
func marshalObject(detail any) (json.RawMessage, error) {
	if detail == nil {
		return json.RawMessage("{}"), nil
	}
	b, err := json.Marshal(detail)
	if err != nil {
		return nil, err
	}
	if len(b) == 0 || b[0] != '{' {
		return nil, fmt.Errorf("detail is %.40q, not an object", b)
	}
	return b, nil
}

func addMember(object json.RawMessage, name, value string) (json.RawMessage, error) {
	v, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	out := append([]byte{}, bytes.TrimSuffix(object, []byte("}"))...)
	if len(out) > 1 {
		out = append(out, ',')
	}
	return fmt.Appendf(out, "%q:%s}", name, v), nil
}

// tail returns where the whole lines end, the last of them with its newline,
// and what stands after it.
func tail(f *os.File) (end int64, last, torn []byte, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, nil, nil, err
	}
	size := info.Size()
	for n := int64(64 << 10); ; n *= 2 {
		from := max(0, size-n)
		b := make([]byte, size-from)
		if _, err := f.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
			return 0, nil, nil, err
		}
		stop := bytes.LastIndexByte(b, '\n') + 1
		start := 0
		if stop > 0 {
			start = bytes.LastIndexByte(b[:stop-1], '\n') + 1
		}
		if from > 0 && start == 0 {
			continue // the line begins further up
		}
		if stop < len(b) {
			torn = b[stop:]
		}
		if stop > 0 {
			last = b[start:stop]
		}
		return from + int64(stop), last, torn, nil
	}
}

// setAside keeps the bytes of a torn line and returns the name of their file, which
// a repair that was cut short may have left.
func (j *Journal) setAside(torn []byte) (string, error) {
	stem := strings.TrimSuffix(j.path, filepath.Ext(j.path))
	for n := 1; ; n++ {
		path := fmt.Sprintf("%s.torn-%d", stem, n)
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			kept, err := os.ReadFile(path)
			if err == nil && bytes.Equal(kept, torn) {
				return filepath.Base(path), nil
			}
			if err != nil {
				return "", err
			}
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(torn)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return "", err
		}
		return filepath.Base(path), syncDir(filepath.Dir(path))
	}
}

// Head returns the end of the chain, without checking the rest of it.
func (j *Journal) Head() (Head, error) {
	f, err := os.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Head{SHA256: Zero}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("journal: head: %w", err)
	}
	defer f.Close()
	_, last, _, err := tail(f)
	if err != nil {
		return Head{}, fmt.Errorf("journal: head: %w", err)
	}
	if last == nil {
		return Head{SHA256: Zero}, nil
	}
	var e Entry
	if err := json.Unmarshal(last, &e); err != nil {
		return Head{}, fmt.Errorf("journal: head: %w", &Broken{Path: j.path, Problem: "it is no entry"})
	}
	return Head{SHA256: sum(last), Seq: e.Seq}, nil
}

// Read calls each with every whole line of the journal at path, in order, and
// checks the chain on the way. It returns a [*Broken] for the first line that
// does not fit, a torn last line included, and what each returns. A journal
// that does not exist has no lines.
func Read(path string, each func(Entry) error) (Head, error) {
	head := Head{SHA256: Zero}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return head, nil
	}
	if err != nil {
		return head, fmt.Errorf("journal: %w", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for n := int64(1); ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return head, nil
		}
		broken := func(problem string) (Head, error) {
			return head, &Broken{Path: path, Line: n, Problem: problem}
		}
		if errors.Is(err, io.EOF) {
			return head, &Broken{Path: path, Line: n, Problem: "it is torn: it has no newline", Torn: true}
		}
		if err != nil {
			return head, fmt.Errorf("journal: %w", err)
		}
		var e Entry
		if json.Unmarshal(line, &e) != nil || !bytes.HasPrefix(line, []byte(`{"prev":"`)) || !saltText.MatchString(e.Salt) {
			return broken("it is no entry")
		}
		if e.Prev != head.SHA256 {
			var next Entry
			if line, _ := r.ReadBytes('\n'); json.Unmarshal(line, &next) != nil {
				next.Prev = "" // which tells nothing
			}
			return head, Unchained(path, n, e.Seq, sum(line), next.Prev)
		}
		if e.Seq != head.Seq+1 {
			return broken(fmt.Sprintf("its seq is %d, not %d", e.Seq, head.Seq+1))
		}
		e.SHA256 = sum(line)
		head = Head{SHA256: e.SHA256, Seq: e.Seq}
		if each == nil {
			continue
		}
		if err := each(e); err != nil {
			return head, err
		}
	}
}

// Verify checks the whole chain of the journal at path and returns its end. It
// returns a [*Broken] that names the first line which does not fit.
func Verify(path string) (Head, error) { return Read(path, nil) }

func sum(line []byte) string {
	h := sha256.Sum256(line)
	return hex.EncodeToString(h[:])
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
