package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"exporter/internal/store"
)

// question is one statement, and how its answer is to be written.
type question struct {
	SQL    string            `json:"sql"`
	Set    map[string]string `json:"set"` // values of parameters by name
	Format string            `json:"format"`
	Limit  int               `json:"limit"` // rows; 0 for all
	Width  int               `json:"width"` // of the terminal in columns; 0 where there is none
}

// answer is what became of a question.
type answer struct {
	Rows   int64
	Cut    bool   // there were more rows than the limit
	SHA256 string // of the rows as csv
	Took   time.Duration
}

// snapshotLink is the name of the file that is asked, in the folder of the process
// that asks.
const snapshotLink = "snapshot.duckdb"

// maxQuery is how long a statement may be, in bytes.
const maxQuery = 1 << 20

// asker asks about one state of the store, each question in a process of its own.
type asker struct {
	app     *app
	store   *store.Store
	options store.ReadOptions
	place   store.Place
	since   time.Time // of the earlier state; zero where there is none
	timeout time.Duration
	journal *ownJournal
}

// newAsker finds the state that the flags choose, and makes its masked copy where
// there is none. since names the earlier state, "" for none.
func (a *app) newAsker(ctx context.Context, cfg *config, read readFlags, since string, timeout time.Duration) (*asker, error) {
	o, err := read.options(cfg)
	if err != nil {
		return nil, err
	}
	st, err := store.OpenToRead(cfg.Store.Dir)
	if err != nil {
		return nil, err
	}
	k := &asker{app: a, store: st, options: o, timeout: timeout, journal: cfg.journal(a.now)}
	if k.place, err = st.Place(ctx, o); err != nil {
		return nil, read.explain(ctx, st, cfg.zone, err)
	}
	if since == "" {
		return k, nil
	}
	r, err := st.Read(ctx, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	base, err := openBase(ctx, r, since, cfg.zone)
	if err != nil {
		return nil, err
	}
	k.place.Previous, k.since = base.Snapshot(), base.AsOf()
	return k, base.Close()
}

// request is what the process that asks is told.
type request struct {
	Place    store.Place   `json:"place"`
	Since    *time.Time    `json:"since,omitempty"`
	Question question      `json:"question"`
	Timeout  time.Duration `json:"timeout"`
}

// outcome is what it tells of the answer.
type outcome struct {
	Rows    int64  `json:"rows"`
	Cut     bool   `json:"cut"`
	SHA256  string `json:"sha256"`
	Failed  string `json:"failed,omitempty"` // the error's text
	Hint    string `json:"hint,omitempty"`
	Refused bool   `json:"refused,omitempty"` // nothing has run
	Limit   string `json:"limit,omitempty"`   // that it came to: memory, time or space
}

// ask runs a question and writes its answer to out. Every question that ran has an
// entry in the journal; without the right to write there none is asked. When ctx
// ends, or the time is up, nothing is left running. An error says what a person
// can do.
func (k *asker) ask(ctx context.Context, q question, out io.Writer) (answer, error) {
	if err := errors.Join(k.check(q), k.find(ctx)); err != nil {
		return answer{}, err
	}
	// That the reader of the answer has gone is an error of writing to it, not an
	// end of this process: the journal is still to be written.
	signal.Ignore(syscall.SIGPIPE)
	began := k.app.now()
	text, err := k.keepText(q, began)
	if err != nil {
		return answer{}, err
	}
	got, err := k.run(ctx, q, out)
	entry := k.entry(q, began, got, err)
	entry.Text = text
	if entry.Outcome == "refused" {
		return answer{}, errors.Join(err, os.Remove(filepath.Join(k.store.Dir(), text)))
	}
	return answer{got.Rows, got.Cut, got.SHA256, k.app.now().Sub(began)}, errors.Join(err, k.enter(entry))
}

// check refuses what is no question, and any where its entry could not be made.
func (k *asker) check(q question) error {
	switch {
	case len(q.SQL) > maxQuery:
		return &exitError{exitUsage, fmt.Errorf("sql: the query has more than %d bytes", maxQuery)}
	case !utf8.ValidString(q.SQL) || strings.ContainsRune(q.SQL, 0):
		return usage(errors.New("sql: the query is no text in UTF-8"), "save the file as UTF-8")
	}
	err := k.journal.Writable()
	texts := filepath.Join(k.store.Dir(), queriesDir)
	if err == nil {
		err = os.MkdirAll(texts, 0o700)
	}
	if err == nil {
		if err = unix.Access(texts, unix.W_OK); err != nil {
			err = &fs.PathError{Op: "write to", Path: texts, Err: err}
		}
	}
	if err != nil {
		return &hintError{fmt.Errorf("sql: not asked, since no entry of it could be made: %w", err),
			"every query is entered in the store's journal: ask as an account that may write there, or ask the analysts' copy: exporter publish"}
	}
	return nil
}

// find finds the state anew where its file is gone since: a later one knows it too.
func (k *asker) find(ctx context.Context) error {
	if _, err := os.Stat(k.place.File); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	o, previous := k.options, k.place.Previous
	o.Snapshot, o.AsOf = k.place.Snapshot, k.place.AsOf
	p, err := k.store.Place(ctx, o)
	if err != nil {
		return explainRead(ctx, k.store, err)
	}
	k.place, k.place.Previous = p, previous
	return nil
}

// run runs a question in a process of its own.
func (k *asker) run(ctx context.Context, q question, out io.Writer) (outcome, error) {
	tmp := filepath.Join(k.store.Dir(), "tmp") // a store that was copied may be without it
	err := os.MkdirAll(tmp, 0o700)
	if err != nil {
		return outcome{}, fmt.Errorf("sql: %w", explainDisk(err))
	}
	dir, err := os.MkdirTemp(tmp, fmt.Sprintf("%d-sql-*", os.Getpid()))
	if err != nil {
		return outcome{}, fmt.Errorf("sql: %w", explainDisk(err))
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The time is that of the query: who reads the answer takes their own.
	limit := time.AfterFunc(k.timeout, func() {
		cancel(&limitError{"time", fmt.Errorf("sql: no answer within %s", k.timeout), "give it more with --timeout, or ask for less"})
	})
	defer limit.Stop()
	w, err := startWorker(ctx, "sql-worker", dir)
	if err != nil {
		return outcome{}, fmt.Errorf("sql: start the process that asks: %w", err)
	}
	r := request{Place: k.place, Question: q, Timeout: k.timeout}
	if !k.since.IsZero() {
		r.Since = &k.since
	}
	// A link keeps the store's path from whoever asks.
	err = os.Symlink(k.place.File, filepath.Join(dir, snapshotLink))
	if err == nil {
		err = json.NewEncoder(w.stdin).Encode(r)
	}
	var wrote error
	if err == nil {
		wrote = copyUntil(ctx, out, &begun{w.answer, limit})
	}
	if err != nil || wrote != nil {
		cancel(nil)
	}
	got, ended := w.wait()
	switch {
	case err != nil:
		return outcome{}, fmt.Errorf("sql: ask: %w", err)
	case wrote != nil:
		return outcome{}, &outError{explainDisk(wrote)}
	case ended == nil:
		return got, got.err()
	case ctx.Err() != nil:
		return outcome{}, context.Cause(ctx)
	}
	return outcome{}, explainEnd(ended)
}

// begun reads an answer, which comes when all of it is known: its first byte stops the
// clock.
type begun struct {
	r     io.Reader
	clock *time.Timer
}

func (b *begun) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if n > 0 {
		b.clock.Stop()
	}
	return n, err
}

// copyUntil copies to the end of r, or until ctx ends: then it does not wait for who
// reads w and stands still.
func copyUntil(ctx context.Context, w io.Writer, r io.Reader) error {
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(w, r)
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	// What was ended has an end to be read, unless it cannot be written.
	select {
	case err := <-done:
		return err
	case <-time.After(time.Second):
		return nil
	}
}

// err is the error that the outcome tells of.
func (o outcome) err() error {
	switch {
	case o.Failed == "":
		return nil
	case o.Refused:
		return &exitError{exitUsage, &hintError{fmt.Errorf("sql: %s", o.Failed), o.Hint}}
	case o.Limit != "":
		return &limitError{o.Limit, fmt.Errorf("sql: %s", o.Failed), o.Hint}
	}
	return &hintError{fmt.Errorf("sql: %s", o.Failed), o.Hint}
}

// limitError says which limit ended a question.
type limitError struct {
	limit string
	err   error
	hint  string
}

func (e *limitError) Error() string { return e.err.Error() }
func (e *limitError) Unwrap() error { return e.err }
func (e *limitError) Hint() string  { return e.hint }

// outError says that the answer could not be written to where it was to go.
type outError struct{ err error }

func (e *outError) Error() string { return "sql: write the answer: " + e.err.Error() }
func (e *outError) Unwrap() error { return e.err }

// gone says that who was to read the answer does not any more.
func (e *outError) gone() bool { return errors.Is(e.err, syscall.EPIPE) }

const hintLess = "ask for fewer rows or columns, or aggregate them"

// explainEnd says why the process that asks ended without an outcome.
func explainEnd(ended *endError) error {
	if ended.memory {
		return &limitError{"memory", errors.New("sql: the query needs more memory than it may have"), hintLess}
	}
	return &hintError{fmt.Errorf("sql: the process that asked came to an end: %w", ended), "the query may be nested too deeply; the store and its journal are as they were"}
}

// worker is the process that asks.
type worker struct {
	cmd      *exec.Cmd
	stdin    io.WriteCloser
	answer   *os.File
	told     *os.File // the outcome
	messages bytes.Buffer
}

// startWorker starts this program again with a command that reads a task, as the
// process that asks does: in dir, with nothing of our environment, and in a process group of its own, since a Ctrl-C is
// for us. It ends when its standard input does.
func startWorker(ctx context.Context, command, dir string) (_ *worker, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &worker{cmd: exec.CommandContext(ctx, self, command)}
	defer func() {
		if err != nil {
			_, _ = w.told.Close(), w.answer.Close() // nil where there is none
		}
	}()
	for _, into := range []**os.File{&w.told, &w.answer} {
		from, to, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer to.Close()
		*into = from
		w.cmd.ExtraFiles = append(w.cmd.ExtraFiles, to)
	}
	w.cmd.Args[0] = "exporter"
	w.cmd.Dir, w.cmd.Env = dir, []string{}
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	w.cmd.Stderr = &head{&w.messages, 64 << 10}
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return w, w.cmd.Start()
}

// head keeps the beginning of what is written to it.
type head struct {
	b    *bytes.Buffer
	most int
}

func (h *head) Write(p []byte) (int, error) {
	h.b.Write(p[:min(len(p), max(h.most-h.b.Len(), 0))])
	return len(p), nil
}

// endError is the end of a process that told no outcome.
type endError struct {
	err    error
	memory bool // it could get no more memory
}

// noMemory is what Go, its C part and C++ say as they end for want of memory.
var noMemory = regexp.MustCompile(`out of memory|cannot allocate memory|create new OS thread|pthread_create failed|bad_alloc`)

func (e *endError) Error() string { return e.err.Error() }

// wait waits for the end of the process.
func (w *worker) wait() (outcome, *endError) {
	var got outcome
	told, err := io.ReadAll(io.LimitReader(w.told, maxQuery))
	if err == nil {
		err = json.Unmarshal(told, &got)
	}
	ended := errors.Join(w.cmd.Wait(), w.told.Close(), w.answer.Close())
	if err == nil && ended == nil {
		return got, nil
	}
	e := &endError{err: errors.Join(ended, err), memory: noMemory.Match(w.messages.Bytes())}
	if ended != nil {
		e.err = ended
	}
	return outcome{}, e
}
