package cloud

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// space gives the index of the first byte from i on that is not white space.
func (s *scanner) space(i int) int {
	for ; i < len(s.b); i++ {
		switch s.b[i] {
		case ' ', '\t', '\r':
		case '\n':
			s.newline = true
		default:
			return i
		}
	}
	return i
}

func (s *scanner) literal(i int, want string) int {
	if len(s.b)-i < len(want) {
		return s.fail(len(s.b))
	}
	if string(s.b[i:i+len(want)]) != want {
		return s.fail(i)
	}
	return i + len(want)
}

func (s *scanner) number(i int) int {
	b := s.b
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i = s.digits(i); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = s.digits(i + 1); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		return s.digits(i)
	}
	return i
}

// digits reads at least one digit.
func (s *scanner) digits(i int) int {
	from := i
	for i < len(s.b) && s.b[i]-'0' <= 9 {
		i++
	}
	if i == from {
		return s.fail(i)
	}
	return i
}

// foldEqual says whether key without its underscores and in lower case is want.
func foldEqual(key []byte, want string) bool {
	n := 0
	for _, c := range key {
		if c == '_' {
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if n == len(want) || c != want[n] {
			return false
		}
		n++
	}
	return n == len(want)
}

// foldKey gives a key as it is compared: in lower case (of ASCII) and without
// underscores. So authTaskId, auth_task_id, recordListVOList, record_list_vo_list
// and record_list_volist each meet their own.
func foldKey(key string) string {
	var buf [64]byte
	out := buf[:0]
	for i := range len(key) {
		c := key[i]
		if c == '_' {
			continue
		}
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		out = append(out, c)
	}
	return string(out)
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text reads the string whose first byte behind the quote is at i, eight bytes
// at a time. It gives the index of the closing quote and whether the string has
// escapes; -n means a fault at index n (which is never 0).
func text(b []byte, i int) (end int, escaped bool) {
	start := i
	var high uint64
	for {
		for ; i+8 <= len(b); i += 8 {
			x := binary.LittleEndian.Uint64(b[i:])
			quote, slash := x^ones*'"', x^ones*'\\'
			// The lowest bit set marks the first byte that is a quote, a
			// backslash or below 0x20; bits above it may be wrong.
			stop := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*0x20)&^x) & highs
			high |= x
			if stop != 0 {
				i += bits.TrailingZeros64(stop) >> 3
				break
			}
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= 0x20 {
			high |= uint64(b[i])
			i++
		}
		if i >= len(b) {
			return -len(b), false
		}
		switch b[i] {
		case '"':
			if high&highs != 0 && !utf8.Valid(b[start:i]) {
				return -start, false
			}
			return i, escaped
		case '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return -i, false
			}
			i, escaped = i+n, true
		default:
			return -i, false
		}
	}
}

// escapeLen gives the length of the escape that b begins with, 0 if it is none.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if c-'0' > 9 && c|0x20-'a' > 5 {
				return 0
			}
		}
		return 6
	}
	return 0
}
