-- Identity quality: the first page
--
-- Question    Of how many persons can the identity not be relied on, and why?
-- A row is    the whole report.
-- Counted     as in identity_quality.sql; a person once for each issue.
-- Limits      as in identity_quality.sql.
WITH counted AS (
    SELECT
        count(*) AS issues,
        count(DISTINCT (project_id, person_id)) FILTER (WHERE severity <> 'low') AS persons,
        count(*) FILTER (WHERE severity = 'high') AS high,
        count(*) FILTER (WHERE issue = 'shared work number') AS shared,
        count(*) FILTER (WHERE issue = 'same name') AS namesakes,
        count(*) FILTER (WHERE issue = 'no work number') AS no_number,
        count(*) FILTER (WHERE issue IN ('other name', 'other work number')) AS other,
        count(*) FILTER (WHERE issue = 'not in the list of persons') AS unlisted,
        count(*) FILTER (WHERE issue = 'no organization') AS no_organization,
        count(*) FILTER (WHERE issue = 'renamed') AS renamed,
        count(*) FILTER (WHERE issue = 'without permissions') AS idle
    FROM identity_findings()
),
everyone AS (
    SELECT count(*) AS known, count(*) FILTER (WHERE permissions > 0) AS permitted FROM person_context
)
SELECT
    CASE
        WHEN known = 0 THEN '**No person is known.**'
        WHEN persons = 0 THEN '**Every person can be told apart by name and work number**'
            || if(renamed + idle = 0, '.', '; what is listed is of little weight.')
        ELSE
            '**Of ' || format('{:,}', persons) || ' of ' || format('{:,}', known)
            || ' persons the identity cannot be relied on**: '
            || concat_ws(
                ', ',
                if(shared > 0, format('{:,}', shared) || if(shared = 1, ' shares', ' share') || ' a work number with another id', NULL),
                if(no_number > 0, format('{:,}', no_number) || if(no_number = 1, ' has none', ' have none'), NULL),
                if(unlisted > 0, format('{:,}', unlisted) || if(unlisted = 1, ' is', ' are') || ' not in the list of persons', NULL),
                if(other > 0, format('{:,}', other) || ' differ between the lists', NULL),
                if(namesakes > 0, format('{:,}', namesakes) || ' have a namesake in the same organization', NULL),
                if(no_organization > 0, format('{:,}', no_organization) || if(no_organization = 1, ' is', ' are') || ' in no organization', NULL)
            )
            || '.'
            || if(high = 0, '', ' **' || format('{:,}', high) || ' may keep by one id what was revoked of another.**')
    END AS answer,
    CASE
        WHEN high > 0 THEN 'Settle first the ids of which one was revoked and another still has permissions; then the shared work numbers, for leavers are found by them.'
        WHEN shared + other + unlisted > 0
            THEN 'Settle first shared and differing work numbers: leavers are found by them, and would be missed.'
        WHEN no_number > 0 THEN 'Enter the work numbers that are missing: leavers are found by them, and would be missed.'
        WHEN persons > 0 THEN 'Find out whether namesakes are one person.'
    END AS what_to_do,
    CASE
        WHEN high > 0 THEN 'high'
        WHEN persons > 0 THEN 'medium'
        WHEN issues > 0 THEN 'low'
        ELSE 'good'
    END AS severity,
    persons,
    'of ' || format('{:,}', known) || ' known' AS persons_note,
    shared,
    if(high = 0, 'none of them revoked', format('{:,}', high) || ' with one revoked') AS shared_note,
    no_number,
    CASE WHEN permitted > 0 THEN 'of ' || format('{:,}', permitted) || ' with permissions' ELSE '' END AS no_number_note,
    unlisted + other AS mismatched,
    format('{:,}', unlisted) || ' in one list only, ' || format('{:,}', other) || ' differ' AS mismatched_note
FROM counted
CROSS JOIN everyone
