package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// statementSeeds are statements of all kinds, and what is around them.
var statementSeeds = []string{
	"SELECT 1", "SELECT 1; SELECT 2", " ; ", "-- x\r+ 1\nSELECT 2;", "SELECT 1 -- x\r + 41 ;", "/* /* */ ; */ SELECT 1 /* ; */ ; -- y",
	"SELECT ';' || '''; ' ;", `SELECT E'it\'s;' ; `, "SELECT E'a'\n 'b\\'c' AS d", "SELECT $$;'$$ || $a$ $$;$b$ $a$;", `SELECT 1 AS "a;""b";`,
	"SELECT a$$ FROM (SELECT 1 AS a$$) --$$;", "SELECT 1e5, 1E'x', 0x1F, 1_000", "SELECT\u00a01\u200b;\u3000", "\ufeffSELECT 1", "SELECT '张;' AS 名;",
	"FROM range(5) SELECT range * 2 AS n ORDER BY n DESC", "WITH x AS (SELECT 3 AS n) FROM x", "VALUES (1, 'a'), (2, NULL)",
	"(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1 DESC", "PIVOT (VALUES (1, 'a'), (1, 'b')) AS v(n, s) ON s IN ('a', 'b') USING count(*)",
	"UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b", "DESCRIBE snapshots", "SHOW TABLES", "SUMMARIZE (SELECT 1 AS a)", "EXPLAIN SELECT 1", "TABLE snapshots",
	"/* x */ EXPLAIN (FORMAT json) SELECT 1", "EXPLAIN ANALYZE CREATE TABLE memory.main.t AS SELECT 1", "PRAGMA database_list", "SET threads = 1",
	"SELECT [1, 2], {'a': 1}, 1.50::DECIMAL(9, 2), INTERVAL 3 DAY, 'x'::BLOB, MAP {'k': 1}, 5::HUGEINT, NULL", "SELECT 1 AS a, 2 AS a, 3 AS A",
	"SELECT 1) UNION ALL (SELECT 2", "SELECT 1) LIMIT 0 --", "SELECT 'x'::INTEGER", "SELECT 1 / 0, error('x')", "FROM base.persons ORDER BY ALL",
	"COPY (SELECT 1) TO 'out.csv'", "FROM read_text('/etc/passwd')", "FROM glob('*')", "ATTACH 'x.duckdb'", "FROM query('SELECT 1')",
	"SELECT list_transform([1, 2], lambda x: x + 1), #1 FROM range(2)", "SELECT DISTINCT ON (range % 2) range FROM range(9) ORDER BY ALL LIMIT 3",
}

// fuzzed is a reader that statements may try to harm, and what its folders hold.
func fuzzed(f *testing.F) (*store.Reader, func() string) {
	st := storetest.Open(f)
	storetest.Publish(f, st, storetest.Site{Project: "p1", At: day(1)})
	dir := f.TempDir()
	for _, text := range statementSeeds {
		f.Add(text)
	}
	return askedIn(f, st, store.ReadOptions{}, dir), func() string {
		var all strings.Builder
		here, err := os.ReadDir(".")
		if err != nil {
			f.Fatal(err)
		}
		fmt.Fprintln(&all, len(here))
		for _, root := range []string{st.Dir(), dir} {
			err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				if e.Name() == "tmp" { // DuckDB's own
					return fs.SkipDir
				}
				info, err := e.Info()
				if err == nil {
					fmt.Fprintln(&all, path, info.Mode(), info.Size(), info.ModTime())
				}
				return err
			})
			if err != nil {
				f.Fatal(err)
			}
		}
		return all.String()
	}
}

// patience is how long a statement is waited for: the seeds all end, others may not.
func patience(text string) time.Duration {
	if slices.Contains(statementSeeds, text) {
		return time.Minute
	}
	return 200 * time.Millisecond
}

// Where DuckDB takes a text as one statement, so does StatementEnd: a semicolon after
// it ends it, and what comes before its end is the same statement.
func FuzzStatementEnd(f *testing.F) {
	r, _ := fuzzed(f)
	f.Fuzz(func(t *testing.T, text string) {
		if joined := strings.Join(slices.Collect(store.Tokens(text)), ""); joined != text {
			t.Fatalf("the tokens of %q are %q", text, joined)
		}
		end, _ := store.StatementEnd(text)
		if again, _ := store.StatementEnd(text[:end]); again != end {
			t.Fatalf("%q ends at %d, then at %d", text, end, again)
		}
		if len(text) > 1000 || strings.ContainsRune(text, 0) || strings.ToValidUTF8(text, "") != text {
			return // no query is that
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience(text))
		defer cancel()
		_, columns, err := r.Describe(ctx, text, nil)
		if err != nil || columns == nil {
			return
		}
		if at, complete := store.StatementEnd(text + "\n;"); !complete || at != end {
			t.Errorf("with a semicolon %q ends at %d, %v; want %d", text, at, complete, end)
		}
		if _, of, err := r.Describe(ctx, text[:end], nil); ctx.Err() == nil && (err != nil || !cmp.Equal(columns, of)) {
			t.Errorf("the statement of %q is %q, which has columns %q: %v", text, text[:end], of, err)
		}
	})
}

// A statement gives what it gives without us, or fails as it does then; and none changes
// a file.
func FuzzAnswer(f *testing.F) {
	r, files := fuzzed(f)
	before := files()
	f.Fuzz(func(t *testing.T, text string) {
		// A vertical tab is a space to DuckDB only before a statement.
		if len(text) > 1000 || strings.ContainsAny(text, "\x00\v") || strings.ToValidUTF8(text, "") != text {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience(text))
		defer cancel()
		got, err := answered(ctx, r, text)
		if files() != before {
			t.Fatalf("%q has changed files", text)
		}
		if ctx.Err() != nil {
			return
		}
		want, failed := asks(ctx, r, text)
		if again, _ := asks(ctx, r, text); !cmp.Equal(want, again) || ctx.Err() != nil {
			return // random numbers, the time, or more than there is time for
		}
		if err != nil && strings.Contains(err.Error(), "Parser Error") && strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) {
			return // DuckDB by itself leaves out a last word like 名 that does not belong there
		}
		if (err == nil) != (failed == nil) || errors.Is(err, store.ErrRefused) != errors.Is(failed, store.ErrRefused) {
			t.Errorf("%q: %v; without us: %v", text, err, failed)
		}
		slices.Sort(want) // the order is not always told
		slices.Sort(got)
		if cmp.Equal(want, got) {
			return
		}
		// The driver has forms of its own for what has parts.
		end, _ := store.StatementEnd(text)
		if texts, err := asks(ctx, r, "SELECT COLUMNS(*)::VARCHAR FROM ("+text[:end]+"\n)"); err == nil {
			want = slices.Sorted(slices.Values(texts))
		}
		if diff := cmp.Diff(want, got); diff != "" && failed == nil && len(want) < fewRows {
			t.Errorf("%q (-without us +answer):\n%s", text, diff)
		}
	})
}

const fewRows = 1000

// answered are the first rows of a statement's answer, as text.
func answered(ctx context.Context, r *store.Reader, text string) (rows []string, err error) {
	a, err := r.Answer(ctx, text, nil, fewRows)
	if err != nil {
		return nil, err
	}
	err = a.Each(ctx, func(values []any) error {
		line := make([]string, len(values))
		for i, v := range values {
			line[i] = store.Text(v, a.Columns[i].Type)
		}
		if !slices.Contains(line, "answer") { // in lists of tables there is one more
			rows = append(rows, fmt.Sprintf("%q", line))
		}
		return nil
	})
	return rows, errors.Join(err, a.Close())
}

// asks are the first rows that DuckDB gives for a statement.
func asks(ctx context.Context, r *store.Reader, text string) (lines []string, err error) {
	rows, err := r.Query(ctx, text, nil)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	values, into, line := make([]any, len(types)), make([]any, len(types)), make([]string, len(types))
	for i := range into {
		into[i] = &values[i]
	}
	for len(lines) < fewRows && rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i, v := range values {
			line[i] = store.Text(v, types[i].DatabaseTypeName())
		}
		lines = append(lines, fmt.Sprintf("%q", line))
	}
	return lines, rows.Err()
}
