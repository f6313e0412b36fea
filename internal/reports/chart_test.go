package reports

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// TestCharts draws charts whose lines have gaps, whose axis need not
// begin at nothing, and whose bars go up and down.
func TestCharts(t *testing.T) {
	days := func(values ...[]float64) *chartTable {
		ch := &chartTable{title: "Trend", def: Chart{Kind: "lines"}, values: values}
		for i := range values[0] {
			ch.labels = append(ch.labels, fmt.Sprintf("%d Mar", i+1))
		}
		for i := range values {
			ch.def.Series = append(ch.def.Series, Series{Column: "n", Title: []string{"succeeded", "partly", "failed"}[i]})
		}
		return ch
	}
	gap := days([]float64{0.971, math.NaN(), 0.985, 0.99}, []float64{0.95, 0.93, 0.96, 0.97})
	for i := range gap.def.Series {
		gap.def.Series[i].Column += "_share"
	}
	nothing := days([]float64{math.NaN()})
	bars := days([]float64{5, 0, 12}, []float64{-3, -14, 0})
	bars.def.Kind = "bars"
	long := days(make([]float64, 60), make([]float64, 60), make([]float64, 60))
	for i := range 60 {
		long.values[0][i], long.values[1][i], long.values[2][i] = 40+float64(i%11), float64(i*i%17), float64(70-i)
	}
	for _, c := range []struct {
		name            string
		ch              *chartTable
		empty           bool
		low, high, step float64
		heading         string
	}{
		{"shares", gap, false, 0.92, 1, 0.02, "Trend (31 Mar 2026)"},
		{"nothing", nothing, true, 0, 1, 1, "Trend (31 Mar 2026)"},
		{"up and down", bars, false, -20, 20, 10, "Trend (31 Mar 2026)"},
		{"sixty days", long, false, 0, 80, 20, "Trend (31 Mar 2026)"},
	} {
		low, high, step := c.ch.axis()
		if c.ch.empty() != c.empty || math.Abs(low-c.low)+math.Abs(high-c.high)+math.Abs(step-c.step) > 1e-9 {
			t.Errorf("%s: empty %v, axis %v to %v by %v; want %v, %v to %v by %v", c.name, c.ch.empty(), low, high, step, c.empty, c.low, c.high, c.step)
		}
		if got := c.ch.heading("31 Mar 2026"); got != c.heading {
			t.Errorf("%s: the heading is %q", c.name, got)
		}
		r := handReport{rows: 40}.report(t)
		r.chart = c.ch
		pdf := pdfOf(t, r)
		lookAt(t, c.name+".pdf", pdf)
		lookAt(t, c.name+".xlsx", xlsxOf(t, r))
		if text := pdfText(t, pdf); c.ch.lines() && !c.empty && !strings.Contains(text, "succeeded") {
			t.Errorf("%s: the page does not name the line", c.name)
		}
	}
}
