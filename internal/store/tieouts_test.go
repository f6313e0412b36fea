package store_test

import (
	"fmt"
	"testing"
	"time"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// counted publishes permissions with the cloud's counts of them.
func counted(t *testing.T, permissions []string, counts ...store.Count) *store.Reader {
	t.Helper()
	st := storetest.Open(t)
	b, projects := storetest.Load(t, st, storetest.Site{Project: "p1", At: day(1), Rows: rows{"permissions": list(permissions...)}})
	n := int64(len(permissions))
	projects[0].Counts = append(counts, store.Count{Total: &n})
	for i := range projects[0].Counts {
		projects[0].Counts[i].At = day(1)
	}
	if _, err := b.Publish(t.Context(), projects); err != nil {
		t.Fatal(err)
	}
	return read(t, st, store.ReadOptions{})
}

func total(filter string, n int64, values ...string) store.Count {
	return store.Count{Filter: filter, Values: values, Total: &n}
}

// A permission that ends in the very millisecond of a bound is on the side that the
// words say: expired is until now, less than 7 days is before then.
func TestTieOutsAtTheBounds(t *testing.T) {
	const dayLong = 24 * int64(time.Hour/time.Millisecond)
	now := day(1).UnixMilli()
	var permissions []string
	for i, end := range []int64{now, now + 1, now + 7*dayLong - 1, now + 7*dayLong, now + 30*dayLong, 2556093599000, 2556093598999} {
		permissions = append(permissions, permissionRow(fmt.Sprintf("a%d", i), "u1", "c1", fmt.Sprintf(`,"auth_end_time":%d`, end)))
	}
	r := counted(t, permissions, total("authDateType", 1, "0"), total("authDateType", 1, "-1"), total("authDateType", 2, "7"),
		total("authDateType", 3, "15"), total("authDateType", 3, "30"))
	check(t, r, "SELECT name, ours, theirs, result, reading FROM tie_outs WHERE kind = 'validity' ORDER BY position",
		"permanent,1,1,agrees,", "expired,1,1,agrees,", "less than 7 days,2,2,agrees,168 h",
		"less than 15 days,3,3,agrees,either", "less than 30 days,3,3,agrees,720 h")
	// Where nothing has expired, it is not said that the expired are among them.
	r = counted(t, permissions[1:4], total("authDateType", 2, "7"), total("authDateType", 3, "15"))
	check(t, r, "SELECT name, result, reading FROM tie_outs WHERE name IN ('less than 7 days', 'less than 15 days') ORDER BY position",
		"less than 7 days,agrees,168 h", "less than 15 days,agrees,either")
}

// Totals of channels are believed one by one: that their sum is right is not enough.
func TestTieOutsOfChannels(t *testing.T) {
	one := []string{permissionRow("a1", "u1", "c1", ""), permissionRow("a2", "u2", "c1", "")}
	two := append(one, permissionRow("a3", "u1", "c2", `,"card_issue_status":1`))
	for _, tt := range []struct {
		name        string
		permissions []string
		counts      []store.Count
		want        string
	}{
		{"each agrees", two, []store.Count{total("channelIds", 2, "c1"), total("channelIds", 1, "c2")}, "3,3,agrees,2 channels in 2 requests"},
		{"a row of one is counted in the other", two, []store.Count{total("channelIds", 1, "c1"), total("channelIds", 2, "c2")},
			"3,3,differs,2 channels in 2 requests; 2 of them differ from our rows"},
		{"all are on one channel", one, []store.Count{total("channelIds", 2, "c1")}, "2,2,agrees,1 channel in 1 request"},
		{"the filter is ignored", two, []store.Count{total("channelIds", 3, "c1"), total("channelIds", 3, "c2")},
			"3,6,filter ignored,2 channels in 2 requests; each total is that of the list without a filter"},
	} {
		r := counted(t, tt.permissions, tt.counts...)
		t.Run(tt.name, func(t *testing.T) {
			check(t, r, "SELECT ours, theirs, result, note FROM tie_outs WHERE name = 'sum over channels'", tt.want)
		})
	}
	// One that was not asked leaves nothing to compare; a permission without a status
	// is in neither total.
	r := counted(t, two, total("channelIds", 2, "c1"), total("cardIssueStatus", 0, "0"), total("cardIssueStatus", 1, "1"))
	check(t, r, "SELECT ours, theirs, result FROM tie_outs WHERE name = 'sum over channels'", ",,not tried")
	check(t, r, "SELECT ours, theirs, result, note FROM tie_outs WHERE name = 'card, both together'", "3,1,differs,2 permissions have neither status")
}
