package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"time"

	"exporter/internal/evidence"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// madeFrom is data/made_from.json: what the outputs of a bundle are made from beside
// the snapshot, the definitions and the queries that are in it.
type madeFrom struct {
	ProgramVersion string          `json:"program_version"`
	Snapshot       string          `json:"snapshot"`
	AsOf           time.Time       `json:"as_of"`
	Since          string          `json:"since,omitempty"` // the earlier snapshot that changes are told since
	Project        string          `json:"project,omitempty"`
	Timezone       string          `json:"timezone"`
	Mask           string          `json:"mask"`
	Days           int             `json:"days"` // of the period
	Sealed         *reports.Sealed `json:"sealed,omitempty"`
	Reports        []string        `json:"reports"`
	Fonts          []string        `json:"fonts"` // SHA-256 of those beside the built-in ones
}

// bundleFormats are those of the reports in a bundle.
var bundleFormats = []string{"xlsx", "pdf", "csv", "json"}

// bundleTable is what a bundle has of the snapshot beside reports, as csv.
type bundleTable struct {
	path    string // below data/, without its ending
	query   string // name of its SQL
	text    string // its SQL; "" for a built-in query
	parquet bool
}

// bundleTables are the populations that reports are drawn from, and the ledgers.
func bundleTables() []bundleTable {
	// By their keys, which come first, the rows are in the order that all columns would
	// give, and what is sorted is half as much.
	keys := map[string]string{"permissions": "project_id, access_auth_id", "details": "project_id, access_auth_id",
		"persons": "project_id, person_id", "records": "project_id, auth_task_record_id"}
	var list []bundleTable
	for _, x := range []struct {
		folder string
		names  []string
	}{
		{"population", []string{"permissions", "persons", "structures", "rules", "rule_channels", "channels", "details",
			"tasks", "records", "issue_infos", "channel_register", "roster", "exceptions"}},
		{"ledger", []string{"snapshots", "resources", "tie_outs", "digests", "registers", "purged"}},
	} {
		for _, name := range x.names {
			list = append(list, bundleTable{path: x.folder + "/" + name, query: "evidence_" + x.folder + "_" + name + ".sql",
				text: "SELECT *\nFROM " + name + "\nORDER BY " + cmp.Or(keys[name], "ALL") + "\n", parquet: x.folder == "population"})
		}
	}
	return append(list,
		bundleTable{path: "ledger/calendar", query: "evidence_calendar.sql"},
		bundleTable{path: "ledger/changes", query: "evidence_changes.sql"})
}

// performance makes the reports and tables of a bundle, when it is created and again
// when it is verified.
type performance struct {
	from        madeFrom
	definitions []reports.Definition
	queryDir    string // has the text of every query
	r, base     *store.Reader
	fonts       reports.Fonts

	file func(path string) (string, error)             // makes the empty file of a path below data/
	done func(path string, rows int64) error           // the file is written, with the rows of one table, or 0
	made func(d reports.Definition, r *reports.Report) // a report is made; nil: not told
	want func(path string) bool                        // which files; nil: all
	// ended is told of each report, [jobReports], and each table, [jobTables]; nil: not.
	ended func(what string)
}

// What is performed; and, when a bundle is verified, before it and behind it.
const jobReports, jobTables, jobFiles, jobUnpack, jobAnswers = "reports", "tables", "files", "unpack", "answers"

// open opens the bundle's snapshot in a file, and the earlier one. What does not fit
// into memory goes to dir.
func (p *performance) open(ctx context.Context, file, dir string) (err error) {
	f := p.from
	p.r, err = store.Place{File: file, Snapshot: f.Snapshot, AsOf: f.AsOf, Project: f.Project, Timezone: f.Timezone, Mask: f.Mask}.Open(ctx, dir)
	if err == nil && f.Since != "" {
		p.base, err = p.r.Earlier(ctx, f.Since)
	}
	if err != nil {
		err = errors.Join(err, p.close())
	}
	return err
}

func (p *performance) close() (err error) {
	for _, r := range []*store.Reader{p.base, p.r} {
		if r != nil {
			err = errors.Join(err, r.Close())
		}
	}
	p.r, p.base = nil, nil
	return err
}

// run makes everything, side by side.
func (p *performance) run(ctx context.Context) error {
	jobs := []func(context.Context) error{p.tables}
	for _, d := range p.definitions {
		jobs = append(jobs, func(ctx context.Context) error { return p.end(jobReports, p.report(ctx, d)) })
	}
	return sideBySide(ctx, maxSideBySide, jobs, func(ctx context.Context, job func(context.Context) error) error { return job(ctx) })
}

// end tells that one is made, where nothing is wrong with it.
func (p *performance) end(what string, err error) error {
	if err == nil && p.ended != nil {
		p.ended(what)
	}
	return err
}

// report makes one report in all formats.
func (p *performance) report(ctx context.Context, d reports.Definition) error {
	limited, cancel := context.WithTimeoutCause(ctx, reportTimeout, fmt.Errorf("report %s: no answer within %s", d.Name, reportTimeout))
	defer cancel()
	o := reports.Options{QueryDir: p.queryDir, ProgramVersion: p.from.ProgramVersion, Timezone: p.from.Timezone, Sealed: p.from.Sealed}
	if d.ComparesAlways() {
		o.Base = p.base
	}
	r, err := reports.Run(limited, p.r, d, o)
	if err != nil {
		return err
	}
	if p.made != nil {
		p.made(d, r)
	}
	for _, format := range bundleFormats {
		for _, out := range r.Outputs(format, p.fonts) {
			name := evidence.SafePath(path.Join("reports", d.Name, out.Name))
			if p.want != nil && !p.want(name) {
				continue
			}
			file, err := p.file(name)
			if err == nil {
				_, err = out.Write(ctx, file)
			}
			if err == nil {
				err = p.done(name, int64(out.Rows))
			}
			if err != nil {
				return fmt.Errorf("report %s: %w", d.Name, err)
			}
		}
	}
	return nil
}

// tables writes the populations and ledgers, one after the other: DuckDB itself uses
// every core.
func (p *performance) tables(ctx context.Context) error {
	named := map[string]any{"as_of": p.from.AsOf, "timezone": p.from.Timezone, "days": p.from.Days, "since_snapshot": nil}
	if p.from.Since != "" {
		named["since_snapshot"] = p.from.Since
	}
	for _, t := range bundleTables() {
		if err := p.end(jobTables, p.table(ctx, t, named)); err != nil {
			return fmt.Errorf("%s: %w", t.path, err)
		}
	}
	return nil
}

func (p *performance) table(ctx context.Context, t bundleTable, named map[string]any) (err error) {
	text, err := reports.QueryText(p.queryDir, t.query)
	if err != nil {
		return err
	}
	a, err := p.r.Answer(ctx, text, named, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	if err := p.csv(ctx, t.path+".csv", a); err != nil || !t.parquet {
		return err
	}
	file, err := p.file(t.path + ".parquet")
	if err != nil {
		return err
	}
	made, err := a.WriteParquet(ctx)
	if err != nil {
		return err
	}
	if err := copyFile(made, file); err != nil {
		return err
	}
	return errors.Join(os.Remove(made), p.done(t.path+".parquet", a.Rows))
}

func (p *performance) csv(ctx context.Context, name string, a *store.Answer) error {
	file, err := p.file(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	c := store.NewCSV(f, a.Columns)
	err = a.Each(ctx, c.Row)
	if err = errors.Join(err, c.End(), f.Close()); err != nil {
		return err
	}
	return p.done(name, a.Rows)
}

// copyFile writes what one file has to another that is there.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = dst.ReadFrom(src)
	return errors.Join(err, dst.Close())
}

// emptyFile makes an empty file, and the folders above it.
func emptyFile(name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}
