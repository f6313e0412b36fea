package reports

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// grantor is the rule that was found for a permission.
type grantor struct {
	rules int        // how many could be
	rule  *cloudRule // nil where it is not one
}

// grantorOf finds the rules on the permission's channel that are for its person
// or one of the person's organizations, and where there is none those for one
// above: the only one, else the only one that ends with it.
func (k *knownProject) grantorOf(p cloudPermission) grantor {
	grants := k.grantsOf(p)
	nearer := slices.ContainsFunc(grants, func(g grant) bool { return g.near < 2 })
	var all, ending []cloudRule
	for _, g := range grants {
		if nearer && g.near == 2 {
			continue
		}
		all = append(all, g.cloudRule)
		if g.End == p.End {
			ending = append(ending, g.cloudRule)
		}
	}
	switch {
	case len(all) == 1:
		return grantor{1, &all[0]}
	case len(ending) == 1:
		return grantor{len(all), &ending[0]}
	}
	return grantor{rules: len(all)}
}

// due are the permissions that end after now and not after the same time of day
// some days later.
func (k *knownProject) due(a ask) []cloudPermission {
	last := a.asOf.In(a.zone).AddDate(0, 0, a.days).UnixMilli()
	return slices.DeleteFunc(slices.Clone(k.Permissions), func(p cloudPermission) bool {
		return !p.End.ok || permanent(p.End) || p.End.v <= a.asOf.UnixMilli() || p.End.v > last
	})
}

func (a ask) daysLeft(p cloudPermission) int {
	midnight := func(t time.Time) time.Time {
		y, m, d := t.In(a.zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(midnight(time.UnixMilli(p.End.v)).Sub(midnight(a.asOf)).Hours() / 24)
}

func (k *knownProject) endSeverity(a ask, p cloudPermission) string {
	if k.onSensitive(p) && a.daysLeft(p) <= 7 {
		return high
	}
	return medium
}

func (k *knownProject) onSensitive(p cloudPermission) bool {
	c := k.channels[p.Channel.v]
	return c != nil && c.sensitive()
}

// expiring are the rows of expiring_permissions.sql.
func (k *knownProject) expiring(a ask) (rows []fields) {
	due, ofRule := k.due(a), map[string]int{}
	for _, p := range due {
		if g := k.grantorOf(p); g.rule != nil {
			ofRule[g.rule.ID]++
		}
	}
	for _, p := range due {
		row := fields{"severity": k.endSeverity(a, p), "name": p.Name, "person_code": p.Code,
			"access_control_channel_name": p.ChannelName, "access_control_channel_no": p.ChannelNo,
			"access_channel_position_path": p.Path, "auth_end": p.End, "days_left": a.daysLeft(p), "auth_start": instant(p.Start),
			"person_id": p.Person, "access_control_channel_id": p.Channel, "access_auth_id": p.ID,
			"organizations": k.organizations(p), "tier": nil, "owner": nil, "rule_end": nil, "auth_relation_id": nil}
		if c := k.channels[p.Channel.v]; c != nil {
			row["tier"], row["owner"] = c.tier, c.owner
		}
		for _, c := range p.credentials() {
			row[c.name+"_state"] = c.state()
		}
		g := k.grantorOf(p)
		row["granted_by"] = k.grantedBy(p, g)
		row["suggested_action"] = "decide with the owner of the channel"
		if r := g.rule; r != nil {
			row["auth_relation_id"] = r.ID
			if !permanent(r.End) {
				row["rule_end"] = instant(r.End)
			}
			switch n := ofRule[r.ID]; {
			case r.End.ok && r.End.v > p.End.v:
				row["suggested_action"] = "the rule ends later: generate its permissions again"
			case n > 1:
				row["suggested_action"] = fmt.Sprintf("extend the rule (%d permissions), or let them lapse", n)
			default:
				row["suggested_action"] = "extend the rule, or let it lapse"
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func (k *knownProject) grantedBy(p cloudPermission, g grantor) string {
	if g.rule != nil {
		source := k.sources[g.rule.ID]
		if source.kind == "person" {
			return "rule of the person"
		}
		return "organization " + source.name.or(said("(no name)")).v
	}
	if g.rules > 0 {
		return fmt.Sprintf("several rules (%d)", g.rules)
	}
	return cmp.Or(k.Details[p.ID].SourceText.v, "unknown")
}

// organizations are the names of the person's organizations, or the ids of those
// that have none; nil where the permission names none.
func (k *knownProject) organizations(p cloudPermission) any {
	var names []string
	for _, id := range slices.Compact(slices.Sorted(slices.Values(p.Structures))) {
		name := id
		for _, s := range k.Structures {
			if s.ID == id {
				name = s.Name.or(said(id)).v
			}
		}
		names = append(names, name)
	}
	if names == nil {
		return nil
	}
	return names
}

// settling are the rows of expiring_by_rule.sql.
func (k *knownProject) settling(a ask) (rows []fields) {
	of := map[string][]cloudPermission{}
	for _, p := range k.due(a) {
		if g := k.grantorOf(p); g.rule != nil {
			of[g.rule.ID] = append(of[g.rule.ID], p)
		}
	}
	for _, r := range k.Rules {
		list := of[r.ID]
		if len(list) < 2 {
			continue
		}
		source := k.sources[r.ID]
		severity, sensitive := medium, 0
		persons, channels := map[string]bool{}, map[string]bool{}
		for _, p := range list {
			if k.endSeverity(a, p) == high {
				severity = high
			}
			if k.onSensitive(p) {
				sensitive++
			}
			persons[p.who()], channels[p.Channel.v] = true, true
		}
		byEnd := func(a, b cloudPermission) int { return cmp.Compare(a.End.v, b.End.v) }
		row := fields{"severity": severity, "relation_type_text": relationText(r.Kind), "relation_name": r.Name,
			"source":      map[string]string{"person": "person ", "structure": "organization "}[source.kind] + source.name.or(said("(no name)")).v,
			"permissions": len(list), "persons": len(persons), "channels": len(channels), "on_sensitive": sensitive,
			"first_end": slices.MinFunc(list, byEnd).End, "last_end": slices.MaxFunc(list, byEnd).End, "rule_end": nil,
			"auth_id": r.Source, "auth_relation_id": r.ID}
		if !permanent(r.End) {
			row["rule_end"] = instant(r.End)
		}
		rows = append(rows, row)
	}
	return rows
}

func relationText(kind integer) any {
	switch {
	case !kind.ok:
		return nil
	case kind.v == 1:
		return "channel group"
	case kind.v == 2:
		return "channel"
	}
	return fmt.Sprintf("unknown (%d)", kind.v)
}
