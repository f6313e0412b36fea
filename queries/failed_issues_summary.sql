-- Failed and undelivered issues: the first page
--
-- Question    How many credentials of permissions in force are not on their
--             device, how many persons cannot get in at all, how many deletions
--             failed, and how much of the records does that rest on?
-- A row is    the whole report.
-- Counted     as in failed_issues.sql and failed_deletions.sql. Cannot get in:
--             persons with a row of severity high, on some channel. Revoked
--             persons not covered: a person and channel in the records of which
--             no permission is listed any more and some record's results were
--             not read, so that a failed deletion could not be seen.
-- Limits      as in failed_issues.sql and failed_deletions.sql.
WITH found AS (
    FROM issue_findings(CAST($as_of AS TIMESTAMPTZ))
),
issues AS (
    SELECT
        count(*) AS undelivered,
        count(*) FILTER (WHERE reason LIKE 'attempt failed%') AS attempts_failed,
        count(DISTINCT (project_id, person_id)) FILTER (
            WHERE access_auth_id IS NOT NULL AND len(on_device) = 0
        ) AS shut_out,
        count(*) FILTER (WHERE access_auth_id IS NOT NULL AND len(on_device) = 0) AS high,
        count(DISTINCT (project_id, access_control_channel_id)) FILTER (
            WHERE reason = 'device problem'
        ) AS device_channels,
        count(DISTINCT (project_id, access_control_channel_id)) FILTER (
            WHERE access_control_channel_id IS NOT NULL
        ) AS channels
    FROM found
),
failing_channels AS (
    SELECT
        project_id,
        access_control_channel_id,
        min(coalesce(access_control_channel_name, access_control_channel_id)) AS channel,
        min(business_device_name) AS device,
        max(enrolled_persons) AS enrolled,
        max(listed_persons) AS listed
    FROM found
    WHERE reason = 'device problem'
    GROUP BY project_id, access_control_channel_id
),
failing_devices AS (
    SELECT
        coalesce(min(device), 'a device without a name') || ' ('
            || array_to_string(
                list(
                    channel || ': ' || format('{:,}', listed) || ' of '
                        || format('{:,}', enrolled) || ' persons affected'
                    ORDER BY channel, access_control_channel_id
                ),
                '; '
            ) || ')' AS label,
        sum(listed) AS persons
    FROM failing_channels
    GROUP BY project_id, device, if(device IS NULL, access_control_channel_id, NULL)
),
devices AS (
    SELECT
        count(*) AS failing,
        list(label ORDER BY persons DESC, label) AS names
    FROM failing_devices
),
removals AS (
    SELECT
        count(*) FILTER (WHERE cleared_by_task_id IS NULL) AS open_deletions,
        count(DISTINCT (project_id, person_id)) FILTER (WHERE cleared_by_task_id IS NULL) AS open_persons,
        count(cleared_by_task_id) AS inferred
    FROM failed_deletions
),
coverage AS (
    SELECT
        coalesce(sum(records), 0)::BIGINT AS records,
        coalesce(sum(records_read), 0)::BIGINT AS records_read,
        coalesce(sum(tasks_unread), 0)::BIGINT AS tasks_unread,
        coalesce(sum(revoked_unread), 0)::BIGINT AS revoked_not_covered
    FROM record_coverage
),
pairs AS (
    SELECT count(*) AS in_force
    FROM permissions
    WHERE coalesce(auth_start <= CAST($as_of AS TIMESTAMPTZ), true)
        AND coalesce(auth_end > CAST($as_of AS TIMESTAMPTZ), true)
),
told AS (
    SELECT
        *,
        records = records_read AND tasks_unread = 0 AS all_read
    FROM issues
    CROSS JOIN devices
    CROSS JOIN removals
    CROSS JOIN coverage
    CROSS JOIN pairs
)
SELECT
    CASE
        WHEN undelivered = 0 THEN 'No failed or undelivered issue is known.'
        ELSE
            '**' || format('{:,}', undelivered)
            || if(undelivered = 1, ' credential is', ' credentials are') || ' not on '
            || if(undelivered = 1, 'its device', 'their devices') || '**'
            || CASE
                WHEN shut_out = 0 THEN ', yet everybody has another one that is.'
                WHEN shut_out = 1 THEN '; **one person cannot get in** somewhere.'
                ELSE '; **' || format('{:,}', shut_out) || ' persons cannot get in** somewhere.'
            END
    END
    || CASE
        WHEN open_deletions > 0 THEN
            ' **' || format('{:,}', open_deletions)
            || if(open_deletions = 1, ' deletion has failed', ' deletions have failed')
            || '**: removed in the cloud, perhaps not from the device'
            || if(all_read, '.', '; there may be more, for not all results were read.')
        WHEN all_read THEN ' No deletion has failed.'
        ELSE ' No failed deletion is known, but **that there is none cannot be concluded**: not all results were read.'
    END AS answer,
    nullif(
        CASE
            WHEN open_deletions = 1 THEN '**Delete what is left of one person again, at the device if need be.** '
            WHEN open_deletions > 1
                THEN '**Delete what is left of ' || format('{:,}', open_persons)
                    || if(open_persons = 1, ' person', ' persons')
                    || ' again (' || format('{:,}', open_deletions) || ' entries), at the device if need be.** '
            ELSE ''
        END
        || CASE
            WHEN device_channels > 0 THEN
                'Look first at ' || if(failing = 1, 'the device ', 'the devices ')
                || array_to_string(names[1:3], ', ')
                || if(failing > 3, ' and ' || (failing - 3) || ' more', '')
                || if(failing = 1, ': it fails', ': each fails')
                || ' as a whole, so its credentials need not be settled one by one. '
            ELSE ''
        END
        || CASE
            WHEN high > 0 THEN 'Then settle those with nothing on the device, whom severity high marks.'
            WHEN undelivered > 0 THEN 'Nobody is shut out; issue again in the next round.'
            ELSE ''
        END,
        ''
    ) AS what_to_do,
    CASE
        WHEN open_deletions > 0 THEN 'critical'
        WHEN high > 0 THEN 'high'
        WHEN undelivered > 0 THEN 'medium'
        WHEN all_read THEN 'good'
        ELSE 'medium'
    END AS severity,
    undelivered,
    'on ' || format('{:,}', channels) || if(channels = 1, ' channel', ' channels')
        || ', of ' || format('{:,}', in_force) || ' permissions in force' AS undelivered_note,
    shut_out,
    'somewhere: nothing of theirs is on that device' AS shut_out_note,
    attempts_failed,
    CASE
        WHEN device_channels = 0 THEN 'no channel fails as a whole'
        WHEN device_channels = 1 THEN 'and one channel fails as a whole'
        ELSE 'and ' || device_channels || ' channels fail as a whole'
    END AS attempts_failed_note,
    CASE
        WHEN failing > 0 THEN
            if(failing = 1, 'One device fails', format('{:,}', failing) || ' devices fail')
            || ' as a whole, and the rows with the reason device problem follow from that: '
            || array_to_string(names[1:20], ', ')
            || if(failing > 20, ' and ' || (failing - 20) || ' more', '') || '.'
    END AS devices_note,
    CASE WHEN open_deletions > 0 OR all_read THEN open_deletions END AS open_deletions,
    CASE
        WHEN all_read THEN 'results of all ' || format('{:,}', records) || ' records read'
        ELSE 'cannot conclude: results read for ' || format('{:,}', records_read) || ' of '
            || format('{:,}', records) || ' records'
            || if(tasks_unread > 0, ', none of ' || format('{:,}', tasks_unread) || ' tasks', '')
    END AS open_deletions_note,
    CASE
        WHEN all_read THEN 'The results of all ' || format('{:,}', records) || ' records were read.'
        ELSE
            'Cannot conclude for those not read: results were read for '
            || format('{:,}', records_read) || ' of ' || format('{:,}', records) || ' records'
            || if(tasks_unread > 0, ', and no record of ' || format('{:,}', tasks_unread) || ' tasks', '')
            || CASE
                WHEN revoked_not_covered = 0 THEN '.'
                ELSE
                    '; among them '
                    || if(revoked_not_covered = 1, 'is one case', 'are ' || format('{:,}', revoked_not_covered) || ' cases')
                    || ' of a person on a channel without a permission there any more.'
            END
    END AS deletions_note,
    inferred,
    revoked_not_covered,
    records,
    records_read,
    tasks_unread,
    device_channels,
    in_force
FROM told
