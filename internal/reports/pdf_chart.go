package reports

import (
	"fmt"
	"slices"
	"strings"
)

// columnChart draws stacked columns with their totals above them in a place
// of the given height, title included.
func (c *canvas) columnChart(ch *chartTable, day string, high float64) {
	x, w := c.page.left, c.page.width()
	bottom := c.y + high
	title := fmt.Sprintf("%s (n = %s, as of %s)", ch.title, number(int64(ch.total)), day)
	y := c.text(title, bold, accent, x, c.y, sizeHead, w, 1) + 6.5
	axis := bottom - 12 // labels of up to two lines stand below it

	totals := make([]float64, len(ch.labels))
	largest := 0.0
	for i := range ch.labels {
		for _, series := range ch.values {
			totals[i] += series[i]
		}
		largest = max(largest, totals[i])
	}
	top, step := niceCeiling(largest)
	scale := (axis - y) / top
	legend := c.legendWidth(ch)
	left := x + c.set.width(number(int64(top)), regular, sizeSmall) + 2.5
	plot := x + w - left - legend
	for v := step; v <= top+step/2; v += step {
		at := axis - v*scale
		c.rule(left, at, plot, 0.15, hair)
		c.textRight(number(int64(v)), regular, muted, left-1.6, at-ascent(sizeSmall)/2, sizeSmall, 20)
	}

	each := plot / float64(len(ch.labels))
	thick := min(each*0.62, 20)
	for i, label := range ch.labels {
		centre := left + each*(float64(i)+0.5)
		at := axis
		for s, series := range ch.values {
			h := series[i] * scale
			at -= h
			c.hatch(centre-thick/2, at, thick, h, s, seriesColor(s, ch.def.Series[s].Tone))
		}
		c.textCentre(number(int64(totals[i])), bold, ink, centre, at-ascent(sizeSmall)-1.4, sizeSmall, each)
		c.textCentre(label, regular, muted, centre, axis+1.8, sizeSmall, each*0.96)
	}
	c.rule(left, axis, plot, 0.3, ink)
	c.legend(ch, left+plot+5, axis)
	c.y = bottom
}

// named returns the series that have to be named: those that have anything to
// show, unless the only one is the chart's first, of which the title speaks.
func (ch *chartTable) named() []int {
	var named []int
	for i, values := range ch.values {
		if slices.ContainsFunc(values, func(x float64) bool { return x != 0 }) {
			named = append(named, i)
		}
	}
	if len(named) == 1 && named[0] == 0 {
		return nil
	}
	return named
}

func (c *canvas) legendWidth(ch *chartTable) float64 {
	w := 0.0
	for _, i := range ch.named() {
		w = max(w, min(c.set.width(ch.def.Series[i].Title, regular, sizeSmall), 34)+11)
	}
	return w
}

// legend names the series beside the columns, in the order of their stacking.
func (c *canvas) legend(ch *chartTable, x, axis float64) {
	y := axis - 3
	for _, i := range ch.named() {
		s := ch.def.Series[i]
		k := seriesColor(i, s.Tone)
		c.hatch(x, y, 2.6, 2.6, i, k)
		ls := c.set.wrap([]piece{{strings.TrimSpace(s.Title), regular, k}}, sizeSmall, 35, 1)
		c.lines(ls, x+4, y+(2.6-ascent(sizeSmall))/2, sizeSmall)
		y -= 6
	}
}
