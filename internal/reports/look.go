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
