package store

import "strings"

// Join is how a row of one table leads to the row of another: the values of
// Columns are those of ToColumns there, which no two rows of To share.
type Join struct {
	From      string
	Columns   []string
	To        string
	ToColumns []string
	// Each is set where the last of Columns is a list, each element of which leads
	// to a row.
	Each bool
	// What is what the row of To is to that of From.
	What string
}

// SQL is the join as it stands after "FROM " and the name of From.
func (j Join) SQL() string {
	if !j.Each && strings.Join(j.Columns, " ") == strings.Join(j.ToColumns, " ") {
		return "JOIN " + j.To + " USING (" + strings.Join(j.Columns, ", ") + ")"
	}
	var on []string
	for i, c := range j.Columns {
		equal := "other." + j.ToColumns[i] + " = " + j.From + "." + c
		if j.Each && i == len(j.Columns)-1 {
			equal = "list_contains(" + j.From + "." + c + ", other." + j.ToColumns[i] + ")"
		}
		on = append(on, equal)
	}
	return "JOIN " + j.To + " AS other ON " + strings.Join(on, " AND ")
}

// Joins returns how the tables join, in the order of [Tables].
func Joins() []Join {
	// within joins in a project: column is the key of to, or stands for it.
	within := func(from, column, to, key, what string) Join {
		return Join{From: from, Columns: []string{"project_id", column}, To: to, ToColumns: []string{"project_id", key}, What: what}
	}
	organizations := within("permissions", "structure_ids", "structures", "structure_id", "the organizations of the person")
	organizations.Each = true
	collected := func(from, what string) Join {
		both := []string{"project_id", "snapshot_id"}
		return Join{From: from, Columns: both, To: "snapshots", ToColumns: both, What: what}
	}
	code := func(from string) Join {
		one := []string{"person_code"}
		return Join{From: from, Columns: one, To: "roster", ToColumns: one, What: "the line of the person's work number"}
	}
	return []Join{
		within("permissions", "person_id", "persons", "person_id", "the person, where the list of persons has them"),
		within("permissions", "access_control_channel_id", "channels", "access_control_channel_id", "the channel"),
		organizations,
		within("permissions", "access_auth_id", "details", "access_auth_id", "the detail, where it was fetched; what it adds is in permissions too"),
		within("permissions", "first_snapshot", "snapshots", "snapshot_id", "the snapshot that first had the row as it is"),
		code("permissions"),
		code("persons"),
		within("structures", "parent_structure_id", "structures", "structure_id", "the organization above"),
		within("rules", "auth_id", "structures", "structure_id", "the source, where source_kind is structure"),
		within("rules", "auth_id", "persons", "person_id", "the source, where source_kind is person"),
		within("rule_channels", "auth_relation_id", "rules", "auth_relation_id", "the rule"),
		within("rule_channels", "access_control_channel_id", "channels", "access_control_channel_id", "the channel"),
		within("tasks", "access_control_channel_id", "channels", "access_control_channel_id", "the channel, where its name and place tell it"),
		within("records", "auth_task_id", "tasks", "auth_task_id", "the task"),
		within("records", "person_id", "persons", "person_id", "the person, where the list of persons has them"),
		within("issue_infos", "auth_task_record_id", "records", "auth_task_record_id", "the record"),
		within("task_details", "auth_task_id", "tasks", "auth_task_id", "the task; what its detail adds is there too"),
		within("permission_history", "access_auth_id", "permissions", "access_auth_id", "the permission as it is now, where it has not ended"),
		within("person_history", "person_id", "persons", "person_id", "the person now"),
		within("structure_history", "structure_id", "structures", "structure_id", "the organization now"),
		within("rule_history", "auth_relation_id", "rules", "auth_relation_id", "the rule now"),
		within("permission_context", "access_auth_id", "permissions", "access_auth_id", "the permission; each has one"),
		within("permission_rules", "access_auth_id", "permissions", "access_auth_id", "the permission"),
		within("permission_rules", "auth_relation_id", "rules", "auth_relation_id", "the rule that may grant it"),
		within("permission_sources", "access_auth_id", "permissions", "access_auth_id", "the permission; each has one"),
		within("person_context", "person_id", "persons", "person_id", "the person, where listed"),
		within("failed_deletions", "auth_task_record_id", "records", "auth_task_record_id", "the record of the deletion"),
		collected("resources", "the snapshot"),
		collected("tie_outs", "the snapshot"),
		collected("digests", "the snapshot"),
		collected("calls", "the snapshot"),
		{From: "channel_register", Columns: []string{"access_control_channel_id"}, To: "channels", ToColumns: []string{"access_control_channel_id"},
			What: "the channel; with several projects there may be one in each"},
	}
}
