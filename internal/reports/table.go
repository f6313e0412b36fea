package reports

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"exporter/internal/store"
)

// A table holds the rows of one section. It keeps each column as a vector, so
// that a million rows of twelve columns stay far below the size of as many
// boxed values.
type table struct {
	section Section
	columns []Column // title and format filled in
	vectors []*vector
	rows    int
	note    string
	zone    *time.Location
	changes bool // a list of changes, not a section of the definition

	accepted map[int]bool // rows that an exception accepts
	lapsed   map[int]bool // rows whose exception does so no longer
	only     string       // new, or new or changed, where rows that are not are left out
}

// readTable reads all rows of a query into a table.
func readTable(rows *sql.Rows, s Section, zone *time.Location) (*table, error) {
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	t := &table{section: s, zone: zone}
	order, err := t.arrange(names)
	if err != nil {
		return nil, err
	}
	values := make([]any, len(names))
	targets := make([]any, len(names))
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	for i := range values {
		targets[i] = &values[i]
	}
	asText := make([]string, len(names)) // the type, of a column that is shown as the database writes it
	for _, from := range order {
		kind, plain := kindOf(types[from].DatabaseTypeName())
		if !plain {
			asText[from] = types[from].DatabaseTypeName()
		}
		v := &vector{kind: kind, typed: true}
		if kind == kindWall || kind == kindDay {
			v.times = kind
		}
		t.vectors = append(t.vectors, v)
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		for i, from := range order {
			if values[from] != nil && asText[from] != "" {
				values[from] = store.Text(values[from], asText[from])
			}
			t.vectors[i].add(values[from])
		}
		t.rows++
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	t.settle()
	return t, rows.Close()
}

// kindOf is the kind of a column of a database's type. It returns false for a
// type whose values the driver has in a form of its own.
func kindOf(databaseType string) (_ kind, plain bool) {
	switch databaseType {
	case "VARCHAR", "ENUM", "JSON", "SQLNULL":
		return kindText, true
	case "BOOLEAN":
		return kindYesNo, true
	case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
		"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT":
		return kindInteger, true
	case "FLOAT", "DOUBLE":
		return kindNumber, true
	case "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE":
		return kindMoment, true
	case "DATE":
		return kindDay, true
	case "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
		return kindWall, true
	}
	switch {
	case strings.HasPrefix(databaseType, "DECIMAL") && !strings.HasSuffix(databaseType, "]"):
		return kindNumber, true
	case strings.HasSuffix(databaseType, "[]"):
		return kindList, true
	}
	return kindText, false
}

// arrange puts the columns in the definition's order, then those that it does
// not name; it returns the place of each in the result. It errs when the
// definition names a column that the query does not return, and when two have one
// name: only one of them could be named, and the other would not be hidden.
func (t *table) arrange(names []string) ([]int, error) {
	var faults []error
	if twice := repeated(names); twice != "" {
		faults = append(faults, errors.New(twice))
	}
	var order []int
	used := make([]bool, len(names))
	for _, c := range t.section.Columns {
		i := slices.Index(names, c.Name)
		if i < 0 {
			faults = append(faults, fmt.Errorf("column %s: the query does not return it; it returns %s",
				c.Name, strings.Join(names, ", ")))
			continue
		}
		used[i] = true
		order = append(order, i)
		t.columns = append(t.columns, c)
	}
	for i, name := range names {
		if used[i] {
			continue
		}
		order = append(order, i)
		t.columns = append(t.columns, Column{Name: name})
	}
	for _, name := range slices.Concat([]string{t.section.Severity, t.section.Group}, t.section.Key, t.section.Compare) {
		if name != "" && !slices.Contains(names, name) {
			faults = append(faults, fmt.Errorf("column %s: the query does not return it", name))
		}
	}
	return order, errors.Join(faults...)
}

// settle gives each column a title and a format, now that its kind is known.
func (t *table) settle() {
	for i := range t.columns {
		c := &t.columns[i]
		c.Title = cmp.Or(c.Title, words(c.Name))
		if c.Name == t.section.Severity {
			c.Format = cmp.Or(c.Format, formatSeverity)
		}
		if c.Format != "" {
			continue
		}
		switch t.vectors[i].kind {
		case kindInteger:
			c.Format = formatInteger
		case kindNumber:
			c.Format = formatNumber
		case kindYesNo:
			c.Format = formatYesNo
		case kindMoment, kindWall:
			c.Format = formatDatetime
		case kindDay:
			c.Format = formatDate
		case kindList:
			c.Format = formatList
		default:
			c.Format = formatText
		}
	}
}

// words makes a title of a column's name.
func words(name string) string {
	s := strings.TrimSpace(strings.ReplaceAll(name, "_", " "))
	if s == "" {
		return "(no name)"
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (t *table) index(name string) int {
	return slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == name })
}

// text is a cell as a page shows it.
func (t *table) text(row, column int) string {
	return show(t.vectors[column].at(row), t.columns[column].Format, t.zone)
}

// severityCount is the number of rows of one severity.
type severityCount struct {
	severity string
	rows     int
}

// severities counts the rows of each severity, gravest first. It returns nil
// where rows have none.
func (t *table) severities() []severityCount {
	i := t.index(t.section.Severity)
	if i < 0 {
		return nil
	}
	counts := map[string]int{}
	for row := range t.rows {
		counts[strings.ToLower(asText(t.vectors[i].at(row)))]++
	}
	var list []severityCount
	for _, s := range severities {
		if counts[s] > 0 {
			list = append(list, severityCount{s, counts[s]})
		}
	}
	return list
}
