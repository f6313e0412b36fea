-- Completeness: the first page
--
-- Question    Can this snapshot be relied on, and where not?
-- A row is    the whole report.
-- Counted     as in completeness_resources.sql, completeness_tie_outs.sql and
--             completeness_codes.sql.
-- Parameters  $snapshot.
WITH parts AS (
    SELECT
        count(*) AS resources,
        count(*) FILTER (WHERE verdict = 'partial' AND coverable IS NULL) AS not_whole,
        count(*) FILTER (WHERE verdict = 'complete_with_drift' AND coverable IS NULL) AS moved,
        count(*) FILTER (WHERE coverable IS NOT NULL AND (verdict <> 'complete' OR coverage < 1)) AS in_part,
        list(DISTINCT resource_text(resource) ORDER BY resource_text(resource)) FILTER (WHERE verdict = 'partial' AND coverable IS NULL) AS not_whole_names,
        list(DISTINCT resource_text(resource) ORDER BY resource_text(resource))
            FILTER (WHERE coverable IS NOT NULL AND (verdict <> 'complete' OR coverage < 1)) AS in_part_names,
        sum(covered) FILTER (WHERE resource = 'details') AS details_read,
        sum(coverable) FILTER (WHERE resource = 'details') AS details,
        sum(covered) FILTER (WHERE resource = 'issue_infos') AS infos_read,
        sum(coverable) FILTER (WHERE resource = 'issue_infos') AS infos
    FROM resources
    WHERE snapshot_id = CAST($snapshot AS VARCHAR)
),
compared AS (
    SELECT
        count(*) AS tie_outs,
        count(*) FILTER (WHERE result = 'agrees') AS agree,
        count(*) FILTER (WHERE result = 'differs') AS differ,
        count(*) FILTER (WHERE result = 'not tried') AS not_tried,
        list(name ORDER BY project_id, position) FILTER (WHERE result = 'differs') AS differ_names
    FROM tie_outs
    WHERE snapshot_id = CAST($snapshot AS VARCHAR)
),
coded AS (
    SELECT coalesce(sum(rows) FILTER (WHERE fits = 'neither'), 0)::BIGINT AS odd_rows
    FROM code_contingency
),
told AS (
    SELECT
        *,
        CASE WHEN details > 0 THEN details_read / details END AS detail_share,
        CASE WHEN infos > 0 THEN infos_read / infos END AS info_share
    FROM parts
    CROSS JOIN compared
    CROSS JOIN coded
)
SELECT
    CASE
        WHEN not_whole > 0 THEN
            '**This snapshot is not whole**: ' || array_to_string(not_whole_names, ', ')
            || ' were not read to the end, so rows may be missing.'
        WHEN differ > 0 THEN
            '**All ' || resources || ' resources were read, but ' || format('{:,}', differ)
            || if(differ = 1, ' count differs', ' counts differ') || ' from the cloud''s own**: '
            || array_to_string(differ_names[1:3], ', ') || if(differ > 3, ' and ' || (differ - 3) || ' more.', '.')
        WHEN in_part > 0 THEN
            '**The lists can be relied on; what is asked one by one is not complete yet**: '
            || array_to_string(in_part_names, ', ') || '.'
        WHEN moved > 0 THEN
            '**This snapshot can be relied on, with care**: ' || moved
            || if(moved = 1, ' list', ' lists') || ' moved while being read.'
        ELSE '**This snapshot can be relied on**: all ' || resources || ' resources were read whole.'
    END
    || CASE
        WHEN differ > 0 OR agree = 0 THEN ''
        WHEN agree = tie_outs THEN ' All ' || agree || ' counts agree with the cloud''s own.'
        ELSE ' ' || agree || ' of ' || tie_outs || ' counts agree with the cloud''s own'
            || if(not_tried > 0, '; ' || not_tried || ' could not be compared.', '.')
    END AS answer,
    CASE
        WHEN not_whole > 0 THEN '**Collect again before any report of this snapshot is used as evidence.** What is missing stands in the table of resources.'
        WHEN differ > 0 THEN '**Look at the counts that differ before using the numbers**; if the site was being changed, collect again.'
        WHEN in_part > 0 THEN 'Let the next collections catch up; until then the reports say what they cannot conclude.'
        ELSE 'Have somebody fill in the console tie-out, keep the picture, and file it with this report.'
    END AS what_to_do,
    CASE
        WHEN not_whole > 0 THEN 'critical'
        WHEN differ > 0 THEN 'high'
        WHEN in_part > 0 OR moved > 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    not_whole,
    'of ' || resources || ' resources'
        || if(moved > 0, '; ' || moved || ' moved while being read', '') AS not_whole_note,
    differ,
    'of ' || tie_outs || ' tie-outs' || if(not_tried > 0, '; ' || not_tried || ' not tried', '') AS differ_note,
    info_share,
    format('{:,}', coalesce(infos_read, 0)::BIGINT) || ' of ' || format('{:,}', coalesce(infos, 0)::BIGINT) || ' records' AS info_note,
    detail_share,
    format('{:,}', coalesce(details_read, 0)::BIGINT) || ' of ' || format('{:,}', coalesce(details, 0)::BIGINT) || ' permissions' AS detail_note,
    resources,
    tie_outs,
    agree,
    moved,
    in_part,
    odd_rows,
    CASE
        WHEN odd_rows = 0 THEN 'Every code fits what counters and times say.'
        ELSE format('{:,}', odd_rows) || if(odd_rows = 1, ' row has a code', ' rows have a code') || ' that fits neither way of the documents.'
    END AS codes_note
FROM told
