-- Channel access list: the channels
--
-- Question    How many persons may open each channel, and who answers for it?
-- A row is    one channel on which some permission is listed.
-- Counted     persons once for each channel; in force as in
--             channel_access_list.sql.
-- Limits      Channels on which nobody has a permission are in the report
--             channel-coverage.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
in_force AS (
    SELECT
        p.project_id,
        p.access_control_channel_id,
        p.access_control_channel_name,
        p.access_control_channel_no,
        p.access_channel_position_path,
        p.person_id,
        p.permanent,
        x.tier,
        x.owner,
        x.sensitive,
        x.on_device,
        coalesce(p.auth_start <= a.as_of, true) AND coalesce(p.auth_end > a.as_of, true) AS effective
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
)
SELECT
    coalesce(min(access_control_channel_name), access_control_channel_id, 'unknown') AS channel,
    min(access_control_channel_no) AS access_control_channel_no,
    min(access_channel_position_path) AS access_channel_position_path,
    min(tier) AS tier,
    min(owner) AS owner,
    count(DISTINCT person_id) FILTER (WHERE effective) AS persons,
    count(DISTINCT person_id) FILTER (WHERE effective AND permanent) AS without_end,
    count(DISTINCT person_id) FILTER (WHERE effective AND len(on_device) > 0) AS on_device,
    count(*) FILTER (WHERE NOT effective) AS not_in_force,
    project_id,
    access_control_channel_id
FROM in_force
GROUP BY project_id, access_control_channel_id
ORDER BY bool_or(sensitive) DESC, persons DESC, channel, project_id, access_control_channel_id
