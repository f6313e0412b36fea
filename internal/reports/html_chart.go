package reports

import (
	"math"
	"strconv"
	"strings"
)

// A chart of a page is drawn twice: for a wide screen and paper, and for a
// phone, where letters must not shrink with it.
type (
	htmlChart struct {
		Caption      string
		Wide, Narrow *htmlDrawing
	}
	htmlDrawing struct {
		Class, Label, Width, Height string
		Hatches                     []htmlHatch
		Boxes                       []htmlBox
		Paths                       []htmlPath
		Texts                       []htmlLabel

		letter string // ids in it begin with it
	}
	htmlHatch struct{ ID, Angle, Color string }
	htmlBox   struct{ X, Y, W, H, Fill, Stroke, Title string }
	htmlPath  struct{ Class, D, Color, Dash string }
	htmlLabel struct{ X, Y, Anchor, Class, Text string }
)

// at is a place or a size in a drawing.
func at(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }

// letters is about how wide a text is in a drawing's type of 12.
func letters(s string) float64 { return columnsOf(s) * 6.4 }

func (p part) htmlChart() *htmlChart {
	ch := p.chart
	if ch.empty() {
		return nil
	}
	h := &htmlChart{Caption: ch.heading(p.madeOn())}
	h.Wide, h.Narrow = ch.drawing("wide", 720), ch.drawing("narrow", 358)
	ch.upright(h.Wide, 720)
	if ch.lines() {
		ch.upright(h.Narrow, 358)
	} else {
		ch.lying(h.Narrow, 358)
	}
	return h
}

// dashes keep lines apart without colour.
var dashes = []string{"", "7 4", "2 3", "8 3 2 3"}

// drawing is an empty one with the hatches of the series.
func (ch *chartTable) drawing(class string, width int) *htmlDrawing {
	d := &htmlDrawing{Class: class, Label: ch.title, Width: strconv.Itoa(width), letter: class[:1]}
	for i := 1; i < len(ch.values) && !ch.lines(); i++ {
		d.Hatches = append(d.Hatches, htmlHatch{d.letter + strconv.Itoa(i), []string{"0", "-45", "45"}[i%3], ch.color(i)})
	}
	return d
}

// color is the colour of a series, as the style sheet names it.
func (ch *chartTable) color(series int) string {
	if tone := ch.def.Series[series].Tone; tone != "" {
		return "var(--" + tone + ")"
	}
	return "var(--s" + strconv.Itoa(series%len(seriesColors)) + ")"
}

// box draws a part of a mark, plain for the first series and hatched for others.
func (d *htmlDrawing) box(ch *chartTable, series int, x, y, w, h float64, title string) {
	if w <= 0 || h <= 0 {
		return
	}
	b := htmlBox{at(x), at(y), at(w), at(h), ch.color(series), ch.color(series), title}
	if series > 0 && !ch.lines() {
		b.Fill = "url(#" + d.letter + strconv.Itoa(series) + ")"
	}
	d.Boxes = append(d.Boxes, b)
}

func (d *htmlDrawing) text(s, anchor, class string, x, y float64) {
	d.Texts = append(d.Texts, htmlLabel{at(x), at(y), anchor, class, s})
}

// legend names the series that need it, each on a line below y; it returns the
// y below them.
func (d *htmlDrawing) legend(ch *chartTable, x, y, width float64) float64 {
	for _, i := range ch.named() {
		if ch.lines() {
			d.Paths = append(d.Paths, htmlPath{"series", "M" + at(x) + " " + at(y+9) + "h14", ch.color(i), dashes[i%len(dashes)]})
		} else {
			d.box(ch, i, x+1, y+4, 10, 10, "")
		}
		d.text(fold(ch.def.Series[i].Title, width-20, 1)[0], "start", "", x+18, y+13)
		y += 18
	}
	return y
}

// upright draws columns with their sums, or lines, above an axis of marks.
func (ch *chartTable) upright(d *htmlDrawing, width float64) {
	const high = 190.0
	low, ceiling, step := ch.axis()
	scale := high / (ceiling - low)
	top := 22.0
	left, right := 0.0, width
	for v := low; v <= ceiling+step/2; v += step {
		left = max(left, letters(show(v, ch.format(), nil))+10)
	}
	if named := ch.named(); len(named) > 0 && width > 500 {
		for _, i := range named {
			right = min(right, width-min(letters(ch.def.Series[i].Title), 150)-36)
		}
		d.legend(ch, right+14, top+high-float64(len(named))*18, width-right-14)
	} else {
		top = d.legend(ch, 0, 0, width) + 22
	}
	y := func(v float64) float64 { return top + high - (v-low)*scale }
	for v := low; v <= ceiling+step/2; v += step {
		d.Paths = append(d.Paths, htmlPath{Class: "line", D: "M" + at(left) + " " + at(y(v)) + "H" + at(right)})
		d.text(show(v, ch.format(), nil), "end", "", left-6, y(v)+4)
	}
	each := (right - left) / float64(len(ch.labels))
	x := func(mark int) float64 { return left + each*(float64(mark)+0.5) }
	if ch.lines() {
		ch.drawLines(d, x, y)
	} else {
		ch.drawColumns(d, x, y, min(each*0.62, 72), each)
	}
	d.Paths = append(d.Paths, htmlPath{Class: "axis", D: "M" + at(left) + " " + at(y(max(low, 0))) + "H" + at(right)})
	below := top + high
	if low < 0 && !ch.lines() {
		below += 14 // sums stand there
	}
	d.Height = at(ch.marksBelow(d, x, each, below) + 4)
}

// marksBelow writes the names of the marks below y, as many as there is room
// for, and returns the y below them.
func (ch *chartTable) marksBelow(d *htmlDrawing, x func(int) float64, each, y float64) float64 {
	widest := 0.0
	for _, label := range ch.labels {
		widest = max(widest, min(letters(label), 70))
	}
	one, most := 1, 1
	if each < 36 || ch.lines() {
		one = every(len(ch.labels), each, widest+6)
	}
	for i := 0; i < len(ch.labels); i += one {
		lines := fold(ch.labels[i], max(each*float64(one)*0.96, 30), 3)
		most = max(most, len(lines))
		for n, line := range lines {
			d.text(line, "middle", "", x(i), y+17+float64(n)*14)
		}
	}
	return y + 8 + float64(most)*14
}

func (ch *chartTable) drawColumns(d *htmlDrawing, x func(int) float64, y func(float64) float64, thick, each float64) {
	for i, label := range ch.labels {
		up, down := y(0), y(0)
		for s, series := range ch.values {
			h := math.Abs(y(series[i]) - y(0))
			title := label + ", " + ch.def.Series[s].Title + ": " + decimal(series[i])
			if series[i] >= 0 {
				up -= h
				d.box(ch, s, x(i)-thick/2, up, thick, h, title)
			} else {
				d.box(ch, s, x(i)-thick/2, down, thick, h, title)
				down += h
			}
		}
		above, below := ch.stack(i)
		if (above > 0 || below == 0) && letters(decimal(above)) < each {
			d.text(decimal(above), "middle", "total", x(i), up-5)
		}
		if below < 0 && letters(decimal(below)) < each {
			d.text(decimal(below), "middle", "total", x(i), down+14)
		}
	}
}

// drawLines draws a line a series, broken where there is no value, with dashes
// of its own and its last value.
func (ch *chartTable) drawLines(d *htmlDrawing, x func(int) float64, y func(float64) float64) {
	for s, series := range ch.values {
		var b strings.Builder
		last := -1
		for i, v := range series {
			if math.IsNaN(v) {
				continue
			}
			op := "L"
			if last < 0 || last != i-1 {
				op = "M"
			}
			b.WriteString(op + at(x(i)) + " " + at(y(v)))
			d.box(ch, s, x(i)-2.5, y(v)-2.5, 5, 5, ch.labels[i]+", "+ch.def.Series[s].Title+": "+show(v, ch.format(), nil))
			last = i
		}
		if last < 0 {
			continue
		}
		d.Paths = append(d.Paths, htmlPath{"series", b.String(), ch.color(s), dashes[s%len(dashes)]})
		d.text(show(series[last], ch.format(), nil), "middle", "total", x(last), y(series[last])-7)
	}
}

// lying draws bars below each other, each below its label.
func (ch *chartTable) lying(d *htmlDrawing, width float64) {
	low, high := ch.bounds()
	room := width - letters(decimal(high)) - 12
	if low < 0 {
		room -= letters(decimal(low)) + 8
	}
	scale := room / (high - low)
	zero := -low * scale
	if low < 0 {
		zero += letters(decimal(low)) + 8
	}
	y := d.legend(ch, 0, 0, width)
	if y > 0 {
		y += 6
	}
	for i, label := range ch.labels {
		d.text(fold(label, width, 1)[0], "start", "", 0, y+12)
		up, down := zero, zero
		for s, series := range ch.values {
			w := math.Abs(series[i]) * scale
			if series[i] >= 0 {
				d.box(ch, s, up, y+17, w, 13, "")
				up += w
			} else {
				down -= w
				d.box(ch, s, down, y+17, w, 13, "")
			}
		}
		above, below := ch.stack(i)
		if above > 0 || below == 0 {
			d.text(decimal(above), "start", "total", up+6, y+28)
		}
		if below < 0 {
			d.text(decimal(below), "end", "total", down-6, y+28)
		}
		y += 38
	}
	d.Height = at(y)
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
