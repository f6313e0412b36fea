package reports

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
)

// wildQuery has a column of every kind and rows of what breaks exporters:
// texts like formulas, control characters, 10,000 characters, right to left,
// the first and the last year, NULL everywhere, two columns of one name.
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
    text AS text,
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

// written writes a report in a format and returns the files' paths.
func written(t testing.TB, r *Report, format string) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for _, o := range r.Outputs(format, testFonts(t)) {
		path := filepath.Join(dir, o.Name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		notes, err := o.Write(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Log(o.Name, notes)
		paths = append(paths, path)
	}
	return paths
}

// TestOutputs writes and reads back what breaks exporters, in every format.
func TestOutputs(t *testing.T) {
	r, _ := wildReport(t)
	for _, f := range Formats() {
		written(t, r, f)
	}
}
