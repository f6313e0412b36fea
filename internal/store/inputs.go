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

// Inputs is a snapshot of the kind inputs: its id, and the registers that were taken
// anew, each with its number of lines.
type Inputs struct {
	Snapshot  string
	Registers map[string]int64
}

// TakeInputs publishes a snapshot, of the kind inputs, that has the registers as their
// files are now and all else as the newest one has it. It returns nil where no
// register has changed, and then nothing is published. The caller holds the lock of the
// store. It returns [ErrNotPublished] when the store is empty, [ErrInterrupted] when a
// collection can be taken up, which a later snapshot would forbid, [ErrDamaged] and
// [*ErrNewer].
func (s *Store) TakeInputs(ctx context.Context, o BuildOptions) (*Inputs, error) {
	taken, err := s.takeInputs(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("take inputs: %w", err)
	}
	return taken, nil
}

func (s *Store) takeInputs(ctx context.Context, o BuildOptions) (_ *Inputs, err error) {
	newest, err := s.newest()
	if err != nil {
		return nil, err
	}
	b, err := s.beginCopy(ctx, newest, o.Started, o.ProgramVersion)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Discard()) }()
	if run, err := s.resume(o, newest); err != nil || run != "" {
		return nil, errors.Join(err, ErrInterrupted)
	}
	if err := b.loadRegisters(ctx, o.Registers); err != nil {
		return nil, err
	}
	taken := &Inputs{Snapshot: b.id, Registers: map[string]int64{}}
	for table := range registers {
		n, err := b.count(ctx, `SELECT coalesce(max(rows), -1) FROM base.registers WHERE first_snapshot = $1 AND "table" = $2`, b.id, table)
		if err != nil {
			return nil, err
		}
		if n >= 0 {
			taken.Registers[table] = n
		}
	}
	if len(taken.Registers) == 0 {
		return nil, nil
	}
	if err := b.loadJournal(ctx, o.Journal); err != nil {
		return nil, err
	}
	if err := b.restate(ctx, "inputs", newest, o.Started, nil); err != nil {
		return nil, err
	}
	if err := b.exec(ctx, "DETACH stage; CHECKPOINT build"); err != nil {
		return nil, err
	}
	if err := b.rename(ctx, b.file); err != nil {
		return nil, err
	}
	return taken, syncDir(filepath.Join(s.dir, "snapshots"))
}

// beginCopy begins a snapshot of which nothing will be walked, from the newest one.
func (s *Store) beginCopy(ctx context.Context, newest string, started time.Time, version string) (*Build, error) {
	if newest == "" {
		return nil, fmt.Errorf("%w: the store is empty", ErrNotPublished)
	}
	id, err := nextID(started, newest)
	if err != nil {
		return nil, err
	}
	return s.newBuild(ctx, id, newest, version)
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
