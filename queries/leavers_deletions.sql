-- Leavers: deletions that failed
--
-- Question    Of whom who has left may a credential still be on a device?
-- A row is    one credential of one person on one channel, as in the report
--             failed-deletions, of a person whom the roster calls terminated.
-- Severity    critical: open. Those cleared by inference are not here.
-- Parameters  $as_of.
-- Limits      Only records whose results were read show a deletion.
SELECT
    'critical' AS severity,
    d.name,
    d.person_code,
    d.access_control_channel_name,
    d.access_channel_position_path,
    d.business_device_name,
    d.credential,
    d.times_failed,
    d.first_failed,
    CAST(epoch(CAST($as_of AS TIMESTAMPTZ)) - epoch(d.first_failed) AS BIGINT) AS open_seconds,
    d.permission_listed,
    r.terminated,
    nullif(r.manager, '') AS manager,
    d.project_id,
    d.person_id,
    d.access_control_channel_id,
    d.auth_task_id,
    d.auth_task_record_id
FROM failed_deletions AS d
JOIN roster_codes(CAST($as_of AS TIMESTAMPTZ)) AS r
    ON r.person_code = trim(d.person_code)
WHERE r.standing = 'terminated' AND d.cleared_by_task_id IS NULL
ORDER BY
    d.first_failed,
    d.name,
    d.project_id,
    d.auth_task_record_id,
    d.credential
