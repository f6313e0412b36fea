package reports

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// textOf is what a line says.
func textOf(l line) string {
	var b strings.Builder
	for _, r := range l.runs {
		b.WriteString(r.text)
	}
	return b.String()
}

func TestWrap(t *testing.T) {
	set := newTypesetter(testFonts(t))
	for _, c := range []struct {
		name, in string
		width    float64
		most     int
		want     []string
	}{
		{"short text is one line", "John Doe", 40, 0, []string{"John Doe"}},
		{"breaks at spaces and drops them", "Archive, north door", 15, 0, []string{"Archive,", "north door"}},
		{"breaks after a hyphen", "Tuya-Longsurname", 18, 0, []string{"Tuya-", "Longsurname"}},
		{"breaks Chinese anywhere", "第三宿舍第三宿舍", 13, 0, []string{"第三宿舍", "第三宿舍"}},
		{"no closing punctuation begins a line", "第三宿舍，第三", 13, 0, []string{"第三宿", "舍，第三"}},
		{"breaks between scripts", "organisation: 第三宿舍", 24, 0, []string{"organisation: 第三", "宿舍"}},
		{"breaks a word that is too long", "WWWWWWWWWW", 10, 0, []string{"WWW", "WWW", "WWW", "W"}},
		{"ends lines where the text does", "a\nb\r\nc", 40, 0, []string{"a", "b", "c"}},
		{"keeps empty lines", "a\n\nb", 40, 0, []string{"a", "", "b"}},
		{"cuts with an ellipsis", "one two three four five six seven", 18, 2, []string{"one two three", "four five six…"}},
		{"does not cut what fits", "one two", 18, 1, []string{"one two"}},
		{"nothing is one empty line", "", 10, 0, []string{""}},
		{"a code stays whole", "a 😀 b", 15, 0, []string{"a U+1F600", "b"}},
		{"a date stays whole", "2026-03-31 14:05", 17, 0, []string{"2026-03-31", "14:05"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, l := range set.wrap([]piece{{c.in, regular, ink}}, 8, c.width, c.most) {
				got = append(got, textOf(l))
				if l.width > c.width+0.01 {
					t.Errorf("line %q is %.2f wide, more than %.2f", textOf(l), l.width, c.width)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("wrap(%q) mismatch (-want +got):\n%s", c.in, diff)
			}
		})
	}
}

func FuzzWrap(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 20.0, 3)
	}
	fonts, err := FindFonts(nil)
	if err != nil {
		f.Fatal(err)
	}
	set := newTypesetter(fonts)
	f.Fuzz(func(t *testing.T, s string, width float64, most int) {
		if !(width >= 15 && width < 500) || most < 0 || most > 100 {
			return
		}
		lines := set.wrap([]piece{{s, regular, ink}}, 8, width, most)
		if len(lines) == 0 || most > 0 && len(lines) > most {
			t.Errorf("wrap(%q) gives %d lines, at most %d were asked for", s, len(lines), most)
		}
		for _, l := range lines {
			if l.width > width+0.01 {
				t.Errorf("wrap(%q) gives a line of %.2f, wider than %.2f", s, l.width, width)
			}
			for _, r := range textOf(l) {
				if r > 0xFFFF || r < ' ' {
					t.Errorf("wrap(%q) lets %U through", s, r)
				}
			}
		}
	})
}
