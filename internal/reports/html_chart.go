package reports

import (
	"strconv"
	"strings"
)

// A chart of a page is drawn twice: as columns for a wide screen and paper,
// and as bars for a phone, where letters must not shrink with it.
type (
	htmlChart struct {
		Caption      string
		Wide, Narrow htmlDrawing
	}
	htmlDrawing struct {
		Label                     string
		Height, Left, Right, Axis string
		LabelX                    string
		Hatches                   []htmlHatch
		Lines                     []htmlLine
		Boxes                     []htmlBox
		Texts                     []htmlLabel
	}
	htmlHatch struct{ ID, Angle, Color string }
	htmlLine  struct{ Y, TextY, Text string }
	htmlBox   struct{ X, Y, W, H, Fill, Stroke, Title string }
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
	return &htmlChart{ch.heading(p.madeOn()), ch.wide(), ch.narrow()}
}

// start is a drawing with the hatches of its series, whose ids begin with a
// letter of its own.
func (ch *chartTable) start(letter string) htmlDrawing {
	d := htmlDrawing{Label: ch.title}
	for i := 1; i < len(ch.values); i++ {
		d.Hatches = append(d.Hatches, htmlHatch{letter + strconv.Itoa(i), []string{"0", "-45", "45"}[i%3], ch.color(i)})
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

// box is a part of a mark, plain for the first series and hatched for others.
func (ch *chartTable) box(letter string, series int, x, y, w, h float64, title string) htmlBox {
	b := htmlBox{at(x), at(y), at(w), at(h), ch.color(series), ch.color(series), title}
	if series > 0 {
		b.Fill = "url(#" + letter + strconv.Itoa(series) + ")"
	}
	return b
}

func (ch *chartTable) totals() (totals []float64, largest float64) {
	totals = make([]float64, len(ch.labels))
	for i := range ch.labels {
		for _, series := range ch.values {
			totals[i] += series[i]
		}
		largest = max(largest, totals[i])
	}
	return totals, largest
}

// wide draws columns with their totals above them.
func (ch *chartTable) wide() htmlDrawing {
	const width, top, axis = 720.0, 22.0, 212.0
	d := ch.start("w")
	totals, largest := ch.totals()
	ceiling, step := niceCeiling(largest)
	left := letters(number(int64(ceiling))) + 10
	right := width
	for _, i := range ch.named() {
		right = min(right, width-min(letters(ch.def.Series[i].Title), 150)-34)
	}
	scale := (axis - top) / ceiling
	for v := step; v <= ceiling+step/2; v += step {
		y := axis - v*scale
		d.Lines = append(d.Lines, htmlLine{at(y), at(y + 4), number(int64(v))})
	}
	each := (right - left) / float64(len(ch.labels))
	thick := min(each*0.62, 72)
	most := 1
	for i, label := range ch.labels {
		centre, y := left+each*(float64(i)+0.5), axis
		for s, series := range ch.values {
			if h := series[i] * scale; h > 0 {
				y -= h
				title := label + ", " + ch.def.Series[s].Title + ": " + decimal(series[i])
				d.Boxes = append(d.Boxes, ch.box("w", s, centre-thick/2, y, thick, h, title))
			}
		}
		d.Texts = append(d.Texts, htmlLabel{at(centre), at(y - 5), "middle", "total", decimal(totals[i])})
		lines := fold(label, each*0.96, 3)
		most = max(most, len(lines))
		for n, line := range lines {
			d.Texts = append(d.Texts, htmlLabel{at(centre), at(axis + 17 + float64(n)*14), "middle", "", line})
		}
	}
	y := axis - 4
	for _, i := range ch.named() {
		d.Boxes = append(d.Boxes, ch.box("w", i, right+14, y-9, 10, 10, ""))
		d.Texts = append(d.Texts, htmlLabel{at(right + 30), at(y), "start", "", fold(ch.def.Series[i].Title, 150, 1)[0]})
		y -= 20
	}
	d.Left, d.LabelX, d.Right, d.Axis = at(left), at(left-6), at(right), at(axis)
	d.Height = at(axis + 12 + float64(most)*14)
	return d
}

// narrow draws bars below each other, each below its label.
func (ch *chartTable) narrow() htmlDrawing {
	const width = 358.0
	d := ch.start("n")
	totals, largest := ch.totals()
	room := width - letters(decimal(largest)) - 12
	y := 0.0
	for _, i := range ch.named() {
		d.Boxes = append(d.Boxes, ch.box("n", i, 1, y+4, 10, 10, ""))
		d.Texts = append(d.Texts, htmlLabel{"18", at(y + 13), "start", "", fold(ch.def.Series[i].Title, width-20, 1)[0]})
		y += 18
	}
	if y > 0 {
		y += 6
	}
	for i, label := range ch.labels {
		d.Texts = append(d.Texts, htmlLabel{"0", at(y + 12), "start", "", fold(label, width, 1)[0]})
		x := 0.5
		for s, series := range ch.values {
			if w := series[i] / largest * room; w > 0 {
				d.Boxes = append(d.Boxes, ch.box("n", s, x, y+17, w, 13, ""))
				x += w
			}
		}
		d.Texts = append(d.Texts, htmlLabel{at(x + 6), at(y + 28), "start", "total", decimal(totals[i])})
		y += 38
	}
	d.Height = at(y)
	return d
}

// fold breaks a label into at most so many lines of about a width; what is
// left over is cut with an ellipsis.
func fold(label string, width float64, most int) []string {
	lines, line := []string{}, ""
	add := func(s string) {
		if len(lines) < most {
			lines = append(lines, s)
		}
	}
	cutOff := false
	for word := range strings.FieldsSeq(label) {
		if next := strings.TrimSpace(line + " " + word); line == "" || letters(next) <= width {
			line = next
			continue
		}
		cutOff = len(lines)+1 >= most
		if cutOff {
			break
		}
		add(line)
		line = word
	}
	runes := []rune(line)
	for len(runes) > 1 && letters(string(runes)+"…") > width+letters("…") {
		runes, cutOff = runes[:len(runes)-1], true
	}
	line = string(runes)
	if cutOff {
		line = strings.TrimSpace(line) + "…"
	}
	add(line)
	return lines
}
