-- Delivery time: by device
--
-- Question    How long do permissions take to reach the device, and how many do?
-- A row is    a device to which permissions were to be sent.
-- Counted     as in delivery_time_open.sql. Hours from the creation of a
--             permission, as its detail says, to the first credential of the
--             person that reached the device. p50 and p95: half, and 95 of 100,
--             of those delivered took no longer. Share: delivered, of those
--             delivered and those open; those not told are in neither.
-- Severity    high: under 80 of 100 are delivered, or p95 is over four times
--             $target_hours; medium: under 95 of 100, or p95 over $target_hours;
--             good: the others.
-- Parameters  $as_of, $timezone, $days, $target_hours.
-- Limits      p50 and p95 speak of those delivered; the open ones take longer and
--             are counted beside. One seen in a snapshot alone was delivered then
--             at the latest.
WITH per_device AS (
    SELECT
        d.device,
        count(*) AS granted,
        count(*) FILTER (WHERE d.how IN ('record', 'snapshot')) AS delivered,
        count(*) FILTER (WHERE d.how = 'open') AS open,
        count(*) FILTER (WHERE d.how = 'not told') AS not_told,
        count(*) FILTER (WHERE d.how IN ('record', 'snapshot'))
            / nullif(count(*) FILTER (WHERE d.how <> 'not told'), 0) AS delivered_share,
        quantile_disc(d.hours, 0.5) FILTER (WHERE d.how IN ('record', 'snapshot')) AS p50_hours,
        quantile_disc(d.hours, 0.95) FILTER (WHERE d.how IN ('record', 'snapshot')) AS p95_hours,
        max(d.hours) FILTER (WHERE d.how = 'open') AS oldest_open_hours,
        count(*) FILTER (WHERE d.how = 'snapshot') AS by_snapshot
    FROM deliveries(CAST($as_of AS TIMESTAMPTZ), $timezone, $days) AS d
    GROUP BY d.device
)
SELECT
    CASE
        WHEN m.delivered_share < 0.8 OR m.p95_hours > 4 * $target_hours THEN 'high'
        WHEN m.delivered_share < 0.95 OR m.p95_hours > $target_hours THEN 'medium'
        ELSE 'good'
    END AS severity,
    m.device,
    m.granted,
    m.delivered,
    m.open,
    m.not_told,
    m.delivered_share,
    m.p50_hours,
    m.p95_hours,
    m.oldest_open_hours,
    m.by_snapshot
FROM per_device AS m
ORDER BY array_position(['high', 'medium', 'good'], severity), m.delivered_share NULLS LAST, m.p95_hours DESC, m.device
