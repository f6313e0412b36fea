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
-- Limits      Only records whose results were read show a deletion: where they
--             were not read for all, that nobody is listed here cannot be
--             concluded. A task names its channel by name, number, position and
--             device, not by id.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
deletions AS (
    SELECT
        i.project_id,
        i.auth_task_record_id,
        i.credential,
        coalesce(i.success_issue_del_num, 0) AS success_issue_del_num,
        coalesce(i.fail_issue_del_num, 0) AS fail_issue_del_num,
        r.auth_task_id,
        r.person_id,
        r.name,
        t.access_control_channel_id,
        t.access_control_channel_name,
        t.access_control_channel_no,
        t.access_channel_position_path,
        t.business_device_name,
        t.channel_match,
        if(r.auth_issue_time > 0, r.auth_issue, coalesce(t.task_finish, t.task_start)) AS attempted,
        coalesce(t.access_control_channel_id, concat_ws(
            chr(31),
            t.access_control_channel_name,
            t.access_control_channel_no,
            t.access_channel_position_path,
            t.business_device_name
        )) AS channel_key
    FROM issue_infos AS i
    JOIN records AS r
        ON r.project_id = i.project_id AND r.auth_task_record_id = i.auth_task_record_id
    LEFT JOIN tasks AS t
        ON t.project_id = r.project_id AND t.auth_task_id = r.auth_task_id
    WHERE coalesce(i.success_issue_del_num, 0) > 0 OR coalesce(i.fail_issue_del_num, 0) > 0
),
-- A record that deleted and failed nothing closes what failed before it.
spells AS (
    SELECT
        *,
        count(*) FILTER (WHERE fail_issue_del_num = 0) OVER (
            PARTITION BY project_id, person_id, channel_key, credential
            ORDER BY attempted NULLS FIRST, auth_task_record_id
            ROWS UNBOUNDED PRECEDING
        ) AS closings
    FROM deletions
),
last_deletions AS (
    SELECT
        *,
        min(attempted) FILTER (WHERE fail_issue_del_num > 0) OVER same_spell AS first_failed,
        count(*) FILTER (WHERE fail_issue_del_num > 0) OVER same_spell AS times_failed
    FROM spells
    WINDOW same_spell AS (PARTITION BY project_id, person_id, channel_key, credential, closings)
    QUALIFY row_number() OVER (
        PARTITION BY project_id, person_id, channel_key, credential
        ORDER BY attempted DESC NULLS LAST, auth_task_record_id DESC
    ) = 1
),
cleared AS (
    SELECT
        l.project_id,
        l.auth_task_record_id,
        l.credential,
        arg_min(t.auth_task_id, (t.task_start, t.auth_task_id)) AS auth_task_id
    FROM last_deletions AS l
    JOIN tasks AS t
        ON t.project_id = l.project_id
        AND t.access_control_channel_id = l.access_control_channel_id
    WHERE l.fail_issue_del_num > 0
        AND t.auth_issue_type = 1
        AND t.result = 'succeeded'
        AND t.task_start > l.attempted
    GROUP BY l.project_id, l.auth_task_record_id, l.credential
),
mentions AS (
    SELECT project_id, person_id, person_code, 2 AS place, first_snapshot, landed_line
    FROM person_history
    WHERE trim(person_code) <> ''
    UNION ALL
    SELECT project_id, person_id, person_code, 1, first_snapshot, landed_line
    FROM permission_history
    WHERE trim(person_code) <> ''
),
unique_codes AS (
    SELECT project_id, person_code
    FROM mentions
    GROUP BY project_id, person_code
    HAVING count(DISTINCT person_id) = 1
),
newest_codes AS (
    SELECT
        project_id,
        person_id,
        arg_max(person_code, (place, first_snapshot, landed_line)) AS person_code
    FROM mentions
    GROUP BY project_id, person_id
),
codes AS (
    SELECT n.project_id, n.person_id, n.person_code
    FROM newest_codes AS n
    JOIN unique_codes AS u
        ON u.project_id = n.project_id AND u.person_code = n.person_code
),
roster_codes AS (
    SELECT
        person_code,
        count(DISTINCT status) AS statuses,
        min(status) AS status
    FROM roster
    GROUP BY person_code
)
SELECT
    if(c.auth_task_id IS NULL, 'critical', 'low') AS severity,
    if(c.auth_task_id IS NULL, 'open', 'cleared (inferred)') AS state,
    l.name,
    coalesce(k.person_code, 'unknown') AS person_code,
    CASE
        WHEN (SELECT count(*) FROM roster_codes) = 0 THEN 'no roster'
        WHEN k.person_code IS NULL THEN 'unknown'
        WHEN o.person_code IS NULL THEN 'not in the roster'
        WHEN o.statuses = 1 THEN o.status
        ELSE 'unknown'
    END AS roster_status,
    l.access_control_channel_name,
    l.access_control_channel_no,
    l.access_channel_position_path,
    l.business_device_name,
    l.credential,
    l.fail_issue_del_num,
    l.success_issue_del_num,
    l.times_failed,
    l.first_failed,
    l.attempted AS last_failed,
    CAST(epoch(a.as_of) - epoch(l.first_failed) AS BIGINT) AS open_seconds,
    CASE
        WHEN l.channel_match IS DISTINCT FROM 'exact' THEN NULL
        ELSE EXISTS (
            SELECT 1
            FROM permissions AS p
            WHERE p.project_id = l.project_id
                AND p.person_id = l.person_id
                AND p.access_control_channel_id = l.access_control_channel_id
        )
    END AS permission_listed,
    c.auth_task_id AS cleared_by_task_id,
    l.project_id,
    l.person_id,
    l.access_control_channel_id,
    l.auth_task_id,
    l.auth_task_record_id
FROM last_deletions AS l
CROSS JOIN asked AS a
LEFT JOIN cleared AS c
    ON c.project_id = l.project_id
    AND c.auth_task_record_id = l.auth_task_record_id
    AND c.credential = l.credential
LEFT JOIN codes AS k
    ON k.project_id = l.project_id AND k.person_id = l.person_id
LEFT JOIN roster_codes AS o
    ON o.person_code = k.person_code
WHERE l.fail_issue_del_num > 0
ORDER BY
    severity,
    first_failed,
    l.project_id,
    l.auth_task_record_id,
    l.credential
