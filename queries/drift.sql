-- Drift of rules and permissions
--
-- Question    Where do rules and permissions contradict each other?
-- A row is    one contradiction of one class: of a person on a channel (a, b, d,
--             e, g), or of a rule's source on a channel (c, f). Of several
--             permissions or rules it shows the one that ends last, or the first.
-- Classes     a  a permission that has not ended and that no rule grants
--             b  a rule for a person, in force, without its permission
--             c  a rule for an organization or a group, in force, that opens
--                the channel for nobody
--             d  a permission that begins or ends when no rule does that
--                grants it, while one of these has not ended
--             e  a permission that has not ended, though every rule has that
--                grants it
--             f  several rules, at the same time, for the same source and channel
--             g  a permission whose detail names another kind of source than
--                its rules have
--             They are told apart in drift_findings, a macro of the snapshot.
-- Grants      A rule grants a permission when it names its channel and its
--             source is the person, one of the person's organizations, or one
--             above those (permission_rules, a view of the snapshot).
-- Confidence  exact: it rests on ids alone. inferred: on the organization tree
--             or on the detail. unknown: a rule of a person group names the
--             channel and may explain it; whom the group holds is not told.
-- Severity    high: a or e, unless its confidence is unknown; low: unknown;
--             medium: the others.
-- Parameters  $as_of, $timezone.
-- Limits      Whether a rule of an organization holds for those below it is not
--             documented; it is taken to, so that no such permission is called
--             one without a rule. Members of an organization without a
--             permission are not listed: the cloud does not tell the members.
--             A permission that its detail says comes from a group is not
--             looked at where a rule of a group names the channel.
WITH shown AS (
    SELECT
        *,
        CAST($timezone AS VARCHAR) AS zone,
        rule_start IS DISTINCT FROM auth_start AS other_start,
        coalesce(rule_permanent, false) <> coalesce(permanent, false)
            OR NOT coalesce(permanent, false) AND rule_end IS DISTINCT FROM auth_end AS other_end
    FROM drift_findings(CAST($as_of AS TIMESTAMPTZ))
),
worded AS (
    SELECT
        *,
        CASE
            WHEN rule_permanent THEN 'no end'
            ELSE coalesce('until ' || strftime(timezone(zone, rule_end), '%Y-%m-%d %H:%M'), 'end unknown')
        END AS rule_until,
        CASE
            WHEN permanent THEN 'no end'
            ELSE coalesce('until ' || strftime(timezone(zone, auth_end), '%Y-%m-%d %H:%M'), 'end unknown')
        END AS permission_until,
        coalesce('from ' || strftime(timezone(zone, rule_start), '%Y-%m-%d %H:%M'), 'begin unknown') AS rule_from,
        coalesce('from ' || strftime(timezone(zone, auth_start), '%Y-%m-%d %H:%M'), 'begin unknown') AS permission_from
    FROM shown
),
named AS (
    SELECT project_id, person_id, max_by(name, access_auth_id) AS name, max_by(person_code, access_auth_id) AS person_code
    FROM permissions
    GROUP BY project_id, person_id
)
SELECT
    w.severity,
    w.class,
    w.finding,
    w.confidence,
    coalesce(n.name, q.name, s.structure_name, CASE WHEN w.person_id IS NULL AND w.access_auth_id IS NULL THEN 'a group, not named' END) AS holder,
    coalesce(n.person_code, q.person_code) AS person_code,
    c.access_control_channel_name,
    c.access_control_channel_no,
    c.access_channel_position_path,
    c.tier,
    CASE w.class
        WHEN 'a' THEN 'a rule'
        WHEN 'b' THEN 'a permission, ' || w.rule_until
        WHEN 'c' THEN 'permissions, ' || w.rule_until
        WHEN 'd' THEN concat_ws(', ', CASE WHEN w.other_start THEN w.rule_from END, CASE WHEN w.other_end THEN w.rule_until END)
        WHEN 'e' THEN 'ended ' || strftime(timezone(w.zone, w.rule_end), '%Y-%m-%d %H:%M')
        WHEN 'f' THEN 'one rule'
        WHEN 'g' THEN if(w.rule_source_kind = 'person', 'source: person', 'source: organization')
    END AS expected,
    CASE w.class
        WHEN 'a' THEN 'no rule; ' || w.permission_until
        WHEN 'b' THEN 'none'
        WHEN 'c' THEN 'none'
        WHEN 'd' THEN concat_ws(', ', CASE WHEN w.other_start THEN w.permission_from END, CASE WHEN w.other_end THEN w.permission_until END)
        WHEN 'e' THEN w.permission_until
        WHEN 'f' THEN w.rules || ' rules'
        WHEN 'g' THEN 'source: ' || CASE w.auth_source WHEN '1' THEN 'organization' WHEN '2' THEN 'person' ELSE 'group' END
    END AS actual,
    CASE
        WHEN w.confidence = 'unknown' THEN 'look up the members of the group in the console'
        WHEN w.class = 'a' THEN 'give it a rule, or delete the permission'
        WHEN w.class = 'b' THEN 'generate the permission, or delete the rule'
        WHEN w.class = 'c' THEN 'delete the rule, or generate its permissions'
        WHEN w.class = 'd' THEN 'generate the permissions of the rule again'
        WHEN w.class = 'e' THEN 'delete the permission, or extend the rule'
        WHEN w.class = 'f' THEN 'keep one of the rules'
        ELSE 'see in the console which source holds'
    END AS suggested_action,
    w.rules,
    w.project_id,
    w.source_id,
    w.access_control_channel_id,
    w.auth_relation_id,
    w.access_auth_id
FROM worded AS w
LEFT JOIN named AS n
    ON n.project_id = w.project_id AND n.person_id = w.person_id
LEFT JOIN persons AS q
    ON q.project_id = w.project_id AND q.person_id = w.person_id
LEFT JOIN structures AS s
    ON s.project_id = w.project_id AND s.structure_id = w.source_id AND w.person_id IS NULL
LEFT JOIN channels AS c
    ON c.project_id = w.project_id AND c.access_control_channel_id = w.access_control_channel_id
ORDER BY
    array_position(['high', 'medium', 'low'], w.severity),
    array_position(['a', 'e', 'b', 'c', 'd', 'g', 'f'], w.class),
    w.confidence,
    holder,
    c.access_control_channel_name,
    w.project_id,
    w.source_id,
    w.access_control_channel_id
