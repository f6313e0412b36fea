package main

import (
	"bytes"
	"cmp"
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

	"exporter/internal/store"
)

// rawHeader is the first line of the ledger of files. In gone is why, or nothing.
var rawHeader = []string{"path", "snapshot", "project", "resource", "rows", "original_sha256", "gone"}

const (
	hintMeanwhile = "a prune or a purge removed it meanwhile: run again"
	hintDamaged   = "restore it from a backup: exporter snapshots verify names all that differs; where there is none, move it out of raw: the bundle then says that it is gone"
)

// copyRaw copies the cloud's answers, masked where there is a mask, and writes the
// ledgers of calls and of files, with those that are gone.
func (b *bundle) copyRaw(ctx context.Context, masker *store.PageMasker) error {
	var err error
	if b.raw, err = b.st.RawFiles(ctx, b.plan.start(), b.plan.end(), b.plan.snapshot, b.plan.project); err != nil {
		return err
	}
	var there []store.EvidenceFile
	var total int64
	for _, x := range b.raw {
		if !x.There {
			continue
		}
		info, err := os.Stat(b.rawPath(x))
		if err != nil {
			return explainRaw(err)
		}
		there, total = append(there, x), total+info.Size()
	}
	b.bars.start("raw pages", total, true)
	checker := b.st.RawChecker()
	err = sideBySide(ctx, runtime.GOMAXPROCS(0), there, func(ctx context.Context, x store.EvidenceFile) error {
		return b.copyRawFile(ctx, x, masker, checker)
	})
	if err != nil {
		return explainRaw(err)
	}
	if err := b.w.WriteFunc(callsLedger, func(w io.Writer) error { return b.writeCalls(ctx, b.st, there, masker, w) }); err != nil {
		return explainRaw(err)
	}
	b.bars.finish("raw pages")
	if err := b.goneMeanwhile(); err != nil {
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
			gone = cmp.Or(b.log.whyGone(x), "nothing says why")
		}
		lines = append(lines, []string{"data/raw/" + x.Path, x.Snapshot, x.Project, x.Resource, fmt.Sprint(x.Rows), b.originals[x.Path], gone})
	}
	b.rows[rawLedger] = int64(len(b.raw))
	return csv.NewWriter(w).WriteAll(lines)
}

// callsLedger is the path below data/ of the ledger of calls.
const callsLedger = "ledger/calls.csv"

// writeCalls writes the ledger of calls, none of which holds a line break.
func (b *bundle) writeCalls(ctx context.Context, st *store.Store, files []store.EvidenceFile, masker *store.PageMasker, w io.Writer) error {
	lines := int64(0)
	err := st.WriteCalls(ctx, files, masker, writerFunc(func(p []byte) (int, error) {
		lines += int64(bytes.Count(p, []byte("\n")))
		return w.Write(p)
	}))
	b.rows[callsLedger] = max(0, lines-1)
	return err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// explainRaw adds what a person can do to the error of a raw file.
func explainRaw(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return &hintError{err, hintMeanwhile}
	}
	if errors.Is(err, os.ErrPermission) {
		return &hintError{err, "the store's files must be readable for this account"}
	}
	if _, ok := errors.AsType[*store.Damaged](err); ok {
		return &hintError{err, hintDamaged}
	}
	return err
}

func (b *bundle) rawPath(x store.EvidenceFile) string {
	return filepath.Join(b.st.Dir(), "raw", filepath.FromSlash(x.Path))
}

// copyRawFile copies a file, masked where there is a mask, keeps the SHA-256 of the
// original, and compares what it reads with what landed.
func (b *bundle) copyRawFile(ctx context.Context, x store.EvidenceFile, masker *store.PageMasker, checker *store.RawChecker) error {
	f, err := os.Open(b.rawPath(x))
	if err != nil {
		return err
	}
	defer f.Close()
	passing, copied := io.Pipe()
	checked := make(chan error, 1)
	go func() {
		err := checker.Check(ctx, x, passing)
		passing.CloseWithError(err)
		checked <- err
	}()
	h := sha256.New()
	original := io.TeeReader(b.bars.read("raw pages", readWhile(ctx, f)), io.MultiWriter(h, copied))
	err = b.w.WriteFunc("raw/"+x.Path, func(w io.Writer) error {
		if masker != nil {
			return masker.Mask(ctx, x, original, w)
		}
		_, err := io.Copy(w, original)
		return err
	})
	_, rest := io.Copy(io.Discard, original) // what the mask or an error has left is checked too
	copied.CloseWithError(rest)
	if damaged := <-checked; damaged != nil {
		return damaged
	}
	if err := errors.Join(err, rest); err != nil {
		return fmt.Errorf("raw pages %s: %w", x.Path, err)
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

// goneMeanwhile returns an error where a raw file is gone by what the journal tells of
// since it was read for the bundle.
func (b *bundle) goneMeanwhile() error {
	for _, x := range b.raw {
		if x.There || b.log.whyGone(x) != "" {
			continue
		}
		now, err := readBundleJournal(b.cfg.journalPath())
		if err != nil {
			return err
		}
		if why := now.whyGone(x); why != "" {
			return &hintError{fmt.Errorf("raw pages %s: %s", x.Path, why), hintMeanwhile}
		}
	}
	return nil
}

// whyGone is the journal's reason for a raw file that is not there: it names files, or
// the folder that they were in. It is "" where there is none.
func (j *bundleJournal) whyGone(x store.EvidenceFile) string {
	for path := filepath.Join("raw", filepath.FromSlash(x.Path)); path != "."; path = filepath.Dir(path) {
		if why, ok := j.facts.Removed[path]; ok {
			return why
		}
	}
	return ""
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
