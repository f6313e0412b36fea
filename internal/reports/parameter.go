package reports

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// A Parameter is a value that a report's queries name. In YAML it is a
// mapping with type and default, or only a value, which then replaces the
// default of the parameter that a built-in definition declares.
type Parameter struct {
	Type    string // integer, number, text, boolean or date; text when empty
	Default any
	Meaning string
}

var parameterTypes = []string{"integer", "number", "text", "boolean", "date"}

// UnmarshalYAML reads a value, or a mapping with the keys type, default and
// meaning. Another key is an error.
func (p *Parameter) UnmarshalYAML(node ast.Node) error {
	if node.Type() != ast.MappingType && node.Type() != ast.MappingValueType {
		return yaml.NodeToValue(node, &p.Default)
	}
	var m struct {
		Type    string `yaml:"type"`
		Default any    `yaml:"default"`
		Meaning string `yaml:"meaning"`
	}
	if err := yaml.NodeToValue(node, &m, yaml.Strict()); err != nil {
		return err
	}
	*p = Parameter(m)
	return nil
}

// value returns the default in the parameter's type.
func (p Parameter) value() (any, error) {
	if p.Type != "" && !slices.Contains(parameterTypes, p.Type) {
		return nil, fmt.Errorf("type %q: must be one of %s", p.Type, strings.Join(parameterTypes, ", "))
	}
	if p.Default == nil {
		return nil, nil
	}
	return p.convert(p.Default)
}

// CheckParameters says which of the given values do not have the type that the
// definition declares; names that it does not declare are passed over.
func (d Definition) CheckParameters(given map[string]string) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if p, ok := d.Parameters[name]; ok {
			if _, err := p.convert(given[name]); err != nil {
				faults = append(faults, fmt.Errorf("report %s: parameter %s: %w", d.Name, name, err))
			}
		}
	}
	return errors.Join(faults...)
}

// convert returns v, which may be text as given on a command line, in the
// parameter's type.
func (p Parameter) convert(v any) (any, error) {
	s := strings.TrimSpace(fmt.Sprint(v))
	if t, ok := v.(time.Time); ok {
		s = t.Format(time.DateOnly)
	}
	switch p.Type {
	case "integer":
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		return nil, fmt.Errorf("%q is not a whole number", cut(s, 200))
	case "number":
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f, nil
		}
		return nil, fmt.Errorf("%q is not a number", cut(s, 200))
	case "boolean":
		switch strings.ToLower(s) {
		case "true", "yes", "1":
			return true, nil
		case "false", "no", "0":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", cut(s, 200))
	case "date":
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return t, nil
		}
		return nil, fmt.Errorf("%q is not a date such as 2026-03-31", cut(s, 200))
	default:
		return fmt.Sprint(v), nil
	}
}
