-- Control calendar: the gaps
--
-- Question    Which days need a reason?
-- A row is    a run of days without a whole snapshot, of one project.
-- Severity    high.
-- Parameters  $as_of, $timezone, $days.
-- Schedule    what became of the collections that were due on those days.
-- Limits      The last two columns are to be filled in by hand.
WITH missing AS (
    SELECT
        d.*,
        d.day - CAST(row_number() OVER (PARTITION BY d.project_id ORDER BY d.day) AS INTEGER) AS run
    FROM control_days(CAST($as_of AS TIMESTAMPTZ), $timezone, $days) AS d
    WHERE d.state NOT IN ('done', 'not due')
)
SELECT
    'high' AS severity,
    min(day) AS first_day,
    max(day) AS last_day,
    count(*) AS days,
    count(*) FILTER (WHERE state = 'gap') AS without_snapshot,
    string_agg(DISTINCT schedule, '; ' ORDER BY schedule) AS schedule,
    '________________' AS reason,
    '________________' AS signed_by,
    project_id
FROM missing
GROUP BY project_id, run
ORDER BY first_day DESC, project_id
