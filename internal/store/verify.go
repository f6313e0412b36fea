package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// VerifyOptions says what a store is compared with beside itself. Journal is
// nil where there is none that can be read. Progress is told how many of the
// raw files have been read; it may be nil and is called from several
// goroutines.
type VerifyOptions struct {
	Journal  *JournalFacts
	Progress func(done, total int)
}

// JournalFacts is what the journal says of a store. Paths are below the
// store's folder and may name a folder.
type JournalFacts struct {
	Lines   map[string]bool      // SHA-256 of each line
	Digests map[[2]string]string // of snapshot and project
	Removed map[string]string    // path to why it is gone
}

// Finding names something and says what is to say of it.
type Finding struct {
	Name    string `json:"name"`
	Problem string `json:"problem"`
}

// Verification is what [Store.Verify] found. Differences are what should not
// be; Gone is what was removed on purpose.
type Verification struct {
	Newest      string    `json:"newest"`
	Snapshots   int       `json:"snapshots"` // that have digests
	Files       int       `json:"files"`     // of snapshots
	Digests     int       `json:"digests"`   // computed again, of resources
	RawFiles    int       `json:"raw_files"`
	Pages       int64     `json:"pages"` // whose SHA-256 was compared
	Bytes       int64     `json:"bytes"` // of these pages
	Rows        int64     `json:"rows"`  // compared with their page
	Unproven    int64     `json:"rows_without_page"`
	Purged      int64     `json:"rows_purged"`
	Differences []Finding `json:"differences"`
	Gone        []Finding `json:"gone"`
}

// verifier does the work of one [Store.Verify].
type verifier struct {
	s  *Store
	o  VerifyOptions
	mu sync.Mutex // of v

	tracing sync.Mutex
	v       *Verification

	raw   map[string]string // what purges took, and in which
	known map[string]bool   // snapshots
}

// Verify computes again what the store says of itself: the digest of every
// snapshot from the newest readable file, and that of each other file from the
// file; the SHA-256 of every raw page; and from the pages, with the loader that
// made them, every row of the history. What differs is in the result, by name;
// the error is for what keeps it from looking.
func (s *Store) Verify(ctx context.Context, o VerifyOptions) (*Verification, error) {
	w := &verifier{s: s, o: o, v: &Verification{Differences: []Finding{}, Gone: []Finding{}}, raw: map[string]string{}, known: map[string]bool{}}
	if err := w.verify(ctx); err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	for _, list := range [][]Finding{w.v.Differences, w.v.Gone} {
		slices.SortFunc(list, func(a, b Finding) int {
			return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Problem, b.Problem))
		})
	}
	return w.v, nil
}

func (w *verifier) verify(ctx context.Context) error {
	ids, foreign, err := w.s.files()
	if err != nil {
		return err
	}
	for _, name := range foreign {
		w.differs("snapshots/"+name, "does not belong there")
	}
	if len(ids) == 0 {
		return fmt.Errorf("%w: the store is empty", ErrNotPublished)
	}
	if err := w.modes(ids); err != nil {
		return err
	}
	for i, id := range slices.Backward(ids) {
		err := w.file(ctx, id, w.v.Newest == "")
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if newer, ok := errors.AsType[*ErrNewer](err); ok {
			return newer
		}
		if err != nil {
			w.differs("snapshots/"+id+".duckdb", "%s", plain(err, w.s.path(id)))
			if i == 0 && w.v.Newest == "" {
				return err
			}
			continue
		}
		w.v.Files++
		if w.v.Newest == "" {
			w.v.Newest = id
		}
	}
	return w.pages(ctx)
}

// plain is the text of an error without the path that it is said of.
func plain(err error, path string) string {
	return strings.TrimPrefix(err.Error(), path+": ")
}

func (w *verifier) differs(name, problem string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.v.Differences = append(w.v.Differences, Finding{name, fmt.Sprintf(problem, args...)})
}

// gone says what was removed that held a path below the store's folder, and
// why; "" where nothing does.
func (w *verifier) gone(path string) Finding {
	for p := path; p != "."; p = filepath.Dir(p) {
		if why, ok := w.raw[p]; ok {
			return Finding{p, why}
		}
		if w.o.Journal != nil {
			if why, ok := w.o.Journal.Removed[p]; ok {
				return Finding{p, why}
			}
		}
	}
	return Finding{}
}

// missing files a path that is not there.
func (w *verifier) missing(path, problem string, args ...any) {
	f := w.gone(path)
	if f.Name == "" {
		w.differs(path, problem, args...)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.v.Gone, f) {
		w.v.Gone = append(w.v.Gone, f)
	}
}

// modes checks that nobody else can read the store, and nobody write what is
// published.
func (w *verifier) modes(ids []string) error {
	info, err := os.Stat(w.s.dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		w.differs(".", "mode %04o lets others in, want 0700", info.Mode().Perm())
	}
	if info, err := os.Lstat(w.s.keyPath()); err == nil && info.Mode().Perm()&0o077 != 0 {
		w.differs("pseudonym.key", "mode %04o lets others read it, want 0600", info.Mode().Perm())
	}
	for _, id := range ids {
		info, err := os.Lstat(w.s.path(id))
		if err != nil {
			return err
		}
		name := "snapshots/" + id + ".duckdb"
		switch {
		case !info.Mode().IsRegular():
			w.differs(name, "is no plain file")
		case info.Mode().Perm()&0o222 != 0:
			w.differs(name, "mode %04o lets it be written, want 0444", info.Mode().Perm())
		}
	}
	return nil
}

// file checks one file: as the newest all that it holds, else its own snapshot.
func (w *verifier) file(ctx context.Context, id string, newest bool) error {
	path := w.s.path(id)
	db, err := w.s.attach(ctx, path, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	only := id
	if newest {
		only = ""
	}
	list, err := snapshotsWhere(ctx, db, only)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(x Snapshot) bool { return x.ID == id }) {
		return fmt.Errorf("%s: is not the snapshot of its name", path)
	}
	if err := w.digests(ctx, db, id, list); err != nil {
		return err
	}
	if !newest {
		return nil
	}
	for _, x := range list {
		w.known[x.ID] = true
	}
	w.v.Snapshots = len(w.known)
	if err := w.purges(ctx, db); err != nil {
		return err
	}
	for known := range w.known {
		there, err := exists(w.s.path(known))
		if err != nil {
			return err
		}
		if !there {
			w.missing("snapshots/"+known+".duckdb", "is missing, and nothing says why")
		}
	}
	return w.journal(ctx, db, list)
}

// purges reads what purges have removed.
func (w *verifier) purges(ctx context.Context, db *sql.DB) error {
	list, err := purgesOf(ctx, db)
	if err != nil {
		return err
	}
	for _, p := range list {
		for _, path := range p.Raw {
			w.raw[path] = "purged by policy in " + p.Snapshot
		}
		for id := range w.known {
			if id < p.Snapshot {
				w.raw["snapshots/"+id+".duckdb"] = "purged by policy in " + p.Snapshot
			}
		}
		w.v.Purged += p.Rows
	}
	return nil
}

// journal compares what the newest file and the journal say of each other.
func (w *verifier) journal(ctx context.Context, db *sql.DB, list []Snapshot) error {
	j := w.o.Journal
	if j == nil {
		return nil
	}
	rows, err := db.QueryContext(ctx, "SELECT seq, kind, line_sha256 FROM base.journal ORDER BY seq")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int64
		var kind, sum string
		if err := rows.Scan(&seq, &kind, &sum); err != nil {
			return err
		}
		if !j.Lines[sum] {
			w.differs("journal.ndjson", "entry %d (%s) is missing or has changed: the snapshots hold another", seq, kind)
		}
	}
	told := map[[2]string]bool{}
	for _, x := range list {
		at := [2]string{x.ID, x.Project}
		told[at] = true
		switch sum, ok := j.Digests[at]; {
		case !ok:
			w.differs("journal.ndjson", "has no entry of snapshot %s, project %s", x.ID, x.Project)
		case sum != x.Digest:
			w.differs("journal.ndjson", "digest of snapshot %s, project %s is %s there and %s in the newest file", x.ID, x.Project, short(sum), short(x.Digest))
		}
	}
	for at := range j.Digests {
		if !told[at] {
			w.differs("snapshots", "snapshot %s, project %s of the journal is in no readable file", at[0], at[1])
		}
	}
	return rows.Err()
}

func short(sum string) string { return sum[:min(12, len(sum))] }

// pages checks the raw files, and the rows of the newest file against them,
// two files side by side.
func (w *verifier) pages(ctx context.Context) error {
	path := w.s.path(w.v.Newest)
	db, err := w.s.attach(ctx, path, nil)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, "SET preserve_insertion_order = false"); err != nil {
		return err
	}
	files, err := w.rawFiles(ctx, db)
	if err != nil {
		return err
	}
	queue := make(chan *rawFile)
	var workers sync.WaitGroup
	var failed error
	done := 0
	for range 2 {
		workers.Go(func() {
			for f := range queue {
				err := w.rawFile(ctx, db, f)
				w.mu.Lock()
				failed = errors.Join(failed, err)
				done++
				if w.o.Progress != nil {
					w.o.Progress(done, len(files))
				}
				w.mu.Unlock()
			}
		})
	}
	for _, f := range files {
		if ctx.Err() != nil {
			break
		}
		queue <- f
	}
	close(queue)
	workers.Wait()
	return errors.Join(failed, ctx.Err())
}

// folders lists the names in a folder of the store, none where it is missing.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}
