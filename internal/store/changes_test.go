package store_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// grant is a permission as the cloud has it. An empty text or a zero time is a
// field that the cloud leaves out.
type grant struct {
	id, person, channel              string
	name, code, entrance, room, area string
	hours                            string
	structures                       string // ids, comma-separated, in the cloud's order
	start, end                       int64
	states                           [3]int // of credentials, indexes of states
	leaves                           bool   // soon
}

var credentials = [3]string{"card", "face", "fingerprint"}

// states are counters of a credential with what they mean.
var states = []struct {
	total, sent, status int
	state               string
}{{1, 1, 1, "delivered"}, {1, 0, 0, "pending"}, {0, 0, 0, "not_enrolled"}, {2, 1, 1, "partial"}, {-1, 0, 0, "unknown"}}

func (g grant) row() string {
	m := map[string]any{"access_auth_id": g.id}
	for i, c := range credentials {
		s := states[g.states[i]]
		m["total_"+c+"_num"], m["auth_"+c+"_num"], m[c+"_issue_status"] = s.total, s.sent, s.status
	}
	for key, value := range map[string]string{"person_id": g.person, "access_control_channel_id": g.channel, "name": g.name,
		"person_code": g.code, "access_control_channel_name": g.entrance, "access_channel_room_id": g.room,
		"access_channel_position_path": g.area, "access_auth_time_range_id": g.hours} {
		if value != "" {
			m[key] = value
		}
	}
	if g.structures != "" {
		m["structure_ids"] = strings.Split(g.structures, ",")
	}
	if g.start != 0 {
		m["auth_start_time"] = g.start
	}
	if g.end != 0 {
		m["auth_end_time"] = g.end
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // text and numbers are always valid
	}
	return string(b)
}

// until is the end as it is compared: whatever means "for ever" is one.
func (g grant) until() int64 {
	if g.permanent() {
		return forEver
	}
	return g.end
}

const forEver = 2556093599000 // 2050-12-31 23:59:59 in the zone that is farthest east

func (g grant) permanent() bool { return g.end >= forEver }

func (g grant) structureSet() string {
	ids := strings.Split(g.structures, ",")
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), ",")
}

// observed is what the store can know of a project on each day: what the last
// whole walk saw.
type observed struct {
	days  []map[string]grant // by person, channel and id
	whole []bool
}

// walkBefore is the day of the last whole walk before a day, -1 for none.
func (o observed) walkBefore(day int) int {
	for day--; day >= 0 && !o.whole[day]; day-- {
	}
	return day
}

// since is the first day of those up to day on all of which holds holds.
func (o observed) since(day int, holds func(map[string]grant) bool) int {
	for day > 0 && holds(o.days[day-1]) {
		day--
	}
	return day
}

// changed says in what kinds of change two grants of one person and channel
// differ, and which of a grant's values each kind is about.
func changed(a, b grant) map[string]func(grant) any {
	kinds := map[string]func(grant) any{}
	differ := func(x, y string) bool { return x != "" && y != "" && x != y }
	validity := func(g grant) any { return []any{g.until(), g.start} }
	if a.end != 0 && b.end != 0 && a.until() != b.until() {
		switch {
		case b.permanent():
			kinds["became permanent"] = func(g grant) any { return g.until() }
		case b.until() > a.until():
			kinds["extended"] = validity
		default:
			kinds["shortened"] = validity
		}
	}
	if a.start != 0 && b.start != 0 && b.start < a.start {
		kinds["extended"] = validity
	}
	if a.start != 0 && b.start != 0 && b.start > a.start {
		kinds["shortened"] = validity
	}
	if differ(a.hours, b.hours) {
		kinds["time range changed"] = func(g grant) any { return g.hours }
	}
	if a.states != b.states {
		kinds["credential state changed"] = func(g grant) any { return g.states }
	}
	sameRoom := a.room != "" && a.room == b.room
	if differ(a.name, b.name) || differ(a.code, b.code) || differ(a.entrance, b.entrance) || sameRoom && differ(a.area, b.area) {
		kinds["renamed"] = func(g grant) any { return []string{g.name, g.code, g.entrance, g.area} }
	}
	if a.structures != "" && b.structures != "" && a.structureSet() != b.structureSet() ||
		differ(a.room, b.room) || (a.room == "" || b.room == "") && differ(a.area, b.area) {
		kinds["moved"] = func(g grant) any { return []string{g.room, g.area, g.structureSet()} }
	}
	return kinds
}

// changes is the answer in plain Go: lines of kind, ids, values and the days
// between which it happened.
func (o observed) changes(from, to int) (lines []string, added, removed int) {
	add := func(kind string, a, b *grant, began, done int) {
		one, ends := cmp.Or(b, a), [2]string{}
		previous := ""
		if a != nil && b != nil && a.id != b.id {
			previous = a.id
		}
		for i, g := range []*grant{a, b} {
			if g != nil {
				end := ""
				if g.end != 0 {
					end = fmt.Sprint(g.end)
				}
				ends[i] = fmt.Sprintf("%s %s %s", end, states[g.states[0]].state, g.area)
			}
		}
		seen := ""
		if w := o.walkBefore(began); w >= 0 {
			seen = fmt.Sprint(w)
		}
		lines = append(lines, strings.Join([]string{kind, one.person, one.channel, one.id, previous, ends[0], ends[1], seen, fmt.Sprint(done)}, "|"))
	}
	has := func(key string) func(map[string]grant) bool {
		return func(m map[string]grant) bool { _, ok := m[key]; return ok }
	}
	lacks := func(key string) func(map[string]grant) bool {
		return func(m map[string]grant) bool { _, ok := m[key]; return !ok }
	}
	compare := func(a, b grant) {
		key := b.key()
		for kind, about := range changed(a, b) {
			day := o.since(to, func(m map[string]grant) bool {
				g, ok := m[key]
				return ok && reflect.DeepEqual(about(g), about(b))
			})
			add(kind, &a, &b, day, day)
		}
	}
	gone, came := map[[2]string][]grant{}, map[[2]string][]grant{}
	for key, a := range o.days[from] {
		if b, ok := o.days[to][key]; ok {
			compare(a, b)
		} else {
			gone[[2]string{a.person, a.channel}] = append(gone[[2]string{a.person, a.channel}], a)
		}
	}
	for key, b := range o.days[to] {
		if !has(key)(o.days[from]) {
			came[[2]string{b.person, b.channel}] = append(came[[2]string{b.person, b.channel}], b)
		}
	}
	for pair, list := range gone {
		for len(list) > 0 && len(came[pair]) > 0 && pair[0] != "" && pair[1] != "" {
			slices.SortFunc(list, inOrder)
			slices.SortFunc(came[pair], inOrder)
			a, b := list[0], came[pair][0]
			list, came[pair] = list[1:], came[pair][1:]
			end, begin := o.since(to, lacks(a.key())), o.since(to, has(b.key()))
			add("re-created", &a, &b, min(end, begin), max(end, begin))
			compare(a, b)
		}
		for _, a := range list {
			day := o.since(to, lacks(a.key()))
			add("removed", &a, nil, day, day)
			removed++
		}
	}
	for _, list := range came {
		for _, b := range list {
			day := o.since(to, has(b.key()))
			add("added", nil, &b, day, day)
			added++
		}
	}
	slices.Sort(lines)
	return lines, added, removed
}

// balance is the line of permission_balance.
func (o observed) balance(from, to, added, removed int) string {
	brief := map[string]bool{}
	for _, between := range o.days[from:to] {
		for key := range between {
			_, was := o.days[from][key]
			_, is := o.days[to][key]
			brief[key] = !was && !is
		}
	}
	maps.DeleteFunc(brief, func(_ string, is bool) bool { return !is })
	before, after := len(o.days[from]), len(o.days[to])
	walked := func(n int) string { return day(o.walkBefore(n+1) + 1).Format("20060102") }
	return fmt.Sprint(before, ",", added, ",", removed, ",", after, ",", len(brief), ",", before+added-removed == after, ",", walked(from), ",", walked(to))
}

func (g grant) key() string { return g.person + " " + g.channel + " " + g.id }

// inOrder sorts by start, end and id; what is left out comes last.
func inOrder(a, b grant) int {
	late := func(t int64) uint64 { return uint64(t) - 1 }
	return cmp.Or(cmp.Compare(late(a.start), late(b.start)), cmp.Compare(late(a.end), late(b.end)), cmp.Compare(a.id, b.id))
}

// live lets a day pass: some of everything happens to the grants.
func live(rnd *rand.Rand, grants []grant, next *int) []grant {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	fresh := func() string { *next++; return fmt.Sprintf("a%03d", (*next*7919)%1000) }
	var out []grant
	for _, g := range grants {
		n := rnd.IntN(24)
		if g.leaves && n%2 == 0 {
			continue
		}
		switch n {
		case 0:
			continue
		case 1, 2:
			g.id = fresh()
		case 3:
			g.person = pick("u1", "u2", "")
		case 4, 5:
			g.end = []int64{0, 1900000000000, 1950000000000, forEver, 2556115199000}[rnd.IntN(5)]
		case 6:
			g.start = []int64{0, 1600000000000, 1700000000000}[rnd.IntN(3)]
		case 7:
			g.hours = pick("", "1", "2")
		case 8, 9:
			n := rnd.IntN(3 * len(states))
			g.states[n%3] = n / 3
		case 10:
			name, code := pick("", "Ann", "Bo"), pick("", "1", "2")
			if code == "2" {
				name = g.name
			}
			g.name, g.code = name, code
		case 11:
			g.entrance, g.area = pick("East", "West"), pick("", "Hall", "Yard")
		case 12:
			g.room, g.area = pick("", "r1", "r2"), pick("Hall", "Yard")
		case 13:
			g.structures = pick("", "s1", "s1,s2", "s2,s1", "s2,s2,s1")
		case 14:
			out = append(out, g) // for a day or two beside its successor
			out[len(out)-1].leaves = true
			g.id, g.end, g.states[0] = fresh(), g.end+1, rnd.IntN(len(states))
		}
		out = append(out, g)
	}
	for range rnd.IntN(3) {
		out = append(out, grant{id: fresh(), person: pick("u1", "u2", "u3", ""), channel: pick("c1", "c2"), name: "Ann", code: "1", entrance: "East",
			room: "r1", area: "Hall", hours: "1", structures: "s1,s2", start: 1600000000000, end: 1900000000000})
	}
	return out
}

// Random histories of several projects, with partial walks among them: between
// any two days the answer is that of plain Go, and the numbers add up.
func TestPermissionChangesOfRandomHistories(t *testing.T) {
	const days, projects = 6, 6
	rnd := rand.New(rand.NewPCG(3, 5))
	st := storetest.Open(t)
	known := make([]observed, projects)
	grants, next := make([][]grant, projects), make([]int, projects)
	var ids []string
	for n := range days {
		var sites []storetest.Site
		for p := range projects {
			if n == 0 {
				for range 4 {
					grants[p] = live(rnd, grants[p], &next[p])
				}
			} else {
				grants[p] = live(rnd, grants[p], &next[p])
			}
			s := storetest.Site{Project: fmt.Sprintf("p%d", p), At: day(n + 1), Rows: rows{"permissions": {"": nil}}}
			now := map[string]grant{}
			for _, g := range grants[p] {
				now[g.key()] = g
				s.Rows["permissions"][""] = append(s.Rows["permissions"][""], g.row())
			}
			whole := n == 0 || rnd.IntN(4) > 0
			if !whole {
				s.Partial, now = []string{"permissions"}, maps.Clone(known[p].days[n-1])
			}
			known[p].days, known[p].whole = append(known[p].days, now), append(known[p].whole, whole)
			sites = append(sites, s)
		}
		ids = append(ids, storetest.Publish(t, st, sites...))
	}
	seen := map[string]int{}
	r := read(t, st, store.ReadOptions{})
	for from := range days {
		for to := from; to < days; to++ {
			_, text, _ := strings.Cut(csv(t, r, fmt.Sprintf(`
SELECT rows_before, added, removed, rows_after, came_and_went, agrees, left(walked_before, 8), left(walked_after, 8)
FROM permission_balance('%s', '%s')
ORDER BY project_id`, ids[from], ids[to])), "\n")
			balances := strings.Split(text, "\n")
			all := changeLines(t, r, ids, from, to)
			for p, o := range known {
				want, added, removed := o.changes(from, to)
				got := all[fmt.Sprintf("p%d", p)]
				if d := diff.Diff(want, got); d != "" {
					t.Fatalf("project %d, days %d to %d (-want +got):\n%s", p, from, to, d)
				}
				if want, got := o.balance(from, to, added, removed), balances[p]; want != got {
					t.Errorf("project %d, days %d to %d: balance %s, want %s", p, from, to, got, want)
				}
				for _, line := range got {
					seen[strings.SplitN(line, "|", 2)[0]]++
				}
			}
		}
	}
	first := changeLines(t, r, ids, 0, days-1)
	one := changeLines(t, read(t, st, store.ReadOptions{Project: "p2"}), ids, 0, days-1)
	if d := diff.Diff(map[string][]string{"p2": first["p2"]}, one); d != "" {
		t.Errorf("of one project (-want +got):\n%s", d)
	}
	for _, kind := range []string{"added", "removed", "re-created", "extended", "shortened", "became permanent", "time range changed",
		"credential state changed", "renamed", "moved"} {
		if seen[kind] == 0 {
			t.Errorf("no change of kind %q was tried: %v", kind, seen)
		}
	}
	// The law of as-of holds for it, too.
	then := readFile(t, st, ids[days-1], store.ReadOptions{Snapshot: ids[3]})
	query := fmt.Sprintf("FROM permission_changes('%s', '%s') ORDER BY ALL", ids[1], ids[3])
	if d := diff.Diff(csv(t, readFile(t, st, ids[3], store.ReadOptions{}), query), csv(t, then, query)); d != "" {
		t.Errorf("as of %s (-own file +newest):\n%s", ids[3], d)
	}
}

// changeLines is what the store answers for each project, in the form of
// [observed.changes].
func changeLines(t *testing.T, r *store.Reader, ids []string, from, to int) map[string][]string {
	t.Helper()
	rows, err := r.Query(t.Context(), `
SELECT
    project_id,
    concat_ws('|', kind, coalesce(person_id, ''), coalesce(access_control_channel_id, ''), access_auth_id, coalesce(previous_access_auth_id, ''),
        CASE WHEN kind <> 'added' THEN concat_ws(' ', coalesce(epoch_ms(auth_end_before)::VARCHAR, ''), card_state_before, coalesce(access_channel_position_path_before, '')) ELSE '' END,
        CASE WHEN kind <> 'removed' THEN concat_ws(' ', coalesce(epoch_ms(auth_end_after)::VARCHAR, ''), card_state_after, coalesce(access_channel_position_path_after, '')) ELSE '' END,
        coalesce((list_position($ids, last_snapshot_before) - 1)::VARCHAR, ''), list_position($ids, first_snapshot_after) - 1),
    (last_seen_before = (SELECT server_time FROM snapshots AS s WHERE s.snapshot_id = last_snapshot_before AND s.project_id = c.project_id)) IS NOT FALSE
        AND first_seen_after = (SELECT server_time FROM snapshots AS s WHERE s.snapshot_id = first_snapshot_after AND s.project_id = c.project_id)
FROM permission_changes($from, $to) AS c
ORDER BY ALL`, map[string]any{"ids": ids, "from": ids[from], "to": ids[to]})
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	lines := map[string][]string{}
	for rows.Next() {
		var project, line string
		var timed bool
		if err := rows.Scan(&project, &line, &timed); err != nil {
			t.Fatal(err)
		}
		if !timed {
			t.Errorf("%s: the times are not those of the snapshots", line)
		}
		lines[project] = append(lines[project], line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// What is not there, or the wrong way round, is an error and not "no change".
func TestPermissionChangesRefuses(t *testing.T) {
	st := storetest.Open(t)
	first, second := storetest.Publish(t, st, small(1)), storetest.Publish(t, st, small(2))
	r := read(t, st, store.ReadOptions{})
	check(t, r, fmt.Sprintf("FROM permission_changes('%s', '%s')", first, second))
	then := read(t, st, store.ReadOptions{Snapshot: first})
	for query, want := range map[string]string{
		"permission_changes('x', '" + second + "')":               "no snapshot x",
		"permission_changes('" + first + "', '20990101T000000Z')": "no snapshot 20990101T000000Z",
		"permission_changes('" + second + "', '" + first + "')":   second + " is later than " + first,
	} {
		for _, r := range []*store.Reader{r, then} {
			rows, err := r.Query(t.Context(), "FROM "+query, nil)
			if err == nil {
				rows.Next()
				err = rows.Err()
				rows.Close()
			}
			if err == nil || r != then && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", query, err)
			}
		}
	}
}

// A history that cannot be, as damage or a fault of ours would leave it, does not
// add up, and says so.
func TestPermissionBalanceDiffers(t *testing.T) {
	st := storetest.Open(t)
	site := func(n int) storetest.Site {
		return storetest.Site{Project: "p1", At: day(n), Rows: rows{"permissions": list(permissionRow("a1", "u1", "c1", fmt.Sprintf(`,"auth_end_time":%d`, 1900000000000+n)))}}
	}
	first, second := storetest.Publish(t, st, site(1)), storetest.Publish(t, st, site(2))
	query := fmt.Sprintf("SELECT rows_before, added, removed, rows_after, agrees FROM permission_balance('%s', '%s')", first, second)
	check(t, read(t, st, store.ReadOptions{}), query, "1,0,0,1,true")
	store.ChangeFile(t, st, second, "INSERT INTO base.permissions SELECT * FROM base.permissions WHERE closed_snapshot IS NULL")
	check(t, read(t, st, store.ReadOptions{}), query, "1,0,0,2,false")
}
