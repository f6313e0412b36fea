package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// shape is where the rows are in a landed response.
type shape int

const (
	listShape   shape = iota // result.list
	arrayShape               // result itself, an array
	objectShape              // result itself, one row
	nestedShape              // result.recordListVOList.list or result.channelListVOList, in whichever spelling
	blocksShape              // result has one object per credential
)

// resource says how one resource is read and kept. Its columns are those of
// its table in the schema.
type resource struct {
	name  string
	shape shape
	key   []string // columns that identify a row
	asked string   // the column that the key of a landed line gives; "" for lists
	event bool     // new versions only; never closed by absence
}

// resources in the order in which they are merged: what others look up first.
var resources = []resource{
	{name: "permissions", shape: listShape, key: []string{"access_auth_id"}},
	{name: "persons", shape: listShape, key: []string{"person_id"}},
	{name: "structures", shape: arrayShape, key: []string{"structure_id"}},
	{name: "rules", shape: listShape, key: []string{"auth_relation_id"}},
	{name: "tasks", shape: listShape, key: []string{"auth_task_id"}, event: true},
	{name: "rule_channels", shape: nestedShape, key: []string{"auth_relation_id", "relation_id"}, asked: "auth_relation_id"},
	{name: "task_details", shape: objectShape, key: []string{"auth_task_id"}, asked: "auth_task_id", event: true},
	{name: "records", shape: nestedShape, key: []string{"auth_task_record_id"}, asked: "auth_task_id", event: true},
	{name: "issue_infos", shape: blocksShape, key: []string{"auth_task_record_id", "credential"}, asked: "auth_task_record_id", event: true},
	{name: "details", shape: objectShape, key: []string{"access_auth_id"}, asked: "access_auth_id", event: true},
}

func lookup(name string) (resource, error) {
	i := slices.IndexFunc(resources, func(r resource) bool { return r.name == name })
	if i < 0 {
		return resource{}, fmt.Errorf("no resource %q", name)
	}
	return resources[i], nil
}

type column struct{ name, kind string }

// history is what a table has beside what the API sent.
var history = []string{"project_id", "first_snapshot", "closed_snapshot", "landed_snapshot", "landed_line"}

// received returns the columns of a resource's table that hold what the API
// sent, the key included.
func (b *Build) received(ctx context.Context, r resource) ([]column, error) {
	return receivedOf(ctx, b.conn, r)
}

// receivedOf is [Build.received] for the chosen database.
func receivedOf(ctx context.Context, db queryer, r resource) ([]column, error) {
	rows, err := db.QueryContext(ctx, "SELECT name, type FROM pragma_table_info("+quote("base."+r.name)+") ORDER BY cid")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var cols []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind); err != nil {
			return nil, err
		}
		if !slices.Contains(history, c.name) && c.name != "listed" {
			cols = append(cols, c)
		}
	}
	return cols, rows.Err()
}

// camel is the other spelling of a column: access_auth_id as accessAuthId.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

// each formats every column with a template in which $c stands for its name.
func each(cols []column, sep, template string) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = strings.ReplaceAll(template, "$c", c.name)
	}
	return strings.Join(parts, sep)
}

func columnsOf(names []string) []column {
	cols := make([]column, len(names))
	for i, n := range names {
		cols[i] = column{name: n}
	}
	return cols
}
