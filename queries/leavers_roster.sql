-- Leavers: roster lines that match nobody
--
-- Question    Which lines of the roster name a work number that no list has?
-- A row is    one line of roster.csv, not of somebody who has left, whose work
--             number neither the list of persons nor that of permissions has; or
--             a line without one.
-- Severity    low.
-- Parameters  $as_of.
-- Limits      Many such lines mean that the two write work numbers differently:
--             then a leaver may not be found either. Lines of persons who have
--             left and are in no list are as they should be, and not here.
SELECT
    'low' AS severity,
    r.line,
    r.person_code,
    r.status,
    r.organisation,
    r.manager
FROM roster AS r
LEFT JOIN roster_codes(CAST($as_of AS TIMESTAMPTZ)) AS c
    ON c.person_code = trim(r.person_code)
ANTI JOIN person_context AS p
    ON trim(p.person_code) = trim(r.person_code)
WHERE c.standing IS DISTINCT FROM 'terminated'
ORDER BY r.line
