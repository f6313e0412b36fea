package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"exporter/internal/store"
)

// certificate is what says how complete one project is in one snapshot.
type certificate struct {
	Snapshot       string     `json:"snapshot_id"`
	Project        string     `json:"project_id"`
	Verdict        string     `json:"verdict"`
	Reason         string     `json:"reason"`
	ServerTime     *time.Time `json:"server_time"`
	Started        *time.Time `json:"started_at"`
	Finished       *time.Time `json:"finished_at"`
	ClockOffset    *int64     `json:"clock_offset_ms"`
	Rows           int64      `json:"rows"`
	Digest         string     `json:"digest"`
	ProgramVersion string     `json:"program_version"`
	Kind           string     `json:"kind"`

	Recompute string       `json:"digest_command"`
	Journal   sealed       `json:"journal"`
	Kept      kept         `json:"kept"`
	Resources []walkFact   `json:"resources"`
	TieOuts   []tieOutFact `json:"tie_outs"`
	Codes     []codeFact   `json:"code_contingency"`
}

type kept struct {
	File     bool     `json:"file"`
	Masked   []string `json:"masked,omitempty"`
	RawFiles int      `json:"raw_files"`
	RawBytes int64    `json:"raw_bytes"`
}

type walkFact struct {
	Resource   string  `json:"resource"`
	Verdict    string  `json:"verdict"`
	Pages      int64   `json:"pages"`
	TotalFirst *int64  `json:"total_first"`
	TotalLast  *int64  `json:"total_last"`
	Rows       int64   `json:"rows"`
	Distinct   int64   `json:"distinct_rows"`
	Duplicates int64   `json:"duplicates"`
	Retries    int64   `json:"retries"`
	Errors     int64   `json:"errors"`
	Covered    *int64  `json:"covered"`
	Coverable  *int64  `json:"coverable"`
	WalkedIn   *string `json:"walked_in"`
	Problem    string  `json:"problem"`
}

type tieOutFact struct {
	Kind     string  `json:"kind"`
	Name     string  `json:"name"`
	Filter   *string `json:"filter"`
	Requests *int64  `json:"requests"`
	Ours     *int64  `json:"ours"`
	Theirs   *int64  `json:"theirs"`
	Result   string  `json:"result"`
	Reading  *string `json:"reading"`
	Note     *string `json:"note"`
}

type codeFact struct {
	Field      string  `json:"field"`
	Code       *int64  `json:"code"`
	AsResponse *string `json:"as_response"`
	AsFilter   *string `json:"as_filter"`
	Derived    string  `json:"derived"`
	Rows       int64   `json:"rows"`
	Fits       string  `json:"fits"`
}

const (
	certificateHeads = `
SELECT snapshot_id, project_id, verdict, server_time, started_at, finished_at, clock_offset_ms, rows, digest, program_version, kind
FROM snapshots
WHERE snapshot_id = $snapshot_id
ORDER BY project_id`

	certificateWalks = `
SELECT
    resource, verdict, pages, total_first, total_last, rows, distinct_rows, duplicates, retries, errors, covered, coverable,
    walked_in, coalesce(problem, '')
FROM resources
WHERE snapshot_id = $snapshot_id AND project_id = $project_id
ORDER BY list_position(['permissions', 'persons', 'structures', 'rules', 'tasks', 'rule_channels', 'task_details', 'records',
    'issue_infos', 'details'], resource), resource`

	certificateTieOuts = `
SELECT coalesce(kind, ''), name, filter, requests, ours, theirs, result, reading, note
FROM tie_outs
WHERE snapshot_id = $snapshot_id AND project_id = $project_id
ORDER BY position, name`

	certificateCodes = `
SELECT field, code, as_response, as_filter, derived, rows, fits
FROM code_contingency
WHERE project_id = $project_id
ORDER BY list_position(['auth_task_status', 'auth_task_progress', 'issue_status'], field), field, code, rows DESC, derived`

	// certificateLines are all of these but the heads as lines of one table.
	certificateLines = `
WITH lines AS (
    SELECT
        project_id, 1 AS part_no, 'snapshot' AS part, snapshot_id AS name, rows AS ours, verdict AS result, digest AS note
    FROM snapshots
    WHERE snapshot_id = getvariable('snapshot_id')
    UNION ALL BY NAME
    SELECT
        project_id, 2 AS part_no, 'walk' AS part, resource AS name, distinct_rows AS ours, total_last AS theirs, verdict AS result,
        problem AS note, pages, total_first, rows, duplicates, retries, errors, covered, coverable
    FROM resources
    WHERE snapshot_id = getvariable('snapshot_id')
    UNION ALL BY NAME
    SELECT
        project_id, 3 AS part_no, 'tie-out' AS part, position, name, ours, theirs, result, note, filter, requests, reading
    FROM tie_outs
    WHERE snapshot_id = getvariable('snapshot_id')
    UNION ALL BY NAME
    SELECT
        project_id, 4 AS part_no, 'code' AS part, field || ' ' || coalesce(code::VARCHAR, 'absent') || ', ' || derived AS name,
        rows AS ours, fits AS result
    FROM code_contingency
)
SELECT
    project_id, part, name, ours, theirs, result, note, pages, total_first, rows, duplicates, retries, errors, covered,
    coverable, filter, requests, reading
FROM lines
ORDER BY project_id, part_no, position, name`
)

// readCertificates reads what the snapshot of r says of each of its projects,
// and what the store's directory and the journal add.
func readCertificates(ctx context.Context, cfg *config, r *store.Reader) ([]certificate, error) {
	named := map[string]any{"snapshot_id": r.Snapshot()}
	list, err := collectRows(ctx, r, certificateHeads, named, func(c *certificate) []any {
		return []any{&c.Snapshot, &c.Project, &c.Verdict, &c.ServerTime, &c.Started, &c.Finished, &c.ClockOffset, &c.Rows, &c.Digest, &c.ProgramVersion, &c.Kind}
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		if err := list[i].read(ctx, cfg, r, len(list) > 1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (c *certificate) read(ctx context.Context, cfg *config, r *store.Reader, several bool) (err error) {
	named := map[string]any{"snapshot_id": c.Snapshot, "project_id": c.Project}
	if c.Resources, err = collectRows(ctx, r, certificateWalks, named, func(w *walkFact) []any {
		return []any{&w.Resource, &w.Verdict, &w.Pages, &w.TotalFirst, &w.TotalLast, &w.Rows, &w.Distinct, &w.Duplicates,
			&w.Retries, &w.Errors, &w.Covered, &w.Coverable, &w.WalkedIn, &w.Problem}
	}); err != nil {
		return err
	}
	if c.TieOuts, err = collectRows(ctx, r, certificateTieOuts, named, func(t *tieOutFact) []any {
		return []any{&t.Kind, &t.Name, &t.Filter, &t.Requests, &t.Ours, &t.Theirs, &t.Result, &t.Reading, &t.Note}
	}); err != nil {
		return err
	}
	if c.Codes, err = collectRows(ctx, r, certificateCodes, named, func(f *codeFact) []any {
		return []any{&f.Field, &f.Code, &f.AsResponse, &f.AsFilter, &f.Derived, &f.Rows, &f.Fits}
	}); err != nil {
		return err
	}
	c.Reason = c.reason()
	project := ""
	if several {
		project = " --project " + c.Project
	}
	c.Recompute = fmt.Sprintf(`exporter sql --snapshot %s%s --format csv "SELECT resource || ' ' || sha256 AS line FROM digests `+
		`WHERE snapshot_id = '%s' ORDER BY resource" | tail -n +2 | sha256sum`, c.Snapshot, project, c.Snapshot)
	c.Journal = sealOf(cfg.journalPath(), c.Snapshot, c.Project, c.Digest)
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	k, err := st.Kept(c.Snapshot, c.Project)
	c.Kept = kept(k)
	return err
}

// collectRows reads the rows of a query into values; fields gives where the
// columns go.
func collectRows[T any](ctx context.Context, r *store.Reader, query string, named map[string]any, fields func(*T) []any) ([]T, error) {
	rows, err := r.Query(ctx, query, named)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return scanRows(rows, fields)
}

func scanRows[T any](rows *sql.Rows, fields func(*T) []any) ([]T, error) {
	list := []T{}
	for rows.Next() {
		var v T
		if err := rows.Scan(fields(&v)...); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// reason puts the verdict into one sentence.
func (c *certificate) reason() string {
	var torn, unanswered, moved, left []string
	for _, w := range c.Resources {
		byKey := w.Covered != nil && w.Coverable != nil
		switch {
		case w.Verdict == store.Partial && byKey:
			unanswered = append(unanswered, w.Resource)
		case w.Verdict == store.Partial:
			torn = append(torn, w.Resource)
		case w.Verdict == store.CompleteWithDrift:
			moved = append(moved, w.Resource)
		}
		if byKey && *w.Covered < *w.Coverable {
			left = append(left, fmt.Sprintf("%s for %s of %s", w.Resource, count(*w.Covered), count(*w.Coverable)))
		}
	}
	var parts []string
	if len(torn) > 0 {
		parts = append(parts, "not read whole in this snapshot: "+strings.Join(torn, ", ")+
			"; nothing was closed by it, and the rows shown are those of the last whole walk")
	}
	if len(unanswered) > 0 {
		parts = append(parts, "not every answer came: "+strings.Join(unanswered, ", "))
	}
	if len(moved) > 0 {
		parts = append(parts, "read whole, but what moved meanwhile leaves a doubt: "+strings.Join(moved, ", "))
	}
	if len(parts) == 0 {
		parts = append(parts, "every list was read to its end; its first total, its last total and its distinct rows are one number")
	}
	if len(left) > 0 {
		parts = append(parts, "of what is asked one by one there are "+strings.Join(left, ", "))
	}
	return strings.Join(parts, "; ")
}

// tieOutSum says in a line how the tie-outs came out, and which differ.
func (c *certificate) tieOutSum() string {
	by := map[string][]string{}
	for _, t := range c.TieOuts {
		by[t.Result] = append(by[t.Result], t.Name)
	}
	parts := []string{fmt.Sprintf("%d of %d agree", len(by["agrees"]), len(by["agrees"])+len(by["differs"]))}
	for _, result := range []string{"filter ignored", "not tried"} {
		if n := len(by[result]); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, result))
		}
	}
	sum := strings.Join(parts, ", ")
	if names := by["differs"]; len(names) > 0 {
		sum += "; not: " + strings.Join(names, ", ")
	}
	return sum
}

func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
