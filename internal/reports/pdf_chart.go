package reports

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// A plot is the place of a chart on a page and its scale.
type plot struct {
	left, right, top, bottom float64
	low, scale               float64
	each                     float64 // width of a mark
}

func (p plot) y(value float64) float64 { return p.bottom - (value-p.low)*p.scale }
func (p plot) x(mark int) float64      { return p.left + p.each*(float64(mark)+0.5) }

// chart draws a chart in a place of the given height, title included.
func (c *canvas) chart(ch *chartTable, day string, high float64) {
	x, w := c.page.left, c.page.width()
	bottom := c.y + high
	top := c.text(ch.heading(day), bold, accent, x, c.y, sizeHead, w, 1) + 6.5
	low, upper, _ := ch.axis()
	format := ch.format()
	written := max(c.set.width(show(upper, format, nil), regular, sizeSmall), c.set.width(show(low, format, nil), regular, sizeSmall))
	p := plot{left: x + written + 2.5, top: top, bottom: bottom - 12, low: low} // labels of up to two lines stand below
	p.right = x + w - c.legendWidth(ch)
	if low < 0 {
		p.bottom -= 3 // for the sums below the bars
	}
	p.scale = (p.bottom - p.top) / (upper - low)
	p.each = (p.right - p.left) / float64(len(ch.labels))
	for v := range ch.ticks() {
		if v == 0 && !ch.lines() {
			continue // the axis itself
		}
		c.rule(p.left, p.y(v), p.right-p.left, 0.15, hair)
		c.textRight(show(v, format, nil), regular, muted, p.left-1.6, p.y(v)-ascent(sizeSmall)/2, sizeSmall, 20)
	}
	c.markLabels(ch, p, bottom)
	if ch.lines() {
		c.rule(p.left, p.bottom, p.right-p.left, 0.3, ink)
		c.lineMarks(ch, p)
	} else {
		c.bars(ch, p)
		c.rule(p.left, p.y(0), p.right-p.left, 0.3, ink)
		c.legend(ch, p.right+5, p.bottom)
	}
	c.y = bottom
}

// markLabels writes the names of marks below the plot, all or, where they are
// too many, each so many.
func (c *canvas) markLabels(ch *chartTable, p plot, bottom float64) {
	step := 1
	if len(ch.labels) > 12 {
		widest := 0.0
		for _, label := range ch.labels {
			widest = max(widest, min(c.set.width(label, regular, sizeSmall), 30)+2)
		}
		step = every(len(ch.labels), p.each, widest)
	}
	for i := 0; i < len(ch.labels); i += step {
		room := p.each * float64(step) * 0.96
		at := min(max(p.x(i), p.left-4+room/2), p.right+8-room/2)
		if step == 1 {
			at = p.x(i)
		}
		c.textCentre(ch.labels[i], regular, muted, at, bottom-12+1.8, sizeSmall, room)
	}
}

// bars draws stacked columns with their sums: upwards what is above nothing,
// downwards what is below it.
func (c *canvas) bars(ch *chartTable, p plot) {
	thick := min(p.each*0.62, 20)
	low, upper := ch.bounds()
	widest := max(c.set.width(decimal(upper), bold, sizeSmall), c.set.width(decimal(low), bold, sizeSmall)) + 1
	for part := range ch.parts() {
		top, high := p.y(max(part.from, part.to)), math.Abs(part.value)*p.scale
		c.hatch(p.x(part.mark)-thick/2, top, thick, high, part.series, seriesColor(part.series, ch.def.Series[part.series].Tone))
	}
	if p.each < widest {
		return
	}
	for sum := range ch.sums() {
		at := p.y(sum.value) - ascent(sizeSmall) - 1.4
		if sum.below {
			at = p.y(sum.value) + 1.2
		}
		c.textCentre(decimal(sum.value), bold, ink, p.x(sum.mark), at, sizeSmall, p.each)
	}
}

// lineMarks draws a line a series, broken where there is no value, each with
// dashes and marks of its own and its name and last value at its end.
func (c *canvas) lineMarks(ch *chartTable, p plot) {
	type end struct {
		series int
		y      float64
		text   string
	}
	var ends []end
	for pt := range ch.points() {
		x, y, k := p.x(pt.mark), p.y(pt.value), seriesColor(pt.series, ch.def.Series[pt.series].Tone)
		if pt.joined {
			c.drawColor(k)
			c.pdf.SetLineWidth(0.55)
			c.pdf.SetDashPattern([][]float64{nil, {2.2, 1.1}, {0.6, 0.9}, {2.6, 0.9, 0.6, 0.9}}[pt.series%4], 0)
			c.pdf.Line(p.x(pt.mark-1), p.y(ch.values[pt.series][pt.mark-1]), x, y)
			c.pdf.SetDashPattern(nil, 0)
		}
		if p.each > 3 || pt.last {
			c.mark(x, y, pt.series, k)
		}
		if pt.last {
			ends = append(ends, end{pt.series, y, show(pt.value, ch.format(), nil) + "  " + strings.TrimSpace(ch.def.Series[pt.series].Title)})
		}
	}
	slices.SortFunc(ends, func(a, b end) int { return cmp.Compare(a.y, b.y) })
	next := p.top - 3
	for _, e := range ends {
		y := max(e.y-ascent(sizeSmall)/2, next)
		next = y + leading(sizeSmall)
		c.text(e.text, bold, seriesColor(e.series, ch.def.Series[e.series].Tone), p.right+1, y, sizeSmall, c.legendWidth(ch)-1, 1)
	}
}

// mark draws a point of a line: a disc, a square, a triangle or a ring.
func (c *canvas) mark(x, y float64, series int, k rgb) {
	const r = 0.75
	c.fillColor(k)
	c.drawColor(k)
	switch series % 4 {
	case 0:
		c.pdf.Circle(x, y, r, "F")
	case 1:
		c.pdf.Rect(x-r, y-r, 2*r, 2*r, "F")
	case 2:
		c.pdf.MoveTo(x, y-r*1.2)
		c.pdf.LineTo(x+r*1.1, y+r*0.8)
		c.pdf.LineTo(x-r*1.1, y+r*0.8)
		c.pdf.ClosePath()
		c.pdf.DrawPath("F")
	default:
		c.pdf.SetLineWidth(0.35)
		c.pdf.Circle(x, y, r, "D")
	}
}

// legendWidth is the room that the names of the series take beside the plot.
func (c *canvas) legendWidth(ch *chartTable) float64 {
	w := 0.0
	if ch.lines() {
		_, high := ch.bounds()
		value := c.set.width(show(high, ch.format(), nil), bold, sizeSmall)
		for _, s := range ch.def.Series {
			w = max(w, min(c.set.width(s.Title, bold, sizeSmall), 34)+value+6)
		}
		return w
	}
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
