package main

import (
	"maps"
	"slices"
	"strings"
)

// wayOut is a query that means harm, and how it must end.
type wayOut struct {
	name, sql string
	status    int
	says      string // a part of what is printed
	args      []string
	outcome   string // in the journal; "" for any
	limits    string // of the shell that starts it
	command   bool   // as one of its own, with the flags args
}

// refusedStatements are refused by their kind, wherever they hide.
var refusedStatements = map[string]string{
	"copy a table to a file":       "COPY permissions TO 'out.csv'",
	"copy a query to a file":       "COPY (FROM permissions) TO '../../../out.csv'",
	"copy to standard output":      "COPY (SELECT 1) TO '/dev/stdout'",
	"copy to an open file":         "COPY (SELECT 1) TO '/proc/self/fd/4'",
	"copy over the snapshot":       "COPY (SELECT 1) TO 'snapshot.duckdb'",
	"copy to the file of answers":  "COPY (SELECT 1) TO '/proc/self/cwd/answer.parquet'",
	"copy from a file":             "COPY base.persons FROM '../../../beside.csv'",
	"copy a database":              "COPY FROM DATABASE snap TO memory",
	"export":                       "EXPORT DATABASE 'out'",
	"import":                       "IMPORT DATABASE 'out'",
	"attach the snapshot to write": "ATTACH 'snapshot.duckdb' AS x (READ_WRITE)",
	"attach a new file":            "ATTACH 'x.duckdb'",
	"attach another machine":       "ATTACH 'http://127.0.0.1/x.duckdb'",
	"attach another kind":          "ATTACH 'x' (TYPE sqlite)",
	"detach":                       "DETACH snap",
	"use":                          "USE memory",
	"install":                      "INSTALL httpfs",
	"install from others":          "FORCE INSTALL httpfs FROM community",
	"load":                         "LOAD '/proc/self/cwd/x.duckdb_extension'",
	"update extensions":            "UPDATE EXTENSIONS",
	"pragma that reads":            "PRAGMA database_list",
	"pragma that shows":            "PRAGMA show_tables",
	"pragma that sets":             "PRAGMA memory_limit='1TB'",
	"pragma that writes":           "PRAGMA enable_profiling='json'",
	"set":                          "SET memory_limit = '1TB'",
	"set external access":          "SET enable_external_access = true",
	"set the lock":                 "SET lock_configuration = false",
	"set the log":                  "SET log_query_path = 'out.log'",
	"set the schema":               "SET schema = 'base'",
	"set a variable":               "SET VARIABLE snapshot_id = 'x'",
	"reset":                        "RESET memory_limit",
	"reset a variable":             "RESET VARIABLE project_id",
	"create a secret":              "CREATE SECRET s (TYPE s3)",
	"drop a secret":                "DROP SECRET s",
	"create a temporary table":     "CREATE TEMP TABLE t AS SELECT 1",
	"create a table in memory":     "CREATE TABLE memory.main.t AS SELECT 1",
	"create a view":                "CREATE TEMP VIEW v AS SELECT 1",
	"create a macro":               "CREATE TEMP MACRO m() AS 1",
	"create a type":                "CREATE TYPE memory.main.e AS ENUM ('a')",
	"create a sequence":            "CREATE SEQUENCE memory.main.s",
	"insert":                       "INSERT INTO base.persons FROM base.persons",
	"update":                       "UPDATE base.persons SET name = 'x'",
	"delete":                       "DELETE FROM base.persons",
	"delete with a return":         "DELETE FROM base.persons RETURNING name",
	"merge":                        "MERGE INTO base.persons USING base.persons AS b ON false WHEN NOT MATCHED THEN INSERT",
	"truncate":                     "TRUNCATE base.persons",
	"drop":                         "DROP TABLE base.persons",
	"alter":                        "ALTER TABLE base.persons ADD COLUMN x INTEGER",
	"comment":                      "COMMENT ON TABLE base.persons IS 'x'",
	"begin":                        "BEGIN",
	"commit":                       "COMMIT",
	"checkpoint":                   "FORCE CHECKPOINT snap",
	"vacuum":                       "VACUUM",
	"analyze":                      "ANALYZE",
	"call":                         "CALL enable_logging()",
	"prepare":                      "PREPARE p AS SELECT 1",
	"execute":                      "EXECUTE p",
	"nothing":                      " ; ",
	"only a comment":               "/* SELECT 1 */",

	"two":                                  "SELECT 1; SELECT 2",
	"two behind a comment":                 "SELECT 1 /* ; */; -- x\nDROP TABLE base.persons",
	"two at the end of a comment":          "SELECT 1 -- x\r; DROP TABLE base.persons",
	"two with a form feed":                 "SELECT 1;\fDROP TABLE base.persons",
	"two with no width between":            "SELECT 1\u200b;\u200bDROP TABLE base.persons",
	"two from the right":                   "SELECT 1 \u202e; DROP TABLE base.persons",
	"two behind dollars":                   "SELECT $$;$$; COPY (SELECT 1) TO 'out.csv'",
	"two behind a backslash":               `SELECT '\'; COPY (SELECT 1) TO 'out.csv' --'`,
	"two behind EXPLAIN":                   "EXPLAIN SELECT 1; DROP TABLE base.persons",
	"a byte order mark before COPY":        "\ufeffCOPY (SELECT 1) TO 'out.csv'",
	"wide letters":                         "ＣＯＰＹ (SELECT 1) TO 'out.csv'",
	"a comment before COPY":                "/* SELECT */ COPY (SELECT 1) TO 'out.csv'",
	"nested comments before COPY":          "/* /* */ SELECT */ COPY (SELECT 1) TO 'out.csv'",
	"brackets around COPY":                 "(COPY (SELECT 1) TO 'out.csv')",
	"WITH before INSERT":                   "WITH x AS (FROM base.persons) INSERT INTO base.persons FROM x",
	"WITH before DELETE":                   "WITH x AS (SELECT 1) DELETE FROM base.persons",
	"EXPLAIN ANALYZE COPY":                 "EXPLAIN ANALYZE COPY (SELECT 1) TO 'out.csv'",
	"EXPLAIN ANALYZE CREATE":               "EXPLAIN ANALYZE CREATE TABLE memory.main.t AS SELECT 1",
	"EXPLAIN with options":                 "EXPLAIN (ANALYZE, FORMAT json) CREATE TABLE memory.main.t AS SELECT 1",
	"EXPLAIN behind comments":              "/* x */ EXPLAIN /* x */ ANALYZE /* x */ INSERT INTO base.persons FROM base.persons",
	"EXPLAIN PRAGMA":                       "EXPLAIN PRAGMA database_list",
	"closing the bracket before":           "1) UNION ALL (SELECT 2",
	"a parameter in place of what is read": "COPY (SELECT $x) TO $x",
}

// denied run and find nothing: of each what DuckDB says.
var denied = map[string][2]string{
	"read_csv":                {"FROM read_csv('../../../beside.csv')", "Permission Error"},
	"read_csv_auto":           {"FROM read_csv_auto('/proc/self/cwd/../../../beside.csv')", "Permission Error"},
	"read_json":               {"FROM read_json('../../../beside.json')", "Permission Error"},
	"read_json_objects":       {"FROM read_json_objects('../../journal.ndjson')", "Permission Error"},
	"read_parquet":            {"FROM read_parquet('../../../*.parquet')", "Permission Error"},
	"parquet_metadata":        {"FROM parquet_metadata('x.parquet')", "Permission Error"},
	"parquet_schema":          {"FROM parquet_schema('x.parquet')", "Permission Error"},
	"read_text":               {"FROM read_text('/etc/passwd')", "Permission Error"},
	"read_blob":               {"FROM read_blob('/proc/self/environ')", "Permission Error"},
	"read_duckdb":             {"FROM read_duckdb('../../snapshots/x.duckdb', table_name = 'persons')", "Permission Error"},
	"glob":                    {"FROM glob('/*')", "Permission Error"},
	"glob of other snapshots": {"FROM glob('../../snapshots/*')", "Permission Error"},
	"sniff_csv":               {"FROM sniff_csv('../../../beside.csv')", "Permission Error"},
	"a file in FROM":          {"FROM '../../../beside.csv'", "Permission Error"},
	"a quoted file in FROM":   {`FROM "../../../beside.json"`, "Permission Error"},
	"a database in FROM":      {"FROM '../../snapshots/x.duckdb'", "Permission Error"},
	"describe a file":         {"DESCRIBE '../../../beside.csv'", "Permission Error"},
	"summarize a file":        {"SUMMARIZE '../../../beside.csv'", "Permission Error"},
	"another machine":         {"FROM read_csv('http://127.0.0.1:1/x.csv')", "Permission Error"},
	"a bucket":                {"FROM read_parquet('s3://x/x.parquet')", "Permission Error"},
	"query of a file":         {"FROM query('FROM read_csv(''../../../beside.csv'')')", "Permission Error"},
	"query_table of a file":   {"FROM query_table('/etc/passwd')", "does not exist"},
	"query of COPY":           {"FROM query('COPY (SELECT 1) TO ''out.csv''')", "Expected a single SELECT"},
	"query of two":            {"FROM query('SELECT 1; DROP TABLE base.persons')", "Expected a single SELECT"},
	"query of a text made":    {"FROM query('CREATE ' || 'TABLE memory.main.t AS SELECT 1')", "Expected a single SELECT"},
	"a statement as JSON": {"FROM json_execute_serialized_sql(json_serialize_sql('FROM read_csv(''../../../beside.csv'')'))",
		"Permission Error"},
	"getenv":                         {"SELECT getenv('SECRET')", "does not exist"},
	"duckdb_secrets":                 {"FROM duckdb_secrets()", "Permission Error"},
	"which_secret":                   {"FROM which_secret('s3://x', 's3')", "Permission Error"},
	"a log in a file":                {"FROM enable_logging(storage = 'file', storage_path = 'out')", "Permission Error"},
	"a profile in a file":            {"FROM enable_profiling(format = 'json', save_location = 'out.json')", "Permission Error"},
	"a function to be loaded":        {"FROM sqlite_scan('/etc/passwd', 'x')", "not in the catalog"},
	"pg_read_file":                   {"SELECT pg_read_file('/etc/passwd')", "does not exist"},
	"memory of the process":          {"FROM arrow_scan(1::UBIGINT, 2::UBIGINT, 3::UBIGINT)", "No function matches"},
	"the answer itself":              {"FROM memory.main.answer", "does not exist"},
	"INTO":                           {"SELECT 1 INTO x", "not supported"},
	"FOR UPDATE":                     {"FROM base.persons SELECT * FOR UPDATE", "not supported"},
	"WITH of INSERT":                 {"WITH x AS (INSERT INTO base.persons FROM base.persons RETURNING *) FROM x", "needs a SELECT"},
	"EXPLAIN of what begins to read": {"EXPLAIN (SELECT) CREATE TABLE memory.main.t AS SELECT 1", "syntax error"},
	"FROM of DELETE":                 {"FROM (DELETE FROM base.persons RETURNING *)", "syntax error"},
	"DESCRIBE of COPY":               {"DESCRIBE COPY (SELECT 1) TO 'out.csv'", "syntax error"},
	"closing the bracket":            {"SELECT 1) TO 'out.csv' --", "syntax error"},
	"closing it and opening":         {"SELECT 1) UNION ALL (SELECT 2", "syntax error"},
	"closing it, another":            {"SELECT 1); DROP TABLE memory.main.answer; SELECT (1", "syntax error"},
	"closing it and a limit":         {"SELECT 1) LIMIT 0 --", "syntax error"},
	"a wide semicolon":               {"SELECT 1；DROP TABLE base.persons", "syntax error"},
	"a Greek question mark":          {"SELECT 1\u037eDROP TABLE base.persons", "syntax error"},
	"an open comment":                {"SELECT 1 /* /* */", "unterminated"},
	"an open string":                 {"SELECT 'x", "unterminated"},
	"an open name":                   {`SELECT "x`, "unterminated"},
	"open dollars":                   {"SELECT $$ 1; COPY", "unterminated"},
	"ten thousand brackets":          {"SELECT " + strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000), "memory exhausted"},
	"ten thousand terms":             {"SELECT 1" + strings.Repeat(" + 1", 10_000), "depth limit"},
	"fifty thousand signs":           {"SELECT " + strings.Repeat("- ", 50_000) + "1", "memory exhausted"},
	"five thousand lists":            {"SELECT " + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000), "depth limit"},
	"two thousand subqueries":        {strings.Repeat("FROM (", 2_000) + "SELECT 1" + strings.Repeat(")", 2_000), "depth limit"},
	"types in types":                 {"SELECT NULL::" + strings.Repeat("STRUCT(a ", 3_000) + "INTEGER" + strings.Repeat(")", 3_000), "depth limit"},
	"a regular expression":           {"SELECT regexp_matches('a', '((a{1000}){1000}){1000}')", "repetition size"},
	"a parameter without value":      {"SELECT $x", "has no value"},
	"an error of one's own":          {"SELECT error(repeat('x', 100000))", "Invalid Input Error"},
}

// given are answers that are given, and do no harm.
var given = map[string][2]string{
	"a comment at the end":         {"SELECT 'here' AS a -- )", "here"},
	"a log on standard output":     {"SELECT 'x' AS a FROM enable_logging('QueryLog', storage = 'stdout')", "a\n"},
	"a checkpoint":                 {"FROM force_checkpoint('snap')", "Success"},
	"a byte order mark":            {"\ufeffSELECT 'here' AS a", "here"},
	"spaces of all kinds":          {"SELECT\u00a0'here'\u3000AS\u200ba", "here"},
	"nested comments":              {"SELECT /* /* */ ; DROP TABLE base.persons */ 'here' AS a", "here"},
	"a string with a backslash":    {`SELECT E'\'; COPY (SELECT 1) TO ''out.csv'' --' AS a`, "COPY"},
	"a name with dollars":          {"SELECT a$$ FROM (SELECT 'here' AS a$$) --$$;", "here"},
	"a line end of old":            {"SELECT 1 -- x\r+ 41 AS a", "42"},
	"EXPLAIN behind a comment":     {"/* x */ EXPLAIN (SELECT 1)", "PROJECTION"},
	"PIVOT":                        {"PIVOT (SELECT 'here' AS n) ON n IN ('here') USING count(*)", "here"},
	"settings":                     {"SELECT name, value FROM duckdb_settings()", "lock_configuration,true"},
	"databases":                    {"FROM duckdb_databases()", "/proc/self/cwd/snapshot.duckdb"},
	"current settings":             {"SELECT current_setting('temp_directory') || current_setting('allowed_paths')::VARCHAR", "/proc/self/cwd/"},
	"variables":                    {"FROM duckdb_variables()", "snapshot_id"},
	"metrics of the disk":          {"FROM pragma_database_size()", "snap,"},
	"the statement that runs":      {"SELECT current_query()", "SELECT"},
	"sql_auto_complete":            {"FROM sql_auto_complete('SELECT * FROM ''../../')", "suggestion"},
	"functions of PRAGMA":          {"FROM pragma_show('base.persons')", "name"},
	"statistics of names":          {"SELECT stats FROM pragma_storage_info('snap.base.persons')", "Min"},
	"counts of rows":               {"SELECT table_name, estimated_size FROM duckdb_tables() WHERE schema_name = 'base'", "persons,"},
	"a table by its name in parts": {"FROM query_table('base' || '.persons')", "person_id"},
	"a table through a query":      {"FROM query('SELECT name FROM snap.base.' || 'persons')", "name"},
	"the table of masked words":    {"SELECT to_json(m) AS a FROM base.masked AS m", "a"},
}

// waysOut are all of them.
func waysOut(s *harmSite) []wayOut {
	var all []wayOut
	for _, name := range slices.Sorted(maps.Keys(refusedStatements)) {
		all = append(all, wayOut{name: name, sql: refusedStatements[name], status: exitUsage, says: "exporter: sql: refused: "})
	}
	for _, name := range slices.Sorted(maps.Keys(denied)) {
		all = append(all, wayOut{name: name, sql: denied[name][0], status: exitFailed, says: denied[name][1], outcome: "failed"})
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		all = append(all, wayOut{name: name, sql: given[name][0], says: given[name][1], outcome: "ok"})
	}
	within := func(d string) []string { return []string{"--timeout", d} }
	for _, w := range []wayOut{
		{name: "a text that is none", sql: "SELECT '\xff'", status: exitUsage, says: "no text in UTF-8"},
		{name: "NUL", sql: "SELECT 1\x00; DROP TABLE base.persons", status: exitUsage, says: "no text in UTF-8"},
		{name: "more than a million bytes", sql: "SELECT '" + strings.Repeat("x", maxQuery) + "'", status: exitUsage, says: "more than 1048576 bytes"},
		{name: "a path as a parameter", sql: "FROM read_text($x)", args: []string{"--set", "x=/etc/passwd"}, status: 1, says: "Permission Error"},
		{name: "SQL as a parameter", sql: "SELECT $x AS a", args: []string{"--set", "x=1); COPY (SELECT 1) TO 'out.csv' --"}, says: "COPY"},
		{name: "SQL as a parameter of query", sql: "FROM query($x)", args: []string{"--set", "x=SELECT 1; DROP TABLE base.persons"}, status: 1, says: "Error"},
		{name: "SQL as a parameter's name", sql: "SELECT $x", args: []string{"--set", "x; DROP TABLE base.persons=1"}, status: 1, says: "has no value"},
		{name: "all tables under a mask", sql: s.everything("standard"), says: "persons"},
		{name: "all tables under pseudonym", sql: s.everything("pseudonym"), args: []string{"--mask", "pseudonym"}, says: "persons"},
		{name: "endless recursion", sql: "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
			args: within("300ms"), status: 1, says: "no answer within 300ms", outcome: "time"},
		{name: "recursion that grows", sql: "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r, range(10)) SELECT count(*) FROM r",
			args: within("300ms"), status: 1, says: "no answer within", outcome: "time"},
		{name: "a product of tables", sql: "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b", args: within("300ms"), status: 1, outcome: "time"},
		{name: "a distance of texts", sql: "SELECT levenshtein(repeat('a', 100000), repeat('b', 100000))", args: within("300ms"), status: 1, outcome: "time"},
		{name: "sleep", sql: "SELECT sleep_ms(60000)", args: within("300ms"), status: 1, outcome: "time"},
		{name: "lambdas in lambdas", sql: "SELECT " + strings.Repeat("list_transform([1], lambda x: ", 200) + "1" + strings.Repeat(")", 200),
			args: within("300ms"), status: 1, outcome: "time"},
		{name: "a hundred million rows", sql: "SELECT range AS n FROM range(100000000)", args: within("1s"), status: 1, says: "no answer within", outcome: "time"},
		{name: "ten million rows on a terminal", sql: "SELECT range AS n FROM range(10000000)", args: []string{"--format", "table"}, says: "these are the first 10,000 rows"},
		{name: "a cell of 1 GB", sql: "SELECT repeat('x', 1000000000) AS x", args: within("1s"), status: 1},
		{name: "a cell of 3 GB", sql: "SELECT repeat('x', 3000000000) AS x", status: 1, says: "Out of Memory", outcome: "memory"},
		{name: "a long list", sql: "SELECT range(1000000000)", status: 1, says: "Out of Memory", outcome: "memory"},
		{name: "an aggregate in memory", sql: "SELECT list(range) FROM range(100000000)", limits: "ulimit -d 500000", status: 1, says: "emory", outcome: "memory"},
		{name: "a sort on the disk", sql: "SELECT count(s) FROM (SELECT range AS n, hash(range)::VARCHAR || repeat('x', 2000) AS s FROM range(700000) ORDER BY hash(n) OFFSET 1)",
			limits: "ulimit -f 1000", status: 1, says: "temporary space", outcome: "space"},
		{name: "time of the processor", sql: "SELECT count(*) FROM range(1000000000000)", limits: "ulimit -t 4", status: 1, says: "of the processor", outcome: "time"},
	} {
		w.command = true
		all = append(all, w)
	}
	return all
}
