package reports

import (
	"archive/zip"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"
)

// ErrNotOurs means that a file is no workbook that [Report.WriteXLSX] wrote.
var ErrNotOurs = errors.New("not a workbook of this program")

// A Workbook is a workbook of a report that was written before. What it says of
// itself is read from its sheet Method; whether it is still as it was written is
// not its matter.
type Workbook struct {
	Report, Snapshot string
	AsOf             string   // in words, with its zone
	Mask             string   // one of [store.Masks]
	Sheets           []string // in their order

	file     *excelize.File
	rowsOn   map[string]int               // by the sheets of sections
	sections map[string]string            // titles, by the sheets of their rows
	columns  map[string]map[string]string // names by what heads them, by the title of the section
}

// A LocatedRow is a row of a sheet or of a csv or json file.
type LocatedRow struct {
	Sheet   string // "" of a csv or json file
	Section string // its title, "" of a csv file
	Number  int    // as the sheet counts; of a csv or json file from 1, without the header
	Cells   []LocatedCell
}

// A LocatedCell is a cell as the file shows it. Column is the name in the result
// of the query.
type LocatedCell struct {
	Ref    string `json:"cell,omitempty"`
	Title  string `json:"title,omitempty"`
	Column string `json:"column"`
	Text   string `json:"text"`
}

// Value returns the text of a column, and whether the row has it with a value.
func (r LocatedRow) Value(column string) (string, bool) {
	for _, c := range r.Cells {
		if c.Column == column {
			return c.Text, c.Text != "" && !unseen(c.Text)
		}
	}
	return "", false
}

// OpenWorkbook opens a workbook. It returns [ErrNotOurs] where that is something
// else. The caller closes it.
func OpenWorkbook(path string) (_ *Workbook, err error) {
	if err := checkTexts(path); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	f, err := excelize.OpenFile(path, excelize.Options{UnzipSizeLimit: maxUnzipped})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	w := &Workbook{file: f, Sheets: f.GetSheetList(), rowsOn: map[string]int{},
		sections: map[string]string{},
		columns:  map[string]map[string]string{}}
	if err := w.readMethod(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrNotOurs, err), f.Close())
	}
	return w, nil
}

// maxUnzipped bounds what a workbook may unfold to, in bytes, and maxTexts its table of
// texts, which is held in memory: ours have none, those that others saved again do.
const (
	maxUnzipped = 4 << 30
	maxTexts    = 32 << 20
)

// checkTexts refuses a workbook whose table of texts is too large.
func checkTexts(path string) (err error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	for _, f := range z.File {
		if strings.EqualFold(f.Name, "xl/sharedStrings.xml") && f.UncompressedSize64 > maxTexts {
			return fmt.Errorf("its table of texts has %d bytes, more than %d", f.UncompressedSize64, maxTexts)
		}
	}
	return nil
}

// Close removes what was unpacked.
func (w *Workbook) Close() error { return w.file.Close() }

// sheetOfSection is what Method says of a sheet with rows.
var sheetOfSection = regexp.MustCompile(`^([\d,]+) rows? of [\d,]+ in (.+)$`)

// readMethod reads how the workbook was made, up to the text of the queries.
func (w *Workbook) readMethod() error {
	if !slices.Contains(w.Sheets, methodSheet) {
		return errors.New("there is no sheet " + methodSheet)
	}
	block, last := "", ""
	err := w.rows(methodSheet, func(_ int, cells []string) error {
		first, second := cell(cells, 0), cell(cells, 1)
		switch {
		case second == "" && last == "" && first != "":
			if block = first; strings.HasPrefix(block, "Query ") {
				return errEnough // its text could look like a block
			}
		case block == "How this was made":
			w.fact(first, second)
		case block == "Sheets":
			if m := sheetOfSection.FindStringSubmatch(second); m != nil {
				w.sections[first] = m[2]
				digits := strings.ReplaceAll(m[1], ",", "")
				w.rowsOn[first], _ = strconv.Atoi(digits) // as the pattern has it
			}
		case strings.HasPrefix(block, "Columns of "):
			title := strings.TrimPrefix(block, "Columns of ")
			if w.columns[title] == nil {
				w.columns[title] = map[string]string{}
			}
			name, _, _ := strings.Cut(second, ":")
			head := strings.Join(strings.Fields(first), " ")
			w.columns[title][head] = strings.TrimSuffix(name, " (workbook only)")
		}
		last = first
		return nil
	})
	if err != nil {
		return err
	}
	if w.Snapshot == "" || w.Report == "" {
		return errors.New("its sheet " + methodSheet + " names no report and snapshot")
	}
	return nil
}

// fact takes what the method says in its first block.
func (w *Workbook) fact(name, text string) {
	switch name {
	case "Report":
		for part := range strings.SplitSeq(text, " · ") {
			if w.Report == "" && namePattern.MatchString(part) {
				w.Report = part
			}
		}
	case "Snapshot":
		w.Snapshot = text
	case "As of":
		w.AsOf = text
	case "Mask":
		w.Mask, _, _ = strings.Cut(text, ":")
	}
}

func cell(cells []string, i int) string {
	if i < len(cells) {
		return cells[i]
	}
	return ""
}

// errEnough ends the reading of rows.
var errEnough = errors.New("enough")

// rows calls each with the rows of a sheet as it shows them, numbered from 1.
func (w *Workbook) rows(sheet string, each func(number int, cells []string) error) error {
	rows, err := w.file.Rows(sheet)
	if err != nil {
		return err
	}
	for n := 1; rows.Next(); n++ {
		cells, err := rows.Columns()
		if err == nil {
			err = each(n, cells)
		}
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return errors.Join(fmt.Errorf("sheet %s: %w", sheet, err), rows.Close())
		}
	}
	return errors.Join(rows.Error(), rows.Close())
}

// SectionSheets returns the sheets with rows of sections, in their order.
func (w *Workbook) SectionSheets() []string {
	return slices.DeleteFunc(slices.Clone(w.Sheets),
		func(s string) bool { return w.sections[s] == "" })
}

// Row returns a row of a sheet, numbered as the sheet does. Of a sheet of a section
// each cell has its column; the first row has the titles. It returns a row without
// cells where the sheet ends before it.
func (w *Workbook) Row(sheet string, number int) (LocatedRow, error) {
	r := LocatedRow{Sheet: sheet, Section: w.sections[sheet], Number: number}
	var titles []string
	err := w.rows(sheet, func(n int, cells []string) error {
		if n == 1 {
			titles = cells
		}
		if n < number {
			return nil
		}
		r.Cells = w.cells(r, titles, cells)
		return errEnough
	})
	return r, err
}

// Rows returns how many rows of a section a sheet has, without the titles.
func (w *Workbook) Rows(sheet string) int { return w.rowsOn[sheet] }

// cells are the cells of a row. Of a section's sheet those after a row's last
// value are cells too.
func (w *Workbook) cells(r LocatedRow, titles, cells []string) []LocatedCell {
	n := len(cells)
	if r.Section != "" {
		n = max(n, len(titles))
	}
	list := make([]LocatedCell, n)
	for i := range list {
		list[i] = LocatedCell{Ref: cellName(i+1, r.Number), Text: cell(cells, i)}
		if r.Section != "" {
			list[i].Title = cell(titles, i)
			list[i].Column = w.columns[r.Section][list[i].Title]
		}
	}
	return list
}

// Find returns the rows of a sheet whose values of some columns, joined by /, are
// key; at most a few.
func (w *Workbook) Find(sheet string, columns []string, key string) ([]LocatedRow, error) {
	var titles []string
	var found []LocatedRow
	var places []int
	err := w.rows(sheet, func(n int, cells []string) error {
		if n == 1 {
			titles = cells
			for _, c := range columns {
				is := func(t string) bool { return w.columns[w.sections[sheet]][t] == c }
				places = append(places, slices.IndexFunc(titles, is))
			}
			if slices.Contains(places, -1) {
				return errEnough
			}
			return nil
		}
		values := make([]string, len(places))
		for i, p := range places {
			values[i] = cell(cells, p)
		}
		if strings.Join(values, "/") == key {
			r := LocatedRow{Sheet: sheet, Section: w.sections[sheet], Number: n}
			r.Cells = w.cells(r, titles, cells)
			if found = append(found, r); len(found) == maxFound {
				return errEnough
			}
		}
		return nil
	})
	return found, err
}

// FindID returns the rows of a sheet that have an id in any of their columns of ids, at
// most a few, and how many there are.
func (w *Workbook) FindID(sheet, id string) (found []LocatedRow, count int, err error) {
	var titles []string
	var places []int
	err = w.rows(sheet, func(n int, cells []string) error {
		if n == 1 {
			titles = cells
			for i, t := range titles {
				if strings.HasSuffix(w.columns[w.sections[sheet]][t], "_id") {
					places = append(places, i)
				}
			}
			return nil
		}
		if !slices.ContainsFunc(places, func(p int) bool { return cell(cells, p) == id }) {
			return nil
		}
		if count++; count <= maxFound {
			r := LocatedRow{Sheet: sheet, Section: w.sections[sheet], Number: n}
			r.Cells = w.cells(r, titles, cells)
			found = append(found, r)
		}
		return nil
	})
	return found, count, err
}

// maxFound is how many rows of one key are named.
const maxFound = 5

// KeyOf returns the columns that name a finding of the section whose rows are on a
// sheet; none where there is no such section, or it has no key.
func (d Definition) KeyOf(sheet string) []string {
	for _, s := range d.Sections {
		rest, ok := strings.CutPrefix(sheet, s.sheet())
		if ok && (rest == "" || continued.MatchString(rest)) {
			return s.Key
		}
	}
	return nil
}

// SheetNames returns the names of the sections' sheets, in their order.
func (d Definition) SheetNames() []string {
	names := make([]string, len(d.Sections))
	for i, s := range d.Sections {
		names[i] = s.sheet()
	}
	return names
}

// continued is what the name of a section's further sheet ends in.
var continued = regexp.MustCompile(`^ \(\d+\)$`)
