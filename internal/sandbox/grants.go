package sandbox

import "slices"

// sourcePersons returns who a source stands for; false if there is none of
// that id.
func (l *living) sourcePersons(source int, id string) ([]*person, bool) {
	switch source {
	case 1:
		return l.structurePersons(id)
	case 2:
		for _, p := range l.people {
			if p.id == id {
				return []*person{p}, true
			}
		}
	case 3:
		for _, g := range l.teams {
			if g.id == id {
				return g.members, true
			}
		}
	}
	return nil, false
}

func (l *living) structurePersons(id string) ([]*person, bool) {
	ids := below(l.structures(), id)
	if len(ids) == 0 {
		return nil, false
	}
	if l.s.o.Switches.StructureRuleAlone {
		ids = ids[:1]
	}
	var out []*person
	for _, p := range l.people {
		if slices.ContainsFunc(p.nodes, func(n *structure) bool { return slices.Contains(ids, n.StructureID) }) {
			out = append(out, p)
		}
	}
	return out, true
}

// pairs returns who a rule lets pass where.
func (l *living) pairs(r *rule) []pair {
	var out []pair
	members, _ := l.sourcePersons(r.source, r.authID)
	for _, p := range members {
		for _, c := range r.opens() {
			out = append(out, pair{p, c})
		}
	}
	return out
}

// settle makes the permissions of some pairs what the rules say: none without
// a rule; with rules from the first start to the last end.
func (l *living) settle(pairs []pair) {
	type validity struct {
		start, end int64
		source     int
	}
	want := map[pair]validity{}
	touched := map[pair]bool{}
	for _, p := range pairs {
		touched[p] = true
	}
	for _, r := range l.ruleList {
		for _, p := range l.pairs(r) {
			if !touched[p] {
				continue
			}
			v, ok := want[p]
			if !ok {
				want[p] = validity{r.start, r.end, r.source}
				continue
			}
			v.start, v.end = min(v.start, r.start), max(v.end, r.end)
			if r.source == 2 || v.source == 1 {
				v.source = r.source // a person's own rule before a group's before an organization's
			}
			want[p] = v
		}
	}
	for _, p := range pairs {
		perm, v := l.byPair[p], want[p]
		switch {
		case v.source == 0 && perm != nil:
			l.removePermission(perm)
		case v.source != 0 && perm == nil:
			l.newPermission(p.person, p.channel, v.start, v.end, l.at, v.source)
		case v.source != 0 && (perm.AuthStartTime != v.start || perm.AuthEndTime != v.end):
			perm.AuthStartTime, perm.AuthEndTime = v.start, v.end
			perm.CardIssueStatus, perm.FaceIssueStatus, perm.FingerprintIssueStatus = 0, 0, 0
		}
	}
}

func (l *living) addRules(w rulesRequest) (string, *apiError) {
	var channels []*channel
	for _, id := range w.channels {
		i := slices.IndexFunc(l.channels, func(c *channel) bool { return c.id == id })
		if i < 0 {
			return "", fail(codeNoData, "channelIds")
		}
		channels = append(channels, l.channels[i])
	}
	var groups []*channelGroup
	for _, id := range w.groups {
		i := slices.IndexFunc(l.groups, func(g *channelGroup) bool { return g.id == id })
		if i < 0 {
			return "", fail(codeNoData, "groupIds")
		}
		groups = append(groups, l.groups[i])
	}
	for _, id := range w.authIDs {
		if _, ok := l.sourcePersons(w.source, id); !ok {
			return "", fail(codeNoData, "authIds")
		}
	}
	var added []pair
	for _, id := range w.authIDs {
		r := rule{created: l.at, source: w.source, authID: id, start: w.start, end: w.end, rangeID: w.rangeID}
		for _, c := range channels {
			added = append(added, l.addRule(r, c, nil)...)
		}
		for _, g := range groups {
			added = append(added, l.addRule(r, nil, g)...)
		}
	}
	if !l.s.o.Switches.AddRulesOnly {
		l.settle(added)
	}
	return l.mint.idMS(l.at), nil
}

func (l *living) addRule(r rule, c *channel, g *channelGroup) []pair {
	r.id, r.channel, r.group = l.mint.idMS(r.created), c, g
	l.ruleList = append(l.ruleList, &r)
	return l.pairs(&r)
}

func (l *living) generate(source int, id string) (string, *apiError) {
	if _, ok := l.sourcePersons(source, id); !ok {
		return "", fail(codeNoData, "authId")
	}
	l.settle(l.pairsOf(l.selected(selection{source: source, authID: id})))
	return l.mint.idMS(l.at), nil
}

// selected returns the rules that w is about.
func (l *living) selected(w selection) []*rule {
	var out []*rule
	for _, r := range l.ruleList {
		if r.authID == w.authID && (w.source == 0 || r.source == w.source) && (w.rules == nil || slices.Contains(w.rules, r.id)) {
			out = append(out, r)
		}
	}
	return out
}

func (l *living) pairsOf(rules []*rule) []pair {
	var out []pair
	for _, r := range rules {
		out = append(out, l.pairs(r)...)
	}
	return out
}

// checked returns the rules that w is about, or an error if a rule or the
// source is not there.
func (l *living) checked(w selection) ([]*rule, *apiError) {
	rules := l.selected(w)
	known := len(rules) > 0
	for source := 1; source <= 3; source++ {
		_, ok := l.sourcePersons(source, w.authID)
		known = known || ok && (w.source == 0 || w.source == source)
	}
	if !known {
		return nil, fail(codeNoData, "authId")
	}
	for _, id := range w.rules {
		if !slices.ContainsFunc(rules, func(r *rule) bool { return r.id == id }) {
			return nil, fail(codeNoData, "authRelationIds")
		}
	}
	return rules, nil
}

func (l *living) editRules(w selection, start, end *int64) (string, *apiError) {
	rules, err := l.checked(w)
	if err != nil {
		return "", err
	}
	for _, r := range rules {
		from, to := r.start, r.end
		if start != nil {
			from = *start
		}
		if end != nil {
			to = *end
		}
		if to <= from {
			return "", fail(codeParamRange, "authEndTime")
		}
	}
	for _, r := range rules {
		if start != nil {
			r.start = *start
		}
		if end != nil {
			r.end = *end
		}
	}
	l.settle(l.pairsOf(rules))
	return l.mint.idMS(l.at), nil
}

func (l *living) deleteRules(w selection) (string, *apiError) {
	rules, err := l.checked(w)
	if err != nil {
		return "", err
	}
	pairs := l.pairsOf(rules)
	l.ruleList = slices.DeleteFunc(l.ruleList, func(r *rule) bool { return slices.Contains(rules, r) })
	l.settle(pairs)
	if l.s.o.Switches.DeletePushes {
		l.pushDeletions(pairs)
	}
	return l.mint.idMS(l.at), nil
}
