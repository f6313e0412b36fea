-- Channel access list: the chart
--
-- Question    How many persons may open the channels that matter most?
-- A row is    one of twelve channels: sensitive ones, then those with most persons.
--             Long names that begin alike are shortened in the middle; behind
--             names that are alike stands the channel's number, or else the end of
--             its id.
-- Counted     persons with a permission in force, as in channel_access_list.sql.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
per_channel AS (
    SELECT
        p.project_id,
        p.access_control_channel_id,
        coalesce(min(p.access_control_channel_name), p.access_control_channel_id, 'unknown') AS channel,
        nullif(min(p.access_control_channel_no), '') AS channel_no,
        bool_or(x.sensitive) AS sensitive,
        count(DISTINCT p.person_id) AS persons
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
    GROUP BY p.project_id, p.access_control_channel_id
),
top_channels AS (
    SELECT *
    FROM per_channel
    ORDER BY sensitive DESC, persons DESC, channel, project_id, access_control_channel_id
    LIMIT 12
),
labelled AS (
    SELECT
        t.*,
        if(
            length(t.channel) > 16 AND count(*) OVER (PARTITION BY left(t.channel, 8)) > 1,
            left(t.channel, 4) || '… ' || right(t.channel, 10),
            t.channel
        ) AS label
    FROM top_channels AS t
)
SELECT
    CASE
        WHEN count(*) OVER (PARTITION BY l.label) = 1 THEN l.label
        WHEN l.channel_no IS NOT NULL AND count(*) OVER (PARTITION BY l.label, l.channel_no) = 1 THEN l.label || ' ' || l.channel_no
        ELSE l.label || ' …' || right(l.access_control_channel_id, 4)
    END AS channel,
    if(l.sensitive, 0, l.persons) AS other,
    if(l.sensitive, l.persons, 0) AS sensitive
FROM labelled AS l
ORDER BY l.sensitive DESC, l.persons DESC, l.channel, l.project_id, l.access_control_channel_id
