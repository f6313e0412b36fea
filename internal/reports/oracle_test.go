package reports

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The oracle computes the answers of reports in plain Go, from what the cloud
// said and the reports' definitions, to compare them with those of the queries.
// This file has what all its answers start from: what a store knows of a project
// after its sites were collected.

// world is all that a store was given: what was read of each project, oldest
// first, and the registers.
type world struct {
	snapshot, since string                   // ids of the last snapshot and the one before; since may be ""
	known           map[string]*knownProject // of each project
	projects        map[string][]cloudSite
	register        map[string]registered // by channel
	roster          map[string][]string   // statuses by work number; nil without a roster
	naming          map[string]bool       // channels that some project's permission or rule has named
	anyones         map[string]bool       // those, and what is named by a channel-detail
}

type registered struct{ tier, owner string }

// knownProject is what the store knows of one project.
type knownProject struct {
	*world
	project   string
	cloudSite                               // the lists as they stand, and all that was ever asked
	ended     []mention                     // of channels, by rows that ended
	opens     map[string][]cloudRuleChannel // by rule, of channel groups
	channels  map[string]*channel
	of        map[place]string           // the channel of a task's words, where there is just one
	sources   map[string]source          // by rule
	granting  map[string][]cloudRule     // by channel
	holding   map[word][]cloudPermission // by channel
}

// source is whom a rule is for.
type source struct {
	kind string
	name word
}

// place is what a task says of its channel.
type place struct{ name, no, path, device word }

// channel is one that something names.
type channel struct {
	id string
	place
	room        word
	tier, owner word
	namedBy     []string
}

// sensitive: tier "sensitive" or "1", however written.
func (c channel) sensitive() bool {
	tier := strings.ToLower(strings.TrimSpace(c.tier.v))
	return tier == "sensitive" || tier == "1"
}

func byID(a, b cloudPermission) int { return strings.Compare(a.ID, b.ID) }

// mention is one row that names a channel; newer rows have the greater order.
type mention struct {
	id    string
	by    int // index of namers
	order string
	place
	room word
}

// namers in the order in which their word counts.
var namers = []string{"permissions", "details", "rules", "history"}

func (p cloudPermission) mention() mention {
	return mention{id: p.Channel.v, order: p.ID, place: place{p.ChannelName, p.ChannelNo, p.Path, p.Device}, room: p.Room}
}

func (c cloudRuleChannel) mention(rule string) mention {
	return mention{id: c.Relation, by: 1, order: rule, place: place{c.Name, c.No, c.Path, c.Device}, room: c.Room}
}

func (r cloudRule) mention() mention {
	return mention{id: r.Relation.v, by: 2, order: r.ID, place: place{name: r.Name}}
}

func (r cloudRule) onChannel() bool { return r.Kind == num(2) }

// know works out what is known of a project.
func (w *world) know(project string) *knownProject {
	k := &knownProject{world: w, project: project, opens: map[string][]cloudRuleChannel{}}
	for i, s := range w.projects[project] {
		order := strconv.Itoa(i)
		k.end(order, s)
		records, infos, details, tasks := k.Records, k.IssueInfos, k.Details, k.Tasks
		k.cloudSite = s
		// What was asked once stays, and so does a task that is not listed any more.
		k.Records, k.IssueInfos, k.Details = over(records, s.Records), over(infos, s.IssueInfos), over(details, s.Details)
		for id, list := range records {
			for _, r := range list {
				if !slices.ContainsFunc(k.Records[id], func(x cloudRecord) bool { return x.ID == r.ID }) {
					k.Records[id] = append(slices.Clone(k.Records[id]), r)
				}
			}
		}
		for _, t := range tasks {
			if !slices.ContainsFunc(s.Tasks, func(x cloudTask) bool { return x.ID == t.ID }) {
				k.Tasks = append(slices.Clone(k.Tasks), t)
			}
		}
	}
	k.channels = k.allChannels()
	k.of = map[place]string{}
	twice := map[place]bool{}
	for id, c := range k.channels {
		if _, ok := k.of[c.place]; ok {
			twice[c.place] = true
		}
		k.of[c.place] = id
	}
	for p := range twice {
		delete(k.of, p)
	}
	k.sources, k.granting, k.holding = k.allSources(), map[string][]cloudRule{}, map[word][]cloudPermission{}
	for _, r := range k.Rules {
		for _, id := range k.channelsOf(r) {
			k.granting[id] = append(k.granting[id], r)
		}
	}
	for _, p := range k.Permissions {
		k.holding[p.Channel] = append(k.holding[p.Channel], p)
	}
	return k
}

func over[K comparable, V any](old, new map[K]V) map[K]V {
	all := maps.Clone(old)
	if all == nil {
		all = map[K]V{}
	}
	maps.Copy(all, new)
	return all
}

// end notes the rows that the next site does not have as they were, and takes
// over the channels of its rules.
func (k *knownProject) end(order string, next cloudSite) {
	gone := func(m mention) {
		m.by, m.order = 3, order+" "+m.order
		k.ended = append(k.ended, m)
	}
	permissions := map[string]cloudPermission{}
	for _, p := range next.Permissions {
		permissions[p.ID] = p
	}
	for _, p := range k.Permissions {
		if !reflect.DeepEqual(permissions[p.ID], p) {
			gone(p.mention())
		}
	}
	rules := map[string]cloudRule{}
	for _, r := range next.Rules {
		rules[r.ID] = r
	}
	for _, r := range k.Rules {
		if r.onChannel() && rules[r.ID] != r {
			gone(r.mention())
		}
	}
	for id, list := range k.opens {
		r, ok := rules[id]
		now, asked := next.RuleChannels[id]
		for _, c := range list {
			if (!ok || r.onChannel() || asked && !slices.Contains(now, c)) && k.isChannel(c) {
				gone(c.mention(id))
			}
		}
		if !ok || r.onChannel() {
			delete(k.opens, id)
		}
	}
	maps.Copy(k.opens, next.RuleChannels)
}

// isChannel: what channel-detail names may be a person; it is a channel where it
// has a channel's name or number, or something else names its id.
func (w *world) isChannel(c cloudRuleChannel) bool {
	_, inRegister := w.register[c.Relation]
	return c.Name.v != "" || c.No.v != "" || w.naming[c.Relation] || inRegister
}

// prepare notes who names channels in any project.
func (w *world) prepare() {
	w.naming, w.anyones = map[string]bool{}, map[string]bool{}
	for _, sites := range w.projects {
		for _, s := range sites {
			for _, p := range s.Permissions {
				w.naming[p.Channel.v] = true
			}
			for _, r := range s.Rules {
				if r.onChannel() {
					w.naming[r.Relation.v] = true
				}
			}
		}
	}
	maps.Copy(w.anyones, w.naming)
	for _, sites := range w.projects {
		for _, s := range sites {
			for _, list := range s.RuleChannels {
				for _, c := range list {
					if w.isChannel(c) {
						w.anyones[c.Relation] = true
					}
				}
			}
		}
	}
}

// allChannels are those that permissions, rules, channel-detail, the register or
// only ended rows name. Each of a channel's words is that of the first of these
// which has one, and there of the newest row that has it.
func (k *knownProject) allChannels() map[string]*channel {
	list := slices.Clone(k.ended)
	for _, p := range k.Permissions {
		if p.Channel.ok {
			list = append(list, p.mention())
		}
	}
	for id, channels := range k.opens {
		for _, c := range channels {
			if k.isChannel(c) {
				list = append(list, c.mention(id))
			}
		}
	}
	for _, r := range k.Rules {
		if r.onChannel() && r.Relation.ok {
			list = append(list, r.mention())
		}
	}
	slices.SortFunc(list, func(a, b mention) int {
		return cmp.Or(cmp.Compare(a.by, b.by), strings.Compare(b.order, a.order))
	})
	channels := map[string]*channel{}
	for _, m := range list {
		if m.id == "" {
			continue
		}
		c := channels[m.id]
		if c == nil {
			c = &channel{id: m.id}
			channels[m.id] = c
		}
		c.name, c.no, c.path, c.device = c.name.or(m.name), c.no.or(m.no), c.path.or(m.path), c.device.or(m.device)
		c.room = c.room.or(m.room)
		if by := namers[m.by]; !slices.Contains(c.namedBy, by) && (by != "history" || len(c.namedBy) == 0) {
			c.namedBy = append(c.namedBy, by)
		}
	}
	for id, r := range k.register {
		c := channels[id]
		if c == nil && k.anyones[id] {
			continue // another project's
		}
		if c == nil {
			c = &channel{id: id}
			channels[id] = c
		}
		c.tier, c.owner = said(r.tier), said(r.owner)
		c.namedBy = append(c.namedBy, "register")
	}
	return channels
}

// allSources tell whom rules are for: a person where a rule's source is the id of
// one, an organization where it is the id of one, unknown where neither or both.
// A person's name is that of the list of persons, else of the newest permission.
func (k *knownProject) allSources() map[string]source {
	persons, structures := map[string]word{}, map[string]word{}
	for _, p := range slices.SortedFunc(slices.Values(k.Permissions), byID) {
		if p.Person.ok {
			persons[p.Person.v] = p.Name.or(persons[p.Person.v])
		}
	}
	for _, p := range k.Persons {
		persons[p.ID] = p.Name.or(persons[p.ID])
	}
	for _, s := range k.Structures {
		structures[s.ID] = s.Name
	}
	sources := map[string]source{}
	for _, r := range k.Rules {
		person, isPerson := persons[r.Source.v]
		structure, isStructure := structures[r.Source.v]
		switch {
		case !r.Source.ok || isPerson == isStructure:
			sources[r.ID] = source{kind: "unknown"}
		case isPerson:
			sources[r.ID] = source{"person", person}
		default:
			sources[r.ID] = source{"structure", structure}
		}
	}
	return sources
}

// channelsOf are the ids that a rule opens.
func (k *knownProject) channelsOf(r cloudRule) []string {
	var ids []string
	if r.onChannel() && r.Relation.ok {
		ids = append(ids, r.Relation.v)
	}
	for _, c := range k.opens[r.ID] {
		ids = append(ids, c.Relation)
	}
	return ids
}

// channelOf is the channel of a task, "" where it cannot be told.
func (k *knownProject) channelOf(t cloudTask) (place, string) {
	p := place{t.Name, t.No, t.Path, t.Device}
	if p == (place{}) {
		return p, "" // what says nothing is alike to nothing
	}
	return p, k.of[p]
}

// ask is what a report is asked with.
type ask struct {
	asOf                       time.Time
	zone                       *time.Location
	days, minPeople, maxPeople int
}

// instant is a time that is one: of the years 1 to 9999.
func instant(ms integer) integer {
	if y := time.UnixMilli(ms.v).UTC().Year(); ms.ok && y >= 1 && y <= 9999 {
		return ms
	}
	return integer{}
}

// permanent: 2050-12-31 23:59:59 or later, in whichever zone.
func permanent(end integer) bool {
	return end.ok && end.v >= time.Date(2050, 12, 31, 23, 59, 59, 0, time.FixedZone("", 14*3600)).UnixMilli()
}

// inForce: begun and not ended; a time that is absent does not limit.
func (a ask) inForce(p cloudPermission) bool {
	start, end, now := instant(p.Start), instant(p.End), a.asOf.UnixMilli()
	return (!start.ok || start.v <= now) && (!end.ok || end.v > now)
}

// secondsSince rounds.
func (a ask) secondsSince(ms integer) int64 {
	return int64(a.asOf.Sub(time.UnixMilli(ms.v)).Round(time.Second).Seconds())
}

// who is the person of a permission; one that does not say is somebody else's.
func (p cloudPermission) who() string {
	if p.Person.ok {
		return p.Person.v
	}
	return "of " + p.ID
}

// credential is what a list's row says of one kind.
type credential struct {
	name                string
	total, sent, status integer
}

func (p cloudPermission) credentials() []credential {
	return []credential{{"card", p.TotalCards, p.SentCards, p.CardStatus}, {"face", p.TotalFaces, p.SentFaces, p.FaceStatus},
		{"fingerprint", p.TotalFingerprints, p.SentFingerprints, p.FingerprintsStatus}}
}

// state is what the counts say.
func (c credential) state() string {
	sent, told := c.status == num(1), c.status == num(0) || c.status == num(1)
	switch {
	case !c.total.ok || !c.sent.ok || c.total.v < 0 || c.sent.v < 0:
		return "unknown"
	case c.sent.v > c.total.v:
		return "excess"
	case c.total.v == 0:
		return "not_enrolled"
	case c.sent.v > 0 && c.sent.v < c.total.v:
		return "partial"
	case !told:
		return "unknown"
	case c.sent.v == 0 && !sent:
		return "pending"
	case c.sent.v > 0 && sent:
		return "delivered"
	default:
		return "contradictory"
	}
}

// onDevice: something of it is there.
func (c credential) onDevice() bool {
	return slices.Contains([]string{"delivered", "partial", "excess"}, c.state())
}
