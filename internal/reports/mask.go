package reports

import (
	"fmt"
	"slices"

	"exporter/internal/store"
)

// hidden stands for a value that a column's mask hides.
const hidden = "masked"

// hide replaces the values of the columns that are not shown in a profile.
// Whether there is a value is still seen.
func (t *table) hide(profile string) {
	for i := range t.columns {
		c := &t.columns[i]
		if c.Mask == "" || slices.Index(store.Masks, profile) < slices.Index(store.Masks, c.Mask) {
			continue
		}
		was, v := t.vectors[i], &vector{}
		for row := range t.rows {
			if was.null(row) {
				v.add(nil)
			} else {
				v.add(hidden)
			}
		}
		t.vectors[i], c.Format = v, formatText
	}
}

// maskWords says what the profile hides.
func (r *Report) maskWords() string {
	const tied = "; counts, keys of permissions and the digest are those of the full snapshot"
	switch r.Mask() {
	case store.MaskStandard:
		return "standard: of a name the family name and a tag that tells persons apart, of a mobile number the last four digits; work numbers are kept" + tied
	case store.MaskPseudonym:
		return "pseudonym: pseudonyms for ids of persons, and tags that tell them apart for names, mobile and work numbers; no name of an organization of fewer than three persons" + tied
	default:
		return "full: persons are named as received"
	}
}

// seal is the digest, and the line of the journal that keeps it.
func (r *Report) seal() string { return joinWords(r.digestWords(), r.sealed.words()) }

// digestWords are the digest, with the mask where there is one: the digest is then
// not that of what was read.
func (r *Report) digestWords() string {
	if r.Mask() == store.MaskFull {
		return "digest " + r.digest()
	}
	return "mask " + r.Mask() + " · digest " + r.digest() + ", of the full snapshot"
}

// whole names the line so that it can be looked up; "" where there is none.
func (s *Sealed) whole() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("journal line %d, SHA-256 %s", s.Line, s.SHA256)
}

// words name the line by as much of its SHA-256 as can be compared by eye.
func (s *Sealed) words() string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf("sealed by journal line %d, %s", s.Line, s.SHA256[:min(12, len(s.SHA256))])
}

// footer is what every page says of the report that it is from: what it is called,
// which may be shortened, and what it rests on.
func (r *Report) footer() (name, rests string) {
	mask := ""
	if r.Mask() != store.MaskFull {
		mask = "mask " + r.Mask()
	}
	return joinWords(r.Title(), r.part.heading()), joinWords(r.trust.snapshot, r.digest(), mask, r.sealed.words())
}
