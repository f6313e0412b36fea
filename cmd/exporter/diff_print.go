package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/store"
)

// difference prints in what two snapshots differ.
type difference struct {
	app      *app
	reader   *store.Reader
	from, to moment
	balances []balance
}

// balance is a row of permission_balance.
type balance struct {
	project                                         string
	before, added, removed, recreated, after, brief int64
	agrees                                          bool
	walkedBefore, walkedAfter                       sql.NullString
}

// weigh reads the balances of the projects, and whether there are walks to
// compare at all.
func (d *difference) weigh(ctx context.Context) error {
	rows, err := d.reader.Query(ctx, `
SELECT project_id, rows_before, added, removed, recreated, rows_after, came_and_went, agrees, walked_before, walked_after
FROM permission_balance($from, $to)
ORDER BY project_id`, d.ends())
	if err != nil {
		return fmt.Errorf("snapshots diff: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b balance
		if err := rows.Scan(&b.project, &b.before, &b.added, &b.removed, &b.recreated, &b.after, &b.brief, &b.agrees,
			&b.walkedBefore, &b.walkedAfter); err != nil {
			return err
		}
		d.balances = append(d.balances, b)
	}
	return rows.Err()
}

func (d *difference) ends() map[string]any {
	return map[string]any{"from": d.from.id, "to": d.to.id, "most": diffRows}
}

// notes are what a reader must know before believing that nothing else has
// changed.
func (d *difference) notes() []string {
	var notes []string
	if d.from.id == d.to.id {
		notes = append(notes, "both are "+d.from.id+": there is nothing to compare")
		return notes
	}
	for _, b := range d.balances {
		of := ""
		if len(d.balances) > 1 {
			of = " of project " + b.project
		}
		if b.walkedBefore == b.walkedAfter {
			notes = append(notes, fmt.Sprintf("incomplete: the permissions%s were not read whole after %s: nothing was compared", of, walk(b.walkedBefore)))
			continue
		}
		for _, end := range []struct {
			id     string
			walked sql.NullString
		}{{d.from.id, b.walkedBefore}, {d.to.id, b.walkedAfter}} {
			if end.walked.String != end.id {
				notes = append(notes, fmt.Sprintf("incomplete: the permissions%s were not read whole in %s: those of %s stand in for them, and what changed since is not shown",
					of, end.id, walk(end.walked)))
			}
		}
	}
	return notes
}

func walk(id sql.NullString) string {
	if !id.Valid {
		return "no walk"
	}
	return id.String
}

// check is the law that no permission comes or goes without a change.
func (d *difference) check() error {
	for _, b := range d.balances {
		if !b.agrees {
			return &exitError{exitMismatch, fmt.Errorf("snapshots diff: project %q: %s", b.project, b)}
		}
	}
	return nil
}

func (b balance) String() string {
	verdict := "agrees"
	if !b.agrees {
		verdict = "differs: do not rely on this list"
	}
	return fmt.Sprintf("%s + %s added - %s removed = %s: %s", count(b.before), count(b.added), count(b.removed), count(b.after), verdict)
}

// changeOrder is the order of the kinds in a table: what matters most first.
const changeOrder = `list_position(['added', 'removed', 're-created', 'became permanent', 'extended', 'shortened', 'time range changed',
    'moved', 'credential state changed', 'renamed'], kind)`

const diffAll = `
FROM permission_changes($from, $to)
ORDER BY project_id, ` + changeOrder + `, person_id, access_control_channel_id, access_auth_id`

// diffTable lists at most $most changes of each kind, each with the number of
// its kind; seen is when the walk came that first had it so.
const diffTable = `
SELECT
    project_id,
    kind,
    of_kind,
    coalesce(name, person_id, '–') || CASE WHEN person_code <> '' THEN ' (' || person_code || ')' ELSE '' END AS person,
    coalesce(access_control_channel_name, access_control_channel_id, '–') AS channel,
    CASE
        WHEN kind = 'added' THEN valid_after
        WHEN kind = 'removed' THEN valid_before
        WHEN kind = 're-created' THEN 'new id ' || access_auth_id
        WHEN kind IN ('extended', 'shortened', 'became permanent') THEN valid_before || ' → ' || valid_after
        WHEN kind = 'time range changed' THEN coalesce(access_auth_time_range_str_before, '–') || ' → ' || coalesce(access_auth_time_range_str_after, '–')
        WHEN kind = 'credential state changed' THEN concat_ws(', ',
            CASE WHEN card_state_before <> card_state_after THEN 'card ' || card_state_before || ' → ' || card_state_after END,
            CASE WHEN face_state_before <> face_state_after THEN 'face ' || face_state_before || ' → ' || face_state_after END,
            CASE WHEN fingerprint_state_before <> fingerprint_state_after
                THEN 'fingerprint ' || fingerprint_state_before || ' → ' || fingerprint_state_after END)
        WHEN kind = 'renamed' THEN concat_ws(', ',
            CASE WHEN name_before <> name_after THEN name_before || ' → ' || name_after END,
            CASE WHEN person_code_before <> person_code_after THEN person_code_before || ' → ' || person_code_after END,
            CASE WHEN access_control_channel_name_before <> access_control_channel_name_after
                THEN access_control_channel_name_before || ' → ' || access_control_channel_name_after END,
            CASE WHEN access_channel_position_path_before <> access_channel_position_path_after
                THEN access_channel_position_path_before || ' → ' || access_channel_position_path_after END)
        ELSE concat_ws(', ',
            CASE WHEN organizations_before <> organizations_after
                THEN coalesce(nullif(organizations_before, ''), 'none') || ' → ' || coalesce(nullif(organizations_after, ''), 'none') END,
            CASE WHEN access_channel_position_path_before <> access_channel_position_path_after
                THEN access_channel_position_path_before || ' → ' || access_channel_position_path_after END)
    END AS what,
    first_seen_after
FROM (
    SELECT
        c.*,
        c.kind IN ('added', 'removed') OR c.auth_start_before <> c.auth_start_after AS with_start,
        CASE WHEN with_start THEN coalesce(strftime(c.auth_start_before, '%Y-%m-%d'), '–') || ' to ' ELSE '' END
            || CASE WHEN c.permanent_before THEN 'permanent' ELSE coalesce(strftime(c.auth_end_before, '%Y-%m-%d'), '–') END AS valid_before,
        CASE WHEN with_start THEN coalesce(strftime(c.auth_start_after, '%Y-%m-%d'), '–') || ' to ' ELSE '' END
            || CASE WHEN c.permanent_after THEN 'permanent' ELSE coalesce(strftime(c.auth_end_after, '%Y-%m-%d'), '–') END AS valid_after,
        array_to_string(list_transform(list_sort(list_distinct(c.structure_ids_before)),
            lambda id: coalesce(o.names[c.project_id || ' ' || id], id)), ' + ') AS organizations_before,
        array_to_string(list_transform(list_sort(list_distinct(c.structure_ids_after)),
            lambda id: coalesce(o.names[c.project_id || ' ' || id], id)), ' + ') AS organizations_after
    FROM (
        SELECT
            *,
            count(*) OVER (PARTITION BY kind) AS of_kind,
            row_number() OVER (
                PARTITION BY kind
                ORDER BY project_id, name, person_id, access_control_channel_name, access_control_channel_id, access_auth_id
            ) AS n
        FROM permission_changes($from, $to)
        QUALIFY n <= $most
    ) AS c
    CROSS JOIN (
        SELECT coalesce(map_from_entries(list((project_id || ' ' || structure_id, structure_name))), MAP {}) AS names
        FROM structures
    ) AS o
)
ORDER BY ` + changeOrder + `, n`

// printTable prints the numbers of each kind, the balance, and the changes.
func (d *difference) printTable(ctx context.Context) error {
	rows, err := d.reader.Query(ctx, diffTable, d.ends())
	if err != nil {
		return fmt.Errorf("snapshots diff: %w", err)
	}
	defer rows.Close()
	_, isTerminal := terminalWidth(d.app.stdout)
	kinds := newGrid("change", "permissions")
	kinds.right = []int{1}
	var list [][]string
	last, left, late := "", int64(0), false
	for rows.Next() {
		var project, kind, person, channel string
		var what sql.NullString
		var n int64
		var seen sql.NullTime
		if err := rows.Scan(&project, &kind, &n, &person, &channel, &what, &seen); err != nil {
			return err
		}
		if kind != last {
			kinds.add(kind, count(n))
			left += max(n-diffRows, 0)
			last = kind
		}
		row := []string{project, strings.TrimSuffix(kind, " changed")}
		for _, s := range []string{person, channel, what.String} {
			s = printable(s)
			if isTerminal {
				s = text.Snip(s, maxCell, "…")
			}
			row = append(row, s)
		}
		list = append(list, append(row, d.clock(seen.Time)))
		late = late || d.clock(seen.Time) != d.clock(d.to.at)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("snapshots diff: %w", err)
	}
	d.printHead(len(list) == 0)
	if len(list) == 0 {
		return nil
	}
	if err := d.printGrids(kinds, list, late); err != nil {
		return err
	}
	if left > 0 {
		fmt.Fprintf(d.app.stdout, "and %s more, beyond the first %d of each kind; --format csv and json have all\n", count(left), diffRows)
	}
	return nil
}

// printGrids prints the kinds and the changes, whose columns are project, change,
// person, channel, what and first seen; late is set where not all were first seen by
// the later snapshot.
func (d *difference) printGrids(kinds *grid, list [][]string, late bool) error {
	// What says the same in every row is left out.
	header, first, end := []string{"project", "change", "person", "channel", "what", "first seen"}, 0, 6
	if len(d.balances) == 1 {
		first = 1
	}
	if !late {
		end = 5
	}
	changes := newGrid(header[first:end]...)
	for _, row := range list {
		changes.add(row[first:end]...)
	}
	for _, t := range []*grid{kinds, changes} {
		fmt.Fprintln(d.app.stdout)
		if err := d.app.printGrid(t); err != nil {
			return err
		}
	}
	return nil
}

func (d *difference) clock(t time.Time) string {
	return t.In(d.app.zone).Format("2006-01-02 15:04")
}

// printHead prints what is compared, the balances and the notes; and that nothing
// has changed, where that is so.
func (d *difference) printHead(same bool) {
	w := d.app.stdout
	fmt.Fprintf(w, "Permissions from %s (%s) to %s (%s)\n", d.from.id, d.clock(d.from.at), d.to.id, d.clock(d.to.at))
	for _, b := range d.balances {
		of := ""
		if len(d.balances) > 1 {
			of = "project " + b.project + ": "
		}
		fmt.Fprintf(w, "%s%s\n", of, b)
		if b.brief > 0 {
			fmt.Fprintf(w, "%s%s more came and went in between and are not listed\n", of, count(b.brief))
		}
	}
	notes := d.notes()
	for _, note := range notes {
		fmt.Fprintln(w, paint(w, text.FgYellow, note))
	}
	if same && len(notes) == 0 {
		fmt.Fprintln(w, "no change")
	}
}
