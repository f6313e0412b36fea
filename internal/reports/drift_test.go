package reports

import "testing"

// driftSite has each kind of contradiction, worked out beside its rows. It is
// 2026-03-31 13:00:30 in Beijing.
func driftSite(t testing.TB) *Report {
	began := beijing("2026-01-01", "00:00:00")
	rule := func(id, source, channel string, start, end int64) fields {
		return fields{"auth_relation_id": id, "auth_id": source, "relation_id": channel, "relation_name": "Channel " + channel,
			"relation_type": 2, "auth_start_time": start, "auth_end_time": end}
	}
	orgs := map[string][]string{"p1": {"s1"}, "p2": {"s1"}, "p3": {"s2"}}
	permission := func(id, person, channel string, end int64) fields {
		return fields{"access_auth_id": id, "person_id": person, "name": "Person " + person, "structure_ids": orgs[person],
			"access_control_channel_id": channel, "access_control_channel_name": "Channel " + channel,
			"auth_start_time": began, "auth_end_time": end}
	}
	june := beijing("2026-06-30", "23:59:59")
	lists := map[string][]fields{
		"persons": {{"person_id": "p4", "name": "Person p4"}},
		"structures": {{"structure_id": "s0", "structure_name": "Whole site"},
			{"structure_id": "s1", "structure_name": "Facility", "parent_structure_id": "s0"},
			{"structure_id": "s2", "structure_name": "Guests", "parent_structure_id": "s0"}},
		"rules": {
			rule("r1", "s0", "c1", began, forever), // above s1 and s2: grants c1 to p1, p2 and p3
			rule("r2", "p3", "c2", began, june),
			rule("r3", "p4", "c2", began, forever),                             // b: p4 has no permission there
			rule("r4", "s2", "c3", began, forever),                             // c: nobody of s2 has one there
			rule("r5", "g1", "c4", began, forever),                             // of a group
			rule("r6", "p2", "c2", began, beijing("2026-03-31", "13:00:30")),   // has just ended: e
			rule("r7", "p1", "c2", began, forever),                             // f: with r8
			rule("r8", "p1", "c2", beijing("2026-06-01", "00:00:00"), forever), //
			rule("r9", "p4", "c5", began, beijing("2026-02-01", "00:00:00")),   // ended: asks for nothing
			rule("r10", "p4", "c6", june, forever),                             // not begun: neither
			rule("r11", "g1", "c7", began, forever),                            // c: nobody at all
		},
		"permissions": {
			permission("a1", "p1", "c1", forever),                            // as r1 says
			permission("a2", "p2", "c1", beijing("2026-05-01", "23:59:59")),  // d: r1 has no end
			permission("a3", "p3", "c1", beijing("2026-02-01", "23:59:59")),  // d: ended, r1 has not
			permission("a4", "p4", "c1", forever),                            // a: in no organization
			permission("a5", "p3", "c2", june),                               // as r2 says
			permission("a6", "p2", "c2", forever),                            // e: of r6
			permission("a7", "p1", "c2", forever),                            // g: from an organization, says its detail
			permission("a8", "p1", "c3", forever),                            // a: r4 is for s2
			permission("a9", "p1", "c4", forever),                            // from a group, says its detail: not looked at
			permission("a10", "p2", "c4", forever),                           // a: but maybe from the group
			permission("a11", "p3", "c4", forever),                           // a: not from a group, says its detail
			permission("a12", "p4", "c4", beijing("2026-03-01", "00:00:00")), // ended: no finding here
		},
	}
	asked := map[string]map[string][]fields{"details": {
		"a7":  {{"person_id": "p1", "auth_source": "1"}},
		"a9":  {{"person_id": "p1", "auth_source": "3"}},
		"a11": {{"person_id": "p3", "auth_source": "2"}},
	}}
	return makeReport(t, reader(t, smallSite(t, lists, asked)), "drift", nil)
}

func TestDrift(t *testing.T) {
	r := driftSite(t)
	equal(t, "findings", picked(t, r, "Drift", "severity", "class", "confidence", "holder", "access_control_channel_name", "expected", "actual"), []string{
		"high | a | inferred | Person p1 | Channel c3 | a rule | no rule; no end",
		"high | a | inferred | Person p3 | Channel c4 | a rule | no rule; no end",
		"high | a | inferred | Person p4 | Channel c1 | a rule | no rule; no end",
		"high | e | exact | Person p2 | Channel c2 | ended 2026-03-31 13:00 | no end",
		"medium | b | exact | Person p4 | Channel c2 | a permission, no end | none",
		"medium | c | inferred | Guests | Channel c3 | permissions, no end | none",
		"medium | d | inferred | Person p2 | Channel c1 | no end | until 2026-05-01 23:59",
		"medium | d | inferred | Person p3 | Channel c1 | no end | until 2026-02-01 23:59",
		"medium | g | inferred | Person p1 | Channel c2 | source: person | source: organization",
		"medium | f | exact | Person p1 | Channel c2 | one rule | 2 rules",
		"low | a | unknown | Person p2 | Channel c4 | a rule | no rule; no end",
		"low | c | unknown | a group, not named | Channel c7 | permissions, no end | none",
	})
	equal(t, "figures", figuresOf(r), []string{"3 permissions without a rule", "1 rule ended, permission not",
		"3 rules that give nothing", "2 other dates than the rule"})
	if want := "**4 permissions have no rule behind them**: none grants 3, and that of one has ended. " +
		"The two differ in 6 more cases. 2 more cannot be decided: person groups may explain them."; r.answer != want {
		t.Errorf("answer %q, want %q", r.answer, want)
	}
}
