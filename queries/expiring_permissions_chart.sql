-- Expiring permissions: the chart
--
-- Question    How many permissions end in each week of the next $within_days
--             days?
-- A row is    a run of days beginning with the day of $as_of: seven, or more
--             full weeks where seven would give over twelve rows; the last is
--             cut where the $within_days days end.
-- Counted     as in expiring_permissions.sql.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($timezone AS VARCHAR) AS zone,
        timezone(
            CAST($timezone AS VARCHAR),
            timezone(CAST($timezone AS VARCHAR), CAST($as_of AS TIMESTAMPTZ))
                + to_days(CAST($within_days AS INTEGER))
        ) AS latest
),
days AS (
    SELECT
        CAST(timezone(zone, as_of) AS DATE) AS today,
        CAST(timezone(zone, latest) AS DATE) AS last_day,
        7 * CAST(greatest(1, ceil(($within_days + 1) / 84.0)) AS INTEGER) AS width
    FROM asked
),
spans AS (
    SELECT
        CAST(unnest(generate_series(today, last_day, to_days(width))) AS DATE) AS first_day,
        width,
        last_day
    FROM days
),
bounds AS (
    SELECT
        first_day,
        least(first_day + (width - 1), last_day) AS last_day
    FROM spans
),
ending_days AS (
    SELECT
        p.access_auth_id,
        CAST(timezone(a.zone, p.auth_end) AS DATE) AS end_day,
        coalesce(lower(trim(c.tier)) IN ('sensitive', '1'), false) AS sensitive
    FROM permissions AS p
    CROSS JOIN asked AS a
    LEFT JOIN channels AS c
        ON c.project_id = p.project_id
        AND c.access_control_channel_id = p.access_control_channel_id
    WHERE NOT p.permanent
        AND p.auth_end > a.as_of
        AND p.auth_end <= a.latest
)
SELECT
    CASE
        WHEN b.first_day = b.last_day THEN strftime(b.first_day, '%-d %b')
        WHEN month(b.first_day) = month(b.last_day)
            THEN strftime(b.first_day, '%-d') || '–' || strftime(b.last_day, '%-d %b')
        ELSE strftime(b.first_day, '%-d %b') || '–' || strftime(b.last_day, '%-d %b')
    END AS days,
    count(d.access_auth_id) FILTER (WHERE NOT d.sensitive) AS other,
    count(d.access_auth_id) FILTER (WHERE d.sensitive) AS sensitive
FROM bounds AS b
LEFT JOIN ending_days AS d
    ON d.end_day BETWEEN b.first_day AND b.last_day
GROUP BY b.first_day, b.last_day
ORDER BY b.first_day
