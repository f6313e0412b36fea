package reports

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

// chart reads the numbers of the chart.
func (r *runner) chart() error {
	c := r.report.def.Chart
	if c == nil {
		return nil
	}
	if c.Section != "" {
		return r.countedChart(*c)
	}
	rows, err := r.query(r.now, c.Query)
	if err != nil {
		return err
	}
	section := Section{Columns: []Column{{Name: c.Label}}}
	for _, s := range c.Series {
		section.Columns = append(section.Columns, Column{Name: s.Column})
	}
	t, err := readTable(rows, section, r.zone)
	if err != nil {
		return fmt.Errorf("query %s: %w", c.Query, err)
	}
	r.report.chart = newChartTable(*c, fill(c.Title, r.lookup), t)
	return nil
}

// countedChart counts the rows of a section.
func (r *runner) countedChart(c Chart) error {
	i := slices.IndexFunc(r.report.tables, func(t *table) bool { return t.section.sheet() == c.Section })
	if i < 0 {
		return fmt.Errorf("chart: there is no section %q", c.Section)
	}
	t := r.report.tables[i]
	if t.index(c.Label) < 0 || t.index(c.Split) < 0 {
		return fmt.Errorf("chart: section %s has no column %s or %s", c.Section, c.Label, c.Split)
	}
	r.report.chart = countChart(c, fill(c.Title, r.lookup), t)
	return nil
}

// countChart counts the rows of a table that has the chart's columns.
func countChart(c Chart, title string, t *table) *chartTable {
	label, split := t.index(c.Label), t.index(c.Split)
	counts := map[string][]float64{}
	totals := map[string]float64{}
	chart := &chartTable{def: c, title: title, values: make([][]float64, len(c.Series))}
	for row := range t.rows {
		name, part := t.text(row, label), t.text(row, split)
		if counts[name] == nil {
			counts[name] = make([]float64, len(c.Series))
			chart.labels = append(chart.labels, name)
		}
		if s := slices.IndexFunc(c.Series, func(s Series) bool { return s.Column == part }); s >= 0 {
			counts[name][s]++
			totals[name]++
			chart.total++
		}
	}
	slices.SortFunc(chart.labels, func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), strings.Compare(a, b))
	})
	for _, name := range chart.labels {
		for s, n := range counts[name] {
			chart.values[s] = append(chart.values[s], n)
		}
	}
	return chart
}

func newChartTable(c Chart, title string, t *table) *chartTable {
	chart := &chartTable{def: c, title: title, values: make([][]float64, len(c.Series))}
	for row := range t.rows {
		chart.labels = append(chart.labels, t.text(row, 0))
		for i := range c.Series {
			x := plotted(t.vectors[i+1].at(row))
			if math.IsNaN(x) && !chart.lines() {
				x = 0 // nothing to stack
			}
			chart.values[i] = append(chart.values[i], x)
			if !math.IsNaN(x) {
				chart.total += x
			}
		}
	}
	return chart
}

// plotted is a value as charts and matrices have it, NaN where it is no number.
func plotted(value any) float64 {
	if x, ok := asNumber(value); ok {
		return x
	}
	return math.NaN()
}

// lines reports whether the chart is a line a series, else stacked bars.
func (ch *chartTable) lines() bool { return ch.def.Kind == "lines" }

// empty reports whether there is nothing to draw.
func (ch *chartTable) empty() bool {
	return ch == nil || !slices.ContainsFunc(ch.values, func(series []float64) bool {
		return slices.ContainsFunc(series, ch.marks)
	})
}

// marks reports whether a value is seen: a bar of nothing is not.
func (ch *chartTable) marks(x float64) bool { return !math.IsNaN(x) && (x != 0 || ch.lines()) }

// named returns the series that have to be named: those that have anything to
// show, unless the only one is the chart's first, of which the title speaks.
func (ch *chartTable) named() []int {
	var named []int
	for i, values := range ch.values {
		if slices.ContainsFunc(values, ch.marks) {
			named = append(named, i)
		}
	}
	if len(named) == 1 && named[0] == 0 {
		return nil
	}
	return named
}

// format is that of the values: a share where every series is one.
func (ch *chartTable) format() string {
	if slices.ContainsFunc(ch.def.Series, func(s Series) bool { return !strings.HasSuffix(s.Column, "_share") }) {
		return formatNumber
	}
	return formatShare
}

// heading is the title with the day, and how many things bars stand for: a sum
// over what goes up and down, over the days of a line, or over bars that count the
// same thing twice, is no such number.
func (ch *chartTable) heading(day string) string {
	if low, _ := ch.bounds(); ch.lines() || low < 0 || ch.def.Overlap {
		return fmt.Sprintf("%s (%s)", ch.title, day)
	}
	return fmt.Sprintf("%s (n = %s, %s)", ch.title, number(int64(ch.total)), day)
}

// stack is what stands above and below the axis at a mark.
func (ch *chartTable) stack(mark int) (above, below float64) {
	for _, series := range ch.values {
		above += max(series[mark], 0)
		below += min(series[mark], 0)
	}
	return above, below
}

// bounds are the lowest and the highest that is drawn. Those of bars take in
// the axis; lines that all keep far from it need not show it.
func (ch *chartTable) bounds() (low, high float64) {
	if !ch.lines() {
		for i := range ch.labels {
			above, below := ch.stack(i)
			low, high = min(low, below), max(high, above)
		}
		return low, high
	}
	low, high = math.Inf(1), math.Inf(-1)
	for _, series := range ch.values {
		for _, x := range series {
			if !math.IsNaN(x) {
				low, high = min(low, x), max(high, x)
			}
		}
	}
	if low > high {
		return 0, 0
	}
	if low > 0 && low < high*0.7 {
		low = 0
	}
	return low, high
}

// axis returns the ends of a chart's axis and the step of its lines: 1, 2 or 5
// times a power of ten.
func (ch *chartTable) axis() (low, high, step float64) {
	low, high = ch.bounds()
	least := 1.0
	if ch.format() == formatShare {
		least = 0.001
	}
	if low == high {
		high = low + least
	}
	power := math.Pow(10, math.Floor(math.Log10((high-low)/3)))
	for _, m := range []float64{1, 2, 5, 10} {
		if step = m * power; (high-low)/step <= 4 {
			break
		}
	}
	step = max(step, least)
	low, high = math.Floor(low/step+1e-9)*step, math.Ceil(high/step-1e-9)*step
	if ch.format() == formatShare {
		high = min(high, 1)
	}
	return low, high, step
}

// ticks are the values of the axis that have a line.
func (ch *chartTable) ticks() iter.Seq[float64] {
	low, high, step := ch.axis()
	return func(yield func(float64) bool) {
		for v := low; v <= high+step/2; v += step {
			if math.Abs(v) < step/2 {
				v = 0 // not what is left of sums
			}
			if !yield(v) {
				return
			}
		}
	}
}

// A barPart is what one series adds to the bar of a mark, from and to values of the
// axis.
type barPart struct {
	mark, series    int
	value, from, to float64
}

// parts are what bars are made of, mark by mark and in it by series: each begins
// where the one before ended, upwards what is above nothing and downwards what is
// below it.
func (ch *chartTable) parts() iter.Seq[barPart] {
	return func(yield func(barPart) bool) {
		for i := range ch.labels {
			above, below := 0.0, 0.0
			for s, series := range ch.values {
				end := &above
				if series[i] < 0 {
					end = &below
				}
				p := barPart{i, s, series[i], *end, *end + series[i]}
				if *end = p.to; !yield(p) {
					return
				}
			}
		}
	}
}

// A barSum is what a bar comes to on one side of the axis.
type barSum struct {
	mark  int
	value float64
	below bool
}

// sums are what is written at the ends of bars.
func (ch *chartTable) sums() iter.Seq[barSum] {
	return func(yield func(barSum) bool) {
		for i := range ch.labels {
			above, below := ch.stack(i)
			if (above > 0 || below == 0) && !yield(barSum{i, above, false}) || below < 0 && !yield(barSum{i, below, true}) {
				return
			}
		}
	}
}

// A linePoint is a value of a line.
type linePoint struct {
	mark, series int
	value        float64
	joined       bool // with the value of the mark before
	last         bool // of its series
}

// points are the values of lines, series by series; where there is no value there
// is no point.
func (ch *chartTable) points() iter.Seq[linePoint] {
	return func(yield func(linePoint) bool) {
		for s, series := range ch.values {
			last := len(series) - 1
			for last >= 0 && math.IsNaN(series[last]) {
				last--
			}
			for i, v := range series[:last+1] {
				joined := i > 0 && !math.IsNaN(series[i-1])
				if !math.IsNaN(v) && !yield(linePoint{i, s, v, joined, i == last}) {
					return
				}
			}
		}
	}
}

// every is the step at which the labels of marks are written so that none
// touches the next: 1 where there is room for all.
func every(marks int, each, widest float64) int {
	if marks == 0 || each <= 0 {
		return 1
	}
	return max(int(math.Ceil(widest/each)), 1)
}
