package reports

import (
	"fmt"
	"slices"
	"strings"
)

// changeList is the table of a section's changes. Of its columns the first says
// what has become of the finding; each other shows one of the section's as it is,
// or as it was where the finding is gone. One that is compared is followed by what
// it was, and is empty where the finding is gone.
type changeList struct {
	*table
	from     []int  // by column: the column of the section; -1 for the first
	compared []bool // by column: whether it is compared
	was      []bool // by column: whether it shows what was
}

func newChangeList(t *table, sheet string) *changeList {
	s := t.section
	l := &changeList{table: &table{zone: t.zone, changes: true,
		section: Section{Name: sheet, Severity: s.Severity, Group: "change"}}}
	l.add(Column{Name: "change", Title: "Change", Format: formatText,
		Meaning: "new, changed or gone since the earlier snapshot"}, -1, false, false)
	compared := slices.DeleteFunc(append([]string{s.Severity}, s.Compare...), func(name string) bool { return name == "" })
	var names []string
	if s.First != nil {
		names = s.First.Columns
	}
	if len(names) == 0 {
		for _, i := range t.onPages() {
			names = append(names, t.columns[i].Name)
		}
	}
	for _, name := range slices.Concat(names, compared, s.Key) {
		i := t.index(name)
		if i < 0 || slices.Contains(l.from, i) {
			continue
		}
		c := t.columns[i]
		if !slices.Contains(compared, name) {
			l.add(c, i, false, false)
			continue
		}
		l.add(c, i, true, false)
		c.Name, c.Title, c.Meaning = c.Name+"_before", c.Title+" before", "what it was in the earlier snapshot"
		l.add(c, i, true, true)
	}
	for i, from := range l.from {
		l.vectors = append(l.vectors, &vector{})
		if from >= 0 {
			l.vectors[i] = t.vectors[from].alike()
		}
	}
	return l
}

func (l *changeList) add(c Column, from int, compared, was bool) {
	l.columns = append(l.columns, c)
	l.from, l.compared, l.was = append(l.from, from), append(l.compared, compared), append(l.was, was)
}

// fill lists what is new, then what has changed, then what is gone, and returns
// what has become of each row, "" where it is as before.
func (l *changeList) fill(now, was *table) (became []string, count changeCount) {
	before := map[string]int{}
	old := was.keys()
	for row, key := range old {
		before[key] = row
	}
	count.section = now.section.Title
	became = make([]string, now.rows)
	at := make([]int, now.rows) // the row that it was
	for row, key := range now.keys() {
		then, found := before[key]
		delete(before, key)
		at[row] = then
		switch {
		case !found:
			became[row] = changeNew
			count.fresh++
		case l.differs(now, row, was, at[row]):
			became[row] = changeChanged
			count.changed++
		default:
			count.kept++
		}
	}
	count.gone = len(before)
	for _, word := range []string{changeNew, changeChanged} {
		for row := range now.rows {
			switch {
			case became[row] != word:
			case word == changeNew:
				l.list(word, now, row, nil, 0)
			default:
				l.list(word, now, row, was, at[row])
			}
		}
	}
	for row, key := range old {
		if _, gone := before[key]; gone {
			l.list(changeGone, nil, 0, was, row)
		}
	}
	return became, count
}

// differs compares what is compared of two rows. Both tables have the columns of
// one query.
func (l *changeList) differs(now *table, row int, was *table, old int) bool {
	for i, from := range l.from {
		if l.compared[i] && asText(now.vectors[from].at(row)) != asText(was.vectors[from].at(old)) {
			return true
		}
	}
	return false
}

// list adds a row; now or was is nil where the finding is not in it.
func (l *changeList) list(word string, now *table, row int, was *table, old int) {
	for i, from := range l.from {
		value := any(word)
		switch {
		case from < 0:
		case l.was[i] || now == nil && !l.compared[i]:
			value = was.value(from, old)
		default:
			value = now.value(from, row)
		}
		l.vectors[i].add(value)
	}
	l.rows++
}

// value is the value of a cell; nil of no table.
func (t *table) value(column, row int) any {
	if t == nil {
		return nil
	}
	return t.vectors[column].at(row)
}

// keys tells the rows of a section apart: by their project and key, and rows that
// have the same one by their order.
func (t *table) keys() []string {
	seen := map[string]int{}
	keys := make([]string, t.rows)
	project := t.index("project_id")
	for row := range t.rows {
		key := t.key(row, "\x1f")
		if project >= 0 {
			key = asText(t.vectors[project].at(row)) + "\x1f" + key
		}
		if seen[key]++; seen[key] > 1 {
			key = fmt.Sprintf("%s\x1e%d", key, seen[key])
		}
		keys[row] = key
	}
	return keys
}

// key joins the values of a row's key columns.
func (t *table) key(row int, between string) string {
	parts := make([]string, len(t.section.Key))
	for i, name := range t.section.Key {
		parts[i] = asText(t.vectors[t.index(name)].at(row))
	}
	return strings.Join(parts, between)
}
