package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// EvidenceFile is a file of landed pages, or one of the calls or walks of a project
// in a snapshot (its Resource is then calls or walks).
type EvidenceFile struct {
	Path     string // below the store's folder raw, with slashes
	Snapshot string
	Project  string
	Resource string
	There    bool
	Rows     int64 // of the history, read from the file and current at any time in the period
}

// RawFiles lists, by path, the files that stand behind what a snapshot knows of the
// time from from on and before end, of one project or of all where it is "": all of
// the collections whose server time is in it; and of earlier ones those that rows were
// read from which were current at any moment in it, with the calls and walks beside
// them. Files that must have been are listed too when they are gone. It returns the
// errors of [Store.Read].
func (s *Store) RawFiles(ctx context.Context, from, end time.Time, snapshot, project string) ([]EvidenceFile, error) {
	files, err := s.rawFilesOf(ctx, from, end, snapshot, project)
	if err != nil {
		return nil, fmt.Errorf("list raw files: %w", err)
	}
	return files, nil
}

func (s *Store) rawFilesOf(ctx context.Context, from, end time.Time, snapshot, project string) (_ []EvidenceFile, err error) {
	place, _, err := s.find(ctx, ReadOptions{Snapshot: snapshot, Project: project}, false)
	if err != nil {
		return nil, err
	}
	db, err := s.attach(ctx, place.File, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	first, last, inside, err := period(ctx, db, from, end, place)
	if err != nil || last == "" {
		return nil, err
	}
	l := &evidenceFiles{store: s, files: map[string]*EvidenceFile{}}
	if err := l.landed(ctx, db, inside, project); err != nil {
		return nil, err
	}
	for _, r := range resources {
		if err := l.rows(ctx, db, r.name, first, last, project); err != nil {
			return nil, err
		}
	}
	return l.list()
}

// period finds the snapshots of a time, which ends before end: inside are those whose
// server time is in it, last is the last state that it saw, first the one that it
// began with.
func period(ctx context.Context, db *sql.DB, from, end time.Time, place Place) (first, last string, inside []string, err error) {
	rows, err := db.QueryContext(ctx, `
SELECT snapshot_id, coalesce(max(server_time), max(started_at)) AS at
FROM base.snapshots
WHERE snapshot_id <= $1 AND ($2 = '' OR project_id = $2)
GROUP BY snapshot_id
ORDER BY snapshot_id`, place.Snapshot, place.Project)
	if err != nil {
		return "", "", nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var at time.Time
		if err := rows.Scan(&id, &at); err != nil {
			return "", "", nil, err
		}
		if !at.Before(end) {
			continue
		}
		if last = id; !at.After(from) {
			first = id
		}
		if !at.Before(from) {
			inside = append(inside, id)
		}
	}
	if first == "" && len(inside) > 0 {
		first = inside[0]
	}
	return first, last, inside, rows.Err()
}

// evidenceFiles collects files by their path.
type evidenceFiles struct {
	store *Store
	files map[string]*EvidenceFile
}

func (l *evidenceFiles) add(snapshot, project, resource string) *EvidenceFile {
	at := path.Join(snapshot, folder(project), resource+".ndjson.zst")
	if l.files[at] == nil {
		l.files[at] = &EvidenceFile{Path: at, Snapshot: snapshot, Project: project, Resource: resource}
	}
	return l.files[at]
}

// landed adds all files of some snapshots: those whose walk had pages, and those that
// are there.
func (l *evidenceFiles) landed(ctx context.Context, db *sql.DB, snapshots []string, project string) error {
	rows, err := db.QueryContext(ctx, `
SELECT snapshot_id, project_id, resource
FROM base.resources AS r
SEMI JOIN (FROM base.snapshots WHERE kind = 'collection') AS s USING (snapshot_id, project_id)
WHERE pages > 0 AND list_contains(from_json($1, '["VARCHAR"]'), snapshot_id) AND ($2 = '' OR project_id = $2)`,
		jsonTexts(snapshots), project)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var snapshot, of, resource string
		if err := rows.Scan(&snapshot, &of, &resource); err != nil {
			return err
		}
		l.add(snapshot, of, resource)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, snapshot := range snapshots {
		found, err := l.store.glob("raw/" + snapshot + "/*/*.ndjson.zst")
		if err != nil {
			return err
		}
		for _, name := range found {
			of, err := url.PathUnescape(path.Base(path.Dir(name)))
			if err == nil && (project == "" || of == project) {
				l.add(snapshot, of, strings.TrimSuffix(path.Base(name), ".ndjson.zst"))
			}
		}
	}
	return nil
}

// rows adds the files that rows of a resource were read from which were current at
// first, at last or between them.
func (l *evidenceFiles) rows(ctx context.Context, db *sql.DB, resource, first, last, project string) error {
	rows, err := db.QueryContext(ctx, `
SELECT landed_snapshot, project_id, count(*)
FROM base.`+resource+`
WHERE first_snapshot <= $2 AND (closed_snapshot IS NULL OR closed_snapshot > $1) AND ($3 = '' OR project_id = $3)
GROUP BY ALL`, first, last, project)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var snapshot, of string
		var n int64
		if err := rows.Scan(&snapshot, &of, &n); err != nil {
			return err
		}
		l.add(snapshot, of, resource).Rows = n
	}
	return rows.Err()
}

// list adds the calls and walks of all and looks which files are there.
func (l *evidenceFiles) list() ([]EvidenceFile, error) {
	var files []EvidenceFile
	for _, f := range l.files {
		files = append(files, *f)
	}
	for _, f := range files {
		l.add(f.Snapshot, f.Project, "calls")
		l.add(f.Snapshot, f.Project, "walks")
	}
	files = files[:0]
	for _, f := range l.files {
		there, err := exists(filepath.Join(l.store.dir, "raw", filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, err
		}
		f.There = there
		files = append(files, *f)
	}
	slices.SortFunc(files, func(a, b EvidenceFile) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

var callColumns = strings.Fields(`snapshot project resource operation walk page key line tid t time http_status code
	rows ms attempt body_sha256 landed_sha256`)

// WriteCalls writes the calls of those files that have some and are there, in their
// order, as one CSV in the format of [WriteCSV]: a line for each request, with the
// line of the page that landed, none where none did; t is the cloud's clock in
// milliseconds, and time the same as RFC 3339 in UTC. With a masker, which is nil for
// none, keys and hashes are as in the pages that it masks.
func (s *Store) WriteCalls(ctx context.Context, files []EvidenceFile, m *PageMasker, w io.Writer) error {
	columns := make([]AnswerColumn, len(callColumns))
	for i, name := range callColumns {
		columns[i] = AnswerColumn{name, "VARCHAR"}
	}
	out := NewCSV(w, columns)
	for _, f := range files {
		if f.Resource != "calls" || !f.There {
			continue
		}
		_, err := eachLine(filepath.Join(s.dir, "raw", filepath.FromSlash(f.Path)), func(text []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var c Call
			if err := json.Unmarshal(text, &c); err != nil {
				return err
			}
			if m != nil {
				m.call(&c)
			}
			return out.Row(c.row(f))
		})
		if err != nil {
			return fmt.Errorf("write calls: raw/%s: %w", f.Path, err)
		}
	}
	return out.End()
}

// row is what the columns of the CSV have of a call. An empty text is one.
func (c *Call) row(f EvidenceFile) []any {
	var t, at any
	if c.T != 0 {
		t, at = c.T, time.UnixMilli(c.T).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return []any{f.Snapshot, f.Project, c.Resource, c.Operation, c.Walk, c.Page, c.Key, optional(c.Line), c.TID, t, at,
		c.HTTPStatus, c.Code, c.Rows, c.Milliseconds, c.Attempt, c.BodySHA256, c.LandedSHA256}
}
