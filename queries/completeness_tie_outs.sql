-- Completeness: the tie-outs
--
-- Question    Where do our counts agree with the cloud's own?
-- A row is    one comparison of one project in the snapshot.
-- Severity    high: it differs; medium: the cloud ignored the filter that was
--             to give its count; low: not tried; good: agrees.
-- Parameters  $snapshot.
-- Limits      A tie-out that agrees proves the count, not each row. None changes
--             the verdict of the snapshot, which rests on the walks alone.
SELECT
    CASE t.result
        WHEN 'differs' THEN 'high'
        WHEN 'filter ignored' THEN 'medium'
        WHEN 'agrees' THEN 'good'
        ELSE 'low'
    END AS severity,
    t.name,
    t.ours,
    t.theirs,
    t.ours - t.theirs AS difference,
    t.result,
    nullif(concat_ws('; ', t.reading, t.note), '') AS note,
    t.kind,
    t.filter,
    t.requests,
    t.project_id
FROM tie_outs AS t
WHERE t.snapshot_id = CAST($snapshot AS VARCHAR)
ORDER BY
    array_position(['high', 'medium', 'low', 'good'], severity),
    t.project_id,
    t.position,
    t.name
