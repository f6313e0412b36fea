-- Whom permissions are for and what grants them.

CREATE VIEW persons AS
SELECT
    p.project_id,
    p.person_id,
    p.name,
    p.person_code,
    p.first_snapshot,
    p.landed_snapshot,
    p.landed_line
FROM base.current_persons AS p;
COMMENT ON VIEW persons IS 'One authorised person: one row of list-auth-person.';
COMMENT ON COLUMN persons.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN persons.person_id IS 'API list-auth-person: personId, the person';
COMMENT ON COLUMN persons.name IS 'API list-auth-person: name, the person''s name';
COMMENT ON COLUMN persons.person_code IS 'API list-auth-person: personCode, the work number';
COMMENT ON COLUMN persons.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN persons.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN persons.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW structures AS
SELECT
    s.project_id,
    s.structure_id,
    s.parent_structure_id,
    s.structure_name,
    s.level,
    s.remark,
    s.sort,
    s.external_no,
    s.alias_code,
    s.alias_code_path,
    s.first_snapshot,
    s.landed_snapshot,
    s.landed_line
FROM base.current_structures AS s;
COMMENT ON VIEW structures IS 'One organization of the tree.';
COMMENT ON COLUMN structures.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN structures.structure_id IS 'API match-auth-structure and list-auth-structure: structureId, the organization';
COMMENT ON COLUMN structures.parent_structure_id IS 'API match-auth-structure and list-auth-structure: parentStructureId, the organization above';
COMMENT ON COLUMN structures.structure_name IS 'API match-auth-structure and list-auth-structure: structureName, the organization''s name';
COMMENT ON COLUMN structures.level IS 'API match-auth-structure and list-auth-structure: level, 0 at the top';
COMMENT ON COLUMN structures.remark IS 'API match-auth-structure and list-auth-structure: remark';
COMMENT ON COLUMN structures.sort IS 'API match-auth-structure and list-auth-structure: sort, its place among its like';
COMMENT ON COLUMN structures.external_no IS 'API match-auth-structure and list-auth-structure: externalNo';
COMMENT ON COLUMN structures.alias_code IS 'API match-auth-structure and list-auth-structure: aliasCode';
COMMENT ON COLUMN structures.alias_code_path IS 'API match-auth-structure and list-auth-structure: aliasCodePath';
COMMENT ON COLUMN structures.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN structures.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN structures.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';

CREATE VIEW rules AS
WITH named_persons AS (
    SELECT
        coalesce(a.project_id, b.project_id) AS project_id,
        coalesce(a.person_id, b.person_id) AS person_id,
        coalesce(a.name, b.name) AS name
    FROM base.current_persons AS a
    FULL JOIN (
        SELECT
            project_id,
            person_id,
            max_by(name, access_auth_id) AS name
        FROM base.current_permissions
        WHERE person_id IN (SELECT auth_id FROM base.current_rules)
        GROUP BY project_id, person_id
    ) AS b ON b.project_id = a.project_id AND b.person_id = a.person_id
)
SELECT
    r.project_id,
    r.auth_relation_id,
    r.auth_id,
    r.relation_type,
    CASE r.relation_type WHEN 1 THEN 'channel group' WHEN 2 THEN 'channel' ELSE 'unknown (' || r.relation_type || ')' END AS relation_type_text,
    r.relation_id,
    r.relation_name,
    r.access_auth_time_range_id,
    r.access_auth_time_range_str,
    r.auth_start_time,
    r.auth_end_time,
    CASE WHEN r.auth_start_time BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(r.auth_start_time * 1000) END AS auth_start,
    CASE WHEN r.auth_end_time BETWEEN -62135596800000 AND 253402300799999 THEN make_timestamptz(r.auth_end_time * 1000) END AS auth_end,
    r.auth_end_time >= 2556093599000 AS permanent,
    CASE
        WHEN p.person_id IS NOT NULL AND s.structure_id IS NOT NULL THEN 'unknown'
        WHEN p.person_id IS NOT NULL THEN 'person'
        WHEN s.structure_id IS NOT NULL THEN 'structure'
        ELSE 'unknown'
    END AS source_kind,
    CASE
        WHEN p.person_id IS NOT NULL AND s.structure_id IS NULL THEN p.name
        WHEN p.person_id IS NULL THEN s.structure_name
    END AS source_name,
    r.first_snapshot,
    r.landed_snapshot,
    r.landed_line
FROM base.current_rules AS r
LEFT JOIN named_persons AS p
    ON p.project_id = r.project_id AND p.person_id = r.auth_id
LEFT JOIN base.current_structures AS s
    ON s.project_id = r.project_id AND s.structure_id = r.auth_id;
COMMENT ON VIEW rules IS 'One authorisation rule: it grants a source channels for a time.';
COMMENT ON COLUMN rules.project_id IS 'The project that was asked (projectId of the request)';
COMMENT ON COLUMN rules.auth_relation_id IS 'API query-rules: authRelationId, the rule';
COMMENT ON COLUMN rules.auth_id IS 'API query-rules: authId, the source: an organization, person or person group';
COMMENT ON COLUMN rules.relation_type IS 'API query-rules: relationType, 1 channel group, 2 channel';
COMMENT ON COLUMN rules.relation_type_text IS 'Derived: relation_type in words';
COMMENT ON COLUMN rules.relation_id IS 'API query-rules: relationId, the channel group or channel';
COMMENT ON COLUMN rules.relation_name IS 'API query-rules: relationName, its name';
COMMENT ON COLUMN rules.access_auth_time_range_id IS 'API query-rules: accessAuthTimeRangeId, at what times of the week; 1 is always';
COMMENT ON COLUMN rules.access_auth_time_range_str IS 'API query-rules: accessAuthTimeRangeStr, at what times of the week, in the cloud''s words';
COMMENT ON COLUMN rules.auth_start_time IS 'API query-rules: authStartTime, when it begins';
COMMENT ON COLUMN rules.auth_end_time IS 'API query-rules: authEndTime, when it ends';
COMMENT ON COLUMN rules.auth_start IS 'Derived: auth_start_time as a time; NULL where absent or outside the years 1 to 9999';
COMMENT ON COLUMN rules.auth_end IS 'Derived: auth_end_time as a time; NULL where absent or outside the years 1 to 9999';
COMMENT ON COLUMN rules.permanent IS 'Derived: auth_end_time is 2050-12-31 23:59:59 or later, in whichever zone; NULL where absent';
COMMENT ON COLUMN rules.source_kind IS 'Derived: person where auth_id is the id of a person (persons, permissions), structure where it is one of an organization (structures), else unknown; the API does not say';
COMMENT ON COLUMN rules.source_name IS 'Derived: the name that persons, else permissions, or structures give auth_id; NULL where source_kind is unknown';
COMMENT ON COLUMN rules.first_snapshot IS 'Ours: the snapshot that first had the row as it stands';
COMMENT ON COLUMN rules.landed_snapshot IS 'Ours: the snapshot whose raw pages hold the row';
COMMENT ON COLUMN rules.landed_line IS 'Ours: the line of the landed file of its resource that the row was read from';
