-- Expiring permissions: rules that settle several
--
-- Question    Which rules, when extended once, settle permissions that end
--             within the next $within_days days?
-- A row is    one rule (auth_relation_id) that grants two of them or more.
-- Counted     as in expiring_permissions.sql, where one rule was found for
--             the permission.
-- Limits      as in expiring_permissions.sql. Extending a rule extends all of
--             its permissions, also those that this report does not list.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($timezone AS VARCHAR) AS zone,
        timezone(
            CAST($timezone AS VARCHAR),
            timezone(CAST($timezone AS VARCHAR), CAST($as_of AS TIMESTAMPTZ))
                + to_days(CAST($within_days AS INTEGER))
        ) AS latest
),
due AS (
    SELECT
        p.*,
        c.tier,
        c.owner,
        coalesce(lower(trim(c.tier)) IN ('sensitive', '1'), false) AS sensitive,
        date_diff(
            'day',
            CAST(timezone(a.zone, a.as_of) AS DATE),
            CAST(timezone(a.zone, p.auth_end) AS DATE)
        ) AS days_left
    FROM permissions AS p
    CROSS JOIN asked AS a
    LEFT JOIN channels AS c
        ON c.project_id = p.project_id
        AND c.access_control_channel_id = p.access_control_channel_id
    WHERE NOT p.permanent
        AND p.auth_end > a.as_of
        AND p.auth_end <= a.latest
),
settled AS (
    SELECT
        d.*,
        m.auth_relation_id
    FROM due AS d
    JOIN permission_sources AS m
        ON m.project_id = d.project_id
        AND m.access_auth_id = d.access_auth_id
    WHERE m.auth_relation_id IS NOT NULL
)
SELECT
    if(bool_or(s.sensitive AND s.days_left <= 7), 'high', 'medium') AS severity,
    CASE r.source_kind
        WHEN 'person' THEN 'person ' || coalesce(r.source_name, '(no name)')
        ELSE 'organization ' || coalesce(r.source_name, '(no name)')
    END AS source,
    r.relation_type_text,
    r.relation_name,
    count(*) AS permissions,
    count(DISTINCT coalesce(s.person_id, s.access_auth_id)) AS persons,
    count(DISTINCT s.access_control_channel_id) AS channels,
    count(*) FILTER (WHERE s.sensitive) AS on_sensitive,
    min(s.auth_end) AS first_end,
    max(s.auth_end) AS last_end,
    CASE WHEN NOT r.permanent THEN r.auth_end END AS rule_end,
    r.project_id,
    r.auth_id,
    r.auth_relation_id
FROM settled AS s
JOIN rules AS r
    ON r.project_id = s.project_id
    AND r.auth_relation_id = s.auth_relation_id
GROUP BY ALL
HAVING count(*) > 1
ORDER BY
    severity,
    permissions DESC,
    first_end,
    project_id,
    auth_relation_id
