-- Expired permissions
--
-- Question    Which permissions have ended but are still listed, and of whom is
--             something still on the device?
-- A row is    one permission (access_auth_id) whose end is not after $as_of and
--             that the cloud's list still has.
-- Days over   calendar days in $timezone from the day of the end to that of
--             $as_of.
-- On device   the credentials that the list counts as sent: delivered, partial or
--             more than the person has.
-- In force    another permission of the same person on the same channel is in
--   besides   force at $as_of: the credential is rightly there.
-- Severity    critical: something is on the device and no other permission is in
--             force; high: nothing is counted there, or that is unknown; medium:
--             another permission is in force.
-- Granted by  the rule that is found for it (permission_sources, a view of the
--             snapshot), else the source that its detail names.
-- Limits      Not removed is not the same as can enter: whether a device keeps to
--             the end by itself is not known, nor what it really holds.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($timezone AS VARCHAR) AS zone
),
in_force AS (
    SELECT DISTINCT p.project_id, p.person_id, p.access_control_channel_id
    FROM permissions AS p
    CROSS JOIN asked AS a
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
),
ended AS (
    SELECT
        p.*,
        x.tier,
        x.owner,
        x.sensitive,
        x.organizations,
        x.on_device,
        x.means,
        f.person_id IS NOT NULL AS in_force_besides,
        date_diff(
            'day',
            CAST(timezone(a.zone, p.auth_end) AS DATE),
            CAST(timezone(a.zone, a.as_of) AS DATE)
        ) AS days_over,
        CASE
            WHEN f.person_id IS NOT NULL THEN 'medium'
            WHEN len(x.on_device) > 0 THEN 'critical'
            ELSE 'high'
        END AS severity
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    LEFT JOIN in_force AS f
        ON f.project_id = p.project_id
        AND f.person_id = p.person_id
        AND f.access_control_channel_id = p.access_control_channel_id
    WHERE p.auth_end <= a.as_of
        AND NOT p.permanent
)
SELECT
    e.severity,
    e.name,
    e.person_code,
    e.organizations,
    e.access_control_channel_name,
    e.access_control_channel_no,
    e.access_channel_position_path,
    e.tier,
    e.owner,
    e.business_device_name,
    e.auth_end,
    e.days_over,
    e.means,
    e.in_force_besides,
    s.granted_by,
    CASE
        WHEN e.in_force_besides THEN 'remove the one that has ended; leave the credential'
        WHEN s.rule_permanent OR s.rule_end > e.auth_end
            THEN 'the rule ends later: generate its permissions again, or take the rule away'
        WHEN len(e.on_device) > 0 THEN 'remove it, issue the channel, and see that the device confirms'
        ELSE 'remove it'
    END AS suggested_action,
    e.auth_start,
    e.project_id,
    e.person_id,
    e.access_control_channel_id,
    s.auth_relation_id,
    e.access_auth_id
FROM ended AS e
JOIN permission_sources AS s
    ON s.project_id = e.project_id AND s.access_auth_id = e.access_auth_id
ORDER BY
    list_position(['critical', 'high', 'medium'], e.severity),
    e.sensitive DESC,
    e.days_over DESC,
    e.access_control_channel_name,
    e.name,
    e.project_id,
    e.access_auth_id
