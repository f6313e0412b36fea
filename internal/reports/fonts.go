package reports

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
)

// Fonts are the fonts that pages are set in: the Go fonts, which are part of
// the program and have Latin, Greek and Cyrillic, and those found on the
// system for what they lack. They may be used by several reports at the same
// time. The zero value is not usable; see [FindFonts].
type Fonts struct {
	regular, bold, mono *fontFile
	fallback            []*fontFile // asked in this order
}

// fontFile is one font as it is embedded.
type fontFile struct {
	name   string // base name of the file, or of the built-in font
	path   string // "" for a built-in one
	data   []byte
	sha256 string
	parsed *sfnt.Font
}

// wellKnown are files that have Chinese, Japanese or Korean, or many other
// scripts, in TrueType outlines, which the PDF library needs: OpenType fonts
// with PostScript outlines, such as Noto Sans CJK, and collections (.ttc)
// cannot be embedded.
var wellKnown = map[string][]string{
	"linux": {
		"/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf",
		"/usr/share/fonts/truetype/droid/DroidSansFallback.ttf",
		"/usr/share/fonts/google-droid-sans-fonts/DroidSansFallbackFull.ttf",
		"/usr/share/fonts/google-droid/DroidSansFallback.ttf",
		"/usr/share/fonts/droid/DroidSansFallbackFull.ttf",
		"/usr/share/fonts/TTF/DroidSansFallbackFull.ttf",
		"/usr/share/fonts/truetype/nanum/NanumGothic.ttf",
		"/usr/share/fonts/nanum/NanumGothic.ttf",
		"/usr/share/fonts/truetype/unfonts-core/UnDotum.ttf",
		"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
		"/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
		"/usr/share/fonts/TTF/DejaVuSans.ttf",
	},
	"darwin": {
		"/Library/Fonts/Arial Unicode.ttf",
		"/System/Library/Fonts/Supplemental/Arial Unicode.ttf",
		"/System/Library/Fonts/Supplemental/AppleGothic.ttf",
	},
	"windows": {
		`C:\Windows\Fonts\Deng.ttf`,
		`C:\Windows\Fonts\simhei.ttf`,
		`C:\Windows\Fonts\simkai.ttf`,
		`C:\Windows\Fonts\malgun.ttf`,
		`C:\Windows\Fonts\segoeui.ttf`,
	},
}

// FindFonts returns the built-in fonts, the configured files, which are asked
// first for a character that the built-in ones lack, and the well-known fonts
// of the system that are there. It errs when a configured file cannot be read
// or embedded. That the system has none is no error: what no font has is
// shown as U+XXXX.
func FindFonts(configured []string) (Fonts, error) {
	var f Fonts
	var err error
	for _, b := range []struct {
		to   **fontFile
		name string
		data []byte
	}{
		{&f.regular, "Go Regular", goregular.TTF},
		{&f.bold, "Go Bold", gobold.TTF},
		{&f.mono, "Go Mono", gomono.TTF},
	} {
		if *b.to, err = newFont(b.name, "", b.data); err != nil {
			return Fonts{}, err
		}
	}
	seen := map[string]bool{}
	for _, path := range configured {
		file, err := openFont(path)
		if err != nil {
			return Fonts{}, fmt.Errorf("font %s: %w", path, err)
		}
		if !seen[file.sha256] {
			f.fallback = append(f.fallback, file)
			seen[file.sha256] = true
		}
	}
	for _, path := range wellKnown[runtime.GOOS] {
		file, err := openFont(path)
		if err != nil || seen[file.sha256] {
			continue // not there, or not one that can be embedded
		}
		f.fallback = append(f.fallback, file)
		seen[file.sha256] = true
	}
	return f, nil
}

// Sums returns the SHA-256, in hex, of the configured fonts and those of the system,
// in the order in which they are asked for a character.
func (f Fonts) Sums() []string {
	sums := []string{}
	for _, file := range f.fallback {
		sums = append(sums, file.sha256)
	}
	return sums
}

// Has reports whether some font has the character.
func (f Fonts) Has(r rune) bool {
	if r > 0xFFFF {
		return false
	}
	var buf sfnt.Buffer
	for _, file := range append([]*fontFile{f.regular}, f.fallback...) {
		if file.glyph(&buf, r) != 0 {
			return true
		}
	}
	return false
}

// Paths returns the fonts found on the system and configured.
func (f Fonts) Paths() []string {
	var paths []string
	for _, file := range f.fallback {
		paths = append(paths, file.path)
	}
	return paths
}

func (f Fonts) all() []*fontFile {
	return append([]*fontFile{f.regular, f.bold, f.mono}, f.fallback...)
}

// maxFont bounds what is read as a font: the largest CJK fonts have 30 MB.
const maxFont = 64 << 20

func openFont(path string) (*fontFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if info.Size() > maxFont || !info.Mode().IsRegular() {
		return nil, errors.New("not a font file")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, reason(err)
	}
	f, err := newFont(filepath.Base(path), path, data)
	if err != nil {
		return nil, err
	}
	if err := embeddable(data); err != nil {
		return nil, err
	}
	return f, nil
}

// reason takes the path out of an error that will be named with it.
func reason(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func newFont(name, path string, data []byte) (*fontFile, error) {
	parsed, err := sfnt.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("not a font that can be read: %w", err)
	}
	sum := sha256.Sum256(data)
	return &fontFile{name: name, path: path, data: data, parsed: parsed, sha256: hex.EncodeToString(sum[:])}, nil
}

// embeddable tries a font from outside with the PDF library, which panics on
// some that it cannot take.
func embeddable(data []byte) (err error) {
	if len(data) < 4 || string(data[:4]) != "\x00\x01\x00\x00" && string(data[:4]) != "true" {
		return errors.New("has no TrueType outlines (an OpenType font or a collection cannot be embedded)")
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("cannot be embedded: %v", p)
		}
	}()
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.AddUTF8FontFromBytes("try", "", slices.Clone(data))
	pdf.SetFont("try", "", 9)
	return pdf.Error()
}

// glyph returns the glyph of a character, 0 where the font has none or an
// empty one.
func (f *fontFile) glyph(buf *sfnt.Buffer, r rune) sfnt.GlyphIndex {
	g, err := f.parsed.GlyphIndex(buf, r)
	if err != nil || g == 0 {
		return 0
	}
	return g
}
