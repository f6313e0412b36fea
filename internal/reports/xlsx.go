package reports

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// Sheets that every workbook has beside those of its sections.
const (
	summarySheet = "Summary"
	methodSheet  = "Method"
)

// workbook builds one Excel file.
type workbook struct {
	f      *excelize.File
	r      *Report
	set    *typesetter // measures; texts of a workbook are set by the reader's program
	styles map[cellStyle]int
	counts cellCounts
	sheets []dataSheet
	chart  chartPlace
	most   int // rows of data on a sheet
}

// dataSheet is one sheet of a section.
type dataSheet struct {
	name        string
	section     int
	first, last int // rows of the table, last is exclusive
}

// WriteXLSX writes the report as a workbook: a summary, a sheet for each
// section (more where a sheet would overflow), and the method, which also
// names the fonts of f, those that a PDF of the report uses. No value becomes
// a formula. The same report gives the same bytes. It returns w's error, if
// any.
func (r *Report) WriteXLSX(w io.Writer, f Fonts) error {
	return r.writeXLSX(w, f, maxSheetRows-1)
}

// writeXLSX writes a workbook with at most so many rows of data on a sheet.
func (r *Report) writeXLSX(w io.Writer, f Fonts, most int) error {
	b := &workbook{f: excelize.NewFile(), r: r, set: newTypesetter(f), styles: map[cellStyle]int{}, most: most}
	defer b.f.Close()
	for _, step := range []func() error{b.begin, b.matrix, b.data, b.method, b.summary, b.end} {
		if err := step(); err != nil {
			return fmt.Errorf("write report %s as xlsx: %w", r.Name(), err)
		}
	}
	b.f.SetZipWriter(func(w io.Writer) excelize.ZipWriter { return newOrderedZip(w) })
	if _, err := b.f.WriteTo(w); err != nil {
		return fmt.Errorf("write report %s as xlsx: %w", r.Name(), err)
	}
	return nil
}

// begin makes the sheets in their order and the file's properties.
func (b *workbook) begin() error {
	if err := b.f.SetDefaultFont(sheetFont); err != nil {
		return err
	}
	if err := b.f.SetSheetName("Sheet1", summarySheet); err != nil {
		return err
	}
	if b.r.matrix != nil {
		if _, err := b.f.NewSheet(matrixSheet); err != nil {
			return err
		}
	}
	b.sheets = b.r.dataSheets(b.most)
	for _, s := range b.sheets {
		if _, err := b.f.NewSheet(s.name); err != nil {
			return err
		}
	}
	if _, err := b.f.NewSheet(methodSheet); err != nil {
		return err
	}
	created := b.r.trust.asOf.UTC().Format(time.RFC3339)
	return b.f.SetDocProps(&excelize.DocProperties{
		Title:       b.counts.cell(b.r.Title()),
		Subject:     b.counts.cell(b.r.question),
		Creator:     b.counts.cell("exporter " + b.r.trust.programVersion),
		Identifier:  b.r.Name() + " " + b.r.trust.snapshot,
		Keywords:    "snapshot " + b.r.trust.snapshot + " digest " + b.r.trust.digest(),
		Description: b.counts.cell(b.r.Answer()),
		Created:     created,
		Modified:    created,
		Language:    "en",
	})
}

// dataSheets are the sheets of the sections with at most so many rows each.
func (r *Report) dataSheets(most int) []dataSheet {
	var sheets []dataSheet
	for i, t := range r.tables {
		for n, first := 1, 0; first < t.rows || n == 1; n++ {
			name := t.section.sheet()
			if n > 1 {
				name = fmt.Sprintf("%s (%d)", name, n)
			}
			last := min(first+most, t.rows)
			sheets = append(sheets, dataSheet{name, i, first, last})
			first = last
		}
	}
	return sheets
}

// end leaves the workbook open on the summary.
func (b *workbook) end() error {
	b.f.SetActiveSheet(0)
	return nil
}

// page sets a sheet up for print, for a workbook is printed too: one page wide
// and so many high, 0 for as many as it takes.
func (b *workbook) page(sheet string, orientation string, high int) error {
	wide, paper := 1, 9 // A4
	if err := b.f.SetSheetProps(sheet, &excelize.SheetPropsOptions{FitToPage: new(true)}); err != nil {
		return err
	}
	if err := b.f.SetPageLayout(sheet, &excelize.PageLayoutOptions{
		Size: &paper, Orientation: &orientation, FitToWidth: &wide, FitToHeight: &high}); err != nil {
		return err
	}
	side, top := 0.5, 0.6
	if err := b.f.SetPageMargins(sheet, &excelize.PageLayoutMarginsOptions{
		Left: &side, Right: &side, Top: &top, Bottom: &top}); err != nil {
		return err
	}
	name, rests := b.r.footer()
	left := footerText(joinWords(cut(name, 60), rests))
	return b.f.SetHeaderFooter(sheet, &excelize.HeaderFooterOptions{OddFooter: "&L&8" + left + "&R&8&P of &N"})
}

// repeatHeader prints a sheet's first row on each page.
func (b *workbook) repeatHeader(sheet string) error {
	return b.f.SetDefinedName(&excelize.DefinedName{
		Name: "_xlnm.Print_Titles", RefersTo: quoteSheet(sheet) + "!$1:$1", Scope: sheet})
}

// footerText keeps a text from being read as codes of a footer, and short
// enough for one.
func footerText(s string) string {
	return " " + strings.ReplaceAll(cut(s, 180), "&", "&&")
}

// quoteSheet is a sheet's name in a reference.
func quoteSheet(name string) string {
	return "'" + strings.ReplaceAll(name, "'", "''") + "'"
}

func cellName(column, row int) string {
	name, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return "A1" // only beyond the limits that callers keep
	}
	return name
}

// put writes a text that is never a formula.
func (b *workbook) put(sheet string, column, row int, text string, s cellStyle) error {
	s.text = true
	s.quoted = s.quoted || formulaLike(text)
	cell := cellName(column, row)
	if err := b.f.SetCellStr(sheet, cell, b.counts.cell(text)); err != nil {
		return err
	}
	id, err := b.style(s)
	if err != nil {
		return err
	}
	return b.f.SetCellStyle(sheet, cell, cell, id)
}

// band merges a row's cells from one column to another, writes a text that
// wraps, and makes the row as high as it needs.
func (b *workbook) band(sheet string, from, to, row int, text string, s cellStyle) error {
	s.wrap = true
	if err := b.put(sheet, from, row, text, s); err != nil {
		return err
	}
	return b.merge(sheet, from, to, row, s)
}

func (b *workbook) merge(sheet string, from, to, row int, s cellStyle) error {
	if from == to {
		return nil
	}
	id, err := b.style(s)
	if err != nil {
		return err
	}
	if err := b.f.SetCellStyle(sheet, cellName(from+1, row), cellName(to, row), id); err != nil {
		return err
	}
	return b.f.MergeCell(sheet, cellName(from, row), cellName(to, row))
}

// rowHeight makes a row as high as pieces of text need in a width given in
// characters of the sheet's font.
func (b *workbook) rowHeight(sheet string, row int, text string, st style, size, characters, least float64) error {
	width := characters * 7 * 25.4 / 96 * 0.96
	lines := len(b.set.wrap([]piece{{text, st, ink}}, size, width, 0))
	return b.f.SetRowHeight(sheet, row, min(max(float64(lines)*size*1.32+5, least), 400))
}

// headerText is a column's title; for dates it says the zone, which Excel has
// no place for in a cell.
func (t *table) headerText(c Column) string {
	switch c.Format {
	case formatDate, formatDatetime:
		return c.Title + " (" + cmp.Or(t.zone.String(), "UTC") + ")"
	case formatDuration:
		return c.Title + " (h:mm)"
	}
	return c.Title
}
