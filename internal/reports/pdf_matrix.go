package reports

import "strings"

// Sizes of a matrix on a page.
const (
	matrixColumns = 11   // columns that a page has room for
	matrixCell    = 19.0 // width of a cell at most
	matrixHigh    = 5.4  // height of a row
)

// matrix draws the matrix as a map of shades with the numbers in it.
func (c *canvas) matrix(m *matrix) {
	if m == nil {
		return
	}
	c.addPage(landscape)
	c.bookmark(m.title, 0)
	x, w := c.page.left, c.page.width()
	shown := m.first(matrixColumns)
	c.y = c.text(m.title, bold, accent, x, c.y, sizeHead+1, w, 0) + 1.6
	head := plural(len(m.rows), "row", "rows")
	if m.summed() {
		head += " · " + number(int64(m.total)) + " in all"
	}
	rows := shown.rows
	if len(rows) > defaultPDFRows {
		head, rows = number(defaultPDFRows)+" of "+head, rows[:defaultPDFRows]
	}
	c.y = c.text(head+". "+m.note(shown), regular, muted, x, c.y, sizeSmall, w, 0) + 3
	if len(m.rows) == 0 {
		return
	}
	g := c.matrixGrid(shown)
	c.matrixHead(shown, g)
	for i, row := range rows {
		keep := 0.0 // the sums stay with the last two rows
		if i >= len(rows)-2 && m.summed() {
			keep = float64(len(rows)-i)*matrixHigh + 1
		}
		name := c.set.wrap([]piece{{row.name, regular, ink}}, sizeCell, g.name-3, 2)
		high := max(matrixHigh, height(len(name), sizeCell)+2)
		if c.y+high+keep > c.page.floor() {
			c.addPage(c.page)
			c.matrixHead(shown, g)
		}
		c.lines(name, x, c.y+1.5, sizeCell)
		c.matrixRow(shown, row, g, high)
		c.y += high
	}
	if m.summed() {
		c.rule(x, c.y+0.3, g.wide, 0.3, ink)
		c.y += 1
		c.text("Total", bold, ink, x, c.y+1.5, sizeCell, g.name, 1)
		for j, n := range append(shown.totals[:len(shown.totals):len(shown.totals)], m.total) {
			c.textRight(show(n, m.format, nil), bold, ink, x+g.name+float64(j+1)*g.cell-1.5, c.y+1.5, sizeCell, g.cell)
		}
		c.y += matrixHigh
	}
}

// matrixGrid is how wide the parts of a matrix are.
type matrixGrid struct{ name, cell, tone, wide float64 }

func (c *canvas) matrixGrid(m *matrix) matrixGrid {
	cells := float64(len(m.columns))
	if m.summed() {
		cells++
	}
	g := matrixGrid{}
	if m.def.Tone != "" {
		g.tone = 17
	}
	want := 30.0
	for _, row := range m.rows[:min(len(m.rows), sample)] {
		want = max(want, min(c.set.width(cut(row.name, 200), regular, sizeCell)+4, 75))
	}
	if cells > 0 {
		g.cell = min((c.page.width()-min(want, 46)-g.tone)/cells, matrixCell)
	}
	g.name = min(want, c.page.width()-g.tone-cells*g.cell)
	g.wide = g.name + cells*g.cell + g.tone
	return g
}

func (c *canvas) matrixHead(m *matrix, g matrixGrid) {
	names := m.columns
	if m.summed() {
		names = append(names[:len(names):len(names)], "Total")
	}
	most := 1
	var set [][]line
	for _, name := range names {
		ls := c.set.wrap([]piece{{name, bold, muted}}, sizeID, g.cell-2, 4)
		set, most = append(set, ls), max(most, len(ls))
	}
	x, high := c.page.left, height(most, sizeID)
	c.text(m.rowName, bold, muted, x, c.y+high-height(1, sizeSmall), sizeSmall, g.name, 1)
	for j, ls := range set {
		at := x + g.name + float64(j+1)*g.cell - 1.5
		top := c.y + high - height(len(ls), sizeID)
		for i, l := range ls {
			c.line(l, at-l.width, top+ascent(sizeID)+float64(i)*leading(sizeID), sizeID)
		}
	}
	c.y += high + 1.2
	c.rule(x, c.y, g.wide, 0.3, ink)
	c.y += 0.4
}

func (c *canvas) matrixRow(m *matrix, row matrixRow, g matrixGrid, high float64) {
	x, text := c.page.left+g.name, c.y+(high-ascent(sizeCell))/2
	for j, v := range row.cells {
		shade := m.shade(v)
		if shade > 0 {
			c.box(x+0.25, c.y+0.25, g.cell-0.5, high-0.5, shadeColor(shade))
		}
		st, k := regular, ink
		if shade == 0 {
			k = muted
		}
		if row.tones[j] != "" {
			st, k = bold, toneColor(row.tones[j])
		}
		c.textRight(show(v, m.format, nil), st, k, x+g.cell-1.5, text, sizeCell, g.cell-1.5)
		x += g.cell
	}
	if m.summed() {
		c.textRight(show(row.total, m.format, nil), bold, ink, x+g.cell-1.5, text, sizeCell, g.cell-1.5)
		x += g.cell
	}
	if row.tone != "" {
		c.chip(strings.ToUpper(row.tone), row.tone, x+2, c.y+(high-chipHigh)/2)
	}
}
