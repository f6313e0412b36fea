package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decode reads body into cfg, but for the values that have another type than
// their key wants: these are faults, and the paths are where they stood.
func (s source) decode(body ast.Node, cfg *config) (faults []*configError, paths []string, err error) {
	faults, paths = s.durations(body)
	for {
		read := *cfg
		err := yaml.NodeToValue(body, &read)
		if err == nil {
			*cfg = read
			return faults, paths, nil
		}
		var y yaml.Error
		if !errors.As(err, &y) || y.GetToken() == nil {
			return faults, paths, s.yamlError(err)
		}
		h := holder{token: y.GetToken()}
		ast.Walk(&h, body)
		if h.clear == nil {
			return faults, paths, s.yamlError(err)
		}
		h.clear()
		faults, paths = append(faults, s.misread(y)), append(paths, h.path)
	}
}

// durationKeys are the keys whose values are durations.
var durationKeys = []string{"$.collect.resume", "$.mail.give_up", "$.serve.wait", "$.serve.grace"}

// durations puts durations as Go writes them in the place of those that people write,
// 3d among them.
func (s source) durations(body ast.Node) (faults []*configError, paths []string) {
	ast.Walk(seeing(func(n ast.Node) {
		m, ok := n.(*ast.MappingValueNode)
		if !ok || m.Value.GetToken() == nil || m.Value.Type() == ast.NullType || !slices.Contains(durationKeys, m.Value.GetPath()) {
			return
		}
		at := m.Value.GetToken()
		d, err := parseSpan(at.Value)
		if err != nil {
			key := strings.TrimPrefix(m.Value.GetPath(), "$.")
			faults, paths = append(faults, s.fault(at, key+": "+err.Error())), append(paths, m.Value.GetPath())
		}
		m.Value = ast.String(token.New(d.String(), d.String(), at.Position))
	}), body)
	return faults, paths
}

// parseSpan reads a duration such as 3d, 72h or 1h30m.
func parseSpan(text string) (time.Duration, error) {
	days, isDays := strings.CutSuffix(text, "d")
	if n, err := strconv.Atoi(days); isDays && err == nil && n >= 0 && n <= 100_000 {
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration such as 3d, 72h or 90m", text)
	}
	return d, nil
}

// holder finds the innermost value of a mapping or list that begins with or holds
// a token.
type holder struct {
	token *token.Token
	path  string
	clear func() // makes the value null
}

func (h *holder) Visit(n ast.Node) ast.Visitor {
	holds := func(value ast.Node) bool {
		found := false
		ast.Walk(seeing(func(n ast.Node) { found = found || n.GetToken() == h.token }), value)
		return found
	}
	switch n := n.(type) {
	case *ast.MappingValueNode:
		if n.Value.Type() != ast.NullType && holds(n.Value) {
			h.path, h.clear = n.Value.GetPath(), func() { n.Value = ast.Null(n.Value.GetToken()) }
		}
	case *ast.SequenceNode:
		for i, value := range n.Values {
			if value.Type() != ast.NullType && holds(value) {
				h.path, h.clear = value.GetPath(), func() { n.Values[i] = ast.Null(value.GetToken()) }
			}
		}
	}
	return h
}

// seeing is shown every node.
type seeing func(n ast.Node)

func (f seeing) Visit(n ast.Node) ast.Visitor {
	f(n)
	return f
}

// within reports whether a key such as reports[0].name is, is in or has in it what
// is at one of the paths.
func within(paths []string, key string) bool {
	below := func(path, above string) bool {
		rest, ok := strings.CutPrefix(path, above)
		return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		return below(path, "$."+key) || below("$."+key, path)
	})
}
