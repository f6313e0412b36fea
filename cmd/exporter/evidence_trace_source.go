package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"exporter/internal/evidence"
	"exporter/internal/journal"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// traceSource is where a report is traced: the configured store, or a bundle.
type traceSource struct {
	root        string // has raw/ in it, as a store's folder has
	journal     string // path
	bundle      string // folder of the bundle, "" in a store
	info        evidence.Info
	zone        *time.Location
	manifest    map[string]string // SHA-256, by path in the bundle
	cfg         *config           // nil in a bundle
	config      string            // its path as it was given
	masking     func(snapshot string)
	definitions []reports.Definition
	table       string // of a bundle whose row is traced: population/permissions; "" for a report's

	reader *store.Reader
	work   string // folder for the time being, which done removes
	done   func() error
	store  *store.Store
	masker *store.PageMasker // nil where pages are shown as they are

	log   *bundleJournal
	named map[int64]bool // lines of the journal that the trace names
}

// traceSource finds where a file is traced: in the bundle that it is in, else in
// the configured store.
func (a *app) traceSource(file string) (*traceSource, error) {
	s := &traceSource{zone: a.zone, masking: a.sayMasking, named: map[int64]bool{}, manifest: map[string]string{}}
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if s.bundle = bundleAbove(absolute); s.bundle != "" {
		err = s.ofBundle()
	} else {
		err = s.ofStore(a)
	}
	if err == nil {
		err = s.readJournal()
	}
	return s, err
}

// bundleAbove is the folder of the bundle that a file is in; "" where it is in none.
func bundleAbove(file string) string {
	for dir := filepath.Dir(file); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "bagit.txt")); err == nil {
			return dir
		}
	}
	return ""
}

func (s *traceSource) ofStore(a *app) (err error) {
	if s.cfg, err = a.loadConfig(false); err != nil {
		return err
	}
	s.config, s.zone = a.configPath, s.cfg.zone
	s.root, s.journal, s.definitions = s.cfg.Store.Dir, s.cfg.journalPath(), s.cfg.definitions
	return nil
}

func (s *traceSource) ofBundle() (err error) {
	b, err := evidence.Open(s.bundle)
	if err != nil {
		return explainBundle(err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	s.info = b.Info()
	for _, f := range b.Manifest() {
		s.manifest[f.Path] = f.SHA256
		if name, ok := strings.CutPrefix(f.Path, "data/definitions/"); ok {
			d, err := bundleDefinition(b, f.Path, strings.TrimSuffix(name, ".yaml"))
			if err != nil {
				return &exitError{exitMismatch, &hintError{fmt.Errorf("%s: %w", f.Path, err),
					"exporter evidence verify says what is wrong"}}
			}
			s.definitions = append(s.definitions, d)
		}
	}
	if zone, err := time.LoadLocation(s.info.Value("Timezone")); err == nil {
		s.zone = zone
	}
	s.root = filepath.Join(s.bundle, "data")
	s.journal = filepath.Join(s.root, "journal.ndjson")
	return nil
}

func (s *traceSource) close() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.Close())
	}
	if s.done != nil {
		errs = append(errs, s.done())
	}
	return errors.Join(errs...)
}

// keyOf are the columns that name a row of a report's sheet.
func (s *traceSource) keyOf(report, sheet string) []string {
	for _, d := range s.definitions {
		if d.Name == report {
			return d.KeyOf(sheet)
		}
	}
	return nil
}

// keysOf are the columns that name a row of a report's sections.
func (s *traceSource) keysOf(report string) (keys [][]string) {
	for _, d := range s.definitions {
		for _, x := range d.Sections {
			if d.Name == report && len(x.Key) > 0 && !slices.ContainsFunc(keys, func(k []string) bool { return slices.Equal(k, x.Key) }) {
				keys = append(keys, x.Key)
			}
		}
	}
	return keys
}

// readJournal reads the journal as it is. Whether its chain holds is not looked at.
func (s *traceSource) readJournal() (err error) {
	f, err := os.Open(s.journal)
	if errors.Is(err, fs.ErrNotExist) {
		s.log = &bundleJournal{}
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if s.log, err = parseBundleJournal(f); err != nil {
		return &exitError{exitMismatch, &hintError{err,
			"exporter snapshots verify, or evidence verify of a bundle, names all that differs"}}
	}
	return nil
}

// madeFile is what the journal says of a report's files.
type madeFile struct {
	Report   string            `json:"report"`
	Snapshot string            `json:"snapshot"`
	AsOf     time.Time         `json:"as_of"`
	Mask     string            `json:"mask"`
	Files    map[string]string `json:"files"` // SHA-256, by path
}

// madeBy finds the last line of the journal that names a report's file of a SHA-256.
func (s *traceSource) madeBy(sum string) (e journal.Entry, m madeFile, found bool) {
	for _, e := range slices.Backward(s.log.entries) {
		var m madeFile
		if e.Kind == "report" && json.Unmarshal(e.Detail, &m) == nil &&
			slices.Contains(slices.Collect(maps.Values(m.Files)), sum) {
			return e, m, true
		}
	}
	return e, m, false
}

// removedBy finds the line of the journal that says that a file was removed.
func (s *traceSource) removedBy(file string) (e journal.Entry, found bool) {
	for _, e := range s.log.entries {
		var removed struct{ Files []store.File }
		if (e.Kind == "prune" || e.Kind == "purge") && json.Unmarshal(e.Detail, &removed) == nil &&
			slices.ContainsFunc(removed.Files, func(f store.File) bool { return filepath.ToSlash(f.Path) == file }) {
			return e, true
		}
	}
	return e, false
}

// known says whether the file is as it was made: the bundle's manifest has it, or
// the journal. Of a csv it is told what it was made from too.
func (s *traceSource) known(t *traced) error {
	if s.bundle != "" {
		return s.inManifest(t)
	}
	e, m, ok := s.madeBy(t.SHA256)
	if !ok {
		t.KnownBy = "no line of the journal has its SHA-256: it was changed after it was made, " +
			"or made by another store; what follows is what it shows now"
		return nil
	}
	t.Known, t.KnownBy = true, fmt.Sprintf("as made, by line %d of the journal of %s", e.Seq, e.At.UTC().Format(time.RFC3339))
	t.Report, t.Snapshot = m.Report, m.Snapshot
	t.AsOf, t.Mask = m.AsOf.Format(time.RFC3339), cmp.Or(m.Mask, store.MaskFull)
	return nil
}

func (s *traceSource) inManifest(t *traced) error {
	absolute, err := filepath.Abs(t.File)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(s.bundle, absolute)
	if err != nil {
		return err
	}
	problem := ""
	switch sum, listed := s.manifest[filepath.ToSlash(name)]; {
	case !listed:
		problem = "the bundle's manifest has no such file: it was added after the bundle was sealed"
	case sum != t.SHA256:
		problem = "the bundle's manifest has another SHA-256 for it: it was changed after the bundle was sealed"
	}
	t.Known, t.KnownBy = problem == "", "as the bundle's manifest has it"
	if !t.Known {
		t.KnownBy = problem + "; what follows is what it shows now"
		t.lack("%s: %s", filepath.ToSlash(name), problem)
	}
	t.Snapshot = s.info.Value("Snapshot")
	if folder, file := path.Split(filepath.ToSlash(name)); folder == "data/population/" || folder == "data/ledger/" {
		s.table = strings.TrimPrefix(folder, "data/") + strings.TrimSuffix(file, ".csv")
	} else {
		t.Report = path.Base(folder)
	}
	t.AsOf, t.Mask = s.info.Value("As-Of"), cmp.Or(s.info.Value("Mask"), store.MaskFull)
	return nil
}

// open opens the snapshot in the mask of the report.
func (s *traceSource) open(ctx context.Context, t *traced) (err error) {
	if !slices.Contains(store.Masks, t.Mask) {
		return fmt.Errorf("%s: unknown mask %q", t.File, t.Mask)
	}
	if s.work, s.done, err = workFolder(); err != nil {
		return err
	}
	if s.bundle != "" {
		return s.openBundle(ctx, t)
	}
	f := readFlags{snapshot: t.Snapshot, mask: t.Mask, masking: s.masking}
	if s.reader, err = f.open(ctx, s.cfg); err != nil || t.Mask == store.MaskFull {
		return err
	}
	if s.store, err = openStore(s.cfg); err == nil {
		s.masker, err = s.store.PageMasker(ctx, t.Snapshot, t.Mask)
	}
	return err
}

func (s *traceSource) openBundle(ctx context.Context, t *traced) (err error) {
	if t.Snapshot != s.info.Value("Snapshot") {
		return usage(fmt.Errorf("%s is of snapshot %s, the bundle of %s", t.File, t.Snapshot,
			s.info.Value("Snapshot")), "trace a file of data/reports")
	}
	place := store.Place{File: filepath.Join(s.root, "snapshot", t.Snapshot+".duckdb"),
		Snapshot: t.Snapshot,
		Timezone: cmp.Or(s.info.Value("Timezone"), "UTC"), Mask: t.Mask}
	if _, err := os.Stat(place.File); err != nil {
		return &exitError{exitMismatch, err}
	}
	s.reader, err = place.Open(ctx, s.work)
	if errors.Is(err, store.ErrDamaged) { // its hint is for a store
		return &exitError{exitMismatch, &hintError{errors.New(err.Error()), "exporter evidence verify says what is wrong"}}
	}
	return err
}

// masked reads the page of a source from a masked copy of its file.
func (s *traceSource) masked(ctx context.Context, source store.Source) (_ store.Page, err error) {
	name := store.RawPath(source.Landed, source.Project, source.Table)
	to := filepath.Join(s.work, filepath.FromSlash(name))
	if _, err := os.Stat(to); err == nil {
		return source.Page(s.work, nil)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return store.Page{}, err
	}
	out, err := os.Create(to)
	if err != nil {
		return store.Page{}, err
	}
	in, err := os.Open(filepath.Join(s.root, filepath.FromSlash(name)))
	if err != nil {
		return store.Page{}, errors.Join(err, out.Close())
	}
	file := store.EvidenceFile{Path: strings.TrimPrefix(name, "raw/"), Snapshot: source.Landed,
		Project: source.Project, Resource: source.Table, There: true}
	if err := errors.Join(s.masker.Mask(ctx, file, in, out), in.Close(), out.Close()); err != nil {
		return store.Page{}, err
	}
	return source.Page(s.work, nil)
}

// safe is how paths of the store are named here, nil for as they are.
func (s *traceSource) safe() func(string) string {
	if s.bundle == "" {
		return nil
	}
	return evidence.SafePath
}

// sealed says which line of the journal names a snapshot: of one project, or where it
// is "" of all, as [bundleJournal.sealed] has it.
func (s *traceSource) sealed(snapshot, project string) string {
	by := s.log.sealed(snapshot, project)
	if by == nil {
		return ""
	}
	s.named[by.Line] = true
	return fmt.Sprintf("line %d of the journal, SHA-256 %s", by.Line, by.SHA256)
}
