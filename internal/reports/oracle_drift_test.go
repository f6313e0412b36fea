package reports

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// grant is a rule that may have granted a permission, and how near it is: for
// the person, for one of the person's organizations, for one above those.
type grant struct {
	cloudRule
	near int
}

// grantsOf are the rules that name a permission's channel, and whose source is
// the person, one of the person's organizations, or one above those.
func (k *knownProject) grantsOf(p cloudPermission) (list []grant) {
	for _, r := range k.granting[p.Channel.v] {
		switch kind := k.sources[r.ID].kind; {
		case !p.Channel.ok || k.channels[p.Channel.v] == nil:
		case kind == "person" && r.Source == p.Person:
			list = append(list, grant{r, 0})
		case kind == "structure" && slices.Contains(p.Structures, r.Source.v):
			list = append(list, grant{r, 1})
		case kind == "structure" && k.above(p.Structures)[r.Source.v]:
			list = append(list, grant{r, 2})
		}
	}
	return list
}

// above are organizations with all that are above them, however they are told.
func (k *knownProject) above(ids []string) map[string]bool {
	all, next := map[string]bool{}, slices.Clone(ids)
	for len(next) > 0 {
		id := next[0]
		next = next[1:]
		if all[id] {
			continue
		}
		all[id] = true
		for _, s := range k.Structures {
			if s.ID == id && s.Parent.ok {
				next = append(next, s.Parent.v)
			}
		}
	}
	return all
}

func (a ask) ended(end integer) bool { return instant(end).ok && end.v <= a.asOf.UnixMilli() }

// normal is an end as it is compared: what means "for ever" is one.
func normal(end integer) integer {
	if permanent(end) {
		return num(1 << 60)
	}
	return end
}

// drifting is one contradiction, without its words.
type drifting struct {
	class, confidence string
	source            word
	person            bool // the source is one
	channel           string
	permission        *cloudPermission
	rule              *cloudRule // the nearest, or the first
	rules             int
	kind              string // of the rule's source
}

// drift are the rows of drift.sql.
func (k *knownProject) drift(a ask) (rows []fields) {
	for _, x := range append(k.driftOfPermissions(a), k.driftOfRules(a)...) {
		rows = append(rows, k.driftRow(a, x))
	}
	return rows
}

// driftOfPermissions has classes a, d, e and g: of a person on a channel only the
// permission that ends last.
func (k *knownProject) driftOfPermissions(a ask) []drifting {
	last := map[[3]string]drifting{}
	for _, p := range k.Permissions {
		source := k.Details[p.ID].Source.v
		group, groupOnce, structure := false, false, false
		for _, r := range k.granting[p.Channel.v] {
			if kind := k.sources[r.ID].kind; p.Channel.ok && kind == "unknown" {
				group, groupOnce = group || !a.ended(r.End), true
			} else if p.Channel.ok && kind == "structure" {
				structure = true
			}
		}
		if group && source == "3" {
			continue
		}
		grants := k.grantsOf(p)
		x := drifting{source: p.Person, person: true, channel: p.Channel.v, permission: &p, rules: len(grants), kind: "structure"}
		var ofPerson, startFits, endFits, going bool
		for _, g := range grants {
			ofPerson, going = ofPerson || g.near == 0, going || !a.ended(g.End)
			startFits, endFits = startFits || g.Start == p.Start, endFits || normal(g.End) == normal(p.End)
		}
		if len(grants) > 0 {
			nearest := slices.MinFunc(grants, func(g, h grant) int { return a.nearer(p, g, h) })
			x.rule = &nearest.cloudRule
		}
		if ofPerson {
			x.kind = "person"
		}
		ofStructure := slices.ContainsFunc(grants, func(g grant) bool { return g.near > 0 })
		maybeGroup := group && source != "1" && source != "2"
		add := func(class string, inferred bool) {
			x := x
			x.class, x.confidence = class, "exact"
			if maybeGroup && class != "g" {
				x.confidence = "unknown"
			} else if inferred {
				x.confidence = "inferred"
			}
			key := [3]string{class, p.who(), p.Channel.v}
			if y, ok := last[key]; !ok || endsLater(p, *y.permission) {
				last[key] = x
			}
		}
		alive := !a.ended(p.End)
		switch {
		case len(grants) == 0 && alive:
			add("a", structure || groupOnce)
		case len(grants) > 0 && !going && alive:
			add("e", ofStructure)
		case going && !(startFits && endFits):
			add("d", ofStructure || len(grants) > 1)
		}
		if alive && len(grants) > 0 && (source == "1" && !ofStructure || source == "2" && !ofPerson || source == "3" && !groupOnce) {
			add("g", true)
		}
	}
	var list []drifting
	for _, x := range last {
		list = append(list, x)
	}
	return list
}

func order(x bool) int { return map[bool]int{true: 1}[x] }

// nearer orders rules by how near they come to a permission: the same end, not
// ended, the nearest source, the last end.
func (a ask) nearer(p cloudPermission, g, h grant) int {
	return cmp.Or(cmp.Compare(order(normal(g.End) != normal(p.End)), order(normal(h.End) != normal(p.End))),
		cmp.Compare(order(a.ended(g.End)), order(a.ended(h.End))), cmp.Compare(g.near, h.near),
		cmp.Compare(normal(h.End).v, normal(g.End).v), strings.Compare(g.ID, h.ID))
}

func endsLater(p, q cloudPermission) bool {
	x, y := instant(p.End), instant(q.End)
	if x != y {
		return y.ok && (!x.ok || x.v > y.v)
	}
	return p.ID < q.ID
}

// driftOfRules has classes b, c and f.
func (k *knownProject) driftOfRules(a ask) (list []drifting) {
	type at struct {
		source  word
		channel string
	}
	idle, twice := map[at][]cloudRule{}, map[at][]cloudRule{}
	for channel, rules := range k.granting {
		if k.channels[channel] == nil {
			continue
		}
		for _, r := range rules {
			key := at{r.Source, channel}
			if a.ended(r.End) {
				continue
			}
			if start := instant(r.Start); (!start.ok || start.v <= a.asOf.UnixMilli()) && !k.opensFor(r, channel) {
				idle[key] = append(idle[key], r)
			}
			if slices.ContainsFunc(rules, func(o cloudRule) bool {
				return o.ID != r.ID && o.Source == r.Source && r.Source.ok && !a.ended(o.End) &&
					(!o.Start.ok || !r.End.ok || o.Start.v <= normal(r.End).v) && (!r.Start.ok || !o.End.ok || r.Start.v <= normal(o.End).v)
			}) {
				twice[key] = append(twice[key], r)
			}
		}
	}
	first := func(rules []cloudRule) *cloudRule {
		r := slices.MinFunc(rules, func(x, y cloudRule) int { return strings.Compare(x.ID, y.ID) })
		return &r
	}
	for key, rules := range idle {
		kind := k.sources[rules[0].ID].kind
		x := drifting{class: "c", confidence: map[string]string{"person": "exact", "structure": "inferred"}[kind], source: key.source,
			person: kind == "person", channel: key.channel, rule: first(rules), rules: len(rules), kind: kind}
		if x.confidence = cmp.Or(x.confidence, "unknown"); x.person {
			x.class = "b"
		}
		list = append(list, x)
	}
	for key, rules := range twice {
		kind := k.sources[rules[0].ID].kind
		list = append(list, drifting{class: "f", confidence: "exact", source: key.source, person: kind == "person",
			channel: key.channel, rule: first(rules), rules: len(rules), kind: kind})
	}
	return list
}

// opensFor: somebody has a permission on the channel that the rule grants; of a
// group's rule, whoever has one.
func (k *knownProject) opensFor(r cloudRule, channel string) bool {
	return slices.ContainsFunc(k.holding[said(channel)], func(p cloudPermission) bool {
		return k.sources[r.ID].kind == "unknown" || slices.ContainsFunc(k.grantsOf(p), func(g grant) bool { return g.ID == r.ID })
	})
}

// driftRow puts a contradiction in words.
func (k *knownProject) driftRow(a ask, x drifting) fields {
	severity := medium
	switch {
	case x.confidence == "unknown":
		severity = low
	case x.class == "a" || x.class == "e":
		severity = high
	}
	row := fields{"severity": severity, "class": x.class, "confidence": x.confidence, "rules": x.rules, "source_id": x.source,
		"access_control_channel_id": x.channel, "auth_relation_id": nil, "access_auth_id": nil, "tier": nil,
		"finding": map[string]string{"a": "permission without a rule", "b": "rule without its permission", "c": "rule that opens for nobody",
			"d": "other dates than the rule", "e": "rule ended, permission not", "f": "several rules for the same", "g": "other source than the rules"}[x.class],
		"suggested_action": map[string]string{"a": "give it a rule, or delete the permission", "b": "generate the permission, or delete the rule",
			"c": "delete the rule, or generate its permissions", "d": "generate the permissions of the rule again",
			"e": "delete the permission, or extend the rule", "f": "keep one of the rules", "g": "see in the console which source holds"}[x.class]}
	if x.confidence == "unknown" {
		row["suggested_action"] = "look up the members of the group in the console"
	}
	if c := k.channels[x.channel]; c != nil {
		row.name(c.place)
		row["tier"] = c.tier
	} else {
		row.name(place{})
		row["access_control_channel_id"] = nil
	}
	delete(row, "business_device_name")
	row["holder"], row["person_code"] = k.holderOf(x)
	if x.rule != nil {
		row["auth_relation_id"] = x.rule.ID
	}
	if x.permission != nil {
		row["access_auth_id"] = x.permission.ID
	}
	row["expected"], row["actual"] = x.words(a, k.Details)
	return row
}

// holderOf is the name of whom it is about, and the work number: of a person,
// those of the newest permission that has one, else of the list of persons.
func (k *knownProject) holderOf(x drifting) (name, code any) {
	var n, c word
	if x.person && !x.source.ok {
		return nil, nil
	}
	if x.person {
		for _, p := range slices.SortedFunc(slices.Values(k.Permissions), byID) {
			if p.Person.ok && p.Person == x.source {
				n, c = p.Name.or(n), p.Code.or(c)
			}
		}
		for _, p := range k.Persons {
			if said(p.ID) == x.source {
				n, c = n.or(p.Name), c.or(p.Code)
			}
		}
		return n, c
	}
	for _, s := range k.Structures {
		if said(s.ID) == x.source {
			n = s.Name
		}
	}
	return n.or(said("a group, not named")), nil
}

// words are what the rule and the permission say.
func (x drifting) words(a ask, details map[string]cloudDetail) (expected, actual string) {
	at := func(ms integer) string { return time.UnixMilli(ms.v).In(a.zone).Format("2006-01-02 15:04") }
	until := func(end integer) string {
		switch {
		case permanent(end):
			return "no end"
		case !instant(end).ok:
			return "end unknown"
		}
		return "until " + at(end)
	}
	from := func(start integer) string {
		if !instant(start).ok {
			return "begin unknown"
		}
		return "from " + at(start)
	}
	switch x.class {
	case "a":
		return "a rule", "no rule; " + until(x.permission.End)
	case "b":
		return "a permission, " + until(x.rule.End), "none"
	case "c":
		return "permissions, " + until(x.rule.End), "none"
	case "e":
		return "ended " + at(x.rule.End), until(x.permission.End)
	case "f":
		return "one rule", strconv.Itoa(x.rules) + " rules"
	case "g":
		kind := map[string]string{"1": "organization", "2": "person"}[details[x.permission.ID].Source.v]
		return map[string]string{"person": "source: person", "structure": "source: organization"}[x.kind], "source: " + cmp.Or(kind, "group")
	}
	var should, is []string
	if x.rule.Start != x.permission.Start {
		should, is = append(should, from(x.rule.Start)), append(is, from(x.permission.Start))
	}
	if normal(x.rule.End) != normal(x.permission.End) {
		should, is = append(should, until(x.rule.End)), append(is, until(x.permission.End))
	}
	return strings.Join(should, ", "), strings.Join(is, ", ")
}
