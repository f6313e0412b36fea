package reports

import (
	"crypto/sha256"
	"database/sql"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"exporter/internal/store"
)

// wildQuery has a column of every kind and rows of what breaks exporters:
// texts like formulas, control characters, 10,000 characters, right to left,
// the first and the last year, NULL everywhere.
const wildQuery = `
WITH texts(n, text) AS (VALUES
    (1, '=1+1'), (2, '+86'), (3, '-1'), (4, '@SUM(A1)'), (5, chr(9) || '=cmd'), (6, chr(13) || '=1'),
    (7, '''quoted'), (8, 'a' || chr(0) || 'b' || chr(7) || 'c'), (9, repeat('长', 10000)), (10, repeat('W', 10000)),
    (11, 'שלום עולם'), (12, 'مرحبا ' || chr(8238) || 'abc'), (13, '😀 𠮷野家'), (14, 'line' || chr(10) || 'break' || chr(13) || chr(10) || 'more'),
    (15, '"a", b; c'), (16, '<script>alert(1)</script>&amp;<!--</td></table>'), (17, ''), (18, '  '), (19, NULL), (20, 'NULL'),
    (21, '1234567890123456789'), (22, '090909'), (23, '1e5'), (24, '_x0041_ {{.Title}} ]]>'), (25, '#REF!'), (26, repeat('x', 40000)))
SELECT
    n,
    text,
    text AS text_again,
    CASE WHEN n % 4 > 0 THEN [text, NULL, 'b, "c"', ''] END AS list,
    CASE WHEN n % 5 > 0 THEN [[n, NULL], []] END AS nested,
    CASE n WHEN 1 THEN TIMESTAMPTZ '0001-01-01 00:00:00+00' WHEN 2 THEN TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'
        WHEN 3 THEN NULL ELSE TIMESTAMPTZ '2026-03-31 05:02:03.5+00' + INTERVAL 1 DAY * n END AS moment,
    CASE n WHEN 1 THEN TIMESTAMP '0001-01-01 00:00:00' WHEN 2 THEN TIMESTAMP '9999-12-31 23:59:59' WHEN 3 THEN NULL ELSE TIMESTAMP '2026-03-31 02:30:00' END AS wall,
    CASE n WHEN 1 THEN DATE '0001-01-01' WHEN 2 THEN DATE '9999-12-31' WHEN 3 THEN NULL ELSE DATE '2026-03-31' END AS day,
    CASE n WHEN 1 THEN 9223372036854775807 WHEN 2 THEN -9223372036854775808 WHEN 3 THEN NULL ELSE n - 20 END AS whole,
    CASE n WHEN 1 THEN 'nan'::DOUBLE WHEN 2 THEN '-inf'::DOUBLE WHEN 3 THEN NULL WHEN 4 THEN 1e300 WHEN 5 THEN 1e-300 ELSE n / 7 END AS real,
    (n + 0.25)::DECIMAL(9, 2) AS cents,
    (n::HUGEINT * 100000000000000000000 + 7) AS huge,
    12345678901234567.89::DECIMAL(20, 2) AS exact,
    CASE WHEN n <> 3 THEN n % 2 = 0 END AS flag,
    NULL::BIGINT AS none,
    INTERVAL 90 MINUTE AS span,
    TIME '23:59:59' AS clock,
    '00000000-0000-0000-0000-00000000000a'::UUID AS key,
    {'a': n, 'b': text[1:3]} AS pair,
    n AS id
FROM texts
ORDER BY n`

// wildReport is the answer of wildQuery, once with rows and once without.
func wildReport(t testing.TB) (*Report, *sql.Rows) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"wild.sql": wildQuery, "none.sql": "FROM (" + wildQuery + ") WHERE n < 0"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := reader(t, handSite(t))
	d := Definition{Name: "wild", Title: "Wild & <b>wide</b>", Question: "What breaks?", Sections: []Section{
		{Name: "All of it", Title: "All", Query: "wild.sql", Columns: []Column{{Name: "id", Title: "=Id", Format: formatID}}},
		{Name: "Excel", Title: "None", Query: "none.sql", Empty: "Nothing was found."}}}
	p, err := Run(t.Context(), r, d, Options{QueryDir: dir, Timezone: siteZone, ProgramVersion: "v0.0.0-test"})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := r.Query(t.Context(), wildQuery, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.Close() })
	return p, rows
}

// written writes a report in a format and returns the files' paths and notes.
func written(t testing.TB, r *Report, format string) (paths []string, notes []Note) {
	t.Helper()
	dir := t.TempDir()
	for _, o := range r.Outputs(format, testFonts(t)) {
		path := filepath.Join(dir, o.Name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		said, err := o.Write(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		paths, notes = append(paths, path), append(notes, said...)
	}
	return paths, notes
}

// answer is what a query returned, by the driver alone: the columns' names and
// types, and the rows.
type answer struct {
	names, types []string
	rows         [][]any
}

// readAnswer reads all rows, the columns in the report's order: the one that the
// definition names, which is the query's last, comes first.
func readAnswer(t testing.TB, rows *sql.Rows) answer {
	t.Helper()
	types, err := rows.ColumnTypes()
	if err != nil {
		t.Fatal(err)
	}
	order := []int{len(types) - 1}
	for i := range len(types) - 1 {
		order = append(order, i)
	}
	var a answer
	for _, i := range order {
		a.names, a.types = append(a.names, types[i].Name()), append(a.types, types[i].DatabaseTypeName())
	}
	for rows.Next() {
		values, into := make([]any, len(types)), make([]any, len(types))
		for i := range into {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		row := make([]any, len(order))
		for n, i := range order {
			row[n] = values[i]
		}
		a.rows = append(a.rows, row)
	}
	if rows.Err() != nil || len(a.rows) != 26 {
		t.Fatalf("%d rows, %v", len(a.rows), rows.Err())
	}
	return a
}

// asDatabaseText are columns that JSON and Parquet have no type for, or that
// would lose digits as a number.
var asDatabaseText = []string{"huge", "exact", "span", "clock", "key", "pair"}

// TestCSVIsLossless parses every field by the column's type and finds the value
// that the driver gave.
func TestCSVIsLossless(t *testing.T) {
	r, rows := wildReport(t)
	a := readAnswer(t, rows)
	paths, _ := written(t, r, "csv")
	text := readFile(t, paths[0])
	got, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.ReplaceAll(text, "break\r\nmore", ""), "\r\n") || !utf8.ValidString(text) {
		t.Error("lines end in CR LF, or the file is not UTF-8")
	}
	if diff := cmp.Diff(a.names, got[0]); diff != "" {
		t.Errorf("header mismatch (-want +got):\n%s", diff)
	}
	if len(got) != len(a.rows)+1 {
		t.Fatalf("%d rows, want %d", len(got)-1, len(a.rows))
	}
	for i, row := range a.rows {
		for j, value := range row {
			field := got[i+1][j]
			if !sameField(field, value, a.types[j], slices.Contains(asDatabaseText, a.names[j])) {
				t.Errorf("row %d, %s: %.60q for %.60v", i+1, a.names[j], field, value)
			}
		}
	}
	// NULL is nothing, an empty text is quoted.
	lines := strings.Split(text, "\n")
	for n, want := range map[string]string{"17": `17,17,"","",`, "19": "19,19,,,"} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, want) }) {
			t.Errorf("row %s does not begin with %s", n, want)
		}
	}
}

// sameField reads a field back as a value of a database's type.
func sameField(field string, value any, kind string, asText bool) bool {
	if value == nil {
		return field == ""
	}
	if asText {
		return field == store.Text(value, kind)
	}
	switch v := value.(type) {
	case string:
		return field == strings.ReplaceAll(v, "\r\n", "\n") // encoding/csv drops the CR
	case float64:
		x, err := strconv.ParseFloat(field, 64)
		return err == nil && (x == v || x != x && v != v)
	case bool:
		return field == fmt.Sprint(v)
	case time.Time:
		layout := map[string]string{"DATE": time.DateOnly, "TIMESTAMP": "2006-01-02T15:04:05.999999"}[kind]
		if layout == "" {
			layout = time.RFC3339Nano
		}
		x, err := time.Parse(layout, field)
		return err == nil && x.Equal(v)
	case []any:
		var list []any
		d := json.NewDecoder(strings.NewReader(field))
		d.UseNumber()
		return d.Decode(&list) == nil && fmt.Sprint(list) == fmt.Sprint(v)
	default: // whole numbers and decimals
		x, ok := new(big.Rat).SetString(field)
		y, _ := new(big.Rat).SetString(store.Text(value, kind))
		return ok && x.Cmp(y) == 0
	}
}

// TestJSONIsTyped decodes the document and finds what the driver gave.
func TestJSONIsTyped(t *testing.T) {
	r, rows := wildReport(t)
	a := readAnswer(t, rows)
	paths, _ := written(t, r, "json")
	var got struct {
		Report   struct{ Name, Answer string }
		Trust    struct{ Snapshot, Verdict, Digest string }
		Queries  []struct{ Name, SHA256, Text string }
		Sections []struct {
			Name    string
			Columns []struct{ Name, Type string }
			Rows    []map[string]any
		}
	}
	d := json.NewDecoder(strings.NewReader(readFile(t, paths[0])))
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(wildQuery))
	if got.Report.Answer != r.Answer() || got.Trust.Digest != r.trust.digest() || got.Queries[0].SHA256 != hex.EncodeToString(sum[:]) || got.Queries[0].Text != wildQuery {
		t.Errorf("report %+v, trust %+v, query %s", got.Report, got.Trust, got.Queries[0].SHA256)
	}
	if len(got.Sections) != 2 || len(got.Sections[0].Rows) != len(a.rows) || got.Sections[1].Rows == nil || len(got.Sections[1].Rows) > 0 {
		t.Fatalf("%d sections", len(got.Sections))
	}
	for i, row := range a.rows {
		for j, value := range row {
			column := got.Sections[0].Columns[j]
			v := got.Sections[0].Rows[i][column.Name]
			if (v == nil) != (value == nil) || v != nil && !sameMember(v, value, a.types[j], slices.Contains(asDatabaseText, a.names[j])) {
				t.Errorf("row %d, %s (%s): %.60v for %.60v", i+1, column.Name, column.Type, v, value)
			}
		}
	}
}

func sameMember(got, value any, kind string, asText bool) bool {
	switch g := got.(type) {
	case json.Number:
		return !asText && sameField(g.String(), value, kind, false)
	case []any:
		return fmt.Sprint(g) == fmt.Sprint(value)
	case string:
		if s, ok := value.(string); ok {
			return g == s
		}
		return sameField(g, value, kind, asText)
	case bool:
		return g == value
	}
	return false
}

// TestParquetIsTyped reads a file with a DuckDB of its own.
func TestParquetIsTyped(t *testing.T) {
	r, rows := wildReport(t)
	a := readAnswer(t, rows)
	paths, _ := written(t, r, "parquet")
	want := map[string]string{"id": "BIGINT", "n": "BIGINT", "text": "VARCHAR", "list": "VARCHAR[]", "moment": "TIMESTAMPTZ", "wall": "TIMESTAMP",
		"day": "DATE", "whole": "BIGINT", "real": "DOUBLE", "cents": "DOUBLE", "flag": "BOOLEAN", "none": "BIGINT"}
	for file, count := range map[string]int{paths[0]: len(a.rows), paths[1]: 0} {
		found := 0
		err := store.ReadParquet(t.Context(), file, func(columns []store.ParquetColumn) error {
			for _, c := range columns {
				if kind := want[c.Name]; kind != "" && c.Type != kind {
					t.Errorf("column %s is %s, want %s", c.Name, c.Type, kind)
				}
			}
			return nil
		}, func(got []any) error {
			for j, value := range a.rows[found] {
				if !sameCell(got[j], value, a.types[j], slices.Contains(asDatabaseText, a.names[j])) {
					t.Errorf("row %d, %s: %.60v for %.60v", found+1, a.names[j], got[j], value)
				}
			}
			found++
			return nil
		})
		if err != nil || found != count {
			t.Errorf("%s: %d rows, %v; want %d", filepath.Base(file), found, err, count)
		}
	}
}

func sameCell(got, value any, kind string, asText bool) bool {
	switch v := value.(type) {
	case nil:
		return got == nil
	case time.Time:
		if !asText {
			g, ok := got.(time.Time)
			return ok && g.Equal(v)
		}
	case []any:
		if kind != "VARCHAR[]" { // lists of other things as text
			return len(got.([]any)) == len(v)
		}
		return cmp.Equal(got, value)
	case string:
		return got == value
	}
	if s, ok := got.(string); ok {
		return asText && s == store.Text(value, kind)
	}
	return sameField(fmt.Sprint(got), value, kind, false)
}

// TestExcelCSV gives each text back when one apostrophe is taken off, runs
// nothing as a formula and says how many texts have one.
func TestExcelCSV(t *testing.T) {
	r, rows := wildReport(t)
	a := readAnswer(t, rows)
	paths, notes := written(t, r, "excel-csv")
	text, ok := strings.CutPrefix(readFile(t, paths[0]), "\uFEFF")
	if !ok || strings.Count(text, "\r\n") < len(a.rows)+1 {
		t.Error("no byte order mark, or lines do not end in CR LF")
	}
	got, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	marked := 0
	for i, row := range got {
		for j, field := range row {
			// A number may be negative; a text must not begin like a formula.
			number := i > 0 && slices.Contains([]string{"n", "whole", "real", "cents"}, a.names[j])
			if !number && strings.IndexByte("=+-@\t\r", (field + " ")[0]) >= 0 {
				t.Errorf("line %d, column %d: %.40q", i+1, j+1, field)
			}
			if strings.HasPrefix(field, "'") {
				marked++
			}
		}
		if i == 0 {
			continue
		}
		if s, ok := a.rows[i-1][2].(string); ok && strings.TrimSpace(s) != "" && len(s) < 100 && !strings.ContainsAny(s, "\x00\r") {
			if want := strings.TrimPrefix(row[2], "'"); want != s {
				t.Errorf("line %d: %q for %q", i+1, row[2], s)
			}
		}
	}
	for row, want := range map[int]string{1: "'=1+1", 2: "'+86", 7: "''quoted", 17: "(empty)", 18: "(blank)", 19: "–", 20: "NULL", 21: "'1234567890123456789", 22: "'090909", 23: "'1e5"} {
		if got[row][2] != want {
			t.Errorf("row %d is %q, want %q", row, got[row][2], want)
		}
	}
	for text, marked := range map[string]bool{
		"0": false, "12": false, "123456789012345": false, "1234567890123456": true, "007": true, "": false, " ": false, "-": true,
		"3-2": true, "1/2": true, "10-11": true, "10.11": true, "1.5": true, "2026-01-02": true, "1:30": true, "1:30 pm": true,
		"12%": true, "1,234": true, "1 1/2": true, "(5)": true, "$ 5": true, "1E5": true, "Mar 3": true, "3. March 2026": true, "5-Dec": true,
		"March": false, "B-2": false, "2nd": false, "Room 3": false, "3 May St": false, "12 channels": false, "A1": false, "E1": false, "2 a": true, "18:30 Uhr": false,
	} {
		want := text
		if marked {
			want = "'" + text
		}
		if got := (&excelText{}).escape(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	// Those that begin with an apostrophe of their own are not counted, here 3.
	if said := notes[0].Count + notes[1].Count; !strings.Contains(notes[0].Text, "like formulas have an apostrophe") || said != marked-3 {
		t.Errorf("%d fields have an apostrophe, notes %v", marked, notes)
	}
}

// TestHTMLHasEveryRow reads the page's tables as a browser builds them, and
// finds nothing that a value brought with it: no element, nothing to load.
func TestHTMLHasEveryRow(t *testing.T) {
	r, rows := wildReport(t)
	a := readAnswer(t, rows)
	paths, notes := written(t, r, "html")
	doc, err := html.Parse(strings.NewReader(readFile(t, paths[0])))
	if err != nil {
		t.Fatal(err)
	}
	var table [][]string
	var last *html.Node
	allowed := strings.Fields("html head meta title style body main div header p span h1 h2 h3 b section table thead tbody tr th td nav a dl dt dd pre")
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(allowed, n.Data) {
			t.Errorf("the page has the element %s", n.Data)
		}
		for _, x := range n.Attr {
			if x.Key == "src" || strings.HasPrefix(x.Key, "on") || x.Key == "href" && !strings.HasPrefix(x.Val, "#") {
				t.Errorf("the page has %s=%q", x.Key, x.Val)
			}
			if x.Key == "data-section" && x.Val == "0" {
				last = n
			}
		}
	}
	for n := range last.Descendants() {
		switch n.Data {
		case "tr":
			table = append(table, nil)
		case "td":
			var text strings.Builder
			for x := range n.Descendants() {
				if x.Type == html.TextNode {
					text.WriteString(x.Data)
				}
			}
			table[len(table)-1] = append(table[len(table)-1], text.String())
		}
	}
	if len(table) != len(a.rows)+1 {
		t.Fatalf("%d rows, want %d", len(table)-1, len(a.rows))
	}
	control := strings.NewReplacer("\r\n", "\n", "\r", "\uFFFD", "\x00", "\uFFFD", "\x07", "\uFFFD")
	for i, row := range a.rows {
		want := map[any]string{nil: "–", "": "(empty)", "  ": "(blank)"}[row[2]]
		if s, ok := row[2].(string); ok && want == "" {
			want = control.Replace(s)
		}
		if got := table[i+1][2]; got != want || len(table[i+1]) != len(a.names) {
			t.Errorf("row %d: %.60q, want %.60q", i+1, got, want)
		}
	}
	if len(notes) != 1 || !strings.Contains(notes[0].String(), "control characters are replaced") {
		t.Errorf("notes %v", notes)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOutputsSameBytes writes each format twice.
func TestOutputsSameBytes(t *testing.T) {
	r := handReport{rows: 3000}.report(t)
	for _, format := range []string{"csv", "excel-csv", "json", "parquet", "html"} {
		one, _ := written(t, r, format)
		two, _ := written(t, handReport{rows: 3000}.report(t), format)
		for i := range one {
			if readFile(t, one[i]) != readFile(t, two[i]) {
				t.Errorf("%s: not the same bytes", filepath.Base(one[i]))
			}
		}
	}
}

// TestSealIsSaid finds the line that sealed the snapshot in each format that is more
// than rows, and none where there is none.
func TestSealIsSaid(t *testing.T) {
	const line, whole = "sealed by journal line 4118, 3f2a9c12ab34", "3f2a9c12ab343f2a9c12ab343f2a9c12ab343f2a9c12ab343f2a9c12ab34bbbb"
	r := handReport{rows: 14, partial: true}.report(t)
	part := partIn(t, r, "channel", "Archive", "Archive, north door")
	bare := handReport{rows: 14}.report(t)
	bare.sealed = nil
	for name, r := range map[string]*Report{"whole": r, "part": part, "bare": bare} {
		mail := mailOf(t, r, mailOptions)
		text := strings.Join(strings.Fields(mail.Text), " ")
		for format, has := range map[string][]string{"html": {line, whole}, "json": {`"line": 4118`, whole}, "parquet": {whole}} {
			paths, _ := written(t, r, format)
			for _, want := range has {
				if got := strings.Contains(readFile(t, paths[0]), want); got != (name != "bare") {
					t.Errorf("%s, %s: %q is there: %v", name, format, want, got)
				}
			}
		}
		for where, got := range map[string]string{"mail": text, "mail's page": mail.HTML, "pdf": pdfText(t, pdfOf(t, r))} {
			if strings.Contains(got, line) != (name != "bare") || name == "bare" && strings.Contains(got, "sealed") {
				t.Errorf("%s, %s: the seal is there or not", name, where)
			}
		}
	}
}

// TestOutputNames are the contract with those who look for the files.
func TestOutputNames(t *testing.T) {
	r, _ := wildReport(t)
	want := map[string][]string{"xlsx": {"wild.xlsx"}, "pdf": {"wild.pdf"}, "json": {"wild.json"}, "html": {"wild.html"},
		"csv": {"wild.csv", "wild.excel-2.csv"}, "excel-csv": {"wild.excel.csv", "wild.excel-2.excel.csv"},
		"parquet": {"wild.parquet", "wild.excel-2.parquet"}, "doc": nil}
	for _, format := range append(Formats(), "doc") {
		var got []string
		for _, o := range r.Outputs(format, Fonts{}) {
			got = append(got, o.Name)
		}
		if diff := cmp.Diff(want[format], got); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", format, diff)
		}
	}
}
