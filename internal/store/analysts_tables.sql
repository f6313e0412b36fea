-- What the analysts' file has beside the tables, which are the public views of a
-- snapshot: days and about, and views and macros over the tables. DuckDB looks up
-- in the file itself what a view of an attached file names, and in the reader's
-- database what a macro does: so the views work when it is attached, under any name,
-- and the macros when it is opened, or chosen by USE.

CREATE TABLE days AS
SELECT
    project_id,
    snapshot_date,
    snapshot_id,
    verdict,
    lag(snapshot_id) OVER (PARTITION BY project_id ORDER BY snapshot_date) AS previous_snapshot
FROM (
    SELECT
        project_id,
        timezone(
            current_setting('TimeZone'),
            timezone('UTC', strptime(snapshot_id, '%Y%m%dT%H%M%SZ'))
        )::DATE AS snapshot_date,
        max(snapshot_id) AS snapshot_id,
        max_by(verdict, snapshot_id) AS verdict
    FROM snapshots
    WHERE snapshot_id >= coalesce((SELECT max(last_closed) FROM snap.base.purges), '')
    GROUP BY ALL
)
ORDER BY project_id, snapshot_date;
COMMENT ON TABLE days IS 'One day of one project that has a snapshot, as its last snapshot has it.';
COMMENT ON COLUMN days.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN days.snapshot_date IS 'Ours: the day, in the time zone of the store (about)';
COMMENT ON COLUMN days.snapshot_id IS 'Ours: the last snapshot of the day';
COMMENT ON COLUMN days.verdict IS 'Ours: whether that snapshot is whole: complete, complete_with_drift or partial';
COMMENT ON COLUMN days.previous_snapshot IS 'Ours: the last snapshot of the day before that has one; NULL on the first';

CREATE TABLE about AS
WITH newest AS (
    SELECT
        max(snapshot_id) AS snapshot_id,
        strftime(timezone('UTC', max(coalesce(server_time, started_at))), '%Y-%m-%dT%H:%M:%SZ') AS as_of
    FROM snapshots
    WHERE snapshot_id = (SELECT max(snapshot_id) FROM snapshots)
)
SELECT unnest(facts, recursive := true)
FROM (
    SELECT list_concat(
        [
            {'fact': 'made by', 'value': 'exporter publish, version ' || getvariable('program_version')},
            {'fact': 'snapshot', 'value': n.snapshot_id},
            {'fact': 'as of', 'value': n.as_of || ', by the cloud''s clock'}
        ],
        (
            SELECT list({
                'fact': 'verdict of project ' || project_id,
                'value': replace(verdict, '_', ' ')
            } ORDER BY project_id)
            FROM snapshots
            WHERE snapshot_id = n.snapshot_id
        ),
        [
            {'fact': 'history from', 'value': (SELECT min(snapshot_id) FROM snapshots WHERE snapshot_id >= coalesce((SELECT max(last_closed) FROM snap.base.purges), ''))},
            {'fact': 'time zone', 'value': current_setting('TimeZone') || ', in which days begin; SET TimeZone to it before a time without a zone is named'},
            {'fact': 'mask', 'value': 'pseudonym: ids of persons are pseudonyms, the same in every copy from this store; names, mobile numbers and work numbers are tags; an organization of one or two persons has no name'},
            {'fact': 'counts', 'value': 'Rows and keys are those of the full snapshot; digests in snapshots are the full snapshot''s'},
            {'fact': 'opened', 'value': 'The macros permissions_at, persons_at, structures_at, rules_at (a time), permission_changes and permission_balance (two snapshots) work when the file is opened, or after USE'},
            {'fact': 'attached', 'value': 'The views permission_days, permission_changes_days, latest_permission_changes and permission_versions work also when the file is attached, under any name'},
            {'fact': 'how to cite', 'value': 'Snapshot ' || n.snapshot_id || ' as of ' || n.as_of || ', pseudonymised copy'}
        ]
    ) AS facts
    FROM newest AS n
);
COMMENT ON TABLE about IS 'What this file is: one fact in each row.';
COMMENT ON COLUMN about.fact IS 'Ours: what is told';
COMMENT ON COLUMN about.value IS 'Ours: what is so';

CREATE MACRO unpurged(id) AS
    CASE
        WHEN id < (SELECT value FROM about WHERE fact = 'history from')
            THEN error('snapshot ' || id || ': this file answers from ' || (SELECT value FROM about WHERE fact = 'history from') || ' on')
        ELSE id
    END;
CREATE MACRO begun(ts) AS
    CASE
        WHEN CAST(ts AS TIMESTAMPTZ) < (SELECT min(coalesce(server_time, started_at)) FROM snapshots)
            THEN error('there was no snapshot yet at ' || ts || ': the first is of ' || (SELECT min(coalesce(server_time, started_at)) FROM snapshots))
        ELSE CAST(ts AS TIMESTAMPTZ)
    END;
COMMENT ON MACRO begun IS 'The time, unless there was no snapshot yet: part of permissions_at and its like.';
COMMENT ON MACRO unpurged IS 'The snapshot, unless its history has been purged: part of permissions_at and its like.';
