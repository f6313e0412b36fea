package reports

import (
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

// seal is the digest, with the mask where there is one: the digest is then not
// that of what was read.
func (r *Report) seal() string {
	if r.Mask() == store.MaskFull {
		return "digest " + r.digest()
	}
	return "mask " + r.Mask() + " · digest " + r.digest() + ", of the full snapshot"
}

// footer is what every page says of the report that it is from.
func (r *Report) footer() string {
	s := joinWords(r.Title(), r.part.heading(), r.trust.snapshot, r.digest())
	if r.Mask() != store.MaskFull {
		s += " · mask " + r.Mask()
	}
	return s
}
