-- Delivery time: the chart
--
-- Question    Does delivery get faster or slower?
-- A row is    a week, from Monday, in which permissions were created and at least
--             one of them was delivered.
-- Counted     as in delivery_time_weeks.sql.
-- Parameters  $as_of, $timezone, $days.
SELECT
    strftime(d.week, '%-d %b') AS label,
    quantile_disc(d.hours, 0.5) AS p50_hours,
    quantile_disc(d.hours, 0.95) AS p95_hours
FROM deliveries(CAST($as_of AS TIMESTAMPTZ), $timezone, $days) AS d
WHERE d.how IN ('record', 'snapshot')
GROUP BY d.week
ORDER BY d.week
