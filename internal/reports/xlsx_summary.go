package reports

import (
	"fmt"
	"math"
	"strings"

	"github.com/xuri/excelize/v2"
)

// The summary is laid on a grid of narrow columns, B to Q, beside a margin;
// what stands on it spans as many as it needs.
const (
	firstColumn = 2
	gridColumns = 16
	lastColumn  = firstColumn + gridColumns - 1
	columnWide  = 7.0 // characters
	bandWide    = columnWide * gridColumns
)

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
		RefersTo: fmt.Sprintf("%s!$A$1:$Q$%d", quoteSheet(summarySheet), s.row)})
}

func (s *summaryWriter) grid() error {
	if err := s.f.SetColWidth(summarySheet, "B", "Q", columnWide); err != nil {
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

// figures writes up to four numbers, each over a quarter of the grid.
func (s *summaryWriter) figures() error {
	if len(s.r.figures) == 0 {
		return nil
	}
	heights := []float64{32, 15, 14}
	for i := range 4 {
		from := firstColumn + gridColumns/4*i
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
			if err := s.band(summarySheet, from, from+gridColumns/4-1, s.row+n, text, look); err != nil {
				return err
			}
			lines := len(s.set.wrap([]piece{{text, regular, ink}}, max(looks[n].size, 8), bandWide/4*1.9, 0))
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
	indexes = indexes[:min(len(indexes), gridColumns)]
	shown := t.firstRows()
	if err := s.heading(f.heading(t, len(shown))); err != nil {
		return err
	}
	spans := t.spans(indexes, shown)
	line := func(size float64, cell func(i int) (string, cellStyle)) error {
		high, from := 1, firstColumn
		for n, i := range indexes {
			text, look := cell(i)
			look.size = size
			switch {
			case rightAligned(t.columns[i].Format):
				look.align, look.indent = "right", 1
			case n > 0 && rightAligned(t.columns[indexes[n-1]].Format):
				look.align, look.indent = "left", 1
			}
			if err := s.band(summarySheet, from, from+spans[n]-1, s.row, text, look); err != nil {
				return err
			}
			st := regular
			if look.bold {
				st = bold
			}
			room := float64(spans[n])*columnWide*2.04 - 1.6 - float64(look.indent)*2 // mm, without the cell's edges
			high = max(high, len(s.set.wrap([]piece{{cut(text, 200), st, ink}}, size, room, 4)))
			from += spans[n]
		}
		s.row++
		return s.f.SetRowHeight(summarySheet, s.row-1, float64(high)*12+5)
	}
	if err := line(9, func(i int) (string, cellStyle) {
		return t.columns[i].Title, cellStyle{bold: true, color: muted, bottom: edge{2, ink}}
	}); err != nil {
		return err
	}
	for _, row := range shown {
		if err := line(9, func(i int) (string, cellStyle) {
			text, look := t.text(row, i), cellStyle{bottom: edge{1, hair}}
			if t.columns[i].Format == formatSeverity {
				look.bold, look.color, look.fill = true, toneColor(strings.ToLower(text)), toneTint(strings.ToLower(text))
				text = strings.ToUpper(text)
			}
			return text, look
		}); err != nil {
			return err
		}
	}
	s.row++
	return nil
}

// spans says over how many columns of the grid each column of a list goes: as
// many as its texts need, the widest giving way first, and what is left to the
// widest text.
func (t *table) spans(indexes, rows []int) []int {
	spans := make([]int, len(indexes))
	sum, text := 0, 0
	for n, i := range indexes {
		want := 0.0
		for word := range strings.FieldsSeq(t.columns[i].Title) {
			want = max(want, columnsOf(word))
		}
		for _, row := range rows {
			want = max(want, columnsOf(firstLine(t.text(row, i))))
		}
		spans[n] = int(math.Ceil((min(want, 40) + 2) / columnWide / 1.05))
		sum += spans[n]
		right := rightAligned(t.columns[indexes[text]].Format)
		if !rightAligned(t.columns[i].Format) && (right || spans[n] > spans[text]) {
			text = n
		}
	}
	for ; sum > gridColumns; sum-- {
		widest := 0
		for n := range spans {
			if spans[n] > spans[widest] {
				widest = n
			}
		}
		spans[widest]--
	}
	spans[text] += gridColumns - sum
	return spans
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
		if err := s.band(summarySheet, firstColumn, firstColumn+3, s.row, sheet, cellStyle{color: accent, link: true}); err != nil {
			return err
		}
		if err := s.f.SetCellHyperLink(summarySheet, cellName(firstColumn, s.row), quoteSheet(sheet)+"!A1", "Location"); err != nil {
			return err
		}
		if err := s.band(summarySheet, firstColumn+4, lastColumn, s.row, text, cellStyle{}); err != nil {
			return err
		}
		s.row++
		return nil
	}
	if m := s.r.matrix; m != nil {
		if err := link(matrixSheet, m.title+": "+plural(len(m.rows), "row", "rows")+", "+plural(len(m.columns), "column", "columns")); err != nil {
			return err
		}
	}
	for _, d := range s.sheets {
		t := s.r.tables[d.section]
		rows := plural(t.rows, "row", "rows")
		if d.last-d.first < t.rows {
			rows = "rows " + number(int64(d.first+1)) + " to " + number(int64(d.last)) + " of " + number(int64(t.rows))
		}
		if err := link(d.name, t.section.Title+": "+rows); err != nil {
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
	text := s.r.trust.verdict() + " · " + s.r.allRows()
	if agree, tried := s.r.trust.agreeing(); tried > 0 {
		text += fmt.Sprintf(" · %d of %d tie-outs agree", agree, tried)
	}
	if err := s.line(text, cellStyle{bold: true, size: 9, color: k, top: edge{5, k}}, 16); err != nil {
		return err
	}
	lines := []string{"Snapshot " + s.r.trust.snapshot + " · as of " + s.r.asOf() + " · " + s.r.seal()}
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
