package store

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func memory(t testing.TB) *sql.DB {
	t.Helper()
	db, err := openMemory(func(exec func(string, ...any) error) error { return exec("SET TimeZone = 'UTC'") })
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

// sameCSV fails unless WriteCSV gives the bytes that DuckDB writes itself.
func sameCSV(t testing.TB, db *sql.DB, query string, args ...any) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.csv")
	if _, err := db.Exec("COPY ("+query+") TO "+quote(path)+" (FORMAT csv, HEADER)", args...); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got bytes.Buffer
	if err := WriteCSV(&got, rows); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("WriteCSV:\n%q\nDuckDB:\n%q", got.Bytes(), want)
	}
}

func TestWriteCSVLikeDuckDB(t *testing.T) {
	db := memory(t)
	for name, query := range map[string]string{
		"strings":         `SELECT * FROM (VALUES ('a'), (''), (NULL), ('a,b'), ('a"b'), (E'a\nb'), (E'a\rb'), ('#x'), ('x#'), (' a '), ('NULL'), ('中文'), (E'\t'), ('''')) AS t(v)`,
		"several columns": `SELECT NULL AS a, '' AS "b,c", 1 AS "#d", NULL AS "e""f"`,
		"numbers":         `SELECT 1::TINYINT, -2::SMALLINT, 3, 4::BIGINT, 5::HUGEINT, 6::UBIGINT, -170141183460469231731687303715884105727::HUGEINT`,
		"decimals":        `SELECT 1.50::DECIMAL(10,2), -0.05::DECIMAL(4,2), 12::DECIMAL(4,0), 0::DECIMAL(20,10), .5::DECIMAL(2,2)`,
		"floats":          `SELECT unnest([0, 1, 1.5, 100, 1e15, 1e16, 1e17, 1e20, 1e-4, 1e-5, 1e-7, 0.1, 123456789.125, 1.2345678901234568e18, 0.333333333333333333, 'inf', '-inf', 'nan', '-0.0']::DOUBLE[]) AS d`,
		"floats of 32":    `SELECT unnest([0, 1, 0.1, 1e10, 1e16, 1e-5]::FLOAT[]) AS f`,
		"times":           `SELECT DATE '2026-01-02', TIMESTAMP '2026-01-02 03:04:05', TIMESTAMP '2026-01-02 03:04:05.120', TIMESTAMPTZ '2026-01-02 03:04:05+08', TIME '01:02:03.5'`,
		"booleans":        `SELECT true, false, NULL::BOOLEAN`,
		"lists":           `SELECT []::VARCHAR[], ['a'], ['a','b'], [NULL,'',' x','x ','null','Null','a''b','a\b','a\:','a"b',E'\n','a=b','(a)','{','中 文'], [1,2], [true], [['a','b'],[]], NULL::VARCHAR[]`,
		"no rows":         `SELECT 1 AS a WHERE false`,
	} {
		t.Run(name, func(t *testing.T) { sameCSV(t, db, query) })
	}
}

func FuzzWriteCSV(f *testing.F) {
	f.Add("a", "b")
	f.Add(`"`, "#")
	f.Add("\r", "\\'")
	db := memory(f)
	f.Fuzz(func(t *testing.T, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		sameCSV(t, db, "SELECT $1::VARCHAR AS a, [$2::VARCHAR, $1::VARCHAR] AS b, $2::VARCHAR AS c", a, b)
	})
}

func FuzzQuotePath(f *testing.F) {
	f.Add("a'b")
	f.Add("'; DROP TABLE x; --")
	f.Add("\\'")
	f.Add("中文 \n$1")
	db := memory(f)
	f.Fuzz(func(t *testing.T, path string) {
		quoted, err := quotePath(path)
		if strings.ContainsRune(path, 0) {
			if err == nil {
				t.Fatalf("%q is taken", path)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if path != strings.ToValidUTF8(path, "") {
			return // SQL is UTF-8
		}
		var got string
		if err := db.QueryRow("SELECT " + quoted).Scan(&got); err != nil || got != path {
			t.Errorf("SELECT %s gives %q, %v; want %q", quoted, got, err, path)
		}
	})
}

func TestAttachOddPaths(t *testing.T) {
	for _, name := range []string{"it's", `a"b`, "a;b", "中文", "$1", "a\\b", "-- x", "a b"} {
		dir := filepath.Join(t.TempDir(), name)
		st, err := Open(dir)
		if err == nil {
			err = st.Create()
		}
		if err != nil {
			t.Fatal(err)
		}
		db := memory(t)
		path, err := quotePath(filepath.Join(dir, "x.duckdb"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("ATTACH " + path + " AS x"); err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "x.duckdb")); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
