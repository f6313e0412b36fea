-- Control calendar
--
-- Question    On which days of the period was a snapshot taken, and was it whole?
-- A row is    one day of the period, of one project, in $timezone. The period is
--             the last $days days; it begins no earlier than the project's first
--             snapshot, for before it there was nothing to run.
-- State       gap: no snapshot was begun on the day. not whole: one was, but none
--             of the day is complete or complete with drift. not due: none was, and
--             the schedule wanted none. done: the others.
-- Schedule    what became of the collections that were due on the day, as the
--             journal accounts for each: ran, late, caught up (run later, for
--             nothing ran at its time), skipped, failed. no schedule: exporter serve
--             did not run collections then. not accounted for yet: after the last
--             entry, which for this report's own snapshot is still to come.
-- Sealed      the journal has a line for the day's last snapshot, with the same
--             digest. The snapshot that this report is made of is sealed after it
--             was written, so "not yet" is shown for it.
-- Severity    high: gap; medium: not whole, not sealed, or a collection that was due
--             was skipped or failed; good: the others.
-- Parameters  $as_of, $timezone, $days.
-- Limits      The journal is that of the begin of this snapshot: reports and
--             checks since are not in it. A gap needs a reason, which only a
--             person can give. What is caught up on a later day leaves its own day
--             a gap. A day is 23 or 25 hours long where clocks change.
SELECT
    d.severity,
    d.day,
    strftime(d.day, '%a') AS weekday,
    d.state,
    d.schedule,
    d.due,
    d.ran,
    d.late,
    d.caught_up,
    d.skipped,
    d.failed,
    d.why,
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
