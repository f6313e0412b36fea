package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/store"
)

// maxItem is how much of a response's member is shown to people.
const maxItem = 2000

// printTrace writes a trace for people.
func (a *app) printTrace(t *traced) error {
	var b strings.Builder
	pair := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-10s %s\n", name, printable(value))
		}
	}
	place := fmt.Sprintf("row %d", t.Number)
	if t.Sheet != "" {
		place = fmt.Sprintf("%s, row %d", t.Sheet, t.Number)
	}
	fmt.Fprintf(&b, "%s of %s\n", printable(place), printable(filepath.Base(t.File)))
	pair("file", t.KnownBy)
	pair("report", strings.Trim(t.Report+", "+t.Section, ", "))
	pair("snapshot", fmt.Sprintf("%s, as of %s, mask %s", t.Snapshot, t.AsOf, t.Mask))
	pair("sealed by", t.Sealed)
	if t.Cell != nil {
		pair("cell", t.Cell.Ref+": "+strings.TrimSuffix(t.Cell.Title+" ("+t.Cell.Column+")", " ()"))
		pair("shows", t.Cell.Text)
	}
	for _, n := range t.Notes {
		pair("note", n)
	}
	for i, s := range t.Steps {
		fmt.Fprintf(&b, "\n%s\n", paint(a.stdout, text.Bold, fmt.Sprintf("%d. %s %s", i+1, s.Table,
			printable(keyWords(s.Key)))))
		t.printStep(pair, s)
		a.see(&b, t, s.See)
	}
	if len(t.See) > 0 {
		b.WriteString("\n")
		a.see(&b, t, t.See)
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

func (t *traced) printStep(pair func(name, value string), s traceStep) {
	for _, v := range s.Received {
		pair("received", v.Column+" = "+textOf(v))
	}
	history := "as it is since snapshot " + s.First
	if !s.Seen.IsZero() {
		history += ", first seen " + s.Seen.In(t.zone).Format("2006-01-02 15:04:05")
	}
	pair("row", history+cmp.Or(prefixed("; ended with snapshot ", s.Closed), "; current"))
	pair("page", fmt.Sprintf("%s, line %d", s.File, s.Line))
	pair("sealed by", s.Sealed)
	pair("hash", strings.TrimPrefix(s.SHA256+": "+s.Hash, ": "))
	if c := s.Call; c != nil {
		pair("response", fmt.Sprintf("%s, page %d, tid %s", c.Operation, c.Page, c.TID))
		pair("time", fmt.Sprintf("t %d, which is %s by the cloud's clock", c.T,
			time.UnixMilli(c.T).In(t.zone).Format(time.RFC3339Nano)))
	}
	pair("member", s.Member)
	if len(s.Item) > maxItem {
		pair("", text.Trim(s.Item, maxItem)+"…, all of it by the command")
	} else {
		pair("", s.Item)
	}
	pair("note", s.Note)
}

// prefixed is s behind a prefix, "" where s is.
func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func keyWords(key []store.Received) string {
	values := make([]string, len(key))
	for i, v := range key {
		values[i] = textOf(v)
	}
	return strings.Join(values, "/")
}

// see writes commands, each on a line of its own that can be copied whole.
func (a *app) see(b *strings.Builder, t *traced, commands []string) {
	if len(commands) == 0 {
		return
	}
	where := ""
	if t.Bundle != "" {
		where = ", in the folder of the bundle"
	}
	fmt.Fprintf(b, "  see it yourself%s:\n", where)
	for _, c := range commands {
		fmt.Fprintf(b, "    %s\n", printable(c))
	}
}
