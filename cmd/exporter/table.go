package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// defaultWidth is taken where standard output is no terminal.
const defaultWidth = 100

// newTable is an empty table with the program's look.
func newTable(header ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	t.AppendHeader(header)
	return t
}

// printTable writes t to standard output. On a terminal it is cut to the
// width, and says so.
func (a *app) printTable(t table.Writer) error {
	width, isTerminal := terminalWidth(a.stdout)
	if isTerminal {
		t.SuppressTrailingSpaces()
	}
	whole := t.Render()
	if isTerminal && text.LongestLineLen(whole) > width {
		t.Style().Size.WidthMax = width
		whole = t.Render()
		fmt.Fprintln(a.stderr, "exporter: columns are cut to the terminal's width; a pipe or a file gets all")
	}
	for line := range strings.Lines(whole + "\n") {
		if _, err := fmt.Fprintln(a.stdout, strings.TrimRight(line, " \n")); err != nil {
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
