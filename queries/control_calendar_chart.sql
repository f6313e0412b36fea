-- Control calendar: the chart
--
-- Question    In which weeks are the gaps?
-- A row is    a week from Monday, of the period.
-- Counted     days as in control_calendar.sql; with several projects each counts.
-- Parameters  $as_of, $timezone, $days.
SELECT
    strftime(date_trunc('week', d.day), '%-d %b') AS week,
    count(*) FILTER (WHERE d.state = 'done') AS done,
    count(*) FILTER (WHERE d.state = 'not whole') AS not_whole,
    count(*) FILTER (WHERE d.state = 'gap') AS gap
FROM control_days(CAST($as_of AS TIMESTAMPTZ), $timezone, $days) AS d
GROUP BY date_trunc('week', d.day)
ORDER BY date_trunc('week', d.day)
