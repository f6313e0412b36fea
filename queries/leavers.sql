-- Leavers: the persons
--
-- Question    Who has left and still has a permission?
-- A row is    one person whom the roster calls terminated and who has at least
--             one permission, in force or not.
-- Left        the line of the roster with the person's work number has the
--             status "terminated", and a time that is not after $as_of or none.
-- In force    begun and not ended at $as_of.
-- On device   the list counts something of the person as sent to the device.
-- Severity    critical: a permission is in force, or something is on a device;
--             high: the rest.
-- Parameters  $as_of.
-- Limits      Persons and roster meet by the work number alone. Whom the roster
--             does not have, and who has no work number, cannot be found here;
--             the sheet Unsettled lists them.
WITH gone AS (
    SELECT *
    FROM roster_persons(CAST($as_of AS TIMESTAMPTZ))
    WHERE standing = 'terminated' AND permissions > 0
),
held AS (
    SELECT
        p.project_id,
        p.person_id,
        count(*) FILTER (
            WHERE coalesce(p.auth_start <= CAST($as_of AS TIMESTAMPTZ), true)
                AND coalesce(p.auth_end > CAST($as_of AS TIMESTAMPTZ), true)
        ) AS in_force,
        count(DISTINCT p.access_control_channel_id) AS channels,
        count(DISTINCT p.access_control_channel_id) FILTER (WHERE c.sensitive) AS on_sensitive,
        count(*) FILTER (WHERE len(c.on_device) > 0) AS on_device
    FROM permissions AS p
    JOIN permission_context AS c
        ON c.project_id = p.project_id AND c.access_auth_id = p.access_auth_id
    SEMI JOIN gone AS g
        ON g.project_id = p.project_id AND g.person_id = p.person_id
    GROUP BY p.project_id, p.person_id
),
deletions AS (
    SELECT project_id, person_id, count(*) AS open_deletions
    FROM failed_deletions
    WHERE cleared_by_task_id IS NULL
    GROUP BY project_id, person_id
)
SELECT
    if(h.in_force > 0 OR h.on_device > 0, 'critical', 'high') AS severity,
    g.name,
    g.person_code,
    g.organizations,
    g.terminated,
    CAST(epoch(CAST($as_of AS TIMESTAMPTZ)) - epoch(g.terminated) AS BIGINT) AS since_seconds,
    g.permissions,
    h.in_force,
    h.channels,
    h.on_sensitive,
    h.on_device,
    coalesce(d.open_deletions, 0) AS open_deletions,
    nullif(g.manager, '') AS manager,
    nullif(g.manager_email, '') AS manager_email,
    g.organisation AS roster_organisation,
    len(coalesce(g.twins, [])) AS same_code,
    g.project_id,
    g.person_id
FROM gone AS g
JOIN held AS h
    ON h.project_id = g.project_id AND h.person_id = g.person_id
LEFT JOIN deletions AS d
    ON d.project_id = g.project_id AND d.person_id = g.person_id
ORDER BY
    severity,
    h.on_sensitive DESC,
    g.terminated NULLS LAST,
    g.name,
    g.project_id,
    g.person_id
