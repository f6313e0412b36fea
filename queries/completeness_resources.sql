-- Completeness: the resources
--
-- Question    Which parts of this snapshot can be relied on?
-- A row is    one resource of one project in the snapshot.
-- State       cannot be relied on: its list was not walked as a whole, so rows
--             may be missing.
--             with care: it moved while it was read; or it is asked one by one
--             and not all of it has been asked yet.
--             can be relied on: the rest.
-- Severity    critical: cannot be relied on; medium: with care; good: can be
--             relied on.
-- Parameters  $snapshot.
-- Limits      That a walk was whole rests on the cloud's own total and on the
--             end of its pages; what the cloud does not list, nobody can count.
SELECT
    CASE
        WHEN r.verdict = 'partial' AND r.coverable IS NULL THEN 'critical'
        WHEN r.verdict = 'complete' AND coalesce(r.coverage, 1) >= 1 THEN 'good'
        ELSE 'medium'
    END AS severity,
    resource_text(r.resource) AS resource_text,
    CASE
        WHEN r.verdict = 'partial' AND r.coverable IS NULL THEN 'cannot be relied on'
        WHEN r.verdict = 'complete' AND coalesce(r.coverage, 1) >= 1 THEN 'can be relied on'
        ELSE 'with care'
    END AS state,
    r.total_last,
    r.distinct_rows,
    r.coverage,
    r.covered,
    r.coverable,
    coalesce(
        nullif(r.problem, ''),
        CASE
            WHEN r.coverage < 1 THEN 'not asked yet: ' || format('{:,}', r.coverable - r.covered)
            WHEN r.verdict = 'complete_with_drift' THEN 'it moved while it was read'
        END
    ) AS problem,
    r.rows,
    r.duplicates,
    r.pages,
    r.total_first,
    r.retries,
    r.errors,
    r.verdict,
    r.walked_in,
    r.resource,
    r.project_id
FROM resources AS r
WHERE r.snapshot_id = CAST($snapshot AS VARCHAR)
ORDER BY
    array_position(['critical', 'medium', 'good'], severity),
    array_position(
        ['permissions', 'persons', 'rules', 'rule_channels', 'structures', 'tasks',
            'records', 'issue_infos', 'details', 'task_details'],
        r.resource
    ),
    r.resource,
    r.project_id
