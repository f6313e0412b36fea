package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// matrixSheet is the sheet of a report's matrix.
const matrixSheet = "Matrix"

// maxMatrixRows is what a sheet has beside the header and the sums.
const maxMatrixRows = maxSheetRows - 2

// A matrix holds the cells of a [Matrix].
type matrix struct {
	def     Matrix
	title   string
	format  string // of the values
	rowName string // what a row is, and a column
	colName string
	rows    []matrixRow
	columns []string // with the largest sum first
	totals  []float64
	total   float64
	largest float64 // value of a cell
}

// matrixRow is one row of a matrix: a value a column, NaN where there is none.
type matrixRow struct {
	name  string
	cells []float64
	tones []string // of the cells
	tone  string   // of the row: the gravest of its cells
	total float64
}

// matrix reads the cells of the matrix.
func (r *runner) matrix() error {
	def := r.report.def.Matrix
	if def == nil {
		return nil
	}
	value := Column{Name: def.Value}
	if strings.HasSuffix(value.Name, "_share") {
		value.Format = formatShare
	}
	s := Section{Query: def.Query, Columns: []Column{{Name: def.Row}, {Name: def.Column}, value}}
	if def.Tone != "" {
		s.Columns = append(s.Columns, Column{Name: def.Tone})
	}
	t, err := r.table(r.now, s)
	if err != nil {
		return err
	}
	m, err := newMatrix(*def, t)
	if err != nil {
		return fmt.Errorf("query %s: %w", def.Query, err)
	}
	if len(m.rows) > maxMatrixRows {
		return fmt.Errorf("query %s: matrix: %s rows; it may have %s", def.Query, number(int64(len(m.rows))), number(maxMatrixRows))
	}
	m.title = fill(def.Title, r.lookup)
	r.report.matrix = m
	return nil
}

// newMatrix makes a matrix of a table of row, column, value and, perhaps,
// tone. It errs where two rows of the table are the same cell.
func newMatrix(def Matrix, t *table) (*matrix, error) {
	m := &matrix{def: def, format: t.columns[2].Format, rowName: words(def.Row), colName: words(def.Column)}
	rows, columns := map[string]int{}, map[string]int{}
	var cells []placed
	for i := range t.rows {
		name := t.text(i, 0)
		row, ok := rows[name]
		if !ok {
			row = len(m.rows)
			rows[name] = row
			m.rows = append(m.rows, matrixRow{name: name})
		}
		tone := ""
		if def.Tone != "" {
			tone = asText(t.vectors[3].at(i))
		}
		if graver(tone, m.rows[row].tone) {
			m.rows[row].tone = tone
		}
		if t.vectors[1].null(i) {
			continue
		}
		name = t.text(i, 1)
		column, ok := columns[name]
		if !ok {
			column = len(m.columns)
			columns[name] = column
			m.columns, m.totals = append(m.columns, name), append(m.totals, 0)
		}
		cells = append(cells, placed{row, column, plotted(t.vectors[2].at(i)), tone})
	}
	if err := m.fill(cells); err != nil {
		return nil, err
	}
	m.sort()
	return m, nil
}

// placed is a cell on its way to its place.
type placed struct {
	row, column int
	value       float64
	tone        string
}

// fill puts cells into the rows and columns that are known, and sums them.
func (m *matrix) fill(cells []placed) error {
	for i := range m.rows {
		m.rows[i].cells, m.rows[i].tones = make([]float64, len(m.columns)), make([]string, len(m.columns))
		for j := range m.columns {
			m.rows[i].cells[j] = math.NaN()
		}
	}
	seen := map[[2]int]bool{}
	for _, c := range cells {
		if at := [2]int{c.row, c.column}; seen[at] {
			return fmt.Errorf("matrix: two rows are the cell %q, %q", cut(m.rows[c.row].name, 100), cut(m.columns[c.column], 100))
		}
		seen[[2]int{c.row, c.column}] = true
		row := &m.rows[c.row]
		row.cells[c.column], row.tones[c.column] = c.value, c.tone
		if !math.IsNaN(c.value) {
			row.total += c.value
			m.totals[c.column] += c.value
			m.total += c.value
			m.largest = max(m.largest, c.value)
		}
	}
	return nil
}

// graver reports whether a is a graver tone than b.
func graver(a, b string) bool {
	rank := func(s string) int {
		if i := slices.Index(severities, s); i >= 0 {
			return i
		}
		return len(severities)
	}
	return rank(a) < rank(b)
}

// sort puts the columns with the largest sum first.
func (m *matrix) sort() {
	order := make([]int, len(m.columns))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(m.totals[b], m.totals[a]), cmp.Compare(m.columns[a], m.columns[b]))
	})
	m.columns, m.totals = inOrder(m.columns, order), inOrder(m.totals, order)
	for i := range m.rows {
		m.rows[i].cells, m.rows[i].tones = inOrder(m.rows[i].cells, order), inOrder(m.rows[i].tones, order)
	}
}

func inOrder[T any](from []T, order []int) []T {
	to := make([]T, len(order))
	for i, j := range order {
		to[i] = from[j]
	}
	return to
}

// summed reports whether sums over the matrix have a meaning: of numbers of
// things, not of shares.
func (m *matrix) summed() bool { return m.format == formatInteger }

// first returns the matrix with at most so many columns; those beyond are one
// column of others where they can be summed, and left out where not.
func (m *matrix) first(most int) *matrix {
	if len(m.columns) <= most {
		return m
	}
	keep := most
	if m.summed() {
		keep--
	}
	short := *m
	short.columns, short.totals = m.columns[:keep:keep], m.totals[:keep:keep]
	short.rows = slices.Clone(m.rows)
	for i, row := range m.rows {
		x := &short.rows[i]
		x.cells, x.tones = row.cells[:keep:keep], row.tones[:keep:keep]
		if m.summed() {
			rest, tone := math.NaN(), ""
			for j := keep; j < len(row.cells); j++ {
				if math.IsNaN(row.cells[j]) {
					continue
				}
				if math.IsNaN(rest) {
					rest = 0
				}
				rest += row.cells[j]
				if graver(row.tones[j], tone) {
					tone = row.tones[j]
				}
			}
			x.cells, x.tones = append(x.cells, rest), append(x.tones, tone)
		}
	}
	if m.summed() {
		rest := 0.0
		for _, n := range m.totals[keep:] {
			rest += n
		}
		short.columns = append(short.columns, number(int64(len(m.columns)-keep))+" others")
		short.totals = append(short.totals, rest)
	}
	return &short
}

// note says how to read a matrix of which so many columns are named.
func (m *matrix) note(shown *matrix) string {
	s := "The darker, the more; " + nothing + " is none."
	if m.def.Tone != "" {
		s += " Bold in colour where a severity stands at the right."
	}
	if left := len(m.columns) - len(shown.columns); left > 0 {
		if m.summed() {
			s += fmt.Sprintf(" The %d largest of %s; the %s others are summed.", len(shown.columns)-1,
				number(int64(len(m.columns))), number(int64(left+1)))
		} else {
			s += fmt.Sprintf(" The first %d of %s.", len(shown.columns), number(int64(len(m.columns))))
		}
	}
	return s
}

// shade is how dark a cell is, from 0 to 1. The root keeps small numbers apart
// beside a large one.
func (m *matrix) shade(value float64) float64 {
	if math.IsNaN(value) || m.largest <= 0 || value <= 0 {
		return 0
	}
	return math.Sqrt(min(value/m.largest, 1))
}
