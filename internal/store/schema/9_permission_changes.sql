-- permission_changes(from_snapshot, to_snapshot): in what the permissions of one
-- snapshot differ from those of an earlier one, both given by their ids. A row is
-- one change of one kind; what came and went in between is no difference.
--
-- A permission is one access_auth_id as long as it stands for the same person
-- and channel: an id that comes to stand for another is one removed and one
-- added. Values are compared as normalised: ends that all mean "permanent" are
-- equal, structure_ids are a set, and of credentials only the derived state
-- counts. What the cloud left out (NULL) on either side is compared with
-- nothing. Mobile numbers, devices and counters are not compared.
--
--   added               only in the later snapshot
--   removed             only in the earlier one
--   re-created          removed and added for the same project, person and
--                       channel, which is one change and neither of the two: several
--                       are paired in the order of start, end and id, and what
--                       is left over is added or removed
--   extended            the end is later, or the start earlier
--   shortened           the end is earlier, or no longer permanent, or the start
--                       later
--   became permanent    permanent, which it was not
--   time range changed  another access_auth_time_range_id
--   credential state changed
--                       another state of the card, face or fingerprint
--   renamed             another name or code of the person, name of the channel,
--                       or path of the same area
--   moved               other structures of the person, or another area
--
-- So in every project: rows at the start + added - removed = rows at the end.
--
-- The change lies between two whole walks of the permissions: the last that did
-- not have it as it is at the end, and the first from which on all have. For a
-- re-created one: the last with the old id alone, the first with the new one
-- alone.
--
-- A snapshot whose walk was partial shows the rows of its last whole walk: what
-- did not change in it may have changed (resources, walked_in).
CREATE MACRO permission_changes(from_snapshot, to_snapshot) AS TABLE
WITH
-- The two snapshots; an id that there is not, or the wrong order, is an error.
bounds AS (
    SELECT
        CASE
            WHEN count(*) FILTER (WHERE s.snapshot_id = from_snapshot) = 0
                THEN error('permission_changes: no snapshot ' || from_snapshot || '; the table snapshots has their ids')
            WHEN count(*) FILTER (WHERE s.snapshot_id = to_snapshot) = 0
                THEN error('permission_changes: no snapshot ' || to_snapshot || '; the table snapshots has their ids')
            WHEN from_snapshot > to_snapshot
                THEN error('permission_changes: ' || from_snapshot || ' is later than ' || to_snapshot)
            ELSE from_snapshot
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
        h.*,
        if(h.permanent, 2556093599000, h.auth_end_time) AS normal_end,
        list_sort(list_distinct(h.structure_ids)) AS structure_set,
        b.low,
        b.high
    FROM base.permission_versions AS h
    CROSS JOIN bounds AS b
    WHERE (h.first_snapshot > b.low AND h.first_snapshot <= b.high
            OR h.closed_snapshot > b.low AND h.closed_snapshot <= b.high)
        AND (b.project_id IS NULL OR h.project_id = b.project_id)
),
-- Since when each permission has been what it is at the end, by what is
-- compared; it is absent since gone_since.
steps AS (
    SELECT
        project_id,
        access_auth_id,
        person_id,
        access_control_channel_id,
        first_snapshot,
        closed_snapshot,
        lag(closed_snapshot) OVER w IS DISTINCT FROM first_snapshot AS appears,
        lag(normal_end) OVER w IS DISTINCT FROM normal_end AS other_end,
        lag(auth_start_time) OVER w IS DISTINCT FROM auth_start_time AS other_start,
        lag(access_auth_time_range_id) OVER w IS DISTINCT FROM access_auth_time_range_id AS other_range,
        lag([card_state, face_state, fingerprint_state]) OVER w
            IS DISTINCT FROM [card_state, face_state, fingerprint_state] AS other_states,
        lag([name, person_code, access_control_channel_name, access_channel_position_path]) OVER w
            IS DISTINCT FROM [name, person_code, access_control_channel_name, access_channel_position_path] AS other_names,
        lag({p: access_channel_room_id, q: access_channel_position_path, s: structure_set}) OVER w
            IS DISTINCT FROM {p: access_channel_room_id, q: access_channel_position_path, s: structure_set} AS other_place
    FROM touched
    WINDOW w AS (
        PARTITION BY project_id, access_auth_id, person_id, access_control_channel_id
        ORDER BY first_snapshot
    )
),
since AS (
    SELECT
        project_id,
        access_auth_id,
        person_id,
        access_control_channel_id,
        max(closed_snapshot) AS gone,
        max(first_snapshot) FILTER (WHERE appears) AS present,
        max(first_snapshot) FILTER (WHERE appears OR other_end) AS same_end,
        max(first_snapshot) FILTER (WHERE appears OR other_end OR other_start) AS same_validity,
        max(first_snapshot) FILTER (WHERE appears OR other_range) AS same_range,
        max(first_snapshot) FILTER (WHERE appears OR other_states) AS same_states,
        max(first_snapshot) FILTER (WHERE appears OR other_names) AS same_names,
        max(first_snapshot) FILTER (WHERE appears OR other_place) AS same_place
    FROM steps
    GROUP BY ALL
),
ends AS (
    SELECT t, s, t.first_snapshot <= t.low AS earlier
    FROM touched AS t
    JOIN since AS s
        ON s.project_id = t.project_id
        AND s.access_auth_id = t.access_auth_id
        AND s.person_id IS NOT DISTINCT FROM t.person_id
        AND s.access_control_channel_id IS NOT DISTINCT FROM t.access_control_channel_id
    WHERE t.first_snapshot <= t.low OR t.closed_snapshot IS NULL OR t.closed_snapshot > t.high
),
-- A permission before and after; the one that is in one snapshot only has a
-- number among those of its person and channel.
sides AS (
    SELECT
        e.t AS before,
        e.s AS before_since,
        l.t AS after,
        l.s AS after_since,
        coalesce(e.t.project_id, l.t.project_id) AS project_id,
        coalesce(e.t.person_id, l.t.person_id) AS person_id,
        coalesce(e.t.access_control_channel_id, l.t.access_control_channel_id) AS channel_id,
        e.t.access_auth_id IS NOT NULL AS was,
        l.t.access_auth_id IS NOT NULL AS is_now,
        row_number() OVER (
            PARTITION BY coalesce(e.t.project_id, l.t.project_id), coalesce(e.t.person_id, l.t.person_id),
                coalesce(e.t.access_control_channel_id, l.t.access_control_channel_id), was, is_now
            ORDER BY coalesce(e.t.auth_start_time, l.t.auth_start_time), coalesce(e.t.auth_end_time, l.t.auth_end_time),
                coalesce(e.t.access_auth_id, l.t.access_auth_id)
        ) AS n
    FROM (FROM ends WHERE earlier) AS e
    FULL JOIN (FROM ends WHERE NOT earlier) AS l
        ON l.t.project_id = e.t.project_id
        AND l.t.access_auth_id = e.t.access_auth_id
        AND l.t.person_id IS NOT DISTINCT FROM e.t.person_id
        AND l.t.access_control_channel_id IS NOT DISTINCT FROM e.t.access_control_channel_id
),
pairs AS (
    SELECT before, before_since, after, after_since FROM sides WHERE was AND is_now
    UNION ALL
    SELECT g.before, g.before_since, c.after, c.after_since
    FROM (FROM sides WHERE NOT is_now) AS g
    FULL JOIN (FROM sides WHERE NOT was) AS c
        ON c.project_id = g.project_id
        AND c.person_id = g.person_id
        AND c.channel_id = g.channel_id
        AND c.n = g.n
),
changes AS (
    SELECT
        before,
        after,
        unnest(list_filter([
            {kind: 'added', holds: before.access_auth_id IS NULL, began: after_since.present, done: after_since.present},
            {kind: 'removed', holds: after.access_auth_id IS NULL, began: before_since.gone, done: before_since.gone},
            {kind: 're-created', holds: before.access_auth_id <> after.access_auth_id,
                began: least(before_since.gone, after_since.present), done: greatest(before_since.gone, after_since.present)},
            {kind: 'extended',
                holds: after.normal_end > before.normal_end AND NOT after.permanent OR after.auth_start_time < before.auth_start_time,
                began: after_since.same_validity, done: after_since.same_validity},
            {kind: 'shortened', holds: after.normal_end < before.normal_end OR after.auth_start_time > before.auth_start_time,
                began: after_since.same_validity, done: after_since.same_validity},
            {kind: 'became permanent', holds: after.normal_end > before.normal_end AND after.permanent,
                began: after_since.same_end, done: after_since.same_end},
            {kind: 'time range changed', holds: after.access_auth_time_range_id <> before.access_auth_time_range_id,
                began: after_since.same_range, done: after_since.same_range},
            {kind: 'credential state changed',
                holds: after.card_state <> before.card_state
                    OR after.face_state <> before.face_state
                    OR after.fingerprint_state <> before.fingerprint_state,
                began: after_since.same_states, done: after_since.same_states},
            {kind: 'renamed',
                holds: after.name <> before.name
                    OR after.person_code <> before.person_code
                    OR after.access_control_channel_name <> before.access_control_channel_name
                    OR after.access_channel_position_path <> before.access_channel_position_path
                        AND after.access_channel_room_id = before.access_channel_room_id,
                began: after_since.same_names, done: after_since.same_names},
            {kind: 'moved',
                holds: after.structure_set <> before.structure_set
                    OR after.access_channel_room_id <> before.access_channel_room_id
                    OR after.access_channel_position_path <> before.access_channel_position_path
                        AND (after.access_channel_room_id = before.access_channel_room_id) IS NULL,
                began: after_since.same_place, done: after_since.same_place}
        ], lambda x: x.holds)) AS change
    FROM pairs
)
SELECT
    c.change.kind AS kind,
    coalesce(c.after.project_id, c.before.project_id) AS project_id,
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
    c.before.structure_ids AS structure_ids_before,
    c.after.structure_ids AS structure_ids_after,
    w.snapshot_id AS last_snapshot_before,
    w.seen_at AS last_seen_before,
    f.snapshot_id AS first_snapshot_after,
    f.seen_at AS first_seen_after
FROM (SELECT *, coalesce(after.project_id, before.project_id) AS project_id FROM changes) AS c
LEFT JOIN base.whole_walks AS f
    ON f.resource = 'permissions'
    AND f.project_id = c.project_id
    AND f.snapshot_id = c.change.done
ASOF LEFT JOIN (
    SELECT * FROM base.whole_walks WHERE resource = 'permissions'
) AS w
    ON w.project_id = c.project_id
    AND w.snapshot_id < c.change.began;
