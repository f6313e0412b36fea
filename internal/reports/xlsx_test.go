package reports

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

func xlsxOf(t testing.TB, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.WriteXLSX(&b, testFonts(t)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func openXLSX(t testing.TB, data []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// cells is a workbook as text: sheet!cell, type, value as stored.
func cells(t testing.TB, f *excelize.File) string {
	t.Helper()
	types := map[excelize.CellType]string{excelize.CellTypeInlineString: "text", excelize.CellTypeSharedString: "text",
		excelize.CellTypeNumber: "number", excelize.CellTypeUnset: "number", excelize.CellTypeFormula: "FORMULA", excelize.CellTypeError: "ERROR"}
	var b strings.Builder
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows {
			for j, value := range row {
				cell := cellName(j+1, i+1)
				kind, err := f.GetCellType(sheet, cell)
				if err != nil {
					t.Fatal(err)
				}
				formula, err := f.GetCellFormula(sheet, cell)
				if err != nil || formula != "" {
					t.Errorf("%s!%s has the formula %q", sheet, cell, formula)
				}
				if value != "" {
					fmt.Fprintf(&b, "%s!%s\t%s\t%s\n", sheet, cell, types[kind], strings.ReplaceAll(value, "\n", `\n`))
				}
			}
		}
	}
	return b.String()
}

func TestWorkbookCells(t *testing.T) {
	f := openXLSX(t, xlsxOf(t, handReport{rows: 6, partial: true}.report(t)))
	golden(t, "workbook.tsv", cells(t, f))
	if got := f.GetActiveSheetIndex(); got != 0 {
		t.Errorf("opens on sheet %d, want the summary", got)
	}
	if diff := gocmp.Diff([]string{"Summary", "Permissions", "Rules", "Method"}, f.GetSheetList()); diff != "" {
		t.Errorf("sheets mismatch (-want +got):\n%s", diff)
	}
	tables, err := f.GetTables("Permissions")
	if err != nil || len(tables) != 1 || tables[0].Range != "A1:L7" {
		t.Errorf("GetTables = %v, %v; want one over A1:L7", tables, err)
	}
	for cell, want := range map[string]string{"A2": "@", "G2": "yyyy-mm-dd hh:mm", "H2": "#,##0", "L2": "@"} {
		id, err := f.GetCellStyle("Permissions", cell)
		if err != nil {
			t.Fatal(err)
		}
		style, err := f.GetStyle(id)
		if err != nil {
			t.Fatal(err)
		}
		got := "@"
		if style.CustomNumFmt != nil {
			got = *style.CustomNumFmt
		} else if style.NumFmt != 49 {
			got = fmt.Sprint(style.NumFmt)
		}
		if got != want {
			t.Errorf("format of Permissions!%s is %s, want %s", cell, got, want)
		}
	}
}

// hostile are texts that have broken exporters.
var hostile = []string{
	"=1+1", "+86", "-1", "@SUM(A1)", "\t=cmd|' /C calc'!A0", "\r=1", "=HYPERLINK(\"http://x\",\"y\")", "'quoted",
	"a\x00b\x07c", "bad \xff\xfe utf8", "\ufffe\uffff", "😀 emoji", "𠮷野家", "שלום עולם", "مرحبا", "한국어", "e\u0301\u200bzero",
	"_x0041_ _x005F_x0041_", "</t></is><c>&amp;<!--", "line\nbreak\r\nand\rmore", strings.Repeat("长", 10000),
	strings.Repeat("W", 10000), strings.Repeat("x", 40000), strings.Repeat("😀", 17000), " leading and trailing ", "\u00a0", "",
	"1234567890123456789", "090909", "2026-03-31", "TRUE", "#REF!", "1e5", "&P of &N", strings.Repeat("a ", 5000),
}

func hostileReport(t testing.TB, texts []string) *Report {
	r := handReport{rows: 0}.report(t)
	s := Section{Name: "Texts", Title: "Texts &P", Columns: []Column{{Name: "text", Title: "=Title"}, {Name: "text2", Title: "=title"},
		{Name: "id", Title: "Id", Format: formatID}, {Name: "list", Title: "List", Format: formatList}},
		Severity: "", First: &First{Columns: []string{"text", "id"}}}
	main := handTable(s)
	for _, x := range texts {
		main.fact(x, x, x, []any{x, nil, "b"})
	}
	main.settle()
	r.tables = []*table{main}
	r.answer, r.question, r.whatToDo = strings.Join(texts, "**"), texts[0], strings.Join(texts, " ")
	r.def.Title = texts[0] + texts[len(texts)-1]
	r.trust.projects[0].id = texts[0]
	r.figures = []figure{{texts[0], texts[0], texts[0], ""}}
	r.parameters = []namedText{{"p", texts[0]}}
	return r
}

// TestWorkbookOfHostileTexts reads hostile texts back as they were, or as the
// rules for what a cell cannot hold say.
func TestWorkbookOfHostileTexts(t *testing.T) {
	r := hostileReport(t, hostile)
	r.trust.projects[0].id = "1"
	f := openXLSX(t, xlsxOf(t, r))
	cells(t, f)
	for i, s := range hostile {
		got, err := f.GetCellValue("Texts", cellName(1, i+2))
		if err != nil {
			t.Fatal(err)
		}
		want := new(cellCounts).cell(s)
		switch {
		case s == "":
			want = "(empty)"
		case strings.TrimSpace(s) == "":
			want = "(blank)"
		}
		if got != want {
			t.Errorf("cell of %.40q is %.60q, want %.60q", s, got, want)
		}
		kind, err := f.GetCellType("Texts", cellName(1, i+2))
		if err != nil || kind != excelize.CellTypeInlineString {
			t.Errorf("cell of %.40q has type %v, %v; want an inline string", s, kind, err)
		}
	}
	id, err := f.GetCellStyle("Texts", "A2")
	if err != nil {
		t.Fatal(err)
	}
	if q := f.Styles.CellXfs.Xf[id].QuotePrefix; q == nil || !*q {
		t.Error("the style of a text like a formula has no quotePrefix")
	}
}

func TestCellText(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain text stays", "张伟, Jane", "张伟, Jane"},
		{"a control character is replaced", "a\x00b", "a\ufffdb"},
		{"a tab and a line feed stay", "a\tb\nc", "a\tb\nc"},
		{"CR LF is one line feed", "a\r\nb", "a\nb"},
		{"a lone CR is replaced", "a\rb", "a\ufffdb"},
		{"invalid UTF-8 is replaced by byte", "a\xff\xfeb", "a\ufffd\ufffdb"},
		{"what XML cannot hold is replaced", "a\ufffeb", "a\ufffdb"},
		{"the longest that fits stays", strings.Repeat("x", maxCell), strings.Repeat("x", maxCell)},
		{"a longer one is cut", strings.Repeat("x", maxCell+1), strings.Repeat("x", maxCell-1) + "…"},
		{"a pair of surrogates counts two", strings.Repeat("😀", maxCell/2+1), strings.Repeat("😀", maxCell/2) + "…"},
	} {
		if got := new(cellCounts).cell(c.in); got != c.want {
			t.Errorf("%s: cell(%.30q) = %.60q, want %.60q", c.name, c.in, got, c.want)
		}
	}
	counts := cellCounts{}
	counts.cell("\x00\x01\xff")
	counts.cell(strings.Repeat("x", 2*maxCell))
	if want := (cellCounts{controls: 2, invalid: 1, cut: 1}); counts != want {
		t.Errorf("counts = %+v, want %+v", counts, want)
	}
}

func FuzzCellText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var c cellCounts
		got := c.cell(s)
		if !utf8.ValidString(got) {
			t.Errorf("cell(%q) is not UTF-8", s)
		}
		units := 0
		for _, r := range got {
			if r < 0x20 && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
				t.Errorf("cell(%q) holds %U", s, r)
			}
			units++
			if r > 0xFFFF {
				units++
			}
		}
		if units > maxCell {
			t.Errorf("cell(%.40q) has %d units", s, units)
		}
		if c == (cellCounts{}) && got != strings.ReplaceAll(s, "\r\n", "\n") {
			t.Errorf("cell(%q) = %q, changed without being counted", s, got)
		}
	})
}

// TestOverfullSheet goes on in the next sheet, and the method has the total.
func TestOverfullSheet(t *testing.T) {
	r := handReport{rows: 25}.report(t)
	var b bytes.Buffer
	if err := r.writeXLSX(&b, testFonts(t), 10); err != nil {
		t.Fatal(err)
	}
	f := openXLSX(t, b.Bytes())
	if diff := gocmp.Diff([]string{"Summary", "Permissions", "Permissions (2)", "Permissions (3)", "Rules", "Method"}, f.GetSheetList()); diff != "" {
		t.Fatalf("sheets mismatch (-want +got):\n%s", diff)
	}
	seen := map[string]bool{}
	for _, sheet := range []string{"Permissions", "Permissions (2)", "Permissions (3)"} {
		rows, err := f.GetRows(sheet)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows[1:] {
			seen[row[11]] = true
		}
	}
	if len(seen) != 25 {
		t.Errorf("%d different ids on the sheets, want 25", len(seen))
	}
	text := cells(t, f)
	for _, want := range []string{"5 rows of 25 in Permissions that end", "10 + 10 + 5 = 25 rows of Permissions that end, as many as the query gave",
		"Permissions that end: rows 21 to 25 of 25"} {
		if !strings.Contains(text, want) {
			t.Errorf("the workbook does not say %q", want)
		}
	}
}

func TestExcelDate(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	for _, c := range []struct {
		name string
		in   time.Time
		want float64
		ok   bool
	}{
		{"a day", time.Date(2026, 3, 31, 0, 0, 0, 0, zone), 46112, true},
		{"by the clock on the wall", time.Date(2026, 3, 31, 12, 0, 0, 0, zone), 46112.5, true},
		{"the first day that all agree on", time.Date(1900, 3, 1, 0, 0, 0, 0, zone), 61, true},
		{"the day before", time.Date(1900, 2, 28, 0, 0, 0, 0, zone), 0, false},
		{"year 1", time.Date(1, 1, 1, 0, 0, 0, 0, zone), 0, false},
		{"the last day", time.Date(9999, 12, 31, 0, 0, 0, 0, zone), 2958465, true},
		{"year 10000", time.Date(10000, 1, 1, 0, 0, 0, 0, zone), 0, false},
	} {
		if got, ok := excelDate(c.in); got != c.want || ok != c.ok {
			t.Errorf("%s: excelDate = %v, %v; want %v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

// TestValuesOutsideOfNumbers keeps what a cell's number cannot hold as text.
func TestValuesOutsideOfNumbers(t *testing.T) {
	r := handReport{rows: 0}.report(t)
	x := handTable(Section{Name: "Values", Title: "Values", Columns: []Column{
		{Name: "n", Format: formatInteger}, {Name: "d", Format: formatDatetime}, {Name: "s", Format: formatShare}, {Name: "p", Format: formatDuration}}})
	x.fact(int64(12345), time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC), 0.5, int64(90000))
	x.fact(int64(math.MaxInt64), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), math.NaN(), int64(-60))
	x.fact(nil, nil, nil, nil)
	x.settle()
	r.tables = []*table{x}
	f := openXLSX(t, xlsxOf(t, r))
	var got strings.Builder
	for line := range strings.Lines(cells(t, f)) {
		if strings.HasPrefix(line, "Values!") {
			got.WriteString(line)
		}
	}
	want := `Values!A1	text	N
Values!B1	text	D (Asia/Shanghai)
Values!C1	text	S
Values!D1	text	P (h:mm)
Values!A2	number	12345
Values!B2	number	46112.333333333336
Values!C2	number	0.5
Values!D2	number	1.0416666666666667
Values!A3	text	9,223,372,036,854,775,807
Values!B3	text	0001-01-01 08:00
Values!C3	text	–
Values!D3	number	-0.0006944444444444445
Values!A4	text	–
Values!B4	text	–
Values!C4	text	–
Values!D4	text	–
`
	if diff := gocmp.Diff(want, got.String()); diff != "" {
		t.Errorf("cells mismatch (-want +got):\n%s", diff)
	}
}

func TestSheetName(t *testing.T) {
	for in, want := range map[string]string{"Permissions": "Permissions", "a/b:c*d?[e]\\f": "a-b-c-d--e--f", "'x'": "x", "": "Data",
		strings.Repeat("长", 40): strings.Repeat("长", 25), "tab\there": "tab-here"} {
		if got := sheetName(in); got != want {
			t.Errorf("sheetName(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestSameBytes writes each report twice; the second time from a new snapshot
// of the same site.
func TestSameBytes(t *testing.T) {
	fonts := testFonts(t)
	site := handSite(t)
	one, two := ownReader(t, site), ownReader(t, site)
	for _, d := range Builtin() {
		first, again := makeReport(t, one, d.Name, nil), makeReport(t, two, d.Name, nil)
		for format, write := range map[string]func(*Report, *bytes.Buffer) error{
			"xlsx": func(r *Report, b *bytes.Buffer) error { return r.WriteXLSX(b, fonts) },
			"pdf":  func(r *Report, b *bytes.Buffer) error { return r.WritePDF(b, fonts) },
		} {
			var a, b bytes.Buffer
			if err := errors.Join(write(first, &a), write(again, &b)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Errorf("%s as %s: not the same bytes", d.Name, format)
			}
		}
	}
}
