package reports

import (
	"fmt"
	"slices"
)

// recall fills the columns that show what another column of the same finding was
// in the earlier snapshot. They stay as the query gave them where there is no
// such snapshot, and are empty where it does not have the finding.
func (r *runner) recall(t *table) error {
	recalls := slices.ContainsFunc(t.section.Columns, func(c Column) bool { return c.Before != "" })
	if r.before.reader == nil || !recalls {
		return nil
	}
	was, err := r.table(r.before, t.section)
	if err != nil {
		return fmt.Errorf("as of the earlier snapshot: %w", err)
	}
	at := map[string]int{}
	for row, key := range was.keys() {
		at[key] = row
	}
	keys := t.keys()
	for _, c := range t.section.Columns {
		if c.Before == "" {
			continue
		}
		from, values := was.vectors[was.index(c.Before)], &vector{}
		for _, key := range keys {
			if row, ok := at[key]; ok {
				values.add(from.at(row))
			} else {
				values.add(nil)
			}
		}
		t.vectors[t.index(c.Name)] = values
	}
	// What the mask of a column hid has been overwritten.
	t.hide(r.report.mask)
	return nil
}
