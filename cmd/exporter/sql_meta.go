package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// command is one that the prompt itself carries out.
type command struct {
	name, takes, does string
	run               func(s *session, ctx context.Context, rest string) error
}

// commands are those of the prompt, in the order of \help.
func commands() []command {
	return []command{
		{`\d`, "[TABLE [WORD]]", "the tables, or the columns of one; in full those that hold a word",
			(*session).describe},
		{`\snapshots`, "", "the snapshots that can be asked", (*session).listSnapshots},
		{`\use`, "SNAPSHOT, TIME or now", "ask another snapshot, or the state at a time", (*session).use},
		{`\set`, "[NAME [VALUE]]", "a parameter, which queries name $NAME; without VALUE none",
			(*session).set},
		{`\format`, "[" + strings.Join(textFormats, ", ") + "]", "how rows are shown",
			(*session).format},
		{`\x`, "[on, off]", "a line for each cell", (*session).expand},
		{`\limit`, "[ROWS]", "how many rows are shown at most; 0 for all", (*session).limit},
		{`\timeout`, "[TIME]", "when a query is ended that has not answered", (*session).timeout},
		{`\timing`, "[on, off]", "how long each query took", (*session).turnTiming},
		{`\examples`, "[NUMBER or WORD]", "questions with their SQL; one alone is there with Up",
			(*session).examples},
		{`\help`, "", "this list, and the keys", (*session).help},
		{`\q`, "", "leave", func(*session, context.Context, string) error { return errLeave }},
	}
}

// bareCommands are what people type who come from other shells.
var bareCommands = map[string]string{
	"exit": `\q`, "quit": `\q`, ".exit": `\q`, ".quit": `\q`, `\quit`: `\q`,
	"help": `\help`, ".help": `\help`, `\?`: `\help`, `\h`: `\help`,
	".tables": `\d`, `\dt`: `\d`, `\d+`: `\d`, ".timer": `\timing`, ".mode": `\format`,
}

// keysHelp is the part of \help on keys.
var keysHelp = [][2]string{
	{"Tab", "completes, then goes through what fits"},
	{"Up, Down", "the lines of a statement, then the statements before"},
	{"Ctrl-R", "the statement before that holds what was typed"},
	{"Alt-Enter", "a new line, also in a statement that is whole"},
	{"Ctrl-C", "forgets what was typed; ends the query that runs"},
	{"Ctrl-D", "leaves"},
}

func (s *session) command(ctx context.Context, line string) error {
	name, rest, _ := strings.Cut(line, " ")
	all := commands()
	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		var names []string
		for _, c := range all {
			names = append(names, c.name)
		}
		return &hintError{fmt.Errorf("unknown command %s", printable(name)),
			didYouMean(reports.Nearest(name, names), `what there is: \help`)}
	}
	return all[i].run(s, ctx, strings.TrimSpace(rest))
}

// describe is \d.
func (s *session) describe(_ context.Context, rest string) error {
	name, word, _ := strings.Cut(rest, " ")
	w, err := s.words()
	if err != nil {
		return err
	}
	if name == "" {
		return s.describeAll(w)
	}
	bare := strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(name), "()"), "previous.")
	t := w.table(bare)
	if t == nil {
		var names []string
		for _, t := range w.tables {
			names = append(names, t.Name)
		}
		return &hintError{fmt.Errorf("no table %q", name),
			didYouMean(reports.Nearest(bare, names), `what there is: \d`)}
	}
	s.say(paint(s.a.stdout, text.Bold, signature(t)))
	for line := range strings.Lines(t.Comment) {
		s.say(strings.TrimRight(line, "\n"))
	}
	if len(t.Columns) == 0 {
		return nil
	}
	return s.describeColumns(t, strings.ToLower(strings.TrimSpace(word)))
}

// describeColumns shows the columns of a table in a line each, or those with a word in
// their names in full.
func (s *session) describeColumns(t *store.Table, word string) error {
	g, names, types := newGrid("column", "type", "meaning"), 0, 0
	for _, c := range t.Columns {
		names, types = max(names, len(c.Name)), max(types, len(c.Type))
		if strings.Contains(c.Name, word) {
			g.add(c.Name, c.Type, c.Comment)
		}
	}
	if len(g.rows) == 0 {
		return &hintError{fmt.Errorf("no column of %s has %q", t.Name, word), `all of them: \d ` + t.Name}
	}
	width, isTerminal := terminalWidth(s.a.stdout)
	if !isTerminal || word != "" {
		return s.a.printGrid(g)
	}
	room := width - names - types - 2*wideGap
	for i, row := range g.rows {
		meaning := row[2]
		if _, ours, named := strings.Cut(meaning, ", "); named && strings.HasPrefix(meaning, "API ") {
			meaning = ours // after the API's own name
		}
		if g.rows[i] = []string{row[0], row[1], clip(meaning, room)}; room < narrow {
			g.rows[i] = []string{row[0], clip(meaning, room+types+wideGap)}
		}
	}
	if room < narrow {
		g.header = []string{"column", "meaning"}
	}
	last := t.Columns[len(t.Columns)-1].Name
	err := s.a.printGrid(g)
	s.say(s.faint(fmt.Sprintf(`\d %s %s shows that column in full`, t.Name, last)))
	return err
}

func (s *session) describeAll(w *vocabulary) error {
	width, _ := terminalWidth(s.a.stdout)
	longest := 0
	for _, t := range w.tables {
		longest = max(longest, text.StringWidth(shortName(t)))
	}
	group := ""
	for _, t := range w.tables {
		if t.Group != group {
			group = t.Group
			s.say(paint(s.a.stdout, text.Bold, group))
		}
		line := "  " + text.Pad(shortName(t), longest, ' ') + "  " + firstSentence(t.Comment)
		fmt.Fprintln(s.a.stdout, clip(line, width))
	}
	s.say(s.faint(`\d permissions shows the columns of permissions; (…) takes parameters`))
	return nil
}

// shortName is the name of a table, and whether it takes parameters.
func shortName(t store.Table) string {
	if t.Kind == "table" {
		return t.Name
	}
	return t.Name + "(…)"
}

// signature is the name of a table, with its parameters where it has such.
func signature(t *store.Table) string {
	if t.Kind == "table" {
		return t.Name
	}
	names := make([]string, len(t.Parameters))
	for i, p := range t.Parameters {
		names[i] = p.Name
	}
	return t.Name + "(" + strings.Join(names, ", ") + ")"
}

// listSnapshots is \snapshots.
func (s *session) listSnapshots(ctx context.Context, _ string) error {
	all, err := s.k.snapshots(ctx)
	if len(all) == 0 {
		return err
	}
	g := newGrid("", "snapshot", "project", "server time", "verdict", "rows")
	g.right = []int{5}
	for _, x := range slices.Backward(all) {
		mark := ""
		if x.ID == s.k.place.Snapshot {
			mark = "*"
		}
		at := "–"
		if !x.ServerTime.IsZero() {
			at = x.ServerTime.In(s.a.zone).Format("2006-01-02 15:04")
		}
		g.add(mark, x.ID, printable(x.Project), at, strings.ReplaceAll(x.Verdict, "_", " "),
			count(x.Rows))
	}
	return errors.Join(s.a.printGrid(g), err)
}

// use is \use.
func (s *session) use(ctx context.Context, name string) error {
	f := s.f
	switch {
	case name == "":
	case strings.EqualFold(name, "now"):
		f.snapshot, f.asOf = "", ""
	default:
		f.snapshot, f.asOf = "", strings.Trim(name, `'"`)
	}
	k, err := s.a.newAsker(ctx, s.cfg, f.readFlags, f.since, f.timeout)
	if err != nil {
		return err
	}
	s.f, s.k = f, k
	state, err := s.k.state(ctx, s.a.stdout)
	if err != nil {
		return err
	}
	s.say(state)
	return nil
}

// set is \set.
func (s *session) set(_ context.Context, rest string) error {
	name, value, given := strings.Cut(rest, " ")
	name = strings.TrimPrefix(name, "$")
	switch {
	case rest == "":
		for _, name := range slices.Sorted(maps.Keys(s.q.Set)) {
			s.say(fmt.Sprintf("$%s = %s", name, printable(s.q.Set[name])))
		}
	case !isName(name):
		return &hintError{fmt.Errorf("%q is not a name", name), `for example: \set within_days 60`}
	case slices.Contains(givenParameters, name):
		return &hintError{fmt.Errorf("$%s is of every query", name), `\use chooses the state that is asked`}
	case !given:
		delete(s.q.Set, name)
	default:
		set := maps.Clone(s.q.Set)
		if set == nil {
			set = map[string]string{}
		}
		set[name] = strings.TrimSpace(value)
		s.q.Set = set
	}
	return nil
}

// format is \format.
func (s *session) format(_ context.Context, name string) error {
	switch {
	case name == "":
		s.say("rows are shown as " + s.q.Format)
	case slices.Contains(textFormats, name):
		s.q.Format = name
	default:
		return &hintError{fmt.Errorf("unknown format %q", name), didYouMean(
			reports.Nearest(name, textFormats), "there is "+strings.Join(textFormats, ", ")+
				"; xlsx and parquet go to a file: exporter sql --out FILE.xlsx")}
	}
	return nil
}

// limit is \limit.
func (s *session) limit(_ context.Context, rows string) error {
	if rows != "" {
		n, err := strconv.Atoi(strings.ReplaceAll(rows, ",", ""))
		if err != nil || n < 0 {
			return &hintError{fmt.Errorf("%q is not a number of rows", rows), `for example: \limit 5000`}
		}
		s.q.Limit = n
	}
	if s.q.Limit == 0 {
		s.say("all rows are shown")
	} else {
		s.say("at most " + count(int64(s.q.Limit)) + " rows are shown")
	}
	return nil
}

// timeout is \timeout.
func (s *session) timeout(_ context.Context, rest string) error {
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d <= 0 {
			return &hintError{fmt.Errorf("%q is not a time", rest), `for example: \timeout 2m`}
		}
		s.f.timeout, s.k.timeout = d, d
	}
	s.say("a query is ended after " + s.f.timeout.String())
	return nil
}

// turnTiming is \timing.
func (s *session) turnTiming(_ context.Context, rest string) error {
	return s.turn("timing", &s.timing, rest)
}

// turn sets what is on or off, and without a word turns it over.
func (s *session) turn(what string, value *bool, word string) error {
	switch word {
	case "":
		*value = !*value
	case "on", "off":
		*value = word == "on"
	default:
		return &hintError{fmt.Errorf("%s: %q is neither on nor off", what, word),
			fmt.Sprintf(`for example: \%s on`, what)}
	}
	now := "off"
	if *value {
		now = "on"
	}
	s.say(what + " is " + now)
	return nil
}

// examples is \examples.
func (s *session) examples(_ context.Context, word string) error {
	all := examplesOf(word)
	switch len(all) {
	case 0:
		return &hintError{fmt.Errorf("no example has %.200q", word), `all of them: \examples`}
	case 1:
		fmt.Fprint(s.a.stdout, all[0].text)
		s.past.list = append(s.past.list, strings.TrimSpace(all[0].text))
		return nil
	}
	for _, e := range all {
		s.say(fmt.Sprintf("%3s  %s", e.number, e.question))
	}
	s.say(s.faint(`\examples 3 shows the third, and Up takes it to the prompt`))
	return nil
}

// help is \help.
func (s *session) help(context.Context, string) error {
	g := newGrid("command", "takes", "does")
	for _, c := range commands() {
		g.add(c.name, c.takes, c.does)
	}
	if err := s.a.printGrid(g); err != nil {
		return err
	}
	fmt.Fprintln(s.a.stdout)
	k := newGrid("key", "does")
	for _, x := range keysHelp {
		k.add(x[0], x[1])
	}
	if err := s.a.printGrid(k); err != nil {
		return err
	}
	fmt.Fprintln(s.a.stdout)
	s.say(s.faint("A line that begins with a space is not kept in the history."))
	return nil
}

// expand is \x.
func (s *session) expand(_ context.Context, rest string) error {
	return s.turn("x", &s.expanded, rest)
}
