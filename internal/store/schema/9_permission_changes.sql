-- Whether two lists differ as sets; only where they differ as lists are they sorted.
CREATE MACRO base.other_set(a, b) AS
    CASE WHEN a <> b THEN list_sort(list_distinct(a)) <> list_sort(list_distinct(b)) ELSE a <> b END;

CREATE MACRO permission_changes(from_snapshot, to_snapshot) AS TABLE
WITH
-- The two snapshots; an id that there is not, the wrong order, and history that
-- has been purged are errors.
bounds AS (
    SELECT
        CASE
            WHEN count(*) FILTER (WHERE s.snapshot_id = from_snapshot) = 0
                THEN error('permission_changes: no snapshot ' || from_snapshot || '; the table snapshots has their ids')
            WHEN count(*) FILTER (WHERE s.snapshot_id = to_snapshot) = 0
                THEN error('permission_changes: no snapshot ' || to_snapshot || '; the table snapshots has their ids')
            WHEN from_snapshot > to_snapshot
                THEN error('permission_changes: ' || from_snapshot || ' is later than ' || to_snapshot)
            ELSE base.unpurged(from_snapshot)
        END AS low,
        to_snapshot AS high,
        any_value(a.project_id) AS project_id
    FROM base.snapshots AS s
    CROSS JOIN base.as_of AS a
    WHERE s.snapshot_id <= a.snapshot_id
        AND (a.project_id IS NULL OR s.project_id = a.project_id)
),
-- The versions that begin or end between the two: of a permission that differs,
-- all that matter.
touched AS (
    SELECT
        h.project_id,
        h.access_auth_id,
        h.person_id,
        h.access_control_channel_id,
        h.first_snapshot,
        h.closed_snapshot,
        h.first_snapshot <= b.low AS was,
        h.closed_snapshot IS NULL OR h.closed_snapshot > b.high AS stays,
        h.name,
        h.person_code,
        h.access_control_channel_name,
        h.access_channel_room_id,
        h.access_channel_position_path,
        h.structure_ids,
        h.auth_start_time,
        h.auth_end_time,
        if(h.permanent, 2556093599000, h.auth_end_time) AS normal_end,
        h.auth_start,
        h.auth_end,
        h.permanent,
        h.access_auth_time_range_id,
        h.access_auth_time_range_str,
        h.card_state,
        h.face_state,
        h.fingerprint_state
    FROM base.permission_versions AS h
    CROSS JOIN bounds AS b
    WHERE (h.first_snapshot > b.low AND h.first_snapshot <= b.high
            OR h.closed_snapshot > b.low AND h.closed_snapshot <= b.high)
        AND (b.project_id IS NULL OR h.project_id = b.project_id)
),
-- A permission before and after.
sides AS (
    SELECT
        e AS before,
        l AS after,
        e.access_auth_id IS NOT NULL AS was,
        l.access_auth_id IS NOT NULL AS stays
    FROM (FROM touched WHERE was) AS e
    FULL JOIN (FROM touched WHERE stays) AS l
        ON l.project_id = e.project_id
        AND l.access_auth_id = e.access_auth_id
        AND l.person_id IS NOT DISTINCT FROM e.person_id
        AND l.access_control_channel_id IS NOT DISTINCT FROM e.access_control_channel_id
),
-- Those that are in one snapshot only, numbered among those of their person and
-- channel.
singles AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY was, one.project_id, one.person_id, one.access_control_channel_id
            ORDER BY one.auth_start_time, one.auth_end_time, one.access_auth_id
        ) AS n
    FROM (
        SELECT *, if(was, before, after) AS one
        FROM sides
        WHERE NOT was OR NOT stays
    )
),
pairs AS (
    SELECT before, after FROM sides WHERE was AND stays
    UNION ALL
    SELECT g.before, c.after
    FROM (FROM singles WHERE was) AS g
    FULL JOIN (FROM singles WHERE stays) AS c
        ON c.one.project_id = g.one.project_id
        AND c.one.person_id = g.one.person_id
        AND c.one.access_control_channel_id = g.one.access_control_channel_id
        AND c.n = g.n
),
-- The kinds of change of each pair.
named AS (
    SELECT
        before,
        after,
        list_filter([
            CASE WHEN before.access_auth_id IS NULL THEN 'added' END,
            CASE WHEN after.access_auth_id IS NULL THEN 'removed' END,
            CASE WHEN before.access_auth_id <> after.access_auth_id THEN 're-created' END,
            CASE WHEN after.normal_end > before.normal_end AND NOT after.permanent
                    OR after.auth_start_time < before.auth_start_time
                THEN 'extended' END,
            CASE WHEN after.normal_end < before.normal_end
                    OR after.auth_start_time > before.auth_start_time
                THEN 'shortened' END,
            CASE WHEN after.normal_end > before.normal_end AND after.permanent THEN 'became permanent' END,
            CASE WHEN after.access_auth_time_range_id <> before.access_auth_time_range_id THEN 'time range changed' END,
            CASE WHEN after.card_state <> before.card_state
                    OR after.face_state <> before.face_state
                    OR after.fingerprint_state <> before.fingerprint_state
                THEN 'credential state changed' END,
            CASE WHEN after.name <> before.name
                    OR after.person_code <> before.person_code
                    OR after.access_control_channel_name <> before.access_control_channel_name
                    OR after.access_channel_position_path <> before.access_channel_position_path
                        AND after.access_channel_room_id = before.access_channel_room_id
                THEN 'renamed' END,
            CASE WHEN base.other_set(after.structure_ids, before.structure_ids)
                    OR after.access_channel_room_id <> before.access_channel_room_id
                    OR after.access_channel_position_path <> before.access_channel_position_path
                        AND (after.access_channel_room_id = before.access_channel_room_id) IS NULL
                THEN 'moved' END
        ], lambda x: x IS NOT NULL) AS kinds
    FROM pairs
),
-- Since when a permission that is there at the end has been what it is then:
-- it appeared last at present, where no version closes, and what is compared was
-- last another until each of the others.
since AS (
    SELECT
        v.project_id,
        v.access_auth_id,
        list_max(list_filter(
            list(v.first_snapshot),
            lambda s: NOT list_contains(list(v.closed_snapshot), s)
        )) AS present,
        max(v.closed_snapshot) FILTER (WHERE v.normal_end IS DISTINCT FROM f.normal_end) AS other_end,
        max(v.closed_snapshot) FILTER (WHERE v.auth_start_time IS DISTINCT FROM f.auth_start_time) AS other_start,
        max(v.closed_snapshot) FILTER (WHERE v.access_auth_time_range_id IS DISTINCT FROM f.access_auth_time_range_id) AS other_range,
        max(v.closed_snapshot) FILTER (
            WHERE v.card_state <> f.card_state
                OR v.face_state <> f.face_state
                OR v.fingerprint_state <> f.fingerprint_state
        ) AS other_states,
        max(v.closed_snapshot) FILTER (
            WHERE v.name IS DISTINCT FROM f.name
                OR v.person_code IS DISTINCT FROM f.person_code
                OR v.access_control_channel_name IS DISTINCT FROM f.access_control_channel_name
                OR v.access_channel_position_path IS DISTINCT FROM f.access_channel_position_path
        ) AS other_names,
        max(v.closed_snapshot) FILTER (
            WHERE (v.structure_ids IS NULL) <> (f.structure_ids IS NULL)
                OR base.other_set(v.structure_ids, f.structure_ids)
                OR v.access_channel_room_id IS DISTINCT FROM f.access_channel_room_id
                OR v.access_channel_position_path IS DISTINCT FROM f.access_channel_position_path
        ) AS other_place
    FROM (
        SELECT t.*
        FROM touched AS t
        SEMI JOIN (SELECT after AS a FROM named WHERE len(kinds) > 0) AS n
            ON n.a.project_id = t.project_id AND n.a.access_auth_id = t.access_auth_id
    ) AS v
    JOIN (FROM touched WHERE stays) AS f
        ON f.project_id = v.project_id
        AND f.access_auth_id = v.access_auth_id
        AND f.person_id IS NOT DISTINCT FROM v.person_id
        AND f.access_control_channel_id IS NOT DISTINCT FROM v.access_control_channel_id
    GROUP BY ALL
),
-- When a permission that is there no longer was last closed.
gone AS (
    SELECT
        project_id,
        access_auth_id,
        person_id,
        access_control_channel_id,
        max(closed_snapshot) AS gone
    FROM touched AS t
    SEMI JOIN (FROM singles WHERE was) AS n
        ON n.one.project_id = t.project_id AND n.one.access_auth_id = t.access_auth_id
    GROUP BY ALL
    HAVING NOT bool_or(stays)
),
changes AS (
    SELECT
        x.*,
        coalesce(x.after.project_id, x.before.project_id) AS project_id,
        CASE x.kind
            WHEN 'added' THEN s.present
            WHEN 'removed' THEN g.gone
            WHEN 're-created' THEN greatest(s.present, g.gone)
            WHEN 'became permanent' THEN greatest(s.present, s.other_end)
            WHEN 'time range changed' THEN greatest(s.present, s.other_range)
            WHEN 'credential state changed' THEN greatest(s.present, s.other_states)
            WHEN 'renamed' THEN greatest(s.present, s.other_names)
            WHEN 'moved' THEN greatest(s.present, s.other_place)
            ELSE greatest(s.present, s.other_end, s.other_start)
        END AS done,
        CASE x.kind WHEN 're-created' THEN least(s.present, g.gone) ELSE done END AS began
    FROM (SELECT before, after, unnest(kinds) AS kind FROM named) AS x
    LEFT JOIN since AS s
        ON s.project_id = x.after.project_id
        AND s.access_auth_id = x.after.access_auth_id
    -- With the kind as a condition of its own DuckDB would compare all with all.
    LEFT JOIN gone AS g
        ON g.project_id = x.before.project_id
        AND g.access_auth_id = CASE WHEN x.kind IN ('removed', 're-created') THEN x.before.access_auth_id END
        AND g.person_id IS NOT DISTINCT FROM x.before.person_id
        AND g.access_control_channel_id IS NOT DISTINCT FROM x.before.access_control_channel_id
),
-- The last whole walk before each snapshot.
before_each AS (
    SELECT
        s.project_id,
        s.snapshot_id AS began,
        w.snapshot_id,
        w.seen_at
    FROM base.snapshots AS s
    ASOF JOIN (FROM base.whole_walks WHERE resource = 'permissions') AS w
        ON w.project_id = s.project_id
        AND w.snapshot_id < s.snapshot_id
)
SELECT
    c.kind,
    c.project_id,
    coalesce(c.after.person_id, c.before.person_id) AS person_id,
    coalesce(c.after.name, c.before.name) AS name,
    coalesce(c.after.person_code, c.before.person_code) AS person_code,
    coalesce(c.after.access_control_channel_id, c.before.access_control_channel_id) AS access_control_channel_id,
    coalesce(c.after.access_control_channel_name, c.before.access_control_channel_name) AS access_control_channel_name,
    coalesce(c.after.access_auth_id, c.before.access_auth_id) AS access_auth_id,
    CASE WHEN c.before.access_auth_id <> c.after.access_auth_id THEN c.before.access_auth_id END AS previous_access_auth_id,
    c.before.auth_start AS auth_start_before,
    c.after.auth_start AS auth_start_after,
    c.before.auth_end AS auth_end_before,
    c.after.auth_end AS auth_end_after,
    c.before.permanent AS permanent_before,
    c.after.permanent AS permanent_after,
    c.before.access_auth_time_range_str AS access_auth_time_range_str_before,
    c.after.access_auth_time_range_str AS access_auth_time_range_str_after,
    c.before.card_state AS card_state_before,
    c.after.card_state AS card_state_after,
    c.before.face_state AS face_state_before,
    c.after.face_state AS face_state_after,
    c.before.fingerprint_state AS fingerprint_state_before,
    c.after.fingerprint_state AS fingerprint_state_after,
    c.before.name AS name_before,
    c.after.name AS name_after,
    c.before.person_code AS person_code_before,
    c.after.person_code AS person_code_after,
    c.before.access_control_channel_name AS access_control_channel_name_before,
    c.after.access_control_channel_name AS access_control_channel_name_after,
    c.before.access_channel_position_path AS access_channel_position_path_before,
    c.after.access_channel_position_path AS access_channel_position_path_after,
    c.before.access_channel_room_id AS access_channel_room_id_before,
    c.after.access_channel_room_id AS access_channel_room_id_after,
    c.before.structure_ids AS structure_ids_before,
    c.after.structure_ids AS structure_ids_after,
    w.snapshot_id AS last_snapshot_before,
    w.seen_at AS last_seen_before,
    f.snapshot_id AS first_snapshot_after,
    f.seen_at AS first_seen_after
FROM changes AS c
LEFT JOIN base.whole_walks AS f
    ON f.resource = 'permissions'
    AND f.project_id = c.project_id
    AND f.snapshot_id = c.done
LEFT JOIN before_each AS w
    ON w.project_id = c.project_id
    AND w.began = c.began;
COMMENT ON MACRO TABLE permission_changes IS 'One change of one kind: in what the permissions of one snapshot differ from those of an earlier one, both given by their ids. What came and went in between is no difference.
A permission is one access_auth_id as long as it stands for the same person and channel: an id that comes to stand for another is one removed and one added. Values are compared as normalised: ends that all mean "permanent" are equal, structure_ids are a set, and of credentials only the derived state counts. What the cloud left out (NULL) on either side is compared with nothing. Mobile numbers, devices and counters are not compared. The column kind is one of:
- added: only in the later snapshot
- removed: only in the earlier one
- re-created: removed and added for the same project, person and channel, which is one change and neither of the two (previous_access_auth_id is the old one); several are paired in the order of start, end and id, and what is left over is added or removed
- extended: the end is later, or the start earlier
- shortened: the end is earlier, or no longer permanent, or the start later
- became permanent: permanent, which it was not
- time range changed: another access_auth_time_range_id
- credential state changed: another state of the card, face or fingerprint
- renamed: another name or code of the person, name of the channel, or path of the same area
- moved: other structures of the person, or another area
So in every project: rows at the start + added - removed = rows at the end. Names that end in _before and _after are those of the two snapshots.
The change lies between two whole walks of the permissions: the last that did not have it as it is at the end (last_snapshot_before, last_seen_before), and the first from which on all have (first_snapshot_after, first_seen_after). For a re-created one: the last with the old id alone, the first with the new one alone. A snapshot whose walk was partial shows the rows of its last whole walk: what did not change in it may have changed (resources, walked_in).
kind: Derived: one of those above
access_auth_id: API access-auth: accessAuthId, of the later snapshot where it is in both
previous_access_auth_id: Derived: the id that a re-created permission had before
last_snapshot_before: Derived: the last whole walk that did not have it as it is at the end
last_seen_before: Derived: time of last_snapshot_before, by the cloud''s clock
first_snapshot_after: Derived: the first whole walk from which on all have it as it is at the end
first_seen_after: Derived: time of first_snapshot_after, by the cloud''s clock';

CREATE MACRO permission_balance(from_snapshot, to_snapshot) AS TABLE
WITH
standing AS (
    SELECT
        h.project_id,
        count(*) FILTER (WHERE h.was) AS rows_before,
        count(*) FILTER (WHERE h.stays) AS rows_after
    FROM (
        SELECT
            p.project_id,
            p.first_snapshot <= from_snapshot AND (p.closed_snapshot IS NULL OR p.closed_snapshot > from_snapshot) AS was,
            p.first_snapshot <= to_snapshot AND (p.closed_snapshot IS NULL OR p.closed_snapshot > to_snapshot) AS stays
        FROM base.permissions AS p
    ) AS h
    GROUP BY h.project_id
),
brief AS (
    SELECT t.project_id, count(*) AS n
    FROM (
        SELECT
            p.project_id,
            min(p.first_snapshot) AS first_snapshot,
            max(coalesce(p.closed_snapshot, '~')) AS closed_snapshot
        FROM base.permissions AS p
        WHERE p.first_snapshot <= to_snapshot
            AND (p.closed_snapshot IS NULL OR p.closed_snapshot > from_snapshot)
        GROUP BY p.project_id, p.access_auth_id, p.person_id, p.access_control_channel_id
    ) AS t
    WHERE t.first_snapshot > from_snapshot
        AND t.closed_snapshot <= to_snapshot
    GROUP BY t.project_id
),
counted AS (
    SELECT
        c.project_id,
        count(*) FILTER (WHERE c.kind = 'added') AS added,
        count(*) FILTER (WHERE c.kind = 'removed') AS removed,
        count(*) FILTER (WHERE c.kind = 're-created') AS recreated
    FROM permission_changes(from_snapshot, to_snapshot) AS c
    GROUP BY c.project_id
),
walks AS (
    SELECT
        r.project_id,
        max(r.walked_in) FILTER (WHERE r.snapshot_id = from_snapshot) AS walked_before,
        max(r.walked_in) FILTER (WHERE r.snapshot_id = to_snapshot) AS walked_after
    FROM resources AS r
    WHERE r.resource = 'permissions'
        AND r.snapshot_id IN (from_snapshot, to_snapshot)
    GROUP BY r.project_id
)
SELECT
    w.project_id,
    coalesce(s.rows_before, 0) AS rows_before,
    coalesce(c.added, 0) AS added,
    coalesce(c.removed, 0) AS removed,
    coalesce(c.recreated, 0) AS recreated,
    coalesce(s.rows_after, 0) AS rows_after,
    coalesce(b.n, 0) AS came_and_went,
    coalesce(s.rows_before, 0) + coalesce(c.added, 0) - coalesce(c.removed, 0) = coalesce(s.rows_after, 0) AS agrees,
    w.walked_before,
    w.walked_after
FROM walks AS w
LEFT JOIN standing AS s
    ON s.project_id = w.project_id
LEFT JOIN brief AS b
    ON b.project_id = w.project_id
LEFT JOIN counted AS c
    ON c.project_id = w.project_id;
COMMENT ON MACRO TABLE permission_balance IS 'One project between two snapshots, with what an auditor adds up. rows_before and rows_after are counted on their own, so that agrees tests rows_before + added - removed = rows_after. The walks of the two snapshots are their own, unless those were partial.
project_id: The project that was asked (projectId of the request)
rows_before: Derived: permissions in the earlier snapshot
added: Derived: permissions that permission_changes calls added
removed: Derived: permissions that it calls removed
recreated: Derived: permissions that it calls re-created
rows_after: Derived: permissions in the later snapshot
came_and_went: Derived: permissions that are in neither, but were between
agrees: Derived: whether rows_before + added - removed = rows_after
walked_before: Derived: the snapshot whose walk the rows of the earlier one are from; NULL where there was no whole walk yet
walked_after: Derived: the same of the later one';
