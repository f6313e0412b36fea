package reports

import (
	"math"
	"strings"
	"unicode"
)

// mailWidth is how many columns a mail's text has; a character of Chinese, Japanese
// or Korean takes two.
const mailWidth = 72

// text says a mail as plain text.
func (p mailPage) text(ch *chartTable) string {
	w := &textWriter{}
	w.paragraph(plainWords(p.Answer))
	for _, notice := range p.Notices {
		w.paragraph("Note: " + notice)
	}
	if p.Lacks != "" {
		w.paragraph("PARTIAL SNAPSHOT. " + p.Lacks)
	}
	wide := 0
	for _, f := range p.Figures {
		wide = max(wide, int(columnsOf(f.Value)))
	}
	for _, f := range p.Figures {
		w.item("  "+padLeft(f.Value, wide)+"  ", joinWords(f.Label, f.Note))
	}
	w.gap()
	if p.WhatToDo != "" {
		w.paragraph("What to do: " + plainWords(p.WhatToDo))
	}
	if p.Chart != nil {
		w.chart(p.Chart.Caption, ch)
	}
	for _, l := range p.Lists {
		w.list(l)
	}
	w.foot(p)
	return w.b.String()
}

// foot says what the mail rests on and what goes with it.
func (w *textWriter) foot(p mailPage) {
	if len(p.Attachments) > 0 {
		w.line("Attached:")
		for _, a := range p.Attachments {
			w.item("  ", joinWords(a.Name, a.Size, a.Note))
		}
		w.gap()
	}
	if len(p.Kept) > 0 {
		w.lines("Too large for a mail, on the machine that made the report:")
		for _, f := range p.Kept {
			w.item("  ", joinWords(f.Name, f.Size))
			w.line("    " + f.Path) // whole, so that it can be copied
			w.line("    SHA-256 " + f.SHA256)
		}
		w.gap()
	}
	if p.Parts != "" {
		w.paragraph(p.Parts)
	}
	w.line(strings.Repeat("-", mailWidth))
	w.lines(p.Place)
	w.lines(p.Question)
	t := p.Trust
	w.lines(joinWords(t.Verdict, t.Rows, t.TieOuts))
	w.lines("Snapshot " + t.Snapshot + ", as of " + t.AsOf)
	w.lines(t.Since)
	w.lines(t.Seal)
	w.lines(t.NotKnown)
	w.lines("In the report: " + strings.Join(p.Sections, ", "))
}

// plainWords is a text without what makes parts of it stand out.
func plainWords(s string) string { return strings.ReplaceAll(s, "**", "") }

// textWriter writes lines of at most mailWidth columns.
type textWriter struct {
	b    strings.Builder
	open bool // the last line is not an empty one
}

func (w *textWriter) line(s string) {
	w.b.WriteString(strings.TrimRight(s, " ") + "\n")
	w.open = true
}

// gap writes an empty line after one that is not.
func (w *textWriter) gap() {
	if w.open {
		w.b.WriteByte('\n')
	}
	w.open = false
}

func (w *textWriter) lines(s string) {
	if s == "" {
		return
	}
	for _, l := range breakAt(s, mailWidth) {
		w.line(l)
	}
}

func (w *textWriter) paragraph(s string) {
	w.lines(s)
	w.gap()
}

// item writes a text beside what begins its first line.
func (w *textWriter) item(begin, s string) {
	in := int(columnsOf(begin))
	for _, l := range breakAt(s, mailWidth-in) {
		w.line(begin + l)
		begin = strings.Repeat(" ", in)
	}
}

// chart writes bars of letters, or the last value of each line.
func (w *textWriter) chart(caption string, ch *chartTable) {
	w.lines(caption)
	if ch.lines() {
		for p := range ch.points() {
			if p.last {
				named := ch.def.Series[p.series].Title + ", " + ch.labels[p.mark]
				w.item("  "+show(p.value, ch.format(), nil)+"  ", named)
			}
		}
		w.gap()
		return
	}
	const most, room = 26, 32 // columns of labels and of bars
	wide, long, largest := 0, 0, 0.0
	for i, label := range ch.labels {
		above, below := ch.stack(i)
		wide = max(wide, min(int(columnsOf(label)), most))
		long = max(long, len(decimal(above+below)))
		largest = max(largest, math.Abs(above+below))
	}
	for i, label := range ch.labels {
		above, below := ch.stack(i)
		sum := above + below
		bar := ""
		if largest > 0 {
			bar = strings.Repeat("█", int(math.Ceil(math.Abs(sum)/largest*room)))
		}
		w.line("  " + padRight(clip(label, wide), wide) + "  " + padLeft(decimal(sum), long) + "  " + bar)
	}
	w.gap()
}

// list writes rows in columns that fit the width; a cell goes on below itself.
func (w *textWriter) list(l mailList) {
	w.lines(l.Title)
	if l.Empty != "" {
		w.paragraph(l.Empty)
		return
	}
	widths := l.widths()
	titles := make([]string, len(l.Columns))
	for i, c := range l.Columns {
		titles[i] = c.Title
	}
	w.row(l.Columns, widths, titles)
	rules := make([]string, len(widths))
	for i, n := range widths {
		rules[i] = strings.Repeat("-", n)
	}
	w.line(strings.Join(rules, "  "))
	for _, cells := range l.Rows {
		w.row(l.Columns, widths, cells)
	}
	w.gap()
}

// widths are the columns' widths: as the content wants where all fit, else the
// widest give way.
func (l mailList) widths() []int {
	widths := make([]int, len(l.Columns))
	sum := 2 * (len(widths) - 1)
	for i, c := range l.Columns {
		widths[i] = int(columnsOf(c.Title))
		for _, cells := range l.Rows {
			widths[i] = max(widths[i], int(columnsOf(cells[i])))
		}
		sum += widths[i]
	}
	for ; sum > mailWidth; sum-- {
		widest := 0
		for i, n := range widths {
			if n > widths[widest] {
				widest = i
			}
		}
		widths[widest]--
	}
	return widths
}

func (w *textWriter) row(columns []mailColumn, widths []int, cells []string) {
	broken, high := make([][]string, len(cells)), 1
	for i, cell := range cells {
		broken[i] = breakAt(cell, widths[i])
		high = max(high, len(broken[i]))
	}
	for n := range high {
		parts := make([]string, len(cells))
		for i := range cells {
			text := ""
			if n < len(broken[i]) {
				text = broken[i][n]
			}
			if parts[i] = padRight(text, widths[i]); columns[i].Right {
				parts[i] = padLeft(text, widths[i])
			}
		}
		w.line(strings.Join(parts, "  "))
	}
}

func padLeft(s string, n int) string {
	return strings.Repeat(" ", max(n-int(columnsOf(s)), 0)) + s
}

func padRight(s string, n int) string {
	return s + strings.Repeat(" ", max(n-int(columnsOf(s)), 0))
}

// clip is the first so many columns of a text.
func clip(s string, n int) string {
	if int(columnsOf(s)) <= n {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && int(columnsOf(string(runes)))+1 > n {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "…"
}

// breakAt breaks a text into lines of at most so many columns: between words, around
// Chinese, Japanese and Korean, and within a word that is wider than a line. There
// is at least one line.
func breakAt(s string, width int) []string {
	var lines []string
	runes := []rune(oneLine(s))
	for start := 0; start < len(runes) || len(lines) == 0; {
		n, end, last := 0.0, start, -1
		for end < len(runes) {
			if n += columnsOf(string(runes[end])); n > float64(max(width, 2)) {
				break
			}
			next := rune(0)
			if end++; end < len(runes) {
				next = runes[end]
			}
			if next == 0 || unicode.IsSpace(next) && next != '\u00A0' || mayBreak(runes[end-1], next) {
				last = end
			}
		}
		if last > start {
			end = last
		}
		lines = append(lines, strings.TrimSpace(string(runes[start:end])))
		for start = end; start < len(runes) && runes[start] == ' '; start++ {
		}
	}
	return lines
}
