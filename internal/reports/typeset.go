package reports

import (
	"fmt"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// A typesetter breaks text into lines of runs, each in one font that has its
// characters. What no font has, or the PDF library cannot take, it replaces
// by U+XXXX and counts. It serves one document and one goroutine.
type typesetter struct {
	fonts  Fonts
	buf    sfnt.Buffer
	glyphs [3]map[rune]glyph // by style
	ascii  [3][128]glyph
	used   map[*fontFile]bool

	shown   map[rune]int // characters drawn as U+XXXX, how often
	invalid int          // bytes drawn as U+FFFD because they were no UTF-8
	cut     int          // texts drawn short, with an ellipsis
	atoms   []atom
}

type style uint8

const (
	regular style = iota
	bold
	mono
)

// glyph is how one character is set: in which font and how wide, in
// thousandths of the size. missing means that no font has it.
type glyph struct {
	file    *fontFile
	advance float64
	missing bool
	known   bool
}

// piece is text in one style and colour.
type piece struct {
	text  string
	style style
	color rgb
}

// run is what is drawn with one call: text in one font.
type run struct {
	text   string
	file   *fontFile
	style  style
	color  rgb
	x, w   float64 // from the line's start, in mm
	strike bool    // a fallback font made bold by stroking

	shown   []rune // characters that U+XXXX stands for
	invalid int    // bytes that U+FFFD stands for
	cut     bool   // an ellipsis that stands for the rest
}

type line struct {
	runs  []run
	width float64
}

// cut reports whether the line ends in an ellipsis for what was left out.
func (l line) cut() bool { return len(l.runs) > 0 && l.runs[len(l.runs)-1].cut }

// atom is one character, or a replacement of several, that is never broken.
type atom struct {
	text  string
	g     glyph
	style style
	color rgb
	w     float64
	space bool
	stop  bool // a forced end of line
	after bool // the line may end after it

	shown   rune // what U+XXXX begins to stand for
	invalid bool
}

func newTypesetter(f Fonts) *typesetter {
	t := &typesetter{fonts: f, used: map[*fontFile]bool{}, shown: map[rune]int{}}
	for i := range t.glyphs {
		t.glyphs[i] = map[rune]glyph{}
	}
	return t
}

func (t *typesetter) glyph(r rune, s style) glyph {
	if r < 128 {
		if g := t.ascii[s][r]; g.known {
			return g
		}
	} else if g, ok := t.glyphs[s][r]; ok {
		return g
	}
	g := t.find(r, s)
	g.known = true
	if r < 128 {
		t.ascii[s][r] = g
	} else {
		t.glyphs[s][r] = g
	}
	return g
}

// find looks a character up in the style's own font, then in the others. A
// glyph without any outline counts as missing, unless it is a space: a blank
// name in a report would look like no name.
func (t *typesetter) find(r rune, s style) glyph {
	if r > 0xFFFF || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) {
		return glyph{missing: true}
	}
	own := []*fontFile{t.fonts.regular, t.fonts.bold, t.fonts.mono}[s]
	for _, file := range append([]*fontFile{own}, t.fonts.fallback...) {
		index := file.glyph(&t.buf, r)
		if index == 0 {
			continue
		}
		if !unicode.IsSpace(r) {
			outline, err := file.parsed.LoadGlyph(&t.buf, index, fixed.I(1000), nil)
			if err != nil || len(outline) == 0 {
				continue
			}
		}
		w, err := file.parsed.GlyphAdvance(&t.buf, index, fixed.I(1000), font.HintingNone)
		if err != nil {
			continue
		}
		return glyph{file: file, advance: float64(w) / 64}
	}
	return glyph{missing: true}
}

// mmPerPoint turns sizes in points into millimetres.
const mmPerPoint = 25.4 / 72

// split makes atoms of the pieces, at a size in points.
func (t *typesetter) split(pieces []piece, size float64) []atom {
	atoms := t.atoms[:0]
	for _, p := range pieces {
		text := p.text
		for len(text) > 0 {
			r, n := utf8.DecodeRuneInString(text)
			a := atom{text: text[:n], style: p.style, color: p.color}
			switch {
			case r == utf8.RuneError && n == 1:
				a.invalid = true
				a.text, r = "\uFFFD", '\uFFFD'
			case r == '\n', r == '\r', r == '\u2028', r == '\u2029':
				if r == '\r' && strings.HasPrefix(text[n:], "\n") {
					n++
				}
				a.stop = true
			case r == '\t':
				a.text, r = " ", ' '
			}
			text = text[n:]
			if a.stop {
				atoms = append(atoms, a)
				continue
			}
			a.g = t.glyph(r, p.style)
			if a.g.missing {
				atoms = t.replace(atoms, a, r, size)
				continue
			}
			a.space = unicode.IsSpace(r) && r != '\u00A0'
			a.w = a.g.advance / 1000 * size * mmPerPoint
			next, _ := utf8.DecodeRuneInString(text)
			a.after = text != "" && mayBreak(r, next)
			atoms = append(atoms, a)
		}
	}
	t.atoms = atoms
	return atoms
}

// replace appends U+XXXX for a character that cannot be shown.
func (t *typesetter) replace(atoms []atom, a atom, r rune, size float64) []atom {
	code := fmt.Sprintf("U+%04X", r)
	for i, c := range code {
		b := a
		b.text, b.g, b.color = code[i:i+1], t.glyph(c, a.style), muted
		b.w = b.g.advance / 1000 * size * mmPerPoint
		b.after = i == len(code)-1
		if i == 0 {
			b.shown = r
		}
		atoms = append(atoms, b)
	}
	return atoms
}

const (
	noStart = "，。、；：？！）】」』》〉〕］｝％…·ー々,.;:?!)]}%”’"
	noEnd   = "（【「『《〈〔［｛([{“‘"
)

// mayBreak reports whether a line may end between two characters: after a
// space, within a word after a hyphen and its like, and around Chinese,
// Japanese and Korean, except before closing and after opening punctuation.
func mayBreak(r, next rune) bool {
	switch {
	case unicode.IsSpace(next) || next == 0:
		return false
	case unicode.IsSpace(r):
		return r != '\u00A0'
	case strings.ContainsRune(noStart, next) || strings.ContainsRune(noEnd, r):
		return false
	case wide(r) || wide(next):
		return true
	case r == '-' || r == '/' || r == '_' || r == ',' || r == ';' || r == '|' || r == '>':
		return !unicode.IsDigit(next)
	}
	return false
}

// wide reports whether a character is one of those that are set without
// spaces and take two columns.
func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115F || r >= 0x2E80 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0xFE30 && r <= 0xFE4F || r >= 0xFF00 && r <= 0xFF60 || r >= 0xFFE0 && r <= 0xFFE6 || r >= 0x1F300
}

// wrap breaks pieces into lines no wider than width. A word that is wider
// breaks anywhere. With most > 0 it returns at most so many lines, the last
// one ending in an ellipsis when something was left out, which is counted.
func (t *typesetter) wrap(pieces []piece, size, width float64, most int) []line {
	atoms := t.split(pieces, size)
	var lines []line
	start, last, w, lastW := 0, -1, 0.0, 0.0
	end := func(to, next int, wide, rest float64) {
		lines = append(lines, t.assemble(atoms[start:to], wide))
		start, last, w = next, -1, rest
	}
	for i := range atoms {
		a := atoms[i]
		if a.stop {
			end(i, i+1, w, 0)
			continue
		}
		// Twice where what follows the last place to break is itself too wide.
		for w+a.w > width+1e-6 && i > start && !a.space {
			if last >= start {
				end(last+1, last+1, lastW, w-lastW)
			} else {
				end(i, i, w, 0)
			}
		}
		if most > 0 && len(lines) > most {
			break
		}
		w += a.w
		if a.after {
			last, lastW = i, w
		}
	}
	if start < len(atoms) || len(lines) == 0 {
		lines = append(lines, t.assemble(atoms[start:], w))
	}
	if most > 0 && len(lines) > most {
		lines = lines[:most]
		lines[most-1] = t.ellipsis(lines[most-1], size, width)
	}
	return lines
}

// assemble joins atoms into runs and leaves out the space at the end.
func (t *typesetter) assemble(atoms []atom, width float64) line {
	for len(atoms) > 0 && atoms[len(atoms)-1].space {
		width -= atoms[len(atoms)-1].w
		atoms = atoms[:len(atoms)-1]
	}
	l := line{width: width}
	x := 0.0
	for i := 0; i < len(atoms); {
		a := atoms[i]
		r := run{file: a.g.file, style: a.style, color: a.color, x: x}
		var text strings.Builder
		for ; i < len(atoms) && atoms[i].g.file == r.file && atoms[i].color == r.color && atoms[i].style == r.style; i++ {
			text.WriteString(atoms[i].text)
			r.w += atoms[i].w
			if atoms[i].shown != 0 {
				r.shown = append(r.shown, atoms[i].shown)
			}
			if atoms[i].invalid {
				r.invalid++
			}
		}
		r.text = text.String()
		r.strike = r.style == bold && r.file != t.fonts.bold
		x += r.w
		l.runs = append(l.runs, r)
	}
	return l
}

// ellipsis ends a line with "…", dropping as much of it as that takes.
func (t *typesetter) ellipsis(l line, size, width float64) line {
	g := t.glyph('…', regular)
	mark := run{text: "…", file: g.file, color: muted, cut: true, w: g.advance / 1000 * size * mmPerPoint}
	for len(l.runs) > 0 && l.width+mark.w > width {
		r := &l.runs[len(l.runs)-1]
		c, n := utf8.DecodeLastRuneInString(r.text)
		w := t.glyph(c, r.style).advance / 1000 * size * mmPerPoint
		r.text, r.w, l.width = r.text[:len(r.text)-n], r.w-w, l.width-w
		if r.text == "" {
			l.runs = l.runs[:len(l.runs)-1]
		}
	}
	mark.x = l.width
	l.runs = append(l.runs, mark)
	l.width += mark.w
	return l
}

// drawn counts what stands on a page.
func (t *typesetter) drawn(r run) {
	t.used[r.file] = true
	t.invalid += r.invalid
	for _, c := range r.shown {
		t.shown[c]++
	}
	if r.cut {
		t.cut++
	}
}

// width is the width of a text on one line, in mm.
func (t *typesetter) width(text string, s style, size float64) float64 {
	w := 0.0
	for _, r := range text {
		g := t.glyph(r, s)
		if g.missing {
			for _, c := range fmt.Sprintf("U+%04X", r) {
				w += t.glyph(c, s).advance
			}
			continue
		}
		w += g.advance
	}
	return w / 1000 * size * mmPerPoint
}

// fit joins two texts on one line no wider than width; where they are wider, the
// first is shortened.
func (t *typesetter) fit(first, second string, size, width float64) string {
	const most = 500 // no line has so many characters
	all := []rune(first)
	if len(all) == 0 || len(all) <= most && t.width(first+second, regular, size) <= width {
		return first + second
	}
	short := func(n int) string { return strings.TrimRight(string(all[:n]), " ·") + "…" + second }
	n := sort.Search(min(len(all), most), func(n int) bool { return t.width(short(n+1), regular, size) > width })
	return short(min(n, len(all)-1))
}

// emphasized splits text at ** into plain and emphasized pieces.
func emphasized(text string, plain, strong piece) []piece {
	var pieces []piece
	for i, part := range strings.Split(text, "**") {
		p := plain
		if i%2 == 1 {
			p = strong
		}
		if part != "" {
			p.text = part
			pieces = append(pieces, p)
		}
	}
	return pieces
}
