package cloud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
)

// Response is the answer to an operation that succeeded.
type Response struct {
	Operation  string
	Body       []byte // as received
	TID        string // the cloud's id of the request, "" when absent
	T          int64  // the cloud's time in ms, 0 when absent or not in 2000 to 2100
	HTTPStatus int
	Attempt    int // 1 if the first try succeeded
	Took       time.Duration

	facts *facts
	date  int64 // of the HTTP header, ms
}

// Parse reads body as the answer to an operation, as one that is kept: it may lack
// the members that [Response.AppendKept] drops. HTTPStatus, Attempt and Took are
// not in it and stay zero. The error says what is wrong with body as an answer.
func Parse(op string, body []byte) (*Response, error) {
	o, ok := Lookup(op)
	if !ok {
		return nil, fmt.Errorf("%w: no operation %q", ErrParams, cut(op))
	}
	r := &Response{Operation: op, Body: body}
	if e := r.read(o); e != nil {
		e.Endpoint = op
		return nil, e
	}
	return r, nil
}

// Release gives Body back to be written again by later answers. The caller has no
// more use for r and for what it was given as parts of Body; IDs are its own.
func (r *Response) Release() {
	body := r.Body
	released.Put(&body)
	r.Body, r.facts = nil, nil
}

// Result gives the member result as received, nil if it is absent or null: that
// is not the same as an empty one. It is a part of Body.
func (r *Response) Result() json.RawMessage {
	if !r.facts.hasResult(r.Body) {
		return nil
	}
	return json.RawMessage(r.Body[r.facts.result.from:r.facts.result.to])
}

// AppendKept appends Body to dst without the members imageUrl, sex and sexStr, at
// any depth and in any key case, and with a space for each line break, so that it
// fits on one line. An escape such as \ud800 that is half of a pair, and so no
// character, becomes \ufffd: it would make the page unreadable for the loader.
func (r *Response) AppendKept(dst []byte) (kept []byte, verbatim bool) {
	f := r.facts
	start, from := len(dst), 0
	for _, c := range f.cuts {
		dst = append(dst, r.Body[from:c.from]...)
		from = c.to
	}
	dst = append(dst, r.Body[from:]...)
	if f.newline {
		// A line break within a string would not be JSON.
		for i, c := range dst[start:] {
			if c == '\n' || c == '\r' {
				dst[start+i] = ' '
			}
		}
	}
	mended := mendSurrogates(dst[start:])
	return dst, len(f.cuts) == 0 && !f.newline && !mended
}

// mendSurrogates replaces each escaped half of a surrogate pair that stands
// alone, and says whether there was one.
func mendSurrogates(text []byte) (mended bool) {
	for i := 0; ; {
		at := bytes.IndexByte(text[i:], '\\')
		if at < 0 || i+at+6 > len(text) {
			return mended
		}
		i += at
		switch unit := escapedUnit(text[i:]); {
		case unit < 0:
			i += 2 // another escape, which may be that of a backslash
		case utf16.IsSurrogate(unit) && utf16.DecodeRune(unit, escapedUnit(text[i+6:])) == unicode.ReplacementChar:
			copy(text[i:], `\ufffd`)
			mended = true
			i += 6
		case utf16.IsSurrogate(unit):
			i += 12
		default:
			i += 6
		}
	}
}

// escapedUnit is the UTF-16 unit of an escape \uXXXX at the start of text, -1 if
// there is none.
func escapedUnit(text []byte) rune {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// IDs gives the id of each item in order, "" where it has none; see [Page] for an
// operation with pages.
func (r *Response) IDs() []string { return r.facts.texts(r.Body) }

// Page is one page of a list.
type Page struct {
	*Response
	Number  int      // from 1
	Total   *int64   // items on all pages as the cloud counts them; nil when absent
	HasMore *bool    // nil when absent, as it is in every real sample
	Items   int      // items on this page
	IDs     []string // id of each item in order, "" where it has none
}

func newPage(r *Response, number int) *Page {
	c := r.facts.outer
	if r.facts.inner != (counts{}) {
		c = r.facts.inner
	}
	p := &Page{Response: r, Number: number, Items: r.facts.items, IDs: r.IDs()}
	if n, ok := integer(r.Body, c.total); ok && n >= 0 {
		p.Total = &n
	}
	if more, ok := boolean(r.Body, c.more); ok {
		p.HasMore = &more
	}
	return p
}

// texts gives the ids as strings that share one copy.
func (f *facts) texts(body []byte) []string {
	size := 0
	for _, id := range f.ids {
		size += id.to - id.from
	}
	var all strings.Builder
	all.Grow(size)
	for _, id := range f.ids {
		all.Write(body[id.from:id.to])
	}
	out := make([]string, len(f.ids))
	rest := all.String()
	for i, id := range f.ids {
		n := id.to - id.from
		out[i], rest = rest[:n], rest[n:]
		if id.escaped {
			out[i] = unescape([]byte(out[i]), true)
		}
	}
	return out
}

func (f *facts) hasResult(body []byte) bool {
	return f.result != span{} && body[f.result.from] != 'n'
}

// scalar gives a string, number or boolean as text; "" for null, for anything
// else and for what is absent.
func scalar(body []byte, at span) string {
	v := body[at.from:at.to]
	if len(v) == 0 || v[0] == 'n' || v[0] == '{' || v[0] == '[' {
		return ""
	}
	if v[0] == '"' {
		return unescape(v[1:len(v)-1], bytes.IndexByte(v, '\\') >= 0)
	}
	return string(v)
}

// integer reads a number that may come as a string.
func integer(body []byte, at span) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(scalar(body, at)), 10, 64)
	return n, err == nil
}

// boolean reads true or false that may come as a string.
func boolean(body []byte, at span) (value, ok bool) {
	switch strings.ToLower(strings.TrimSpace(scalar(body, at))) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return false, false
}

// unescape gives the text of a string, given without its quotes.
func unescape(quoted []byte, escaped bool) string {
	if !escaped {
		return string(quoted)
	}
	var s string
	// The scanner has seen that it is a string.
	_ = json.Unmarshal([]byte(`"`+string(quoted)+`"`), &s)
	return s
}
