-- Task health: the first page
--
-- Question    Do tasks of sending permissions arrive?
-- A row is    the whole report.
-- Counted     as in task_health.sql.
-- Parameters  $as_of, $stuck_hours, $critical_hours, $days.
WITH counted AS (
    SELECT
        count(*) AS tasks,
        count(*) FILTER (WHERE finding IS NULL AND NOT finished) AS running,
        count(*) FILTER (WHERE finding IS NULL AND finished) AS succeeded,
        count(*) FILTER (WHERE finding = 'stuck') AS stuck,
        count(*) FILTER (WHERE severity = 'critical') AS long_stuck,
        count(*) FILTER (WHERE finding = 'vanished') AS vanished,
        count(*) FILTER (WHERE finding = 'all failed') AS all_failed,
        count(*) FILTER (WHERE finding = 'partly failed') AS partly_failed,
        count(*) FILTER (WHERE finding = 'terminated') AS terminated,
        count(*) FILTER (WHERE finding = 'empty') AS empty,
        count(*) FILTER (WHERE finding IS NOT NULL AND finding <> 'empty') AS found,
        max(age_seconds) FILTER (WHERE finding = 'stuck') AS oldest_seconds,
        coalesce(sum(missing) FILTER (WHERE finding IN ('all failed', 'partly failed', 'terminated')), 0)::BIGINT AS missing
    FROM task_findings(CAST($as_of AS TIMESTAMPTZ), $stuck_hours, $critical_hours, $days)
),
devices AS (
    SELECT list(label ORDER BY tasks DESC, label) AS names
    FROM (
        SELECT
            coalesce(business_device_name, access_control_channel_name, 'a device without a name')
                || ' (' || count(*) || ')' AS label,
            count(*) AS tasks
        FROM task_findings(CAST($as_of AS TIMESTAMPTZ), $stuck_hours, $critical_hours, $days)
        WHERE finding IN ('stuck', 'all failed')
        GROUP BY coalesce(business_device_name, access_control_channel_name, 'a device without a name')
    )
),
told AS (
    SELECT
        *,
        CASE WHEN tasks - running - empty > 0 THEN succeeded / (tasks - running - empty) END AS succeeded_share
    FROM counted
    CROSS JOIN devices
)
SELECT
    CASE
        WHEN tasks = 0 THEN '**No task is known of the last ' || $days || ' days.**'
        WHEN stuck > 0 THEN
            '**' || format('{:,}', stuck) || if(stuck = 1, ' task is stuck', ' tasks are stuck') || '**, '
            || if(stuck = 1, 'for ', 'the oldest for ')
            || CASE WHEN oldest_seconds >= 172800 THEN format('{:,}', oldest_seconds // 86400) || ' days'
                ELSE format('{:,}', oldest_seconds // 3600) || ' hours' END
            || if(found > stuck, '; ' || format('{:,}', found - stuck) || if(found - stuck = 1, ' other did', ' others did')
                || ' not send all they had to.', '.')
        WHEN found > 0 THEN
            '**No task is stuck**, but ' || format('{:,}', found) || ' of ' || format('{:,}', tasks)
            || if(found = 1, ' has', ' have') || ' not sent all there was to send.'
        ELSE '**Every task has sent all that it had**: ' || format('{:,}', succeeded) || ' in the last ' || $days || ' days.'
    END AS answer,
    CASE
        WHEN stuck + all_failed > 0 THEN
            '**See first whether these devices answer: ' || array_to_string(names[1:3], ', ')
            || if(len(names) > 3, ' and ' || (len(names) - 3) || ' more', '') || '.** Then issue again what is missing.'
        WHEN found > 0 THEN '**Issue again what is missing**, to ' || format('{:,}', missing)
            || if(missing = 1, ' person.', ' persons.')
        ELSE 'Nothing is to be done.'
    END AS what_to_do,
    CASE
        WHEN long_stuck > 0 THEN 'critical'
        WHEN stuck + all_failed + vanished > 0 THEN 'high'
        WHEN found > 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    stuck,
    'for over ' || $stuck_hours || ' h; ' || long_stuck || ' for over ' || $critical_hours || ' h' AS stuck_note,
    all_failed + partly_failed AS failed,
    format('{:,}', all_failed) || ' wholly, ' || format('{:,}', partly_failed) || ' in part' AS failed_note,
    terminated + vanished AS ended,
    format('{:,}', terminated) || ' terminated, ' || format('{:,}', vanished) || ' vanished' AS ended_note,
    succeeded_share,
    'of ' || format('{:,}', tasks - running - empty) || ' begun in ' || $days || ' days, '
        || format('{:,}', running) || ' under way and ' || format('{:,}', empty) || ' empty aside' AS succeeded_note,
    tasks,
    succeeded,
    running,
    empty,
    found
FROM told
