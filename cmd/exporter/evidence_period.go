package main

import (
	"fmt"
	"sort"
	"time"
)

// period is some days of a zone. A day is 00:00 UTC of its date: where clocks change,
// days of the zone have 23 or 25 hours, and some begin at 01:00.
type period struct {
	first, last time.Time
	zone        *time.Location
}

// parsePeriod reads two days, as 2026-01-01.
func parsePeriod(first, last string, zone *time.Location) (p period, err error) {
	p.zone = zone
	if p.first, err = time.Parse(time.DateOnly, first); err != nil {
		return period{}, fmt.Errorf("first day %.20q: not a day", first)
	}
	if p.last, err = time.Parse(time.DateOnly, last); err != nil {
		return period{}, fmt.Errorf("last day %.20q: not a day", last)
	}
	if p.last.Before(p.first) {
		return period{}, fmt.Errorf("last day %s is before the first, %s", last, first)
	}
	return p, nil
}

// day is the day of a moment.
func (p period) day(at time.Time) time.Time {
	y, m, d := at.In(p.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// begins is the first moment of a day.
func (p period) begins(day time.Time) time.Time {
	const far = 26 * time.Hour // no zone is farther from UTC
	early := day.Add(-far)
	n := sort.Search(int(2*far/time.Second), func(i int) bool {
		return !p.day(early.Add(time.Duration(i) * time.Second)).Before(day)
	})
	return early.Add(time.Duration(n) * time.Second)
}

// start is the first moment of the period.
func (p period) start() time.Time { return p.begins(p.first) }

// end is the first moment after the period.
func (p period) end() time.Time { return p.begins(p.last.AddDate(0, 0, 1)) }

// days are the days of the period, as 2026-01-01, up to that of a moment.
func (p period) days(until time.Time) []string {
	last := p.day(until)
	if last.After(p.last) {
		last = p.last
	}
	var list []string
	for d := p.first; !d.After(last); d = d.AddDate(0, 0, 1) {
		list = append(list, d.Format(time.DateOnly))
	}
	return list
}

// from and to are the first and the last day, as 2026-01-01.
func (p period) from() string { return p.first.Format(time.DateOnly) }
func (p period) to() string   { return p.last.Format(time.DateOnly) }
