package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// reportRun is what the reports of one command are made from.
type reportRun struct {
	cfg    *config
	log    *slog.Logger
	flags  *reportFlags
	states reportStates
	fonts  reports.Fonts
	set    map[string]string
	drafts string // the folder in which files are written until they have their names
	sealed *reports.Sealed

	mailing *mailing // nil where no mails are made
}

// made is what is told of a report when its rows are gone.
type made struct {
	name, title, answer, severity string
	complete                      bool
	lacks                         []string // where it is not
	files                         []file
	mails                         mails
	entry                         map[string]any // for the journal
}

// result is a report that was made, or why it was not.
type result struct {
	made
	err error
}

// maxSideBySide bounds how many reports are made at one time, for each holds its
// rows: some hundred MB of a million.
const maxSideBySide = 4

// start makes the reports side by side, as many as there are cores. It returns for
// each, in their order, where its result comes.
func (r *reportRun) start(ctx context.Context, chosen []reports.Definition) []chan result {
	results := make([]chan result, len(chosen))
	for i := range results {
		results[i] = make(chan result, 1)
	}
	slots := make(chan struct{}, min(runtime.GOMAXPROCS(0), maxSideBySide))
	go func() {
		for i, d := range chosen {
			slots <- struct{}{}
			go func() {
				m, err := r.make(ctx, d)
				results[i] <- result{m, err}
				<-slots
			}()
		}
	}()
	return results
}

// collectReports enters each report in the journal and tells of it, in the order
// of results. It waits for all: one that fails does not keep the others from being
// made.
func (a *app) collectReports(r *reportRun, results []chan result) ([]made, error) {
	var done []made
	var failed []error
	for _, c := range results {
		x := <-c
		if x.err == nil {
			x.err = a.settleReport(r, x.made)
		}
		if x.err != nil {
			failed = append(failed, x.err)
			continue
		}
		if !r.flags.quiet {
			a.sayReport(x.made)
		}
		done = append(done, x.made)
	}
	if len(failed) > 0 {
		status := exitFailed
		if len(done) > 0 {
			status = exitPart
		}
		return done, &exitError{status, errors.Join(failed...)}
	}
	return done, nil
}

// settleReport enters a report in the journal and only then gives its files
// their names: a file of a name is one that the journal knows.
func (a *app) settleReport(r *reportRun, m made) error {
	_, err := r.cfg.journal(a.now).Append("report", m.entry)
	if err == nil && r.mailing != nil {
		err = r.mailing.put(m.name, m.mails)
	}
	if err != nil {
		err = explainDisk(errors.Join(err, removeDrafts(m.files)))
	} else {
		err = explainOut(nameOutputs(r.flags.out, m.files))
	}
	if err != nil {
		return fmt.Errorf("report %s: %w", m.name, err)
	}
	return nil
}

// make makes one report and writes the drafts of its files. The report itself is
// let go, for it holds all its rows.
func (r *reportRun) make(ctx context.Context, d reports.Definition) (_ made, err error) {
	// A fault of the program in one report must not end the others, or serve.
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("a report ended in a panic", "report", d.Name, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("report %s: a fault of the program: %v", d.Name, p)
		}
	}()
	report, err := r.run(ctx, d)
	if err != nil {
		return made{}, err
	}
	m := made{name: d.Name, title: report.Title(), answer: report.Answer(), severity: report.Severity()}
	m.complete, m.lacks = report.Complete()
	if m.files, err = r.write(ctx, report, r.formats(d)); err != nil {
		return made{}, fmt.Errorf("report %s: %w", d.Name, explainOut(err))
	}
	if r.mailing != nil {
		if m.mails, err = r.prepareMails(ctx, d, report, m.files); err != nil {
			return made{}, fmt.Errorf("report %s: %w", d.Name, explainOut(errors.Join(err, removeDrafts(m.files))))
		}
	}
	at := r.states[r.flags.maskOf(d)].r
	m.entry = map[string]any{"report": d.Name, "snapshot": at.Snapshot(), "as_of": at.AsOf().UTC(), "mask": at.Mask(), "program_version": version}
	if base := r.baseOf(d); base != nil {
		m.entry["since"] = base.Snapshot()
	}
	if r.mailing != nil {
		r.mailing.enter(m.entry, m.mails)
	}
	sums, notes := map[string]string{}, map[string][]string{}
	for _, file := range m.files {
		name := filepath.Base(file.path)
		sums[name] = file.sha256
		for _, n := range file.notes {
			notes[name] = append(notes[name], n.String())
		}
	}
	m.entry["files"] = sums
	if len(notes) > 0 {
		m.entry["notes"] = notes
	}
	return m, nil
}

// formats are those that are asked for, else the definition's.
func (r *reportRun) formats(d reports.Definition) []string {
	if len(r.flags.formats) > 0 {
		return r.flags.formats
	}
	return d.OutputFormats()
}

// run runs the queries of one report, within the time limit.
func (r *reportRun) run(ctx context.Context, d reports.Definition) (*reports.Report, error) {
	params := map[string]any{}
	for name, value := range r.set {
		if _, ok := d.Parameters[name]; ok {
			params[name] = value
		}
	}
	limited, cancel := context.WithTimeoutCause(ctx, r.flags.timeout, &hintError{
		fmt.Errorf("report %s: no answer within %s", d.Name, r.flags.timeout), "give it more with --timeout"})
	defer cancel()
	report, err := reports.Run(limited, r.states[r.flags.maskOf(d)].r, d, reports.Options{
		Params: params, QueryDir: r.cfg.queryDir(), ProgramVersion: version, Timezone: r.cfg.Store.Timezone, Base: r.baseOf(d),
		Sealed: r.sealed,
	})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, context.Cause(limited)
	}
	return report, err
}

// baseOf is the earlier snapshot that a report tells changes since, nil for none.
func (r *reportRun) baseOf(d reports.Definition) *store.Reader {
	if r.flags.since == "" && !d.ComparesAlways() {
		return nil
	}
	return r.states[r.flags.maskOf(d)].base
}
