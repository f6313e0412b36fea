-- Failed and undelivered issues
--
-- Question    Who should get in now but cannot, with which credential, and why?
-- A row is    one credential (card, face, fingerprint) of one permission in
--             force (access_auth_id), with the last record about it
--             (auth_task_record_id) where there is one; or a failed record
--             whose channel cannot be told, without a permission.
-- Listed      a credential whose state by the list's counts is pending,
--             partial or contradictory, or that is enrolled and whose last
--             record failed. In force: begun and not ended at $as_of; an absent
--             time does not limit. A failure that a record counts for the
--             person is one of each credential enrolled; so is a failed record
--             whose counters were not read.
-- Not told    a failed record whose channel cannot be told is listed for each
--             credential that it counts as failed; else for each that some
--             permission in force shows as enrolled; where none does, once, as
--             "unknown".
-- Last record the newest record of the same person and channel that tried the
--             credential: its counters of issues are not all 0, or it counts a
--             failure for the person, or they were not read, or it waits or was
--             terminated. A card's password counts as its card.
-- Reason      device problem: at least five persons are enrolled on the channel
--             and 80 of 100 of them or more are listed here; attempt failed;
--             attempt failed, list says delivered; attempt failed, credential
--             not read; terminated; waiting; result unknown; sent, not
--             confirmed (the counters say sent, the list does not); no attempt
--             known.
-- Affected    how many persons are listed with the same reason on the channel. A
--             permission that names no person is one of somebody else's.
-- Order       by severity, then most affected, then longest valid.
-- Severity    high: nothing of the person is on the channel's device, so the
--             person cannot get in; medium: something else is (delivered,
--             partial, excess); low: it is, and this waits or is partial.
-- Limits      The list knows "to be sent" and "sent", never "failed": failures
--             come from records alone. A task names its channel by name,
--             number, position and device, not by id; where that fits several
--             channels or none the record is not joined. Records and their
--             results may not all have been read: see the coverage. Credentials
--             whose counts are absent (unknown) or not enrolled are not listed.
--             The credentials are told by issue_findings, a macro of the snapshot.
WITH weighed AS (
    SELECT
        *,
        count(DISTINCT person_id) OVER (
            PARTITION BY
                project_id,
                coalesce(access_control_channel_id, concat_ws(
                    chr(31),
                    access_control_channel_name,
                    access_control_channel_no,
                    access_channel_position_path,
                    business_device_name
                )),
                reason
        ) AS affected,
        list_filter(on_device, lambda x: x <> credential) AS others
    FROM issue_findings(CAST($as_of AS TIMESTAMPTZ))
)
SELECT
    CASE
        WHEN f.access_auth_id IS NULL THEN 'medium'
        WHEN len(f.on_device) = 0 THEN 'high'
        WHEN f.result = 'waiting' OR f.state = 'partial' THEN 'low'
        ELSE 'medium'
    END AS severity,
    f.name,
    f.person_code,
    f.mobile_country,
    f.mobile,
    f.access_control_channel_name,
    f.access_control_channel_no,
    f.access_channel_position_path,
    f.business_device_name,
    f.credential,
    f.reason,
    f.affected,
    f.state,
    f.enrolled_num,
    f.delivered_num,
    CASE
        WHEN f.access_auth_id IS NULL THEN 'unknown'
        WHEN len(f.others) > 0 THEN array_to_string(f.others, ', ')
        WHEN len(f.on_device) > 0 THEN 'part of it'
        ELSE 'nothing'
    END AS else_on_device,
    f.valid_since,
    CAST(epoch(CAST($as_of AS TIMESTAMPTZ)) - epoch(f.valid_since) AS BIGINT) AS waiting_seconds,
    f.attempted AS last_attempt,
    f.issue_status_text AS last_status,
    CASE WHEN f.own_failed > 0 THEN f.own_failed ELSE nullif(f.person_failed, 0) END AS fail_issue_num,
    CASE f.reason
        WHEN 'device problem' THEN 'look at the device, then issue its channel again'
        WHEN 'waiting' THEN 'wait for the task to end'
        WHEN 'no attempt known' THEN 'issue the new permissions of the channel'
        WHEN 'terminated' THEN 'issue the channel again'
        WHEN 'sent, not confirmed' THEN 'try it at the channel: list and counters contradict'
        WHEN 'result unknown' THEN 'try it at the channel, then issue it again'
        WHEN 'attempt failed, channel not told' THEN 'find the channel in the console'
        ELSE 'check the credential in the console, then issue again'
    END AS suggested_action,
    f.project_id,
    nullif(f.person_id, f.access_auth_id) AS person_id,
    f.access_control_channel_id,
    f.auth_task_id,
    f.auth_task_record_id,
    f.access_auth_id
FROM weighed AS f
ORDER BY
    CASE severity WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END,
    affected DESC,
    waiting_seconds DESC NULLS LAST,
    reason,
    access_control_channel_name,
    access_control_channel_no,
    name,
    credential,
    project_id,
    access_auth_id,
    auth_task_record_id
