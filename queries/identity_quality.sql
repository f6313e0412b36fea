-- Identity quality
--
-- Question    Whose identity in the cloud cannot be relied on?
-- A row is    one issue of one person (person_id).
-- Issues      shared work number: not blank, and of several person_ids
--             same name: the same name, without regard to case and spaces, and
--               exactly the same organizations under several person_ids that do
--               not share a work number
--             no work number: of a person with permissions, in both lists
--             other name, other work number: not the same in the list of persons
--               and in the permissions, or not in all permissions
--             not in the list of persons: of a person with permissions
--             no organization: in no permission of the person
--             renamed: another name in an earlier snapshot
--             without permissions: in the list of persons, with no permission
-- Severity    high: a shared work number or same name where this person has
--             permissions and the other had some and has none now, or the other
--             way round: what was revoked may live on; low: renamed, without
--             permissions; else medium.
-- Limits      Nothing else tells persons apart: the mobile number may be masked
--             by the cloud and is not compared. Where no list of persons has been
--             read nobody is called missing from it.
--             The issues are told by identity_findings, a macro of the snapshot.
SELECT
    severity,
    issue,
    name,
    person_code,
    organizations,
    permissions,
    evidence,
    other_ids,
    CASE issue
        WHEN 'shared work number' THEN 'find out whether it is one person; keep one id'
        WHEN 'same name' THEN 'find out whether it is one person'
        WHEN 'no work number' THEN 'enter it: no roster can be matched without'
        WHEN 'other name' THEN 'make them the same'
        WHEN 'other work number' THEN 'make them the same'
        WHEN 'not in the list of persons' THEN 'find out who it is'
        WHEN 'no organization' THEN 'put the person into one'
        WHEN 'renamed' THEN 'confirm that the id was not given to somebody else'
        ELSE 'take the person out of the list if nothing is to follow'
    END AS suggested_action,
    project_id,
    person_id
FROM identity_findings()
ORDER BY
    list_position(['high', 'medium', 'low'], severity),
    list_position(
        ['shared work number', 'not in the list of persons', 'other work number', 'other name', 'same name',
            'no work number', 'no organization', 'renamed', 'without permissions'],
        issue
    ),
    person_code,
    name,
    project_id,
    person_id
