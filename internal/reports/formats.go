package reports

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// A format is one way of writing a report.
type format struct {
	name string // as --format and a definition's formats have it
	ext  string
	each bool // a file for each section, else one for the report

	// write writes a part to an empty file, and tells what it did to texts.
	write func(ctx context.Context, path string, p part) (notes []Note, err error)
	// check reads a written file back and compares each row with the part.
	check func(ctx context.Context, path string, p part) error
}

// A Note says to how many texts or characters something was done so that a
// format can hold them.
type Note struct {
	Count int
	Text  string // as: texts like formulas have an apostrophe before them
	Usual bool   // nothing is lost by it, and it is told in the journal alone
}

func (n Note) String() string { return number(int64(n.Count)) + " " + n.Text }

// A part is what one file holds: a whole report, or one section of it.
type part struct {
	*Report
	fonts Fonts
	table *table // nil for all
}

// formats are the ways in which a report can be written. Each gives the same
// rows.
var formats = []format{
	{name: "xlsx", ext: "xlsx", write: stream(part.workbook), check: checkXLSX},
	{name: "pdf", ext: "pdf", write: stream(part.pages), check: reading(part.checkPDF)},
	{name: "csv", ext: "csv", each: true, write: stream(part.writeCSV), check: reading(part.checkCSV)},
	{name: "excel-csv", ext: "excel.csv", each: true, write: stream(part.writeExcelCSV), check: reading(part.checkExcelCSV)},
	{name: "json", ext: "json", write: stream(part.writeJSON), check: reading(part.checkJSON)},
	{name: "parquet", ext: "parquet", each: true, write: writeParquet, check: checkParquet},
	{name: "html", ext: "html", write: stream(part.writeHTML), check: reading(part.checkHTML)},
}

// Formats returns the names of the formats, as a definition and --format have
// them.
func Formats() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.name
	}
	return names
}

// An Output is one file of a report.
type Output struct {
	Name   string // of the file, as expiring-permissions.rules.csv
	Rows   int    // of its table; 0 of a file that holds all tables
	format format
	part   part
}

// Outputs returns the files that a report is in a format. One file of a format
// that holds one table, as csv, is for the first section, and has the report's
// name; one for each further section has the section's name besides. It
// returns none for a format that is not among [Formats].
func (r *Report) Outputs(name string, f Fonts) []Output {
	i := slices.IndexFunc(formats, func(x format) bool { return x.name == name })
	if i < 0 {
		return nil
	}
	x := formats[i]
	if !x.each {
		return []Output{{r.Name() + "." + x.ext, 0, x, part{r, f, nil}}}
	}
	var list []Output
	taken := map[string]bool{"": true, "excel": true} // NAME.excel.csv is a format's
	for n, t := range r.tables {
		middle := ""
		if n > 0 {
			middle = "." + fileWord(t.section.sheet(), taken)
		}
		list = append(list, Output{r.Name() + middle + "." + x.ext, t.rows, x, part{r, f, t}})
	}
	return list
}

// fileWord is a section's name as part of a file's name that none has taken.
func fileWord(section string, taken map[string]bool) string {
	word := strings.ReplaceAll(strings.ToLower(section), " ", "-")
	for n, base := 2, word; taken[word]; n++ {
		word = fmt.Sprintf("%s-%d", base, n)
	}
	taken[word] = true
	return word
}

// Write writes the output to an empty file that the caller made, and reads it
// back: it errs unless the file has every row of the report as its query gave
// it. After an error the file is to be thrown away. The same report and fonts
// give the same bytes. The notes say what was done to texts.
func (o Output) Write(ctx context.Context, path string) (notes []Note, err error) {
	if notes, err = o.format.write(ctx, path, o.part); err != nil {
		return nil, fmt.Errorf("write %s: %w", o.Name, err)
	}
	if err := o.format.check(ctx, path, o.part); ctx.Err() != nil {
		return nil, context.Cause(ctx)
	} else if err != nil {
		return nil, fmt.Errorf("%s was written but does not hold what the queries gave, and is not kept: %w", o.Name, err)
	}
	return notes, nil
}

func (p part) workbook(w io.Writer) ([]Note, error) { return nil, p.WriteXLSX(w, p.fonts) }

func (p part) pages(w io.Writer) ([]Note, error) { return nil, p.WritePDF(w, p.fonts) }

// stream makes a writer to a file of one to a stream.
func stream(write func(part, io.Writer) ([]Note, error)) func(context.Context, string, part) ([]Note, error) {
	return func(ctx context.Context, path string, p part) (notes []Note, err error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w := bufio.NewWriterSize(untilDone{ctx, f}, 1<<18)
		if notes, err = write(p, w); err != nil {
			return nil, err
		}
		return notes, w.Flush()
	}
}

// reading makes a check of a file of one of a stream.
func reading(check func(part, *bufio.Reader) error) func(context.Context, string, part) error {
	return func(ctx context.Context, path string, p part) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return check(p, bufio.NewReaderSize(untilDone{ctx, f}, 1<<18))
	}
}

// untilDone lets a file be read and written until a context is done.
type untilDone struct {
	ctx context.Context
	f   *os.File
}

func (u untilDone) Read(b []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.f.Read(b)
}

func (u untilDone) Write(b []byte) (int, error) {
	if u.ctx.Err() != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.f.Write(b)
}

// names are the columns' names, each once whatever its case. Those of a query are;
// of two that are alike in a list of changes the second ends in _2.
func (t *table) names() []string {
	taken := map[string]bool{}
	for _, c := range t.columns {
		taken[strings.ToLower(c.Name)] = true
	}
	seen := map[string]bool{}
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		name := c.Name
		for n := 2; seen[strings.ToLower(name)]; n++ {
			if next := fmt.Sprintf("%s_%d", c.Name, n); !taken[strings.ToLower(next)] {
				name = next
			}
		}
		seen[strings.ToLower(name)], taken[strings.ToLower(name)] = true, true
		names[i] = name
	}
	return names
}

// headers are the columns' titles in one line each, no two alike.
func (t *table) headers(counts *cellCounts) []string {
	seen := map[string]int{}
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		title := strings.Join(strings.Fields(counts.cell(t.headerText(c))), " ")
		key := strings.ToLower(title)
		if seen[key]++; seen[key] > 1 {
			title = fmt.Sprintf("%s %d", title, seen[key])
		}
		titles[i] = cmp.Or(title, fmt.Sprintf("Column %d", i+1))
	}
	return titles
}

// validText replaces what is no UTF-8. No query returns such a text.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// invalidNote says of how many texts validText had to change something.
func (t *table) invalidNote() []Note {
	n := 0
	for _, v := range t.vectors {
		if v.kind != kindText || utf8.Valid(v.texts) {
			continue
		}
		for row := range t.rows {
			if !v.null(row) && !utf8.ValidString(v.text(v.values[row])) {
				n++
			}
		}
	}
	if n == 0 {
		return nil
	}
	return []Note{{Count: n, Text: "texts had bytes that are no UTF-8, replaced by \uFFFD"}}
}

// A tally follows what a check finds in a file against the rows of a table.
type tally struct {
	t   *table
	row int // rows found so far
}

// differs says that a cell is another one than the query gave.
func (y *tally) differs(column int, got, want string) error {
	return fmt.Errorf("section %s: row %s, column %s: %q in the file, %q by the query",
		y.t.section.sheet(), number(int64(y.row+1)), y.t.columns[column].Name, cut(got, 100), cut(want, 100))
}

// one refuses a row that the query did not give, or of another length.
func (y *tally) one(cells, want int) error {
	if y.row >= y.t.rows {
		return fmt.Errorf("section %s: more than the %s of the query", y.t.section.sheet(), plural(y.t.rows, "row", "rows"))
	}
	if cells != want {
		return fmt.Errorf("section %s: row %s has %s, not %d", y.t.section.sheet(), number(int64(y.row+1)), plural(cells, "cell", "cells"), want)
	}
	return nil
}

// end refuses a file that has too few rows.
func (y *tally) end() error {
	if y.row != y.t.rows {
		return fmt.Errorf("section %s: %s in the file, %s by the query", y.t.section.sheet(), plural(y.row, "row", "rows"), number(int64(y.t.rows)))
	}
	return nil
}
