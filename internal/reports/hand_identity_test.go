package reports

import (
	"testing"

	"exporter/internal/store/storetest"
)

// identitySites are two mornings of a building whose persons are hard to tell
// apart.
func identitySites(t testing.TB) (yesterday, today storetest.Site) {
	p := func(id, person, name, code string, structures ...string) fields {
		f := handPermission(id, "u1", "c1", 0, forever, [3]int{1, 1, 1}, [3]int{})
		f["person_id"], f["name"], f["person_code"], f["structure_ids"] = person, name, code, structures
		return f
	}
	listed := func(rows ...[3]string) map[string][]string {
		var list []fields
		for _, r := range rows {
			list = append(list, fields{"person_id": r[0], "name": r[1], "person_code": r[2]})
		}
		return map[string][]string{"": lines(t, list...)}
	}
	yesterday, today = handSite(t), handSite(t)
	yesterday.At = siteAt.AddDate(0, 0, -1)
	yesterday.Rows["permissions"] = map[string][]string{"": lines(t,
		p("i1", "u1", "张伟", "090909", "s1"), p("i9", "u9", "Zhang Wei", "090909", "s2"))}
	yesterday.Rows["persons"] = listed([3]string{"u1", "张伟", "090909"}, [3]string{"u9", "Zhang Wei", "090909"},
		[3]string{"u2", "Jane Old", "001123"})
	today.Rows["permissions"] = map[string][]string{"": lines(t,
		p("i1", "u1", "张伟", "090909", "s1"),
		p("i2", "u2", "Jane Tuya", "001123", "s1"),
		p("i3", "u3", "John Doe", "000123", "s2"),
		p("i4", "u4", "王小明", "", "s2"),
		p("i5", "u5", "=1+1", "121212"),
		p("i7", "u7", "johnny  DOE", "000777", "s2"),
		p("i8", "u8", "Eight", "888", "s2"),
		p("i0", "u10", "Johnny Doe", "000010", "s1"), // a namesake of u3, but of another organization
	)}
	today.Rows["persons"] = listed([3]string{"u1", "张伟", "090909"}, [3]string{"u9", "Zhang Wei", "090909"},
		[3]string{"u2", "Jane Tuya", "001123"}, [3]string{"u3", "Johnny Doe", "000123"}, [3]string{"u4", "王小明", " "},
		[3]string{"u7", "johnny  DOE", "000777"}, [3]string{"u8", "Eight", "889"}, [3]string{"u6", "Idle", "666"},
		[3]string{"u10", "Johnny Doe", "000010"})
	return yesterday, today
}

func TestIdentityQualityOfHandSite(t *testing.T) {
	yesterday, today := identitySites(t)
	p := since(t, "identity-quality", yesterday, today)
	golden(t, "hand_identity_quality.tsv", tsv(p))
	same(t, "issues", []string{
		"high shared work number u1 u9", // u9 had i9 until today
		"high shared work number u9 u1",
		"low without permissions u9 –",
		"low renamed u2 –", // was Jane Old
		"medium other name u3 –",
		"medium same name u3 u7", // by the list of persons, without regard to case and spaces
		"medium same name u7 u3",
		"medium no work number u4 –", // a space is none
		"medium not in the list of persons u5 –",
		"medium no organization u5 –",
		"medium other work number u8 –",
		"low without permissions u6 –",
	}, column(p.tables[0], "severity", "issue", "person_id", "other_ids"))

	// On the morning before nobody was revoked.
	p = since(t, "identity-quality", yesterday)
	same(t, "issues of the morning before", []string{"medium shared work number u1", "medium shared work number u9",
		"low without permissions u2"}, column(p.tables[0], "severity", "issue", "person_id"))
}
