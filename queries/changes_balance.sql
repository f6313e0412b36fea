-- What changed: the balance
--
-- Question    Does what was added and removed explain the number of permissions?
-- A row is    one project.
-- Counted     as permission_balance($since_snapshot, $snapshot) does: the
--             permissions at either end are counted on their own, so that
--             start + added - removed = end is a test. A re-created permission is
--             neither added nor removed. Came and went: in neither snapshot, but
--             in one between them.
-- Walk        the collection whose whole walk of the permissions stands for a
--             snapshot: another than its own where that was partial.
-- Severity    critical: start + added - removed is not the end; medium: the walk
--             of either end is not its own; else good.
-- Limits      Without an earlier snapshot only the end is known.
WITH ends AS (
    SELECT
        CAST($snapshot AS VARCHAR) AS snapshot_id,
        CAST($since_snapshot AS VARCHAR) AS since_id
),
balances AS (
    SELECT b.*, a.*
    FROM permission_balance(
        coalesce(CAST($since_snapshot AS VARCHAR), CAST($snapshot AS VARCHAR)),
        CAST($snapshot AS VARCHAR)
    ) AS b
    CROSS JOIN ends AS a
)
SELECT
    CASE
        WHEN NOT agrees THEN 'critical'
        WHEN walked_after IS DISTINCT FROM snapshot_id
            OR (since_id IS NOT NULL AND walked_before IS DISTINCT FROM since_id) THEN 'medium'
        ELSE 'good'
    END AS severity,
    project_id,
    if(since_id IS NULL, NULL, rows_before) AS rows_before,
    if(since_id IS NULL, NULL, added) AS added,
    if(since_id IS NULL, NULL, removed) AS removed,
    rows_after,
    CASE
        WHEN since_id IS NULL THEN 'nothing to compare with'
        WHEN agrees THEN 'agrees'
        ELSE 'differs'
    END AS result,
    if(since_id IS NULL, NULL, recreated) AS recreated,
    if(since_id IS NULL, NULL, came_and_went) AS came_and_went,
    if(since_id IS NULL, NULL, coalesce(walked_before, 'none')) AS walked_before,
    coalesce(walked_after, 'none') AS walked_after
FROM balances
ORDER BY project_id
