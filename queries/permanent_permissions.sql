-- Permanent permissions
--
-- Question    Who has access without an end?
-- A row is    one permission (access_auth_id) in force at $as_of that has no end:
--             2050-12-31 23:59:59 or later, in whichever zone, as the cloud says
--             it.
-- Held for    time since the permission began or, where that is later and the
--             detail was fetched, was created.
-- Sensitive   tier "sensitive" or "1" in the channel register; no other tier is.
-- Severity    high: on a sensitive channel; else medium.
-- Granted by  the rule that is found for it (permission_sources, a view of the
--             snapshot), else the source that its detail names.
-- Limits      Whether access without an end is meant so is not in the data: what
--             has been approved belongs into the register of exceptions.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
permanent AS (
    SELECT
        p.*,
        x.tier,
        x.owner,
        x.sensitive,
        x.organizations,
        x.means,
        CASE
            WHEN p.auth_create > p.auth_start THEN p.auth_create
            ELSE coalesce(p.auth_start, p.auth_create)
        END AS held_since
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE p.permanent
        AND coalesce(p.auth_start <= a.as_of, true)
)
SELECT
    if(p.sensitive, 'high', 'medium') AS severity,
    p.name,
    p.person_code,
    p.organizations,
    p.access_control_channel_name,
    p.access_control_channel_no,
    p.access_channel_position_path,
    p.tier,
    p.owner,
    p.held_since,
    CAST(epoch(a.as_of) - epoch(p.held_since) AS BIGINT) AS held_seconds,
    s.granted_by,
    p.means,
    CASE
        WHEN s.rule_permanent THEN 'give its rule an end'
        WHEN s.auth_relation_id IS NOT NULL THEN 'its rule ends: generate its permissions again'
        ELSE 'give it an end, or accept it as an exception'
    END AS suggested_action,
    p.project_id,
    p.person_id,
    p.access_control_channel_id,
    s.auth_relation_id,
    p.access_auth_id
FROM permanent AS p
CROSS JOIN asked AS a
JOIN permission_sources AS s
    ON s.project_id = p.project_id AND s.access_auth_id = p.access_auth_id
ORDER BY
    severity,
    p.access_control_channel_name,
    p.held_since,
    p.name,
    p.project_id,
    p.access_auth_id
