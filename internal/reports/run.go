package reports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"exporter/internal/store"
)

// Options are what a report depends on beside its definition and snapshot.
type Options struct {
	Params         map[string]any // values for the definition's parameters, text or typed
	QueryDir       string         // asked for a query before the built-in ones; may be empty
	ProgramVersion string
	Timezone       string // IANA name; UTC when empty

	// Base sees the earlier snapshot that changes are told since, as of that
	// snapshot; nil where there is none.
	Base *store.Reader

	// Sealed is the line of the journal that names the snapshot with its digest; nil
	// where there is none.
	Sealed *Sealed

	// Answer has the rows of the definition's one query, where it has been run.
	Answer *store.Answer
}

// Sealed is a line of the journal, by its number and by the SHA-256, in hex, of the
// line with its newline.
type Sealed struct {
	Line   int64  `json:"line"`
	SHA256 string `json:"sha256"`
}

// Run answers a definition from a snapshot. The reader must see the snapshot
// and the as-of time that the report is to speak of. Run errs when a parameter
// is unknown or has the wrong type, when a query does not run, or when it does
// not return a column that the definition names; nothing is half done.
func Run(ctx context.Context, r *store.Reader, d Definition, o Options) (*Report, error) {
	zone, err := time.LoadLocation(cmp.Or(o.Timezone, "UTC"))
	if err != nil {
		return nil, fmt.Errorf("report %s: time zone %q is not known", d.Name, cut(o.Timezone, 100))
	}
	run := &runner{ctx: ctx, queryDir: o.QueryDir, answer: o.Answer, zone: zone,
		report: &Report{def: d, trust: trust{programVersion: o.ProgramVersion}, sealed: o.Sealed}}
	run.now = state{reader: r, named: run.moment(r, o.Base)}
	if o.Base != nil {
		run.before = state{reader: o.Base, named: run.moment(o.Base, nil)}
	}
	run.report.mask = r.Mask()
	if err := run.all(o.Params); err != nil {
		return nil, fmt.Errorf("report %s: %w", d.Name, err)
	}
	return run.report, nil
}

// runner carries what the steps of one [Run] share.
type runner struct {
	ctx        context.Context
	now        state
	before     state // the zero value where there is no earlier snapshot
	queryDir   string
	answer     *store.Answer // nil where queries are run
	zone       *time.Location
	facts      map[string]fact
	deltas     map[string]string // by column of the summary: its change since before, in words
	changes    []*table
	exceptions map[string]exception // by finding key
	report     *Report
}

// state is a reader with the parameters that queries are given on it.
type state struct {
	reader *store.Reader
	named  map[string]any
}

// fact is one column of the summary.
type fact struct {
	value  any
	format string
}

func (r *runner) all(given map[string]any) (err error) {
	if err := r.bind(given); err != nil {
		return err
	}
	if r.report.trust, err = r.trustOf(r.now.reader); err != nil {
		return fmt.Errorf("read what is known of the snapshot: %w", err)
	}
	if err := r.compareWith(); err != nil {
		return fmt.Errorf("read what is known of the earlier snapshot: %w", err)
	}
	if err := r.summary(); err != nil {
		return err
	}
	if r.exceptions, err = r.readExceptions(); err != nil {
		return err
	}
	for _, s := range r.report.def.Sections {
		t, err := r.section(s)
		if err != nil {
			return err
		}
		r.report.tables = append(r.report.tables, t)
	}
	r.report.tables = append(r.report.tables, r.changes...)
	if err := r.chart(); err != nil {
		return err
	}
	if err := r.matrix(); err != nil {
		return err
	}
	return r.tell()
}

// section makes the table of a section.
func (r *runner) section(s Section) (*table, error) {
	t, err := r.table(r.now, s)
	if err != nil {
		return nil, err
	}
	t.note, t.section.Empty = fill(s.Note, r.lookup), fill(s.Empty, r.lookup)
	if len(s.Key) == 0 {
		return t, nil
	}
	if err := r.recall(t); err != nil {
		return nil, err
	}
	if t, err = r.compare(t); err == nil {
		r.accept(t)
	}
	return t, err
}

// table reads the rows of a section in a state.
func (r *runner) table(in state, s Section) (*table, error) {
	rows, err := r.query(in, s.Query)
	if err != nil {
		return nil, err
	}
	t, err := readTable(rows, s, r.zone)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", s.Query, err)
	}
	t.hide(r.report.mask)
	return t, nil
}

// bind gives each parameter its value.
func (r *runner) bind(given map[string]any) error {
	d := r.report.def
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := d.Parameters[name]; !ok {
			faults = append(faults, fmt.Errorf("parameter %q is not one of this report's: %s",
				name, cmp.Or(strings.Join(slices.Sorted(maps.Keys(d.Parameters)), ", "), "it has none")))
		}
	}
	r.facts = map[string]fact{}
	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		p := d.Parameters[name]
		if v, ok := given[name]; ok {
			p.Default = v
		}
		v, err := p.value()
		if err != nil {
			faults = append(faults, fmt.Errorf("parameter %s: %w", name, err))
			continue
		}
		r.now.named[name] = v
		if r.before.reader != nil {
			r.before.named[name] = v
		}
		x, k, ok := reduce(v)
		format := ""
		if ok && k == kindMoment {
			format = formatDate
		}
		r.facts[name] = fact{x, format}
		r.report.parameters = append(r.report.parameters, namedText{name, show(x, format, time.UTC)})
	}
	return errors.Join(faults...)
}

// moment gives the parameters that every query may name, as of a reader and
// since a base.
func (r *runner) moment(at, base *store.Reader) map[string]any {
	named := map[string]any{"as_of": at.AsOf(), "timezone": r.zone.String(), "snapshot": at.Snapshot(),
		"since_snapshot": nil, "since": nil}
	if base != nil {
		named["since_snapshot"], named["since"] = base.Snapshot(), base.AsOf()
	}
	return named
}

// summary reads the one row of facts, and how they have changed.
func (r *runner) summary() error {
	name := r.report.def.Summary
	if name == "" {
		return nil
	}
	facts, err := r.factsOf(r.now)
	if err != nil {
		return err
	}
	maps.Copy(r.facts, facts)
	compared, err := r.comparable(name)
	if err != nil || !compared || len(r.report.def.Figures) == 0 {
		return err
	}
	was, err := r.factsOf(r.before)
	if err != nil {
		return err
	}
	r.deltas = map[string]string{}
	for name, f := range facts {
		r.deltas[name] = delta(was[name].value, f.value, f.format)
	}
	return nil
}

// factsOf reads the columns of the summary in a state.
func (r *runner) factsOf(in state) (map[string]fact, error) {
	name := r.report.def.Summary
	t, err := r.table(in, Section{Query: name})
	if err != nil {
		return nil, err
	}
	if t.rows != 1 {
		return nil, fmt.Errorf("query %s: returns %d rows; a summary is exactly one", name, t.rows)
	}
	facts := map[string]fact{}
	for i, c := range t.columns {
		format := ""
		if strings.HasSuffix(c.Name, "_share") {
			format = formatShare
		} else if c.Format == formatDate {
			format = formatDate
		}
		facts[c.Name] = fact{t.vectors[i].at(0), format}
	}
	return facts, nil
}

// lookup gives a fact or a parameter in words, for templates.
func (r *runner) lookup(name string) (string, bool) {
	f, ok := r.facts[name]
	if !ok {
		return "", false
	}
	if f.value == nil || f.value == "" {
		return "", true
	}
	return show(f.value, f.format, r.zone), true
}

// tell fills the templates of the first page.
func (r *runner) tell() (err error) {
	p, d := r.report, r.report.def
	p.question = fill(d.Question, r.lookup)
	p.answer = fill(cmp.Or(d.Answer, "{answer}"), r.lookup)
	if p.answer == "{answer}" || p.answer == "" {
		p.answer = p.countedAnswer()
	}
	p.answer = joinSentences(p.answer, p.acceptedWords(), p.changeWords())
	if p.whatToDo = fill(cmp.Or(d.WhatToDo, "{what_to_do}"), r.lookup); p.whatToDo == "{what_to_do}" {
		p.whatToDo = ""
	}
	if f, ok := r.facts["severity"]; ok {
		p.tone = strings.ToLower(asText(f.value))
	} else {
		p.tone = p.worst()
	}
	for _, f := range d.Figures {
		got, ok := r.facts[f.Value]
		v := figure{value: "unknown", label: fill(f.Label, r.lookup), note: fill(f.Note, r.lookup), tone: f.Tone}
		if ok && got.value != nil {
			v.value = show(got.value, got.format, r.zone)
		}
		if told := r.deltas[f.Value]; told != "" {
			v.note = joinWords(told+" since "+p.baseDay(), v.note)
		}
		if v.value == "0" || v.value == "unknown" || v.value == "0 %" {
			v.tone = ""
		}
		p.figures = append(p.figures, v)
	}
	p.counted, err = r.subjectWords()
	return err
}

// countedAnswer is the sentence of a report whose queries give none.
func (p *Report) countedAnswer() string {
	var parts []string
	for _, t := range p.tables {
		if t.changes {
			continue
		}
		parts = append(parts, "**"+plural(t.rows, "row", "rows")+"** in "+t.section.Title)
	}
	return strings.Join(parts, "; ") + "."
}

// worst is the gravest severity of any row.
func (p *Report) worst() string {
	for _, s := range severities {
		for _, t := range p.tables {
			for _, c := range t.severities() {
				if c.severity == s {
					return s
				}
			}
		}
	}
	return ""
}
