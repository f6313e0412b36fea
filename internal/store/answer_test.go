package store_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

func TestStatementEnd(t *testing.T) {
	for _, c := range []struct {
		name, text, statement string
		complete              bool
	}{
		{"nothing", "", "", false},
		{"only a comment", "-- so\n", "", false},
		{"a line", "SELECT 1;", "SELECT 1", true},
		{"without its end", "SELECT 1 ", "SELECT 1", false},
		{"a second one", "SELECT 1; SELECT 2;", "SELECT 1", true},
		{"a comment behind", "SELECT 1 -- one; two\n ; -- done", "SELECT 1", true},
		{"a comment in the middle", "SELECT /* ; */ 1", "SELECT /* ; */ 1", false},
		{"a comment in a comment", "SELECT 1 /* /* */ ; */;", "SELECT 1", true},
		{"a semicolon in a string", "SELECT ';' || '''; ' ;", "SELECT ';' || '''; '", true},
		{"an open string", "SELECT 'a; ", "SELECT 'a; ", false},
		{"a name with a semicolon", `SELECT 1 AS "a;""b";`, `SELECT 1 AS "a;""b"`, true},
		{"a string with escapes", `SELECT E'it\'s;';`, `SELECT E'it\'s;'`, true},
		{"a name that ends in e", `SELECT name'x\';`, `SELECT name'x\'`, true},
		{"dollars", "SELECT $$;'$$ || $a$ $$;$b$ $a$;", "SELECT $$;'$$ || $a$ $$;$b$ $a$", true},
		{"parameters", "SELECT $1 + $n$2;", "SELECT $1 + $n$2;", false},
		{"a parameter", "SELECT $n + $1;", "SELECT $n + $1", true},
		{"an open bracket", "SELECT (1;", "SELECT (1;", false},
		{"Chinese", "SELECT '张;' AS 名;", "SELECT '张;' AS 名", true},
	} {
		end, complete := store.StatementEnd(c.text)
		if c.text[:end] != c.statement || complete != c.complete {
			t.Errorf("%s: StatementEnd(%q) = %q, %v; want %q, %v", c.name, c.text, c.text[:end], complete, c.statement, c.complete)
		}
	}
}

// asked opens the newest snapshot as a process that asks does.
func asked(t *testing.T, st *store.Store, o store.ReadOptions) *store.Reader {
	t.Helper()
	return askedIn(t, st, o, t.TempDir())
}

func askedIn(t testing.TB, st *store.Store, o store.ReadOptions, dir string) *store.Reader {
	t.Helper()
	p, err := st.Place(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// answerRows are the rows of a statement as lines of text.
func answerRows(t *testing.T, r *store.Reader, query string, named map[string]any, limit int) (rows []string, a *store.Answer) {
	t.Helper()
	a, err := r.Answer(t.Context(), query, named, limit)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	err = a.Each(t.Context(), func(values []any) error {
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = "–"
			if v != nil {
				texts[i] = store.Text(v, a.Columns[i].Type)
			}
		}
		rows = append(rows, strings.Join(texts, "|"))
		return nil
	})
	if err := firstError(err, a.Close()); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return rows, a
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Every kind of statement that reads gives the texts that DuckDB's own cast gives.
func TestAnswer(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(1)})
	r := asked(t, st, store.ReadOptions{})
	for _, query := range []string{
		"SELECT 1 AS a, 'x' AS b",
		"SELECT 1, /* ; */ 2",
		"FROM range(5) SELECT range * 2 AS n ORDER BY n DESC",
		"WITH x AS (SELECT 3 AS n) FROM x",
		"VALUES (1, 'a'), (2, NULL)",
		"(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1 DESC",
		"SELECT * FROM (PIVOT (VALUES (1, 'a'), (1, 'b')) AS v(n, s) ON s IN ('a', 'b') USING count(*))",
		"DESCRIBE snapshots",
		"SHOW TABLES",
		"SUMMARIZE (SELECT 1 AS a)",
		"SELECT [1, 2], ['a b', NULL, 'x,y'], [true], 1.50::DECIMAL(9, 2), INTERVAL 3 DAY, 'x'::BLOB, 170141183460469231731687303715884105727::HUGEINT",
		"SELECT {'n': 1.5::DECIMAL(9, 2), 'd': DATE '2026-01-01', 's': 'it''s'} AS s, MAP {'k': [1]} AS m, [DATE '2026-01-01', NULL] AS d, [1.50::DECIMAL(5, 2)] AS e",
		"SELECT union_value(a := 'x') AS u, '101'::BIT AS b, TIMETZ '10:00:00+02' AS z, 'a'::ENUM('a', 'b') AS e, [1, 2]::INTEGER[2] AS f, [['a'], []] AS l, NULL::STRUCT(a INTEGER) AS n",
		"SELECT 1 / 0, -1 / 0, 'nan'::DOUBLE, 1 // 0, TIMESTAMPTZ '2026-03-31 12:00:00+08', TIMESTAMP_S '2026-01-01 10:00:00', TIME '10:00:00.5'",
		"SELECT snapshot_id FROM snapshots",
	} {
		want, _ := answerRows(t, r, "SELECT COLUMNS(*)::VARCHAR FROM ("+query+")", nil, 0)
		got, _ := answerRows(t, r, query+"; -- done", nil, 0)
		if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
			t.Errorf("%s (-DuckDB's cast +Answer):\n%s", query, diff)
		}
	}
	if got, _ := answerRows(t, r, "EXPLAIN SELECT 1", nil, 0); len(got) != 1 || !strings.HasPrefix(got[0], "physical_plan|") {
		t.Errorf("EXPLAIN: %q", got)
	}
}

// The rows keep their order over several pieces, and a limit is told.
func TestAnswerOrder(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(1)})
	r := asked(t, st, store.ReadOptions{})
	const query = "SELECT (range * 7919) % 300007 AS n FROM range(300007) ORDER BY n DESC"
	rows, a := answerRows(t, r, query, nil, 0)
	if a.Rows != 300007 || a.Cut || len(rows) != 300007 {
		t.Fatalf("%d rows, %d told, cut %v", len(rows), a.Rows, a.Cut)
	}
	for i, row := range rows {
		if row != fmt.Sprint(300006-i) {
			t.Fatalf("row %d is %s", i, row)
		}
	}
	rows, a = answerRows(t, r, query, nil, 3)
	if diff := cmp.Diff([]string{"300006", "300005", "300004"}, rows); diff != "" || !a.Cut || a.Rows != 3 {
		t.Errorf("limit 3: %d rows, cut %v (-want +got):\n%s", a.Rows, a.Cut, diff)
	}
	if rows, a = answerRows(t, r, "FROM range($n::INTEGER)", map[string]any{"n": "3"}, 3); len(rows) != 3 || a.Cut {
		t.Errorf("3 of 3 rows: %d, cut %v", len(rows), a.Cut)
	}
	if _, a = answerRows(t, r, "SELECT 1 AS a, 2 AS a", nil, 0); a.Columns[0].Name != "a" || a.Columns[1].Name == "a" {
		t.Errorf("columns of one name: %v", a.Columns)
	}
}

// Parquet can be written to one file, and no statement writes anything else.
func TestAnswerParquet(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, storetest.Site{Project: "p1", At: day(1)})
	p, err := st.Place(t.Context(), store.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a, err := r.Answer(t.Context(), "SELECT range AS n, 'x' || range AS s FROM range(5)", nil, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	path, err := a.WriteParquet(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(b, []byte("PAR1")) {
		t.Fatalf("%.4q, %v", b, err)
	}
	var got []string
	err = store.ReadParquet(t.Context(), path, func([]store.ParquetColumn) error { return nil }, func(v []any) error {
		got = append(got, fmt.Sprintln(v...))
		return nil
	})
	if diff := cmp.Diff([]string{"0 x0\n", "1 x1\n", "2 x2\n", "3 x3\n"}, got); diff != "" || err != nil {
		t.Errorf("rows of the file, %v (-want +got):\n%s", err, diff)
	}
}

// Every view of the schema previous shows what a reader of that snapshot sees.
func TestPrevious(t *testing.T) {
	st := storetest.Open(t)
	ids := sites(t, st, 5)
	for _, project := range []string{"", "p2"} {
		p, err := st.Place(t.Context(), store.ReadOptions{Project: project})
		if err != nil {
			t.Fatal(err)
		}
		p.Previous = ids[1]
		both, err := p.Open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { both.Close() })
		then := readFile(t, st, ids[1], store.ReadOptions{Snapshot: ids[1], Project: project})
		changed := 0
		for _, view := range views(t, then) {
			if view == "calls" {
				continue
			}
			want := csv(t, then, "FROM "+view+" ORDER BY ALL")
			if diff := cmp.Diff(want, csv(t, both, "FROM previous."+view+" ORDER BY ALL")); diff != "" {
				t.Errorf("project %q: %s (-a reader of %s +previous):\n%s", project, view, ids[1], diff)
			}
			if csv(t, both, "FROM "+view+" ORDER BY ALL") != want {
				changed++
			}
		}
		if changed < 10 {
			t.Errorf("project %q: %d views have changed since: the test shows little", project, changed)
		}
	}
}
