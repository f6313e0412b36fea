-- Exceptions
--
-- Question    Which findings are accepted, by whom and until when?
-- A row is    one line of the register exceptions.csv: one finding of one report.
-- State       expired: its last day is before the day of $as_of in $timezone.
--             names no report: report is none of the built-in ones and none of
--             $own_reports. date not readable: expires_on is no date. nobody
--             approved: approved_by is blank. ends within the next $within_days
--             days. no end: expires_on is blank. active: the others. The first
--             of these that holds is shown.
-- Accepted    an exception holds through its last day; without one, for good. One
--             that is expired, names no report or has no readable date accepts
--             nothing. Nothing hides a finding: an accepted one keeps its row.
-- Severity    medium: expired, names no report, date not readable, or nobody
--             approved; low: ends soon, or no end; good: active.
-- Parameters  $as_of, $timezone, $within_days, $own_reports.
-- Limits      Whether the finding that a line names is still there, the report
--             itself says: it shows the line beside the finding.
SELECT
    e.severity,
    e.state,
    e.report,
    e.finding_key,
    e.reason,
    e.approved_by,
    e.expires_on,
    e.days_left,
    CASE e.state
        WHEN 'expired' THEN 'settle the finding, or have it accepted anew'
        WHEN 'names no report' THEN 'correct the name of the report'
        WHEN 'date not readable' THEN 'write the date as 2026-12-31'
        WHEN 'nobody approved' THEN 'have somebody approve it'
        WHEN 'no end' THEN 'give it an end'
        WHEN 'active' THEN 'nothing'
        ELSE 'settle the finding before, or have it accepted anew'
    END AS suggested_action,
    e.line
FROM exception_states(CAST($as_of AS TIMESTAMPTZ), $timezone, $within_days, $own_reports) AS e
ORDER BY
    array_position(['medium', 'low', 'good'], e.severity),
    e.days_left NULLS LAST,
    e.line
