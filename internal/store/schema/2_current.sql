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

-- The rows of each history table as they stand at that snapshot.

CREATE VIEW base.current_permissions AS
SELECT h.*
FROM base.permissions AS h
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
