package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"exporter/internal/sandbox"
)

// The tests of this file compute the answers of the reports from a site's
// plain values, without SQL, and compare.

// counted is a site's state with what its reports are computed from.
type counted struct {
	sandbox.State
	now      time.Time
	zone     *time.Location
	channels map[string]string // key of a task -> channel, "" where several have it
	known    map[string]bool   // channels that something names
}

type channelKey struct{ name, no, path, device string }

func (k channelKey) String() string {
	return strings.Join([]string{k.name, k.no, k.path, k.device}, "|")
}

func count(st sandbox.State, now time.Time, zone *time.Location) counted {
	c := counted{State: st, now: now, zone: zone, channels: map[string]string{}, known: map[string]bool{}}
	keys := map[string]channelKey{}
	for _, r := range st.Rules {
		if r.RelationType == 2 {
			c.known[r.RelationID] = true
			if _, ok := keys[r.RelationID]; !ok {
				keys[r.RelationID] = channelKey{name: r.RelationName}
			}
		} else {
			for _, x := range st.RuleChannels[r.AuthRelationID] {
				c.known[x.RelationID] = true
				keys[x.RelationID] = channelKey{x.AccessControlChannelName, x.AccessControlChannelNo.String(), x.AccessChannelPositionPath, x.BusinessDeviceName}
			}
		}
	}
	for _, p := range st.Permissions {
		c.known[p.AccessControlChannelID] = true
		keys[p.AccessControlChannelID] = channelKey{p.AccessControlChannelName, p.AccessControlChannelNo.String(), p.AccessChannelPositionPath, p.BusinessDeviceName}
	}
	for id, k := range keys {
		if _, ok := c.channels[k.String()]; ok {
			id = ""
		}
		c.channels[k.String()] = id
	}
	return c
}

// credentialState is what the list's counts say of one credential.
func credentialState(total, auth *int, status int) string {
	switch {
	case total == nil || auth == nil:
		return "unknown"
	case *auth > *total:
		return "excess"
	case *total == 0:
		return "not_enrolled"
	case *auth > 0 && *auth < *total:
		return "partial"
	case *auth == 0 && status == 0:
		return "pending"
	case *auth == *total && status == 1:
		return "delivered"
	default:
		return "contradictory"
	}
}

func credentialStates(p sandbox.Permission) map[string]string {
	return map[string]string{
		"card":        credentialState(&p.TotalCardNum, &p.AuthCardNum, p.CardIssueStatus),
		"face":        credentialState(&p.TotalFaceNum, &p.AuthFaceNum, p.FaceIssueStatus),
		"fingerprint": credentialState(p.TotalFingerprintNum, p.AuthFingerprintNum, p.FingerprintIssueStatus),
	}
}

func (c counted) inForce(p sandbox.Permission) bool {
	return p.AuthStartTime <= c.now.UnixMilli() && p.AuthEndTime > c.now.UnixMilli()
}

// column returns a table's column as text, sorted.
func column(t *table, parts ...string) []string {
	var list []string
	for row := range t.rows {
		var values []string
		for _, name := range parts {
			values = append(values, t.text(row, t.index(name)))
		}
		list = append(list, strings.Join(values, " "))
	}
	slices.Sort(list)
	return list
}

func same(t *testing.T, what string, want, got []string) {
	t.Helper()
	slices.Sort(want)
	if len(want) == 0 {
		t.Errorf("%s: nothing to compare", what)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("%s mismatch (-counted +report):\n%s", what, diff)
	}
}

func TestReportsOfSites(t *testing.T) {
	for name, days := range map[string]int{"demo": 14, "documented": 30} {
		t.Run(name, func(t *testing.T) {
			st := sandbox.New(sandbox.Options{Site: name, Seed: 1, Now: func() time.Time { return siteAt }}).State()
			compareReports(t, st, days)
		})
	}
}

// compareReports compares the three reports of a site with what its state says.
func compareReports(t *testing.T, st sandbox.State, days int) {
	r := reader(t, siteOf(t, st))
	zone, err := time.LoadLocation(siteZone)
	if err != nil {
		t.Fatal(err)
	}
	c := count(st, r.AsOf(), zone)
	t.Run("expiring-permissions", func(t *testing.T) {
		p := makeReport(t, r, "expiring-permissions", map[string]any{"within_days": days})
		var want []string
		latest := c.now.In(zone).AddDate(0, 0, days).UnixMilli()
		for _, x := range st.Permissions {
			if x.AuthEndTime > c.now.UnixMilli() && x.AuthEndTime <= latest {
				want = append(want, fmt.Sprint(x.AccessAuthID, " ", moment(time.UnixMilli(x.AuthEndTime), zone)))
			}
		}
		same(t, "permissions that end", want, column(p.tables[0], "access_auth_id", "auth_end"))
		if got := p.figures[0].value; got != number(int64(len(want))) {
			t.Errorf("the first figure is %s, want %d", got, len(want))
		}
		sum := 0.0
		for _, series := range p.chart.values {
			for _, x := range series {
				sum += x
			}
		}
		if int(sum) != len(want) {
			t.Errorf("the chart's columns sum up to %v, want %d", sum, len(want))
		}
	})
	t.Run("failed-issues", func(t *testing.T) {
		p := makeReport(t, r, "failed-issues", nil)
		same(t, "failed deletions", c.deletions(), column(p.tables[0], "auth_task_record_id", "credential", "severity"))
		issues := c.issues()
		same(t, "undelivered", issues, column(p.tables[1], "access_auth_id", "credential", "severity"))
		if got := p.figures[0].value; got != number(int64(len(issues))) {
			t.Errorf("the first figure is %s, the section has %d rows", got, len(issues))
		}
		gravestFirst(t, p.tables[1])
	})
	t.Run("channel-coverage", func(t *testing.T) {
		p := makeReport(t, r, "channel-coverage", nil)
		same(t, "channels", c.coverage(), column(p.tables[0], "access_control_channel_id", "headcount", "effective",
			"none_delivered", "card_delivered", "card_enrolled", "face_delivered", "face_enrolled", "face_only", "severity"))
	})
}

// gravestFirst checks the order of the failed issues, and that their list of
// first rows names each channel's trouble once.
func gravestFirst(t *testing.T, issues *table) {
	t.Helper()
	get := func(row int, name string) string { return issues.text(row, issues.index(name)) }
	trouble := func(row int) string {
		return get(row, "access_control_channel_name") + ", " + get(row, "business_device_name") + ", " + get(row, "reason")
	}
	persons := map[string]map[string]bool{}
	for row := range issues.rows {
		if persons[trouble(row)] == nil {
			persons[trouble(row)] = map[string]bool{}
		}
		persons[trouble(row)][get(row, "person_id")] = true
	}
	var weights [][]int64
	for row := range issues.rows {
		affected := int64(len(persons[trouble(row)]))
		if got := get(row, "affected"); got != number(affected) {
			t.Errorf("row %d, %s: %s affected, want %d", row, trouble(row), got, affected)
		}
		waiting := issues.vectors[issues.index("waiting_seconds")].values[row]
		weights = append(weights, []int64{int64(slices.Index(severities, get(row, "severity"))), -affected, -waiting})
	}
	if !slices.IsSortedFunc(weights, slices.Compare[[]int64]) {
		t.Error("the failed issues are not in the order of severity, persons affected and age")
	}
	seen := map[string]bool{}
	for _, row := range issues.firstRows() {
		if seen[trouble(row)] {
			t.Errorf("the first rows name %s twice", trouble(row))
		}
		seen[trouble(row)] = true
	}
}

// attempt is what one record says of one credential.
type attempt struct {
	record     string
	at         int64
	kind       int // of the task
	result     string
	issued     sandbox.IssueResult
	ok, failed bool // issues
}

func (c counted) attempts(credential func(sandbox.IssueInfo) sandbox.IssueResult, tried func(attempt) bool) map[string]attempt {
	latest := map[string]attempt{}
	for _, t := range c.Tasks {
		key := channelKey{t.AccessControlChannelName, t.AccessControlChannelNo.String(), t.AccessChannelPositionPath, t.BusinessDeviceName}.String()
		channel := cmp.Or(c.channels[key], "?"+key)
		for _, r := range c.Records[t.AuthTaskID] {
			a := attempt{record: r.AuthTaskRecordID, kind: t.AuthIssueType, at: t.TaskStartTime, issued: credential(c.IssueInfos[r.AuthTaskRecordID])}
			if t.TaskFinishTime != nil {
				if _, err := fmt.Sscan(t.TaskFinishTime.String(), &a.at); err != nil || a.at <= 0 {
					a.at = t.TaskStartTime
				}
			}
			if r.AuthIssueTime != nil && *r.AuthIssueTime > 0 {
				a.at = *r.AuthIssueTime
			}
			person := c.IssueInfos[r.AuthTaskRecordID].PersonIssueResult
			a.ok, a.failed = a.issued.SuccessIssueNum > 0, a.issued.FailIssueNum > 0 || person.FailIssueNum > 0
			a.result = map[int]string{0: "waiting", 2: "terminated"}[r.IssueStatus]
			if !tried(a) {
				continue
			}
			k := r.PersonID + " " + channel
			if b, ok := latest[k]; !ok || a.at > b.at || a.at == b.at && a.record > b.record {
				latest[k] = a
			}
		}
	}
	return latest
}

func credentials(i sandbox.IssueInfo) map[string]sandbox.IssueResult {
	return map[string]sandbox.IssueResult{"card": i.CardIssueResult, "card_pwd": i.CardPwdIssueResult,
		"face": i.FaceIssueResult, "fingerprint": i.FingerprintIssueResult, "person": i.PersonIssueResult}
}

// deletions are the deletions whose last try failed.
func (c counted) deletions() []string {
	var list []string
	full := map[string]int64{} // newest full issue of a channel that succeeded
	for _, t := range c.Tasks {
		key := channelKey{t.AccessControlChannelName, t.AccessControlChannelNo.String(), t.AccessChannelPositionPath, t.BusinessDeviceName}.String()
		finished := t.TaskFinishTime != nil && t.TaskFinishTime.String() > "0" && t.TaskFinishTime.String() != "null"
		if id := c.channels[key]; id != "" && t.AuthIssueType == 1 && t.AuthNum > 0 && t.SuccessNum == t.AuthNum && finished {
			full[id] = max(full[id], t.TaskStartTime)
		}
	}
	for name := range credentials(sandbox.IssueInfo{}) {
		latest := c.attempts(func(i sandbox.IssueInfo) sandbox.IssueResult { return credentials(i)[name] },
			func(a attempt) bool { return a.issued.SuccessIssueDelNum > 0 || a.issued.FailIssueDelNum > 0 })
		for k, a := range latest {
			if a.issued.FailIssueDelNum == 0 {
				continue
			}
			_, channel, _ := strings.Cut(k, " ")
			severity := critical
			if full[channel] > a.at {
				severity = low
			}
			list = append(list, a.record+" "+name+" "+severity)
		}
	}
	return list
}

// issues are the credentials that are not on their device.
func (c counted) issues() []string {
	var list []string
	enrolled, unknown := map[string]bool{}, map[string]bool{}
	for _, p := range c.Permissions {
		for name, state := range credentialStates(p) {
			if c.inForce(p) && state != "not_enrolled" && state != "unknown" {
				enrolled[p.PersonID], enrolled[p.PersonID+" "+name] = true, true
			}
		}
	}
	for _, name := range []string{"card", "face", "fingerprint"} {
		latest := c.attempts(func(i sandbox.IssueInfo) sandbox.IssueResult {
			x := credentials(i)[name]
			if name == "card" {
				x.FailIssueNum += i.CardPwdIssueResult.FailIssueNum
				x.SuccessIssueNum += i.CardPwdIssueResult.SuccessIssueNum
			}
			return x
		}, func(a attempt) bool { return a.ok || a.failed || a.result != "" })
		on := map[string]bool{}
		for _, p := range c.Permissions {
			for _, s := range credentialStates(p) {
				if c.inForce(p) && slices.Contains([]string{"delivered", "partial", "excess"}, s) {
					on[p.PersonID+" "+p.AccessControlChannelID] = true
				}
			}
		}
		for _, p := range c.Permissions {
			if !c.inForce(p) {
				continue
			}
			key := p.PersonID + " " + p.AccessControlChannelID
			a, tried := latest[key]
			state := credentialStates(p)[name]
			if !slices.Contains([]string{"pending", "partial", "contradictory"}, state) && (!a.failed || slices.Contains([]string{"not_enrolled", "unknown"}, state)) {
				continue
			}
			severity := medium
			switch {
			case !on[key]:
				severity = high
			case state == "partial" || tried && !a.failed && a.result == "waiting":
				severity = low
			}
			list = append(list, p.AccessAuthID+" "+name+" "+severity)
		}
		for k, a := range latest {
			person, channel, _ := strings.Cut(k, " ")
			if !a.failed || channel[0] != '?' {
				continue
			}
			switch {
			case a.issued.FailIssueNum > 0 || enrolled[person+" "+name]:
				list = append(list, nothing+" "+name+" "+medium)
			case !enrolled[person]:
				unknown[a.record] = true
			}
		}
	}
	for range unknown {
		list = append(list, nothing+" unknown "+medium)
	}
	return list
}

// coverage is the row of each channel that something names.
func (c counted) coverage() []string {
	type person struct {
		effective, card, cardOn, face, faceOn, on, faceOnly bool
	}
	channels := map[string]map[string]*person{}
	for id := range c.known {
		channels[id] = map[string]*person{}
	}
	enrolled := []string{"delivered", "pending", "partial", "contradictory"}
	for _, p := range c.Permissions {
		x := channels[p.AccessControlChannelID][p.PersonID]
		if x == nil {
			x = &person{faceOnly: true}
			channels[p.AccessControlChannelID][p.PersonID] = x
		}
		if !c.inForce(p) {
			continue
		}
		s := credentialStates(p)
		x.effective = true
		x.card = x.card || slices.Contains(enrolled, s["card"])
		x.cardOn = x.cardOn || s["card"] == "delivered"
		x.face = x.face || slices.Contains(enrolled, s["face"])
		x.faceOn = x.faceOn || s["face"] == "delivered"
		for _, state := range s {
			x.on = x.on || slices.Contains([]string{"delivered", "partial", "excess"}, state)
		}
		fingers := p.TotalFingerprintNum != nil && *p.TotalFingerprintNum > 0
		x.faceOnly = x.faceOnly && p.TotalFaceNum > 0 && p.TotalCardNum == 0 && !fingers
	}
	var list []string
	for id, persons := range channels {
		var effective, none, card, cardOn, face, faceOn, faceOnly int
		for x := range maps.Values(persons) {
			for _, n := range []struct {
				to  *int
				add bool
			}{{&effective, x.effective}, {&none, x.effective && !x.on}, {&card, x.card}, {&cardOn, x.cardOn},
				{&face, x.face}, {&faceOn, x.faceOn}, {&faceOnly, x.effective && x.faceOnly}} {
				if n.add {
					*n.to++
				}
			}
		}
		severity := good
		switch {
		case effective == 1:
			severity = high
		case effective == 0 || none > 0 || faceOnly > 0:
			severity = medium
		}
		list = append(list, fmt.Sprint(id, " ", len(persons), " ", effective, " ", none, " ", cardOn, " ", card, " ", faceOn, " ", face, " ", faceOnly, " ", severity))
	}
	return list
}
