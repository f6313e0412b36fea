package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// How much of a trace people are shown: bytes of a response's member; of what the
// answer lists, so many, so that it fits on a screen.
const (
	maxItem   = 2000
	maxListed = 3
)

// tracePrinter writes a trace for people.
type tracePrinter struct {
	strings.Builder
	a     *app
	t     *traced
	zone  *time.Location
	width int // as lineWidth has it
}

// printTrace prints the answer, and with commands each step as well.
func (a *app) printTrace(t *traced, commands bool) error {
	p := &tracePrinter{a: a, t: t, zone: time.UTC, width: lineWidth(a.stdout)}
	if zone, err := time.LoadLocation(t.Timezone); err == nil {
		p.zone = zone
	}
	p.answer(commands)
	for i, s := range t.Steps {
		if commands {
			fmt.Fprintf(p, "\n%s\n", paint(a.stdout, text.Bold, fmt.Sprintf("%d. %s", i+1, printable(rowWords(s)))))
			p.step(s)
			p.see(s.See)
		}
	}
	if len(t.See) > 0 && (commands || len(t.Steps) == 0) {
		p.WriteString("\n")
		p.see(t.See)
	}
	_, err := io.WriteString(a.stdout, p.String())
	return err
}

func (p *tracePrinter) pair(name, value string) {
	if value != "" {
		p.WriteString(hung(fmt.Sprintf("  %-10s ", name), printable(value), p.width))
	}
}

// lineWidth is the width of w where it is a terminal, else 0.
func lineWidth(w io.Writer) int {
	width, isTerminal := terminalWidth(w)
	if !isTerminal {
		return 0
	}
	return width
}

// hung is before with words behind it, as lines: in so many columns broken between words,
// each below where they began; 0 for any number. No word is broken: it may be an id.
func hung(before, words string, width int) string {
	if width == 0 {
		return before + words + "\n"
	}
	longest := text.LongestLineLen(strings.ReplaceAll(words, " ", "\n"))
	lines := strings.Split(text.WrapSoft(words, max(width-len(before), minColumn, longest)), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return before + strings.Join(lines, "\n"+strings.Repeat(" ", len(before))) + "\n"
}

// answer says what the cell is, and where the first of its rows comes from.
func (p *tracePrinter) answer(commands bool) {
	t := p.t
	place := fmt.Sprintf("row %d", t.Number)
	if t.Sheet != "" {
		place = fmt.Sprintf("%s, row %d", t.Sheet, t.Number)
	}
	p.WriteString(hung("", printable(place+" of "+filepath.Base(t.File)), p.width))
	if !t.Known {
		p.pair("file", t.KnownBy)
	}
	if t.Cell != nil {
		p.pair("cell", t.Cell.Ref+prefixed(": ", strings.TrimSuffix(t.Cell.Title+" ("+t.Cell.Column+")", " ()")))
		p.pair("shows", t.Cell.Text)
	} else {
		p.pair("shows", rowText(t.Cells))
	}
	sealed := t.Sealed
	if len(t.Steps) > 0 {
		s := t.Steps[0]
		p.received(s, maxListed)
		p.pair("row", rowWords(s))
		p.pair("since", p.history(s))
		p.pair("page", s.File)
		says := ""
		if s.Same {
			says = ", which says the same"
		}
		p.pair("line", fmt.Sprintf("%d%s; %s", s.Line, says, s.Hash))
		p.response(s)
		p.pair("note", s.Note)
		sealed = cmp.Or(s.Sealed, sealed)
	}
	p.pair("sealed by", shortSealed(sealed))
	if t.Sealed != sealed {
		p.pair("sealed by", shortSealed(t.Sealed)+", the report's snapshot")
	}
	p.pair("report", strings.Trim(t.Report+", "+t.Section, ", "))
	p.pair("snapshot", fmt.Sprintf("%s, as of %s, mask %s", t.Snapshot, t.AsOf, t.Mask))
	if t.Known {
		p.pair("file", t.KnownBy)
	}
	for _, n := range t.Notes {
		words, command, more := strings.Cut(n, ", all of them: ")
		p.pair("note", words)
		if more { // on a line that can be copied whole
			fmt.Fprintf(p, "  %-10s %s\n", "all", printable(command))
		}
	}
	for i, s := range t.Steps {
		switch {
		case i > maxListed && i == len(t.Steps)-1:
			p.pair("also", plural(int64(i-maxListed), "more row"))
		case i > 0 && i <= maxListed:
			p.pair("also", rowWords(s)+": "+s.Hash)
		}
	}
	if len(t.Steps) > 0 && !commands {
		p.pair("see it", "each step, with the commands that show the same: --commands")
	}
}

// rowText is a row in a line, without what has no value.
func rowText(cells []reports.LocatedCell) string {
	var list []string
	for _, c := range cells {
		if c.Text != "" {
			list = append(list, cmp.Or(c.Column, c.Title)+" = "+c.Text)
		}
	}
	return strings.Join(list, ", ")
}

// received says what the cell is made of, and where the page says otherwise.
func (p *tracePrinter) received(s traceStep, most int) {
	for i, v := range s.Received {
		if i < most {
			p.pair("received", v.Column+" = "+textOf(v))
		}
	}
	for i, d := range s.Differs {
		if i < most {
			p.pair("page says", d.Column+" = "+textOf(store.Received{Value: d.Page})+", and the snapshot's row "+
				textOf(store.Received{Value: d.Row}))
		}
	}
}

// response says which answer of the cloud's a page is.
func (p *tracePrinter) response(s traceStep) {
	if c := s.Call; c != nil {
		p.pair("response", fmt.Sprintf("%s, page %d, tid %s", c.Operation, c.Page, c.TID))
		p.pair("time", fmt.Sprintf("%s by the cloud's clock, t %d", time.UnixMilli(c.T).In(p.zone).Format(time.RFC3339Nano), c.T))
	}
}

// history says since when a row is as it is.
func (p *tracePrinter) history(s traceStep) string {
	seen := ""
	if !s.Seen.IsZero() {
		seen = ", seen " + s.Seen.In(p.zone).Format("2006-01-02 15:04:05")
	}
	return "snapshot " + s.First + seen + cmp.Or(prefixed("; ended with snapshot ", s.Closed), "; current")
}

// shortSealed has as much of a line's hash as the pages of a PDF.
func shortSealed(by string) string {
	const word = "SHA-256 "
	before, hash, ok := strings.Cut(by, word)
	if !ok {
		return by
	}
	return before + word + hash[:min(len(hash), 12)]
}

func (p *tracePrinter) step(s traceStep) {
	p.received(s, len(s.Received)+len(s.Differs))
	p.pair("since", p.history(s))
	p.pair("page", fmt.Sprintf("%s, line %d", s.File, s.Line))
	p.pair("sealed by", s.Sealed)
	p.pair("hash", strings.TrimPrefix(s.SHA256+": "+s.Hash, ": "))
	p.response(s)
	p.pair("member", s.Member)
	if len(s.Item) > maxItem {
		p.pair("", text.Trim(s.Item, maxItem)+"…, all of it by the command")
	} else {
		p.pair("", s.Item)
	}
	p.pair("note", s.Note)
}

// prefixed is s behind a prefix, "" where s is.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// rowWords names a row of the snapshot.
func rowWords(s traceStep) string {
	values := make([]string, len(s.Key))
	for i, v := range s.Key {
		values[i] = textOf(v)
	}
	return s.Table + " " + strings.Join(values, "/")
}

// see writes commands, each on a line of its own that can be copied whole.
func (p *tracePrinter) see(commands []string) {
	if len(commands) == 0 {
		return
	}
	where := ""
	if p.t.Bundle != "" {
		where = ", in the folder of the bundle"
	}
	fmt.Fprintf(p, "  see it yourself%s:\n", where)
	for _, c := range commands {
		fmt.Fprintf(p, "    %s\n", printable(c))
	}
}
