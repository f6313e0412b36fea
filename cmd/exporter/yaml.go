package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"exporter/internal/reports"
)

// configError is a fault in reports.yaml at a place in it.
type configError struct {
	path         string
	line, column int // 0 where the file says nothing of what is missing
	excerpt      string
	msg          string
	hint         string
}

func (e *configError) Error() string {
	switch {
	case e.line == 0:
		return fmt.Sprintf("%s: %s", e.path, e.msg)
	case e.excerpt == "":
		return fmt.Sprintf("%s:%d:%d: %s", e.path, e.line, e.column, e.msg)
	}
	return fmt.Sprintf("%s:%d:%d: %s\n%6d | %s", e.path, e.line, e.column, e.msg, e.line, e.excerpt)
}

func (e *configError) Hint() string { return e.hint }

// source is the text of reports.yaml, for errors that show it.
type source struct {
	path string
	text []byte
}

// fault is an error at tk, which may be nil.
func (s source) fault(tk *token.Token, msg string) *configError {
	e := &configError{path: s.path, msg: msg}
	if tk != nil {
		e.line, e.column, e.excerpt = tk.Position.Line, max(1, tk.Position.Column), s.excerpt(tk)
	}
	return e
}

// places are the tokens at which the nodes of a file begin, by YAML path; for
// the value of a key that is the key.
type places map[string]*token.Token

func (p places) Visit(n ast.Node) ast.Visitor {
	tk := n.GetToken()
	if tk != nil && tk.Type == token.MappingValueType && tk.Prev != nil {
		tk = tk.Prev
	}
	if path := n.GetPath(); path != "$" && p[path] == nil {
		p[path] = tk
	}
	return p
}

// find is the place of a key such as reports[0].name, or of the nearest key
// above it that the file has; nil where it has none.
func (p places) find(key string) *token.Token {
	for path := "$." + key; path != "$"; path = path[:strings.LastIndexAny(path, ".[")] {
		if tk := p[path]; tk != nil {
			return tk
		}
	}
	return nil
}

// expander replaces ${NAME}, ${file:PATH} and $$ in the string values that
// ast.Walk shows it.
type expander struct {
	src    source
	dir    string
	faults []*configError
	paths  []string // where they are
	// skipCloud passes over the cloud's section.
	skipCloud bool
	// noPassword is why mail.password has no value, for those who need it.
	noPassword error
}

func (x *expander) Visit(n ast.Node) ast.Visitor {
	if m, ok := n.(*ast.MappingValueNode); ok {
		ast.Walk(x, m.Value) // keys stay as they are
		return nil
	}
	s, ok := n.(*ast.StringNode)
	if x.skipCloud && strings.HasPrefix(n.GetPath(), "$.cloud.") {
		return nil
	}
	if !ok || !strings.Contains(s.Value, "$") {
		return x
	}
	v, err := x.expand(s.Value)
	if err != nil && n.GetPath() == "$.mail.password" {
		x.noPassword = x.src.fault(s.Token, "mail.password: "+err.Error())
		return x
	}
	if err != nil {
		x.faults, x.paths = append(x.faults, x.src.fault(s.Token, err.Error())), append(x.paths, n.GetPath())
		return x
	}
	s.Value = v
	return x
}

func (x *expander) expand(s string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if after, ok := strings.CutPrefix(rest, "$"); ok {
			b.WriteByte('$')
			s = after
			continue
		}
		inner, ok := strings.CutPrefix(rest, "{")
		name, after, closed := strings.Cut(inner, "}")
		if !ok || !closed {
			return "", fmt.Errorf("a lone $: write $$ for a dollar, or ${NAME}")
		}
		v, err := x.lookup(name)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		s = after
	}
}

func (x *expander) lookup(name string) (string, error) {
	path, ok := strings.CutPrefix(name, "file:")
	if !ok {
		v := os.Getenv(name)
		if v == "" {
			return "", fmt.Errorf("environment variable %s is unset or empty", name)
		}
		return v, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(x.dir, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
}

// yamlError turns an error of the YAML library into one with its place.
func (s source) yamlError(err error) error {
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	return s.misread(y)
}

// misread is a fault of what the YAML library cannot read.
func (s source) misread(y yaml.Error) *configError {
	tk := y.GetToken()
	e := s.fault(tk, y.GetMessage())
	want := ""
	switch y := y.(type) {
	case *yaml.TypeError:
		want = kindName(y.DstType)
	case *yaml.UnexpectedNodeTypeError:
		want = map[ast.NodeType]string{ast.SequenceType: "a list", ast.MappingType: "a mapping"}[y.Expected]
	}
	if want != "" {
		e.msg = keyOf(tk) + ": wrong type, want " + want
	}
	return e
}

// unknownKey is an error at a key that a mapping of type t does not have, with the
// nearest that it has.
func (s source) unknownKey(tk *token.Token, t reflect.Type) *configError {
	e := s.fault(tk, fmt.Sprintf("unknown key %q", tk.Value))
	// The key may be a misspelt secret's: its value is not shown.
	if at := strings.Index(e.excerpt, tk.Value); at >= 0 {
		e.excerpt = e.excerpt[:at+len(tk.Value)] + ": …"
	}
	known := yamlKeys(t)
	if near := reports.Nearest(tk.Value, known); near != "" {
		e.hint = fmt.Sprintf("did you mean %q?", near)
	} else {
		e.hint = fmt.Sprintf("in place of %q there may be %s", tk.Value, strings.Join(known, ", "))
	}
	return e
}

// unknownKeys are the keys of a configuration that nothing reads. They are taken
// out of body.
func (s source) unknownKeys(body ast.Node) []*configError {
	var faults []*configError
	var walk func(n ast.Node, t reflect.Type)
	// unknown tells of a key that t does not have, else walks its value.
	unknown := func(n *ast.MappingValueNode, t reflect.Type) bool {
		key := n.Key.GetToken()
		switch field, known := yamlField(t, key.Value); {
		case t.Kind() == reflect.Map:
			walk(n.Value, t.Elem())
		case n.Key.IsMergeKey():
			merged := []ast.Node{n.Value}
			if several, ok := n.Value.(*ast.SequenceNode); ok {
				merged = several.Values
			}
			for _, m := range merged {
				walk(m, t) // an alias's keys are walked where its anchor is
			}
		case t.Kind() != reflect.Struct:
		case known:
			walk(n.Value, field)
		default:
			faults = append(faults, s.unknownKey(key, t))
			return true
		}
		return false
	}
	walk = func(n ast.Node, t reflect.Type) {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		switch n := n.(type) {
		case *ast.AnchorNode:
			walk(n.Value, t)
		case *ast.SequenceNode:
			for _, item := range n.Values {
				if t.Kind() == reflect.Slice {
					walk(item, t.Elem())
				}
			}
		case *ast.MappingNode:
			n.Values = slices.DeleteFunc(n.Values, func(item *ast.MappingValueNode) bool { return unknown(item, t) })
		}
	}
	walk(body, reflect.TypeFor[config]())
	return faults
}

// yamlField is the type of what a struct reads under a key.
func yamlField(t reflect.Type, key string) (reflect.Type, bool) {
	if t.Kind() != reflect.Struct {
		return nil, false
	}
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if options == "inline" {
			if inner, ok := yamlField(f.Type, key); ok {
				return inner, true
			}
		} else if name == key && key != "" {
			return f.Type, true
		}
	}
	return nil, false
}

// keyOf is the key that tk is or whose value it is in; "value" where there is
// none.
func keyOf(tk *token.Token) string {
	if tk.Next != nil && tk.Next.Type == token.MappingValueType {
		return tk.Value
	}
	for t := tk.Prev; t != nil; t = t.Prev {
		if t.Type == token.MappingValueType && t.Prev != nil {
			return t.Prev.Value
		}
	}
	return "value"
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping"
	default:
		return "text"
	}
}

// A key that ends in one of these words holds a secret; secretKey finds it
// wherever in a line it stands.
var (
	secretName = regexp.MustCompile(`(?i)(secret|password)$`)
	secretKey  = regexp.MustCompile(`(?i)(secret|password)["']?\s*:`)
	// secretURL is a password where none belongs.
	secretURL = regexp.MustCompile(`(://[^\s/@]*:)[^\s/]*@`)
)

// excerpt is the line at which tk begins, up to the first secret in it.
func (s source) excerpt(tk *token.Token) string {
	lines := bytes.Split(s.text, []byte("\n"))
	if tk.Position.Line < 1 || tk.Position.Line > len(lines) {
		return ""
	}
	// What begins the line may belong to a key above it, or follow the end of
	// such a value.
	first := tk
	for first.Prev != nil && first.Prev.Position.Line == tk.Position.Line {
		first = first.Prev
	}
	for first.Type == token.SequenceEntryType && first != tk {
		first = first.Next
	}
	if key := keyOf(first); key != first.Value && secretName.MatchString(key) {
		return "[secret]"
	}
	line := strings.TrimRight(string(lines[tk.Position.Line-1]), "\r ")
	if at := secretKey.FindStringIndex(line); at != nil {
		line = line[:at[1]] + " [secret]"
	}
	return secretURL.ReplaceAllString(line, "$1[secret]@")
}

// yamlKeys are the keys that a struct reads.
func yamlKeys(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case options == "inline":
			keys = append(keys, yamlKeys(f.Type)...)
		case name != "" && name != "-":
			keys = append(keys, name)
		}
	}
	return keys
}
