package reports

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What happens on a random site: tasks, and what has changed some time on.

// hour is one of few times, so that what happens at the same time is likely.
func (d *dice) hour() int64 {
	return siteAt.AddDate(0, 0, -8).Add(time.Duration(d.IntN(8)) * time.Hour).UnixMilli()
}

func (d *dice) task(s *cloudSite) {
	id := fmt.Sprintf("t%03d", d.IntN(1000))
	if _, ok := s.Records[id]; ok {
		return
	}
	channel := pick(d, "c1", "c2", "c3", "c4", "c5", "c6")
	w := d.words(channel)
	if len(s.Permissions) > 0 && !d.one(4) {
		p := pick(d, s.Permissions...)
		w = place{p.ChannelName, p.ChannelNo, p.Path, p.Device}
	}
	switch d.IntN(12) {
	case 0:
		w.name = said("Renamed since")
	case 1:
		w = place{name: w.name}
	case 2:
		w = place{}
	}
	t := cloudTask{ID: id, Name: w.name, No: w.no, Path: w.path, Device: w.device, Kind: num(pick[int64](d, 1, 1, 2)),
		Start: num(d.hour()), Finished: pick(d, integer{}, num(0), num(d.hour()), num(d.hour()), num(d.hour()))}
	all := pick[int64](d, 0, 1, 2, 2)
	t.All, t.Done = rarely(d, 15, num(all)), rarely(d, 15, num(pick(d, all, all, all, 0, 1, 3)))
	persons := make([]string, 1+d.IntN(3))
	for i := range persons {
		persons[i] = pick(d, "u1", "u2", "u3", "u4", "u7", "u8", "u9")
		if len(s.Permissions) > 0 && d.one(2) {
			persons[i] = pick(d, s.Permissions...).Person.or(said("u1")).v
		}
	}
	d.records(s, t, persons...)
}

// records are a task with a record of each person.
func (d *dice) records(s *cloudSite, t cloudTask, persons ...string) {
	s.Tasks = append(s.Tasks, t)
	for i, person := range persons {
		r := cloudRecord{ID: fmt.Sprintf("k%03d%s%d", d.IntN(1000), t.ID, i), Name: said("Of record"), Country: said("+86"),
			Mobile: rarely(d, 5, said("182****2941")), Person: said(person),
			Status: rarely(d, 20, num(pick[int64](d, 0, 0, 1, 2, 2, 3, 3, 4, 4, 7))),
			Issued: pick(d, integer{}, num(0), num(d.hour()), num(d.hour()))}
		s.Records[t.ID] = append(s.Records[t.ID], r)
		if !d.one(4) {
			s.IssueInfos[r.ID] = d.issueInfo()
		}
	}
}

func (d *dice) issueInfo() (i cloudIssueInfo) {
	if d.one(4) {
		return i
	}
	for _, c := range []*cloudCounters{&i.Person, &i.Card, &i.CardPwd, &i.Face, &i.Fingerprint} {
		switch d.IntN(10) {
		case 0, 1, 2, 3:
			*c = cloudCounters{num(0), num(0), num(0), num(0)}
		case 4:
			c.Issued = num(1)
		case 5:
			c.NotIssued = num(1)
		case 6:
			c.Deleted = num(1)
		case 7:
			c.NotDeleted = num(2)
		case 8:
			*c = cloudCounters{num(d.Int64N(2)), num(d.Int64N(2)), num(d.Int64N(2)), num(d.Int64N(2))}
		}
	}
	return i
}

// later is a site some time on: some of everything has changed.
func (d *dice) later(s cloudSite) cloudSite {
	now := d.site()
	if d.one(4) {
		return now // nothing is as it was
	}
	then := s
	s = cloudSite{Structures: now.Structures, Persons: now.Persons, RuleChannels: map[string][]cloudRuleChannel{}, Records: now.Records,
		IssueInfos: now.IssueInfos, Details: maps.Clone(now.Details), Tasks: now.Tasks}
	for _, p := range then.Permissions {
		if d.one(5) {
			continue
		}
		s.Permissions = append(s.Permissions, d.moved(p))
	}
	for _, r := range then.Rules {
		if d.one(4) {
			continue
		}
		if d.one(8) {
			r.End = d.end()
		}
		if d.one(10) {
			r.Kind = num(2)
		}
		s.Rules = append(s.Rules, r)
		if list, ok := then.RuleChannels[r.ID]; ok && !r.onChannel() && !d.one(3) {
			s.RuleChannels[r.ID] = pick(d, list, d.ruleChannels("c6"))
		}
	}
	if d.one(2) {
		for _, t := range then.Tasks {
			if !d.one(3) {
				s.Tasks = append(s.Tasks, t)
			}
		}
	}
	d.permissions(&s, d.IntN(6))
	for range d.IntN(4) {
		d.rule(&s)
	}
	s.tidy()
	return s
}

// tidy leaves one row of each id.
func (s *cloudSite) tidy() {
	s.Tasks = unique(s.Tasks, func(t cloudTask) string { return t.ID })
	s.Permissions = unique(s.Permissions, func(p cloudPermission) string { return p.ID })
}

func unique[T any](list []T, id func(T) string) []T {
	slices.SortStableFunc(list, func(a, b T) int { return strings.Compare(id(a), id(b)) })
	return slices.CompactFunc(list, func(a, b T) bool { return id(a) == id(b) })
}

// moved is a permission some time on.
func (d *dice) moved(p cloudPermission) cloudPermission {
	switch d.IntN(16) {
	case 0:
		p.ID = fmt.Sprintf("a%04d", d.IntN(10000)) // re-created
	case 1:
		p.End = d.end()
	case 2:
		p.Start = d.begin()
	case 3:
		p.Name = pick(d, word{}, said("Dee"))
	case 4:
		p.Code = pick(d, word{}, said("777"), said(""), said("888"))
	case 5:
		p.Structures = pick(d, nil, []string{"s2", "s1"}, []string{"s1"})
	case 6:
		p.TotalCards, p.SentCards, p.CardStatus = d.counters()
	case 7:
		p.Person = said(pick(d, "u1", "u6"))
	case 8:
		p.Channel = said(pick(d, "c1", "c7"))
	case 10:
		p.Hours, p.HoursText = said("2"), said("Nights")
	case 11:
		p.Room = pick(d, word{}, said("r1"), said("r2"))
	case 12:
		return d.moved(d.moved(p))
	case 9:
		w := d.words(pick(d, "c1", "c3"))
		p.ChannelName, p.ChannelNo, p.Path, p.Device = w.name, w.no, w.path, w.device
	}
	return p
}
