package sandbox

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// kind is the type of a parameter as the documents' tables give it.
type kind int

const (
	text    kind = iota // String
	integer             // Integer, int
	long                // long
	texts               // String[]
)

// param is one line of a table of request parameters.
type param struct {
	name     string
	kind     kind
	required bool
	doc      string // the line in the documents
	in       string // "body" if empty, else "url"
	enum     []int64
}

// values are the parameters of a request after they were read: a text is a
// string, a number an int64, a list a []string.
type values map[string]any

func (v values) text(name string) string {
	s, _ := v[name].(string)
	return s
}

func (v values) number(name string) (int64, bool) {
	n, ok := v[name].(int64)
	return n, ok
}

func (v values) list(name string) []string {
	l, _ := v[name].([]string)
	return l
}

func (v values) has(name string) bool {
	_, ok := v[name]
	return ok
}

// readValues reads the parameters of op from a request. GET parameters are
// typed "body" in the documents' tables (A249, B32), which the gateway may or
// may not mean, so they are found in the body, in the query in camelCase and
// in the query in snake_case, unless mode says one of them.
func readValues(op *operation, r *http.Request, body []byte, mode string) (values, *apiError) {
	raw := map[string]any{}
	if len(bytes.TrimSpace(body)) > 0 && (r.Method != http.MethodGet || mode == "" || mode == "body") {
		if t := r.Header.Get("Content-Type"); t != "" && !strings.HasPrefix(t, "application/json") {
			return nil, fail(codeContentType, t)
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&raw); err != nil {
			return nil, fail(codeParamIllegal, "the body is no JSON object")
		}
	}
	if r.Method == http.MethodGet {
		queryValues(op, r, mode, raw)
	}
	v := values{}
	for _, p := range op.params {
		if p.in == "url" {
			v[p.name] = r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
			continue
		}
		if err := p.read(raw, v); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func queryValues(op *operation, r *http.Request, mode string, raw map[string]any) {
	q := r.URL.Query()
	for _, p := range op.params {
		for _, name := range []string{p.name, snake(p.name)} {
			camel := name == p.name
			if !q.Has(name) || mode == "body" || mode == "query" && !camel || mode == "snake-query" && camel && name != snake(name) {
				continue
			}
			if _, ok := raw[p.name]; !ok {
				raw[p.name] = q.Get(name)
			}
		}
	}
}

// read takes p out of raw into v, in the type of the documents' table.
// Numbers are taken from strings too, and a list from a single string, as the
// documents' samples write it (A131, A376).
func (p *param) read(raw map[string]any, v values) *apiError {
	x, ok := raw[p.name]
	if !ok && p.required {
		return fail(codeParamEmpty, p.name)
	}
	if !ok {
		return nil
	}
	if x == nil {
		if p.required {
			return fail(codeParamNull, p.name)
		}
		return nil
	}
	switch p.kind {
	case texts:
		return p.readTexts(x, v)
	case text:
		s, ok := scalar(x)
		if !ok {
			return fail(codeParamType, p.name)
		}
		if s == "" && p.required {
			return fail(codeParamEmpty, p.name)
		}
		if s != "" {
			v[p.name] = s
		}
	default:
		return p.readNumber(x, v)
	}
	return nil
}

func (p *param) readTexts(x any, v values) *apiError {
	if s, ok := x.(string); ok {
		x = []any{s}
	}
	items, ok := x.([]any)
	if !ok {
		return fail(codeParamType, p.name)
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := scalar(item)
		if !ok || s == "" {
			return fail(codeParamType, p.name)
		}
		out = append(out, s)
	}
	v[p.name] = out
	return nil
}

func (p *param) readNumber(x any, v values) *apiError {
	s, ok := scalar(x)
	if !ok {
		return fail(codeParamType, p.name)
	}
	if s == "" {
		if p.required {
			return fail(codeParamEmpty, p.name)
		}
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || p.kind == integer && (n > math.MaxInt32 || n < math.MinInt32) {
		return fail(codeParamType, p.name)
	}
	if p.enum != nil && !slices.Contains(p.enum, n) {
		return fail(codeParamIllegal, p.name)
	}
	v[p.name] = n
	return nil
}

// scalar returns a JSON string or number as text.
func scalar(x any) (string, bool) {
	switch x := x.(type) {
	case string:
		return x, true
	case json.Number:
		return x.String(), true
	}
	return "", false
}

// snake returns a camelCase name in snake_case.
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// paging is the page asked for.
type paging struct{ page, size int }

// pagingOf reads page and pageSize. Neither document says where pages start,
// how many rows a page has when pageSize is not given (A60-61) nor the most
// it may have; pages start at 1 here, as everywhere in this cloud, with 20
// rows.
func pagingOf(v values, limit int) (paging, *apiError) {
	p := paging{page: 1, size: 20}
	if n, ok := v.number("page"); ok {
		if n < 1 {
			return p, fail(codeParamIllegal, "page")
		}
		p.page = int(n)
	}
	if n, ok := v.number("pageSize"); ok {
		if n < 1 || n > int64(limit) {
			return p, fail(codeParamRange, "pageSize")
		}
		p.size = int(n)
	}
	return p, nil
}
