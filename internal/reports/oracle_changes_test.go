package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// pair is a permission before and after; one of the two may be nil.
type pair struct{ before, after *cloudPermission }

// pairs match the permissions of two sites: by id, as long as it stands for the
// same person and channel, and of the rest those of one person and channel in the
// order of begin, end and id.
func pairs(then, now []cloudPermission) (list []pair) {
	type holding struct{ person, channel word }
	gone, came := map[holding][]cloudPermission{}, map[holding][]cloudPermission{}
	alike := func(list []cloudPermission, p cloudPermission) int {
		return slices.IndexFunc(list, func(q cloudPermission) bool {
			return q.ID == p.ID && q.Person == p.Person && q.Channel == p.Channel
		})
	}
	for _, p := range then {
		if i := alike(now, p); i >= 0 {
			list = append(list, pair{&p, &now[i]})
		} else {
			gone[holding{p.Person, p.Channel}] = append(gone[holding{p.Person, p.Channel}], p)
		}
	}
	for _, p := range now {
		if alike(then, p) < 0 {
			came[holding{p.Person, p.Channel}] = append(came[holding{p.Person, p.Channel}], p)
		}
	}
	inOrder := func(p, q cloudPermission) int {
		late := func(x integer) uint64 { return uint64(x.v) - uint64(order(!x.ok)) } // absent is last
		return cmp.Or(cmp.Compare(late(p.Start), late(q.Start)), cmp.Compare(late(p.End), late(q.End)), strings.Compare(p.ID, q.ID))
	}
	for key := range over(gone, came) {
		before, after := gone[key], came[key]
		slices.SortFunc(before, inOrder)
		slices.SortFunc(after, inOrder)
		for i := range max(len(before), len(after)) {
			switch {
			case i < len(before) && i < len(after) && key.person.ok && key.channel.ok:
				list = append(list, pair{&before[i], &after[i]})
				continue
			}
			if i < len(before) {
				list = append(list, pair{before: &before[i]})
			}
			if i < len(after) {
				list = append(list, pair{after: &after[i]})
			}
		}
	}
	return list
}

// differ: both are said, and they are not the same.
func differ[T string | int64](x, y opt[T]) bool { return x.ok && y.ok && x != y }

// structureSet are a permission's organizations, each once.
func (p cloudPermission) structureSet() []string {
	return slices.Compact(slices.Sorted(slices.Values(p.Structures)))
}

// differences between two permissions of one person on one channel.
func (x pair) personRenamed() bool {
	return differ(x.before.Name, x.after.Name) || differ(x.before.Code, x.after.Code)
}

func (x pair) personMoved() bool {
	before, after := x.before.structureSet(), x.after.structureSet()
	return before != nil && after != nil && !slices.Equal(before, after)
}

func (x pair) channelRenamed() bool {
	sameRoom := x.before.Room.ok && x.before.Room == x.after.Room
	return differ(x.before.ChannelName, x.after.ChannelName) || sameRoom && differ(x.before.Path, x.after.Path)
}

func (x pair) channelMoved() bool {
	roomUnknown := !x.before.Room.ok || !x.after.Room.ok
	return differ(x.before.Room, x.after.Room) || roomUnknown && differ(x.before.Path, x.after.Path)
}

// kinds are the changes of the permission itself.
func (x pair) kinds() (kinds []string) {
	switch {
	case x.before == nil:
		return []string{"added"}
	case x.after == nil:
		return []string{"removed"}
	}
	add := func(when bool, kind string) {
		if when {
			kinds = append(kinds, kind)
		}
	}
	was, is := normal(x.before.End), normal(x.after.End)
	later := differ(was, is) && is.v > was.v
	starts := differ(x.before.Start, x.after.Start)
	add(x.before.ID != x.after.ID, "re-created")
	add(later && !permanent(x.after.End) || starts && x.after.Start.v < x.before.Start.v, "extended")
	add(differ(was, is) && !later || starts && x.after.Start.v > x.before.Start.v, "shortened")
	add(later && permanent(x.after.End), "became permanent")
	add(differ(x.before.Hours, x.after.Hours), "time range changed")
	changed := false
	for i, c := range x.before.credentials() {
		changed = changed || c.state() != x.after.credentials()[i].state()
	}
	add(changed, "state changed")
	return kinds
}

// changes are the rows of changes.sql, from the last site but one to the last.
func (k *knownProject) changes(a ask) (rows []fields) {
	sites := k.projects[k.project]
	then, now := sites[len(sites)-2], sites[len(sites)-1]
	type shown struct{ kind, subject, before, after string }
	persons, channels := map[shown][]pair{}, map[shown][]pair{}
	for _, x := range pairs(then.Permissions, now.Permissions) {
		for _, kind := range x.kinds() {
			rows = append(rows, k.changeRow(a, x, kind))
		}
		if x.before == nil || x.after == nil {
			continue
		}
		person, channel := x.after.Person.v, x.after.Channel.v
		both := func(kind string, is bool, subject string, in map[shown][]pair, say func(pair, *cloudPermission) string) {
			if is {
				key := shown{kind, subject, say(x, x.before), say(x, x.after)}
				in[key] = append(in[key], x)
			}
		}
		both("renamed", x.personRenamed(), person, persons, pair.personWords)
		both("moved", x.personMoved(), person, persons, k.organizationWords)
		both("renamed", x.channelRenamed(), channel, channels, pair.channelWords)
		both("moved", x.channelMoved(), channel, channels, pair.channelWords)
	}
	for key, list := range persons {
		p, name, code := list[0].after, word{}, word{}
		slices.SortFunc(list, func(x, y pair) int { return byID(*x.after, *y.after) })
		for _, x := range list {
			name, code = name.or(x.after.Name).or(x.before.Name), code.or(x.after.Code).or(x.before.Code)
		}
		row := fields{"severity": low, "kind": key.kind, "name": name, "person_code": code,
			"channel": nil, "tier": nil, "before": key.before, "after": key.after, "note": shownBy(len(list), now.Permissions, func(o *cloudPermission) bool { return o.Person.v == p.Person.v }) + " permissions of the person",
			"permissions": len(list), "person_id": p.Person, "access_control_channel_id": nil, "subject_id": p.Person}
		rows = append(rows, row)
	}
	for key, list := range channels {
		p, name := list[0].after, word{}
		slices.SortFunc(list, func(x, y pair) int { return byID(*x.after, *y.after) })
		for _, x := range list {
			name = name.or(x.after.ChannelName).or(x.before.ChannelName)
		}
		row := fields{"severity": low, "kind": key.kind, "name": nil, "person_code": nil, "tier": nil,
			"channel": name.or(p.Channel), "before": key.before, "after": key.after,
			"note":        shownBy(len(list), now.Permissions, func(o *cloudPermission) bool { return o.Channel.v == p.Channel.v }) + " permissions on the channel",
			"permissions": len(list), "person_id": nil,
			"access_control_channel_id": p.Channel, "subject_id": p.Channel}
		if c := k.channels[p.Channel.v]; c != nil {
			row["tier"] = c.tier
		}
		rows = append(rows, row)
	}
	for _, row := range rows {
		row["detected_after"], row["detected_by"] = then.At.Add(serverDelay), now.At.Add(serverDelay)
	}
	return rows
}

// shownBy says by how many of the permissions that could a change is shown.
func shownBy(n int, all []cloudPermission, could func(*cloudPermission) bool) string {
	most := 0
	for i := range all {
		if could(&all[i]) {
			most++
		}
	}
	if n == most {
		return "shown by all"
	}
	return fmt.Sprintf("shown by %d of %d", n, most)
}

func (x pair) personWords(p *cloudPermission) string {
	var words []string
	if differ(x.before.Name, x.after.Name) {
		words = append(words, p.Name.v)
	}
	if differ(x.before.Code, x.after.Code) {
		words = append(words, "no. "+p.Code.v)
	}
	return strings.Join(words, ", ")
}

func (x pair) channelWords(p *cloudPermission) string {
	var words []string
	if differ(x.before.ChannelName, x.after.ChannelName) {
		words = append(words, p.ChannelName.v)
	}
	if differ(x.before.Path, x.after.Path) {
		words = append(words, p.Path.v)
	}
	return strings.Join(words, ", ")
}

func (k *knownProject) organizationWords(_ pair, p *cloudPermission) string {
	names := p.structureSet()
	for i, id := range names {
		for _, s := range k.Structures {
			if s.ID == id {
				names[i] = s.Name.or(said(id)).v
			}
		}
	}
	return strings.Join(names, ", ")
}

// changeRow is one change of a permission itself.
func (k *knownProject) changeRow(a ask, x pair, kind string) fields {
	p := cmp.Or(x.after, x.before)
	q := cmp.Or(x.before, x.after)
	c := k.channels[p.Channel.v]
	sensitive := c != nil && c.sensitive()
	row := fields{"severity": low, "kind": kind, "name": p.Name.or(q.Name), "person_code": p.Code.or(q.Code), "tier": nil,
		"channel": p.ChannelName.or(q.ChannelName).or(p.Channel), "before": nil, "after": nil, "note": nil, "permissions": 1,
		"person_id": p.Person, "access_control_channel_id": p.Channel, "subject_id": p.ID}
	if c != nil {
		row["tier"] = c.tier
	}
	if sensitive && (kind == "added" || kind == "became permanent" || kind == "extended") {
		row["note"] = "sensitive channel"
	}
	removed, again := k.removedBefore(p)
	switch {
	case kind == "added" && again:
		row["severity"] = critical
		row["note"] = "granted again: it had been removed by " + removed.In(a.zone).Format("2006-01-02 15:04")
	case kind == "added" && sensitive:
		row["severity"] = high
	case kind == "became permanent":
		row["severity"] = medium
	}
	if x.before != nil {
		row["before"] = x.said(a, kind, x.before)
	}
	if x.after != nil {
		row["after"] = x.said(a, kind, x.after)
		if kind == "re-created" {
			row["after"] = row["after"].(string) + ", new id"
		}
	}
	return row
}

// removedBefore: before the last site but one, a permission of the same person on
// the same channel was removed while its time was not over, and none was left.
func (k *knownProject) removedBefore(p *cloudPermission) (at time.Time, was bool) {
	sites := k.projects[k.project]
	held := func(s cloudSite) (list []cloudPermission) {
		for _, q := range s.Permissions {
			if p.Person.ok && p.Channel.ok && q.Person == p.Person && q.Channel == p.Channel {
				list = append(list, q)
			}
		}
		return list
	}
	if len(held(sites[len(sites)-2])) > 0 {
		return at, false
	}
	for i, s := range sites[:len(sites)-2] {
		next := sites[i+1]
		clock := next.At.Add(serverDelay)
		for _, q := range held(s) {
			still := slices.ContainsFunc(held(next), func(r cloudPermission) bool { return r.ID == q.ID })
			if !still && (!q.End.ok || q.End.v > clock.UnixMilli()) {
				at, was = clock, true
			}
		}
	}
	return at, was
}

// said is what a permission is in one of the two sites, for a kind of change.
func (x pair) said(a ask, kind string, p *cloudPermission) any {
	at := func(ms integer, whole string) string {
		return strings.TrimSuffix(time.UnixMilli(ms.v).In(a.zone).Format("2006-01-02 15:04"), whole)
	}
	switch kind {
	case "time range changed":
		return p.HoursText
	case "state changed":
		var words []string
		for i, c := range p.credentials() {
			if x.before.credentials()[i].state() != x.after.credentials()[i].state() {
				words = append(words, c.name+" "+c.state())
			}
		}
		return strings.Join(words, ", ")
	}
	end := "end unknown"
	if permanent(p.End) {
		end = "no end"
	} else if instant(p.End).ok {
		end = "ends " + at(p.End, " 23:59")
	}
	if x.before != nil && x.after != nil && kind != "re-created" && instant(x.before.Start) == instant(x.after.Start) {
		return end
	}
	begin := "unknown"
	if instant(p.Start).ok {
		begin = at(p.Start, " 00:00")
	}
	return "from " + begin + ", " + end
}
