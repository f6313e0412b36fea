-- 1. How many permissions and persons has each channel?
SELECT
    access_control_channel_name,
    count(*) AS permissions,
    count(DISTINCT person_id) AS persons
FROM permissions
GROUP BY access_control_channel_name
ORDER BY permissions DESC, access_control_channel_name;

-- 2. Who may pass a channel, and until when?
--    exporter sql --set "channel=Cash Office"
SELECT
    name,
    person_code,
    auth_start,
    auth_end,
    permanent,
    card_state,
    face_state
FROM permissions
WHERE access_control_channel_name = $channel
ORDER BY name, access_auth_id;

-- 3. Which permissions expire: those ending within so many days?
--    exporter sql --set within_days=30
SELECT
    auth_end,
    name,
    access_control_channel_name
FROM permissions
WHERE auth_end > $as_of::TIMESTAMPTZ
    AND auth_end <= $as_of::TIMESTAMPTZ + to_days($within_days::INTEGER)
ORDER BY auth_end, access_auth_id;

-- 4. Which permissions have expired, and the cloud lists them still?
SELECT
    name,
    access_control_channel_name,
    auth_end,
    date_diff('day', auth_end, $as_of::TIMESTAMPTZ) AS days_ago
FROM permissions
WHERE auth_end <= $as_of::TIMESTAMPTZ
ORDER BY auth_end, access_auth_id;

-- 5. Which permissions on sensitive channels have no end?
SELECT
    p.access_control_channel_name,
    p.name,
    c.owner
FROM permissions AS p
JOIN permission_context AS c
    USING (project_id, access_auth_id)
WHERE c.sensitive AND p.permanent
ORDER BY p.access_control_channel_name, p.name, p.access_auth_id;

-- 6. How many permissions has each organization, by the kind of their end?
SELECT
    s.structure_name,
    count(*) FILTER (WHERE p.permanent) AS without_end,
    count(*) FILTER (WHERE NOT p.permanent) AS with_end
FROM permissions AS p
JOIN structures AS s
    ON s.project_id = p.project_id
    AND list_contains(p.structure_ids, s.structure_id)
GROUP BY s.structure_name
ORDER BY s.structure_name;

-- 7. Who may pass the most channels?
SELECT
    max(name) AS name,
    count(DISTINCT access_control_channel_id) AS channels
FROM permissions
GROUP BY project_id, person_id
ORDER BY channels DESC, person_id
LIMIT 10;

-- 8. Which channels may nobody pass?
SELECT
    access_control_channel_name,
    access_control_channel_id,
    named_by
FROM channels AS c
ANTI JOIN permissions AS p
    USING (project_id, access_control_channel_id)
ORDER BY access_control_channel_id;

-- 9. Whose card, face or fingerprint is not on the device yet?
SELECT
    name,
    access_control_channel_name,
    credential,
    state
FROM (
    UNPIVOT permissions
    ON card_state, face_state, fingerprint_state
    INTO NAME credential VALUE state
)
WHERE state IN ('pending', 'partial')
ORDER BY name, access_auth_id, credential;

-- 10. How do the states of the cards spread over the channels?
PIVOT (
    SELECT access_control_channel_name, card_state
    FROM permissions
)
ON card_state IN ('delivered', 'pending', 'partial', 'not_enrolled')
USING count(*)
GROUP BY access_control_channel_name
ORDER BY access_control_channel_name;

-- 11. Which leavers by the roster have permissions still?
SELECT
    p.person_code,
    p.name,
    r.terminated,
    list(p.access_control_channel_name ORDER BY p.access_control_channel_name) AS channels
FROM permissions AS p
JOIN roster AS r
    USING (person_code)
WHERE r.status = 'terminated'
    AND coalesce(r.terminated <= $as_of::TIMESTAMPTZ, true)
GROUP BY ALL
ORDER BY p.person_code, p.name;

-- 12. Which work numbers do several persons share?
SELECT
    person_code,
    count(*) AS persons,
    list(name ORDER BY person_id) AS names
FROM persons
WHERE person_code <> ''
GROUP BY project_id, person_code
HAVING count(*) > 1
ORDER BY person_code;

-- 13. Which permissions does no rule grant?
SELECT
    p.name,
    p.access_control_channel_name,
    p.auth_source_str
FROM permissions AS p
ANTI JOIN permission_rules AS g
    USING (project_id, access_auth_id)
ORDER BY p.name, p.access_auth_id;

-- 14. Which deletions failed, so that somebody may still get in?
SELECT
    last_failed,
    name,
    access_control_channel_name,
    credential,
    permission_listed
FROM failed_deletions
WHERE cleared_by_task_id IS NULL
ORDER BY last_failed, auth_task_record_id, credential;

-- 15. How many of the records of each channel's tasks failed?
SELECT
    t.access_control_channel_name,
    count(*) AS records,
    count(*) FILTER (WHERE r.result = 'failed') AS failed,
    round(failed / records, 3) AS share
FROM records AS r
JOIN tasks AS t
    USING (project_id, auth_task_id)
GROUP BY t.access_control_channel_name
ORDER BY share DESC, t.access_control_channel_name;

-- 16. Who could ever pass a channel, and from when to when was it seen?
--     exporter sql --set "channel=Cash Office"
SELECT
    name,
    auth_end_time,
    first_seen,
    last_seen,
    closed_snapshot
FROM permission_history
WHERE access_control_channel_name = $channel
ORDER BY access_auth_id, first_snapshot;

-- 17. Who could pass a channel at another time?
--     exporter sql --set "channel=Cash Office" --set "time=2026-06-01 12:00"
SELECT
    name,
    person_code
FROM permissions_at($time::TIMESTAMPTZ)
WHERE access_control_channel_name = $channel
ORDER BY name, access_auth_id;

-- 18. What has changed between the first snapshot and the newest?
SELECT
    kind,
    name,
    access_control_channel_name,
    auth_end_before,
    auth_end_after
FROM permission_changes(
    (SELECT min(snapshot_id) FROM snapshots),
    (SELECT max(snapshot_id) FROM snapshots)
)
ORDER BY kind, name, access_auth_id;

-- 19. Who may pass a channel that they could not pass in an earlier snapshot?
--     exporter sql --since 2026-06-01
SELECT
    name,
    access_control_channel_name,
    auth_start
FROM permissions AS p
ANTI JOIN previous.permissions AS b
    USING (project_id, person_id, access_control_channel_id)
ORDER BY name, access_auth_id;

-- 20. How many permissions were there in each snapshot, and was it whole?
SELECT
    s.snapshot_id,
    s.server_time,
    s.verdict,
    count(h.access_auth_id) AS permissions
FROM snapshots AS s
LEFT JOIN permission_history AS h
    ON h.project_id = s.project_id
    AND h.first_snapshot <= s.snapshot_id
    AND coalesce(h.closed_snapshot > s.snapshot_id, true)
GROUP BY s.project_id, s.snapshot_id, s.server_time, s.verdict
ORDER BY s.snapshot_id, s.project_id;
