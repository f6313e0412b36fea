package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// fate is what becomes of a member of a page.
type fate int

const (
	hidden   fate = iota // no more than that there is something
	kept                 // a text, a number or a list of these: as it is
	counted              // a number, which may be a text: as it is
	lookedUp             // a text or a list of these: what has become of it, hidden where that is not known
	within               // an object or a list of these: what becomes of its members
	asked                // the key of a line
	hashed               // a hash of a line
	named                // the resource of a line
	sized                // the rows of a line
)

// pageField is a member of a page.
type pageField struct {
	fate    fate
	becomes map[string]string    // of lookedUp
	members map[string]pageField // of within, by their names
}

// become is what has become of a text; what is not known is hidden.
func become(text string, becomes map[string]string) string {
	if s, ok := becomes[text]; ok {
		return s
	}
	if strings.TrimSpace(text) == "" {
		return text
	}
	return "masked"
}

// pageWriter masks lines, one after another. It writes nothing of a line but what it
// has understood.
type pageWriter struct {
	m    *PageMasker
	file string // its resource
	out  []byte

	text     []byte // the line
	resource string
	rows     int64    // as it says, or of its longest list of objects
	hashes   [][2]int // where they stand in out, without their quotes
	scratch  []byte
}

// deepest is how deep what is understood may be nested. No answer is a third of it.
const deepest = 16

var errNoJSON = errors.New("a line is not JSON")

// line masks a line.
func (w *pageWriter) line(line []byte, fields map[string]pageField) error {
	w.text, w.resource, w.rows, w.hashes = line, w.file, 0, w.hashes[:0]
	if len(line) == 0 || line[0] != '{' {
		return errNoJSON
	}
	end, err := w.object(0, fields, 0)
	if err != nil || end != len(line) {
		return errors.Join(err, errNoJSON)
	}
	for _, at := range slices.Backward(w.hashes) {
		sum := w.m.Hash(string(w.out[at[0]:at[1]]), w.rows)
		w.out = slices.Replace(w.out, at[0], at[1], []byte(sum)...)
	}
	return nil
}

// skip is where the next sign that is no blank stands.
func (w *pageWriter) skip(i int) int {
	for i < len(w.text) && (w.text[i] == ' ' || w.text[i] == '\t' || w.text[i] == '\r') {
		i++
	}
	return i
}

// at is the sign at i, 0 after the end.
func (w *pageWriter) at(i int) byte {
	if i < len(w.text) {
		return w.text[i]
	}
	return 0
}

// object masks the object at i and returns where it ends.
func (w *pageWriter) object(i int, members map[string]pageField, depth int) (int, error) {
	w.out = append(w.out, '{')
	i = w.skip(i + 1)
	if w.at(i) == '}' {
		w.out = append(w.out, '}')
		return i + 1, nil
	}
	for {
		end := w.stringEnd(i)
		if end < 0 {
			return 0, errNoJSON
		}
		field, err := w.name(w.text[i+1:end-1], members)
		if err != nil {
			return 0, err
		}
		if i = w.skip(end); w.at(i) != ':' {
			return 0, errNoJSON
		}
		w.out = append(w.out, ':')
		if i, err = w.value(w.skip(i+1), field, depth); err != nil {
			return 0, err
		}
		i = w.skip(i)
		c := w.at(i)
		if c != ',' && c != '}' {
			return 0, errNoJSON
		}
		w.out = append(w.out, c)
		if c == '}' {
			return i + 1, nil
		}
		i = w.skip(i + 1)
	}
}

// name writes the name of a member and finds what becomes of that.
func (w *pageWriter) name(raw []byte, members map[string]pageField) (pageField, error) {
	field, ok := members[string(raw)]
	if !ok {
		name, err := unquote(raw)
		if err != nil {
			return pageField{}, err
		}
		if field, ok = members[plainName(name)]; !ok && !identifier(name) {
			raw = []byte("masked")
		}
	}
	w.out = append(append(append(w.out, '"'), raw...), '"')
	return field, nil
}

// identifier tells whether a name can be that of a member, and not a value.
func identifier(name string) bool {
	for i, r := range name {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// array masks the list at i and returns where it ends. Objects are put into the order
// of what they have become.
func (w *pageWriter) array(i int, field pageField, depth int) (int, error) {
	w.out = append(w.out, '[')
	i = w.skip(i + 1)
	if w.at(i) == ']' {
		w.out = append(w.out, ']')
		return i + 1, nil
	}
	var items [][2]int // where they stand in out
	objects := field.fate == within
	for {
		objects = objects && w.at(i) == '{'
		from := len(w.out)
		var err error
		if i, err = w.value(i, field, depth); err != nil {
			return 0, err
		}
		if objects {
			items = append(items, [2]int{from, len(w.out)})
		}
		i = w.skip(i)
		c := w.at(i)
		if c != ',' && c != ']' {
			return 0, errNoJSON
		}
		w.out = append(w.out, c)
		if i = w.skip(i + 1); c == ']' {
			break
		}
	}
	if objects {
		w.rows = max(w.rows, int64(len(items)))
		w.sort(items)
	}
	return i, nil
}

// sort puts items of out, which stand beside each other, into the order of their bytes.
func (w *pageWriter) sort(items [][2]int) {
	start, end := items[0][0], items[len(items)-1][1]
	w.scratch = append(w.scratch[:0], w.out[start:end]...)
	text := func(x [2]int) []byte { return w.scratch[x[0]-start : x[1]-start] }
	slices.SortFunc(items, func(a, b [2]int) int { return bytes.Compare(text(a), text(b)) })
	at := w.out[:start]
	for i, x := range items {
		if i > 0 {
			at = append(at, ',')
		}
		at = append(at, text(x)...)
	}
}

// value masks the value at i and returns where it ends.
func (w *pageWriter) value(i int, field pageField, depth int) (int, error) {
	switch c := w.at(i); {
	case c == '{' && field.fate == within && depth < deepest:
		return w.object(i, field.members, depth+1)
	case c == '[' && slices.Contains([]fate{within, kept, lookedUp}, field.fate) && depth < deepest:
		return w.array(i, field, depth+1)
	case c == '{' || c == '[':
		w.out = append(w.out, `"masked"`...)
		return i + valueLength(w.text[i:]), nil
	case c == '"':
		end := w.stringEnd(i)
		if end < 0 {
			return 0, errNoJSON
		}
		return end, w.string(w.text[i:end], field)
	}
	end := i
	for end < len(w.text) && bytes.IndexByte([]byte(",]} \t\r"), w.text[end]) < 0 {
		end++
	}
	return end, w.literal(w.text[i:end], field)
}

// stringEnd is where the string at i ends, -1 where there is none.
func (w *pageWriter) stringEnd(i int) int {
	if w.at(i) != '"' {
		return -1
	}
	for i++; i < len(w.text); i++ {
		switch w.text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// string masks a text, which has its quotes.
func (w *pageWriter) string(quoted []byte, field pageField) error {
	raw := quoted[1 : len(quoted)-1]
	switch {
	case field.fate == kept, field.fate == counted && number(raw), len(raw) == 0:
		w.out = append(w.out, quoted...)
		return nil
	case field.fate == hashed:
		w.hashes = append(w.hashes, [2]int{len(w.out) + 1, len(w.out) + 1 + len(raw)})
		w.out = append(w.out, quoted...)
		return nil
	case field.fate == named:
		w.resource = string(raw)
		w.out = append(w.out, quoted...)
		return nil
	}
	if becomes, ok := field.becomes[string(raw)]; ok {
		return w.quoted(becomes)
	}
	text, err := unquote(raw)
	if err != nil {
		return err
	}
	if field.fate == asked {
		return w.quoted(w.m.key(w.resource, text))
	}
	return w.quoted(become(text, field.becomes))
}

// literal masks a number, true, false or null. A number may be kept for a text.
func (w *pageWriter) literal(raw []byte, field pageField) error {
	word := slices.Contains([]string{"true", "false", "null"}, string(raw))
	switch {
	case !word && !number(raw):
		return errNoJSON
	case string(raw) == "null", field.fate == kept, field.fate == counted, field.fate == sized:
		if field.fate == sized {
			w.rows, _ = strconv.ParseInt(string(raw), 10, 64) // what is no number is none
		}
		w.out = append(w.out, raw...)
		return nil
	}
	return w.quoted(become(string(raw), field.becomes))
}

// number tells whether a text is made of the signs of a number.
func number(raw []byte) bool {
	for _, c := range raw {
		if (c < '0' || c > '9') && bytes.IndexByte([]byte("+-.eE"), c) < 0 {
			return false
		}
	}
	return len(raw) > 0
}

// unquote is the text of a string without its quotes.
func unquote(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw), nil
	}
	var s string
	err := json.Unmarshal(slices.Concat([]byte{'"'}, raw, []byte{'"'}), &s)
	return s, err
}

// quoted writes a text as a string.
func (w *pageWriter) quoted(s string) error {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == '\uFFFD' }) < 0 {
		w.out = append(append(append(w.out, '"'), s...), '"')
		return nil
	}
	text, err := json.Marshal(s)
	w.out = append(w.out, text...)
	return err
}
