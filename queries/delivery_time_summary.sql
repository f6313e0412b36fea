-- Delivery time: the first page
--
-- Question    How fast and how surely do permissions reach their device?
-- A row is    the whole report.
-- Counted     as in delivery_time_weeks.sql, over all $days days; devices as in
--             delivery_time_devices.sql.
-- Severity    the worst of all deliveries together and of each device.
-- Parameters  $as_of, $timezone, $days, $target_hours.
WITH counted AS (
    SELECT
        count(*) AS granted,
        count(*) FILTER (WHERE how IN ('record', 'snapshot')) AS delivered,
        count(*) FILTER (WHERE how = 'snapshot') AS by_snapshot,
        count(*) FILTER (WHERE how = 'open') AS open,
        count(*) FILTER (WHERE how = 'not told') AS not_told,
        count(*) FILTER (WHERE how <> 'open' AND how <> 'not told' AND hours <= $target_hours) AS in_time,
        quantile_disc(hours, 0.5) FILTER (WHERE how IN ('record', 'snapshot')) AS p50_hours,
        quantile_disc(hours, 0.95) FILTER (WHERE how IN ('record', 'snapshot')) AS p95_hours,
        max(hours) FILTER (WHERE how = 'open') AS oldest_hours
    FROM deliveries(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
),
by_device AS (
    SELECT
        device,
        count(*) FILTER (WHERE how = 'open') AS open,
        count(*) FILTER (WHERE how IN ('record', 'snapshot'))
            / nullif(count(*) FILTER (WHERE how <> 'not told'), 0) AS device_share,
        quantile_disc(hours, 0.95) FILTER (WHERE how IN ('record', 'snapshot')) AS device_p95
    FROM deliveries(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
    GROUP BY device
),
device_counts AS (
    SELECT
        count(*) AS devices,
        count(*) FILTER (WHERE device_share < 0.95 OR device_p95 > $target_hours) AS poor_devices,
        coalesce(bool_or(device_share < 0.8 OR device_p95 > 4 * $target_hours), false) AS very_poor,
        list(
            coalesce(device, 'a device without a name') || ' (95 of 100 within ' || replace(format('{:.1f}', device_p95), '.0', '') || ' h)'
            ORDER BY device_p95 DESC, device
        ) FILTER (WHERE device_p95 > $target_hours) AS slow_names
    FROM by_device
),
worst AS (
    SELECT list(device || ' (' || open || ')' ORDER BY open DESC, device) AS names
    FROM by_device
    WHERE open > 0
),
told AS (
    SELECT
        *,
        CASE WHEN delivered + open > 0 THEN delivered / (delivered + open) END AS delivered_share,
        CASE
            WHEN p95_hours >= 48 THEN format('{:.1f}', p95_hours / 24) || ' days'
            WHEN p95_hours >= 1 THEN format('{:.1f}', p95_hours) || ' hours'
            ELSE format('{:.0f}', ceil(p95_hours * 60)) || ' minutes'
        END AS p95_text,
        CASE
            WHEN oldest_hours >= 48 THEN format('{:.1f}', oldest_hours / 24) || ' days'
            ELSE format('{:.1f}', oldest_hours) || ' hours'
        END AS oldest_text
    FROM counted
    CROSS JOIN worst
    CROSS JOIN device_counts
)
SELECT
    CASE
        WHEN granted = 0 THEN '**No permission is known to have been created in the last ' || $days || ' days.**'
        WHEN delivered = 0 AND open = 0 THEN '**Cannot conclude**: of none of ' || format('{:,}', granted) || ' permissions it is told when they were delivered.'
        WHEN delivered = 0 THEN '**None of ' || format('{:,}', open) || ' permissions has reached its device.**'
        ELSE
            '**95 of 100 permissions that reach their device do so within ' || p95_text || '**'
            || if(open > 0,
                '; ' || format('{:,}', open) || ' of ' || format('{:,}', delivered + open)
                || if(open = 1, ' has', ' have') || ' not reached it yet, the oldest for ' || oldest_text || '.',
                ', and all ' || format('{:,}', delivered) || ' have.')
            || CASE
                WHEN poor_devices = 0 THEN ''
                ELSE ' **' || format('{:,}', poor_devices) || ' of ' || format('{:,}', devices)
                    || if(devices = 1, ' device', ' devices') || if(poor_devices = 1, ' misses', ' miss') || ' the target.**'
            END
    END AS answer,
    CASE
        WHEN open > 0 THEN '**See why these devices do not take what is sent: ' || array_to_string(names[1:3], ', ')
            || if(len(names) > 3, ' and ' || (len(names) - 3) || ' more', '') || '.** The report failed-issues has what was attempted.'
        WHEN len(slow_names) > 0 THEN '**See why these devices are slow: ' || array_to_string(slow_names[1:3], ', ')
            || if(len(slow_names) > 3, ' and ' || (len(slow_names) - 3) || ' more', '') || '.** The target is ' || $target_hours || ' h.'
        WHEN p95_hours > $target_hours THEN 'Look at the devices with the longest times below.'
        ELSE 'Nothing is to be done.'
    END AS what_to_do,
    CASE
        WHEN granted = 0 THEN 'good'
        WHEN delivered_share < 0.8 OR p95_hours > 4 * $target_hours OR very_poor THEN 'high'
        WHEN delivered_share < 0.95 OR p95_hours > $target_hours OR poor_devices > 0 THEN 'medium'
        WHEN delivered_share IS NULL THEN 'medium'
        ELSE 'good'
    END AS severity,
    round(p50_hours, 1) AS p50_hours,
    'of ' || format('{:,}', delivered) || ' delivered in ' || $days || ' days' AS p50_note,
    round(p95_hours, 1) AS p95_hours,
    'the target is ' || $target_hours || ' h' AS p95_note,
    delivered_share,
    format('{:,}', delivered) || ' of ' || format('{:,}', delivered + open)
        || if(not_told > 0, '; of ' || format('{:,}', not_told) || ' more it is not told', '') AS delivered_note,
    open,
    if(open > 0, 'the oldest for ' || oldest_text, 'none is waiting') AS open_note,
    granted,
    delivered,
    by_snapshot,
    not_told,
    in_time,
    CASE WHEN delivered > 0 THEN in_time / delivered END AS in_time_share
FROM told
