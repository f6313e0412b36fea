package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Asked is the question with the parameters' defaults in it.
func (d Definition) Asked() string {
	return fill(d.Question, func(name string) (string, bool) {
		v, err := d.Parameters[name].value()
		if _, ok := d.Parameters[name]; !ok || err != nil {
			return "", false
		}
		return show(v, "", time.UTC), true
	})
}

// Explain tells what a report answers, from which parameters and columns, and
// by which SQL. Queries are looked up as [Options] says. It errs when one is
// missing.
func (d Definition) Explain(queryDir string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n%s\n%s\n", d.Name, d.ID, d.Title, d.Asked())
	if len(d.Controls) > 0 {
		fmt.Fprintf(&b, "\nEvidence for: %s\n", strings.Join(d.Controls, "; "))
	}
	for i, name := range slices.Sorted(maps.Keys(d.Parameters)) {
		if i == 0 {
			b.WriteString("\nParameters\n")
		}
		p := d.Parameters[name]
		fmt.Fprintf(&b, "  %-24s %v  %s (%s)\n", name, p.Default, p.Meaning, p.bounds())
	}
	for _, line := range d.NotCovered {
		fmt.Fprintf(&b, "\nNot covered: %s", line)
	}
	b.WriteString("\n")
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "\n%s\n", s.Title)
		for _, c := range s.Columns {
			fmt.Fprintf(&b, "  %-28s %s\n", c.Name, c.Meaning)
		}
		text, err := queryFile(queryDir, s.Query)
		if err != nil {
			return "", fmt.Errorf("report %s: %w", d.Name, err)
		}
		fmt.Fprintf(&b, "\n%s", text)
	}
	return b.String(), nil
}
