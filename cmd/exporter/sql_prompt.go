package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/store"
)

// session is what a prompt of `exporter sql` keeps between its statements.
type session struct {
	a        *app
	cfg      *config
	f        sqlFlags
	k        *asker
	q        question // of each statement, but for its text
	timing   bool
	expanded bool // a line for each cell
	past     *statements
	typed    *keyboard
	// interrupts are Ctrl-C while no editor has the terminal.
	interrupts <-chan os.Signal
	words      func() (*vocabulary, error) // the first call waits for it
}

// promptRows is how many rows a prompt shows unless the person wants more.
const promptRows = 1000

// errLeave ends a prompt.
var errLeave = errors.New("leave")

// prompt asks for statements on the terminal until the person leaves. An interrupt
// ends the query that runs and nothing else.
func (a *app) prompt(c *cobra.Command, terminal *os.File, f *sqlFlags) (err error) {
	ctx := c.Context()
	s := &session{a: a, f: *f, q: question{Format: f.format, Limit: f.limit}}
	if err := f.choose(c, &s.q); err != nil {
		return err
	}
	if !slices.Contains(textFormats, s.q.Format) {
		return usage(fmt.Errorf("%s is not for a terminal", s.q.Format),
			"give it a query and a file: --out answer."+s.q.Format)
	}
	if !c.Flags().Changed("limit") {
		s.q.Limit = promptRows
	}
	if s.q.Set, err = f.parameters(); err != nil {
		return err
	}
	if s.cfg, err = a.loadStore(); err != nil {
		return err
	}
	s.words = sync.OnceValues(func() (*vocabulary, error) { return newVocabulary(ctx) })
	go s.words()
	if s.k, err = a.newAsker(ctx, s.cfg, f.readFlags, f.since, f.timeout); err != nil {
		return err
	}
	if s.past, err = openHistory(historyPath()); err != nil {
		printError(a.stderr, err)
	}
	if err := s.greet(ctx); err != nil {
		return err
	}
	// From here on an interrupt must not end the program.
	signal.Reset(os.Interrupt)
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)
	s.interrupts = interrupts
	s.typed = newKeyboard(terminal)
	return s.loop(ctx)
}

// loop carries out what is typed until the person leaves.
func (s *session) loop(ctx context.Context) error {
	for {
		statements, err := s.next(ctx)
		switch {
		case errors.Is(err, errAbandoned):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		for _, one := range statements {
			if err = s.do(ctx, one); err != nil {
				break
			}
		}
		switch {
		case errors.Is(err, errLeave):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			printError(s.a.stderr, err)
		}
	}
}

func newVocabulary(ctx context.Context) (*vocabulary, error) {
	tables, err := store.Tables(ctx)
	if err != nil {
		return nil, err
	}
	functions, err := store.Functions(ctx)
	return &vocabulary{tables: tables, functions: functions}, err
}

// greet says in two lines what is asked, and how.
func (s *session) greet(ctx context.Context) error {
	state, err := s.k.state(ctx, s.a.stdout)
	if err != nil {
		return err
	}
	s.say(state)
	s.say(s.faint(`; ends a statement, Tab completes, \d lists the tables, \help tells the rest.`))
	return nil
}

// faint is a line of ours that matters less than the rows.
func (s *session) faint(line string) string { return paint(s.a.stdout, text.FgHiBlack, line) }

// say writes a line, broken between words where the terminal is narrower.
func (s *session) say(line string) {
	width, _ := terminalWidth(s.a.stdout)
	fmt.Fprintln(s.a.stdout, text.WrapSoft(line, width))
}

// next reads statements and commands from the terminal, and keeps them in the
// history.
func (s *session) next(ctx context.Context) ([]string, error) {
	e := newEditor(s.name(), s.past)
	e.ended = func(s string) bool {
		_, whole := statementsOf(s)
		return whole
	}
	e.complete = func(before, after string) (string, []candidate) {
		return s.complete(ctx, before, after)
	}
	e.color = colored(s.a.stdout)
	select {
	case <-s.interrupts: // it came when there was nothing to end
	default:
	}
	text, err := e.read(ctx, s.typed.keys(), s.a.stdout)
	if err != nil {
		return nil, err
	}
	if err := s.past.add(text); err != nil {
		printError(s.a.stderr, err)
		s.past.path = ""
	}
	statements, _ := statementsOf(text)
	return statements, nil
}

// complete completes what is typed at the prompt.
func (s *session) complete(ctx context.Context, before, after string) (string, []candidate) {
	if line := before[strings.LastIndex(before, "\n")+1:]; strings.HasPrefix(line, `\`) {
		return s.completeCommand(ctx, line)
	}
	w, err := s.words()
	if err != nil {
		return "", nil
	}
	now := *w
	now.previous = s.k.place.Previous != ""
	now.parameters = append(slices.Sorted(maps.Keys(s.q.Set)), givenParameters...)
	return now.complete(before, after)
}

// completeCommand completes a command or what it takes.
func (s *session) completeCommand(ctx context.Context, line string) (string, []candidate) {
	name, rest, second := strings.Cut(line, " ")
	word := strings.TrimLeft(rest, " ")
	var list []candidate
	switch {
	case !second:
		word = name
		for _, c := range commands() {
			list = append(list, candidate{c.name, strings.TrimSpace(c.takes + "  " + c.does)})
		}
	case name == `\d`:
		if w, err := s.words(); err == nil {
			for _, t := range w.tables {
				list = append(list, candidate{t.Name, firstSentence(t.Comment)})
			}
		}
	case name == `\use`:
		list = s.moments(ctx)
	case name == `\format`:
		for _, f := range textFormats {
			list = append(list, candidate{f, ""})
		}
	case name == `\timing`, name == `\x`:
		list = []candidate{{"on", ""}, {"off", ""}}
	case name == `\set`:
		for _, p := range slices.Sorted(maps.Keys(s.q.Set)) {
			list = append(list, candidate{p, printable(s.q.Set[p])})
		}
	}
	return word, beginning(list, word)
}

// moments are what \use takes, the newest snapshot first.
func (s *session) moments(ctx context.Context) []candidate {
	list := []candidate{{"now", "the newest snapshot"}}
	all, _ := s.k.snapshots(ctx) // what is damaged cannot be used
	for _, x := range slices.Backward(all) {
		list = append(list, candidate{x.ID, x.ServerTime.In(s.a.zone).Format("2006-01-02 15:04") + "  " +
			strings.ReplaceAll(x.Verdict, "_", " ")})
	}
	return list
}

// name is what stands before a statement: what is asked, where that is not the
// newest snapshot with its masks.
func (s *session) name() string {
	name := "exporter"
	if s.f.asOf != "" || s.f.snapshot != "" {
		name += " " + s.k.place.AsOf.In(s.a.zone).Format(time.DateOnly)
	}
	if s.k.place.Mask == store.MaskFull {
		name += " unmasked"
	}
	return name + "> "
}

// statementsOf parts a text into statements and commands, and says whether the
// last of them is whole. A command is a line that begins with a backslash.
func statementsOf(text string) (all []string, whole bool) {
	for {
		text = strings.TrimSpace(text)
		if text == "" {
			return all, true
		}
		if command, ok := bareCommands[strings.ToLower(strings.TrimRight(text, "; \n"))]; ok {
			return append(all, command), true
		}
		if text[0] == '\\' {
			var command string
			command, text, _ = strings.Cut(text, "\n")
			all = append(all, strings.TrimRight(command, "; "))
			continue
		}
		end, complete := store.StatementEnd(text)
		if end == 0 && !complete { // only comments
			return all, !unfinished(text + "\n")
		}
		if !complete {
			return append(all, text), false
		}
		if end > 0 {
			all = append(all, text[:end])
		}
		for token := range store.Tokens(text[end:]) { // comments, then the sign
			if end += len(token); token == ";" {
				break
			}
		}
		text = text[end:]
	}
}

// do runs a statement or a command, until it is done or interrupted.
func (s *session) do(ctx context.Context, statement string) error {
	run, stop := s.typed.whileRunning(ctx, s.interrupts)
	defer stop()
	carryOut := s.answer
	if strings.HasPrefix(statement, `\`) {
		carryOut = s.command
	}
	err := carryOut(run, statement)
	if err != nil && run.Err() != nil && ctx.Err() == nil {
		fmt.Fprintln(s.a.stdout) // behind the terminal's ^C
		return errors.New("sql: interrupted")
	}
	return err
}

// answer shows the rows of a statement, and how many they are.
func (s *session) answer(ctx context.Context, statement string) error {
	q := s.q
	q.SQL = statement
	q.Width, _ = terminalWidth(s.a.stdout)
	if s.expanded && q.Format == "table" {
		q.Format = "expanded"
	}
	got, err := s.k.ask(ctx, q, s.a.stdout)
	if limit, ok := errors.AsType[*limitError](err); ok && limit.limit == "time" {
		limit.hint = `give it more with \timeout, or ask for less`
	}
	if err != nil {
		return err
	}
	line := count(got.Rows) + " rows"
	if got.Rows == 1 {
		line = "1 row"
	}
	if got.Cut {
		line = "the first " + line + `; \limit changes how many are shown`
	}
	if s.timing {
		line += ", " + took(got.Took)
	}
	s.say(s.faint(line))
	if hint := s.k.hintMasked(statement, got); hint != "" {
		s.say(s.faint("hint: " + hint))
	}
	return nil
}

// took is a duration with a precision that a person can use.
func took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
	default:
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
}
