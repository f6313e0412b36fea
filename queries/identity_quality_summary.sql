-- Identity quality: the first page
--
-- Question    Of how many persons can the identity not be relied on, and why?
-- A row is    the whole report.
-- Counted     as in identity_quality.sql; a person once for each issue.
-- Limits      as in identity_quality.sql.
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
),
counted AS (
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
    FROM issues
),
everyone AS (
    SELECT count(*) AS known, count(*) FILTER (WHERE permissions > 0) AS permitted FROM people
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
