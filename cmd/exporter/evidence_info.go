package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"exporter/internal/store"
)

// told compares what bag-info.txt tells with what the outputs were made from.
func (x *again) told() {
	f := x.from
	x.differsInfo("Snapshot", f.Snapshot)
	x.differsInfo("As-Of", f.AsOf.UTC().Format(time.RFC3339))
	x.differsInfo("Since", f.Since)
	x.differsInfo("Mask", f.Mask)
	x.differsInfo("Project", f.Project)
	x.differsInfo("Timezone", f.Timezone)
	if days := len(x.period.days(f.AsOf)); days != f.Days {
		x.differs("made_from.json", "days is %d, and the period has %d up to its snapshot", f.Days, days)
	}
	list, err := x.listedRaw()
	if err != nil {
		x.differs("ledger/raw_files.csv", "cannot be read: %v", err)
		return
	}
	x.differsInfo("Raw-Pages", rawWords(list))
	there := slices.DeleteFunc(slices.Clone(list), func(r store.EvidenceFile) bool { return !r.There })
	byPath := func(a, b store.EvidenceFile) int { return strings.Compare(a.Path, b.Path) }
	slices.SortFunc(there, byPath)
	if !slices.EqualFunc(there, x.rawFiles(), func(a, b store.EvidenceFile) bool { return byPath(a, b) == 0 }) {
		x.differs("ledger/raw_files.csv", "the files that it has as there are not those of data/raw")
	}
}

// listedRaw are the raw pages, with those that are gone, as ledger/raw_files.csv has
// them.
func (x *again) listedRaw() ([]store.EvidenceFile, error) {
	f, err := x.bundle.Open("data/ledger/raw_files.csv")
	if err != nil {
		return nil, err
	}
	lines, err := csv.NewReader(f).ReadAll()
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(lines) == 0 || !slices.Equal(lines[0], rawHeader) {
		return nil, errors.New("its first line is another")
	}
	var list []store.EvidenceFile
	for i, l := range lines[1:] {
		rows, err := strconv.ParseInt(l[4], 10, 64)
		path, ok := strings.CutPrefix(l[0], "data/raw/")
		if err != nil || !ok || !fs.ValidPath(path) {
			return nil, fmt.Errorf("line %d", i+2)
		}
		list = append(list, store.EvidenceFile{Path: path, Rows: rows, There: l[6] == ""})
	}
	return list, nil
}

// judged finds the days without a whole snapshot again, and what the verdict is.
func (x *again) judged(ctx context.Context, r *store.Reader) error {
	run, err := time.Parse(runLayout, x.result.Info["Run"])
	if err != nil {
		return err
	}
	// The verdict is of the time when the making began, Run that of its end: it may
	// be the day before.
	var p *evidencePlan
	for _, today := range []time.Time{run.AddDate(0, 0, -1), run} {
		p = &evidencePlan{period: x.period, snapshot: x.from.Snapshot, today: today}
		if err := p.judge(ctx, r, x.from); err != nil {
			return err
		}
		if p.words() == x.result.Info["Verdict"] {
			break
		}
	}
	x.differsInfo("Verdict", p.words())
	x.differsInfo("Missing-Days", p.missingDays())
	return nil
}
