-- Failed deletions
--
-- Question    Who was removed in the cloud but not from a device?
-- A row is    one credential of one person on one channel whose last deletion
--             failed, with that record (auth_task_record_id).
-- Open        the newest record about deleting it has a fail_issue_del_num above
--             0. Only a later record of the same person, channel and credential
--             that deleted and failed nothing closes it. That the permission is
--             no longer listed does not: the person may still open the channel.
--             First failed, times and open for count from the first failure
--             after the last such record.
-- Inferred    a later task that issued all permissions of the channel, and
--             succeeded for all, may have cleared the device. That is inferred,
--             not proven; such a row stays, with severity low.
-- Work no.    the newest not blank that the list of persons gave for the
--             person_id up to this snapshot, else the list of permissions:
--             whoever was removed is in neither any more. "unknown" where none
--             gave one, or gave the same one for another person too.
-- Roster      status of that work number in the roster; "not in the roster";
--             "no roster"; "unknown" where the work number is, or the roster
--             has no status or several.
-- Severity    critical: open; low: inferred to be cleared.
-- Order       open ones first; of them those of persons whom the roster calls
--             terminated, then the oldest.
-- View        failed_deletions of the schema, which says how each is derived.
-- Limits      Only records whose results were read show a deletion: where they
--             were not read for all, that nobody is listed here cannot be
--             concluded. A task names its channel by name, number, position and
--             device, not by id.
SELECT
    if(cleared_by_task_id IS NULL, 'critical', 'low') AS severity,
    if(cleared_by_task_id IS NULL, 'open', 'cleared (inferred)') AS state,
    name,
    person_code,
    roster_status,
    access_control_channel_name,
    access_control_channel_no,
    access_channel_position_path,
    business_device_name,
    credential,
    fail_issue_del_num,
    success_issue_del_num,
    times_failed,
    first_failed,
    last_failed,
    CAST(epoch(CAST($as_of AS TIMESTAMPTZ)) - epoch(first_failed) AS BIGINT) AS open_seconds,
    permission_listed,
    cleared_by_task_id,
    project_id,
    person_id,
    access_control_channel_id,
    auth_task_id,
    auth_task_record_id
FROM failed_deletions
ORDER BY
    severity,
    roster_status = 'terminated' DESC,
    first_failed,
    project_id,
    auth_task_record_id,
    credential
