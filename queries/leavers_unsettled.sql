-- Leavers: whom the roster does not settle
--
-- Question    Of which persons with a permission can it not be told whether they
--             have left?
-- A row is    one person with a permission who has no work number, or one that
--             the roster does not have.
-- Severity    medium.
-- Parameters  $as_of.
-- Limits      Without a roster, every person with a permission is here.
SELECT
    'medium' AS severity,
    g.name,
    g.person_code,
    g.organizations,
    g.standing AS reason,
    g.permissions,
    g.project_id,
    g.person_id
FROM roster_persons(CAST($as_of AS TIMESTAMPTZ)) AS g
WHERE g.permissions > 0
    AND g.standing IN ('no work number', 'not in the roster')
ORDER BY
    g.standing DESC,
    g.permissions DESC,
    g.name,
    g.project_id,
    g.person_id
