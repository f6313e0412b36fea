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
weighed AS (
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
        ) AS affected
    FROM reasons
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
    CAST(epoch(a.as_of) - epoch(f.valid_since) AS BIGINT) AS waiting_seconds,
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
CROSS JOIN asked AS a
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
