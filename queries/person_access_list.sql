-- Person access list
--
-- Question    Where can each person go, and by what means?
-- A row is    one person (person_id) with a permission in force: begun and not
--             ended at $as_of, an absent time not limiting it.
-- Channels    by their ids, each once. Sensitive: tier "sensitive" or "1" in the
--             channel register.
-- Means       the credentials that the list counts as sent to the device of some
--             channel.
-- Also known  other person_ids with the same work number: their channels may be
--   as        this person's too, and are listed at their own rows.
-- Order       most sensitive channels first, then most channels.
-- Limits      The list holds no times of day. Whether somebody passed is not in
--             the data.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
in_force AS (
    SELECT
        p.*,
        x.sensitive,
        x.on_device
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
),
per_person AS (
    SELECT
        project_id,
        person_id,
        min(name) AS name,
        min(person_code) AS person_code,
        count(DISTINCT access_control_channel_id) AS channels,
        count(DISTINCT access_control_channel_id) FILTER (WHERE sensitive) AS sensitive_channels,
        count(DISTINCT access_control_channel_id) FILTER (WHERE permanent) AS without_end,
        list_sort(list_distinct(flatten(list(on_device)))) AS means,
        min(auth_end) FILTER (WHERE NOT permanent) AS first_end
    FROM in_force
    GROUP BY project_id, person_id
),
known_channels AS (
    SELECT project_id, count(*) AS channels FROM channels GROUP BY project_id
)
SELECT
    coalesce(c.name, p.name) AS name,
    coalesce(c.person_code, p.person_code) AS person_code,
    c.organizations,
    p.channels,
    p.sensitive_channels,
    p.channels / k.channels AS channel_share,
    p.without_end,
    p.first_end,
    if(len(p.means) = 0, 'nothing on the device', array_to_string(p.means, ', ')) AS means,
    c.twins,
    p.project_id,
    p.person_id
FROM per_person AS p
LEFT JOIN person_context AS c
    ON c.project_id = p.project_id AND c.person_id = p.person_id
LEFT JOIN known_channels AS k
    ON k.project_id = p.project_id
ORDER BY p.sensitive_channels DESC, p.channels DESC, name, p.project_id, p.person_id
