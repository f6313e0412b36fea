package main

import (
	"regexp"
	"slices"
	"strings"

	"exporter/internal/store"
)

// sqlKeywords are the words of DuckDB's SELECT that a person writes out, with those
// that belong together.
var sqlKeywords = []string{
	"SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "QUALIFY", "LIMIT",
	"OFFSET", "DISTINCT", "WITH", "RECURSIVE", "JOIN", "LEFT JOIN", "RIGHT JOIN",
	"FULL JOIN", "INNER JOIN", "CROSS JOIN", "ASOF JOIN", "SEMI JOIN", "ANTI JOIN",
	"FULL OUTER JOIN", "LATERAL", "ON", "USING", "UNION", "UNION ALL", "UNION ALL BY NAME",
	"INTERSECT", "EXCEPT", "AS", "AND", "OR", "NOT", "IN", "IS NULL", "IS NOT NULL",
	"IS DISTINCT FROM", "IS NOT DISTINCT FROM", "BETWEEN", "LIKE", "ILIKE", "SIMILAR TO",
	"EXISTS", "CASE", "WHEN", "THEN", "ELSE", "END", "ASC", "DESC", "NULLS FIRST",
	"NULLS LAST", "ALL", "TRUE", "FALSE", "NULL", "INTERVAL", "DATE", "TIMESTAMP",
	"TIMESTAMPTZ", "VARCHAR", "INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "CAST", "TRY_CAST",
	"FILTER", "OVER", "PARTITION BY", "WINDOW", "ROWS BETWEEN", "RANGE BETWEEN",
	"WITHIN GROUP", "REPLACE", "EXCLUDE", "COLUMNS", "VALUES", "PIVOT", "UNPIVOT",
	"DESCRIBE", "SUMMARIZE", "SHOW", "SHOW TABLES", "TABLE", "USING SAMPLE", "EXPLAIN",
	"EXPLAIN ANALYZE", "TABLESAMPLE", "AT TIME ZONE",
}

// vocabulary is what statements are completed from.
type vocabulary struct {
	tables     []store.Table
	functions  []store.Function
	previous   bool     // the older state is attached
	parameters []string // without the $
}

// complete returns the word that stands before the cursor, and what it may become:
// first what fits best.
func (w *vocabulary) complete(before, after string) (word string, list []candidate) {
	word = wordBefore(before)
	if unfinished(before) {
		return "", nil
	}
	tokens := sqlTokens(strings.TrimSuffix(before, word))
	sources := w.sources(append(tokens, sqlTokens(after)...))
	last := lowerLast(tokens, 1)
	switch {
	case strings.HasPrefix(word, "$"):
		for _, p := range w.parameters {
			list = append(list, candidate{"$" + p, "parameter"})
		}
	case last == "." && lowerLast(tokens, 2) == "previous" && w.previous:
		list = w.tableNames()
	case last == ".":
		list = w.columnsOf(sources, lowerLast(tokens, 2))
	case slices.Contains(beforeTable, last), last == "," && inFrom(tokens):
		list = slices.Concat(localNames(sources), w.tableNames())
		if w.previous {
			list = append(list, candidate{"previous.", "the tables as they were before"})
		}
	default:
		list = slices.Concat(w.columnsOf(sources, ""), aliases(sources), keywordsLike(word))
		if word != "" {
			list = slices.Concat(list, w.functionNames(), w.tableNames(), w.allColumns())
		}
	}
	return word, beginning(list, word)
}

// wordBefore is the part of a name or a parameter that s ends with. All names of
// the schema and of DuckDB are in ASCII.
func wordBefore(s string) string {
	at := len(s)
	for at > 0 && (s[at-1] == '_' || s[at-1] == '$' || s[at-1] >= '0' && s[at-1] <= '9' ||
		s[at-1] >= 'a' && s[at-1] <= 'z' || s[at-1] >= 'A' && s[at-1] <= 'Z') {
		at--
	}
	return s[at:]
}

// sqlTokens are those of a text but for white space and comments.
func sqlTokens(text string) []string {
	return slices.DeleteFunc(slices.Collect(store.Tokens(text)), store.IsBlank)
}

// unfinished says whether text ends within a string, a quoted name or a comment: what
// comes next, such as a sign, would belong to it.
func unfinished(text string) bool {
	last := ""
	for last = range store.Tokens(text + ".") {
	}
	return last != "."
}

func lowerLast(tokens []string, n int) string {
	if len(tokens) < n {
		return ""
	}
	return strings.ToLower(tokens[len(tokens)-n])
}

// named is a table that a statement names, and under which name.
type named struct {
	alias string
	table *store.Table // nil for one that the statement makes itself
}

// endOfFrom are the words after which a comma names no further table.
var endOfFrom = []string{"where", "select", "group", "order", "having", "qualify", "limit",
	"window", "on", "using", "union", "intersect", "except"}

// beforeTable are the words behind which a table is named.
var beforeTable = []string{"from", "join", "describe", "summarize", "pivot", "unpivot"}

// sources are the tables that a statement names after FROM and JOIN, and those
// that its WITH makes.
func (w *vocabulary) sources(tokens []string) []named {
	at := func(i int) string {
		if i < len(tokens) {
			return tokens[i]
		}
		return ""
	}
	var all []named
	for i := range tokens {
		word := strings.ToLower(tokens[i])
		if strings.EqualFold(at(i+1), "AS") && at(i+2) == "(" && isName(tokens[i]) {
			all = append(all, named{tokens[i], nil})
		}
		comma := word == "," && inFrom(tokens[:i+1])
		if !comma && !slices.Contains(beforeTable, word) {
			continue
		}
		j := i + 1
		if strings.EqualFold(at(j), "previous") && at(j+1) == "." {
			j += 2
		}
		t := w.table(at(j))
		if t == nil {
			continue
		}
		s := named{t.Name, t}
		if j++; at(j) == "(" {
			j = pastBrackets(tokens, j)
		}
		if strings.EqualFold(at(j), "AS") {
			j++
		}
		if name := at(j); isName(name) && !isKeyword(name) {
			s.alias = name
		}
		all = append(all, s)
	}
	return all
}

// pastBrackets is the place behind the bracket that closes the one at i.
func pastBrackets(tokens []string, i int) int {
	for depth := 0; i < len(tokens); i++ {
		switch tokens[i] {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return i
}

// inFrom says whether the last of tokens, a comma, stands among the tables of a FROM.
func inFrom(tokens []string) bool {
	depth := 0
	for _, t := range slices.Backward(tokens) {
		switch t = strings.ToLower(t); {
		case t == ")":
			depth++
		case t == "(":
			depth--
		case depth == 0 && (t == "from" || t == "join"):
			return true
		case depth == 0 && slices.Contains(endOfFrom, t):
			return false
		}
	}
	return false
}

var plainName = regexp.MustCompile(`^[\pL_][\pL\pN_]*$`)

func isName(s string) bool { return plainName.MatchString(s) }

func isKeyword(s string) bool {
	return slices.ContainsFunc(sqlKeywords, func(k string) bool {
		first, _, _ := strings.Cut(k, " ")
		return strings.EqualFold(first, s)
	})
}

func (w *vocabulary) table(name string) *store.Table {
	for i := range w.tables {
		if strings.EqualFold(w.tables[i].Name, name) {
			return &w.tables[i]
		}
	}
	return nil
}

// columnsOf are the columns of the tables that are named so, for "" of all.
func (w *vocabulary) columnsOf(sources []named, name string) []candidate {
	var list []candidate
	for _, s := range sources {
		if s.table == nil || name != "" && !strings.EqualFold(s.alias, name) {
			continue
		}
		for _, c := range s.table.Columns {
			about := c.Type
			if name == "" && len(sources) > 1 {
				about = s.alias + "  " + about
			}
			about = strings.TrimRight(about+"  "+firstSentence(c.Comment), " ")
			list = append(list, candidate{c.Name, about})
		}
	}
	return list
}

func (w *vocabulary) allColumns() []candidate {
	var list []candidate
	for _, t := range w.tables {
		for _, c := range t.Columns {
			list = append(list, candidate{c.Name, "column of " + t.Name})
		}
	}
	return list
}

// tableNames are the tables and the macros that stand in their place.
func (w *vocabulary) tableNames() []candidate {
	var list []candidate
	for _, t := range w.tables {
		switch t.Kind {
		case "table":
			list = append(list, candidate{t.Name, firstSentence(t.Comment)})
		case "macro":
			list = append(list, candidate{t.Name + "(", firstSentence(t.Comment)})
		}
	}
	return list
}

// functionNames are ours first, then DuckDB's.
func (w *vocabulary) functionNames() []candidate {
	var list []candidate
	for _, t := range w.tables {
		if t.Kind == "function" {
			list = append(list, candidate{t.Name + "(", firstSentence(t.Comment)})
		}
	}
	for _, f := range w.functions {
		list = append(list, candidate{f.Name + "(", firstSentence(f.Comment)})
	}
	return list
}

func localNames(sources []named) []candidate {
	var list []candidate
	for _, s := range sources {
		if s.table == nil {
			list = append(list, candidate{s.alias, "of this statement"})
		}
	}
	return list
}

func aliases(sources []named) []candidate {
	var list []candidate
	for _, s := range sources {
		about := "of this statement"
		if s.table != nil {
			about = "the table " + s.table.Name
		}
		list = append(list, candidate{s.alias + ".", about})
	}
	return list
}

// keywordsLike are the keywords, in small letters where word has such.
func keywordsLike(word string) []candidate {
	list := make([]candidate, len(sqlKeywords))
	for i, k := range sqlKeywords {
		if word != strings.ToUpper(word) {
			k = strings.ToLower(k)
		}
		list[i] = candidate{k, ""}
	}
	return list
}

// beginning are those of the list that begin with word, each value once.
func beginning(list []candidate, word string) []candidate {
	seen := map[string]bool{}
	var kept []candidate
	for _, c := range list {
		name := strings.ToLower(c.value)
		if strings.HasPrefix(name, strings.ToLower(word)) && !seen[name] {
			seen[name] = true
			kept = append(kept, c)
		}
	}
	return kept
}

// firstSentence is how a comment begins, on one line.
func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s, _, _ = strings.Cut(s, ". ")
	return strings.TrimRight(s, ".:")
}
