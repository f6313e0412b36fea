package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// keywords are the single words of SQL.
var keywords = strings.Fields(strings.Join(sqlKeywords, " "))

// hintQuery is what a person may have meant where DuckDB refuses a query, "" where
// nothing is near, or DuckDB says so itself.
func hintQuery(failure string, r *store.Reader) string {
	if name, ok := strings.CutPrefix(failure, "query names the parameter $"); ok {
		name, _, _ = strings.Cut(name, ",")
		return fmt.Sprintf("give it one: --set %s=VALUE", name)
	}
	before, word := markedWords(failure)
	if strings.HasPrefix(strings.ToLower(word), "previous.") {
		return "previous is there with --since, which names an earlier time or snapshot"
	}
	if call := macroMeant(failure, r); call != "" {
		return "with brackets: FROM " + call + `; what it takes and gives: exporter sql --schema, or \d at the prompt`
	}
	word = word[strings.LastIndexByte(word, '.')+1:]
	if strings.Contains(failure, "Did you mean") {
		return ""
	}
	// Of what is no SQL the word before the mark may be the wrong one.
	if strings.Contains(failure, "Parser Error") {
		for _, w := range []string{word, before} {
			if near := nearestOf(w, keywords); near != "" && !strings.EqualFold(near, w) {
				return didYouMean(near, "")
			}
		}
		return ""
	}
	if r == nil {
		return ""
	}
	if near := nearestOf(word, schemaNames(r)); near != "" && near != word {
		return didYouMean(near, "")
	}
	return ""
}

// macroMeant is the call of the macro that a query names as if it were a table, "" for none.
func macroMeant(failure string, r *store.Reader) (call string) {
	_, name, found := strings.Cut(failure, "Table with name ")
	if !found || r == nil {
		return ""
	}
	name, _, _ = strings.Cut(name, " ")
	rows, err := r.Query(context.Background(), `
SELECT function_name || '(' || array_to_string(parameters, ', ') || ')'
FROM duckdb_functions()
WHERE function_name = lower($name) AND function_type = 'table_macro' AND schema_name = 'main' AND NOT internal
LIMIT 1`, map[string]any{"name": name})
	if err != nil {
		return ""
	}
	defer rows.Close()
	if rows.Next() {
		_ = rows.Scan(&call) // "" where it fails
	}
	return call
}

// didYouMean is a hint: the name that was meant, "" for none, and what there is.
func didYouMean(near, there string) string {
	switch {
	case near == "":
		return there
	case there == "":
		return fmt.Sprintf("did you mean %s?", near)
	}
	return fmt.Sprintf("did you mean %s? %s%s", near, strings.ToUpper(there[:1]), there[1:])
}

// nearestOf is [reports.Nearest] whatever the case, and only what a slip of the
// fingers makes of a name: it begins alike and has almost the same letters.
func nearestOf(word string, names []string) string {
	if len(word) < 3 {
		return ""
	}
	word = strings.ToLower(word)
	lower := make([]string, len(names))
	for i, name := range names {
		lower[i] = strings.ToLower(name)
	}
	near := reports.Nearest(word, lower)
	if near == "" || near[0] != word[0] {
		return ""
	}
	letters := map[rune]int{}
	for _, r := range word {
		letters[r]++
	}
	for _, r := range near {
		letters[r]--
	}
	others := 0
	for _, n := range letters {
		others += max(n, -n)
	}
	if others > max(1, len(word)/6) {
		return ""
	}
	return names[slices.Index(lower, near)]
}

// markedWords are the word above the mark of an excerpt, with what it is joined to by
// dots, and the word before it; "" where there is none.
func markedWords(failure string) (before, word string) {
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
		words := strings.FieldsFunc(lines[i-1][:at], notInName)
		if len(words) > 0 {
			before = words[len(words)-1]
		}
		word = lines[i-1][at:]
		if end := strings.IndexFunc(word, notInName); end >= 0 {
			word = word[:end]
		}
		return before, word
	}
	return "", ""
}

func notInName(r rune) bool {
	return r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
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
