package reports

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What a spreadsheet takes: characters of a cell, rows of a sheet, characters
// of a sheet's name.
const (
	maxCell      = 32767 // UTF-16 units
	maxSheetRows = 1048576
	maxSheetName = 25 // of 31, the rest is for a number
)

// cellCounts says what was done to texts so that a spreadsheet can hold them.
type cellCounts struct {
	controls int // control and other characters that XML cannot hold, replaced by U+FFFD
	invalid  int // bytes that were no UTF-8, replaced by U+FFFD
	cut      int // cells longer than maxCell, cut
	formulas int // texts that a spreadsheet could take for a formula, kept as quoted text
}

// cell returns s as a text that a spreadsheet can hold, and counts what had
// to change. Text that only looks like a formula is not changed: it is
// written as a text, never as a formula.
func (c *cellCounts) cell(s string) string {
	plain, ascii := true, true
	for i := range len(s) {
		b := s[i]
		if b < 0x20 && b != '\n' && b != '\t' || b == 0x7F {
			plain = false
		}
		if b >= utf8.RuneSelf {
			ascii = false
		}
	}
	if plain && ascii && len(s) <= maxCell {
		return s
	}
	return c.clean(s)
}

func (c *cellCounts) clean(s string) string {
	var b strings.Builder
	units := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		switch {
		case r == utf8.RuneError && n == 1:
			c.invalid++
		case r == '\r' && i < len(s) && s[i] == '\n':
			continue // CR LF is one end of line
		case r == '\n' || r == '\t':
		case unicode.IsControl(r) || r == 0xFFFE || r == 0xFFFF:
			c.controls++
			r = '\uFFFD'
		}
		width, room := utf16.RuneLen(r), maxCell
		if i < len(s) {
			room-- // for the ellipsis
		}
		if units+width > room {
			c.cut++
			b.WriteRune('…')
			break
		}
		units += width
		b.WriteRune(r)
	}
	return b.String()
}

// formulaLike reports whether a spreadsheet that is given s as typed text, or
// as CSV, could run it as a formula.
func formulaLike(s string) bool {
	return s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0
}

// sheetName makes a sheet's name of a text.
func sheetName(s string) string {
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:\/?*[]`, r) || unicode.IsControl(r) || r > 0xFFFF {
			return '-'
		}
		return r
	}, s)
	s = strings.Trim(s, "' ")
	if runes := []rune(s); len(runes) > maxSheetName {
		s = strings.Trim(string(runes[:maxSheetName]), "' ")
	}
	if s == "" {
		return "Data"
	}
	return s
}
