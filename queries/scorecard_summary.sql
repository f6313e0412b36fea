-- Scorecard: the first page
--
-- Question    How many targets are met, and what weighs most?
-- A row is    the whole report.
-- Counted     as in scorecard.sql.
-- Parameters  as in scorecard.sql.
WITH numbers AS (
    SELECT *
    FROM kpis(
        CAST($as_of AS TIMESTAMPTZ), $timezone, $stuck_hours, $critical_hours, $task_days, $delivery_days, $target_hours, $calendar_days
    )
),
counted AS (
    SELECT
        count(*) AS targets,
        count(*) FILTER (WHERE met) AS reached,
        count(*) FILTER (WHERE NOT met) AS missed,
        count(*) FILTER (WHERE met IS NULL) AS not_known,
        count(*) FILTER (WHERE NOT met AND gravity = 'critical') AS grave,
        count(*) FILTER (WHERE NOT met AND gravity = 'high') AS weighty,
        list(DISTINCT report ORDER BY report) FILTER (WHERE NOT met AND gravity = 'critical') AS grave_reports,
        list(DISTINCT report ORDER BY report) FILTER (WHERE NOT met) AS reports,
        any_value(value) FILTER (WHERE position = 1) AS open_deletions,
        any_value(value) FILTER (WHERE position = 2) AS leavers
    FROM numbers
),
gravest AS (
    SELECT
        list(
            CASE unit
                WHEN 'share' THEN kpi || ': ' || replace(format('{:.1f} %', 100 * value), '.0 %', ' %')
                WHEN 'hours' THEN kpi || ': ' || replace(format('{:.1f}', value), '.0', '')
                ELSE format('{:,} ', value::BIGINT) || kpi
            END
            ORDER BY array_position(['critical', 'high', 'medium'], gravity), position
        )[1:2] AS words
    FROM numbers
    WHERE NOT met
)
SELECT
    CASE
        WHEN missed = 0 AND not_known = 0 THEN '**All ' || targets || ' targets are met.**'
        WHEN missed = 0 THEN '**No target is missed**, but ' || not_known || ' of ' || targets || ' cannot be told.'
        ELSE '**' || missed || ' of ' || targets || ' targets ' || if(missed = 1, 'is', 'are') || ' missed**: '
            || array_to_string(words, '; ')
            || if(missed > 2, '; and ' || (missed - 2) || ' more, all in the table of targets', '')
            || if(not_known > 0, '. ' || not_known || ' cannot be told.', '.')
    END AS answer,
    CASE
        WHEN grave > 0 THEN '**Begin with the ' || if(len(grave_reports) = 1, 'report ', 'reports ') || array_to_string(grave_reports, ' and ')
            || '**: there somebody may enter who may not. Then go through the others from the top.'
        WHEN missed > 0 THEN '**Go through the table from the top**: the report named in a row has what is behind it.'
        WHEN not_known > 0 THEN 'Give what is lacking: the notes say what.'
        ELSE 'Nothing is to be done.'
    END AS what_to_do,
    CASE
        WHEN grave > 0 THEN 'critical'
        WHEN weighty > 0 THEN 'high'
        WHEN missed + not_known > 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    missed,
    'of ' || targets || ' targets; ' || grave || ' of them critical' AS missed_note,
    reached,
    not_known || ' cannot be told' AS reached_note,
    open_deletions::BIGINT AS open_deletions,
    'removed in the cloud, perhaps not from the device' AS open_deletions_note,
    leavers::BIGINT AS leavers,
    if(leavers IS NULL, 'there is no roster', 'by the roster') AS leavers_note,
    targets,
    not_known,
    grave
FROM counted
CROSS JOIN gravest
