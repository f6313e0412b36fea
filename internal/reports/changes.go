package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// comparison is what a report tells of an earlier snapshot.
type comparison struct {
	trust  trust // of the earlier snapshot; the zero value where there is none
	counts []changeCount
}

// changeCount counts the findings of one section: those that are new since the
// earlier snapshot, changed or as before, and those that were in it and are gone.
type changeCount struct {
	section              string
	fresh, changed, gone int
	kept                 int // -1 where it is not known
}

// What has become of a finding, as the lists of changes have it.
const (
	changeNew     = "new"
	changeChanged = "changed"
	changeGone    = "gone"
)

// changesSheet is the sheet that lists changes; with several it begins their names.
const changesSheet = "Changes"

// compareWith reads what is known of the earlier snapshot, and says what a reader
// has to know of it.
func (r *runner) compareWith() error {
	p := r.report
	if r.before.reader == nil {
		if p.def.ComparesAlways() {
			p.since = &comparison{}
		}
	} else {
		t, err := r.trustOf(r.before.reader)
		if err != nil {
			return err
		}
		p.since = &comparison{trust: t}
	}
	p.trust.limits = append(p.trust.limits, p.since.limits()...)
	return nil
}

// limits say what a reader has to know of the earlier snapshot.
func (c *comparison) limits() []string {
	switch {
	case c == nil:
		return nil
	case c.trust.snapshot == "":
		return []string{"there is no earlier snapshot, so nothing is told of changes"}
	case c.trust.complete():
		return nil
	}
	return []string{"the earlier snapshot " + c.trust.snapshot + " is partial, so that a change may be older than it: " +
		strings.ReplaceAll(strings.Join(c.trust.lacks, "; "), "in this snapshot", "in it")}
}

// comparable reports whether a query can be compared with what it gave in the
// earlier snapshot: there is one, and the query does not compare by itself.
func (r *runner) comparable(query string) (bool, error) {
	if r.before.reader == nil {
		return false, nil
	}
	text, err := queryFile(r.queryDir, query)
	if err != nil {
		return false, err
	}
	parameters, _, err := r.now.reader.Describe(r.ctx, string(text), r.now.named)
	if err != nil {
		return false, fmt.Errorf("query %s: %w", query, err)
	}
	return !slices.Contains(parameters, "since") && !slices.Contains(parameters, "since_snapshot"), nil
}

// compare lists what has become of the findings of a section since the earlier
// snapshot, and returns the section with those that the definition wants shown.
func (r *runner) compare(t *table) (*table, error) {
	p := r.report
	if p.since == nil {
		return t, nil
	}
	list := newChangeList(t, p.def.changesName(t.section))
	if r.before.reader == nil {
		list.section.Title = joinWords("Changes", t.section.Title)
		list.section.Empty = "There is no earlier snapshot to compare with."
		r.changes = append(r.changes, list.table)
		if p.def.onlySome() {
			t.note = joinSentences(t.note, "All are shown, for there is no earlier snapshot.")
		}
		return t, nil
	}
	compared, err := r.comparable(t.section.Query)
	if err != nil || !compared {
		return t, err
	}
	was, err := r.table(r.before, t.section)
	if err != nil {
		return nil, fmt.Errorf("as of the earlier snapshot: %w", err)
	}
	became, count := list.fill(t, was)
	base := p.since.trust.snapshot
	list.section.Title = joinWords("Changes since "+base, t.section.Title)
	list.section.Empty = "Nothing is new, changed or gone since " + base + "."
	list.note = count.words(t)
	p.since.counts = append(p.since.counts, count)
	r.changes = append(r.changes, list.table)
	if p.def.onlySome() {
		return r.only(t, became), nil
	}
	return t, nil
}

// words counts what has become of the findings of a section.
func (c changeCount) words(t *table) string {
	s := fmt.Sprintf("%s new, %s changed, %s gone", number(int64(c.fresh)), number(int64(c.changed)), number(int64(c.gone)))
	if c.kept >= 0 {
		s += "; " + number(int64(c.kept)) + " as before"
	}
	return s + ". What has the same " + andWords(t.named(t.section.Key)) + " is the same finding."
}

// only keeps of a section what is new, or new or changed, and says so.
func (r *runner) only(t *table, became []string) *table {
	p := r.report
	var rows []int
	for row, word := range became {
		if word == changeNew || word == changeChanged && p.def.Only == changeChanged {
			rows = append(rows, row)
		}
	}
	words := "new"
	if p.def.Only == changeChanged {
		words = "new or changed"
	}
	left := number(int64(t.rows - len(rows)))
	told := fmt.Sprintf("only what is %s since %s is shown: %s of %s; %s left out",
		words, p.since.trust.snapshot, number(int64(len(rows))), plural(t.rows, "row", "rows"), left)
	p.trust.limits = append(p.trust.limits, "in "+t.section.Title+" "+told)
	kept := t.pick(rows)
	kept.only = words
	kept.note = joinSentences(t.note, upperFirst(told)+".")
	if len(rows) == 0 && t.rows > 0 {
		kept.section.Empty = "Nothing is " + words + " since " + p.since.trust.snapshot + "; " + left + " left out."
	}
	return kept
}

// onlySome reports whether only some findings of the sections with a key are
// wanted.
func (d Definition) onlySome() bool { return d.Only == changeNew || d.Only == changeChanged }

// changesName is the sheet of the list of a section's changes.
func (d Definition) changesName(s Section) string {
	n := 0
	for _, s := range d.Sections {
		if len(s.Key) > 0 {
			n++
		}
	}
	if n < 2 {
		return changesSheet
	}
	return sheetName(changesSheet + " " + s.sheet())
}

// named are the titles of columns in the middle of a sentence.
func (t *table) named(names []string) []string {
	titles := make([]string, len(names))
	for i, name := range names {
		titles[i] = strings.ToLower(t.columns[t.index(name)].Title)
	}
	return titles
}

// changeWords is the sentence that counts the changes of all sections; "" where
// none were told.
func (p *Report) changeWords() string {
	if p.since == nil || len(p.since.counts) == 0 {
		return ""
	}
	var sum changeCount
	for _, c := range p.since.counts {
		sum.fresh += c.fresh
		sum.changed += c.changed
		sum.gone += c.gone
	}
	since := "Since " + p.baseDay()
	if sum.fresh+sum.changed+sum.gone == 0 {
		return since + " nothing is new, changed or gone."
	}
	fresh := number(int64(sum.fresh)) + " new"
	if sum.fresh > 0 {
		fresh = "**" + fresh + "**"
	}
	return fmt.Sprintf("%s: %s, %s changed, %s gone.", since, fresh, number(int64(sum.changed)), number(int64(sum.gone)))
}

// baseDay is when the earlier snapshot was: the day, or on the same day the time.
func (p *Report) baseDay() string {
	zone := p.trust.zone
	was, now := p.since.trust.asOf.In(zone), p.trust.asOf.In(zone)
	layout := "2\u00a0Jan\u00a02006"
	if was.Format(layout) == now.Format(layout) {
		layout += "\u00a015:04"
	}
	return was.Format(layout)
}

// delta is by how much a number has changed, in words; "" where it has not, and of
// what is no number.
func delta(was, now any, format string) string {
	a, ok1 := asNumber(was)
	b, ok2 := asNumber(now)
	if !ok1 || !ok2 || a == b {
		return ""
	}
	text := show(math.Abs(b-a), format, nil)
	if format == formatShare {
		text = strings.ReplaceAll(text, " %", " points")
	}
	if b < a {
		return "-" + text
	}
	return "+" + text
}

func asNumber(value any) (float64, bool) {
	switch x := value.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, !math.IsNaN(x) && !math.IsInf(x, 0)
	}
	return 0, false
}

// andWords joins words as a sentence does.
func andWords(words []string) string {
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " and " + words[n]
	}
	return strings.Join(words, "")
}

// joinSentences joins what there is of its arguments.
func joinSentences(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}
