-- Thoughts that several reports share.

CREATE VIEW permission_context AS
WITH structure_sets AS (
    SELECT DISTINCT project_id, structure_ids
    FROM base.current_permissions
),
members AS (
    SELECT project_id, structure_ids, unnest(list_distinct(structure_ids)) AS structure_id
    FROM structure_sets
),
organizations AS (
    SELECT
        m.project_id,
        m.structure_ids,
        list(
            coalesce(s.structure_name, m.structure_id)
            ORDER BY s.structure_name, m.structure_id
        ) AS names
    FROM members AS m
    LEFT JOIN base.current_structures AS s
        ON s.project_id = m.project_id AND s.structure_id = m.structure_id
    GROUP BY m.project_id, m.structure_ids
),
delivered AS (
    SELECT
        *,
        list_filter(
            [
                if(card_state IN ('delivered', 'partial', 'excess'), 'card', NULL),
                if(face_state IN ('delivered', 'partial', 'excess'), 'face', NULL),
                if(fingerprint_state IN ('delivered', 'partial', 'excess'), 'fingerprint', NULL)
            ],
            lambda x: x IS NOT NULL
        ) AS on_device
    FROM base.current_permissions
)
SELECT
    p.project_id,
    p.access_auth_id,
    c.tier,
    c.owner,
    coalesce(lower(trim(c.tier)) IN ('sensitive', '1'), false) AS sensitive,
    o.names AS organizations,
    p.on_device,
    CASE
        WHEN len(p.on_device) > 0 THEN array_to_string(p.on_device, ', ')
        WHEN 'unknown' IN (p.card_state, p.face_state)
            AND NOT 'pending' IN (p.card_state, p.face_state, p.fingerprint_state) THEN 'unknown'
        WHEN p.card_state = 'not_enrolled' AND p.face_state = 'not_enrolled'
            AND p.fingerprint_state IN ('not_enrolled', 'unknown') THEN 'nothing enrolled'
        ELSE 'nothing on the device'
    END AS means
FROM delivered AS p
LEFT JOIN channel_register AS c
    ON c.access_control_channel_id = p.access_control_channel_id
LEFT JOIN organizations AS o
    ON o.project_id = p.project_id AND o.structure_ids = p.structure_ids;
COMMENT ON VIEW permission_context IS 'What else is known of one permission: of its channel, its person''s organizations, and its device.';
COMMENT ON COLUMN permission_context.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN permission_context.access_auth_id IS 'API access-auth: accessAuthId, the permission';
COMMENT ON COLUMN permission_context.tier IS 'channels.csv: tier of the channel; NULL where it gives none';
COMMENT ON COLUMN permission_context.owner IS 'channels.csv: owner of the channel; NULL where it gives none';
COMMENT ON COLUMN permission_context.sensitive IS 'Derived: tier is sensitive or 1; no other tier, and no channel without one, is';
COMMENT ON COLUMN permission_context.organizations IS 'Derived: names of structure_ids, the id where structures has no name; NULL where there are none';
COMMENT ON COLUMN permission_context.on_device IS 'Derived: the credentials (card, face, fingerprint) whose state is delivered, partial or excess';
COMMENT ON COLUMN permission_context.means IS 'Derived: on_device in words; nothing on the device; nothing enrolled (cards and faces; fingerprints where they are counted); unknown where the counts are absent';

CREATE VIEW person_context AS
WITH permitted AS (
    SELECT
        project_id,
        person_id,
        max_by(name, access_auth_id) FILTER (WHERE trim(name) <> '') AS name,
        max_by(person_code, access_auth_id) FILTER (WHERE trim(person_code) <> '') AS person_code,
        list_sort(list_distinct(flatten(list(structure_ids)))) AS structure_ids,
        count(*) AS permissions
    FROM base.current_permissions
    WHERE person_id IS NOT NULL
    GROUP BY project_id, person_id
),
named AS (
    SELECT
        coalesce(l.project_id, p.project_id) AS project_id,
        coalesce(l.person_id, p.person_id) AS person_id,
        coalesce(nullif(trim(l.name), ''), nullif(trim(p.name), '')) AS name,
        coalesce(nullif(trim(l.person_code), ''), nullif(trim(p.person_code), '')) AS person_code,
        l.person_id IS NOT NULL AS listed,
        coalesce(p.permissions, 0) AS permissions,
        p.structure_ids
    FROM base.current_persons AS l
    FULL JOIN permitted AS p
        ON p.project_id = l.project_id AND p.person_id = l.person_id
),
members AS (
    SELECT project_id, person_id, unnest(structure_ids) AS structure_id
    FROM named
),
organizations AS (
    SELECT
        m.project_id,
        m.person_id,
        list(
            coalesce(s.structure_name, m.structure_id)
            ORDER BY s.structure_name, m.structure_id
        ) AS names
    FROM members AS m
    LEFT JOIN base.current_structures AS s
        ON s.project_id = m.project_id AND s.structure_id = m.structure_id
    GROUP BY m.project_id, m.person_id
),
shared_codes AS (
    SELECT project_id, person_code, list_sort(list(person_id)) AS person_ids
    FROM named
    WHERE person_code IS NOT NULL
    GROUP BY project_id, person_code
    HAVING count(*) > 1
)
SELECT
    n.project_id,
    n.person_id,
    n.name,
    n.person_code,
    n.listed,
    n.permissions,
    n.structure_ids,
    o.names AS organizations,
    list_filter(c.person_ids, lambda x: x <> n.person_id) AS twins
FROM named AS n
LEFT JOIN organizations AS o
    ON o.project_id = n.project_id AND o.person_id = n.person_id
LEFT JOIN shared_codes AS c
    ON c.project_id = n.project_id AND c.person_code = n.person_code;
COMMENT ON VIEW person_context IS 'One person whom the list of persons or that of permissions names.';
COMMENT ON COLUMN person_context.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN person_context.person_id IS 'API list-auth-person, access-auth: personId';
COMMENT ON COLUMN person_context.name IS 'Derived: name of the person in list-auth-person, where blank in the permission with the greatest id that has one; NULL where both are';
COMMENT ON COLUMN person_context.person_code IS 'Derived: personCode in list-auth-person, where blank in the permission with the greatest id that has one; NULL where both are';
COMMENT ON COLUMN person_context.listed IS 'Derived: the person is in list-auth-person';
COMMENT ON COLUMN person_context.permissions IS 'Derived: how many permissions the person has';
COMMENT ON COLUMN person_context.structure_ids IS 'Derived: every structureIds of the permissions, sorted; NULL where there is no permission';
COMMENT ON COLUMN person_context.organizations IS 'Derived: names of structure_ids, the id where structures has no name; NULL where there are none';
COMMENT ON COLUMN person_context.twins IS 'Derived: other person_ids with the same person_code; NULL where there are none';

CREATE VIEW failed_deletions AS
WITH deletions AS (
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
    SELECT project_id, person_id, person_code, 2 AS place, last_seen, person_id AS id
    FROM person_history
    WHERE trim(person_code) <> ''
    UNION ALL
    SELECT project_id, person_id, person_code, 1, last_seen, access_auth_id
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
        arg_max(person_code, (place, last_seen, id)) AS person_code
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
        count(DISTINCT nullif(status, '')) AS statuses,
        max(status) AS status
    FROM roster
    GROUP BY person_code
)
SELECT
    l.project_id,
    l.auth_task_record_id,
    l.credential,
    l.auth_task_id,
    l.person_id,
    l.name,
    coalesce(k.person_code, 'unknown') AS person_code,
    CASE
        WHEN (SELECT count(*) FROM roster_codes) = 0 THEN 'no roster'
        WHEN k.person_code IS NULL THEN 'unknown'
        WHEN o.person_code IS NULL THEN 'not in the roster'
        WHEN o.statuses = 1 THEN o.status
        ELSE 'unknown'
    END AS roster_status,
    l.access_control_channel_id,
    l.access_control_channel_name,
    l.access_control_channel_no,
    l.access_channel_position_path,
    l.business_device_name,
    l.success_issue_del_num,
    l.fail_issue_del_num,
    l.times_failed,
    l.first_failed,
    l.attempted AS last_failed,
    CASE
        WHEN l.channel_match IS DISTINCT FROM 'exact' THEN NULL
        ELSE EXISTS (
            SELECT 1
            FROM base.current_permissions AS p
            WHERE p.project_id = l.project_id
                AND p.person_id = l.person_id
                AND p.access_control_channel_id = l.access_control_channel_id
        )
    END AS permission_listed,
    c.auth_task_id AS cleared_by_task_id
FROM last_deletions AS l
LEFT JOIN cleared AS c
    ON c.project_id = l.project_id
    AND c.auth_task_record_id = l.auth_task_record_id
    AND c.credential = l.credential
LEFT JOIN codes AS k
    ON k.project_id = l.project_id AND k.person_id = l.person_id
LEFT JOIN roster_codes AS o
    ON o.person_code = k.person_code
WHERE l.fail_issue_del_num > 0;
COMMENT ON VIEW failed_deletions IS 'One credential of one person on one channel whose last deletion failed: removed in the cloud, perhaps not from the device. Only a later record that deleted and failed nothing closes it; that the permission is no longer listed does not.';
COMMENT ON COLUMN failed_deletions.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN failed_deletions.auth_task_record_id IS 'Derived: the last record about deleting it';
COMMENT ON COLUMN failed_deletions.credential IS 'Derived: person, card, card_pwd, face or fingerprint, as in issue_infos';
COMMENT ON COLUMN failed_deletions.auth_task_id IS 'Derived: the task of that record';
COMMENT ON COLUMN failed_deletions.person_id IS 'API access-auth-task/records: personId, the person';
COMMENT ON COLUMN failed_deletions.name IS 'API access-auth-task/records: name, the person''s name';
COMMENT ON COLUMN failed_deletions.person_code IS 'Derived: the newest not blank that list-auth-person gave for the person_id up to the snapshot, else access-auth; unknown where none did, or gave the same one for another person too';
COMMENT ON COLUMN failed_deletions.roster_status IS 'Derived: status of that work number in roster.csv; not in the roster; no roster; unknown where the work number is, or the roster has no status or several';
COMMENT ON COLUMN failed_deletions.access_control_channel_id IS 'Derived: as in tasks; NULL where the channel cannot be told';
COMMENT ON COLUMN failed_deletions.access_control_channel_name IS 'API access-auth-task: accessControlChannelName, the channel''s name';
COMMENT ON COLUMN failed_deletions.access_control_channel_no IS 'API access-auth-task: accessControlChannelNo, the channel''s number on its device';
COMMENT ON COLUMN failed_deletions.access_channel_position_path IS 'API access-auth-task: accessChannelPositionPath, where the area is';
COMMENT ON COLUMN failed_deletions.business_device_name IS 'API access-auth-task: businessDeviceName, the device of the channel';
COMMENT ON COLUMN failed_deletions.success_issue_del_num IS 'API access-auth-task/actions/issue-info: successIssueDelNum of that record, 0 where absent';
COMMENT ON COLUMN failed_deletions.fail_issue_del_num IS 'API access-auth-task/actions/issue-info: failIssueDelNum of that record';
COMMENT ON COLUMN failed_deletions.times_failed IS 'Derived: records in which it failed since it last succeeded';
COMMENT ON COLUMN failed_deletions.first_failed IS 'Derived: the first of them, by the record''s time or its task''s';
COMMENT ON COLUMN failed_deletions.last_failed IS 'Derived: the last of them';
COMMENT ON COLUMN failed_deletions.permission_listed IS 'Derived: the person has a permission on the channel again or still; NULL where the channel cannot be told';
COMMENT ON COLUMN failed_deletions.cleared_by_task_id IS 'Derived: a later task that issued all permissions of the channel and succeeded for all, which may have cleared the device; that is inferred, not proven';

CREATE VIEW record_coverage AS
SELECT
    s.project_id,
    coalesce(r.records, 0) AS records,
    coalesce(r.records_read, 0) AS records_read,
    coalesce(t.tasks_unread, 0) AS tasks_unread,
    coalesce(g.revoked_unread, 0) AS revoked_unread
FROM (
    SELECT DISTINCT p.project_id
    FROM base.snapshots AS p
    CROSS JOIN base.as_of AS a
    WHERE p.snapshot_id = a.snapshot_id
        AND (a.project_id IS NULL OR p.project_id = a.project_id)
) AS s
LEFT JOIN (
    SELECT
        project_id,
        count(*) AS records,
        count(*) FILTER (WHERE issue_info_snapshot IS NOT NULL) AS records_read
    FROM records
    GROUP BY project_id
) AS r
    ON r.project_id = s.project_id
LEFT JOIN (
    SELECT t.project_id, count(*) AS tasks_unread
    FROM tasks AS t
    ANTI JOIN base.current_records AS k
        ON k.project_id = t.project_id AND k.auth_task_id = t.auth_task_id
    WHERE coalesce(t.auth_num, 1) <> 0
    GROUP BY t.project_id
) AS t
    ON t.project_id = s.project_id
LEFT JOIN (
    SELECT
        k.project_id,
        count(DISTINCT (k.person_id, t.access_control_channel_id)) AS revoked_unread
    FROM records AS k
    JOIN tasks AS t
        ON t.project_id = k.project_id AND t.auth_task_id = k.auth_task_id
    ANTI JOIN base.current_permissions AS p
        ON p.project_id = k.project_id
        AND p.person_id = k.person_id
        AND p.access_control_channel_id = t.access_control_channel_id
    WHERE k.issue_info_snapshot IS NULL
    GROUP BY k.project_id
) AS g
    ON g.project_id = s.project_id;
COMMENT ON VIEW record_coverage IS 'How much of what was pushed to the devices was read, of one project: what rests on the results of records is known for those alone.';
COMMENT ON COLUMN record_coverage.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN record_coverage.records IS 'Derived: records known';
COMMENT ON COLUMN record_coverage.records_read IS 'Derived: of them, those whose results (issue_infos) were read';
COMMENT ON COLUMN record_coverage.tasks_unread IS 'Derived: tasks of which no record is known, though they are not empty';
COMMENT ON COLUMN record_coverage.revoked_unread IS 'Derived: persons on a channel, in records whose results were not read, who have no permission there any more: a failed deletion could not be seen';
