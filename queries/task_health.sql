-- Task health
--
-- Question    Which tasks of sending permissions are stuck, were ended, failed in
--             part, vanished or had nothing to send?
-- A row is    one task (auth_task_id) with a finding. A task that is not here
--             sent all that it had, or is younger than $stuck_hours.
-- Findings    stuck: not finished, and begun over $stuck_hours hours ago.
--             vanished: not finished when it was last listed, and not listed any
--             more. terminated: its code says so (auth_task_progress 3 or
--             auth_task_status 4). all failed, partly failed: finished, and of
--             auth_num only success_num arrived, 0 or more. empty: auth_num is 0.
--             numbers missing: finished, but its numbers do not fit each other.
--             The first of these that holds is shown.
-- Derived     from times and numbers, but for terminated, which only the codes
--             tell. The codes are shown beside as they came.
-- Severity    critical: stuck for over $critical_hours hours; high: stuck, all
--             failed, or vanished; medium: terminated, partly failed, or numbers
--             missing; low: empty.
-- Counted     tasks begun in the last $days days, and every one not finished.
-- Parameters  $as_of, $stuck_hours, $critical_hours, $days.
-- Limits      A task names its channel by name, number, area and device, not by
--             id. Tasks that came and went between two collections, or that the
--             cloud no longer lists when it is first asked, are not known.
SELECT
    t.severity,
    t.finding,
    t.access_control_channel_name,
    t.business_device_name,
    t.task_start,
    t.task_finish,
    t.age_seconds,
    t.auth_num,
    t.success_num,
    t.missing,
    t.records_failed,
    t.records_unknown,
    CASE t.finding
        WHEN 'stuck' THEN 'see whether the device answers; then issue again'
        WHEN 'vanished' THEN 'issue again: whether it arrived is not known'
        WHEN 'terminated' THEN 'ask who ended it; then issue the rest'
        WHEN 'all failed' THEN 'see whether the device answers; then issue again'
        WHEN 'partly failed' THEN 'issue again to those who failed'
        WHEN 'empty' THEN 'nothing, if nothing was to be sent'
        ELSE 'look at it in the console'
    END AS suggested_action,
    t.auth_issue_type_text,
    t.auth_task_progress,
    t.auth_task_progress_text,
    t.auth_task_status,
    t.auth_task_status_text,
    t.access_control_channel_no,
    t.access_channel_position_path,
    t.project_id,
    t.access_control_channel_id,
    t.auth_task_id
FROM task_findings(CAST($as_of AS TIMESTAMPTZ), $stuck_hours, $critical_hours, $days) AS t
WHERE t.finding IS NOT NULL
ORDER BY
    array_position(['critical', 'high', 'medium', 'low'], t.severity),
    array_position(['stuck', 'vanished', 'all failed', 'terminated', 'partly failed', 'numbers missing', 'empty'], t.finding),
    t.missing DESC NULLS LAST,
    t.task_start DESC,
    t.project_id,
    t.auth_task_id
