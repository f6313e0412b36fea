-- Expiring permissions: the first page
--
-- Question    How many permissions end within the next $within_days days, how
--             many of them on sensitive channels, and how many can be settled
--             at a rule?
-- A row is    the whole report.
-- Counted     as in expiring_permissions.sql. In force: begun and not ended at
--             $as_of. Ended, still listed: the end is not after $as_of, yet the
--             cloud's list has the permission.
-- Limits      on_sensitive is unknown where no channel register gives a tier, and
--             counts only the tiers "sensitive" and "1" where it does.
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
per_rule AS (
    SELECT
        s.project_id,
        s.auth_relation_id,
        any_value(
            CASE r.source_kind
                WHEN 'person' THEN 'the rule of the person ' || coalesce(r.source_name, '(no name)')
                ELSE 'the rule of ' || coalesce(r.source_name, 'an organization without a name')
            END
        ) AS rule,
        count(*) AS permissions
    FROM due AS d
    JOIN permission_sources AS s
        ON s.project_id = d.project_id
        AND s.access_auth_id = d.access_auth_id
    JOIN rules AS r
        ON r.project_id = s.project_id
        AND r.auth_relation_id = s.auth_relation_id
    GROUP BY s.project_id, s.auth_relation_id
    HAVING count(*) > 1
),
several AS (
    SELECT
        count(*) AS rules,
        coalesce(sum(permissions), 0)::BIGINT AS permissions,
        list(
            rule || ' (' || format('{:,}', permissions) || ' permissions)'
            ORDER BY permissions DESC, project_id, auth_relation_id
        )[1:3] AS names
    FROM per_rule
),
ending AS (
    SELECT
        count(*) AS expiring,
        count(*) FILTER (WHERE sensitive) AS on_sensitive,
        count(*) FILTER (WHERE sensitive AND days_left <= 7) AS urgent,
        count(*) FILTER (WHERE days_left <= 7) AS within_week,
        min(auth_end) AS first_end
    FROM due
),
listed AS (
    SELECT
        count(*) AS listed,
        count(*) FILTER (
            WHERE coalesce(p.auth_start <= a.as_of, true) AND coalesce(p.auth_end > a.as_of, true)
        ) AS in_force,
        count(*) FILTER (WHERE p.auth_end <= a.as_of) AS ended,
        count(*) FILTER (WHERE p.permanent) AS permanent
    FROM permissions AS p
    CROSS JOIN asked AS a
),
tiers AS (
    SELECT
        count(*) FILTER (WHERE tier IS NOT NULL) AS tiered,
        count(*) FILTER (WHERE lower(trim(tier)) IN ('sensitive', '1')) AS sensitive_channels
    FROM channels
),
told AS (
    SELECT
        e.*,
        l.*,
        t.*,
        s.rules AS several_rules,
        s.permissions AS settled_by_rules,
        s.names AS rule_names,
        CAST($within_days AS INTEGER) AS days,
        replace(strftime(timezone(a.zone, e.first_end), '%-d %B %Y'), ' ', chr(160)) AS first_day
    FROM ending AS e
    CROSS JOIN listed AS l
    CROSS JOIN tiers AS t
    CROSS JOIN several AS s
    CROSS JOIN asked AS a
)
SELECT
    CASE
        WHEN listed = 0 THEN '**The list of permissions is empty**, so none can end.'
        WHEN expiring = 0 THEN '**No permission ends within ' || days || ' days.**'
        ELSE
            '**' || format('{:,}', expiring)
            || if(expiring = 1, ' permission ends', ' permissions end')
            || ' within ' || days || ' days**'
            || CASE
                WHEN tiered = 0 THEN ''
                WHEN on_sensitive = 0 THEN ', none of them on a sensitive channel'
                ELSE ', ' || format('{:,}', on_sensitive) || ' of them on sensitive channels'
            END
            || if(expiring = 1, ', on **', '; the first on **') || first_day || '**.'
            || CASE
                WHEN several_rules = 0 THEN ''
                ELSE
                    ' ' || format('{:,}', settled_by_rules) || ' can be settled by extending '
                    || if(several_rules = 1, 'one rule.', format('{:,}', several_rules) || ' rules.')
            END
    END AS answer,
    CASE
        WHEN expiring = 0 THEN NULL
        WHEN several_rules = 0
            THEN 'Decide on each with the owner of its channel: extend it at its rule, or let it lapse.'
        ELSE
            'Extend ' || array_to_string(rule_names, ', ')
            || CASE
                WHEN several_rules > 3
                    THEN ' and ' || format('{:,}', several_rules - 3) || ' more'
                ELSE ''
            END
            || ', or let them lapse.'
            || CASE expiring - settled_by_rules
                WHEN 0 THEN ''
                WHEN 1 THEN ' Decide on the one other permission by itself.'
                ELSE
                    ' Decide on the other ' || format('{:,}', expiring - settled_by_rules)
                    || ' permissions one by one.'
            END
    END AS what_to_do,
    CASE
        WHEN expiring = 0 THEN 'good'
        WHEN urgent > 0 THEN 'high'
        ELSE 'medium'
    END AS severity,
    expiring,
    CASE
        WHEN expiring = 0 THEN 'none'
        WHEN within_week = 0 THEN 'none within 7 days'
        ELSE format('{:,}', within_week) || ' within 7 days'
    END AS expiring_note,
    CASE WHEN tiered > 0 THEN on_sensitive END AS on_sensitive,
    CASE
        WHEN tiered = 0 THEN 'no channel register gives a tier'
        ELSE 'of ' || format('{:,}', sensitive_channels) || ' such channels in the register'
    END AS on_sensitive_note,
    ended,
    if(ended = 0, 'none', 'whether a device still opens is not known') AS ended_note,
    in_force,
    listed,
    CASE WHEN listed > 0 THEN permanent / listed END AS permanent_share,
    permanent,
    first_end,
    settled_by_rules,
    several_rules
FROM told
