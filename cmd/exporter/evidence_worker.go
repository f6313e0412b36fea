package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"exporter/internal/reports"
)

// What a bundle holds is read in a process of its own, which can do nothing else: its
// snapshot is a file for DuckDB, its SQL and its workbooks are a stranger's, and all of
// them may have been made to do harm.

// bundleTask is what that process is told to do: one of the two.
type bundleTask struct {
	Again *againTask `json:"again,omitempty"`
	Trace *traceTask `json:"trace,omitempty"`

	Timeout time.Duration `json:"timeout"`
}

// bundleDone is what it tells: how far it is, again and again, and then the outcome.
type bundleDone struct {
	Step *bundleStep `json:"step,omitempty"`

	Again  *verifiedBundle `json:"again,omitempty"`
	Traced *traced         `json:"traced,omitempty"`

	// Of an error its text, the hints and the exit status.
	Failed string   `json:"failed,omitempty"`
	Hints  []string `json:"hints,omitempty"`
	Status int      `json:"status,omitempty"`
}

// bundleStep is how far a step is that makes a bundle's outputs again.
type bundleStep struct {
	Name  string `json:"name"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// The limits of that process, which are above what our own bundles need.
const (
	maxBundleMemory = 8 << 30  // bytes of memory of its own
	maxBundleFiles  = 256      // files open at a time
	maxBundleTold   = 64 << 20 // bytes of what it tells
)

// doConfined does a task in a process that may write into dir alone, beside it read
// what the task names, and reach nobody. It returns a [*limitError] where the time was
// up or the memory did not suffice, an [*endError] where what it read brought the
// process to an end. far, if there is one, is told how far it is.
func doConfined(ctx context.Context, dir string, t bundleTask, far func(bundleStep)) (d bundleDone, err error) {
	late := &limitError{"time", fmt.Errorf("no end within %s", t.Timeout), "give it more with --timeout"}
	ctx, cancel := context.WithTimeoutCause(ctx, t.Timeout, late)
	defer cancel()
	w, err := startWorker(ctx, "evidence-worker", dir)
	if err != nil {
		return d, fmt.Errorf("start the process that reads the bundle: %w", err)
	}
	if err = json.NewEncoder(w.stdin).Encode(t); err == nil {
		d, err = readDone(io.LimitReader(w.answer, maxBundleTold), far)
	}
	harmed := err != nil && ctx.Err() == nil
	if harmed {
		cancel()
	}
	_, ended := w.wait()
	switch {
	case ctx.Err() != nil && !harmed:
		return d, context.Cause(ctx)
	case ended != nil && ended.memory:
		return d, &limitError{"memory", fmt.Errorf("it needs more than %s of memory", size(maxBundleMemory)), ""}
	case ended != nil:
		return d, ended
	case err != nil:
		return d, &endError{err: err}
	case d.Failed == "" && (t.Again != nil && (d.Again == nil || d.Again.Verification == nil) || t.Trace != nil && d.Traced == nil):
		return d, &endError{err: errors.New("it told no outcome")}
	case d.Failed == "":
		return d, nil
	}
	lines := strings.Split(d.Failed, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	err = errors.New(strings.Join(lines, "\n"))
	for _, hint := range d.Hints {
		err = &hintError{err, printable(hint)}
	}
	return d, &exitError{d.Status, err}
}

// readDone reads what the process tells, up to its end.
func readDone(from io.Reader, far func(bundleStep)) (d bundleDone, err error) {
	told := json.NewDecoder(from)
	for {
		var next bundleDone
		if err := told.Decode(&next); err == io.EOF {
			return d, nil
		} else if err != nil {
			return d, err
		}
		if d = next; d.Step != nil && far != nil {
			far(*d.Step)
		}
	}
}

// evidenceWorkerCommand is that process. Like [app.workerCommand] it takes one line
// from its standard input, ends when that does, and writes what it tells to file
// descriptor 4; to 3 that it has.
func (a *app) evidenceWorkerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "evidence-worker",
		Short:  "Reads what a bundle holds for exporter evidence",
		Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			var t bundleTask
			if err := a.readTask(&t); err != nil {
				return usage(errors.New("evidence-worker is started by exporter evidence"), "see: exporter evidence --help")
			}
			told, answer := os.NewFile(3, "outcome"), os.NewFile(4, "answer")
			to := json.NewEncoder(answer)
			var telling sync.Mutex
			d, err := a.do(c.Context(), t, func(s bundleStep) {
				telling.Lock()
				defer telling.Unlock()
				_ = to.Encode(bundleDone{Step: &s}) // who does not read it has ended
			})
			if err != nil {
				d = bundleDone{Failed: err.Error(), Hints: hints(err), Status: exitFailed}
				if exit, ok := errors.AsType[*exitError](err); ok {
					d.Status = exit.status
				}
			}
			return errors.Join(to.Encode(d), answer.Close(),
				json.NewEncoder(told).Encode(outcome{}), told.Close())
		},
	}
}

// do gives up all rights that a task does not need, and does it.
func (a *app) do(ctx context.Context, t bundleTask, far func(bundleStep)) (d bundleDone, err error) {
	fonts, err := reports.FindFonts(nil)
	if err != nil {
		return d, err
	}
	rights := rights{memory: maxBundleMemory, open: maxBundleFiles, timeout: t.Timeout}
	if t.Trace != nil {
		rights.folders = []string{t.Trace.Bundle}
	}
	if err := confine(rights); err != nil {
		return d, fmt.Errorf("take the rights away of the process that reads the bundle: %w", err)
	}
	if err := os.Setenv("TMPDIR", here()); err != nil {
		return d, err
	}
	switch {
	case t.Again != nil:
		d.Again, err = makeAgain(ctx, *t.Again, fonts, far)
	case t.Trace != nil:
		d.Traced, err = a.trace(ctx, t.Trace.File, t.Trace.Place)
	}
	return d, err
}
