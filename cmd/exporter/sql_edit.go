package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
	"github.com/jedib0t/go-pretty/v6/text"
)

// candidate is what a word may be completed to.
type candidate struct {
	value string
	about string // what it is, in a few words; shown beside it
}

// editor edits one statement of several lines, with a menu of completions below
// it. It is a model of Bubble Tea: made for one statement, and shown until that
// is handed in.
type editor struct {
	area   textarea.Model
	past   *statements
	at     int    // the statement of past that is shown; its length for the own one
	own    string // what was typed before going back in past
	sought string // what Ctrl-R looks for
	killed string // what Ctrl-Y gives back

	ended    func(string) bool
	complete func(before, after string) (word string, list []candidate)

	word   string // the one before the cursor that the menu completes
	menu   []candidate
	chosen int // of menu; -1 for none
	note   string

	width, height int
	color         bool
	outcome       error  // why it is over; errHandedIn when the statement is whole
	next          func() // asks for the keys behind an Enter
}

var (
	errHandedIn  = errors.New("handed in")
	errAbandoned = errors.New("abandoned") // Ctrl-C
)

// menuRows is how many completions are shown at once.
const menuRows = 8

func newEditor(prompt string, past *statements) *editor {
	e := &editor{past: past, at: past.len(), chosen: -1, width: defaultWidth, height: 24}
	e.area = textarea.New()
	e.area.ShowLineNumbers = false
	e.area.CharLimit = 0
	e.area.DynamicHeight = true
	e.area.MaxContentHeight = 100_000
	e.area.SetVirtualCursor(false)
	e.area.SetStyles(textarea.Styles{})
	e.area.SetPromptFunc(text.StringWidth(prompt), func(p textarea.PromptInfo) string {
		if p.LineNumber == 0 {
			return prompt
		}
		return ""
	})
	e.area.Focus()
	return e
}

// read shows the editor until a statement is whole. It returns errAbandoned for
// Ctrl-C and io.EOF for Ctrl-D.
func (e *editor) read(ctx context.Context, in *keys, out io.Writer) (string, error) {
	e.next = in.next
	defer close(in.over)
	_, err := tea.NewProgram(e, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out),
		tea.WithoutSignalHandler()).Run()
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", err
	case e.outcome == errHandedIn:
		return e.area.Value(), nil
	}
	return "", cmp.Or(e.outcome, io.EOF)
}

// Init does nothing: the size of the window comes by itself.
func (e *editor) Init() tea.Cmd { return nil }

// Update takes a key, a paste or a new size of the window.
func (e *editor) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		e.width, e.height = msg.Width, msg.Height
		e.fit()
	case tea.KeyPressMsg:
		if e.outcome == nil {
			cmd = e.key(msg)
		}
		if e.outcome == nil && (msg.Code == tea.KeyEnter || msg.String() == "ctrl+j") {
			e.next()
		}
	case tea.PasteMsg:
		if e.outcome == nil {
			e.closeMenu()
			e.area, cmd = e.area.Update(msg)
		}
	}
	return e, cmd
}

// fit gives the text the width of the window, and its height but for the menu; all
// of its lines when it is over.
func (e *editor) fit() {
	e.area.MaxHeight = max(1, e.height-menuRows-2)
	if e.outcome != nil {
		e.area.MaxHeight = 0
	}
	e.area.SetWidth(e.width)
}

// key does what a key means here, else what it means to a text.
func (e *editor) key(msg tea.KeyPressMsg) tea.Cmd {
	key := msg.String()
	if key != "ctrl+r" {
		e.sought = ""
	}
	switch key {
	case "tab":
		e.completeNext(1)
		return nil
	case "shift+tab":
		e.completeNext(-1)
		return nil
	case "enter", "ctrl+j":
		return e.enter()
	case "alt+enter":
		e.area.InsertRune('\n')
	case "ctrl+c":
		return e.finish(errAbandoned)
	case "ctrl+d":
		if e.area.Value() == "" {
			return e.finish(io.EOF)
		}
	case "ctrl+l":
		return tea.ClearScreen
	case "ctrl+r":
		e.search()
		return nil
	case "ctrl+y":
		e.area.InsertString(e.killed)
		return nil
	case "up", "ctrl+p", "down", "ctrl+n":
		if e.vertical(key) {
			return nil
		}
	}
	before := e.area.Value()
	var cmd tea.Cmd
	e.area, cmd = e.area.Update(msg)
	if slices.Contains([]string{"ctrl+k", "ctrl+u", "ctrl+w", "alt+d"}, key) {
		e.keepKilled(before)
	}
	e.closeMenu()
	return cmd
}

// enter takes the completion that is chosen, hands in a statement that is whole,
// and else begins a line.
func (e *editor) enter() tea.Cmd {
	if e.chosen >= 0 {
		e.closeMenu()
		return nil
	}
	e.closeMenu()
	if s := e.area.Value(); s == "" || e.ended(s) {
		return e.finish(errHandedIn)
	}
	e.area.InsertRune('\n')
	e.area, _ = e.area.Update(nil)
	e.note = "a statement ends with ; and Ctrl-C forgets it"
	return nil
}

// finish leaves the whole statement on the screen, and the cursor below it.
func (e *editor) finish(outcome error) tea.Cmd {
	e.closeMenu()
	e.area.MoveToEnd()
	e.outcome = outcome
	e.fit()
	return tea.Quit
}

// vertical goes through the completions, or from the first and the last line to
// the statements before and after. It returns false where the cursor has to move.
func (e *editor) vertical(key string) bool {
	up := key == "up" || key == "ctrl+p"
	step := 1
	if up {
		step = -1
	}
	if e.menu != nil {
		e.completeNext(step)
		return true
	}
	at := e.area.Cursor().Y + e.area.ScrollYOffset()
	if up && at > 0 || !up && e.area.Line() < e.area.LineCount()-1 {
		return false
	}
	e.recall(e.at + step)
	return true
}

// recall shows a statement of the history.
func (e *editor) recall(at int) {
	if at < 0 || at > e.past.len() {
		return
	}
	if e.at == e.past.len() {
		e.own = e.area.Value()
	}
	e.at = at
	s := e.own
	if at < e.past.len() {
		s = e.past.list[at]
	}
	e.closeMenu()
	e.area.SetValue(s)
	e.area, _ = e.area.Update(nil) // brings the cursor into view
}

// search goes back to the statement before that holds what was typed.
func (e *editor) search() {
	e.sought = cmp.Or(e.sought, e.area.Value())
	sought := e.sought
	for at := e.at - 1; at >= 0; at-- {
		s := e.past.list[at]
		if s != e.area.Value() && strings.Contains(strings.ToLower(s), strings.ToLower(sought)) {
			e.recall(at)
			e.note = "Ctrl-R: the one before with " + sought
			return
		}
	}
	e.note = "no earlier statement with " + sought
}

// keepKilled remembers what a key has taken out of the text before the cursor or
// behind it.
func (e *editor) keepKilled(before string) {
	head, tail := e.around()
	if cut, ok := strings.CutPrefix(before, head); ok && strings.HasSuffix(cut, tail) && cut != tail {
		e.killed = strings.TrimSuffix(cut, tail)
	}
}

// around is the text before the cursor and the text behind it.
func (e *editor) around() (before, after string) {
	lines := strings.SplitAfter(e.area.Value(), "\n")
	at := 0
	for _, line := range lines[:e.area.Line()] {
		at += len(line)
	}
	for range e.area.Column() {
		_, size := utf8.DecodeRuneInString(e.area.Value()[at:])
		at += size
	}
	return e.area.Value()[:at], e.area.Value()[at:]
}

// completeNext completes the word at the cursor as far as all completions agree
// and shows them, then goes through them.
func (e *editor) completeNext(step int) {
	if e.menu == nil {
		word, list := e.complete(e.around())
		e.note = ""
		if len(list) == 0 {
			return
		}
		e.word = word
		if len(list) == 1 {
			e.replaceWord(list[0].value)
			return
		}
		if common := commonPrefix(list); len(common) >= len(word) {
			e.replaceWord(common)
		}
		e.menu, e.chosen = list, -1
		return
	}
	switch {
	case e.chosen < 0 && step < 0:
		e.chosen = len(e.menu) - 1
	default:
		e.chosen = (e.chosen + step + len(e.menu)) % len(e.menu)
	}
	e.replaceWord(e.menu[e.chosen].value)
}

// replaceWord puts s in the place of the word before the cursor.
func (e *editor) replaceWord(s string) {
	for range e.word {
		e.area, _ = e.area.Update(tea.KeyPressMsg{Code: tea.KeyBackspace})
	}
	e.area.InsertString(s)
	e.word = s
}

func (e *editor) closeMenu() { e.menu, e.chosen, e.note, e.word = nil, -1, "", "" }

// commonPrefix is how the values of all completions begin, whatever their case.
func commonPrefix(list []candidate) string {
	common := list[0].value
	for _, c := range list[1:] {
		for !strings.HasPrefix(strings.ToLower(c.value), strings.ToLower(common)) {
			common = common[:len(common)-1]
		}
	}
	return common
}

// View is the statement, and below it the completions or a note.
func (e *editor) View() tea.View {
	lines := []string{e.area.View()}
	if e.menu != nil {
		lines = append(lines, e.menuLines()...)
	} else if e.note != "" {
		lines = append(lines, e.faint(clip(printable(e.note), e.width-1)))
	}
	if e.outcome == errAbandoned {
		lines[0] = strings.TrimRight(lines[0], " ") + "^C"
	}
	if e.outcome != nil {
		lines = append(lines, "") // the last one is erased
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	if c := e.area.Cursor(); c != nil && e.outcome == nil {
		v.Cursor = &tea.Cursor{Position: c.Position, Blink: true}
	}
	return v
}

// menuLines are the completions around the chosen one, with what they are.
func (e *editor) menuLines() []string {
	first := min(max(0, e.chosen-menuRows/2), max(0, len(e.menu)-menuRows))
	shown := e.menu[first:min(first+menuRows, len(e.menu))]
	longest := 0
	for _, c := range shown {
		longest = max(longest, text.StringWidth(c.value))
	}
	var lines []string
	for i, c := range shown {
		line := clip("  "+text.Pad(c.value, longest, ' ')+"  "+c.about, e.width-1)
		if first+i == e.chosen {
			line = "> " + strings.TrimPrefix(line, "  ")
			if e.color {
				line = text.ReverseVideo.EscapeSeq() + line + text.Reset.EscapeSeq()
			}
		} else if at := 2 + longest; len(line) > at {
			line = line[:at] + e.faint(line[at:])
		}
		lines = append(lines, line)
	}
	if hidden := len(e.menu) - len(shown); hidden > 0 {
		lines = append(lines, e.faint("  … "+count(int64(hidden))+" more"))
	}
	return lines
}

// clip is s in so many columns at most, and says so where it had more.
func clip(s string, width int) string {
	if text.StringWidth(s) <= width {
		return s
	}
	return text.Trim(s, width-1) + "…"
}

// faint is s in the color of what is less important.
func (e *editor) faint(s string) string {
	if !e.color {
		return s
	}
	return text.FgHiBlack.EscapeSeq() + s + text.Reset.EscapeSeq()
}
