-- One row while it stayed the same, and the macros that show a resource at a time.

-- Whole walks of each resource, with the time of the cloud's clock.
CREATE VIEW base.whole_walks AS
SELECT
    r.project_id,
    r.resource,
    r.snapshot_id,
    coalesce(s.server_time, s.started_at) AS seen_at
FROM base.resources AS r
JOIN base.snapshots AS s
    ON s.snapshot_id = r.snapshot_id AND s.project_id = r.project_id
CROSS JOIN base.as_of AS a
WHERE r.verdict IN ('complete', 'complete_with_drift')
    AND r.snapshot_id <= a.snapshot_id;

-- The last whole walk that still had a row: of one that a snapshot has closed the last
-- before it, of one that is open (ended is ~) the last of all. There are as many as
-- snapshots, so that what joins this need not sort its rows.
CREATE VIEW base.last_walks AS
SELECT
    e.project_id,
    e.resource,
    e.ended,
    w.seen_at
FROM (
    SELECT project_id, resource, snapshot_id AS ended
    FROM base.resources
    UNION ALL
    SELECT DISTINCT project_id, resource, '~'
    FROM base.resources
) AS e
ASOF JOIN base.whole_walks AS w
    ON w.project_id = e.project_id
    AND w.resource = e.resource
    AND w.snapshot_id < e.ended;

CREATE VIEW permission_history AS
SELECT
    h.project_id,
    h.access_auth_id,
    h.person_id,
    h.name,
    h.mobile_country,
    h.mobile,
    h.person_code,
    h.structure_ids,
    h.access_auth_time_range_id,
    h.access_auth_time_range_str,
    h.business_device_name,
    h.access_control_channel_id,
    h.access_control_channel_name,
    h.access_control_channel_no,
    h.access_channel_room_id,
    h.access_channel_position_path,
    h.auth_start_time,
    h.auth_end_time,
    h.total_card_num,
    h.auth_card_num,
    h.total_face_num,
    h.auth_face_num,
    h.total_fingerprint_num,
    h.auth_fingerprint_num,
    h.card_issue_status,
    h.face_issue_status,
    h.fingerprint_issue_status,
    h.first_snapshot,
    CASE WHEN h.closed_snapshot <= a.snapshot_id THEN h.closed_snapshot END AS closed_snapshot,
    f.seen_at AS first_seen,
    l.seen_at AS last_seen,
    h.landed_snapshot,
    h.landed_line
FROM base.permissions AS h
CROSS JOIN base.as_of AS a
LEFT JOIN base.whole_walks AS f
    ON f.resource = 'permissions'
    AND f.project_id = h.project_id
    AND f.snapshot_id = h.first_snapshot
LEFT JOIN base.last_walks AS l
    ON l.resource = 'permissions'
    AND l.project_id = h.project_id
    AND l.ended = CASE WHEN h.closed_snapshot <= a.snapshot_id THEN h.closed_snapshot ELSE '~' END
WHERE h.first_snapshot <= a.snapshot_id
    AND (a.project_id IS NULL OR h.project_id = a.project_id);
COMMENT ON VIEW permission_history IS 'A row of permissions while it stayed the same.';
COMMENT ON COLUMN permission_history.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN permission_history.access_auth_id IS 'API access-auth: accessAuthId, the permission';
COMMENT ON COLUMN permission_history.person_id IS 'API access-auth: personId, the person';
COMMENT ON COLUMN permission_history.name IS 'API access-auth: name, the person''s name';
COMMENT ON COLUMN permission_history.mobile_country IS 'API access-auth: mobileCountry, the dialling code of the mobile number';
COMMENT ON COLUMN permission_history.mobile IS 'API access-auth: mobile, the mobile number, partly hidden by the cloud';
COMMENT ON COLUMN permission_history.person_code IS 'API access-auth: personCode, the work number';
COMMENT ON COLUMN permission_history.structure_ids IS 'API access-auth: structureIds, the organizations of the person';
COMMENT ON COLUMN permission_history.access_auth_time_range_id IS 'API access-auth: accessAuthTimeRangeId, at what times of the week; 1 is always';
COMMENT ON COLUMN permission_history.access_auth_time_range_str IS 'API access-auth: accessAuthTimeRangeStr, at what times of the week, in the cloud''s words';
COMMENT ON COLUMN permission_history.business_device_name IS 'API access-auth: businessDeviceName, the device of the channel';
COMMENT ON COLUMN permission_history.access_control_channel_id IS 'API access-auth: accessControlChannelId, the channel';
COMMENT ON COLUMN permission_history.access_control_channel_name IS 'API access-auth: accessControlChannelName, the channel''s name';
COMMENT ON COLUMN permission_history.access_control_channel_no IS 'API access-auth: accessControlChannelNo, the channel''s number on its device';
COMMENT ON COLUMN permission_history.access_channel_room_id IS 'API access-auth: accessChannelRoomId, the area';
COMMENT ON COLUMN permission_history.access_channel_position_path IS 'API access-auth: accessChannelPositionPath, where the area is';
COMMENT ON COLUMN permission_history.auth_start_time IS 'API access-auth: authStartTime, when it begins';
COMMENT ON COLUMN permission_history.auth_end_time IS 'API access-auth: authEndTime, when it ends';
COMMENT ON COLUMN permission_history.total_card_num IS 'API access-auth: totalCardNum, how many cards the person has';
COMMENT ON COLUMN permission_history.auth_card_num IS 'API access-auth: authCardNum, how many of the cards are allowed there';
COMMENT ON COLUMN permission_history.total_face_num IS 'API access-auth: totalFaceNum, how many faces the person has';
COMMENT ON COLUMN permission_history.auth_face_num IS 'API access-auth: authFaceNum, how many of the faces are allowed there';
COMMENT ON COLUMN permission_history.total_fingerprint_num IS 'API access-auth: totalFingerprintNum, how many fingerprints the person has';
COMMENT ON COLUMN permission_history.auth_fingerprint_num IS 'API access-auth: authFingerprintNum, how many of the fingerprints are allowed there';
COMMENT ON COLUMN permission_history.card_issue_status IS 'API access-auth: cardIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN permission_history.face_issue_status IS 'API access-auth: faceIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN permission_history.fingerprint_issue_status IS 'API access-auth: fingerprintIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN permission_history.first_snapshot IS 'Ours: the snapshot that opened the row';
COMMENT ON COLUMN permission_history.closed_snapshot IS 'Ours: the snapshot that closed it; NULL while it is open';
COMMENT ON COLUMN permission_history.first_seen IS 'Derived: time of first_snapshot, by the cloud''s clock';
COMMENT ON COLUMN permission_history.last_seen IS 'Derived: time of the last whole walk that still found it so';
COMMENT ON COLUMN permission_history.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN permission_history.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW person_history AS
SELECT
    h.project_id,
    h.person_id,
    h.name,
    h.person_code,
    h.first_snapshot,
    CASE WHEN h.closed_snapshot <= a.snapshot_id THEN h.closed_snapshot END AS closed_snapshot,
    f.seen_at AS first_seen,
    l.seen_at AS last_seen,
    h.landed_snapshot,
    h.landed_line
FROM base.persons AS h
CROSS JOIN base.as_of AS a
LEFT JOIN base.whole_walks AS f
    ON f.resource = 'persons'
    AND f.project_id = h.project_id
    AND f.snapshot_id = h.first_snapshot
LEFT JOIN base.last_walks AS l
    ON l.resource = 'persons'
    AND l.project_id = h.project_id
    AND l.ended = CASE WHEN h.closed_snapshot <= a.snapshot_id THEN h.closed_snapshot ELSE '~' END
WHERE h.first_snapshot <= a.snapshot_id
    AND (a.project_id IS NULL OR h.project_id = a.project_id);
COMMENT ON VIEW person_history IS 'A row of persons while it stayed the same.';
COMMENT ON COLUMN person_history.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN person_history.person_id IS 'API list-auth-person: personId, the person';
COMMENT ON COLUMN person_history.name IS 'API list-auth-person: name, the person''s name';
COMMENT ON COLUMN person_history.person_code IS 'API list-auth-person: personCode, the work number';
COMMENT ON COLUMN person_history.first_snapshot IS 'Ours: the snapshot that opened the row';
COMMENT ON COLUMN person_history.closed_snapshot IS 'Ours: the snapshot that closed it; NULL while it is open';
COMMENT ON COLUMN person_history.first_seen IS 'Derived: time of first_snapshot, by the cloud''s clock';
COMMENT ON COLUMN person_history.last_seen IS 'Derived: time of the last whole walk that still found it so';
COMMENT ON COLUMN person_history.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN person_history.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW structure_history AS
SELECT
    h.project_id,
    h.structure_id,
    h.parent_structure_id,
    h.structure_name,
    h.level,
    h.remark,
    h.sort,
    h.external_no,
    h.alias_code,
    h.alias_code_path,
    h.first_snapshot,
    CASE WHEN h.closed_snapshot <= a.snapshot_id THEN h.closed_snapshot END AS closed_snapshot,
    f.seen_at AS first_seen,
    l.seen_at AS last_seen,
    h.landed_snapshot,
    h.landed_line
FROM base.structures AS h
CROSS JOIN base.as_of AS a
LEFT JOIN base.whole_walks AS f
    ON f.resource = 'structures'
    AND f.project_id = h.project_id
    AND f.snapshot_id = h.first_snapshot
LEFT JOIN base.last_walks AS l
    ON l.resource = 'structures'
    AND l.project_id = h.project_id
    AND l.ended = CASE WHEN h.closed_snapshot <= a.snapshot_id THEN h.closed_snapshot ELSE '~' END
WHERE h.first_snapshot <= a.snapshot_id
    AND (a.project_id IS NULL OR h.project_id = a.project_id);
COMMENT ON VIEW structure_history IS 'A row of structures while it stayed the same.';
COMMENT ON COLUMN structure_history.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN structure_history.structure_id IS 'API match-auth-structure and list-auth-structure: structureId, the organization';
COMMENT ON COLUMN structure_history.parent_structure_id IS 'API match-auth-structure and list-auth-structure: parentStructureId, the organization above';
COMMENT ON COLUMN structure_history.structure_name IS 'API match-auth-structure and list-auth-structure: structureName, the organization''s name';
COMMENT ON COLUMN structure_history.level IS 'API match-auth-structure and list-auth-structure: level, 0 at the top';
COMMENT ON COLUMN structure_history.remark IS 'API match-auth-structure and list-auth-structure: remark';
COMMENT ON COLUMN structure_history.sort IS 'API match-auth-structure and list-auth-structure: sort, its place among its like';
COMMENT ON COLUMN structure_history.external_no IS 'API match-auth-structure and list-auth-structure: externalNo';
COMMENT ON COLUMN structure_history.alias_code IS 'API match-auth-structure and list-auth-structure: aliasCode';
COMMENT ON COLUMN structure_history.alias_code_path IS 'API match-auth-structure and list-auth-structure: aliasCodePath';
COMMENT ON COLUMN structure_history.first_snapshot IS 'Ours: the snapshot that opened the row';
COMMENT ON COLUMN structure_history.closed_snapshot IS 'Ours: the snapshot that closed it; NULL while it is open';
COMMENT ON COLUMN structure_history.first_seen IS 'Derived: time of first_snapshot, by the cloud''s clock';
COMMENT ON COLUMN structure_history.last_seen IS 'Derived: time of the last whole walk that still found it so';
COMMENT ON COLUMN structure_history.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN structure_history.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW rule_history AS
SELECT
    h.project_id,
    h.auth_relation_id,
    h.auth_id,
    h.relation_type,
    h.relation_id,
    h.relation_name,
    h.access_auth_time_range_id,
    h.access_auth_time_range_str,
    h.auth_start_time,
    h.auth_end_time,
    h.first_snapshot,
    CASE WHEN h.closed_snapshot <= a.snapshot_id THEN h.closed_snapshot END AS closed_snapshot,
    f.seen_at AS first_seen,
    l.seen_at AS last_seen,
    h.landed_snapshot,
    h.landed_line
FROM base.rules AS h
CROSS JOIN base.as_of AS a
LEFT JOIN base.whole_walks AS f
    ON f.resource = 'rules'
    AND f.project_id = h.project_id
    AND f.snapshot_id = h.first_snapshot
LEFT JOIN base.last_walks AS l
    ON l.resource = 'rules'
    AND l.project_id = h.project_id
    AND l.ended = CASE WHEN h.closed_snapshot <= a.snapshot_id THEN h.closed_snapshot ELSE '~' END
WHERE h.first_snapshot <= a.snapshot_id
    AND (a.project_id IS NULL OR h.project_id = a.project_id);
COMMENT ON VIEW rule_history IS 'A row of rules while it stayed the same.';
COMMENT ON COLUMN rule_history.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN rule_history.auth_relation_id IS 'API query-rules: authRelationId, the rule';
COMMENT ON COLUMN rule_history.auth_id IS 'API query-rules: authId, the source: an organization, person or person group';
COMMENT ON COLUMN rule_history.relation_type IS 'API query-rules: relationType, 1 channel group, 2 channel';
COMMENT ON COLUMN rule_history.relation_id IS 'API query-rules: relationId, the channel group or channel';
COMMENT ON COLUMN rule_history.relation_name IS 'API query-rules: relationName, its name';
COMMENT ON COLUMN rule_history.access_auth_time_range_id IS 'API query-rules: accessAuthTimeRangeId, at what times of the week; 1 is always';
COMMENT ON COLUMN rule_history.access_auth_time_range_str IS 'API query-rules: accessAuthTimeRangeStr, at what times of the week, in the cloud''s words';
COMMENT ON COLUMN rule_history.auth_start_time IS 'API query-rules: authStartTime, when it begins';
COMMENT ON COLUMN rule_history.auth_end_time IS 'API query-rules: authEndTime, when it ends';
COMMENT ON COLUMN rule_history.first_snapshot IS 'Ours: the snapshot that opened the row';
COMMENT ON COLUMN rule_history.closed_snapshot IS 'Ours: the snapshot that closed it; NULL while it is open';
COMMENT ON COLUMN rule_history.first_seen IS 'Derived: time of first_snapshot, by the cloud''s clock';
COMMENT ON COLUMN rule_history.last_seen IS 'Derived: time of the last whole walk that still found it so';
COMMENT ON COLUMN rule_history.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN rule_history.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

-- unpurged(id): the snapshot, unless a purge of history has taken rows that it
-- had: then an error, for they would be missing without a word.
CREATE MACRO base.unpurged(id) AS
    CASE
        WHEN id < (SELECT max(last_closed) FROM base.purges)
            THEN error('snapshot ' || id || ': the history before ' || (SELECT max(last_closed) FROM base.purges) || ' has been purged')
        ELSE id
    END;

-- begun(ts): the time, unless there was no snapshot yet: then an error, for no rows
-- would look as if there had been none.
CREATE MACRO base.begun(ts) AS
    CASE
        WHEN CAST(ts AS TIMESTAMPTZ) < (SELECT min(coalesce(server_time, started_at)) FROM snapshots)
            THEN error('there was no snapshot yet at ' || ts || ': the first is of ' || (SELECT min(coalesce(server_time, started_at)) FROM snapshots))
        ELSE CAST(ts AS TIMESTAMPTZ)
    END;

CREATE MACRO permissions_at(ts) AS TABLE
SELECT
    h.project_id,
    h.access_auth_id,
    h.person_id,
    h.name,
    h.mobile_country,
    h.mobile,
    h.person_code,
    h.structure_ids,
    h.access_auth_time_range_id,
    h.access_auth_time_range_str,
    h.business_device_name,
    h.access_control_channel_id,
    h.access_control_channel_name,
    h.access_control_channel_no,
    h.access_channel_room_id,
    h.access_channel_position_path,
    h.auth_start_time,
    h.auth_end_time,
    h.total_card_num,
    h.auth_card_num,
    h.total_face_num,
    h.auth_face_num,
    h.total_fingerprint_num,
    h.auth_fingerprint_num,
    h.card_issue_status,
    h.face_issue_status,
    h.fingerprint_issue_status,
    h.first_snapshot,
    h.landed_snapshot,
    h.landed_line
FROM base.permissions AS h
JOIN (
    SELECT s.project_id, base.unpurged(max(s.snapshot_id)) AS snapshot_id
    FROM snapshots AS s
    WHERE coalesce(s.server_time, s.started_at) <= base.begun(ts)
    GROUP BY s.project_id
) AS s
    ON s.project_id = h.project_id
    AND h.first_snapshot <= s.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > s.snapshot_id);
COMMENT ON MACRO TABLE permissions_at IS 'The rows of permissions at a time: those of each project''s newest snapshot whose server time is not after it. It has the columns that the list itself gives; auth_end and other derived ones are in permission_history.';

CREATE MACRO persons_at(ts) AS TABLE
SELECT
    h.project_id,
    h.person_id,
    h.name,
    h.person_code,
    h.first_snapshot,
    h.landed_snapshot,
    h.landed_line
FROM base.persons AS h
JOIN (
    SELECT s.project_id, base.unpurged(max(s.snapshot_id)) AS snapshot_id
    FROM snapshots AS s
    WHERE coalesce(s.server_time, s.started_at) <= base.begun(ts)
    GROUP BY s.project_id
) AS s
    ON s.project_id = h.project_id
    AND h.first_snapshot <= s.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > s.snapshot_id);
COMMENT ON MACRO TABLE persons_at IS 'The rows of persons at a time: those of each project''s newest snapshot whose server time is not after it.';

CREATE MACRO structures_at(ts) AS TABLE
SELECT
    h.project_id,
    h.structure_id,
    h.parent_structure_id,
    h.structure_name,
    h.level,
    h.remark,
    h.sort,
    h.external_no,
    h.alias_code,
    h.alias_code_path,
    h.first_snapshot,
    h.landed_snapshot,
    h.landed_line
FROM base.structures AS h
JOIN (
    SELECT s.project_id, base.unpurged(max(s.snapshot_id)) AS snapshot_id
    FROM snapshots AS s
    WHERE coalesce(s.server_time, s.started_at) <= base.begun(ts)
    GROUP BY s.project_id
) AS s
    ON s.project_id = h.project_id
    AND h.first_snapshot <= s.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > s.snapshot_id);
COMMENT ON MACRO TABLE structures_at IS 'The rows of structures at a time: those of each project''s newest snapshot whose server time is not after it.';

CREATE MACRO rules_at(ts) AS TABLE
SELECT
    h.project_id,
    h.auth_relation_id,
    h.auth_id,
    h.relation_type,
    h.relation_id,
    h.relation_name,
    h.access_auth_time_range_id,
    h.access_auth_time_range_str,
    h.auth_start_time,
    h.auth_end_time,
    h.first_snapshot,
    h.landed_snapshot,
    h.landed_line
FROM base.rules AS h
JOIN (
    SELECT s.project_id, base.unpurged(max(s.snapshot_id)) AS snapshot_id
    FROM snapshots AS s
    WHERE coalesce(s.server_time, s.started_at) <= base.begun(ts)
    GROUP BY s.project_id
) AS s
    ON s.project_id = h.project_id
    AND h.first_snapshot <= s.snapshot_id
    AND (h.closed_snapshot IS NULL OR h.closed_snapshot > s.snapshot_id);
COMMENT ON MACRO TABLE rules_at IS 'The rows of rules at a time: those of each project''s newest snapshot whose server time is not after it. It has the columns that the list itself gives.';
