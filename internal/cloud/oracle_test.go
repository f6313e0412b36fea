package cloud

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// node is a JSON value as encoding/json reads it, with its members in order and
// those that come twice.
type node struct {
	kind    byte // { [ " 0 t n
	text    string
	keys    []string
	members []node // of an object, or elements of an array
}

func parse(body []byte) (node, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return parseValue(d)
}

func parseValue(d *json.Decoder) (node, error) {
	t, err := d.Token()
	if err != nil {
		return node{}, err
	}
	switch t := t.(type) {
	case string:
		return node{kind: '"', text: t}, nil
	case json.Number:
		return node{kind: '0', text: t.String()}, nil
	case bool:
		return node{kind: 't', text: strconv.FormatBool(t)}, nil
	case nil:
		return node{kind: 'n'}, nil
	}
	n := node{kind: byte(t.(json.Delim))}
	for d.More() {
		if n.kind == '{' {
			key, err := d.Token()
			if err != nil {
				return node{}, err
			}
			n.keys = append(n.keys, key.(string))
		}
		v, err := parseValue(d)
		if err != nil {
			return node{}, err
		}
		n.members = append(n.members, v)
	}
	_, err = d.Token()
	return n, err
}

// without gives n without the members that are not kept.
func (n node) without() node {
	out := node{kind: n.kind, text: n.text}
	for i, m := range n.members {
		if n.kind == '{' {
			switch plain(n.keys[i]) {
			case "imageurl", "sex", "sexstr":
				continue
			}
			out.keys = append(out.keys, n.keys[i])
		}
		out.members = append(out.members, m.without())
	}
	return out
}

// plain is a second way of writing foldKey.
func plain(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '_':
			return -1
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, key)
}

var errAmbiguous = errors.New("a fact twice")

// one gives the only member of that name, nil if there is none.
func (n node) one(name string) (*node, error) {
	var found *node
	for i, k := range n.keys {
		if plain(k) == name {
			if found != nil {
				return nil, errAmbiguous
			}
			found = &n.members[i]
		}
	}
	return found, nil
}

// expected is what the scanner has to find.
type expected struct {
	Scalars   map[string]string // of the envelope; absent where null, object or array
	Result    bool
	Listed    bool
	Total     string
	More      string
	Items     int
	IDs       []string
	Ambiguous bool
}

// oracle reads body with encoding/json alone; ok is whether it is an envelope.
func oracle(body []byte, listKey, itemKey string) (e expected, tree node, ok bool) {
	if !json.Valid(body) || !utf8.Valid(body) {
		return e, tree, false
	}
	tree, err := parse(body)
	if err != nil || tree.kind != '{' {
		return e, tree, false
	}
	root := tree.without()
	e.Scalars = map[string]string{}
	for _, name := range []string{"success", "code", "msg", "t", "tid"} {
		m, err := root.one(name)
		e.Ambiguous = e.Ambiguous || err != nil
		if m != nil && (m.kind == '"' || m.kind == '0' || m.kind == 't') {
			e.Scalars[name] = m.text
		}
	}
	result, err := root.one("result")
	e.Ambiguous = e.Ambiguous || err != nil
	if result == nil {
		return e, tree, true
	}
	e.Result = result.kind != 'n'
	lists := 0
	list := func(n node) {
		if n.kind == '[' {
			lists++
			e.list(n, itemKey)
		}
	}
	list(*result)
	outer, inner := [2]string{}, [2]string{}
	read := func(n node, into *[2]string) {
		for i, name := range []string{"total", "hasmore"} {
			m, err := n.one(name)
			e.Ambiguous = e.Ambiguous || err != nil
			if m != nil {
				into[i] = "there " + m.text
			}
		}
	}
	if result.kind == '{' {
		read(*result, &outer)
		for i, k := range result.keys {
			if plain(k) != listKey || plain(k) == "total" || plain(k) == "hasmore" {
				continue
			}
			m := result.members[i]
			list(m)
			if m.kind != '{' {
				continue
			}
			before := inner
			read(m, &inner)
			e.Ambiguous = e.Ambiguous || before[0] != "" && inner[0] != before[0] || before != [2]string{}
			for j, k := range m.keys {
				if plain(k) == "list" {
					list(m.members[j])
				}
			}
		}
	}
	e.Listed = lists > 0
	e.Ambiguous = e.Ambiguous || lists > 1
	if inner != [2]string{} {
		outer = inner
	}
	e.Total, e.More = strings.TrimPrefix(outer[0], "there "), strings.TrimPrefix(outer[1], "there ")
	return e, tree, true
}

func (e *expected) list(n node, itemKey string) {
	for _, item := range n.members {
		e.Items++
		id := ""
		if item.kind == '{' {
			m, err := item.one(itemKey)
			e.Ambiguous = e.Ambiguous || err != nil
			if m != nil && (m.kind == '"' || m.kind == '0') {
				id = m.text
			}
		}
		e.IDs = append(e.IDs, id)
	}
}
