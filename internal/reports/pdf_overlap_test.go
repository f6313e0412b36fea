package reports

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// placedWord is a word on a page as pdftotext finds it, in points.
type placedWord struct {
	XMin float64 `xml:"xMin,attr"`
	YMin float64 `xml:"yMin,attr"`
	XMax float64 `xml:"xMax,attr"`
	YMax float64 `xml:"yMax,attr"`
	Text string  `xml:",chardata"`
}

type wordPage struct {
	Width  float64      `xml:"width,attr"`
	Height float64      `xml:"height,attr"`
	Words  []placedWord `xml:"word"`
}

// pagesOf are the words of a PDF with their places.
func pagesOf(t testing.TB, pdf []byte) []wordPage {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	out := tool(t, "pdftotext", "-bbox", "-enc", "UTF-8", path, "-")
	out = strings.Map(func(r rune) rune { // the tool copies what XML cannot hold
		if r < ' ' && r != '\n' || r == '\uFFFE' || r == '\uFFFF' {
			return '\uFFFD'
		}
		return r
	}, out)
	var doc struct {
		Pages []wordPage `xml:"body>doc>page"`
	}
	d := xml.NewDecoder(strings.NewReader(out))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Pages) == 0 || len(doc.Pages[0].Words) < 50 {
		t.Fatalf("no words in what pdftotext says: %.300s", out)
	}
	return doc.Pages
}

// collisions are the places where words stand on each other or leave the page.
// A word's box is as high as its font says, which is more than the letters: of
// boxes only the middle counts.
func collisions(pages []wordPage) []string {
	var found []string
	for i, p := range pages {
		words := slices.Clone(p.Words)
		slices.SortFunc(words, func(a, b placedWord) int { return cmp.Compare(a.XMin, b.XMin) })
		for n, a := range words {
			if a.XMin < 20 || a.YMin < 15 || a.XMax > p.Width-20 || a.YMax > p.Height-15 {
				found = append(found, fmt.Sprintf("page %d: %q leaves the page", i+1, a.Text))
			}
			for _, b := range words[n+1:] {
				if b.XMin > a.XMax-0.5 {
					break
				}
				high := min(a.YMax-a.YMin, b.YMax-b.YMin)
				if over := min(a.YMax, b.YMax) - max(a.YMin, b.YMin); over > high*0.45 {
					found = append(found, fmt.Sprintf("page %d: %q stands on %q at %.0f, %.0f", i+1, b.Text, a.Text, b.XMin, b.YMin))
				}
			}
		}
	}
	return found
}

// TestNothingOverlaps looks for text on text and text off the page, by the
// places of the words, at 1, 40 and 5,000 rows and with the longest names.
func TestNothingOverlaps(t *testing.T) {
	longest := []string{
		"Wolfeschlegelsteinhausenbergerdorff Hubert Blaine the Younger of Philadelphia",
		"乌鲁木齐买买提阿不都热西提艾合买提江玉素甫司马相如欧阳端木诸葛上官皇甫尉迟",
		"김수한무거북이와두루미삼천갑자동방삭치치카포사리사리센타워리워리세브리깡",
		"Преображенско-Христорождественский Константин Константинович",
		"Ángela-María de los Ángeles y Fernández-Villaverde", "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
	}
	fonts, err := FindFonts(nil) // with Korean
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		rows int
		long bool
	}{{"one", 1, false}, {"forty", 40, false}, {"forty-long", 40, true}, {"none", 0, true}, {"five-thousand", 5000, true}} {
		h := handReport{rows: c.rows, partial: c.long}
		if c.long {
			h.names = longest
		}
		r := h.report(t)
		all := 0
		r.def.PDFRows = &all
		r.matrix = handMatrix(t, min(c.rows, 90), 30)
		if c.long {
			r.question, r.def.Title = strings.Join(longest[:3], " "), strings.Join(longest, ", ")
			r.answer = "**" + strings.Join(longest, "** and **") + "**"
			r.trust.projects[0].id = strings.Repeat("1424615984265764001", 4)
			for i := range r.figures {
				r.figures[i].label, r.figures[i].note = longest[i], longest[i+1]
			}
			r.chart.labels[1], r.chart.def.Series[1].Title = longest[1], longest[0]
			if c.rows < 100 {
				r.tables[0].section.Group = "source"
			}
		}
		var b bytes.Buffer
		if err := r.WritePDF(&b, fonts); err != nil {
			t.Fatal(err)
		}
		pdf := b.Bytes()
		lookAt(t, c.name+".pdf", pdf)
		found := collisions(pagesOf(t, pdf))
		for _, s := range found[:min(len(found), 8)] {
			t.Errorf("%s rows: %s", c.name, s)
		}
	}
}

// TestCollisions finds what the test above looks for.
func TestCollisions(t *testing.T) {
	page := wordPage{Width: 595, Height: 842, Words: []placedWord{
		{100, 100, 150, 110, "left"}, {151, 100, 200, 110, "right"}, {100, 112, 150, 122, "below"},
		{145, 101, 180, 111, "over"}, {570, 300, 590, 310, "out"}}}
	want := []string{`page 1: "over" stands on "left" at 145, 101`, `page 1: "right" stands on "over" at 151, 100`, `page 1: "out" leaves the page`}
	got := collisions([]wordPage{page})
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("collisions = %q, want %q", got, want)
	}
}
