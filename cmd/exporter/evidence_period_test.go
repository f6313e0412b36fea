package main

import (
	"slices"
	"testing"
	"time"
)

// A period begins and ends with its days wherever clocks change at midnight, and has
// each of its days once.
func TestEvidencePeriod(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone, first, last string
		start, end              string // UTC
		days                    int
	}{
		{"no change", "Asia/Shanghai", "2026-03-01", "2026-03-03", "2026-02-28T16:00:00Z", "2026-03-03T16:00:00Z", 3},
		{"the first day begins at one", "America/Santiago", "2026-09-06", "2026-09-07", "2026-09-06T04:00:00Z", "2026-09-08T03:00:00Z", 2},
		{"the day after the last begins at one", "America/Santiago", "2026-09-04", "2026-09-05", "2026-09-04T04:00:00Z", "2026-09-06T04:00:00Z", 2},
		{"a day that begins at one within", "America/Santiago", "2026-09-05", "2026-09-08", "2026-09-05T04:00:00Z", "2026-09-09T03:00:00Z", 4},
		{"another that begins at one", "Africa/Cairo", "2026-04-24", "2026-04-24", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z", 1},
		{"a day of 25 hours", "America/Santiago", "2026-04-04", "2026-04-04", "2026-04-04T03:00:00Z", "2026-04-05T04:00:00Z", 1},
		{"midnight twice", "America/Havana", "2026-11-01", "2026-11-01", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", 1},
		{"a day that was left out", "Pacific/Apia", "2011-12-29", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", 1},
		{"the farthest zone", "Pacific/Kiritimati", "2026-01-01", "2026-01-01", "2025-12-31T10:00:00Z", "2026-01-01T10:00:00Z", 1},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		p, err := parsePeriod(c.first, c.last, zone)
		if err != nil {
			t.Fatal(err)
		}
		start, end := p.start().Format(time.RFC3339), p.end().Format(time.RFC3339)
		if start != c.start || end != c.end {
			t.Errorf("%s: %s to %s, want %s to %s", c.name, start, end, c.start, c.end)
		}
		days := p.days(p.end().AddDate(0, 0, 9))
		if len(days) != c.days || days[0] != c.first || days[len(days)-1] != c.last || len(slices.Compact(days)) != c.days {
			t.Errorf("%s: %q", c.name, days)
		}
		if n := len(p.days(p.end().Add(-time.Second))); n != c.days {
			t.Errorf("%s: %d days up to its last second", c.name, n)
		}
		if n := len(p.days(p.start().Add(-time.Second))); n != 0 {
			t.Errorf("%s: %d days before it begins", c.name, n)
		}
	}
	for _, c := range [][2]string{{"2026-02-30", "2026-03-01"}, {"2026-02-01", ""}, {"2026-02-02", "2026-02-01"}} {
		if p, err := parsePeriod(c[0], c[1], time.UTC); err == nil {
			t.Errorf("%q is a period: %v", c, p)
		}
	}
}

// A period goes on after today's date, whatever the hour.
func TestEvidencePeriodGoesOn(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePeriod("2026-09-04", "2026-09-06", zone)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		"2026-09-06T03:59:59Z": "incomplete: the period goes on after 2026-09-05",
		"2026-09-06T04:00:00Z": "complete",
		"2026-09-07T12:00:00Z": "complete",
	} {
		today, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&evidencePlan{period: p, today: today}).words(); got != want {
			t.Errorf("at %s: %q, want %q", at, got, want)
		}
	}
}
