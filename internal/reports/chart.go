package reports

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
)

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
		return fmt.Sprintf("%s (as of %s)", ch.title, day)
	}
	return fmt.Sprintf("%s (n = %s, as of %s)", ch.title, number(int64(ch.total)), day)
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
