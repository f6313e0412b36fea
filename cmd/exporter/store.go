package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"exporter/internal/journal"
	"exporter/internal/store"
)

// openStore opens the configured store, with what a person can do where that
// fails.
func openStore(cfg *config) (*store.Store, error) {
	st, err := store.Open(cfg.Store.Dir)
	return st, explainDisk(err)
}

const hintFull = "the disk is full: nothing half-made is left; make room and run again"

// explainDisk adds a hint to errors of the file system.
func explainDisk(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &hintError{err, "the folder in store.dir must be writable for this account"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &hintError{err, hintFull}
	}
	return err
}

// explainPublish adds what a person can do to an error of a folder for analysts.
func explainPublish(dir string, err error) error {
	switch free, statErr := freeSpace(dir); {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &hintError{err, "the folder must be writable for the account that collects"}
	case statErr == nil && free < minFree/64: // DuckDB does not say by a type that the disk is full
		return &hintError{err, hintFull}
	}
	return explainDisk(err)
}

// journalSnapshots gives every published snapshot that has no journal entry its
// own: the one just made, and any that a crash left without.
func journalSnapshots(ctx context.Context, cfg *config, st *store.Store, now func() time.Time) error {
	known := map[string]bool{}
	_, err := journal.Read(cfg.journalPath(), func(e journal.Entry) error {
		if e.Kind != "snapshot" {
			return nil
		}
		var x snapshotEntry
		err := json.Unmarshal(e.Detail, &x)
		known[x.Snapshot+" "+x.Project] = true
		return err
	})
	var broken *journal.Broken
	if err != nil && !errors.As(err, &broken) {
		return fmt.Errorf("journal: %w", err)
	}
	// A damaged file is said, and keeps no other from its entry.
	snapshots, damaged := st.Snapshots(ctx)
	slices.SortFunc(snapshots, func(a, b store.Snapshot) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Project, b.Project))
	})
	j := cfg.journal(now)
	for _, s := range snapshots {
		// What stands behind a break is not known, and must not be entered twice.
		hidden := broken != nil && !broken.Torn && s.ID != snapshots[len(snapshots)-1].ID
		if known[s.ID+" "+s.Project] || hidden {
			continue
		}
		_, err := j.Append("snapshot", map[string]any{
			"snapshot": s.ID, "project": s.Project, "verdict": s.Verdict, "rows": s.Rows, "digest": s.Digest,
			"program_version": s.ProgramVersion, "kind": s.Kind,
		})
		if err != nil {
			return explainDisk(err)
		}
	}
	if broken == nil {
		if err := journalPurges(ctx, cfg, st, now); err != nil {
			return err
		}
	}
	// A torn last line is mended by appending; a break before it stays.
	if broken != nil {
		if _, err := journal.Verify(cfg.journalPath()); err != nil {
			return &hintError{fmt.Errorf("journal: %w", err), "what follows that line cannot be trusted: keep the folder as it is, and compare the journal with a backup; to go on, move it away, and a new one begins"}
		}
	}
	return damaged
}
