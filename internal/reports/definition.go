package reports

import (
	"regexp"
	"slices"
)

// A Definition says what a report asks, which queries answer it, and how the
// answer is shown. It decodes from YAML; a program's own configuration may
// embed it. The zero value of a field means that the key was not given.
type Definition struct {
	Name      string   `yaml:"name"`     // as given on the command line and in file names
	ID        string   `yaml:"id"`       // short, as R03
	Title     string   `yaml:"title"`    //
	Question  string   `yaml:"question"` // a template over the parameters
	Controls  []string `yaml:"controls"` // what the report is evidence for
	Resources []string `yaml:"resources"`

	Parameters map[string]Parameter `yaml:"parameters"`

	// Summary names a query of one row whose columns are the report's facts.
	// Answer, WhatToDo and the figures are templates over them: {column} is
	// replaced. Left out, they are {answer} and {what_to_do}.
	Summary  string `yaml:"summary"`
	Answer   string `yaml:"answer"`
	WhatToDo string `yaml:"what_to_do"`
	// WhatToDoInPart is what a part of the report says in its place, which knows
	// no facts of the whole: a template over the parameters.
	WhatToDoInPart string `yaml:"what_to_do_in_part"`

	Subject string   `yaml:"subject"` // what the subject of a mail counts; names of numbers, dates, yes or no
	Figures []Figure `yaml:"figures"`
	Chart   *Chart   `yaml:"chart"`
	Matrix  *Matrix  `yaml:"matrix"`

	Sections   []Section `yaml:"sections"`
	NotCovered []string  `yaml:"not_covered"` // what the data cannot show
	Formats    []string  `yaml:"formats"`     // of [Formats]
	PDFRows    *int      `yaml:"pdf_rows"`    // rows of a section in a PDF: 2000 when nil, 0 for all

	// Since is "previous" where the report tells what has changed since the
	// snapshot before its own, unless another is named. Only is which findings
	// of the sections with a key are shown: new, changed or all, which it is
	// when empty.
	Since string `yaml:"since"`
	Only  string `yaml:"only"`

	Mask string `yaml:"mask"` // full, standard or pseudonym; full when empty
}

// ColumnNames returns the names of the columns that the definition's sections name,
// sorted.
func (d Definition) ColumnNames() []string {
	var names []string
	for _, s := range d.Sections {
		names = slices.Concat(names, s.Key, s.Compare, []string{s.Severity, s.Group})
		for _, c := range s.Columns {
			names = append(names, c.Name)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// A Section is one query, one sheet, one table.
type Section struct {
	Name     string   `yaml:"name"`  // of the sheet
	Title    string   `yaml:"title"` //
	Note     string   `yaml:"note"`  // below the title
	Query    string   `yaml:"query"` // file name of the query
	Empty    string   `yaml:"empty"` // what no row means
	Columns  []Column `yaml:"columns"`
	Severity string   `yaml:"severity"` // column that holds it
	Group    string   `yaml:"group"`    // column whose value heads a run of rows
	First    *First   `yaml:"first"`

	// Key names the columns that make a row the same finding in two snapshots;
	// Compare those beside the severity whose value makes it a changed one.
	Key     []string `yaml:"key"`
	Compare []string `yaml:"compare"`
}

// First is the list of a section's first rows on the first page.
type First struct {
	Title   string   `yaml:"title"`
	Rows    int      `yaml:"rows"` // 5 when 0
	Columns []string `yaml:"columns"`
	Each    []string `yaml:"each"` // columns; of the rows that are alike in them only one is shown
	Mail    []string `yaml:"mail"` // columns of the list in a mail; the first four when empty
}

// A Column says how a column of a query's result is shown. A column of the
// result that no definition names is shown too, after the others.
type Column struct {
	Name    string  `yaml:"name"`
	Title   string  `yaml:"title"`
	Meaning string  `yaml:"meaning"`
	Format  string  `yaml:"format"` // one of [columnFormats]; by the type of the value when empty
	Width   float64 `yaml:"width"`  // in characters; by the content when 0
	Hidden  string  `yaml:"hidden"` // "pdf": not in the PDF; "all": there neither, and hidden in the workbook
	Mask    string  `yaml:"mask"`   // standard or pseudonym: the profile from which on the value is not shown
	Before  string  `yaml:"before"` // the column whose value in the earlier snapshot this one shows; the section needs a key
}

// A Figure is a number of the first page: label, value and note are templates
// over the columns of the summary.
type Figure struct {
	Label string `yaml:"label"`
	Value string `yaml:"value"` // a column of the summary
	Note  string `yaml:"note"`
	Tone  string `yaml:"tone"` // a severity, shown when the value is not zero
}

// A Chart is drawn from a query of its own, a row of which is one mark; or by
// counting the rows of a section: a mark for each value of the label column,
// most rows first, and in it a series for each value of the split column that
// a series names.
type Chart struct {
	Title   string   `yaml:"title"` // a template over the summary
	Kind    string   `yaml:"kind"`  // one of [chartKinds]; bars when empty
	Query   string   `yaml:"query"`
	Section string   `yaml:"section"` // name of a section, instead of a query
	Split   string   `yaml:"split"`   // column of the section
	Label   string   `yaml:"label"`   // column that names a mark
	Overlap bool     `yaml:"overlap"` // one thing may stand in several bars, so their sum is not named
	Series  []Series `yaml:"series"`
}

// A Series is one column of numbers of a chart, or one value of its split; the
// series of a chart are stacked.
type Series struct {
	Column string `yaml:"column"`
	Title  string `yaml:"title"`
	Tone   string `yaml:"tone"` // a severity gives its colour and a hatch
}

// A Matrix is a table whose cells are coloured, drawn from a query of its own,
// a row of which is one cell, or a row of the matrix without any where the
// column is NULL. Rows stand in the order in which the query first names them,
// columns with the largest sum first.
type Matrix struct {
	Title  string `yaml:"title"` // a template over the summary
	Query  string `yaml:"query"`
	Row    string `yaml:"row"`    // column of the query that names the row
	Column string `yaml:"column"` // the one that names the column
	Value  string `yaml:"value"`  // the one that is shown in the cell
	Tone   string `yaml:"tone"`   // the one that holds a severity, which gives the cell its colour
}

// Formats of columns. An id is text in a fixed pitch, a share is a fraction
// of 1, a duration is a number of seconds.
const (
	formatText     = "text"
	formatID       = "id"
	formatInteger  = "integer"
	formatNumber   = "number"
	formatShare    = "share"
	formatDate     = "date"
	formatDatetime = "datetime"
	formatDuration = "duration"
	formatSeverity = "severity"
	formatYesNo    = "yesno"
	formatList     = "list"
)

var columnFormats = []string{formatText, formatID, formatInteger, formatNumber, formatShare,
	formatDate, formatDatetime, formatDuration, formatSeverity, formatYesNo, formatList}

// Severities, gravest first.
const (
	critical = "critical"
	high     = "high"
	medium   = "medium"
	low      = "low"
	good     = "good"
)

var severities = []string{critical, high, medium, low, good}

var (
	chartKinds = []string{"bars", "lines"}
	onlyWords  = []string{"new", "changed", "all"}

	// given are the parameters that every query may name.
	given = []string{"as_of", "timezone", "snapshot", "since_snapshot", "since"}
)

// maxName is how many letters the name of a report may have: it is part of the names
// of files.
const maxName = 100

var (
	// takenNames are those by which journal and outbox know something else than a report.
	takenNames = []string{"check", "collect", "evidence", "operator"}

	namePattern   = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	columnPattern = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
)

// previous is the word for the snapshot before the one that is reported on.
const previous = "previous"

// ComparesAlways reports whether the definition asks for a comparison with an
// earlier snapshot even where none is named.
func (d Definition) ComparesAlways() bool {
	return d.Since != "" || d.Only != "" && d.Only != "all"
}
