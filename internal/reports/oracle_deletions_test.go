package reports

import (
	"cmp"
	"slices"
	"strings"
)

// deletions are the rows of failed_deletions.sql.
func (k *knownProject) deletions(a ask) (rows []fields) {
	histories := map[[3]any][]attempt{}
	for _, x := range k.attempts() {
		if x.deleted > 0 || x.notDeleted > 0 {
			histories[x.key()] = append(histories[x.key()], x)
		}
	}
	for _, list := range histories {
		slices.SortFunc(list, func(x, y attempt) int {
			if x.earlier(y) {
				return -1
			}
			return 1
		})
		last := list[len(list)-1]
		if last.notDeleted == 0 {
			continue
		}
		var first integer
		times := 0
		for _, x := range list {
			switch {
			case x.notDeleted == 0:
				first, times = integer{}, 0 // closed
			case times == 0:
				first, times = x.at, 1
			default:
				times++
			}
		}
		row := fields{"severity": critical, "state": "open", "cleared_by_task_id": nil, "name": last.record.Name, "credential": last.credential,
			"fail_issue_del_num": last.notDeleted, "success_issue_del_num": last.deleted, "times_failed": times,
			"first_failed": first, "last_failed": last.at, "open_seconds": nil, "permission_listed": nil,
			"person_id": last.record.Person, "access_control_channel_id": nil, "auth_task_id": last.task.ID, "auth_task_record_id": last.record.ID}
		row.name(last.place)
		if first.ok {
			row["open_seconds"] = a.secondsSince(first)
		}
		if last.channel != "" {
			row["access_control_channel_id"] = last.channel
			row["permission_listed"] = slices.ContainsFunc(k.Permissions, func(p cloudPermission) bool {
				return p.Person.ok && p.Person == last.record.Person && p.Channel == said(last.channel)
			})
			if by := k.clearedBy(last); by != "" {
				row["severity"], row["state"], row["cleared_by_task_id"] = low, "cleared (inferred)", by
			}
		}
		row["person_code"], row["roster_status"] = k.workNumber(last.record.Person)
		rows = append(rows, row)
	}
	return rows
}

// clearedBy is the first later task that issued all of the channel and succeeded
// for all.
func (k *knownProject) clearedBy(x attempt) string {
	tasks := slices.DeleteFunc(slices.Clone(k.Tasks), func(t cloudTask) bool {
		_, channel := k.channelOf(t)
		return channel != x.channel || t.Kind != num(1) || !t.succeeded() || !t.Start.ok || t.Start.v <= x.at.v
	})
	if len(tasks) == 0 || !x.at.ok {
		return ""
	}
	return slices.MinFunc(tasks, func(a, b cloudTask) int {
		return cmp.Or(cmp.Compare(a.Start.v, b.Start.v), strings.Compare(a.ID, b.ID))
	}).ID
}

// workNumber is a person's work number and what the roster says of it: the newest
// that the list of persons ever gave, else that of permissions, and there of the
// permission with the greatest id; unknown where none did, or it has been another
// person's, too.
func (k *knownProject) workNumber(person word) (code, status string) {
	code, status = "unknown", "unknown"
	if k.roster == nil {
		status = "no roster"
	}
	holders := map[string]map[string]bool{}
	newest := [2]string{}
	hold := func(place int, holder word, code word) {
		if !holder.ok || strings.Trim(code.v, " ") == "" {
			return
		}
		if holders[code.v] == nil {
			holders[code.v] = map[string]bool{}
		}
		holders[code.v][holder.v] = true
		if holder == person {
			newest[place] = code.v
		}
	}
	for _, s := range k.projects[k.project] {
		for _, p := range s.Persons {
			hold(0, said(p.ID), p.Code)
		}
		for _, p := range slices.SortedFunc(slices.Values(s.Permissions), byID) {
			hold(1, p.Person, p.Code)
		}
	}
	number := cmp.Or(newest[0], newest[1])
	if number == "" || len(holders[number]) > 1 {
		return code, status
	}
	if k.roster == nil {
		return number, status
	}
	statuses, ok := k.roster[number]
	slices.Sort(statuses)
	switch {
	case !ok:
		return number, "not in the roster"
	case len(slices.Compact(statuses)) == 1 && statuses[0] != "":
		return number, statuses[0]
	}
	return number, "unknown"
}
