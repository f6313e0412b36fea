-- Excessive access: the chart
--
-- Question    By how much do they stand out?
-- A row is    one of the ten persons of excessive_access.sql with most channels
--             beyond their peers' median. Behind names that are alike stands the
--             work number, or else the end of the person's id.
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
top_persons AS (
    SELECT
        *,
        coalesce(name, person_id) AS label
    FROM flagged
    ORDER BY more DESC, label, project_id, person_id
    LIMIT 10
)
SELECT
    CASE
        WHEN count(*) OVER (PARTITION BY label) = 1 THEN label
        WHEN nullif(person_code, '') IS NOT NULL AND count(*) OVER (PARTITION BY label, person_code) = 1 THEN label || ' ' || person_code
        ELSE label || ' …' || right(person_id, 4)
    END AS person,
    median_channels,
    more
FROM top_persons
ORDER BY more DESC, label, project_id, person_id
