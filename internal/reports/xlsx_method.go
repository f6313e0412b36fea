package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/xuri/excelize/v2"
)

// chartPlace is where the numbers of the chart stand.
type chartPlace struct{ header, first, last int }

// methodSheetWriter fills the method sheet from top to bottom.
type methodSheetWriter struct {
	*workbook
	row int
	err error
}

// method writes how the report was made. It is written after the data, for
// it says what was done to texts there.
func (b *workbook) method() error {
	m := &methodSheetWriter{workbook: b}
	m.title("How this was made")
	for _, n := range b.r.methodFacts() {
		m.pair(n)
	}
	m.title("What was read")
	m.table(resourceTable(b.r))
	if len(b.r.trust.tieOuts) > 0 {
		m.title("Tie-outs with the cloud's own counts")
		m.table(tieOutTable(b.r))
	}
	m.title("Sheets")
	for _, s := range b.sheets {
		m.pair(namedText{s.name, plural(s.last-s.first, "row", "rows") + " of " + number(int64(b.r.tables[s.section].rows)) +
			" in " + b.r.tables[s.section].section.Title})
	}
	m.controlTotals()
	if x := b.r.matrix; x != nil {
		m.pair(namedText{matrixSheet, x.title + ". " + x.note(x.first(maxMatrixColumns))})
	}
	for _, t := range b.r.tables {
		m.title("Columns of " + t.section.Title)
		for _, c := range t.columns {
			m.pair(namedText{t.headerText(c), c.words()})
		}
	}
	if b.r.chart != nil {
		m.numbers(b.r.chart)
	}
	for _, q := range b.r.queries {
		m.title("Query " + q.name)
		m.pair(namedText{"SHA-256", q.sha256})
		for line := range strings.Lines(strings.TrimRight(q.text, "\n")) {
			m.row++
			m.put(1, strings.TrimRight(line, "\r\n"), cellStyle{mono: true, size: 9})
		}
	}
	m.title("Fonts and characters")
	for _, f := range b.set.fonts.all() {
		m.pair(namedText{f.name, "for the PDF of this report; SHA-256 " + f.sha256})
	}
	m.pair(namedText{"This workbook", "names " + sheetFont + " and " + sheetMono + " and embeds no font"})
	for _, n := range b.counts.notes() {
		m.pair(n)
	}
	if m.err != nil {
		return m.err
	}
	return m.layout()
}

// controlTotals adds up the sheets of each section that takes more than one.
func (m *methodSheetWriter) controlTotals() {
	for i, t := range m.r.tables {
		var rows []string
		sum := 0
		for _, s := range m.sheets {
			if s.section == i {
				rows = append(rows, number(int64(s.last-s.first)))
				sum += s.last - s.first
			}
		}
		if len(rows) > 1 && sum == t.rows {
			m.pair(namedText{"Control total", strings.Join(rows, " + ") + " = " + plural(sum, "row", "rows") + " of " + t.section.Title +
				", as many as the query gave"})
		}
	}
}

// notes says what was done to texts so that a workbook can hold them.
func (c cellCounts) notes() []namedText {
	return []namedText{
		{"Like formulas", plural(c.formulas, "text that begins", "texts that begin") + " with = + - @ or a tab, kept as quoted text"},
		{"Control characters", plural(c.controls, "character", "characters") + " replaced by \uFFFD"},
		{"Invalid UTF-8", plural(c.invalid, "byte", "bytes") + " replaced by \uFFFD"},
		{"Cut", plural(c.cut, "text", "texts") + fmt.Sprintf(" longer than a cell holds (%s characters), ending in …", number(maxCell))},
	}
}

func (m *methodSheetWriter) put(column int, text string, s cellStyle) {
	if m.err == nil {
		m.err = m.workbook.put(methodSheet, column, m.row, text, s)
	}
}

func (m *methodSheetWriter) title(text string) {
	m.row++
	if m.row > 1 {
		m.row++
	}
	m.put(1, text, cellStyle{bold: true, size: 12, color: accent})
}

func (m *methodSheetWriter) pair(n namedText) {
	m.row++
	m.put(1, n.name, cellStyle{color: muted})
	m.put(2, n.text, cellStyle{})
}

func (m *methodSheetWriter) table(t *table) {
	m.row++
	for i, c := range t.columns {
		s := headerStyle("")
		if rightAligned(c.Format) {
			s = headerStyle("right")
		}
		m.put(i+1, c.Title, s)
	}
	for row := range t.rows {
		m.row++
		for i, c := range t.columns {
			if n, ok := t.vectors[i].at(row).(int64); ok && m.err == nil {
				m.err = m.number(i+1, float64(n), "#,##0")
				continue
			}
			s := cellStyle{}
			if rightAligned(c.Format) {
				s.align, s.indent = "right", 1
			}
			m.put(i+1, t.text(row, i), s)
		}
	}
}

func (m *methodSheetWriter) number(column int, x float64, format string) error {
	cell := cellName(column, m.row)
	if err := m.f.SetCellFloat(methodSheet, cell, x, -1, 64); err != nil {
		return err
	}
	id, err := m.style(cellStyle{format: format, align: "right", indent: 1})
	if err != nil {
		return err
	}
	return m.f.SetCellStyle(methodSheet, cell, cell, id)
}

// numbers writes the numbers of the chart, to which the chart refers.
func (m *methodSheetWriter) numbers(ch *chartTable) {
	m.title("Numbers of the chart: " + ch.title)
	m.row++
	m.chart.header = m.row
	m.put(1, "", headerStyle(""))
	for i, s := range ch.def.Series {
		m.put(i+2, s.Title, headerStyle("right"))
	}
	m.chart.first = m.row + 1
	format := "#,##0.##"
	if ch.format() == formatShare {
		format = numberFormat(formatShare)
	}
	for i, label := range ch.labels {
		m.row++
		m.put(1, label, cellStyle{})
		for s := range ch.values {
			if x := ch.values[s][i]; m.err == nil && !math.IsNaN(x) { // a blank is a gap in the chart
				m.err = m.number(s+2, x, format)
			}
		}
	}
	m.chart.last = m.row
}

func (m *methodSheetWriter) layout() error {
	if err := m.f.SetColWidth(methodSheet, "B", "K", 17); err != nil {
		return err
	}
	if err := m.f.SetColWidth(methodSheet, "A", "A", 26); err != nil {
		return err
	}
	if err := m.f.SetSheetView(methodSheet, 0, &excelize.ViewOptions{ShowGridLines: new(false)}); err != nil {
		return err
	}
	return m.page(methodSheet, "landscape", 0)
}
