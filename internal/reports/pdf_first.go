package reports

import (
	"cmp"
	"fmt"
	"strings"
)

// firstList is the list of a section's first rows, set for the first page.
type firstList struct {
	t    *table
	set  pageTable
	rows []setRow
}

// rows is how many rows a list asks for.
func (f *First) rows() int { return cmp.Or(f.Rows, 5) }

// heading titles a list of which so many rows are shown: its own title would
// be wrong when they are fewer than it says.
func (f *First) heading(t *table, shown int) string {
	if f.Title != "" && shown == f.rows() {
		return f.Title
	}
	return fmt.Sprintf("%s (%s of %s)", t.section.Title, number(int64(shown)), number(int64(t.rows)))
}

// firstLists sets the lists of the first page.
func (c *canvas) firstLists(r *Report) []firstList {
	var lists []firstList
	for _, t := range r.tables {
		if t.section.First == nil {
			continue
		}
		l := firstList{t: t}
		if t.allAccepted() {
			continue
		}
		if rows := t.firstRows(); len(rows) > 0 {
			head := *t
			head.rows = rows[len(rows)-1] + 1
			l.set = c.layout(&head, t.firstColumns(), c.page.width(), 2)
			for _, row := range rows {
				l.rows = append(l.rows, c.setRow(l.set, row))
			}
		}
		lists = append(lists, l)
	}
	return lists
}

// firstRows are the rows of the list of first rows.
func (t *table) firstRows() []int { return t.topRows(t.section.First.rows()) }

// topRows are at most so many rows to look at first. What is accepted need not be
// settled.
func (t *table) topRows(most int) []int {
	var each []string
	if f := t.section.First; f != nil {
		each = f.Each
	}
	var rows []int
	seen := map[string]bool{}
	for row := 0; row < t.rows && len(rows) < most; row++ {
		var key []string
		for _, name := range each {
			if i := t.index(name); i >= 0 {
				key = append(key, t.text(row, i))
			}
		}
		alike := strings.Join(key, "\x1f")
		if !t.accepted[row] && (len(key) == 0 || !seen[alike]) {
			rows = append(rows, row)
		}
		seen[alike] = seen[alike] || !t.accepted[row]
	}
	return rows
}

// firstColumns are the columns of the list of first rows.
func (t *table) firstColumns() []int {
	var indexes []int
	if f := t.section.First; f != nil {
		indexes = t.indexes(f.Columns)
	}
	if len(indexes) == 0 {
		all := t.onPages()
		return all[:min(7, len(all))]
	}
	return indexes
}

// indexes are the columns of these names that there are.
func (t *table) indexes(names []string) []int {
	var indexes []int
	for _, name := range names {
		if i := t.index(name); i >= 0 {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// height is the height of the list with its title.
func (l firstList) height() float64 {
	h := height(1, sizeHead) + 3 + 5
	if l.t.rows == 0 {
		return h + height(2, sizeText)
	}
	h += l.set.head + 1.2
	for _, r := range l.rows {
		h += r.high
	}
	return h
}

// fitLists drops rows, of the last lists first, and lists without any, until
// the rest fits into room.
func fitLists(lists []firstList, room float64) []firstList {
	for {
		sum := 0.0
		for _, l := range lists {
			sum += l.height()
		}
		if sum <= room || len(lists) == 0 {
			return lists
		}
		last := &lists[len(lists)-1]
		if len(last.rows) > 1 {
			last.rows = last.rows[:len(last.rows)-1]
		} else {
			lists = lists[:len(lists)-1]
		}
	}
}

func (c *canvas) drawFirst(l firstList) {
	x, w := c.page.left, c.page.width()
	title := l.t.section.Title
	if l.t.rows > 0 {
		title = l.t.section.First.heading(l.t, len(l.rows))
	}
	c.y = c.text(title, bold, accent, x, c.y, sizeHead, w, 1) + 3
	if l.t.rows == 0 {
		c.y = c.text(emptyWords(l.t.section), regular, ink, x, c.y, sizeText, w, 2) + 5
		return
	}
	c.y = c.header(l.set, c.y)
	for _, row := range l.rows {
		c.y = c.drawRow(l.set, row, c.y)
	}
	c.y += 5
}
