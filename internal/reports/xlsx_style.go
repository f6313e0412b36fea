package reports

import (
	"fmt"

	"github.com/xuri/excelize/v2"
)

// sheetFont and sheetMono are named in workbooks, not embedded: the reader's
// program has them or takes a like one.
const (
	sheetFont = "Arial"
	sheetMono = "Courier New"
)

// cellStyle is the look of a cell; the zero value is plain text of the sheet.
type cellStyle struct {
	size   float64
	bold   bool
	color  rgb // black means ink
	fill   rgb // black means none
	mono   bool
	text   bool   // the format of text, @
	quoted bool   // with the mark that keeps a text a text when it is edited
	format string // of a number
	wrap   bool
	align  string // left, right, center
	middle bool   // in the middle of the row instead of at its top
	top    edge
	bottom edge
	left   edge
	link   bool
	indent int
}

// edge is a border of a cell: how thick, in excelize's numbers, and its colour.
type edge struct {
	kind  int
	color rgb
}

func hexColor(c rgb) string { return fmt.Sprintf("%02X%02X%02X", c.r, c.g, c.b) }

// style returns the workbook's number for a look, making it at first use.
func (b *workbook) style(s cellStyle) (int, error) {
	if id, ok := b.styles[s]; ok {
		return id, nil
	}
	plain := s
	plain.quoted = false
	id, err := b.f.NewStyle(plain.excel())
	if err != nil {
		return 0, err
	}
	if s.quoted {
		id = b.quoted(id)
	}
	b.styles[s] = id
	return id, nil
}

// quoted copies a style and sets its quotePrefix, which the library has no
// call for.
func (b *workbook) quoted(id int) int {
	xfs := b.f.Styles.CellXfs
	x := xfs.Xf[id]
	x.QuotePrefix = new(true)
	xfs.Xf = append(xfs.Xf, x)
	xfs.Count = len(xfs.Xf)
	return len(xfs.Xf) - 1
}

func (s cellStyle) excel() *excelize.Style {
	size, color, family := s.size, s.color, sheetFont
	if size == 0 {
		size = 10
	}
	if color == (rgb{}) {
		color = ink
	}
	if s.mono {
		family = sheetMono
	}
	x := &excelize.Style{
		Font:      &excelize.Font{Family: family, Size: size, Bold: s.bold, Color: hexColor(color)},
		Alignment: &excelize.Alignment{Vertical: "top", WrapText: s.wrap, Horizontal: s.align, Indent: s.indent},
	}
	if s.indent > 0 && s.align == "" {
		x.Alignment.Horizontal = "left" // Excel indents nothing else
	}
	if s.middle {
		x.Alignment.Vertical = "center"
	}
	if s.link {
		x.Font.Underline = "single"
	}
	if s.fill != (rgb{}) {
		x.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{hexColor(s.fill)}}
	}
	for _, e := range []struct {
		side string
		edge
	}{{"left", s.left}, {"top", s.top}, {"bottom", s.bottom}} {
		if e.kind > 0 {
			x.Border = append(x.Border, excelize.Border{Type: e.side, Style: e.kind, Color: hexColor(e.color)})
		}
	}
	switch {
	case s.format != "":
		x.CustomNumFmt = &s.format
	case s.text:
		x.NumFmt = 49 // @
	}
	return x
}

// numberFormat is Excel's format of a column's numbers.
func numberFormat(format string) string {
	switch format {
	case formatInteger:
		return "#,##0"
	case formatShare:
		return "0.0 %"
	case formatDate:
		return "yyyy-mm-dd"
	case formatDatetime:
		return "yyyy-mm-dd hh:mm"
	case formatDuration:
		return "[h]:mm"
	default:
		return "#,##0.00"
	}
}
