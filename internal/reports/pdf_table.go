package reports

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// pageColumn is a column as a page shows it.
type pageColumn struct {
	index int // in the table
	title []line
	width float64
	right bool
	kind  string // format
}

// pageTable is a table set for a page: which columns, how wide.
type pageTable struct {
	t       *table
	columns []pageColumn
	head    float64 // height of the header
	most    int     // lines of a cell
}

const (
	gap      = 2.6 // between columns
	rowPad   = 1.35
	maxLines = 14   // of a cell; a longer one is cut and says so, and the method how many were
	sample   = 1000 // rows that widths are taken from
)

func rightAligned(format string) bool {
	return slices.Contains([]string{formatInteger, formatNumber, formatShare, formatDuration}, format)
}

// layout chooses widths for columns of a table so that they fill width: each
// gets what most of its cells need, and where that is too much the widest give
// way first, down to their longest word.
func (c *canvas) layout(t *table, indexes []int, width float64, most int) pageTable {
	p := pageTable{t: t, most: most}
	least, want := make([]float64, len(indexes)), make([]float64, len(indexes))
	for i, index := range indexes {
		least[i], want[i] = c.needs(t, index)
	}
	stretch := make([]bool, len(indexes))
	for i, index := range indexes {
		stretch[i] = slices.Contains([]string{formatText, formatList}, t.columns[index].Format)
	}
	widths := divide(least, want, stretch, width-gap*float64(len(indexes)-1))
	for i, index := range indexes {
		col := t.columns[index]
		pc := pageColumn{index: index, width: widths[i], right: rightAligned(col.Format), kind: col.Format}
		pc.title = c.set.wrap([]piece{{col.Title, bold, muted}}, sizeSmall, widths[i], 3)
		p.columns = append(p.columns, pc)
		p.head = max(p.head, height(len(pc.title), sizeSmall))
	}
	return p
}

// needs returns the least width of a column, that of its longest word, and
// the width that 95 of 100 cells have.
func (c *canvas) needs(t *table, index int) (least, want float64) {
	col := t.columns[index]
	size, st := cellType(col.Format)
	var widths []float64
	for row := range min(t.rows, sample) {
		s := t.text(row, index)
		if col.Format == formatSeverity {
			least = max(least, c.chipWidth(strings.ToUpper(s)))
			continue
		}
		s = cut(s, 400)
		if col.Format == formatText || col.Format == formatList {
			for word := range strings.FieldsSeq(s) {
				least = max(least, c.longest(word, st, size))
			}
		}
		widths = append(widths, c.set.width(firstLine(s), st, size))
	}
	if len(widths) > 0 {
		slices.Sort(widths)
		want = widths[(len(widths)*95+99)/100-1]
		if col.Format != formatText && col.Format != formatList {
			least = widths[len(widths)-1] // numbers, dates and ids are not broken
		}
	}
	least = min(least, 32)
	for word := range strings.FieldsSeq(col.Title) {
		least = max(least, c.set.width(word, bold, sizeSmall))
	}
	want = max(want, least, min(c.set.width(col.Title, bold, sizeSmall), 24))
	return least, min(want, 75)
}

// longest is the width of the longest part of a word that is not broken.
func (c *canvas) longest(word string, st style, size float64) float64 {
	longest, w, before := 0.0, 0.0, rune(0)
	for _, r := range word {
		if before != 0 && mayBreak(before, r) {
			w = 0
		}
		w += c.set.width(string(r), st, size)
		longest, before = max(longest, w), r
	}
	return longest
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

func cellType(format string) (size float64, st style) {
	if format == formatID {
		return sizeID, mono
	}
	return sizeCell, regular
}

// divide gives each column its want where there is room, and what is left
// over to those that may stretch; where there is not, what it wants beyond its
// least is cut in proportion, and where even the least is too much, all are.
func divide(least, want []float64, stretch []bool, room float64) []float64 {
	sumLeast, sumWant, sumStretch := 0.0, 0.0, 0.0
	for i := range want {
		sumLeast += least[i]
		sumWant += want[i]
		if stretch[i] {
			sumStretch += want[i]
		}
	}
	widths := make([]float64, len(want))
	for i := range want {
		switch {
		case sumWant <= room && stretch[i]:
			widths[i] = want[i] + (room-sumWant)*want[i]/sumStretch
		case sumWant <= room && sumStretch == 0:
			widths[i] = want[i] * room / sumWant
		case sumWant <= room:
			widths[i] = want[i]
		case sumLeast <= room:
			widths[i] = least[i] + (want[i]-least[i])*(room-sumLeast)/(sumWant-sumLeast)
		default:
			widths[i] = least[i] * room / sumLeast
		}
	}
	return widths
}

// header draws the column titles at y and returns the y below the rule.
func (c *canvas) header(p pageTable, y float64) float64 {
	x := c.page.left
	for _, col := range p.columns {
		top := y + p.head - height(len(col.title), sizeSmall)
		for i, l := range col.title {
			at := x
			if col.right {
				at = x + col.width - l.width
			}
			c.line(l, at, top+ascent(sizeSmall)+float64(i)*leading(sizeSmall), sizeSmall)
		}
		x += col.width + gap
	}
	y += p.head + 1.2
	c.rule(c.page.left, y, c.page.width(), 0.3, ink)
	return y
}

// setRow is a row set in lines.
type setRow struct {
	cells [][]line
	chips []string // a severity's word, by column
	high  float64
}

func (c *canvas) setRow(p pageTable, row int) setRow {
	s := setRow{cells: make([][]line, len(p.columns)), chips: make([]string, len(p.columns))}
	for i, col := range p.columns {
		text := p.t.text(row, col.index)
		if col.kind == formatSeverity && !unseen(text) {
			s.chips[i] = text
			s.high = max(s.high, chipHigh-0.6)
			continue
		}
		size, _ := cellType(col.kind)
		s.cells[i] = c.set.cellLines(p, row, i)
		s.high = max(s.high, height(len(s.cells[i]), size))
	}
	s.high += 2 * rowPad
	return s
}

// cellLines sets the cell of the n-th column, if it is not a severity. One of a
// section that is cut short ends in how long it is.
func (t *typesetter) cellLines(p pageTable, row, n int) []line {
	col := p.columns[n]
	text, k := p.t.text(row, col.index), ink
	if unseen(text) || col.kind == formatID {
		k = muted
	}
	size, st := cellType(col.kind)
	pieces := []piece{{text, st, k}}
	lines := t.wrap(pieces, size, col.width, p.most)
	if p.most < maxLines || !lines[len(lines)-1].cut() {
		return lines
	}
	told := t.wrap([]piece{{"Cut short: " + plural(utf8.RuneCountInString(text), "character", "characters") + " in all.", regular, muted}}, size, col.width, p.most/2)
	return append(t.wrap(pieces, size, col.width, p.most-len(told)), told...)
}

// drawRow draws a set row at y and returns the y below its rule.
func (c *canvas) drawRow(p pageTable, s setRow, y float64) float64 {
	x, top := c.page.left, y+rowPad
	for i, col := range p.columns {
		if s.chips[i] != "" {
			c.chip(strings.ToUpper(s.chips[i]), strings.ToLower(s.chips[i]), x, top-0.45)
		}
		size, _ := cellType(col.kind)
		shift := ascent(sizeCell) - ascent(size) // one baseline for all sizes
		for j, l := range s.cells[i] {
			at := x
			if col.right {
				at = x + col.width - l.width
			}
			c.line(l, at, top+shift+ascent(size)+float64(j)*leading(size), size)
		}
		x += col.width + gap
	}
	y += s.high
	c.rule(c.page.left, y, c.page.width(), 0.15, hair)
	return y
}

// onPages is the columns that a PDF shows.
func (t *table) onPages() []int {
	var indexes []int
	for i, c := range t.columns {
		if c.Hidden == "" {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// orientation is portrait when most rows fit without much breaking.
func (c *canvas) orientation(t *table, indexes []int) page {
	sum := gap * float64(len(indexes)-1)
	for _, i := range indexes {
		_, want := c.needs(t, i)
		sum += want
	}
	if sum > portrait.width()*1.1 {
		return landscape
	}
	return portrait
}

// section draws a section of the report from the present page on.
func (c *canvas) section(r *Report, t *table) {
	indexes := t.onPages()
	p := c.orientation(t, indexes)
	if len(c.sizes) > 1 && t.rows < 10 && c.y+40+8*float64(t.rows) < c.page.floor() {
		p = c.page // a few rows are not worth turning the page for
	}
	if len(c.sizes) == 1 || p != c.page || c.y+50 > c.page.floor() {
		c.addPage(p)
	} else {
		c.y += 9
	}
	c.bookmark(t.section.Title, 0)
	c.pdf.RawWriteStr(sectionBegins)
	shown := r.shownRows(t)
	c.sectionHead(t, shown)
	if t.rows == 0 {
		c.y = c.text(emptyWords(t.section), regular, ink, c.page.left, c.y+2, sizeText, c.page.width(), 0) + 2
		return
	}
	set := c.layout(t, indexes, c.page.width(), maxLines)
	c.rowsOf(t, set, shown)
	c.y += 3
	if shown < t.rows {
		c.need(8)
		c.y = c.text(fmt.Sprintf("The first %s of %s rows. The workbook %s.xlsx has all of them.",
			number(int64(shown)), number(int64(t.rows)), r.Name()), bold, ink, c.page.left, c.y, sizeText, c.page.width(), 0)
	}
}

func emptyWords(s Section) string {
	if s.Empty != "" {
		return s.Empty
	}
	return "No rows."
}

func (c *canvas) sectionHead(t *table, shown int) {
	c.y = c.text(t.section.Title, bold, accent, c.page.left, c.y, sizeHead+1, c.page.width(), 0) + 1.6
	line := plural(t.rows, "row", "rows")
	if shown < t.rows {
		line = number(int64(shown)) + " of " + line
	}
	for _, s := range t.severities() {
		line += fmt.Sprintf(" · %s %s", number(int64(s.rows)), s.severity)
	}
	if t.hasMoments() {
		line += " · times in " + t.zone.String()
	}
	c.y = c.text(line, regular, muted, c.page.left, c.y, sizeSmall, c.page.width(), 0) + 1
	if t.note != "" {
		c.y = c.text(t.note, regular, muted, c.page.left, c.y+0.6, sizeSmall, c.page.width(), 0) + 1
	}
	c.y += 2.4
}

func (t *table) hasMoments() bool {
	return slices.ContainsFunc(t.columns, func(c Column) bool {
		return c.Hidden == "" && (c.Format == formatDate || c.Format == formatDatetime)
	})
}

// need begins a page like the present one when less than h is left of it.
func (c *canvas) need(h float64) bool {
	if c.y+h <= c.page.floor() {
		return false
	}
	c.addPage(c.page)
	return true
}

// rowsOf draws rows with the header repeated on each page. A group's heading
// stays with its first two rows, and a last row does not go over alone.
func (c *canvas) rowsOf(t *table, p pageTable, shown int) {
	c.y = c.header(p, c.y)
	group := t.index(t.section.Group)
	next := func(row int) setRow {
		if row < shown {
			return c.setRow(p, row)
		}
		return setRow{}
	}
	now, after := next(0), next(1)
	for row := range shown {
		heading := group >= 0 && (row == 0 || t.text(row, group) != t.text(row-1, group))
		room := now.high
		if heading {
			room += 8
		}
		if (heading || row == shown-2) && after.high < 30 {
			room += after.high
		}
		if c.y+room > c.page.floor() {
			c.addPage(c.page)
			c.y = c.header(p, c.y)
		}
		if heading {
			c.y = c.groupHead(t, group, row, shown)
		}
		c.pdf.RawWriteStr(rowBegins)
		c.y = c.drawRow(p, now, c.y)
		c.pdf.RawWriteStr(rowEnds)
		now, after = after, next(row+2)
	}
}

func (c *canvas) groupHead(t *table, group, row, shown int) float64 {
	n := 1
	for row+n < shown && t.text(row+n, group) == t.text(row, group) {
		n++
	}
	y := c.text(t.text(row, group)+"  ("+number(int64(n))+")", bold, ink, c.page.left, c.y+2.6, sizeCell, c.page.width(), 1) + 1.2
	c.rule(c.page.left, y, c.page.width(), 0.15, hair)
	return y
}
