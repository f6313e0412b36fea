package reports

import (
	"bufio"
	_ "embed"
	"fmt"
	escape "html" // it leaves CR to cleanText
	"html/template"
	"io"
	"strconv"
	"strings"
)

//go:embed html.tmpl
var htmlTemplates string

//go:embed html.css
var htmlStyle string

var htmlPage = template.Must(template.New("").Funcs(template.FuncMap{"marked": marked, "at": at}).Parse(htmlTemplates))

// marked is a text whose **parts** stand out.
func marked(s string) template.HTML {
	var b strings.Builder
	for _, p := range emphasized(s, piece{style: regular}, piece{style: bold}) {
		text := escape.EscapeString(p.text)
		if p.style == bold {
			text = "<b>" + text + "</b>"
		}
		b.WriteString(text)
	}
	return template.HTML(b.String())
}

// What the templates show.
type (
	htmlHead struct {
		Title, Subject, Place, Question, Lacks, Answer, Tone, WhatToDo string
		Style                                                          template.CSS
		Figures                                                        []htmlFigure
		Chart                                                          *htmlChart
		First                                                          []htmlTable
		Complete                                                       bool
		Verdict, Rows, Limits, Snapshot, AsOf, Seal                    string
		TieOuts                                                        *htmlTieOuts
		Contents                                                       []htmlLink
	}
	htmlFigure  struct{ Label, Value, Note, Tone string }
	htmlTieOuts struct {
		Text string
		Off  bool
	}
	htmlLink  struct{ ID, Title string }
	htmlTable struct {
		ID, Title, Empty string
		Columns          []string
		Rows             [][]template.HTML
	}
	htmlSection struct {
		htmlLink
		Meta, Note, Empty string
		Number            int
		Tall              bool
		Columns           []string
	}
	htmlFact    struct{ Name, Text string }
	htmlColumns struct {
		Title string
		Facts []htmlFact
	}
	htmlQuery  struct{ Name, Hash, Text string }
	htmlMethod struct {
		Facts   []htmlFact
		Tables  []htmlTable
		Columns []htmlColumns
		Queries []htmlQuery
		Notes   []htmlFact
	}
)

// writeHTML writes the report as one page that needs nothing beside it: no
// script, nothing loaded from elsewhere. It has the columns that a PDF has, and
// all rows. Control characters, which a page cannot hold, are replaced by
// U+FFFD and counted.
func (p part) writeHTML(w io.Writer) ([]Note, error) {
	clean := &cleanText{w: w}
	out := bufio.NewWriterSize(clean, 1<<16)
	if err := htmlPage.ExecuteTemplate(out, "head", p.htmlHead()); err != nil {
		return nil, err
	}
	if p.matrix != nil {
		if err := htmlPage.ExecuteTemplate(out, "matrix", p.matrix.htmlMatrix()); err != nil {
			return nil, err
		}
	}
	var notes []Note
	for i, t := range p.tables {
		notes = append(notes, t.invalidNote()...)
		if err := htmlPage.ExecuteTemplate(out, "section", p.htmlSection(i, t)); err != nil {
			return nil, err
		}
		columns := t.onPages()
		line := []byte{}
		for row := range t.rows {
			line = append(line[:0], "<tr>"...)
			for _, c := range columns {
				line = append(line, t.htmlCell(row, c)...)
			}
			out.Write(append(line, "</tr>\n"...))
		}
		if err := htmlPage.ExecuteTemplate(out, "foot", nil); err != nil {
			return nil, err
		}
	}
	if err := out.Flush(); err != nil { // so that all that was replaced is counted
		return nil, err
	}
	if clean.controls > 0 {
		notes = append(notes, Note{Count: clean.controls, Text: "control characters are replaced by \uFFFD"})
	}
	if err := htmlPage.ExecuteTemplate(out, "method", p.htmlMethod(notes)); err != nil {
		return nil, err
	}
	return notes, out.Flush()
}

// cleanText replaces control characters that HTML does not have.
type cleanText struct {
	w        io.Writer
	controls int
	line     []byte
}

// mustGo reports whether HTML has no such character: those below a space but
// tab and end of line.
func mustGo(b byte) bool { return b < ' ' && b != '\n' && b != '\t' || b == 0x7F }

func (c *cleanText) Write(b []byte) (int, error) {
	c.line = c.line[:0]
	for _, x := range b {
		if mustGo(x) {
			c.controls++
			c.line = append(c.line, "\uFFFD"...)
			continue
		}
		c.line = append(c.line, x)
	}
	if _, err := c.w.Write(c.line); err != nil {
		return 0, err
	}
	return len(b), nil
}

// htmlHead gathers what stands above the tables.
func (p part) htmlHead() htmlHead {
	t := p.trust
	h := htmlHead{Title: p.Title(), Subject: p.subject(), Place: joinWords(p.def.ID, p.Name()), Question: p.question,
		Answer: p.answer, Tone: p.tone, WhatToDo: p.whatToDo, Complete: t.complete(), Verdict: t.verdict(), Rows: p.Report.allRows(),
		Snapshot: t.snapshot, AsOf: p.asOf(), Seal: p.seal(), Chart: p.htmlChart()}
	if !h.Complete {
		h.Lacks = strings.Join(lacksWords(p.Report), ". ") + "."
	}
	if agree, tried := t.agreeing(); tried > 0 {
		h.TieOuts = &htmlTieOuts{fmt.Sprintf("%d of %d tie-outs agree", agree, tried), agree < tried}
	}
	h.Limits = p.limitWords()
	for _, f := range p.figures {
		h.Figures = append(h.Figures, htmlFigure{f.label, f.value, f.note, f.tone})
	}
	style := &strings.Builder{}
	style.WriteString(lookStyle() + htmlStyle)
	if p.matrix != nil {
		h.Contents = append(h.Contents, htmlLink{"matrix", p.matrix.title})
	}
	for i, x := range p.tables {
		id := sectionID(i)
		h.Contents = append(h.Contents, htmlLink{id, x.section.Title + " (" + number(int64(x.rows)) + ")"})
		columnStyle(style, "#"+id, x, x.onPages())
		if x.section.First != nil && !x.allAccepted() {
			first := x.htmlFirst("first-" + strconv.Itoa(i+1))
			columnStyle(style, "#"+first.ID, x, x.firstColumns())
			h.First = append(h.First, first)
		}
	}
	h.Style = template.CSS(style.String())
	return h
}

// lookStyle names the colours of the look, for the light and for the dark.
func lookStyle() string {
	var light, dark strings.Builder
	for _, l := range looks {
		fmt.Fprintf(&light, "--%s:#%s;", l.name, hexColor(l.light))
		fmt.Fprintf(&dark, "--%s:#%s;", l.name, hexColor(l.dark))
	}
	return ":root{" + light.String() + "color-scheme:light dark}\n@media screen and (prefers-color-scheme:dark){:root{" + dark.String() + "}}\n"
}

// limitWords says what the report does not know.
func (r *Report) limitWords() string {
	var not []string
	for _, s := range r.trust.limits {
		not = append(not, upperFirst(s))
	}
	if len(r.def.NotCovered) > 0 {
		not = append(not, "Not covered: "+strings.Join(r.def.NotCovered, "; "))
	}
	if len(not) == 0 {
		return ""
	}
	return strings.Join(not, ". ") + "."
}

func sectionID(i int) string { return "section-" + strconv.Itoa(i+1) }

// columnStyle aligns the columns of a table, and names them where a phone
// shows a row as lines below each other.
func columnStyle(b *strings.Builder, id string, t *table, columns []int) {
	for n, i := range columns {
		c := t.columns[i]
		nth := fmt.Sprintf(":nth-child(%d)", n+1)
		most := 13.0
		if strings.HasPrefix(id, "#first") {
			most = 9
		}
		fmt.Fprintf(b, "%s td%s{min-width:%.0fch}\n", id, nth, min(t.characters(i), most))
		if rightAligned(c.Format) {
			fmt.Fprintf(b, "@media print,(min-width:601px){%s td%s,%s th%s{text-align:right}}\n", id, nth, id, nth)
			fmt.Fprintf(b, "%s.rows td%s,%s.rows th%s{text-align:right}\n", id, nth, id, nth)
		}
		switch c.Format {
		case formatID:
			fmt.Fprintf(b, "%s td%s{font:11px/1.5 ui-monospace,Consolas,Menlo,monospace;color:var(--muted);white-space:nowrap}\n", id, nth)
		case formatDate, formatDatetime, formatInteger, formatNumber, formatShare, formatDuration:
			fmt.Fprintf(b, "%s td%s{white-space:nowrap}\n", id, nth)
		}
		if strings.HasPrefix(id, "#first") {
			fmt.Fprintf(b, "@media (max-width:600px){%s td%s::before{content:%s}}\n", id, nth, cssText(c.Title))
		}
	}
}

// cssText is a text in a style sheet.
func cssText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range validText(cut(s, 200)) {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == ' ' || r == '.' {
			b.WriteRune(r)
			continue
		}
		if r < ' ' {
			r = '\uFFFD'
		}
		fmt.Fprintf(&b, `\%x `, r)
	}
	b.WriteByte('"')
	return b.String()
}

// htmlFirst is the list of a section's first rows.
func (t *table) htmlFirst(id string) htmlTable {
	h := htmlTable{ID: id, Title: t.section.Title}
	if t.rows == 0 {
		h.Empty = emptyWords(t.section)
		return h
	}
	rows, columns := t.firstRows(), t.firstColumns()
	h.Title = t.section.First.heading(t, len(rows))
	for _, c := range columns {
		h.Columns = append(h.Columns, t.columns[c].Title)
	}
	for _, row := range rows {
		var cells []template.HTML
		for _, c := range columns {
			cells = append(cells, template.HTML(t.htmlCell(row, c)))
		}
		h.Rows = append(h.Rows, cells)
	}
	return h
}

// tallTable is from how many rows on a table scrolls below its header.
const tallTable = 25

func (p part) htmlSection(i int, t *table) htmlSection {
	s := htmlSection{htmlLink: htmlLink{sectionID(i), t.section.Title}, Meta: t.countWords(), Note: t.note, Number: i, Tall: t.rows > tallTable}
	for _, c := range t.onPages() {
		s.Columns = append(s.Columns, t.columns[c].Title)
	}
	if t.rows == 0 {
		s.Empty = emptyWords(t.section)
	}
	return s
}

// countWords says how many rows a table has, of each severity, and in which
// zone its times are.
func (t *table) countWords() string {
	var line strings.Builder
	line.WriteString(plural(t.rows, "row", "rows"))
	for _, s := range t.severities() {
		line.WriteString(fmt.Sprintf(" · %s %s", number(int64(s.rows)), s.severity))
	}
	if t.hasMoments() {
		line.WriteString(" · times in " + t.zone.String())
	}
	return line.String()
}

// htmlText is a text with ends of lines as HTML has them.
func htmlText(s string) string { return strings.ReplaceAll(validText(s), "\r\n", "\n") }

// longCell is from how many bytes on a cell scrolls by itself.
const longCell = 400

// htmlCell is a cell with its element.
func (t *table) htmlCell(row, column int) string {
	text := htmlText(t.text(row, column))
	escaped := escape.EscapeString(text)
	switch {
	case text == nothing:
		return `<td class="n">` + nothing + "</td>"
	case t.columns[column].Format == formatSeverity:
		tone := "low"
		for _, s := range severities {
			if strings.EqualFold(s, text) {
				tone = s
			}
		}
		return `<td><span class="s ` + tone + `">` + escaped + "</span></td>"
	case len(text) > longCell:
		return `<td><span class="long">` + escaped + "</span></td>"
	}
	return "<td>" + escaped + "</td>"
}

// htmlMethod gathers how the report was made.
func (p part) htmlMethod(notes []Note) htmlMethod {
	facts := func(list []namedText) []htmlFact {
		var all []htmlFact
		for _, n := range list {
			all = append(all, htmlFact{n.name, n.text})
		}
		return all
	}
	m := htmlMethod{Facts: facts(p.methodFacts())}
	add := func(title string, t *table) {
		h := htmlTable{Title: title}
		for i, c := range t.columns {
			h.Columns = append(h.Columns, c.Title)
			for row := range t.rows {
				if i == 0 {
					h.Rows = append(h.Rows, nil)
				}
				h.Rows[row] = append(h.Rows[row], template.HTML(t.htmlCell(row, i)))
			}
		}
		m.Tables = append(m.Tables, h)
	}
	add("What was read", resourceTable(p.Report))
	if len(p.trust.tieOuts) > 0 {
		add("Tie-outs with the cloud's own counts", tieOutTable(p.Report))
	}
	for _, t := range p.tables {
		c := htmlColumns{Title: "Columns of " + t.section.Title}
		for _, col := range t.columns {
			c.Facts = append(c.Facts, htmlFact{col.Title, col.words()})
		}
		m.Columns = append(m.Columns, c)
	}
	for _, q := range p.queries {
		m.Queries = append(m.Queries, htmlQuery{q.name, q.sha256, q.text})
	}
	for _, n := range notes {
		m.Notes = append(m.Notes, htmlFact{"Replaced", n.String()})
	}
	return m
}
