package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"exporter/internal/cloud"
	"exporter/internal/reports"
)

// config is reports.yaml. Relative paths in it are relative to its folder;
// after loadConfig they are absolute.
type config struct {
	Cloud   cloudConfig   `yaml:"cloud"`
	Store   storeConfig   `yaml:"store"`
	Inputs  inputsConfig  `yaml:"inputs"`
	Collect collectConfig `yaml:"collect"`
	Mail    mailConfig    `yaml:"mail"`
	Fonts   []string      `yaml:"fonts"`

	Reports []reportConfig `yaml:"reports"`

	path string
	zone *time.Location
}

type cloudConfig struct {
	URL          string       `yaml:"url"`
	Region       string       `yaml:"region"`
	ClientID     string       `yaml:"client_id"`
	ClientSecret cloud.Secret `yaml:"client_secret"`
	Projects     []string     `yaml:"projects"`
	Rate         float64      `yaml:"rate"`
	PageSize     int          `yaml:"page_size"`
	Parallel     int          `yaml:"parallel"`
	GetParams    string       `yaml:"get_params"`
	Lang         string       `yaml:"lang"`
}

type storeConfig struct {
	Dir      string     `yaml:"dir"`
	Timezone string     `yaml:"timezone"`
	Keep     keepConfig `yaml:"keep"`
}

type keepConfig struct {
	Daily   int `yaml:"daily"`
	Monthly int `yaml:"monthly"`
	RawDays int `yaml:"raw_days"`
}

type inputsConfig struct {
	Channels   string `yaml:"channels"`
	Roster     string `yaml:"roster"`
	Exceptions string `yaml:"exceptions"`
}

type collectConfig struct {
	Schedule string       `yaml:"schedule"`
	Budget   budgetConfig `yaml:"budget"`
	// MaxDrop is the share of rows that a list may lose between two
	// collections before the walk is taken for a fault of the cloud.
	MaxDrop float64 `yaml:"max_drop"`
}

type budgetConfig struct {
	Run   int64 `yaml:"run"`
	Day   int64 `yaml:"day"`
	Month int64 `yaml:"month"`
}

type mailConfig struct {
	Server   string       `yaml:"server"`
	Password cloud.Secret `yaml:"password"`
	From     string       `yaml:"from"`
}

// reportConfig is a definition with what is done with its outputs.
type reportConfig struct {
	reports.Definition `yaml:",inline"`
	Schedule           string   `yaml:"schedule"`
	To                 []string `yaml:"to"`
}

func defaultConfig() config {
	return config{
		Cloud:   cloudConfig{Rate: 5, PageSize: 100, Parallel: 4, GetParams: "auto", Lang: "en"},
		Store:   storeConfig{Dir: "data", Timezone: "UTC", Keep: keepConfig{Daily: 14, Monthly: 13, RawDays: 90}},
		Collect: collectConfig{Budget: budgetConfig{Run: 20_000}, MaxDrop: 0.20},
	}
}

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

// loadConfig reads the configuration that the command line names.
func (a *app) loadConfig() (*config, error) {
	cfg, err := loadConfig(a.configPath)
	if err == nil {
		a.zone = cfg.zone
	}
	return cfg, err
}

// loadConfig reads reports.yaml at path. It replaces ${NAME} and ${file:PATH}
// in string values after parsing, so that a value can never add a key. All its
// errors are usage errors.
func loadConfig(path string) (*config, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, usage(err, "make a reports.yaml with: exporter init; or try without an account: exporter demo")
	}
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, &exitError{exitUsage, yamlError(path, src, err)}
	}
	cfg := defaultConfig()
	cfg.path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	x := expander{path: path, src: src, dir: filepath.Dir(cfg.path)}
	if len(file.Docs) > 0 && file.Docs[0].Body != nil {
		ast.Walk(&x, file.Docs[0].Body)
		if err := errors.Join(x.errs...); err != nil {
			return nil, &exitError{exitUsage, err}
		}
		if err := yaml.NodeToValue(file.Docs[0].Body, &cfg, yaml.Strict()); err != nil {
			return nil, &exitError{exitUsage, yamlError(path, src, err)}
		}
	}
	if err := cfg.validate(); err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("%s: %w", path, err)}
	}
	return &cfg, nil
}

// validate checks the values, makes paths absolute and returns all faults.
func (c *config) validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	switch {
	case c.Cloud.URL != "" && c.Cloud.Region != "":
		fault("cloud: give url or region, not both")
	case c.Cloud.Region != "":
		u, ok := cloud.Region(c.Cloud.Region)
		if !ok {
			fault("cloud.region: unknown data centre %q", c.Cloud.Region)
		}
		c.Cloud.URL = u
	case c.Cloud.URL == "":
		fault("cloud.url: missing (or give cloud.region)")
	}
	if u, err := url.Parse(c.Cloud.URL); c.Cloud.URL != "" && (err != nil || u.Host == "") {
		fault("cloud.url: %q is not a URL", c.Cloud.URL)
	}
	if c.Cloud.ClientID == "" {
		fault("cloud.client_id: missing")
	}
	if c.Cloud.ClientSecret == "" {
		fault("cloud.client_secret: missing")
	}
	if len(c.Cloud.Projects) == 0 {
		fault("cloud.projects: name at least one project id")
	}
	seen := map[string]bool{}
	for _, p := range c.Cloud.Projects {
		if !validProject(p) || seen[p] {
			fault("cloud.projects: %q is not a project id, or stands twice", p)
		}
		seen[p] = true
	}
	if c.Cloud.Rate <= 0 {
		fault("cloud.rate: must be more than 0 requests a second")
	}
	if c.Cloud.PageSize < 1 || c.Cloud.PageSize > 1000 {
		fault("cloud.page_size: must be between 1 and 1000")
	}
	if c.Cloud.Parallel < 1 || c.Cloud.Parallel > 64 {
		fault("cloud.parallel: must be between 1 and 64")
	}
	if c.Collect.MaxDrop < 0 || c.Collect.MaxDrop > 1 {
		fault("collect.max_drop: must be a share between 0 and 1")
	}
	if c.Collect.Budget.Run < 0 || c.Collect.Budget.Day < 0 || c.Collect.Budget.Month < 0 {
		fault("collect.budget: must not be negative (0: no limit)")
	}
	zone, err := time.LoadLocation(c.Store.Timezone)
	if err != nil || c.Store.Timezone == "" || c.Store.Timezone == "Local" {
		fault("store.timezone: unknown zone %q (use a name such as Asia/Shanghai)", c.Store.Timezone)
	}
	c.zone = zone
	if c.Store.Dir == "" {
		fault("store.dir: missing")
	}
	for _, p := range []*string{&c.Store.Dir, &c.Inputs.Channels, &c.Inputs.Roster, &c.Inputs.Exceptions} {
		*p = c.abs(*p)
	}
	for i := range c.Fonts {
		c.Fonts[i] = c.abs(c.Fonts[i])
	}
	return errors.Join(faults...)
}

// abs resolves p against the folder of reports.yaml; "" stays "".
func (c *config) abs(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(c.path), p)
}

// validProject says whether p can be a project id. It names folders of the
// store, so nothing but letters, digits, hyphen and underscore is taken.
func validProject(p string) bool {
	if p == "" || len(p) > 64 {
		return false
	}
	return strings.Trim(p, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") == ""
}

// expander replaces ${NAME}, ${file:PATH} and $$ in the string values that
// ast.Walk shows it.
type expander struct {
	path string
	src  []byte
	dir  string
	errs []error
}

func (x *expander) Visit(n ast.Node) ast.Visitor {
	if m, ok := n.(*ast.MappingValueNode); ok {
		ast.Walk(x, m.Value) // keys stay as they are
		return nil
	}
	s, ok := n.(*ast.StringNode)
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

// excerpt is the line of src, without the value where the line holds a secret.
func excerpt(src []byte, line int) string {
	lines := bytes.Split(src, []byte("\n"))
	if line < 1 || line > len(lines) {
		return ""
	}
	s := strings.TrimRight(string(lines[line-1]), "\r ")
	key, _, ok := strings.Cut(s, ":")
	if low := strings.ToLower(key); ok && (strings.Contains(low, "secret") || strings.Contains(low, "password")) {
		return key + ": [secret]"
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
