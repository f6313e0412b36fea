package reports

import "slices"

// Severities returns the severities, the gravest first.
func Severities() []string { return slices.Clone(severities) }

// AtLeast reports whether a severity is another one or graver; "" is none of them.
func AtLeast(severity, other string) bool {
	i := slices.Index(severities, severity)
	return i >= 0 && i <= slices.Index(severities, other)
}

// Findings returns how many rows of the sections are to be settled: those that no
// exception accepts, and of a section with a severity those that are not good.
func (r *Report) Findings() int {
	n := 0
	for _, t := range r.sections() {
		n += t.rows - len(t.accepted)
		for _, s := range t.severities() {
			if s.severity == good {
				n -= s.rows
			}
		}
	}
	return max(n, 0)
}

// Changed returns how many findings are new, changed or gone since the earlier
// snapshot; of a report whose queries compare by themselves, how many it has. It
// returns false where there is none to compare with.
func (r *Report) Changed() (n int, compared bool) {
	if r.since == nil || r.since.trust.snapshot == "" {
		return 0, false
	}
	if len(r.since.counts) == 0 {
		return r.Findings(), true
	}
	for _, c := range r.since.counts {
		n += c.fresh + c.changed + c.gone
	}
	return n, true
}
