package reports

import (
	"cmp"
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
	Type    string `yaml:"type"` // integer, number, text, boolean or date; text when empty
	Default any    `yaml:"default"`
	Min     any    `yaml:"min"` // bounds of an integer, a number or a date; none when nil
	Max     any    `yaml:"max"`
	Meaning string `yaml:"meaning"`
}

var parameterTypes = []string{"integer", "number", "text", "boolean", "date"}

// UnmarshalYAML reads a value, or a mapping with the keys type, default, min,
// max and meaning. Another key is an error.
func (p *Parameter) UnmarshalYAML(node ast.Node) error {
	if node.Type() != ast.MappingType && node.Type() != ast.MappingValueType {
		return yaml.NodeToValue(node, &p.Default)
	}
	type mapping Parameter // without this method
	var m mapping
	if err := yaml.NodeToValue(node, &m, yaml.Strict()); err != nil {
		return err
	}
	*p = Parameter(m)
	return nil
}

// value returns the default in the parameter's type.
func (p Parameter) value() (any, error) {
	if p.Default == nil {
		return nil, nil
	}
	return p.convert(p.Default)
}

// validate adds the faults of p, with keys below it.
func (p Parameter) validate(add fault) {
	if p.Type != "" && !slices.Contains(parameterTypes, p.Type) {
		add("type", "type %q: must be one of %s", p.Type, strings.Join(parameterTypes, ", "))
		return
	}
	for _, b := range []struct {
		key   string
		bound any
	}{{"min", p.Min}, {"max", p.Max}} {
		switch _, err := p.parse(b.bound); {
		case b.bound == nil:
		case !slices.Contains([]string{"integer", "number", "date"}, p.Type):
			add(b.key, "%s: only an integer, a number or a date has one", b.key)
			return
		case err != nil:
			add(b.key, "%s: %v", b.key, err)
			return
		}
	}
	if _, err := p.value(); err != nil {
		add("default", "%v", err)
	}
}

// bounds says in words which values are allowed, beginning with the type.
func (p Parameter) bounds() string {
	words := cmp.Or(p.Type, "text")
	switch {
	case p.Min != nil && p.Max != nil:
		words += fmt.Sprintf(", %s to %s", plain(p.Min), plain(p.Max))
	case p.Min != nil:
		words += ", at least " + plain(p.Min)
	case p.Max != nil:
		words += ", at most " + plain(p.Max)
	}
	return words
}

// CheckParameters says which of the given values do not have the type that the
// definition declares or are out of its bounds; names that it does not declare
// are passed over.
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
// parameter's type. It errs when v is out of bounds.
func (p Parameter) convert(v any) (any, error) {
	x, err := p.parse(v)
	if err != nil {
		return nil, err
	}
	if least, err := p.parse(p.Min); p.Min != nil && err == nil && compare(x, least) < 0 {
		return nil, fmt.Errorf("must be at least %s, not %s", plain(p.Min), cut(plain(v), 200))
	}
	if most, err := p.parse(p.Max); p.Max != nil && err == nil && compare(x, most) > 0 {
		return nil, fmt.Errorf("must be at most %s, not %s", plain(p.Max), cut(plain(v), 200))
	}
	return x, nil
}

// compare compares two values of one type; those that have no order are equal.
func compare(a, b any) int {
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case time.Time:
		return a.Compare(b.(time.Time))
	}
	return 0
}

// plain is v as it is written in YAML and on the command line.
func plain(v any) string {
	if t, ok := v.(time.Time); ok {
		return t.Format(time.DateOnly)
	}
	return strings.TrimSpace(fmt.Sprint(v))
}

// parse returns v in the parameter's type.
func (p Parameter) parse(v any) (any, error) {
	s := plain(v)
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
