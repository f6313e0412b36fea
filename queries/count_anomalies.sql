-- Count anomalies
--
-- Question    Where does the cloud count more on a device than a person has, or
--             contradict itself?
-- A row is    one credential of one permission (access_auth_id) whose numbers do
--             not fit.
-- Findings    more than enrolled: more are sent than the person has. sent though
--             none is enrolled: the person has none, yet some are sent.
--             status contradicts: all are sent and the status says to be sent, or
--             none is and it says already sent.
-- Severity    high: more than enrolled, or sent though none is enrolled: a card
--             that was not given back may still open the channel; medium: the
--             status contradicts, and so another report may be wrong here.
-- In state    since the first whole walk that had these numbers and this status,
--             without a break; at most as long as snapshots go back.
-- Parameters  $as_of.
-- Limits      The numbers are the cloud's. Which card or face is too many it does
--             not say, nor whether the device has it. A credential whose numbers
--             the list leaves out is unknown and not here.
WITH shown AS (
    SELECT * FROM count_findings()
)
SELECT
    s.severity,
    s.finding,
    p.name,
    p.person_code,
    p.access_control_channel_name,
    c.tier,
    s.credential,
    s.enrolled_num,
    s.sent_num,
    s.sent_num - s.enrolled_num AS difference,
    s.status_text,
    s.since,
    CAST(epoch(CAST($as_of AS TIMESTAMPTZ)) - epoch(s.since) AS BIGINT) AS state_seconds,
    CASE s.finding
        WHEN 'status contradicts' THEN 'issue again, and see whether the status follows'
        ELSE 'have it given back or blocked; then issue the channel anew'
    END AS suggested_action,
    p.access_control_channel_no,
    p.access_channel_position_path,
    p.business_device_name,
    c.organizations,
    p.auth_end,
    p.project_id,
    p.person_id,
    p.access_control_channel_id,
    p.access_auth_id
FROM shown AS s
JOIN permissions AS p
    ON p.project_id = s.project_id AND p.access_auth_id = s.access_auth_id
JOIN permission_context AS c
    ON c.project_id = p.project_id AND c.access_auth_id = p.access_auth_id
ORDER BY
    array_position(['high', 'medium'], s.severity),
    c.sensitive DESC,
    difference DESC,
    s.since,
    p.name,
    p.project_id,
    p.access_auth_id,
    s.credential
