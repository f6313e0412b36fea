package store_test

import (
	"fmt"
	"strings"
	"testing"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// Who counts as a person beside pseudonyms, and which organization is so small that
// its name would tell who is in it: each by the one place that knows of it.
func TestWhoIsMasked(t *testing.T) {
	st := storetest.Open(t)
	members := func(structure, name string, persons ...string) (permissions, structures []string) {
		for _, p := range persons {
			permissions = append(permissions, permissionRow(structure+p, p, "c1", fmt.Sprintf(`,"structure_ids":[%q],"name":"Lee %s"`, structure, p)))
		}
		return permissions, []string{fmt.Sprintf(`{"structure_id":%q,"structure_name":%q}`, structure, name)}
	}
	site := func(project string, n int, groups map[string][]string) storetest.Site {
		s := storetest.Site{Project: project, At: day(n), Rows: rows{"permissions": list(), "structures": list()}}
		for name, persons := range groups {
			p, g := members("s"+name, name, persons...)
			s.Rows["permissions"][""] = append(s.Rows["permissions"][""], p...)
			s.Rows["structures"][""] = append(s.Rows["structures"][""], g...)
		}
		return s
	}
	three, two := []string{"u1", "u2", "u3"}, []string{"u1", "u2"}
	before := site("p1", 1, map[string][]string{"Three": three, "Left": three})
	storetest.Publish(t, st, before)
	now := site("p1", 2, map[string][]string{"Three": three, "Two": two, "Left": two, "Split": three, "Of lee u1": three})
	now.Rows["tasks"] = list(`{"auth_task_id":"t1"}`)
	now.Rows["records"] = map[string][]string{"t1": {`{"auth_task_record_id":"e1","person_id":"u7","structure_name":"Recorded"}`}}
	now.Rows["details"] = map[string][]string{"sTwou1": {`{"person_id":"u8","structure_names":["Detailed","Three"]}`}}
	now.Rows["rules"] = list(`{"auth_relation_id":"r1","auth_id":"sTwo","relation_type":3,"relation_id":"u9"}`,
		`{"auth_relation_id":"r2","auth_id":"sTwo","relation_type":1,"relation_id":"g1"}`)
	now.Rows["rule_channels"] = map[string][]string{"r2": {`{"relation_id":"c9","access_control_channel_no":"2"}`, `{"relation_id":"u10"}`}}
	now.Registers = map[string]string{"roster": "person_code,status,terminated_at,organisation,manager,manager_email\n" +
		"1,,,Rostered,,\n2,,,Three,,\n3,,,Many,,\n4,,,Many,,\n5,,,Many,,\n"}
	storetest.Publish(t, st, now, site("p2", 2, map[string][]string{"Split": {"v1"}}))

	r := read(t, st, store.ReadOptions{Mask: store.MaskPseudonym, Project: "p1"})
	const group = `regexp_replace(regexp_replace(%s, '^small group [a-z2-7]{6}$', 'small'), 'Of [a-zA-Z2-7]{8}$', 'Of TAG')`
	check(t, r, "SELECT structure_id, "+fmt.Sprintf(group, "structure_name")+" FROM structures ORDER BY 1", "sLeft,small", "sOf lee u1,Of TAG", "sSplit,small", "sThree,Three", "sTwo,small")
	check(t, r, "SELECT line, "+fmt.Sprintf(group, "organisation")+" FROM roster ORDER BY 1", "2,small", "3,Three", "4,Many", "5,Many", "6,Many")
	person := func(column string) string {
		return fmt.Sprintf("CASE WHEN regexp_full_match(%[1]s, '[A-Z2-7]{12}') THEN 'person' ELSE %[1]s END", column)
	}
	check(t, r, "SELECT "+person("person_id")+", "+fmt.Sprintf(group, "structure_name")+" FROM records", "person,small")
	check(t, r, "SELECT "+person("person_id")+", "+fmt.Sprintf(group, "structure_names[1]")+", structure_names[2] FROM details", "person,small,Three")
	check(t, r, "SELECT "+person("relation_id")+" FROM base.current_rules ORDER BY auth_relation_id", "person", "g1")
	check(t, r, "SELECT "+person("relation_id")+" FROM base.current_rule_channels ORDER BY 1", "c9", "person")

	// A standard copy hides names alone.
	r = read(t, st, store.ReadOptions{Mask: store.MaskStandard, Project: "p1"})
	check(t, r, "SELECT person_id, structure_name FROM records", "u7,Recorded")
	if text := csv(t, r, "FROM structures"); strings.Contains(text, "small group") {
		t.Errorf("organizations of a standard copy:\n%s", text)
	}
}
