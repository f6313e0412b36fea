package store

import "strings"

// StatementEnd returns where the first statement of text ends: the index of its
// semicolon, or of where text ends but for white space and comments. It is
// complete when a semicolon ends it, outside of strings ('a', E'a', $$a$$, $x$a$x$),
// quoted names, comments, which may nest, and brackets.
func StatementEnd(text string) (end int, complete bool) {
	depth := 0
	for i := 0; i < len(text); {
		n := tokenLength(text[i:])
		switch c := text[i]; {
		case c == ';' && depth <= 0:
			return end, true
		case c == '(' || c == '[' || c == '{':
			depth++
		case c == ')' || c == ']' || c == '}':
			depth--
		}
		i += n
		if !isBlank(text[i-n : i]) {
			end = i
		}
	}
	return end, false
}

// isBlank tells whether a token is white space or a comment.
func isBlank(token string) bool {
	return strings.TrimSpace(token) == "" || strings.HasPrefix(token, "--") || strings.HasPrefix(token, "/*")
}

// tokenLength is the length of the string, quoted name, comment or number of
// spaces that text begins with, to its end where nothing closes it; of a word; else
// 1.
func tokenLength(text string) int {
	switch {
	case strings.HasPrefix(text, "--"):
		return until(text, 2, "\n")
	case strings.HasPrefix(text, "/*"):
		return commentLength(text)
	case text[0] == '\'' || text[0] == '"':
		return quotedLength(text, 0, false)
	case len(text) > 1 && (text[0] == 'e' || text[0] == 'E') && text[1] == '\'':
		return quotedLength(text, 1, true)
	case text[0] == '$':
		return dollarLength(text)
	}
	n := 0
	for n < len(text) && isWord(text[n]) {
		n++
	}
	return max(n, 1)
}

// isWord tells whether a byte may be part of a word: every letter beyond ASCII may.
func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// until is the index after the first end at or after from, or all of text.
func until(text string, from int, end string) int {
	if i := strings.Index(text[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(text)
}

func commentLength(text string) int {
	depth := 0
	for i := 0; i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(text[i:], "*/"):
			i += 2
			if depth--; depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(text)
}

// quotedLength is that of a text whose quote is at open; a quote is doubled inside,
// or has a backslash before it where it escapes.
func quotedLength(text string, open int, escapes bool) int {
	quote := text[open]
	for i := open + 1; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] != quote:
		case i+1 < len(text) && text[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(text)
}

// dollarLength is that of a dollar-quoted string, else of a parameter or of the
// dollar.
func dollarLength(text string) int {
	n := 1
	for n < len(text) && isWord(text[n]) {
		n++
	}
	if n == len(text) || text[n] != '$' || n > 1 && text[1] >= '0' && text[1] <= '9' {
		return n
	}
	return until(text, n+1, text[:n+1])
}
