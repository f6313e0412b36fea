-- Failed deletions: the first page
--
-- Question    How many credentials were deleted in the cloud but perhaps not from
--             the device, how many of them of leavers, and of how much of the
--             records is that known?
-- A row is    the whole report.
-- Counted     as in failed_deletions.sql (the views failed_deletions and
--             record_coverage of the snapshot). Leavers: status terminated in the
--             roster. Not told: persons whose work number is unknown, or whom the
--             roster does not have; that nobody of them has left is not
--             concluded. Oldest: since the deletion first failed.
-- Limits      as in failed_deletions.sql. Where results were not read for all
--             records, that there are no more cannot be concluded.
WITH asked AS (
    SELECT CAST($as_of AS TIMESTAMPTZ) AS as_of
),
found AS (
    SELECT
        d.*,
        d.cleared_by_task_id IS NULL AS open,
        CAST(floor((epoch(a.as_of) - epoch(d.first_failed)) / 86400) AS BIGINT) AS days
    FROM failed_deletions AS d
    CROSS JOIN asked AS a
),
counted AS (
    SELECT
        count(*) FILTER (WHERE open) AS open_deletions,
        count(DISTINCT (project_id, person_id)) FILTER (WHERE open) AS persons,
        count(*) FILTER (WHERE open AND roster_status = 'terminated') AS of_leavers,
        count(DISTINCT (project_id, person_id)) FILTER (WHERE open AND roster_status = 'terminated') AS leavers,
        count(DISTINCT (project_id, person_id)) FILTER (
            WHERE open AND roster_status IN ('unknown', 'not in the roster')
        ) AS not_told,
        count(*) FILTER (WHERE open AND permission_listed) AS still_permitted,
        count(*) FILTER (WHERE NOT open) AS inferred,
        max(days) FILTER (WHERE open) AS oldest,
        count(DISTINCT business_device_name) FILTER (WHERE open) AS devices,
        list(DISTINCT name ORDER BY name) FILTER (WHERE open AND roster_status = 'terminated') AS leaver_names
    FROM found
),
worst_devices AS (
    SELECT list(label ORDER BY n DESC, label)[1:3] AS names
    FROM (
        SELECT coalesce(business_device_name, 'a device without a name') AS label, count(*) AS n
        FROM found
        WHERE open
        GROUP BY label
    )
),
coverage AS (
    SELECT
        coalesce(sum(records), 0)::BIGINT AS records,
        coalesce(sum(records_read), 0)::BIGINT AS records_read,
        coalesce(sum(tasks_unread), 0)::BIGINT AS tasks_unread,
        coalesce(sum(revoked_unread), 0)::BIGINT AS revoked_not_covered
    FROM record_coverage
),
told AS (
    SELECT
        *,
        records = records_read AND tasks_unread = 0 AS all_read,
        (SELECT count(*) FROM roster) AS rostered
    FROM counted
    CROSS JOIN worst_devices
    CROSS JOIN coverage
)
SELECT
    CASE
        WHEN open_deletions > 0 THEN
            '**' || format('{:,}', open_deletions) || if(open_deletions = 1, ' credential', ' credentials') || ' of '
            || format('{:,}', persons) || if(persons = 1, ' person', ' persons') || if(open_deletions = 1, ' was', ' were')
            || ' deleted in the cloud, perhaps not from the device**'
            || CASE
                WHEN leavers = 1 THEN '; **one of them has left**'
                WHEN leavers > 1 THEN '; **' || format('{:,}', leavers) || ' of them have left**'
                WHEN rostered = 0 THEN '; no roster says who of them has left'
                WHEN not_told = persons THEN '; **who of them has left cannot be told**: the roster settles none'
                ELSE ''
            END
            || CASE
                WHEN rostered = 0 OR not_told = 0 OR not_told = persons THEN ''
                ELSE '; of ' || format('{:,}', not_told) || if(not_told = 1, ' person', ' persons') || ' the roster does not tell'
            END
            || '. The oldest has been open for ' || format('{:,}', oldest) || if(oldest = 1, ' day', ' days')
            || if(all_read, '.', '; there may be more, for not all results were read.')
        WHEN all_read THEN '**No deletion has failed**, by the results of all ' || format('{:,}', records) || ' records.'
        ELSE 'No failed deletion is known, but **that there is none cannot be concluded**: not all results were read.'
    END AS answer,
    CASE
        WHEN open_deletions = 0 AND NOT all_read THEN 'Let more results be read: raise collect.budget, or run collect again.'
        WHEN open_deletions = 0 THEN NULL
        ELSE
            if(
                leavers > 0,
                'First those who have left: ' || array_to_string(leaver_names[1:3], ', ')
                    || if(leavers > 3, ' and ' || format('{:,}', leavers - 3) || ' more', '') || '. ',
                ''
            )
            || 'Delete what is left again, at the device if need be, and see that it confirms: '
            || array_to_string(names, ', ') || if(devices > 3, ' and ' || (devices - 3) || ' more', '') || '.'
    END AS what_to_do,
    CASE
        WHEN open_deletions > 0 THEN 'critical'
        WHEN NOT all_read THEN 'medium'
        WHEN inferred > 0 THEN 'low'
        ELSE 'good'
    END AS severity,
    CASE WHEN open_deletions > 0 OR all_read THEN open_deletions END AS open_deletions,
    CASE
        WHEN inferred = 0 THEN 'on ' || format('{:,}', devices) || if(devices = 1, ' device', ' devices')
        ELSE 'and ' || format('{:,}', inferred) || ' that a later task may have cleared'
    END AS open_note,
    CASE
        WHEN rostered = 0 THEN NULL
        WHEN of_leavers > 0 OR not_told = 0 AND (open_deletions > 0 OR all_read) THEN of_leavers
    END AS of_leavers,
    CASE
        WHEN rostered = 0 THEN 'no roster'
        WHEN leavers = 0 AND not_told = 0 AND open_deletions = 0 AND NOT all_read THEN 'not all results were read'
        ELSE
            concat_ws(
                '; ',
                CASE WHEN leavers > 0 THEN 'of ' || format('{:,}', leavers) || if(leavers = 1, ' person', ' persons') END,
                CASE
                    WHEN not_told > 0 THEN 'cannot be told for ' || format('{:,}', not_told) || if(not_told = 1, ' person', ' persons')
                    WHEN leavers = 0 THEN 'by the roster'
                END
            )
    END AS of_leavers_note,
    oldest,
    if(open_deletions = 0, 'none is open', 'since the oldest first failed') AS oldest_note,
    CASE WHEN records > 0 THEN records_read / records END AS read_share,
    format('{:,}', records_read) || ' of ' || format('{:,}', records) || ' records'
        || if(tasks_unread > 0, ', none of ' || format('{:,}', tasks_unread) || ' tasks', '') AS read_note,
    CASE
        WHEN all_read THEN 'The results of all ' || format('{:,}', records) || ' records were read.'
        ELSE
            'Cannot conclude for those not read: results were read for '
            || format('{:,}', records_read) || ' of ' || format('{:,}', records) || ' records'
            || if(tasks_unread > 0, ', and no record of ' || format('{:,}', tasks_unread) || ' tasks', '')
            || CASE
                WHEN revoked_not_covered = 0 THEN '.'
                ELSE
                    '; among them '
                    || if(revoked_not_covered = 1, 'is one case', 'are ' || format('{:,}', revoked_not_covered) || ' cases')
                    || ' of a person on a channel without a permission there any more.'
            END
    END AS deletions_note,
    still_permitted,
    persons,
    inferred
FROM told
