package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Table is what a query may name after FROM, or a function of ours that it may
// call, as today's schema has it.
type Table struct {
	Name string
	// Kind is "table" (a view without parameters), "macro" (a table with
	// parameters) or "function" (a value with parameters).
	Kind string
	// Group is a heading under which related tables stand.
	Group string
	// Comment begins with a sentence on what a row is. It may have several lines:
	// each is a paragraph, or an item of a list where it begins with "- ".
	Comment string
	// Parameters are those of a macro or a function, without comments.
	Parameters []Column
	Columns    []Column
}

// Column is a column of a [Table]. Type is as DuckDB spells it, in short;
// Comment says where the value comes from.
type Column struct {
	Name, Type, Comment string
}

// groups orders the tables, and says which stand together.
var groups = []struct {
	title string
	names []string
}{
	{"Who may go where", []string{"permissions", "persons", "structures", "rules", "rule_channels", "channels", "details"}},
	{"What was sent to the devices", []string{"tasks", "records", "issue_infos", "task_details"}},
	{"How it came to be", []string{"permission_history", "person_history", "structure_history", "rule_history",
		"permissions_at", "persons_at", "structures_at", "rules_at", "permission_changes", "permission_balance"}},
	{"What follows from it", []string{"permission_context", "permission_rules", "permission_sources", "person_context",
		"failed_deletions", "record_coverage", "code_contingency", "drift_findings", "count_findings", "task_findings", "deliveries",
		"roster_codes", "roster_persons", "issue_findings", "identity_findings", "access_counts", "exception_states", "kpis"}},
	{"Whether it can be relied on", []string{"snapshots", "resources", "tie_outs", "digests", "calls", "purged", "slot_days", "control_days",
		"asked_queries", "resource_text"}},
	{"What was given", []string{"registers", "channel_register", "roster", "exceptions", "journal"}},
}

// parameterTypes are what the parameters of the macros take, by their names.
var parameterTypes = map[string]string{
	"ts": "TIMESTAMPTZ", "moment": "TIMESTAMPTZ", "zone": "VARCHAR",
	"from_snapshot": "VARCHAR", "to_snapshot": "VARCHAR", "own_reports": "VARCHAR", "resource": "VARCHAR",
	"days": "INTEGER", "within_days": "INTEGER", "stuck_hours": "INTEGER", "critical_hours": "INTEGER",
	"task_days": "INTEGER", "delivery_days": "INTEGER", "target_hours": "INTEGER", "calendar_days": "INTEGER",
	"factor": "DOUBLE", "min_more": "INTEGER", "min_ratio": "DOUBLE", "min_peers": "INTEGER", "max_channels": "INTEGER",
}

// rowsOf names the table whose columns a macro hands on under their names.
var rowsOf = map[string]string{
	"permissions_at": "permissions", "persons_at": "persons", "structures_at": "structures", "rules_at": "rules",
	"permission_changes": "permissions", "drift_findings": "permissions", "count_findings": "permissions", "deliveries": "permissions",
	"issue_findings": "permissions", "identity_findings": "person_context", "access_counts": "person_context",
	"task_findings": "tasks", "roster_codes": "roster", "roster_persons": "person_context", "exception_states": "exceptions",
	"control_days": "snapshots",
}

// Tables returns what today's schema offers to queries, from DuckDB's own
// catalogue: first the permissions and what belongs to them, each group
// together. It needs no store.
func Tables(ctx context.Context) (_ []Table, err error) {
	r, err := Empty(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	found, err := r.catalogue(ctx)
	if err != nil {
		return nil, fmt.Errorf("tables of the schema: %w", err)
	}
	var tables []Table
	for _, g := range groups {
		for _, name := range g.names {
			t := found[name]
			if t == nil {
				return nil, fmt.Errorf("tables of the schema: no %s", name)
			}
			t.Group = g.title
			if err := r.describe(ctx, t, found[rowsOf[name]]); err != nil {
				return nil, fmt.Errorf("tables of the schema: %s: %w", name, err)
			}
			tables = append(tables, *t)
		}
	}
	if len(tables) != len(found) {
		return nil, fmt.Errorf("tables of the schema: %d are there, and %d in a group", len(found), len(tables))
	}
	return tables, nil
}

// catalogue reads the public views, macros and functions by name; the columns of
// views with their comments.
func (r *Reader) catalogue(ctx context.Context) (map[string]*Table, error) {
	rows, err := r.db.QueryContext(ctx, `
SELECT
    v.view_name AS name,
    'table' AS kind,
    coalesce(v.comment, '') AS comment,
    c.column_name,
    replace(c.data_type, 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ'),
    coalesce(c.comment, '') AS column_comment,
    c.column_index AS place
FROM duckdb_views() AS v
JOIN duckdb_columns() AS c
    ON c.schema_name = v.schema_name AND c.table_name = v.view_name
WHERE v.schema_name = 'main' AND NOT v.internal
UNION ALL
SELECT
    f.function_name,
    if(f.function_type = 'table_macro', 'macro', 'function'),
    coalesce(f.comment, ''),
    unnest(if(f.parameters = [], [''], f.parameters)),
    '',
    '',
    unnest(range(greatest(len(f.parameters), 1)))
FROM duckdb_functions() AS f
WHERE f.schema_name = 'main' AND NOT f.internal
ORDER BY name, place`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]*Table{}
	for rows.Next() {
		var t Table
		var c Column
		var place int
		if err := rows.Scan(&t.Name, &t.Kind, &t.Comment, &c.Name, &c.Type, &c.Comment, &place); err != nil {
			return nil, err
		}
		if all[t.Name] == nil {
			all[t.Name] = &t
		}
		switch known := all[t.Name]; {
		case t.Kind == "table":
			known.Columns = append(known.Columns, c)
		case c.Name != "":
			c.Type = parameterTypes[c.Name]
			if c.Type == "" {
				return nil, fmt.Errorf("%s: the parameter %s has no type", t.Name, c.Name)
			}
			known.Parameters = append(known.Parameters, c)
		}
	}
	return all, rows.Err()
}

// describe sets the columns of a macro or a function, which the catalogue does not
// tell: with comments from the table of, where that has a column of the name.
func (r *Reader) describe(ctx context.Context, t, of *Table) error {
	var nulls []string
	for _, p := range t.Parameters {
		nulls = append(nulls, "NULL::"+p.Type)
	}
	query := t.Name + "(" + strings.Join(nulls, ", ") + ")"
	switch t.Kind {
	case "table":
		return nil
	case "macro":
		query = "FROM " + query
	case "function":
		query = "SELECT " + query + " AS " + t.Name
	}
	rows, err := r.db.QueryContext(ctx, "SELECT column_name, replace(column_type, 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMPTZ') FROM (DESCRIBE "+query+")")
	if err != nil {
		return err
	}
	defer rows.Close()
	own := t.takeMeanings()
	for rows.Next() {
		var c Column
		if err := rows.Scan(&c.Name, &c.Type); err != nil {
			return err
		}
		c.Comment = own[c.Name]
		if c.Comment == "" && of != nil {
			c.Comment = of.meaning(c.Name)
		}
		t.Columns = append(t.Columns, c)
	}
	return rows.Err()
}

// meaningLine is a line of a macro's comment that explains a column: DuckDB has no
// comments on the columns of macros.
var meaningLine = regexp.MustCompile(`^([a-z0-9_]+): (.*)$`)

// takeMeanings takes the lines that explain columns out of the comment.
func (t *Table) takeMeanings() map[string]string {
	meanings := map[string]string{}
	var rest []string
	for line := range strings.SplitSeq(t.Comment, "\n") {
		if m := meaningLine.FindStringSubmatch(line); m != nil {
			meanings[m[1]] = m[2]
		} else {
			rest = append(rest, line)
		}
	}
	t.Comment = strings.Join(rest, "\n")
	return meanings
}

// meaning is the comment of a column; x_before and x_after are x in the earlier
// and the later of two snapshots.
func (t *Table) meaning(name string) string {
	for suffix, where := range map[string]string{"": "", "_before": ", in the earlier snapshot", "_after": ", in the later snapshot"} {
		for _, c := range t.Columns {
			if c.Name+suffix == name {
				return c.Comment + where
			}
		}
	}
	return ""
}
