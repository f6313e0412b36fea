package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"exporter/internal/store"
)

// verifyStore verifies what the bundle has of the store as the store verifies itself: the
// digests that the journal sealed from the rows, the answers by their hashes, and the
// rows from the answers. Under a mask these are not the rows, and not the answers,
// that were sealed.
func (x *again) verifyStore(ctx context.Context) error {
	if x.from.Mask != store.MaskFull {
		x.result.NotMadeAgain = append(x.result.NotMadeAgain,
			"the rows from the answers, the answers' hashes and the snapshot's digest: all three are of what is not masked")
		return nil
	}
	dir := filepath.Join(x.dir, "store")
	file := filepath.Join(dir, "snapshots", x.from.Snapshot+".duckdb")
	err := errors.Join(
		os.MkdirAll(filepath.Dir(file), 0o700),
		os.Rename(filepath.Join(x.dir, "data", snapshotFile(x.from.Snapshot)), file),
		os.Chmod(file, 0o444),
		x.bundle.Extract(ctx, x.dir, func(name string) bool {
			return strings.HasPrefix(name, "data/raw/") && filepath.Base(name) != "calls.ndjson.zst"
		}),
	)
	if err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(x.dir, "data", "raw"), filepath.Join(dir, "raw")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	st, err := store.Open(dir)
	if err != nil {
		return err
	}
	v, err := st.Verify(ctx, store.VerifyOptions{Journal: x.journal.facts()})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		x.differs(snapshotFile(x.from.Snapshot), "cannot be verified: %v", err)
		return nil
	}
	for _, f := range v.Differences {
		// A bundle has one snapshot's file, and the answers of its period.
		_, sealed := x.sums[f.Name]
		if !sealed && (f.Name == "snapshots" || strings.HasPrefix(f.Problem, "is missing")) {
			continue
		}
		if part, ok := strings.CutPrefix(f.Name, "snapshots/"+filepath.Base(file)); ok {
			f.Name, f.Problem = snapshotFile(x.from.Snapshot), strings.TrimPrefix(part+" "+f.Problem, ": ")
		}
		x.differs(f.Name, "%s", strings.TrimSpace(f.Problem))
	}
	x.result.Digests, x.result.Pages, x.result.Rows = v.Digests, v.Pages, v.Rows
	return nil
}

// facts is what the journal says of the store.
func (j *bundleJournal) facts() *store.JournalFacts {
	f := newFacts()
	for _, e := range j.entries {
		addFact(f, e)
	}
	return f
}
