package main

import (
	"context"
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
	file := x.snapshotPath()
	st, err := store.Open(x.at())
	if err != nil {
		return err
	}
	v, err := st.Verify(ctx, store.VerifyOptions{Journal: x.log.facts, Progress: func(done, total int) {
		x.far(bundleStep{jobAnswers, int64(done), int64(total)})
	}})
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
		if strings.HasPrefix(filepath.ToSlash(f.Name), "raw/") {
			x.result.RowsFound++
		} else {
			x.result.DigestsFound++
		}
		if part, ok := strings.CutPrefix(f.Name, "snapshots/"+filepath.Base(file)); ok {
			f.Name, f.Problem = snapshotFile(x.from.Snapshot), strings.TrimPrefix(part+" "+f.Problem, ": ")
		}
		x.differs(f.Name, "%s", strings.TrimSpace(f.Problem))
	}
	x.result.Digests, x.result.Pages, x.result.Rows = v.Digests, v.Pages, v.Rows
	return nil
}
