-- Count anomalies: the first page
--
-- Question    How many credentials are counted wrongly, and how many of them are
--             too many?
-- A row is    the whole report.
-- Counted     as in count_anomalies.sql. Told: credentials (card, face,
--             fingerprint) of permissions whose numbers the list gives.
WITH shown AS (
    SELECT * FROM count_findings()
),
counted AS (
    SELECT
        count(*) AS found,
        count(*) FILTER (WHERE s.severity = 'high') AS excess,
        count(*) FILTER (WHERE s.finding = 'sent though none is enrolled') AS without_any,
        count(DISTINCT (p.project_id, p.person_id)) FILTER (WHERE s.severity = 'high') AS excess_persons,
        count(*) FILTER (WHERE s.severity = 'high' AND c.sensitive) AS on_sensitive,
        count(*) FILTER (WHERE s.severity = 'medium') AS contradictions
    FROM shown AS s
    JOIN permissions AS p
        ON p.project_id = s.project_id AND p.access_auth_id = s.access_auth_id
    JOIN permission_context AS c
        ON c.project_id = p.project_id AND c.access_auth_id = p.access_auth_id
),
listed AS (
    SELECT
        count(*) AS permissions,
        count(*) FILTER (WHERE card_state <> 'unknown') + count(*) FILTER (WHERE face_state <> 'unknown')
            + count(*) FILTER (WHERE fingerprint_state <> 'unknown') AS told,
        count(*) FILTER (WHERE card_state = 'unknown') + count(*) FILTER (WHERE face_state = 'unknown')
            + count(*) FILTER (WHERE fingerprint_state = 'unknown') AS untold
    FROM permissions
)
SELECT
    CASE
        WHEN permissions = 0 THEN '**The list of permissions is empty.**'
        WHEN excess > 0 THEN
            '**' || format('{:,}', excess) || if(excess = 1, ' credential is', ' credentials are')
            || ' counted on a device beyond what the person has**'
            || if(on_sensitive > 0, ', ' || format('{:,}', on_sensitive) || ' of them on sensitive channels', '')
            || if(contradictions > 0, '; of ' || format('{:,}', contradictions) || ' more the status contradicts the numbers.', '.')
        WHEN contradictions > 0 THEN
            '**Nobody has more on a device than enrolled**, but of ' || format('{:,}', contradictions)
            || if(contradictions = 1, ' credential', ' credentials') || ' the status contradicts the numbers.'
        WHEN told = 0 THEN '**Cannot conclude: the list gives no numbers.**'
        ELSE '**All numbers fit**: nobody has more on a device than enrolled.'
    END AS answer,
    CASE
        WHEN excess > 0 THEN
            '**Find the card or face that is too many of ' || if(excess_persons = 1, 'one person', format('{:,}', excess_persons) || ' persons')
            || '**: given back, lost, or of somebody else? Then issue all permissions of the channel again.'
        WHEN contradictions > 0 THEN 'Issue these again, and see whether the status follows.'
        ELSE 'Nothing is to be done.'
    END AS what_to_do,
    CASE
        WHEN excess > 0 THEN 'high'
        WHEN contradictions > 0 OR permissions > 0 AND told = 0 THEN 'medium'
        ELSE 'good'
    END AS severity,
    excess,
    'of ' || format('{:,}', excess_persons) || if(excess_persons = 1, ' person', ' persons') AS excess_note,
    without_any,
    'the person has none at all' AS without_any_note,
    contradictions,
    'sent by number, not by status, or the other way' AS contradictions_note,
    told,
    format('{:,}', untold) || ' more have no numbers' AS told_note,
    found,
    untold
FROM counted
CROSS JOIN listed
