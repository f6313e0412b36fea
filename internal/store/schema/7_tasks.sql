-- What was pushed to the devices: tasks, their records, and the counters of each.

CREATE VIEW tasks AS
WITH channel_keys AS (
    SELECT
        project_id,
        access_control_channel_name,
        access_control_channel_no,
        access_channel_position_path,
        business_device_name,
        count(*) AS channels,
        min(access_control_channel_id) AS access_control_channel_id
    FROM channels
    GROUP BY ALL
)
SELECT
    t.project_id,
    t.auth_task_id,
    t.task_start_time,
    CASE WHEN t.task_start_time BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(t.task_start_time * 1000) END AS task_start,
    t.access_control_channel_name,
    t.access_control_channel_no,
    t.access_channel_position_path,
    t.business_device_name,
    t.auth_num,
    t.auth_issue_type,
    CASE t.auth_issue_type WHEN 1 THEN 'all permissions' WHEN 2 THEN 'additional permissions' ELSE 'unknown (' || t.auth_issue_type || ')' END AS auth_issue_type_text,
    t.success_num,
    t.auth_task_progress,
    CASE t.auth_task_progress WHEN 0 THEN 'initialized' WHEN 1 THEN 'to be started' WHEN 2 THEN 'being executed' WHEN 3 THEN 'terminated' WHEN 4 THEN 'completed' ELSE 'unknown (' || t.auth_task_progress || ')' END AS auth_task_progress_text,
    t.auth_task_status,
    CASE t.auth_task_status WHEN 0 THEN 'to be started' WHEN 1 THEN 'partially successful' WHEN 2 THEN 'all successful' WHEN 3 THEN 'all failed' WHEN 4 THEN 'terminated' ELSE 'unknown (' || t.auth_task_status || ')' END AS auth_task_status_text,
    t.task_finish_time,
    CASE WHEN t.task_finish_time BETWEEN 1 AND 253402300799999 THEN make_timestamptz(t.task_finish_time * 1000) END AS task_finish,
    coalesce(t.task_finish_time > 0, false) AS finished,
    CASE
        WHEN t.task_finish_time IS NULL OR t.task_finish_time <= 0 THEN 'unfinished'
        WHEN t.auth_num IS NULL OR t.success_num IS NULL THEN 'unknown'
        WHEN t.success_num < 0 OR t.success_num > t.auth_num THEN 'unknown'
        WHEN t.auth_num = 0 THEN 'empty'
        WHEN t.success_num = t.auth_num THEN 'succeeded'
        WHEN t.success_num > 0 THEN 'partly succeeded'
        ELSE 'failed'
    END AS result,
    d.auth_issue_certificate,
    d.auth_issue_certificate_str,
    t.listed,
    CASE WHEN m.channels = 1 THEN m.access_control_channel_id END AS access_control_channel_id,
    CASE WHEN m.channels = 1 THEN 'exact' WHEN m.channels > 1 THEN 'ambiguous' ELSE 'none' END AS channel_match,
    t.first_snapshot,
    t.landed_snapshot,
    t.landed_line
FROM base.current_tasks AS t
LEFT JOIN base.current_task_details AS d
    ON d.project_id = t.project_id AND d.auth_task_id = t.auth_task_id
LEFT JOIN channel_keys AS m
    ON m.project_id = t.project_id
    AND m.access_control_channel_name IS NOT DISTINCT FROM t.access_control_channel_name
    AND m.access_control_channel_no IS NOT DISTINCT FROM t.access_control_channel_no
    AND m.access_channel_position_path IS NOT DISTINCT FROM t.access_channel_position_path
    AND m.business_device_name IS NOT DISTINCT FROM t.business_device_name
    AND coalesce(
        t.access_control_channel_name,
        t.access_control_channel_no,
        t.access_channel_position_path,
        t.business_device_name
    ) IS NOT NULL;
COMMENT ON VIEW tasks IS 'One push to one channel: access-auth-task, and what its detail adds. The API gives a task no channel id.';
COMMENT ON COLUMN tasks.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN tasks.auth_task_id IS 'API access-auth-task: authTaskId, the task';
COMMENT ON COLUMN tasks.task_start_time IS 'API access-auth-task: taskStartTime, when it was begun';
COMMENT ON COLUMN tasks.task_start IS 'Derived: task_start_time as a time; NULL where absent or outside the years 1 to 9999';
COMMENT ON COLUMN tasks.access_control_channel_name IS 'API access-auth-task: accessControlChannelName, the channel''s name';
COMMENT ON COLUMN tasks.access_control_channel_no IS 'API access-auth-task: accessControlChannelNo, the channel''s number on its device';
COMMENT ON COLUMN tasks.access_channel_position_path IS 'API access-auth-task: accessChannelPositionPath, where the area is';
COMMENT ON COLUMN tasks.business_device_name IS 'API access-auth-task: businessDeviceName, the device of the channel';
COMMENT ON COLUMN tasks.auth_num IS 'API access-auth-task: authNum, how many permissions it sends';
COMMENT ON COLUMN tasks.auth_issue_type IS 'API access-auth-task: authIssueType, 1 all permissions, 2 additional permissions';
COMMENT ON COLUMN tasks.auth_issue_type_text IS 'Derived: auth_issue_type in words';
COMMENT ON COLUMN tasks.success_num IS 'API access-auth-task: successNum, how many of them arrived';
COMMENT ON COLUMN tasks.auth_task_progress IS 'API access-auth-task: authTaskProgress';
COMMENT ON COLUMN tasks.auth_task_progress_text IS 'Derived: auth_task_progress in the words of the response; the filter of the same name numbers them otherwise';
COMMENT ON COLUMN tasks.auth_task_status IS 'API access-auth-task: authTaskStatus';
COMMENT ON COLUMN tasks.auth_task_status_text IS 'Derived: auth_task_status in the words of the response; the filter of the same name swaps 1 and 2';
COMMENT ON COLUMN tasks.task_finish_time IS 'API access-auth-task: taskFinishTime, when it ended';
COMMENT ON COLUMN tasks.task_finish IS 'Derived: task_finish_time as a time; NULL where absent, 0 or outside the years 1 to 9999';
COMMENT ON COLUMN tasks.finished IS 'Derived: task_finish_time is there and not 0; the codes are not asked';
COMMENT ON COLUMN tasks.result IS 'Derived from task_finish_time, auth_num and success_num, never from the codes: unfinished, unknown, empty, succeeded, partly succeeded, failed';
COMMENT ON COLUMN tasks.auth_issue_certificate IS 'API access-auth-task/{authTaskId}: authIssueCertificate; NULL where the detail was not fetched';
COMMENT ON COLUMN tasks.auth_issue_certificate_str IS 'API access-auth-task/{authTaskId}: authIssueCertificateStr, which credentials, in the cloud''s words; NULL where the detail was not fetched';
COMMENT ON COLUMN tasks.listed IS 'Ours: the last whole walk of the tasks still named it';
COMMENT ON COLUMN tasks.access_control_channel_id IS 'Derived: the channel of the same name, number, position path and device, where there is exactly one; NULL where the task names none of the four';
COMMENT ON COLUMN tasks.channel_match IS 'Derived: exact, ambiguous (several channels look the same) or none';
COMMENT ON COLUMN tasks.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN tasks.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN tasks.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW task_details AS
SELECT
    d.project_id,
    d.auth_task_id,
    d.task_start_time,
    d.task_finish_time,
    d.auth_issue_certificate,
    d.auth_issue_certificate_str,
    d.access_control_channel_name,
    d.access_control_channel_no,
    d.access_channel_position_path,
    d.business_device_name,
    d.first_snapshot,
    d.landed_snapshot,
    d.landed_line
FROM base.current_task_details AS d;
COMMENT ON VIEW task_details IS 'The detail of one task, where it was fetched.';
COMMENT ON COLUMN task_details.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN task_details.auth_task_id IS 'The task that was asked (authTaskId of the request)';
COMMENT ON COLUMN task_details.task_start_time IS 'API access-auth-task/{authTaskId}: taskStartTime, when it was begun';
COMMENT ON COLUMN task_details.task_finish_time IS 'API access-auth-task/{authTaskId}: taskFinishTime, when it ended';
COMMENT ON COLUMN task_details.auth_issue_certificate IS 'API access-auth-task/{authTaskId}: authIssueCertificate';
COMMENT ON COLUMN task_details.auth_issue_certificate_str IS 'API access-auth-task/{authTaskId}: authIssueCertificateStr, which credentials, in the cloud''s words';
COMMENT ON COLUMN task_details.access_control_channel_name IS 'API access-auth-task/{authTaskId}: accessControlChannelName, the channel''s name';
COMMENT ON COLUMN task_details.access_control_channel_no IS 'API access-auth-task/{authTaskId}: accessControlChannelNo, the channel''s number on its device';
COMMENT ON COLUMN task_details.access_channel_position_path IS 'API access-auth-task/{authTaskId}: accessChannelPositionPath, where the area is';
COMMENT ON COLUMN task_details.business_device_name IS 'API access-auth-task/{authTaskId}: businessDeviceName, the device of the channel';
COMMENT ON COLUMN task_details.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN task_details.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN task_details.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW records AS
WITH counters AS (
    SELECT
        project_id,
        auth_task_record_id,
        sum(coalesce(fail_issue_num, 0) + coalesce(fail_issue_del_num, 0)) AS failed,
        sum(coalesce(success_issue_num, 0) + coalesce(success_issue_del_num, 0))
            AS succeeded,
        max(landed_snapshot) AS landed_snapshot
    FROM base.current_issue_infos
    GROUP BY project_id, auth_task_record_id
)
SELECT
    r.project_id,
    r.auth_task_record_id,
    r.auth_task_id,
    r.person_id,
    r.name,
    r.mobile_country,
    r.mobile,
    r.structure_name,
    r.access_auth_time_range_id,
    r.access_auth_time_range_str,
    r.auth_issue_time,
    CASE WHEN r.auth_issue_time BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(r.auth_issue_time * 1000) END AS auth_issue,
    r.issue_status,
    CASE r.issue_status WHEN 0 THEN 'initialized' WHEN 1 THEN 'unknown' WHEN 2 THEN 'terminated' WHEN 3 THEN 'failed' WHEN 4 THEN 'succeeded' ELSE 'unknown (' || r.issue_status || ')' END AS issue_status_text,
    CASE
        WHEN i.failed > 0 THEN if(r.issue_status = 4, 'unknown', 'failed')
        WHEN i.succeeded > 0 THEN if(r.issue_status = 3, 'unknown', 'succeeded')
        WHEN r.issue_status = 0 THEN 'waiting'
        WHEN r.issue_status = 2 THEN 'terminated'
        WHEN r.issue_status = 3 THEN 'failed'
        WHEN r.issue_status = 4 THEN 'succeeded'
        ELSE 'unknown'
    END AS result,
    i.landed_snapshot AS issue_info_snapshot,
    r.first_snapshot,
    r.landed_snapshot,
    r.landed_line
FROM base.current_records AS r
LEFT JOIN counters AS i
    ON i.project_id = r.project_id AND i.auth_task_record_id = r.auth_task_record_id;
COMMENT ON VIEW records IS 'One person in one task.';
COMMENT ON COLUMN records.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN records.auth_task_record_id IS 'API access-auth-task/records: authTaskRecordId, the record';
COMMENT ON COLUMN records.auth_task_id IS 'The task that was asked (authTaskId of the request)';
COMMENT ON COLUMN records.person_id IS 'API access-auth-task/records: personId, the person';
COMMENT ON COLUMN records.name IS 'API access-auth-task/records: name, the person''s name';
COMMENT ON COLUMN records.mobile_country IS 'API access-auth-task/records: mobileCountry, the dialling code of the mobile number';
COMMENT ON COLUMN records.mobile IS 'API access-auth-task/records: mobile, the mobile number, partly hidden by the cloud';
COMMENT ON COLUMN records.structure_name IS 'API access-auth-task/records: structureName, the organization''s name';
COMMENT ON COLUMN records.access_auth_time_range_id IS 'API access-auth-task/records: accessAuthTimeRangeId, at what times of the week; 1 is always';
COMMENT ON COLUMN records.access_auth_time_range_str IS 'API access-auth-task/records: accessAuthTimeRangeStr, at what times of the week, in the cloud''s words';
COMMENT ON COLUMN records.auth_issue_time IS 'API access-auth-task/records: authIssueTime, when it was sent';
COMMENT ON COLUMN records.auth_issue IS 'Derived: auth_issue_time as a time; NULL where absent or outside the years 1 to 9999';
COMMENT ON COLUMN records.issue_status IS 'API access-auth-task/records: issueStatus';
COMMENT ON COLUMN records.issue_status_text IS 'Derived: issue_status in words';
COMMENT ON COLUMN records.result IS 'Derived: from the counters of issue_infos where they were asked and are not all 0 (any failure: failed; else succeeded), else from issue_status; unknown where counters and status contradict each other: succeeded, failed, terminated, unknown, waiting';
COMMENT ON COLUMN records.issue_info_snapshot IS 'Ours: the snapshot that fetched its issue_infos as they stand; NULL where they were not asked';
COMMENT ON COLUMN records.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN records.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN records.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW issue_infos AS
SELECT
    i.project_id,
    i.auth_task_record_id,
    r.auth_task_id,
    i.credential,
    i.success_issue_num,
    i.fail_issue_num,
    i.success_issue_del_num,
    i.fail_issue_del_num,
    i.first_snapshot,
    i.landed_snapshot,
    i.landed_line
FROM base.current_issue_infos AS i
LEFT JOIN base.current_records AS r
    ON r.project_id = i.project_id AND r.auth_task_record_id = i.auth_task_record_id;
COMMENT ON VIEW issue_infos IS 'The counters of one credential of one record, where they were asked. Each record that was asked has all five.';
COMMENT ON COLUMN issue_infos.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN issue_infos.auth_task_record_id IS 'The record that was asked (authTaskRecordId of the request)';
COMMENT ON COLUMN issue_infos.auth_task_id IS 'The task of the record (authTaskId of the request for records)';
COMMENT ON COLUMN issue_infos.credential IS 'API access-auth-task/actions/issue-info: which of personIssueResult, cardIssueResult, cardPwdIssueResult, faceIssueResult, fingerprintIssueResult: person, card, card_pwd, face, fingerprint';
COMMENT ON COLUMN issue_infos.success_issue_num IS 'API access-auth-task/actions/issue-info: successIssueNum, credentials sent; NULL where its block was absent';
COMMENT ON COLUMN issue_infos.fail_issue_num IS 'API access-auth-task/actions/issue-info: failIssueNum, credentials that could not be sent; NULL where its block was absent';
COMMENT ON COLUMN issue_infos.success_issue_del_num IS 'API access-auth-task/actions/issue-info: successIssueDelNum, credentials deleted; NULL where its block was absent';
COMMENT ON COLUMN issue_infos.fail_issue_del_num IS 'API access-auth-task/actions/issue-info: failIssueDelNum, credentials that could not be deleted: they may still open; NULL where its block was absent';
COMMENT ON COLUMN issue_infos.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN issue_infos.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN issue_infos.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';
