package reports

import (
	"math"
	"testing"
	"time"
)

func TestShow(t *testing.T) {
	at := time.Date(2026, 3, 31, 6, 5, 59, 0, time.UTC)
	zone := time.FixedZone("", 8*3600)
	for _, c := range []struct {
		name   string
		value  any
		format string
		want   string
	}{
		{"nothing", nil, formatText, "–"},
		{"an empty text", "", formatText, "(empty)"},
		{"a text of white space", " \u00a0", formatText, "(blank)"},
		{"an empty list", listValue{}, formatList, "(empty)"},
		{"a list", listValue{"a", nil, ""}, formatList, "a, –, (empty)"},
		{"a text", "张伟", formatText, "张伟"},
		{"a number", int64(1234567), formatInteger, "1,234,567"},
		{"a negative number", int64(-1234), formatInteger, "-1,234"},
		{"an id that came as a number", int64(1424615984265764), formatID, "1424615984265764"},
		{"a decimal", 1234.5, formatNumber, "1,234.5"},
		{"a small negative decimal", -0.25, formatNumber, "-0.25"},
		{"not a number", math.NaN(), formatNumber, "–"},
		{"a share", 0.973, formatShare, "97.3 %"},
		{"all of it", 1.0, formatShare, "100 %"},
		{"not quite all of it", 0.9999, formatShare, "99.9 %"},
		{"hardly any", 0.0001, formatShare, "0.1 %"},
		{"none of it", 0.0, formatShare, "0 %"},
		{"more than all", 1.33, formatShare, "133 %"},
		{"a date", at, formatDate, "2026-03-31"},
		{"a time", at, formatDatetime, "2026-03-31 14:05"},
		{"a time without a zone", at.In(wall), formatDatetime, "2026-03-31 06:05"},
		{"a day", time.Date(2026, 3, 31, 20, 0, 0, 0, wall), formatDate, "2026-03-31"},
		{"days", int64(3*86400 + 4*3600 + 59), formatDuration, "3 d 4 h"},
		{"hours", int64(2 * 3600), formatDuration, "2 h"},
		{"seconds", int64(59), formatDuration, "59 s"},
		{"before", int64(-90), formatDuration, "-1 min 30 s"},
		{"yes", true, formatYesNo, "yes"},
	} {
		if got := show(c.value, c.format, zone); got != c.want {
			t.Errorf("%s: show(%v, %s) = %q, want %q", c.name, c.value, c.format, got, c.want)
		}
	}
}

func TestFill(t *testing.T) {
	lookup := func(name string) (string, bool) {
		return map[string]string{"n": "14", "text": "{n}"}[name], name == "n" || name == "text"
	}
	for in, want := range map[string]string{
		"{n} end": "14 end", "in {n} days, {n}": "in 14 days, 14", "{other} {n}": "{other} 14", "{text}": "{n}", "{": "{", "{n": "{n", "}{n}": "}14", "": "",
	} {
		if got := fill(in, lookup); got != want {
			t.Errorf("fill(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestVector(t *testing.T) {
	v := &vector{}
	for i := range internLimit + 10 {
		v.add(string(rune('a'+i%26)) + number(int64(i)))
	}
	v.add(nil)
	v.add("a0")
	if got := v.at(3); got != "d3" {
		t.Errorf("at(3) = %v", got)
	}
	if got := v.at(internLimit + 10); got != nil {
		t.Errorf("NULL = %v", got)
	}
	if got := v.at(internLimit + 11); got != "a0" {
		t.Errorf("last = %v", got)
	}
	mixed := &vector{}
	for _, x := range []any{int64(1), nil, 2.5, "x", true} {
		mixed.add(x)
	}
	for i, want := range []any{"1", nil, "2.5", "x", "true"} {
		if got := mixed.at(i); got != want {
			t.Errorf("mixed at(%d) = %v, want %v", i, got, want)
		}
	}
}
