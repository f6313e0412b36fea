package reports

import (
	"math"

	"github.com/xuri/excelize/v2"
)

// maxMatrixColumns is how many columns of a matrix a sheet names: more than
// anybody reads, far fewer than a sheet has.
const maxMatrixColumns = 500

// matrix writes the sheet of the matrix: a header and a first column that stay
// in sight, a scale of colours whose darkness survives black and white, and the
// sums.
func (b *workbook) matrix() error {
	if b.r.matrix == nil {
		return nil
	}
	m := b.r.matrix.first(maxMatrixColumns)
	if err := b.page(matrixSheet, "landscape", 0); err != nil {
		return err
	}
	if err := b.f.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", Scope: matrixSheet,
		RefersTo: quoteSheet(matrixSheet) + "!$A:$A," + quoteSheet(matrixSheet) + "!$1:$1"}); err != nil {
		return err
	}
	if len(m.columns) > 0 && len(m.rows) > 0 {
		if err := b.f.SetConditionalFormat(matrixSheet, "B2:"+cellName(len(m.columns)+1, len(m.rows)+1),
			[]excelize.ConditionalFormatOptions{{Type: "2_color_scale", Criteria: "=", MinType: "num", MinValue: "0", MaxType: "max",
				MinColor: "#" + hexColor(white), MaxColor: "#" + hexColor(shadeColor(1))}}); err != nil {
			return err
		}
	}
	sw, err := b.f.NewStreamWriter(matrixSheet)
	if err != nil {
		return err
	}
	if err := b.matrixColumns(sw, m); err != nil {
		return err
	}
	if err := b.matrixRows(sw, m); err != nil {
		return err
	}
	return sw.Flush()
}

func (b *workbook) matrixColumns(sw *excelize.StreamWriter, m *matrix) error {
	last := len(m.columns) + 2
	width := 16.0
	for _, row := range m.rows {
		width = max(width, columnsOf(cut(row.name, 200))*1.05+2)
	}
	for _, x := range []struct {
		from, to int
		width    float64
	}{{last, last + 1, 11}, {2, last - 1, 12}, {1, 1, min(width, widest)}} {
		if x.from > x.to {
			continue
		}
		if err := sw.SetColWidth(x.from, x.to, x.width); err != nil {
			return err
		}
	}
	return sw.SetPanes(&excelize.Panes{Freeze: true, XSplit: 1, YSplit: 1, TopLeftCell: "B2", ActivePane: "bottomRight",
		Selection: []excelize.Selection{{SQRef: "B2", ActiveCell: "B2", Pane: "bottomRight"}}})
}

// matrixCells makes a line of a matrix: a name, numbers, their sum and a word.
type matrixCells struct {
	b   *workbook
	m   *matrix
	err error
}

func (x *matrixCells) styled(look cellStyle, value any) excelize.Cell {
	id, err := x.b.style(look)
	if err != nil {
		x.err = err
	}
	return excelize.Cell{StyleID: id, Value: value}
}

func (x *matrixCells) text(s string, look cellStyle) excelize.Cell {
	look.text, look.quoted = true, look.quoted || formulaLike(s)
	return x.styled(look, x.b.counts.cell(s))
}

func (x *matrixCells) number(v float64, look cellStyle) excelize.Cell {
	look.align, look.indent = "right", 1
	if math.IsNaN(v) {
		look.color = muted
		return x.text(nothing, look)
	}
	look.format = numberFormat(x.m.format)
	return x.styled(look, v)
}

func (b *workbook) matrixRows(sw *excelize.StreamWriter, m *matrix) error {
	x := &matrixCells{b: b, m: m}
	head, right := headerStyle(""), headerStyle("right")
	head.wrap, right.wrap = true, true
	cells := []any{x.text(m.rowName, head)}
	for _, name := range m.columns {
		cells = append(cells, x.text(name, right))
	}
	if m.summed() {
		cells = append(cells, x.text("Total", right))
	}
	if m.def.Tone != "" {
		cells = append(cells, x.text("Severity", head))
	}
	if err := sw.SetRow("A1", cells, excelize.RowOpts{Height: 42}); err != nil {
		return err
	}
	for i, row := range m.rows {
		cells = append(cells[:0], x.text(row.name, cellStyle{}))
		for j, v := range row.cells {
			look := cellStyle{}
			if row.tones[j] != "" {
				look.bold, look.color = true, toneColor(row.tones[j])
			}
			cells = append(cells, x.number(v, look))
		}
		if m.summed() {
			cells = append(cells, x.number(row.total, cellStyle{bold: true}))
		}
		if row.tone != "" {
			cells = append(cells, x.text(row.tone, cellStyle{bold: true, color: toneColor(row.tone), fill: toneTint(row.tone)}))
		}
		if err := sw.SetRow(cellName(1, i+2), cells); err != nil {
			return err
		}
	}
	if m.summed() {
		look := cellStyle{bold: true, top: edge{1, ink}}
		cells = append(cells[:0], x.text("Total", look))
		for _, v := range append(m.totals[:len(m.totals):len(m.totals)], m.total) {
			cells = append(cells, x.number(v, look))
		}
		if err := sw.SetRow(cellName(1, len(m.rows)+2), cells); err != nil {
			return err
		}
	}
	return x.err
}
