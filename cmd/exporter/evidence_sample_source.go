package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"exporter/internal/evidence"
	"exporter/internal/reports"
)

// sampleStore makes the csv of a report's section in dir.
func (a *app) sampleStore(ctx context.Context, s *auditSample, dir string,
	f *sampleFlags) (err error) {
	cfg, err := a.loadReports(ctx, false)
	if err != nil {
		return err
	}
	chosen, err := chooseReports(cfg.definitions, []string{f.report})
	if err != nil {
		return err
	}
	set, err := f.parameters()
	if err != nil {
		return err
	}
	if err := checkSet(chosen, set); err != nil {
		return err
	}
	states, err := f.openStates(ctx, cfg, chosen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, states.close()) }()
	run := &reportRun{cfg: cfg, log: a.log, flags: &f.reportFlags, states: states, set: set}
	report, err := run.run(ctx, chosen[0])
	if err != nil {
		return err
	}
	r := states[f.maskOf(chosen[0])].r
	s.Snapshot, s.AsOf, s.Mask = r.Snapshot(), r.AsOf().In(a.zone).Format(time.RFC3339Nano), r.Mask()
	outputs := map[string]reports.Output{}
	var names []string
	for _, o := range report.Outputs("csv", reports.Fonts{}) {
		outputs[o.Name] = o
		names = append(names, o.Name)
	}
	name, err := s.choose(names, f.section, chosen[0].SheetNames()[0])
	if err != nil {
		return err
	}
	s.CSV = filepath.Join(dir, name)
	if err := os.WriteFile(s.CSV, nil, 0o600); err != nil {
		return err
	}
	_, err = outputs[name].Write(ctx, s.CSV)
	return err
}

// choose chooses the csv of a section, of those of a report; first names the first
// one's sheet.
func (s *auditSample) choose(names []string, section, first string) (string, error) {
	word := strings.ReplaceAll(strings.ToLower(section), " ", "-")
	var sections []string
	for _, name := range names {
		have := strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(name, s.Report), ".csv"), ".")
		isFirst := have == "" && (section == "" || strings.EqualFold(section, first))
		if isFirst || have != "" && have == word {
			if s.Section = have; have == "" {
				s.Section = first
			}
			return name, nil
		}
		if have == "" {
			have = first
		}
		sections = append(sections, have)
	}
	return "", usage(fmt.Errorf("%s has no section %q", s.Report, section),
		didYouMean(reports.Nearest(word, sections), "its sections are "+strings.Join(sections, ", ")))
}

// fromBundle takes the csv of a report's section out of a bundle, to dir.
func (s *auditSample) fromBundle(ctx context.Context, bundle, dir string,
	f *sampleFlags) (err error) {
	b, err := evidence.Open(bundle)
	if err != nil {
		return explainBundle(err)
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	info := b.Info()
	s.Snapshot, s.AsOf, s.Mask = info.Value("Snapshot"), info.Value("As-Of"), info.Value("Mask")
	var names, known []string
	for _, x := range b.Manifest() {
		folder, name := path.Split(x.Path)
		report, ok := strings.CutPrefix(path.Clean(folder), "data/reports/")
		if !ok || path.Ext(name) != ".csv" || strings.HasSuffix(name, ".excel.csv") {
			continue
		}
		if known = append(known, report); report == f.report {
			names = append(names, name)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	has := "the bundle has " + strings.Join(known, ", ")
	if f.report == "" {
		return usage(errNoReport, has)
	}
	if len(names) == 0 {
		return usage(fmt.Errorf("the bundle has no csv of a report %q", f.report), didYouMean(reports.Nearest(f.report, known), has))
	}
	first := f.report
	if d, err := bundleDefinition(b, "data/"+definitionPath(f.report), f.report); err == nil && len(d.Sections) > 0 {
		first = d.SheetNames()[0]
	}
	name, err := s.choose(names, f.section, first)
	if err != nil {
		return err
	}
	name = path.Join("data/reports", f.report, name)
	s.CSV = filepath.Join(dir, filepath.FromSlash(name))
	if err := b.Extract(ctx, dir, func(x string) bool { return x == name }); err != nil {
		return explainBundle(err)
	}
	return nil
}
