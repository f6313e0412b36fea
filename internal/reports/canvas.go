package reports

import (
	"slices"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// A canvas draws on the pages of one PDF, in millimetres from the top left.
// All text goes through its typesetter, so that only characters reach the
// library that a font has.
type canvas struct {
	pdf  *fpdf.Fpdf
	set  *typesetter
	page page
	y    float64 // where the next thing goes
	keys map[*fontFile]string

	sizes []page // of each page so far
}

// page is a page's size and the part of it that is written on.
type page struct {
	w, h                     float64
	left, right, top, bottom float64
}

func (p page) width() float64 { return p.w - p.left - p.right }

// floor is the y below which only the footer stands.
func (p page) floor() float64 { return p.h - p.bottom }

var (
	portrait  = page{w: 210, h: 297, left: 16, right: 16, top: 15, bottom: 17}
	landscape = page{w: 297, h: 210, left: 14, right: 14, top: 14, bottom: 16}
)

func newCanvas(f Fonts, created time.Time) *canvas {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(created)
	pdf.SetModificationDate(created)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetMargins(0, 0, 0)
	pdf.SetCellMargin(0)
	pdf.SetLineCapStyle("butt")
	return &canvas{pdf: pdf, set: newTypesetter(f), keys: map[*fontFile]string{}}
}

// addPage begins a page and leaves y at its top.
func (c *canvas) addPage(p page) {
	orientation := "P"
	if p.w > p.h {
		orientation = "L"
	}
	c.pdf.AddPageFormat(orientation, fpdf.SizeType{Wd: min(p.w, p.h), Ht: max(p.w, p.h)})
	c.page, c.y = p, p.top
	c.sizes = append(c.sizes, p)
}

// font selects a font, adding it to the document at its first use.
func (c *canvas) font(file *fontFile, size float64) {
	key, ok := c.keys[file]
	if !ok {
		key = "f" + string(rune('a'+len(c.keys)))
		c.keys[file] = key
		c.pdf.AddUTF8FontFromBytes(key, "", slices.Clone(file.data)) // the library writes into what it is given
	}
	c.pdf.SetFont(key, "", size)
}

func (c *canvas) textColor(k rgb) { c.pdf.SetTextColor(int(k.r), int(k.g), int(k.b)) }
func (c *canvas) fillColor(k rgb) { c.pdf.SetFillColor(int(k.r), int(k.g), int(k.b)) }
func (c *canvas) drawColor(k rgb) { c.pdf.SetDrawColor(int(k.r), int(k.g), int(k.b)) }

// ascent is how far the top of the capitals is above the baseline.
func ascent(size float64) float64 { return size * 0.73 * mmPerPoint }

// leading is the distance of two baselines.
func leading(size float64) float64 { return size * 1.32 * mmPerPoint }

// line draws a set line with its baseline at y.
func (c *canvas) line(l line, x, y, size float64) {
	for _, r := range l.runs {
		if r.file == nil || r.text == "" {
			continue
		}
		c.set.drawn(r)
		c.font(r.file, size)
		c.textColor(r.color)
		if r.strike {
			c.drawColor(r.color)
			c.pdf.SetLineWidth(size * 0.025 * mmPerPoint)
			c.pdf.SetTextRenderingMode(2)
		}
		c.pdf.Text(x+r.x, y, r.text)
		if r.strike {
			c.pdf.SetTextRenderingMode(0)
		}
	}
}

// lines draws lines below each other, the top of the first at y, and returns
// the y below the last.
func (c *canvas) lines(ls []line, x, y, size float64) float64 {
	step := leading(size)
	for i, l := range ls {
		c.line(l, x, y+ascent(size)+float64(i)*step, size)
	}
	return y + height(len(ls), size)
}

// height is the height of n lines from the top of the first capital to a
// little below the last baseline.
func height(n int, size float64) float64 {
	if n == 0 {
		return 0
	}
	return ascent(size) + float64(n-1)*leading(size) + size*0.23*mmPerPoint
}

// text draws one text, wrapped, at y and returns the y below.
func (c *canvas) text(s string, st style, k rgb, x, y, size, width float64, most int) float64 {
	return c.lines(c.set.wrap([]piece{{s, st, k}}, size, width, most), x, y, size)
}

// textRight draws one line that ends at x.
func (c *canvas) textRight(s string, st style, k rgb, x, y, size, width float64) float64 {
	ls := c.set.wrap([]piece{{s, st, k}}, size, width, 1)
	return c.lines(ls, x-ls[0].width, y, size)
}

// textCentre draws one line around x.
func (c *canvas) textCentre(s string, st style, k rgb, x, y, size, width float64) {
	for i, l := range c.set.wrap([]piece{{s, st, k}}, size, width, 2) {
		c.line(l, x-l.width/2, y+ascent(size)+float64(i)*leading(size), size)
	}
}

func (c *canvas) rule(x, y, w, thick float64, k rgb) {
	c.drawColor(k)
	c.pdf.SetLineWidth(thick)
	c.pdf.Line(x, y, x+w, y)
}

func (c *canvas) upright(x, y, h, thick float64, k rgb) {
	c.drawColor(k)
	c.pdf.SetLineWidth(thick)
	c.pdf.Line(x, y, x, y+h)
}

func (c *canvas) box(x, y, w, h float64, k rgb) {
	c.fillColor(k)
	c.pdf.Rect(x, y, w, h, "F")
}

// hatch fills a box with a pattern: solid for the first series, then stripes
// one way, the other way, and lying, so that it reads without colour.
func (c *canvas) hatch(x, y, w, h float64, series int, k rgb) {
	if w <= 0 || h <= 0 {
		return
	}
	if series == 0 {
		c.box(x, y, w, h, k)
		return
	}
	c.box(x, y, w, h, white)
	c.pdf.ClipRect(x, y, w, h, false)
	c.drawColor(k)
	c.pdf.SetLineWidth(0.35)
	const step = 1.3
	switch series % 3 {
	case 1:
		for d := -h; d < w; d += step {
			c.pdf.Line(x+d, y+h, x+d+h, y)
		}
	case 2:
		for d := 0.0; d < w+h; d += step {
			c.pdf.Line(x+d, y+h, x+d-h, y)
		}
	default:
		for d := step / 2; d < h; d += step {
			c.pdf.Line(x, y+d, x+w, y+d)
		}
	}
	c.pdf.ClipEnd()
	c.pdf.SetLineWidth(0.25)
	c.pdf.Rect(x, y, w, h, "D")
}

// Sizes of a chip: a severity's word in a rounded box.
const (
	chipSize = 6.2
	chipPad  = 1.3
	chipHigh = 3.6
)

func (c *canvas) chipWidth(word string) float64 {
	return c.set.width(word, bold, chipSize) + 2*chipPad
}

// chip draws a severity's word with the top of its box at y.
func (c *canvas) chip(word, tone string, x, y float64) {
	k, w := toneColor(tone), c.chipWidth(word)
	c.fillColor(toneTint(tone))
	c.drawColor(k)
	c.pdf.SetLineWidth(0.22)
	c.pdf.RoundedRect(x, y, w, chipHigh, 0.6, "1234", "FD")
	c.text(word, bold, k, x+chipPad, y+(chipHigh-ascent(chipSize))/2, chipSize, w, 1)
}

// bookmark adds an entry to the outline at the present place.
func (c *canvas) bookmark(title string, level int) {
	c.font(c.set.fonts.regular, sizeText)
	plain := make([]rune, 0, len(title))
	for _, r := range title {
		if r > 0xFFFF {
			r = '\uFFFD'
		}
		plain = append(plain, r)
	}
	c.pdf.Bookmark(string(plain), level, c.y)
}

// footers writes the last lines of all pages, once their number is known. The
// library places things by the height of the newest page, hence the shift.
func (c *canvas) footers(name, rests string) {
	newest, total := c.page.h, len(c.sizes)
	for i, p := range c.sizes {
		c.pdf.SetPage(i + 1)
		c.font(c.set.fonts.regular, 1) // so that the next choice is written on this page
		y := p.h - 10 + newest - p.h
		const pages = 25
		left := c.set.fit(name, " · "+rests, sizeSmall, p.width()-pages)
		c.text(left, regular, muted, p.left, y, sizeSmall, p.width()-pages, 1)
		c.textRight(number(int64(i+1))+" of "+number(int64(total)), regular, muted, p.w-p.right, y, sizeSmall, pages)
	}
	c.pdf.SetPage(total)
}
