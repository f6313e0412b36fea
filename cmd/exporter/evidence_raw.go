package main

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"exporter/internal/store"
)

// rawHeader is the first line of the ledger of files. In gone is why, or nothing.
var rawHeader = []string{"path", "snapshot", "project", "resource", "rows", "original_sha256", "gone"}

// copyRaw copies the cloud's answers, masked where there is a mask, and writes the
// ledgers of calls and of files, with those that are gone.
func (b *bundle) copyRaw(ctx context.Context, masker *store.PageMasker) error {
	var err error
	last := b.plan.end().Add(-time.Microsecond) // the store's times have no finer ones
	if b.raw, err = b.st.RawFiles(ctx, b.plan.start(), last, b.plan.snapshot, b.plan.project); err != nil {
		return err
	}
	var there []store.EvidenceFile
	for _, x := range b.raw {
		if x.There {
			there = append(there, x)
		}
	}
	err = sideBySide(ctx, runtime.GOMAXPROCS(0), there, func(ctx context.Context, x store.EvidenceFile) error {
		if err := b.copyRawFile(ctx, x, masker); err != nil {
			return fmt.Errorf("raw pages %s: %w", x.Path, err)
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return &hintError{err, "a prune or a purge removed it meanwhile: run again"}
	} else if err != nil {
		return err
	}
	if err := b.w.WriteFunc("ledger/calls.csv", func(w io.Writer) error { return b.st.WriteCalls(ctx, there, masker, w) }); err != nil {
		return err
	}
	return b.w.WriteFunc(rawLedger, b.writeRawLedger)
}

// rawLedger is the path below data/ of the ledger of files.
const rawLedger = "ledger/raw_files.csv"

func (b *bundle) writeRawLedger(w io.Writer) error {
	lines := [][]string{rawHeader}
	for _, x := range b.raw {
		gone := ""
		if !x.There {
			gone = b.log.whyGone(x)
		}
		lines = append(lines, []string{"data/raw/" + x.Path, x.Snapshot, x.Project, x.Resource, fmt.Sprint(x.Rows), b.originals[x.Path], gone})
	}
	b.rows[rawLedger] = int64(len(b.raw))
	return csv.NewWriter(w).WriteAll(lines)
}

// copyRawFile copies a file, masked where there is a mask, and keeps the SHA-256 of
// the original.
func (b *bundle) copyRawFile(ctx context.Context, x store.EvidenceFile, masker *store.PageMasker) error {
	from := filepath.Join(b.st.Dir(), "raw", filepath.FromSlash(x.Path))
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	original := io.TeeReader(readWhile(ctx, f), h)
	err = b.w.WriteFunc("raw/"+x.Path, func(w io.Writer) error {
		if masker != nil {
			if err := masker.Mask(ctx, x, original, w); err != nil {
				return err
			}
			w = io.Discard // what is left of the file is none of its lines
		}
		_, err := io.Copy(w, original)
		return err
	})
	if err != nil {
		return err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	if masker != nil {
		sum = masker.Hash(sum, x.Rows)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.originals[x.Path] = sum
	return nil
}

// whyGone is the journal's reason for a raw file that is not there: it names files, or
// the folder that they were in.
func (j *bundleJournal) whyGone(x store.EvidenceFile) string {
	for path := filepath.Join("raw", filepath.FromSlash(x.Path)); path != "."; path = filepath.Dir(path) {
		if why, ok := j.facts.Removed[path]; ok {
			return why
		}
	}
	return "nothing says why"
}

// rawWords says how much of the raw pages there is.
func rawWords(list []store.EvidenceFile) string {
	gone, rows := 0, int64(0)
	for _, x := range list {
		if !x.There {
			gone++
			rows += x.Rows
		}
	}
	if gone == 0 {
		return fmt.Sprintf("all %s", plural(int64(len(list)), "file"))
	}
	return fmt.Sprintf("%s of %s gone, with %s: ledger/raw_files.csv", count(int64(gone)), plural(int64(len(list)), "file"), plural(rows, "row"))
}
