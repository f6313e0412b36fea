package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/store"
)

// maxPage is the width beyond which nothing is spread further.
const maxPage = 120

// printCertificate prints c so that it fits the terminal, from 80 columns on.
func (a *app) printCertificate(c certificate) {
	width, _ := terminalWidth(a.stdout)
	width = min(width, maxPage)
	fmt.Fprintf(a.stdout, "%s\n\n", paint(a.stdout, text.Bold, "Snapshot "+c.Snapshot+" of project "+c.Project))
	a.printHead(c, width)
	a.heading("What was read")
	a.printWalks(c, width)
	a.heading("Tie-outs with the cloud's own counts (they never change the verdict)")
	a.printTieOuts(c, width)
	if len(c.Codes) > 0 {
		a.heading("The API's codes against the counters beside them")
		a.printCodes(c, width)
	}
}

func (a *app) heading(s string) { fmt.Fprintf(a.stdout, "\n%s\n", paint(a.stdout, text.Bold, s)) }

func (a *app) printHead(c certificate, width int) {
	const label = 11
	pair := func(name, value string) {
		for i, line := range strings.Split(text.WrapSoft(value, width-label-1), "\n") {
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(a.stdout, "%s%s\n", paint(a.stdout, text.FgHiBlack, fmt.Sprintf("%-*s", label, name)), strings.TrimRight(line, " "))
		}
	}
	verdict := strings.ReplaceAll(c.Verdict, "_", " ")
	pair("Verdict", paint(a.stdout, verdictColor(c.Verdict), verdict)+": "+c.Reason)
	pair("As of", a.moment(c.ServerTime)+" "+a.zone.String()+", by the cloud's clock")
	pair("Collected", a.moment(c.Started)+" to "+a.clock(c.Started, c.Finished)+", by our clock"+offset(c.ClockOffset))
	pair("Tie-outs", c.tieOutSum())
	pair("Holds", count(c.Rows)+" rows in all resources, read by exporter "+c.ProgramVersion)
	pair("Digest", c.Digest)
	pair("Journal", c.Journal.words(a))
	pair("Kept", c.Kept.words(c.Snapshot))
	a.remark("The digest again (a resource's: the csv of its query in digests):", width)
	// Broken where a shell takes the pieces for one command.
	command := strings.Replace(c.Recompute, ` "SELECT`, " \\\n    \"SELECT", 1)
	command = strings.Replace(command, " WHERE", "\n    WHERE", 1)
	fmt.Fprintf(a.stdout, "  %s\n", strings.Replace(command, " | tail", " \\\n    | tail", 1))
}

func verdictColor(verdict string) text.Color {
	if verdict == store.Complete {
		return text.FgHiGreen
	}
	return text.FgHiYellow
}

func (a *app) moment(t *time.Time) string {
	if t == nil {
		return "–"
	}
	return t.In(a.zone).Format("2006-01-02 15:04:05")
}

// clock is to, with its date only where that is not the one of from.
func (a *app) clock(from, to *time.Time) string {
	s := a.moment(to)
	if from != nil && to != nil && from.In(a.zone).Format(time.DateOnly) == to.In(a.zone).Format(time.DateOnly) {
		return s[len("2006-01-02 "):]
	}
	return s
}

func offset(ms *int64) string {
	switch {
	case ms == nil:
		return ""
	case *ms < 0:
		return fmt.Sprintf(", %.1f s ahead of the cloud's", float64(-*ms)/1000)
	default:
		return fmt.Sprintf(", %.1f s behind the cloud's", float64(*ms)/1000)
	}
}

func (s sealed) words(a *app) string {
	if s.Problem != "" {
		return s.Path + ": " + s.Problem
	}
	return fmt.Sprintf("line %d of %s, %s, SHA-256 %s", s.Line, s.Path, a.moment(s.At), s.SHA256)
}

func (k kept) words(snapshot string) string {
	file := "its own file"
	if !k.File {
		file = "in later snapshots, its own file is gone"
	}
	if k.RawFiles == 0 {
		return file + "; the raw pages are gone"
	}
	return fmt.Sprintf("%s; the answers as received, %d files of %s in raw/%s", file, k.RawFiles, size(k.RawBytes), snapshot)
}

// size is n bytes as people say it.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}

// printWalks prints the resources; columns that would hold nothing but zeros are
// said in a line instead.
func (a *app) printWalks(c certificate, width int) {
	g := grid{columns: []column{
		{title: "resource"}, {title: "verdict"}, {title: "pages", right: true}, {title: "first", right: true}, {title: "last", right: true},
		{title: "rows", right: true}, {title: "ids", right: true},
	}}
	var twice, again, failed bool
	for _, w := range c.Resources {
		twice, again, failed = twice || w.Duplicates > 0, again || w.Retries > 0, failed || w.Errors > 0
	}
	var none []string
	for _, x := range []struct {
		shown       bool
		title, word string
	}{{twice, "twice", "duplicates"}, {again, "retries", "repeated requests"}, {failed, "errors", "failed attempts"}} {
		if x.shown {
			g.columns = append(g.columns, column{title: x.title, right: true})
		} else {
			none = append(none, x.word)
		}
	}
	g.columns = append(g.columns, column{title: "asked", right: true})
	for _, w := range c.Resources {
		cells := []string{w.Resource, strings.TrimPrefix(strings.ReplaceAll(w.Verdict, "_", " "), "complete "), count(w.Pages), number(w.TotalFirst), number(w.TotalLast),
			count(w.Rows), count(w.Distinct)}
		for _, x := range []struct {
			shown bool
			n     int64
		}{{twice, w.Duplicates}, {again, w.Retries}, {failed, w.Errors}} {
			if x.shown {
				cells = append(cells, count(x.n))
			}
		}
		g.add(paintOf(verdictColor(w.Verdict), 1), append(cells, coverage(w.Covered, w.Coverable))...)
	}
	a.printGrid(g, width)
	said := "first, last: the list's total on its first and last page; ids: distinct rows"
	if len(none) > 0 {
		said += "; no " + strings.Join(none, ", no ")
	}
	a.remark(said, width)
	for _, w := range c.Resources {
		if w.Problem != "" {
			a.remark(w.Resource+": "+w.Problem, width)
		}
	}
}

func number(n *int64) string {
	if n == nil {
		return "–"
	}
	return count(*n)
}

// coverage is a share, exact only at its ends.
func coverage(covered, of *int64) string {
	switch {
	case covered == nil || of == nil:
		return "–"
	case *covered >= *of:
		return "100 %"
	}
	return fmt.Sprintf("%.1f %%", min(99.9, float64(*covered)*100/float64(*of)))
}

// tieOutKinds are the groups of tie-outs, with what each compares.
var tieOutKinds = map[string]string{
	"list":     "Rows against the total of their list",
	"cross":    "One resource against another",
	"channels": "All permissions against those of each channel (channelIds)",
	"validity": "End of validity (authDateType)",
	"status":   "What was sent (cardIssueStatus, faceIssueStatus, fingerprintIssueStatus)",
}

func (a *app) printTieOuts(c certificate, width int) {
	g := grid{columns: []column{
		{title: "tie-out"}, {title: "ours", right: true}, {title: "cloud's", right: true}, {title: "result"}, {title: "note", wrap: true},
	}}
	kind := ""
	for _, t := range c.TieOuts {
		if t.Kind != kind {
			g.group(tieOutKinds[t.Kind])
			kind = t.Kind
		}
		note := ""
		if t.Note != nil {
			note = *t.Note
		}
		color := text.FgHiYellow
		switch t.Result {
		case "agrees":
			color = text.FgHiGreen
		case "differs":
			color = text.FgHiRed
		}
		g.add(paintOf(color, 3), t.Name, number(t.Ours), number(t.Theirs), t.Result, note)
	}
	a.printGrid(g, width)
}

// codeFields are the codes of which the documents number filter and response
// differently.
var codeFields = map[string]bool{"auth_task_status": true, "auth_task_progress": true}

func (a *app) printCodes(c certificate, width int) {
	g := grid{columns: []column{
		{title: "code", right: true}, {title: "as a response"}, {title: "as a filter"}, {title: "by the counters"}, {title: "rows", right: true}, {title: "fits"},
	}}
	field := ""
	type score struct{ response, filter, all int64 }
	scores := map[string]*score{}
	for _, f := range c.Codes {
		if f.Field != field {
			g.group(f.Field)
			field = f.Field
			scores[field] = &score{}
		}
		s := scores[field]
		fits := f.Fits
		color := text.FgHiGreen
		switch f.Fits {
		case "both":
			s.response, s.filter = s.response+f.Rows, s.filter+f.Rows
			if !codeFields[field] {
				fits = "yes"
			}
		case "response":
			s.response += f.Rows
		case "filter":
			s.filter += f.Rows
			color = text.FgHiYellow
		case "neither":
			color = text.FgHiYellow
			if !codeFields[field] {
				fits = "no"
			}
		default:
			color = text.FgHiBlack
		}
		s.all += f.Rows
		filter := words(f.AsFilter)
		if !codeFields[field] {
			filter = ""
		}
		g.add(paintOf(color, 5), number(f.Code), words(f.AsResponse), filter, strings.ReplaceAll(f.Derived, "_", " "), count(f.Rows), fits)
	}
	a.printGrid(g, width)
	for _, field := range []string{"auth_task_status", "auth_task_progress"} {
		if s := scores[field]; s != nil {
			a.remark(fmt.Sprintf("%s: its meaning in a response fits %s of %s rows, its meaning as a filter %s",
				field, count(s.response), count(s.all), count(s.filter)), width)
		}
	}
}

func words(s *string) string {
	if s == nil {
		return "–"
	}
	return *s
}

func (a *app) remark(s string, width int) {
	for line := range strings.Lines(text.WrapSoft(s, width-2) + "\n") {
		fmt.Fprintf(a.stdout, "  %s\n", paint(a.stdout, text.FgHiBlack, strings.TrimRight(line, " \n")))
	}
}
