-- Permanent permissions: the rules
--
-- Question    At which rules can most of them be given an end?
-- A row is    one rule (auth_relation_id) without an end, with the permissions in
--             force and without an end that it is found to grant.
-- Severity    high: it opens a sensitive channel to somebody; else medium.
-- Limits      as in permanent_permissions.sql. Permissions for which no rule, or
--             more than one, was found are not counted here.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
granted AS (
    SELECT
        s.project_id,
        s.auth_relation_id,
        p.person_id,
        p.access_control_channel_id,
        x.sensitive
    FROM permission_sources AS s
    JOIN permissions AS p
        ON p.project_id = s.project_id AND p.access_auth_id = s.access_auth_id
    JOIN permission_context AS x
        ON x.project_id = s.project_id AND x.access_auth_id = s.access_auth_id
    CROSS JOIN asked AS a
    WHERE s.rule_permanent
        AND p.permanent
        AND coalesce(p.auth_start <= a.as_of, true)
)
SELECT
    if(bool_or(g.sensitive), 'high', 'medium') AS severity,
    CASE r.source_kind
        WHEN 'person' THEN 'person ' || coalesce(r.source_name, '(no name)')
        ELSE 'organization ' || coalesce(r.source_name, '(no name)')
    END AS source,
    r.relation_type_text,
    r.relation_name,
    count(*) AS permissions,
    count(DISTINCT g.person_id) AS persons,
    count(DISTINCT g.access_control_channel_id) AS channels,
    count(*) FILTER (WHERE g.sensitive) AS on_sensitive,
    r.auth_start,
    g.project_id,
    r.auth_id,
    g.auth_relation_id
FROM granted AS g
JOIN rules AS r
    ON r.project_id = g.project_id AND r.auth_relation_id = g.auth_relation_id
GROUP BY ALL
ORDER BY severity, on_sensitive DESC, permissions DESC, source, r.relation_name, g.project_id, g.auth_relation_id
