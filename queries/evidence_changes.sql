-- Evidence bundle: changes of the permissions
--
-- Question    What came, went and changed from one snapshot to the next?
-- A row is    one permission in one snapshot of the period that has it otherwise
--             than the snapshot before it.
-- Kind        added, removed or changed; the report changes says more of what
--             changed between the ends of the period.
-- Parameters  $since_snapshot: what came with it or before it is no change; NULL
--             for the project's first snapshot.
WITH earliest AS (
    SELECT
        project_id,
        coalesce($since_snapshot, min(snapshot_id)) AS snapshot_id
    FROM snapshots
    GROUP BY project_id
),
dated AS (
    SELECT
        project_id,
        snapshot_id,
        coalesce(server_time, started_at) AS at
    FROM snapshots
)
SELECT
    coalesce(a.first_snapshot, b.closed_snapshot) AS snapshot_id,
    s.at,
    CASE WHEN b.access_auth_id IS NULL THEN 'added' WHEN a.access_auth_id IS NULL THEN 'removed' ELSE 'changed' END AS kind,
    coalesce(a.project_id, b.project_id) AS project_id,
    coalesce(a.access_auth_id, b.access_auth_id) AS access_auth_id,
    coalesce(a.person_id, b.person_id) AS person_id,
    coalesce(a.name, b.name) AS name,
    coalesce(a.person_code, b.person_code) AS person_code,
    coalesce(a.access_control_channel_id, b.access_control_channel_id) AS access_control_channel_id,
    coalesce(a.access_control_channel_name, b.access_control_channel_name) AS access_control_channel_name,
    b.auth_start_time AS auth_start_time_before,
    a.auth_start_time AS auth_start_time_after,
    b.auth_end_time AS auth_end_time_before,
    a.auth_end_time AS auth_end_time_after,
    b.card_issue_status AS card_issue_status_before,
    a.card_issue_status AS card_issue_status_after,
    b.face_issue_status AS face_issue_status_before,
    a.face_issue_status AS face_issue_status_after,
    b.fingerprint_issue_status AS fingerprint_issue_status_before,
    a.fingerprint_issue_status AS fingerprint_issue_status_after
FROM permission_history AS a
FULL JOIN (FROM permission_history WHERE closed_snapshot IS NOT NULL) AS b
    ON b.project_id = a.project_id
    AND b.access_auth_id = a.access_auth_id
    AND b.closed_snapshot = a.first_snapshot
JOIN earliest AS e
    ON e.project_id = coalesce(a.project_id, b.project_id)
    AND coalesce(a.first_snapshot, b.closed_snapshot) > e.snapshot_id
JOIN dated AS s
    ON s.project_id = e.project_id
    AND s.snapshot_id = coalesce(a.first_snapshot, b.closed_snapshot)
ORDER BY
    snapshot_id,
    project_id,
    access_auth_id,
    kind
