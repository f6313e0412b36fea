-- Permanent permissions: the chart
--
-- Question    Which organizations have most access without an end?
-- A row is    one of the ten organizations with most permissions in force, or all
--             the others together.
-- Counted     as in permanent_permissions.sql, each permission once: one of a
--             person of several organizations under "several".
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
memberships AS (
    SELECT
        CASE
            WHEN coalesce(len(x.organizations), 0) = 0 THEN 'no organization'
            WHEN len(x.organizations) > 1 THEN 'several'
            ELSE coalesce(x.organizations[1], 'no name')
        END AS organization,
        p.permanent
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
),
per_organization AS (
    SELECT
        organization,
        count(*) FILTER (WHERE permanent IS NOT TRUE) AS with_end,
        count(*) FILTER (WHERE permanent) AS without_end,
        row_number() OVER (ORDER BY count(*) DESC, organization) AS place
    FROM memberships
    GROUP BY organization
)
SELECT
    if(place <= 10, organization, 'all others') AS organization,
    sum(with_end)::BIGINT AS with_end,
    sum(without_end)::BIGINT AS without_end
FROM per_organization
GROUP BY least(place, 11), if(place <= 10, organization, 'all others')
ORDER BY least(place, 11)
