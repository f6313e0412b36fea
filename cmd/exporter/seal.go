package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"exporter/internal/journal"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// sealed is the line of the journal that names the snapshot. Problem says what
// is wrong with it.
type sealed struct {
	Path    string     `json:"path"`
	Line    int64      `json:"line,omitzero"`
	At      *time.Time `json:"at,omitzero"`
	SHA256  string     `json:"sha256,omitzero"`
	Problem string     `json:"problem,omitzero"`
}

// sealOf finds the line of the journal that names a snapshot, and whether it names
// its digest.
func sealOf(path, snapshot, project, digest string) sealed {
	lines, err := readSeals(path, snapshot)
	line, found := lines[project]
	s := sealed{Path: filepath.Base(path)}
	var broken *journal.Broken
	switch {
	case errors.As(err, &broken):
		s.Problem = fmt.Sprintf("line %d does not fit the chain: %s", broken.Line, broken.Problem)
	case err != nil:
		s.Problem = err.Error()
	case !found:
		s.Problem = "no line names this snapshot; the next collection adds it"
	case line.digest != digest:
		s.Problem = fmt.Sprintf("line %d names another digest: exporter snapshots verify tells what has changed", line.Seq)
	default:
		s.SHA256 = line.SHA256
	}
	if found {
		s.Line, s.At = line.Seq, &line.At
	}
	return s
}

// sealLine is a line of the journal that names a snapshot.
type sealLine struct {
	journal.Entry
	digest string
}

// readSeals finds the lines of the journal that name a snapshot, by project. Of
// several the first counts: who adds one later cannot take it back. At and behind a
// [*journal.Broken] none is found, nor just before it: that line may be what was
// changed.
func readSeals(path, snapshot string) (map[string]sealLine, error) {
	lines := map[string]sealLine{}
	_, err := journal.Read(path, func(e journal.Entry) error {
		if e.Kind != "snapshot" {
			return nil
		}
		var detail struct{ Snapshot, Project, Digest string }
		if json.Unmarshal(e.Detail, &detail) != nil || detail.Snapshot != snapshot {
			return nil
		}
		if _, ok := lines[detail.Project]; !ok {
			lines[detail.Project] = sealLine{e, detail.Digest}
		}
		return nil
	})
	if b, ok := errors.AsType[*journal.Broken](err); ok && !b.Torn {
		maps.DeleteFunc(lines, func(_ string, l sealLine) bool { return l.Seq >= b.Line-1 })
	}
	return lines, err
}

// sealedBy is the line of the journal that seals what reports are made from, nil
// where there is none, which it says.
func (a *app) sealedBy(ctx context.Context, cfg *config, states reportStates) (*reports.Sealed, error) {
	for _, s := range states { // all see the same
		by, why, err := sealedBy(ctx, cfg.journalPath(), s.r)
		if why != "" {
			fmt.Fprintf(a.stderr, "snapshot %s is not sealed: %s\n", s.r.Snapshot(), why)
		}
		return by, err
	}
	return nil, nil
}

// sealedBy is the line of the journal that seals what r sees: of several projects
// the last. It is nil, and why says so, where a project has none, or one of
// another digest.
func sealedBy(ctx context.Context, path string, r *store.Reader) (_ *reports.Sealed, why string, err error) {
	lines, unread := readSeals(path, r.Snapshot())
	type head struct{ project, digest string }
	const query = `SELECT project_id, digest FROM snapshots WHERE snapshot_id = $snapshot_id ORDER BY project_id`
	heads, err := collectRows(ctx, r, query, map[string]any{"snapshot_id": r.Snapshot()}, func(h *head) []any {
		return []any{&h.project, &h.digest}
	})
	if err != nil {
		return nil, "", err
	}
	var by *reports.Sealed
	for _, h := range heads {
		line, ok := lines[h.project]
		switch {
		case !ok && unread != nil:
			return nil, unread.Error(), nil
		case !ok:
			return nil, "no line of the journal names it; the next collection adds it", nil
		case line.digest != h.digest:
			return nil, fmt.Sprintf("line %d of the journal names another digest: exporter snapshots verify tells what has changed", line.Seq), nil
		case by == nil || line.Seq > by.Line:
			by = &reports.Sealed{Line: line.Seq, SHA256: line.SHA256}
		}
	}
	return by, "", nil
}
