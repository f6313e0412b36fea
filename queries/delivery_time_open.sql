-- Delivery time: what is still open
--
-- Question    Which of the permissions that were created have not reached their
--             device?
-- A row is    one permission (access_auth_id) created in the last $days days, of
--             a person who has a card, a face or a fingerprint by the list, of
--             whom nothing is on the device by any record or list.
-- Severity    high: open for over four times $target_hours; medium: for over
--             $target_hours; low: the others.
-- Parameters  $as_of, $timezone, $days, $target_hours.
-- Limits      When a permission was created, only its detail says: those whose
--             detail was not read are not counted. The report failed-issues has
--             what was attempted.
SELECT
    CASE
        WHEN d.hours > 4 * $target_hours THEN 'high'
        WHEN d.hours > $target_hours THEN 'medium'
        ELSE 'low'
    END AS severity,
    d.name,
    d.person_code,
    d.access_control_channel_name,
    d.device,
    d.auth_create,
    CAST(d.hours * 3600 AS BIGINT) AS open_seconds,
    d.project_id,
    d.person_id,
    d.access_control_channel_id,
    d.access_auth_id
FROM deliveries(CAST($as_of AS TIMESTAMPTZ), $timezone, $days) AS d
WHERE d.how = 'open'
ORDER BY
    d.auth_create,
    d.name,
    d.project_id,
    d.access_auth_id
