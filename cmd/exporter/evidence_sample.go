package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"exporter/internal/reports"
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
		Long: `Draws rows of one section of a report. They are numbered from 1 as they stand
in the section's csv; the sample are the n rows whose SHA-256 of SEED:NUMBER
sorts first, in that order. So who knows the seed and how many rows there are
draws the same sample with sha256sum and sort; the command for it is printed.

The report is made from the current snapshot, or from the one that --as-of or
--snapshot choose; of a bundle (its folder or zip) its own csv is read. Without
--section the first section is drawn from. evidence trace follows a row of the
csv by its number.`,
		Example: `  exporter evidence sample --report expired-permissions --seed 'FY26 control 7'
  exporter evidence sample --report leavers --section Permissions --n 25 \
    --seed 8812 --format csv --out sample.csv
  exporter evidence sample evidence-2026-01-01-2026-03-31-full \
    --report changes --n 5 --seed 8812`,
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
	c.Flags().StringVar(&f.report, "report", "", "the report to draw from")
	c.Flags().StringVar(&f.section, "section", "", "the section to draw from, by its sheet; default: the first")
	c.Flags().IntVar(&f.n, "n", 25, "how many rows")
	c.Flags().StringVar(&f.seed, "seed", "", "any text that the auditor chooses")
	addFormat(c, &f.format, listFormats...)
	c.Flags().StringVar(&f.outFile, "out", "", "write the sample into this file")
	return c
}

// check refuses what no sample can be drawn by.
func (f *sampleFlags) check(c *cobra.Command, args []string) error {
	f.timeout = reportTimeout
	switch {
	case f.report == "" && len(args) == 0:
		return usage(errNoReport, "what there is: exporter report --list")
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

var errNoReport = errors.New("--report is not given")

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
	Command  string      `json:"command,omitempty"` // none of no rows
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
	dir, done, err := workFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
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
		fmt.Fprint(a.stderr, s.head(lineWidth(a.stderr)))
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

// take fills s with what was drawn.
func (s *auditSample) take(drawn reports.Sample) {
	s.CSV, s.SHA256, s.Rows, s.Columns = filepath.Base(s.CSV), drawn.SHA256, drawn.Rows, drawn.Columns
	s.drawn, s.Sample = drawn, []sampleRow{}
	for _, r := range drawn.Chosen {
		s.Sample = append(s.Sample, sampleRow{r.Number, r.SHA256, r.Values})
	}
	s.Method = "rows are numbered from 1 as in the csv; " +
		"the sample are those whose SHA-256 of SEED:NUMBER, without a newline, sorts first"
	if s.Rows == 0 {
		return
	}
	s.Command = fmt.Sprintf(`SEED=%s; seq 1 %d | while read -r i; do printf '%%s %%s\n' `+
		`"$(printf '%%s:%%s' "$SEED" "$i" | sha256sum | cut -c1-64)" "$i"; done | LC_ALL=C sort | head -n %d`,
		shell(s.Seed), s.Rows, s.N)
}
