-- Access coverage per channel: the matrix
--
-- Question    Of each organization, how many persons may open each channel?
-- A row is    one channel and one organization that has a person on it, or one
--             channel that nobody may open (organization NULL).
-- Counted     effective persons as in channel_coverage.sql, each once: who is
--             in more than one organization is counted under "several", who is
--             in none under "no organization". So the persons of a channel sum
--             to its effective persons there.
-- Channels    as in channel_coverage.sql.
-- Tone        high: of a channel that fewer than $min_people persons may open,
--             and of a sensitive one that nobody may open; medium: of another
--             that nobody may open.
-- Order       channels by name; a report orders the organizations by their sums.
-- Limits      as in channel_coverage.sql. An organization whose name the cloud
--             did not give is shown by its id; two of one name by both.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($min_people AS INTEGER) AS min_people
),
last_named AS (
    SELECT
        project_id,
        access_control_channel_id,
        max(last_seen) AS last_seen
    FROM (
        SELECT project_id, access_control_channel_id, last_seen
        FROM permission_history
        UNION ALL
        SELECT project_id, relation_id, last_seen
        FROM rule_history
        WHERE relation_type = 2
    )
    GROUP BY project_id, access_control_channel_id
),
universe AS (
    SELECT
        c.project_id,
        c.access_control_channel_id,
        coalesce(c.access_control_channel_name, 'channel without a name ' || c.access_control_channel_id) AS name,
        coalesce(lower(trim(c.tier)) IN ('sensitive', '1'), false) AS sensitive
    FROM channels AS c
    CROSS JOIN asked AS a
    LEFT JOIN last_named AS l
        ON l.project_id = c.project_id
        AND l.access_control_channel_id = c.access_control_channel_id
    WHERE c.named_by <> ['history']
        OR coalesce(l.last_seen >= a.as_of - to_hours(24 * 90), true)
),
named_channels AS (
    SELECT
        *,
        name || if(
            count(*) OVER (PARTITION BY name) > 1,
            ' (' || access_control_channel_id || ')',
            ''
        ) AS channel
    FROM universe
),
named_organizations AS (
    SELECT
        project_id,
        structure_id,
        coalesce(structure_name, structure_id) || if(
            count(*) OVER (PARTITION BY coalesce(structure_name, structure_id)) > 1,
            ' (' || structure_id || ')',
            ''
        ) AS organization
    FROM structures
),
held AS (
    SELECT
        p.project_id,
        p.access_control_channel_id,
        coalesce(p.person_id, p.access_auth_id) AS person_id,
        p.structure_ids
    FROM permissions AS p
    CROSS JOIN asked AS a
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
),
memberships AS (
    SELECT DISTINCT
        project_id,
        access_control_channel_id,
        person_id,
        unnest(structure_ids) AS structure_id
    FROM held
),
persons_of AS (
    SELECT
        h.project_id,
        h.access_control_channel_id,
        h.person_id,
        count(m.structure_id) AS organizations,
        min(m.structure_id) AS structure_id
    FROM (SELECT DISTINCT project_id, access_control_channel_id, person_id FROM held) AS h
    LEFT JOIN memberships AS m
        ON m.project_id = h.project_id
        AND m.access_control_channel_id = h.access_control_channel_id
        AND m.person_id = h.person_id
    GROUP BY ALL
),
placed AS (
    SELECT
        p.project_id,
        p.access_control_channel_id,
        CASE
            WHEN p.organizations = 0 THEN 'no organization'
            WHEN p.organizations > 1 THEN 'several'
            ELSE coalesce(o.organization, p.structure_id)
        END AS organization
    FROM persons_of AS p
    LEFT JOIN named_organizations AS o
        ON o.project_id = p.project_id AND o.structure_id = p.structure_id
),
cells AS (
    SELECT
        c.channel,
        c.project_id,
        c.access_control_channel_id,
        c.sensitive,
        p.organization,
        count(p.organization) AS persons
    FROM named_channels AS c
    LEFT JOIN placed AS p
        ON p.project_id = c.project_id
        AND p.access_control_channel_id = c.access_control_channel_id
    GROUP BY ALL
),
summed AS (
    SELECT
        *,
        sum(persons) OVER (PARTITION BY project_id, access_control_channel_id) AS effective
    FROM cells
)
SELECT
    s.channel,
    s.organization,
    s.persons,
    CASE
        WHEN s.effective = 0 AND NOT s.sensitive THEN 'medium'
        WHEN s.effective < a.min_people OR s.effective = 0 THEN 'high'
    END AS tone,
    s.project_id,
    s.access_control_channel_id
FROM summed AS s
CROSS JOIN asked AS a
ORDER BY
    s.channel,
    s.project_id,
    s.access_control_channel_id,
    s.organization
