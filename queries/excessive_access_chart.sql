-- Excessive access: the chart
--
-- Question    By how much do they stand out?
-- A row is    one of the ten persons of excessive_access.sql with most channels
--             beyond their peers' median. Behind names that are alike stands the
--             work number, or else the end of the person's id.
WITH flagged AS (
    SELECT *
    FROM access_counts(
        CAST($as_of AS TIMESTAMPTZ), CAST($factor AS DOUBLE), CAST($min_more AS INTEGER), CAST($min_ratio AS DOUBLE),
        CAST($min_peers AS INTEGER), CAST($max_channels AS INTEGER)
    )
    WHERE excessive
),
top_persons AS (
    SELECT
        *,
        coalesce(name, person_id) AS label
    FROM flagged
    ORDER BY more DESC, label, project_id, person_id
    LIMIT 10
)
SELECT
    CASE
        WHEN count(*) OVER (PARTITION BY label) = 1 THEN label
        WHEN nullif(person_code, '') IS NOT NULL AND count(*) OVER (PARTITION BY label, person_code) = 1 THEN label || ' ' || person_code
        ELSE label || ' …' || right(person_id, 4)
    END AS person,
    median_channels,
    more
FROM top_persons
ORDER BY more DESC, label, project_id, person_id
