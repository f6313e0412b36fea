package main

import "testing"

// On a terminal lines are broken between words, never within one, which may be an id.
func TestHung(t *testing.T) {
	for _, c := range []struct {
		words string
		width int
		want  string
	}{
		{"one two three four", 0, "  name  one two three four\n"},
		{"one two three four", 18, "  name  one two\n        three four\n"},
		{"one 1424615984265764001 two", 18, "  name  one\n        1424615984265764001\n        two\n"},
	} {
		if got := hung("  name  ", c.words, c.width); got != c.want {
			t.Errorf("%d columns: %q, want %q", c.width, got, c.want)
		}
	}
}
