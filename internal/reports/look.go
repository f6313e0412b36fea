package reports

// The look of every output is decided here and nowhere else.

// rgb is a colour.
type rgb struct{ r, g, b uint8 }

var (
	ink    = rgb{0x1F, 0x29, 0x33}
	muted  = rgb{0x52, 0x60, 0x6D}
	hair   = rgb{0xD9, 0xE2, 0xEC} // rules
	zebra  = rgb{0xF7, 0xF9, 0xFB}
	accent = rgb{0x0B, 0x5C, 0x8A}
	amber  = rgb{0xB4, 0x6A, 0x00}
	white  = rgb{0xFF, 0xFF, 0xFF}
)

// Sizes of type, in points.
const (
	sizeTitle  = 20.0
	sizeAnswer = 13.0
	sizeHead   = 11.0
	sizeText   = 9.0
	sizeCell   = 8.0
	sizeSmall  = 7.5
	sizeID     = 6.5
	sizeSQL    = 5.0
	sizeFigure = 20.0
)

// toneColor is the colour of a severity; the word always stands beside it.
func toneColor(tone string) rgb {
	switch tone {
	case critical:
		return rgb{0xB4, 0x23, 0x18}
	case high:
		return rgb{0xC4, 0x57, 0x0A}
	case medium:
		return rgb{0x8A, 0x6D, 0x00}
	case low:
		return rgb{0x52, 0x60, 0x6D}
	case good:
		return rgb{0x1E, 0x7B, 0x4A}
	default:
		return accent
	}
}

// toneTint is the ground on which a severity's word stands.
func toneTint(tone string) rgb {
	c := toneColor(tone)
	mix := func(x uint8) uint8 { return uint8(255 - (255-int(x))*9/100) }
	return rgb{mix(c.r), mix(c.g), mix(c.b)}
}

// seriesColors are the colours of a chart's series, each with a pattern of
// its own so that it survives black and white.
var seriesColors = []rgb{accent, {0xC4, 0x57, 0x0A}, {0x1E, 0x7B, 0x4A}, {0x7A, 0x4E, 0x9F}, {0x8A, 0x6D, 0x00}}

func seriesColor(i int, tone string) rgb {
	if tone != "" {
		return toneColor(tone)
	}
	return seriesColors[i%len(seriesColors)]
}

// shadeColor is the ground of a number in a map of shades, from white at 0 to
// the darkest on which ink reads well at 1.
func shadeColor(shade float64) rgb {
	dark := rgb{0x8C, 0xB9, 0xD6}
	mix := func(x uint8) uint8 { return uint8(255 - float64(255-x)*shade) }
	return rgb{mix(dark.r), mix(dark.g), mix(dark.b)}
}

// looks are the colours of pages and mails by their names in style sheets, those
// for the light and for the dark.
var looks = []struct {
	name        string
	light, dark rgb
}{
	{"ground", white, rgb{0x12, 0x18, 0x1F}},
	{"zebra", zebra, rgb{0x1A, 0x22, 0x2B}},
	{"ink", ink, rgb{0xE4, 0xE9, 0xEE}},
	{"muted", muted, rgb{0x9F, 0xAD, 0xBA}},
	{"hair", hair, rgb{0x2F, 0x3B, 0x47}},
	{"accent", accent, rgb{0x6B, 0xB6, 0xE0}},
	{"amber", rgb{0x9A, 0x5B, 0x00}, rgb{0xF0, 0xB3, 0x52}},
	{"amber-tint", rgb{0xFD, 0xF3, 0xE1}, rgb{0x2E, 0x26, 0x14}},
	{critical, toneColor(critical), rgb{0xFF, 0x8A, 0x7D}},
	{high, toneColor(high), rgb{0xF5, 0xA2, 0x5D}},
	{medium, toneColor(medium), rgb{0xDC, 0xBF, 0x55}},
	{low, toneColor(low), rgb{0x9F, 0xAD, 0xBA}},
	{good, toneColor(good), rgb{0x6F, 0xCF, 0x97}},
	{"s0", seriesColors[0], rgb{0x6B, 0xB6, 0xE0}},
	{"s1", seriesColors[1], rgb{0xF5, 0xA2, 0x5D}},
	{"s2", seriesColors[2], rgb{0x6F, 0xCF, 0x97}},
	{"s3", seriesColors[3], rgb{0xC3, 0xA1, 0xE0}},
	{"s4", seriesColors[4], rgb{0xDC, 0xBF, 0x55}},
}

// lightColor is a colour of the look by its name, as style sheets have it.
func lightColor(name string) string {
	for _, l := range looks {
		if l.name == name {
			return "#" + hexColor(l.light)
		}
	}
	panic("no colour " + name) // only templates of ours name colours
}
