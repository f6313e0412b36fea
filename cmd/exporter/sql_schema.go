package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"exporter/internal/store"
)

// addSchema gives the command sql the flag --schema, which needs no store.
func (a *app) addSchema(c *cobra.Command) {
	schema := c.Flags().Bool("schema", false, "print the tables, their columns and how they join, as Markdown, and run nothing")
	query := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if !*schema {
			return query(c, args)
		}
		if len(args) > 0 {
			return usage(errors.New("sql: a query and --schema together"), "give one of them")
		}
		return writeSchema(c.Context(), a.stdout)
	}
}

const schemaIntroduction = `# The tables of a snapshot

` + "`exporter sql`" + ` asks these tables in DuckDB's SQL; ` + "`exporter sql --examples`" + ` shows twenty questions.

- **A snapshot** is what one collection found. The newest is asked, or the one that --snapshot
  or --as-of names. --since attaches an older one beside it: ` + "`FROM previous.permissions`" + `.
- **History**: each snapshot carries that of all before it. The tables whose names end in
  _history have a row for as long as something stayed the same, permissions_at(time) and its
  like show another time, and permission_changes(from, to) what became of permissions
  between two snapshots. What a walk did not read to its end opens and closes nothing.
- **Masks**: without --mask full a name is the family name and a tag that tells persons
  apart, and a mobile number its last four digits; with --mask pseudonym no name, number, work
  number or id of a person is left. Equal values stay equal, so that joins hold.
- **Times**: a column that ends in _time is the API's, in milliseconds since 1970; beside it
  is one of type TIMESTAMPTZ, shown in store.timezone. The parameter $as_of is the time that
  was asked for, else the snapshot's server_time.
- **Values**: a column that holds a field of the API has its name in snake_case, and its codes
  as received beside a derived text, where "unknown (7)" is a code that is not documented.
  What was absent is NULL, never 0. Ids are text.
- **Projects**: ids are unique within a project, so join by project_id too; --project reads one.
`

// writeSchema prints the tables as Markdown.
func writeSchema(ctx context.Context, w io.Writer) error {
	tables, err := store.Tables(ctx)
	if err != nil {
		return fmt.Errorf("sql: %w", err)
	}
	var b strings.Builder
	b.WriteString(schemaIntroduction)
	group := ""
	for _, t := range tables {
		if t.Group != group {
			group = t.Group
			fmt.Fprintf(&b, "\n**%s**\n\n| table | a row is |\n|---|---|\n", group)
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s |\n", t.Name, strings.ToLower(t.Name), markdown(firstSentence(t.Comment)))
	}
	writeJoins(&b)
	for _, t := range tables {
		if t.Group != group {
			group = t.Group
			fmt.Fprintf(&b, "\n## %s\n", group)
		}
		writeTable(&b, t)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// writeJoins prints how the tables join, each with SQL that runs.
func writeJoins(b *strings.Builder) {
	b.WriteString("\n## How they join\n\nTo a row of the first table belongs at most one of the second, unless it says otherwise.\n\n" +
		"| from | leads to | which is | joined by |\n|---|---|---|---|\n")
	for _, j := range store.Joins() {
		fmt.Fprintf(b, "| %s | %s | %s | `FROM %s %s` |\n", j.From, j.To, markdown(j.What), j.From, j.SQL())
	}
}

// writeTable prints one table, macro or function with its columns.
func writeTable(b *strings.Builder, t store.Table) {
	fmt.Fprintf(b, "\n### %s\n\n", t.Name)
	if t.Kind != "table" {
		fmt.Fprintf(b, "`%s`\n\n", macroCall(t))
	}
	before := ""
	for line := range strings.SplitSeq(t.Comment, "\n") {
		if before != "" && (!strings.HasPrefix(before, "- ") || !strings.HasPrefix(line, "- ")) {
			b.WriteString("\n")
		}
		b.WriteString(markdown(line) + "\n")
		before = line
	}
	if t.Kind == "function" {
		return
	}
	b.WriteString("\n| column | type | meaning |\n|---|---|---|\n")
	for _, c := range t.Columns {
		fmt.Fprintf(b, "| %s | %s | %s |\n", c.Name, c.Type, markdown(c.Comment))
	}
}

// macroCall is a call of a macro or function as an example.
func macroCall(t store.Table) string {
	values := map[string]string{"from_snapshot": "'20260102T060000Z'", "to_snapshot": "'20260103T060000Z'", "resource": "'structures'",
		"own_reports": "''", "zone": "'Asia/Shanghai'", "stuck_hours": "24", "critical_hours": "72", "target_hours": "24",
		"factor": "3", "min_more": "3", "min_ratio": "1.5", "min_peers": "5", "max_channels": "0"}
	var args []string
	for _, p := range t.Parameters {
		value := values[p.Name]
		switch {
		case value != "":
		case p.Type == "TIMESTAMPTZ":
			value = "$as_of::TIMESTAMPTZ"
		default:
			value = "30"
		}
		args = append(args, p.Name+" := "+value)
	}
	call := t.Name + "(" + strings.Join(args, ", ") + ")"
	if t.Kind == "function" {
		return "SELECT " + call
	}
	return "FROM " + call
}

// markdown is text for a cell of a table.
func markdown(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(text)
}
