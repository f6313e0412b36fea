-- Leavers: the chart
--
-- Question    For how long have those who have left been gone?
-- A row is    a span of time since the roster's end date.
-- Counted     persons as in leavers.sql.
-- Parameters  $as_of.
WITH gone AS (
    SELECT *
    FROM roster_persons(CAST($as_of AS TIMESTAMPTZ))
    WHERE standing = 'terminated' AND permissions > 0
),
spans(position, span, over_hours, to_hours) AS (
    VALUES
        (1, 'up to 24 h', -1, 24),
        (2, '1–7 days', 24, 168),
        (3, '8–30 days', 168, 720),
        (4, '31–90 days', 720, 2160),
        (5, 'longer', 2160, 1000000000),
        (6, 'not told', NULL, NULL)
)
SELECT
    s.span,
    count(g.person_id) AS persons
FROM spans AS s
LEFT JOIN gone AS g
    ON (g.terminated IS NULL AND s.position = 6)
    OR epoch(CAST($as_of AS TIMESTAMPTZ)) - epoch(g.terminated) > s.over_hours * 3600
        AND epoch(CAST($as_of AS TIMESTAMPTZ)) - epoch(g.terminated) <= s.to_hours * 3600
GROUP BY s.position, s.span
ORDER BY s.position
