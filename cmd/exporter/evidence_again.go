package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"exporter/internal/evidence"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// againTask is what is known of a verified bundle whose outputs are made again. Its
// files, as far as they are needed, are in the working folder.
type againTask struct {
	Info map[string]string `json:"info"`
	Sums map[string]string `json:"sums"` // of the payload, by path below data/
}

// perform makes the reports, the populations and the ledgers of a bundle again from
// its own snapshot, journal and raw pages, and adds what differs to the findings. far is
// told how far it is.
func (r *verifiedBundle) perform(ctx context.Context, b *evidence.Bundle, timeout time.Duration, far func(bundleStep)) (err error) {
	dir, done, err := workFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	t := againTask{Info: r.Info, Sums: map[string]string{}}
	unpack := bundleStep{Name: jobUnpack}
	for _, f := range b.Manifest() {
		t.Sums[strings.TrimPrefix(f.Path, "data/")] = f.SHA256
		if isSource(f.Path) {
			unpack.Total++
		}
	}
	far(unpack)
	err = b.Extract(ctx, dir, func(name string) bool {
		wanted := isSource(name)
		if wanted {
			unpack.Done++
			far(unpack)
		}
		return wanted
	})
	if err != nil {
		return explainBundle(err)
	}
	if err := asStore(dir); err != nil {
		return err
	}
	d, err := doConfined(ctx, dir, bundleTask{Again: &t, Timeout: timeout}, far)
	limit, limited := errors.AsType[*limitError](err)
	ended, harmed := errors.AsType[*endError](err)
	switch {
	case limited:
		hint := "its files, its signature and its journal are in order; without the reports: --without-reports"
		if limit.hint != "" {
			hint += "; or " + limit.hint
		}
		return &hintError{fmt.Errorf("evidence verify: the reports were not made again: %w", limit.err), hint}
	case harmed:
		r.Findings = append(r.Findings, evidence.Finding{Name: "data/snapshot/",
			Problem: fmt.Sprintf("it cannot be read: the process that did came to an end: %v", ended)})
		return nil
	case err != nil:
		return err
	}
	r.Findings = append(r.Findings, d.Again.Findings...)
	slices.SortFunc(r.Findings, func(a, b evidence.Finding) int { return strings.Compare(a.Name, b.Name) })
	r.Notes, r.NotMadeAgain = append(r.Notes, d.Again.Notes...), append(r.NotMadeAgain, d.Again.NotMadeAgain...)
	r.MadeAgain, r.Digests, r.Pages, r.Rows = d.Again.MadeAgain, d.Again.Digests, d.Again.Pages, d.Again.Rows
	r.DigestsFound, r.RowsFound = d.Again.DigestsFound, d.Again.RowsFound
	return nil
}

// isSource says whether others are made again from a file of a bundle.
func isSource(name string) bool {
	for _, folder := range []string{"snapshot", "raw", "definitions", "queries"} {
		if strings.HasPrefix(name, "data/"+folder+"/") {
			return true
		}
	}
	return slices.Contains([]string{"data/made_from.json", "data/journal.ndjson", "data/" + rawLedger}, name)
}

// again makes what a verified bundle holds again, and compares.
type again struct {
	*bundle // as it was when it was made
	result  *verifiedBundle
	dir     string            // the working folder
	files   fs.FS             // what was taken out of data/
	sums    map[string]string // of the payload, by path below data/
	fonts   reports.Fonts
	period  period

	seen map[string]bool // what was made again, or from
	far  func(bundleStep)
}

// makeAgain does a task in the working folder.
func makeAgain(ctx context.Context, t againTask, fonts reports.Fonts, far func(bundleStep)) (*verifiedBundle, error) {
	x := &again{result: &verifiedBundle{Info: t.Info, Verification: &evidence.Verification{}}, dir: here(),
		files: os.DirFS(filepath.Join(here(), "data")), sums: t.Sums, fonts: fonts, seen: map[string]bool{}, far: far}
	x.bundle = &bundle{rows: map[string]int64{}, originals: map[string]string{},
		cfg: &config{Evidence: evidenceConfig{Organization: t.Info["Source-Organization"]}}}
	return x.result, x.makeAll(ctx)
}

func (x *again) makeAll(ctx context.Context) error {
	p, err := x.prepare()
	if p == nil || err != nil {
		return err
	}
	if err := p.open(ctx, x.snapshotPath(), filepath.Join(x.dir, "scratch")); err != nil {
		x.differs("snapshot/", "it cannot be read: %v", err)
		return nil
	}
	x.told()
	failed := errors.Join(x.judged(ctx, p.r), p.run(ctx), p.close())
	if store.OutOfMemory(failed) {
		return failed
	}
	if failed != nil {
		x.differs("reports", "cannot be made again: %v", failed)
	}
	if err := x.readJournal(); err != nil || x.log == nil {
		return err
	}
	if err := x.ledgers(ctx); err != nil {
		return err
	}
	if err := x.index(ctx, failed == nil); err != nil {
		return err
	}
	if err := x.verifyStore(ctx); err != nil {
		return err
	}
	for name := range x.sums {
		if !x.seen[name] && (p.want == nil || p.want(name)) {
			x.differs(name, "nothing that the bundle holds makes it")
		}
	}
	return nil
}

// differs adds a finding on a file of the payload.
func (x *again) differs(name, format string, args ...any) {
	x.differsTag("data/"+name, format, args...)
}

// differsTag adds a finding on any file.
func (x *again) differsTag(name, format string, args ...any) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.result.Findings = append(x.result.Findings, evidence.Finding{Name: name, Problem: fmt.Sprintf(format, args...)})
}

// differsInfo adds a finding on a label of bag-info.txt unless it has a value.
func (x *again) differsInfo(label, want string) {
	if got := x.result.Info[label]; got != want {
		x.differsTag("bag-info.txt", "%s is %.200q, and what the bundle holds makes it %.200q", label, got, want)
	}
}

// read reads a file from which others are made.
func (x *again) read(name string) ([]byte, error) {
	x.seen[name] = true
	return fs.ReadFile(x.files, name)
}

// asStore makes of the snapshot and the raw pages of a bundle in dir the folder of a
// store, below it.
func asStore(dir string) error {
	at := filepath.Join(dir, "store")
	if err := os.Mkdir(at, 0o700); err != nil {
		return err
	}
	for from, to := range map[string]string{"snapshot": "snapshots", "raw": "raw"} {
		err := os.Rename(filepath.Join(dir, "data", from), filepath.Join(at, to))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// at is that folder, and snapshotPath the bundle's snapshot in it.
func (x *again) at() string { return filepath.Join(x.dir, "store") }
func (x *again) snapshotPath() string {
	return filepath.Join(x.at(), "snapshots", x.from.Snapshot+".duckdb")
}

// prepare reads from what the outputs are made; nil where that cannot be read.
func (x *again) prepare() (*performance, error) {
	text, err := x.read("made_from.json")
	if err == nil {
		err = json.Unmarshal(text, &x.from)
	}
	if err != nil {
		x.differs("made_from.json", "cannot be read: %v", err)
		return nil, nil
	}
	if f := x.from; !snapshotID.MatchString(f.Snapshot) || f.Since != "" && !snapshotID.MatchString(f.Since) || x.sums[snapshotFile(f.Snapshot)] == "" {
		x.differs("made_from.json", "names no snapshot of the bundle: %.40q, since %.40q", f.Snapshot, f.Since)
		return nil, nil
	}
	zone, err := time.LoadLocation(x.from.Timezone)
	if err == nil {
		x.period, err = parsePeriod(x.result.Info["Period-Start"], x.result.Info["Period-End"], zone)
	}
	if err != nil {
		x.differs("made_from.json", "its period cannot be read: %v", err)
		return nil, nil
	}
	x.seen[snapshotFile(x.from.Snapshot)] = true
	if err := os.Chmod(x.snapshotPath(), 0o444); err != nil { // as a store has it
		return nil, err
	}
	p := &performance{from: x.from, queryDir: filepath.Join(x.dir, "queries"), file: x.file, done: x.compare, made: x.addReport, fonts: x.fonts}
	p.ended = x.ended()
	texts := map[string]string{}
	for _, name := range x.from.Reports {
		x.seen[definitionPath(name)] = true
		d, err := bundleDefinition(x.files, definitionPath(name), name)
		if err != nil {
			x.differs(definitionPath(name), "cannot be read: %v", err)
			return nil, nil
		}
		p.definitions = append(p.definitions, d)
	}
	for _, name := range x.queries(p.definitions) {
		if name != filepath.Base(name) {
			x.differs("definitions", "%.200q is no name of a query", name)
			return nil, nil
		}
		text, err := x.read(queryPath(name))
		if err != nil {
			x.differs(queryPath(name), "cannot be read: %v", err)
			return nil, nil
		}
		texts[name] = string(text)
	}
	if err := writeTexts(p.queryDir, texts); err != nil {
		return nil, err
	}
	if faults := reports.Validate(p.definitions, p.queryDir); len(faults) > 0 {
		x.differs("definitions", "%s: %s", faults[0].Key, faults[0].Text)
		return nil, nil
	}
	x.likeFonts(p)
	return p, nil
}

// ended tells of each report and table that is made again.
func (x *again) ended() func(what string) {
	steps := map[string]*bundleStep{
		jobReports: {Name: jobReports, Total: int64(len(x.from.Reports))},
		jobTables:  {Name: jobTables, Total: int64(len(bundleTables()))},
	}
	x.far(*steps[jobReports])
	x.far(*steps[jobTables])
	return func(what string) {
		x.mu.Lock()
		defer x.mu.Unlock()
		steps[what].Done++
		x.far(*steps[what])
	}
}

// likeFonts leaves out what names fonts where they are not those of the bundle.
func (x *again) likeFonts(p *performance) {
	if x.from.ProgramVersion != version {
		x.result.Notes = append(x.result.Notes, fmt.Sprintf("made by exporter %s, made again by %s", x.from.ProgramVersion, version))
	}
	if slices.Equal(x.from.Fonts, p.fonts.Sums()) {
		return
	}
	p.want = func(name string) bool { return path.Ext(name) != ".pdf" && path.Ext(name) != ".xlsx" }
	x.result.NotMadeAgain = append(x.result.NotMadeAgain, "PDF and xlsx, which name the fonts of the pages: this machine has others; csv and json of the same reports were")
}

// plainYAML refuses what no definition needs, and what a small file can unfold to any
// size by.
func plainYAML(text []byte) error {
	if len(text) > 1<<20 {
		return errors.New("it is too long")
	}
	for _, t := range lexer.Tokenize(string(text)) {
		if t.Type == token.AnchorType || t.Type == token.AliasType {
			return fmt.Errorf("line %d has an anchor or an alias", t.Position.Line)
		}
	}
	return nil
}

// bundleDefinition reads the definition of a report from a file.
func bundleDefinition(files fs.FS, file, name string) (d reports.Definition, err error) {
	text, err := fs.ReadFile(files, file)
	if err == nil {
		err = plainYAML(text)
	}
	if err == nil {
		err = yaml.UnmarshalWithOptions(text, &d, yaml.Strict())
	}
	if err == nil && d.Name != name {
		err = fmt.Errorf("it is named %q", d.Name)
	}
	return d, err
}

func (x *again) queries(definitions []reports.Definition) []string {
	var names []string
	for _, d := range definitions {
		names = append(names, d.Queries()...)
	}
	for _, t := range bundleTables() {
		names = append(names, t.query)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// file makes the empty file in which an output is made again.
func (x *again) file(name string) (string, error) {
	file := filepath.Join(x.dir, "made", filepath.FromSlash(name))
	return file, emptyFile(file)
}

// compare compares an output with the bundle's, and removes it.
func (x *again) compare(name string, rows int64) error {
	file := filepath.Join(x.dir, "made", filepath.FromSlash(name))
	sum, err := fileSHA256(file)
	if err := errors.Join(err, os.Remove(file)); err != nil {
		return err
	}
	x.mu.Lock()
	x.rows[name] = rows
	x.mu.Unlock()
	x.same(name, sum)
	return nil
}

// sameAs compares what write writes with a file of the bundle.
func (x *again) sameAs(name string, write func(io.Writer) error) error {
	h := sha256.New()
	err := write(h)
	if err == nil {
		x.same(name, hex.EncodeToString(h.Sum(nil)))
	}
	return err
}

// same compares a hash with the bundle's.
func (x *again) same(name, sum string) {
	x.mu.Lock()
	x.seen[name] = true
	want, ok := x.sums[name]
	x.result.MadeAgain++
	x.mu.Unlock()
	switch {
	case !ok:
		x.differs(name, "can be made from what the bundle holds, and is not in it")
	case want != sum:
		x.differs(name, "made again it is another: %.12s, not %.12s", sum, want)
	}
}
