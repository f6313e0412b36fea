package reports

import "strconv"

// htmlMatrixColumns is how many columns of a matrix a page names.
const htmlMatrixColumns = 24

// What the template of a matrix shows.
type (
	htmlMatrix struct {
		Title, Meta, Corner string
		Tall, Toned         bool
		Columns             []string
		Rows                []htmlMatrixRow
	}
	htmlMatrixRow struct {
		Name, Tone, Class string
		Cells             []htmlShade
	}
	htmlShade struct{ Text, Tone, Shade string }
)

// htmlMatrix is the matrix as a map of shades with the numbers in it, and as
// its last column and row the sums where they have a meaning.
func (m *matrix) htmlMatrix() htmlMatrix {
	shown := m.first(htmlMatrixColumns)
	h := htmlMatrix{Title: m.title, Corner: m.rowName, Columns: shown.columns, Tall: len(m.rows) > tallTable,
		Toned: m.def.Tone != "",
		Meta: plural(len(m.rows), "row", "rows") + ". " + m.note(shown)}
	if m.summed() {
		h.Columns = append(shown.columns[:len(shown.columns):len(shown.columns)], "Total")
	}
	add := func(name, tone string, values []float64, tones []string, total float64) {
		row := htmlMatrixRow{Name: name, Tone: tone}
		if tones == nil {
			row.Class = "total"
		}
		for i, v := range values {
			cell := htmlShade{Text: show(v, m.format, nil)}
			if tones != nil {
				cell.Tone, cell.Shade = tones[i], strconv.FormatFloat(m.shade(v)*100, 'f', 0, 64)
			}
			row.Cells = append(row.Cells, cell)
		}
		if m.summed() {
			row.Cells = append(row.Cells, htmlShade{Text: show(total, m.format, nil), Tone: "total"})
		}
		h.Rows = append(h.Rows, row)
	}
	for _, row := range shown.rows {
		add(row.name, row.tone, row.cells, row.tones, row.total)
	}
	if m.summed() && len(m.rows) > 0 {
		add("Total", "", shown.totals, nil, m.total)
	}
	return h
}
