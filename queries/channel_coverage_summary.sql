-- Access coverage per channel: the first page
--
-- Question    How many channels can nobody or only one person open, and how
--             many of those who may open one have something on its device?
-- A row is    the whole report.
-- Counted     as in channel_coverage.sql.
-- Limits      as in channel_coverage.sql.
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
per_channel AS (
    SELECT
        c.project_id,
        c.access_control_channel_id,
        c.access_control_channel_name,
        c.named_by,
        coalesce(lower(trim(c.tier)) IN ('sensitive', '1'), false) AS sensitive,
        count(h.person_id) FILTER (WHERE h.effective) AS effective,
        count(h.person_id) FILTER (WHERE h.effective AND h.reached) AS reached,
        count(h.person_id) FILTER (WHERE h.effective AND h.permanent) AS permanent
    FROM universe AS c
    LEFT JOIN holders AS h
        ON h.project_id = c.project_id
        AND h.access_control_channel_id = c.access_control_channel_id
    GROUP BY ALL
),
totals AS (
    SELECT
        count(*) AS channels,
        count(*) FILTER (WHERE effective = 0) AS nobody,
        count(*) FILTER (WHERE effective = 0 AND sensitive) AS nobody_sensitive,
        count(*) FILTER (WHERE effective = 1) AS one_person,
        count(*) FILTER (WHERE effective > 0 AND effective < min_people) AS too_few,
        count(*) FILTER (WHERE max_people > 0 AND effective > max_people) AS too_many,
        coalesce(sum(effective), 0)::BIGINT AS effective,
        coalesce(sum(reached), 0)::BIGINT AS reached,
        coalesce(sum(permanent), 0)::BIGINT AS permanent,
        count(*) FILTER (WHERE list_contains(named_by, 'permissions')) AS by_permissions,
        count(*) FILTER (WHERE list_contains(named_by, 'rules')) AS by_rules,
        count(*) FILTER (WHERE list_contains(named_by, 'details')) AS by_details,
        count(*) FILTER (WHERE list_contains(named_by, 'register')) AS by_register,
        count(*) FILTER (WHERE list_contains(named_by, 'history')) AS by_history,
        list(
            coalesce(access_control_channel_name, 'channel without a name ' || access_control_channel_id)
            ORDER BY sensitive DESC, access_control_channel_name, access_control_channel_id
        ) FILTER (WHERE effective = 0) AS nobody_names,
        list(
            coalesce(access_control_channel_name, 'channel without a name ' || access_control_channel_id)
            ORDER BY sensitive DESC, access_control_channel_name, access_control_channel_id
        ) FILTER (WHERE effective > 0 AND effective < min_people) AS too_few_names
    FROM per_channel
    CROSS JOIN asked
),
faces AS (
    SELECT
        count(DISTINCT (project_id, person_id)) AS face_only_persons,
        count(DISTINCT (project_id, access_control_channel_id)) AS face_only_channels
    FROM holders
    WHERE effective AND face_only
),
told AS (
    SELECT *
    FROM totals
    CROSS JOIN faces
    CROSS JOIN asked
)
SELECT
    CASE
        WHEN channels = 0 THEN '**No channel is known.**'
        ELSE
            CASE
                WHEN nobody = 0 AND too_few = 0 THEN
                    '**Each of ' || format('{:,}', channels) || ' channels can be opened by '
                    || if(min_people <= 1, 'somebody', 'at least ' || min_people || ' persons') || '**'
                WHEN too_few = 0 THEN
                    '**Nobody may open ' || format('{:,}', nobody) || ' of ' || format('{:,}', channels)
                    || ' channels**'
                WHEN nobody = 0 THEN
                    '**' || format('{:,}', too_few) || ' of ' || format('{:,}', channels)
                    || if(too_few = 1, ' channels depends on ', ' channels depend on ')
                    || if(min_people = 2, 'a single person**', 'fewer than ' || min_people || ' persons**')
                ELSE
                    '**Nobody may open ' || format('{:,}', nobody) || ' of ' || format('{:,}', channels)
                    || ' channels, and ' || format('{:,}', too_few)
                    || if(too_few = 1, ' depends on ', ' depend on ')
                    || if(min_people = 2, 'a single person**', 'fewer than ' || min_people || ' persons**')
            END
            || CASE
                WHEN effective = 0 THEN '; no permission is in force.'
                WHEN reached = effective
                    THEN '; everybody who may open one has a card, face or fingerprint on its device.'
                ELSE
                    '; for ' || format('{:,}', effective - reached) || ' of ' || format('{:,}', effective)
                    || ' permissions in force nothing is on the device.'
            END
    END AS answer,
    nullif(
        CASE
            WHEN too_few > 0 THEN
                '**Give a second person access** to ' || array_to_string(too_few_names[1:3], ', ')
                || if(too_few > 3, ' and ' || (too_few - 3) || ' more', '') || '. '
            ELSE ''
        END
        || CASE
            WHEN nobody > 0 THEN
                'Ask the owner of ' || array_to_string(nobody_names[1:3], ', ')
                || if(nobody > 3, ' and ' || (nobody - 3) || ' more', '')
                || ' whether nobody shall open ' || if(nobody = 1, 'it', 'them') || '. '
            ELSE ''
        END
        || CASE
            WHEN face_only_persons > 0 THEN
                'Offer a card to ' || format('{:,}', face_only_persons)
                || if(face_only_persons = 1, ' person', ' persons') || ' who can only use a face. '
            ELSE ''
        END
        || CASE
            WHEN reached < effective THEN 'What is not on a device, and why, is in the report failed-issues.'
            ELSE ''
        END,
        ''
    ) AS what_to_do,
    CASE
        WHEN too_few > 0 OR nobody_sensitive > 0 THEN 'high'
        WHEN nobody > 0 OR reached < effective OR face_only_persons > 0 OR too_many > 0 THEN 'medium'
        WHEN channels = 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    channels,
    'named by ' || concat_ws(
        ', ',
        'permissions ' || by_permissions,
        'rules ' || by_rules,
        nullif('details ' || by_details, 'details 0'),
        nullif('register ' || by_register, 'register 0'),
        nullif('history ' || by_history, 'history 0')
    ) AS channels_note,
    nobody,
    CASE
        WHEN nobody = 0 THEN 'of those that are known'
        WHEN nobody_sensitive = 0 THEN 'none of them sensitive'
        ELSE format('{:,}', nobody_sensitive) || ' of them sensitive'
    END AS nobody_note,
    one_person,
    CASE
        WHEN too_few > 0 AND min_people > 2
            THEN format('{:,}', too_few) || ' have fewer than ' || min_people
        ELSE 'no one else can open if that person is away'
    END AS one_person_note,
    CASE WHEN effective > 0 THEN reached / effective END AS reached_share,
    CASE
        WHEN effective = 0 THEN 'no permission is in force'
        ELSE 'n = ' || format('{:,}', effective) || ' persons on channels'
    END AS reached_note,
    effective,
    reached,
    CASE WHEN effective > 0 THEN permanent / effective END AS permanent_share,
    face_only_persons,
    face_only_channels,
    by_permissions,
    by_rules,
    by_details,
    by_register,
    by_history
FROM told
