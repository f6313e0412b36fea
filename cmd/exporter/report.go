package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/journal"
	"exporter/internal/reports"
)

// reportFlags are the flags of report.
type reportFlags struct {
	readFlags
	since   string
	formats []string
	out     string
	list    bool
	explain string
}

func (a *app) reportCommand() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "report [NAME...]",
		Short: "Make reports from the current snapshot",
		Long: `Makes the named reports, or all of them, as DIR/NAME.EXT from the current
snapshot. DIR is made; files in it are replaced only once the new ones are
whole. The same snapshot and parameters give the same bytes. With --since, and
where a definition says "since: previous", they also tell what is new, changed
and gone since an earlier snapshot.`,
		Example: `  exporter report
  exporter report expiring-permissions --set within_days=60 --format xlsx --out monthly
  exporter report --as-of 2026-03-31 --since 2026-03-01`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, names []string) error {
			cfg, err := a.loadReports(c.Context(), false)
			if err != nil {
				return err
			}
			switch {
			case f.list:
				return a.listReports(cfg)
			case f.explain != "":
				return a.explainReport(cfg, f.explain)
			}
			_, err = a.makeReports(c.Context(), cfg, names, &f)
			return err
		},
	}
	f.add(c)
	f.addMask(c, a, "", "what is hidden of persons; default: as the report's definition says, else full")
	c.Flags().StringVar(&f.since, "since", "", "tell what has changed since an earlier snapshot: its id, or a time")
	c.Flags().StringSliceVar(&f.formats, "format", nil, strings.Join(reports.Formats(), ", ")+"; default: as the report's definition says")
	c.Flags().StringVar(&f.out, "out", "reports", "folder for the files")
	c.Flags().BoolVar(&f.list, "list", false, "list the reports and stop")
	c.Flags().StringVar(&f.explain, "explain", "", "print question, parameters and SQL of a report and stop")
	return c
}

// queryDir is where a definition's query is looked up first.
func (cfg *config) queryDir() string { return filepath.Join(filepath.Dir(cfg.path), "queries") }

// chooseReports are the named definitions, or all.
func chooseReports(all []reports.Definition, names []string) ([]reports.Definition, error) {
	if len(names) == 0 {
		return all, nil
	}
	var chosen []reports.Definition
	for _, name := range names {
		i := slices.IndexFunc(all, func(d reports.Definition) bool { return d.Name == name })
		if i < 0 {
			known := make([]string, len(all))
			for j, d := range all {
				known[j] = d.Name
			}
			hint := "see: exporter report --list"
			if near := nearest(name, known); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, usage(fmt.Errorf("unknown report %q", name), hint)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// made is a report with its files.
type made struct {
	report *reports.Report
	files  []string
}

// makeReports makes each chosen report from one state. A report that fails
// does not keep the others from being made.
func (a *app) makeReports(ctx context.Context, cfg *config, names []string, f *reportFlags) ([]made, error) {
	chosen, err := chooseReports(cfg.definitions, names)
	if err != nil {
		return nil, err
	}
	if err := checkFormats(f.formats); err != nil {
		return nil, err
	}
	set, err := f.parameters()
	if err != nil {
		return nil, err
	}
	if err := checkSet(chosen, set); err != nil {
		return nil, err
	}
	fonts, err := reports.FindFonts(cfg.Fonts)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	states, err := f.openStates(ctx, cfg, chosen)
	if err != nil {
		return nil, err
	}
	defer states.close()
	if err := os.MkdirAll(f.out, 0o700); err != nil {
		return nil, &hintError{err, "--out names the folder for the files; it must be writable for this account"}
	}
	var done []made
	var failed []error
	for _, d := range chosen {
		m, err := a.makeReport(ctx, cfg, states[f.maskOf(d)], d, fonts, set, f)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		done = append(done, m)
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

func checkFormats(formats []string) error {
	for _, format := range formats {
		if !slices.Contains(reports.Formats(), format) {
			return usage(fmt.Errorf("unknown format %q", format), "use some of "+strings.Join(reports.Formats(), ", "))
		}
	}
	return nil
}

// checkSet refuses a parameter that none of the chosen reports has,
// or whose value is not of its type, before anything is made.
func checkSet(chosen []reports.Definition, set map[string]string) error {
	var faults []error
	for _, d := range chosen {
		faults = append(faults, d.CheckParameters(set))
	}
	if err := errors.Join(faults...); err != nil {
		return &exitError{exitUsage, err}
	}
	for name := range set {
		var known []string
		for _, d := range chosen {
			for p := range d.Parameters {
				known = append(known, p)
			}
		}
		if !slices.Contains(known, name) {
			slices.Sort(known)
			return usage(fmt.Errorf("no chosen report has a parameter %q", name), "parameters: "+strings.Join(known, ", "))
		}
	}
	return nil
}

// reportTimeout is how long one report may take, so that a query without an end
// ends.
const reportTimeout = 15 * time.Minute

func (a *app) makeReport(ctx context.Context, cfg *config, s reportState, d reports.Definition, fonts reports.Fonts, set map[string]string, f *reportFlags) (made, error) {
	params := map[string]any{}
	for name, value := range set {
		if _, ok := d.Parameters[name]; ok {
			params[name] = value
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, reportTimeout, fmt.Errorf("report %s: no answer within %s", d.Name, reportTimeout))
	defer cancel()
	o := reports.Options{Params: params, QueryDir: cfg.queryDir(), ProgramVersion: version, Timezone: cfg.Store.Timezone}
	if f.since != "" || d.ComparesAlways() {
		o.Base = s.base
	}
	report, err := reports.Run(ctx, s.r, d, o)
	if err != nil {
		return made{}, err
	}
	formats := f.formats
	if len(formats) == 0 {
		formats = d.Formats
	}
	m := made{report: report}
	entry := map[string]any{"report": d.Name, "snapshot": s.r.Snapshot(), "as_of": s.r.AsOf().UTC(), "mask": s.r.Mask(), "program_version": version}
	sums := map[string]string{}
	for _, format := range formats {
		path := filepath.Join(f.out, d.Name+"."+format)
		write := report.WriteXLSX
		if format == "pdf" {
			write = report.WritePDF
		}
		sum, err := writeFile(path, func(w io.Writer) error { return write(w, fonts) })
		if err != nil {
			return made{}, fmt.Errorf("report %s: %w", d.Name, explainDisk(err))
		}
		m.files = append(m.files, path)
		sums[filepath.Base(path)] = sum
	}
	entry["files"] = sums
	if _, err := journal.Open(cfg.journalPath(), a.now).Append("report", entry); err != nil {
		return made{}, fmt.Errorf("report %s: %w", d.Name, explainDisk(err))
	}
	a.sayReport(m)
	return m, nil
}

// writeFile writes path by way of a temporary name and returns the SHA-256 of
// what it wrote. After an error there is no file, and one that was there before
// is as it was.
func writeFile(path string, write func(io.Writer) error) (sum string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	h := sha256.New()
	w := bufio.NewWriterSize(f, 1<<18)
	if err = errors.Join(write(io.MultiWriter(w, h)), w.Flush(), f.Sync(), f.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), os.Rename(f.Name(), path)
}

// sayReport tells on standard error what a report answers and where it is.
func (a *app) sayReport(m made) {
	ok, lacks := m.report.Complete()
	width, _ := terminalWidth(a.stderr)
	fmt.Fprintln(a.stderr, paint(a.stderr, text.Bold, m.report.Title()))
	for line := range strings.Lines(text.WrapSoft(m.report.Answer(), width-2)) {
		fmt.Fprintf(a.stderr, "  %s\n", strings.TrimSpace(line))
	}
	if !ok {
		fmt.Fprintf(a.stderr, "  %s %s\n", paint(a.stderr, text.FgHiYellow, "incomplete:"), strings.Join(lacks, "; "))
	}
	for _, path := range m.files {
		fmt.Fprintf(a.stderr, "  %s\n", path)
	}
}

func (a *app) listReports(cfg *config) error {
	t := newGrid("NAME", "QUESTION", "FORMATS")
	for _, d := range cfg.definitions {
		t.add(d.Name, d.Asked(), strings.Join(d.Formats, ", "))
	}
	return a.printGrid(t)
}

func (a *app) explainReport(cfg *config, name string) error {
	chosen, err := chooseReports(cfg.definitions, []string{name})
	if err != nil {
		return err
	}
	text, err := chosen[0].Explain(cfg.queryDir())
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.stdout, text)
	return err
}
