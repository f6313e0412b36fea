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
    t.kind,
    t.clock_offset_ms
FROM base.snapshots AS t
CROSS JOIN base.as_of AS a
WHERE t.snapshot_id <= a.snapshot_id
    AND (a.project_id IS NULL OR t.project_id = a.project_id);
COMMENT ON VIEW snapshots IS 'One project in one collection, purge, or taking of the inputs.';
COMMENT ON COLUMN snapshots.snapshot_id IS 'Ours: the snapshot, named for its start in UTC';
COMMENT ON COLUMN snapshots.project_id IS 'Ours: the project';
COMMENT ON COLUMN snapshots.started_at IS 'Ours: start of the collection, by our clock';
COMMENT ON COLUMN snapshots.finished_at IS 'Ours: end of the collection, by our clock';
COMMENT ON COLUMN snapshots.verdict IS 'Ours: complete, complete_with_drift or partial';
COMMENT ON COLUMN snapshots.server_time IS 'API: the newest t of the pages of its lists and its organization tree, by the cloud''s clock; NULL where none came';
COMMENT ON COLUMN snapshots.rows IS 'Ours: current rows over all resources as of the snapshot, whether walked in it or carried forward; issue_infos counts its five rows of each record';
COMMENT ON COLUMN snapshots.digest IS 'Ours: SHA-256 over the lines "resource sha256" of digests in the order of resource, each with its newline';
COMMENT ON COLUMN snapshots.program_version IS 'Ours: the program that made it';
COMMENT ON COLUMN snapshots.kind IS 'Ours: collection; or a copy of the snapshot before, purge: without what was purged, inputs: with the registers as they were then';
COMMENT ON COLUMN snapshots.clock_offset_ms IS 'Ours: how far the cloud''s clock was ahead of ours when the project was done, in ms; NULL where it never told';

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
    t.result,
    t.kind,
    t.position,
    t.filter,
    t.requests,
    t.reading,
    t.note
FROM base.tie_outs AS t
CROSS JOIN base.as_of AS a
WHERE t.snapshot_id <= a.snapshot_id
    AND (a.project_id IS NULL OR t.project_id = a.project_id);
COMMENT ON VIEW tie_outs IS 'One comparison with the cloud''s own count. None changes the verdict, which rests on the walks alone.';
COMMENT ON COLUMN tie_outs.snapshot_id IS 'Ours: the snapshot, named for its start in UTC';
COMMENT ON COLUMN tie_outs.project_id IS 'Ours: the project';
COMMENT ON COLUMN tie_outs.name IS 'Ours: what is compared';
COMMENT ON COLUMN tie_outs.ours IS 'Ours: our count; of task records, task sizes and channels of rules, the tasks or rules that agree';
COMMENT ON COLUMN tie_outs.theirs IS 'API: the cloud''s count; of task records (totalNum), task sizes (authNum) and channels of rules (total of channel-detail), the tasks or rules that were compared';
COMMENT ON COLUMN tie_outs.result IS 'Ours: agrees; differs; filter ignored: the total is that of the list without the filter, although ours is not; not tried';
COMMENT ON COLUMN tie_outs.kind IS 'Ours: list (rows against the total), cross (one resource against another), channels, validity, status (filters of access-auth)';
COMMENT ON COLUMN tie_outs.position IS 'Ours: the order in which they are shown';
COMMENT ON COLUMN tie_outs.filter IS 'API access-auth: the filter that was asked, as parameter=value; the calls of resource tie_outs whose key begins with it are the answers';
COMMENT ON COLUMN tie_outs.requests IS 'Ours: requests that it took beside the walks; NULL where it takes none';
COMMENT ON COLUMN tie_outs.reading IS 'Ours: of authDateType 7, 15 and 30, the reading of the bound that fits: so many hours, calendar days, or either';
COMMENT ON COLUMN tie_outs.note IS 'Ours: why it was not tried, what differs, what the agreement rests on';

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

-- The codes of the API against what the counters and times beside them say. The
-- documents number authTaskProgress and authTaskStatus one way for the filter and
-- another way for the response; both ways are shown, and which one fits.
CREATE VIEW code_contingency AS
WITH counted AS (
    SELECT
        project_id,
        'auth_task_progress' AS field,
        auth_task_progress AS code,
        if(coalesce(task_finish_time > 0, false), 'finished', 'unfinished') AS derived,
        count(*) AS rows
    FROM base.current_tasks
    GROUP BY ALL
    UNION ALL
    SELECT project_id, 'auth_task_status', auth_task_status, result, count(*)
    FROM tasks
    GROUP BY ALL
    UNION ALL
    SELECT
        r.project_id,
        'issue_status',
        r.issue_status,
        CASE WHEN i.failed > 0 THEN 'failed' WHEN i.succeeded > 0 THEN 'succeeded' ELSE 'nothing counted' END,
        count(*)
    FROM base.current_records AS r
    JOIN (
        SELECT
            project_id,
            auth_task_record_id,
            sum(coalesce(fail_issue_num, 0) + coalesce(fail_issue_del_num, 0)) AS failed,
            sum(coalesce(success_issue_num, 0) + coalesce(success_issue_del_num, 0)) AS succeeded
        FROM base.current_issue_infos
        GROUP BY ALL
    ) AS i
        ON i.project_id = r.project_id AND i.auth_task_record_id = r.auth_task_record_id
    GROUP BY ALL
    UNION ALL
    SELECT project_id, 'card_issue_status', card_issue_status, card_state, count(*)
    FROM permissions
    GROUP BY ALL
    UNION ALL
    SELECT project_id, 'face_issue_status', face_issue_status, face_state, count(*)
    FROM permissions
    GROUP BY ALL
    UNION ALL
    SELECT project_id, 'fingerprint_issue_status', fingerprint_issue_status, fingerprint_state, count(*)
    FROM permissions
    GROUP BY ALL
), meaning(field, code, as_response, response_fits, as_filter, filter_fits) AS (
    VALUES
        ('auth_task_progress', 0, 'initialized', ['unfinished'], 'initialized', ['unfinished']),
        ('auth_task_progress', 1, 'to be started', ['unfinished'], 'completed', ['finished']),
        ('auth_task_progress', 2, 'being executed', ['unfinished'], 'terminated', ['finished']),
        ('auth_task_progress', 3, 'terminated', ['finished'], 'being executed', ['unfinished']),
        ('auth_task_progress', 4, 'completed', ['finished'], NULL, NULL),
        ('auth_task_status', 0, 'to be started', ['unfinished'], NULL, NULL),
        ('auth_task_status', 1, 'partially successful', ['partly succeeded', 'unfinished'], 'all succeeded', ['succeeded', 'empty']),
        ('auth_task_status', 2, 'all successful', ['succeeded', 'empty'], 'some succeeded', ['partly succeeded', 'unfinished']),
        ('auth_task_status', 3, 'all failed', ['failed', 'empty'], 'all failed', ['failed', 'empty']),
        ('auth_task_status', 4, 'terminated', ['failed', 'partly succeeded', 'succeeded', 'empty'],
            'all terminated', ['failed', 'partly succeeded', 'succeeded', 'empty']),
        ('issue_status', 0, 'initialized', ['nothing counted'], 'initialized', ['nothing counted']),
        ('issue_status', 1, 'unknown', ['nothing counted', 'failed', 'succeeded'], 'unknown', ['nothing counted', 'failed', 'succeeded']),
        ('issue_status', 2, 'terminated', ['nothing counted', 'failed', 'succeeded'], 'terminated', ['nothing counted', 'failed', 'succeeded']),
        ('issue_status', 3, 'failed', ['failed'], 'failed', ['failed']),
        ('issue_status', 4, 'succeeded', ['succeeded'], 'succeeded', ['succeeded'])
), sent(field) AS (
    VALUES ('card_issue_status'), ('face_issue_status'), ('fingerprint_issue_status')
), meanings AS (
    FROM meaning
    UNION ALL
    SELECT field, 0, 'to be sent', ['pending', 'partial', 'not_enrolled'], 'to be sent', ['pending', 'partial', 'not_enrolled']
    FROM sent
    UNION ALL
    SELECT field, 1, 'already sent', ['delivered', 'partial'], 'already sent', ['delivered', 'partial']
    FROM sent
)
SELECT
    c.project_id,
    c.field,
    c.code,
    m.as_response,
    m.as_filter,
    c.derived,
    c.rows,
    CASE
        WHEN c.derived = 'unknown' THEN 'cannot tell'
        WHEN list_contains(m.response_fits, c.derived) AND list_contains(m.filter_fits, c.derived) THEN 'both'
        WHEN list_contains(m.response_fits, c.derived) THEN 'response'
        WHEN list_contains(m.filter_fits, c.derived) THEN 'filter'
        ELSE 'neither'
    END AS fits
FROM counted AS c
LEFT JOIN meanings AS m
    ON m.field = c.field AND m.code = c.code
WHERE c.code IS NOT NULL OR c.derived != 'unknown';
COMMENT ON VIEW code_contingency IS 'How often each code of the API stands beside what is derived from counters and times, and which documented reading of the code that fits.';
COMMENT ON COLUMN code_contingency.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN code_contingency.field IS 'Ours: the column of tasks, records or permissions that holds the code';
COMMENT ON COLUMN code_contingency.code IS 'API: the code as received; NULL where it was absent';
COMMENT ON COLUMN code_contingency.as_response IS 'API documents: the code''s meaning in a response; NULL where they have none';
COMMENT ON COLUMN code_contingency.as_filter IS 'API documents: the meaning of the same code as a filter; NULL where they have none';
COMMENT ON COLUMN code_contingency.derived IS 'Derived: what the counters and times of the rows say: finished or result of a task, the counters of a record whose issue-info was fetched, card_state, face_state or fingerprint_state of a permission';
COMMENT ON COLUMN code_contingency.rows IS 'Ours: how many rows have this code and this derived state';
COMMENT ON COLUMN code_contingency.fits IS 'Derived: which of the two meanings the derived state bears out: both, response, filter, neither, or cannot tell';
