package store

import (
	"errors"
	"fmt"
	"time"
)

// Verdicts on a walk of a resource, and on a project in a snapshot.
const (
	Complete          = "complete"
	CompleteWithDrift = "complete_with_drift"
	Partial           = "partial"
)

// Snapshot is what is known of one project in one collection: a row of the
// view snapshots.
type Snapshot struct {
	ID             string // start in UTC, as 20260102T060000Z
	Project        string
	Started        time.Time
	Finished       time.Time
	ServerTime     time.Time // newest t of its lists and tree; zero when none came
	Verdict        string
	Rows           int64 // current rows over all resources
	Digest         string
	ProgramVersion string
	Kind           string // collection, purge or inputs
}

// Project is what a collection tells of one project when it publishes.
type Project struct {
	ID         string
	Started    time.Time
	Finished   time.Time
	ServerTime time.Time // newest t of its lists and tree; zero when none came
	Verdict    string
	Resources  []Resource // the resources that were walked, or tried

	ClockOffset time.Duration // how far the cloud's clock is ahead of ours
	Counts      []Count       // for the tie-outs by filters
	Uncounted   string        // why a filter is not among Counts
	Timezone    string        // an IANA name: where calendar days begin; UTC by default
}

// Count is how many permissions the cloud counted under one filter of its list
// of permissions, "" for none. Several values are those of a filter that takes a
// list. Without a total, Problem says why.
type Count struct {
	Filter  string
	Values  []string
	Total   *int64
	At      time.Time // by the cloud's clock; zero when it did not tell
	Problem string
}

// Resource is what a collection tells of one resource of a project. Its
// verdict decides: the loaded rows of a list or tree are merged only when it
// is [Complete] or [CompleteWithDrift].
type Resource struct {
	Name       string
	Pages      int64
	TotalFirst *int64
	TotalLast  *int64
	Rows       int64
	Distinct   int64
	Duplicates int64
	Retries    int64
	Errors     int64
	Verdict    string
	Problem    string
}

// Loaded is what [Build.Load] read. Problems counts values that the schema
// cannot hold (they are NULL in the tables) and rows without an id (they are
// left out); Problem describes the first.
type Loaded struct {
	Rows     int64
	Distinct int64
	Problems int64
	Problem  string
}

// BuildOptions says how a snapshot is built. Registers maps the tables
// channel_register, roster and exceptions to the paths of their files; a file
// that does not exist gives no rows. Journal is the path of the journal, ""
// for none. The newest run that landed pages and was never published is taken up
// when it began within Resume of Started; every other is forgotten.
type BuildOptions struct {
	Started        time.Time
	Resume         time.Duration
	ProgramVersion string
	Registers      map[string]string
	Journal        string
}

// ReadOptions chooses what a [Reader] sees. Snapshot names a snapshot; without
// it AsOf takes the newest one whose server time is not after it; without both
// it is the newest. Project limits every view to one project. Timezone is an
// IANA name, UTC by default. Mask is one of [Masks], full by default: with another
// the reader sees a masked copy of the snapshot's file, and the file itself is not
// attached. A copy that is not there is made; Masking, which may be nil, is told of
// which snapshot before that begins, for it takes a while.
type ReadOptions struct {
	Snapshot string
	AsOf     time.Time
	Project  string
	Timezone string
	Mask     string
	Masking  func(snapshot string)
}

var (
	// ErrNotPublished means that there is no such snapshot, or none at all.
	ErrNotPublished = errors.New("no such snapshot")

	// ErrRefused means that a statement is not one that only reads.
	ErrRefused = errors.New("refused")

	// ErrDamaged means that a file in snapshots/ is not a snapshot that can
	// be read.
	ErrDamaged = errors.New("not a readable snapshot")
)

// refusedError says why a statement is not run.
type refusedError struct {
	why  error
	hint string
}

func (e *refusedError) Error() string   { return ErrRefused.Error() + ": " + e.why.Error() }
func (e *refusedError) Unwrap() []error { return []error{ErrRefused, e.why} }

// Hint says what may be run.
func (e *refusedError) Hint() string { return e.hint }

// damagedError is [ErrDamaged] of one file.
type damagedError struct {
	path  string
	cause error // nil where no DuckDB was asked
}

func (e *damagedError) Error() string {
	s := fmt.Sprintf("%s: %v", e.path, ErrDamaged)
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

func (e *damagedError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrDamaged}
	}
	return []error{ErrDamaged, e.cause}
}

// Hint says how to go on.
func (e *damagedError) Hint() string {
	return "put that file back from a backup, or move it out of the store: what is older stays readable, and the next collection goes on from there"
}

// pathError says that a store cannot be where it is.
type pathError struct{ path string }

func (e *pathError) Error() string { return fmt.Sprintf("open store: a question mark in %q", e.path) }

// Hint says how to go on.
func (e *pathError) Hint() string {
	return "DuckDB cannot have one in a path: rename the folder, or choose another as store.dir"
}

// Locked says that another process holds the store.
type Locked struct{ Holder string }

func (e *Locked) Error() string { return "store is held by " + e.Holder }

// ErrNewer says that a store was written by a newer program.
type ErrNewer struct{ Have, Know int }

func (e *ErrNewer) Error() string {
	return fmt.Sprintf("store has schema version %d, this program knows up to %d", e.Have, e.Know)
}

// Hint says what a person can do about it.
func (e *ErrNewer) Hint() string {
	return "use the version of exporter that wrote the store, or a later one"
}
