-- rule_channels and channels.

CREATE VIEW rule_channels AS
SELECT
    c.project_id,
    c.auth_relation_id,
    c.relation_id AS access_control_channel_id,
    c.access_control_channel_name,
    c.access_control_channel_no,
    c.access_channel_room_id,
    c.access_channel_position_path,
    c.business_device_id,
    c.business_device_name,
    'channel-detail' AS named_by,
    c.first_snapshot,
    c.landed_snapshot,
    c.landed_line
FROM base.current_rule_channels AS c
UNION ALL
SELECT
    r.project_id,
    r.auth_relation_id,
    r.relation_id,
    r.relation_name,
    NULL,
    NULL,
    NULL,
    NULL,
    NULL,
    'rule',
    r.first_snapshot,
    r.landed_snapshot,
    r.landed_line
FROM base.current_rules AS r
WHERE r.relation_type = 2 AND r.relation_id IS NOT NULL;
COMMENT ON VIEW rule_channels IS 'One channel of one rule. For a rule on a channel group from channel-detail, for a rule on one channel from the rule itself.';
COMMENT ON COLUMN rule_channels.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN rule_channels.auth_relation_id IS 'API channel-detail: authRelationId of the request; API query-rules: authRelationId';
COMMENT ON COLUMN rule_channels.access_control_channel_id IS 'API channel-detail: relationId ("entrance and exit, or person", so it may not be a channel); API query-rules: relationId';
COMMENT ON COLUMN rule_channels.access_control_channel_name IS 'API channel-detail: accessControlChannelName; API query-rules: relationName';
COMMENT ON COLUMN rule_channels.access_control_channel_no IS 'API channel-detail: accessControlChannelNo, the channel''s number on its device; NULL where named_by is rule';
COMMENT ON COLUMN rule_channels.access_channel_room_id IS 'API channel-detail: accessChannelRoomId, the area; NULL where named_by is rule';
COMMENT ON COLUMN rule_channels.access_channel_position_path IS 'API channel-detail: accessChannelPositionPath, where the area is; NULL where named_by is rule';
COMMENT ON COLUMN rule_channels.business_device_id IS 'API channel-detail: businessDeviceId, the device of the channel; NULL where named_by is rule';
COMMENT ON COLUMN rule_channels.business_device_name IS 'API channel-detail: businessDeviceName, the device of the channel; NULL where named_by is rule';
COMMENT ON COLUMN rule_channels.named_by IS 'Ours: channel-detail (a rule on a channel group) or rule (a rule on one channel)';
COMMENT ON COLUMN rule_channels.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN rule_channels.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN rule_channels.landed_line IS 'Ours: the line of the landed file of rule_channels, or of rules where named_by is rule';

CREATE VIEW channels AS
WITH others AS (
    SELECT h.project_id, h.access_control_channel_id
    FROM base.permissions AS h
    CROSS JOIN base.as_of AS a
    WHERE h.first_snapshot <= a.snapshot_id
    UNION
    SELECT h.project_id, h.relation_id
    FROM base.rules AS h
    CROSS JOIN base.as_of AS a
    WHERE h.first_snapshot <= a.snapshot_id AND h.relation_type = 2
),
-- What channel-detail names may be a person ("entrance and exit, or person"): it
-- is a channel where it has a channel's name or number, or something else names
-- its id.
details AS (
    SELECT c.*
    FROM base.rule_channels AS c
    CROSS JOIN base.as_of AS a
    WHERE c.first_snapshot <= a.snapshot_id
        AND (
            coalesce(nullif(c.access_control_channel_name, ''), nullif(c.access_control_channel_no, '')) IS NOT NULL
            OR c.relation_id IN (SELECT access_control_channel_id FROM others)
            OR c.relation_id IN (SELECT access_control_channel_id FROM channel_register)
        )
),
mentions AS (
    SELECT
        p.project_id,
        p.access_control_channel_id,
        1 AS place,
        p.access_auth_id AS id,
        p.access_control_channel_name,
        p.access_control_channel_no,
        p.access_channel_room_id,
        p.access_channel_position_path,
        NULL::VARCHAR AS business_device_id,
        p.business_device_name
    FROM base.current_permissions AS p
    UNION ALL
    SELECT
        c.project_id,
        c.relation_id,
        2,
        c.auth_relation_id,
        c.access_control_channel_name,
        c.access_control_channel_no,
        c.access_channel_room_id,
        c.access_channel_position_path,
        c.business_device_id,
        c.business_device_name
    FROM details AS c
    CROSS JOIN base.as_of AS a
    WHERE (c.closed_snapshot IS NULL OR c.closed_snapshot > a.snapshot_id)
        AND (a.project_id IS NULL OR c.project_id = a.project_id)
    UNION ALL
    SELECT
        r.project_id,
        r.relation_id,
        3,
        r.auth_relation_id,
        r.relation_name,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL
    FROM base.current_rules AS r
    WHERE r.relation_type = 2
    UNION ALL
    SELECT
        h.project_id,
        h.access_control_channel_id,
        5,
        h.closed_snapshot || h.access_auth_id,
        h.access_control_channel_name,
        h.access_control_channel_no,
        h.access_channel_room_id,
        h.access_channel_position_path,
        NULL,
        h.business_device_name
    FROM base.permissions AS h
    CROSS JOIN base.as_of AS a
    WHERE h.closed_snapshot <= a.snapshot_id
        AND (a.project_id IS NULL OR h.project_id = a.project_id)
    UNION ALL
    SELECT
        h.project_id,
        h.relation_id,
        5,
        h.closed_snapshot || h.auth_relation_id,
        h.access_control_channel_name,
        h.access_control_channel_no,
        h.access_channel_room_id,
        h.access_channel_position_path,
        h.business_device_id,
        h.business_device_name
    FROM details AS h
    CROSS JOIN base.as_of AS a
    WHERE h.closed_snapshot <= a.snapshot_id
        AND (a.project_id IS NULL OR h.project_id = a.project_id)
    UNION ALL
    SELECT
        h.project_id,
        h.relation_id,
        5,
        h.closed_snapshot || h.auth_relation_id,
        h.relation_name,
        NULL,
        NULL,
        NULL,
        NULL,
        NULL
    FROM base.rules AS h
    CROSS JOIN base.as_of AS a
    WHERE h.relation_type = 2
        AND h.closed_snapshot <= a.snapshot_id
        AND (a.project_id IS NULL OR h.project_id = a.project_id)
),
-- The word of one place: that of its newest row which says anything.
places AS (
    SELECT
        project_id,
        access_control_channel_id,
        place,
        max_by(access_control_channel_name, id) FILTER (WHERE access_control_channel_name IS NOT NULL) AS access_control_channel_name,
        max_by(access_control_channel_no, id) FILTER (WHERE access_control_channel_no IS NOT NULL) AS access_control_channel_no,
        max_by(access_channel_room_id, id) FILTER (WHERE access_channel_room_id IS NOT NULL) AS access_channel_room_id,
        max_by(access_channel_position_path, id) FILTER (WHERE access_channel_position_path IS NOT NULL) AS access_channel_position_path,
        max_by(business_device_id, id) FILTER (WHERE business_device_id IS NOT NULL) AS business_device_id,
        max_by(business_device_name, id) FILTER (WHERE business_device_name IS NOT NULL) AS business_device_name
    FROM mentions
    WHERE access_control_channel_id IS NOT NULL
    GROUP BY project_id, access_control_channel_id, place
),
-- The register names channels, not projects: one that some project names or
-- named is that project's, one that none names stands in every project.
named AS (
    SELECT project_id, access_control_channel_id
    FROM others
    UNION
    SELECT project_id, relation_id
    FROM details
),
registered AS (
    SELECT
        s.project_id,
        r.access_control_channel_id,
        r.tier,
        r.owner,
        r.owner_email,
        r.note
    FROM channel_register AS r
    CROSS JOIN base.snapshots AS s
    JOIN base.as_of AS a
        ON a.snapshot_id = s.snapshot_id
        AND (a.project_id IS NULL OR a.project_id = s.project_id)
    LEFT JOIN named AS own
        ON own.project_id = s.project_id
        AND own.access_control_channel_id = r.access_control_channel_id
    LEFT JOIN (
        SELECT DISTINCT access_control_channel_id FROM named
    ) AS anyones
        ON anyones.access_control_channel_id = r.access_control_channel_id
    WHERE own.project_id IS NOT NULL
        OR anyones.access_control_channel_id IS NULL
),
known AS (
    SELECT
        project_id,
        access_control_channel_id,
        arg_min(access_control_channel_name, place) FILTER (WHERE access_control_channel_name IS NOT NULL) AS access_control_channel_name,
        arg_min(access_control_channel_no, place) FILTER (WHERE access_control_channel_no IS NOT NULL) AS access_control_channel_no,
        arg_min(access_channel_room_id, place) FILTER (WHERE access_channel_room_id IS NOT NULL) AS access_channel_room_id,
        arg_min(access_channel_position_path, place) FILTER (WHERE access_channel_position_path IS NOT NULL) AS access_channel_position_path,
        arg_min(business_device_id, place) FILTER (WHERE business_device_id IS NOT NULL) AS business_device_id,
        arg_min(business_device_name, place) FILTER (WHERE business_device_name IS NOT NULL) AS business_device_name,
        list_sort(list(place)) AS seen
    FROM places
    GROUP BY project_id, access_control_channel_id
)
SELECT
    coalesce(k.project_id, r.project_id) AS project_id,
    coalesce(k.access_control_channel_id, r.access_control_channel_id)
        AS access_control_channel_id,
    k.access_control_channel_name,
    k.access_control_channel_no,
    k.access_channel_room_id,
    k.access_channel_position_path,
    k.business_device_id,
    k.business_device_name,
    r.tier,
    r.owner,
    r.owner_email,
    r.note,
    list_filter(
        [
            CASE WHEN list_contains(k.seen, 1) THEN 'permissions' END,
            CASE WHEN list_contains(k.seen, 3) THEN 'rules' END,
            CASE WHEN list_contains(k.seen, 2) THEN 'details' END,
            CASE WHEN r.access_control_channel_id IS NOT NULL THEN 'register' END,
            CASE WHEN k.seen = [5] THEN 'history' END
        ],
        lambda word: word IS NOT NULL
    ) AS named_by
FROM known AS k
FULL JOIN registered AS r
    ON r.project_id = k.project_id
    AND r.access_control_channel_id = k.access_control_channel_id;
COMMENT ON VIEW channels IS 'One channel that anything names: permissions, rules, channel-detail, channels.csv, or only what has ended. The API has no list of all channels.';
COMMENT ON COLUMN channels.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN channels.access_control_channel_id IS 'API access-auth: accessControlChannelId; API channel-detail, query-rules: relationId; channels.csv';
COMMENT ON COLUMN channels.access_control_channel_no IS 'API access-auth, else channel-detail, else what has ended: accessControlChannelNo, of the newest row that has it';
COMMENT ON COLUMN channels.access_channel_room_id IS 'API access-auth, else channel-detail, else what has ended: accessChannelRoomId, of the newest row that has it';
COMMENT ON COLUMN channels.access_channel_position_path IS 'API access-auth, else channel-detail, else what has ended: accessChannelPositionPath, of the newest row that has it';
COMMENT ON COLUMN channels.business_device_name IS 'API access-auth, else channel-detail, else what has ended: businessDeviceName, of the newest row that has it';
COMMENT ON COLUMN channels.access_control_channel_name IS 'API access-auth or channel-detail: accessControlChannelName, else query-rules: relationName, else what has ended; of the newest row that has it';
COMMENT ON COLUMN channels.business_device_id IS 'API channel-detail: businessDeviceId, the device of the channel';
COMMENT ON COLUMN channels.tier IS 'channels.csv: tier';
COMMENT ON COLUMN channels.owner IS 'channels.csv: owner';
COMMENT ON COLUMN channels.owner_email IS 'channels.csv: owner_email';
COMMENT ON COLUMN channels.note IS 'channels.csv: note';
COMMENT ON COLUMN channels.named_by IS 'Ours: who names the channel, of permissions, rules, details (channel-detail), register (channels.csv), and history (only rows that have ended)';
