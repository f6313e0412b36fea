package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"exporter/internal/store"
)

// sayState tells people on standard error which state answered, and why it may have
// found nothing. A script hears of it only where the answer is empty, or as of a day
// that has not come.
func (k *asker) sayState(ctx context.Context, q question, got answer) {
	w := k.app.stderr
	ahead := k.options.AsOf.After(k.app.now().AddDate(0, 0, 1)) // beyond the end of today
	if _, isTerminal := terminalWidth(w); !isTerminal && !ahead && got.Rows > 0 {
		return
	}
	if state, err := k.state(ctx, w); err == nil { // there is an answer without it
		fmt.Fprintln(w, wrapped(w, "exporter: "+state))
	}
	if hint := k.hintMasked(q.SQL, got); hint != "" {
		fmt.Fprintln(w, wrapped(w, "exporter: hint: "+hint))
	}
}

// sayUnused tells which values are given that a query does not name.
func (a *app) sayUnused(q question) {
	named := slices.Collect(store.Tokens(q.SQL))
	for _, name := range slices.Sorted(maps.Keys(q.Set)) {
		if !slices.Contains(named, "$"+name) {
			fmt.Fprintf(a.stderr, "exporter: --set %s: the query does not name $%[1]s\n", name)
		}
	}
}

// comparesMasked matches, by mask, where a column that it hides is compared with a text.
var comparesMasked = map[string]*regexp.Regexp{
	store.MaskStandard:  compares("name|mobile|manager|owner|approved_by"),
	store.MaskPseudonym: compares("name|mobile|manager|owner|approved_by|person_code|person_id"),
}

func compares(columns string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(?:` + columns + `)(?:_before|_after)?"?[\s)]*` +
		`(?:[=<>!~]+\*?|,|\b(?:NOT\s+)?(?:I?LIKE|GLOB|IN|SIMILAR\s+TO)\b)[\s(]*(?:'[^'*]*'|\$)`)
}

// hintMasked says why a query that names somebody finds nothing, "" where it may be
// otherwise: an answer of one row may be a count.
func (k *asker) hintMasked(query string, got answer) string {
	masked := comparesMasked[k.place.Mask]
	if masked == nil || got.Rows > 1 || !masked.MatchString(query) {
		return ""
	}
	family := ""
	if k.place.Mask == store.MaskStandard {
		family = "LIKE 'Dahl *%' finds a family name; "
	}
	return "names are masked, so that a whole one finds nothing; " + family +
		"where you may see them: exporter sql --mask full"
}

// state tells the snapshot that is asked, its verdict, its time and the mask, for w.
func (k *asker) state(ctx context.Context, w io.Writer) (string, error) {
	all, err := k.snapshots(ctx)
	if err != nil && len(all) == 0 {
		return "", err
	}
	var verdicts []string
	var told time.Time // by the cloud, as of which the snapshot is
	for _, x := range all {
		if x.ID == k.place.Snapshot && x.ServerTime.After(told) {
			told = x.ServerTime
		}
		v := paint(w, verdictColor(x.Verdict), strings.ReplaceAll(x.Verdict, "_", " "))
		if x.ID == k.place.Snapshot && !slices.Contains(verdicts, v) {
			verdicts = append(verdicts, v)
		}
	}
	asOf := k.place.AsOf.In(k.app.zone)
	if told.IsZero() {
		told = asOf
	}
	line := fmt.Sprintf("snapshot %s, %s, as of %s, mask %s",
		k.place.Snapshot, strings.Join(verdicts, " and "),
		told.In(k.app.zone).Format("2006-01-02 15:04 MST"), k.place.Mask)
	if k.place.Previous != "" {
		line += ", previous is " + k.place.Previous
	}
	if !k.options.AsOf.IsZero() && !asOf.Equal(told) {
		asked := asOf.Format("2006-01-02 15:04 MST")
		if end := asOf.Add(time.Millisecond); end.Format(time.TimeOnly) == "00:00:00" {
			asked = "the end of " + asOf.Format(time.DateOnly)
		}
		line += ", $as_of is " + asked
		if n := len(all); n > 0 && all[n-1].ID == k.place.Snapshot {
			line += "; there is no newer snapshot"
		}
	}
	return line, nil
}

// snapshots are those of the projects that are asked, oldest first.
func (k *asker) snapshots(ctx context.Context) ([]store.Snapshot, error) {
	all, err := k.store.Snapshots(ctx)
	all = slices.DeleteFunc(all, func(x store.Snapshot) bool {
		return k.options.Project != "" && x.Project != k.options.Project
	})
	slices.SortFunc(all, func(x, y store.Snapshot) int {
		return cmp.Or(strings.Compare(x.ID, y.ID), strings.Compare(x.Project, y.Project))
	})
	return all, err
}
