-- Expired permissions: the first page
--
-- Question    How many permissions have ended but are still listed, and of how
--             many persons is something still on the device that nothing allows?
-- A row is    the whole report.
-- Counted     as in expired_permissions.sql.
-- Limits      as in expired_permissions.sql. Where the cloud leaves expired
--             permissions out of its list none can be found.
WITH asked AS (
    SELECT
        CAST($as_of AS TIMESTAMPTZ) AS as_of,
        CAST($timezone AS VARCHAR) AS zone
),
in_force AS (
    SELECT DISTINCT p.project_id, p.person_id, p.access_control_channel_id
    FROM permissions AS p
    CROSS JOIN asked AS a
    WHERE coalesce(p.auth_start <= a.as_of, true)
        AND coalesce(p.auth_end > a.as_of, true)
),
ended AS (
    SELECT
        p.*,
        x.tier,
        x.owner,
        x.sensitive,
        x.organizations,
        x.on_device,
        x.means,
        f.person_id IS NOT NULL AS in_force_besides,
        date_diff(
            'day',
            CAST(timezone(a.zone, p.auth_end) AS DATE),
            CAST(timezone(a.zone, a.as_of) AS DATE)
        ) AS days_over,
        CASE
            WHEN f.person_id IS NOT NULL THEN 'medium'
            WHEN len(x.on_device) > 0 THEN 'critical'
            ELSE 'high'
        END AS severity
    FROM permissions AS p
    CROSS JOIN asked AS a
    JOIN permission_context AS x
        ON x.project_id = p.project_id AND x.access_auth_id = p.access_auth_id
    LEFT JOIN in_force AS f
        ON f.project_id = p.project_id
        AND f.person_id = p.person_id
        AND f.access_control_channel_id = p.access_control_channel_id
    WHERE p.auth_end <= a.as_of
        AND NOT p.permanent
),
counted AS (
    SELECT
        count(*) AS expired,
        count(*) FILTER (WHERE severity = 'critical') AS still_there,
        count(DISTINCT (project_id, person_id)) FILTER (WHERE severity = 'critical') AS persons,
        count(*) FILTER (WHERE severity = 'critical' AND sensitive) AS on_sensitive,
        count(*) FILTER (WHERE severity = 'high') AS not_there,
        count(*) FILTER (WHERE in_force_besides) AS besides,
        max(days_over) AS oldest,
        list(DISTINCT business_device_name ORDER BY business_device_name) FILTER (WHERE severity = 'critical') AS devices
    FROM ended
),
listed AS (
    SELECT
        count(*) AS listed,
        (SELECT count(*) FROM channel_register) AS registered
    FROM permissions
)
SELECT
    CASE
        WHEN expired = 0 THEN '**No permission that has ended is listed any more.**'
        ELSE
            '**' || format('{:,}', expired) || if(expired = 1, ' permission has', ' permissions have')
            || ' ended but ' || if(expired = 1, 'is', 'are') || ' still listed**'
            || CASE
                WHEN still_there = 0 THEN ', of none is something on the device that nothing else allows'
                ELSE
                    '; for **' || format('{:,}', still_there) || ' of them** (' || format('{:,}', persons)
                    || if(persons = 1, ' person', ' persons') || ') **a credential is still on the device**'
                    || if(on_sensitive = 0, '', ', ' || format('{:,}', on_sensitive) || ' on sensitive channels')
            END
            || '. The oldest ' || if(oldest = 0, 'ended today.', 'has been over for ' || format('{:,}', oldest)
                || if(oldest = 1, ' day.', ' days.'))
    END AS answer,
    CASE
        WHEN expired = 0 THEN NULL
        WHEN still_there > 0
            THEN 'Remove the ' || if(still_there = 1, 'one', format('{:,}', still_there))
                || ' of severity critical, then issue the new permissions of the channels and see that the devices confirm: '
                || array_to_string(devices[1:3], ', ')
                || if(len(devices) > 3, ' and ' || (len(devices) - 3) || ' more', '') || '.'
        ELSE 'Remove them from the list, so that nobody takes them for access.'
    END AS what_to_do,
    CASE
        WHEN still_there > 0 THEN 'critical'
        WHEN not_there > 0 THEN 'high'
        WHEN expired > 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    expired,
    'of ' || format('{:,}', listed) || ' listed' AS expired_note,
    still_there,
    'of ' || format('{:,}', persons) || if(persons = 1, ' person', ' persons') AS still_there_note,
    CASE WHEN registered > 0 THEN on_sensitive END AS on_sensitive,
    if(registered = 0, 'no channel register gives a tier', 'of those on the device') AS on_sensitive_note,
    oldest,
    CASE
        WHEN expired = 0 THEN 'none'
        WHEN besides = 0 THEN 'over for the oldest'
        ELSE 'over for the oldest; ' || format('{:,}', besides) || ' with another in force'
    END AS oldest_note
FROM counted
CROSS JOIN listed
