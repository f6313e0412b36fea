-- Exceptions: the first page
--
-- Question    How many findings are accepted, and which acceptances do not hold?
-- A row is    the whole report.
-- Counted     as in exceptions.sql. In force: accepts its finding at $as_of.
-- Parameters  $as_of, $timezone, $within_days, $own_reports.
WITH counted AS (
    SELECT
        count(*) AS listed,
        count(*) FILTER (WHERE holds) AS in_force,
        count(*) FILTER (WHERE state = 'expired') AS expired,
        count(*) FILTER (WHERE state LIKE 'ends within%') AS ending,
        count(*) FILTER (WHERE state = 'names no report') AS nameless,
        count(*) FILTER (WHERE state IN ('date not readable', 'nobody approved')) AS incomplete,
        count(*) FILTER (WHERE state = 'no end') AS endless,
        count(DISTINCT report) FILTER (WHERE holds) AS reports,
        count(DISTINCT approved_by) FILTER (WHERE holds AND approved_by <> '') AS approvers,
        min(days_left) FILTER (WHERE state LIKE 'ends within%') AS first_days
    FROM exception_states(CAST($as_of AS TIMESTAMPTZ), $timezone, $within_days, $own_reports)
)
SELECT
    CASE
        WHEN listed = 0 THEN '**No finding is accepted**: the register of exceptions is empty, or there is none.'
        WHEN expired + nameless + incomplete > 0 THEN
            '**' || format('{:,}', expired + nameless + incomplete) || ' of ' || format('{:,}', listed)
            || if(listed = 1, ' exception does', ' exceptions do') || ' not stand**: '
            || concat_ws(', ',
                CASE WHEN expired > 0 THEN format('{:,}', expired) || if(expired = 1, ' has', ' have') || ' expired' END,
                CASE WHEN nameless > 0 THEN format('{:,}', nameless) || if(nameless = 1, ' names', ' name') || ' no report' END,
                CASE WHEN incomplete > 0 THEN format('{:,}', incomplete) || if(incomplete = 1, ' lacks', ' lack') || ' a date or an approver' END)
            || '.'
        ELSE '**All ' || format('{:,}', listed) || ' exceptions stand.**'
    END
    || CASE
        WHEN ending > 0 THEN ' ' || format('{:,}', ending) || if(ending = 1, ' ends', ' end') || ' within ' || $within_days
            || ' days, the first in ' || first_days || if(first_days = 1, ' day.', ' days.')
        ELSE ''
    END AS answer,
    CASE
        WHEN listed = 0 THEN 'Nothing is to be done. To accept a finding, write its report and key into exceptions.csv, with a reason, who approved it and until when.'
        WHEN expired > 0 THEN '**Settle the findings whose exception has expired, or have them accepted anew**; they count again.'
        WHEN nameless + incomplete > 0 THEN '**Correct the lines that do not stand**; until then they accept nothing, or on nobody''s word.'
        WHEN ending > 0 THEN 'Ask those who approved whether what ends soon is still needed.'
        WHEN endless > 0 THEN 'Give an end to the ' || format('{:,}', endless) || ' without one.'
        ELSE 'Nothing is to be done.'
    END AS what_to_do,
    CASE
        WHEN expired + nameless + incomplete > 0 THEN 'medium'
        WHEN ending + endless > 0 THEN 'low'
        ELSE 'good'
    END AS severity,
    in_force,
    'in ' || reports || if(reports = 1, ' report', ' reports') || ', approved by ' || approvers
        || if(approvers = 1, ' person', ' persons') AS in_force_note,
    expired,
    'their findings count again' AS expired_note,
    ending,
    'within ' || $within_days || ' days; ' || format('{:,}', endless) || ' have no end' AS ending_note,
    nameless + incomplete AS faulty,
    format('{:,}', nameless) || if(nameless = 1, ' names no report', ' name no report') AS faulty_note,
    listed
FROM counted
