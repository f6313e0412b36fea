package store

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scrubber replaces what is known of persons where it stands in a longer text, in
// capitals or not: names and numbers, and for pseudonyms their ids and codes too.
type scrubber struct {
	known   map[string]string // as it was added
	folded  map[string]string // of several the first
	lengths map[rune][]int    // of what is folded: in bytes, longest first, by the first character
}

// add gives a text what it is replaced by. One that is too short to mean a
// person is passed over.
func (s *scrubber) add(text, becomes string) {
	text, becomes = strings.TrimSpace(text), strings.TrimSpace(becomes)
	if !telling(text) {
		return
	}
	if s.known == nil {
		s.known, s.folded, s.lengths = map[string]string{}, map[string]string{}, map[rune][]int{}
	}
	if _, ok := s.known[text]; ok {
		return
	}
	s.known[text] = becomes
	folded, _ := fold(text)
	if _, ok := s.folded[folded]; !ok {
		s.folded[folded] = becomes
	}
	first, _ := utf8.DecodeRuneInString(folded)
	if !slices.Contains(s.lengths[first], len(folded)) {
		s.lengths[first] = append(s.lengths[first], len(folded))
		slices.Sort(s.lengths[first])
		slices.Reverse(s.lengths[first])
	}
}

// telling tells whether a text can only mean a person: two letters, or with
// digits alone six signs.
func telling(s string) bool {
	letters, signs := 0, utf8.RuneCountInString(s)
	for _, r := range s {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return letters >= 2 || letters > 0 && signs >= 4 || signs >= 6
}

// fold writes all letters small. at has for each byte of the folded text where its
// character began, and at the end the length of text.
func fold(text string) (folded string, at []int) {
	var b strings.Builder
	for i, r := range text {
		// Some capitals have two small letters: Σ has σ and ς.
		b.WriteRune(unicode.ToLower(unicode.ToUpper(r)))
		for len(at) < b.Len() {
			at = append(at, i)
		}
	}
	return b.String(), append(at, len(text))
}

// scrub replaces all that is known in text. What is a part of a longer word or
// number means another.
func (s *scrubber) scrub(text string) string {
	var b strings.Builder
	folded, at := fold(text)
	done, before := 0, rune(-1)
	for i := 0; i < len(folded); {
		r, size := utf8.DecodeRuneInString(folded[i:])
		if n := s.match(folded, i, before); n > 0 {
			b.WriteString(text[done:at[i]])
			becomes, exactly := s.known[text[at[i]:at[i+n]]]
			if !exactly {
				becomes = s.folded[folded[i:i+n]]
			}
			b.WriteString(becomes)
			before, _ = utf8.DecodeLastRuneInString(folded[i : i+n])
			i += n
			done = at[i]
			continue
		}
		before = r
		i += size
	}
	if done == 0 {
		return text
	}
	return b.String() + text[done:]
}

// match is the length of what is known at i of a folded text.
func (s *scrubber) match(text string, i int, before rune) int {
	first, _ := utf8.DecodeRuneInString(text[i:])
	if inWord(before) && inWord(first) {
		return 0
	}
	for _, n := range s.lengths[first] {
		if i+n > len(text) {
			continue
		}
		if _, ok := s.folded[text[i:i+n]]; !ok {
			continue
		}
		last, _ := utf8.DecodeLastRuneInString(text[i : i+n])
		after, size := utf8.DecodeRuneInString(text[i+n:])
		if size == 0 || !inWord(last) || !inWord(after) {
			return n
		}
	}
	return 0
}

// inWord tells whether a character is one of a word that blanks end.
func inWord(r rune) bool {
	return (unicode.IsLetter(r) || unicode.IsDigit(r)) && !ideographic(r)
}

// journalMembers are what stays of each kind of entry of the journal; what it does
// not name is masked.
var journalMembers = map[string][]string{
	"snapshot": {"snapshot", "project", "verdict", "rows", "digest", "program_version", "kind", "torn"},
	"prune":    {"keep", "files", "bytes", "torn"},
	"purge":    {"snapshot", "project", "before", "rows", "files", "torn"},
	"publish":  {"snapshot", "mask", "files", "bytes", "torn"},
	// The hashes of files with few rows would prove a guess at what is masked.
	"report":  {"report", "snapshot", "as_of", "since", "mask", "program_version", "torn"},
	"witness": {"snapshot", "calls", "sha256", "file", "torn"},
	"program": {"version", "previous", "torn"},
	"key":     {"action", "fingerprint", "previous", "torn"},
	"evidence": {"bundle", "from", "to", "snapshot", "mask", "project", "verdict", "reports", "files", "bytes", "manifest_sha256",
		"tagmanifest_sha256", "key", "stamped", "program_version", "torn"},
	"serve":          {"event", "program_version", "schedules", "torn"},
	"slot":           {"schedule", "slot", "outcome", "started", "finished", "torn"},
	"clock":          {"newest", "snapshot", "torn"},
	"mail":           {"report", "slot", "mails", "attempt", "outcome", "code", "torn"},
	"outbox":         {"action", "mail", "report", "slot", "torn"},
	"write-asked":    {"operation", "program_version", "torn"},
	"write-answered": {"operation", "code", "tid", "t", "torn"},
	// Hashes of a statement or a result that is easy to guess would confirm the guess.
	"query": {"snapshot", "as_of", "mask", "project", "previous", "format", "outcome", "rows", "cut", "ms", "text", "torn"},
}

// journalDetail is what a masked copy has of the detail of an entry.
func (s *scrubber) journalDetail(kind, detail string) string {
	if detail == "" {
		return detail
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(detail), &members) != nil {
		return `{"masked":true}`
	}
	changed := false
	for name, value := range members {
		stays := json.RawMessage(`"masked"`)
		if slices.Contains(journalMembers[kind], name) {
			stays = json.RawMessage(s.scrub(string(value)))
		}
		changed = changed || string(stays) != string(value)
		members[name] = stays
	}
	if !changed {
		return detail
	}
	text, err := json.Marshal(members)
	if err != nil {
		return `{"masked":true}`
	}
	return string(text)
}
