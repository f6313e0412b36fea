package reports

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What stands for a value of which nothing would be seen: a cell is never blank.
const (
	nothing   = "–"       // there is no value
	emptyText = "(empty)" // a text without any character, a list without any element
	blankText = "(blank)" // a text of white space only
)

// unseen reports whether what [show] gave stands for something that is not seen.
func unseen(text string) bool {
	return text == nothing || text == emptyText || text == blankText
}

// show is a value in words, for pages and sentences.
func show(value any, format string, zone *time.Location) string {
	switch x := value.(type) {
	case nil:
		return nothing
	case string:
		switch {
		case x == "":
			return emptyText
		case strings.TrimSpace(x) == "":
			return blankText
		}
		return x
	case bool:
		if x {
			return "yes"
		}
		return "no"
	case int64:
		switch format {
		case formatDuration:
			return duration(float64(x))
		case formatShare:
			return share(float64(x))
		case formatID, formatText:
			return strconv.FormatInt(x, 10)
		}
		return number(x)
	case float64:
		switch {
		case math.IsNaN(x) || math.IsInf(x, 0):
			return nothing
		case format == formatDuration:
			return duration(x)
		case format == formatShare:
			return share(x)
		case format == formatInteger:
			return number(int64(math.Round(x)))
		}
		return decimal(x)
	case listValue:
		return show(x.words(), format, zone)
	case time.Time:
		if format == formatDate {
			return inZone(x, zone).Format(time.DateOnly)
		}
		return moment(x, zone)
	default:
		return asText(x)
	}
}

// number is a whole number with its thousands apart: 12,345.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// decimal is a number with at most two places.
func decimal(x float64) string {
	if math.Abs(x) >= 1e15 {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	whole, places := math.Trunc(x), strconv.FormatFloat(math.Abs(x), 'f', 2, 64)
	if strings.HasSuffix(places, ".00") {
		return number(int64(math.Round(x)))
	}
	sign := ""
	if x < 0 && whole == 0 {
		sign = "-"
	}
	_, fraction, _ := strings.Cut(places, ".")
	return sign + number(int64(whole)) + "." + strings.TrimRight(fraction, "0")
}

// share is a fraction of one in per cent: 97.3 %. What is not quite all is
// never shown as 100, nor what is not quite nothing as 0.
func share(x float64) string {
	p := math.Round(x*1000) / 10
	switch {
	case x < 1 && p >= 100:
		p = 99.9
	case x > 0 && p <= 0:
		p = 0.1
	}
	s := strconv.FormatFloat(p, 'f', 1, 64)
	return strings.TrimSuffix(s, ".0") + " %"
}

// duration is a number of seconds in its two largest units: 3 d 4 h.
func duration(seconds float64) string {
	n := int64(math.Round(math.Abs(seconds)))
	sign := ""
	if seconds < 0 {
		sign = "-"
	}
	d, h, m, s := n/86400, n/3600%24, n/60%60, n%60
	pair := func(a int64, x string, b int64, y string) string {
		if b == 0 {
			return sign + number(a) + " " + x
		}
		return sign + number(a) + " " + x + " " + number(b) + " " + y
	}
	switch {
	case d > 0:
		return pair(d, "d", h, "h")
	case h > 0:
		return pair(h, "h", m, "min")
	case m > 0:
		return pair(m, "min", s, "s")
	default:
		return sign + number(s) + " s"
	}
}

// moment is a time to the minute in a zone that is named elsewhere.
func moment(t time.Time, zone *time.Location) string {
	return inZone(t, zone).Format("2006-01-02 15:04")
}

// wall is the location of a value that has no zone: a day, or what a clock on
// a wall said. Such a value is the same in every zone.
var wall = time.FixedZone("wall", 0)

// inZone moves a moment into a zone, and leaves a value of [wall] as it is.
func inZone(t time.Time, zone *time.Location) time.Time {
	if t.Location() == wall {
		return t
	}
	return t.In(zone)
}

// known is [moment] of a time that may be missing.
func known(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "unknown"
	}
	return moment(t, zone)
}

// cut returns at most n bytes of s, whole characters only.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// plural is a number with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(int64(n)) + " " + many
}

// fill replaces {name} by the text that lookup gives; a name that it does not
// know stays as it is.
func fill(template string, lookup func(name string) (string, bool)) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if text, known := lookup(name); closed && known {
			b.WriteString(text)
			template = after
			continue
		}
		b.WriteByte('{')
		template = rest
	}
}
