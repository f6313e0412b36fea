-- Completeness: the codes
--
-- Question    Do the codes of the cloud mean what its documents say?
-- A row is    a code of the API beside what counters and times of the same rows
--             say, and how many rows have both.
-- Fits        response or filter: the documents number the code in two ways, and
--             this one fits; both; neither; cannot tell.
-- Severity    medium: neither fits; low: cannot tell; good: the others.
-- Limits      No report decides by these codes; a code that fits neither way shows
--             where the cloud contradicts itself.
SELECT
    CASE c.fits WHEN 'neither' THEN 'medium' WHEN 'cannot tell' THEN 'low' ELSE 'good' END AS severity,
    c.field,
    c.code,
    c.as_response,
    c.as_filter,
    c.derived,
    c.rows,
    c.fits,
    c.project_id
FROM code_contingency AS c
ORDER BY
    array_position(['medium', 'low', 'good'], severity),
    c.field,
    c.code NULLS FIRST,
    c.derived,
    c.project_id
