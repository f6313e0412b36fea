package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// exceptionFacts are the exceptions of one report, as of the snapshot.
const exceptionFacts = `
SELECT finding_key, reason, approved_by, expires_on, expires
FROM exceptions
WHERE report = $report
ORDER BY line`

// An exception accepts a finding until a day.
type exception struct {
	words string // by whom until when and why
	holds bool   // it has not expired, and what it says can be read
}

// readExceptions reads the exceptions of the report by finding key; the register
// has at most one of each.
func (r *runner) readExceptions() (map[string]exception, error) {
	rows, err := rowsOf(r.ctx, r.now.reader, exceptionFacts, map[string]any{"report": r.report.def.Name})
	if err != nil {
		return nil, fmt.Errorf("read the exceptions: %w", err)
	}
	exceptions := map[string]exception{}
	today := r.report.trust.asOf.In(r.zone).Format(time.DateOnly)
	for _, x := range rows {
		exceptions[x.text("finding_key")] = newException(x, today)
	}
	return exceptions, nil
}

// newException reads a line of the register on a day. It holds through the day on
// which it expires; without one it has no end.
func newException(x row, today string) exception {
	by := "by " + or(x.text("approved_by"), "nobody named")
	why := or(x.text("reason"), "no reason given")
	on := strings.TrimSpace(x.text("expires_on"))
	switch expires, ok := x["expires"].(time.Time); {
	case on == "":
		return exception{by + ", without an end: " + why, true}
	case !ok:
		return exception{fmt.Sprintf("not accepted: %q is no date to expire on (%s: %s)", cut(on, 50), by, why), false}
	case expires.Format(time.DateOnly) < today:
		return exception{"expired " + expires.Format(time.DateOnly) + " (" + by + ": " + why + ")", false}
	default:
		return exception{by + " until " + expires.Format(time.DateOnly) + ": " + why, true}
	}
}

// or is s, or where that is blank another text.
func or(s, other string) string {
	if strings.TrimSpace(s) == "" {
		return other
	}
	return s
}

// accept marks the findings of a section that exceptions accept, or did until they
// expired: such a row says so in a column of its own.
func (r *runner) accept(t *table) {
	words := &vector{}
	t.accepted, t.lapsed = map[int]bool{}, map[int]bool{}
	for row := range t.rows {
		e, ok := r.exceptions[t.key(row, "/")]
		switch {
		case !ok:
			words.add(nil)
			continue
		case e.holds:
			t.accepted[row] = true
		default:
			t.lapsed[row] = true
		}
		words.add(e.words)
	}
	r.report.accepted += len(t.accepted)
	r.report.lapsed += len(t.lapsed)
	if len(t.accepted)+len(t.lapsed) == 0 {
		return
	}
	at := slices.IndexFunc(t.columns, func(c Column) bool { return c.Format == formatID })
	if at < 0 {
		at = len(t.columns)
	}
	t.columns = slices.Insert(t.columns, at, Column{Name: "accepted", Title: "Accepted", Format: formatText,
		Meaning: "by whom the finding is accepted until when, by the register of exceptions; or since when no longer"})
	t.vectors = slices.Insert(t.vectors, at, words)
}

// allAccepted reports whether there are findings in a section, and all of them are
// accepted.
func (t *table) allAccepted() bool { return t.rows > 0 && len(t.accepted) == t.rows }

// acceptedWords says how many findings are accepted; "" where none are or were.
func (p *Report) acceptedWords() string {
	var parts []string
	switch {
	case p.accepted == 1:
		parts = append(parts, "1 finding listed here is accepted as an exception")
	case p.accepted > 1:
		parts = append(parts, number(int64(p.accepted))+" findings listed here are accepted as exceptions")
	}
	switch {
	case p.lapsed == 1:
		parts = append(parts, "**1 exception holds no longer**")
	case p.lapsed > 1:
		parts = append(parts, "**"+number(int64(p.lapsed))+" exceptions hold no longer**")
	}
	if len(parts) == 0 {
		return ""
	}
	return upperFirst(strings.Join(parts, "; ")) + "."
}
