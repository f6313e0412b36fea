package reports

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"strings"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	raster "golang.org/x/image/vector"
)

// A bitmap is what a drawing is painted on: places are in units of the drawing.
type bitmap struct {
	img    *image.RGBA
	scale  float64 // pixels of a unit
	margin float64 // units around the drawing
	set    *typesetter
	buf    sfnt.Buffer
}

// letterHeight is the size of a drawing's letters, in its units.
const letterHeight = 12

// png paints a drawing on white, at so many pixels a unit. The same drawing and
// fonts give the same bytes.
func (d *drawing) png(fonts Fonts, scale float64) ([]byte, error) {
	const margin = 8
	pixels := func(x float64) int { return int(math.Ceil((x + 2*margin) * scale)) }
	b := &bitmap{scale: scale, margin: margin, set: newTypesetter(fonts),
		img: image.NewRGBA(image.Rect(0, 0, pixels(d.Width), pixels(d.Height)))}
	draw.Draw(b.img, b.img.Bounds(), image.White, image.Point{}, draw.Src)
	for _, p := range d.Paths {
		switch p.Class {
		case "line":
			b.strokes(p.Lines, nil, 1, hair)
		case "axis":
			b.strokes(p.Lines, nil, 1, ink)
		default:
			b.strokes(p.Lines, dashes[p.Series%len(dashes)], 2, d.ch.rgb(p.Series))
		}
	}
	for _, x := range d.Boxes {
		b.box(x, d.ch.rgb(x.Series))
	}
	for _, l := range d.Texts {
		b.label(l)
	}
	var out bytes.Buffer
	err := png.Encode(&out, b.img)
	return out.Bytes(), err
}

// rgb is the colour of a series.
func (ch *chartTable) rgb(series int) rgb { return seriesColor(series, ch.def.Series[series].Tone) }

// place is where a point is, in pixels.
func (b *bitmap) place(p point) point {
	return point{(p.X + b.margin) * b.scale, (p.Y + b.margin) * b.scale}
}

// fill fills what outlines enclose, in pixels, inside within.
func (b *bitmap) fill(outlines [][]point, within image.Rectangle, k rgb) {
	within = within.Intersect(b.img.Bounds())
	if within.Empty() {
		return
	}
	r := raster.NewRasterizer(within.Dx(), within.Dy())
	at := func(p point) (x, y float32) {
		return float32(p.X - float64(within.Min.X)), float32(p.Y - float64(within.Min.Y))
	}
	for _, o := range outlines {
		r.MoveTo(at(o[0]))
		for _, p := range o[1:] {
			r.LineTo(at(p))
		}
		r.ClosePath()
	}
	b.paint(r, within, k)
}

func (b *bitmap) paint(r *raster.Rasterizer, within image.Rectangle, k rgb) {
	r.Draw(b.img, within, image.NewUniform(color.RGBA{k.r, k.g, k.b, 0xFF}), image.Point{})
}

// around is the rectangle of pixels that holds points and as much beside them.
func around(points []point, beside float64) image.Rectangle {
	low, high := points[0], points[0]
	for _, p := range points {
		low = point{min(low.X, p.X), min(low.Y, p.Y)}
		high = point{max(high.X, p.X), max(high.Y, p.Y)}
	}
	return image.Rect(int(math.Floor(low.X-beside)), int(math.Floor(low.Y-beside)),
		int(math.Ceil(high.X+beside)), int(math.Ceil(high.Y+beside)))
}

// strokes draws lines of a thickness, broken by dashes where there are any.
func (b *bitmap) strokes(lines [][]point, dash []float64, thick float64, k rgb) {
	for _, line := range lines {
		walked := 0.0
		for i := 1; i < len(line); i++ {
			from, to := line[i-1], line[i]
			long := math.Hypot(to.X-from.X, to.Y-from.Y)
			along := func(s float64) point {
				return point{from.X + (to.X-from.X)*s/long, from.Y + (to.Y-from.Y)*s/long}
			}
			for s := 0.0; s < long; {
				piece, drawn := dashAt(dash, walked+s)
				end := min(s+piece, long)
				if drawn {
					b.segment(along(s), along(end), thick, k)
				}
				s = end
			}
			walked += long
		}
	}
}

// dashAt is how far a dash or the gap between two goes on from a place on a line.
func dashAt(dash []float64, at float64) (left float64, drawn bool) {
	if len(dash) == 0 {
		return math.Inf(1), true
	}
	sum := 0.0
	for _, d := range dash {
		sum += d
	}
	at = math.Mod(at, sum)
	for i, d := range dash {
		if at < d-1e-9 {
			return d - at, i%2 == 0
		}
		at -= d
	}
	return dash[0], true
}

// segment draws a straight line.
func (b *bitmap) segment(from, to point, thick float64, k rgb) {
	from, to = b.place(from), b.place(to)
	half := thick * b.scale / 2
	long := math.Hypot(to.X-from.X, to.Y-from.Y)
	if long == 0 {
		return
	}
	x, y := (to.X-from.X)/long*half, (to.Y-from.Y)/long*half
	outline := []point{{from.X - y, from.Y + x}, {to.X - y, to.Y + x},
		{to.X + y, to.Y - x}, {from.X + y, from.Y - x}}
	b.fill([][]point{outline}, around(outline, 1), k)
}

// box fills a box, or draws its edge and stripes in it.
func (b *bitmap) box(x box, k rgb) {
	outline := []point{{x.X, x.Y}, {x.X + x.W, x.Y}, {x.X + x.W, x.Y + x.H}, {x.X, x.Y + x.H}}
	if !x.Hatched {
		for i := range outline {
			outline[i] = b.place(outline[i])
		}
		b.fill([][]point{outline}, around(outline, 1), k)
		return
	}
	const step, thick = 5.0, 2.0
	angle := float64(hatchAngle(x.Series)) * math.Pi / 180
	along, across := point{math.Cos(angle), math.Sin(angle)}, point{-math.Sin(angle), math.Cos(angle)}
	corners := []point{b.place(outline[0]), b.place(outline[2])}
	long := x.W + x.H
	var stripes [][]point
	for d := -math.Ceil(long/step) * step; d < long; d += step {
		at := func(l, w float64) point {
			return b.place(point{x.X + x.W/2 + along.X*l + across.X*(d+w),
				x.Y + x.H/2 + along.Y*l + across.Y*(d+w)})
		}
		stripes = append(stripes, []point{at(-long, 0), at(long, 0), at(long, thick), at(-long, thick)})
	}
	b.fill(stripes, around(corners, -0.5), k)
	for i := range outline {
		b.segment(outline[i], outline[(i+1)%len(outline)], 1, k)
	}
}

// label writes a text.
func (b *bitmap) label(l label) {
	p := piece{strings.TrimSpace(l.Text), regular, muted}
	if l.Class == "total" {
		p.style, p.color = bold, ink
	}
	line := b.set.wrap([]piece{p}, letterHeight, math.Inf(1), 1)[0]
	x := l.X
	switch l.Anchor {
	case "middle":
		x -= line.width / mmPerPoint / 2
	case "end":
		x -= line.width / mmPerPoint
	}
	for _, r := range line.runs {
		at := x + r.x/mmPerPoint
		for _, c := range r.text {
			b.glyph(r, c, point{at, l.Y})
			at += b.set.glyph(c, r.style).advance / 1000 * letterHeight
		}
	}
}

// glyph paints a character with its baseline at a place; twice where a font that
// has no bold letters has to give one.
func (b *bitmap) glyph(r run, c rune, at point) {
	if r.file == nil {
		return
	}
	size := fixed.Int26_6(letterHeight * b.scale * 64)
	segments, err := r.file.parsed.LoadGlyph(&b.buf, r.file.glyph(&b.buf, c), size, nil)
	if err != nil || len(segments) == 0 {
		return // a space, or what the typesetter has not chosen
	}
	at = b.place(at)
	times := 1
	if r.strike {
		times = 2
	}
	for n := range times {
		b.outline(segments, point{at.X + 0.4*b.scale*float64(n), at.Y}, r.color)
	}
}

// outline paints the outline of a character.
func (b *bitmap) outline(segments sfnt.Segments, at point, k rgb) {
	pixel := func(p fixed.Point26_6) point { return point{at.X + float64(p.X)/64, at.Y + float64(p.Y)/64} }
	bounds := segments.Bounds()
	within := around([]point{pixel(bounds.Min), pixel(bounds.Max)}, 1).Intersect(b.img.Bounds())
	if within.Empty() {
		return
	}
	r := raster.NewRasterizer(within.Dx(), within.Dy())
	to := func(p fixed.Point26_6) (x, y float32) {
		to := pixel(p)
		return float32(to.X - float64(within.Min.X)), float32(to.Y - float64(within.Min.Y))
	}
	for _, s := range segments {
		x1, y1 := to(s.Args[0])
		x2, y2 := to(s.Args[1])
		x3, y3 := to(s.Args[2])
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			r.ClosePath()
			r.MoveTo(x1, y1)
		case sfnt.SegmentOpLineTo:
			r.LineTo(x1, y1)
		case sfnt.SegmentOpQuadTo:
			r.QuadTo(x1, y1, x2, y2)
		case sfnt.SegmentOpCubeTo:
			r.CubeTo(x1, y1, x2, y2, x3, y3)
		}
	}
	r.ClosePath()
	b.paint(r, within, k)
}
