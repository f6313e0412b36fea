-- Scorecard
--
-- Question    Which targets are met?
-- A row is    one number, with the report that holds its rows: made from the same
--             snapshot with the same parameters, it says the same.
-- Now         NULL, shown as "unknown", where the data cannot tell: Note says why.
-- Before      the same number as of the earlier snapshot; empty without one.
-- State       met, missed, or unknown.
-- Severity    good: met; medium: unknown; of a missed target critical, high or
--             medium as the number weighs: critical where somebody may enter who
--             may not.
-- Rows        how many rows of the named sheet of the report miss the target: of
--             hours, the devices over it; of results read, the resources short.
-- Parameters  $as_of, $timezone, $stuck_hours, $critical_hours, $task_days,
--             $delivery_days, $target_hours, $calendar_days.
-- Limits      Revocations in time, reviews of access and door events are not in
--             the data, so they have no number here.
SELECT
    CASE
        WHEN k.met THEN 'good'
        WHEN k.met IS NULL THEN 'medium'
        ELSE k.gravity
    END AS severity,
    k.kpi,
    CASE k.unit
        WHEN 'share' THEN 'at least ' || format('{:.0f} %', 100 * k.target)
        WHEN 'hours' THEN 'at most ' || format('{:.0f} h', k.target)
        ELSE format('{:.0f}', k.target)
    END AS target_text,
    CASE
        WHEN k.value IS NULL THEN 'unknown'
        WHEN k.unit = 'share' THEN replace(format('{:.1f} %', 100 * k.value), '.0 %', ' %')
        WHEN k.unit = 'hours' THEN replace(format('{:.1f} h', k.value), '.0 h', ' h')
        ELSE format('{:,}', k.value::BIGINT)
    END AS now_text,
    CAST(NULL AS VARCHAR) AS before_text,
    CASE WHEN k.met THEN 'met' WHEN k.met IS NULL THEN 'unknown' ELSE 'missed' END AS state,
    k.report,
    k.sheet,
    k.rows,
    CASE WHEN k.value IS NULL THEN k.told END AS note,
    k.unit,
    k.target,
    k.value,
    CAST(NULL AS DOUBLE) AS value_before
FROM kpis(
    CAST($as_of AS TIMESTAMPTZ), $timezone, $stuck_hours, $critical_hours, $task_days, $delivery_days, $target_hours, $calendar_days
) AS k
ORDER BY
    array_position(['critical', 'high', 'medium', 'good'], severity),
    k.position
