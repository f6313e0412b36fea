package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// A Mail is what a report says as the body of a mail: the first page as text and as
// html, which shows the images by their CID. It is a function of the report, the
// fonts and the options.
type Mail struct {
	Subject    string // one line; no name of a person is in it
	Text, HTML string
	Images     []Image
}

// An Image is a picture that the html shows as cid:CID.
type Image struct {
	CID, Type string // Type as image/png
	Data      []byte
}

// MailOptions are what a mail says beside its report.
type MailOptions struct {
	Notices     []string // sentences on this mail: that it is late, or made up for
	Attachments []Attachment
	Parts       *PartInfo // of a report that was sent in parts
}

// An Attachment is a file that goes with a mail; or, where it has a path, one that
// is too large to go, and stays there.
type Attachment struct {
	Name   string
	Bytes  int64
	Note   string
	Path   string
	SHA256 string
}

// PartInfo says how a report was parted among its recipients.
type PartInfo struct {
	By         string // the column
	Recipients int
	Rows       int // of all parts, which are those of the whole
	Fallback   int // of them, those that are nobody's and went to the fallback
}

// words are what a mail says of the parts by a column of that title.
func (p *PartInfo) words(title string) string {
	s := fmt.Sprintf("Sent in parts by %s to %s: together %s, as many as the whole report has.",
		strings.ToLower(title), plural(p.Recipients, "recipient", "recipients"),
		plural(p.Rows, "row", "rows"))
	if p.Fallback > 0 {
		s += " " + plural(p.Fallback, "row is", "rows are") + " nobody's and went to the fallback."
	}
	return s
}

// maxMailRows is how many rows of a report stand in a mail.
const maxMailRows = 20

// maxMailCell is how many columns of a cell's text stand in a mail.
const maxMailCell = 60

// maxMailColumns is how many columns they have unless the definition names them.
const maxMailColumns = 4

// mailPage is what a mail says, in the order in which it says it.
type mailPage struct {
	Question, Place, Answer, Tone, WhatToDo string
	Lacks                                   string
	Notices                                 []string
	Figures                                 []htmlFigure
	Chart                                   *mailChart
	Lists                                   []mailList
	Sections                                []string // each with its number of rows
	Trust                                   mailTrust
	Attachments                             []mailFile
	Kept                                    []mailFile // too large to go
	Parts                                   string
}

type mailChart struct{ CID, Caption string }

type mailList struct {
	Title, Empty string
	Columns      []mailColumn
	Rows         [][]string
}

type mailColumn struct {
	Title       string
	Right, Tone bool // aligned to the right; a severity
	Short, Long bool // never broken; broken within words too
}

type mailTrust struct {
	Complete                                                      bool
	Verdict, Rows, TieOuts, Snapshot, AsOf, Since, Seal, NotKnown string
}

type mailFile struct{ Name, Size, Note, Path, SHA256 string }

// Mail says the report as a mail does.
func (r *Report) Mail(fonts Fonts, o MailOptions) (Mail, error) {
	p := r.mailPage(o)
	m := Mail{Subject: r.mailSubject()}
	var err error
	if p.Chart, m.Images, err = r.mailPicture(fonts); err != nil {
		return Mail{}, err
	}
	m.Text = p.text(r.chart)
	m.HTML, err = p.html(r.Title())
	return m, err
}

// mailSubject is severity, title, count and day in one line.
func (r *Report) mailSubject() string {
	var marks []string
	if r.tone != "" {
		marks = append(marks, strings.TrimSpace(r.toneCount()+" "+r.tone))
	}
	if !r.trust.complete() {
		marks = append(marks, "incomplete")
	}
	counted := cmp.Or(r.counted, plural(r.rows(), "row", "rows"))
	s := fmt.Sprintf("%s: %s (%s)", r.Title(), counted, r.madeOn())
	if len(marks) > 0 {
		s = "[" + strings.Join(marks, ", ") + "] " + s
	}
	return clip(oneLine(s), 150)
}

// toneCount is how many rows of the first section that has the gravest severity
// have it; "" where none has.
func (r *Report) toneCount() string {
	for _, t := range r.sections() {
		for _, c := range t.severities() {
			if c.severity == r.tone && r.tone != good {
				return number(int64(c.rows))
			}
		}
	}
	return ""
}

// subjectWords are what a mail's subject counts: by the definition, else the first
// figure. A text of the summary, which may be a person's name, is not taken.
func (r *runner) subjectWords() (string, error) {
	d, refused := r.report.def, ""
	counted := func(name string) (string, bool) {
		switch f, ok := r.facts[name]; f.value.(type) {
		case int64, float64, bool, time.Time:
			return r.lookup(name)
		case nil:
			return "unknown", ok
		default:
			refused = name
			return "", false
		}
	}
	words := d.Subject
	if words == "" && len(d.Figures) > 0 {
		words = "{" + d.Figures[0].Value + "} " + d.Figures[0].Label
	}
	words = fill(words, counted)
	switch {
	case refused == "":
		return words, nil
	case d.Subject == "":
		return "", nil
	}
	return "", fmt.Errorf("subject: {%s} is a text, which may be a name; take numbers and dates", refused)
}

// mailPage gathers what a mail says.
func (r *Report) mailPage(o MailOptions) mailPage {
	t := r.trust
	p := mailPage{Question: r.question, Place: joinWords(r.Title(), r.subject()), Answer: r.answer,
		Tone: r.tone, WhatToDo: r.whatToDo, Notices: o.Notices, Lists: r.mailLists()}
	for _, f := range r.figures[:min(len(r.figures), maxFigures)] {
		p.Figures = append(p.Figures, htmlFigure{f.label, f.value, f.note, f.tone})
	}
	if !t.complete() {
		p.Lacks = strings.Join(lacksWords(r), ". ") + "."
	}
	for _, x := range r.tables {
		p.Sections = append(p.Sections, x.section.Title+" ("+number(int64(x.rows))+")")
	}
	p.Trust = mailTrust{Complete: t.complete(), Verdict: t.verdict(), Rows: r.allRows(),
		Snapshot: t.snapshot, AsOf: r.asOf(), Seal: r.seal(), NotKnown: r.limitWords()}
	if s := r.since; s != nil && s.trust.snapshot != "" {
		p.Trust.Since = fmt.Sprintf("Compared with snapshot %s of %s: %s", s.trust.snapshot,
			moment(s.trust.asOf, t.zone), strings.ToLower(s.trust.verdict()))
	}
	if agree, tried := t.agreeing(); tried > 0 {
		p.Trust.TieOuts = fmt.Sprintf("%d of %d tie-outs agree", agree, tried)
	}
	for _, a := range o.Attachments {
		f := mailFile{oneLine(a.Name), bytesWords(a.Bytes), oneLine(a.Note), oneLine(a.Path), a.SHA256}
		if a.Path != "" {
			p.Kept = append(p.Kept, f)
			continue
		}
		p.Attachments = append(p.Attachments, f)
	}
	if o.Parts != nil {
		title := words(o.Parts.By)
		if r.part != nil {
			title = r.part.title
		}
		p.Parts = o.Parts.words(title)
	}
	return p
}

// mailLists are the lists of the first page, together of at most maxMailRows rows;
// where the definition has none, the first section.
func (r *Report) mailLists() []mailList {
	sections := slices.DeleteFunc(r.sections(), func(t *table) bool { return t.section.First == nil })
	if len(sections) == 0 {
		sections = r.sections()[:1]
	}
	filled := slices.DeleteFunc(slices.Clone(sections), func(t *table) bool {
		return t.rows == 0 || t.allAccepted()
	})
	if len(filled) == 0 && sections[0].rows == 0 {
		filled = sections[:1]
	}
	var lists []mailList
	room := maxMailRows
	for i, t := range filled {
		const least = 5 // of those that follow
		l := t.mailList(max(room-least*(len(filled)-1-i), min(room, least)))
		room -= len(l.Rows)
		lists = append(lists, l)
	}
	return lists
}

// mailList is a list of the first rows of a section.
func (t *table) mailList(most int) mailList {
	l := mailList{Title: t.section.Title}
	if t.rows == 0 {
		l.Empty = emptyWords(t.section)
		return l
	}
	rows, columns := t.mailRows(most), t.mailColumns()
	l.Title = fmt.Sprintf("%s (%s of %s)", l.Title, number(int64(len(rows))), number(int64(t.rows)))
	for _, i := range columns {
		c := t.columns[i]
		l.Columns = append(l.Columns, mailColumn{Title: oneLine(c.Title), Right: rightAligned(c.Format),
			Tone: c.Format == formatSeverity, Short: true})
	}
	for _, row := range rows {
		cells := make([]string, len(columns))
		for n, i := range columns {
			cells[n] = clip(oneLine(t.text(row, i)), maxMailCell)
			c := &l.Columns[n]
			c.Short = c.Short && columnsOf(cells[n]) <= 10
			c.Long = c.Long || longWord(cells[n])
		}
		l.Rows = append(l.Rows, cells)
	}
	return l
}

// mailRows are at most so many rows to look at first. Those that are good are not
// to be looked at where others are.
func (t *table) mailRows(most int) []int {
	severity := t.index(t.section.Severity)
	isGood := func(row int) bool {
		return severity >= 0 && strings.EqualFold(t.text(row, severity), good)
	}
	all := t.topRows(t.rows)
	if rows := slices.DeleteFunc(slices.Clone(all), isGood); len(rows) > 0 {
		all = rows
	}
	return all[:min(len(all), most)]
}

// longWord reports whether a phone has no room for a word beside other columns.
func longWord(s string) bool {
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || r == '-' || wide(r) }) {
		if len(word) > 16 {
			return true
		}
	}
	return false
}

// mailColumns are the columns that matter in a mail.
func (t *table) mailColumns() []int {
	if f := t.section.First; f != nil {
		if named := t.indexes(f.Mail); len(named) > 0 {
			return named
		}
	}
	all := t.firstColumns()
	return all[:min(len(all), maxMailColumns)]
}

// oneLine is a text in one line without control characters.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, strings.Join(strings.Fields(validText(s)), " "))
}

// bytesWords is the size of a file.
func bytesWords(n int64) string {
	switch {
	case n < 1000:
		return plural(int(n), "byte", "bytes")
	case n < 1_000_000:
		return number((n+999)/1000) + " kB"
	default:
		return decimal(float64(n/100_000)/10) + " MB"
	}
}
