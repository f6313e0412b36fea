package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"exporter/internal/journal"
	"exporter/internal/store"
)

// openStore opens the configured store, with what a person can do where that
// fails.
func openStore(cfg *config) (*store.Store, error) {
	st, err := store.Open(cfg.Store.Dir)
	return st, explainDisk(err)
}

// explainDisk adds a hint to errors of the file system.
func explainDisk(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return &hintError{err, "the folder in store.dir must be writable for this account"}
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &hintError{err, "the disk is full: nothing was published; make room and run again"}
	}
	return err
}

// repairJournal gives every published snapshot its journal entry: the one just
// made, and any that a crash left without one.
func repairJournal(ctx context.Context, cfg *config, st *store.Store) error {
	snapshots, err := st.Snapshots(ctx)
	if err != nil {
		return err
	}
	_ = snapshots
	_ = journal.Verify
	return fmt.Errorf("x")
}
