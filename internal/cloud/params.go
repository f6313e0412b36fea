package cloud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultPageSize = 50
	// maxPageSize bounds memory. The API documents no limit; a neighbour's is 200.
	maxPageSize = 1000
)

// prepare gives the parameters as they are sent: under the API's names, of the
// API's types (text that holds a number will do for a number, text with commas
// for a list), with page and pageSize where the operation takes them. It refuses
// what the API has no parameter for, what lacks a required one, a page below 1,
// and an edit or deletion of rules that names no rule.
func (o Operation) prepare(given map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(given)+2)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		p := o.param(name)
		if p == nil {
			return nil, o.refuse("no parameter %q (there are %s)", name, strings.Join(o.names(), ", "))
		}
		v, ok := p.convert(given[name])
		if !ok {
			return nil, o.refuse("parameter %s is not of type %s", p.Name, p.Type)
		}
		if _, twice := out[p.Name]; twice {
			return nil, o.refuse("parameter %s is there twice", p.Name)
		}
		out[p.Name] = v
	}
	for _, p := range o.Params {
		v, there := out[p.Name]
		if p.Required && (!there || empty(v) && !p.emptyList) {
			return nil, o.refuse("parameter %s is required (%s)", p.Name, p.Doc)
		}
		if p.InURL && strings.ContainsFunc(v.(string), notInID) {
			// Another path would be another operation.
			return nil, o.refuse("parameter %s is not an id", p.Name)
		}
	}
	if o.Name == "edit-by-channels" || o.Name == "delete-by-channels" {
		if ids, _ := out["authRelationIds"].([]string); len(ids) == 0 {
			return nil, fmt.Errorf("%s: %w", o.Name, ErrNoRelationIDs)
		}
	}
	if o.Paged() {
		for name, standard := range map[string]int64{"page": 1, "pageSize": defaultPageSize} {
			if n, there := out[name].(int64); !there {
				out[name] = standard
			} else if n < 1 {
				return nil, o.refuse("parameter %s is %d, and counts from 1", name, n)
			}
		}
	}
	return out, nil
}

func (o Operation) refuse(format string, args ...any) error {
	return fmt.Errorf("%s: %w: %s", o.Name, ErrParams, fmt.Sprintf(format, args...))
}

func notInID(r rune) bool {
	return (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') && r != '-' && r != '_'
}

func (o Operation) names() []string {
	var names []string
	for _, p := range o.Params {
		names = append(names, p.Name)
	}
	return names
}

func empty(v any) bool {
	list, isList := v.([]string)
	return v == "" || isList && len(list) == 0
}

// convert gives v as a string, int64 or []string, whichever p takes. A list
// holds no empty text.
func (p *Param) convert(v any) (any, bool) {
	switch p.Type {
	case typeStrings:
		return stringList(v)
	case typeString:
		switch v := v.(type) {
		case string:
			return v, true
		case int, int64:
			return fmt.Sprint(v), true
		}
	default:
		switch v := v.(type) {
		case int:
			return int64(v), true
		case int64:
			return v, true
		case string:
			n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n, err == nil
		}
	}
	return nil, false
}

func stringList(v any) (any, bool) {
	list := []string{}
	switch v := v.(type) {
	case []string:
		list = append(list, v...)
	case string:
		for s := range strings.SplitSeq(v, ",") {
			if s = strings.TrimSpace(s); s != "" {
				list = append(list, s)
			}
		}
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, false
			}
			list = append(list, s)
		}
	default:
		return nil, false
	}
	return list, !slices.Contains(list, "")
}

// form is how parameters travel.
type form uint8

const (
	formBody form = iota
	formQuery
)

func (f form) other() form { return 1 - f }

// message is a request but for its signature.
type message struct {
	method, signed, sent string // signed and sent are the url, see target
	body                 []byte // nil for none
}

// message gives what is sent for params, which are as prepare gives them.
func (o Operation) message(params map[string]any, f form) (message, error) {
	m := message{method: o.Method}
	path := o.Path
	rest := make(map[string]any, len(params))
	for k, v := range params {
		if p := o.param(k); p != nil && p.InURL {
			path = strings.ReplaceAll(path, "{"+k+"}", v.(string))
			continue
		}
		rest[k] = v
	}
	query := map[string]string{}
	if f == formQuery {
		for k, v := range rest {
			query[k] = queryText(v)
		}
	} else if len(rest) > 0 {
		body, err := marshal(rest)
		if err != nil {
			return m, err
		}
		m.body = body
	}
	m.signed, m.sent = target(path, query)
	return m, nil
}

func queryText(v any) string {
	if list, ok := v.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(v)
}

// marshal gives JSON with <, > and & as they are.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
