-- What several queries of one report have in common, each as a macro that they name.

CREATE MACRO issue_findings(moment) AS TABLE
WITH in_force AS (
    SELECT
        p.* REPLACE (coalesce(p.person_id, p.access_auth_id) AS person_id),
        CASE
            WHEN p.auth_create > p.auth_start THEN p.auth_create
            ELSE coalesce(p.auth_start, p.auth_create)
        END AS valid_since
    FROM permissions AS p
    WHERE coalesce(p.auth_start <= moment, true)
        AND coalesce(p.auth_end > moment, true)
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
        c.enrolled AS enrolled_persons,
        c.listed AS listed_persons
    FROM found AS f
    LEFT JOIN channel_shares AS c
        ON c.project_id = f.project_id
        AND c.access_control_channel_id = f.access_control_channel_id
)
SELECT
    r.project_id,
    r.access_auth_id,
    r.person_id,
    r.name,
    r.person_code,
    r.mobile_country,
    r.mobile,
    r.access_control_channel_id,
    r.access_control_channel_name,
    r.access_control_channel_no,
    r.access_channel_position_path,
    r.business_device_name,
    r.credential,
    r.state,
    r.enrolled_num,
    r.delivered_num,
    r.valid_since,
    r.auth_task_id,
    r.auth_task_record_id,
    r.attempted,
    r.result,
    r.issue_status_text,
    r.own_failed,
    r.person_failed,
    r.on_device,
    r.reason,
    r.enrolled_persons,
    r.listed_persons
FROM reasons AS r;
COMMENT ON MACRO TABLE issue_findings IS 'One credential of a permission in force at the moment that is not on its device by the list''s counts, or whose last record failed; or, with access_auth_id NULL, a failed record whose channel cannot be told. What is listed, and why, the report failed-issues says.
person_id: API: personId; that of a permission that names no person is its access_auth_id
credential: Derived: card, face, fingerprint; unknown of a record without a permission that counts for none
state: Derived: its state by the list''s counts
enrolled_num: API access-auth: how many the person has of it
delivered_num: API access-auth: how many are on the device
valid_since: Derived: when the permission began, or was created, whichever is later
auth_task_id: Derived: the task of the last record that tried it; NULL where none is known
auth_task_record_id: Derived: that record
attempted: Derived: when
result: Derived: of that record, as in records
issue_status_text: Derived: of that record, as in records
own_failed: Derived: failures that the record counts for the credential
person_failed: Derived: failures that it counts for the person
on_device: Derived: the credentials of the person that are on the channel''s device
reason: Derived: device problem; attempt failed, in four kinds; terminated; waiting; sent, not confirmed; result unknown; no attempt known
enrolled_persons: Derived: persons with anything enrolled on the channel
listed_persons: Derived: of them, those with a row here';

CREATE MACRO identity_findings() AS TABLE
WITH people AS (
    SELECT
        *,
        nullif(lower(replace(replace(name, ' ', ''), chr(12288), '')), '') AS plain_name
    FROM person_context
),
once_permitted AS (
    SELECT DISTINCT h.project_id, h.person_id
    FROM permission_history AS h
    WHERE h.closed_snapshot IS NOT NULL
),
-- Persons who had permissions and have none.
revoked AS (
    SELECT o.project_id, o.person_id
    FROM once_permitted AS o
    ANTI JOIN permissions AS p
        ON p.project_id = o.project_id AND p.person_id = o.person_id
),
same_code AS (
    SELECT
        p.project_id,
        p.person_id,
        count(*) AS others,
        bool_or(
            p.permissions > 0 AND r.person_id IS NOT NULL
            OR q.permissions > 0 AND m.person_id IS NOT NULL
        ) AS lives_on,
        list(q.person_id ORDER BY q.person_id) AS other_ids
    FROM people AS p
    JOIN people AS q
        ON q.project_id = p.project_id AND q.person_code = p.person_code AND q.person_id <> p.person_id
    LEFT JOIN revoked AS r
        ON r.project_id = q.project_id AND r.person_id = q.person_id
    LEFT JOIN revoked AS m
        ON m.project_id = p.project_id AND m.person_id = p.person_id
    GROUP BY p.project_id, p.person_id
),
same_name AS (
    SELECT
        p.project_id,
        p.person_id,
        list(q.person_id ORDER BY q.person_id) AS other_ids
    FROM people AS p
    JOIN people AS q
        ON q.project_id = p.project_id
        AND q.plain_name = p.plain_name
        AND q.structure_ids = p.structure_ids
        AND q.person_id <> p.person_id
        AND q.person_code IS DISTINCT FROM p.person_code
    WHERE len(p.structure_ids) > 0
    GROUP BY p.project_id, p.person_id
),
spellings AS (
    SELECT project_id, person_id, trim(name) AS name, trim(person_code) AS person_code
    FROM persons
    UNION ALL
    SELECT project_id, person_id, trim(name), trim(person_code)
    FROM permissions
),
differing AS (
    SELECT
        project_id,
        person_id,
        list_sort(list(DISTINCT name) FILTER (WHERE name <> '')) AS names,
        list_sort(list(DISTINCT person_code) FILTER (WHERE person_code <> '')) AS codes
    FROM spellings
    GROUP BY project_id, person_id
),
former_names AS (
    SELECT
        h.project_id,
        h.person_id,
        list_sort(list(DISTINCT trim(h.name))) AS names
    FROM person_history AS h
    JOIN persons AS p
        ON p.project_id = h.project_id AND p.person_id = h.person_id
    WHERE h.closed_snapshot IS NOT NULL
        AND trim(h.name) <> ''
        AND trim(h.name) <> trim(p.name)
    GROUP BY h.project_id, h.person_id
),
issues AS (
    SELECT
        p.project_id, p.person_id,
        'shared work number' AS issue,
        if(s.lives_on, 'high', 'medium') AS severity,
        if(s.lives_on, 'one of them was revoked, another has permissions: ', '') || 'work no. ' || p.person_code
            || ' also of ' || if(s.others = 1, 'another person id', s.others || ' other person ids') AS evidence,
        s.other_ids
    FROM people AS p
    JOIN same_code AS s
        ON s.project_id = p.project_id AND s.person_id = p.person_id
    UNION ALL
    SELECT
        p.project_id, p.person_id, 'same name', 'medium',
        'same name and organizations as ' || if(len(s.other_ids) = 1, 'another person id', len(s.other_ids) || ' other person ids'),
        s.other_ids
    FROM people AS p
    JOIN same_name AS s
        ON s.project_id = p.project_id AND s.person_id = p.person_id
    UNION ALL
    SELECT project_id, person_id, 'no work number', 'medium', 'blank in the list of persons and in the permissions', NULL
    FROM people
    WHERE person_code IS NULL AND permissions > 0
    UNION ALL
    SELECT project_id, person_id, 'other name', 'medium', array_to_string(names, ' / '), NULL
    FROM differing
    WHERE len(names) > 1
    UNION ALL
    SELECT project_id, person_id, 'other work number', 'medium', array_to_string(codes, ' / '), NULL
    FROM differing
    WHERE len(codes) > 1
    UNION ALL
    SELECT project_id, person_id, 'not in the list of persons', 'medium', 'only the permissions name the person', NULL
    FROM people
    WHERE NOT listed AND project_id IN (SELECT project_id FROM persons)
    UNION ALL
    SELECT project_id, person_id, 'no organization', 'medium', 'no permission names one', NULL
    FROM people
    WHERE permissions > 0 AND coalesce(len(structure_ids), 0) = 0
    UNION ALL
    SELECT project_id, person_id, 'renamed', 'low', 'was ' || array_to_string(names, ', '), NULL
    FROM former_names
    UNION ALL
    SELECT project_id, person_id, 'without permissions', 'low', 'in the list of persons, with no permission', NULL
    FROM people
    WHERE listed AND permissions = 0
)
SELECT
    i.project_id,
    i.person_id,
    p.name,
    p.person_code,
    p.organizations,
    p.permissions,
    i.issue,
    i.severity,
    i.evidence,
    i.other_ids
FROM issues AS i
LEFT JOIN people AS p
    ON p.project_id = i.project_id AND p.person_id = i.person_id;
COMMENT ON MACRO TABLE identity_findings IS 'One reason why the identity of one person cannot be relied on, as the report identity-quality lists them.
issue: Derived: shared work number, same name, no work number, other name, other work number, not in the list of persons, no organization, renamed, or without permissions
severity: Derived: high where one id may keep what was revoked of another; low of renamed and without permissions; else medium
evidence: Derived: what shows it, in words
other_ids: Derived: the person_ids that it is shared with; NULL where it is not shared';

CREATE MACRO access_counts(moment, factor, min_more, min_ratio, min_peers, max_channels) AS TABLE
WITH in_force AS (
    SELECT
        p.project_id,
        p.person_id,
        p.access_control_channel_id,
        bool_or(x.sensitive) AS sensitive
    FROM permissions AS p
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= moment, true)
        AND coalesce(p.auth_end > moment, true)
        AND p.person_id IS NOT NULL
    GROUP BY p.project_id, p.person_id, p.access_control_channel_id
),
per_person AS (
    SELECT
        i.project_id,
        i.person_id,
        coalesce(any_value(c.structure_ids), []) AS structure_ids,
        any_value(c.organizations) AS organizations,
        any_value(c.name) AS name,
        any_value(c.person_code) AS person_code,
        count(*) AS channels,
        count(*) FILTER (WHERE i.sensitive) AS sensitive_channels
    FROM in_force AS i
    LEFT JOIN person_context AS c
        ON c.project_id = i.project_id AND c.person_id = i.person_id
    GROUP BY i.project_id, i.person_id
),
-- One group for each set of organizations, and one, with structure_ids NULL, for
-- the whole project.
peer_groups AS (
    SELECT
        project_id,
        structure_ids,
        count(*) AS size,
        CAST(median(channels) AS DOUBLE) AS median_channels,
        CAST(mad(channels) AS DOUBLE) AS mad_channels,
        CAST(median(sensitive_channels) AS DOUBLE) AS median_sensitive
    FROM per_person
    GROUP BY GROUPING SETS ((project_id), (project_id, structure_ids))
),
compared AS (
    SELECT
        p.*,
        coalesce(own.size, everyone.size) AS peers,
        own.size IS NOT NULL AS own_peers,
        coalesce(own.median_channels, everyone.median_channels) AS median_channels,
        coalesce(own.mad_channels, everyone.mad_channels) AS mad_channels,
        coalesce(own.median_sensitive, everyone.median_sensitive) AS median_sensitive
    FROM per_person AS p
    LEFT JOIN peer_groups AS own
        ON own.project_id = p.project_id
        AND own.structure_ids = p.structure_ids
        AND own.size >= min_peers
    LEFT JOIN peer_groups AS everyone
        ON everyone.project_id = p.project_id
        AND everyone.structure_ids IS NULL
)
SELECT
    c.project_id,
    c.person_id,
    c.structure_ids,
    c.organizations,
    c.name,
    c.person_code,
    c.channels,
    c.sensitive_channels,
    c.peers,
    c.own_peers,
    c.median_channels,
    c.median_sensitive,
    c.channels - c.median_channels AS more,
    if(c.mad_channels > 0, (c.channels - c.median_channels) / (1.4826 * c.mad_channels), NULL) AS score,
    if(c.sensitive_channels > c.median_sensitive, 'high', 'medium') AS severity,
    (c.channels > c.median_channels + factor * 1.4826 * c.mad_channels
        AND c.channels - c.median_channels >= min_more
        AND c.channels >= min_ratio * c.median_channels)
    OR (max_channels > 0 AND c.channels > max_channels) AS excessive
FROM compared AS c;
COMMENT ON MACRO TABLE access_counts IS 'One person with a permission in force at the moment, and how many channels the peers have: the persons of exactly the same organizations, or all of the project where those are fewer than min_peers. How the report excessive-access counts.
structure_ids: Derived: as in person_context; empty where there are none
organizations: Derived: as in person_context
channels: Derived: channels with a permission in force
sensitive_channels: Derived: of them, those that are sensitive
peers: Derived: how many persons the person is compared with, the person among them
own_peers: Derived: the peers are those of the same organizations
median_channels: Derived: the peers'' median of channels
median_sensitive: Derived: the peers'' median of sensitive_channels
more: Derived: channels less median_channels
score: Derived: more by 1.4826 times the median distance to the median; NULL where that is 0
severity: Derived: high where sensitive_channels is above the peers'' median, else medium
excessive: Derived: more than factor times that distance, and at least min_more, beyond the median, and at least min_ratio times the median; or more than max_channels, where that is not 0';

CREATE MACRO asked_queries(moment, zone, days) AS TABLE
SELECT
    seq,
    "at",
    json_extract_string(detail, '$.by') AS account,
    json_extract_string(detail, '$.snapshot') AS snapshot_id,
    TRY_CAST(json_extract_string(detail, '$.as_of') AS TIMESTAMPTZ) AS as_of,
    json_extract_string(detail, '$.previous') AS previous,
    json_extract_string(detail, '$.project') AS project_id,
    json_extract_string(detail, '$.mask') AS mask,
    json_extract_string(detail, '$.format') AS format,
    array_to_string(CAST(json_extract_string(detail, '$.parameters[*]') AS VARCHAR[]), ', ') AS parameters,
    json_extract_string(detail, '$.outcome') AS outcome,
    TRY_CAST(json_extract_string(detail, '$.rows') AS BIGINT) AS rows,
    coalesce(json_extract_string(detail, '$.cut') = 'true', false) AS cut,
    TRY_CAST(json_extract_string(detail, '$.ms') AS BIGINT) AS ms,
    json_extract_string(detail, '$.sql_sha256') AS sql_sha256,
    json_extract_string(detail, '$.result_sha256') AS result_sha256,
    json_extract_string(detail, '$.text') AS text_file
FROM journal
WHERE kind = 'query'
    AND "at" <= moment
    AND CAST(timezone(zone, "at") AS DATE) > CAST(timezone(zone, moment) AS DATE) - CAST(days AS INTEGER);
COMMENT ON MACRO TABLE asked_queries IS 'One query that exporter sql ran in the days before the moment, in the zone, by the journal. What was refused did not run and is not here.
seq: journal.ndjson: seq of the line
at: journal.ndjson: at, when it was entered
account: journal.ndjson: by, the account of the operating system that asked
snapshot_id: journal.ndjson: snapshot that was asked
as_of: journal.ndjson: as_of, the time that was asked about
previous: journal.ndjson: previous, the earlier snapshot that was asked beside it
project_id: journal.ndjson: project, where one was chosen
mask: journal.ndjson: mask that it was read with
format: journal.ndjson: format of the answer
parameters: journal.ndjson: names of the parameters, joined by commas
outcome: journal.ndjson: outcome: ok, failed, interrupted, or the limit that ended it: time, memory, space
rows: journal.ndjson: rows of the answer
cut: journal.ndjson: cut, whether there were more rows
ms: journal.ndjson: ms that it took
sql_sha256: journal.ndjson: SHA-256 of its text
result_sha256: journal.ndjson: SHA-256 of its rows as csv
text_file: journal.ndjson: text, the file in the store that has its text';
