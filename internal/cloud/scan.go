package cloud

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// maxDepth is where encoding/json stops too.
const maxDepth = 10000

// errTwice: which of the two a reader means depends on the reader, and this
// program's pages are read by two.
var errTwice = errors.New("a member that is needed is there twice")

// span is a piece of a body, from from up to to. The zero span is none: no value
// stands at the start of an envelope.
type span struct{ from, to int }

// facts is what one pass over a body finds. Values are spans as they stand in
// the body, strings with their quotes.
type facts struct {
	success, code, msg, time, tid, result span

	outer, inner counts // beside the list, in the result and in the member that wraps it
	listed       bool   // there is an array of items
	items        int
	ids          []id   // one an item, in order
	cuts         []span // members that are not kept, with one comma each
	newline      bool   // a line feed stands between the values
}

type counts struct{ total, more span }

// id is the span of an item's id without quotes, the zero span if it has none.
type id struct {
	span
	escaped bool
}

// place says what the value being read is, and so which of its members matter.
type place uint8

const (
	elsewhere place = iota
	inEnvelope
	inResult
	inWrapper
	inList
	inItem
)

// scanner reads a body once. It checks that the body is one JSON text, as
// strictly as encoding/json does and in addition that it is valid UTF-8, and
// notes the facts as it passes.
type scanner struct {
	facts
	b       []byte
	listKey string // as [foldKey] gives it
	itemKey string
	depth   int
	item    id // of the item being read
	err     error
}

// scan reads body for an operation whose items are in listKey and have their id
// in itemKey (both as [foldKey] gives them; itemKey may be empty). The items are
// the result itself where it is an array, or its member listKey, or the member
// "list" of that. An error means that the body is not an envelope; facts are
// then of no use.
func scan(body []byte, listKey, itemKey string) (*facts, error) {
	s := scanner{b: body, listKey: listKey, itemKey: itemKey}
	i := s.space(0)
	if i == len(body) || body[i] != '{' {
		return nil, errors.New("not a JSON object")
	}
	if i = s.object(i, inEnvelope); i >= 0 {
		if i = s.space(i); i < len(body) {
			s.fail(i)
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	return &s.facts, nil
}

// fail notes the first fault and gives -1, which each function here hands up.
func (s *scanner) fail(i int) int {
	if s.err == nil && i >= len(s.b) {
		s.err = fmt.Errorf("JSON ends early, after %d bytes", len(s.b))
	} else if s.err == nil {
		s.err = fmt.Errorf("broken JSON at byte %d", i)
	}
	return -1
}

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

// value reads the value at i and gives the index behind it.
func (s *scanner) value(i int, p place) int {
	if i >= len(s.b) {
		return s.fail(i)
	}
	switch s.b[i] {
	case '"':
		end, _ := text(s.b, i+1)
		if end < 0 {
			return s.fail(-end)
		}
		return end + 1
	case '{':
		if p == inList { // only an array can be the list
			p = elsewhere
		}
		return s.object(i, p)
	case '[':
		return s.array(i, p)
	case 't':
		return s.literal(i, "true")
	case 'f':
		return s.literal(i, "false")
	case 'n':
		return s.literal(i, "null")
	}
	return s.number(i)
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

func (s *scanner) array(i int, p place) int {
	inner := elsewhere
	if p == inResult || p == inWrapper || p == inList {
		if s.listed {
			s.err = errTwice
			return -1
		}
		s.listed, inner = true, inItem
	}
	if s.depth++; s.depth > maxDepth {
		return s.fail(i)
	}
	for i = s.space(i + 1); i < len(s.b) && s.b[i] != ']'; {
		s.item = id{}
		if i = s.value(i, inner); i < 0 {
			return -1
		}
		if inner == inItem {
			s.items++
			s.ids = append(s.ids, s.item)
		}
		if i < len(s.b) && s.b[i] <= ' ' {
			i = s.space(i)
		}
		if i < len(s.b) && s.b[i] == ',' {
			if i = s.space(i + 1); i < len(s.b) && s.b[i] == ']' {
				return s.fail(i)
			}
		} else if i < len(s.b) && s.b[i] != ']' {
			return s.fail(i)
		}
	}
	if i >= len(s.b) {
		return s.fail(i)
	}
	s.depth--
	return i + 1
}

// object reads the members of the object at i. A member that is cut takes one
// comma with it: the one before it if a member that is kept stands before it,
// else the one behind it.
func (s *scanner) object(i int, p place) int {
	b := s.b
	if s.depth++; s.depth > maxDepth {
		return s.fail(i)
	}
	comma := -1 // before the member, if one that is kept precedes it
	kept := false
	var seen [6]bool
	if i = s.space(i + 1); i < len(b) && b[i] == '}' {
		s.depth--
		return i + 1
	}
	for {
		if i >= len(b) || b[i] != '"' {
			return s.fail(i)
		}
		start := i
		end, escaped := text(b, i+1)
		if end < 0 {
			return s.fail(-end)
		}
		key := b[start+1 : end]
		if i = end + 1; i < len(b) && b[i] != ':' {
			i = s.space(i)
		}
		if i >= len(b) || b[i] != ':' {
			return s.fail(i)
		}
		if i++; i < len(b) && b[i] <= ' ' {
			i = s.space(i)
		}

		cut := false
		switch {
		case p == elsewhere || p == inItem:
			if cut = isCut(key, escaped); cut {
				break
			}
			if p == inItem && s.isID(key, escaped) {
				i = s.readID(i)
			} else {
				i = s.value(i, elsewhere)
			}
		default:
			if cut = isCut(key, escaped); !cut {
				i = s.member(i, p, key, escaped, &seen)
			}
		}
		if cut {
			i = s.cut(start, i, comma, kept)
		}
		if i < 0 {
			return -1
		}
		kept = kept || !cut

		if i < len(b) && b[i] <= ' ' {
			i = s.space(i)
		}
		if i >= len(b) {
			return s.fail(i)
		}
		switch b[i] {
		case '}':
			s.depth--
			return i + 1
		case ',':
		default:
			return s.fail(i)
		}
		if cut && !kept {
			s.cuts[len(s.cuts)-1].to = i + 1
		}
		comma = i
		if i++; i < len(b) && b[i] <= ' ' {
			i = s.space(i)
		}
	}
}

// cut reads the value at i of a member that begins at start, and notes both as
// one span in place of any within.
func (s *scanner) cut(start, i, comma int, kept bool) int {
	if kept {
		start = comma
	}
	n := len(s.cuts)
	if i = s.value(i, elsewhere); i >= 0 {
		s.cuts = append(s.cuts[:n], span{start, i})
	}
	return i
}

// member reads the value at i of a member of the envelope, of the result or of
// what wraps the list, and notes it if it is a fact.
func (s *scanner) member(i int, p place, key []byte, escaped bool, seen *[6]bool) int {
	name := foldKey(unescape(key, escaped))
	inner := elsewhere
	var fact *span
	n := 0
	switch p {
	case inEnvelope:
		switch name {
		case "success":
			fact, n = &s.success, 0
		case "code":
			fact, n = &s.code, 1
		case "msg":
			fact, n = &s.msg, 2
		case "t":
			fact, n = &s.time, 3
		case "tid":
			fact, n = &s.tid, 4
		case "result":
			fact, n, inner = &s.result, 5, inResult
		}
	default:
		c := &s.outer
		if p == inWrapper {
			c = &s.inner
		}
		switch name {
		case "total":
			fact, n = &c.total, 0
		case "hasmore":
			fact, n = &c.more, 1
		case s.listKey:
			if p == inResult {
				inner = inWrapper
			}
		}
		if p == inWrapper && name == "list" {
			inner = inList
		}
	}
	if fact == nil {
		return s.value(i, inner)
	}
	if seen[n] {
		s.err = errTwice
		return -1
	}
	seen[n] = true
	from := i
	if i = s.value(i, inner); i >= 0 {
		*fact = span{from, i}
	}
	return i
}

// isID says whether key, of an item, is that of its id.
func (s *scanner) isID(key []byte, escaped bool) bool {
	if escaped {
		return foldKey(unescape(key, true)) == s.itemKey && s.itemKey != ""
	}
	return len(key) >= len(s.itemKey) && len(key) > 0 && s.itemKey != "" &&
		(key[0]|0x20 == s.itemKey[0] || key[0] == '_') && foldEqual(key, s.itemKey)
}

// readID reads the value at i as the id of the item.
func (s *scanner) readID(i int) int {
	if s.item != (id{}) {
		s.err = errTwice
		return -1
	}
	if i >= len(s.b) {
		return s.fail(i)
	}
	if s.b[i] == '"' {
		end, escaped := text(s.b, i+1)
		if end < 0 {
			return s.fail(-end)
		}
		s.item = id{span{i + 1, end}, escaped}
		return end + 1
	}
	from := i
	i = s.value(i, elsewhere)
	if c := s.b[from]; i >= 0 && (c == '-' || c-'0' <= 9) {
		s.item = id{span: span{from, i}}
	}
	return i
}

// isCut says whether the members of this key are not to be stored: the face
// picture and the gender, which no report needs.
func isCut(key []byte, escaped bool) bool {
	if escaped {
		key = []byte(unescape(key, true))
	}
	if len(key) < 3 {
		return false
	}
	switch key[0] {
	case 'i', 'I', 's', 'S', '_':
	default:
		return false
	}
	return foldEqual(key, "imageurl") || foldEqual(key, "sexstr") || foldEqual(key, "sex")
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
