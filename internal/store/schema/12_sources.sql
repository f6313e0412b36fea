-- What grants a permission, of the rules that may (permission_rules).

CREATE VIEW permission_sources AS
WITH candidates AS (
    SELECT
        m.project_id,
        m.access_auth_id,
        m.auth_relation_id,
        m.granted_through,
        r.source_kind,
        r.source_name,
        r.auth_end,
        r.permanent,
        coalesce(if(r.permanent, p.permanent, r.auth_end_time = p.auth_end_time), false) AS same_end
    FROM permission_rules AS m
    JOIN base.current_permissions AS p
        ON p.project_id = m.project_id AND p.access_auth_id = m.access_auth_id
    JOIN rules AS r
        ON r.project_id = m.project_id AND r.auth_relation_id = m.auth_relation_id
    -- A rule of an organization above may not hold: only where there is no other.
    QUALIFY m.granted_through <> 'organization above'
        OR bool_and(m.granted_through = 'organization above') OVER (PARTITION BY m.project_id, m.access_auth_id)
),
-- One struct, not a value at a time: arg_min passes over NULL, so that the name
-- of a source without one would be that of another rule.
chosen AS (
    SELECT
        project_id,
        access_auth_id,
        count(*) AS rules,
        count(*) = 1 OR count(*) FILTER (WHERE same_end) = 1 AS known,
        arg_min(
            {
                'auth_relation_id': auth_relation_id,
                'source_kind': source_kind,
                'source_name': source_name,
                'auth_end': auth_end,
                'permanent': permanent
            },
            (NOT same_end, auth_relation_id)
        ) AS rule
    FROM candidates
    GROUP BY project_id, access_auth_id
)
SELECT
    p.project_id,
    p.access_auth_id,
    coalesce(c.rules, 0) AS rules,
    CASE WHEN c.known THEN c.rule.auth_relation_id END AS auth_relation_id,
    CASE WHEN c.known THEN c.rule.permanent END AS rule_permanent,
    CASE WHEN c.known AND NOT c.rule.permanent THEN c.rule.auth_end END AS rule_end,
    CASE
        WHEN c.known AND c.rule.source_kind = 'person' THEN 'rule of the person'
        WHEN c.known THEN 'organization ' || coalesce(c.rule.source_name, '(no name)')
        WHEN c.rules > 1 THEN 'several rules (' || c.rules || ')'
        WHEN d.auth_source_str <> '' THEN d.auth_source_str
        ELSE 'unknown'
    END AS granted_by
FROM base.current_permissions AS p
LEFT JOIN chosen AS c
    ON c.project_id = p.project_id AND c.access_auth_id = p.access_auth_id
LEFT JOIN base.current_details AS d
    ON d.project_id = p.project_id AND d.access_auth_id = p.access_auth_id;
COMMENT ON VIEW permission_sources IS 'What grants one permission: the rule that is found for it, else the source that its detail names.';
COMMENT ON COLUMN permission_sources.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN permission_sources.access_auth_id IS 'API access-auth: accessAuthId, the permission';
COMMENT ON COLUMN permission_sources.rules IS 'Derived: how many rules of permission_rules may grant it; those of an organization above only where there is no other';
COMMENT ON COLUMN permission_sources.auth_relation_id IS 'Derived: the rule; of several the one that ends when the permission does; NULL where that is not one';
COMMENT ON COLUMN permission_sources.rule_permanent IS 'Derived: permanent of that rule';
COMMENT ON COLUMN permission_sources.rule_end IS 'Derived: auth_end of that rule; NULL where it is permanent';
COMMENT ON COLUMN permission_sources.granted_by IS 'Derived: rule of the person, organization and its name, several rules, the source as the detail words it, or unknown';
