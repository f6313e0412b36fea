package store

import (
	"context"
	"fmt"
)

const ofPerson = "person_id = getvariable('purge_person') AND project_id = getvariable('purge_project')"

// personRows says for each resource which rows are of the person. A permission
// is theirs, and so are a rule that has them as its source, their line in a task
// and what happened to their credentials.
var personRows = map[string]string{
	"permissions":   ofPerson,
	"persons":       ofPerson,
	"records":       ofPerson,
	"details":       "(" + ofPerson + ") OR " + keyOf("access_auth_id", "permissions", ofPerson),
	"issue_infos":   keyOf("auth_task_record_id", "records", ofPerson),
	"rules":         ruleOfPerson,
	"rule_channels": keyOf("auth_relation_id", "rules", ruleOfPerson),
}

const ruleOfPerson = "auth_id = getvariable('purge_person') AND project_id = getvariable('purge_project')"

func keyOf(key, table, where string) string {
	return "(project_id = getvariable('purge_project') AND " + key + " IN (SELECT " + key + " FROM base." + table + " WHERE " + where + "))"
}

// takeLinks removes what leads to a person outside of the resources: what was
// asked for them, and their lines in the registers. The files of the registers
// are the user's own.
func (b *Build) takeLinks(ctx context.Context, p *Purge) error {
	for resource, key := range map[string]string{"details": "access_auth_id FROM base.permissions WHERE " + ofPerson,
		"issue_infos": "auth_task_record_id FROM base.records WHERE " + ofPerson, "rule_channels": "auth_relation_id FROM base.rules WHERE " + ruleOfPerson} {
		if _, err := b.drop(ctx, "DELETE FROM base.asked WHERE project_id = $1 AND resource = $2 AND key IN (SELECT "+key+")", p.Project, resource); err != nil {
			return err
		}
	}
	// A task's own numbers go on counting them.
	if err := b.exec(ctx, `
UPDATE base.asked AS a
SET purged = coalesce(a.purged, 0) + r.n
FROM (
    SELECT auth_task_id, count(*) AS n
    FROM base.records
    WHERE closed_snapshot IS NULL AND `+ofPerson+`
    GROUP BY auth_task_id
) AS r
WHERE a.project_id = $1 AND a.resource = 'records' AND a.key = r.auth_task_id`, p.Project); err != nil {
		return err
	}
	if err := b.exec(ctx, `
CREATE OR REPLACE TABLE stage.purged AS
SELECT DISTINCT name, person_code
FROM (
    SELECT name, person_code FROM base.permissions WHERE `+ofPerson+`
    UNION ALL SELECT name, person_code FROM base.persons WHERE `+ofPerson+`
    UNION ALL SELECT name, person_code FROM base.details WHERE `+ofPerson+`
    UNION ALL SELECT name, NULL FROM base.records WHERE `+ofPerson+`
)`); err != nil {
		return err
	}
	const person = "getvariable('purge_person')"
	for _, x := range []struct{ register, query string }{
		{"roster", "DELETE FROM base.roster WHERE person_code IN (SELECT person_code FROM stage.purged WHERE person_code <> '')"},
		{"exceptions", "DELETE FROM base.exceptions WHERE " + mentions("finding_key", person) + " OR " + mentions("reason", person)},
		{"reasons of exceptions", `
UPDATE base.exceptions AS e SET reason = '(purged)'
WHERE EXISTS (FROM stage.purged AS x WHERE trim(x.name) <> '' AND ` + mentions("e.reason", "trim(x.name)") + ")"},
	} {
		n, err := b.drop(ctx, x.query)
		if err != nil {
			return fmt.Errorf("%s: %w", x.register, err)
		}
		if n > 0 {
			p.ByResource[x.register] = n
		}
	}
	var err error
	p.Named, err = b.count(ctx, `
SELECT (SELECT count(*) FROM base.roster SEMI JOIN stage.purged AS x ON manager = x.name AND x.name <> '')
    + (SELECT count(*) FROM base.channel_register SEMI JOIN stage.purged AS x ON owner = x.name AND x.name <> '')`)
	return err
}

// mentions is the SQL of [names]: whether a column has a text that is no part of a longer
// one, which would be another's.
func mentions(column, text string) string {
	return "regexp_matches(" + column + ", '(^|[^0-9A-Za-z])' || regexp_escape(" + text + ") || '([^0-9A-Za-z]|$)')"
}
