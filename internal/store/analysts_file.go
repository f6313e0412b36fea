package store

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Of the analysts' file beside the tables of the schema: first what views and
// macros name, then views that name these.
var (
	//go:embed analysts_tables.sql
	analystsTables string

	//go:embed analysts_views.sql
	analystsViews string
)

// forAnalysts is how the analysts' file is packed: DuckDB 1.3 cannot read the NULLs of
// texts as DuckDB 1.5 packs them for 1.3.
const forAnalysts = noLog + ", STORAGE_VERSION 'v1.2.0', BLOCK_SIZE 65536"

// leftOut are the public views that stay inside the store: what proves the full
// snapshot, and what says who worked with it.
var leftOut = []string{"calls", "digests", "journal", "purged"}

// sorted are the tables whose rows are in the order of a key, by that.
var sorted = map[string]string{
	"permissions": "access_auth_id", "persons": "person_id", "structures": "structure_id", "rules": "auth_relation_id",
	"rule_channels": "auth_relation_id, access_control_channel_id, named_by", "channels": "access_control_channel_id",
	"tasks": "auth_task_id", "records": "auth_task_record_id", "issue_infos": "auth_task_record_id, credential",
	"snapshots": "snapshot_id",
}

// analystsMacros are the macros of the schema that the analysts' file has, in the
// order in which they name each other; the others are parts of reports.
var analystsMacros = []string{
	"other_set", "permissions_at", "persons_at", "structures_at", "rules_at", "permission_changes", "permission_balance",
}

// inFile is what stands in the analysts' file for what is in the schema base.
var inFile = map[string]string{
	"permissions": "permission_history", "persons": "person_history", "structures": "structure_history",
	"rules": "rule_history", "snapshots": "snapshots", "permission_versions": "permission_versions",
	"unpurged": "unpurged", "begun": "begun", "other_set": "other_set",
	"as_of": "(SELECT max(snapshot_id) AS snapshot_id, NULL::VARCHAR AS project_id FROM snapshots)",
	"whole_walks": `(
SELECT r.project_id, r.resource, r.snapshot_id, coalesce(s.server_time, s.started_at) AS seen_at
FROM resources AS r
JOIN snapshots AS s ON s.snapshot_id = r.snapshot_id AND s.project_id = r.project_id
WHERE r.verdict IN ('complete', 'complete_with_drift'))`,
}

var inBase = regexp.MustCompile(`\bbase\.(\w+)`)

// overTables makes what is defined over the schema base one that is over the
// tables of the analysts' file.
func overTables(definition string) (string, error) {
	var unknown []string
	text := inBase.ReplaceAllStringFunc(definition, func(name string) string {
		instead, ok := inFile[strings.TrimPrefix(name, "base.")]
		if !ok {
			unknown = append(unknown, name)
		}
		return instead
	})
	if len(unknown) > 0 {
		return "", fmt.Errorf("nothing in the analysts' file stands for %s", strings.Join(unknown, ", "))
	}
	return text, nil
}

// buildFile makes the analysts' file, attached as out, from the masked copy,
// attached as snap, and returns how many rows its tables have.
func (p *publication) buildFile(ctx context.Context) (rows int64, err error) {
	file, err := quotePath(p.inWork(analystsFile))
	if err != nil {
		return 0, err
	}
	if err := p.exec(ctx, "ATTACH "+file+" AS out ("+forAnalysts+")"); err != nil {
		return 0, err
	}
	views, err := texts(ctx, p.conn, `
SELECT view_name
FROM duckdb_views()
WHERE database_name = 'snap' AND schema_name = 'main' AND NOT internal
ORDER BY view_name`)
	if err != nil {
		return 0, err
	}
	for _, view := range views {
		if slices.Contains(leftOut, view) {
			continue
		}
		order := ""
		if key := sorted[view]; key != "" {
			order = " ORDER BY project_id, " + key
		}
		if err := p.exec(ctx, `CREATE TABLE out.main."`+view+`" AS FROM snap.main."`+view+`"`+order); err != nil {
			return 0, fmt.Errorf("%s: %w", view, err)
		}
	}
	if err := p.comment(ctx); err != nil {
		return 0, err
	}
	if err := p.define(ctx); err != nil {
		return 0, err
	}
	if err := p.exec(ctx, "CHECKPOINT out"); err != nil {
		return 0, err
	}
	// Of a table that was made at once it is exact.
	err = p.conn.QueryRowContext(ctx, `
SELECT sum(estimated_size)::BIGINT
FROM duckdb_tables()
WHERE database_name = 'out'`).Scan(&rows)
	return rows, err
}

// comment gives the tables the comments of their views.
func (p *publication) comment(ctx context.Context) error {
	statements, err := texts(ctx, p.conn, `
SELECT format('COMMENT ON TABLE out.main."{}" IS ''{}''', view_name, replace(comment, '''', ''''''))
FROM duckdb_views()
WHERE database_name = 'snap'
    AND schema_name = 'main'
    AND comment IS NOT NULL
    AND view_name NOT IN (SELECT unnest($1::VARCHAR[]))
UNION ALL
SELECT format('COMMENT ON COLUMN out.main."{}"."{}" IS ''{}''', table_name, column_name, replace(comment, '''', ''''''))
FROM duckdb_columns()
WHERE database_name = 'snap'
    AND schema_name = 'main'
    AND comment IS NOT NULL
    AND table_name NOT IN (SELECT unnest($1::VARCHAR[]))`, leftOut)
	if err != nil || len(statements) == 0 {
		return err
	}
	return p.exec(ctx, strings.Join(statements, ";\n"))
}

// define makes the views and macros of the analysts' file.
func (p *publication) define(ctx context.Context) error {
	versions, err := texts(ctx, p.conn, `
SELECT sql
FROM duckdb_views()
WHERE database_name = 'snap' AND schema_name = 'base' AND view_name = 'permission_versions'`)
	if err == nil && len(versions) != 1 {
		err = errors.New("the schema has no view base.permission_versions")
	}
	if err != nil {
		return err
	}
	_, body, _ := strings.Cut(versions[0], " AS ")
	if body, err = overTables(body); err != nil {
		return err
	}
	var text strings.Builder
	text.WriteString("CREATE VIEW permission_versions AS " + body + `;
COMMENT ON VIEW permission_versions IS 'A row of permissions while it stayed the same, with what permissions derives from it.';`)
	for _, name := range analystsMacros {
		var kind, definition string
		var parameters, comment sql.NullString
		err := p.conn.QueryRowContext(ctx, `
SELECT if(function_type = 'table_macro', 'TABLE ', ''), macro_definition, array_to_string(parameters, ', '), comment
FROM duckdb_functions()
WHERE database_name = 'snap' AND NOT internal AND function_name = $1`, name).Scan(&kind, &definition, &parameters, &comment)
		if err != nil {
			return fmt.Errorf("macro %s: %w", name, err)
		}
		if definition, err = overTables(definition); err != nil {
			return fmt.Errorf("macro %s: %w", name, err)
		}
		text.WriteString("\nCREATE MACRO " + name + "(" + parameters.String + ") AS " + kind + definition + ";")
		if comment.Valid {
			text.WriteString("\nCOMMENT ON MACRO " + kind + name + " IS " + quote(comment.String) + ";")
		}
	}
	if err := p.exec(ctx, "SET VARIABLE program_version = $1", p.o.ProgramVersion); err != nil {
		return err
	}
	return p.exec(ctx, "USE out;\n"+analystsTables+text.String()+"\n"+analystsViews+"\nUSE snap;")
}
