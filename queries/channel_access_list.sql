-- Channel access list
--
-- Question    Who may open each channel now?
-- A row is    one permission (access_auth_id): one person on one channel.
-- Counted     a permission that is in force: begun and not ended at $as_of, an
--             absent time not limiting it. With $effective_only false also one
--             that has not begun yet, or has ended and is still listed.
-- Channel     by its id, for names repeat: where another channel has the same
--             name, its number, area and id are added.
-- Means       the credentials that the list counts as sent to the device.
-- Order       sensitive channels (tier "sensitive" or "1" in the channel
--             register) first, then by name of channel and person.
-- Limits      The list holds no times of day: its time range is always shown.
--             Whether somebody passed is not in the data. Who may open a channel
--             by another way (a key, a guard, an open door) is not either.
WITH wanted AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($effective_only AS BOOLEAN) AS effective_only
),
channel_names AS (
    SELECT
        project_id,
        access_control_channel_id,
        coalesce(access_control_channel_name, access_control_channel_id)
            || if(
                count(*) OVER (PARTITION BY access_control_channel_name) > 1
                    AND access_control_channel_name IS NOT NULL,
                ' (' || concat_ws(', ', 'no. ' || access_control_channel_no, access_channel_position_path, access_control_channel_id) || ')',
                ''
            ) AS channel
    FROM channels
),
stated AS (
    SELECT
        p.*,
        x.tier,
        x.owner,
        x.sensitive,
        x.organizations,
        x.means,
        coalesce(n.channel, p.access_control_channel_name, p.access_control_channel_id, 'unknown') AS channel,
        CASE
            WHEN p.auth_end <= a.as_of AND NOT p.permanent THEN 'ended'
            WHEN p.auth_start > a.as_of THEN 'not begun'
            ELSE 'in force'
        END AS state,
        a.effective_only
    FROM permissions AS p
    CROSS JOIN wanted AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    LEFT JOIN channel_names AS n
        ON n.project_id = p.project_id AND n.access_control_channel_id = p.access_control_channel_id
)
SELECT
    channel,
    access_control_channel_no,
    access_channel_position_path,
    tier,
    owner,
    name,
    person_code,
    organizations,
    state,
    auth_start,
    CASE WHEN NOT permanent THEN auth_end END AS auth_end,
    coalesce(permanent, false) AS permanent,
    access_auth_time_range_str,
    means,
    auth_source_str,
    auth_create,
    project_id,
    person_id,
    access_control_channel_id,
    access_auth_id
FROM stated
WHERE state = 'in force' OR NOT effective_only
ORDER BY
    sensitive DESC,
    channel,
    project_id,
    access_control_channel_id,
    name,
    person_code,
    access_auth_id
