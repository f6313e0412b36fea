package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"exporter/internal/evidence"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// fill writes the payload.
func (b *bundle) fill(ctx context.Context, chosen []reports.Definition, fonts reports.Fonts, mask string) error {
	p := b.plan
	place, err := b.st.Place(ctx, store.ReadOptions{Snapshot: p.snapshot, Project: p.project, Timezone: b.cfg.Store.Timezone,
		Mask: mask, Masking: b.app.sayMasking})
	if err != nil {
		return err
	}
	if own, _, _ := strings.Cut(filepath.Base(place.File), "."); own != p.snapshot {
		b.laterFile = own
	}
	var masker *store.PageMasker
	if mask != store.MaskFull {
		if masker, err = b.st.PageMasker(ctx, p.snapshot, mask); err != nil {
			return err
		}
		b.mask = masker.Journal
	}
	b.from = madeFrom{ProgramVersion: version, Snapshot: p.snapshot, AsOf: place.AsOf.UTC(), Since: p.since, Project: p.project,
		Timezone: place.Timezone, Mask: mask, Days: len(p.days(place.AsOf)), Fonts: fonts.Sums(), Sealed: b.log.sealed(p.snapshot, p.project)}
	for _, d := range chosen {
		b.from.Reports = append(b.from.Reports, d.Name)
	}
	if b.from.Sealed == nil {
		fmt.Fprintf(b.app.stderr, "snapshot %s is not sealed: no line of the journal names it; the next collection adds it\n", p.snapshot)
	}
	if place.File, err = b.copySnapshot(ctx, place.File); err != nil {
		return err
	}
	if err := b.copyRaw(ctx, masker); err != nil {
		return err
	}
	if err := b.perform(ctx, chosen, fonts, place.File); err != nil {
		return err
	}
	if err := b.writeJournal(); err != nil {
		return err
	}
	if err := b.copyWitness(); err != nil {
		return err
	}
	if b.example, err = b.findExample(ctx, place); err != nil {
		return err
	}
	tables, err := store.Tables(ctx)
	if err != nil {
		return err
	}
	if err := b.w.WriteFunc(schemaName, func(w io.Writer) error { return b.writeSchema(w, tables) }); err != nil {
		return err
	}
	// The names of people stand in no path; what was made from what is told last.
	err = b.w.WriteFunc("made_from.json", func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(b.from)
	})
	if err != nil {
		return err
	}
	return b.w.WriteFunc(readmeName, b.readme)
}

// copySnapshot copies the snapshot, which may be of many gigabytes, and returns where
// the copy is: from it all else is made, whatever is pruned meanwhile.
func (b *bundle) copySnapshot(ctx context.Context, file string) (string, error) {
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", &hintError{err, hintMeanwhile}
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	path := snapshotFile(b.plan.snapshot)
	b.bars.start("snapshot", info.Size(), true)
	if err := b.w.Write(path, b.bars.read("snapshot", readWhile(ctx, f))); err != nil {
		return "", err
	}
	b.bars.finish("snapshot")
	made, err := b.w.Open(path)
	if err != nil {
		return "", err
	}
	return made.Name(), made.Close()
}

// snapshotFile is the path of a bundle's snapshot below data/.
func snapshotFile(id string) string { return "snapshot/" + id + ".duckdb" }

// definitionPath is the path of a definition below data/.
func definitionPath(report string) string {
	return evidence.SafePath("definitions/" + report + ".yaml")
}

// writeDefinitions writes the definitions of reports.
func (b *bundle) writeDefinitions(chosen []reports.Definition) error {
	for _, d := range chosen {
		text, err := yaml.MarshalWithOptions(d, yaml.OmitEmpty(), yaml.UseLiteralStyleIfMultiline(true))
		if err != nil {
			return fmt.Errorf("definition of %s: %w", d.Name, err)
		}
		if err := b.w.Write(definitionPath(d.Name), strings.NewReader(string(text))); err != nil {
			return err
		}
	}
	return nil
}

// perform writes the definitions and queries, and makes from them what they say.
func (b *bundle) perform(ctx context.Context, chosen []reports.Definition, fonts reports.Fonts, file string) (err error) {
	if err := b.writeDefinitions(chosen); err != nil {
		return err
	}
	texts, err := b.writeQueries(chosen)
	if err != nil {
		return err
	}
	scratch, err := b.w.Scratch()
	if err != nil {
		return err
	}
	queryDir := filepath.Join(scratch, "queries")
	if err := writeTexts(queryDir, texts); err != nil {
		return err
	}
	x := &performance{from: b.from, definitions: chosen, queryDir: queryDir, fonts: fonts, made: b.addReport,
		file: func(path string) (string, error) {
			name, err := b.w.Path(path)
			if err == nil {
				err = emptyFile(name)
			}
			return name, err
		},
		done: func(path string, rows int64) error {
			b.mu.Lock()
			b.rows[path] = rows
			b.mu.Unlock()
			return b.w.Added(path)
		},
		ended: func(what string) { b.bars.add(what, 1) },
	}
	b.bars.start(jobReports, int64(len(chosen)), false)
	b.bars.start(jobTables, int64(len(bundleTables())), false)
	if err := x.open(ctx, file, scratch); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.close()) }()
	if err := b.plan.judge(ctx, x.r, b.from); err != nil {
		return err
	}
	if err := x.run(ctx); err != nil {
		return err
	}
	b.bars.finish(jobReports)
	b.bars.finish(jobTables)
	b.sortMade(b.from.Reports)
	return nil
}

// writeQueries writes the text of every query, and returns them by name.
func (b *bundle) writeQueries(chosen []reports.Definition) (map[string]string, error) {
	texts := map[string]string{}
	for _, d := range chosen {
		for _, name := range d.Queries() {
			text, err := reports.QueryText(b.cfg.queryDir(), name)
			if err != nil {
				return nil, err
			}
			texts[name] = text
		}
	}
	for _, t := range bundleTables() {
		texts[t.query] = t.text
		if t.text == "" {
			text, err := reports.QueryText("", t.query)
			if err != nil {
				return nil, err
			}
			texts[t.query] = text
		}
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if err := b.w.Write(queryPath(name), strings.NewReader(texts[name])); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// queryPath is the path of a query below data/.
func queryPath(name string) string { return evidence.SafePath("queries/" + name) }

// writeTexts writes texts to files of a new folder.
func writeTexts(dir string, texts map[string]string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// writeJournal writes the journal and the ledgers made of it.
func (b *bundle) writeJournal() error {
	if err := b.w.WriteFunc("journal.ndjson", func(w io.Writer) error { return b.log.write(w, b.mask) }); err != nil {
		return err
	}
	for _, l := range journalLedgers {
		path := "ledger/" + l.name + ".csv"
		err := b.w.WriteFunc(path, func(w io.Writer) (err error) {
			b.rows[path], err = b.log.ledger(w, l.kinds, b.plan.period, b.mask)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// copyWitness copies the logs of collections that somebody watched.
func (b *bundle) copyWitness() error {
	dir := filepath.Join(b.st.Dir(), "witness")
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	within := map[string]bool{}
	for _, x := range b.raw {
		within[x.Snapshot] = true
	}
	for _, e := range entries {
		if !within[strings.TrimSuffix(e.Name(), ".txt")] {
			continue
		}
		if err := b.w.Copy("witness/"+e.Name(), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
		b.watched = true
	}
	for _, f := range b.w.Files() {
		name, ok := strings.CutPrefix(f.Path, "data/witness/")
		if ok && !b.log.witnessed(strings.TrimSuffix(name, ".txt"), f.SHA256) {
			return &hintError{&store.Damaged{Path: "witness/" + name, Problem: "no line of the journal has its SHA-256"}, hintDamaged}
		}
	}
	return nil
}

// schemaName is the path below data/ of what says what the columns are.
const schemaName = "population/schema.json"

// writeSchema says what the columns of the populations are.
func (b *bundle) writeSchema(w io.Writer, tables []store.Table) error {
	type column struct {
		Name    string `json:"name"`
		Type    string `json:"type"`
		Meaning string `json:"meaning"`
	}
	type table struct {
		File    string   `json:"file"`
		Meaning string   `json:"meaning"`
		Rows    int64    `json:"rows"`
		Columns []column `json:"columns"`
	}
	var list []table
	for _, t := range bundleTables() {
		folder, name := filepath.Split(t.path)
		i := slices.IndexFunc(tables, func(x store.Table) bool { return x.Name == name })
		if folder != "population/" || i < 0 {
			continue
		}
		x := table{File: t.path, Meaning: tables[i].Comment, Rows: b.rows[t.path+".csv"]}
		for _, c := range tables[i].Columns {
			x.Columns = append(x.Columns, column{c.Name, c.Type, c.Comment})
		}
		list = append(list, x)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(list)
}
