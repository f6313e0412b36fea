package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// rawFile is a file of landed pages with what is known of it.
type rawFile struct {
	path     string // below the store's folder
	snapshot string
	project  string
	resource string
	there    bool
	rows     int64            // of the newest file that point to it
	sums     map[int64]string // of its lines; nil where no calls can be read
}

// rawFiles lists the files of pages: those that are there, those whose walk had
// pages, and those that rows point to.
func (w *verifier) rawFiles(ctx context.Context, db *sql.DB) ([]*rawFile, error) {
	found := map[string]*rawFile{}
	file := func(snapshot, project, resource string) *rawFile {
		path := filepath.Join("raw", snapshot, folder(project), resource+".ndjson.zst")
		if found[path] == nil {
			found[path] = &rawFile{path: path, snapshot: snapshot, project: project, resource: resource}
		}
		return found[path]
	}
	for _, r := range resources {
		rows, err := db.QueryContext(ctx, `
SELECT landed_snapshot, project_id, count(*) FROM base.`+r.name+` GROUP BY ALL
UNION ALL
SELECT snapshot_id, project_id, 0 FROM base.resources AS x SEMI JOIN (FROM base.snapshots WHERE kind = 'collection') AS s USING (snapshot_id, project_id)
WHERE resource = $1 AND pages > 0`, r.name)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var snapshot, project string
			var n int64
			if err := rows.Scan(&snapshot, &project, &n); err != nil {
				return nil, errors.Join(err, rows.Close())
			}
			file(snapshot, project, r.name).rows += n
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return nil, err
		}
	}
	ids, err := folders(filepath.Join(w.s.dir, "raw"))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !w.known[id] {
			w.differs("raw/"+id, "belongs to no snapshot")
			continue
		}
		if err := w.rawFolder(ctx, id, file); err != nil {
			return nil, err
		}
	}
	var files []*rawFile
	for _, f := range found {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b *rawFile) int { return strings.Compare(a.path, b.path) })
	return files, nil
}

// rawFolder finds the files of one snapshot, and what their lines must be.
func (w *verifier) rawFolder(ctx context.Context, id string, file func(snapshot, project, resource string) *rawFile) error {
	projects, err := folders(filepath.Join(w.s.dir, "raw", id))
	if err != nil {
		return err
	}
	for _, name := range projects {
		project, err := url.PathUnescape(name)
		if err != nil {
			w.differs(filepath.Join("raw", id, name), "is no project's folder")
			continue
		}
		dir := filepath.Join("raw", id, name)
		entries, err := folders(filepath.Join(w.s.dir, dir))
		if err != nil {
			return err
		}
		sums, err := w.calls(ctx, id, project, dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			resource, landed := strings.CutSuffix(e, ".ndjson.zst")
			if !landed || resource == "calls" || resource == "walks" {
				continue
			}
			file(id, project, resource).there = true
			// Where others have calls, a file without any has lost them.
			if len(sums) > 0 && sums[resource] == nil {
				sums[resource] = map[int64]string{}
			}
		}
		for resource, lines := range sums {
			file(id, project, resource).sums = lines
		}
	}
	return nil
}

// calls gives the SHA-256 of each landed line of a folder by resource. They
// stand in its calls, and in the snapshot's own file while that is there.
func (w *verifier) calls(ctx context.Context, id, project, dir string) (map[string]map[int64]string, error) {
	path := filepath.Join(dir, "calls.ndjson.zst")
	sums, err := callSums(filepath.Join(w.s.dir, path))
	if errors.Is(err, os.ErrNotExist) {
		w.missing(path, "is missing, and nothing says why")
	} else if err != nil {
		w.differs(path, "cannot be read: %s", plain(err, filepath.Join(w.s.dir, path)))
	}
	if there, err := exists(w.s.path(id)); err != nil || !there {
		return sums, err
	}
	err = w.ownCalls(ctx, id, project, func(resource string, line int64, sum string) {
		if have, ok := sums[resource][line]; ok && have != sum {
			w.differs(path, "%s line %d: its SHA-256 is %s there and %s in the snapshot's file", resource, line, short(have), short(sum))
		}
		if sums[resource] == nil {
			sums[resource] = map[int64]string{}
		}
		sums[resource][line] = sum
	})
	if err != nil && ctx.Err() == nil {
		return sums, nil // a damaged file is named where it is opened
	}
	return sums, err
}

func (w *verifier) ownCalls(ctx context.Context, id, project string, each func(resource string, line int64, sum string)) error {
	db, err := w.s.attach(ctx, w.s.path(id), nil)
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `
SELECT resource, line, landed_sha256
FROM base.calls
WHERE snapshot_id = $1 AND project_id = $2 AND line IS NOT NULL
ORDER BY resource, line`, id, project)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var resource, sum string
		var line int64
		if err := rows.Scan(&resource, &line, &sum); err != nil {
			return err
		}
		each(resource, line, sum)
	}
	return rows.Err()
}

// rawFile checks one file: each line against its hash, then the rows of the
// newest file that were read from it.
func (w *verifier) rawFile(ctx context.Context, db *sql.DB, f *rawFile) error {
	if !f.there {
		if f.rows > 0 {
			w.missing(f.path, "is missing, and nothing says why; %d rows were read from it", f.rows)
		} else {
			w.missing(f.path, "is missing, and nothing says why")
		}
		w.mu.Lock()
		w.v.Unproven += f.rows
		w.mu.Unlock()
		return nil
	}
	called := f.sums != nil
	file, err := os.Open(filepath.Join(w.s.dir, f.path))
	if err != nil {
		w.differs(f.path, "cannot be read: %s", plain(err, filepath.Join(w.s.dir, f.path)))
		return nil
	}
	l, err := readLanded(ctx, file, f.sums)
	err = errors.Join(err, file.Close())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	w.mu.Lock()
	w.v.RawFiles++
	w.v.Pages += l.pages
	w.v.Bytes += l.bytes
	w.mu.Unlock()
	if err != nil {
		w.differs(f.path, "%s", err)
		return nil
	}
	// What an interrupted run landed and the one that took it up had no use for
	// has no call, and no row.
	if n, err := w.rowsOf(ctx, db, f, l.uncalled); err != nil {
		return err
	} else if n > 0 && called {
		l.fault("%d rows are from lines of no call, such as %s", n, l.uncalled[0])
	}
	if l.missing(f.sums); l.problems > 0 {
		w.differs(f.path, "%s", l.words())
	}
	if f.rows == 0 {
		return nil
	}
	return w.trace(ctx, db, f)
}

// rowsOf counts the rows that were read from some lines of a file.
func (w *verifier) rowsOf(ctx context.Context, db *sql.DB, f *rawFile, lines []string) (n int64, err error) {
	if len(lines) == 0 || f.rows == 0 { // a file without rows may have any name
		return 0, nil
	}
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM base."+f.resource+" WHERE landed_snapshot = $1 AND project_id = $2 AND landed_line IN ("+strings.Join(lines, ", ")+")",
		f.snapshot, f.project).Scan(&n)
	return n, err
}

// trace reads the rows of a file's pages again and compares them with those of
// the history that were read from it.
func (w *verifier) trace(ctx context.Context, db *sql.DB, f *rawFile) error {
	r, err := lookup(f.resource)
	if err != nil {
		return err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	cols, err := receivedOf(ctx, conn, r)
	if err != nil {
		return err
	}
	page, err := quotePath(filepath.Join(w.s.dir, f.path))
	if err != nil {
		return err
	}
	walks := filepath.Join(filepath.Dir(f.path), "walks.ndjson.zst")
	walksPath, err := landed(filepath.Dir(filepath.Join(w.s.dir, f.path)), "walks")
	if err != nil {
		return err
	}
	if walksPath == "" {
		w.missing(walks, "is missing, and nothing says why")
		return nil
	}
	st := "temp.page"
	if _, err := conn.ExecContext(ctx, strings.Replace(walksSQL(st, walksPath, r), "CREATE OR REPLACE TABLE", "CREATE OR REPLACE TEMP TABLE", 1)); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.differs(walks, "cannot be read: %s", err)
		return nil
	}
	n, example, err := w.rowsNotOf(ctx, conn, f, func(size int64) string { return traceSQL(st, r, cols, page, size) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		w.differs(f.path, "its rows cannot be read: %s", err)
		return nil
	}
	w.mu.Lock()
	w.v.Rows += f.rows
	w.mu.Unlock()
	if n > 0 {
		w.differs(f.path, "does not hold %d of the rows that %s has from it, such as that of line %s", n, r.name, example)
	}
	return nil
}

// rowsNotOf counts the rows of a file that its pages do not hold, and names one. A page
// may be larger than usual: then with large buffers, as when it was loaded. One file
// at a time, for the memory.
func (w *verifier) rowsNotOf(ctx context.Context, conn *sql.Conn, f *rawFile, query func(size int64) string) (n int64, example string, err error) {
	w.tracing.Lock()
	defer w.tracing.Unlock()
	var one sql.NullString
	for _, size := range []int64{16 << 20, 64 << 20} {
		err = conn.QueryRowContext(ctx, query(size), f.snapshot, f.project).Scan(&n, &one)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return n, one.String, err
}

// traceSQL counts the rows of a history that their page does not hold.
func traceSQL(st string, r resource, cols []column, page string, size int64) string {
	return `
SELECT count(*), min(landed_line || ': ' || key)
FROM (
    SELECT landed_line, concat_ws(' ', ` + strings.Join(r.key, ", ") + `) AS key, ` + rowHash(cols) + ` AS row_sha256
    FROM base.` + r.name + `
    WHERE landed_snapshot = $1 AND project_id = $2
) AS h
ANTI JOIN (
    SELECT landed_line, ` + rowHash(cols) + ` AS row_sha256 FROM (` + stageSQL(st, r, cols, page, size) + `)
) AS p USING (landed_line, row_sha256)`
}
