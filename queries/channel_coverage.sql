-- Access coverage per channel
--
-- Question    Per channel: how many persons may open it, by which means, and
--             is there one that nobody, only one person, or some only by face
--             can open?
-- A row is    one channel (access_control_channel_id).
-- Channels    those that permissions, rules, channel-detail, the channel
--             register or history name; named_by says which. The cloud has no
--             list of all channels: one that none of these names is not here,
--             and that nobody may open one can be seen only where something
--             other than a permission names it. One that only history names
--             is here while a permission or rule named it in the 90 days before
--             $as_of.
-- Headcount   persons with a permission on the channel, in force or not.
-- Effective   of them, those with one in force: begun and not ended at $as_of;
--             an absent time does not limit.
-- Delivered   of the effective persons with a card (face, fingerprint)
--             enrolled, those whose cards are on the device by the list's
--             counts. Excess (more on the device than enrolled) is counted
--             apart, in neither number; unknown counts in neither.
-- Nothing     effective persons of whom no credential is delivered, partial or
--             in excess.
-- Face only   effective persons with a face enrolled and, as the list says, 0
--             cards. A person whose number of cards the list leaves out is not.
-- Severity    high: fewer than $min_people effective persons, or nobody where
--             the channel is sensitive (tier "sensitive" or "1" in the channel
--             register); medium: nobody, more than $max_people (0: no limit),
--             somebody with nothing on the device, or by face only; else good.
-- Limits      The cloud may leave the number of fingerprints out. Face only then
--             does not count any: such a person may have a fingerprint all the
--             same. When a rule's channel-detail last named a channel is not in
--             the history: a channel that only such a former rule names is here
--             however old it is. The time of day is not limited by what the list
--             says. Whether a device opens was not tried: there are no door
--             events.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($min_people AS INTEGER) AS min_people,
        CAST($max_people AS INTEGER) AS max_people
),
last_named AS (
    SELECT
        project_id,
        access_control_channel_id,
        max(last_seen) AS last_seen
    FROM (
        SELECT project_id, access_control_channel_id, last_seen
        FROM permission_history
        UNION ALL
        SELECT project_id, relation_id, last_seen
        FROM rule_history
        WHERE relation_type = 2
    )
    GROUP BY project_id, access_control_channel_id
),
universe AS (
    SELECT c.*
    FROM channels AS c
    CROSS JOIN asked AS a
    LEFT JOIN last_named AS l
        ON l.project_id = c.project_id
        AND l.access_control_channel_id = c.access_control_channel_id
    WHERE c.named_by <> ['history']
        OR coalesce(l.last_seen >= a.as_of - to_hours(24 * 90), true)
),
held AS (
    SELECT
        p.*,
        coalesce(p.auth_start <= a.as_of, true)
            AND coalesce(p.auth_end > a.as_of, true) AS effective
    FROM permissions AS p
    CROSS JOIN asked AS a
),
holders AS (
    SELECT
        project_id,
        access_control_channel_id,
        coalesce(person_id, access_auth_id) AS person_id,
        min(name) AS name,
        bool_or(effective) AS effective,
        coalesce(bool_or(permanent) FILTER (WHERE effective), false) AS permanent,
        count(*) FILTER (
            WHERE effective AND card_state IN ('delivered', 'pending', 'partial', 'contradictory')
        ) > 0 AS card_enrolled,
        count(*) FILTER (WHERE effective AND card_state = 'delivered') > 0 AS card_delivered,
        count(*) FILTER (
            WHERE effective AND face_state IN ('delivered', 'pending', 'partial', 'contradictory')
        ) > 0 AS face_enrolled,
        count(*) FILTER (WHERE effective AND face_state = 'delivered') > 0 AS face_delivered,
        count(*) FILTER (
            WHERE effective AND fingerprint_state IN ('delivered', 'pending', 'partial', 'contradictory')
        ) > 0 AS fingerprint_enrolled,
        count(*) FILTER (WHERE effective AND fingerprint_state = 'delivered') > 0 AS fingerprint_delivered,
        count(*) FILTER (
            WHERE effective AND 'excess' IN (card_state, face_state, fingerprint_state)
        ) > 0 AS excess,
        count(*) FILTER (
            WHERE effective AND (
                card_state IN ('delivered', 'partial', 'excess')
                OR face_state IN ('delivered', 'partial', 'excess')
                OR fingerprint_state IN ('delivered', 'partial', 'excess')
            )
        ) > 0 AS reached,
        coalesce(max(total_face_num) FILTER (WHERE effective), 0) > 0
            AND count(*) FILTER (WHERE effective AND total_card_num IS DISTINCT FROM 0) = 0
            AND coalesce(max(total_fingerprint_num) FILTER (WHERE effective), 0) <= 0 AS face_only
    FROM held
    GROUP BY ALL
),
counts AS (
    SELECT
        project_id,
        access_control_channel_id,
        count(*) AS headcount,
        count(*) FILTER (WHERE effective) AS effective,
        count(*) FILTER (WHERE card_enrolled) AS card_enrolled,
        count(*) FILTER (WHERE card_delivered) AS card_delivered,
        count(*) FILTER (WHERE face_enrolled) AS face_enrolled,
        count(*) FILTER (WHERE face_delivered) AS face_delivered,
        count(*) FILTER (WHERE fingerprint_enrolled) AS fingerprint_enrolled,
        count(*) FILTER (WHERE fingerprint_delivered) AS fingerprint_delivered,
        count(*) FILTER (WHERE excess) AS excess,
        count(*) FILTER (WHERE effective AND NOT reached) AS none_delivered,
        count(*) FILTER (WHERE effective AND face_only) AS face_only,
        count(*) FILTER (WHERE effective AND permanent) AS permanent,
        min(name) FILTER (WHERE effective) AS a_person
    FROM holders
    GROUP BY project_id, access_control_channel_id
),
memberships AS (
    SELECT
        project_id,
        access_control_channel_id,
        unnest(structure_ids) AS structure_id
    FROM held
    WHERE effective
),
organizations AS (
    SELECT
        project_id,
        access_control_channel_id,
        count(DISTINCT structure_id) AS organizations
    FROM memberships
    GROUP BY project_id, access_control_channel_id
),
granting AS (
    SELECT
        project_id,
        access_control_channel_id,
        count(DISTINCT auth_relation_id) AS rules
    FROM rule_channels
    GROUP BY project_id, access_control_channel_id
),
pushes AS (
    SELECT
        project_id,
        access_control_channel_id,
        max(task_finish) FILTER (WHERE result = 'succeeded') AS last_success_task
    FROM tasks
    WHERE channel_match = 'exact'
    GROUP BY project_id, access_control_channel_id
),
covered AS (
    SELECT
        c.*,
        coalesce(lower(trim(c.tier)) IN ('sensitive', '1'), false) AS sensitive,
        coalesce(n.headcount, 0) AS headcount,
        coalesce(n.effective, 0) AS effective,
        coalesce(n.card_enrolled, 0) AS card_enrolled,
        coalesce(n.card_delivered, 0) AS card_delivered,
        coalesce(n.face_enrolled, 0) AS face_enrolled,
        coalesce(n.face_delivered, 0) AS face_delivered,
        coalesce(n.fingerprint_enrolled, 0) AS fingerprint_enrolled,
        coalesce(n.fingerprint_delivered, 0) AS fingerprint_delivered,
        coalesce(n.excess, 0) AS excess,
        coalesce(n.none_delivered, 0) AS none_delivered,
        coalesce(n.face_only, 0) AS face_only,
        coalesce(n.permanent, 0) AS permanent,
        n.a_person,
        coalesce(o.organizations, 0) AS organizations,
        coalesce(g.rules, 0) AS rules,
        u.last_success_task,
        a.min_people,
        a.max_people
    FROM universe AS c
    CROSS JOIN asked AS a
    LEFT JOIN counts AS n
        ON n.project_id = c.project_id
        AND n.access_control_channel_id = c.access_control_channel_id
    LEFT JOIN organizations AS o
        ON o.project_id = c.project_id
        AND o.access_control_channel_id = c.access_control_channel_id
    LEFT JOIN granting AS g
        ON g.project_id = c.project_id
        AND g.access_control_channel_id = c.access_control_channel_id
    LEFT JOIN pushes AS u
        ON u.project_id = c.project_id
        AND u.access_control_channel_id = c.access_control_channel_id
)
SELECT
    CASE
        WHEN effective = 0 AND sensitive THEN 'high'
        WHEN effective > 0 AND effective < min_people THEN 'high'
        WHEN effective = 0 OR none_delivered > 0 OR face_only > 0 THEN 'medium'
        WHEN max_people > 0 AND effective > max_people THEN 'medium'
        ELSE 'good'
    END AS severity,
    coalesce(access_control_channel_name, 'channel without a name ' || access_control_channel_id) AS channel,
    access_control_channel_no,
    access_channel_position_path,
    business_device_name,
    tier,
    owner,
    nullif(
        concat_ws(
            '; ',
            CASE
                WHEN effective = 0 THEN 'nobody'
                WHEN effective = 1 THEN 'only ' || coalesce(a_person, 'one person')
                WHEN effective < min_people THEN 'only ' || effective || ' persons'
                WHEN max_people > 0 AND effective > max_people
                    THEN 'more than ' || max_people || ' persons'
            END,
            CASE WHEN none_delivered > 0 THEN none_delivered || ' with nothing on the device' END,
            CASE WHEN face_only > 0 THEN face_only || ' by face only' END,
            CASE WHEN excess > 0 THEN excess || ' with more on the device than enrolled' END
        ),
        ''
    ) AS finding,
    headcount,
    effective,
    none_delivered,
    CASE WHEN card_enrolled > 0 THEN card_delivered / card_enrolled END AS card_share,
    card_delivered,
    card_enrolled,
    CASE WHEN face_enrolled > 0 THEN face_delivered / face_enrolled END AS face_share,
    face_delivered,
    face_enrolled,
    CASE WHEN fingerprint_enrolled > 0 THEN fingerprint_delivered / fingerprint_enrolled END
        AS fingerprint_share,
    fingerprint_delivered,
    fingerprint_enrolled,
    face_only,
    excess,
    CASE WHEN effective > 0 THEN permanent / effective END AS permanent_share,
    permanent,
    organizations,
    rules,
    last_success_task,
    named_by,
    access_control_channel_name,
    project_id,
    access_channel_room_id,
    access_control_channel_id
FROM covered
ORDER BY
    CASE severity WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END,
    effective,
    none_delivered DESC,
    channel,
    access_control_channel_no,
    project_id,
    access_control_channel_id
