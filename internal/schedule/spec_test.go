package schedule

import (
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// slots are the slots of one day by the clock that hangs there, with the clock's
// distance from UTC.
func slots(next func(time.Time) time.Time, z *time.Location, day string) []string {
	from, _ := time.ParseInLocation(time.DateOnly, day, z)
	var all []string
	for at := next(from.Add(-time.Second)); at.Before(from.AddDate(0, 0, 1)); at = next(at) {
		all = append(all, at.In(z).Format("15:04 -0700"))
	}
	return all
}

// On the days on which clocks change each named time is due once. robfig's own Next
// leaves it out or has it twice, which is why only its fields are used.
func TestDaysOnWhichClocksChange(t *testing.T) {
	for _, test := range []struct {
		zone, day, line string
		want, robfig    []string
	}{
		{"Europe/Berlin", "2026-03-29", "30 2 * * *", []string{"03:00 +0200"}, nil},
		{"Europe/Berlin", "2026-10-25", "30 2 * * *", []string{"02:30 +0200"}, []string{"02:30 +0200", "02:30 +0100"}},
		{"America/New_York", "2026-03-08", "15 2 * * SUN", []string{"03:00 -0400"}, nil},
		{"America/New_York", "2026-11-01", "15 1 * * *", []string{"01:15 -0400"}, []string{"01:15 -0400", "01:15 -0500"}},
		{"Australia/Lord_Howe", "2026-10-04", "15 2 * * *", []string{"02:30 +1100"}, nil},
		{"Australia/Lord_Howe", "2026-04-05", "45 1 * * *", []string{"01:45 +1100"}, []string{"01:45 +1100", "01:45 +1030"}},
	} {
		t.Run(test.zone+" "+test.day, func(t *testing.T) {
			z := zone(t, test.zone)
			s, err := Parse(test.line, z)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, slots(s.Next, z, test.day)); diff != "" {
				t.Errorf("slots mismatch (-want +got)\n%s", diff)
			}
			bare, err := cron.ParseStandard("TZ=" + test.zone + " " + test.line)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.robfig, slots(bare.Next, z, test.day)); diff != "" {
				t.Errorf("robfig's slots mismatch: does it need this package? (-want +got)\n%s", diff)
			}
		})
	}
}

func TestSlotsOfADay(t *testing.T) {
	for _, test := range []struct{ name, zone, day, line, want string }{
		{"several times in the hour left out are one slot", "Europe/Berlin", "2026-03-29", "*/20 1-3 * * *",
			"01:00 +0100, 01:20 +0100, 01:40 +0100, 03:00 +0200, 03:20 +0200, 03:40 +0200"},
		{"several times in the hour that comes twice", "Europe/Berlin", "2026-10-25", "*/30 2,3 * * *",
			"02:00 +0200, 02:30 +0200, 03:00 +0100, 03:30 +0100"},
		{"every hour has no slot for one left out", "Europe/Berlin", "2026-03-29", "30 * * * *",
			"00:30 +0100, 01:30 +0100, 03:30 +0200, 04:30 +0200, and 19 more"},
		{"every hour has both passes", "Europe/Berlin", "2026-10-25", "@hourly",
			"00:00 +0200, 01:00 +0200, 02:00 +0200, 02:00 +0100, and 21 more"},
		{"a midnight that does not come", "America/Santiago", "2026-09-06", "@daily", "01:00 -0300"},
		{"a day that does not come", "Pacific/Apia", "2011-12-31", "0 12 30 12 *", "00:00 +1400"},
		{"a clock change elsewhere", "Asia/Shanghai", "2026-03-29", "30 2 * * *", "02:30 +0800"},
		{"a day of the month or of the week", "UTC", "2026-03-30", "0 7 1 * MON", "07:00 +0000"},
		{"another day of the week", "UTC", "2026-03-31", "0 7 1 * MON", ""},
		{"a whole multiple since 1970", "Europe/Berlin", "2026-03-29", "@every 8h", "01:00 +0100, 10:00 +0200, 18:00 +0200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			z := zone(t, test.zone)
			s, err := Parse(test.line, z)
			if err != nil {
				t.Fatal(err)
			}
			got := slots(s.Next, z, test.day)
			if len(got) > 10 {
				got = append(got[:4:4], "and "+time.Duration(len(got) - 4).String()[:2]+" more")
			}
			if got := strings.Join(got, ", "); got != test.want {
				t.Errorf("slots of %s by %q:\ngot  %s\nwant %s", test.day, test.line, got, test.want)
			}
		})
	}
}

// TestNextAgainstTheClock watches a clock minute by minute, over a year with two
// changes: whatever times it newly shows, or jumps over, are due then.
func TestNextAgainstTheClock(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Atlantic/Azores", "Asia/Beirut"} {
		for line, due := range map[string]func(minute, hour int, day time.Time) bool{
			"30 2 * * *":        func(m, h int, _ time.Time) bool { return h == 2 && m == 30 },
			"*/7 1-3 * * SUN":   func(m, h int, d time.Time) bool { return m%7 == 0 && h >= 1 && h <= 3 && d.Weekday() == 0 },
			"0,59 0,23 * * *":   func(m, h int, _ time.Time) bool { return (m == 0 || m == 59) && (h == 0 || h == 23) },
			"15 * * * *":        func(m, _ int, _ time.Time) bool { return m == 15 },
			"*/20 * 25-31 10 *": func(m, _ int, d time.Time) bool { return m%20 == 0 && d.Day() >= 25 && d.Month() == 10 },
		} {
			z := zone(t, name)
			s, err := Parse(line, z)
			if err != nil {
				t.Fatal(err)
			}
			everyHour := strings.HasPrefix(strings.Fields(line)[1], "*")
			var want, got []time.Time
			from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			end := from.AddDate(1, 0, 0)
			latest := civil(from.Add(-time.Minute), z)
			for at := from; at.Before(end); at = at.Add(time.Minute) {
				shown := civil(at, z)
				c := latest.Add(time.Minute)
				if everyHour {
					c = shown
				}
				for ; !c.After(shown); c = c.Add(time.Minute) {
					if due(c.Minute(), c.Hour(), c) {
						want = append(want, at)
						break
					}
				}
				if shown.After(latest) {
					latest = shown
				}
			}
			for at := s.Next(from.Add(-time.Second)); at.Before(end); at = s.Next(at) {
				got = append(got, at.UTC())
			}
			if !slices.EqualFunc(got, want, time.Time.Equal) {
				t.Errorf("%s, %q: %d slots, the clock shows %d:\n%s", name, line, len(got), len(want), cmp.Diff(want, got))
			}
		}
	}
}

// civil is what a clock shows, as a time in UTC.
func civil(at time.Time, z *time.Location) time.Time {
	_, offset := at.In(z).Zone()
	return at.UTC().Add(time.Duration(offset) * time.Second)
}

func TestParseRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"":                          "empty",
		"0 5 * *":                   "expected exactly 5 fields",
		"61 5 * * *":                "above maximum (59)",
		"0 5 * * MO":                "parse int from MO (minute",
		"0 0 30 2 *":                "never due",
		"0 0 31 4,6 *":              "never due",
		"0 , * * *":                 "never due",
		"TZ=Asia/Tokyo 0 5 * * *":   "key of its own",
		"CRON_TZ=":                  "key of its own",
		"@fortnightly":              "unrecognized",
		"@every":                    "@every wants",
		"@every 1 day":              "@every wants",
		"@every -1h":                "@every wants",
		"@every 0.5s":               "@every wants",
		"*/0 * * * *":               "step of range should be a positive number",
		"@every 9999999999999h":     "@every wants",
		"0 0 29 2 * extra":          "expected exactly 5 fields",
		"0 5-3 * * *":               "beyond end of range",
		"0 5 1-2-3 * *":             "too many hyphens",
		"0 99999999999999999 * * *": "99999999999999999",
	} {
		if _, err := Parse(line, time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%q): %v, want one with %q", line, err, want)
		}
	}
}

func TestNextFarAway(t *testing.T) {
	s, err := Parse("0 0 29 2 *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Next(time.Date(2096, 3, 1, 0, 0, 0, 0, time.UTC)); got.Year() != 2104 {
		t.Errorf("after 29 February 2096 comes %s", got)
	}
}
