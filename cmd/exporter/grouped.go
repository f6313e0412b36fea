package main

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// grouped is a table with headings between its lines, whose last column may wrap.
type grouped struct {
	columns []column
	lines   []gridLine
}

// column is one of a grouped; one that wraps is the last and has what room is left.
type column struct {
	title       string
	right, wrap bool
}

type gridLine struct {
	heading string // alone on its line
	cells   []string
	paint   painted
}

// painted is a cell that has a color.
type painted struct {
	color text.Color
	cell  int
}

func (g *grouped) group(heading string) { g.lines = append(g.lines, gridLine{heading: heading}) }

func (g *grouped) add(p painted, cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	g.lines = append(g.lines, gridLine{cells: cells, paint: p})
}

const (
	wideGap = 2 // 1 where the columns would not fit
	// narrow is the least room in which a wrapping cell stands beside the others;
	// with less it goes below them.
	narrow = 30
)

// widths are those of the columns that do not wrap.
func (g *grouped) widths() []int {
	widths := make([]int, len(g.columns))
	for i, c := range g.columns {
		if c.wrap {
			continue
		}
		widths[i] = text.StringWidthWithoutEscSequences(c.title)
		for _, l := range g.lines {
			if l.cells != nil {
				widths[i] = max(widths[i], text.StringWidthWithoutEscSequences(l.cells[i]))
			}
		}
	}
	return widths
}

// fit is widths and the gap between them that take at most so much room, where texts may
// be cut for it.
func (g *grouped) fit(room int, cut bool) (widths []int, gap int) {
	widths, gap = g.widths(), wideGap
	if g.width(widths, gap) > room {
		gap = 1
	}
	for cut && g.width(widths, gap) > room {
		widest := -1
		for i, c := range g.columns {
			if !c.right && !c.wrap && widths[i] > minColumn && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths, gap
}

// width is that of the columns that do not wrap, each but the last with a gap.
func (g *grouped) width(widths []int, gap int) int {
	sum := -gap
	for i, w := range widths {
		if !g.columns[i].wrap {
			sum += w + gap
		}
	}
	return sum
}

// printGrouped writes g to standard output.
func (a *app) printGrouped(g grouped, width int) {
	_, isTerminal := terminalWidth(a.stdout)
	widths, gap := g.fit(width, isTerminal)
	used := g.width(widths, gap) + gap
	room := width - used
	header := make([]string, len(g.columns))
	for i, c := range g.columns {
		header[i] = c.title
		if c.wrap && room < narrow {
			header[i] = ""
		}
	}
	a.printCells(g, widths, gap, gridLine{cells: header, paint: painted{cell: -1}})
	fmt.Fprintln(a.stdout, strings.Repeat("─", min(width, max(used-gap, g.needed(used, room)))))
	for _, l := range g.lines {
		switch {
		case l.cells == nil:
			for line := range strings.Lines(wrapped(a.stdout, l.heading)) {
				fmt.Fprintln(a.stdout, paint(a.stdout, text.FgHiBlue, strings.TrimRight(line, "\n")))
			}
		case g.columns[len(g.columns)-1].wrap:
			a.printWrapped(g, widths, gap, width, l)
		default:
			a.printCells(g, widths, gap, l)
		}
	}
}

// printWrapped prints a line whose last cell takes the room that is left, or
// stands below the others where that is too little.
func (a *app) printWrapped(g grouped, widths []int, gap, width int, l gridLine) {
	last := len(l.cells) - 1
	indent := g.width(widths, gap) + gap
	beside := width-indent >= narrow
	if !beside {
		indent = 4
	}
	note := strings.Split(text.WrapSoft(l.cells[last], width-indent), "\n")
	l.cells = append(l.cells[:last:last], "")
	if beside {
		l.cells[last], note = note[0], note[1:]
	}
	a.printCells(g, widths, gap, l)
	for _, s := range note {
		if s = strings.TrimSpace(s); s != "" {
			fmt.Fprintf(a.stdout, "%s%s\n", strings.Repeat(" ", indent), paint(a.stdout, text.FgHiBlack, s))
		}
	}
}

// needed is the width that the lines take with the wrapping column beside.
func (g *grouped) needed(used, room int) int {
	last := len(g.columns) - 1
	if !g.columns[last].wrap || room < narrow {
		return 0
	}
	longest := 0
	for _, l := range g.lines {
		if l.cells != nil {
			longest = max(longest, min(room, text.StringWidthWithoutEscSequences(l.cells[last])))
		}
	}
	return used + longest
}

func (a *app) printCells(g grouped, widths []int, gap int, l gridLine) {
	var s strings.Builder
	for i, cell := range l.cells {
		if !g.columns[i].wrap {
			cell = clip(cell, widths[i])
		}
		fill := strings.Repeat(" ", max(0, widths[i]-text.StringWidthWithoutEscSequences(cell)))
		if l.paint.cell == i && cell != "" {
			cell = paint(a.stdout, l.paint.color, cell)
		}
		if g.columns[i].right {
			s.WriteString(fill + cell)
		} else {
			s.WriteString(cell + fill)
		}
		s.WriteString(strings.Repeat(" ", gap))
	}
	fmt.Fprintln(a.stdout, strings.TrimRight(s.String(), " "))
}
