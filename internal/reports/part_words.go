package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// partOf says which rows of a whole report a part of it has.
type partOf struct {
	name          string
	column, title string         // by which it was parted
	values, named []string       // of that column; as a page names them
	whole         map[string]int // rows of each section that is parted, by its sheet
	left          []string       // what is left out because it cannot be parted
}

// heading is the part as a line beside others has it; "" of a whole report.
func (p *partOf) heading() string {
	if p == nil || p.name == "" {
		return ""
	}
	return "part: " + p.name
}

// words say what the part has and what it lacks; "" of a whole report.
func (p *partOf) words() string {
	if p == nil {
		return ""
	}
	const most = 3
	s := fmt.Sprintf("this is a part of the report: the rows whose %s is %s",
		strings.ToLower(p.title), strings.Join(p.named[:min(len(p.named), most)], ", "))
	if more := len(p.named) - most; more > 0 {
		s += fmt.Sprintf(" and %s more", number(int64(more)))
	}
	if len(p.left) > 0 {
		s += "; left out is what has no such column: " + strings.Join(p.left, ", ")
	}
	return s
}

// naming gives the title of a column and values of it as a page names them. Where
// the rows beside a "Channel id" have a "Channel", it is those, in their order,
// before ids of which there is no row; with the id where two have the same.
func (r *Report) naming(column string, values []string) (title string, named []string) {
	names, same := map[string]string{}, map[string]map[string]bool{}
	for _, t := range r.tables {
		i := t.index(column)
		if i < 0 {
			continue
		}
		title = cmp.Or(title, t.columns[i].Title)
		of, isID := strings.CutSuffix(t.columns[i].Title, " id")
		j := slices.IndexFunc(t.columns, func(c Column) bool { return c.Title == of })
		for row := 0; isID && j >= 0 && row < t.rows; row++ {
			id, name := t.trimmed(row, i), t.trimmed(row, j)
			title = of
			if names[id] == name {
				continue
			}
			if names[id] = name; same[name] == nil {
				same[name] = map[string]bool{}
			}
			same[name][id] = true
		}
	}
	var without []string
	for _, value := range values {
		switch name := names[value]; {
		case name == "":
			without = append(without, or(value, "empty"))
		case len(same[name]) > 1:
			named = append(named, name+" ("+value+")")
		default:
			named = append(named, name)
		}
	}
	slices.Sort(named)
	return title, append(named, without...)
}
