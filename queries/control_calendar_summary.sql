-- Control calendar: the first page
--
-- Question    Did the control run on every day of the period?
-- A row is    the whole report.
-- Counted     as in control_calendar.sql; with several projects each day of each.
-- Parameters  $as_of, $timezone, $days.
WITH counted AS (
    SELECT
        count(*) FILTER (WHERE state <> 'not due') AS expected,
        count(*) FILTER (WHERE state = 'done') AS done,
        count(*) FILTER (WHERE state = 'gap') AS gaps,
        count(*) FILTER (WHERE state = 'not whole') AS not_whole,
        count(*) FILTER (WHERE sealed = 'no') AS unsealed,
        count(DISTINCT project_id) AS projects,
        min(day) AS first_day,
        max(day) AS last_day,
        max(day) FILTER (WHERE state NOT IN ('done', 'not due')) AS last_gap,
        coalesce(sum(snapshots), 0)::BIGINT AS snapshots
    FROM control_days(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
),
reported AS (
    SELECT count(*) AS reports
    FROM journal
    WHERE kind = 'report'
        AND CAST(timezone($timezone, "at") AS DATE) > CAST(timezone($timezone, CAST($as_of AS TIMESTAMPTZ)) AS DATE) - CAST($days AS INTEGER)
),
-- Of what was due each slot counts once, however many projects it collected.
scheduled AS (
    SELECT
        coalesce(sum(due), 0)::BIGINT AS due,
        coalesce(sum(ran), 0)::BIGINT AS ran,
        coalesce(sum(late), 0)::BIGINT AS late,
        coalesce(sum(caught_up), 0)::BIGINT AS caught_up,
        coalesce(sum(skipped), 0)::BIGINT AS skipped,
        coalesce(sum(failed), 0)::BIGINT AS failed
    FROM (
        SELECT DISTINCT day, due, ran, late, caught_up, skipped, failed
        FROM control_days(CAST($as_of AS TIMESTAMPTZ), $timezone, $days)
    )
),
told AS (
    SELECT
        *,
        gaps + not_whole AS missing,
        CASE WHEN expected > 0 THEN done / expected END AS done_share,
        'from ' || strftime(first_day, '%Y-%m-%d') || ' to ' || strftime(last_day, '%Y-%m-%d') AS period
    FROM counted
    CROSS JOIN reported
    CROSS JOIN scheduled
)
SELECT
    CASE
        WHEN expected = 0 THEN '**No day of the period is known.**'
        WHEN missing > 0 THEN
            '**On ' || format('{:,}', missing) || ' of ' || format('{:,}', expected) || if(expected = 1, ' day', ' days')
            || if(expected < $days * projects, ' since the first snapshot', '') || ' there is no whole snapshot**, ' || period || '; the last such day is ' || strftime(last_gap, '%Y-%m-%d') || '.'
        WHEN expected < $days * projects THEN
            '**There is a whole snapshot of '
            || if(expected = 1, 'the one day', 'each of the ' || format('{:,}', expected) || ' days')
            || ' since the first snapshot**, ' || period || '; of the ' || $days || ' days asked for, those before are not known.'
        ELSE '**There is a whole snapshot of every day**, ' || period || ': ' || format('{:,}', expected)
            || if(expected = 1, ' day.', ' days.')
    END
    || CASE
        WHEN unsealed > 0 THEN ' ' || format('{:,}', unsealed) || if(unsealed = 1, ' is', ' are') || ' not sealed by a line of the journal.'
        ELSE ''
    END
    || CASE
        WHEN due > 0 THEN ' Of ' || format('{:,}', due) || if(due = 1, ' collection', ' collections') || ' due by the schedule '
            || concat_ws(', ',
                format('{:,}', ran) || ' ran in time',
                if(late > 0, format('{:,}', late) || ' late', NULL),
                if(caught_up > 0, format('{:,}', caught_up) || if(caught_up = 1, ' was caught up', ' were caught up'), NULL),
                if(skipped > 0, format('{:,}', skipped) || if(skipped = 1, ' was skipped', ' were skipped'), NULL),
                if(failed > 0, format('{:,}', failed) || ' failed', NULL)
            ) || '.'
        ELSE ''
    END AS answer,
    CASE
        WHEN missing > 0 THEN '**Give a reason for each gap, sign it, and file it with this report**; then see why the schedule did not run: exporter why collect ' || strftime(last_gap, '%Y-%m-%d') || ' tells.'
        WHEN unsealed > 0 THEN 'See why the journal lacks them: exporter snapshots verify tells.'
        WHEN expected < $days * projects THEN 'Nothing is to be done. The period is shorter than ' || $days || ' days, for the first snapshot is of ' || strftime(first_day, '%Y-%m-%d') || '.'
        ELSE 'Nothing is to be done.'
    END AS what_to_do,
    CASE
        WHEN gaps > 0 THEN 'high'
        WHEN not_whole + unsealed + skipped + failed > 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    done_share,
    format('{:,}', done) || ' of ' || format('{:,}', expected) || if(expected = 1, ' day', ' days') AS done_note,
    gaps,
    'no snapshot was begun' AS gaps_note,
    not_whole,
    'begun, but not read to the end' AS not_whole_note,
    snapshots,
    format('{:,}', reports) || if(reports = 1, ' report', ' reports') || ' made, by the journal' AS snapshots_note,
    expected,
    done,
    unsealed,
    reports,
    projects,
    due,
    ran,
    late,
    caught_up,
    skipped,
    failed
FROM told
