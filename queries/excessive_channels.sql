-- Excessive access: the channels
--
-- Question    Which of their channels do the peers not have?
-- A row is    one channel of a person of excessive_access.sql that fewer than half
--             of the peers can open, the person among them.
-- Severity    high: the channel is sensitive; else medium.
-- Granted by  the rule that is found for it (permission_sources, a view of the
--             snapshot), else the source that its detail names.
-- Limits      as in excessive_access.sql.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($factor AS DOUBLE) AS factor,
        CAST($min_more AS INTEGER) AS min_more,
        CAST($min_ratio AS DOUBLE) AS min_ratio,
        CAST($min_peers AS INTEGER) AS min_peers,
        CAST($max_channels AS INTEGER) AS max_channels
),
in_force AS (
    SELECT
        p.project_id,
        p.person_id,
        p.access_control_channel_id,
        bool_or(x.sensitive) AS sensitive
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
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
    CROSS JOIN asked AS a
    LEFT JOIN peer_groups AS own
        ON own.project_id = p.project_id
        AND own.structure_ids = p.structure_ids
        AND own.size >= a.min_peers
    LEFT JOIN peer_groups AS everyone
        ON everyone.project_id = p.project_id
        AND everyone.structure_ids IS NULL
),
flagged AS (
    SELECT
        c.*,
        c.channels - c.median_channels AS more,
        if(c.mad_channels > 0, (c.channels - c.median_channels) / (1.4826 * c.mad_channels), NULL) AS score,
        if(c.sensitive_channels > c.median_sensitive, 'high', 'medium') AS severity
    FROM compared AS c
    CROSS JOIN asked AS a
    WHERE (c.channels > c.median_channels + a.factor * 1.4826 * c.mad_channels
            AND c.channels - c.median_channels >= a.min_more
            AND c.channels >= a.min_ratio * c.median_channels)
        OR (a.max_channels > 0 AND c.channels > a.max_channels)
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
    CROSS JOIN asked AS a
    JOIN permission_sources AS s
        ON s.project_id = p.project_id AND s.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
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
FROM flagged AS f
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
WHERE h.persons < 0.5 * f.peers
ORDER BY f.severity, f.more DESC, person, f.project_id, f.person_id, severity, channel, i.access_control_channel_id
