// Package reports makes reports from a snapshot: it runs the queries of a
// [Definition], writes what they return in one of several [Formats], and reads
// each file back.
//
// Its one invariant: an output is a function of the snapshot, the as-of time,
// the earlier snapshot that it is compared with, the definition, its parameters,
// its mask, the program version and the fonts, and of nothing else. The same
// input gives the same bytes, and each output says on
// its face what it was made from: project, snapshot, verdict, times,
// parameters, the SQL text with its SHA-256, and what the snapshot lacks.
//
// What a finding is, how grave it is and what sentence answers the question
// are decided in SQL. This package only carries: it lays out, formats, keeps
// values from becoming formulas, and never leaves a character out silently. It
// does not know what a permission is, does not talk to the cloud, does not
// choose where files go and does not deliver anything.
package reports

import (
	"cmp"
	"strings"
	"time"

	"exporter/internal/store"
)

// A Report is the result of a [Definition] at one moment of one snapshot. It
// is made by [Run], never changes, and may be written in several formats at
// the same time.
type Report struct {
	def        Definition
	trust      trust
	sealed     *Sealed     // nil where no line of the journal seals the snapshot
	since      *comparison // nil where no changes are told
	mask       string      // the profile of what was read
	question   string
	answer     string // with **emphasis**
	whatToDo   string
	tone       string // a severity, or "" where nothing is to be judged
	figures    []figure
	counted    string // what a mail's subject counts, "" for the rows
	chart      *chartTable
	matrix     *matrix // nil where the definition has none
	tables     []*table
	part       *partOf // nil of a whole report
	accepted   int     // findings that an exception accepts
	lapsed     int     // findings whose exception does so no longer
	parameters []namedText
	queries    []queryText
}

// figure is one number of the first page.
type figure struct {
	value, label, note, tone string
}

// chartTable holds the numbers of a chart: a label and one number a series
// for each mark.
type chartTable struct {
	def    Chart
	title  string
	labels []string
	values [][]float64 // by series, then by label; NaN where a line has a gap
	total  float64
}

// namedText is a name with its value in words.
type namedText struct{ name, text string }

// queryText is a query as it ran.
type queryText struct{ name, text, sha256 string }

// Name returns the name of the report's definition.
func (r *Report) Name() string { return r.def.Name }

// Title returns the report's title.
func (r *Report) Title() string { return r.def.Title }

// Mask returns the profile that the report was made with: one of [store.Masks].
func (r *Report) Mask() string { return cmp.Or(r.mask, store.MaskFull) }

// Answer returns the answer to the report's question as one plain sentence.
func (r *Report) Answer() string { return strings.ReplaceAll(r.answer, "**", "") }

// Severity returns the gravest severity of what the report found, as critical,
// or "" where nothing is to be judged.
func (r *Report) Severity() string { return r.tone }

// Complete reports whether every project's snapshot was complete; if not,
// what is missing is said in words.
func (r *Report) Complete() (ok bool, lacks []string) {
	return r.trust.complete(), r.trust.lacks
}

// rows returns the number of rows of all sections; those of the lists of changes
// are among them already, or gone.
func (r *Report) rows() int {
	n := 0
	for _, t := range r.tables {
		if !t.changes {
			n += t.rows
		}
	}
	return n
}

// subject names the project or the projects, for a page's first line, and the part.
func (r *Report) subject() string {
	project := "no project"
	switch n := len(r.trust.projects); {
	case n == 1:
		project = "Project " + r.trust.projects[0].id
	case n > 1:
		project = number(int64(n)) + " projects"
	}
	return joinWords(project, r.part.heading())
}

// digest returns the first characters of the digest of what was reported on.
func (r *Report) digest() string {
	d := r.trust.digest()
	return cmp.Or(d[:min(12, len(d))], "none")
}

// asOf says as of when the cloud told what the report is made of and, where that is
// another minute, for which the report is made: when it was due, or what was asked
// for.
func (r *Report) asOf() string {
	told, made := moment(r.trust.told(), r.trust.zone), moment(r.trust.asOf, r.trust.zone)
	if told != made {
		told += ", made for " + made
	}
	return told + " (" + zoneWords(r.trust.asOf, r.trust.zone) + ")"
}

// zoneWords names a time zone with its distance from UTC at a moment.
func zoneWords(t time.Time, zone *time.Location) string {
	offset := t.In(zone).Format("-07:00")
	if zone == time.UTC {
		return "UTC"
	}
	return zone.String() + ", UTC" + offset
}
