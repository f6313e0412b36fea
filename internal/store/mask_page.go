package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
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
	hashed               // the hash of a line
)

// pageField is a member of a page.
type pageField struct {
	fate    fate
	becomes map[string]string    // of lookedUp
	members map[string]pageField // of within, by their names
}

// fields are the members of a landed line. Names are there as the API writes them, and
// without case and underscores for every other spelling.
func (m *PageMasker) fields(f EvidenceFile) map[string]pageField {
	// What stands beside a list, and where rows are, has names that no column has:
	// so the members of result and those of a row are one table.
	items := map[string]pageField{}
	for _, c := range m.columns[f.Resource] {
		field := m.field(c, f.Project)
		items[c.name], items[camel(c.name)], items[plainName(c.name)] = field, field, field
	}
	add := func(to map[string]pageField, field pageField, names string) {
		for name := range strings.FieldsSeq(names) {
			to[name], to[camel(name)], to[plainName(name)] = field, field, field
		}
	}
	add(items, pageField{fate: kept}, "project_id")
	add(items, pageField{fate: counted}, "total total_num success_num has_more")
	blocks := "list record_list_vo_list channel_list_vo_list"
	for _, c := range credentials {
		blocks += " " + c + "_issue_result"
	}
	add(items, pageField{fate: within, members: items}, blocks)
	response := map[string]pageField{}
	add(response, pageField{fate: within, members: items}, "result")
	add(response, pageField{fate: counted}, "success code t")
	add(response, pageField{fate: kept}, "tid")
	line := map[string]pageField{}
	add(line, pageField{fate: counted}, "line walk page http_status ms attempt")
	add(line, pageField{fate: asked}, "key")
	add(line, pageField{fate: hashed}, "body_sha256")
	add(line, pageField{fate: within, members: response}, "response")
	return line
}

// field is what becomes of a column, as [masker.value] says it of tables.
func (m *PageMasker) field(c pageColumn, project string) pageField {
	up := func(becomes map[string]string) pageField { return pageField{fate: lookedUp, becomes: becomes} }
	switch t := c.treatment; {
	case m.m.keeps(t) && strings.HasPrefix(c.kind, "VARCHAR"):
		return pageField{fate: kept}
	case m.m.keeps(t):
		return pageField{fate: counted}
	case t == asPerson:
		return up(m.persons[project])
	case t == asPerhaps:
		return up(m.perhaps[project])
	case t == asName:
		return up(m.m.names)
	case t == asMobile:
		return up(m.m.mobiles)
	case t == asCode:
		return up(m.m.codes)
	case t == asPlace:
		return up(m.m.places)
	case t == asGroup || t == asGroups:
		return up(m.m.groups)
	}
	return pageField{fate: hidden}
}

// plainName is a name without case and underscores: those of the API differ in them.
func plainName(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

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
	m        *PageMasker
	resource string
	out      []byte

	text    []byte // the line
	rows    int64  // of the longest list of objects
	hash    [2]int // where the hash stands in out
	scratch []byte
}

// deepest is how deep what is understood may be nested. No answer is a third of it.
const deepest = 16

var errNoJSON = errors.New("a line is not JSON")

// page masks a landed line.
func (w *pageWriter) page(line []byte, fields map[string]pageField) error {
	w.text, w.rows, w.hash = line, 1, [2]int{}
	if len(line) == 0 || line[0] != '{' {
		return errNoJSON
	}
	end, err := w.object(0, fields, 0)
	if err != nil || end != len(line) {
		return errors.Join(err, errNoJSON)
	}
	if from, to := w.hash[0], w.hash[1]; from < to && w.rows < fewestRows {
		w.out = slices.Replace(w.out, from, to, []byte(`"masked"`)...)
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
		w.hash = [2]int{len(w.out), len(w.out) + len(quoted)}
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
	case string(raw) == "null", field.fate == kept, field.fate == counted:
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
