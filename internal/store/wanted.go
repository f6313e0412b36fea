package store

import (
	"context"
	"fmt"
	"strings"
)

// Wanted returns what is to be asked of a resource that is asked one by one,
// the most urgent first and at most so many, going by what has been loaded so
// far and else by the last snapshot.
//
//   - rule_channels: the rules on a channel group.
//   - task_details, records: the listed tasks of which none was taken after
//     they were finished; newest first.
//   - issue_infos: the records of listed tasks whose counters were not taken
//     after the task was finished; failed and unknown ones first, then the
//     others, each newest first.
//   - details: the permissions that are new, have changed since they were
//     asked, or never were; newest first.
//   - tie_outs: the channels that permissions name.
//
// A task that the cloud no longer lists is not asked again.
func (b *Build) Wanted(ctx context.Context, project, name string, most int64) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	query, ok := wanted[name]
	if !ok {
		return nil, fmt.Errorf("wanted: resource %q is not asked one by one", name)
	}
	keys, err := b.wanted(ctx, project, name, query, most)
	if err != nil {
		return nil, fmt.Errorf("wanted %s: %w", name, err)
	}
	return keys, nil
}

func (b *Build) wanted(ctx context.Context, project, name, query string, most int64) ([]string, error) {
	for _, r := range resources {
		if !strings.Contains(query, "{"+r.name+"}") {
			continue
		}
		now, err := b.now(ctx, project, r)
		if err != nil {
			return nil, err
		}
		query = strings.ReplaceAll(query, "{"+r.name+"}", now)
	}
	return texts(ctx, b.conn, fmt.Sprintf("%s\nLIMIT %d", query, most), project, name)
}

// now is the SQL of the rows of a resource that would be current if what is
// loaded were merged. since is the snapshot from which a row stands as it is.
// Of the events those are left out that were not loaded and are in no list.
func (b *Build) now(ctx context.Context, project string, r resource) (string, error) {
	open := "SELECT * FROM base." + r.name + " WHERE closed_snapshot IS NULL AND project_id = $1"
	st := b.stageOf(project, r)
	if b.loaded[st] == 0 {
		return "(SELECT *, first_snapshot AS since FROM (" + open + "))", nil
	}
	cols, err := b.content(ctx, r)
	if err != nil {
		return "", err
	}
	keys, hashed := strings.Join(r.key, ", "), contentHash(cols)
	now := `
    SELECT
        ` + each(cols, ", ", "s.$c") + `,
        CASE WHEN s.content_hash = h.content_hash THEN h.first_snapshot ELSE getvariable('snapshot_id') END AS since
    FROM (SELECT *, ` + hashed + ` FROM ` + st + `) AS s
    LEFT JOIN (SELECT ` + keys + `, first_snapshot, ` + hashed + ` FROM (` + open + `)) AS h USING (` + keys + `)`
	if r.event && r.asked != "" {
		// What was not asked in this run stays as it was.
		now += `
    UNION ALL
    SELECT ` + each(cols, ", ", "h.$c") + `, h.first_snapshot
    FROM (` + open + `) AS h
    ANTI JOIN ` + st + ` AS s USING (` + keys + `)`
	}
	return "(" + now + ")", nil
}

// contentHash is a hash of 64 bits of a row's content, so that a join of the versions of a
// key holds keys and not whole rows: a change is missed in one of 1.8e19.
func contentHash(cols []column) string { return "hash(" + each(cols, ", ", "$c") + ") AS content_hash" }

// content returns the columns whose change makes a new version: what was
// received, and of tasks whether they are listed.
func (b *Build) content(ctx context.Context, r resource) ([]column, error) {
	cols, err := b.received(ctx, r)
	if r.name == "tasks" {
		cols = append(cols, column{"listed", "BOOLEAN"})
	}
	return cols, err
}

// In these, $1 is the project and $2 the resource; ids are numbers that grow
// with time, so that the longer and then the greater text is the newer.
var wanted = map[string]string{
	"rule_channels": `
SELECT auth_relation_id
FROM {rules}
WHERE relation_type = 1
ORDER BY length(auth_relation_id) DESC, auth_relation_id DESC`,
	"task_details": unfinishedTasks,
	"records":      unfinishedTasks,
	"issue_infos": `
SELECT r.auth_task_record_id
FROM {records} AS r
SEMI JOIN (SELECT * FROM {tasks} WHERE listed) AS t
    ON t.auth_task_id = r.auth_task_id
ANTI JOIN base.asked AS a
    ON a.project_id = $1 AND a.resource = $2 AND a.key = r.auth_task_record_id AND a.finished
ORDER BY
    coalesce(r.issue_status NOT IN (0, 2, 4), true) DESC,
    r.auth_issue_time DESC NULLS LAST,
    length(r.auth_task_record_id) DESC,
    r.auth_task_record_id DESC`,
	"details": `
SELECT p.access_auth_id
FROM {permissions} AS p
LEFT JOIN base.asked AS a
    ON a.project_id = $1 AND a.resource = $2 AND a.key = p.access_auth_id
WHERE a.snapshot_id IS NULL OR a.snapshot_id < p.since
ORDER BY length(p.access_auth_id) DESC, p.access_auth_id DESC`,
	"tie_outs": `
SELECT DISTINCT access_control_channel_id
FROM {permissions}
WHERE access_control_channel_id != ''
ORDER BY access_control_channel_id`,
}

const unfinishedTasks = `
SELECT t.auth_task_id
FROM {tasks} AS t
ANTI JOIN base.asked AS a
    ON a.project_id = $1 AND a.resource = $2 AND a.key = t.auth_task_id AND a.finished
WHERE t.listed
ORDER BY
    t.task_start_time DESC NULLS LAST,
    length(t.auth_task_id) DESC,
    t.auth_task_id DESC`
