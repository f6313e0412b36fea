package reports

import (
	"fmt"
	"slices"
	"strings"
)

// method draws how the report was made: enough for somebody else to make it
// again and to judge what it rests on.
func (c *canvas) method(r *Report) {
	c.addPage(portrait)
	c.bookmark("How this was made", 0)
	c.pdf.RawWriteStr(sectionBegins)
	x, w := c.page.left, c.page.width()
	c.y = c.text("How this was made", bold, accent, x, c.y, sizeHead+1, w, 0) + 4
	for _, n := range r.methodFacts() {
		c.pair(n, 38)
	}
	c.heading("What was read")
	c.small(resourceTable(r))
	if len(r.trust.tieOuts) > 0 {
		c.heading("Tie-outs with the cloud's own counts")
		c.small(tieOutTable(r))
	}
	for _, t := range r.tables {
		c.heading("Columns of " + t.section.Title)
		for _, col := range t.columns {
			c.pair(namedText{col.Title, col.words()}, 38)
		}
	}
	for _, q := range r.queries {
		c.heading("Query " + q.name)
		c.y = c.text("SHA-256 "+q.sha256, mono, muted, x, c.y, sizeID, w, 0) + 1.5
		c.sql(q.text)
	}
	c.heading("Fonts and characters")
	for _, n := range c.fontFacts() {
		c.pair(n, 38)
	}
}

// words is a column's meaning, with its name in the query's result.
func (c Column) words() string {
	s := c.Name
	if c.Hidden != "" {
		s += " (workbook only)"
	}
	if c.Meaning != "" {
		s += ": " + c.Meaning
	}
	return s
}

func (c *canvas) heading(title string) {
	c.y += 5
	c.need(22)
	c.bookmark(title, 1)
	c.y = c.text(title, bold, ink, c.page.left, c.y, sizeText+0.5, c.page.width(), 0) + 2
}

// pair draws a name and beside it its value.
func (c *canvas) pair(n namedText, column float64) {
	x, w := c.page.left, c.page.width()
	name := c.set.wrap([]piece{{n.name, regular, muted}}, sizeSmall, column-2, 0)
	value := c.set.wrap([]piece{{n.text, regular, ink}}, sizeSmall, w-column, 0)
	c.need(height(min(max(len(name), len(value)), 8), sizeSmall) + 1.3)
	y := c.y
	for i := range max(len(name), len(value)) {
		if y+leading(sizeSmall) > c.page.floor() {
			c.addPage(c.page)
			y = c.y
		}
		if i < len(name) {
			c.lines(name[i:i+1], x, y, sizeSmall)
		}
		if i < len(value) {
			c.lines(value[i:i+1], x+column, y, sizeSmall)
		}
		y += leading(sizeSmall)
	}
	c.y = y + 0.7
}

// sql draws a query in a fixed pitch with its line breaks, in two columns of
// one height.
func (c *canvas) sql(text string) {
	const between = 4.0
	wide := (c.page.width() - between) / 2
	var set []line
	var shifts []float64
	for l := range strings.Lines(strings.TrimRight(text, "\n")) {
		l = strings.TrimRight(l, "\n")
		indent := len(l) - len(strings.TrimLeft(l, " "))
		shift := min(float64(indent)*c.set.width(" ", mono, sizeSQL), wide/2)
		for i, ls := range c.set.wrap([]piece{{l[indent:], mono, ink}}, sizeSQL, wide-shift-1.5, 0) {
			set, shifts = append(set, ls), append(shifts, shift)
			if i > 0 {
				shifts[len(shifts)-1] += 1.5 // what goes on is set in
			}
		}
	}
	const fewest = 4 // lines below the heading
	for step := leading(sizeSQL); len(set) > 0; {
		c.need(float64(min(fewest, (len(set)+1)/2)) * step)
		rows := min(int((c.page.floor()-c.y)/step), (len(set)+1)/2)
		c.upright(c.page.left+wide+between/2, c.y, float64(rows)*step, 0.15, hair)
		for i := range min(2*rows, len(set)) {
			x, y := c.page.left+shifts[i], c.y+float64(i%rows)*step
			if i >= rows {
				x += wide + between
			}
			c.line(set[i], x, y+ascent(sizeSQL), sizeSQL)
		}
		c.y += float64(rows) * step
		set, shifts = set[min(2*rows, len(set)):], shifts[min(2*rows, len(shifts)):]
	}
}

// small draws a small table of facts.
func (c *canvas) small(t *table) {
	indexes := make([]int, len(t.columns))
	for i := range indexes {
		indexes[i] = i
	}
	c.rowsOf(t, c.layout(t, indexes, c.page.width(), maxLines), t.rows)
}

// methodFacts are the facts of the method that every output carries.
func (r *Report) methodFacts() []namedText {
	t := r.trust
	facts := []namedText{
		{"Report", joinWords(r.def.ID, r.Name(), r.Title())},
		{"Question", r.question},
		{"Controls", strings.Join(r.def.Controls, ", ")},
		{"Part", upperFirst(r.part.words())},
	}
	for _, p := range t.projects {
		facts = append(facts, namedText{"Project", p.id + ": " + strings.ReplaceAll(p.verdict, "_", " ") +
			"; collected " + known(p.started, t.zone) + " to " + known(p.finished, t.zone) +
			"; the cloud's clock at its end " + known(p.serverTime, t.zone) + "; digest " + p.digest})
	}
	facts = append(facts,
		namedText{"Snapshot", t.snapshot},
		namedText{"Verdict", t.verdict()},
		namedText{"As of", r.asOf()},
		namedText{"Digest", t.digest()},
		namedText{"Sealed by", r.sealed.whole()},
		namedText{"Mask", r.maskWords()},
	)
	if r.since != nil && r.since.trust.snapshot != "" {
		b := r.since.trust
		facts = append(facts, namedText{"Compared with", "snapshot " + b.snapshot + " as of " + moment(b.asOf, t.zone) +
			"; " + strings.ToLower(b.verdict()) + "; digest " + b.digest()})
	}
	for _, s := range t.lacks {
		facts = append(facts, namedText{"Lacks", s})
	}
	for _, s := range t.limits {
		facts = append(facts, namedText{"Coverage", upperFirst(s)})
	}
	for _, s := range r.def.NotCovered {
		facts = append(facts, namedText{"Not covered", s})
	}
	for _, p := range r.parameters {
		facts = append(facts, namedText{"Parameter", p.name + " = " + p.text})
	}
	for _, s := range r.tables {
		facts = append(facts, namedText{"Rows", number(int64(s.rows)) + " in " + s.section.Title})
	}
	if t.journalLine > 0 {
		facts = append(facts, namedText{"Journal", "read up to line " + number(t.journalLine)})
	}
	facts = append(facts, namedText{"Program", "exporter " + t.programVersion},
		namedText{"No value", nothing + " is no value (NULL), " + emptyText + " a text without a character, " + blankText + " one of white space"})
	return slices.DeleteFunc(facts, func(n namedText) bool { return n.text == "" })
}

// resourceTable is what was read from the cloud, as a table.
func resourceTable(r *Report) *table {
	t := factTable(r, "Project", "Resource", "Verdict", "Rows", "Distinct", "Total first", "Total last", "Pages", "Retries", "Covered", "Read in")
	for _, x := range r.trust.resources {
		covered := any(nil)
		if x.covered != nil && x.coverable != nil {
			covered = fmt.Sprintf("%s of %s", show(x.covered, "", nil), show(x.coverable, "", nil))
		}
		t.fact(x.project, resourceWords(x.resource), strings.ReplaceAll(x.verdict, "_", " "), x.rows, x.distinct,
			x.totalFirst, x.totalLast, x.pages, x.retries, covered, x.walkedIn)
	}
	t.settle()
	return t
}

func tieOutTable(r *Report) *table {
	t := factTable(r, "Project", "Tie-out", "Ours", "Theirs", "Result", "Note")
	for _, x := range r.trust.tieOuts {
		t.fact(x.project, x.name, x.ours, x.theirs, x.result, x.note)
	}
	t.settle()
	return t
}

func factTable(r *Report, titles ...string) *table {
	t := &table{zone: r.trust.zone}
	for _, title := range titles {
		t.columns = append(t.columns, Column{Name: title, Title: title})
		t.vectors = append(t.vectors, &vector{})
	}
	return t
}

func (t *table) fact(values ...any) {
	for i, v := range values {
		t.vectors[i].add(v)
	}
	t.rows++
}

// fontFacts are the fonts that the document could use, and what became of
// characters that none of them has.
func (c *canvas) fontFacts() []namedText {
	var facts []namedText
	for _, f := range c.set.fonts.all() {
		use := "not used"
		if c.set.used[f] {
			use = "used"
		}
		facts = append(facts, namedText{f.name, use + "; SHA-256 " + f.sha256})
	}
	if len(c.set.fonts.fallback) == 0 {
		facts = append(facts, namedText{"No CJK font", "none was found on the system; Chinese, Japanese and Korean are shown as U+XXXX"})
	}
	return append(facts, c.set.notes()...)
}

// notes says what was done to characters that could not be shown.
func (t *typesetter) notes() []namedText {
	var facts []namedText
	if len(t.shown) > 0 {
		n := 0
		var codes []string
		for r, times := range t.shown {
			n += times
			codes = append(codes, fmt.Sprintf("U+%04X", r))
		}
		slices.Sort(codes)
		list := strings.Join(codes[:min(len(codes), 40)], ", ")
		if len(codes) > 40 {
			list += ", …"
		}
		facts = append(facts, namedText{"Not in a font", fmt.Sprintf("%s, %s different, shown as U+XXXX: %s",
			plural(n, "character", "characters"), number(int64(len(codes))), list)})
	}
	if t.invalid > 0 {
		facts = append(facts, namedText{"Invalid UTF-8", plural(t.invalid, "byte", "bytes") + " shown as \uFFFD"})
	}
	if t.cut > 0 {
		facts = append(facts, namedText{"Cut short", plural(t.cut, "text", "texts") + " that would not fit, ending in …; the workbook has them whole"})
	}
	return facts
}
