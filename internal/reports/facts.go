package reports

import (
	"context"
	"fmt"
	"time"

	"exporter/internal/store"
)

// What the first page and the method say of the snapshot is read from the
// same views that analysts have.
const (
	projectFacts = `
SELECT project_id, verdict, digest, server_time, started_at, finished_at
FROM snapshots
WHERE snapshot_id = $snapshot_id
ORDER BY project_id`

	resourceFacts = `
SELECT project_id, resource, verdict, problem, walked_in, pages, total_first, total_last,
    rows, distinct_rows, duplicates, retries, errors, covered, coverable
FROM resources
WHERE snapshot_id = $snapshot_id
ORDER BY project_id, resource`

	tieOutFacts = `
SELECT project_id, name, ours, theirs, result, note
FROM tie_outs
WHERE snapshot_id = $snapshot_id
ORDER BY project_id, position, name`

	journalFacts = `SELECT max(seq) AS seq FROM journal`
)

// row is one row of a result, by column.
type row map[string]any

func (r row) text(name string) string    { return asText(r[name]) }
func (r row) count(name string) int64    { n, _ := r[name].(int64); return n }
func (r row) time(name string) time.Time { t, _ := r[name].(time.Time); return t }

// rowsOf runs a query of a few rows.
func rowsOf(ctx context.Context, reader *store.Reader, query string, named map[string]any) ([]row, error) {
	rows, err := reader.Query(ctx, query, named)
	if err != nil {
		return nil, err
	}
	t, err := readTable(rows, Section{}, time.UTC)
	if err != nil {
		return nil, err
	}
	list := make([]row, t.rows)
	for i := range list {
		list[i] = row{}
		for j, c := range t.columns {
			list[i][c.Name] = t.vectors[j].at(i)
		}
	}
	return list, nil
}

// trustOf reads what is known of the snapshot that a reader sees.
func (r *runner) trustOf(reader *store.Reader) (trust, error) {
	t := trust{snapshot: reader.Snapshot(), asOf: reader.AsOf(), zone: r.zone, programVersion: r.report.trust.programVersion}
	named := map[string]any{"snapshot_id": t.snapshot}
	projects, err := rowsOf(r.ctx, reader, projectFacts, named)
	if err != nil {
		return t, err
	}
	for _, p := range projects {
		t.projects = append(t.projects, projectTrust{id: p.text("project_id"), verdict: p.text("verdict"),
			digest: p.text("digest"), serverTime: p.time("server_time"),
			started: p.time("started_at"), finished: p.time("finished_at")})
	}
	resources, err := rowsOf(r.ctx, reader, resourceFacts, named)
	if err != nil {
		return t, err
	}
	for _, x := range resources {
		t.resources = append(t.resources, resourceTrust{
			project: x.text("project_id"), resource: x.text("resource"), verdict: x.text("verdict"),
			problem: x.text("problem"), walkedIn: x.text("walked_in"), pages: x.count("pages"),
			totalFirst: x["total_first"], totalLast: x["total_last"],
			rows: x.count("rows"), distinct: x.count("distinct_rows"), duplicates: x.count("duplicates"),
			retries: x.count("retries"), errors: x.count("errors"),
			covered: x["covered"], coverable: x["coverable"]})
	}
	tieOuts, err := rowsOf(r.ctx, reader, tieOutFacts, named)
	if err != nil {
		return t, err
	}
	for _, x := range tieOuts {
		t.tieOuts = append(t.tieOuts, tieOut{x.text("project_id"), x.text("name"), x["ours"], x["theirs"], x.text("result"), x.text("note")})
	}
	journal, err := rowsOf(r.ctx, reader, journalFacts, nil)
	if err != nil {
		return t, err
	}
	if len(journal) == 1 {
		t.journalLine = journal[0].count("seq")
	}
	if len(t.projects) == 0 {
		return t, fmt.Errorf("snapshot %s has no project", t.snapshot)
	}
	t.judge(r.report.def.Resources)
	return t, nil
}
