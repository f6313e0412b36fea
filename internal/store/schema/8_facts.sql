-- What is known of each snapshot.

CREATE VIEW snapshots AS
SELECT
    t.snapshot_id,
    t.project_id,
    t.started_at,
    t.finished_at,
    t.verdict,
    t.server_time,
    t.rows,
    t.digest,
    t.program_version,
    t.kind
FROM base.snapshots AS t
CROSS JOIN base.as_of AS a
WHERE t.snapshot_id <= a.snapshot_id
    AND (a.project_id IS NULL OR t.project_id = a.project_id);
COMMENT ON VIEW snapshots IS 'One project in one collection or purge.';
COMMENT ON COLUMN snapshots.snapshot_id IS 'Ours: the snapshot, named for its start in UTC';
COMMENT ON COLUMN snapshots.project_id IS 'Ours: the project';
COMMENT ON COLUMN snapshots.started_at IS 'Ours: start of the collection, by our clock';
COMMENT ON COLUMN snapshots.finished_at IS 'Ours: end of the collection, by our clock';
COMMENT ON COLUMN snapshots.verdict IS 'Ours: complete, complete_with_drift or partial';
COMMENT ON COLUMN snapshots.server_time IS 'API: the newest t of the pages of its lists and its organization tree, by the cloud''s clock; NULL where none came';
COMMENT ON COLUMN snapshots.rows IS 'Ours: current rows over all resources as of the snapshot, whether walked in it or carried forward; issue_infos counts its five rows of each record';
COMMENT ON COLUMN snapshots.digest IS 'Ours: SHA-256 over the lines "resource sha256" of digests in the order of resource, each with its newline';
COMMENT ON COLUMN snapshots.program_version IS 'Ours: the program that made it';
COMMENT ON COLUMN snapshots.kind IS 'Ours: collection, or purge: a copy of the snapshot before, without what was purged';

CREATE VIEW resources AS
SELECT
    t.snapshot_id,
    t.project_id,
    t.resource,
    t.pages,
    t.total_first,
    t.total_last,
    t.rows,
    t.distinct_rows,
    t.duplicates,
    t.retries,
    t.errors,
    t.covered,
    t.coverable,
    CASE WHEN t.coverable > 0 THEN t.covered / t.coverable WHEN t.coverable = 0 THEN 1 END AS coverage,
    t.walked_in,
    t.verdict,
    t.problem
FROM base.resources AS t
CROSS JOIN base.as_of AS a
WHERE t.snapshot_id <= a.snapshot_id
    AND (a.project_id IS NULL OR t.project_id = a.project_id);
COMMENT ON VIEW resources IS 'One resource of one project in one snapshot.';
COMMENT ON COLUMN resources.snapshot_id IS 'Ours: the snapshot, named for its start in UTC';
COMMENT ON COLUMN resources.project_id IS 'Ours: the project';
COMMENT ON COLUMN resources.resource IS 'Ours: permissions, persons, structures, rules, tasks, rule_channels, task_details, records, issue_infos, details';
COMMENT ON COLUMN resources.pages IS 'Ours: pages of the last walk; of all walks for resources that are asked one by one';
COMMENT ON COLUMN resources.total_first IS 'API: total of the first page';
COMMENT ON COLUMN resources.total_last IS 'API: total of the last page';
COMMENT ON COLUMN resources.rows IS 'Ours: rows received';
COMMENT ON COLUMN resources.distinct_rows IS 'Ours: distinct ids received';
COMMENT ON COLUMN resources.duplicates IS 'Ours: rows whose id had come before';
COMMENT ON COLUMN resources.retries IS 'Ours: requests that were repeated';
COMMENT ON COLUMN resources.errors IS 'Ours: attempts that failed, also where one after them succeeded';
COMMENT ON COLUMN resources.covered IS 'Ours: how many of coverable have been asked, in this snapshot or before';
COMMENT ON COLUMN resources.coverable IS 'Ours: of a resource that is asked one by one, how many there are to ask: rules on a channel group, tasks, records, permissions; NULL for lists';
COMMENT ON COLUMN resources.coverage IS 'Derived: covered / coverable, 1 where there is nothing to ask; NULL for lists';
COMMENT ON COLUMN resources.walked_in IS 'Ours: the last snapshot, up to this one, whose walk of it was whole; the rows are as they were then';
COMMENT ON COLUMN resources.verdict IS 'Ours: complete, complete_with_drift or partial';
COMMENT ON COLUMN resources.problem IS 'Ours: what is missing or in doubt';

CREATE VIEW tie_outs AS
SELECT
    t.snapshot_id,
    t.project_id,
    t.name,
    t.ours,
    t.theirs,
    t.result
FROM base.tie_outs AS t
CROSS JOIN base.as_of AS a
WHERE t.snapshot_id <= a.snapshot_id
    AND (a.project_id IS NULL OR t.project_id = a.project_id);
COMMENT ON VIEW tie_outs IS 'One comparison with the cloud''s own count.';
COMMENT ON COLUMN tie_outs.snapshot_id IS 'Ours: the snapshot, named for its start in UTC';
COMMENT ON COLUMN tie_outs.project_id IS 'Ours: the project';
COMMENT ON COLUMN tie_outs.name IS 'Ours: what is compared';
COMMENT ON COLUMN tie_outs.ours IS 'Ours: our count; of task records and task sizes, the finished tasks that agree';
COMMENT ON COLUMN tie_outs.theirs IS 'API: the cloud''s count; of task records (totalNum) and task sizes (authNum), the finished tasks that were compared';
COMMENT ON COLUMN tie_outs.result IS 'Ours: agrees, differs or not tried';

CREATE VIEW digests AS
SELECT
    t.snapshot_id,
    t.project_id,
    t.resource,
    t.sha256,
    t.query
FROM base.digests AS t
CROSS JOIN base.as_of AS a
WHERE t.snapshot_id <= a.snapshot_id
    AND (a.project_id IS NULL OR t.project_id = a.project_id);
COMMENT ON VIEW digests IS 'What a resource held in a snapshot, as one number.';
COMMENT ON COLUMN digests.snapshot_id IS 'Ours: the snapshot, named for its start in UTC';
COMMENT ON COLUMN digests.project_id IS 'Ours: the project';
COMMENT ON COLUMN digests.resource IS 'Ours: the resource';
COMMENT ON COLUMN digests.sha256 IS 'Ours: SHA-256 of the CSV of query';
COMMENT ON COLUMN digests.query IS 'Ours: the query that gives the CSV, with the snapshot and the project chosen for the connection';

CREATE VIEW purged AS
SELECT
    t.project_id,
    t.resource,
    lower(hex(t.key_sha256)) AS key_sha256,
    lower(hex(t.row_sha256)) AS row_sha256,
    t.first_snapshot,
    t.closed_snapshot,
    t.purged_in
FROM base.purged AS t
CROSS JOIN base.as_of AS a
WHERE t.purged_in <= a.snapshot_id
    AND (a.project_id IS NULL OR t.project_id = a.project_id);
COMMENT ON VIEW purged IS 'What is left of a row that was purged.';
COMMENT ON COLUMN purged.project_id IS 'Ours: the project';
COMMENT ON COLUMN purged.resource IS 'Ours: the resource';
COMMENT ON COLUMN purged.key_sha256 IS 'Ours: SHA-256 of the text of json_array(project_id, resource, columns of the key)';
COMMENT ON COLUMN purged.row_sha256 IS 'Ours: SHA-256 of the text of json_array(received columns), of which digests are made';
COMMENT ON COLUMN purged.first_snapshot IS 'Ours: the snapshot that first had the row';
COMMENT ON COLUMN purged.closed_snapshot IS 'Ours: the snapshot that no longer had it';
COMMENT ON COLUMN purged.purged_in IS 'Ours: the snapshot that was made without it';

CREATE VIEW calls AS
SELECT
    t.snapshot_id,
    t.project_id,
    t.resource,
    t.operation,
    t.walk,
    t.page,
    t.key,
    t.line,
    t.tid,
    t.t,
    t.http_status,
    t.code,
    t.rows,
    t.ms,
    t.attempt,
    t.body_sha256,
    t.landed_sha256
FROM base.calls AS t
CROSS JOIN base.as_of AS a
WHERE t.snapshot_id = a.snapshot_id
    AND (a.project_id IS NULL OR t.project_id = a.project_id);
COMMENT ON VIEW calls IS 'One response of the run that built this file. Not carried forward.';
COMMENT ON COLUMN calls.snapshot_id IS 'Ours: the snapshot, named for its start in UTC';
COMMENT ON COLUMN calls.project_id IS 'Ours: the project';
COMMENT ON COLUMN calls.resource IS 'Ours: the resource it was for';
COMMENT ON COLUMN calls.operation IS 'API: the operation';
COMMENT ON COLUMN calls.walk IS 'Ours: the walk, from 1';
COMMENT ON COLUMN calls.page IS 'Ours: the page that was asked';
COMMENT ON COLUMN calls.key IS 'Ours: what was asked, of a resource that is asked one by one';
COMMENT ON COLUMN calls.line IS 'Ours: line of the landed file; NULL where nothing was landed';
COMMENT ON COLUMN calls.tid IS 'API: tid of the response';
COMMENT ON COLUMN calls.t IS 'API: t of the response';
COMMENT ON COLUMN calls.http_status IS 'HTTP status';
COMMENT ON COLUMN calls.code IS 'API: code of the response';
COMMENT ON COLUMN calls.rows IS 'Ours: items in the response, at least 1 of an operation that answers in one page; 0 of an attempt that failed';
COMMENT ON COLUMN calls.ms IS 'Ours: time it took';
COMMENT ON COLUMN calls.attempt IS 'Ours: the attempt, from 1';
COMMENT ON COLUMN calls.body_sha256 IS 'Ours: SHA-256 of the body as received';
COMMENT ON COLUMN calls.landed_sha256 IS 'Ours: SHA-256 of the body as landed';
