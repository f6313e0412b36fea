package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"exporter/internal/cloud"
	"exporter/internal/reports"
)

// config is reports.yaml. Relative paths in it are relative to its folder;
// after loadConfig they are absolute.
type config struct {
	Cloud    cloudConfig    `yaml:"cloud"`
	Store    storeConfig    `yaml:"store"`
	Inputs   inputsConfig   `yaml:"inputs"`
	Collect  collectConfig  `yaml:"collect"`
	Mail     mailConfig     `yaml:"mail"`
	Serve    serveConfig    `yaml:"serve"`
	Publish  publishConfig  `yaml:"publish"`
	Evidence evidenceConfig `yaml:"evidence"`
	Fonts    []string       `yaml:"fonts"`

	Reports []reportConfig `yaml:"reports"`

	path        string
	zone        *time.Location
	definitions []reports.Definition // the built-in reports with Reports laid over them
	from        []int                // by definition: its index in Reports, or -1
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
	Daily     int `yaml:"daily"`
	Monthly   int `yaml:"monthly"`
	RawDays   int `yaml:"raw_days"`
	QueryDays int `yaml:"query_days"`
}

type inputsConfig struct {
	Channels   string `yaml:"channels"`
	Roster     string `yaml:"roster"`
	Exceptions string `yaml:"exceptions"`
}

type collectConfig struct {
	Due    scheduleConfig `yaml:",inline"`
	Budget budgetConfig   `yaml:"budget"`
	// TieOuts is how many requests a run may make only to compare the cloud's
	// own counts with ours, beside the budget.
	TieOuts int `yaml:"tie_outs"`
	// MaxDrop is the share of rows that a list may lose between two
	// collections before the walk is taken for a fault of the cloud.
	MaxDrop float64 `yaml:"max_drop"`
	// Resume is how old an interrupted collection may be to be taken up.
	Resume time.Duration `yaml:"resume"`
}

type budgetConfig struct {
	Run   int64 `yaml:"run"`
	Day   int64 `yaml:"day"`
	Month int64 `yaml:"month"`
}

// reportConfig is a definition with what is done with its outputs.
type reportConfig struct {
	reports.Definition `yaml:",inline"`
	Due                scheduleConfig `yaml:",inline"`
	To                 []string       `yaml:"to"`
	When               whenConfig     `yaml:"when"`
	Split              *splitConfig   `yaml:"split"`
}

func defaultConfig() config {
	return config{
		Cloud:   cloudConfig{Rate: 5, PageSize: 100, Parallel: 4, GetParams: "auto", Lang: "en"},
		Store:   storeConfig{Dir: "data", Timezone: "UTC", Keep: keepConfig{Daily: 14, Monthly: 13, RawDays: 90, QueryDays: 90}},
		Collect: collectConfig{Budget: budgetConfig{Run: 20_000}, TieOuts: 200, MaxDrop: 0.20, Resume: 6 * time.Hour},
		Mail:    mailConfig{MaxAttachment: "10MB", GiveUp: 72 * time.Hour},
		Serve:   serveConfig{Listen: "127.0.0.1:9095", Wait: time.Hour, Grace: 30 * time.Second, Out: "reports"},
	}
}

// loadConfig reads the configuration that the command line names. A command that
// does not talk to the cloud takes it also where the cloud's credentials, or its
// whole section, are missing: who restores a store needs no secret.
func (a *app) loadConfig(talksToCloud bool) (*config, error) {
	return a.keepZone(loadConfig(a.configPath, talksToCloud))
}

// loadReports is [app.loadConfig] for a command that runs reports: it takes only
// a configuration whose queries compile.
func (a *app) loadReports(ctx context.Context, talksToCloud bool) (*config, error) {
	compile := func(d []reports.Definition, queryDir string) ([]reports.Fault, error) {
		return reports.Compile(ctx, d, queryDir)
	}
	return a.keepZone(readConfig(a.configPath, configUse{cloud: talksToCloud, reports: true, compile: compile}))
}

// loadStore is [app.loadConfig] for a command that only reads the store, and is to
// answer at once: of the reports it knows nothing.
func (a *app) loadStore() (*config, error) {
	return a.keepZone(readConfig(a.configPath, configUse{}))
}

func (a *app) keepZone(cfg *config, err error) (*config, error) {
	if err == nil {
		a.zone = cfg.zone
	}
	return cfg, err
}

// loadConfig reads reports.yaml at path. It replaces ${NAME} and ${file:PATH}
// in string values after parsing, so that a value can never add a key. All its
// errors are usage errors.
func loadConfig(path string, talksToCloud bool) (*config, error) {
	return readConfig(path, configUse{cloud: talksToCloud, reports: true})
}

// configUse is what a configuration is read for.
type configUse struct {
	cloud   bool           // the cloud is talked to
	reports bool           // reports are made, or told of
	compile compileQueries // their queries are run; nil where they are not
}

// compileQueries finds faults in the queries of definitions.
type compileQueries func(definitions []reports.Definition, queryDir string) ([]reports.Fault, error)

// readConfig is [loadConfig] for a use. With compile it also compiles the queries of
// the reports that are not the built-in ones as they are.
func readConfig(path string, use configUse) (*config, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, usage(err, "name one with --config, make one with: exporter init; or try without an account: exporter demo")
	}
	text := source{path, src}
	file, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, &exitError{exitUsage, text.yamlError(err)}
	}
	cfg := defaultConfig()
	cfg.path, err = filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	at := places{}
	x := expander{src: text, dir: filepath.Dir(cfg.path), skipCloud: !use.cloud}
	if len(file.Docs) > 0 && file.Docs[0].Body != nil {
		body := file.Docs[0].Body
		ast.Walk(at, body)
		ast.Walk(&x, body)
		cfg.Mail.noPassword = x.noPassword
		x.faults = append(x.faults, text.unknownKeys(body)...)
		wrong, paths, err := text.decode(body, &cfg)
		x.faults, x.paths = append(x.faults, wrong...), append(x.paths, paths...)
		if err != nil {
			return nil, &exitError{exitUsage, errors.Join(joinFaults(x.faults), err)}
		}
	}
	faults := x.faults
	tell := func(key, msg string) {
		if !within(x.paths, key) { // the value is not the one that was meant
			faults = append(faults, text.fault(at.find(key), msg))
		}
	}
	cfg.validate(use, tell)
	if use.compile != nil {
		if err := cfg.compile(use.compile, tell); err != nil {
			return nil, err
		}
	}
	if len(faults) == 0 {
		return &cfg, nil
	}
	return nil, &exitError{exitUsage, joinFaults(faults)}
}

// joinFaults is all faults in their order in the file.
func joinFaults(faults []*configError) error {
	slices.SortStableFunc(faults, func(a, b *configError) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	all := make([]error, len(faults))
	for i, f := range faults {
		all[i] = f
	}
	return errors.Join(all...)
}

// maxRegister is the size of a register's file, in bytes, that is still read.
const maxRegister = 256 << 20

// validate checks the values, makes paths absolute, and lays Reports over the
// built-in definitions. It tells every fault with the key that has it.
func (c *config) validate(use configUse, tell func(key, msg string)) {
	fault := func(key, format string, args ...any) { tell(key, key+": "+fmt.Sprintf(format, args...)) }
	if use.cloud {
		c.validateCloud(fault)
	}
	if c.Collect.MaxDrop < 0 || c.Collect.MaxDrop > 1 {
		fault("collect.max_drop", "must be a share between 0 and 1")
	}
	keep, budget := c.Store.Keep, c.Collect.Budget
	for key, n := range map[string]int64{
		"collect.budget.run": budget.Run, "collect.budget.day": budget.Day, "collect.budget.month": budget.Month,
		"collect.tie_outs": int64(c.Collect.TieOuts), "collect.resume": int64(c.Collect.Resume),
		"store.keep.daily": int64(keep.Daily), "store.keep.monthly": int64(keep.Monthly), "store.keep.raw_days": int64(keep.RawDays),
		"store.keep.query_days": int64(keep.QueryDays),
	} {
		if n < 0 {
			fault(key, "must not be negative")
		}
	}
	zone, err := time.LoadLocation(c.Store.Timezone)
	if err != nil || c.Store.Timezone == "" || c.Store.Timezone == "Local" {
		fault("store.timezone", "unknown zone %q (use a name such as Asia/Shanghai)", c.Store.Timezone)
	}
	c.zone = zone
	if c.Store.Dir == "" {
		fault("store.dir", "missing")
	}
	c.Store.Dir = c.abs(c.Store.Dir)
	for key, path := range map[string]*string{"channels": &c.Inputs.Channels, "roster": &c.Inputs.Roster, "exceptions": &c.Inputs.Exceptions} {
		*path = c.abs(*path)
		if info, err := os.Stat(*path); err == nil && (!info.Mode().IsRegular() || info.Size() > maxRegister) {
			fault("inputs."+key, "%s is no file of at most %d MB", *path, maxRegister>>20)
		}
	}
	for i := range c.Fonts {
		c.Fonts[i] = c.abs(c.Fonts[i])
	}
	c.validateMail(fault)
	c.validateServe(fault)
	c.validatePublish(fault)
	c.validateEvidence(fault)
	if use.reports {
		c.validateReports(tell)
		c.validateSplits(fault)
	}
}

// validateReports lays the configuration's reports over the built-in ones.
func (c *config) validateReports(tell func(key, msg string)) {
	own := make([]reports.Definition, len(c.Reports))
	for i, r := range c.Reports {
		own[i] = r.Definition
	}
	c.definitions, c.from = reports.Merge(reports.Builtin(), own)
	for _, f := range reports.Validate(c.definitions, c.queryDir()) {
		tell(c.keyOf(f.Definition, f.Key), f.Text)
	}
}

// keyOf is where the file has a key of a definition; "" of a built-in that it does
// not name.
func (c *config) keyOf(definition int, key string) string {
	if own := c.from[definition]; own >= 0 {
		return fmt.Sprintf("reports[%d].%s", own, key)
	}
	return ""
}

// reportConfig is what is done with a report; the zero value where nothing is.
func (c *config) reportConfig(name string) reportConfig {
	for _, r := range c.Reports {
		if r.Name == name {
			return r
		}
	}
	return reportConfig{}
}

// compile compiles the queries of the reports that are not the built-in ones as
// they are.
func (c *config) compile(compile compileQueries, tell func(key, msg string)) error {
	var changed []reports.Definition
	var index []int
	for i, d := range c.definitions {
		own := c.from[i]
		if own >= 0 && c.Reports[own].NeedsCompile() || d.HasOwnQuery(c.queryDir()) {
			changed, index = append(changed, d), append(index, i)
		}
	}
	faults, err := compile(changed, c.queryDir())
	for _, f := range faults {
		tell(c.keyOf(index[f.Definition], f.Key), f.Text)
	}
	return err
}

// validateCloud checks the cloud's section and finds the region's URL.
func (c *config) validateCloud(fault func(key, format string, args ...any)) {
	c.Cloud.URL = strings.TrimSuffix(strings.TrimSpace(c.Cloud.URL), "/")
	switch {
	case c.Cloud.URL != "" && c.Cloud.Region != "":
		fault("cloud.region", "give url or region, not both")
	case c.Cloud.Region != "":
		u, ok := cloud.Region(c.Cloud.Region)
		if !ok {
			fault("cloud.region", "unknown data centre %q", c.Cloud.Region)
		}
		c.Cloud.URL = u
	case c.Cloud.URL == "":
		fault("cloud.url", "missing (or give cloud.region)")
	default:
		if err := cloud.CheckURL(c.Cloud.URL); err != nil {
			fault("cloud.url", "%v", err)
		}
	}
	if c.Cloud.ClientID == "" {
		fault("cloud.client_id", "missing")
	}
	if c.Cloud.ClientSecret == "" {
		fault("cloud.client_secret", "missing")
	}
	if len(c.Cloud.Projects) == 0 {
		fault("cloud.projects", "name at least one project id")
	}
	seen := map[string]bool{}
	for i, p := range c.Cloud.Projects {
		if !validProject(p) || seen[p] {
			fault(fmt.Sprintf("cloud.projects[%d]", i), "%q is not a project id, or stands twice", p)
		}
		seen[p] = true
	}
	if c.Cloud.Rate <= 0 {
		fault("cloud.rate", "must be more than 0 requests a second")
	}
	if c.Cloud.PageSize < 1 || c.Cloud.PageSize > 1000 {
		fault("cloud.page_size", "must be between 1 and 1000")
	}
	if c.Cloud.Parallel < 1 || c.Cloud.Parallel > 64 {
		fault("cloud.parallel", "must be between 1 and 64")
	}
	if !slices.Contains([]string{"auto", "body", "query"}, c.Cloud.GetParams) {
		fault("cloud.get_params", "%q is not one of auto, body, query", c.Cloud.GetParams)
	}
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
