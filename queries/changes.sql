-- What changed
--
-- Question    What changed in the permissions since $since_snapshot?
-- A row is    one change of one kind between the snapshot $since_snapshot and
--             the snapshot $snapshot: of a permission (subject_id is its
--             access_auth_id); or of a person or a channel that was renamed or
--             moved (subject_id is theirs), with the number of permissions that
--             show it.
-- Counted     as permission_changes($since_snapshot, $snapshot) has them, which
--             says what each kind is. What came and went in between is none.
--             Without an earlier snapshot there are no rows.
-- Detected    between the last whole walk of the permissions that did not have
--             the change and the first that had it, by the cloud's clock.
-- Sensitive   only a channel whose tier in the channel register is "sensitive"
--             or "1".
-- Severity    critical: added for a person on a channel from which a permission
--             of the same person had been removed before $since_snapshot while
--             its time was not over, and none was left; high: added on a sensitive channel; medium:
--             became permanent; else low.
-- Limits      Who made a change, and whether it was asked for, is not in the
--             data. Mobile numbers and devices are not compared. An organization
--             that is no longer in the tree is shown by its id.
WITH asked AS (
    SELECT
        CAST($timezone AS VARCHAR) AS zone,
        coalesce(CAST($since_snapshot AS VARCHAR), CAST($snapshot AS VARCHAR)) AS since_id
),
changed AS (
    SELECT
        c.*,
        r.tier,
        coalesce(lower(trim(r.tier)) IN ('sensitive', '1'), false) AS sensitive
    FROM permission_changes(
        coalesce(CAST($since_snapshot AS VARCHAR), CAST($snapshot AS VARCHAR)),
        CAST($snapshot AS VARCHAR)
    ) AS c
    LEFT JOIN channels AS r
        ON r.project_id = c.project_id
        AND r.access_control_channel_id = c.access_control_channel_id
),
-- The permissions of the persons and channels of what was added, as the history
-- had them up to the earlier snapshot.
held_before AS (
    SELECT
        h.project_id,
        h.person_id,
        h.access_control_channel_id,
        h.access_auth_id,
        bool_or(h.closed_snapshot IS NULL OR h.closed_snapshot > a.since_id) AS still_held,
        max(h.closed_snapshot) AS removed_in,
        arg_max_null(h.auth_end_time, h.closed_snapshot) AS auth_end_time
    FROM permission_history AS h
    CROSS JOIN asked AS a
    SEMI JOIN (SELECT * FROM changed WHERE kind = 'added') AS c
        ON c.project_id = h.project_id
        AND c.person_id = h.person_id
        AND c.access_control_channel_id = h.access_control_channel_id
    WHERE h.first_snapshot <= a.since_id
    GROUP BY h.project_id, h.person_id, h.access_control_channel_id, h.access_auth_id
),
-- None is left, and of those that were removed one had time left.
removed_before AS (
    SELECT
        h.project_id,
        h.person_id,
        h.access_control_channel_id,
        max(s.server_time) FILTER (
            WHERE coalesce(h.auth_end_time > epoch_ms(s.server_time), true)
        ) AS removed_by
    FROM held_before AS h
    LEFT JOIN snapshots AS s
        ON s.project_id = h.project_id
        AND s.snapshot_id = h.removed_in
    GROUP BY h.project_id, h.person_id, h.access_control_channel_id
    HAVING NOT bool_or(h.still_held) AND removed_by IS NOT NULL
),
organization_names AS (
    SELECT coalesce(
        map_from_entries(list((project_id || ' ' || structure_id, structure_name))),
        MAP {}
    ) AS names
    FROM structures
),
times AS (
    SELECT
        c.*,
        b.removed_by,
        timezone(a.zone, c.auth_start_before) AS begins_before,
        timezone(a.zone, c.auth_start_after) AS begins_after,
        timezone(a.zone, c.auth_end_before) AS ends_before,
        timezone(a.zone, c.auth_end_after) AS ends_after,
        timezone(a.zone, b.removed_by) AS removed_local,
        array_to_string(
            list_transform(
                list_sort(list_distinct(c.structure_ids_before)),
                lambda id: coalesce(o.names[c.project_id || ' ' || id], id)
            ),
            ', '
        ) AS organizations_before,
        array_to_string(
            list_transform(
                list_sort(list_distinct(c.structure_ids_after)),
                lambda id: coalesce(o.names[c.project_id || ' ' || id], id)
            ),
            ', '
        ) AS organizations_after
    FROM changed AS c
    CROSS JOIN asked AS a
    CROSS JOIN organization_names AS o
    LEFT JOIN removed_before AS b
        ON c.kind = 'added'
        AND b.project_id = c.project_id
        AND b.person_id = c.person_id
        AND b.access_control_channel_id = c.access_control_channel_id
),
-- An end at 23:59 and a begin at 00:00 are days; others are told to the minute.
words AS (
    SELECT
        *,
        replace(strftime(begins_before, '%Y-%m-%d %H:%M'), ' 00:00', '') AS begin_before,
        replace(strftime(begins_after, '%Y-%m-%d %H:%M'), ' 00:00', '') AS begin_after,
        CASE
            WHEN permanent_before THEN 'no end'
            WHEN ends_before IS NULL THEN 'end unknown'
            ELSE 'ends ' || replace(strftime(ends_before, '%Y-%m-%d %H:%M'), ' 23:59', '')
        END AS end_before,
        CASE
            WHEN permanent_after THEN 'no end'
            WHEN ends_after IS NULL THEN 'end unknown'
            ELSE 'ends ' || replace(strftime(ends_after, '%Y-%m-%d %H:%M'), ' 23:59', '')
        END AS end_after,
        kind IN ('added', 'removed', 're-created')
            OR auth_start_before IS DISTINCT FROM auth_start_after AS with_begin
    FROM times
),
of_permissions AS (
    SELECT
        *,
        CASE
            WHEN kind = 'added' THEN NULL
            WHEN kind = 'time range changed' THEN access_auth_time_range_str_before
            WHEN kind = 'credential state changed' THEN concat_ws(
                ', ',
                if(card_state_before <> card_state_after, 'card ' || card_state_before, NULL),
                if(face_state_before <> face_state_after, 'face ' || face_state_before, NULL),
                if(
                    fingerprint_state_before <> fingerprint_state_after,
                    'fingerprint ' || fingerprint_state_before,
                    NULL
                )
            )
            WHEN with_begin THEN 'from ' || coalesce(begin_before, 'unknown') || ', ' || end_before
            ELSE end_before
        END AS before,
        CASE
            WHEN kind = 'removed' THEN NULL
            WHEN kind = 'time range changed' THEN access_auth_time_range_str_after
            WHEN kind = 'credential state changed' THEN concat_ws(
                ', ',
                if(card_state_before <> card_state_after, 'card ' || card_state_after, NULL),
                if(face_state_before <> face_state_after, 'face ' || face_state_after, NULL),
                if(
                    fingerprint_state_before <> fingerprint_state_after,
                    'fingerprint ' || fingerprint_state_after,
                    NULL
                )
            )
            WHEN with_begin THEN 'from ' || coalesce(begin_after, 'unknown') || ', ' || end_after
            ELSE end_after
        END || if(kind = 're-created', ', new id', '') AS after
    FROM words
    WHERE kind NOT IN ('renamed', 'moved')
),
-- Of persons and channels the permissions that show the same change are one row.
of_persons AS (
    SELECT
        project_id,
        kind,
        person_id,
        arg_min(name, access_auth_id) AS name,
        arg_min(person_code, access_auth_id) AS person_code,
        if(
            kind = 'moved',
            coalesce(nullif(organizations_before, ''), 'no organization'),
            concat_ws(
                ', ',
                if(name_before <> name_after, name_before, NULL),
                if(person_code_before <> person_code_after, 'no. ' || person_code_before, NULL)
            )
        ) AS before,
        if(
            kind = 'moved',
            coalesce(nullif(organizations_after, ''), 'no organization'),
            concat_ws(
                ', ',
                if(name_before <> name_after, name_after, NULL),
                if(person_code_before <> person_code_after, 'no. ' || person_code_after, NULL)
            )
        ) AS after,
        count(*) AS permissions,
        min(last_seen_before) AS last_seen_before,
        max(first_seen_after) AS first_seen_after
    FROM words
    WHERE (kind = 'moved'
            AND list_sort(list_distinct(structure_ids_before)) <> list_sort(list_distinct(structure_ids_after)))
        OR (kind = 'renamed' AND (name_before <> name_after OR person_code_before <> person_code_after))
    GROUP BY project_id, kind, person_id, before, after
),
-- Another path is another area, unless the area is known to be the same.
of_channels AS (
    SELECT
        project_id,
        kind,
        access_control_channel_id,
        arg_min(access_control_channel_name, access_auth_id) AS access_control_channel_name,
        any_value(tier) AS tier,
        concat_ws(
            ', ',
            if(access_control_channel_name_before <> access_control_channel_name_after, access_control_channel_name_before, NULL),
            if(
                access_channel_position_path_before <> access_channel_position_path_after,
                access_channel_position_path_before,
                NULL
            )
        ) AS before,
        concat_ws(
            ', ',
            if(access_control_channel_name_before <> access_control_channel_name_after, access_control_channel_name_after, NULL),
            if(
                access_channel_position_path_before <> access_channel_position_path_after,
                access_channel_position_path_after,
                NULL
            )
        ) AS after,
        count(*) AS permissions,
        min(last_seen_before) AS last_seen_before,
        max(first_seen_after) AS first_seen_after
    FROM words
    WHERE (kind = 'moved' AND (
            access_channel_room_id_before <> access_channel_room_id_after
            OR (access_channel_room_id_before = access_channel_room_id_after) IS NULL
                AND access_channel_position_path_before <> access_channel_position_path_after
        ))
        OR (kind = 'renamed' AND (
            access_control_channel_name_before <> access_control_channel_name_after
            OR access_channel_room_id_before = access_channel_room_id_after
                AND access_channel_position_path_before <> access_channel_position_path_after
        ))
    GROUP BY project_id, kind, access_control_channel_id, before, after
),
-- How many permissions there are now that could show it.
permissions_each AS (
    SELECT
        project_id,
        person_id,
        access_control_channel_id,
        grouping(person_id) AS of_channel,
        count(*) AS permissions
    FROM permissions
    GROUP BY GROUPING SETS ((project_id, person_id), (project_id, access_control_channel_id))
),
listed AS (
    SELECT
        CASE
            WHEN removed_by IS NOT NULL THEN 'critical'
            WHEN kind = 'added' AND sensitive THEN 'high'
            WHEN kind = 'became permanent' THEN 'medium'
            ELSE 'low'
        END AS severity,
        if(kind = 'credential state changed', 'state changed', kind) AS kind,
        name,
        person_code,
        coalesce(access_control_channel_name, access_control_channel_id) AS channel,
        tier,
        before,
        after,
        CASE
            WHEN removed_by IS NOT NULL
                THEN 'granted again: it had been removed by ' || strftime(removed_local, '%Y-%m-%d %H:%M')
            WHEN kind IN ('added', 'became permanent', 'extended') AND sensitive THEN 'sensitive channel'
        END AS note,
        1 AS permissions,
        last_seen_before,
        first_seen_after,
        project_id,
        person_id,
        access_control_channel_id,
        access_auth_id AS subject_id
    FROM of_permissions
    UNION ALL
    SELECT
        'low', p.kind, p.name, p.person_code, NULL, NULL, p.before, p.after,
        'shown by ' || if(p.permissions = e.permissions, 'all', p.permissions || ' of ' || e.permissions) || ' permissions of the person',
        p.permissions, p.last_seen_before, p.first_seen_after, p.project_id, p.person_id, NULL, p.person_id
    FROM of_persons AS p
    JOIN permissions_each AS e
        ON e.of_channel = 0
        AND e.project_id = p.project_id
        AND e.person_id IS NOT DISTINCT FROM p.person_id
    UNION ALL
    SELECT
        'low', c.kind, NULL, NULL, coalesce(c.access_control_channel_name, c.access_control_channel_id), c.tier, c.before, c.after,
        'shown by ' || if(c.permissions = e.permissions, 'all', c.permissions || ' of ' || e.permissions) || ' permissions on the channel',
        c.permissions, c.last_seen_before, c.first_seen_after, c.project_id, NULL, c.access_control_channel_id,
        c.access_control_channel_id
    FROM of_channels AS c
    JOIN permissions_each AS e
        ON e.of_channel = 1
        AND e.project_id = c.project_id
        AND e.access_control_channel_id IS NOT DISTINCT FROM c.access_control_channel_id
)
SELECT
    severity,
    kind,
    name,
    person_code,
    channel,
    tier,
    before,
    after,
    note,
    permissions,
    last_seen_before AS detected_after,
    first_seen_after AS detected_by,
    project_id,
    person_id,
    access_control_channel_id,
    subject_id
FROM listed
ORDER BY
    list_position(['critical', 'high', 'medium', 'low'], severity),
    list_position(
        ['added', 'removed', 'became permanent', 'extended', 'shortened', 're-created', 'time range changed', 'moved',
            'renamed', 'state changed'],
        kind
    ),
    channel,
    name,
    project_id,
    subject_id
