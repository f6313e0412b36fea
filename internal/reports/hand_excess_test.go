package reports

import (
	"fmt"
	"strings"
	"testing"

	"exporter/internal/store/storetest"
)

// excessSite has an organization s1 of six persons, who can open 2, 2, 2, 3, 3
// and 9 channels: the median is 2.5, the distances to it are 0.5 but for the last,
// 6.5, so their median is 0.5 and the bound 2.5 + 3 x 1.4826 x 0.5 = 4.7. The
// three of s2, fewer than five, are compared with all nine: 1, 2, 2, 2, 2, 3, 3, 5
// and 9 channels have the median 2 and the distances 1, 0, 0, 0, 0, 1, 1, 3 and 7,
// whose median is 1: the bound is 2 + 3 x 1.4826 = 6.4.
func excessSite(t testing.TB) storetest.Site {
	var permissions []fields
	give := func(person, structure string, channels ...int) {
		for _, c := range channels {
			p := handPermission(fmt.Sprintf("%s-%d", person, c), "u1", "c1", 0, forever, [3]int{1, 1, 1}, [3]int{})
			p["person_id"], p["name"], p["person_code"], p["structure_ids"] = person, "Person "+person, person, []string{structure}
			p["access_control_channel_id"], p["access_control_channel_name"] = fmt.Sprint("c", c), fmt.Sprint("Channel ", c)
			permissions = append(permissions, p)
		}
	}
	give("p1", "s1", 2, 3)
	give("p2", "s1", 2, 3)
	give("p3", "s1", 2, 3)
	give("p4", "s1", 2, 3, 5)
	give("p5", "s1", 2, 3, 5)
	give("p6", "s1", 1, 2, 3, 4, 5, 6, 7, 8, 9) // c1 and c4 are sensitive
	give("q1", "s2", 2)
	give("q2", "s2", 2, 3)
	give("q3", "s2", 5, 6, 7, 8, 9)
	// Twice the same channel, and one that has ended: neither counts.
	again := handPermission("q2-again", "u1", "c1", 0, forever, [3]int{}, [3]int{})
	again["person_id"], again["access_control_channel_id"], again["structure_ids"] = "q2", "c3", []string{"s2"}
	ended := handPermission("p1-ended", "u1", "c1", 0, beijing("2026-03-30", "00:00:00"), [3]int{}, [3]int{})
	ended["person_id"], ended["structure_ids"] = "p1", []string{"s1"}
	site := handSite(t)
	site.Rows["permissions"] = map[string][]string{"": lines(t, append(permissions, again, ended)...)}
	site.Rows["rules"] = nil
	return site
}

func TestExcessiveAccessOfHandSite(t *testing.T) {
	r := reader(t, excessSite(t))
	p := makeReport(t, r, "excessive-access", nil)
	golden(t, "hand_excessive_access.tsv", tsv(p))
	same(t, "persons", []string{"high p6 9 2.5 2 8.8 6"}, // (9 - 2.5) / (1.4826 x 0.5) is 8.8
		column(p.tables[0], "severity", "person_id", "channels", "median_channels", "sensitive_channels", "score", "peers"))
	// Of the six of s1 three have c5, which is half, and all have c2 and c3.
	same(t, "channels", []string{"high c1 1", "high c4 1", "medium c6 1", "medium c7 1", "medium c8 1", "medium c9 1"},
		column(p.tables[1], "severity", "access_control_channel_id", "peers_with_it"))
	// With a bound of 2 + 1 x 1.4826, q3 is out too, three more than the median;
	// of p4 and p5, with half a channel more, nobody is.
	p = makeReport(t, r, "excessive-access", map[string]any{"factor": 1})
	same(t, "persons with a smaller factor", []string{"p6 same organizations", "q3 everybody"}, column(p.tables[0], "person_id", "compared_with"))
	p = makeReport(t, r, "excessive-access", map[string]any{"factor": 1, "min_ratio": 2.6}) // q3 has 2.5 times as many
	same(t, "persons with a greater ratio", []string{"p6"}, column(p.tables[0], "person_id"))
	p = makeReport(t, r, "excessive-access", map[string]any{"max_channels": 4, "factor": 100})
	same(t, "persons beyond a number", []string{"p6", "q3"}, column(p.tables[0], "person_id"))
	// Two of one name are told apart in the chart.
	twins := excessSite(t)
	for i, line := range twins.Rows["permissions"][""] {
		twins.Rows["permissions"][""][i] = strings.ReplaceAll(line, "Person q3", "Person p6")
	}
	p = makeReport(t, reader(t, twins), "excessive-access", map[string]any{"factor": 1})
	same(t, "marks", []string{"Person p6 p6", "Person p6 q3"}, p.chart.labels)
}
