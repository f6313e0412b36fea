package schedule

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Spec says when something is due, to the second. It is never changed.
type Spec struct {
	line  string
	zone  *time.Location
	every time.Duration // of @every, else 0
	cron  *cron.SpecSchedule
}

// Parse reads a line of five cron fields (minute, hour, day of month, month, day
// of week), @daily and its kin, or "@every D" with D of a second or more. The
// fields are those of a clock in zone; the slots of @every are whole multiples of
// D since 1970 began in UTC, so that no restart moves them. A zone in the line
// itself (TZ=) is refused, and so is a schedule that is never due.
func Parse(line string, zone *time.Location) (*Spec, error) {
	s := &Spec{line: strings.TrimSpace(line), zone: zone}
	if strings.HasPrefix(s.line, "TZ=") || strings.HasPrefix(s.line, "CRON_TZ=") {
		return nil, fmt.Errorf("%q: the zone does not belong into the schedule, but has a key of its own", line)
	}
	if d, ok := strings.CutPrefix(s.line, "@every"); ok {
		every, err := time.ParseDuration(strings.TrimSpace(d))
		if err != nil || every < time.Second {
			return nil, fmt.Errorf("%q: @every wants a time of a second or more, such as @every 6h", line)
		}
		s.every = every
		return s, nil
	}
	fields, err := cron.ParseStandard(s.line)
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), ": strconv") // what is no number stands before it
		return nil, fmt.Errorf("%q: %s (minute 0-59, hour 0-23, day 1-31, month 1-12, weekday 0-6 or SUN-SAT)", line, reason)
	}
	s.cron = fields.(*cron.SpecSchedule)
	if s.Next(time.Unix(0, 0)).IsZero() {
		return nil, fmt.Errorf("%q: is never due: no such day comes", line)
	}
	return s, nil
}

// String is the line that was parsed.
func (s *Spec) String() string { return s.line }

// Zone is where the clock hangs that the schedule goes by.
func (s *Spec) Zone() *time.Location { return s.zone }

// horizon is how far Next looks: 29 February stays away for eight years around
// 2100.
const horizon = 9 * 366

// Next is the first slot after a time, in the schedule's zone.
//
// Where some hours are named, each time that the clock should show has one slot:
// the first instant at which the clock shows that time or a later one. So a time
// in the hour that is left out in spring is due when that hour would have ended,
// and a time in the hour that comes twice is due in its first pass. Times that
// fall on one instant are one slot. Where every hour is named, there is a slot
// whenever the clock shows one of the minutes: none for an hour left out, and both
// passes of an hour that comes twice have theirs.
func (s *Spec) Next(after time.Time) time.Time {
	switch {
	case s.every > 0:
		n := after.UnixNano() / int64(s.every)
		if after.UnixNano() < n*int64(s.every) {
			n--
		}
		return time.Unix(0, (n+1)*int64(s.every)).In(s.zone)
	case s.cron.Hour&everyHour == everyHour:
		return s.nextShown(after)
	}
	return s.nextNamed(after)
}

const everyHour = 1<<24 - 1

// nextNamed is Next where some hours are named.
func (s *Spec) nextNamed(after time.Time) time.Time {
	year, month, date := after.In(s.zone).Date()
	for i := -1; i < horizon; i++ { // the day before may have been left out
		day := time.Date(year, month, date+i, 0, 0, 0, 0, time.UTC)
		if !s.onDay(day) {
			continue
		}
		for m := range 24 * 60 {
			if s.cron.Hour>>(m/60)&1 == 0 || s.cron.Minute>>(m%60)&1 == 0 {
				continue
			}
			if t := s.firstShown(day.Add(time.Duration(m) * time.Minute)); t.After(after) {
				return t
			}
		}
	}
	return time.Time{}
}

// nextShown is Next where every hour is named.
func (s *Spec) nextShown(after time.Time) time.Time {
	t := after.In(s.zone).Truncate(time.Minute).Add(time.Minute)
	for days := 0; days < horizon; {
		switch {
		case !s.onDay(t):
			year, month, date := t.Date()
			t = s.firstShown(time.Date(year, month, date+1, 0, 0, 0, 0, time.UTC))
			days++
		case s.cron.Minute>>t.Minute()&1 == 0:
			t = t.Add(time.Minute)
		default:
			return t
		}
	}
	return time.Time{}
}

// onDay reports whether the day that t shows is one of the schedule's. As cron has
// it, a day of the month and one of the week are alternatives where both are named.
func (s *Spec) onDay(t time.Time) bool {
	const any = 1 << 63 // the field is a star
	if s.cron.Month>>t.Month()&1 == 0 {
		return false
	}
	inMonth, inWeek := s.cron.Dom>>t.Day()&1 == 1, s.cron.Dow>>t.Weekday()&1 == 1
	if s.cron.Dom&any != 0 || s.cron.Dow&any != 0 {
		return inMonth && inWeek
	}
	return inMonth || inWeek
}

// firstShown is the first instant at which the clock shows what shown does in UTC,
// or a later time.
func (s *Spec) firstShown(shown time.Time) time.Time {
	// No clock is a day ahead or behind.
	for t := shown.Add(-24 * time.Hour).In(s.zone); ; {
		start, end := t.ZoneBounds()
		_, offset := t.Zone()
		at := shown.Add(-time.Duration(offset) * time.Second).In(s.zone)
		if at.Before(start) {
			at = start
		}
		if end.IsZero() || at.Before(end) {
			return at
		}
		t = end
	}
}
