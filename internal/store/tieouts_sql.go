package store

// These compare stage.counts, the cloud's totals of its list of permissions under
// filters, with the same counts over the rows of the snapshot. $1 is the last
// total of the walk, NULL where it was not whole; $2 why a count is missing; $3
// the time zone in which a calendar day begins.

// tieOutReady begins each of them: list.total is that of the list without a
// filter, asked again at the end, and moved says whether it was another then.
const tieOutReady = `
INSERT INTO base.tie_outs BY NAME
WITH list AS (
    SELECT
        coalesce(any_value(total), $1::BIGINT) AS total,
        $1::BIGINT AS walked,
        CASE
            WHEN any_value(total) != $1::BIGINT
            THEN 'the list moved from ' || $1::BIGINT || ' to ' || any_value(total) || ' rows meanwhile'
        END AS moved,
        nullif($2::VARCHAR, '') AS uncounted
    FROM stage.counts
    WHERE filter = '' AND total IS NOT NULL
), one AS (
    SELECT filter, value[1] AS value, total, t, problem
    FROM stage.counts
    WHERE filter NOT IN ('', 'channelIds')
),
`

// tieOutChannels adds up the totals of the channels, which were asked one by
// one or in groups that leave none out.
const tieOutChannels = `
ours AS (
    SELECT access_control_channel_id AS channel, count(*) AS n
    FROM base.current_permissions
    WHERE access_control_channel_id != ''
    GROUP BY channel
), asked AS (
    SELECT row_number() OVER () AS request, value, total, problem
    FROM stage.counts
    WHERE filter = 'channelIds'
), parts AS (
    SELECT a.request, a.total, coalesce(sum(o.n), 0) AS n
    FROM (SELECT request, total, unnest(value) AS channel FROM asked WHERE total IS NOT NULL) AS a
    LEFT JOIN ours AS o
        ON o.channel = a.channel
    GROUP BY a.request, a.total
), facts AS (
    SELECT
        l.*,
        (SELECT count(*) FROM base.current_permissions) AS rows,
        (SELECT count(*) FROM ours) AS channels,
        (SELECT count(*) FROM ours WHERE channel NOT IN (SELECT unnest(value) FROM asked WHERE total IS NOT NULL)) AS uncovered,
        (SELECT count(*) FROM base.current_permissions WHERE coalesce(access_control_channel_id, '') = '') AS nameless,
        (SELECT min(problem) FROM asked) AS problem,
        p.*
    FROM list AS l
    CROSS JOIN (
        SELECT
            sum(total)::BIGINT AS sum,
            count(*) AS requests,
            count(*) FILTER (WHERE total != n) AS differing,
            count(*) FILTER (WHERE total = (SELECT total FROM list)) AS unfiltered
        FROM parts
    ) AS p
), judged AS (
    SELECT
        *,
        CASE
            WHEN walked IS NULL OR uncovered > 0 OR requests = 0 THEN 'not tried'
            WHEN differing > 0 AND unfiltered = requests THEN 'filter ignored'
            WHEN sum = rows AND differing = 0 THEN 'agrees'
            ELSE 'differs'
        END AS result
    FROM facts
)
SELECT
    getvariable('snapshot_id') AS snapshot_id,
    getvariable('project_id') AS project_id,
    'sum over channels' AS name,
    'channels' AS kind,
    9 AS position,
    'channelIds=' AS filter,
    requests,
    if(result = 'not tried', NULL, rows) AS ours,
    if(result = 'not tried', NULL, sum) AS theirs,
    result,
    CASE
        WHEN result != 'not tried' THEN concat_ws('; ',
            channels || if(channels = 1, ' channel in ', ' channels in ') || requests || if(requests = 1, ' request', ' requests'),
            if(result = 'filter ignored', 'each total is that of the list without a filter', NULL),
            if(result = 'differs' AND differing > 0, differing || ' of them differ from our rows', NULL),
            if(nameless > 0, nameless || ' permissions name no channel', NULL),
            if(result = 'differs', moved, NULL))
        WHEN walked IS NULL THEN uncounted
        WHEN channels = 0 THEN 'no permission names a channel'
        WHEN requests > 0 THEN coalesce(problem, uncounted) || ': ' || uncovered || ' of ' || channels || ' channels are not covered'
        ELSE coalesce(problem, uncounted)
    END AS note
FROM judged`

// tieOutValidity compares the five values of authDateType. The documents say
// "less than 7 days" and leave open whether days are 24 hours or calendar days,
// whether what has expired is among them, and whether 15 holds what 7 holds: the
// readings are tried in the order of their rank, those of a greater one only
// where none before fits.
const tieOutValidity = `
days(days, shorter) AS (
    VALUES (7::BIGINT, 0::BIGINT), (15, 7), (30, 15)
), bounds AS (
    SELECT
        d.days,
        o.t,
        o.t + d.days * 86_400_000 AS hours,
        o.t + d.shorter * 86_400_000 AS shorter_hours,
        epoch_ms(timezone($3::VARCHAR, date_trunc('day', timezone($3::VARCHAR, make_timestamptz(o.t * 1000))) + to_days(d.days::INTEGER + 1))) AS calendar,
        if(d.shorter = 0, o.t, epoch_ms(timezone($3::VARCHAR,
            date_trunc('day', timezone($3::VARCHAR, make_timestamptz(o.t * 1000))) + to_days(d.shorter::INTEGER + 1)))) AS shorter_calendar
    FROM days AS d
    JOIN one AS o
        ON o.filter = 'authDateType' AND o.value = d.days::VARCHAR
), readings AS (
    SELECT days, t, 1 AS rank, (days * 24) || ' h' AS reading, t + 1 AS since, hours AS until FROM bounds
    UNION ALL
    SELECT days, t, 1, 'calendar days', t + 1, calendar FROM bounds
    UNION ALL
    SELECT days, t, 2, (days * 24) || ' h, the expired too', NULL, hours FROM bounds
    UNION ALL
    SELECT days, t, 2, 'calendar days, the expired too', NULL, calendar FROM bounds
    UNION ALL
    SELECT days, t, 3, (days * 24) || ' h, without the shorter span', shorter_hours, hours FROM bounds WHERE days > 7
    UNION ALL
    SELECT days, t, 3, 'calendar days, without the shorter span', shorter_calendar, calendar FROM bounds WHERE days > 7
), counted AS (
    SELECT
        r.days::VARCHAR AS value,
        r.rank,
        r.reading,
        count(p.auth_end_time) FILTER (WHERE p.auth_end_time < r.until AND (r.since IS NULL OR p.auth_end_time >= r.since)) AS n
    FROM readings AS r
    LEFT JOIN base.current_permissions AS p
        ON true
    GROUP BY r.days, r.rank, r.reading
    UNION ALL
    SELECT '0', 1, NULL, (SELECT count(*) FROM base.current_permissions WHERE auth_end_time >= 2556093599000)
    UNION ALL
    SELECT '-1', 1, NULL, (
        SELECT count(*)
        FROM base.current_permissions
        WHERE auth_end_time <= coalesce((SELECT max(t) FROM one WHERE filter = 'authDateType' AND value = '-1'), 0)
    )
), expected(position, name, value) AS (
    VALUES
        (10, 'permanent', '0'), (11, 'expired', '-1'), (12, 'less than 7 days', '7'),
        (13, 'less than 15 days', '15'), (14, 'less than 30 days', '30')
), tried AS (
    SELECT
        e.position,
        e.name,
        e.value,
        any_value(o.total) AS total,
        any_value(o.problem) AS problem,
        min(c.rank) FILTER (WHERE c.n = o.total) AS rank,
        list({reading: c.reading, n: c.n, rank: c.rank} ORDER BY c.rank, c.reading = 'calendar days') AS counts
    FROM expected AS e
    LEFT JOIN one AS o
        ON o.filter = 'authDateType' AND o.value = e.value
    LEFT JOIN counted AS c
        ON c.value = e.value
    GROUP BY ALL
), judged AS (
    SELECT
        t.*,
        l.walked,
        l.moved,
        coalesce(t.problem, l.uncounted) AS reason,
        list_filter(t.counts, lambda c: c.n = t.total AND c.rank = t.rank) AS fitting,
        list_filter(t.counts, lambda c: c.rank = 1) AS plain,
        CASE
            WHEN l.walked IS NULL OR t.total IS NULL THEN 'not tried'
            WHEN t.rank IS NOT NULL THEN 'agrees'
            WHEN t.total = l.total THEN 'filter ignored'
            ELSE 'differs'
        END AS result
    FROM tried AS t
    CROSS JOIN list AS l
)
SELECT
    getvariable('snapshot_id') AS snapshot_id,
    getvariable('project_id') AS project_id,
    name,
    'validity' AS kind,
    position,
    'authDateType=' || value AS filter,
    if(total IS NULL, 0, 1) AS requests,
    CASE
        WHEN result = 'agrees' THEN fitting[1].n
        WHEN result != 'not tried' THEN plain[1].n
    END AS ours,
    if(result = 'not tried', NULL, total) AS theirs,
    result,
    CASE
        WHEN result = 'agrees' AND len(fitting) > 1 THEN 'either'
        WHEN result = 'agrees' THEN fitting[1].reading
    END AS reading,
    CASE
        WHEN result = 'not tried' THEN reason
        WHEN result = 'filter ignored' THEN 'its total is that of the list without a filter'
        WHEN result = 'differs' THEN nullif(concat_ws('; ',
            if(value IN ('0', '-1'), NULL, list_aggregate(list_transform(plain, lambda c: c.reading || ' gives ' || c.n), 'string_agg', ', ')),
            moved), '')
        WHEN value IN ('0', '-1') THEN NULL
        WHEN len(fitting) > 1 THEN list_aggregate(list_transform(fitting, lambda c: c.reading), 'string_agg', ' and ') || ' give the same'
        ELSE fitting[1].reading || '; ' || list_aggregate(list_transform(
            list_filter(plain, lambda c: c.reading != fitting[1].reading), lambda c: c.reading || ' would give ' || c.n), 'string_agg', ', ')
    END AS note
FROM judged`

// statusCounts are the permissions by issue status.
const statusCounts = `
ours AS (
    SELECT 'cardIssueStatus' AS filter, card_issue_status AS value, count(*) AS n FROM base.current_permissions GROUP BY ALL
    UNION ALL
    SELECT 'faceIssueStatus', face_issue_status, count(*) FROM base.current_permissions GROUP BY ALL
    UNION ALL
    SELECT 'fingerprintIssueStatus', fingerprint_issue_status, count(*) FROM base.current_permissions GROUP BY ALL
), expected AS (
    SELECT
        15 + 3 * k.i + v.value AS position,
        15 + 3 * k.i + 2 AS sum_position,
        k.word || if(v.value = 0, ' to be sent', ' already sent') AS name,
        k.word,
        k.word || 'IssueStatus' AS filter,
        v.value
    FROM (VALUES (0, 'card'), (1, 'face'), (2, 'fingerprint')) AS k(i, word)
    CROSS JOIN (VALUES (0), (1)) AS v(value)
), judged AS (
    SELECT
        e.*,
        o.total,
        coalesce(c.n, 0) AS n,
        l.walked,
        l.moved,
        coalesce(o.problem, l.uncounted) AS reason,
        CASE
            WHEN l.walked IS NULL OR o.total IS NULL THEN 'not tried'
            WHEN coalesce(c.n, 0) = o.total THEN 'agrees'
            WHEN o.total = l.total THEN 'filter ignored'
            ELSE 'differs'
        END AS result
    FROM expected AS e
    CROSS JOIN list AS l
    LEFT JOIN one AS o
        ON o.filter = e.filter AND o.value = e.value::VARCHAR
    LEFT JOIN ours AS c
        ON c.filter = e.filter AND c.value = e.value
)
`

const tieOutStatus = statusCounts + `
SELECT
    getvariable('snapshot_id') AS snapshot_id,
    getvariable('project_id') AS project_id,
    name,
    'status' AS kind,
    position,
    filter || '=' || value AS filter,
    if(total IS NULL, 0, 1) AS requests,
    if(result = 'not tried', NULL, n) AS ours,
    if(result = 'not tried', NULL, total) AS theirs,
    result,
    CASE result
        WHEN 'not tried' THEN reason
        WHEN 'filter ignored' THEN 'its total is that of the list without a filter'
        WHEN 'differs' THEN moved
    END AS note
FROM judged`

// tieOutStatusSums adds up the values of each status: a permission with neither
// is one that the two requests together do not show.
const tieOutStatusSums = statusCounts + `
, sums AS (
    SELECT
        j.sum_position AS position,
        j.word,
        j.filter,
        (SELECT count(*) FROM base.current_permissions) AS rows,
        sum(j.total)::BIGINT AS total,
        any_value(j.moved) AS moved,
        min(j.reason) FILTER (WHERE j.result = 'not tried') AS reason,
        (SELECT sum(o.n) FROM ours AS o WHERE o.filter = j.filter AND coalesce(o.value NOT IN (0, 1), true))::BIGINT AS other,
        CASE
            WHEN bool_or(j.result = 'not tried') THEN 'not tried'
            WHEN sum(j.total) = (SELECT count(*) FROM base.current_permissions) THEN 'agrees'
            WHEN bool_and(j.total = (SELECT total FROM list)) THEN 'filter ignored'
            ELSE 'differs'
        END AS result
    FROM judged AS j
    GROUP BY j.sum_position, j.word, j.filter
)
SELECT
    getvariable('snapshot_id') AS snapshot_id,
    getvariable('project_id') AS project_id,
    word || ', both together' AS name,
    'status' AS kind,
    position,
    filter || '=' AS filter,
    if(result = 'not tried', NULL, rows) AS ours,
    if(result = 'not tried', NULL, total) AS theirs,
    result,
    CASE result
        WHEN 'not tried' THEN reason
        WHEN 'filter ignored' THEN 'each total is that of the list without a filter'
        WHEN 'differs' THEN nullif(concat_ws('; ', if(other > 0, other || ' permissions have neither status', NULL), moved), '')
    END AS note
FROM sums`
