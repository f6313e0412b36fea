-- Evidence bundle: calendar of runs
--
-- Question    On which days of the period was a snapshot taken, and was it whole?
-- A row is    one day, of one project, in $timezone: the last $days days up to
--             $as_of, from the project's first snapshot on.
-- Parameters  $as_of, $timezone, $days.
-- Limits      The journal is that of the begin of the snapshot, as in
--             control_calendar.sql.
SELECT *
FROM control_days(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
ORDER BY
    day,
    project_id
