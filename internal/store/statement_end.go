package store

import (
	"iter"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tokens are the parts of a text of SQL in their order, which joined are the text:
// strings, quoted names, comments, which may nest, words, numbers, parameters, and of
// everything else, white space too, one letter each. A part that nothing closes goes
// to the end of the text.
func Tokens(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			n := tokenLength(text)
			if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// StatementEnd returns where the first statement of text ends: the index of its
// semicolon, or of where text ends but for white space and comments. It is
// complete when a semicolon ends it, outside of strings ('a', E'a', $$a$$, $x$a$x$),
// quoted names, comments, which may nest, and brackets.
func StatementEnd(text string) (end int, complete bool) {
	at, depth := 0, 0
	for token := range Tokens(text) {
		switch token {
		case ";":
			if depth <= 0 {
				return end, true
			}
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		}
		at += len(token)
		if !IsBlank(token) {
			end = at
		}
	}
	return end, false
}

// firstWord is the word that a statement begins with, in capitals, and what follows
// it; brackets before it are left out.
func firstWord(text string) (word, rest string) {
	at := 0
	for token := range Tokens(text) {
		at += len(token)
		if !IsBlank(token) && token != "(" {
			return strings.ToUpper(token), text[at:]
		}
	}
	return "", ""
}

// IsBlank tells whether one of [Tokens] is white space or a comment.
func IsBlank(token string) bool {
	return strings.TrimFunc(token, isSpace) == "" || strings.HasPrefix(token, "--") || strings.HasPrefix(token, "/*")
}

// isSpace tells whether DuckDB takes a letter for a space, or leaves it out.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x200b && r <= 0x200d || r == 0x2060 || r == 0xfeff
}

// tokenLength is the length of the string, quoted name, comment or space that text
// begins with, to its end where nothing closes it; of a word; else 1.
func tokenLength(text string) int {
	switch {
	case strings.HasPrefix(text, "--"):
		if end := strings.IndexAny(text, "\r\n"); end >= 0 {
			return end + 1
		}
		return len(text)
	case strings.HasPrefix(text, "/*"):
		return commentLength(text)
	case text[0] == '\'' || text[0] == '"':
		return quotedLength(text, 0, false)
	case len(text) > 1 && (text[0] == 'e' || text[0] == 'E') && text[1] == '\'':
		return quotedLength(text, 1, true)
	case text[0] == '$':
		return dollarLength(text)
	}
	if n := wordLength(text, isDigit); n > 0 { // before E'a' too, as in 1E'a'
		return n
	}
	if n := wordLength(text, func(c rune) bool { return c == '$' || isWord(c) }); n > 0 {
		return n
	}
	_, n := utf8.DecodeRuneInString(text)
	return n
}

// wordLength is the length of what text begins with that is part of a word.
func wordLength(text string, part func(rune) bool) int {
	if n := strings.IndexFunc(text, func(r rune) bool { return !part(r) }); n >= 0 {
		return n
	}
	return len(text)
}

func isDigit(c rune) bool { return c >= '0' && c <= '9' }

// isWord tells whether a letter may be part of a word: any beyond ASCII may.
func isWord(c rune) bool {
	return c == '_' || isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 && !isSpace(c)
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

// continued matches what may stand between two parts of one string.
var continued = regexp.MustCompile(`^(?:[ \t\f]|--[^\r\n]*)*[\r\n](?:[ \t\r\n\f]|--[^\r\n]*[\r\n])*'`)

// quotedLength is that of a text whose quote is at open; a quote is doubled inside,
// or has a backslash before it where it escapes, in the parts on further lines too.
func quotedLength(text string, open int, escapes bool) int {
	quote := text[open]
	for i := open + 1; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] != quote:
		case i+1 < len(text) && text[i+1] == quote:
			i++
		case escapes && continued.MatchString(text[i+1:]):
			i += len(continued.FindString(text[i+1:]))
		default:
			return i + 1
		}
	}
	return len(text)
}

// dollarLength is that of a dollar-quoted string, else of a parameter or of the
// dollar.
func dollarLength(text string) int {
	n := 1 + wordLength(text[1:], isWord)
	if n == len(text) || text[n] != '$' || n > 1 && text[1] >= '0' && text[1] <= '9' {
		return n
	}
	return until(text, n+1, text[:n+1])
}
