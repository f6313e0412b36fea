package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"exporter/internal/store"
)

// pages compares the answers in the raw pages of a bundle with the hashes that its
// calls have of them. Under a mask answers are not those that were hashed.
func (x *again) pages(ctx context.Context) error {
	if x.from.Mask != store.MaskFull {
		x.result.NotMadeAgain = append(x.result.NotMadeAgain, "hashes of the raw pages, which are those of the answers without the mask")
		return nil
	}
	sums, err := x.landedSums()
	if err != nil {
		x.differs("ledger/calls.csv", "cannot be read: %v", err)
		return nil
	}
	for _, f := range x.rawFiles() {
		if f.Resource == "calls" || f.Resource == "walks" {
			continue
		}
		err := x.page(ctx, f, sums)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			x.differs("raw/"+f.Path, "%v", err)
		}
	}
	return nil
}

// landedLine names a line of a raw page.
type landedLine struct{ snapshot, project, resource, line string }

// landedSums gives the SHA-256 of each answer as it landed.
func (x *again) landedSums() (_ map[landedLine]string, err error) {
	f, err := x.bundle.Open("data/ledger/calls.csv")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := csv.NewReader(f)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, name := range header {
		at[name] = i
	}
	sums := map[landedLine]string{}
	for {
		c, err := r.Read()
		if errors.Is(err, io.EOF) {
			return sums, nil
		}
		if err != nil {
			return nil, err
		}
		if line := c[at["line"]]; line != "" {
			sums[landedLine{c[at["snapshot"]], c[at["project"]], c[at["resource"]], line}] = c[at["landed_sha256"]]
		}
	}
}

// page compares one file.
func (x *again) page(ctx context.Context, file store.EvidenceFile, sums map[landedLine]string) (err error) {
	f, err := x.bundle.Open("data/raw/" + file.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return store.EachLanded(f, func(l store.Landed) error {
		sum := sha256.Sum256(l.Response)
		want, ok := sums[landedLine{file.Snapshot, file.Project, file.Resource, fmt.Sprint(l.Line)}]
		if got := hex.EncodeToString(sum[:]); !ok || got != want {
			return fmt.Errorf("the answer has the SHA-256 %.12s, and ledger/calls.csv says %.12s", got, cmp.Or(want, "nothing"))
		}
		return ctx.Err()
	})
}
