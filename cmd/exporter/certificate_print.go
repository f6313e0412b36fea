package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/store"
)

// maxPage is the width beyond which nothing is spread further.
const maxPage = 120

// printCertificate prints c within a width of 80 columns or more.
func (a *app) printCertificate(c certificate, width int) {
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
	if of := copyOf[c.Kind]; of != "" {
		pair("Copied", a.moment(c.Started)+", by our clock: "+of+"; nothing was collected for it")
	} else {
		pair("Collected", a.moment(c.Started)+" to "+a.clock(c.Started, c.Finished)+", by our clock"+offset(c.ClockOffset))
	}
	pair("Tie-outs", c.tieOutSum())
	pair("Holds", count(c.Rows)+" rows in all resources, read by exporter "+c.ProgramVersion)
	pair("Digest", c.Digest)
	pair("Journal", c.Journal.words(a))
	pair("Kept", c.Kept.words(c.Snapshot, copyOf[c.Kind] != ""))
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

func (k kept) words(snapshot string, copied bool) string {
	file := "its own file"
	if !k.File {
		file = "in later snapshots, its own file is gone"
	}
	if len(k.Masked) > 0 {
		file += ", masked copies: " + strings.Join(k.Masked, ", ")
	}
	switch {
	case copied:
		return file + "; its raw pages are those of the snapshots before"
	case k.RawFiles == 0:
		return file + "; the raw pages are gone"
	}
	return fmt.Sprintf("%s; the answers as received, %d files of %s in raw/%s", file, k.RawFiles, size(k.RawBytes), snapshot)
}

// copyOf says what a snapshot of a kind has beside the one before.
var copyOf = map[string]string{
	"purge":  "the snapshot before, without what was purged",
	"inputs": "the snapshot before, with the input files as they were then",
}

// walkColumn is a column of the walks that stands only where it says something.
type walkColumn struct {
	title, none string // none: what to say where all are 0
	of          func(walkFact) int64
}

var walkColumns = []walkColumn{
	{"twice", "duplicates", func(w walkFact) int64 { return w.Duplicates }},
	{"retries", "repeated requests", func(w walkFact) int64 { return w.Retries }},
	{"errors", "failed attempts", func(w walkFact) int64 { return w.Errors }},
}

// printWalks prints the resources. Columns of nothing but zeros are said in a
// line instead, and so are those for which there is no room.
func (a *app) printWalks(c certificate, width int) {
	var shown []walkColumn
	var none []string
	for _, x := range walkColumns {
		if slices.ContainsFunc(c.Resources, func(w walkFact) bool { return x.of(w) != 0 }) {
			shown = append(shown, x)
		} else {
			none = append(none, "no "+x.none)
		}
	}
	g := walkGrid(c, shown)
	var remarks []string
	for len(shown) > 0 && g.width(g.widths(), 1) > width {
		x := shown[len(shown)-1]
		shown = shown[:len(shown)-1]
		var each []string
		for _, w := range c.Resources {
			if n := x.of(w); n != 0 {
				each = append(each, w.Resource+" "+count(n))
			}
		}
		remarks = append(remarks, x.title+": "+strings.Join(each, ", "))
		g = walkGrid(c, shown)
	}
	a.printGrouped(g, width)
	about := "total: the same on the first and the last page of each list; ids: distinct rows"
	if moved(c) {
		about = "first, last: the total on the first and the last page of each list; ids: distinct rows"
	}
	a.remark(strings.Join(append([]string{about}, none...), "; "), width)
	for _, w := range c.Resources {
		if w.Problem != "" {
			remarks = append(remarks, w.Resource+": "+w.Problem)
		}
	}
	for _, s := range remarks {
		a.remark(s, width)
	}
}

// moved says whether a list's total was another on its last page.
func moved(c certificate) bool {
	return slices.ContainsFunc(c.Resources, func(w walkFact) bool { return number(w.TotalFirst) != number(w.TotalLast) })
}

func walkGrid(c certificate, shown []walkColumn) grouped {
	titles := []string{"pages", "total", "rows", "ids"}
	if moved(c) {
		titles = []string{"pages", "first", "last", "rows", "ids"}
	}
	for _, x := range shown {
		titles = append(titles, x.title)
	}
	g := grouped{columns: []column{{title: "resource"}, {title: "verdict"}}}
	for _, t := range append(titles, "asked") {
		g.columns = append(g.columns, column{title: t, right: true})
	}
	for _, w := range c.Resources {
		verdict := strings.TrimPrefix(strings.ReplaceAll(w.Verdict, "_", " "), "complete ")
		cells := []string{w.Resource, verdict, count(w.Pages)}
		if moved(c) {
			cells = append(cells, number(w.TotalFirst))
		}
		cells = append(cells, number(w.TotalLast), count(w.Rows), count(w.Distinct))
		for _, x := range shown {
			cells = append(cells, count(x.of(w)))
		}
		g.add(painted{verdictColor(w.Verdict), 1}, append(cells, coverage(w.Covered, w.Coverable))...)
	}
	return g
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
	g := grouped{columns: []column{
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
		g.add(painted{color, 3}, t.Name, number(t.Ours), number(t.Theirs), t.Result, note)
	}
	a.printGrouped(g, width)
}

// codeFields are the codes of which the documents number filter and response
// differently.
var codeFields = map[string]bool{"auth_task_status": true, "auth_task_progress": true}

func (a *app) printCodes(c certificate, width int) {
	g := grouped{columns: []column{
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
		g.add(painted{color, 5}, number(f.Code), words(f.AsResponse), filter, strings.ReplaceAll(f.Derived, "_", " "), count(f.Rows), fits)
	}
	a.printGrouped(g, width)
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
