package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"exporter/internal/store"
)

// takeInputs publishes a snapshot that has the registers as their files are now, and
// asks the cloud nothing.
func (a *app) takeInputs(ctx context.Context, cfg *config) error {
	if len(cfg.registers()) == 0 {
		return usage(errors.New("--only inputs: reports.yaml names no inputs"), "name channels, roster or exceptions under inputs:")
	}
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	began := a.now()
	taken, err := a.lockedInputs(ctx, cfg, st)
	journalled := journalSnapshots(context.WithoutCancel(ctx), cfg, st, a.now)
	switch {
	case errors.Is(err, store.ErrInterrupted):
		err = &hintError{err, "run exporter collect: it goes on there, and takes the inputs too"}
	case errors.Is(err, store.ErrNotPublished):
		err = &hintError{err, "there is nothing yet that the inputs could go with: run exporter collect"}
	}
	if err != nil {
		return fmt.Errorf("collect: %w", errors.Join(explainCollect(cfg, err), journalled))
	}
	if taken == nil {
		fmt.Fprintln(a.stderr, "the inputs are those of the newest snapshot; nothing was published")
		return journalled
	}
	var changed []string
	for _, table := range slices.Sorted(maps.Keys(taken.Registers)) {
		changed = append(changed, fmt.Sprintf("%s (%s)", strings.ReplaceAll(table, "_", " "), plural(taken.Registers[table], "line")))
	}
	fmt.Fprintf(a.stderr, "published snapshot %s in %s: the one before, with these inputs as they are now: %s\n",
		taken.Snapshot, duration(a.now().Sub(began)), strings.Join(changed, ", "))
	return a.tend(ctx, cfg, st, taken.Snapshot, journalled)
}

// lockedInputs takes the inputs while it holds the store.
func (a *app) lockedInputs(ctx context.Context, cfg *config, st *store.Store) (taken *store.Inputs, err error) {
	release, err := st.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	return st.TakeInputs(ctx, store.BuildOptions{Started: a.now(), Resume: cfg.Collect.Resume,
		ProgramVersion: version, Registers: cfg.registers(), Journal: cfg.journalPath()})
}

// tend does what follows on a snapshot that is published: it prunes, and makes the
// analysts' copy anew. journalled is the error of the snapshot's entry.
func (a *app) tend(ctx context.Context, cfg *config, st *store.Store, id string, journalled error) error {
	if journalled == nil {
		// Where another has the store by now, it will prune.
		_, err := a.prune(ctx, cfg, st, cfg.Store.Keep, false)
		if _, held := errors.AsType[*store.Locked](err); err != nil && !held {
			journalled = fmt.Errorf("prune: %w", err)
		}
	}
	if cfg.Publish.Dir != "" {
		journalled = errors.Join(journalled, a.publish(ctx, cfg, cfg.Publish.Dir))
	}
	if journalled != nil {
		return &exitError{exitPart, fmt.Errorf("snapshot %s is published, but: %w", id, journalled)}
	}
	return nil
}
