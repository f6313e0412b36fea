-- Control calendar
--
-- Question    On which days of the period was a snapshot taken, and was it whole?
-- A row is    one day of the period, of one project, in $timezone. The period is
--             the last $days days; it begins no earlier than the project's first
--             snapshot, for before it there was nothing to run.
-- State       gap: no snapshot was begun on the day. not whole: one was, but none
--             of the day is complete or complete with drift. done: the others.
-- Sealed      the journal has a line for the day's last snapshot, with the same
--             digest. The snapshot that this report is made of is sealed after it
--             was written, so "not yet" is shown for it.
-- Severity    high: gap; medium: not whole, or not sealed; good: done.
-- Parameters  $as_of, $timezone, $days.
-- Limits      The journal is that of the begin of this snapshot: reports and
--             checks since are not in it. A gap needs a reason, which only a
--             person can give. A day is 23 or 25 hours long where clocks change.
SELECT
    d.severity,
    d.day,
    strftime(d.day, '%a') AS weekday,
    d.state,
    d.snapshots,
    d.verdict,
    d.started_at,
    d.rows,
    d.sealed,
    d.reports,
    d.journal_line,
    d.snapshot_id,
    d.digest,
    d.project_id
FROM control_days(CAST($as_of AS TIMESTAMPTZ), $timezone, $days) AS d
ORDER BY
    d.day DESC,
    d.project_id
