package main

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// The commands by which a person sees what a step says. Of a store they are run
// where the program is, of a bundle in its folder, and name nothing but stock tools.

// sql is a command that asks the report's snapshot, in its mask.
func (s *traceSource) sql(t *traced, query string) string {
	config := ""
	if s.config != "reports.yaml" {
		config = " --config " + shell(s.config)
	}
	return "exporter sql" + config + " --snapshot " + shell(t.Snapshot) + " --mask " + shell(t.Mask) + " " + shell(query)
}

// rowCommand shows the row of the snapshot; "" where no csv of a bundle has it.
func (s *traceSource) rowCommand(t *traced, source store.Source, received []store.Received) string {
	if s.bundle != "" {
		return prefixed("grep -nF -- "+shell(textOf(source.Key[0]))+" ", s.csvOf(source))
	}
	where := map[string]string{"project_id": source.Project, "first_snapshot": source.First}
	var columns []string
	for _, v := range source.Key {
		where[v.Column] = textOf(v)
	}
	for _, v := range append(slices.Clone(received), source.Key...) {
		if !slices.Contains(columns, v.Column) {
			columns = append(columns, v.Column)
		}
	}
	columns = append(columns, "first_snapshot", "closed_snapshot", "landed_snapshot", "landed_line")
	list := strings.Join(columns, ", ")
	return s.sql(t, "SELECT "+list+" FROM base."+source.Table+" WHERE "+conditions(where))
}

// csvOf is the csv of a bundle that has a row: of one that stands that of the
// population, of a permission that has ended the ledger of changes; "" where none has
// it.
func (s *traceSource) csvOf(source store.Source) string {
	name := "data/population/" + source.Table + ".csv"
	switch {
	case source.Closed != "" && source.Table == "permissions":
		name = "data/ledger/changes.csv"
	case source.Closed != "":
		return ""
	case source.Table == "task_details": // beside what the list of tasks says
		name = "data/population/tasks.csv"
	}
	if !s.holds(name, textOf(source.Key[0])) {
		return ""
	}
	return name
}

// holds reports whether a file of the bundle has a line with a text.
func (s *traceSource) holds(name, text string) bool {
	f, err := os.Open(filepath.Join(s.bundle, filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if bytes.Contains(lines.Bytes(), []byte(text)) {
			return true
		}
	}
	return false
}

// all shows every row that a way leads to, of which source is one; "" where no csv of
// a bundle has them.
func (s *traceSource) all(t *traced, source store.Source, where map[string]string) string {
	if s.bundle == "" {
		query := "SELECT * FROM base." + source.Table + " WHERE " + conditions(where)
		if source.Closed == "" {
			query += current(t.Snapshot)
		}
		return s.sql(t, query)
	}
	file := s.csvOf(source)
	if file == "" {
		return ""
	}
	see := []string{"cat " + file}
	for _, c := range slices.Sorted(maps.Keys(where)) {
		see = append(see, "grep -F -- "+shell(where[c]))
	}
	return strings.Join(see, " | ")
}

// has reports whether the bundle has a file.
func (s *traceSource) has(name string) bool {
	_, err := os.Stat(filepath.Join(s.bundle, filepath.FromSlash(name)))
	return err == nil
}

// pageCommands show the line of the page, its hash, and the call.
func (s *traceSource) pageCommands(t *traced, x traceStep, source store.Source,
	page store.Page) []string {
	if page.Response == nil {
		return nil
	}
	line := fmt.Sprintf("zstd -dc %s | sed -n %dp", shell(s.path(page.Path)), page.At)
	item := line
	if pattern := itemPattern(source, x); pattern != "" && s.masker == nil {
		item += " | grep -o " + shell(pattern)
	}
	see := []string{item}
	if s.bundle != "" {
		see = append(see, "grep "+shell(" data/"+page.Path+"$")+" manifest-sha256.txt | sha256sum -c")
	}
	if x.Call == nil {
		return see
	}
	if s.bundle == "" || t.Mask == store.MaskFull {
		see = append(see, line+responseOnly+" | sha256sum")
	}
	call := fmt.Sprintf("zstd -dc %s | sed -n %dp", shell(s.path(page.CallPath)), page.CallLine)
	return append(see, call)
}

// responseOnly takes the response out of a landed line, of which it is the last
// member, as its bytes were hashed.
const responseOnly = ` | LC_ALL=C awk '{i = index($0, "\"response\":"); ` +
	`print substr($0, i + 11, length($0) - i - 11)}' | tr -d '\n'`

// path is a file's path for the commands.
func (s *traceSource) path(name string) string {
	if s.bundle != "" {
		return "data/" + name
	}
	return near(filepath.Join(s.root, filepath.FromSlash(name)))
}

// near is a path from the working folder where it is in that.
func near(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if short, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(short) {
		return short
	}
	return path
}

// journalCommands show the hash of each line of the journal that is named. Under a
// mask a bundle has the hash in the line itself.
func (s *traceSource) journalCommands(t *traced) []string {
	var see []string
	for _, line := range slices.Sorted(maps.Keys(s.named)) {
		c := fmt.Sprintf("sed -n %dp %s", line, shell(s.path("journal.ndjson")))
		if s.bundle == "" || t.Mask == store.MaskFull {
			c += " | sha256sum"
		}
		see = append(see, c)
	}
	return see
}

// behind are the commands that show from what a row without ids was made.
func (s *traceSource) behind(t *traced, row reports.LocatedRow) []string {
	see := s.queries(t)
	for _, column := range []string{"journal_line", "seq"} {
		line, ok := row.Value(column)
		if !ok || column == "seq" && !strings.HasPrefix(s.table, "ledger/") {
			continue
		}
		// A file may say anything: only a number becomes part of a command.
		if number, err := strconv.ParseUint(strings.ReplaceAll(line, ",", ""), 10, 63); err == nil {
			see = append(see, fmt.Sprintf("sed -n %dp %s", number, shell(s.path("journal.ndjson"))))
		}
	}
	if strings.HasPrefix(s.table, "population/") {
		see = append(see, "grep -F "+shell(path.Base(s.table))+" data/ledger/registers.csv")
	}
	first := func(columns ...string) string {
		for _, c := range columns {
			if value, ok := row.Value(c); ok {
				return value
			}
		}
		return ""
	}
	project, resource := first("project_id", "project"), first("resource")
	if project == "" || resource == "" {
		return see
	}
	snapshot := cmp.Or(first("walked_in", "snapshot", "snapshot_id"), t.Snapshot)
	there := func(name string) (command string, ok bool) {
		file := s.raw(snapshot, project, name)
		_, err := os.Stat(filepath.Join(s.root, filepath.FromSlash(file)))
		return "zstd -dc " + shell(s.path(file)), err == nil
	}
	if line, err := strconv.ParseUint(first("line"), 10, 63); err == nil && s.table == "ledger/calls" {
		if c, ok := there(resource); ok {
			see = append(see, fmt.Sprintf("%s | sed -n %dp", c, line))
		}
	}
	for _, name := range []string{"walks", "calls"} {
		if c, ok := there(name); ok {
			see = append(see, c+" | grep "+shell(`"resource":"`+resource+`"`))
		}
	}
	return see
}

// raw is where a file of raw pages is.
func (s *traceSource) raw(snapshot, project, name string) string {
	p := store.RawPath(snapshot, project, name)
	if safe := s.safe(); safe != nil {
		p = safe(p)
	}
	return p
}

// queries are the commands that show the query of a section.
func (s *traceSource) queries(t *traced) []string {
	if s.bundle == "" {
		return []string{"exporter report --explain " + shell(t.Report)}
	}
	if folder, name, ok := strings.Cut(s.table, "/"); ok {
		for _, query := range []string{"evidence_" + folder + "_" + name, "evidence_" + name} {
			if file := "data/queries/" + query + ".sql"; s.has(file) {
				return []string{"cat " + shell(file)}
			}
		}
		return nil
	}
	for _, d := range s.definitions {
		for _, x := range d.Sections {
			if d.Name == t.Report && x.Title == t.Section && s.has("data/queries/"+x.Query) {
				return []string{"cat data/queries/" + shell(x.Query)}
			}
		}
	}
	return []string{"cat " + shell("data/definitions/"+t.Report+".yaml")}
}

// itemPattern is a pattern for grep that gives the item of a response, "" where none
// does: an object within another has to be seen in the whole line.
func itemPattern(source store.Source, x traceStep) string {
	for _, v := range source.Key {
		if v.Value == nil {
			continue
		}
		member := regexp.MustCompile(`"\w+" ?: ?"?` + regexp.QuoteMeta(*v.Value) + `"?`)
		for _, text := range member.FindAllString(x.Item, -1) {
			pattern := `{[^{}]*` + basicRegexp.Replace(text) + `[^{}]*}`
			same := regexp.MustCompile(`\{[^{}]*` + regexp.QuoteMeta(text) + `[^{}]*\}`)
			if same.FindString(x.Item) == x.Item {
				return pattern
			}
		}
	}
	return ""
}

// basicRegexp escapes what a basic regular expression reads as more than itself.
var basicRegexp = strings.NewReplacer(`\`, `\\`, `.`, `\.`, `[`, `\[`, `]`, `\]`, `*`, `\*`,
	`^`, `\^`, `$`, `\$`)

// conditions are column and value pairs as SQL.
func conditions(where map[string]string) string {
	var parts []string
	for _, c := range slices.Sorted(maps.Keys(where)) {
		parts = append(parts, c+" = '"+strings.ReplaceAll(where[c], "'", "''")+"'")
	}
	return strings.Join(parts, " AND ")
}

// current is the condition of rows that stand as of a snapshot.
func current(snapshot string) string {
	return fmt.Sprintf(" AND first_snapshot <= '%[1]s' AND (closed_snapshot IS NULL OR closed_snapshot > '%[1]s')", snapshot)
}

// plainWord matches what a shell takes for one word as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@%+,-]+$`)

// shell quotes a text for a shell: in double quotes where nothing in them is
// special, which SQL reads best in.
func shell(text string) string {
	switch {
	case plainWord.MatchString(text):
		return text
	case strings.Contains(text, "'") && !strings.ContainsAny(text, "\"\\$`!"):
		return `"` + text + `"`
	}
	return `'` + strings.ReplaceAll(text, `'`, `'\''`) + `'`
}
