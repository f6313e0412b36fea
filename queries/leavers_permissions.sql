-- Leavers: their permissions
--
-- Question    Which permissions are to be deleted?
-- A row is    one permission of a person of the sheet Leavers.
-- Severity    critical: in force at $as_of, or something of the person is on the
--             device; high: the rest.
-- Parameters  $as_of.
-- Limits      As in leavers.sql. The API has no way to delete one permission: the
--             rule that grants it is to be changed, or the person removed.
SELECT
    if(
        coalesce(p.auth_start <= CAST($as_of AS TIMESTAMPTZ), true)
            AND coalesce(p.auth_end > CAST($as_of AS TIMESTAMPTZ), true)
            OR len(c.on_device) > 0,
        'critical', 'high'
    ) AS severity,
    g.name,
    g.person_code,
    p.access_control_channel_name,
    p.access_control_channel_no,
    p.access_channel_position_path,
    c.tier,
    c.owner,
    p.auth_start,
    p.auth_end,
    c.means,
    r.granted_by,
    g.terminated,
    p.project_id,
    p.person_id,
    p.access_control_channel_id,
    r.auth_relation_id,
    p.access_auth_id
FROM roster_persons(CAST($as_of AS TIMESTAMPTZ)) AS g
JOIN permissions AS p
    ON p.project_id = g.project_id AND p.person_id = g.person_id
JOIN permission_context AS c
    ON c.project_id = p.project_id AND c.access_auth_id = p.access_auth_id
JOIN permission_sources AS r
    ON r.project_id = p.project_id AND r.access_auth_id = p.access_auth_id
WHERE g.standing = 'terminated'
ORDER BY
    severity,
    c.sensitive DESC,
    g.name,
    p.access_control_channel_name,
    p.project_id,
    p.access_auth_id
