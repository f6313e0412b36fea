-- What changed: the first page
--
-- Question    How many permissions were added, removed and changed since
--             $since_snapshot, which of them need a decision, and does the number
--             of permissions agree with them?
-- A row is    the whole report.
-- Counted     as in changes.sql and changes_balance.sql, in permissions; persons
--             who were renamed or moved once each.
-- Limits      as in changes.sql.
WITH asked AS (
    SELECT
        CAST($timezone AS VARCHAR) AS zone,
        coalesce(CAST($since_snapshot AS VARCHAR), CAST($snapshot AS VARCHAR)) AS since_id
),
changed AS (
    SELECT
        c.*,
        r.tier,
        coalesce(lower(trim(r.tier)) IN ('sensitive', '1'), false) AS sensitive
    FROM permission_changes(
        coalesce(CAST($since_snapshot AS VARCHAR), CAST($snapshot AS VARCHAR)),
        CAST($snapshot AS VARCHAR)
    ) AS c
    LEFT JOIN channels AS r
        ON r.project_id = c.project_id
        AND r.access_control_channel_id = c.access_control_channel_id
),
held_before AS (
    SELECT
        h.project_id,
        h.person_id,
        h.access_control_channel_id,
        h.access_auth_id,
        bool_or(h.closed_snapshot IS NULL OR h.closed_snapshot > a.since_id) AS still_held,
        max(h.closed_snapshot) AS removed_in,
        arg_max_null(h.auth_end_time, h.closed_snapshot) AS auth_end_time
    FROM permission_history AS h
    CROSS JOIN asked AS a
    SEMI JOIN (SELECT * FROM changed WHERE kind = 'added') AS c
        ON c.project_id = h.project_id
        AND c.person_id = h.person_id
        AND c.access_control_channel_id = h.access_control_channel_id
    WHERE h.first_snapshot <= a.since_id
    GROUP BY h.project_id, h.person_id, h.access_control_channel_id, h.access_auth_id
),
removed_before AS (
    SELECT
        h.project_id,
        h.person_id,
        h.access_control_channel_id,
        max(s.server_time) FILTER (
            WHERE coalesce(h.auth_end_time > epoch_ms(s.server_time), true)
        ) AS removed_by
    FROM held_before AS h
    LEFT JOIN snapshots AS s
        ON s.project_id = h.project_id
        AND s.snapshot_id = h.removed_in
    GROUP BY h.project_id, h.person_id, h.access_control_channel_id
    HAVING NOT bool_or(h.still_held) AND removed_by IS NOT NULL
),
counted AS (
    SELECT
        count(*) AS changes,
        count(*) FILTER (WHERE c.kind = 'added') AS added,
        count(*) FILTER (WHERE c.kind = 'added' AND c.sensitive) AS added_sensitive,
        count(*) FILTER (WHERE c.kind = 'added' AND b.person_id IS NOT NULL) AS again,
        count(*) FILTER (WHERE c.kind = 'removed') AS removed,
        count(*) FILTER (WHERE c.kind = 'extended') AS extended,
        count(*) FILTER (WHERE c.kind = 'shortened') AS shortened,
        count(*) FILTER (WHERE c.kind = 'became permanent') AS permanent,
        count(*) FILTER (WHERE c.kind = 'time range changed') AS ranges,
        count(*) FILTER (WHERE c.kind = 're-created') AS recreated,
        count(*) FILTER (WHERE c.kind = 'credential state changed') AS states,
        count(DISTINCT (c.project_id, c.person_id)) FILTER (WHERE c.kind IN ('renamed', 'moved')) AS persons,
        list(
            c.name || ' on ' || coalesce(c.access_control_channel_name, c.access_control_channel_id)
            ORDER BY b.person_id IS NULL, c.access_control_channel_name, c.name, c.access_auth_id
        ) FILTER (WHERE c.kind = 'added' AND (c.sensitive OR b.person_id IS NOT NULL)) AS pressing
    FROM changed AS c
    LEFT JOIN removed_before AS b
        ON b.project_id = c.project_id
        AND b.person_id = c.person_id
        AND b.access_control_channel_id = c.access_control_channel_id
),
balance AS (
    SELECT
        coalesce(sum(rows_before), 0)::BIGINT AS rows_before,
        coalesce(sum(rows_after), 0)::BIGINT AS rows_after,
        coalesce(sum(came_and_went), 0)::BIGINT AS came_and_went,
        coalesce(bool_and(agrees), true) AS agrees,
        count(*) FILTER (
            WHERE walked_after IS DISTINCT FROM CAST($snapshot AS VARCHAR)
        ) AS stale_after,
        count(*) FILTER (WHERE walked_before IS DISTINCT FROM CAST($since_snapshot AS VARCHAR)) AS stale_before,
        max(coalesce(walked_after, 'none')) FILTER (
            WHERE walked_after IS DISTINCT FROM CAST($snapshot AS VARCHAR)
        ) AS walk_after,
        max(coalesce(walked_before, 'none')) FILTER (
            WHERE walked_before IS DISTINCT FROM CAST($since_snapshot AS VARCHAR)
        ) AS walk_before
    FROM permission_balance(
        coalesce(CAST($since_snapshot AS VARCHAR), CAST($snapshot AS VARCHAR)),
        CAST($snapshot AS VARCHAR)
    )
),
told AS (
    SELECT
        c.*,
        b.*,
        CAST($since_snapshot AS VARCHAR) IS NULL AS first_collection,
        replace(
            strftime(timezone(a.zone, CAST($since AS TIMESTAMPTZ)), '%-d %B %Y %H:%M'),
            ' ',
            chr(160)
        ) AS since,
        concat_ws(
            ', ',
            if(c.permanent > 0, format('{:,}', c.permanent) || ' became permanent', NULL),
            if(c.extended > 0, format('{:,}', c.extended) || if(c.extended = 1, ' was', ' were') || ' extended', NULL),
            if(c.shortened > 0, format('{:,}', c.shortened) || if(c.shortened = 1, ' was', ' were') || ' shortened', NULL),
            if(c.recreated > 0, format('{:,}', c.recreated) || if(c.recreated = 1, ' was', ' were') || ' re-created', NULL),
            if(c.ranges > 0, format('{:,}', c.ranges) || ' changed the time range', NULL),
            if(c.states > 0, format('{:,}', c.states) || if(c.states = 1, ' credential state', ' credential states') || ' changed', NULL)
        ) AS others
    FROM counted AS c
    CROSS JOIN balance AS b
    CROSS JOIN asked AS a
)
SELECT
    CASE
        WHEN first_collection
            THEN '**This is the first collection: there is nothing earlier to compare with.** It holds '
                || format('{:,}', rows_after) || if(rows_after = 1, ' permission.', ' permissions.')
        WHEN changes = 0 AND stale_after = 0 THEN '**Nothing changed** since ' || since || '.'
        WHEN changes = 0 THEN '**No change is known** since ' || since || '.'
        ELSE
            '**'
            || CASE
                WHEN added = 0 AND removed = 0 THEN 'No permission was added or removed'
                WHEN removed = 0
                    THEN format('{:,}', added) || if(added = 1, ' permission was', ' permissions were')
                        || ' added and none removed'
                WHEN added = 0
                    THEN format('{:,}', removed) || if(removed = 1, ' permission was', ' permissions were')
                        || ' removed and none added'
                ELSE
                    format('{:,}', added) || if(added = 1, ' permission was', ' permissions were') || ' added and '
                    || format('{:,}', removed) || ' removed'
            END
            || '** since ' || since
            || if(others = '', '', '; ' || others)
            || '.'
            || if(
                again = 0,
                '',
                ' **' || format('{:,}', again) || ' of those added had been taken away before.**'
            )
    END
    || CASE
        WHEN stale_after > 0
            THEN ' In this collection the permissions were not read whole: those of '
                || if(walk_after = 'none', 'no collection', walk_after)
                || ' stand in for them, and what changed since is not shown.'
        WHEN NOT first_collection AND stale_before > 0
            THEN ' In the earlier collection the permissions were not read whole: those of '
                || if(walk_before = 'none', 'no collection', walk_before) || ' stand in for them.'
        ELSE ''
    END
    || if(agrees, '', ' **The numbers do not add up: do not rely on this list.**') AS answer,
    CASE
        WHEN first_collection THEN 'Nothing yet: the next collection will show what changed after this one.'
        WHEN again > 0 OR added_sensitive > 0
            THEN 'Have confirmed who asked for ' || array_to_string(pressing[1:3], '; ')
                || if(len(pressing) > 3, '; and ' || format('{:,}', len(pressing) - 3) || ' more', '') || '.'
        WHEN permanent > 0 THEN 'Ask why ' || if(permanent = 1, 'a permission', format('{:,}', permanent) || ' permissions')
            || ' lost the end; let look through the rest.'
        WHEN changes > 0 THEN 'Nothing is pressing: compare what was added and removed with what was asked for.'
    END AS what_to_do,
    CASE
        WHEN NOT agrees OR again > 0 THEN 'critical'
        WHEN added_sensitive > 0 THEN 'high'
        WHEN permanent > 0 OR stale_after > 0 THEN 'medium'
        WHEN changes = 0 THEN 'good'
        ELSE 'low'
    END AS severity,
    if(first_collection, NULL, added) AS added,
    CASE
        WHEN first_collection THEN 'nothing earlier'
        WHEN again > 0 THEN format('{:,}', again) || ' granted again after removal'
        WHEN added_sensitive = 0 THEN 'none on a sensitive channel'
        ELSE format('{:,}', added_sensitive) || ' on sensitive channels'
    END AS added_note,
    if(first_collection, NULL, removed) AS removed,
    if(came_and_went = 0, '', format('{:,}', came_and_went) || ' more came and went in between') AS removed_note,
    if(first_collection, NULL, extended + shortened + permanent + recreated + ranges) AS altered,
    CASE
        WHEN first_collection THEN ''
        ELSE format('{:,}', permanent) || ' became permanent'
    END AS altered_note,
    rows_after,
    CASE
        WHEN first_collection THEN 'nothing earlier'
        WHEN agrees
            THEN format('{:,}', rows_before) || ' + ' || format('{:,}', added) || ' − ' || format('{:,}', removed) || ': agrees'
        ELSE 'start + added − removed differs'
    END AS balance_note,
    CASE
        WHEN persons = 0 THEN ''
        ELSE
            'Also listed: ' || format('{:,}', persons) || if(persons = 1, ' person', ' persons')
            || ' of whom name or organization or channel changed.'
    END AS also_note,
    coalesce(since, 'the first collection') AS since
FROM told
