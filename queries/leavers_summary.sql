-- Leavers: the first page
--
-- Question    Does anybody who has left still have a permission, and of how many
--             can it be told?
-- A row is    the whole report.
-- Counted     as in leavers.sql, leavers_deletions.sql and leavers_unsettled.sql.
--             Match rate: of the persons with a permission, the share whose work
--             number the roster has. Accepted: permissions whose person, or
--             person on the channel, an exception that holds names; they are not
--             to be deleted.
-- Parameters  $as_of, $timezone.
-- Limits      With no roster, or with none that has the persons' work numbers,
--             nothing can be concluded.
WITH known AS MATERIALIZED (
    -- Of many persons this takes most of the memory there is: once, and no more
    -- columns than are asked for.
    SELECT project_id, person_id, person_code, permissions, standing, terminated
    FROM roster_persons(CAST($as_of AS TIMESTAMPTZ))
),
departed AS (
    SELECT *
    FROM known
    WHERE standing = 'terminated' AND permissions > 0
),
holding AS (
    SELECT
        p.project_id,
        p.person_id,
        count(*) FILTER (
            WHERE coalesce(p.auth_start <= CAST($as_of AS TIMESTAMPTZ), true)
                AND coalesce(p.auth_end > CAST($as_of AS TIMESTAMPTZ), true)
        ) AS in_force,
        count(DISTINCT p.access_control_channel_id) AS channels,
        count(DISTINCT p.access_control_channel_id) FILTER (WHERE c.sensitive) AS on_sensitive,
        count(*) FILTER (WHERE len(c.on_device) > 0) AS on_device
    FROM permissions AS p
    JOIN permission_context AS c
        ON c.project_id = p.project_id AND c.access_auth_id = p.access_auth_id
    SEMI JOIN departed AS g
        ON g.project_id = p.project_id AND g.person_id = p.person_id
    GROUP BY p.project_id, p.person_id
),
counted AS (
    SELECT
        count(*) AS leavers,
        coalesce(sum(g.permissions), 0)::BIGINT AS permissions,
        count(*) FILTER (WHERE h.in_force > 0) AS can_enter,
        count(*) FILTER (WHERE h.on_sensitive > 0) AS on_sensitive,
        min(g.terminated) AS longest
    FROM departed AS g
    JOIN holding AS h
        ON h.project_id = g.project_id AND h.person_id = g.person_id
),
excepted AS (
    SELECT finding_key
    FROM exception_states(CAST($as_of AS TIMESTAMPTZ), $timezone, 30, '')
    WHERE report = 'leavers' AND holds
),
spared AS (
    SELECT count(*) AS accepted
    FROM permissions AS p
    SEMI JOIN departed AS g
        ON g.project_id = p.project_id AND g.person_id = p.person_id
    SEMI JOIN excepted AS e
        ON e.finding_key IN (p.person_id, p.person_id || '/' || p.access_control_channel_id)
),
persons_with AS (
    SELECT
        count(*) AS persons,
        count(*) FILTER (WHERE standing NOT IN ('no work number', 'not in the roster')) AS matched,
        count(*) FILTER (WHERE standing IN ('no work number', 'not in the roster')) AS unsettled
    FROM known
    WHERE permissions > 0
),
removals AS (
    SELECT
        count(*) FILTER (WHERE r.standing = 'terminated') AS deletions,
        count(DISTINCT (d.project_id, d.person_id)) FILTER (WHERE r.standing = 'terminated') AS deletion_persons,
        count(DISTINCT (d.project_id, d.person_id)) FILTER (WHERE r.standing IS NULL) AS deletions_not_told
    FROM failed_deletions AS d
    LEFT JOIN roster_codes(CAST($as_of AS TIMESTAMPTZ)) AS r
        ON r.person_code = trim(d.person_code)
    WHERE d.cleared_by_task_id IS NULL
),
listed AS (
    SELECT
        count(*) AS roster_lines,
        count(*) FILTER (WHERE p.person_code IS NULL AND c.standing IS DISTINCT FROM 'terminated') AS lines_unmatched
    FROM roster AS r
    LEFT JOIN roster_codes(CAST($as_of AS TIMESTAMPTZ)) AS c
        ON c.person_code = trim(r.person_code)
    LEFT JOIN (
        SELECT DISTINCT trim(person_code) AS person_code FROM known WHERE person_code IS NOT NULL
    ) AS p
        ON p.person_code = trim(r.person_code)
),
told AS (
    SELECT
        *,
        permissions - accepted AS to_delete,
        CASE WHEN roster_lines > 0 AND persons > 0 THEN matched / persons END AS match_share,
        format('{:,}', unsettled) || if(unsettled = 1, ' person', ' persons') AS unsettled_persons
    FROM counted
    CROSS JOIN spared
    CROSS JOIN persons_with
    CROSS JOIN removals
    CROSS JOIN listed
)
SELECT
    CASE
        WHEN roster_lines = 0 THEN
            '**Cannot conclude: there is no roster.** Whether anybody who has left still has a permission can only be told beside one.'
        WHEN leavers > 0 THEN
            '**' || format('{:,}', leavers) || if(leavers = 1, ' person who has left still has ', ' persons who have left still have ')
            || format('{:,}', permissions) || if(permissions = 1, ' permission', ' permissions') || '**'
            || if(on_sensitive > 0, ', ' || format('{:,}', on_sensitive) || ' of them on sensitive channels', '')
            || CASE
                WHEN accepted = 0 THEN ''
                ELSE '; ' || format('{:,}', accepted) || ' of the permissions' || if(accepted = 1, ' is', ' are') || ' accepted as exceptions'
            END
            || '.'
        WHEN matched = 0 THEN
            '**Cannot conclude: the roster has none of the persons'' work numbers.**'
        ELSE '**Nobody who has left is known to have a permission.**'
    END
    || CASE
        WHEN deletions = 0 THEN ''
        ELSE ' **' || format('{:,}', deletions) || if(deletions = 1, ' deletion', ' deletions')
            || ' of ' || if(leavers > 0, 'such persons', 'persons who have left') || if(deletions = 1, ' has', ' have') || ' failed**.'
    END
    || CASE
        WHEN roster_lines = 0 OR unsettled = 0 OR matched = 0 AND leavers = 0 THEN ''
        ELSE ' Of ' || unsettled_persons || ' more it cannot be told: the roster does not settle them.'
    END
    || CASE
        WHEN roster_lines = 0 OR deletions_not_told = 0 THEN ''
        ELSE ' Whether ' || format('{:,}', deletions_not_told)
            || if(deletions_not_told = 1, ' person whose deletion failed has', ' persons whose deletions failed have')
            || ' left cannot be told.'
    END AS answer,
    CASE
        WHEN roster_lines = 0 THEN
            '**Give the roster**: a file roster.csv with person_code, status and terminated_at, named under inputs, before the next collection.'
        WHEN leavers > 0 OR deletions > 0 THEN
            concat_ws(' ',
                CASE
                    WHEN to_delete > 0 THEN
                        '**Delete '
                        || CASE
                            WHEN accepted > 0 THEN
                                format('{:,}', to_delete) || if(to_delete = 1, ' permission', ' permissions') || ' today**, all but the '
                                || format('{:,}', accepted) || ' accepted as exceptions'
                            WHEN permissions = 1 THEN 'the permission today**'
                            ELSE 'the ' || format('{:,}', permissions) || ' permissions today**'
                        END
                        || ', and have the managers confirm the end dates.'
                    WHEN leavers > 0 THEN 'All their permissions are accepted as exceptions: see that each still holds.'
                END,
                CASE WHEN deletions > 0 THEN 'Delete the credentials whose deletion failed at the device.' END,
                CASE WHEN unsettled > 0 THEN 'Then have HR settle the ' || unsettled_persons || '.' END
            )
        WHEN unsettled > 0 THEN '**Have HR settle the ' || unsettled_persons || '** whom the roster does not; until then a clean result says nothing of them.'
        ELSE 'Nothing is to be done.'
    END AS what_to_do,
    CASE
        WHEN leavers > 0 OR deletions > 0 THEN 'critical'
        WHEN roster_lines = 0 OR match_share < 0.9 THEN 'medium'
        WHEN unsettled > 0 THEN 'low'
        ELSE 'good'
    END AS severity,
    if(roster_lines > 0, leavers, NULL) AS leavers,
    if(roster_lines > 0, 'with ' || format('{:,}', permissions) || ' permissions, ' || format('{:,}', can_enter)
        || ' with one in force', 'no roster') AS leavers_note,
    CASE WHEN roster_lines > 0 AND (deletions > 0 OR deletions_not_told = 0) THEN deletions END AS deletions,
    CASE
        WHEN roster_lines = 0 THEN 'no roster'
        WHEN deletions = 0 AND deletions_not_told = 0 THEN 'none is known'
        ELSE
            concat_ws(
                '; ',
                CASE WHEN deletions > 0 THEN 'of ' || format('{:,}', deletion_persons) || if(deletion_persons = 1, ' person', ' persons') || ' who left' END,
                CASE
                    WHEN deletions_not_told > 0 THEN 'cannot be told for '
                        || format('{:,}', deletions_not_told) || if(deletions_not_told = 1, ' person', ' persons')
                END
            )
    END AS deletions_note,
    match_share,
    if(roster_lines > 0, format('{:,}', matched) || ' of ' || format('{:,}', persons) || ' persons with a permission', 'no roster') AS match_note,
    unsettled,
    if(roster_lines > 0, 'and ' || format('{:,}', lines_unmatched) || ' of ' || format('{:,}', roster_lines) || ' roster lines match nobody', 'no roster') AS unsettled_note,
    permissions,
    lines_unmatched,
    roster_lines
FROM told
