package collect

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"exporter/internal/cloud"
	"exporter/internal/store"
)

// landing writes the responses of one project in one run to disk, as the
// package comment of store describes, and has those that an interrupted run left
// there. Its methods are safe for concurrent use.
type landing struct {
	dir     string
	zstd    *zstd.Encoder
	decoder *zstd.Decoder
	slots   chan struct{} // one token for each page being hashed and compressed
	held    *held
	used    *atomic.Int64 // counts the answers of the interrupted run that are used
	witness witness

	mu    sync.Mutex
	files map[string]*landFile
	calls *lineFile
	walks *lineFile
}

// landFile is one resource's file. Pages are prepared side by side and written
// in the order of their lines.
type landFile struct {
	queue chan *landJob
	done  chan error
	lines int64
}

type landJob struct {
	ready chan struct{}
	frame []byte // nil where the file has it already
	call  store.Call
	total *int64 // that the answer gave
	kept  bool   // an interrupted run had it
	err   error  // of preparing it
}

// pageOf says where in its resource a response belongs.
type pageOf struct {
	resource, operation, key string
	walk, page, rows         int
	total                    *int64 // nil where the answer gives none
}

// walkLine is a line of walks.ndjson.zst: one walk that came to its end.
type walkLine struct {
	Resource     string `json:"resource"`
	Key          string `json:"key"`
	Walk         int    `json:"walk"`
	Verdict      string `json:"verdict"`
	Pages        int    `json:"pages"`
	TotalFirst   *int64 `json:"total_first"`
	TotalLast    *int64 `json:"total_last"`
	Rows         int64  `json:"rows"`
	DistinctRows int64  `json:"distinct_rows"`
	Duplicates   int64  `json:"duplicates"`
	Problem      string `json:"problem"`
}

// newLanding opens dir to land in, and takes up what a run with the same stamp
// has left there.
func newLanding(dir, stamp string, used *atomic.Int64, witness witness) (*landing, error) {
	held, err := takeUp(dir, stamp)
	if err != nil {
		return nil, err
	}
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, err
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(store.MaxLine))
	if err != nil {
		return nil, err
	}
	l := &landing{
		dir: dir, zstd: encoder, decoder: decoder, slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
		held: held, used: used, witness: witness, files: map[string]*landFile{},
	}
	if l.calls, err = newLineFile(l.path("calls"), encoder); err != nil {
		return nil, err
	}
	if l.walks, err = newLineFile(l.path("walks"), encoder); err != nil {
		return nil, errors.Join(err, l.calls.close())
	}
	for _, c := range held.failed {
		err = errors.Join(err, l.enter(c, nil, true))
	}
	if err := errors.Join(err, l.calls.flush()); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *landing) path(name string) string { return filepath.Join(l.dir, name+".ndjson.zst") }

// land takes a response over, which it releases. It returns when the page has a place in the
// queue; an error of writing comes from close.
func (l *landing) land(at pageOf, r *cloud.Response) error {
	f, err := l.file(at.resource)
	if err != nil {
		return err
	}
	l.slots <- struct{}{}
	job := &landJob{ready: make(chan struct{}), total: at.total}
	// What an interrupted run landed was not asked for in this one.
	a, before := l.held.answers[place{at.resource, at.key, at.walk, at.page}]
	before = before && r.Attempt == 0
	job.kept = before
	line := a.line
	l.mu.Lock()
	if !before {
		f.lines++
		line = f.lines
	}
	f.queue <- job
	l.mu.Unlock()
	go func() {
		defer func() { <-l.slots }()
		defer close(job.ready)
		job.err = caught(func() error {
			if before {
				l.prepareHeld(job, at, a, r)
			} else {
				l.prepare(job, at, line, r)
			}
			return nil
		})
	}()
	return nil
}

// texts are buffers that prepare uses again.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// prepare cuts, hashes and compresses one response.
func (l *landing) prepare(job *landJob, at pageOf, line int64, r *cloud.Response) {
	buffer := texts.Get().(*[]byte)
	defer texts.Put(buffer)
	key, _ := json.Marshal(at.key)
	// What stands before the response has its hash, so it is put there last.
	room := headRoom + len(key)
	text, verbatim := r.AppendKept(append((*buffer)[:0], make([]byte, room)...))
	landed := sha256.Sum256(text[room:])
	body := landed
	if !verbatim {
		body = sha256.Sum256(r.Body)
	}
	job.call = newCall(at, line, r, r.Attempt, body, landed)
	r.Release()
	text = append(text, '}', '\n')
	*buffer = text
	head := fmt.Appendf(nil, `{"line":%d,"walk":%d,"page":%d,"key":%s,"http_status":%d,"ms":%d,"attempt":%d,"body_sha256":"%s","response":`,
		line, at.walk, at.page, key, job.call.HTTPStatus, job.call.Milliseconds, job.call.Attempt, job.call.BodySHA256)
	start := room - len(head)
	copy(text[start:], head)
	job.frame = l.zstd.EncodeAll(text[start:], make([]byte, 0, len(text)/8))
}

// headRoom is more than a landed line takes before its response, without the key.
const headRoom = 384

// prepareHeld files the call of a response that the file has already.
func (l *landing) prepareHeld(job *landJob, at pageOf, a answer, r *cloud.Response) {
	job.call = newCall(at, a.line, r, a.attempt, a.body, sha256.Sum256(r.Body))
}

func newCall(at pageOf, line int64, r *cloud.Response, attempt int, body, landed [32]byte) store.Call {
	return store.Call{
		Resource: at.resource, Operation: at.operation, Walk: at.walk, Page: at.page, Key: at.key, Line: &line,
		TID: r.TID, T: r.T, HTTPStatus: r.HTTPStatus, Rows: at.rows, Milliseconds: r.Took.Milliseconds(), Attempt: attempt,
		BodySHA256: hex.EncodeToString(body[:]), LandedSHA256: hex.EncodeToString(landed[:]),
	}
}

func (l *landing) file(resource string) (*landFile, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f, ok := l.files[resource]; ok {
		return f, nil
	}
	out, err := os.OpenFile(l.path(resource), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	whole := l.held.ends[resource]
	if err := out.Truncate(whole.size); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	f := &landFile{queue: make(chan *landJob, 4*runtime.GOMAXPROCS(0)), done: make(chan error, 1), lines: whole.lines}
	l.files[resource] = f
	go func() { f.done <- l.drain(out, f.queue) }()
	return f, nil
}

// drain writes the prepared pages of one file in order, each at once, so that
// nothing has to be asked for again after a kill. After a failed write it goes on
// taking jobs, so that nobody waits for it for ever.
func (l *landing) drain(out *os.File, queue <-chan *landJob) error {
	var failed error
	for job := range queue {
		<-job.ready
		if failed != nil {
			continue
		}
		failed = caught(func() error {
			if job.err != nil {
				return job.err
			}
			if _, err := out.Write(job.frame); err != nil {
				return err
			}
			return l.enter(job.call, job.total, job.kept)
		})
		job.frame = nil
	}
	return errors.Join(failed, out.Sync(), out.Close())
}

// enter files a call, of which the witness is told.
func (l *landing) enter(c store.Call, total *int64, kept bool) error {
	l.witness.see(c, total, kept)
	return l.calls.add(c)
}

// flush waits until all that was landed for resource is in its file. A later
// land for the same resource is an error of the caller.
func (l *landing) flush(resource string) error {
	l.mu.Lock()
	f, ok := l.files[resource]
	delete(l.files, resource)
	l.mu.Unlock()
	if !ok {
		return l.walks.flush()
	}
	close(f.queue)
	if err := <-f.done; err != nil {
		return fmt.Errorf("land %s: %w", resource, err)
	}
	return l.walks.flush()
}

// close ends all files; the directory stays.
func (l *landing) close() error {
	var errs []error
	for resource := range l.files {
		errs = append(errs, l.flush(resource))
	}
	errs = append(errs, l.calls.close(), l.walks.close(), l.zstd.Close())
	l.decoder.Close()
	return errors.Join(errs...)
}

// lineFile collects JSON lines and writes them as zstd frames of some size.
type lineFile struct {
	mu   sync.Mutex
	out  *os.File
	zstd *zstd.Encoder
	text []byte
}

// frameSize is how much text goes into one frame of a lineFile.
const frameSize = 256 << 10

func newLineFile(path string, encoder *zstd.Encoder) (*lineFile, error) {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	return &lineFile{out: out, zstd: encoder}, nil
}

func (f *lineFile) add(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = append(append(f.text, line...), '\n')
	if len(f.text) < frameSize {
		return nil
	}
	return f.write()
}

func (f *lineFile) write() error {
	if len(f.text) == 0 {
		return nil
	}
	frame := f.zstd.EncodeAll(f.text, nil)
	f.text = f.text[:0]
	_, err := f.out.Write(frame)
	return err
}

func (f *lineFile) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.write()
}

func (f *lineFile) close() error {
	return errors.Join(f.flush(), f.out.Sync(), f.out.Close())
}

// quantity is n with a word, in the plural where it needs one.
func quantity(n int64, word string) string {
	if n != 1 {
		word += "s"
	}
	return strconv.FormatInt(n, 10) + " " + word
}
