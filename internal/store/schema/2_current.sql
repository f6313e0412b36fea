-- What "now" is: the snapshot and the project of the connection's variables
-- snapshot_id and project_id. Without them, the newest snapshot in the file and
-- every project.
CREATE VIEW base.as_of AS
SELECT
    coalesce(
        getvariable('snapshot_id')::VARCHAR,
        (SELECT max(snapshot_id) FROM base.snapshots)
    ) AS snapshot_id,
    getvariable('project_id')::VARCHAR AS project_id;

-- Every version of a permission with what is derived from it.
CREATE VIEW base.permission_versions AS
SELECT
    h.*,
    CASE WHEN h.auth_start_time BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(h.auth_start_time * 1000) END AS auth_start,
    CASE WHEN h.auth_end_time BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(h.auth_end_time * 1000) END AS auth_end,
    h.auth_end_time >= 2556093599000 AS permanent,
    CASE h.card_issue_status WHEN 0 THEN 'to be sent' WHEN 1 THEN 'already sent' ELSE 'unknown (' || h.card_issue_status || ')' END AS card_issue_status_text,
    CASE h.face_issue_status WHEN 0 THEN 'to be sent' WHEN 1 THEN 'already sent' ELSE 'unknown (' || h.face_issue_status || ')' END AS face_issue_status_text,
    CASE h.fingerprint_issue_status WHEN 0 THEN 'to be sent' WHEN 1 THEN 'already sent' ELSE 'unknown (' || h.fingerprint_issue_status || ')' END AS fingerprint_issue_status_text,
    CASE
        WHEN h.total_card_num IS NULL OR h.auth_card_num IS NULL OR h.total_card_num < 0 OR h.auth_card_num < 0 THEN 'unknown'
        WHEN h.auth_card_num > h.total_card_num THEN 'excess'
        WHEN h.total_card_num = 0 THEN 'not_enrolled'
        WHEN h.auth_card_num > 0 AND h.auth_card_num < h.total_card_num THEN 'partial'
        WHEN h.card_issue_status NOT IN (0, 1) OR h.card_issue_status IS NULL THEN 'unknown'
        WHEN h.auth_card_num = 0 AND h.card_issue_status = 0 THEN 'pending'
        WHEN h.auth_card_num = h.total_card_num AND h.card_issue_status = 1 THEN 'delivered'
        ELSE 'contradictory'
    END AS card_state,
    CASE
        WHEN h.total_face_num IS NULL OR h.auth_face_num IS NULL OR h.total_face_num < 0 OR h.auth_face_num < 0 THEN 'unknown'
        WHEN h.auth_face_num > h.total_face_num THEN 'excess'
        WHEN h.total_face_num = 0 THEN 'not_enrolled'
        WHEN h.auth_face_num > 0 AND h.auth_face_num < h.total_face_num THEN 'partial'
        WHEN h.face_issue_status NOT IN (0, 1) OR h.face_issue_status IS NULL THEN 'unknown'
        WHEN h.auth_face_num = 0 AND h.face_issue_status = 0 THEN 'pending'
        WHEN h.auth_face_num = h.total_face_num AND h.face_issue_status = 1 THEN 'delivered'
        ELSE 'contradictory'
    END AS face_state,
    CASE
        WHEN h.total_fingerprint_num IS NULL OR h.auth_fingerprint_num IS NULL OR h.total_fingerprint_num < 0 OR h.auth_fingerprint_num < 0 THEN 'unknown'
        WHEN h.auth_fingerprint_num > h.total_fingerprint_num THEN 'excess'
        WHEN h.total_fingerprint_num = 0 THEN 'not_enrolled'
        WHEN h.auth_fingerprint_num > 0 AND h.auth_fingerprint_num < h.total_fingerprint_num THEN 'partial'
        WHEN h.fingerprint_issue_status NOT IN (0, 1) OR h.fingerprint_issue_status IS NULL THEN 'unknown'
        WHEN h.auth_fingerprint_num = 0 AND h.fingerprint_issue_status = 0 THEN 'pending'
        WHEN h.auth_fingerprint_num = h.total_fingerprint_num AND h.fingerprint_issue_status = 1 THEN 'delivered'
        ELSE 'contradictory'
    END AS fingerprint_state
FROM base.permissions AS h;

-- The rows of each history table as they stand at that snapshot.

CREATE VIEW base.current_permissions AS
SELECT h.*
FROM base.permission_versions AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_persons AS
SELECT h.*
FROM base.persons AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_structures AS
SELECT h.*
FROM base.structures AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_rules AS
SELECT h.*
FROM base.rules AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_rule_channels AS
SELECT h.*
FROM base.rule_channels AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_tasks AS
SELECT h.*
FROM base.tasks AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_task_details AS
SELECT h.*
FROM base.task_details AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_records AS
SELECT h.*
FROM base.records AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_issue_infos AS
SELECT h.*
FROM base.issue_infos AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

CREATE VIEW base.current_details AS
SELECT h.*
FROM base.details AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > a.snapshot_id)
    AND (a.project_id IS NULL OR h.project_id = a.project_id);

-- The rows that were purged since, as hashes. When that was does not matter:
-- they belong to what the snapshot held.
CREATE VIEW base.current_purged AS
SELECT
    h.project_id,
    h.resource,
    lower(hex(h.row_sha256)) AS row_sha256
FROM base.purged AS h
CROSS JOIN base.as_of AS a
WHERE h.first_snapshot <= a.snapshot_id
    AND h.closed_snapshot > a.snapshot_id
    AND (a.project_id IS NULL OR h.project_id = a.project_id);
