package storetest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exporter/internal/store"
)

// ids are the columns by which the rows of each resource are known. Those that a
// row itself has come first; the others are what was asked.
var ids = map[string][]string{
	"permissions":   {"access_auth_id"},
	"persons":       {"person_id"},
	"structures":    {"structure_id"},
	"rules":         {"auth_relation_id"},
	"rule_channels": {"auth_relation_id"},
	"tasks":         {"auth_task_id"},
	"task_details":  {"auth_task_id"},
	"records":       {"auth_task_record_id", "auth_task_id"},
	"issue_infos":   {"auth_task_record_id"},
	"details":       {"access_auth_id"},
}

// PublishProjects publishes snapshots, each with one site of each of the same
// many projects, and returns their ids. For hundreds of projects it takes about
// as long as for one: they are loaded as one, and its rows are divided among
// them afterwards. So all lists are whole, and what a snapshot knows beside rows
// (sizes, tie-outs, digests, calls) is not there or not the project's own.
func PublishProjects(t testing.TB, st *store.Store, snapshots ...[]Site) []string {
	t.Helper()
	var published []string
	for _, sites := range snapshots {
		one := Site{Project: "all", At: sites[0].At, Rows: map[string]map[string][]string{}, Registers: sites[0].Registers}
		for _, name := range lists {
			one.Rows[name] = map[string][]string{"": nil}
		}
		for _, s := range sites {
			for name, asked := range s.Rows {
				if one.Rows[name] == nil {
					one.Rows[name] = map[string][]string{}
				}
				for key, rows := range asked {
					if key != "" {
						key = s.Project + "/" + key
					}
					for _, row := range rows {
						one.Rows[name][key] = append(one.Rows[name][key], named(t, row, ids[name][0], s.Project))
					}
				}
			}
		}
		published = append(published, Publish(t, st, one))
	}
	for i, id := range published {
		if err := Change(filepath.Join(st.Dir(), "snapshots", id+".duckdb"), divideSQL(published[:i+1], snapshots)); err != nil {
			t.Fatal(err)
		}
	}
	return published
}

// named puts a row's project before its id.
func named(t testing.TB, row, id, project string) string {
	t.Helper()
	var values map[string]json.RawMessage
	if err := json.Unmarshal([]byte(row), &values); err != nil {
		t.Fatalf("row %s: %v", row, err)
	}
	var was string
	if json.Unmarshal(values[id], &was) != nil {
		return row // what was asked tells its id
	}
	values[id] = json.RawMessage(text(project + "/" + was))
	b, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// divideSQL gives the rows of a snapshot's file to their projects.
func divideSQL(published []string, snapshots [][]Site) string {
	var b strings.Builder
	for table, columns := range ids {
		fmt.Fprintf(&b, "UPDATE x.base.%s SET project_id = split_part(%s, '/', 1)", table, columns[0])
		for _, c := range columns {
			fmt.Fprintf(&b, ", %[1]s = split_part(%[1]s, '/', 2)", c)
		}
		b.WriteString(";\n")
	}
	var projects []string
	for i, id := range published {
		for _, s := range snapshots[i] {
			projects = append(projects, fmt.Sprintf("(%s, %s, TIMESTAMPTZ '%s')", literal(id), literal(s.Project),
				s.At.Add(30*time.Second).UTC().Format("2006-01-02 15:04:05.000Z")))
		}
	}
	b.WriteString("CREATE TEMP TABLE divided AS FROM (VALUES " + strings.Join(projects, ",\n") + ") AS v(snapshot_id, project_id, server_time);\n")
	for _, table := range []string{"snapshots", "resources"} {
		at := ""
		if table == "snapshots" {
			at = ", d.server_time AS server_time"
		}
		fmt.Fprintf(&b, `
CREATE TEMP TABLE of_all AS FROM x.base.%[1]s;
DELETE FROM x.base.%[1]s;
INSERT INTO x.base.%[1]s
SELECT t.* REPLACE (d.project_id AS project_id%[2]s) FROM of_all AS t JOIN divided AS d USING (snapshot_id);
DROP TABLE of_all;`, table, at)
	}
	for _, table := range []string{"asked", "calls", "digests", "tie_outs"} {
		fmt.Fprintf(&b, "DELETE FROM x.base.%s;\n", table)
	}
	return b.String()
}

// literal is an SQL literal.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
