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
WITH people AS (
    SELECT
        *,
        nullif(lower(replace(replace(name, ' ', ''), chr(12288), '')), '') AS plain_name
    FROM person_context
),
once_permitted AS (
    SELECT DISTINCT h.project_id, h.person_id
    FROM permission_history AS h
    WHERE h.closed_snapshot IS NOT NULL
),
-- Persons who had permissions and have none.
revoked AS (
    SELECT o.project_id, o.person_id
    FROM once_permitted AS o
    ANTI JOIN permissions AS p
        ON p.project_id = o.project_id AND p.person_id = o.person_id
),
same_code AS (
    SELECT
        p.project_id,
        p.person_id,
        count(*) AS others,
        bool_or(
            p.permissions > 0 AND r.person_id IS NOT NULL
            OR q.permissions > 0 AND m.person_id IS NOT NULL
        ) AS lives_on,
        list(q.person_id ORDER BY q.person_id) AS other_ids
    FROM people AS p
    JOIN people AS q
        ON q.project_id = p.project_id AND q.person_code = p.person_code AND q.person_id <> p.person_id
    LEFT JOIN revoked AS r
        ON r.project_id = q.project_id AND r.person_id = q.person_id
    LEFT JOIN revoked AS m
        ON m.project_id = p.project_id AND m.person_id = p.person_id
    GROUP BY p.project_id, p.person_id
),
same_name AS (
    SELECT
        p.project_id,
        p.person_id,
        list(q.person_id ORDER BY q.person_id) AS other_ids
    FROM people AS p
    JOIN people AS q
        ON q.project_id = p.project_id
        AND q.plain_name = p.plain_name
        AND q.structure_ids = p.structure_ids
        AND q.person_id <> p.person_id
        AND q.person_code IS DISTINCT FROM p.person_code
    WHERE len(p.structure_ids) > 0
    GROUP BY p.project_id, p.person_id
),
spellings AS (
    SELECT project_id, person_id, trim(name) AS name, trim(person_code) AS person_code
    FROM persons
    UNION ALL
    SELECT project_id, person_id, trim(name), trim(person_code)
    FROM permissions
),
differing AS (
    SELECT
        project_id,
        person_id,
        list_sort(list(DISTINCT name) FILTER (WHERE name <> '')) AS names,
        list_sort(list(DISTINCT person_code) FILTER (WHERE person_code <> '')) AS codes
    FROM spellings
    GROUP BY project_id, person_id
),
former_names AS (
    SELECT
        h.project_id,
        h.person_id,
        list_sort(list(DISTINCT trim(h.name))) AS names
    FROM person_history AS h
    JOIN persons AS p
        ON p.project_id = h.project_id AND p.person_id = h.person_id
    WHERE h.closed_snapshot IS NOT NULL
        AND trim(h.name) <> ''
        AND trim(h.name) <> trim(p.name)
    GROUP BY h.project_id, h.person_id
),
issues AS (
    SELECT
        p.project_id, p.person_id,
        'shared work number' AS issue,
        if(s.lives_on, 'high', 'medium') AS severity,
        if(s.lives_on, 'one of them was revoked, another has permissions: ', '') || 'work no. ' || p.person_code
            || ' also of ' || if(s.others = 1, 'another person id', s.others || ' other person ids') AS evidence,
        s.other_ids
    FROM people AS p
    JOIN same_code AS s
        ON s.project_id = p.project_id AND s.person_id = p.person_id
    UNION ALL
    SELECT
        p.project_id, p.person_id, 'same name', 'medium',
        'same name and organizations as ' || if(len(s.other_ids) = 1, 'another person id', len(s.other_ids) || ' other person ids'),
        s.other_ids
    FROM people AS p
    JOIN same_name AS s
        ON s.project_id = p.project_id AND s.person_id = p.person_id
    UNION ALL
    SELECT project_id, person_id, 'no work number', 'medium', 'blank in the list of persons and in the permissions', NULL
    FROM people
    WHERE person_code IS NULL AND permissions > 0
    UNION ALL
    SELECT project_id, person_id, 'other name', 'medium', array_to_string(names, ' / '), NULL
    FROM differing
    WHERE len(names) > 1
    UNION ALL
    SELECT project_id, person_id, 'other work number', 'medium', array_to_string(codes, ' / '), NULL
    FROM differing
    WHERE len(codes) > 1
    UNION ALL
    SELECT project_id, person_id, 'not in the list of persons', 'medium', 'only the permissions name the person', NULL
    FROM people
    WHERE NOT listed AND project_id IN (SELECT project_id FROM persons)
    UNION ALL
    SELECT project_id, person_id, 'no organization', 'medium', 'no permission names one', NULL
    FROM people
    WHERE permissions > 0 AND coalesce(len(structure_ids), 0) = 0
    UNION ALL
    SELECT project_id, person_id, 'renamed', 'low', 'was ' || array_to_string(names, ', '), NULL
    FROM former_names
    UNION ALL
    SELECT project_id, person_id, 'without permissions', 'low', 'in the list of persons, with no permission', NULL
    FROM people
    WHERE listed AND permissions = 0
)
SELECT
    i.severity,
    i.issue,
    p.name,
    p.person_code,
    p.organizations,
    p.permissions,
    i.evidence,
    i.other_ids,
    CASE i.issue
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
    i.project_id,
    i.person_id
FROM issues AS i
LEFT JOIN people AS p
    ON p.project_id = i.project_id AND p.person_id = i.person_id
ORDER BY
    list_position(['high', 'medium', 'low'], i.severity),
    list_position(
        ['shared work number', 'not in the list of persons', 'other work number', 'other name', 'same name',
            'no work number', 'no organization', 'renamed', 'without permissions'],
        i.issue
    ),
    p.person_code,
    p.name,
    i.project_id,
    i.person_id
