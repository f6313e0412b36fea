package collect

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"exporter/internal/cloud"
	"exporter/internal/store"
)

// place is where an answer belongs in a run. No two answers have the same.
type place struct {
	resource, key string
	walk, page    int
}

// answer is one that an interrupted run has landed, and where.
type answer struct {
	offset       int64 // of its frame in the file of its resource
	size         int
	line         int64
	milliseconds int64
	httpStatus   int
	attempt      int
	body         [32]byte // SHA-256 of what was received
}

// held is what an interrupted run has left in a landing directory.
type held struct {
	answers map[place]answer
	ends    map[string]end      // by resource
	failed  []store.Call        // attempts that came to nothing
	counts  map[string]attempts // of answers and failed attempts, by resource
}

// end is how far the file of a resource is whole: what follows is torn.
type end struct{ size, lines int64 }

// stampName is the file that says how a run asks, so that only a run that asks
// in the same way takes it up.
const stampName = "run.json"

// takeUp reads what an interrupted run has left in dir, or empties dir where that
// run asked differently: its pages would not fit.
func takeUp(dir, stamp string) (*held, error) {
	h := &held{answers: map[place]answer{}, ends: map[string]end{}, counts: map[string]attempts{}}
	path := filepath.Join(dir, stampName)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if string(before) != stamp {
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
			return nil, err
		}
		return h, os.WriteFile(path, []byte(stamp), 0o600)
	}
	files, err := fs.Glob(os.DirFS(dir), "*.ndjson.zst")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		path := filepath.Join(dir, file)
		switch name := strings.TrimSuffix(file, ".ndjson.zst"); name {
		case "walks":
		case "calls":
			err = h.readCalls(path)
		default:
			err = h.readAnswers(path, name)
		}
		if err != nil {
			return nil, fmt.Errorf("take up %s: %w", file, err)
		}
	}
	return h, nil
}

// frames reads a file of zstd frames and gives each as it is and decoded, until
// one is torn. It returns where the last whole one ends, or an error of f.
func frames(path string, each func(offset int64, frame, text []byte) bool) (whole int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(store.MaxLine))
	if err != nil {
		return 0, err
	}
	defer decoder.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	var frame, text []byte
	for {
		frame, err = appendFrame(frame[:0], in)
		if err == nil {
			text, err = decoder.DecodeAll(frame, text[:0])
		}
		if err != nil || !each(whole, frame, text) {
			if pathError, ok := errors.AsType[*fs.PathError](err); ok {
				return whole, pathError
			}
			return whole, nil
		}
		whole += int64(len(frame))
	}
}

// appendFrame reads one zstd frame without decoding it: RFC 8878, 3.1.1.
func appendFrame(dst []byte, in *bufio.Reader) ([]byte, error) {
	var err error
	take := func(n int) {
		if err != nil {
			return
		}
		start := len(dst)
		dst = append(dst, make([]byte, n)...)
		_, err = io.ReadFull(in, dst[start:])
	}
	head, _ := in.Peek(zstd.HeaderMaxSize)
	var h zstd.Header
	if err := h.Decode(head); err != nil {
		return dst, err
	}
	take(h.HeaderSize)
	for last := h.Skippable; !last && err == nil; {
		take(3)
		b := dst[len(dst)-3:]
		block := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
		size := block >> 3
		if kind := block >> 1 & 3; kind == 1 { // one byte, repeated
			size = 1
		}
		take(size)
		last = block&1 == 1
	}
	if h.HasCheckSum {
		take(4)
	}
	return dst, err
}

// readCalls keeps the attempts that came to nothing; those that were landed are
// filed again when their answers are used.
func (h *held) readCalls(path string) error {
	_, err := frames(path, func(_ int64, _, text []byte) bool {
		for line := range bytes.Lines(text) {
			var c store.Call
			if json.Unmarshal(line, &c) != nil {
				return false
			}
			if c.Line == nil {
				h.failed = append(h.failed, c)
				h.count(c.Resource, c.Attempt, 1)
			}
		}
		return true
	})
	return err
}

func (h *held) count(resource string, attempt int, errors int64) {
	n := h.counts[resource]
	n.errors += errors
	if attempt > 1 {
		n.retries++
	}
	h.counts[resource] = n
}

// readAnswers notes where the answers of a resource are, up to the first line
// that is not whole.
func (h *held) readAnswers(path, resource string) error {
	var lines int64
	size, err := frames(path, func(offset int64, frame, text []byte) bool {
		l, err := store.ParseLanded(text)
		if err != nil || l.Line != lines+1 || !bytes.HasSuffix(text, []byte("\n")) {
			return false
		}
		a := answer{
			offset: offset, size: len(frame), line: l.Line, milliseconds: l.Milliseconds, httpStatus: l.HTTPStatus, attempt: l.Attempt,
		}
		if n, err := hex.Decode(a.body[:], []byte(l.BodySHA256)); err != nil || n != len(a.body) {
			return false
		}
		lines++
		h.answers[place{resource, l.Key, l.Walk, l.Page}] = a
		h.count(resource, l.Attempt, 0)
		return true
	})
	h.ends[resource] = end{size, lines}
	return err
}

// heldAt gives the answer that an interrupted run has landed at a place, nil where
// there is none that can be read.
func (l *landing) heldAt(at place, operation string) *cloud.Response {
	a, ok := l.held.answers[at]
	if !ok {
		return nil
	}
	f, err := os.Open(l.path(at.resource))
	if err != nil {
		return nil
	}
	defer f.Close()
	frame := make([]byte, a.size)
	if _, err := f.ReadAt(frame, a.offset); err != nil {
		return nil
	}
	text, err := l.decoder.DecodeAll(frame, nil)
	if err != nil {
		return nil
	}
	landed, err := store.ParseLanded(text)
	if err != nil {
		return nil
	}
	r, err := cloud.Parse(operation, landed.Response)
	if err != nil {
		return nil
	}
	r.HTTPStatus, r.Took = a.httpStatus, time.Duration(a.milliseconds)*time.Millisecond
	l.used.Add(1)
	return r
}
