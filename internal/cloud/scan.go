package cloud

import (
	"errors"
	"fmt"
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
		if i = s.value(i, inner); i < 0 {
			return -1
		}
		if inner == inItem {
			s.items++
			s.ids = append(s.ids, s.item)
			s.item = id{}
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
	comma := -1 // before the member, once one that is kept precedes it
	kept := false
	var key []byte
	var escaped bool
	if i = s.space(i + 1); i < len(b) && b[i] == '}' {
		s.depth--
		return i + 1
	}
	for {
		start := i
		if key, escaped, i = s.key(i); i < 0 {
			return -1
		}
		cut := isCut(key, escaped)
		switch {
		case cut && kept:
			i = s.cut(comma, i)
		case cut:
			i = s.cut(start, i)
		case p == inItem && s.isID(key, escaped):
			i = s.readID(i)
		case p == inItem, p == elsewhere:
			i = s.value(i, elsewhere)
		default:
			i = s.member(i, p, foldKey(unescape(key, escaped)))
		}
		if i < 0 {
			return -1
		}
		kept = kept || !cut
		if i < len(b) && b[i] <= ' ' {
			i = s.space(i)
		}
		switch {
		case i < len(b) && b[i] == ',':
		case i < len(b) && b[i] == '}':
			s.depth--
			return i + 1
		default:
			return s.fail(i)
		}
		if !kept {
			s.cuts[len(s.cuts)-1].to = i + 1
		}
		comma = i
		if i++; i < len(b) && b[i] <= ' ' {
			i = s.space(i)
		}
	}
}

// key reads the key at i with its colon, up to the value.
func (s *scanner) key(i int) (key []byte, escaped bool, value int) {
	b := s.b
	if i >= len(b) || b[i] != '"' {
		return nil, false, s.fail(i)
	}
	end, escaped := text(b, i+1)
	if end < 0 {
		return nil, false, s.fail(-end)
	}
	key = b[i+1 : end]
	if i = end + 1; i < len(b) && b[i] <= ' ' {
		i = s.space(i)
	}
	if i >= len(b) || b[i] != ':' {
		return nil, false, s.fail(i)
	}
	if i++; i < len(b) && b[i] <= ' ' {
		i = s.space(i)
	}
	return key, escaped, i
}

// cut reads the value at i of a member that is cut from start on, and notes both
// as one span in place of any within.
func (s *scanner) cut(start, i int) int {
	n := len(s.cuts)
	if i = s.value(i, elsewhere); i >= 0 {
		s.cuts = append(s.cuts[:n], span{start, i})
	}
	return i
}

// member reads the value at i of a member of the envelope, of the result or of
// what wraps the list, and notes it if it is a fact.
func (s *scanner) member(i int, p place, key string) int {
	fact, inner := s.fact(p, key)
	if fact == nil {
		return s.value(i, inner)
	}
	if *fact != (span{}) {
		s.err = errTwice
		return -1
	}
	from := i
	if i = s.value(i, inner); i >= 0 {
		*fact = span{from, i}
	}
	return i
}

// fact gives where to note the member key of the object at p, nil if nowhere, and
// what its value is.
func (s *scanner) fact(p place, key string) (*span, place) {
	if p == inEnvelope {
		switch key {
		case "success":
			return &s.success, elsewhere
		case "code":
			return &s.code, elsewhere
		case "msg":
			return &s.msg, elsewhere
		case "t":
			return &s.time, elsewhere
		case "tid":
			return &s.tid, elsewhere
		case "result":
			return &s.result, inResult
		}
		return nil, elsewhere
	}
	c := &s.outer
	if p == inWrapper {
		c = &s.inner
	}
	switch {
	case key == "total":
		return &c.total, elsewhere
	case key == "hasmore":
		return &c.more, elsewhere
	case p == inResult && key == s.listKey:
		return nil, inWrapper
	case p == inWrapper && key == "list":
		return nil, inList
	}
	return nil, elsewhere
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
