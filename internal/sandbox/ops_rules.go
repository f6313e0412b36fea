package sandbox

import "strconv"

// listStructures answers list-auth-structure (B19-85): the organizations
// below the one asked for.
func (c *call) listStructures() reply {
	all, parent := c.s.site.structures(), c.v.text("structureId")
	ids := below(all, parent)
	if len(ids) == 0 {
		return reply{err: fail(codeNoData)}
	}
	in := map[string]bool{}
	for _, id := range ids[1:] {
		in[id] = true
	}
	return c.structuresReply(all, func(n *Structure) bool {
		child := n.ParentStructureID != nil && *n.ParentStructureID == parent
		return child || c.s.o.Switches.StructureSubtree && in[n.StructureID]
	})
}

// matchStructures answers match-auth-structure (B87-153): "Fuzzy search is
// supported." (B91)
func (c *call) matchStructures() reply {
	want := c.v.text("structureName")
	w := c.s.o.Switches
	return c.structuresReply(c.s.site.structures(), func(n *Structure) bool {
		switch {
		case w.IgnoreFilters:
			return true
		case want == "":
			return !w.MatchRoots || n.ParentStructureID == nil
		}
		return c.named(n.StructureName, want)
	})
}

func (c *call) structuresReply(all []Structure, match func(*Structure) bool) reply {
	rows := []Structure{}
	for i := range all {
		if match(&all[i]) && !c.on(faultEmpty) {
			rows = append(rows, all[i])
		}
	}
	return reply{result: appendJSON(nil, rows)}
}

// below returns id and the ids of all organizations below it, parents before
// children; nothing if there is none of that id.
func below(all []Structure, id string) []string {
	var out []string
	for _, n := range all {
		if n.StructureID == id {
			out = append(out, id)
		}
	}
	for i := 0; i < len(out); i++ {
		for _, n := range all {
			if n.ParentStructureID != nil && *n.ParentStructureID == out[i] {
				out = append(out, n.StructureID)
			}
		}
	}
	return out
}

// persons answers list-auth-person (B155-240).
func (c *call) persons() reply {
	name, code := c.v.text("name"), c.v.text("personCode")
	if name == "" && code == "" || c.s.o.Switches.IgnoreFilters {
		return c.listReply(c.s.site.persons(nil))
	}
	return c.listReply(c.s.site.persons(func(p *Person) bool {
		return c.named(p.Name, name) && (code == "" || p.PersonCode == code)
	}))
}

// rules answers query-rules (B353-428).
func (c *call) rules() reply {
	id, name := c.v.text("authId"), c.v.text("relationName")
	kind, hasKind := c.v.number("relationType")
	if id == "" && name == "" && !hasKind || c.s.o.Switches.IgnoreFilters {
		return c.listReply(c.s.site.rules(nil))
	}
	return c.listReply(c.s.site.rules(func(r *Rule) bool {
		return (id == "" || r.AuthID == id) && (!hasKind || r.RelationType == int(kind)) && c.named(r.RelationName, name)
	}))
}

// channelDetail answers channel-detail (B582-650): the channels that a rule
// opens. Nothing says what it answers without authRelationId (B596); here it
// has nothing to show.
func (c *call) channelDetail() reply {
	var l list
	if id := c.v.text("authRelationId"); id != "" {
		var ok bool
		if l, ok = c.s.site.ruleChannels(id); !ok {
			return reply{err: fail(codeNoData)}
		}
	}
	p := c.cut(l.total)
	b := append([]byte(nil), `{"access_auth_time_range_id":"1","access_auth_time_range_str":"`+allDay+`",`...)
	b = c.appendListKey(b, "channel_list_")
	b = appendRows(b, l, p)
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, int64(p.total), 10)
	return reply{result: append(b, '}')}
}

// allDay is the text of accessible period "1" in the real sample (A144).
const allDay = "All the day"

// rulesRequest is what add-rules asks for.
type rulesRequest struct {
	source                    int // 1 organization, 2 person, 3 person group: B257-259
	authIDs, groups, channels []string
	rangeID                   string
	start, end                int64
}

// selection names the rules that an edit or a deletion is about. With rules
// nil it is all rules of the source.
type selection struct {
	source int // 0: whichever
	authID string
	rules  []string
}

// issueRequest is what full and increment ask for.
type issueRequest struct {
	full        bool
	certificate int
	channels    []string
}

func sourceOf(v values) (int, *apiError) {
	t := v.text("authSourceType")
	switch t {
	case "":
		return 0, nil
	case "1", "2", "3":
		return int(t[0] - '0'), nil
	}
	return 0, fail(codeParamIllegal, "authSourceType")
}

// written answers a writing operation. The documents say String{} (B281); the
// real sample of add-rules (B299) has an id made at the time of the call, of
// an object that is not named.
func written(id string, err *apiError) reply {
	if err != nil {
		return reply{err: err}
	}
	return reply{result: appendJSON(nil, id)}
}

// addRules answers add-rules (B242-303).
func (c *call) addRules() reply {
	w := rulesRequest{
		authIDs: c.v.list("authIds"), groups: c.v.list("groupIds"), channels: c.v.list("channelIds"),
		rangeID: c.v.text("accessAuthTimeRangeId"), start: c.at, end: Permanent,
	}
	var err *apiError
	if w.source, err = sourceOf(c.v); err != nil {
		return reply{err: err}
	}
	if len(w.channels) == 0 && len(w.groups) == 0 {
		return reply{err: fail(codeParamEmpty, "channelIds")}
	}
	if n, ok := c.v.number("authStartTime"); ok {
		w.start = n
	}
	if n, ok := c.v.number("authEndTime"); ok {
		w.end = n
	}
	if w.end <= w.start {
		return reply{err: fail(codeParamRange, "authEndTime")}
	}
	fallback(&w.rangeID, "1")
	return written(c.s.site.addRules(w))
}

// generateAuth answers generate-auth (B305-351).
func (c *call) generateAuth() reply {
	source, err := sourceOf(c.v)
	if err != nil {
		return reply{err: err}
	}
	return written(c.s.site.generate(source, c.v.text("authId")))
}

// deleteBySource answers delete-by-source (B430-476).
func (c *call) deleteBySource() reply {
	source, err := sourceOf(c.v)
	if err != nil {
		return reply{err: err}
	}
	return written(c.s.site.deleteRules(selection{source: source, authID: c.v.text("authId")}))
}

// selection reads which rules an edit or a deletion by channels is about.
func (c *call) selection() (selection, *apiError) {
	source, err := sourceOf(c.v)
	w := selection{source, c.v.text("authId"), c.v.list("authRelationIds")}
	if err != nil || len(w.rules) > 0 {
		return w, err
	}
	switch c.s.o.Switches.NoRelationIDs {
	case "error":
		return w, fail(codeParamEmpty, "authRelationIds")
	case "none":
		w.rules = []string{}
	default:
		w.rules = nil
	}
	return w, nil
}

// editByChannels answers edit-by-channels (B478-530).
func (c *call) editByChannels() reply {
	w, err := c.selection()
	if err != nil {
		return reply{err: err}
	}
	var start, end *int64
	if n, ok := c.v.number("authStartTime"); ok {
		start = &n
	}
	if n, ok := c.v.number("authEndTime"); ok {
		end = &n
	}
	if c.s.o.Switches.PartialEditResets {
		if start == nil {
			start = new(c.at)
		}
		if end == nil {
			end = new(Permanent)
		}
	}
	return written(c.s.site.editRules(w, start, end))
}

// deleteByChannels answers delete-by-channels (B532-580).
func (c *call) deleteByChannels() reply {
	w, err := c.selection()
	if err != nil {
		return reply{err: err}
	}
	return written(c.s.site.deleteRules(w))
}

// issueFull answers access-auth-issue/actions/full (A336-383).
func (c *call) issueFull() reply { return c.issue(true) }

// issueIncrement answers access-auth-issue/actions/increment (A385-432).
func (c *call) issueIncrement() reply { return c.issue(false) }

func (c *call) issue(full bool) reply {
	n, _ := c.v.number("authIssueCertificate")
	ids := c.v.list("channelIds")
	if len(ids) == 0 {
		return reply{err: fail(codeParamEmpty, "channelIds")}
	}
	return written(c.s.site.issue(issueRequest{full, int(n), ids}))
}
