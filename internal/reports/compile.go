package reports

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"exporter/internal/store"
)

// Compile returns the faults of definitions that only the database can tell: SQL
// that does not compile against the schema or would do more than read, parameters
// that a query names and nobody declares, columns that a definition names and its
// query does not return, and names in templates that nothing fills. It needs no
// store. Queries that there are not are for [Validate] to tell.
func Compile(ctx context.Context, definitions []Definition, queryDir string) ([]Fault, error) {
	if len(definitions) == 0 {
		return nil, nil
	}
	r, err := store.Empty(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var faults []Fault
	for i, d := range definitions {
		c := compiler{ctx: ctx, reader: r, queryDir: queryDir, definition: d, told: map[string]bool{}, add: func(key, format string, args ...any) {
			faults = append(faults, Fault{i, key, "report " + d.Name + ": " + fmt.Sprintf(format, args...)})
		}}
		c.all()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return faults, nil
}

// NeedsCompile reports whether an own definition, as it is in the configuration,
// says what has to fit its queries. One that only sets values of a built-in does
// not: what is built in is compiled by a test.
func (d Definition) NeedsCompile() bool {
	return d.Question+d.Summary+d.Answer+d.WhatToDo+d.WhatToDoInPart+d.Subject != "" || d.Chart != nil || d.Matrix != nil ||
		len(d.Figures)+len(d.Sections) > 0
}

// HasOwnQuery reports whether one of the definition's queries is found in
// queryDir and so is not the built-in one.
func (d Definition) HasOwnQuery(queryDir string) bool {
	return slices.ContainsFunc(d.Queries(), func(name string) bool { return inDir(queryDir, name) })
}

// Queries are the names of the definition's queries.
func (d Definition) Queries() []string {
	names := []string{d.Summary}
	for _, s := range d.Sections {
		names = append(names, s.Query)
	}
	if d.Chart != nil {
		names = append(names, d.Chart.Query)
	}
	if d.Matrix != nil {
		names = append(names, d.Matrix.Query)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// compiler compiles the queries of one definition.
type compiler struct {
	ctx        context.Context
	reader     *store.Reader
	queryDir   string
	definition Definition
	add        fault
	told       map[string]bool // a query with a parameter that nobody declares
}

func (c *compiler) all() {
	d := c.definition
	facts, known := []string{}, true
	if d.Summary != "" {
		summary := c.columns("summary", "summary", d.Summary)
		for i, f := range d.Figures {
			c.need(fmt.Sprintf("figures[%d].value", i), fmt.Sprintf("figure %d", i+1), d.Summary, summary, f.Value)
		}
		facts, known = summary, summary != nil
	}
	sections := map[string][]string{}
	for i, s := range d.Sections {
		sections[s.sheet()] = c.section(fmt.Sprintf("sections[%d]", i), s)
	}
	c.chart(sections)
	if m := d.Matrix; m != nil {
		columns := c.columns("matrix.query", "matrix", m.Query)
		for _, x := range [][2]string{{"row", m.Row}, {"column", m.Column}, {"value", m.Value}, {"tone", m.Tone}} {
			c.need("matrix."+x[0], "matrix: "+x[0], m.Query, columns, x[1])
		}
	}
	if known {
		c.templates(facts)
	}
}

// section compiles the query of a section and returns its columns.
func (c *compiler) section(key string, s Section) []string {
	where := "section " + s.sheet()
	columns := c.columns(key+".query", where, s.Query)
	names := func(key, what string, names []string) {
		for i, name := range names {
			c.need(fmt.Sprintf("%s[%d]", key, i), where+what, s.Query, columns, name)
		}
	}
	for i, column := range s.Columns {
		c.need(fmt.Sprintf("%s.columns[%d].name", key, i), where, s.Query, columns, column.Name)
	}
	c.need(key+".severity", where+": severity", s.Query, columns, s.Severity)
	c.need(key+".group", where+": group", s.Query, columns, s.Group)
	names(key+".key", ": key", s.Key)
	names(key+".compare", ": compare", s.Compare)
	if s.First != nil {
		names(key+".first.columns", ": first", s.First.Columns)
		names(key+".first.each", ": first", s.First.Each)
		names(key+".first.mail", ": first", s.First.Mail)
	}
	return columns
}

func (c *compiler) chart(sections map[string][]string) {
	chart := c.definition.Chart
	switch {
	case chart == nil:
	case chart.Section != "":
		columns, query := sections[chart.Section], "of section "+chart.Section
		c.need("chart.label", "chart: label", query, columns, chart.Label)
		c.need("chart.split", "chart: split", query, columns, chart.Split)
	default:
		columns := c.columns("chart.query", "chart", chart.Query)
		c.need("chart.label", "chart: label", chart.Query, columns, chart.Label)
		for i, s := range chart.Series {
			c.need(fmt.Sprintf("chart.series[%d].column", i), "chart: series", chart.Query, columns, s.Column)
		}
	}
}

// sampleTime stands for times that are not known before a report is made.
var sampleTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// columns compiles a query and returns the names of its columns, nil where it does
// not compile or is not there.
func (c *compiler) columns(key, where, query string) []string {
	text, err := queryFile(c.queryDir, query)
	if err != nil {
		return nil
	}
	named := map[string]any{"as_of": sampleTime, "timezone": "UTC", "snapshot": "20260101T000000Z",
		"since_snapshot": "20260101T000000Z", "since": sampleTime}
	declared := slices.Sorted(maps.Keys(c.definition.Parameters))
	for _, name := range declared {
		named[name], _ = c.definition.Parameters[name].value() // a wrong one is told by Validate
	}
	parameters, columns, err := c.reader.Describe(c.ctx, string(text), named)
	if err != nil {
		c.add(key, "%s: %s", where, sqlWords(query, err))
		return nil
	}
	if twice := repeated(columns); twice != "" {
		c.add(key, "%s: query %s: %s", where, query, twice)
	}
	for _, name := range parameters {
		if _, ok := named[name]; !ok && !c.told[query+" "+name] {
			c.told[query+" "+name] = true
			c.add(key, "%s: query %s names the parameter $%s, which the report does not declare%s",
				where, query, cut(name, 100), meant(name, slices.Concat(declared, given)))
		}
	}
	return columns
}

// repeated says of the first name that two columns have, whatever its case, that
// they do; "" where there is none.
func repeated(columns []string) string {
	seen := map[string]bool{}
	for _, name := range columns {
		if folded := strings.ToLower(name); seen[folded] {
			return fmt.Sprintf("returns the column %q twice; give each a name of its own with AS", name)
		} else {
			seen[folded] = true
		}
	}
	return ""
}

// need tells when a query that compiles does not return a column that is named.
func (c *compiler) need(key, where, query string, columns []string, name string) {
	if name == "" || columns == nil || slices.Contains(columns, name) {
		return
	}
	c.add(key, "%s: column %q: the query %s does not return it%s", where, cut(name, 100), query, meant(name, columns))
}

var lineOfError = regexp.MustCompile(`(?m)^LINE (\d+): `)

// sqlWords is what the database says of a query, in one line.
func sqlWords(query string, err error) string {
	text, line := err.Error(), ""
	if at := lineOfError.FindStringSubmatchIndex(text); at != nil {
		line, text = ", line "+text[at[2]:at[3]], text[:at[0]]
	}
	return "query " + query + line + ": " + strings.Join(strings.Fields(text), " ")
}

var inTemplate = regexp.MustCompile(`\{([a-z_][a-z0-9_]*)\}`)

// templates tells of names in templates that are neither facts nor parameters.
func (c *compiler) templates(facts []string) {
	d := c.definition
	names := slices.Concat(slices.Sorted(maps.Keys(d.Parameters)), facts)
	check := func(key, text string) {
		for _, found := range inTemplate.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(names, found[1]) {
				c.add(key, "%s is neither a parameter nor a column of the summary%s", found[0], meant(found[1], names))
			}
		}
	}
	check("question", d.Question)
	check("answer", d.Answer)
	check("what_to_do", d.WhatToDo)
	check("what_to_do_in_part", d.WhatToDoInPart)
	check("subject", d.Subject)
	for i, f := range d.Figures {
		check(fmt.Sprintf("figures[%d].label", i), f.Label)
		check(fmt.Sprintf("figures[%d].note", i), f.Note)
	}
	if d.Chart != nil {
		check("chart.title", d.Chart.Title)
	}
	if d.Matrix != nil {
		check("matrix.title", d.Matrix.Title)
	}
	for i, s := range d.Sections {
		check(fmt.Sprintf("sections[%d].note", i), s.Note)
		check(fmt.Sprintf("sections[%d].empty", i), s.Empty)
	}
}
