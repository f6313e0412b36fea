package reports

import "testing"

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		word  string
		names []string
		want  string
	}{
		{"colums", []string{"column", "columns", "name"}, "column"},
		{"colums", []string{"name", "columns"}, "columns"},
		{"witihn_days", []string{"days", "within_days"}, "within_days"},
		{"abc", []string{"abd", "abe"}, "abd"},
		{"number", []string{"name", "n"}, ""},
		{"x", nil, ""},
	} {
		if got := Nearest(c.word, c.names); got != c.want {
			t.Errorf("Nearest(%q, %q) = %q, want %q", c.word, c.names, got, c.want)
		}
	}
}
