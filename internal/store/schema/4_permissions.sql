-- permissions: access-auth, and what access-auth/detail adds to it.

CREATE VIEW permissions AS
SELECT
    p.project_id,
    p.access_auth_id,
    p.person_id,
    p.name,
    p.mobile_country,
    p.mobile,
    p.person_code,
    p.structure_ids,
    p.access_auth_time_range_id,
    p.access_auth_time_range_str,
    p.business_device_name,
    p.access_control_channel_id,
    p.access_control_channel_name,
    p.access_control_channel_no,
    p.access_channel_room_id,
    p.access_channel_position_path,
    p.auth_start_time,
    p.auth_end_time,
    p.total_card_num,
    p.auth_card_num,
    p.total_face_num,
    p.auth_face_num,
    p.total_fingerprint_num,
    p.auth_fingerprint_num,
    p.card_issue_status,
    p.face_issue_status,
    p.fingerprint_issue_status,
    p.auth_start,
    p.auth_end,
    p.permanent,
    p.card_issue_status_text,
    p.face_issue_status_text,
    p.fingerprint_issue_status_text,
    p.card_state,
    p.face_state,
    p.fingerprint_state,
    d.auth_create_time,
    CASE WHEN d.auth_create_time BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(d.auth_create_time * 1000) END AS auth_create,
    d.auth_source,
    d.auth_source_str,
    d.structure_names,
    d.landed_snapshot AS detail_snapshot,
    p.first_snapshot,
    p.landed_snapshot,
    p.landed_line
FROM base.current_permissions AS p
LEFT JOIN base.current_details AS d
    ON d.project_id = p.project_id AND d.access_auth_id = p.access_auth_id;
COMMENT ON VIEW permissions IS 'One person on one channel: one row of access-auth.';
COMMENT ON COLUMN permissions.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN permissions.access_auth_id IS 'API access-auth: accessAuthId, the permission';
COMMENT ON COLUMN permissions.person_id IS 'API access-auth: personId, the person';
COMMENT ON COLUMN permissions.name IS 'API access-auth: name, the person''s name';
COMMENT ON COLUMN permissions.mobile_country IS 'API access-auth: mobileCountry, the dialling code of the mobile number';
COMMENT ON COLUMN permissions.mobile IS 'API access-auth: mobile, the mobile number, partly hidden by the cloud';
COMMENT ON COLUMN permissions.person_code IS 'API access-auth: personCode, the work number';
COMMENT ON COLUMN permissions.structure_ids IS 'API access-auth: structureIds, the organizations of the person';
COMMENT ON COLUMN permissions.access_auth_time_range_id IS 'API access-auth: accessAuthTimeRangeId, at what times of the week; 1 is always';
COMMENT ON COLUMN permissions.access_auth_time_range_str IS 'API access-auth: accessAuthTimeRangeStr, at what times of the week, in the cloud''s words';
COMMENT ON COLUMN permissions.business_device_name IS 'API access-auth: businessDeviceName, the device of the channel';
COMMENT ON COLUMN permissions.access_control_channel_id IS 'API access-auth: accessControlChannelId, the channel';
COMMENT ON COLUMN permissions.access_control_channel_name IS 'API access-auth: accessControlChannelName, the channel''s name';
COMMENT ON COLUMN permissions.access_control_channel_no IS 'API access-auth: accessControlChannelNo, the channel''s number on its device';
COMMENT ON COLUMN permissions.access_channel_room_id IS 'API access-auth: accessChannelRoomId, the area';
COMMENT ON COLUMN permissions.access_channel_position_path IS 'API access-auth: accessChannelPositionPath, where the area is';
COMMENT ON COLUMN permissions.auth_start_time IS 'API access-auth: authStartTime, when it begins';
COMMENT ON COLUMN permissions.auth_end_time IS 'API access-auth: authEndTime, when it ends';
COMMENT ON COLUMN permissions.total_card_num IS 'API access-auth: totalCardNum, how many cards the person has';
COMMENT ON COLUMN permissions.auth_card_num IS 'API access-auth: authCardNum, how many of the cards are allowed there';
COMMENT ON COLUMN permissions.total_face_num IS 'API access-auth: totalFaceNum, how many faces the person has';
COMMENT ON COLUMN permissions.auth_face_num IS 'API access-auth: authFaceNum, how many of the faces are allowed there';
COMMENT ON COLUMN permissions.total_fingerprint_num IS 'API access-auth: totalFingerprintNum, how many fingerprints the person has';
COMMENT ON COLUMN permissions.auth_fingerprint_num IS 'API access-auth: authFingerprintNum, how many of the fingerprints are allowed there';
COMMENT ON COLUMN permissions.card_issue_status IS 'API access-auth: cardIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN permissions.face_issue_status IS 'API access-auth: faceIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN permissions.fingerprint_issue_status IS 'API access-auth: fingerprintIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN permissions.auth_start IS 'Derived: auth_start_time as a time; NULL where absent or outside the years 1 to 9999';
COMMENT ON COLUMN permissions.auth_end IS 'Derived: auth_end_time as a time; NULL where absent or outside the years 1 to 9999';
COMMENT ON COLUMN permissions.permanent IS 'Derived: auth_end_time is 2050-12-31 23:59:59 or later, in whichever zone (the cloud''s way to say no end); NULL where absent';
COMMENT ON COLUMN permissions.card_issue_status_text IS 'Derived: card_issue_status in words';
COMMENT ON COLUMN permissions.face_issue_status_text IS 'Derived: face_issue_status in words';
COMMENT ON COLUMN permissions.fingerprint_issue_status_text IS 'Derived: fingerprint_issue_status in words';
COMMENT ON COLUMN permissions.card_state IS 'Derived from total_card_num, auth_card_num and card_issue_status: unknown, not_enrolled, excess, pending, contradictory, partial, delivered';
COMMENT ON COLUMN permissions.face_state IS 'Derived from total_face_num, auth_face_num and face_issue_status: unknown, not_enrolled, excess, pending, contradictory, partial, delivered';
COMMENT ON COLUMN permissions.fingerprint_state IS 'Derived from total_fingerprint_num, auth_fingerprint_num and fingerprint_issue_status: unknown, not_enrolled, excess, pending, contradictory, partial, delivered';
COMMENT ON COLUMN permissions.auth_create_time IS 'API access-auth/detail: authCreateTime, when the permission was made; NULL where the detail was not fetched';
COMMENT ON COLUMN permissions.auth_create IS 'Derived: auth_create_time as a time; NULL where absent or outside the years 1 to 9999';
COMMENT ON COLUMN permissions.auth_source IS 'API access-auth/detail: authSource, the kind of what grants it; NULL where the detail was not fetched';
COMMENT ON COLUMN permissions.auth_source_str IS 'API access-auth/detail: authSourceStr, what grants it, in the cloud''s words; NULL where the detail was not fetched';
COMMENT ON COLUMN permissions.structure_names IS 'API access-auth/detail: structureNames, the organizations of the person; NULL where the detail was not fetched';
COMMENT ON COLUMN permissions.detail_snapshot IS 'Ours: the snapshot that fetched the detail as it stands; NULL where it was not fetched';
COMMENT ON COLUMN permissions.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN permissions.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN permissions.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW details AS
SELECT
    d.project_id,
    d.access_auth_id,
    d.person_id,
    d.name,
    d.mobile_country,
    d.mobile,
    d.person_code,
    d.structure_names,
    d.access_control_channel_name,
    d.access_control_channel_no,
    d.access_channel_room_id,
    d.access_channel_position_path,
    d.business_device_name,
    d.auth_start_time,
    d.auth_end_time,
    d.auth_create_time,
    d.auth_source,
    d.auth_source_str,
    d.total_card_num,
    d.auth_card_num,
    d.total_face_num,
    d.auth_face_num,
    d.total_fingerprint_num,
    d.auth_fingerprint_num,
    d.card_issue_status,
    d.face_issue_status,
    d.fingerprint_issue_status,
    d.first_snapshot,
    d.landed_snapshot,
    d.landed_line
FROM base.current_details AS d;
COMMENT ON VIEW details IS 'The detail of one permission, where it was fetched: access-auth/detail. The permission may have ended since.';
COMMENT ON COLUMN details.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN details.access_auth_id IS 'The permission that was asked (accessAuthId of the request)';
COMMENT ON COLUMN details.person_id IS 'API access-auth/detail: personId, the person';
COMMENT ON COLUMN details.name IS 'API access-auth/detail: name, the person''s name';
COMMENT ON COLUMN details.mobile_country IS 'API access-auth/detail: mobileCountry, the dialling code of the mobile number';
COMMENT ON COLUMN details.mobile IS 'API access-auth/detail: mobile, the mobile number, partly hidden by the cloud';
COMMENT ON COLUMN details.person_code IS 'API access-auth/detail: personCode, the work number';
COMMENT ON COLUMN details.structure_names IS 'API access-auth/detail: structureNames, the organizations of the person';
COMMENT ON COLUMN details.access_control_channel_name IS 'API access-auth/detail: accessControlChannelName, the channel''s name';
COMMENT ON COLUMN details.access_control_channel_no IS 'API access-auth/detail: accessControlChannelNo, the channel''s number on its device';
COMMENT ON COLUMN details.access_channel_room_id IS 'API access-auth/detail: accessChannelRoomId, the area';
COMMENT ON COLUMN details.access_channel_position_path IS 'API access-auth/detail: accessChannelPositionPath, where the area is';
COMMENT ON COLUMN details.business_device_name IS 'API access-auth/detail: businessDeviceName, the device of the channel';
COMMENT ON COLUMN details.auth_start_time IS 'API access-auth/detail: authStartTime, when it begins';
COMMENT ON COLUMN details.auth_end_time IS 'API access-auth/detail: authEndTime, when it ends';
COMMENT ON COLUMN details.auth_create_time IS 'API access-auth/detail: authCreateTime, when the permission was made';
COMMENT ON COLUMN details.auth_source IS 'API access-auth/detail: authSource, the kind of what grants it';
COMMENT ON COLUMN details.auth_source_str IS 'API access-auth/detail: authSourceStr, what grants it, in the cloud''s words';
COMMENT ON COLUMN details.total_card_num IS 'API access-auth/detail: totalCardNum, how many cards the person has';
COMMENT ON COLUMN details.auth_card_num IS 'API access-auth/detail: authCardNum, how many of the cards are allowed there';
COMMENT ON COLUMN details.total_face_num IS 'API access-auth/detail: totalFaceNum, how many faces the person has';
COMMENT ON COLUMN details.auth_face_num IS 'API access-auth/detail: authFaceNum, how many of the faces are allowed there';
COMMENT ON COLUMN details.total_fingerprint_num IS 'API access-auth/detail: totalFingerprintNum, how many fingerprints the person has';
COMMENT ON COLUMN details.auth_fingerprint_num IS 'API access-auth/detail: authFingerprintNum, how many of the fingerprints are allowed there';
COMMENT ON COLUMN details.card_issue_status IS 'API access-auth/detail: cardIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN details.face_issue_status IS 'API access-auth/detail: faceIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN details.fingerprint_issue_status IS 'API access-auth/detail: fingerprintIssueStatus, 0 to be sent, 1 already sent';
COMMENT ON COLUMN details.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN details.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN details.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';
