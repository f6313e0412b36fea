package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// lastNamed is when a permission or a rule on one channel last named a channel:
// at the last walk that had it. Of a channel-detail it is not known.
func (k *knownProject) lastNamed(id string) (last time.Time) {
	for _, s := range k.projects[k.project] {
		names := slices.ContainsFunc(s.Permissions, func(p cloudPermission) bool { return p.Channel == said(id) }) ||
			slices.ContainsFunc(s.Rules, func(r cloudRule) bool { return r.onChannel() && r.Relation == said(id) })
		if names {
			last = s.At.Add(serverDelay)
		}
	}
	return last
}

// serverDelay is how much later than a site's time the cloud's clock is read.
const serverDelay = 30 * time.Second

// holder is one person on one channel.
type holder struct {
	effective, permanent, excess, reached bool
	face, otherThanFace                   bool
	enrolled, delivered                   map[string]bool
	name                                  word
}

func (h *holder) add(a ask, p cloudPermission) {
	if p.Name.ok && (!h.name.ok || p.Name.v < h.name.v) {
		h.name = p.Name
	}
	if !a.inForce(p) {
		return
	}
	h.effective = true
	h.permanent = h.permanent || permanent(p.End)
	for _, c := range p.credentials() {
		switch state := c.state(); state {
		case "delivered", "pending", "partial", "contradictory":
			h.enrolled[c.name] = true
			h.delivered[c.name] = h.delivered[c.name] || state == "delivered"
		case "excess":
			h.excess = true
		}
		h.reached = h.reached || c.onDevice()
	}
	h.face = h.face || p.TotalFaces.v > 0
	h.otherThanFace = h.otherThanFace || p.TotalCards != num(0) || p.TotalFingerprints.v > 0
}

// coverage are the rows of channel_coverage.sql.
func (k *knownProject) coverage(a ask) (rows []fields) {
	for _, c := range k.channels {
		last := k.lastNamed(c.id)
		if slices.Equal(c.namedBy, []string{"history"}) && !last.IsZero() && last.Before(a.asOf.Add(-90*24*time.Hour)) {
			continue
		}
		holders, organizations := map[string]*holder{}, map[string]bool{}
		for _, p := range k.holding[said(c.id)] {
			if holders[p.who()] == nil {
				holders[p.who()] = &holder{enrolled: map[string]bool{}, delivered: map[string]bool{}}
			}
			holders[p.who()].add(a, p)
			for _, s := range p.Structures {
				if a.inForce(p) {
					organizations[s] = true
				}
			}
		}
		row := coverageRow(a, *c, holders)
		row["organizations"], row["rules"] = len(organizations), len(k.granting[c.id])
		var newest integer
		for _, t := range k.Tasks {
			_, id := k.channelOf(t)
			if id == c.id && t.succeeded() && t.Finished.v > newest.v {
				newest = t.Finished
			}
		}
		row["last_success_task"] = newest
		rows = append(rows, row)
	}
	return rows
}

// succeeded: it is finished, it had something to send and sent all of it.
func (t cloudTask) succeeded() bool {
	return t.Finished.v > 0 && t.All.v > 0 && t.Done == t.All
}

func coverageRow(a ask, c channel, holders map[string]*holder) fields {
	n := map[string]int{}
	add := func(what string, is bool) {
		if is {
			n[what]++
		}
	}
	var only word
	for _, h := range holders {
		n["headcount"]++
		if !h.effective {
			continue
		}
		add("effective", true)
		only = only.or(h.name)
		add("none_delivered", !h.reached)
		add("face_only", h.face && !h.otherThanFace)
		add("excess", h.excess)
		add("permanent", h.permanent)
		for kind := range h.enrolled {
			add(kind+"_enrolled", true)
			add(kind+"_delivered", h.delivered[kind])
		}
	}
	severity := good
	switch effective := n["effective"]; {
	case effective == 0 && c.sensitive(), effective > 0 && effective < a.minPeople:
		severity = high
	case effective == 0, n["none_delivered"] > 0, n["face_only"] > 0, a.maxPeople > 0 && effective > a.maxPeople:
		severity = medium
	}
	row := fields{"severity": severity, "channel": c.name.or(said("channel without a name " + c.id)), "access_control_channel_name": c.name,
		"access_control_channel_no": c.no, "access_channel_position_path": c.path, "business_device_name": c.device,
		"access_channel_room_id": c.room, "tier": c.tier, "owner": c.owner, "named_by": c.namedBy,
		"access_control_channel_id": c.id, "finding": finding(a, n, only)}
	for _, what := range []string{"headcount", "effective", "none_delivered", "face_only", "excess", "permanent"} {
		row[what] = n[what]
	}
	row["permanent_share"] = portion(n["permanent"], n["effective"])
	for _, kind := range []string{"card", "face", "fingerprint"} {
		row[kind+"_enrolled"], row[kind+"_delivered"] = n[kind+"_enrolled"], n[kind+"_delivered"]
		row[kind+"_share"] = portion(n[kind+"_delivered"], n[kind+"_enrolled"])
	}
	return row
}

func portion(part, of int) any {
	if of == 0 {
		return nil
	}
	return float64(part) / float64(of)
}

// finding is the channel's trouble in words; nil where it has none.
func finding(a ask, n map[string]int, only word) any {
	var parts []string
	say := func(when bool, format string, args ...any) {
		if when {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	effective := n["effective"]
	say(effective == 0, "nobody")
	say(effective == 1, "only %s", only.or(said("one person")).v)
	say(effective > 1 && effective < a.minPeople, "only %d persons", effective)
	say(effective > 1 && effective >= a.minPeople && a.maxPeople > 0 && effective > a.maxPeople, "more than %d persons", a.maxPeople)
	say(n["none_delivered"] > 0, "%d with nothing on the device", n["none_delivered"])
	say(n["face_only"] > 0, "%d by face only", n["face_only"])
	say(n["excess"] > 0, "%d with more on the device than enrolled", n["excess"])
	if parts == nil {
		return nil
	}
	return strings.Join(parts, "; ")
}
