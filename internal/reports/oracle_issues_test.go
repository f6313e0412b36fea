package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// attempt is what one record says of one credential on one channel.
type attempt struct {
	task    cloudTask
	record  cloudRecord
	place   place
	channel string // "" where it cannot be told
	at      integer
	read    bool // its counters were
	result  string

	credential             string
	issued, failed, person int64 // counted: issued, failed, failed for the person
	deleted, notDeleted    int64
}

// key is what the newest attempt is looked for among.
func (x attempt) key() [3]any {
	if x.channel != "" {
		return [3]any{x.record.Person, x.channel, x.credential}
	}
	return [3]any{x.record.Person, x.place, x.credential}
}

// earlier orders attempts by time and, at the same time, by the record's id.
func (x attempt) earlier(y attempt) bool {
	if x.at != y.at {
		return y.at.ok && (!x.at.ok || x.at.v < y.at.v)
	}
	return x.record.ID < y.record.ID
}

// attempts are what all records say of the five credentials that are counted.
func (k *knownProject) attempts() (list []attempt) {
	for _, t := range k.Tasks {
		where, channel := k.channelOf(t)
		for _, r := range k.Records[t.ID] {
			at := instant(t.Start)
			if t.Finished.v > 0 {
				at = instant(t.Finished).or(at)
			}
			if r.Issued.v > 0 {
				at = instant(r.Issued)
			}
			info, read := k.IssueInfos[r.ID]
			for _, c := range []struct {
				name string
				cloudCounters
			}{{"person", info.Person}, {"card", info.Card}, {"card_pwd", info.CardPwd}, {"face", info.Face}, {"fingerprint", info.Fingerprint}} {
				list = append(list, attempt{task: t, record: r, place: where, channel: channel, at: at, read: read, result: resultOf(r, info),
					credential: c.name, issued: c.Issued.v, failed: c.NotIssued.v, person: info.Person.NotIssued.v,
					deleted: c.Deleted.v, notDeleted: c.NotDeleted.v})
			}
		}
	}
	return list
}

// resultOf is a record's result: that of its counters where they say anything,
// else that of its status; unknown where the two contradict each other.
func resultOf(r cloudRecord, info cloudIssueInfo) string {
	var ok, failed int64
	for _, c := range []cloudCounters{info.Person, info.Card, info.CardPwd, info.Face, info.Fingerprint} {
		ok, failed = ok+c.Issued.v+c.Deleted.v, failed+c.NotIssued.v+c.NotDeleted.v
	}
	status := map[integer]string{num(0): "waiting", num(2): "terminated", num(3): "failed", num(4): "succeeded"}[r.Status]
	switch {
	case failed > 0 && status == "succeeded", failed == 0 && ok > 0 && status == "failed":
		return "unknown"
	case failed > 0:
		return "failed"
	case ok > 0:
		return "succeeded"
	}
	return cmp.Or(status, "unknown")
}

// newestTries are the newest attempts for each person, channel and credential of
// the list, a card's password being its card.
func (k *knownProject) newestTries() map[[3]any]attempt {
	tries := map[[3]any]attempt{}
	all := k.attempts()
	for i, x := range all {
		switch x.credential {
		case "person", "card_pwd":
			continue
		case "card":
			pwd := all[i+1]
			x.issued, x.failed = x.issued+pwd.issued, x.failed+pwd.failed
		}
		if x.read && x.issued+x.failed+x.person == 0 && x.result != "waiting" && x.result != "terminated" {
			continue // it did not try this credential
		}
		if y, ok := tries[x.key()]; !ok || y.earlier(x) {
			tries[x.key()] = x
		}
	}
	return tries
}

// hasFailed: it counts a failure, of the credential or the person, or it failed
// and its counters were not read.
func (x attempt) hasFailed() bool {
	return x.failed > 0 || x.person > 0 || x.result == "failed" && !x.read
}

// trouble is a credential that should be on a device.
type trouble struct {
	permission *cloudPermission // nil where the channel cannot be told
	credential credential
	try        *attempt // nil where none is known
	others     []string // credentials that are on the device
	since      integer
	reason     string
}

func (x trouble) who() string {
	if x.permission != nil {
		return x.permission.who()
	}
	return x.try.record.Person.v
}

func (x trouble) where() any {
	if x.permission == nil {
		return x.try.place
	}
	if !x.permission.Channel.ok {
		p := x.permission
		return place{p.ChannelName, p.ChannelNo, p.Path, p.Device}
	}
	return x.permission.Channel.v
}

// enrolled: the list shows that the person has it.
func (c credential) enrolled() bool { return c.state() != "not_enrolled" && c.state() != "unknown" }

// undelivered are the credentials of permissions in force that are not on their
// device, or whose last record failed.
func (k *knownProject) undelivered(a ask, tries map[[3]any]attempt) (list []trouble) {
	for _, p := range k.Permissions {
		if !a.inForce(p) {
			continue
		}
		for _, c := range p.credentials() {
			x := trouble{permission: &p, credential: c, since: instant(p.Start), others: k.onDevice(a, p)}
			if created := instant(k.Details[p.ID].Created); created.v > x.since.v || !x.since.ok {
				x.since = created
			}
			if try, ok := tries[[3]any{p.Person, p.Channel.v, c.name}]; ok && p.Person.ok && p.Channel.ok {
				x.try = &try
			}
			if slices.Contains([]string{"pending", "partial", "contradictory"}, c.state()) || c.enrolled() && x.try != nil && x.try.hasFailed() {
				list = append(list, x)
			}
		}
	}
	return list
}

// onDevice are the kinds of credential that a permission's person has on its
// channel's device, by any permission in force.
func (k *knownProject) onDevice(a ask, p cloudPermission) (kinds []string) {
	for _, q := range k.holding[p.Channel] {
		if q.who() != p.who() || !a.inForce(q) {
			continue
		}
		for _, c := range q.credentials() {
			if c.onDevice() && !slices.Contains(kinds, c.name) {
				kinds = append(kinds, c.name)
			}
		}
	}
	slices.Sort(kinds)
	return kinds
}

// untold are the failed records whose channel cannot be told: once for each
// credential that failed, or that the person has and that may have; else once.
func (k *knownProject) untold(a ask, tries map[[3]any]attempt) (list []trouble) {
	has := map[[2]string]bool{}
	for _, p := range k.Permissions {
		for _, c := range p.credentials() {
			if p.Person.ok && a.inForce(p) && c.enrolled() {
				has[[2]string{p.Person.v, c.name}], has[[2]string{p.Person.v}] = true, true
			}
		}
	}
	told, unknown := map[string]bool{}, map[string]attempt{}
	for _, x := range tries {
		person := x.record.Person.v
		switch {
		case x.channel != "" || !x.hasFailed():
		case x.failed > 0 || has[[2]string{person, x.credential}]:
			told[x.record.ID] = true
			list = append(list, trouble{try: &x, credential: credential{name: x.credential}})
		case !has[[2]string{person}]:
			unknown[x.record.ID] = x
		}
	}
	for id, x := range unknown {
		if !told[id] {
			list = append(list, trouble{try: &x, credential: credential{name: "unknown"}})
		}
	}
	return list
}

// brokenChannels are those with five enrolled persons or more, of whom 80 of 100
// or more are listed.
func (k *knownProject) brokenChannels(a ask, list []trouble) map[string]bool {
	listed, enrolled := map[[2]string]bool{}, map[string]map[string]bool{}
	for _, x := range list {
		listed[[2]string{x.permission.Channel.v, x.who()}] = true
	}
	for _, p := range k.Permissions {
		has := slices.ContainsFunc(p.credentials(), func(c credential) bool { return c.total.v > 0 })
		if !p.Channel.ok || !a.inForce(p) || !has {
			continue
		}
		if enrolled[p.Channel.v] == nil {
			enrolled[p.Channel.v] = map[string]bool{}
		}
		enrolled[p.Channel.v][p.who()] = true
	}
	broken := map[string]bool{}
	for id, persons := range enrolled {
		n := 0
		for who := range persons {
			if listed[[2]string{id, who}] {
				n++
			}
		}
		broken[id] = len(persons) >= 5 && n*100 >= len(persons)*80
	}
	return broken
}

// why is the reason of a trouble.
func (x trouble) why(broken map[string]bool) string {
	switch {
	case x.permission == nil:
		return "attempt failed, channel not told"
	case x.permission.Channel.ok && broken[x.permission.Channel.v]:
		return "device problem"
	case x.try == nil:
		return "no attempt known"
	case (x.try.failed > 0 || x.try.person > 0) && x.credential.state() == "delivered":
		return "attempt failed, list says delivered"
	case x.try.failed > 0 || x.try.person > 0:
		return "attempt failed"
	case x.try.hasFailed():
		return "attempt failed, credential not read"
	case x.try.issued > 0 || x.try.result == "succeeded":
		return "sent, not confirmed"
	case x.try.result == "waiting" || x.try.result == "terminated":
		return x.try.result
	}
	return "result unknown"
}

var adviceFor = map[string]string{
	"device problem":                   "look at the device, then issue its channel again",
	"waiting":                          "wait for the task to end",
	"no attempt known":                 "issue the new permissions of the channel",
	"terminated":                       "issue the channel again",
	"sent, not confirmed":              "try it at the channel: list and counters contradict",
	"result unknown":                   "try it at the channel, then issue it again",
	"attempt failed, channel not told": "find the channel in the console",
}

// issues are the rows of failed_issues.sql.
func (k *knownProject) issues(a ask) (rows []fields) {
	tries := k.newestTries()
	list := k.undelivered(a, tries)
	broken := k.brokenChannels(a, list)
	list = append(list, k.untold(a, tries)...)
	affected := map[[2]any]map[string]bool{}
	for i := range list {
		x := &list[i]
		x.reason = x.why(broken)
		if key := [2]any{x.where(), x.reason}; affected[key] == nil {
			affected[key] = map[string]bool{x.who(): true}
		} else {
			affected[key][x.who()] = true
		}
	}
	for _, x := range list {
		row := x.row(a)
		row["affected"] = len(affected[[2]any{x.where(), x.reason}])
		rows = append(rows, row)
	}
	return rows
}

func (x trouble) row(a ask) fields {
	row := fields{"severity": x.severity(), "credential": x.credential.name, "reason": x.reason,
		"suggested_action": cmp.Or(adviceFor[x.reason], "check the credential in the console, then issue again"),
		"person_code":      nil, "state": nil, "enrolled_num": nil, "delivered_num": nil, "valid_since": nil, "waiting_seconds": nil,
		"last_attempt": nil, "last_status": nil, "fail_issue_num": nil, "auth_task_id": nil, "auth_task_record_id": nil,
		"access_control_channel_id": nil, "access_auth_id": nil, "else_on_device": "unknown"}
	if try := x.try; try != nil {
		row["person_id"], row["name"], row["mobile_country"], row["mobile"] = try.record.Person, try.record.Name, try.record.Country, try.record.Mobile
		row.name(try.place)
		row["last_attempt"], row["last_status"] = try.at, statusText(try.record.Status)
		if n := cmp.Or(try.failed, try.person); n > 0 {
			row["fail_issue_num"] = n
		}
		row["auth_task_id"], row["auth_task_record_id"] = try.task.ID, try.record.ID
	}
	if p := x.permission; p != nil {
		row["person_id"], row["name"], row["mobile_country"], row["mobile"] = p.Person, p.Name, p.Country, p.Mobile
		row["person_code"], row["access_control_channel_id"], row["access_auth_id"] = p.Code, p.Channel, p.ID
		row.name(place{p.ChannelName, p.ChannelNo, p.Path, p.Device})
		row["state"], row["enrolled_num"], row["delivered_num"] = x.credential.state(), x.credential.total, x.credential.sent
		row["valid_since"] = x.since
		if x.since.ok {
			row["waiting_seconds"] = a.secondsSince(x.since)
		}
		others := slices.DeleteFunc(slices.Clone(x.others), func(kind string) bool { return kind == x.credential.name })
		switch {
		case len(others) > 0:
			row["else_on_device"] = strings.Join(others, ", ")
		case len(x.others) > 0:
			row["else_on_device"] = "part of it"
		default:
			row["else_on_device"] = "nothing"
		}
	}
	return row
}

// name gives a row the words of a channel.
func (f fields) name(p place) {
	f["access_control_channel_name"], f["access_control_channel_no"] = p.name, p.no
	f["access_channel_position_path"], f["business_device_name"] = p.path, p.device
}

// severity: high where the person cannot get in; low where something of the
// person is on the device, and this waits or is partial.
func (x trouble) severity() string {
	switch {
	case x.permission == nil:
		return medium
	case len(x.others) == 0:
		return high
	case x.credential.state() == "partial" || x.try != nil && x.try.result == "waiting":
		return low
	}
	return medium
}

func statusText(status integer) any {
	words := []string{"initialized", "unknown", "terminated", "failed", "succeeded"}
	switch {
	case !status.ok:
		return nil
	case status.v >= 0 && status.v < int64(len(words)):
		return words[status.v]
	}
	return fmt.Sprintf("unknown (%d)", status.v)
}
