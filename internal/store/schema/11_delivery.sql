-- Thoughts that several reports, or several queries of one, share.

CREATE VIEW permission_rules AS
WITH RECURSIVE above AS (
    SELECT s.project_id, s.structure_id, s.structure_id AS ancestor_id
    FROM base.current_structures AS s
    UNION
    SELECT a.project_id, a.structure_id, s.parent_structure_id
    FROM above AS a
    JOIN base.current_structures AS s
        ON s.project_id = a.project_id AND s.structure_id = a.ancestor_id
    WHERE s.parent_structure_id IS NOT NULL
),
granted AS (
    SELECT DISTINCT
        k.project_id,
        k.access_control_channel_id,
        r.auth_relation_id,
        r.auth_id,
        r.source_kind
    FROM rule_channels AS k
    JOIN rules AS r
        ON r.project_id = k.project_id AND r.auth_relation_id = k.auth_relation_id
),
memberships AS (
    SELECT
        p.project_id,
        p.access_auth_id,
        p.access_control_channel_id,
        unnest(p.structure_ids) AS structure_id
    FROM base.current_permissions AS p
)
SELECT
    p.project_id,
    p.access_auth_id,
    g.auth_relation_id,
    'person' AS granted_through
FROM base.current_permissions AS p
JOIN granted AS g
    ON g.project_id = p.project_id
    AND g.access_control_channel_id = p.access_control_channel_id
    AND g.auth_id = p.person_id
WHERE g.source_kind = 'person'
UNION ALL
SELECT
    m.project_id,
    m.access_auth_id,
    g.auth_relation_id,
    if(bool_or(g.auth_id = m.structure_id), 'organization', 'organization above')
FROM memberships AS m
LEFT JOIN above AS a
    ON a.project_id = m.project_id AND a.structure_id = m.structure_id
JOIN granted AS g
    ON g.project_id = m.project_id
    AND g.access_control_channel_id = m.access_control_channel_id
    AND g.auth_id = coalesce(a.ancestor_id, m.structure_id)
WHERE g.source_kind = 'structure'
GROUP BY m.project_id, m.access_auth_id, g.auth_relation_id;
COMMENT ON VIEW permission_rules IS 'One permission and one rule that may grant it: the rule names its channel, and its source is the person, one of the person''s organizations, or one above those.';
COMMENT ON COLUMN permission_rules.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN permission_rules.access_auth_id IS 'API access-auth: accessAuthId, the permission';
COMMENT ON COLUMN permission_rules.auth_relation_id IS 'API query-rules: authRelationId, the rule';
COMMENT ON COLUMN permission_rules.granted_through IS 'Derived: person, organization, or organization above (whether a rule holds for those below its organization is not documented)';

CREATE MACRO resource_text(resource) AS
    CASE resource
        WHEN 'structures' THEN 'organizations'
        WHEN 'rule_channels' THEN 'channels of rules'
        WHEN 'task_details' THEN 'details of tasks'
        WHEN 'issue_infos' THEN 'results of records'
        WHEN 'details' THEN 'details of permissions'
        ELSE resource
    END;
COMMENT ON MACRO resource_text IS 'A resource in words.';

CREATE MACRO drift_findings(moment) AS TABLE
WITH
granted AS (
    SELECT DISTINCT
        k.project_id,
        k.access_control_channel_id,
        r.auth_relation_id,
        r.auth_id,
        r.source_kind,
        r.auth_start_time,
        if(r.permanent, 2556093599000, r.auth_end_time) AS normal_end,
        r.auth_start,
        r.auth_end,
        r.permanent,
        coalesce(r.auth_end <= moment, false) AS ended,
        coalesce(r.auth_start > moment, false) AS ahead
    FROM rule_channels AS k
    SEMI JOIN channels AS c
        ON c.project_id = k.project_id
        AND c.access_control_channel_id = k.access_control_channel_id
    JOIN rules AS r
        ON r.project_id = k.project_id AND r.auth_relation_id = k.auth_relation_id
),
-- What a channel's rules could explain although nothing ties them to the person.
by_channel AS (
    SELECT
        project_id,
        access_control_channel_id,
        bool_or(source_kind = 'unknown' AND NOT ended) AS group_rule,
        bool_or(source_kind = 'unknown') AS group_rule_once,
        bool_or(source_kind = 'structure') AS structure_rule
    FROM granted
    GROUP BY project_id, access_control_channel_id
),
fitting AS (
    SELECT
        m.project_id,
        m.access_auth_id,
        count(*) AS rules,
        count(*) FILTER (WHERE m.granted_through = 'person') AS person_rules,
        bool_and(g.ended) AS all_ended,
        bool_or(g.auth_start_time IS NOT DISTINCT FROM p.auth_start_time) AS start_fits,
        bool_or(g.normal_end IS NOT DISTINCT FROM if(p.permanent, 2556093599000, p.auth_end_time)) AS end_fits,
        arg_min(
            {
                'auth_relation_id': g.auth_relation_id,
                'auth_start': g.auth_start,
                'auth_end': g.auth_end,
                'permanent': g.permanent
            },
            (
                g.normal_end IS DISTINCT FROM if(p.permanent, 2556093599000, p.auth_end_time),
                g.ended,
                m.granted_through <> 'person',
                m.granted_through,
                -coalesce(g.normal_end, 0),
                g.auth_relation_id
            )
        ) AS nearest
    FROM permission_rules AS m
    JOIN permissions AS p
        ON p.project_id = m.project_id AND p.access_auth_id = m.access_auth_id
    JOIN granted AS g
        ON g.project_id = m.project_id
        AND g.auth_relation_id = m.auth_relation_id
        AND g.access_control_channel_id = p.access_control_channel_id
    GROUP BY m.project_id, m.access_auth_id
),
looked_at AS (
    SELECT
        p.project_id,
        p.access_auth_id,
        p.person_id,
        p.access_control_channel_id,
        p.auth_start,
        p.auth_end,
        p.permanent,
        p.auth_source,
        coalesce(p.auth_end > moment, true) AS alive,
        coalesce(f.rules, 0) AS rules,
        coalesce(f.person_rules, 0) AS person_rules,
        coalesce(f.rules - f.person_rules, 0) AS structure_rules,
        f.all_ended,
        f.start_fits AND f.end_fits AS dates_fit,
        f.nearest,
        coalesce(c.group_rule_once, false) AS group_rule,
        coalesce(c.structure_rule, false) AS structure_rule,
        coalesce(c.group_rule, false) AND coalesce(p.auth_source, '') NOT IN ('1', '2') AS maybe_group
    FROM permissions AS p
    LEFT JOIN fitting AS f
        ON f.project_id = p.project_id AND f.access_auth_id = p.access_auth_id
    LEFT JOIN by_channel AS c
        ON c.project_id = p.project_id
        AND c.access_control_channel_id = p.access_control_channel_id
    WHERE NOT coalesce(c.group_rule AND p.auth_source = '3', false)
),
of_permissions AS (
    SELECT
        *,
        unnest(list_filter([
            CASE WHEN rules = 0 AND alive THEN 'a' END,
            CASE WHEN rules > 0 AND NOT all_ended AND NOT dates_fit THEN 'd' END,
            CASE WHEN all_ended AND alive THEN 'e' END,
            CASE
                WHEN alive AND rules > 0 AND (
                    auth_source = '1' AND structure_rules = 0
                    OR auth_source = '2' AND person_rules = 0
                    OR auth_source = '3' AND NOT group_rule
                ) THEN 'g'
            END
        ], lambda x: x IS NOT NULL)) AS class
    FROM looked_at
),
findings AS (
    SELECT
        project_id,
        class,
        CASE
            WHEN class = 'g' THEN 'inferred'
            WHEN maybe_group THEN 'unknown'
            WHEN class = 'a' AND (structure_rule OR group_rule) THEN 'inferred'
            WHEN structure_rules > 0 OR rules > 1 AND class = 'd' THEN 'inferred'
            ELSE 'exact'
        END AS confidence,
        person_id AS source_id,
        person_id,
        access_control_channel_id,
        access_auth_id,
        nearest.auth_relation_id AS auth_relation_id,
        rules,
        nearest.auth_start AS rule_start,
        nearest.auth_end AS rule_end,
        nearest.permanent AS rule_permanent,
        auth_start,
        auth_end,
        permanent,
        auth_source,
        if(person_rules > 0, 'person', 'structure') AS rule_source_kind
    FROM of_permissions
    QUALIFY row_number() OVER (
        PARTITION BY project_id, class, coalesce(person_id, access_auth_id), access_control_channel_id
        ORDER BY auth_end DESC NULLS FIRST, access_auth_id
    ) = 1
    UNION ALL
    SELECT
        g.project_id,
        if(g.source_kind = 'person', 'b', 'c'),
        CASE g.source_kind WHEN 'person' THEN 'exact' WHEN 'structure' THEN 'inferred' ELSE 'unknown' END,
        g.auth_id,
        if(g.source_kind = 'person', g.auth_id, NULL),
        g.access_control_channel_id,
        NULL,
        min(g.auth_relation_id),
        count(*),
        arg_min_null(g.auth_start, g.auth_relation_id),
        arg_min_null(g.auth_end, g.auth_relation_id),
        arg_min_null(g.permanent, g.auth_relation_id),
        NULL, NULL, NULL, NULL,
        g.source_kind
    FROM granted AS g
    LEFT JOIN (
        SELECT DISTINCT p.project_id, m.auth_relation_id, p.access_control_channel_id
        FROM permission_rules AS m
        JOIN base.current_permissions AS p
            ON p.project_id = m.project_id AND p.access_auth_id = m.access_auth_id
    ) AS used
        ON used.project_id = g.project_id
        AND used.auth_relation_id = g.auth_relation_id
        AND used.access_control_channel_id = g.access_control_channel_id
    LEFT JOIN (
        SELECT DISTINCT project_id, access_control_channel_id FROM base.current_permissions
    ) AS opened
        ON opened.project_id = g.project_id
        AND opened.access_control_channel_id = g.access_control_channel_id
    WHERE NOT g.ended
        AND NOT g.ahead
        AND if(g.source_kind = 'unknown', opened.project_id IS NULL, used.project_id IS NULL)
    GROUP BY g.project_id, g.source_kind, g.auth_id, g.access_control_channel_id
    UNION ALL
    SELECT
        g.project_id,
        'f',
        'exact',
        g.auth_id,
        if(any_value(g.source_kind) = 'person', g.auth_id, NULL),
        g.access_control_channel_id,
        NULL,
        min(g.auth_relation_id),
        count(DISTINCT g.auth_relation_id),
        arg_min_null(g.auth_start, g.auth_relation_id),
        arg_min_null(g.auth_end, g.auth_relation_id),
        arg_min_null(g.permanent, g.auth_relation_id),
        NULL, NULL, NULL, NULL,
        any_value(g.source_kind)
    FROM granted AS g
    SEMI JOIN granted AS o
        ON o.project_id = g.project_id
        AND o.auth_id = g.auth_id
        AND o.access_control_channel_id = g.access_control_channel_id
        AND o.auth_relation_id <> g.auth_relation_id
        AND NOT o.ended
        AND coalesce(o.auth_start_time <= g.normal_end, true)
        AND coalesce(g.auth_start_time <= o.normal_end, true)
    WHERE NOT g.ended
    GROUP BY g.project_id, g.auth_id, g.access_control_channel_id
)
SELECT
    f.class,
    CASE f.class
        WHEN 'a' THEN 'permission without a rule'
        WHEN 'b' THEN 'rule without its permission'
        WHEN 'c' THEN 'rule that opens for nobody'
        WHEN 'd' THEN 'other dates than the rule'
        WHEN 'e' THEN 'rule ended, permission not'
        WHEN 'f' THEN 'several rules for the same'
        WHEN 'g' THEN 'other source than the rules'
    END AS finding,
    CASE
        WHEN f.confidence = 'unknown' THEN 'low'
        WHEN f.class IN ('a', 'e') THEN 'high'
        ELSE 'medium'
    END AS severity,
    f.* EXCLUDE (class)
FROM findings AS f;
COMMENT ON MACRO TABLE drift_findings IS 'One contradiction of rules and permissions at a time. class is a letter:
- a: a permission that has not ended and that no rule grants
- b: a rule for a person, in force, without the permission
- c: a rule for an organization or a group, in force, that opens a channel for nobody
- d: a permission whose dates no rule has that grants it
- e: a permission that has not ended, of which every rule has
- f: several rules, at the same time, for the same source and channel
- g: a permission whose detail names another kind of source than its rules
confidence says what the finding rests on: exact on ids alone, inferred on the organization tree or on the detail, unknown where a rule of a source that is neither person nor organization (a person group, whose members the cloud does not tell) names the channel and might explain it. A permission that its detail says comes from such a group is not looked at where one names its channel. Members of an organization without a permission are no finding: the cloud does not list members. source_id is the person (a, b, d, e, g) or the rule''s source (c, f); with it and the channel a class has one row, the last-ending permission or the first rule. rule_start and rule_end are the rule''s that comes nearest.
class: Derived: one of the letters above
finding: Derived: class in words
severity: Derived: high for a and e, else medium; low where the confidence is unknown
confidence: Derived: exact, inferred or unknown
source_id: Derived: the person (a, b, d, e, g), or the rule''s source (c, f)
auth_relation_id: API query-rules: authRelationId, of the rule that comes nearest, or of the first
rules: Derived: how many rules grant it, or stand for the same
rule_start: Derived: when that rule begins
rule_end: Derived: when that rule ends
rule_permanent: Derived: whether that rule has no end
rule_source_kind: Derived: whom the rules are for: person, structure or unknown';

CREATE MACRO roster_codes(moment) AS TABLE
SELECT
    r.person_code,
    CASE
        WHEN coalesce(lower(trim(r.status)), '') <> 'terminated' THEN 'employed'
        WHEN r.terminated > moment THEN 'leaves later'
        ELSE 'terminated'
    END AS standing,
    CASE WHEN lower(trim(r.status)) = 'terminated' THEN r.terminated END AS terminated,
    r.organisation,
    r.manager,
    r.manager_email
FROM roster AS r
WHERE r.person_code <> '';
COMMENT ON MACRO TABLE roster_codes IS 'One work number of roster.csv. standing is terminated where the status is, with a time that is not after the moment or none; leaves later where the time is after it; else employed.
standing: Derived: terminated, leaves later or employed';

CREATE MACRO roster_persons(moment) AS TABLE
SELECT
    p.project_id,
    p.person_id,
    p.name,
    p.person_code,
    p.organizations,
    p.permissions,
    p.twins,
    CASE
        WHEN r.standing IS NOT NULL THEN r.standing
        WHEN p.person_code IS NULL THEN 'no work number'
        ELSE 'not in the roster'
    END AS standing,
    r.terminated,
    r.organisation,
    r.manager,
    r.manager_email
FROM person_context AS p
LEFT JOIN roster_codes(moment) AS r
    ON r.person_code = trim(p.person_code);
COMMENT ON MACRO TABLE roster_persons IS 'One person whom a list names, and how the roster stands to the person: standing as in roster_codes, else no work number or not in the roster.
standing: Derived: as in roster_codes, else no work number or not in the roster
terminated: Derived: terminated_at of roster.csv as a time
organisation: roster.csv: organisation
manager: roster.csv: manager
manager_email: roster.csv: manager_email';

CREATE MACRO task_findings(moment, stuck_hours, critical_hours, days) AS TABLE
WITH aged AS (
    SELECT
        t.*,
        CAST(epoch(coalesce(t.task_finish, moment)) - epoch(t.task_start) AS BIGINT) AS age_seconds,
        coalesce(t.auth_task_progress = 3 OR t.auth_task_status = 4, false) AS said_terminated,
        t.auth_num - t.success_num AS missing
    FROM tasks AS t
    WHERE coalesce(t.task_start <= moment, true)
        AND (NOT t.finished OR coalesce(t.task_start > moment - to_days(CAST(days AS INTEGER)), true))
),
counted AS (
    SELECT
        project_id,
        auth_task_id,
        count(*) FILTER (WHERE result = 'failed') AS records_failed,
        count(*) FILTER (WHERE result = 'unknown') AS records_unknown
    FROM records
    GROUP BY project_id, auth_task_id
),
named AS (
    SELECT
        a.*,
        r.records_failed,
        r.records_unknown,
        CASE
            WHEN NOT a.finished AND NOT a.listed THEN 'vanished'
            WHEN NOT a.finished AND a.said_terminated THEN 'terminated'
            WHEN NOT a.finished AND a.age_seconds > stuck_hours * 3600 THEN 'stuck'
            WHEN NOT a.finished THEN NULL
            WHEN a.auth_num = 0 THEN 'empty'
            WHEN a.result = 'succeeded' THEN NULL
            WHEN a.said_terminated THEN 'terminated'
            WHEN a.result = 'failed' THEN 'all failed'
            WHEN a.result = 'partly succeeded' THEN 'partly failed'
            ELSE 'numbers missing'
        END AS finding
    FROM aged AS a
    LEFT JOIN counted AS r
        ON r.project_id = a.project_id AND r.auth_task_id = a.auth_task_id
)
SELECT
    *,
    CASE
        WHEN finding = 'stuck' AND age_seconds > critical_hours * 3600 THEN 'critical'
        WHEN finding IN ('stuck', 'all failed', 'vanished') THEN 'high'
        WHEN finding IN ('terminated', 'partly failed', 'numbers missing') THEN 'medium'
        WHEN finding = 'empty' THEN 'low'
    END AS severity
FROM named;
COMMENT ON MACRO TABLE task_findings IS 'One task that was begun in the days before the moment, or is not finished. finding is NULL where all that it had was sent, or it is under way; the first that holds of vanished, stuck, terminated, empty, all failed, partly failed, numbers missing.
age_seconds: Derived: seconds from its start to its end, or to the moment
said_terminated: Derived: whether a code of the task says terminated
missing: Derived: how many of auth_num did not arrive
records_failed: Derived: records of the task whose result is failed
records_unknown: Derived: records of the task whose result is not known
finding: Derived: as above
severity: Derived: critical where stuck for longer than critical_hours, high, medium or low; NULL without a finding';

CREATE MACRO count_findings() AS TABLE
WITH odd AS (
    SELECT *
    FROM base.current_permissions
    WHERE card_state IN ('excess', 'contradictory')
        OR face_state IN ('excess', 'contradictory')
        OR fingerprint_state IN ('excess', 'contradictory')
),
versions AS (
    SELECT h.*
    FROM permission_history AS h
    SEMI JOIN odd AS o
        ON o.project_id = h.project_id AND o.access_auth_id = h.access_auth_id
),
counted AS (
    SELECT project_id, access_auth_id, 'card' AS credential, card_state AS state,
        total_card_num AS enrolled_num, auth_card_num AS sent_num, card_issue_status AS status, card_issue_status_text AS status_text
    FROM odd
    UNION ALL
    SELECT project_id, access_auth_id, 'face', face_state,
        total_face_num, auth_face_num, face_issue_status, face_issue_status_text
    FROM odd
    UNION ALL
    SELECT project_id, access_auth_id, 'fingerprint', fingerprint_state,
        total_fingerprint_num, auth_fingerprint_num, fingerprint_issue_status, fingerprint_issue_status_text
    FROM odd
),
history AS (
    SELECT project_id, access_auth_id, first_snapshot, closed_snapshot, first_seen, 'card' AS credential,
        total_card_num AS enrolled_num, auth_card_num AS sent_num, card_issue_status AS status
    FROM versions
    UNION ALL
    SELECT project_id, access_auth_id, first_snapshot, closed_snapshot, first_seen, 'face',
        total_face_num, auth_face_num, face_issue_status
    FROM versions
    UNION ALL
    SELECT project_id, access_auth_id, first_snapshot, closed_snapshot, first_seen, 'fingerprint',
        total_fingerprint_num, auth_fingerprint_num, fingerprint_issue_status
    FROM versions
),
-- A version begins a spell unless the one before it said the same and ended
-- where it begins.
spells AS (
    SELECT
        *,
        count(*) FILTER (WHERE begins) OVER (
            PARTITION BY project_id, access_auth_id, credential ORDER BY first_snapshot
        ) AS spell
    FROM (
        SELECT
            *,
            lag((enrolled_num, sent_num, status, closed_snapshot)) OVER (
                PARTITION BY project_id, access_auth_id, credential ORDER BY first_snapshot
            ) IS DISTINCT FROM (enrolled_num, sent_num, status, first_snapshot) AS begins
        FROM history
    )
),
begun AS (
    SELECT project_id, access_auth_id, credential, arg_max(since, spell) AS since
    FROM (
        SELECT project_id, access_auth_id, credential, spell, min(first_seen) AS since
        FROM spells
        GROUP BY project_id, access_auth_id, credential, spell
    )
    GROUP BY project_id, access_auth_id, credential
)
SELECT
    c.project_id,
    c.access_auth_id,
    c.credential,
    CASE
        WHEN c.state = 'contradictory' THEN 'status contradicts'
        WHEN c.enrolled_num = 0 THEN 'sent though none is enrolled'
        ELSE 'more than enrolled'
    END AS finding,
    if(c.state = 'excess', 'high', 'medium') AS severity,
    c.enrolled_num,
    c.sent_num,
    c.status_text,
    b.since
FROM counted AS c
LEFT JOIN begun AS b
    ON b.project_id = c.project_id AND b.access_auth_id = c.access_auth_id AND b.credential = c.credential
WHERE c.state IN ('excess', 'contradictory');
COMMENT ON MACRO TABLE count_findings IS 'One credential of a permission whose numbers do not fit: more sent than enrolled, or a status that contradicts the numbers.
credential: Derived: card, face or fingerprint
finding: Derived: more than enrolled, sent though none is enrolled, or status contradicts
severity: Derived: high where more was sent than enrolled, else medium
enrolled_num: API access-auth: the total of the credential, such as totalCardNum
sent_num: API access-auth: how many of them were sent, such as authCardNum
status_text: Derived: the status of the credential in words, such as card_issue_status_text
since: Derived: time of the first whole walk with these numbers and this status without a break, by the cloud''s clock';

CREATE MACRO exception_states(moment, zone, within_days, own_reports) AS TABLE
WITH dated AS (
    SELECT
        e.*,
        date_diff('day', CAST(timezone(zone, moment) AS DATE), e.expires) AS days_left,
        list_contains(
            list_concat(
                [
                    'changes', 'expiring-permissions', 'failed-issues', 'failed-deletions', 'channel-coverage',
                    'channel-access-list', 'person-access-list', 'expired-permissions', 'permanent-permissions',
                    'excessive-access', 'identity-quality', 'leavers', 'count-anomalies', 'task-health',
                    'delivery-time', 'drift', 'exceptions', 'completeness', 'control-calendar', 'scorecard', 'query-log'
                ],
                list_transform(string_split(own_reports, ','), lambda x: trim(x))
            ),
            e.report
        ) AS known
    FROM exceptions AS e
),
stated AS (
    SELECT
        *,
        CASE
            WHEN NOT known THEN 'names no report'
            WHEN expires_on <> '' AND expires IS NULL THEN 'date not readable'
            WHEN days_left < 0 THEN 'expired'
            WHEN coalesce(approved_by, '') = '' THEN 'nobody approved'
            WHEN days_left <= within_days THEN 'ends within ' || within_days || ' days'
            WHEN days_left IS NULL THEN 'no end'
            ELSE 'active'
        END AS state
    FROM dated
)
SELECT
    *,
    state NOT IN ('names no report', 'date not readable', 'expired') AS holds,
    CASE
        WHEN state IN ('names no report', 'date not readable', 'expired', 'nobody approved') THEN 'medium'
        WHEN state = 'active' THEN 'good'
        ELSE 'low'
    END AS severity
FROM stated;
COMMENT ON MACRO TABLE exception_states IS 'One line of exceptions.csv. state is the first that holds of names no report, date not readable, expired, nobody approved, ends within the days, no end, active; holds tells whether the line accepts its finding, which it does through its last day. own_reports names reports that are not built in, joined by commas.
days_left: Derived: days from the moment''s to expires; negative where it is past
known: Derived: whether there is a report of that name
state: Derived: as above
holds: Derived: whether the line accepts its finding
severity: Derived: medium where the line needs care, good where it is active, else low';

CREATE MACRO deliveries(moment, zone, days) AS TABLE
WITH granted AS (
    SELECT
        p.*,
        greatest(p.auth_card_num, p.auth_face_num, p.auth_fingerprint_num) > 0 AS something_sent
    FROM permissions AS p
    WHERE p.auth_create <= moment
        AND p.auth_create > moment - to_days(CAST(days AS INTEGER))
        AND greatest(p.total_card_num, p.total_face_num, p.total_fingerprint_num) > 0
),
issued AS (
    SELECT
        g.project_id,
        g.access_auth_id,
        min(if(r.auth_issue_time > 0, r.auth_issue, coalesce(t.task_finish, t.task_start))) AS delivered
    FROM granted AS g
    JOIN tasks AS t
        ON t.project_id = g.project_id
        AND t.access_control_channel_id = g.access_control_channel_id
    JOIN records AS r
        ON r.project_id = t.project_id
        AND r.auth_task_id = t.auth_task_id
        AND r.person_id = g.person_id
    JOIN (
        SELECT project_id, auth_task_record_id
        FROM issue_infos
        WHERE success_issue_num > 0 AND credential <> 'person'
        GROUP BY project_id, auth_task_record_id
    ) AS i
        ON i.project_id = r.project_id AND i.auth_task_record_id = r.auth_task_record_id
    WHERE if(r.auth_issue_time > 0, r.auth_issue, coalesce(t.task_finish, t.task_start)) >= g.auth_create
        AND if(r.auth_issue_time > 0, r.auth_issue, coalesce(t.task_finish, t.task_start)) <= moment
    GROUP BY g.project_id, g.access_auth_id
),
walked AS (
    SELECT project_id, min(seen_at) AS first_walk
    FROM base.whole_walks
    WHERE resource = 'permissions'
    GROUP BY project_id
),
seen AS (
    SELECT h.project_id, h.access_auth_id, min(h.first_seen) AS delivered
    FROM permission_history AS h
    SEMI JOIN granted AS g
        ON g.project_id = h.project_id AND g.access_auth_id = h.access_auth_id
    WHERE h.auth_card_num > 0 OR h.auth_face_num > 0 OR h.auth_fingerprint_num > 0
    GROUP BY h.project_id, h.access_auth_id
),
told AS (
    SELECT
        g.*,
        CASE
            WHEN i.delivered IS NOT NULL THEN 'record'
            WHEN s.delivered > w.first_walk THEN 'snapshot'
            WHEN s.delivered IS NOT NULL OR g.something_sent THEN 'not told'
            ELSE 'open'
        END AS how,
        CASE
            WHEN i.delivered IS NOT NULL THEN i.delivered
            WHEN s.delivered > w.first_walk THEN greatest(s.delivered, g.auth_create)
        END AS delivered
    FROM granted AS g
    LEFT JOIN issued AS i
        ON i.project_id = g.project_id AND i.access_auth_id = g.access_auth_id
    LEFT JOIN seen AS s
        ON s.project_id = g.project_id AND s.access_auth_id = g.access_auth_id
    LEFT JOIN walked AS w
        ON w.project_id = g.project_id
)
SELECT
    project_id,
    access_auth_id,
    person_id,
    name,
    person_code,
    access_control_channel_id,
    access_control_channel_name,
    coalesce(nullif(business_device_name, ''), 'no device named') AS device,
    auth_create,
    CAST(date_trunc('week', timezone(zone, auth_create)) AS DATE) AS week,
    how,
    delivered,
    CASE WHEN how <> 'not told' THEN (epoch(coalesce(delivered, moment)) - epoch(auth_create)) / 3600 END AS hours
FROM told;
COMMENT ON MACRO TABLE deliveries IS 'One permission that was created in the days before the moment, as its detail says, and whose person has a card, a face or a fingerprint by the list. delivered is when something of the person first reached the device, hours how long that took; how tells by what:
- record: the first record of the person on the channel that issued something, exact to the second
- snapshot: the first whole walk that counts something as sent, where one before it did not: at the latest then
- open: nothing is there yet: right-censored, it takes at least until now
- not told: the first walk of all counts it as sent already
device: API access-auth: businessDeviceName, or no device named
week: Derived: the Monday of the week of auth_create, in the zone
how: Derived: record, snapshot, open or not told
delivered: Derived: when something first reached the device; NULL while open, or not told
hours: Derived: from auth_create to delivered, or so far to the moment; NULL where not told';

CREATE MACRO slot_days(zone) AS TABLE
WITH slots AS (
    SELECT
        CAST(timezone(zone, TRY_CAST(json_extract_string(detail, '$.slot') AS TIMESTAMPTZ)) AS DATE) AS day,
        json_extract_string(detail, '$.outcome') AS outcome,
        json_extract_string(detail, '$.why') AS why,
        seq
    FROM journal
    WHERE kind = 'slot' AND json_extract_string(detail, '$.schedule') = 'collect'
),
counted AS (
    SELECT
        day,
        count(*) AS due,
        count(*) FILTER (WHERE outcome = 'ran') AS ran,
        count(*) FILTER (WHERE outcome = 'late') AS late,
        count(*) FILTER (WHERE outcome = 'caught up') AS caught_up,
        count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
        count(*) FILTER (WHERE outcome = 'failed') AS failed,
        arg_max(why, seq) FILTER (WHERE outcome <> 'ran') AS why
    FROM slots
    WHERE day IS NOT NULL
    GROUP BY day
)
SELECT
    *,
    concat_ws(', ',
        if(ran > 0, ran || ' ran', NULL),
        if(late > 0, late || ' late', NULL),
        if(caught_up > 0, caught_up || ' caught up', NULL),
        if(skipped > 0, skipped || ' skipped', NULL),
        if(failed > 0, failed || ' failed', NULL)
    ) AS outcomes
FROM counted;
COMMENT ON MACRO TABLE slot_days IS 'One day, in the zone, on which a collection was due by the schedule, as the journal accounts for it.
day: Derived: the day, in the zone
due: Derived: collections that were due
ran: Derived: of these, in time
late: Derived: of these, late
caught_up: Derived: of these, run later, for nothing ran at their time
skipped: Derived: of these, skipped
failed: Derived: of these, failed
why: Derived: why the last that did not run in time did not
outcomes: Derived: the numbers above in words';

CREATE MACRO control_days(moment, zone, days) AS TABLE
WITH slots AS (
    SELECT * FROM slot_days(zone)
),
-- Since when serve ran collections by a schedule, and since when it did not.
schedules AS (
    SELECT
        CAST(timezone(zone, "at") AS DATE) AS day,
        arg_max(list_contains(json_extract_string(detail, '$.schedules[*].name'), 'collect'), seq) AS scheduled
    FROM journal
    WHERE kind = 'serve' AND json_extract_string(detail, '$.event') = 'start'
    GROUP BY CAST(timezone(zone, "at") AS DATE)
),
collected AS (
    SELECT
        s.*,
        CAST(timezone(zone, s.started_at) AS DATE) AS day,
        s.verdict IN ('complete', 'complete_with_drift') AS whole
    FROM snapshots AS s
    WHERE s.kind = 'collection' AND s.started_at <= moment
),
spans AS (
    SELECT
        project_id,
        unnest(generate_series(
            greatest(min(day), CAST(timezone(zone, moment) AS DATE) - CAST(days AS INTEGER) + 1),
            CAST(timezone(zone, moment) AS DATE),
            INTERVAL 1 DAY
        ))::DATE AS day
    FROM collected
    GROUP BY project_id
),
lasting AS (
    SELECT
        project_id,
        day,
        count(*) AS snapshots,
        bool_or(whole) AS whole,
        arg_max(snapshot_id, (whole, snapshot_id)) AS snapshot_id
    FROM collected
    GROUP BY project_id, day
),
seals AS (
    SELECT
        json_extract_string(detail, '$.snapshot') AS snapshot_id,
        json_extract_string(detail, '$.project') AS project_id,
        json_extract_string(detail, '$.digest') AS digest,
        min(seq) AS journal_line
    FROM journal
    WHERE kind = 'snapshot'
    GROUP BY ALL
),
reported AS (
    SELECT CAST(timezone(zone, "at") AS DATE) AS day, count(*) AS reports
    FROM journal
    WHERE kind = 'report'
    GROUP BY CAST(timezone(zone, "at") AS DATE)
),
planned AS (
    SELECT
        d.project_id,
        d.day,
        coalesce(s.scheduled, false) AS scheduled,
        d.day <= (SELECT max(day) FROM slots) AS accounted
    FROM spans AS d
    ASOF LEFT JOIN schedules AS s
        ON d.day >= s.day
),
stated AS (
    SELECT
        d.project_id,
        d.day,
        CASE
            WHEN l.whole THEN 'done'
            WHEN l.day IS NOT NULL THEN 'not whole'
            WHEN d.scheduled AND d.accounted AND w.day IS NULL THEN 'not due'
            ELSE 'gap'
        END AS state,
        CASE
            WHEN w.day IS NOT NULL THEN w.outcomes
            WHEN NOT d.scheduled THEN 'no schedule'
            WHEN d.accounted THEN 'not due'
            ELSE 'not accounted for yet'
        END AS schedule,
        coalesce(w.due, 0) AS due,
        coalesce(w.ran, 0) AS ran,
        coalesce(w.late, 0) AS late,
        coalesce(w.caught_up, 0) AS caught_up,
        coalesce(w.skipped, 0) AS skipped,
        coalesce(w.failed, 0) AS failed,
        w.why,
        coalesce(l.snapshots, 0) AS snapshots,
        c.snapshot_id,
        c.verdict,
        c.started_at,
        c.rows,
        c.digest,
        j.journal_line,
        CASE
            WHEN c.snapshot_id IS NULL THEN NULL
            WHEN j.journal_line IS NOT NULL THEN 'yes'
            WHEN c.snapshot_id = (SELECT max(a.snapshot_id) FROM base.as_of AS a) THEN 'not yet'
            ELSE 'no'
        END AS sealed,
        coalesce(r.reports, 0) AS reports
    FROM planned AS d
    LEFT JOIN slots AS w
        ON w.day = d.day
    LEFT JOIN lasting AS l
        ON l.project_id = d.project_id AND l.day = d.day
    LEFT JOIN collected AS c
        ON c.project_id = l.project_id AND c.snapshot_id = l.snapshot_id
    LEFT JOIN seals AS j
        ON j.snapshot_id = c.snapshot_id AND j.project_id = c.project_id AND j.digest = c.digest
    LEFT JOIN reported AS r
        ON r.day = d.day
)
SELECT
    *,
    CASE
        WHEN state = 'gap' THEN 'high'
        WHEN state = 'not whole' OR sealed = 'no' OR skipped + failed > 0 THEN 'medium'
        ELSE 'good'
    END AS severity
FROM stated;
COMMENT ON MACRO TABLE control_days IS 'One project on one of the days up to the moment''s, in the zone, from the day of the project''s first snapshot on. state is gap, not whole or done, or not due: a day without a snapshot on which the schedule wanted none. What was due is accounted for in order, so a day before the last slot in the journal that has none had nothing due. schedule says what became of the day''s slots; due, ran, late, caught_up, skipped and failed count them. sealed is yes, no, or not yet for the snapshot that is read; the snapshot shown is the day''s last whole one, else its last.
day: Derived: the day, in the zone
state: Derived: done, not whole, gap or not due
schedule: Derived: what became of the day''s slots, in words
due: Derived: collections that were due
ran: Derived: of these, in time
late: Derived: of these, late
caught_up: Derived: of these, run later, for nothing ran at their time
skipped: Derived: of these, skipped
failed: Derived: of these, failed
why: Derived: why the last that did not run in time did not
snapshots: Derived: snapshots that were begun on the day
journal_line: journal.ndjson: seq, of the line that seals the snapshot with the same digest
sealed: Derived: yes, no, or not yet for the snapshot that is read
reports: Derived: reports that were made on the day, of all projects
severity: Derived: high for a gap; medium where not whole, not sealed, skipped or failed; else good';

CREATE MACRO kpis(moment, zone, stuck_hours, critical_hours, task_days, delivery_days, target_hours, calendar_days) AS TABLE
WITH
deletions AS (
    SELECT count(*) AS open
    FROM failed_deletions
    WHERE cleared_by_task_id IS NULL
),
coverage AS (
    SELECT
        coalesce(sum(records), 0) AS records,
        coalesce(sum(records_read), 0) AS records_read,
        coalesce(sum(tasks_unread), 0) AS tasks_unread
    FROM record_coverage
),
leaving AS (
    SELECT
        count(*) FILTER (WHERE standing = 'terminated' AND permissions > 0) AS leavers,
        (SELECT count(*) FROM roster) AS roster_lines
    FROM roster_persons(moment)
),
drifted AS (
    SELECT
        count(*) FILTER (WHERE class = 'a' AND confidence <> 'unknown') AS without_rule,
        count(*) FILTER (WHERE class = 'e' AND confidence <> 'unknown') AS outlived
    FROM drift_findings(moment)
),
listed AS (
    SELECT
        count(*) FILTER (WHERE p.auth_end <= moment AND NOT p.permanent) AS expired,
        count(*) FILTER (
            WHERE p.permanent AND c.sensitive AND coalesce(p.auth_start <= moment, true) AND coalesce(p.auth_end > moment, true)
        ) AS permanent_sensitive,
        (SELECT count(*) FROM channel_register) AS registered
    FROM permissions AS p
    JOIN permission_context AS c
        ON c.project_id = p.project_id AND c.access_auth_id = p.access_auth_id
),
tasked AS (
    SELECT count(*) FILTER (WHERE finding = 'stuck') AS stuck
    FROM task_findings(moment, stuck_hours, critical_hours, task_days)
),
excessive AS (
    SELECT count(*) FILTER (WHERE severity = 'high') AS excess
    FROM count_findings()
),
brought AS (
    SELECT device, how, hours
    FROM deliveries(moment, zone, delivery_days)
),
delivered AS (
    SELECT
        count(*) FILTER (WHERE how IN ('record', 'snapshot')) AS delivered,
        count(*) FILTER (WHERE how = 'open') AS open,
        quantile_disc(hours, 0.95) FILTER (WHERE how IN ('record', 'snapshot')) AS p95
    FROM brought
),
delivering AS (
    SELECT count(*) FILTER (WHERE p95 > target_hours) AS slow
    FROM (
        SELECT device, quantile_disc(hours, 0.95) FILTER (WHERE how IN ('record', 'snapshot')) AS p95
        FROM brought
        GROUP BY device
    )
),
calendar AS (
    SELECT count(*) FILTER (WHERE state <> 'not due') AS days, count(*) FILTER (WHERE state = 'done') AS done
    FROM control_days(moment, zone, calendar_days)
),
compared AS (
    SELECT count(*) FILTER (WHERE t.result = 'differs') AS differ, count(*) AS tie_outs
    FROM tie_outs AS t
    JOIN base.as_of AS a
        ON a.snapshot_id = t.snapshot_id
),
asked AS (
    SELECT sum(r.covered) AS covered, sum(r.coverable) AS coverable, count(*) FILTER (WHERE r.covered < r.coverable) AS short
    FROM resources AS r
    JOIN base.as_of AS a
        ON a.snapshot_id = r.snapshot_id
    WHERE r.resource = 'issue_infos'
),
excepted AS (
    SELECT count(*) FILTER (WHERE state = 'expired') AS expired
    FROM exception_states(moment, zone, 30, '')
),
numbers(position, kpi, unit, target, value, rows, gravity, told, report, sheet) AS (
    SELECT 1, 'deletions that failed, open', 'count', 0,
        CASE WHEN d.open > 0 OR (c.records = c.records_read AND c.tasks_unread = 0) THEN d.open::DOUBLE END,
        d.open, 'critical', 'not all results of records were read', 'failed-deletions', 'Deletions'
    FROM deletions AS d CROSS JOIN coverage AS c
    UNION ALL
    SELECT 2, 'persons who have left, with permissions', 'count', 0,
        CASE WHEN roster_lines > 0 THEN leavers::DOUBLE END,
        leavers, 'critical', 'there is no roster', 'leavers', 'Leavers'
    FROM leaving
    UNION ALL
    SELECT 3, 'permissions ended, still listed', 'count', 0, expired, expired, 'high', NULL, 'expired-permissions', 'Permissions'
    FROM listed
    UNION ALL
    SELECT 4, 'permissions without a rule', 'count', 0, without_rule, without_rule, 'high', NULL, 'drift', 'Drift'
    FROM drifted
    UNION ALL
    SELECT 5, 'rule ended, permission not', 'count', 0, outlived, outlived, 'high', NULL, 'drift', 'Drift'
    FROM drifted
    UNION ALL
    SELECT 6, 'permissions without an end on sensitive channels', 'count', 0,
        CASE WHEN registered > 0 THEN permanent_sensitive::DOUBLE END,
        permanent_sensitive, 'high', 'there is no channel register', 'permanent-permissions', 'Permissions'
    FROM listed
    UNION ALL
    SELECT 7, 'credentials beyond what a person has', 'count', 0, excess, excess, 'high', NULL, 'count-anomalies', 'Anomalies'
    FROM excessive
    UNION ALL
    SELECT 8, 'tasks stuck', 'count', 0, stuck, stuck, 'high', NULL, 'task-health', 'Tasks'
    FROM tasked
    UNION ALL
    SELECT 9, 'new permissions on the device', 'share', 0.95,
        CASE WHEN delivered + open > 0 THEN delivered / (delivered + open) END,
        open, 'medium', 'no permission was created, or it is not told when', 'delivery-time', 'Open'
    FROM delivered
    UNION ALL
    SELECT 10, 'hours to the device, 95 of 100', 'hours', target_hours, round(p95, 1), slow, 'medium',
        'no delivery is told', 'delivery-time', 'Devices'
    FROM delivered CROSS JOIN delivering
    UNION ALL
    SELECT 11, 'days with a whole snapshot', 'share', 1, CASE WHEN days > 0 THEN done / days END,
        days - done, 'medium', 'no day is known', 'control-calendar', 'Days'
    FROM calendar
    UNION ALL
    SELECT 12, 'counts that differ from the cloud''s', 'count', 0, differ, differ, 'high', NULL, 'completeness', 'Tie-outs'
    FROM compared
    UNION ALL
    SELECT 13, 'results of records read', 'share', 1, CASE WHEN coverable > 0 THEN covered / coverable END,
        short, 'medium', 'there is no record', 'completeness', 'Resources'
    FROM asked
    UNION ALL
    SELECT 14, 'exceptions expired', 'count', 0, expired, expired, 'medium', NULL, 'exceptions', 'Exceptions'
    FROM excepted
)
SELECT
    *,
    CASE unit WHEN 'share' THEN value >= target ELSE value <= target END AS met
FROM numbers;
COMMENT ON MACRO TABLE kpis IS 'One number of the scorecard, as the report that it names counts it with the same parameters.
position: Ours: its place on the scorecard
kpi: Ours: what is counted
unit: Ours: count, share or hours
target: Ours: what it is to reach (share), or not to exceed
value: Derived: the number; NULL where it cannot be told
rows: Derived: rows of the report''s sheet that miss the target
gravity: Ours: how grave it is to miss the target
told: Ours: why value is NULL, where it is; beside a value it means nothing
report: Ours: the report that shows the rows
sheet: Ours: its sheet
met: Derived: whether the target is reached; NULL where value is';
