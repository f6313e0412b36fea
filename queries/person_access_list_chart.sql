-- Person access list: the chart
--
-- Question    How many persons can open how many channels?
-- A row is    a span of numbers of channels.
-- Counted     persons as in person_access_list.sql, by whether one of their
--             channels is sensitive.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
counts AS (
    SELECT
        p.project_id,
        p.person_id,
        count(DISTINCT p.access_control_channel_id) AS channels,
        bool_or(x.sensitive) AS sensitive
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
    GROUP BY p.project_id, p.person_id
),
spans (least, most, channels) AS (
    VALUES
        (1, 1, '1'), (2, 5, '2–5'), (6, 10, '6–10'), (11, 15, '11–15'), (16, 20, '16–20'),
        (21, 30, '21–30'), (31, 50, '31–50'), (51, 1000000000, 'over 50')
)
SELECT
    s.channels,
    count(p.person_id) FILTER (WHERE NOT p.sensitive) AS other,
    count(p.person_id) FILTER (WHERE p.sensitive) AS sensitive
FROM spans AS s
LEFT JOIN counts AS p
    ON p.channels BETWEEN s.least AND s.most
GROUP BY s.least, s.channels
ORDER BY s.least
