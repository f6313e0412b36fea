package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"exporter/internal/evidence"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// sampleFlags are those of evidence sample.
type sampleFlags struct {
	reportFlags
	report, section, seed, format, outFile string
	n                                      int
}

func (a *app) evidenceSampleCommand() *cobra.Command {
	var f sampleFlags
	c := &cobra.Command{
		Use:   "sample [BUNDLE]",
		Short: "Draw a sample of a report's rows by a seed that an auditor names",
		Long: `Draws rows of one section of a report. They are numbered from 1 as they stand in the
section's csv; the sample are the n rows whose SHA-256 of SEED:NUMBER sorts first, in
that order. So who knows the seed and how many rows there are draws the same sample
with sha256sum and sort; the command for it is printed.

The report is made from the current snapshot, or from the one that --as-of or
--snapshot choose; of a bundle (its folder or zip) its own csv is read. Without --section it
is the first. evidence trace follows a row of the csv by its number.`,
		Example: `  exporter evidence sample --report expired-permissions --n 25 --seed 'FY26 control 7'
  exporter evidence sample --report leavers --section Permissions --n 25 --seed 8812 --format csv --out sample.csv
  exporter evidence sample evidence-2026-01-01-2026-03-31-full --report changes --n 5 --seed 8812`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c, args); err != nil {
				return err
			}
			return a.sample(c.Context(), args, &f)
		},
	}
	f.add(c)
	f.addMask(c, a, "", "what is hidden of persons; default: as the report's definition says, else full")
	c.Flags().StringVar(&f.report, "report", "", "the report that is auditSample")
	c.Flags().StringVar(&f.section, "section", "", "the sheet that is auditSample; default: the first")
	c.Flags().IntVar(&f.n, "n", 25, "how many rows")
	c.Flags().StringVar(&f.seed, "seed", "", "any text that the auditor chooses")
	c.Flags().StringVar(&f.format, "format", "table", "table, csv or json")
	c.Flags().StringVar(&f.outFile, "out", "", "write the sample into this file")
	return c
}

// check refuses what no sample can be drawn by.
func (f *sampleFlags) check(c *cobra.Command, args []string) error {
	f.timeout = reportTimeout
	switch {
	case f.report == "":
		return usage(errors.New("--report is not given"), "what there is: exporter report --list")
	case f.n < 1:
		return usage(fmt.Errorf("--n %d: must be 1 or more", f.n), "for example: --n 25")
	case f.seed == "":
		return usage(errors.New("--seed is not given"),
			"the auditor names it, as --seed 8812: who makes the report must not choose it")
	case strings.ContainsFunc(f.seed, unicode.IsControl):
		return usage(errors.New("--seed has a control character"), "a seed is one line of text")
	case !slices.Contains([]string{"table", "csv", "json"}, f.format):
		return usage(fmt.Errorf("unknown format %q", f.format), "use table, csv or json")
	}
	for _, name := range []string{"as-of", "snapshot", "project", "set", "mask"} {
		if len(args) > 0 && c.Flags().Changed(name) {
			return usage(fmt.Errorf("--%s of a bundle", name),
				"a bundle has its reports as they were sealed; leave the flag out")
		}
	}
	return nil
}

// auditSample is a sample for people and programs.
type auditSample struct {
	Report   string      `json:"report"`
	Section  string      `json:"section"` // as in the csv's name
	Snapshot string      `json:"snapshot"`
	AsOf     string      `json:"as_of"`
	Mask     string      `json:"mask"`
	CSV      string      `json:"csv"` // its name
	SHA256   string      `json:"csv_sha256"`
	Rows     int         `json:"rows"`
	Seed     string      `json:"seed"`
	N        int         `json:"n"`
	Method   string      `json:"method"`
	Command  string      `json:"command"`
	Columns  []string    `json:"columns"`
	Sample   []sampleRow `json:"sample"`

	drawn reports.Sample
}

type sampleRow struct {
	Number int       `json:"row"`
	SHA256 string    `json:"sha256"`
	Values []*string `json:"values"`
}

// sample draws a sample and writes it.
func (a *app) sample(ctx context.Context, args []string, f *sampleFlags) (err error) {
	dir, err := os.MkdirTemp("", "exporter-sample-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &auditSample{Report: f.report, Seed: f.seed, N: f.n}
	if len(args) > 0 {
		err = s.fromBundle(ctx, args[0], dir, f)
	} else {
		err = a.sampleStore(ctx, s, dir, f)
	}
	if err != nil {
		return err
	}
	drawn, err := reports.DrawSample(ctx, s.CSV, f.n, f.seed)
	if err != nil {
		return fmt.Errorf("%s: %w", s.CSV, err)
	}
	s.take(drawn)
	var b bytes.Buffer
	if err := a.writeSample(&b, s, f); err != nil {
		return err
	}
	if f.format == "csv" {
		fmt.Fprint(a.stderr, s.head())
	}
	if f.outFile == "" {
		_, err = b.WriteTo(a.stdout)
		return err
	}
	if err := replaceFile(f.outFile, b.Bytes()); err != nil {
		return &hintError{fmt.Errorf("evidence sample: %w", err),
			"--out names a file in a folder that is there and writable for this account"}
	}
	fmt.Fprintf(a.stderr, "%s: %s\n", f.outFile, plural(int64(len(s.Sample)), "row"))
	return nil
}

// replaceFile gives path a content at once: it is the old one or the new.
func replaceFile(path string, content []byte) (err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), ".exporter-sample-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	_, err = draft.Write(content)
	if err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}

// take fills s with what was drawn.
func (s *auditSample) take(drawn reports.Sample) {
	s.CSV, s.SHA256, s.Rows, s.Columns = filepath.Base(s.CSV), drawn.SHA256, drawn.Rows, drawn.Columns
	s.drawn, s.Sample = drawn, []sampleRow{}
	for _, r := range drawn.Chosen {
		s.Sample = append(s.Sample, sampleRow{r.Number, r.SHA256, r.Values})
	}
	s.Method = "rows are numbered from 1 as in the csv; " +
		"the sample are those whose SHA-256 of SEED:NUMBER, without a newline, sorts first"
	s.Command = fmt.Sprintf(`SEED=%s; seq 1 %d | while read -r i; do printf '%%s %%s\n' `+
		`"$(printf '%%s:%%s' "$SEED" "$i" | sha256sum | cut -c1-64)" "$i"; done | LC_ALL=C sort | head -n %d`,
		shell(s.Seed), s.Rows, s.N)
}

// sampleStore makes the csv of a report's section in dir.
func (a *app) sampleStore(ctx context.Context, s *auditSample, dir string,
	f *sampleFlags) (err error) {
	cfg, err := a.loadReports(ctx, false)
	if err != nil {
		return err
	}
	chosen, err := chooseReports(cfg.definitions, []string{f.report})
	if err != nil {
		return err
	}
	set, err := f.parameters()
	if err != nil {
		return err
	}
	if err := checkSet(chosen, set); err != nil {
		return err
	}
	states, err := f.openStates(ctx, cfg, chosen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, states.close()) }()
	run := &reportRun{cfg: cfg, log: a.log, flags: &f.reportFlags, states: states, set: set}
	report, err := run.run(ctx, chosen[0])
	if err != nil {
		return err
	}
	r := states[f.maskOf(chosen[0])].r
	s.Snapshot, s.AsOf, s.Mask = r.Snapshot(), r.AsOf().In(a.zone).Format(time.RFC3339Nano), r.Mask()
	outputs := map[string]reports.Output{}
	var names []string
	for _, o := range report.Outputs("csv", reports.Fonts{}) {
		outputs[o.Name] = o
		names = append(names, o.Name)
	}
	name, err := s.choose(names, f.section, chosen[0].SheetNames()[0])
	if err != nil {
		return err
	}
	s.CSV = filepath.Join(dir, name)
	if err := os.WriteFile(s.CSV, nil, 0o600); err != nil {
		return err
	}
	_, err = outputs[name].Write(ctx, s.CSV)
	return err
}

// choose chooses the csv of a section, of those of a report; first names the first
// one's sheet.
func (s *auditSample) choose(names []string, section, first string) (string, error) {
	word := strings.ReplaceAll(strings.ToLower(section), " ", "-")
	var sections []string
	for _, name := range names {
		have := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(name, s.Report), ".csv"), ".")
		isFirst := have == "" && (section == "" || strings.EqualFold(section, first))
		if isFirst || have != "" && have == word {
			if s.Section = have; have == "" {
				s.Section = first
			}
			return name, nil
		}
		if have == "" {
			have = first
		}
		sections = append(sections, have)
	}
	return "", usage(fmt.Errorf("%s has no section %q", s.Report, section),
		didYouMean(reports.Nearest(word, sections), "its sections are "+strings.Join(sections, ", ")))
}

// fromBundle takes the csv of a report's section out of a bundle, to dir.
func (s *auditSample) fromBundle(ctx context.Context, bundle, dir string,
	f *sampleFlags) (err error) {
	b, err := evidence.Open(bundle)
	if err != nil {
		return explainBundle(err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	info := b.Info()
	s.Snapshot, s.AsOf, s.Mask = info.Value("Snapshot"), info.Value("As-Of"), info.Value("Mask")
	var names, known []string
	for _, x := range b.Manifest() {
		folder, name := path.Split(x.Path)
		report, ok := strings.CutPrefix(path.Clean(folder), "data/reports/")
		if !ok || path.Ext(name) != ".csv" || strings.HasSuffix(name, ".excel.csv") {
			continue
		}
		if known = append(known, report); report == f.report {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		slices.Sort(known)
		return usage(fmt.Errorf("the bundle has no csv of a report %q", f.report),
			didYouMean(reports.Nearest(f.report, known), "it has "+strings.Join(slices.Compact(known), ", ")))
	}
	first := f.report
	if d, err := (&again{bundle: b}).definition(f.report); err == nil && len(d.Sections) > 0 {
		first = d.SheetNames()[0]
	}
	name, err := s.choose(names, f.section, first)
	if err != nil {
		return err
	}
	name = path.Join("data/reports", f.report, name)
	s.CSV = filepath.Join(dir, filepath.FromSlash(name))
	if err := b.Extract(ctx, dir, func(x string) bool { return x == name }); err != nil {
		return explainBundle(err)
	}
	return nil
}

// head tells how the sample was drawn, and how to draw it again.
func (s *auditSample) head() string {
	var b strings.Builder
	drawn := fmt.Sprintf("%s of %s", plural(int64(len(s.Sample)), "row"), count(int64(s.Rows)))
	if s.N > s.Rows {
		drawn = fmt.Sprintf("all %s: there are fewer than %s", plural(int64(s.Rows), "row"),
			count(int64(s.N)))
	}
	for _, x := range [][2]string{
		{"sample", drawn + ", seed " + s.Seed},
		{"report", s.Report + ", section " + s.Section + ", mask " + s.Mask},
		{"snapshot", s.Snapshot + ", as of " + s.AsOf},
		{"csv", s.CSV + ", SHA-256 " + s.SHA256},
		{"method", s.Method},
	} {
		fmt.Fprintf(&b, "%-9s %s\n", x[0], printable(x[1]))
	}
	fmt.Fprintf(&b, "draw it yourself:\n  %s\n\n", s.Command)
	return b.String()
}

// writeSample writes the rows. As csv each is as it stands in the section's file,
// behind its number and hash.
func (a *app) writeSample(w io.Writer, s *auditSample, f *sampleFlags) error {
	switch f.format {
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(s)
	case "csv":
		lines := []string{"row,sample_sha256," + s.drawn.Header}
		for _, r := range s.drawn.Chosen {
			lines = append(lines, fmt.Sprintf("%d,%s,%s", r.Number, r.SHA256, r.Record))
		}
		_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
		return err
	}
	g := newGrid(append([]string{"row"}, s.Columns...)...)
	g.right = []int{0}
	for _, r := range s.Sample {
		cells := []string{strconv.Itoa(r.Number)}
		for _, v := range r.Values {
			cells = append(cells, printable(textOf(store.Received{Value: v})))
		}
		g.add(cells...)
	}
	if _, err := io.WriteString(w, s.head()); err != nil {
		return err
	}
	width, isTerminal := terminalWidth(a.stdout)
	if !isTerminal || f.outFile != "" {
		width = 0
	}
	return g.write(w, width)
}
