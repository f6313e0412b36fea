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
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
in_force AS (
    SELECT
        p.* REPLACE (coalesce(p.person_id, p.access_auth_id) AS person_id),
        CASE
            WHEN p.auth_create > p.auth_start THEN p.auth_create
            ELSE coalesce(p.auth_start, p.auth_create)
        END AS valid_since
    FROM permissions AS p
    CROSS JOIN asked AS a
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
),
reached AS (
    SELECT
        project_id,
        access_control_channel_id,
        person_id,
        list_sort(list_distinct(flatten(list([
            if(card_state IN ('delivered', 'partial', 'excess'), 'card', NULL),
            if(face_state IN ('delivered', 'partial', 'excess'), 'face', NULL),
            if(fingerprint_state IN ('delivered', 'partial', 'excess'), 'fingerprint', NULL)
        ])))) AS on_device,
        bool_or(
            coalesce(total_card_num, 0) > 0
            OR coalesce(total_face_num, 0) > 0
            OR coalesce(total_fingerprint_num, 0) > 0
        ) AS enrolled
    FROM in_force
    GROUP BY project_id, access_control_channel_id, person_id
),
states AS (
    SELECT project_id, access_auth_id, 'card' AS credential, card_state AS state,
        total_card_num AS enrolled_num, auth_card_num AS delivered_num
    FROM in_force
    UNION ALL
    SELECT project_id, access_auth_id, 'face', face_state, total_face_num, auth_face_num
    FROM in_force
    UNION ALL
    SELECT project_id, access_auth_id, 'fingerprint', fingerprint_state,
        total_fingerprint_num, auth_fingerprint_num
    FROM in_force
),
counters AS (
    SELECT
        project_id,
        auth_task_record_id,
        if(credential = 'card_pwd', 'card', credential) AS credential,
        sum(coalesce(success_issue_num, 0))::BIGINT AS succeeded,
        sum(coalesce(fail_issue_num, 0))::BIGINT AS failed
    FROM issue_infos
    GROUP BY ALL
),
attempts AS (
    SELECT
        r.project_id,
        r.person_id,
        r.name,
        r.mobile_country,
        r.mobile,
        t.access_control_channel_id,
        t.access_control_channel_name,
        t.access_control_channel_no,
        t.access_channel_position_path,
        t.business_device_name,
        r.auth_task_id,
        r.auth_task_record_id,
        if(r.auth_issue_time > 0, r.auth_issue, coalesce(t.task_finish, t.task_start)) AS attempted,
        r.result,
        r.issue_status_text,
        r.issue_info_snapshot IS NOT NULL AS counted,
        k.credential,
        coalesce(i.succeeded, 0) AS succeeded,
        coalesce(i.failed, 0) AS own_failed,
        coalesce(w.failed, 0) AS person_failed
    FROM records AS r
    JOIN tasks AS t
        ON t.project_id = r.project_id AND t.auth_task_id = r.auth_task_id
    CROSS JOIN (VALUES ('card'), ('face'), ('fingerprint')) AS k (credential)
    LEFT JOIN counters AS i
        ON i.project_id = r.project_id
        AND i.auth_task_record_id = r.auth_task_record_id
        AND i.credential = k.credential
    LEFT JOIN counters AS w
        ON w.project_id = r.project_id
        AND w.auth_task_record_id = r.auth_task_record_id
        AND w.credential = 'person'
),
latest AS (
    SELECT
        *,
        own_failed > 0 OR person_failed > 0 AS failed
    FROM attempts
    WHERE NOT counted
        OR succeeded + own_failed + person_failed > 0
        OR result IN ('waiting', 'terminated')
    QUALIFY row_number() OVER (
        PARTITION BY
            project_id,
            person_id,
            credential,
            coalesce(access_control_channel_id, concat_ws(
                chr(31),
                access_control_channel_name,
                access_control_channel_no,
                access_channel_position_path,
                business_device_name
            ))
        ORDER BY attempted DESC NULLS LAST, auth_task_record_id DESC
    ) = 1
),
enrolments AS (
    SELECT DISTINCT
        p.project_id,
        p.person_id,
        s.credential
    FROM states AS s
    JOIN in_force AS p
        ON p.project_id = s.project_id AND p.access_auth_id = s.access_auth_id
    WHERE s.state NOT IN ('not_enrolled', 'unknown')
),
untold AS (
    SELECT
        l.*,
        l.own_failed > 0 OR e.credential IS NOT NULL AS told
    FROM latest AS l
    LEFT JOIN enrolments AS e
        ON e.project_id = l.project_id
        AND e.person_id = l.person_id
        AND e.credential = l.credential
    LEFT JOIN (SELECT DISTINCT project_id, person_id FROM enrolments) AS k
        ON k.project_id = l.project_id
        AND k.person_id = l.person_id
    WHERE l.access_control_channel_id IS NULL
        AND (l.failed OR (l.result = 'failed' AND NOT l.counted))
        AND (l.own_failed > 0 OR e.credential IS NOT NULL OR k.person_id IS NULL)
    QUALIFY told
        OR (
            NOT bool_or(told) OVER (PARTITION BY l.project_id, l.auth_task_record_id)
            AND row_number() OVER (
                PARTITION BY l.project_id, l.auth_task_record_id
                ORDER BY l.credential
            ) = 1
        )
),
found AS (
    SELECT
        p.project_id,
        p.access_auth_id,
        p.person_id,
        p.name,
        p.person_code,
        p.mobile_country,
        p.mobile,
        p.access_control_channel_id,
        p.access_control_channel_name,
        p.access_control_channel_no,
        p.access_channel_position_path,
        p.business_device_name,
        s.credential,
        s.state,
        s.enrolled_num,
        s.delivered_num,
        p.valid_since,
        l.auth_task_id,
        l.auth_task_record_id,
        l.attempted,
        l.result,
        l.issue_status_text,
        l.counted,
        l.succeeded,
        coalesce(l.failed, false) AS failed,
        l.own_failed,
        l.person_failed,
        e.on_device
    FROM states AS s
    JOIN in_force AS p
        ON p.project_id = s.project_id AND p.access_auth_id = s.access_auth_id
    JOIN reached AS e
        ON e.project_id = p.project_id
        AND e.access_control_channel_id IS NOT DISTINCT FROM p.access_control_channel_id
        AND e.person_id IS NOT DISTINCT FROM p.person_id
    LEFT JOIN latest AS l
        ON l.project_id = p.project_id
        AND l.person_id = p.person_id
        AND l.access_control_channel_id = p.access_control_channel_id
        AND l.credential = s.credential
    WHERE s.state IN ('pending', 'partial', 'contradictory')
        OR (
            (l.failed OR (l.result = 'failed' AND NOT l.counted))
            AND s.state NOT IN ('not_enrolled', 'unknown')
        )
    UNION ALL
    SELECT
        project_id, NULL, person_id, name, NULL, mobile_country, mobile, NULL,
        access_control_channel_name, access_control_channel_no,
        access_channel_position_path, business_device_name,
        if(told, credential, 'unknown'), NULL, NULL, NULL, NULL,
        auth_task_id, auth_task_record_id, attempted, result, issue_status_text, counted,
        succeeded, true, own_failed, person_failed, []
    FROM untold
),
channel_shares AS (
    SELECT
        e.project_id,
        e.access_control_channel_id,
        count(*) FILTER (WHERE e.enrolled) AS enrolled,
        count(*) FILTER (WHERE e.enrolled AND f.person_id IS NOT NULL) AS listed
    FROM reached AS e
    LEFT JOIN (
        SELECT DISTINCT project_id, access_control_channel_id, person_id
        FROM found
        WHERE access_auth_id IS NOT NULL
    ) AS f
        ON f.project_id = e.project_id
        AND f.access_control_channel_id = e.access_control_channel_id
        AND f.person_id = e.person_id
    GROUP BY e.project_id, e.access_control_channel_id
),
reasons AS (
    SELECT
        f.*,
        CASE
            WHEN f.access_auth_id IS NULL THEN 'attempt failed, channel not told'
            WHEN c.enrolled >= 5 AND c.listed >= 0.8 * c.enrolled THEN 'device problem'
            WHEN f.failed AND f.state = 'delivered' THEN 'attempt failed, list says delivered'
            WHEN f.failed THEN 'attempt failed'
            WHEN f.auth_task_record_id IS NULL THEN 'no attempt known'
            WHEN f.result = 'failed' AND NOT f.counted THEN 'attempt failed, credential not read'
            WHEN f.result = 'terminated' THEN 'terminated'
            WHEN f.result = 'waiting' THEN 'waiting'
            WHEN f.succeeded > 0 OR f.result = 'succeeded' THEN 'sent, not confirmed'
            ELSE 'result unknown'
        END AS reason,
        list_filter(f.on_device, lambda x: x <> f.credential) AS others
    FROM found AS f
    LEFT JOIN channel_shares AS c
        ON c.project_id = f.project_id
        AND c.access_control_channel_id = f.access_control_channel_id
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
    FROM reasons
),
failing_channels AS (
    SELECT
        r.project_id,
        r.access_control_channel_id,
        min(coalesce(r.access_control_channel_name, r.access_control_channel_id)) AS channel,
        min(r.business_device_name) AS device,
        max(c.enrolled) AS enrolled,
        max(c.listed) AS listed
    FROM reasons AS r
    JOIN channel_shares AS c
        ON c.project_id = r.project_id
        AND c.access_control_channel_id = r.access_control_channel_id
    WHERE r.reason = 'device problem'
    GROUP BY r.project_id, r.access_control_channel_id
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
    SELECT count(*) AS in_force FROM in_force
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
            WHEN open_deletions = 1 THEN '**Delete the one credential again, at the device if need be.** '
            WHEN open_deletions > 1
                THEN '**Delete the ' || format('{:,}', open_deletions) || ' credentials of '
                    || format('{:,}', open_persons) || if(open_persons = 1, ' person', ' persons')
                    || ' again, at the device if need be.** '
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
