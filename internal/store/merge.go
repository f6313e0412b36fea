package store

import (
	"context"
	"fmt"
)

// merge brings a loaded stage into the history of a resource. It says whether
// anything of the history has changed.
func (b *Build) merge(ctx context.Context, project string, r resource) (changed bool, err error) {
	st := b.stageOf(project, r)
	cols, err := b.content(ctx, r)
	if err != nil {
		return false, err
	}
	delta := b.deltaSQL(st, r, cols)
	if first, err := b.first(ctx, r); err != nil {
		return false, err
	} else if first {
		delta = "CREATE OR REPLACE TABLE stage.delta AS SELECT rowid AS stage_row, NULL::BIGINT AS history_row FROM " + st
	}
	if err := b.exec(ctx, delta); err != nil {
		return false, err
	}
	n, err := b.count(ctx, "SELECT count(*) FROM stage.delta")
	if err != nil {
		return false, err
	}
	if n > 0 {
		if err := b.apply(ctx, st, r, cols); err != nil {
			return false, err
		}
	}
	if r.asked != "" {
		err = b.recordAsked(ctx, project, st, r)
	}
	return n > 0, err
}

// first reports whether no row of a resource is open: then all that came is new.
func (b *Build) first(ctx context.Context, r resource) (bool, error) {
	n, err := b.count(ctx, `
SELECT count(*)
FROM (SELECT 1 FROM base.`+r.name+` WHERE closed_snapshot IS NULL AND project_id = getvariable('project_id') LIMIT 1)`)
	return n == 0, err
}

// deltaSQL pairs the rows that differ: stage_row is NULL for a row that has
// gone, history_row for a new one. A resource that is asked one by one is
// compared only where it was asked; of events only tasks can go, from the list.
func (b *Build) deltaSQL(st string, r resource, cols []column) string {
	narrow := "SELECT rowid AS row_id, " + each(columnsOf(r.key), ", ", "$c") + ", " + contentHash(cols) + " FROM "
	open := narrow + "base." + r.name +
		" WHERE closed_snapshot IS NULL AND project_id = getvariable('project_id')"
	join := "LEFT JOIN"
	switch {
	case r.name == "tasks":
		// One that is no longer listed and was not before is no news.
		join = "FULL JOIN"
	case !r.event && r.asked == "":
		join = "FULL JOIN"
	case !r.event:
		join = "FULL JOIN"
		open += " AND " + r.asked + " IN (SELECT key FROM " + st + "_walks)"
	}
	return `
CREATE OR REPLACE TABLE stage.delta AS
SELECT s.row_id AS stage_row, h.row_id AS history_row
FROM (` + narrow + st + `) AS s
` + join + ` (` + open + `) AS h ON ` + each(columnsOf(r.key), " AND ", "s.$c = h.$c") + `
WHERE s.row_id IS NULL OR h.row_id IS NULL OR s.content_hash <> h.content_hash`
}

func (b *Build) apply(ctx context.Context, st string, r resource, cols []column) error {
	names := each(cols, ", ", "$c")
	if r.name == "tasks" {
		// Not an end, but a version that says so. It keeps its page.
		if err := b.exec(ctx, `
DELETE FROM stage.delta
WHERE stage_row IS NULL
    AND history_row NOT IN (SELECT rowid FROM base.tasks WHERE listed)`); err != nil {
			return err
		}
		if err := b.exec(ctx, `
INSERT INTO base.tasks BY NAME
SELECT * REPLACE (false AS listed, getvariable('snapshot_id') AS first_snapshot)
FROM base.tasks
WHERE rowid IN (SELECT history_row FROM stage.delta WHERE stage_row IS NULL)`); err != nil {
			return err
		}
	}
	if err := b.exec(ctx, `
UPDATE base.`+r.name+`
SET closed_snapshot = getvariable('snapshot_id')
WHERE rowid IN (SELECT history_row FROM stage.delta WHERE history_row IS NOT NULL)`); err != nil {
		return err
	}
	// Where all rows are new, as at first, there is nothing to look up.
	rest, err := b.count(ctx, "SELECT (SELECT count(*) FROM "+st+") - (SELECT count(stage_row) FROM stage.delta)")
	if err != nil {
		return err
	}
	where := ""
	if rest > 0 {
		where = "WHERE rowid IN (SELECT stage_row FROM stage.delta WHERE stage_row IS NOT NULL)"
	}
	return b.exec(ctx, `
INSERT INTO base.`+r.name+` BY NAME
SELECT
    getvariable('project_id') AS project_id,
    `+names+`,
    getvariable('snapshot_id') AS first_snapshot,
    getvariable('snapshot_id') AS landed_snapshot,
    landed_line
FROM `+st+`
`+where)
}

// taskOf gives the task of a key, for the resources whose answers change until
// their task is finished.
var taskOf = map[string]string{
	"task_details": "key",
	"records":      "key",
	"issue_infos":  "(SELECT max(auth_task_id) FROM base.current_records WHERE auth_task_record_id = key)",
}

// recordAsked remembers which keys have been asked, for [Build.Wanted] and for
// coverage. The task list is walked and merged before the resources that depend
// on it, so a task that it shows as finished was so when they were asked. Of a
// task with something to send an answer without records is not believed for
// ever: it is asked again.
func (b *Build) recordAsked(ctx context.Context, project, st string, r resource) error {
	if err := b.exec(ctx, `
DELETE FROM base.asked
WHERE project_id = $1 AND resource = $2 AND key IN (SELECT key FROM `+st+`_walks)`, project, r.name); err != nil {
		return err
	}
	finished := "false"
	if task := taskOf[r.name]; task != "" {
		finished = task + " IN (SELECT auth_task_id FROM base.current_tasks WHERE task_finish_time > 0)"
	}
	if r.name == "records" {
		finished += " AND (key IN (SELECT auth_task_id FROM " + st + ")" +
			" OR key NOT IN (SELECT auth_task_id FROM base.current_tasks WHERE auth_num > 0))"
	}
	return b.exec(ctx, `
INSERT INTO base.asked (project_id, resource, key, snapshot_id, finished, total)
SELECT $1, $2, key, $3, `+finished+`, total FROM `+st+`_walks`, project, r.name, b.id)
}

// dropRuleChannels closes the channels of rules that have ended or are no
// longer on a channel group.
func (b *Build) dropRuleChannels(ctx context.Context) (changed bool, err error) {
	res, err := b.conn.ExecContext(ctx, `
UPDATE base.rule_channels
SET closed_snapshot = getvariable('snapshot_id')
WHERE closed_snapshot IS NULL
    AND project_id = getvariable('project_id')
    AND auth_relation_id NOT IN (
        SELECT auth_relation_id
        FROM base.current_rules
        WHERE relation_type IS DISTINCT FROM 2
    )`)
	if err != nil {
		return false, fmt.Errorf("close channels of rules: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
