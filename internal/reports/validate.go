package reports

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"exporter/internal/store"
)

// A Fault is what is wrong with a definition, and where.
type Fault struct {
	Definition int    // its index among those validated
	Key        string // below the definition, as sections[0].query
	Text       string
}

// Validate returns every fault of the definitions: names that are missing,
// wrong, taken or used twice, unknown formats, parameters whose default has another
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
		name := cut(d.Name, maxName)
		if name == "" {
			name = fmt.Sprintf("number %d", i+1)
		}
		add := func(key, format string, args ...any) {
			faults = append(faults, Fault{i, key, "report " + name + ": " + fmt.Sprintf(format, args...)})
		}
		bare := d.Title == "" && d.Summary == "" && len(d.Figures) == 0 && len(d.Sections) == 0 && namePattern.MatchString(d.Name)
		if seen[d.Name] {
			add("name", "defined twice")
		} else if bare {
			known := slices.Sorted(maps.Keys(declared))
			add("name", "no built-in report has this name, and of an own one nothing is defined%s", meant(d.Name, known))
		}
		seen[d.Name] = true
		if bare {
			continue
		}
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
	switch {
	case len(d.Name) > maxName:
		add("name", "its name must have at most %d letters", maxName)
	case !namePattern.MatchString(d.Name):
		add("name", "name %q: must be lower-case words joined by hyphens", d.Name)
	case slices.Contains(takenNames, d.Name):
		add("name", "name %q: must be none of %s", d.Name, strings.Join(takenNames, ", "))
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
	d.validateFirstPage(add, check)
	d.validateSections(add, check)
}

// validateFirstPage checks the summary, its figures, and the pictures.
func (d Definition) validateFirstPage(add fault, check func(key, where, query string)) {
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
