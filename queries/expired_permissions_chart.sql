-- Expired permissions: the chart
--
-- Question    For how long have they been over?
-- A row is    a span of days.
-- Counted     as in expired_permissions.sql.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($timezone AS VARCHAR) AS zone
),
ages AS (
    SELECT
        p.access_auth_id,
        len(x.on_device) > 0 AS on_device,
        date_diff(
            'day',
            CAST(timezone(a.zone, p.auth_end) AS DATE),
            CAST(timezone(a.zone, a.as_of) AS DATE)
        ) AS days_over
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE p.auth_end <= a.as_of
        AND NOT p.permanent
),
spans (least, most, days) AS (
    VALUES
        (0, 1, '0–1'), (2, 7, '2–7'), (8, 30, '8–30'), (31, 90, '31–90'), (91, 365, '91–365'),
        (366, 1000000000, 'over 365')
)
SELECT
    s.days,
    count(g.access_auth_id) FILTER (WHERE g.on_device) AS on_device,
    count(g.access_auth_id) FILTER (WHERE NOT g.on_device) AS not_on_device
FROM spans AS s
LEFT JOIN ages AS g
    ON g.days_over BETWEEN s.least AND s.most
GROUP BY s.least, s.days
ORDER BY s.least
