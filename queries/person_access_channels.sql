-- Person access list: the channels
--
-- Question    Which channels can each person open, and by what means?
-- A row is    one permission in force (access_auth_id), as in
--             person_access_list.sql.
-- Person      by person_id, for names repeat: with the work number where there is
--             one, else with the id.
-- Means       the credentials that the list counts as sent to that channel's
--             device.
-- Limits      as in person_access_list.sql.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
)
SELECT
    coalesce(c.name, p.name, 'no name') || ' (' || coalesce(c.person_code, p.person_id, 'unknown') || ')'
        || if(c.twins IS NOT NULL, ' id ' || p.person_id, '') AS person,
    coalesce(p.access_control_channel_name, p.access_control_channel_id) AS channel,
    p.access_control_channel_no,
    p.access_channel_position_path,
    x.tier,
    x.means,
    p.auth_start,
    CASE WHEN NOT p.permanent THEN p.auth_end END AS auth_end,
    coalesce(p.permanent, false) AS permanent,
    p.access_auth_time_range_str,
    p.auth_source_str,
    p.project_id,
    p.person_id,
    p.access_control_channel_id,
    p.access_auth_id
FROM permissions AS p
CROSS JOIN asked AS a
JOIN permission_context AS x
    ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
LEFT JOIN person_context AS c
    ON c.project_id = p.project_id AND c.person_id = p.person_id
WHERE coalesce(p.auth_start <= a.as_of, true)
    AND coalesce(p.auth_end > a.as_of, true)
ORDER BY
    person,
    p.project_id,
    p.person_id,
    x.sensitive DESC,
    channel,
    p.access_auth_id
