package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Signs of a tag: after what stays of a name, and alone.
const (
	shortTag = 6
	longTag  = 8
)

// smallest is how many persons an organization must have for its name to stand
// beside pseudonyms.
const smallest = 3

// fill puts what becomes of every text into tables of the memory.
func (m *masker) fill(ctx context.Context) error {
	pseudonyms := m.profile == MaskPseudonym
	steps := []func(context.Context) error{m.fillNames, m.fillMobiles}
	if pseudonyms {
		steps = append(steps, m.fillCodes, m.fillPersons)
	}
	for _, step := range append(steps, m.fillGroups, m.fillTexts, m.fillFindings, m.fillEntries, m.fillFiles) {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// distinct lists the different texts of all columns of one treatment, in order.
// where limits the rows of a column.
func (m *masker) distinct(ctx context.Context, t treatment, where map[string]string) ([]string, error) {
	var parts []string
	for _, table := range m.tables {
		for _, c := range m.columns[table] {
			if limit, limited := where[table]; c.treatment == t && (where == nil || limited) {
				parts = append(parts, `SELECT DISTINCT "`+c.name+`" AS text FROM snap.base."`+table+`" `+limit)
			}
		}
	}
	return texts(ctx, m.conn, "SELECT DISTINCT text FROM ("+strings.Join(parts, " UNION ALL ")+") WHERE text IS NOT NULL ORDER BY text")
}

// replace fills a table with the pairs of a map.
func (m *masker) replace(ctx context.Context, table string, becomes map[string]string) error {
	return m.table(ctx, table, []string{"was", "becomes"}, func(add func(...string) error) error {
		for _, was := range slices.Sorted(maps.Keys(becomes)) {
			if err := add(was, becomes[was]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *masker) fillNames(ctx context.Context) error {
	all, err := m.distinct(ctx, asName, nil)
	if err != nil {
		return err
	}
	n, face := shortTag, hideName
	if m.profile == MaskPseudonym {
		n, face = longTag, func(string) string { return "" }
	}
	// The tags of one profile do not lead to those of the other.
	m.names = m.key.tags(m.profile+" name", all, n, face)
	// Owners and managers may be teams ("Security"), whose names stand in those of
	// places too: only who has permissions is looked for there.
	people, err := m.distinct(ctx, asName, map[string]string{"permissions": "", "persons": "", "records": "", "details": ""})
	if err != nil {
		return err
	}
	for _, s := range people {
		m.known.add(s, m.names[s])
	}
	return m.replace(ctx, "names", m.names)
}

func (m *masker) fillMobiles(ctx context.Context) error {
	all, err := m.distinct(ctx, asMobile, nil)
	if err != nil {
		return err
	}
	m.mobiles = map[string]string{}
	if m.profile == MaskPseudonym {
		m.mobiles = m.key.tags("mobile", all, longTag, func(string) string { return "" })
	}
	for _, s := range all {
		if m.profile == MaskStandard && strings.TrimSpace(s) != "" {
			m.mobiles[s] = hideMobile(s)
		} else if m.profile == MaskStandard {
			m.mobiles[s] = s
		}
		m.known.add(s, m.mobiles[s])
	}
	return m.replace(ctx, "mobiles", m.mobiles)
}

func (m *masker) fillCodes(ctx context.Context) error {
	all, err := m.distinct(ctx, asCode, nil)
	if err != nil {
		return err
	}
	m.codes = m.key.tags("code", all, longTag, func(string) string { return "" })
	for _, s := range all {
		m.known.add(s, m.codes[s])
	}
	return m.replace(ctx, "codes", m.codes)
}

// personIDs are the ids of all persons; and the sources of rules that are no
// organization's, and what stands for a channel without being one, since each may
// be a person that no list names any more.
const personIDs = `
WITH channels AS (
    SELECT project_id, access_control_channel_id AS id FROM snap.base.permissions
    UNION SELECT project_id, relation_id FROM snap.base.rules WHERE relation_type = 2
    UNION SELECT r.project_id, c.access_control_channel_id FROM snap.base.channel_register AS c CROSS JOIN (SELECT DISTINCT project_id FROM snap.base.snapshots) AS r
), ids AS (
    SELECT project_id, person_id FROM snap.base.permissions
    UNION SELECT project_id, person_id FROM snap.base.persons
    UNION SELECT project_id, person_id FROM snap.base.records
    UNION SELECT project_id, person_id FROM snap.base.details
    UNION SELECT r.project_id, r.auth_id FROM snap.base.rules AS r
        ANTI JOIN snap.base.structures AS s ON s.project_id = r.project_id AND s.structure_id = r.auth_id
    UNION SELECT project_id, relation_id FROM snap.base.rules WHERE relation_type NOT IN (1, 2) OR relation_type IS NULL
    UNION SELECT r.project_id, r.relation_id FROM snap.base.rule_channels AS r
        ANTI JOIN channels AS c ON c.project_id = r.project_id AND c.id = r.relation_id
        WHERE coalesce(r.access_control_channel_name, '') = '' AND coalesce(r.access_control_channel_no, '') = ''
)
SELECT DISTINCT project_id, person_id FROM ids WHERE person_id IS NOT NULL ORDER BY ALL`

func (m *masker) fillPersons(ctx context.Context) error {
	rows, err := m.conn.QueryContext(ctx, personIDs)
	if err != nil {
		return err
	}
	defer rows.Close()
	taken := map[[2]string]bool{}
	keys := map[string][]byte{}
	for rows.Next() {
		var project, id string
		if err := rows.Scan(&project, &id); err != nil {
			return err
		}
		if keys[project] == nil {
			keys[project] = m.key.derive(project)
		}
		p := id
		if id != "" {
			p = pseudonym(keys[project], id)
		}
		at := [2]string{project, p}
		if taken[at] {
			return fmt.Errorf("project %q: two persons have one pseudonym", project)
		}
		taken[at], m.persons[[2]string{project, id}] = true, p
		m.projects[id] = append(m.projects[id], project)
		m.known.add(id, p)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return m.table(ctx, "persons", []string{"project_id", "was", "becomes"}, func(add func(...string) error) error {
		for at, p := range m.persons {
			if err := add(at[0], at[1], p); err != nil {
				return err
			}
		}
		return nil
	})
}

// fillTexts looks for persons in the names of places, and in what is said of
// walks and requests.
func (m *masker) fillTexts(ctx context.Context) error {
	all, err := m.distinct(ctx, asPlace, nil)
	if err != nil {
		return err
	}
	// What is asked one by one is asked by ids of rules, tasks, records and permissions.
	var byKey []string
	for _, r := range resources {
		if r.asked != "" {
			byKey = append(byKey, quote(r.name))
		}
	}
	keys, err := m.distinct(ctx, asPerhaps, map[string]string{"calls": "WHERE resource NOT IN (" + strings.Join(byKey, ", ") + ")"})
	if err != nil {
		return err
	}
	m.places = map[string]string{}
	changed := map[string]string{}
	for _, s := range all {
		m.places[s] = m.known.scrub(s)
		if m.places[s] != s {
			changed[s] = m.places[s]
		}
	}
	for _, s := range keys {
		if clean := m.known.scrub(s); clean != s {
			changed[s] = clean
		}
	}
	return m.replace(ctx, "texts", changed)
}

// groupNames are the names of organizations. small are those that have one or two
// persons, in any project, who are in one of that name now; the roster counts
// where it alone knows the name.
const groupNames = `
WITH listed AS (
    SELECT DISTINCT project_id, person_id, closed_snapshot IS NULL AS now, unnest(structure_ids) AS structure_id
    FROM snap.base.permissions
), members AS (
    SELECT s.structure_name AS name, l.project_id, l.person_id, l.now
    FROM listed AS l
    JOIN (SELECT DISTINCT project_id, structure_id, structure_name FROM snap.base.structures) AS s USING (project_id, structure_id)
    UNION ALL
    SELECT structure_name, project_id, person_id, closed_snapshot IS NULL FROM snap.base.records
    UNION ALL
    SELECT unnest(structure_names), project_id, person_id, closed_snapshot IS NULL FROM snap.base.details
    UNION ALL
    SELECT organisation, NULL, person_code, true FROM snap.base.roster
    UNION ALL
    SELECT structure_name, project_id, NULL, false FROM snap.base.structures
), sizes AS (
    SELECT
        name,
        project_id,
        count(DISTINCT person_id) FILTER (WHERE now) AS now,
        count(DISTINCT person_id) AS ever
    FROM members
    WHERE name IS NOT NULL
    GROUP BY name, project_id
)
SELECT
    name,
    coalesce(
        bool_or(now < $1) FILTER (WHERE ever > 0 AND project_id IS NOT NULL),
        bool_or(now < $1) FILTER (WHERE ever > 0),
        false
    ) AS small
FROM sizes
GROUP BY name
ORDER BY name`

// fillGroups decides on the names of organizations, and on lists of them.
func (m *masker) fillGroups(ctx context.Context) error {
	rows, err := m.conn.QueryContext(ctx, groupNames, smallest)
	if err != nil {
		return err
	}
	defer rows.Close()
	var small, others []string
	for rows.Next() {
		var name string
		var few bool
		if err := rows.Scan(&name, &few); err != nil {
			return err
		}
		if m.profile == MaskPseudonym && few {
			small = append(small, name)
		} else {
			others = append(others, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	// They are told apart still, so that what counts by them counts as before.
	m.groups = m.key.tags("group", small, shortTag, func(string) string { return "small group " })
	// They stand in the names of others and of places too.
	for _, name := range small {
		m.known.add(name, m.groups[name])
	}
	for _, name := range others {
		m.groups[name] = m.known.scrub(name)
	}
	if err := m.replace(ctx, "groups", m.groups); err != nil {
		return err
	}
	m.filled["lists"] = true
	return m.exec(ctx, `
CREATE TABLE memory.main.lists AS
WITH parts AS (
    SELECT was, unnest(was) AS part, generate_subscripts(was, 1) AS i
    FROM (SELECT DISTINCT structure_names AS was FROM snap.base.details WHERE len(structure_names) > 0)
)
SELECT p.was, list(g.becomes ORDER BY p.i) AS becomes
FROM parts AS p
LEFT JOIN memory.main.groups AS g ON g.was = p.part
GROUP BY p.was
UNION ALL
SELECT []::VARCHAR[], []::VARCHAR[]`)
}

// fillFindings rewrites the keys of accepted findings, so that they are found
// among those of the copy.
func (m *masker) fillFindings(ctx context.Context) error {
	all, err := m.distinct(ctx, asFinding, nil)
	if err != nil {
		return err
	}
	becomes := map[string]string{}
	for _, key := range all {
		parts := strings.Split(key, "/")
		for i, part := range parts {
			parts[i] = m.findingPart(part, parts)
		}
		becomes[key] = m.known.scrub(strings.Join(parts, "/"))
	}
	return m.replace(ctx, "findings", becomes)
}

// findingPart is what becomes of one part of a finding's key: an id is that of
// the project which the key names, or the first that knows it.
func (m *masker) findingPart(part string, key []string) string {
	if known := m.projects[part]; len(known) > 0 {
		project := known[0]
		if i := slices.IndexFunc(known, func(p string) bool { return slices.Contains(key, p) }); i >= 0 {
			project = known[i]
		}
		return m.persons[[2]string{project, part}]
	}
	if s, ok := m.names[part]; ok {
		return s
	}
	if s, ok := m.codes[part]; ok {
		return s
	}
	if s, ok := m.groups[part]; ok {
		return s
	}
	return part
}

// fillEntries leaves of the journal what is known to name nobody.
func (m *masker) fillEntries(ctx context.Context) error {
	rows, err := m.conn.QueryContext(ctx, "SELECT DISTINCT coalesce(kind, ''), detail FROM snap.base.journal WHERE detail IS NOT NULL ORDER BY ALL")
	if err != nil {
		return err
	}
	defer rows.Close()
	var all [][2]string
	for rows.Next() {
		var e [2]string
		if err := rows.Scan(&e[0], &e[1]); err != nil {
			return err
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return m.table(ctx, "entries", []string{"kind", "was", "becomes"}, func(add func(...string) error) error {
		m.filled["entries"] = true
		for _, e := range all {
			if err := add(e[0], e[1], m.known.journalDetail(e[0], e[1])); err != nil {
				return err
			}
		}
		return nil
	})
}

// fillFiles gives each content of a register a tag in place of its hash.
func (m *masker) fillFiles(ctx context.Context) error {
	all, err := m.distinct(ctx, asFileHash, nil)
	if err != nil {
		return err
	}
	return m.replace(ctx, "files", m.key.tags("file", all, longTag, func(string) string { return "masked " }))
}
