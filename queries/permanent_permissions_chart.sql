-- Permanent permissions: the chart
--
-- Question    Which organizations have most access without an end?
-- A row is    one of the ten organizations with most permissions in force; a
--             person of several counts in each.
-- Counted     as in permanent_permissions.sql.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
memberships AS (
    SELECT
        coalesce(unnest(coalesce(x.organizations, ['no organization'])), 'no name') AS organization,
        p.permanent
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
)
SELECT
    organization,
    count(*) FILTER (WHERE permanent IS NOT TRUE) AS with_end,
    count(*) FILTER (WHERE permanent) AS without_end
FROM memberships
GROUP BY organization
ORDER BY count(*) DESC, organization
LIMIT 10
