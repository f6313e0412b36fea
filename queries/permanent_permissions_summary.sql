-- Permanent permissions: the first page
--
-- Question    How much of the access has no end, how much of that is on sensitive
--             channels, and at how many rules can it be settled?
-- A row is    the whole report.
-- Counted     as in permanent_permissions.sql, permanent_rules.sql and
--             far_ends.sql.
-- Limits      as in permanent_permissions.sql.
WITH bounds AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        timezone(
            CAST($timezone AS VARCHAR),
            timezone(CAST($timezone AS VARCHAR), CAST($as_of AS TIMESTAMPTZ)) + to_years(CAST($far_years AS INTEGER))
        ) AS far
),
listed AS (
    SELECT
        p.project_id,
        p.person_id,
        p.permanent,
        x.sensitive,
        s.auth_relation_id,
        s.rule_permanent,
        coalesce(p.auth_start <= a.as_of, true) AND coalesce(p.auth_end > a.as_of, true) AS effective,
        NOT p.permanent AND p.auth_end > a.far AS far_end
    FROM permissions AS p
    CROSS JOIN bounds AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    JOIN permission_sources AS s
        ON s.project_id = p.project_id AND s.access_auth_id = p.access_auth_id
),
counted AS (
    SELECT
        count(*) FILTER (WHERE effective) AS in_force,
        count(*) FILTER (WHERE effective AND permanent) AS permanent,
        count(DISTINCT (project_id, person_id)) FILTER (WHERE effective AND permanent) AS persons,
        count(*) FILTER (WHERE effective AND permanent AND sensitive) AS on_sensitive,
        count(*) FILTER (WHERE effective AND sensitive) AS sensitive_in_force,
        count(DISTINCT (project_id, auth_relation_id)) FILTER (WHERE effective AND permanent AND rule_permanent) AS rules,
        count(*) FILTER (WHERE effective AND permanent AND rule_permanent) AS by_rules,
        count(DISTINCT (project_id, auth_relation_id)) FILTER (
            WHERE effective AND permanent AND rule_permanent AND sensitive
        ) AS sensitive_rules,
        count(*) FILTER (WHERE far_end) AS far_ends
    FROM listed
),
register AS (
    SELECT count(*) AS registered FROM channel_register
)
SELECT
    CASE
        WHEN in_force = 0 THEN '**No permission is in force.**'
        WHEN permanent = 0 THEN '**Every permission in force has an end.**'
        ELSE
            '**' || format('{:,}', permanent) || ' of ' || format('{:,}', in_force)
            || if(in_force = 1, ' permission', ' permissions') || ' in force '
            || if(permanent = 1, 'has', 'have') || ' no end** ('
            || replace(format('{:.1f}', 100.0 * permanent / in_force), '.0', '') || ' %)'
            || CASE
                WHEN registered = 0 THEN ''
                WHEN on_sensitive = 0 THEN ', none of them on a sensitive channel'
                ELSE '; **' || format('{:,}', on_sensitive) || if(on_sensitive = 1, ' of them opens a sensitive channel**', ' of them open sensitive channels**')
            END
            || '.'
            || CASE
                WHEN rules = 0 THEN ''
                ELSE
                    ' ' || format('{:,}', by_rules) || if(by_rules = 1, ' comes from ', ' come from ')
                    || if(rules = 1, 'one rule', format('{:,}', rules) || ' rules') || ' without an end.'
            END
    END
    || CASE
        WHEN far_ends = 0 THEN ''
        WHEN far_ends = 1 THEN ' One more ends only in more than ' || CAST($far_years AS INTEGER) || ' years.'
        ELSE ' ' || format('{:,}', far_ends) || ' more end only in more than ' || CAST($far_years AS INTEGER) || ' years.'
    END AS answer,
    CASE
        WHEN permanent + far_ends = 0 THEN NULL
        WHEN sensitive_rules > 0
            THEN 'Begin with ' || if(sensitive_rules = 1, 'the rule that opens', 'the ' || format('{:,}', sensitive_rules) || ' rules that open')
                || ' sensitive channels: give each an end, or have the access approved as an exception.'
        WHEN rules > 0 THEN 'Give the rules an end, or have the access approved as an exception.'
        ELSE 'Give each an end, or have it approved as an exception.'
    END AS what_to_do,
    CASE
        WHEN on_sensitive > 0 THEN 'high'
        WHEN permanent + far_ends > 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    permanent,
    'of ' || format('{:,}', persons) || if(persons = 1, ' person', ' persons') AS permanent_note,
    CASE WHEN in_force > 0 THEN permanent / in_force END AS permanent_share,
    'of ' || format('{:,}', in_force) || ' in force' AS share_note,
    CASE WHEN registered > 0 THEN on_sensitive END AS on_sensitive,
    CASE
        WHEN registered = 0 THEN 'no channel register gives a tier'
        ELSE 'of ' || format('{:,}', sensitive_in_force) || ' there'
    END AS on_sensitive_note,
    rules,
    'rules without an end grant ' || format('{:,}', by_rules) || ' of them' AS rules_note,
    far_ends
FROM counted
CROSS JOIN register
