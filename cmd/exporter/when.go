package main

import (
	"fmt"
	"slices"

	"exporter/internal/reports"
)

// whenConfig are conditions for mailing a report: all that are given have to be
// met. Without any it is mailed always, for silence must mean trouble.
type whenConfig struct {
	Findings bool   `yaml:"findings"` // there is a finding
	Changed  bool   `yaml:"changed"`  // one is new, changed or gone since the snapshot before
	AtLeast  string `yaml:"at_least"` // its severity is this one or graver
}

// unmet says why a report is not to be mailed, "" where it is.
func (w whenConfig) unmet(r *reports.Report) string {
	if w.Findings && r.Findings() == 0 {
		return "there is no finding"
	}
	if n, compared := r.Changed(); w.Changed && compared && n == 0 {
		return "nothing has changed"
	}
	if w.AtLeast != "" && !reports.AtLeast(r.Severity(), w.AtLeast) {
		return fmt.Sprintf("its severity is not %s or graver", w.AtLeast)
	}
	return ""
}

// validateWhen checks the conditions of reports.
func (c *config) validateWhen(fault func(key, format string, args ...any)) {
	for i, r := range c.Reports {
		if r.When != (whenConfig{}) && len(r.To) == 0 && r.Split == nil {
			fault(fmt.Sprintf("reports[%d].when", i), "without to or split there is no mail to be sent")
		}
		if s := r.When.AtLeast; s != "" && !slices.Contains(reports.Severities(), s) {
			fault(fmt.Sprintf("reports[%d].when.at_least", i), "%q is no severity: critical, high, medium, low or good", s)
		}
	}
}
