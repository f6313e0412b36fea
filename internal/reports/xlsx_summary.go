package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xuri/excelize/v2"
)

// The summary is laid on eight columns, B to I, beside a narrow margin.
const (
	firstColumn = 2
	lastColumn  = 9
	columnWide  = 14.0 // characters
)

const bandWide = columnWide * (lastColumn - firstColumn + 1)

// summaryWriter fills the summary sheet from top to bottom.
type summaryWriter struct {
	*workbook
	row int
}

// summary writes the sheet that the workbook opens on.
func (b *workbook) summary() error {
	s := &summaryWriter{workbook: b, row: 1}
	for _, step := range []func() error{s.grid, s.head, s.banner, s.answer, s.figures, s.graph,
		s.first, s.todo, s.contents, s.ribbon} {
		if err := step(); err != nil {
			return fmt.Errorf("sheet %s: %w", summarySheet, err)
		}
	}
	return b.f.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Area", Scope: summarySheet,
		RefersTo: fmt.Sprintf("%s!$A$1:$I$%d", quoteSheet(summarySheet), s.row)})
}

func (s *summaryWriter) grid() error {
	if err := s.f.SetColWidth(summarySheet, "B", "I", columnWide); err != nil {
		return err
	}
	if err := s.f.SetColWidth(summarySheet, "A", "A", 2); err != nil {
		return err
	}
	if err := s.f.SetSheetView(summarySheet, 0, &excelize.ViewOptions{ShowGridLines: new(false), ZoomScale: new(100.0)}); err != nil {
		return err
	}
	return s.page(summarySheet, "portrait", 1)
}

// line writes a full-width text on the next row and makes it high enough.
func (s *summaryWriter) line(text string, look cellStyle, least float64) error {
	if err := s.band(summarySheet, firstColumn, lastColumn, s.row, text, look); err != nil {
		return err
	}
	st := regular
	if look.bold {
		st = bold
	}
	size := look.size
	if size == 0 {
		size = 10
	}
	err := s.rowHeight(summarySheet, s.row, text, st, size, bandWide-float64(look.indent)*2, least)
	s.row++
	return err
}

func (s *summaryWriter) head() error {
	text := joinWords(s.r.subject(), s.r.def.ID, s.r.Name())
	if err := s.line(text, cellStyle{size: 9, color: muted}, 15); err != nil {
		return err
	}
	if err := s.line(s.r.Title(), cellStyle{size: 20, bold: true, middle: true}, 30); err != nil {
		return err
	}
	if s.r.question != "" {
		if err := s.line(s.r.question, cellStyle{size: 11, color: muted}, 18); err != nil {
			return err
		}
	}
	s.row++
	return nil
}

func (s *summaryWriter) banner() error {
	if s.r.trust.complete() {
		return nil
	}
	text := "Partial snapshot. " + strings.Join(lacksWords(s.r), ". ") + "."
	look := cellStyle{fill: rgb{0xFD, 0xF3, 0xE1}, color: rgb{0x8A, 0x50, 0x00}, left: edge{5, amber}, indent: 1, middle: true}
	err := s.line(text, look, 22)
	s.row++
	return err
}

// answer writes the sentence with its emphasis in the colour of its gravity.
func (s *summaryWriter) answer() error {
	k := toneColor(s.r.tone)
	look := cellStyle{size: 13, left: edge{5, k}, indent: 1, wrap: true, middle: true, text: true}
	if err := s.rich(emphasized(s.counts.cell(s.r.answer), piece{color: ink}, piece{style: bold, color: k}), look, 26); err != nil {
		return err
	}
	s.row++
	return nil
}

// rich writes a full-width text whose pieces have looks of their own.
func (s *summaryWriter) rich(pieces []piece, look cellStyle, least float64) error {
	var runs []excelize.RichTextRun
	var all strings.Builder
	for _, p := range pieces {
		all.WriteString(p.text)
		runs = append(runs, excelize.RichTextRun{Text: p.text, Font: &excelize.Font{
			Family: sheetFont, Size: max(look.size, 10), Color: hexColor(p.color), Bold: p.style == bold}})
	}
	if err := s.line(all.String(), look, least); err != nil || len(runs) == 0 {
		return err
	}
	return s.f.SetCellRichText(summarySheet, cellName(firstColumn, s.row-1), runs)
}

// figures writes up to four numbers, each over two columns.
func (s *summaryWriter) figures() error {
	if len(s.r.figures) == 0 {
		return nil
	}
	heights := []float64{32, 15, 14}
	for i := range 4 {
		from := firstColumn + 2*i
		f := figure{}
		if i < len(s.r.figures) {
			f = s.r.figures[i]
		}
		k := ink
		if f.tone != "" {
			k = toneColor(f.tone)
		}
		looks := []cellStyle{
			{size: 20, bold: true, color: k, middle: true, top: edge{1, hair}},
			{size: 9},
			{size: 8, color: muted, bottom: edge{1, hair}},
		}
		for n, text := range []string{f.value, f.label, f.note} {
			look := looks[n]
			if i > 0 && i < len(s.r.figures) {
				look.left, look.indent = edge{1, hair}, 1
			}
			if err := s.band(summarySheet, from, from+1, s.row+n, text, look); err != nil {
				return err
			}
			lines := len(s.set.wrap([]piece{{text, regular, ink}}, max(looks[n].size, 8), 2*columnWide*1.9, 0))
			if n > 0 {
				heights[n] = max(heights[n], float64(lines)*12+3)
			}
		}
	}
	for n, h := range heights {
		if err := s.f.SetRowHeight(summarySheet, s.row+n, h); err != nil {
			return err
		}
	}
	s.row += 4
	return nil
}

func (s *summaryWriter) heading(text string) error {
	return s.line(text, cellStyle{size: 12, bold: true, color: accent}, 20)
}

// graph places the chart, which Excel draws from the numbers on the method
// sheet.
func (s *summaryWriter) graph() error {
	ch := s.r.chart
	if ch == nil || ch.total == 0 {
		return nil
	}
	if err := s.heading(fmt.Sprintf("%s (n = %s, as of %s)", ch.title, number(int64(ch.total)), s.r.madeOn())); err != nil {
		return err
	}
	at := func(column, row int) string {
		name, _ := excelize.CoordinatesToCellName(column, row, true)
		return quoteSheet(methodSheet) + "!" + name
	}
	text := excelize.Font{Family: sheetFont, Size: 9, Color: hexColor(muted)}
	chart := &excelize.Chart{
		Type:      excelize.ColStacked,
		Dimension: excelize.ChartDimension{Width: 816, Height: 260},
		Legend:    excelize.ChartLegend{Position: "none"},
		XAxis:     excelize.ChartAxis{Font: text},
		YAxis:     excelize.ChartAxis{Font: text, MajorGridLines: true, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "#,##0"}},
		PlotArea:  excelize.ChartPlotArea{ShowVal: true, NumFmt: excelize.ChartNumFmt{CustomNumFmt: "#,##0;;"}},
		Border:    excelize.LineOptions{Type: excelize.LineNone},
		GapWidth:  new(uint(60)),
		Format:    excelize.GraphicOptions{AltText: ch.title, Positioning: "oneCell"},
	}
	if len(ch.named()) > 0 {
		chart.Legend = excelize.ChartLegend{Position: "right", Font: &text}
	}
	for i, series := range ch.def.Series {
		if i > 0 && !slices.Contains(ch.named(), i) {
			continue // nothing but zeros
		}
		k := seriesColor(i, series.Tone)
		chart.Series = append(chart.Series, excelize.ChartSeries{
			Name:       at(i+2, s.chart.header),
			Categories: at(1, s.chart.first) + ":" + strings.TrimPrefix(at(1, s.chart.last), quoteSheet(methodSheet)+"!"),
			Values:     at(i+2, s.chart.first) + ":" + strings.TrimPrefix(at(i+2, s.chart.last), quoteSheet(methodSheet)+"!"),
			Fill:       excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{hexColor(k)}},
			DataLabel:  excelize.ChartDataLabel{Font: excelize.Font{Family: sheetFont, Size: 9, Bold: true, Color: hexColor(white)}},
		})
	}
	if err := s.f.AddChart(summarySheet, cellName(firstColumn, s.row), chart); err != nil {
		return err
	}
	s.row += 14
	return nil
}

// first writes the rows that come first, as the first page of the PDF does.
func (s *summaryWriter) first() error {
	for _, t := range s.r.tables {
		if t.section.First == nil || t.allAccepted() {
			continue
		}
		if t.rows > 0 {
			if err := s.rows(t, t.section.First); err != nil {
				return err
			}
			continue
		}
		if err := s.heading(t.section.Title); err != nil {
			return err
		}
		if err := s.line(emptyWords(t.section), cellStyle{}, 15); err != nil {
			return err
		}
		s.row++
	}
	return nil
}

func (s *summaryWriter) rows(t *table, f *First) error {
	indexes := t.firstColumns()
	indexes = indexes[:min(len(indexes), lastColumn-firstColumn+1)]
	shown := t.firstRows()
	if err := s.heading(f.heading(t, len(shown))); err != nil {
		return err
	}
	for n, i := range indexes {
		look := cellStyle{bold: true, size: 9, color: muted, bottom: edge{2, ink}, wrap: true}
		if rightAligned(t.columns[i].Format) {
			look.align, look.indent = "right", 1
		}
		if err := s.spread(n, len(indexes), t.columns[i].Title, look); err != nil {
			return err
		}
	}
	s.row++
	for _, row := range shown {
		high := 1
		for n, i := range indexes {
			text, look := t.text(row, i), cellStyle{size: 9, wrap: true, bottom: edge{1, hair}}
			if rightAligned(t.columns[i].Format) {
				look.align, look.indent = "right", 1
			}
			if t.columns[i].Format == formatSeverity {
				look.bold, look.color, look.fill = true, toneColor(strings.ToLower(text)), toneTint(strings.ToLower(text))
				text = strings.ToUpper(text)
			}
			width := columnWide
			if n == len(indexes)-1 {
				width *= float64(lastColumn - firstColumn - n + 1)
			}
			ls := s.set.wrap([]piece{{cut(text, 200), regular, ink}}, 9, width*1.9, 4)
			high = max(high, len(ls))
			if err := s.spread(n, len(indexes), text, look); err != nil {
				return err
			}
		}
		if err := s.f.SetRowHeight(summarySheet, s.row, float64(high)*12+4); err != nil {
			return err
		}
		s.row++
	}
	s.row++
	return nil
}

// spread writes the cell of one column of a list; the last column takes what
// is left of the width.
func (s *summaryWriter) spread(n, of int, text string, look cellStyle) error {
	if n == of-1 && firstColumn+n < lastColumn && look.align != "right" {
		return s.band(summarySheet, firstColumn+n, lastColumn, s.row, text, look)
	}
	return s.put(summarySheet, firstColumn+n, s.row, text, look)
}

func (s *summaryWriter) todo() error {
	if s.r.whatToDo == "" {
		return nil
	}
	look := cellStyle{fill: zebra, left: edge{5, accent}, indent: 1, middle: true}
	pieces := append([]piece{{"What to do. ", bold, accent}},
		emphasized(cut(s.counts.cell(s.r.whatToDo), maxCell-100), piece{color: ink}, piece{style: bold, color: ink})...)
	err := s.rich(pieces, look, 26)
	s.row++
	return err
}

// contents leads to the other sheets.
func (s *summaryWriter) contents() error {
	if err := s.heading("In this workbook"); err != nil {
		return err
	}
	link := func(sheet, text string) error {
		if err := s.put(summarySheet, firstColumn, s.row, sheet, cellStyle{color: accent, link: true}); err != nil {
			return err
		}
		if err := s.f.SetCellHyperLink(summarySheet, cellName(firstColumn, s.row), quoteSheet(sheet)+"!A1", "Location"); err != nil {
			return err
		}
		if err := s.band(summarySheet, firstColumn+2, lastColumn, s.row, text, cellStyle{}); err != nil {
			return err
		}
		s.row++
		return nil
	}
	for _, d := range s.sheets {
		t := s.r.tables[d.section]
		if err := link(d.name, t.section.Title+": "+plural(d.last-d.first, "row", "rows")); err != nil {
			return err
		}
	}
	if err := link(methodSheet, "How this was made: source, parameters, SQL, what each column means"); err != nil {
		return err
	}
	s.row++
	return nil
}

// ribbon says what the sheet rests on.
func (s *summaryWriter) ribbon() error {
	k := toneColor(good)
	if !s.r.trust.complete() {
		k = amber
	}
	text := s.r.trust.verdict() + " · " + allRows(s.r.rows())
	if agree, tried := s.r.trust.agreeing(); tried > 0 {
		text += fmt.Sprintf(" · %d of %d tie-outs agree", agree, tried)
	}
	if err := s.line(text, cellStyle{bold: true, size: 9, color: k, top: edge{5, k}}, 16); err != nil {
		return err
	}
	lines := []string{"Snapshot " + s.r.trust.snapshot + " · as of " + s.r.madeFor() + " · " + s.r.seal()}
	for _, l := range s.r.trust.limits {
		lines = append(lines, upperFirst(l)+".")
	}
	if len(s.r.def.NotCovered) > 0 {
		lines = append(lines, "Not covered: "+strings.Join(s.r.def.NotCovered, "; ")+".")
	}
	for _, l := range lines {
		if err := s.line(l, cellStyle{size: 9, color: muted}, 14); err != nil {
			return err
		}
	}
	return nil
}
