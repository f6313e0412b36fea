package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/reports"
)

// reportTimeout is how long the queries of one report may take, so that one
// without an end ends.
const reportTimeout = 15 * time.Minute

// reportFlags are the flags of report.
type reportFlags struct {
	readFlags
	since   string
	formats []string
	out     string
	timeout time.Duration
	list    bool
	explain string
	send    bool
	preview bool
	quiet   bool     // the caller tells of what was made
	mailing *mailing // nil where no mails are made
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
  exporter report --as-of 2026-03-31 --since 2026-03-01
  exporter report scorecard --snapshot 20260331T060000Z`,
		Args: cobra.ArbitraryArgs, ValidArgsFunction: a.completeReports,
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
			if f.send || f.preview {
				return a.sendReports(c.Context(), cfg, names, &f)
			}
			_, err = a.makeReports(c.Context(), cfg, names, &f)
			return err
		},
	}
	f.add(c)
	f.addMask(c, a, "", "what is hidden of persons; default: as the report's definition says, else full")
	c.Flags().StringVar(&f.since, "since", "", "tell what has changed since an earlier snapshot: its id, or a time")
	c.Flags().StringSliceVar(&f.formats, "format", nil, strings.Join(reports.Formats(), ", ")+", several with commas; default: as the report's definition says")
	complete(c, "format", fixed(reports.Formats()...))
	c.Flags().StringVar(&f.out, "out", "reports", "folder for the files")
	c.Flags().DurationVar(&f.timeout, "timeout", reportTimeout, "give up on a report whose queries take longer")
	c.Flags().BoolVar(&f.send, "send", false, "mail the reports to their recipients, now; without NAME those that have any")
	c.Flags().BoolVar(&f.preview, "preview", false, "write the mails to DIR/mail as .eml, and send none")
	c.Flags().BoolVar(&f.list, "list", false, "list the reports and stop")
	c.Flags().StringVar(&f.explain, "explain", "", "print question, parameters, columns and SQL of a report and stop")
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
			if near := reports.Nearest(name, known); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			return nil, usage(fmt.Errorf("unknown report %q", name), hint)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
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
	if f.timeout <= 0 {
		return nil, usage(fmt.Errorf("--timeout %s: must be more than nothing", f.timeout), "for example: --timeout 30m")
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
	// A report that cannot be entered in the journal is not made.
	if err := cfg.journal(a.now).Writable(); err != nil {
		return nil, explainDisk(err)
	}
	d, err := openDrafts(f.out)
	if err != nil {
		return nil, err
	}
	if n := len(d.left); n > 0 {
		fmt.Fprintf(a.stderr, "Removed from %s what a killed run left: %s\n", f.out, strings.Join(d.left, ", "))
	}
	run := &reportRun{cfg: cfg, log: a.log, flags: f, states: states, fonts: fonts, set: set, drafts: d.dir, mailing: f.mailing}
	if run.sealed, err = a.sealedBy(ctx, cfg, states); err != nil {
		return nil, errors.Join(err, d.close())
	}
	done, err := a.collectReports(run, run.start(ctx, chosen))
	return done, errors.Join(err, d.close())
}

func checkFormats(formats []string) error {
	for i, format := range formats {
		if slices.Contains(formats[:i], format) {
			return usage(fmt.Errorf("format %q twice", format), "name it once")
		}
		if known := reports.Formats(); !slices.Contains(known, format) {
			return usage(fmt.Errorf("unknown format %q", format), "use one or more of "+strings.Join(known, ", ")+": --format xlsx,csv")
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
			known = slices.Compact(known)
			return usage(fmt.Errorf("no chosen report has a parameter %q", name), "parameters: "+strings.Join(known, ", "))
		}
	}
	return nil
}

// file is a file that was written.
type file struct {
	path, sha256 string
	notes        []reports.Note
	draft        string // where it is until the journal has its report
}

// write writes a report in formats to drafts, brings them to the disk and reads
// each back. After an error none is left.
func (r *reportRun) write(ctx context.Context, report *reports.Report, formats []string) (files []file, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, removeDrafts(files))
		}
	}()
	for _, format := range formats {
		for _, o := range report.Outputs(format, r.fonts) {
			path := filepath.Join(r.flags.out, o.Name)
			f, err := os.CreateTemp(r.drafts, o.Name+".*")
			if err != nil {
				return files, err
			}
			files = append(files, file{path: path, draft: f.Name()})
			x := &files[len(files)-1]
			if err := f.Close(); err != nil {
				return files, err
			}
			if x.notes, err = o.Write(ctx, x.draft); err != nil {
				return files, err
			}
			if x.sha256, err = settle(x.draft); err != nil {
				return files, err
			}
		}
	}
	return files, nil
}

// nameOutputs gives drafts their files' names in dir. Where one cannot have
// its name, those before it are new and the rest as they were.
func nameOutputs(dir string, files []file) error {
	for i, x := range files {
		if err := os.Rename(x.draft, x.path); err != nil {
			return errors.Join(err, removeDrafts(files[i:]))
		}
	}
	return syncDir(dir)
}

// syncDir brings the names in a folder to the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func removeDrafts(files []file) error {
	var errs []error
	for _, x := range files {
		if err := os.Remove(x.draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// settle brings a file to the disk and returns its SHA-256.
func settle(path string) (sum string, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), f.Sync()
}

// maxFilesNamed is how many files of a report are named one by one.
const maxFilesNamed = 4

// sayReport tells on standard error what a report answers and where it is.
func (a *app) sayReport(m made) {
	width, _ := terminalWidth(a.stderr)
	fmt.Fprintln(a.stderr, paint(a.stderr, text.Bold, m.title))
	for line := range strings.Lines(text.WrapSoft(m.answer, width-2)) {
		fmt.Fprintf(a.stderr, "  %s\n", strings.TrimSpace(line))
	}
	if !m.complete {
		fmt.Fprintf(a.stderr, "  %s %s\n", paint(a.stderr, text.FgHiYellow, "incomplete:"), strings.Join(m.lacks, "; "))
	}
	if len(m.files) > maxFilesNamed {
		first := m.files[0].path
		fmt.Fprintf(a.stderr, "  %d files %s.*\n", len(m.files), strings.TrimSuffix(first, filepath.Ext(first)))
	}
	for _, x := range m.files {
		if len(m.files) <= maxFilesNamed {
			fmt.Fprintf(a.stderr, "  %s\n", x.path)
		}
		for _, n := range x.notes {
			if !n.Usual {
				fmt.Fprintf(a.stderr, "  %s: %s\n", filepath.Base(x.path), n)
			}
		}
	}
}

func (a *app) listReports(cfg *config) error {
	t := newGrid("ID", "NAME", "QUESTION", "FORMATS")
	for _, d := range cfg.definitions {
		t.add(d.ID, d.Name, d.Asked(), strings.Join(d.OutputFormats(), ", "))
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
