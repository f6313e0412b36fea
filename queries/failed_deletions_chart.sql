-- Failed deletions: the chart
--
-- Question    For how long have they been open?
-- A row is    a span of time since the deletion first failed.
-- Counted     as in failed_deletions.sql, those that are open.
WITH open_deletions AS (
    SELECT
        auth_task_record_id,
        roster_status = 'terminated' AS leaver,
        (epoch(CAST($as_of AS TIMESTAMPTZ)) - epoch(first_failed)) / 86400 AS days
    FROM failed_deletions
    WHERE cleared_by_task_id IS NULL
),
spans (least, beyond, age) AS (
    VALUES
        (-1000000, 1, 'under 1 day'), (1, 7, '1–7 days'), (7, 30, '7–30 days'), (30, 90, '30–90 days'),
        (90, 1000000000, 'over 90 days')
)
SELECT
    s.age,
    count(d.auth_task_record_id) FILTER (WHERE NOT d.leaver) AS others,
    count(d.auth_task_record_id) FILTER (WHERE d.leaver) AS leavers
FROM spans AS s
LEFT JOIN open_deletions AS d
    ON d.days >= s.least AND d.days < s.beyond
GROUP BY s.least, s.age
ORDER BY s.least
