package reports

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"exporter/internal/store"
)

func TestPages(t *testing.T) {
	for _, c := range []struct {
		name string
		hand handReport
	}{
		{"pages_partial.txt", handReport{rows: 8, partial: true}},
		{"pages_empty.txt", handReport{rows: 0}},
	} {
		golden(t, c.name, pdfText(t, pdfOf(t, c.hand.report(t))))
	}
}

func TestPagesOfHandSite(t *testing.T) {
	r := reader(t, handSite(t))
	for _, d := range Builtin() {
		p := makeReport(t, r, d.Name, nil)
		p.trust.projects[0].digest, p.trust.tieOuts = strings.Repeat("0123456789abcdef", 4), nil // the store's, tested there
		first, _, _ := strings.Cut(pdfText(t, pdfOf(t, p)), "\f")
		golden(t, d.Name+".txt", first)
	}
}

// TestPagesOfHostileTexts shows what no font has as U+XXXX, and says so.
func TestPagesOfHostileTexts(t *testing.T) {
	r := hostileReport(t, hostile)
	text := pdfText(t, pdfOf(t, r))
	for _, want := range []string{"U+1F600", "U+20BB7", "U+0000", "=1+1", "Not in a font", "Invalid UTF-8", "Cut short"} {
		if !strings.Contains(text, want) {
			t.Errorf("the pages lack %q", want)
		}
	}
	// A cell that is cut says so itself.
	cell := regexp.MustCompile(`长{20,}…\s[^长]*Cut short: 10,000 characters in all\.`)
	if !cell.MatchString(text) {
		t.Error("a text of 10,000 characters is cut without a word")
	}
}

// TestPagesWithoutFonts shows Chinese as U+XXXX where no font has it.
func TestPagesWithoutFonts(t *testing.T) {
	fonts := testFonts(t)
	fonts.fallback = nil
	var b bytes.Buffer
	if err := (handReport{rows: 2}).report(t).WritePDF(&b, fonts); err != nil {
		t.Fatal(err)
	}
	text := pdfText(t, b.Bytes())
	for _, want := range []string{"U+5F20U+4F1F", "No CJK font", "Not in a font"} {
		if !strings.Contains(text, want) {
			t.Errorf("the pages lack %q", want)
		}
	}
}

// TestRowsOfPages cuts long sections, and says so where it is read first.
func TestRowsOfPages(t *testing.T) {
	r := handReport{rows: 30}.report(t)
	most := 12
	r.def.PDFRows = &most
	text := pdfText(t, pdfOf(t, r))
	first, rest, _ := strings.Cut(text, "\f")
	if !strings.Contains(first, "13 of 31 rows here, all in expiring-permissions.xlsx") {
		t.Error("the first page does not say that rows are left out")
	}
	if !strings.Contains(rest, "The first 12 of 30 rows. The workbook expiring-permissions.xlsx has all of them.") {
		t.Error("the table does not say that rows are left out")
	}
	most = 0
	if text := pdfText(t, pdfOf(t, r)); strings.Count(text, "1571134600000000") < 30 {
		t.Error("pdf_rows: 0 does not show all rows")
	}
}

// TestFooterKeepsTheSeal shortens what a report is called before what it rests on.
func TestFooterKeepsTheSeal(t *testing.T) {
	r := handReport{rows: 14}.report(t)
	r.mask, r.def.Title = store.MaskPseudonym, strings.Repeat("Access of 第三宿舍 & Sons ", 9)
	pages := strings.Split(strings.TrimSuffix(pdfText(t, pdfOf(t, r)), "\f"), "\f")
	for i, p := range pages {
		if !strings.Contains(p, "… · 20260331T050000Z · 9f3c52d07ab1 · mask pseudonym · sealed by journal line 4118, 3f2a9c12ab34") {
			t.Errorf("page %d: %s", i+1, p)
		}
	}
	name, rests := r.footer()
	if got := footerText(joinWords(cut(name, 60), rests)); !strings.HasSuffix(got, rests) || len(got) > 240 {
		t.Errorf("a sheet's footer is %q", got)
	}
}

// TestEveryPage finds the footer on each page, whichever way it is turned.
func TestEveryPage(t *testing.T) {
	pages := strings.Split(strings.TrimSuffix(pdfText(t, pdfOf(t, handReport{rows: 300}.report(t))), "\f"), "\f")
	for i, p := range pages {
		want := number(int64(i+1)) + " of " + number(int64(len(pages)))
		if !strings.Contains(p, want) || !strings.Contains(p, "20260331T050000Z · 9f3c52d07ab1 · sealed by journal line 4118, 3f2a9c12ab34") {
			t.Errorf("page %d lacks its footer %q", i+1, want)
		}
		if i > 0 && i < len(pages)-3 && !strings.Contains(p, "Severity") {
			t.Errorf("page %d of the table lacks the header", i+1)
		}
	}
}

func FuzzPages(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	fonts, err := FindFonts(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var b bytes.Buffer
		if err := hostileReport(t, []string{s, "ok"}).WritePDF(&b, fonts); err != nil {
			t.Fatal(err)
		}
	})
}

func TestFindFonts(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.ttf")
	junk := filepath.Join(t.TempDir(), "junk.ttf")
	if err := os.WriteFile(junk, []byte("\x00\x01\x00\x00 not a font"), 0o600); err != nil {
		t.Fatal(err)
	}
	otto := filepath.Join(t.TempDir(), "cff.otf")
	if err := os.WriteFile(otto, append([]byte("OTTO"), make([]byte, 100)...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{missing, "no such file"}, {junk, "not a font that can be read"}, {otto, "not a font that can be read"}, {t.TempDir(), "not a font file"},
	} {
		_, err := FindFonts([]string{c.path})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("FindFonts(%s) = %v, want an error with %q that names the file", c.path, err, c.want)
		}
	}
	all, err := FindFonts(nil)
	if err != nil {
		t.Fatal(err)
	}
	path := testFonts(t).Paths()[0]
	f, err := FindFonts([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Paths(); len(got) != len(all.Paths()) || got[0] != path {
		t.Errorf("a font that is configured and found is there twice, or not first: %v", got)
	}
}

// TestGroups heads each run of rows of a group with its name and their count.
func TestGroups(t *testing.T) {
	r := handReport{rows: 12}.report(t)
	r.tables[0].section.Group = "severity"
	text := pdfText(t, pdfOf(t, r))
	for _, want := range []string{"high (4)", "medium (6)", "low (2)"} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("the pages lack the heading %q", want)
		}
	}
}

// TestSideBySide writes several reports with the same fonts at a time.
func TestSideBySide(t *testing.T) {
	fonts := testFonts(t)
	want := pdfOf(t, handReport{rows: 5}.report(t))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			var pdf, xlsx bytes.Buffer
			r := handReport{rows: 5}.report(t)
			if err := errors.Join(r.WritePDF(&pdf, fonts), r.WriteXLSX(&xlsx, fonts)); err != nil {
				t.Error(err)
			}
			if !bytes.Equal(pdf.Bytes(), want) {
				t.Error("not the same bytes side by side")
			}
		})
	}
	wg.Wait()
}
