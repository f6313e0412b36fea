package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Values returns how many rows the sections that have a column have for each of
// its values; "" is a row without one, and a list is one value, its elements
// joined by ", ". The lists of changes do not count.
func (r *Report) Values(column string) map[string]int {
	counts := map[string]int{}
	for _, t := range r.tables {
		i := t.index(column)
		for row := 0; i >= 0 && !t.changes && row < t.rows; row++ {
			counts[t.trimmed(row, i)]++
		}
	}
	return counts
}

// Rows returns how many rows each section and each list of changes has, by its
// name; of those alone that have the column.
func (r *Report) Rows(column string) map[string]int {
	rows := map[string]int{}
	for _, t := range r.tables {
		if t.index(column) >= 0 {
			rows[t.section.sheet()] = t.rows
		}
	}
	return rows
}

// trimmed is the value of a cell as [Report.Values] has it.
func (t *table) trimmed(row, column int) string {
	return strings.TrimSpace(asText(t.vectors[column].at(row)))
}

// Part returns the report of one recipient: of the sections and the lists of
// changes that have the column, the rows with one of the values, which are as
// [Report.Values] has them. All else is left out, which the report says: other
// sections, the matrix, and what the summary says, for it was counted over all
// rows. Answer, figures and chart are counted from the rows of the part. name says
// for whom or of what the part is; it stands on every page. Part errs when no
// section has the column.
func (r *Report) Part(column string, values []string, name string) (*Report, error) {
	p := *r
	p.part = &partOf{name: name, column: column, whole: map[string]int{},
		values: slices.Sorted(slices.Values(values))}
	p.part.title, p.part.named = r.naming(column, p.part.values)
	p.tables, p.figures, p.queries, p.chart, p.matrix = nil, nil, nil, nil, nil
	p.accepted, p.lapsed = 0, 0
	wanted := map[string]bool{}
	for _, v := range values {
		wanted[v] = true
	}
	if r.since != nil {
		p.since = &comparison{trust: r.since.trust}
	}
	for _, t := range r.tables {
		i := t.index(column)
		if i < 0 {
			p.part.left = append(p.part.left, t.section.Title)
			continue
		}
		var rows []int
		for row := range t.rows {
			if wanted[t.trimmed(row, i)] {
				rows = append(rows, row)
			}
		}
		p.take(t, t.pick(rows))
	}
	if len(p.tables) == 0 || p.tables[0].changes {
		return nil, fmt.Errorf("report %s: no section has a column %s to part it by", r.Name(), column)
	}
	if r.matrix != nil {
		p.part.left = append(p.part.left, r.matrix.title)
	}
	p.recount(r)
	return &p, nil
}

// alike is a vector without values for those of v.
func (v *vector) alike() *vector {
	a := &vector{kind: v.kind, typed: v.typed, times: v.times}
	if v.kind == kindWall || v.kind == kindDay {
		a.times = v.kind
	}
	return a
}

// pick is the table with some of its rows.
func (t *table) pick(rows []int) *table {
	p := *t
	p.rows, p.vectors = len(rows), make([]*vector, len(t.vectors))
	p.accepted, p.lapsed = map[int]bool{}, map[int]bool{}
	for i, row := range rows {
		if t.accepted[row] {
			p.accepted[i] = true
		}
		if t.lapsed[row] {
			p.lapsed[i] = true
		}
	}
	for i, v := range t.vectors {
		p.vectors[i] = v.alike()
		for _, row := range rows {
			p.vectors[i].add(v.at(row))
		}
	}
	return &p
}

// take adds what a part has of a table.
func (r *Report) take(whole, t *table) {
	if whole.changes {
		r.takeChanges(t)
		return
	}
	r.part.whole[t.section.sheet()] = whole.rows
	r.accepted += len(t.accepted)
	r.lapsed += len(t.lapsed)
	for _, s := range r.def.Sections {
		if s.sheet() == t.section.sheet() {
			t.note, t.section.Empty = r.askedOnly(s.Note), r.askedOnly(s.Empty)
		}
	}
	if t.only != "" {
		only := "Only what is " + t.only + " since " + r.since.trust.snapshot + " is shown."
		t.note = joinSentences(t.note, only)
	}
	if whole.rows > 0 {
		t.section.Empty = fmt.Sprintf("None of the %s of the whole report is in this part.",
			plural(whole.rows, "row", "rows"))
	}
	r.tables = append(r.tables, t)
}

// takeChanges adds the changes of the section that they are a part's changes of.
func (r *Report) takeChanges(t *table) {
	i := slices.IndexFunc(r.tables, func(s *table) bool {
		return len(s.section.Key) > 0 && r.def.changesName(s.section) == t.section.sheet()
	})
	if i < 0 {
		r.part.left = append(r.part.left, t.section.Title)
		return
	}
	r.tables = append(r.tables, t)
	if r.since.trust.snapshot == "" {
		return
	}
	now := r.tables[i]
	count := changeCount{section: now.section.Title}
	became := t.index("change")
	for row := range t.rows {
		switch t.text(row, became) {
		case changeNew:
			count.fresh++
		case changeChanged:
			count.changed++
		case changeGone:
			count.gone++
		}
	}
	if count.kept = now.rows - count.fresh - count.changed; now.only != "" {
		count.kept = -1
	}
	r.since.counts = append(r.since.counts, count)
	t.note = count.words(now)
}

// askedOnly fills a template with the parameters; it is "" where it names a fact
// of the summary.
func (r *Report) askedOnly(template string) string {
	facts := false
	text := fill(template, func(name string) (string, bool) {
		i := slices.IndexFunc(r.parameters, func(p namedText) bool { return p.name == name })
		if facts = facts || i < 0; i < 0 {
			return "", false
		}
		return r.parameters[i].text, true
	})
	if facts {
		return ""
	}
	return text
}

// recount says anew what a part's rows say, after its tables are there.
func (r *Report) recount(whole *Report) {
	for _, q := range whole.queries {
		if slices.ContainsFunc(r.tables, func(t *table) bool { return t.section.Query == q.name }) {
			r.queries = append(r.queries, q)
		}
	}
	r.trust.lacks, r.trust.limits = nil, []string{r.part.words()}
	r.trust.judge(r.def.Resources)
	r.trust.limits = append(r.trust.limits, r.since.limits()...)
	for _, t := range r.tables {
		if t.only != "" {
			r.trust.limits = append(r.trust.limits, fmt.Sprintf("in %s only what is %s since %s is shown",
				t.section.Title, t.only, r.since.trust.snapshot))
		}
	}
	if r.tone = r.worst(); r.tone == "" && whole.tone != "" {
		r.tone = good
	}
	r.question, r.whatToDo = r.askedOnly(r.def.Question), ""
	if r.tone != good && slices.ContainsFunc(r.sections(), func(t *table) bool { return t.rows > 0 && !t.allAccepted() }) {
		r.whatToDo = r.askedOnly(cmp.Or(r.def.WhatToDoInPart, r.def.WhatToDo))
	}
	r.answer = joinSentences(r.partAnswer(), r.acceptedWords(), r.changeWords())
	r.counted = plural(r.rows(), "row", "rows") + " in your part"
	r.partFigures()
	r.partChart()
}

// partAnswer counts the rows of a part beside those of the whole.
func (r *Report) partAnswer() string {
	sections := r.sections()
	var parts []string
	for _, t := range sections {
		all := r.part.whole[t.section.sheet()]
		s := fmt.Sprintf("**%s of %s**", number(int64(t.rows)), plural(all, "row", "rows"))
		if len(sections) > 1 {
			s += " of " + t.section.Title
		}
		if words := severityWords(t.severities()); words != "" {
			s += " (" + words + ")"
		}
		parts = append(parts, s)
	}
	return "Your part: " + strings.Join(parts, "; ") + "."
}

// sections are the tables that are no lists of changes.
func (r *Report) sections() []*table {
	return slices.DeleteFunc(slices.Clone(r.tables), func(t *table) bool { return t.changes })
}

// severityWords are counts of severities in a sentence.
func severityWords(counts []severityCount) string {
	var words []string
	for _, s := range counts {
		words = append(words, number(int64(s.rows))+" "+s.severity)
	}
	return strings.Join(words, ", ")
}

// maxFigures is how many figures a first page has.
const maxFigures = 4

// partFigures counts the rows of each section and, where there is room, the
// severities of the first.
func (r *Report) partFigures() {
	sections := r.sections()
	for _, t := range sections {
		f := figure{value: number(int64(t.rows)), label: "in " + t.section.Title}
		for _, c := range r.counts() {
			if c.section == t.section.Title && c.fresh > 0 {
				f.note = number(int64(c.fresh)) + " new since " + r.baseDay()
			}
		}
		r.figures = append(r.figures, f)
	}
	for _, s := range sections[0].severities() {
		if s.severity != good {
			f := figure{value: number(int64(s.rows)), label: s.severity, tone: s.severity}
			r.figures = append(r.figures, f)
		}
	}
	r.figures = r.figures[:min(len(r.figures), maxFigures)]
}

// counts are the changes that are told; none where none are.
func (r *Report) counts() []changeCount {
	if r.since == nil {
		return nil
	}
	return r.since.counts
}

// partChart counts the rows of a part as the whole's chart does, where that counts
// the rows of a section; else by the column that groups the first section's.
func (r *Report) partChart() {
	if c := r.def.Chart; c != nil && c.Section != "" {
		for _, t := range r.sections() {
			if t.section.sheet() == c.Section {
				title := cmp.Or(r.askedOnly(c.Title), t.groupedTitle(t.index(c.Label)))
				r.chart = countChart(*c, title, t)
			}
		}
		return
	}
	t := r.sections()[0]
	label, severity := t.grouping(), t.index(t.section.Severity)
	if label < 0 || severity < 0 {
		return
	}
	c := Chart{Label: t.columns[label].Name, Split: t.section.Severity}
	for _, s := range t.severities() {
		c.Series = append(c.Series, Series{Column: s.severity, Title: s.severity, Tone: s.severity})
	}
	r.chart = countChart(c, t.groupedTitle(label), t)
}

// groupedTitle is the title of a chart of the section's rows by a column.
func (t *table) groupedTitle(label int) string {
	by := strings.ToLower(t.columns[label].Title)
	if done, ok := strings.CutSuffix(by, " by"); ok { // granted by
		by = "what " + done + " them"
	}
	return t.section.Title + ", by " + by
}

// grouping is the first column of text of the first page whose values group the
// rows: 2 to 12 of them, each on two rows or more on average. It is -1 where there
// is none.
func (t *table) grouping() int {
	for _, i := range t.firstColumns() {
		if c := t.columns[i]; c.Format != formatText || slices.Contains(t.section.Key, c.Name) {
			continue
		}
		values := map[string]bool{}
		for row := 0; row < t.rows && len(values) <= 12; row++ {
			values[t.text(row, i)] = true
		}
		if n := len(values); n >= 2 && n <= 12 && 2*n <= t.rows {
			return i
		}
	}
	return -1
}
