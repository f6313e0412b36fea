package store

import (
	"context"
	"encoding/json"
	"time"
)

// tieOut compares what is current with the cloud's own counts. Nothing here
// changes a verdict.
func (b *Build) tieOut(ctx context.Context, p Project, given map[string]Resource) error {
	if err := b.tieOutLists(ctx, p.ID, given); err != nil {
		return err
	}
	if err := b.tieOutCross(ctx, p.ID, given); err != nil {
		return err
	}
	if err := b.stageCounts(ctx, p); err != nil {
		return err
	}
	missing, uncounted := given["permissions"].TotalLast, p.Uncounted
	if !whole(given["permissions"].Verdict) {
		missing, uncounted = nil, "permissions were not read whole"
	}
	zone := p.Timezone
	if zone == "" {
		zone = "UTC"
	}
	for _, query := range []string{tieOutChannels, tieOutValidity, tieOutStatus, tieOutStatusSums} {
		if err := b.exec(ctx, tieOutReady+query, optional(missing), uncounted, zone); err != nil {
			return err
		}
	}
	return nil
}

// tieOutLists compares the rows of the lists with their totals.
func (b *Build) tieOutLists(ctx context.Context, project string, given map[string]Resource) error {
	for i, t := range []struct{ name, query string }{
		{"permissions", "SELECT count(*) FROM base.current_permissions"},
		{"persons", "SELECT count(*) FROM base.current_persons"},
		{"rules", "SELECT count(*) FROM base.current_rules"},
		{"tasks", "SELECT count(*) FROM base.current_tasks WHERE listed"},
	} {
		ours, err := b.count(ctx, t.query)
		if err != nil {
			return err
		}
		x := given[t.name]
		row := tieOutRow{name: t.name, kind: "list", position: 1 + i, ours: ours, theirs: optional(x.TotalLast)}
		switch {
		case !whole(x.Verdict):
			row.note = t.name + " were not read whole"
		case x.TotalLast == nil:
			row.note = "the cloud gave no total"
		default:
			row.result = agreement(ours == *x.TotalLast)
		}
		if err := b.insertTieOut(ctx, project, row); err != nil {
			return err
		}
	}
	return nil
}

// tieOutCross compares one resource with another. Of tasks and of rules the two
// numbers are how many agree and how many were compared.
func (b *Build) tieOutCross(ctx context.Context, project string, given map[string]Resource) error {
	if err := b.tieOutPersons(ctx, project, given); err != nil {
		return err
	}
	for i, t := range []struct{ name, of, query string }{
		{"channels of rules", "rule on a channel group", crossRules},
		{"task records", "finished task", crossRecords},
		{"task sizes", "finished task", crossSizes},
	} {
		row := tieOutRow{name: t.name, kind: "cross", position: 6 + i}
		var ours, theirs int64
		if err := b.conn.QueryRowContext(ctx, t.query, project, b.id).Scan(&ours, &theirs); err != nil {
			return err
		}
		row.ours, row.theirs = ours, theirs
		switch {
		case theirs == 0:
			row.note = "no " + t.of + " was asked"
		default:
			row.result = agreement(ours == theirs)
		}
		if err := b.insertTieOut(ctx, project, row); err != nil {
			return err
		}
	}
	return nil
}

// tieOutPersons compares the persons that hold permissions with the total of the
// list of persons.
func (b *Build) tieOutPersons(ctx context.Context, project string, given map[string]Resource) error {
	row := tieOutRow{name: "persons in permissions", kind: "cross", position: 5, theirs: optional(given["persons"].TotalLast)}
	var ours int64
	var note string
	err := b.conn.QueryRowContext(ctx, `
WITH holders AS (
    SELECT DISTINCT person_id FROM base.current_permissions WHERE person_id IS NOT NULL
)
SELECT
    (SELECT count(*) FROM holders),
    (SELECT count(*) FROM base.current_persons ANTI JOIN holders USING (person_id)) || ' listed without a permission, '
        || (SELECT count(*) FROM holders ANTI JOIN base.current_persons USING (person_id)) || ' with one but not listed'`).Scan(&ours, &note)
	if err != nil {
		return err
	}
	row.ours = ours
	switch total := given["persons"].TotalLast; {
	case !whole(given["persons"].Verdict):
		row.note = "persons were not read whole"
	case !whole(given["permissions"].Verdict):
		row.note = "permissions were not read whole"
	case total == nil:
		row.note = "the cloud gave no total"
	default:
		if row.result = agreement(ours == *total); row.result == "differs" {
			row.note = note
		}
	}
	return b.insertTieOut(ctx, project, row)
}

// The channels of each rule on a channel group against the total that
// channel-detail gave beside them.
const crossRules = `
SELECT count(*) FILTER (WHERE coalesce(c.n, 0) = a.total), count(a.total)
FROM base.asked AS a
SEMI JOIN (SELECT auth_relation_id FROM base.current_rules WHERE relation_type = 1) AS r
    ON r.auth_relation_id = a.key
LEFT JOIN (SELECT auth_relation_id, count(*) AS n FROM base.current_rule_channels GROUP BY auth_relation_id) AS c
    ON c.auth_relation_id = a.key
WHERE a.project_id = $1 AND a.resource = 'rule_channels' AND $2 IS NOT NULL`

// The records of each finished task against the two numbers that the cloud has
// of them: totalNum beside the records themselves, and auth_num of the task.
// Records that were asked before their task was finished are not compared.
const (
	crossRecords = "SELECT count(*) FILTER (WHERE coalesce(r.n, 0) + coalesce(a.purged, 0) = a.total), count(a.total)" + finishedRecords
	crossSizes   = "SELECT count(*) FILTER (WHERE coalesce(r.n, 0) + coalesce(a.purged, 0) = t.auth_num), count(t.auth_num)" + finishedRecords

	finishedRecords = `
FROM base.asked AS a
LEFT JOIN base.current_tasks AS t
    ON t.auth_task_id = a.key
LEFT JOIN (SELECT auth_task_id, count(*) AS n FROM base.current_records GROUP BY auth_task_id) AS r
    ON r.auth_task_id = a.key
WHERE a.project_id = $1
    AND a.resource = 'records'
    AND (a.finished OR a.snapshot_id = $2 AND t.task_finish_time > 0)`
)

func agreement(agrees bool) string {
	if agrees {
		return "agrees"
	}
	return "differs"
}

// tieOutRow is a tie-out that took no request of its own; without a result it
// was not tried.
type tieOutRow struct {
	name, kind, result, note string
	position                 int
	ours, theirs             any
}

func (b *Build) insertTieOut(ctx context.Context, project string, r tieOutRow) error {
	return b.exec(ctx, `
INSERT INTO base.tie_outs (snapshot_id, project_id, name, kind, position, ours, theirs, result, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce(nullif($8, ''), 'not tried'), nullif($9, ''))`,
		b.id, project, r.name, r.kind, r.position, r.ours, r.theirs, r.result, r.note)
}

// stageCounts puts the cloud's counts where SQL reads them. One that came
// without a time is taken to be of the project's server time.
func (b *Build) stageCounts(ctx context.Context, p Project) error {
	err := b.exec(ctx, "CREATE OR REPLACE TABLE stage.counts(filter VARCHAR, value VARCHAR[], total BIGINT, t BIGINT, problem VARCHAR)")
	if err != nil {
		return err
	}
	for _, c := range p.Counts {
		values, err := json.Marshal(c.Values)
		if err != nil {
			return err
		}
		var at time.Time
		for _, t := range []time.Time{c.At, p.ServerTime, p.Started} {
			if at.IsZero() {
				at = t
			}
		}
		if err := b.exec(ctx, `
INSERT INTO stage.counts VALUES ($1, coalesce(from_json($2, '["VARCHAR"]'), []), $3, $4, nullif($5, ''))`,
			c.Filter, string(values), optional(c.Total), at.UnixMilli(), c.Problem); err != nil {
			return err
		}
	}
	return nil
}
