-- Expiring permissions
--
-- Question    Which permissions end within the next $within_days days?
-- A row is    one permission (access_auth_id): one person on one channel.
-- Counted     a permission whose end is after $as_of and not after the same
--             time of day $within_days calendar days later in $timezone. One
--             without an end (2050-12-31 or later) is not; one that has not
--             begun yet is.
-- Days left   calendar days in $timezone; 0 is the day of $as_of.
-- Sensitive   only a channel whose tier in the channel register is "sensitive"
--             or "1". One with another tier, without a tier or not in the
--             register is not: the cloud itself has no tiers.
-- Severity    high: the channel is sensitive and at most 7 days are left; else
--             medium.
-- Granted by  the rule that is found for it (permission_sources, a view of the
--             snapshot): on the same channel, for the person or one of the
--             person's organizations; where there is none, for one above
--             those. Of several, the one that ends when the permission does;
--             if that is not one, "several rules". Without a rule, what the
--             cloud's detail names as the source.
-- Limits      Rules of person groups name no members; such permissions find no
--             rule. Whether a rule of an organization holds for those below it
--             is not documented. An end date says when the permission ends in
--             the cloud, not that the device enforces it.
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
memberships AS (
    SELECT
        d.project_id,
        d.access_auth_id,
        unnest(list_distinct(d.structure_ids)) AS structure_id
    FROM due AS d
),
organizations AS (
    SELECT
        m.project_id,
        m.access_auth_id,
        list(
            coalesce(s.structure_name, m.structure_id)
            ORDER BY s.structure_name, m.structure_id
        ) AS names
    FROM memberships AS m
    LEFT JOIN structures AS s
        ON s.project_id = m.project_id
        AND s.structure_id = m.structure_id
    GROUP BY m.project_id, m.access_auth_id
),
suggested AS (
    SELECT
        d.*,
        o.names AS organizations,
        m.granted_by,
        m.auth_relation_id,
        m.rule_end,
        coalesce(m.rule_permanent OR m.rule_end > d.auth_end, false) AS rule_ends_later,
        count(*) OVER (PARTITION BY d.project_id, m.auth_relation_id) AS of_same_rule
    FROM due AS d
    JOIN permission_sources AS m
        ON m.project_id = d.project_id
        AND m.access_auth_id = d.access_auth_id
    LEFT JOIN organizations AS o
        ON o.project_id = d.project_id
        AND o.access_auth_id = d.access_auth_id
)
SELECT
    if(sensitive AND days_left <= 7, 'high', 'medium') AS severity,
    name,
    person_code,
    organizations,
    access_control_channel_name,
    access_control_channel_no,
    access_channel_position_path,
    tier,
    owner,
    auth_end,
    days_left,
    granted_by,
    rule_end,
    CASE
        WHEN rule_ends_later THEN 'the rule ends later: generate its permissions again'
        WHEN auth_relation_id IS NOT NULL AND of_same_rule > 1
            THEN 'extend the rule (' || of_same_rule || ' permissions), or let them lapse'
        WHEN auth_relation_id IS NOT NULL THEN 'extend the rule, or let it lapse'
        ELSE 'decide with the owner of the channel'
    END AS suggested_action,
    auth_start,
    card_state,
    face_state,
    fingerprint_state,
    project_id,
    person_id,
    access_control_channel_id,
    auth_relation_id,
    access_auth_id
FROM suggested
ORDER BY
    severity,
    auth_end,
    access_control_channel_name,
    access_control_channel_no,
    name,
    project_id,
    access_auth_id
