package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"exporter/internal/store"
)

// Asked is the question with the parameters' defaults in it.
func (d Definition) Asked() string { return d.inWords(d.Question) }

// inWords is a template with the parameters' defaults in it, and in brackets what
// the summary is yet to tell: [deletions note].
func (d Definition) inWords(template string) string {
	return fill(template, func(name string) (string, bool) {
		p, ok := d.Parameters[name]
		v, err := p.value()
		switch {
		case !ok && columnPattern.MatchString(name):
			return "[" + strings.ReplaceAll(name, "_", " ") + "]", true
		case !ok || err != nil:
			return "", false
		}
		return show(v, "", time.UTC), true
	})
}

// OutputFormats are the formats that the report is made in where none are named.
func (d Definition) OutputFormats() []string {
	if len(d.Formats) > 0 {
		return d.Formats
	}
	return []string{"xlsx", "pdf"}
}

// Explain tells what a report answers, from which parameters and columns, and
// by which SQL, in lines of at most 80 columns but for the SQL. Queries are looked
// up as [Options] says. It errs when one is missing.
func (d Definition) Explain(queryDir string) (string, error) {
	e := &explainer{}
	e.line(joinWords(d.ID, d.Name, d.Title))
	e.line(d.Asked())
	e.line("")
	e.pair("", "Evidence for", strings.Join(d.Controls, "; "), 14)
	e.pair("", "Not covered", strings.Join(d.NotCovered, "; "), 14)
	e.pair("", "Made from", strings.Join(d.Resources, ", "), 14)
	e.pair("", "Made as", strings.Join(d.OutputFormats(), ", ")+"; mask: "+cmp.Or(d.Mask, store.MaskFull), 14)
	changes := "since the snapshot that --since names"
	if d.ComparesAlways() {
		changes = "since the snapshot before, or the one that --since names"
	}
	if d.onlySome() {
		changes += "; only what is " + d.Only + " is shown"
	}
	e.pair("", "Changes", changes, 14)
	d.explainParameters(e)
	for _, s := range d.Sections {
		e.heading("Section " + s.sheet() + ": " + s.Title)
		e.section(s, d.inWords(s.Note))
		if err := e.query(queryDir, s.Query); err != nil {
			return "", fmt.Errorf("report %s: %w", d.Name, err)
		}
	}
	for _, q := range d.Queries() {
		if slices.ContainsFunc(d.Sections, func(s Section) bool { return s.Query == q }) {
			continue
		}
		e.heading("First page: " + q)
		if err := e.query(queryDir, q); err != nil {
			return "", fmt.Errorf("report %s: %w", d.Name, err)
		}
	}
	return e.b.String(), nil
}

func (d Definition) explainParameters(e *explainer) {
	e.heading("Parameters")
	names := slices.Sorted(maps.Keys(d.Parameters))
	wide := 0
	for _, name := range names {
		wide = max(wide, len(name))
	}
	for _, name := range names {
		p := d.Parameters[name]
		e.pair("  ", name, fmt.Sprintf("%s (%s); %s", plain(p.Default), p.bounds(), cmp.Or(p.Meaning, "no meaning is given")), wide+2)
	}
	if len(names) > 0 {
		e.line("Another value: --set " + names[0] + "=VALUE, or under parameters in reports.yaml.")
	}
	e.line("Every query may name $" + strings.Join(given, ", $") + ".")
}

// explainer writes lines of at most explainWidth columns.
type explainer struct{ b strings.Builder }

const explainWidth = 80

func (e *explainer) heading(text string) {
	e.line("")
	e.line(text)
	e.b.WriteString(strings.Repeat("─", min(int(columnsOf(text)), explainWidth)) + "\n")
}

func (e *explainer) section(s Section, note string) {
	if note != "" {
		e.line(note)
	}
	if strings.Contains(note, "[") {
		e.line("What stands in brackets is counted when the report is made.")
	}
	if len(s.Key) > 0 {
		compared := slices.Concat([]string{s.Severity}, s.Compare)
		compared = slices.DeleteFunc(compared, func(name string) bool { return name == "" })
		changed := "never"
		if len(compared) > 0 {
			changed = "when " + strings.Join(compared, " or ") + " differs"
		}
		e.line("")
		e.pair("", "Key", strings.Join(s.Key, "/")+", the finding_key of exceptions.csv", 9)
		e.pair("", "Changed", changed, 9)
	}
	e.line("")
	wide := 0
	for _, c := range s.Columns {
		wide = max(wide, len(c.Name))
	}
	for _, c := range s.Columns {
		meaning := cmp.Or(c.Title, words(c.Name))
		if c.Meaning != "" {
			meaning += ": " + c.Meaning
		}
		if c.Mask != "" {
			meaning += " (masked from " + c.Mask + " on)"
		}
		e.pair("  ", c.Name, meaning, min(wide, 32)+2)
	}
}

func (e *explainer) query(dir, name string) error {
	text, err := queryFile(dir, name)
	if err != nil {
		return err
	}
	fmt.Fprintf(&e.b, "\n%s\n", strings.TrimRight(string(text), "\n"))
	return nil
}

// line writes a text in as many lines as it needs.
func (e *explainer) line(text string) {
	for _, l := range wrapAt(text, explainWidth) {
		e.b.WriteString(l + "\n")
	}
}

// pair writes a name and beside it, at a column, its text; nothing for no text.
func (e *explainer) pair(indent, name, text string, column int) {
	if text == "" {
		return
	}
	for i, l := range wrapAt(text, explainWidth-len(indent)-column) {
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(&e.b, "%s%-*s %s\n", indent, column-1, name, l)
	}
}

// wrapAt breaks a text between words into lines of at most so many columns, as far
// as its words allow; at least one line.
func wrapAt(text string, width int) []string {
	lines := []string{""}
	for word := range strings.FieldsSeq(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case columnsOf(*last)+1+columnsOf(word) <= float64(width):
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}
