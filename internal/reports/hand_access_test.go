package reports

import (
	"slices"
	"testing"

	"exporter/internal/store/storetest"
)

// accessSite is the hand-made site with other permissions: each report of who
// may go where has a few, beside which it says what becomes of them. Of the
// channels c1 alone is sensitive; it is 2026-03-31 13:00:30 in Beijing.
func accessSite(t testing.TB) storetest.Site {
	began := beijing("2026-01-01", "00:00:00")
	none, sent, toSend := [3]int{}, [3]int{1, 1, 1}, [3]int{1, 0, 0}
	site := handSite(t)
	site.Rows["permissions"] = map[string][]string{"": lines(t,
		handPermission("b1", "u1", "c1", began, forever, sent, sent),
		handPermission("b2", "u1", "c2", began, forever, sent, none),
		handPermission("b3", "u1", "c3", began, beijing("2026-06-30", "23:59:59"), none, sent),
		// Over for 11 days, and on the device.
		handPermission("b4", "u2", "c1", began, beijing("2026-03-20", "23:59:59"), sent, none),
		// Not begun.
		handPermission("b5", "u2", "c2", beijing("2026-04-05", "00:00:00"), beijing("2026-12-31", "23:59:59"), toSend, none),
		// In force, with nothing on the device.
		handPermission("b6", "u3", "c3", began, forever, toSend, none),
		// Over this very moment, and on the device, where b6 lets u3 pass anyhow.
		handPermission("b7", "u3", "c3", began, beijing("2026-03-31", "13:00:30"), sent, none),
		// Over for 75 days, and not on the device.
		handPermission("b8", "u4", "c2", began, beijing("2026-01-15", "23:59:59"), toSend, none),
		// An end that is more than five years away, but one.
		handPermission("b9", "u5", "c1", began, beijing("2035-01-01", "00:00:00"), sent, none),
	)}
	return site
}

func TestChannelAccessListOfHandSite(t *testing.T) {
	r := reader(t, accessSite(t))
	p := makeReport(t, r, "channel-access-list", nil)
	golden(t, "hand_channel_access_list.tsv", tsv(p))
	// b4, b7 and b8 have ended, b5 has not begun.
	same(t, "in force", []string{"c1 u1 b1", "c1 u5 b9", "c2 u1 b2", "c3 u1 b3", "c3 u3 b6"},
		column(p.tables[1], "access_control_channel_id", "person_id", "access_auth_id"))
	same(t, "channels", []string{"c1 2 1 2 1", "c2 1 1 1 2", "c3 2 1 1 1"},
		column(p.tables[0], "access_control_channel_id", "persons", "without_end", "on_device", "not_in_force"))
	p = makeReport(t, r, "channel-access-list", map[string]any{"effective_only": false})
	same(t, "all listed", []string{"b1 in force", "b2 in force", "b3 in force", "b4 ended", "b5 not begun", "b6 in force",
		"b7 ended", "b8 ended", "b9 in force"}, column(p.tables[1], "access_auth_id", "state"))
}

// TestNamesRepeat tells channels of one name apart, and persons.
func TestNamesRepeat(t *testing.T) {
	site := accessSite(t)
	again := handPermission("b0", "u4", "c2", beijing("2026-01-01", "00:00:00"), forever, [3]int{}, [3]int{})
	again["access_control_channel_id"], again["person_code"] = "c9", "090909"
	site.Rows["permissions"][""] = append(site.Rows["permissions"][""], lines(t, again)...)
	r := reader(t, site)
	same(t, "channels", []string{"Archive (no. 2, Center-11, c2)", "Archive (no. 2, Center-11, c9)", "Server room 2",
		"Server room 2", "第三宿舍 102", "第三宿舍 102"}, column(makeReport(t, r, "channel-access-list", nil).tables[1], "channel"))
	marks := makeReport(t, r, "channel-access-list", nil).chart.labels
	slices.Sort(marks)
	same(t, "marks", []string{"Archive …c2", "Archive …c9", "Server room 2", "第三宿舍 102"}, marks)
	persons := makeReport(t, r, "person-access-list", nil).tables
	same(t, "twins", []string{"u1 u4", "u3 –", "u4 u1", "u5 –"}, column(persons[0], "person_id", "twins"))
	same(t, "persons", []string{"=1+1 (121212)", "John Doe (000123)", "张伟 (090909) id u1", "张伟 (090909) id u1",
		"张伟 (090909) id u1", "王小明 (090909) id u4"}, column(persons[1], "person"))
}

func TestPersonAccessListOfHandSite(t *testing.T) {
	p := makeReport(t, reader(t, accessSite(t)), "person-access-list", nil)
	golden(t, "hand_person_access_list.tsv", tsv(p))
	// Five channels are known: c1 to c3 here, c4 in the register, c5 in a rule.
	same(t, "persons", []string{"u1 3 1 60 % 2 card, face", "u3 1 0 20 % 1 nothing on the device", "u5 1 1 20 % 0 card"},
		column(p.tables[0], "person_id", "channels", "sensitive_channels", "channel_share", "without_end", "means"))
	same(t, "channels", []string{"u1 c1 card, face", "u1 c2 card", "u1 c3 face", "u3 c3 nothing on the device", "u5 c1 card"},
		column(p.tables[1], "person_id", "access_control_channel_id", "means"))
}

func TestExpiredPermissionsOfHandSite(t *testing.T) {
	p := makeReport(t, reader(t, accessSite(t)), "expired-permissions", nil)
	golden(t, "hand_expired_permissions.tsv", tsv(p))
	same(t, "expired", []string{
		"critical b4 11 card no",              // nothing else lets u2 pass c1
		"medium b7 0 card yes",                // b6 does u3
		"high b8 75 nothing on the device no", // of u4, who has no other
	}, column(p.tables[0], "severity", "access_auth_id", "days_over", "means", "in_force_besides"))
}

func TestPermanentPermissionsOfHandSite(t *testing.T) {
	p := makeReport(t, reader(t, accessSite(t)), "permanent-permissions", nil)
	golden(t, "hand_permanent_permissions.tsv", tsv(p))
	// Of r1 (u1, on c1) and r2 (s1, on c1 and c2) both may grant b1, and neither
	// ends with it; r2 alone grants b2. Of r3 (s2, on c3) and r4 (u3, on c3) r3 has
	// no end, as b6.
	same(t, "permanent", []string{"high b1 –", "medium b2 r2", "medium b6 r3"},
		column(p.tables[1], "severity", "access_auth_id", "auth_relation_id"))
	same(t, "rules", []string{"medium r3 1 0"}, column(p.tables[0], "severity", "auth_relation_id", "permissions", "on_sensitive"))
	same(t, "far ends", []string{"high b9"}, column(p.tables[2], "severity", "access_auth_id"))
	if got := column(makeReport(t, reader(t, accessSite(t)), "permanent-permissions", map[string]any{"far_years": 9}).tables[2], "access_auth_id"); len(got) != 0 {
		t.Errorf("ends more than nine years away: %q; 2035-01-01 is not", got)
	}
}
