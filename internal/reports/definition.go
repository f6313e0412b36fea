package reports

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"exporter/internal/store"
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
	Summary  string   `yaml:"summary"`
	Answer   string   `yaml:"answer"`
	WhatToDo string   `yaml:"what_to_do"`
	Subject  string   `yaml:"subject"` // what the subject of a mail counts; names of numbers, dates, yes or no
	Figures  []Figure `yaml:"figures"`
	Chart    *Chart   `yaml:"chart"`
	Matrix   *Matrix  `yaml:"matrix"`

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

var (
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

// A Fault is what is wrong with a definition, and where.
type Fault struct {
	Definition int    // its index among those validated
	Key        string // below the definition, as sections[0].query
	Text       string
}

// Validate returns every fault of the definitions: names that are missing,
// wrong or used twice, unknown formats, parameters whose default has another
// type, is out of bounds or, under a built-in's name, is not declared by the
// built-in, columns named twice, and queries that are neither in queryDir
// (which may be empty) nor built in.
func Validate(definitions []Definition, queryDir string) []Fault {
	var faults []Fault
	declared := map[string]map[string]Parameter{}
	for _, d := range Builtin() {
		declared[d.Name] = d.Parameters
	}
	seen := map[string]bool{}
	for i, d := range definitions {
		name := d.Name
		if name == "" {
			name = fmt.Sprintf("number %d", i+1)
		}
		add := func(key, format string, args ...any) {
			faults = append(faults, Fault{i, key, "report " + name + ": " + fmt.Sprintf(format, args...)})
		}
		if seen[d.Name] {
			add("name", "defined twice")
		}
		seen[d.Name] = true
		if known, ok := declared[d.Name]; ok {
			d.validateNames(add, known)
		}
		d.validate(add, func(query string) error {
			_, err := queryFile(queryDir, query)
			return err
		})
	}
	return faults
}

// validateNames refuses a parameter that the built-in definition of the same
// name does not declare: its queries would not use it.
func (d Definition) validateNames(add fault, declared map[string]Parameter) {
	names := slices.Sorted(maps.Keys(declared))
	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		if _, ok := declared[name]; ok {
			continue
		}
		if len(names) == 0 {
			add("parameters."+name, "parameter %q: the built-in report has none", cut(name, 100))
			continue
		}
		add("parameters."+name, "parameter %q: the built-in report does not declare it%s", cut(name, 100), meant(name, names))
	}
}

// fault takes one fault in, at a key below the definition.
type fault func(key, format string, args ...any)

func (d Definition) validate(add fault, open func(string) error) {
	if !namePattern.MatchString(d.Name) {
		add("name", "name %q: must be lower-case words joined by hyphens", d.Name)
	}
	if d.Title == "" {
		add("title", "has no title")
	}
	for _, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		if !columnPattern.MatchString(name) {
			add("parameters."+name, "parameter %q: must be lower-case words joined by underscores", name)
		}
		if slices.Contains(given, name) {
			add("parameters."+name, "parameter %s: every query has it already; give it another name", name)
		}
		d.Parameters[name].validate(func(key, format string, args ...any) {
			add("parameters."+name+"."+key, "parameter %s: %s", name, fmt.Sprintf(format, args...))
		})
	}
	for i, f := range d.Formats {
		oneOf(add, fmt.Sprintf("formats[%d]", i), "format", f, Formats())
		if slices.Contains(d.Formats[:i], f) {
			add(fmt.Sprintf("formats[%d]", i), "format %q: is there twice", f)
		}
	}
	d.validateChanges(add)
	if d.PDFRows != nil && *d.PDFRows < 0 {
		add("pdf_rows", "pdf_rows: must not be negative")
	}
	check := func(key, where, query string) {
		if err := open(query); err != nil {
			add(key, "%s: %v", where, err)
		}
	}
	if d.Summary != "" {
		check("summary", "summary", d.Summary)
	}
	for i, f := range d.Figures {
		key, where := fmt.Sprintf("figures[%d]", i), fmt.Sprintf("figure %d", i+1)
		if f.Value == "" || f.Label == "" {
			add(key, "%s: needs a label and a value", where)
		}
		validTone(add, key, where, f.Tone)
	}
	if len(d.Figures) > 0 && d.Summary == "" {
		add("figures", "figures need a summary query")
	}
	if d.Chart != nil {
		d.validateChart(add, check)
	}
	if m := d.Matrix; m != nil {
		check("matrix.query", "matrix", m.Query)
		if m.Row == "" || m.Column == "" || m.Value == "" {
			add("matrix", "matrix: needs a row, a column and a value")
		}
	}
	d.validateSections(add, check)
}

// oneOf refuses a word that is not one of words.
func oneOf(add fault, key, where, word string, words []string) {
	must := "must be one of "
	if len(words) == 1 {
		must = "must be "
	}
	if !slices.Contains(words, word) {
		add(key, "%s %q: %s%s", where, cut(word, 100), must, strings.Join(words, ", "))
	}
}

// validateChanges checks what is told of changes and of masks.
func (d Definition) validateChanges(add fault) {
	oneOf(add, "since", "since", cmp.Or(d.Since, previous), []string{previous})
	oneOf(add, "only", "only", cmp.Or(d.Only, "all"), onlyWords)
	oneOf(add, "mask", "mask", cmp.Or(d.Mask, store.MaskFull), store.Masks)
	if d.ComparesAlways() && d.Only != "" && !slices.ContainsFunc(d.Sections, func(s Section) bool { return len(s.Key) > 0 }) {
		add("only", "only: no section has a key, so no finding can be told to be %s", d.Only)
	}
}

func (d Definition) validateChart(add fault, check func(key, where, query string)) {
	c := d.Chart
	switch {
	case c.Section == "":
		check("chart.query", "chart", c.Query)
	case c.Query != "" || c.Split == "":
		add("chart", "chart: needs a query, or a section and a split")
	case !slices.ContainsFunc(d.Sections, func(s Section) bool { return s.sheet() == c.Section }):
		add("chart.section", "chart: there is no section %q", c.Section)
	}
	if c.Label == "" || len(c.Series) == 0 {
		add("chart", "chart: needs a label and a series")
	}
	oneOf(add, "chart.kind", "chart: kind", cmp.Or(c.Kind, chartKinds[0]), chartKinds)
	for i, s := range c.Series {
		validTone(add, fmt.Sprintf("chart.series[%d]", i), "chart: series "+s.Column, s.Tone)
	}
}

func validTone(add fault, key, where, tone string) {
	if tone != "" && !slices.Contains(severities, tone) {
		add(key+".tone", "%s: tone %q: must be one of %s", where, tone, strings.Join(severities, ", "))
	}
}

func (d Definition) validateSections(add fault, check func(key, where, query string)) {
	if len(d.Sections) == 0 {
		add("sections", "has no sections")
	}
	names := map[string]bool{"summary": true, "method": true, "matrix": d.Matrix != nil}
	for _, s := range d.Sections {
		if len(s.Key) > 0 {
			names[strings.ToLower(d.changesName(s))] = true
		}
	}
	for i, s := range d.Sections {
		key, where := fmt.Sprintf("sections[%d]", i), fmt.Sprintf("section %d", i+1)
		if s.Name != "" {
			where = "section " + s.Name
		}
		if s.Title == "" {
			add(key+".title", "%s: has no title", where)
		}
		if sheet := strings.ToLower(s.sheet()); names[sheet] {
			add(key+".name", "%s: the sheet name %q is taken", where, s.sheet())
		} else {
			names[sheet] = true
		}
		if s.sheet() != sheetName(s.sheet()) {
			add(key+".name", "%s: not a sheet name: at most 25 characters and none of : \\ / ? * [ ]", where)
		}
		check(key+".query", where, s.Query)
		if len(s.Compare) > 0 && len(s.Key) == 0 {
			add(key+".compare", "%s: compare needs a key", where)
		}
		s.validateColumns(add, key, where)
	}
}

func (s Section) validateColumns(add fault, key, where string) {
	if s.First != nil && s.First.Rows < 0 {
		add(key+".first.rows", "%s: first: rows must not be negative", where)
	}
	columns := map[string]bool{}
	for i, c := range s.Columns {
		key, at := fmt.Sprintf("%s.columns[%d]", key, i), where+": column "+c.Name
		if c.Name == "" || columns[c.Name] {
			add(key+".name", "%s: must have a name of its own", at)
		}
		columns[c.Name] = true
		if c.Format != "" {
			oneOf(add, key+".format", at+": format", c.Format, columnFormats)
		}
		if c.Mask != "" {
			oneOf(add, key+".mask", at+": mask", c.Mask, store.Masks[1:])
			if slices.Contains(slices.Concat(s.Key, s.Compare, []string{s.Severity, s.Group}), c.Name) {
				add(key+".mask", "%s: mask: findings are told apart or judged by it; ids and names of persons are masked without", at)
			}
		}
		if !slices.Contains([]string{"", "pdf", "all"}, c.Hidden) {
			add(key+".hidden", "%s: hidden %q: must be pdf or all", at, c.Hidden)
		}
		if c.Width < 0 || c.Width > 200 {
			add(key+".width", "%s: width %v: must be from 0 to 200", at, c.Width)
		}
		named := func(x Column) bool { return x.Name == c.Before }
		if c.Before != "" && (len(s.Key) == 0 || !slices.ContainsFunc(s.Columns, named)) {
			add(key+".before", "%s: before: needs a key of the section, and the name of one of its columns", at)
		}
	}
}

// sheet is the name of the section's sheet.
func (s Section) sheet() string {
	if s.Name != "" {
		return s.Name
	}
	return sheetName(s.Title)
}

// validQuery refuses a query name that leaves its folder.
func validQuery(query string) error {
	switch {
	case query == "":
		return errors.New("no query given")
	case !fs.ValidPath(query) || query == ".":
		return fmt.Errorf("query %q: must be a path below queries/", query)
	case path.Ext(query) != ".sql":
		return fmt.Errorf("query %q: must end in .sql", query)
	}
	return nil
}
