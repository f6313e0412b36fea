-- Completeness: the console tie-out
--
-- Question    Does the vendor's console show the same totals?
-- A row is    one list of one project, to be filled in by whoever looks at the
--             console: the total seen there, when, by whom, and the name of the
--             picture that was kept.
-- Parameters  $snapshot.
-- Limits      The last four columns are to be filled in by hand: the console is looked
--             at by a person. Lists change; look soon after the snapshot.
SELECT
    resource_text(r.resource) AS resource_text,
    CASE r.resource
        WHEN 'permissions' THEN 'access permissions of all persons'
        WHEN 'persons' THEN 'persons with a permission'
        WHEN 'rules' THEN 'authorization rules'
        WHEN 'structures' THEN 'organizations'
        WHEN 'tasks' THEN 'tasks of sending permissions'
    END AS counted,
    r.distinct_rows AS ours,
    r.total_last AS theirs,
    '________________' AS seen_total,
    '________________' AS seen_on,
    '________________' AS seen_by,
    '________________' AS picture,
    r.resource,
    r.project_id
FROM resources AS r
WHERE r.snapshot_id = CAST($snapshot AS VARCHAR)
    AND r.coverable IS NULL
ORDER BY
    r.project_id,
    array_position(['permissions', 'persons', 'rules', 'structures', 'tasks'], r.resource),
    r.resource
