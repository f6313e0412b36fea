package reports

import (
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// TestPackage keeps rules whose breach makes Excel offer a repair.
func TestPackage(t *testing.T) {
	odd := handReport{rows: 25, partial: true}.report(t)
	odd.matrix, odd.chart.def.Kind = handMatrix(t, 12, 30), "lines"
	for name, r := range map[string]*Report{"failed-issues": makeReport(t, reader(t, handSite(t)), "failed-issues", nil),
		"odd": odd, "hostile": hostileReport(t, hostile)} {
		var b bytes.Buffer
		if err := r.writeXLSX(&b, testFonts(t), 10); err != nil {
			t.Fatal(err)
		}
		for _, fault := range packageFaults(t, b.Bytes()) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// xlsxPackage is a workbook by its parts.
type xlsxPackage struct {
	parts  map[string]string
	sheets []string // names
	faults []string
}

func (p *xlsxPackage) fault(format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// attributes are all values of an attribute of an element in a part.
func attributes(text, element, attribute string) []string {
	var values []string
	for _, tag := range regexp.MustCompile(`<`+element+`( [^>]*)?>`).FindAllString(text, -1) {
		m := regexp.MustCompile(` ` + attribute + `="([^"]*)"`).FindStringSubmatch(tag)
		if m == nil {
			m = []string{"", ""}
		}
		values = append(values, html.UnescapeString(m[1]))
	}
	return values
}

func packageFaults(t testing.TB, data []byte) []string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	p := &xlsxPackage{parts: map[string]string{}}
	for _, f := range archive.File {
		if _, twice := p.parts[f.Name]; twice {
			p.fault("part %s is there twice", f.Name)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		p.parts[f.Name] = string(text)
	}
	if archive.File[0].Name != typesPart {
		p.fault("the first part is %s", archive.File[0].Name)
	}
	p.contentTypes()
	p.relations()
	p.book()
	for name, text := range p.parts {
		if strings.HasPrefix(name, "xl/worksheets/sheet") {
			p.sheet(name, text)
		}
	}
	p.tables(openXLSX(t, data))
	return p.faults
}

// contentTypes wants one for each part, and a part for each.
func (p *xlsxPackage) contentTypes() {
	types := p.parts[typesPart]
	extensions, overrides := attributes(types, "Default", "Extension"), attributes(types, "Override", "PartName")
	for name := range p.parts {
		if name != typesPart && !slices.Contains(overrides, "/"+name) && !slices.Contains(extensions, strings.TrimPrefix(path.Ext(name), ".")) {
			p.fault("%s has no content type", name)
		}
	}
	for i, name := range overrides {
		if _, ok := p.parts[strings.TrimPrefix(name, "/")]; !ok || slices.Contains(overrides[:i], name) {
			p.fault("content type of %s: no such part, or twice", name)
		}
	}
}

// relations wants ids used once, targets that are there, and no id in a part
// without a relation.
func (p *xlsxPackage) relations() {
	for name, text := range p.parts {
		if !strings.HasSuffix(name, ".rels") {
			continue
		}
		ids, targets, modes := attributes(text, "Relationship", "Id"), attributes(text, "Relationship", "Target"), attributes(text, "Relationship", "TargetMode")
		for i, target := range targets {
			if !strings.HasPrefix(target, "/") {
				target = path.Join(path.Dir(path.Dir(name)), target)
			}
			if _, ok := p.parts[strings.TrimPrefix(target, "/")]; !ok && modes[i] != "External" {
				p.fault("%s: no part %s", name, target)
			}
			if slices.Contains(ids[:i], ids[i]) {
				p.fault("%s: id %s twice", name, ids[i])
			}
		}
		of := strings.TrimSuffix(strings.Replace(name, "_rels/", "", 1), ".rels")
		for _, m := range regexp.MustCompile(` r:(?:id|embed|pict)="([^"]+)"`).FindAllStringSubmatch(p.parts[of], -1) {
			if !slices.Contains(ids, m[1]) {
				p.fault("%s names the relation %s, which is not there", of, m[1])
			}
		}
	}
}

// book wants sheets with names and ids of their own, and defined names that
// point to sheets.
func (p *xlsxPackage) book() {
	book := p.parts["xl/workbook.xml"]
	p.sheets = attributes(book, "sheet", "name")
	ids := attributes(book, "sheet", "sheetId")
	for i, name := range p.sheets {
		if len([]rune(name)) > 31 || strings.ContainsAny(name, `:\/?*[]`) || slices.ContainsFunc(p.sheets[:i], func(s string) bool { return strings.EqualFold(s, name) }) {
			p.fault("sheet name %q", name)
		}
		if slices.Contains(ids[:i], ids[i]) {
			p.fault("sheet id %s twice", ids[i])
		}
	}
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`<definedName ([^>]*)>([^<]*)</definedName>`).FindAllStringSubmatch(book, -1) {
		if seen[m[1]] {
			p.fault("defined twice: %s", m[1])
		}
		seen[m[1]] = true
		for reference := range strings.SplitSeq(html.UnescapeString(m[2]), ",'") {
			p.reference("a defined name", reference)
		}
	}
}

// reference wants a sheet that is there before the exclamation mark.
func (p *xlsxPackage) reference(what, reference string) {
	sheet, _, ok := strings.Cut(reference, "!")
	sheet = strings.ReplaceAll(strings.Trim(sheet, "'"), "''", "'")
	if !ok || !slices.Contains(p.sheets, sheet) {
		p.fault("%s points to %s", what, reference)
	}
}

// elementsOfSheet is their order.
var elementsOfSheet = []string{"sheetPr", "dimension", "sheetViews", "sheetFormatPr", "cols", "sheetData", "mergeCells", "conditionalFormatting",
	"hyperlinks", "pageMargins", "pageSetup", "headerFooter", "drawing", "tableParts"}

func (p *xlsxPackage) sheet(name, text string) {
	last := -1
	for _, element := range elementsOfSheet {
		if i := regexp.MustCompile(`<` + element + `[ >/]`).FindStringIndex(text); i != nil {
			if i[0] < last {
				p.fault("%s: %s is out of order", name, element)
			}
			last = i[0]
		}
	}
	low, high, before := attributes(text, "col", "min"), attributes(text, "col", "max"), 0
	for i := range low {
		from, _ := strconv.Atoi(low[i])
		to, _ := strconv.Atoi(high[i])
		if from <= before || to < from {
			p.fault("%s: column %d to %d after %d", name, from, to, before)
		}
		before = to
	}
	if before == 0 {
		p.fault("%s has no columns", name)
	}
	styles := p.parts["xl/styles.xml"]
	within := func(what string, ids []string, element string) {
		count, _ := strconv.Atoi(cmp.Or(append(attributes(styles, element, "count"), "0")...))
		for _, id := range ids {
			if n, err := strconv.Atoi(cmp.Or(id, "0")); err != nil || n < 0 || n >= count {
				p.fault("%s: %s %q of %d", name, what, id, count)
			}
		}
	}
	within("style", attributes(text, "c", "s"), "cellXfs")
	rules := attributes(text, "cfRule", "dxfId")
	within("conditional style", slices.DeleteFunc(rules, func(s string) bool { return s == "" }), "dxfs")
	priorities := attributes(text, "cfRule", "priority")
	for i, x := range priorities {
		if slices.Contains(priorities[:i], x) {
			p.fault("%s: two conditional formats of priority %s", name, x)
		}
	}
	for _, location := range attributes(text, "hyperlink", "location") {
		p.reference("a link of "+name, location)
	}
	p.apart(name, attributes(text, "mergeCell", "ref"))
	numbers := attributes(text, "row", "r")
	for i := 1; i < len(numbers); i++ {
		a, _ := strconv.Atoi(numbers[i-1])
		if b, _ := strconv.Atoi(numbers[i]); b <= a {
			p.fault("%s: row %d after %d", name, b, a)
		}
	}
}

// apart wants ranges that share no cell.
func (p *xlsxPackage) apart(name string, ranges []string) {
	taken := map[[2]int]bool{}
	for _, r := range ranges {
		from, to, _ := strings.Cut(r, ":")
		x1, y1, err1 := excelize.CellNameToCoordinates(from)
		x2, y2, err2 := excelize.CellNameToCoordinates(to)
		if err1 != nil || err2 != nil || x1 == x2 && y1 == y2 {
			p.fault("%s: merged cells %s", name, r)
			continue
		}
		for x := x1; x <= x2; x++ {
			for y := y1; y <= y2; y++ {
				if taken[[2]int{x, y}] {
					p.fault("%s: merged cells %s overlap", name, r)
				}
				taken[[2]int{x, y}] = true
			}
		}
	}
}

// tables wants names that a formula can use, ids of their own, and headers
// that are the cells' texts, each once, in one line.
func (p *xlsxPackage) tables(f *excelize.File) {
	names, ids := map[string]bool{}, map[string]bool{}
	found := 0
	for part, text := range p.parts {
		if !strings.HasPrefix(part, "xl/tables/") {
			continue
		}
		found++
		name, id := attributes(text, "table", "displayName")[0], attributes(text, "table", "id")[0]
		if names[strings.ToLower(name)] || ids[id] || !regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_.]*$`).MatchString(name) || attributes(text, "table", "name")[0] != name {
			p.fault("%s: name %q, id %s", part, name, id)
		}
		names[strings.ToLower(name)], ids[id] = true, true
		if ref := attributes(text, "table", "ref")[0]; attributes(text, "autoFilter", "ref")[0] != ref {
			p.fault("%s: the filter is not over %s", part, ref)
		}
	}
	seen := 0
	for _, sheet := range p.sheets {
		tables, err := f.GetTables(sheet)
		if err != nil {
			p.fault("tables of %s: %v", sheet, err)
		}
		for _, table := range tables {
			seen++
			p.headers(f, sheet, table)
		}
	}
	if seen != found {
		p.fault("%d tables on sheets, %d parts", seen, found)
	}
}

func (p *xlsxPackage) headers(f *excelize.File, sheet string, table excelize.Table) {
	text := ""
	for name, x := range p.parts {
		if strings.HasPrefix(name, "xl/tables/") && attributes(x, "table", "displayName")[0] == table.Name {
			text = x
		}
	}
	headers, ids := attributes(text, "tableColumn", "name"), attributes(text, "tableColumn", "id")
	rows, err := f.GetRows(sheet)
	if err != nil || len(rows) == 0 || len(rows[0]) != len(headers) {
		p.fault("table %s: %d columns on sheet %s, %v", table.Name, len(headers), sheet, err)
		return
	}
	for i, header := range headers {
		if cell := rows[0][i]; cell != header || strings.ContainsAny(header, "\r\n\t") || header == "" {
			p.fault("table %s: header %q, cell %q", table.Name, header, cell)
		}
		if slices.ContainsFunc(headers[:i], func(s string) bool { return strings.EqualFold(s, header) }) || slices.Contains(ids[:i], ids[i]) {
			p.fault("table %s: column %q or id %s twice", table.Name, header, ids[i])
		}
	}
	if count := attributes(text, "tableColumns", "count"); count[0] != strconv.Itoa(len(headers)) {
		p.fault("table %s: count %s of %d columns", table.Name, count[0], len(headers))
	}
}
