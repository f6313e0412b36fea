package main

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// statementEnd is [store.StatementEnd].
func statementEnd(query string) (end int, complete bool) { return store.StatementEnd(query) }

// keywords are words of SQL that statements are made of.
var keywords = strings.Fields(`SELECT FROM WHERE WITH VALUES PIVOT UNPIVOT DESCRIBE SUMMARIZE SHOW EXPLAIN ANALYZE GROUP
ORDER BY HAVING QUALIFY LIMIT OFFSET JOIN LEFT RIGHT FULL INNER OUTER CROSS SEMI ANTI ASOF NATURAL LATERAL ON USING
UNION ALL EXCEPT INTERSECT DISTINCT AS AND OR NOT IN IS NULL LIKE ILIKE SIMILAR BETWEEN EXISTS CASE WHEN THEN ELSE END
CAST TRY_CAST ASC DESC NULLS FIRST LAST OVER PARTITION WINDOW ROWS RANGE FILTER INTERVAL TIMESTAMPTZ DATE TRUE FALSE
RECURSIVE EXCLUDE REPLACE COLUMNS TABLES TABLE SAMPLE WITHIN POSITIONAL`)

// nearestName is a hint of what was meant where an error of DuckDB marks a word
// that is the name of nothing, and does not say itself what is near. The place is
// that of the mark below the excerpt of the query.
func nearestName(failure, query string, r *store.Reader) string {
	if strings.Contains(failure, "Did you mean") {
		return ""
	}
	word := markedWord(failure)
	if word == "" || strings.EqualFold(word, nearestOf(word, keywords)) {
		return ""
	}
	names := keywords
	if r != nil {
		names = append(strings.Fields(query)[:0:0], keywords...)
		names = append(names, schemaNames(r)...)
	}
	near := nearestOf(word, names)
	if near == "" || near == word {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", near)
}

// nearestOf is [reports.Nearest] whatever the case.
func nearestOf(word string, names []string) string {
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = strings.ToLower(name)
	}
	near := reports.Nearest(strings.ToLower(word), lower)
	for i, name := range lower {
		if near != "" && name == near {
			return names[i]
		}
	}
	return ""
}

// markedWord is the word above the mark of an excerpt, without the name before a
// dot; "" where nothing is marked.
func markedWord(failure string) string {
	lines := strings.Split(failure, "\n")
	for i := 1; i < len(lines); i++ {
		mark := strings.TrimLeft(lines[i], " ")
		if mark != "^" || !strings.HasPrefix(lines[i-1], "LINE ") {
			continue
		}
		column := len(lines[i]) - len(mark)
		at := 0 // in bytes, since the mark counts columns of the terminal
		for at < len(lines[i-1]) && column > 0 {
			r, n := utf8.DecodeRuneInString(lines[i-1][at:])
			column -= max(text.RuneWidth(r), 1)
			at += n
		}
		word := lines[i-1][at:]
		end := strings.IndexFunc(word, func(r rune) bool {
			return r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})
		if end >= 0 {
			word = word[:end]
		}
		return word[strings.LastIndexByte(word, '.')+1:]
	}
	return ""
}

// schemaNames are the names of tables and columns.
func schemaNames(r *store.Reader) []string {
	rows, err := r.Query(context.Background(), `
SELECT DISTINCT unnest([table_name, column_name]) AS name
FROM duckdb_columns()
WHERE NOT internal AND schema_name = 'main'
ORDER BY name`, nil)
	if err != nil {
		return nil
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if rows.Scan(&name) == nil {
			names = append(names, name)
		}
	}
	return names
}
