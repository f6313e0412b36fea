-- Channel access list: the chart
--
-- Question    How many persons may open the channels that matter most?
-- A row is    one of twelve channels: sensitive ones, then those with most persons.
--             Long names that begin alike are shortened in the middle.
-- Counted     persons with a permission in force, as in channel_access_list.sql.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
per_channel AS (
    SELECT
        p.project_id,
        p.access_control_channel_id,
        coalesce(min(p.access_control_channel_name), p.access_control_channel_id, 'unknown') AS channel,
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
)
SELECT
    if(
        length(t.channel) > 16 AND count(*) OVER (PARTITION BY left(t.channel, 8)) > 1,
        left(t.channel, 4) || '… ' || right(t.channel, 10),
        t.channel
    ) AS channel,
    if(t.sensitive, 0, t.persons) AS other,
    if(t.sensitive, t.persons, 0) AS sensitive
FROM top_channels AS t
ORDER BY t.sensitive DESC, t.persons DESC, t.channel, t.project_id, t.access_control_channel_id
