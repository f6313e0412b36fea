package reports

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"
)

// data writes the sheets of the sections.
func (b *workbook) data() error {
	for _, s := range b.sheets {
		if err := b.sheet(s, b.r.tables[s.section]); err != nil {
			return fmt.Errorf("sheet %s: %w", s.name, err)
		}
	}
	return nil
}

// sheet streams one sheet: a header and the rows as an Excel table.
func (b *workbook) sheet(s dataSheet, t *table) error {
	if err := b.page(s.name, "landscape", 0); err != nil {
		return err
	}
	if err := b.repeatHeader(s.name); err != nil {
		return err
	}
	if err := b.severityColours(s, t); err != nil {
		return err
	}
	sw, err := b.f.NewStreamWriter(s.name)
	if err != nil {
		return err
	}
	if err := b.columns(sw, t); err != nil {
		return err
	}
	if err := b.header(sw, t); err != nil {
		return err
	}
	if err := b.cells(sw, s, t); err != nil {
		return err
	}
	if s.last > s.first {
		if err := sw.AddTable(&excelize.Table{
			Range:          "A1:" + cellName(len(t.columns), s.last-s.first+1),
			Name:           tableName(s.name),
			StyleName:      "TableStyleLight1",
			ShowRowStripes: new(false),
		}); err != nil {
			return err
		}
	}
	return sw.Flush()
}

var notInTableName = regexp.MustCompile(`[^\p{L}\p{N}_]+`)

// tableName makes a name that a formula can use: it is not a cell's.
func tableName(sheet string) string {
	return "Tbl_" + strings.Trim(notInTableName.ReplaceAllString(sheet, "_"), "_")
}

// columns sets widths and hides what the definition hides, and freezes the
// header.
func (b *workbook) columns(sw *excelize.StreamWriter, t *table) error {
	// From the last to the first: the library puts each before those that it
	// has, and Excel wants them ascending.
	for i, c := range slices.Backward(t.columns) {
		width := c.Width
		if width == 0 {
			width = t.characters(i)
		}
		if err := sw.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
		if c.Hidden == "all" {
			if err := sw.SetColVisible(i+1, i+1, false); err != nil {
				return err
			}
		}
	}
	return sw.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft",
		Selection: []excelize.Selection{{SQRef: "A2", ActiveCell: "A2", Pane: "bottomLeft"}}})
}

// Bounds of a column's width, in characters.
const (
	narrowest = 8
	widest    = 60
)

// characters is the width that 95 of 100 cells of a column need.
func (t *table) characters(column int) float64 {
	step := max(t.rows/5000, 1)
	var widths []float64
	for row := 0; row < t.rows; row += step {
		widths = append(widths, columnsOf(cut(firstLine(t.text(row, column)), 400)))
	}
	width := 0.0
	if len(widths) > 0 {
		slices.Sort(widths)
		width = widths[(len(widths)*95+99)/100-1]
	}
	width = max(width, min(columnsOf(t.headerText(t.columns[column])), 26)+2) // and the filter's arrow
	return min(max(math.Ceil(width*1.05)+1.5, narrowest), widest)
}

// columnsOf is a text's width in characters of which Chinese ones count two.
func columnsOf(s string) float64 {
	n := 0.0
	for _, r := range s {
		n++
		if wide(r) {
			n++
		}
	}
	return n
}

func (b *workbook) header(sw *excelize.StreamWriter, t *table) error {
	cells := make([]any, len(t.columns))
	for i, title := range t.headers(&b.counts) {
		look := headerStyle("")
		switch {
		case rightAligned(t.columns[i].Format):
			look = headerStyle("right")
		case t.afterNumbers(i):
			look = headerStyle("left")
		}
		id, err := b.style(look)
		if err != nil {
			return err
		}
		cells[i] = excelize.Cell{StyleID: id, Value: title}
	}
	return sw.SetRow("A1", cells, excelize.RowOpts{Height: 20})
}

// afterNumbers reports whether a column of texts stands beside one of numbers: its
// cells begin a little further in, for not every program keeps the numbers' own
// distance.
func (t *table) afterNumbers(i int) bool {
	before := i - 1
	for before >= 0 && t.columns[before].Hidden == "all" {
		before--
	}
	return before >= 0 && rightAligned(t.columns[before].Format) && !rightAligned(t.columns[i].Format)
}

// headerStyle is dark on light. What is aligned is off the edge.
func headerStyle(align string) cellStyle {
	s := cellStyle{bold: true, text: true, middle: true, align: align,
		fill: rgb{0xE6, 0xEE, 0xF4}, color: ink, bottom: edge{2, accent}}
	if align != "" {
		s.indent = 1
	}
	return s
}

// columnStyles are the looks that the cells of one column take.
type columnStyles struct {
	value, quoted, nothing int
}

func (b *workbook) columnStyles(t *table, i int) (columnStyles, error) {
	var s columnStyles
	c := t.columns[i]
	look := cellStyle{}
	switch {
	case rightAligned(c.Format), c.Format == formatDate, c.Format == formatDatetime:
		look.format, look.align = numberFormat(c.Format), "left"
		if rightAligned(c.Format) {
			look.align, look.indent = "right", 1 // off the text that follows
		}
	case c.Format == formatID:
		look.text, look.mono, look.color, look.size = true, true, muted, 9
	default:
		look.text = true
		look.wrap = t.characters(i) >= widest
	}
	if t.afterNumbers(i) {
		look.align, look.indent = "left", 1
	}
	quoted, nothing := look, cellStyle{text: true, color: muted, mono: look.mono, size: look.size}
	quoted.format, quoted.text, quoted.quoted = "", true, true
	nothing.align, nothing.indent = look.align, look.indent
	for _, x := range []struct {
		to   *int
		look cellStyle
	}{{&s.value, look}, {&s.quoted, quoted}, {&s.nothing, nothing}} {
		id, err := b.style(x.look)
		if err != nil {
			return s, err
		}
		*x.to = id
	}
	return s, nil
}

func (b *workbook) cells(sw *excelize.StreamWriter, s dataSheet, t *table) error {
	styles := make([]columnStyles, len(t.columns))
	for i := range t.columns {
		var err error
		if styles[i], err = b.columnStyles(t, i); err != nil {
			return err
		}
	}
	if s.first == s.last {
		id, err := b.style(cellStyle{text: true, color: muted})
		if err != nil {
			return err
		}
		return sw.SetRow("A2", []any{excelize.Cell{StyleID: id, Value: b.counts.cell(emptyWords(t.section))}})
	}
	cells := make([]any, len(t.columns))
	made := make([][]any, len(t.columns)) // cells of the texts that come again, by their number
	for i, v := range t.vectors {
		if v.kind == kindText || v.kind == kindList {
			made[i] = make([]any, min(len(v.ends), internLimit))
		}
	}
	for row := s.first; row < s.last; row++ {
		for i, c := range t.columns {
			v := t.vectors[i]
			n := v.values[row]
			again := made[i] != nil && n < int64(len(made[i])) && !v.null(row)
			if again && made[i][n] != nil {
				cells[i] = made[i][n]
				continue
			}
			before := b.counts
			cells[i] = b.cellOf(v.at(row), c.Format, t.zone, styles[i])
			if again && b.counts == before { // what is counted is counted each time
				made[i][n] = cells[i]
			}
		}
		if err := sw.SetRow(cellName(1, row-s.first+2), cells); err != nil {
			return err
		}
	}
	return nil
}

// cellNumber is the number that a cell holds for a value: of a number, a
// duration (in days) or a time where the column asks for one. It returns false
// for what is a text in the sheet.
func cellNumber(value any, format string, zone *time.Location) (number float64, ok bool) {
	switch x := value.(type) {
	case time.Time:
		if format == formatDate || format == formatDatetime {
			number, ok = excelDate(inZone(x, zone))
		}
	case int64:
		if ok = rightAligned(format) && x > -1e15 && x < 1e15; ok {
			number = float64(x)
		}
	case float64:
		if ok = rightAligned(format) && !math.IsNaN(x) && !math.IsInf(x, 0); ok {
			number = x
		}
	}
	if ok && format == formatDuration {
		number /= 86400
	}
	return number, ok
}

// cellOf is a value as a cell: a number where it is one and the column asks
// for one, else a text.
func (b *workbook) cellOf(value any, format string, zone *time.Location, s columnStyles) excelize.Cell {
	if number, ok := cellNumber(value, format, zone); ok {
		return excelize.Cell{StyleID: s.value, Value: number}
	}
	text := show(value, format, zone)
	if unseen(text) {
		return excelize.Cell{StyleID: s.nothing, Value: text}
	}
	id := s.value
	if formulaLike(text) {
		b.counts.formulas++
		id = s.quoted
	} else if rightAligned(format) || format == formatDate || format == formatDatetime {
		id = s.quoted // a text among numbers
	}
	return excelize.Cell{StyleID: id, Value: b.counts.cell(text)}
}

// excelDate is a time as Excel counts: days since 1899-12-30 by the clock on
// the wall. Excel has no zones, and no dates before March 1900 that all
// programs agree on, nor after 9999.
func excelDate(t time.Time) (float64, bool) {
	if t.Year() < 1900 || t.Year() > 9999 || t.Year() == 1900 && t.Month() < time.March {
		return 0, false
	}
	wall := time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
	epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	seconds := wall.Unix() - epoch.Unix()
	return float64(seconds) / 86400, true
}

// severityColours gives each severity's word its colour by a rule, so that it
// keeps it when the rows are sorted.
func (b *workbook) severityColours(s dataSheet, t *table) error {
	i := t.index(t.section.Severity)
	if i < 0 || s.last == s.first {
		return nil
	}
	var rules []excelize.ConditionalFormatOptions
	for _, word := range severities {
		id, err := b.f.NewConditionalStyle(&excelize.Style{
			Font: &excelize.Font{Color: hexColor(toneColor(word)), Bold: true},
			Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{hexColor(toneTint(word))}},
		})
		if err != nil {
			return err
		}
		rules = append(rules, excelize.ConditionalFormatOptions{
			Type: "cell", Criteria: "==", Value: `"` + word + `"`, Format: &id})
	}
	column, err := excelize.ColumnNumberToName(i + 1)
	if err != nil {
		return err
	}
	return b.f.SetConditionalFormat(s.name, fmt.Sprintf("%s2:%s%d", column, column, s.last-s.first+1), rules)
}
