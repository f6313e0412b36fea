-- Access coverage per channel: the chart
--
-- Question    How many channels can so many persons open?
-- A row is    a range of effective persons.
-- Counted     as in channel_coverage.sql.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($min_people AS INTEGER) AS min_people,
        CAST($max_people AS INTEGER) AS max_people
),
last_named AS (
    SELECT
        project_id,
        access_control_channel_id,
        max(last_seen) AS last_seen
    FROM (
        SELECT project_id, access_control_channel_id, last_seen
        FROM permission_history
        UNION ALL
        SELECT project_id, relation_id, last_seen
        FROM rule_history
        WHERE relation_type = 2
    )
    GROUP BY project_id, access_control_channel_id
),
universe AS (
    SELECT c.*
    FROM channels AS c
    CROSS JOIN asked AS a
    LEFT JOIN last_named AS l
        ON l.project_id = c.project_id
        AND l.access_control_channel_id = c.access_control_channel_id
    WHERE c.named_by <> ['history']
        OR coalesce(l.last_seen >= a.as_of - to_hours(24 * 90), true)
),
effective AS (
    SELECT DISTINCT
        p.project_id,
        p.access_control_channel_id,
        coalesce(p.person_id, p.access_auth_id) AS person_id
    FROM permissions AS p
    WHERE coalesce(p.auth_start <= CAST($as_of AS TIMESTAMPTZ), true)
        AND coalesce(p.auth_end > CAST($as_of AS TIMESTAMPTZ), true)
),
persons_each AS (
    SELECT
        c.project_id,
        c.access_control_channel_id,
        coalesce(lower(trim(c.tier)) IN ('sensitive', '1'), false) AS sensitive,
        count(e.person_id) AS persons
    FROM universe AS c
    LEFT JOIN effective AS e
        ON e.project_id = c.project_id
        AND e.access_control_channel_id = c.access_control_channel_id
    GROUP BY ALL
),
ranges AS (
    SELECT *
    FROM (
        VALUES
            (1, 'nobody', 0, 0),
            (2, 'one person', 1, 1),
            (3, '2 to 5', 2, 5),
            (4, '6 to 20', 6, 20),
            (5, '21 to 100', 21, 100),
            (6, 'over 100', 101, 2147483647)
    ) AS v (place, persons, low, high)
)
SELECT
    r.persons,
    count(c.access_control_channel_id) FILTER (WHERE NOT c.sensitive) AS other,
    count(c.access_control_channel_id) FILTER (WHERE c.sensitive) AS sensitive
FROM ranges AS r
LEFT JOIN persons_each AS c
    ON c.persons BETWEEN r.low AND r.high
GROUP BY r.place, r.persons
ORDER BY r.place
