-- Permanent permissions: far ends
--
-- Question    Which permissions have an end so far away that it is as good as none?
-- A row is    one permission (access_auth_id) that is not permanent and ends more
--             than $far_years years after $as_of.
-- Severity    high: on a sensitive channel; else medium.
-- Limits      as in permanent_permissions.sql.
WITH far_bound AS (
    SELECT
        timezone(
            CAST($timezone AS VARCHAR),
            timezone(CAST($timezone AS VARCHAR), CAST($as_of AS TIMESTAMPTZ)) + to_years(CAST($far_years AS INTEGER))
        ) AS far
)
SELECT
    if(x.sensitive, 'high', 'medium') AS severity,
    p.name,
    p.person_code,
    x.organizations,
    p.access_control_channel_name,
    p.access_channel_position_path,
    x.tier,
    p.auth_end,
    s.granted_by,
    p.project_id,
    p.person_id,
    p.access_control_channel_id,
    p.access_auth_id
FROM permissions AS p
CROSS JOIN far_bound AS a
JOIN permission_context AS x
    ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
JOIN permission_sources AS s
    ON s.project_id = p.project_id AND s.access_auth_id = p.access_auth_id
WHERE NOT p.permanent
    AND p.auth_end > a.far
ORDER BY severity, p.auth_end DESC, p.access_control_channel_name, p.name, p.project_id, p.access_auth_id
