package reports

import (
	"fmt"
	"strings"
)

// Nearest returns the one of names that was meant by word: the first of those at
// the smallest Levenshtein distance, which is at most a third of word's bytes,
// rounded up. It returns "" where there is none.
func Nearest(word string, names []string) string {
	best, near := "", (len(word)+2)/3+1
	for _, name := range names {
		if d := distance(word, name); d < near {
			best, near = name, d
		}
	}
	return best
}

// meant says which of names was meant, or else which there are.
func meant(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(names) == 0 {
		return ""
	}
	return "; there is " + cut(strings.Join(names, ", "), 200)
}

// distance is the Levenshtein distance in bytes.
func distance(word, to string) int {
	row := make([]int, len(to)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(word) {
		before := row[0]
		row[0] = i + 1
		for j := range len(to) {
			change := before
			if word[i] != to[j] {
				change++
			}
			before, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, change)
		}
	}
	return row[len(to)]
}
