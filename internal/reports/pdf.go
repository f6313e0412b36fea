package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// defaultPDFRows is how many rows of a section a PDF shows unless the
// definition says otherwise.
const defaultPDFRows = 2000

// WritePDF writes the report as pages: a first one that stands alone, the
// sections' tables, and how it was made. A section's rows beyond the
// definition's pdf_rows are left out, which the first page says. The same
// report and fonts give the same bytes. It returns w's error, if any.
func (r *Report) WritePDF(w io.Writer, f Fonts) error {
	c := newCanvas(f, r.trust.asOf.UTC())
	c.pdf.SetTitle(printable(r.Title()), true)
	c.pdf.SetSubject(printable(r.question), true)
	c.pdf.SetCreator("exporter "+printable(r.trust.programVersion), true)
	c.pdf.SetProducer("exporter", false)
	c.pdf.SetKeywords(printable("snapshot "+r.trust.snapshot+" digest "+r.trust.digest()), true)
	c.addPage(portrait)
	c.firstPage(r)
	c.matrix(r.matrix)
	for _, t := range r.tables {
		c.section(r, t)
	}
	c.method(r)
	c.footers(r.footer())
	if err := c.pdf.Output(w); err != nil {
		return fmt.Errorf("write report %s as PDF: %w", r.Name(), err)
	}
	return nil
}

// printable keeps characters out of the document's properties that the
// library cannot take.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r > 0xFFFF || r < ' ' {
			return '\uFFFD'
		}
		return r
	}, s)
}

// shownRows is how many rows of a section a PDF shows.
func (r *Report) shownRows(t *table) int {
	most := defaultPDFRows
	if r.def.PDFRows != nil {
		most = *r.def.PDFRows
	}
	if most > 0 {
		return min(t.rows, most)
	}
	return t.rows
}

// firstPage draws what a reader needs who reads nothing else.
func (c *canvas) firstPage(r *Report) {
	x, w := c.page.left, c.page.width()
	c.bookmark(r.Title(), 0)
	c.textRight(joinWords(r.def.ID, r.Name()), regular, muted, x+w, c.y, sizeSmall, w/2)
	c.y = c.text(r.subject(), regular, muted, x, c.y, sizeSmall, w/2, 1) + 3.6
	c.y = c.text(r.Title(), bold, ink, x, c.y, sizeTitle, w, 2) + 1.8
	if r.question != "" {
		c.y = c.text(r.question, regular, muted, x, c.y, sizeHead, w, 2)
	}
	c.y += 5
	c.banner(r)
	c.answer(r)
	c.figures(r)

	foot := c.page.floor() - c.ribbonHeight(r)
	room := foot - c.y - c.todoHeight(r) - 4
	lists := c.firstLists(r)
	charted := !r.chart.empty()
	const least, usual = 44.0, 74.0 // heights of a chart with its title
	if charted {
		room -= least
	}
	lists = fitLists(lists, room)
	for _, l := range lists {
		room -= l.height()
	}
	if charted {
		c.chart(r.chart, r.madeOn(), min(least+max(room, 0), usual))
	}
	for _, l := range lists {
		c.drawFirst(l)
	}
	c.todo(r)
	c.ribbon(r, foot)
}

// joinWords joins what there is of its arguments with a middle dot.
func joinWords(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

// madeOn is the day that the report speaks of.
func (r *Report) madeOn() string { return r.trust.asOf.In(r.trust.zone).Format("2 Jan 2006") }

// banner says in amber what the snapshot lacks.
func (c *canvas) banner(r *Report) {
	if r.trust.complete() {
		return
	}
	x, w := c.page.left, c.page.width()
	pieces := []piece{{"Partial snapshot. ", bold, amber}}
	pieces = append(pieces, piece{strings.Join(lacksWords(r), ". ") + ".", regular, ink})
	ls := c.set.wrap(pieces, sizeText, w-8, 6)
	h := height(len(ls), sizeText) + 5
	c.box(x, c.y, w, h, rgb{0xFD, 0xF3, 0xE1})
	c.box(x, c.y, 1.2, h, amber)
	c.lines(ls, x+4.5, c.y+2.5, sizeText)
	c.y += h + 4.5
}

func lacksWords(r *Report) []string {
	if len(r.trust.lacks) == 0 {
		return []string{"The collection did not end whole; what it lacks was not recorded"}
	}
	return r.trust.lacks
}

// answer draws the sentence that answers the question.
func (c *canvas) answer(r *Report) {
	x, w := c.page.left, c.page.width()
	k := toneColor(r.tone)
	pieces := emphasized(r.answer, piece{style: regular, color: ink}, piece{style: bold, color: k})
	ls := c.set.wrap(pieces, sizeAnswer, w-6, 5)
	h := height(len(ls), sizeAnswer) + 3
	c.box(x, c.y, 1.2, h, k)
	c.lines(ls, x+5, c.y+1.5, sizeAnswer)
	c.y += h + 6
}

// figures draws up to four numbers in a row.
func (c *canvas) figures(r *Report) {
	n := min(len(r.figures), 4)
	if n == 0 {
		return
	}
	x, each := c.page.left, c.page.width()/float64(n)
	c.rule(x, c.y, c.page.width(), 0.2, hair)
	top, bottom := c.y+4.2, c.y
	for i, f := range r.figures[:n] {
		at, room := x+float64(i)*each, each-4
		if i > 0 {
			at, room = at+4, room-2
		}
		k := ink
		if f.tone != "" {
			k = toneColor(f.tone)
		}
		y := c.text(f.value, bold, k, at, top, sizeFigure, room, 1) + 1.6
		y = c.text(f.label, regular, ink, at, y, sizeText, room, 2)
		if f.note != "" {
			y = c.text(f.note, regular, muted, at, y+1, sizeSmall, room, 2)
		}
		bottom = max(bottom, y+3.2)
	}
	for i := 1; i < n; i++ {
		c.upright(x+float64(i)*each, c.y, bottom-c.y, 0.2, hair)
	}
	c.rule(x, bottom, c.page.width(), 0.2, hair)
	c.y = bottom + 6.5
}

func (c *canvas) todoLines(r *Report) []line {
	pieces := emphasized(r.whatToDo, piece{style: regular, color: ink}, piece{style: bold, color: ink})
	pieces = append([]piece{{"What to do. ", bold, accent}}, pieces...)
	return c.set.wrap(pieces, sizeText, c.page.width()-9, 7)
}

func (c *canvas) todoHeight(r *Report) float64 {
	if r.whatToDo == "" {
		return 0
	}
	return height(len(c.todoLines(r)), sizeText) + 7
}

func (c *canvas) todo(r *Report) {
	if r.whatToDo == "" {
		return
	}
	ls := c.todoLines(r)
	h := height(len(ls), sizeText) + 7
	c.box(c.page.left, c.y, c.page.width(), h, zebra)
	c.box(c.page.left, c.y, 0.8, h, accent)
	c.lines(ls, c.page.left+4.5, c.y+3.5, sizeText)
	c.y += h + 4
}

// ribbonLines are the two columns of the ribbon of trust.
func (c *canvas) ribbonLines(r *Report) (left, right []line) {
	w := c.page.width()
	k := toneColor(good)
	if !r.trust.complete() {
		k = amber
	}
	pieces := []piece{{r.trust.verdict(), bold, k}, {" · " + r.shownWords(), regular, ink}}
	if agree, tried := r.trust.agreeing(); tried > 0 {
		tied := piece{fmt.Sprintf(" · %d of %d tie-outs agree", agree, tried), regular, ink}
		if agree < tried {
			tied.color = amber
		}
		pieces = append(pieces, tied)
	}
	left = c.set.wrap(pieces, sizeSmall, w*0.56, 2)
	var not []string
	for _, s := range r.trust.limits {
		not = append(not, upperFirst(s))
	}
	if len(r.def.NotCovered) > 0 {
		not = append(not, "Not covered: "+strings.Join(r.def.NotCovered, "; "))
	}
	if len(not) > 0 {
		left = append(left, c.set.wrap([]piece{{strings.Join(not, ". ") + ".", regular, muted}}, sizeSmall, w*0.56, 5)...)
	}
	facts := []piece{{"Snapshot " + r.trust.snapshot + "\nas of " + r.asOf(), regular, ink}}
	facts = append(facts, piece{"\n" + r.digestWords(), regular, muted})
	if r.sealed != nil {
		facts = append(facts, piece{"\n" + r.sealed.words(), regular, muted})
	}
	right = c.set.wrap(facts, sizeSmall, w*0.40, 0)
	return left, right
}

// shownWords says how many rows are in the PDF.
func (r *Report) shownWords() string {
	shown := 0
	for _, t := range r.tables {
		if !t.changes {
			shown += r.shownRows(t)
		}
	}
	if all := r.rows(); shown < all {
		return fmt.Sprintf("%s of %s here, all in %s.xlsx", number(int64(shown)), plural(all, "row", "rows"), r.Name())
	}
	return r.allRows()
}

// allRows says how many rows the report has.
func (r *Report) allRows() string {
	tables := 0
	for _, t := range r.tables {
		if !t.changes {
			tables++
		}
	}
	switch n := r.rows(); {
	case n == 0:
		return "no rows"
	case tables > 1:
		return fmt.Sprintf("all %s in %d tables", plural(n, "row", "rows"), tables)
	default:
		return "all " + plural(n, "row", "rows")
	}
}

func (c *canvas) ribbonHeight(r *Report) float64 {
	left, right := c.ribbonLines(r)
	return height(max(len(left), len(right)), sizeSmall) + 5
}

// ribbon draws what the page rests on, at y.
func (c *canvas) ribbon(r *Report, y float64) {
	left, right := c.ribbonLines(r)
	k := toneColor(good)
	if !r.trust.complete() {
		k = amber
	}
	x, w := c.page.left, c.page.width()
	c.rule(x, y, w, 0.6, k)
	c.lines(left, x, y+2.6, sizeSmall)
	for i, l := range right {
		c.line(l, x+w-l.width, y+2.6+ascent(sizeSmall)+float64(i)*leading(sizeSmall), sizeSmall)
	}
	c.y = c.page.floor()
}
