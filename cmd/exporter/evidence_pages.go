package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"exporter/internal/store"
)

// pages compares the answers in the raw pages of a bundle with the hashes that its
// calls have of them, each of which stands for one. Under a mask answers are not those
// that were hashed.
func (x *again) pages(ctx context.Context) (err error) {
	if x.from.Mask != store.MaskFull {
		x.result.NotMadeAgain = append(x.result.NotMadeAgain, "hashes of the raw pages, which are those of the answers without the mask")
		return nil
	}
	sums, err := x.landedSums()
	if err != nil {
		x.differs("ledger/calls.csv", "cannot be read: %v", err)
		return nil
	}
	r, err := x.place().Open(ctx, filepath.Join(x.dir, "scratch"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for _, f := range x.rawFiles() {
		if f.Resource == "calls" || f.Resource == "walks" {
			continue
		}
		err := x.page(ctx, r, f, sums[landedFile{f.Snapshot, f.Project, f.Resource}])
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			x.differs("raw/"+f.Path, "%v", err)
		}
	}
	return nil
}

// page compares one file with the hashes of its answers. What an interrupted run
// landed and the one that took it up had no use for has no call, and no row.
func (x *again) page(ctx context.Context, r *store.Reader, file store.EvidenceFile, sums map[int64]string) (err error) {
	f, err := x.bundle.Open("data/raw/" + file.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	seen := map[int64]bool{}
	var uncalled []int64
	err = store.EachLanded(f, func(l store.Landed) error {
		sum := sha256.Sum256(l.Response)
		want, ok := sums[l.Line]
		switch got := hex.EncodeToString(sum[:]); {
		case seen[l.Line]:
			return fmt.Errorf("the answer %d is here twice", l.Line)
		case !ok:
			uncalled = append(uncalled, l.Line)
		case got != want:
			return fmt.Errorf("the answer has the SHA-256 %.12s, and ledger/calls.csv says %.12s", got, want)
		}
		seen[l.Line] = true
		delete(sums, l.Line)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	if len(sums) > 0 {
		return fmt.Errorf("answers of ledger/calls.csv are missing: %d, the first is %d",
			len(sums), slices.Min(slices.Collect(maps.Keys(sums))))
	}
	if len(uncalled) == 0 {
		return nil
	}
	n, err := r.RowsFrom(ctx, file, uncalled)
	if err == nil && n > 0 {
		err = fmt.Errorf("%s of the snapshot come from answers that ledger/calls.csv does not have, such as %d",
			plural(n, "row"), uncalled[0])
	}
	return err
}

// landedSums gives the SHA-256 of the answers as they landed, by their numbers.
func (x *again) landedSums() (_ map[landedFile]map[int64]string, err error) {
	f, err := x.bundle.Open("data/ledger/calls.csv")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sums := map[landedFile]map[int64]string{}
	err = eachLandedSum(f, func(of landedFile, line int64, sum string) {
		if sums[of] == nil {
			sums[of] = map[int64]string{}
		}
		sums[of][line] = strings.Clone(sum) // the text is a part of its record
	})
	return sums, err
}

// landedFile is what a raw page is of.
type landedFile struct{ snapshot, project, resource string }

// eachLandedSum calls each with the answers in a ledger of calls: which file each is
// in, its number there, and its SHA-256.
func eachLandedSum(calls io.Reader, each func(of landedFile, line int64, sum string)) error {
	r := csv.NewReader(calls)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return err
	}
	var at [5]int
	for i, name := range []string{"snapshot", "project", "resource", "line", "landed_sha256"} {
		if at[i] = slices.Index(header, name); at[i] < 0 {
			return fmt.Errorf("it has no column %s", name)
		}
	}
	for {
		c, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c[at[3]] == "" {
			continue
		}
		line, err := strconv.ParseInt(c[at[3]], 10, 64)
		if err != nil {
			return err
		}
		each(landedFile{c[at[0]], c[at[1]], c[at[2]]}, line, c[at[4]])
	}
}
