-- Excessive access: the channels
--
-- Question    Which of their channels do the peers not have?
-- A row is    one channel of a person of excessive_access.sql that fewer than half
--             of the peers can open, the person among them.
-- Severity    high: the channel is sensitive; else medium.
-- Granted by  the rule that is found for it (permission_sources, a view of the
--             snapshot), else the source that its detail names.
-- Limits      as in excessive_access.sql.
WITH per_person AS (
    FROM access_counts(
        CAST($as_of AS TIMESTAMPTZ), CAST($factor AS DOUBLE), CAST($min_more AS INTEGER), CAST($min_ratio AS DOUBLE),
        CAST($min_peers AS INTEGER), CAST($max_channels AS INTEGER)
    )
),
in_force AS (
    SELECT
        p.project_id,
        p.person_id,
        p.access_control_channel_id,
        bool_or(x.sensitive) AS sensitive
    FROM permissions AS p
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= CAST($as_of AS TIMESTAMPTZ), true)
        AND coalesce(p.auth_end > CAST($as_of AS TIMESTAMPTZ), true)
        AND p.person_id IS NOT NULL
    GROUP BY p.project_id, p.person_id, p.access_control_channel_id
),
holders AS (
    SELECT
        i.project_id,
        p.structure_ids,
        i.access_control_channel_id,
        count(*) AS persons
    FROM in_force AS i
    JOIN per_person AS p
        ON p.project_id = i.project_id AND p.person_id = i.person_id
    GROUP BY GROUPING SETS (
        (i.project_id, i.access_control_channel_id),
        (i.project_id, i.access_control_channel_id, p.structure_ids)
    )
),
sources AS (
    SELECT
        p.project_id,
        p.person_id,
        p.access_control_channel_id,
        min(p.access_control_channel_name) AS channel,
        min(p.access_channel_position_path) AS access_channel_position_path,
        min(s.granted_by) AS granted_by,
        max(p.auth_end) FILTER (WHERE NOT p.permanent) AS auth_end,
        bool_or(p.permanent) AS permanent
    FROM permissions AS p
    JOIN permission_sources AS s
        ON s.project_id = p.project_id AND s.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= CAST($as_of AS TIMESTAMPTZ), true)
        AND coalesce(p.auth_end > CAST($as_of AS TIMESTAMPTZ), true)
    GROUP BY p.project_id, p.person_id, p.access_control_channel_id
)
SELECT
    if(i.sensitive, 'high', 'medium') AS severity,
    coalesce(f.name, 'no name') || ' (' || coalesce(f.person_code, f.person_id) || ')' AS person,
    coalesce(s.channel, i.access_control_channel_id) AS channel,
    s.access_channel_position_path,
    h.persons AS peers_with_it,
    f.peers,
    s.granted_by,
    CASE WHEN NOT s.permanent THEN s.auth_end END AS auth_end,
    f.project_id,
    f.person_id,
    i.access_control_channel_id
FROM per_person AS f
JOIN in_force AS i
    ON i.project_id = f.project_id AND i.person_id = f.person_id
JOIN holders AS h
    ON h.project_id = i.project_id
    AND h.access_control_channel_id = i.access_control_channel_id
    AND h.structure_ids IS NOT DISTINCT FROM if(f.own_peers, f.structure_ids, NULL)
LEFT JOIN sources AS s
    ON s.project_id = i.project_id
    AND s.person_id = i.person_id
    AND s.access_control_channel_id = i.access_control_channel_id
WHERE f.excessive
    AND h.persons < 0.5 * f.peers
ORDER BY f.severity, f.more DESC, person, f.project_id, f.person_id, severity, channel, i.access_control_channel_id
