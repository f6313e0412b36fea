package journal

import "fmt"

// Broken names the first line that does not fit: that which was changed, where the
// lines tell. Those before it are a whole chain. Line counts from 1; it is 0 where
// only the last line was looked at. Torn is a last line without its newline, which
// the next [Journal.Append] sets aside.
type Broken struct {
	Path    string
	Line    int64
	Problem string
	Torn    bool
}

func (e *Broken) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: last line: %s", e.Path, e.Problem)
	}
	before := ""
	switch n := e.Line - 1; {
	case n == 1:
		before = "; the line before it is intact"
	case n > 1:
		before = fmt.Sprintf("; the %d lines before it are intact", n)
	}
	return fmt.Sprintf("%s: line %d: %s%s", e.Path, e.Line, e.Problem, before)
}

// Unchained is the [Broken] of a chain whose line n does not have the hash of the one
// before as "prev". seq and hash are those of line n; next is what the line behind it
// has as "prev", "" where that does not tell which of the two was changed.
func Unchained(path string, n, seq int64, hash, next string) *Broken {
	b := &Broken{Path: path, Line: n}
	switch {
	case seq != n:
		b.Problem = fmt.Sprintf("entry %d stands there: lines are missing, added or in another order", seq)
	case n == 1:
		b.Problem = "its prev is not 64 zeros: it was changed"
	case next == hash:
		b.Line--
		b.Problem = fmt.Sprintf("it was changed: the prev of line %d is not its hash", n)
	case next == "":
		b.Line--
		b.Problem = fmt.Sprintf("it was changed, or line %d: the prev of that is not its hash", n)
	default:
		b.Problem = "it was changed: neither is its prev the hash of the line before, nor its own hash the prev of the next"
	}
	return b
}
