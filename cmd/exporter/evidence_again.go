package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"

	"exporter/internal/evidence"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// again makes what a verified bundle holds again, and compares.
type again struct {
	result  *verifiedBundle
	bundle  *evidence.Bundle
	dir     string // a folder for the time being
	from    madeFrom
	sums    map[string]string // of the payload, by path below data/
	journal *bundleJournal
	period  period

	mu   sync.Mutex
	seen map[string]bool // what was made again
}

// perform makes the reports, the populations and the ledgers of a bundle again from
// its own snapshot, journal and raw pages, and adds what differs to the findings.
func (r *verifiedBundle) perform(ctx context.Context, b *evidence.Bundle) (err error) {
	dir, done, err := workFolder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	x := &again{result: r, bundle: b, dir: dir, sums: map[string]string{}, seen: map[string]bool{}}
	for _, f := range b.Manifest() {
		x.sums[strings.TrimPrefix(f.Path, "data/")] = f.SHA256
	}
	p, err := x.prepare(ctx)
	if err != nil {
		return err
	}
	if p == nil {
		return nil
	}
	if err := p.open(ctx, filepath.Join(dir, "data", snapshotFile(p.from.Snapshot)), filepath.Join(dir, "scratch")); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		x.differs("snapshot/", "it cannot be read: %v", err)
		return nil
	}
	x.told()
	err = errors.Join(x.judged(ctx, p.r), p.run(ctx), p.close())
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		x.differs("reports", "cannot be made again: %v", err)
	}
	if err := x.ledgers(ctx); err != nil {
		return err
	}
	if x.journal != nil {
		if err := x.verifyStore(ctx); err != nil {
			return err
		}
	}
	for name := range x.sums {
		made := strings.HasPrefix(name, "reports/") || strings.HasPrefix(name, "population/") || strings.HasPrefix(name, "ledger/")
		if made && !x.seen[name] && (p.want == nil || p.want(name)) && name != "population/schema.json" && name != "ledger/raw_files.csv" {
			x.differs(name, "nothing that the bundle holds makes it")
		}
	}
	r.NotMadeAgain = append(r.NotMadeAgain, "README.txt, population/schema.json, ledger/raw_files.csv: the signature alone speaks for them")
	slices.SortFunc(r.Findings, func(a, b evidence.Finding) int { return strings.Compare(a.Name, b.Name) })
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

// prepare takes out of the bundle what its outputs are made from; nil where that
// cannot be read.
func (x *again) prepare(ctx context.Context) (*performance, error) {
	err := x.bundle.Extract(ctx, x.dir, func(name string) bool {
		return strings.HasPrefix(name, "data/snapshot/") || strings.HasPrefix(name, "data/raw/") && path.Base(name) == "calls.ndjson.zst"
	})
	if err != nil {
		return nil, err
	}
	text, err := fs.ReadFile(x.bundle, "data/made_from.json")
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
	p := &performance{from: x.from, queryDir: filepath.Join(x.dir, "queries"), file: x.file, done: x.compare}
	texts := map[string]string{}
	for _, name := range x.from.Reports {
		d, err := x.definition(name)
		if err != nil {
			x.differs(strings.TrimPrefix(definitionPath(name), "data/"), "cannot be read: %v", err)
			return nil, nil
		}
		p.definitions = append(p.definitions, d)
	}
	for _, name := range x.queries(p.definitions) {
		if name != filepath.Base(name) {
			x.differs("definitions", "%.200q is no name of a query", name)
			return nil, nil
		}
		text, err := fs.ReadFile(x.bundle, "data/"+queryPath(name))
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
	return p, x.likeFonts(p)
}

// likeFonts leaves out what names fonts where they are not those of the bundle.
func (x *again) likeFonts(p *performance) (err error) {
	if p.fonts, err = reports.FindFonts(nil); err != nil {
		return err
	}
	if x.from.ProgramVersion != version {
		x.result.Notes = append(x.result.Notes, fmt.Sprintf("made by exporter %s, made again by %s", x.from.ProgramVersion, version))
	}
	if slices.Equal(x.from.Fonts, p.fonts.Sums()) {
		return nil
	}
	p.want = func(name string) bool { return path.Ext(name) != ".pdf" && path.Ext(name) != ".xlsx" }
	x.result.NotMadeAgain = append(x.result.NotMadeAgain, "PDF and xlsx, which name the fonts of the pages: this machine has others; csv and json of the same reports were")
	return nil
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

func (x *again) definition(name string) (d reports.Definition, err error) {
	text, err := fs.ReadFile(x.bundle, "data/"+definitionPath(name))
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
func (x *again) compare(name string, _ int64) error {
	file := filepath.Join(x.dir, "made", filepath.FromSlash(name))
	sum, err := fileSHA256(file)
	if err := errors.Join(err, os.Remove(file)); err != nil {
		return err
	}
	x.same(name, sum)
	return nil
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

// ledgers makes those of the journal and of the calls again.
func (x *again) ledgers(ctx context.Context) error {
	f, err := x.bundle.Open("data/journal.ndjson")
	if err != nil {
		return err
	}
	if x.journal, err = parseBundleJournal(f); err != nil {
		x.differs("journal.ndjson", "cannot be read: %v", err)
	}
	if err := f.Close(); err != nil || x.journal == nil {
		return err
	}
	x.witnesses()
	if want := x.journal.sealed(x.from.Snapshot, x.from.Project); !reflect.DeepEqual(x.from.Sealed, want) {
		x.differs("made_from.json", "sealed is not the journal's line of the snapshot")
	}
	for _, l := range journalLedgers {
		var b bytes.Buffer
		if _, err := x.journal.ledger(&b, l.kinds, x.period, nil); err != nil {
			return err
		}
		sum := sha256.Sum256(b.Bytes())
		x.same("ledger/"+l.name+".csv", hex.EncodeToString(sum[:]))
	}
	st, err := store.OpenToRead(filepath.Join(x.dir, "data"))
	if err != nil {
		return err
	}
	h := sha256.New()
	if err := st.WriteCalls(ctx, x.rawFiles(), nil, h); err != nil {
		x.differs("ledger/calls.csv", "cannot be made again: %v", err)
		return nil
	}
	x.same("ledger/calls.csv", hex.EncodeToString(h.Sum(nil)))
	return nil
}

// witnesses compares the logs of watched collections with the journal.
func (x *again) witnesses() {
	for name, sum := range x.sums {
		of, ok := strings.CutPrefix(name, "witness/")
		if ok && !x.journal.witnessed(strings.TrimSuffix(of, ".txt"), sum) {
			x.differs(name, "no line of the journal has its SHA-256")
		}
	}
}

// rawFiles are the bundle's raw pages as [store.Store.RawFiles] lists them.
func (x *again) rawFiles() []store.EvidenceFile {
	var list []store.EvidenceFile
	for name := range x.sums {
		parts := strings.Split(name, "/")
		if len(parts) != 4 || parts[0] != "raw" {
			continue
		}
		project, err := url.PathUnescape(parts[2])
		if err != nil {
			continue
		}
		list = append(list, store.EvidenceFile{Path: strings.Join(parts[1:], "/"), Snapshot: parts[1], Project: project,
			Resource: strings.TrimSuffix(parts[3], ".ndjson.zst"), There: true})
	}
	slices.SortFunc(list, func(a, b store.EvidenceFile) int { return cmp.Compare(a.Path, b.Path) })
	return list
}
