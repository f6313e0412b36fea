package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// configError is a fault in reports.yaml at a place in it.
type configError struct {
	path    string
	line    int
	excerpt string
	msg     string
	hint    string
}

func (e *configError) Error() string {
	s := fmt.Sprintf("%s:%d: %s", e.path, e.line, e.msg)
	if e.excerpt != "" {
		s += fmt.Sprintf("\n%6d | %s", e.line, e.excerpt)
	}
	return s
}

func (e *configError) Hint() string { return e.hint }

// expander replaces ${NAME}, ${file:PATH} and $$ in the string values that
// ast.Walk shows it.
type expander struct {
	path string
	src  []byte
	dir  string
	errs []error
	// skipCloud passes over the cloud's section.
	skipCloud bool
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
	if err != nil {
		line := s.Token.Position.Line
		x.errs = append(x.errs, &configError{path: x.path, line: line, excerpt: excerpt(x.src, line), msg: err.Error()})
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

// yamlError turns an error of the YAML library into one with line, excerpt and
// the nearest known key.
func yamlError(path string, src []byte, err error) error {
	var y yaml.Error
	if !errors.As(err, &y) || y.GetToken() == nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	tk := y.GetToken()
	e := &configError{path: path, line: tk.Position.Line, excerpt: excerpt(src, tk.Position.Line), msg: y.GetMessage()}
	var unknown *yaml.UnknownFieldError
	if errors.As(err, &unknown) {
		e.msg = fmt.Sprintf("unknown key %q", tk.Value)
		// The key may be a misspelt secret's: its value is not shown.
		if at := strings.Index(e.excerpt, tk.Value); at >= 0 {
			e.excerpt = e.excerpt[:at+len(tk.Value)] + ": …"
		}
		if near := nearest(tk.Value, yamlKeys(reflect.TypeFor[config]())); near != "" {
			e.hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
	var typed *yaml.TypeError
	if errors.As(err, &typed) {
		e.msg = fmt.Sprintf("%s: wrong type, want %s", keyOf(tk), kindName(typed.DstType))
	}
	return e
}

// keyOf names the key whose value tk is.
func keyOf(tk *token.Token) string {
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

// secretKey is a key that holds a secret, wherever in a line it stands.
var secretKey = regexp.MustCompile(`(?i)(secret|password)["']?\s*:`)

// excerpt is the line of src, up to the first secret in it.
func excerpt(src []byte, line int) string {
	lines := bytes.Split(src, []byte("\n"))
	if line < 1 || line > len(lines) {
		return ""
	}
	s := strings.TrimRight(string(lines[line-1]), "\r ")
	// A value may stand below its key.
	for above := line - 1; above > 0 && !strings.Contains(s, ":"); above-- {
		if text := string(lines[above-1]); strings.Contains(text, ":") {
			if secretKey.MatchString(text) {
				return "[secret]"
			}
			break
		}
	}
	if at := secretKey.FindStringIndex(s); at != nil {
		return s[:at[1]] + " [secret]"
	}
	return s
}

// yamlKeys are the keys that t and what it holds know.
func yamlKeys(t reflect.Type) []string {
	var keys []string
	seen := map[reflect.Type]bool{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		for f := range t.Fields() {
			if name, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); name != "" && name != "-" {
				keys = append(keys, name)
			}
			add(f.Type)
		}
	}
	add(t)
	return keys
}

// nearest is the word of words that is at most a third of its letters away
// from word, or "".
func nearest(word string, words []string) string {
	best, bestDistance := "", len(word)/3+1
	for _, w := range words {
		if d := distance(word, w); d < bestDistance || d == bestDistance && best == "" {
			best, bestDistance = w, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			prev, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, prev+cost)
		}
	}
	return row[len(b)]
}
