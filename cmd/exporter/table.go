package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// defaultWidth is taken where standard output is no terminal.
const defaultWidth = 100

// grid is a table with the program's look.
type grid struct {
	header []string
	rows   [][]string
	right  []int // columns that hold numbers
}

func newGrid(header ...string) *grid { return &grid{header: header} }

func (g *grid) add(cells ...string) { g.rows = append(g.rows, cells) }

// render is the table with columns of at most so many characters, as far as
// their longest words allow, and closer together; or as wide as they are for 0.
func (g *grid) render(widest int) string {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	if widest > 0 {
		style.Box.PaddingRight = " "
	}
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	columns := make([]table.ColumnConfig, len(g.header))
	for i := range columns {
		columns[i] = table.ColumnConfig{Number: i + 1, WidthMaxEnforcer: text.WrapSoft}
		if widest > 0 {
			columns[i].WidthMax = max(widest, g.longestWord(i))
		}
	}
	for _, i := range g.right {
		columns[i].Align, columns[i].AlignHeader = text.AlignRight, text.AlignRight
	}
	t.SetColumnConfigs(columns)
	t.AppendHeader(cells(g.header))
	for _, row := range g.rows {
		t.AppendRow(cells(row))
	}
	return t.Render()
}

func cells(row []string) table.Row {
	r := make(table.Row, len(row))
	for i, s := range row {
		r[i] = s
	}
	return r
}

// longestWord is the width of the longest word of a column, which is never
// broken: it may be an id.
func (g *grid) longestWord(column int) int {
	longest := text.LongestLineLen(strings.ReplaceAll(g.header[column], " ", "\n"))
	for _, row := range g.rows {
		longest = max(longest, text.LongestLineLen(strings.ReplaceAll(row[column], " ", "\n")))
	}
	return longest
}

// minColumn is the width below which columns are not wrapped.
const minColumn = 10

// fit is the table with its widest columns wrapped until it is at most so wide,
// or, where that cannot be, a line for each cell.
func (g *grid) fit(width int) string {
	most := sort.Search(width, func(n int) bool { return text.LongestLineLen(g.render(width-n)) <= width })
	if width-most >= minColumn || len(g.rows) == 0 {
		return g.render(width - most)
	}
	return g.lines(width)
}

// lines has a line for each cell, broken between words where it is wider; 0 never.
func (g *grid) lines(width int) string {
	names := 0
	for _, name := range g.header {
		names = max(names, text.StringWidth(name))
	}
	var b strings.Builder
	for i, row := range g.rows {
		if i > 0 {
			b.WriteString("\n")
		}
		for c, s := range row {
			if width > 0 {
				s = text.WrapSoft(s, max(width-names-2, g.longestWord(c)))
			}
			name := g.header[c]
			for line := range strings.SplitSeq(s, "\n") {
				fmt.Fprintf(&b, "%s  %s\n", text.Pad(name, names, ' '), strings.TrimSpace(line))
				name = ""
			}
		}
	}
	return b.String()
}

// printGrid writes g to standard output, on a terminal such that no column is
// lost.
func (a *app) printGrid(g *grid) error {
	width, isTerminal := terminalWidth(a.stdout)
	if !isTerminal {
		width = 0
	}
	return g.write(a.stdout, width)
}

// write writes g in at most so many columns where that can be; 0 for any number.
func (g *grid) write(w io.Writer, width int) error {
	whole := g.render(0)
	if width > 0 && text.LongestLineLen(whole) > width {
		whole = g.fit(width)
	}
	for line := range strings.Lines(strings.TrimRight(whole, "\n") + "\n") {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// terminalWidth is the width of w in columns, and whether w is a terminal.
func terminalWidth(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return defaultWidth, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 20 {
		return defaultWidth, true
	}
	return width, true
}

// wrapped is a line for w: on a terminal broken between words, and set in further from
// its second line on.
func wrapped(w io.Writer, line string) string {
	width, isTerminal := terminalWidth(w)
	if !isTerminal || text.StringWidthWithoutEscSequences(line) <= width {
		return line
	}
	words := strings.TrimLeft(line, " ")
	indent := strings.Repeat(" ", len(line)-len(words)+2)
	broken := strings.Split(text.WrapSoft(words, width-len(indent)), "\n")
	for i := range broken {
		broken[i] = strings.TrimSpace(broken[i])
	}
	return indent[2:] + strings.Join(broken, "\n"+indent)
}

// colored says whether w takes colors: a terminal, and NO_COLOR is not set.
func colored(w io.Writer) bool {
	_, isTerminal := terminalWidth(w)
	return isTerminal && os.Getenv("NO_COLOR") == ""
}

// paint is s in a color where w takes colors.
func paint(w io.Writer, c text.Color, s string) string {
	if !colored(w) {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}
