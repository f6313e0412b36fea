-- The views of the analysts' file. What is compared is whole days: the last snapshot of
-- each.

CREATE VIEW permission_days AS
SELECT d.snapshot_date, d.snapshot_id, v.*
FROM days AS d
JOIN permission_versions AS v
    ON v.project_id = d.project_id
    AND v.first_snapshot <= d.snapshot_id
    AND (v.closed_snapshot IS NULL OR v.closed_snapshot > d.snapshot_id);
COMMENT ON VIEW permission_days IS 'Each permission on each day that has a snapshot, as the last snapshot of the day has it: permissions_at for every day. Name a day: WHERE snapshot_date = ...';

CREATE VIEW permission_changes_days AS
WITH day_of AS (
    SELECT s.project_id, s.snapshot_id, min(d.snapshot_id) AS day
    FROM snapshots AS s
    JOIN days AS d
        ON d.project_id = s.project_id AND d.snapshot_id >= s.snapshot_id
    GROUP BY ALL
), dated AS (
    SELECT
        v.*,
        f.day AS first_day,
        l.day AS last_day
    FROM permission_versions AS v
    JOIN day_of AS f
        ON f.project_id = v.project_id AND f.snapshot_id = v.first_snapshot
    LEFT JOIN day_of AS l
        ON l.project_id = v.project_id AND l.snapshot_id = v.closed_snapshot
    WHERE f.day IS DISTINCT FROM l.day
)
SELECT
    d.snapshot_date,
    d.snapshot_id,
    d.previous_snapshot,
    CASE WHEN b.access_auth_id IS NULL THEN 'added' WHEN a.access_auth_id IS NULL THEN 'removed' ELSE 'changed' END AS kind,
    d.project_id,
    coalesce(a.access_auth_id, b.access_auth_id) AS access_auth_id,
    coalesce(a.person_id, b.person_id) AS person_id,
    coalesce(a.access_control_channel_id, b.access_control_channel_id) AS access_control_channel_id,
    b.auth_start AS auth_start_before,
    a.auth_start AS auth_start_after,
    b.auth_end AS auth_end_before,
    a.auth_end AS auth_end_after,
    b.permanent AS permanent_before,
    a.permanent AS permanent_after,
    b.card_state AS card_state_before,
    a.card_state AS card_state_after,
    b.face_state AS face_state_before,
    a.face_state AS face_state_after,
    b.fingerprint_state AS fingerprint_state_before,
    a.fingerprint_state AS fingerprint_state_after,
    b.structure_ids AS structure_ids_before,
    a.structure_ids AS structure_ids_after
FROM dated AS a
FULL JOIN dated AS b
    ON b.project_id = a.project_id
    AND b.access_auth_id = a.access_auth_id
    AND b.person_id IS NOT DISTINCT FROM a.person_id
    AND b.access_control_channel_id IS NOT DISTINCT FROM a.access_control_channel_id
    AND b.last_day = a.first_day
JOIN days AS d
    ON d.project_id = coalesce(a.project_id, b.project_id)
    AND d.snapshot_id = coalesce(a.first_day, b.last_day)
WHERE d.previous_snapshot IS NOT NULL;
COMMENT ON VIEW permission_changes_days IS 'In what the permissions of each day differ from those of the day before that has a snapshot: added, removed, or changed in any column. The macro permission_changes says more of a change, and takes one removed and one added for the same person and channel for one re-created.';

CREATE VIEW latest_permission_changes AS
FROM permission_changes(
    coalesce(
        (SELECT max(snapshot_id) FROM snapshots WHERE snapshot_id < (SELECT max(snapshot_id) FROM snapshots)),
        (SELECT max(snapshot_id) FROM snapshots)
    ),
    (SELECT max(snapshot_id) FROM snapshots)
);
COMMENT ON VIEW latest_permission_changes IS 'What changed in the permissions since the snapshot before: permission_changes of the last two snapshots.';
