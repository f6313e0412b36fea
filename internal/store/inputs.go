package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// ErrInterrupted says that an interrupted collection waits to be taken up.
var ErrInterrupted = errors.New("an interrupted collection waits")

// TakeInputs publishes a snapshot, of the kind inputs, that has the registers as their
// files are now and all else as the newest one has it, and returns its id: "" where no
// register has changed, and then nothing is published. The caller holds the lock of the
// store. It returns [ErrNotPublished] when the store is empty, [ErrInterrupted] when a
// collection can be taken up, which a later snapshot would forbid, [ErrDamaged] and
// [*ErrNewer].
func (s *Store) TakeInputs(ctx context.Context, o BuildOptions) (string, error) {
	id, err := s.takeInputs(ctx, o)
	if err != nil {
		return "", fmt.Errorf("take inputs: %w", err)
	}
	return id, nil
}

func (s *Store) takeInputs(ctx context.Context, o BuildOptions) (id string, err error) {
	newest, err := s.newest()
	if err != nil {
		return "", err
	}
	if newest == "" {
		return "", fmt.Errorf("%w: the store is empty", ErrNotPublished)
	}
	if run, err := s.resume(o, newest); err != nil || run != "" {
		return "", errors.Join(err, ErrInterrupted)
	}
	if id, err = nextID(o.Started, newest); err != nil {
		return "", err
	}
	b, err := s.newBuild(ctx, id, newest, o.ProgramVersion)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, b.Discard()) }()
	if err := b.loadRegisters(ctx, o.Registers); err != nil {
		return "", err
	}
	taken, err := b.count(ctx, "SELECT count(*) FROM base.registers WHERE first_snapshot = $1", b.id)
	if err != nil || taken == 0 {
		return "", err
	}
	if err := b.loadJournal(ctx, o.Journal); err != nil {
		return "", err
	}
	if err := b.restate(ctx, "inputs", newest, o.Started, nil); err != nil {
		return "", err
	}
	if err := b.exec(ctx, "DETACH stage; CHECKPOINT build"); err != nil {
		return "", err
	}
	if err := b.rename(ctx, b.file); err != nil {
		return "", err
	}
	return b.id, syncDir(filepath.Join(s.dir, "snapshots"))
}

// restate gives a snapshot of which nothing was walked the facts of the one before,
// and its digests; changed are the resources whose history is not what it was.
func (b *Build) restate(ctx context.Context, kind, previous string, started time.Time, changed map[string]bool) error {
	if err := b.exec(ctx, `
INSERT INTO base.snapshots BY NAME
SELECT * REPLACE ($1 AS snapshot_id, $2::TIMESTAMPTZ AS started_at, $2::TIMESTAMPTZ AS finished_at, NULL AS rows, NULL AS digest, $3 AS program_version, $4 AS kind)
FROM base.snapshots
WHERE snapshot_id = $5`, b.id, stamp(started), b.version, kind, previous); err != nil {
		return err
	}
	for _, table := range []string{"resources", "tie_outs"} {
		if err := b.exec(ctx, "INSERT INTO base."+table+" BY NAME SELECT * REPLACE ($1 AS snapshot_id) FROM base."+table+" WHERE snapshot_id = $2", b.id, previous); err != nil {
			return err
		}
	}
	projects, err := b.knownProjects(ctx)
	if err != nil {
		return err
	}
	for _, project := range projects {
		if err := b.exec(ctx, "SET VARIABLE project_id = $1", project); err != nil {
			return err
		}
		if err := b.digest(ctx, project, changed); err != nil {
			return err
		}
	}
	return nil
}
