package reports

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A chart of a page is drawn twice: for a wide screen and paper, and for a
// phone, where letters must not shrink with it. A mail has the second as a picture.
type (
	htmlChart struct {
		Caption      string
		Wide, Narrow *drawing
	}

	// A drawing is a chart in units of its own, letters being 12 high.
	drawing struct {
		Class, Label  string
		Width, Height float64
		Boxes         []box
		Paths         []stroke
		Texts         []label

		ch *chartTable
	}
	box struct {
		Series     int
		X, Y, W, H float64
		Title      string
		Hatched    bool
	}
	stroke struct {
		Class  string // line, axis or series
		Series int
		Lines  [][]point
	}
	point struct{ X, Y float64 }
	label struct {
		X, Y                float64 // of the baseline
		Anchor, Class, Text string
	}
)

// at is a place or a size in a drawing.
func at(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }

// D is a path as an SVG has it.
func (p stroke) D() string {
	var b strings.Builder
	for _, line := range p.Lines {
		for i, to := range line {
			op := "L"
			if i == 0 {
				op = "M"
			}
			b.WriteString(op + at(to.X) + " " + at(to.Y))
		}
	}
	return b.String()
}

// Hatches are the series whose boxes are hatched, with the angle of each.
func (d *drawing) Hatches() map[int]int {
	angles := map[int]int{}
	for i := 1; i < len(d.ch.values) && !d.ch.lines(); i++ {
		angles[i] = hatchAngle(i)
	}
	return angles
}

// hatchAngle keeps the boxes of series apart without colour.
func hatchAngle(series int) int { return []int{0, -45, 45}[series%3] }

// HatchID names the hatch of a series on the page.
func (d *drawing) HatchID(series int) string { return d.Class[:1] + strconv.Itoa(series) }

// Fill is what a box is filled with.
func (d *drawing) Fill(b box) string {
	if b.Hatched {
		return "url(#" + d.HatchID(b.Series) + ")"
	}
	return d.Color(b.Series)
}

// Color is the colour of a series, as the style sheet names it.
func (d *drawing) Color(series int) string {
	if tone := d.ch.def.Series[series].Tone; tone != "" {
		return "var(--" + tone + ")"
	}
	return "var(--s" + strconv.Itoa(series%len(seriesColors)) + ")"
}

// dashes keep lines apart without colour.
var dashes = [][]float64{nil, {7, 4}, {2, 3}, {8, 3, 2, 3}}

// Dash is how the line of a series is broken.
func (p stroke) Dash() string {
	if p.Class != "series" {
		return ""
	}
	return strings.Trim(fmt.Sprint(dashes[p.Series%len(dashes)]), "[]")
}

// letters is about how wide a text is in a drawing's type of 12.
func letters(s string) float64 { return columnsOf(s) * 6.4 }

func (p part) htmlChart() *htmlChart {
	ch := p.chart
	if ch.empty() {
		return nil
	}
	h := &htmlChart{Caption: ch.heading(p.madeOn())}
	h.Wide, h.Narrow = &drawing{Class: "wide", Label: ch.title, Width: 720, ch: ch}, ch.narrow(358)
	h.Wide.upright()
	return h
}

// narrow is a chart for a phone, so many units wide.
func (ch *chartTable) narrow(width float64) *drawing {
	d := &drawing{Class: "narrow", Label: ch.title, Width: width, ch: ch}
	if ch.lines() {
		d.upright()
	} else {
		d.lying()
	}
	return d
}

// box draws a part of a mark, plain for the first series and hatched for others.
func (d *drawing) box(series int, x, y, w, h float64, title string) {
	if w > 0 && h > 0 {
		d.Boxes = append(d.Boxes, box{series, x, y, w, h, title, series > 0 && !d.ch.lines()})
	}
}

func (d *drawing) text(s, anchor, class string, x, y float64) {
	d.Texts = append(d.Texts, label{x, y, anchor, class, s})
}

// line draws a straight line.
func (d *drawing) line(class string, series int, from, to point) {
	d.Paths = append(d.Paths, stroke{class, series, [][]point{{from, to}}})
}

// legend names the series that need it, each on a line below y; it returns the
// y below them.
func (d *drawing) legend(x, y, width float64) float64 {
	for _, i := range d.ch.named() {
		if d.ch.lines() {
			d.line("series", i, point{x, y + 9}, point{x + 14, y + 9})
		} else {
			d.box(i, x+1, y+4, 10, 10, "")
		}
		d.text(fold(d.ch.def.Series[i].Title, width-20, 1)[0], "start", "", x+18, y+13)
		y += 18
	}
	return y
}

// A frame is the place of a chart in a drawing and its scale.
type frame struct{ left, right, top, bottom, low, scale, each float64 }

func (f frame) x(mark int) float64      { return f.left + f.each*(float64(mark)+0.5) }
func (f frame) y(value float64) float64 { return f.bottom - (value-f.low)*f.scale }

// upright draws columns with their sums, or lines, above an axis of marks.
func (d *drawing) upright() {
	const high = 190.0
	ch := d.ch
	low, ceiling, _ := ch.axis()
	f := frame{right: d.Width, top: 22, low: low, scale: high / (ceiling - low)}
	for v := range ch.ticks() {
		f.left = max(f.left, letters(show(v, ch.format(), nil))+10)
	}
	if named := ch.named(); len(named) > 0 && d.Width > 500 {
		for _, i := range named {
			f.right = min(f.right, d.Width-min(letters(ch.def.Series[i].Title), 150)-36)
		}
		d.legend(f.right+14, f.top+high-float64(len(named))*18, d.Width-f.right-14)
	} else {
		f.top = d.legend(0, 0, d.Width) + 22
	}
	f.bottom = f.top + high
	f.each = (f.right - f.left) / float64(len(ch.labels))
	across := func(class string, value float64) {
		d.line(class, 0, point{f.left, f.y(value)}, point{f.right, f.y(value)})
	}
	for v := range ch.ticks() {
		across("line", v)
		d.text(show(v, ch.format(), nil), "end", "", f.left-6, f.y(v)+4)
	}
	if ch.lines() {
		d.lines(f)
	} else {
		d.columns(f)
	}
	across("axis", max(low, 0))
	below := f.bottom
	if low < 0 && !ch.lines() {
		below += 14 // sums stand there
	}
	d.Height = d.marksBelow(f, below) + 4
}

// marksBelow writes the names of the marks below y, as many as there is room
// for, and returns the y below them.
func (d *drawing) marksBelow(f frame, y float64) float64 {
	widest := 0.0
	for _, label := range d.ch.labels {
		widest = max(widest, min(letters(label), 70))
	}
	one, most := 1, 1
	if f.each < 36 || d.ch.lines() {
		one = every(len(d.ch.labels), f.each, widest+6)
	}
	for i := 0; i < len(d.ch.labels); i += one {
		lines := fold(d.ch.labels[i], max(f.each*float64(one)*0.96, 30), 3)
		most = max(most, len(lines))
		for n, line := range lines {
			d.text(line, "middle", "", f.x(i), y+17+float64(n)*14)
		}
	}
	return y + 8 + float64(most)*14
}

// columns draws stacked columns with their sums.
func (d *drawing) columns(f frame) {
	thick := min(f.each*0.62, 72)
	for p := range d.ch.parts() {
		title := d.ch.labels[p.mark] + ", " + d.ch.def.Series[p.series].Title + ": " + decimal(p.value)
		d.box(p.series, f.x(p.mark)-thick/2, f.y(max(p.from, p.to)), thick, math.Abs(p.value)*f.scale, title)
	}
	for s := range d.ch.sums() {
		away := -5.0
		if s.below {
			away = 14
		}
		if letters(decimal(s.value)) < f.each {
			d.text(decimal(s.value), "middle", "total", f.x(s.mark), f.y(s.value)+away)
		}
	}
}

// lines draws a line a series, broken where there is no value, with dashes of its
// own and its last value.
func (d *drawing) lines(f frame) {
	var p stroke
	for pt := range d.ch.points() {
		x, y := f.x(pt.mark), f.y(pt.value)
		d.box(pt.series, x-2.5, y-2.5, 5, 5, d.ch.labels[pt.mark]+", "+d.ch.def.Series[pt.series].Title+": "+show(pt.value, d.ch.format(), nil))
		if !pt.joined {
			p.Lines = append(p.Lines, nil)
		}
		n := len(p.Lines) - 1
		p.Lines[n] = append(p.Lines[n], point{x, y})
		if pt.last {
			p.Class, p.Series = "series", pt.series
			d.Paths = append(d.Paths, p)
			d.text(show(pt.value, d.ch.format(), nil), "middle", "total", x, y-7)
			p = stroke{}
		}
	}
}

// lying draws bars below each other, each below its label.
func (d *drawing) lying() {
	ch := d.ch
	low, high := ch.bounds()
	room := d.Width - letters(decimal(high)) - 12
	zero := 0.0
	if low < 0 {
		zero = letters(decimal(low)) + 8
		room -= zero
	}
	scale := room / (high - low)
	x := func(value float64) float64 { return zero + (value-low)*scale }
	top := d.legend(0, 0, d.Width)
	if top > 0 {
		top += 6
	}
	y := func(mark int) float64 { return top + float64(mark)*38 }
	for i, label := range ch.labels {
		d.text(fold(label, d.Width, 1)[0], "start", "", 0, y(i)+12)
	}
	for p := range ch.parts() {
		d.box(p.series, x(min(p.from, p.to)), y(p.mark)+17, math.Abs(p.value)*scale, 13, "")
	}
	for s := range ch.sums() {
		anchor, away := "start", 6.0
		if s.below {
			anchor, away = "end", -6
		}
		d.text(decimal(s.value), anchor, "total", x(s.value)+away, y(s.mark)+28)
	}
	d.Height = y(len(ch.labels))
}

// fold breaks a label into at most so many lines of about a width; what is
// left over is cut with an ellipsis.
func fold(label string, width float64, most int) []string {
	var lines []string
	line, left := "", false
	for word := range strings.FieldsSeq(label) {
		if next := strings.TrimSpace(line + " " + word); line == "" || letters(next) <= width {
			line = next
			continue
		}
		if left = len(lines)+1 >= most; left {
			break
		}
		lines, line = append(lines, line), word
	}
	runes := []rune(line)
	for len(runes) > 1 && letters(string(runes)) > width {
		runes, left = runes[:len(runes)-1], true
	}
	line = strings.TrimSpace(string(runes))
	if left {
		line += "…"
	}
	return append(lines, line)
}
