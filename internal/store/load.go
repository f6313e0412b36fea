package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads what has landed of a resource into a stage: the lines whose walk
// is whole, of each key the last such walk. A row that was seen twice counts
// once in Distinct, and the last line wins. Loading a resource again replaces
// what was loaded before. Nothing of it is in the history until [Build.Publish].
func (b *Build) Load(ctx context.Context, project, name string) (Loaded, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, err := lookup(name)
	if err != nil {
		return Loaded{}, fmt.Errorf("load: %w", err)
	}
	l, err := b.load(ctx, project, r)
	if err != nil {
		return Loaded{}, fmt.Errorf("load %s: %w", name, err)
	}
	return l, nil
}

func (b *Build) load(ctx context.Context, project string, r resource) (Loaded, error) {
	st := b.stageOf(project, r)
	delete(b.loaded, st)
	cols, err := b.received(ctx, r)
	if err != nil {
		return Loaded{}, err
	}
	walks, err := b.loadWalks(ctx, project, r, st)
	if err != nil {
		return Loaded{}, err
	}
	page, err := landed(b.landing(project), r.name)
	if err != nil {
		return Loaded{}, err
	}
	if page == "" {
		err = b.exec(ctx, "CREATE OR REPLACE TABLE "+st+" AS SELECT "+each(cols, ", ", "$c")+listed(r)+
			", landed_line, NULL::VARCHAR AS problem FROM base."+r.name+" WHERE false")
	} else {
		b.threads = max(b.threads, threadsFor(filepath.Join(b.landing(project), r.name+".ndjson.zst"), smallLanding))
		err = b.loadPages(ctx, st, r, cols, page)
	}
	if err != nil {
		return Loaded{}, err
	}
	l, err := b.tidy(ctx, st, r)
	if err != nil {
		return Loaded{}, err
	}
	b.loaded[st] = walks
	return l, nil
}

// landed returns the quoted path of a landed file, "" where there is none.
func landed(dir, name string) (string, error) {
	path := filepath.Join(dir, name+".ndjson.zst")
	there, err := exists(path)
	if err != nil || !there {
		return "", err
	}
	return quotePath(path)
}

// stageOf names the stage table of one resource of one project; its walks are
// in the table of that name with _walks.
func (b *Build) stageOf(project string, r resource) string {
	i := slices.Index(b.projects, project)
	if i < 0 {
		i = len(b.projects)
		b.projects = append(b.projects, project)
	}
	return fmt.Sprintf("stage.%s_%d", r.name, i)
}

// loadWalks finds the walk of each key that counts, and returns how many keys
// have one.
func (b *Build) loadWalks(ctx context.Context, project string, r resource, st string) (int64, error) {
	path, err := landed(b.landing(project), "walks")
	if err != nil {
		return 0, err
	}
	if path == "" {
		return 0, b.exec(ctx, "CREATE OR REPLACE TABLE "+st+"_walks(key VARCHAR, walk INTEGER, total BIGINT)")
	}
	if err := b.exec(ctx, walksSQL(st, path, r)); err != nil {
		return 0, err
	}
	return b.count(ctx, "SELECT count(*) FROM "+st+"_walks")
}

func walksSQL(st, path string, r resource) string {
	return `
CREATE OR REPLACE TABLE ` + st + `_walks AS
SELECT
    coalesce("key", '') AS key,
    max(walk) AS walk,
    arg_max(total_last, walk) AS total
FROM read_json(` + path + `, format = 'newline_delimited', columns = {
    resource: 'VARCHAR',
    "key": 'VARCHAR',
    walk: 'INTEGER',
    verdict: 'VARCHAR',
    total_last: 'BIGINT'
})
WHERE resource = ` + quote(r.name) + ` AND verdict IN ('complete', 'complete_with_drift')
GROUP BY ALL`
}

// loadPages fills the stage with the rows of the walks that count. Should it
// fail, a page may be larger than usual: it is read again with large buffers.
func (b *Build) loadPages(ctx context.Context, st string, r resource, cols []column, page string) (err error) {
	if err := b.exec(ctx, "SET force_compression = 'uncompressed'"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.exec(context.WithoutCancel(ctx), "RESET force_compression")) }()
	return b.within(ctx, pageMemory, func(again bool) error {
		size := int64(16 << 20)
		if again {
			size = 64 << 20
		}
		err := b.exec(ctx, "CREATE OR REPLACE TABLE "+st+" AS"+stageSQL(st, r, cols, page, size))
		if err == nil && r.name == "records" {
			err = b.loadTotals(ctx, st, page, size)
		}
		return err
	})
}

// within does something with so much more memory than DuckDB has otherwise; should it
// fail, again with a lot more. What is small has enough at first: where a limit is set,
// DuckDB gives back all the memory that it has at hand.
func (b *Build) within(ctx context.Context, more int64, do func(again bool) error) (err error) {
	limit := func(ctx context.Context, more int64, threads int) error {
		return b.exec(ctx, memoryLimit(b.store.memory, more)+fmt.Sprintf("SET threads = %d", threads))
	}
	small := b.threads == 1
	if !small {
		err = limit(ctx, more, b.threads)
	}
	if err == nil {
		err = do(false)
	}
	if err != nil && ctx.Err() == nil {
		small = false
		if err = limit(ctx, 1<<30, 1); err == nil {
			err = do(true)
		}
	}
	if !small {
		err = errors.Join(err, limit(context.WithoutCancel(ctx), 0, b.threads))
	}
	return err
}

// stageSQL reads the rows of a stage table from a landed file. Its text is made from the
// columns of the schema, so that each of them is read, in both spellings, by
// construction; the path is all that comes from outside.
func stageSQL(st string, r resource, cols []column, page string, size int64) string {
	response, item := shapes(r, cols)
	var raw, typed, names, problems []string
	for _, c := range cols {
		names = append(names, c.name)
		value := "coalesce(i." + c.name + `, i."` + camel(c.name) + `")`
		switch {
		case c.name == r.asked:
			value = "key"
		case c.name == "credential":
			value = "i.credential"
		case camel(c.name) == c.name:
			value = "i." + c.name
		}
		raw = append(raw, value+" AS raw_"+c.name)
		switch {
		case c.kind == "VARCHAR":
			typed = append(typed, "raw_"+c.name+" AS "+c.name)
		case strings.HasSuffix(c.kind, "[]"):
			typed = append(typed, strings.ReplaceAll(listSQL, "$c", c.name))
		default:
			typed = append(typed, strings.NewReplacer("$c", c.name, "$kind", c.kind).Replace(numberSQL))
			problems = append(problems, strings.ReplaceAll(problemSQL, "$c", c.name))
		}
	}
	problem := "NULL::VARCHAR"
	if len(problems) > 0 {
		problem = "coalesce(\n        " + strings.Join(problems, ",\n        ") + ")"
	}
	return `
SELECT
    ` + strings.Join(names, ",\n    ") + listed(r) + `,
    line AS landed_line,
    ` + problem + ` AS problem
FROM (
    SELECT *, ` + strings.Join(typed, ", ") + `
    FROM (
        SELECT line, ` + strings.Join(raw, ", ") + `
        FROM (
            SELECT line, key, ` + item + ` AS i
            FROM ` + pagesSQL(st, page, response, size) + `
        )
        WHERE i IS NOT NULL
    )
)`
}

// pagesSQL is the landed responses of the walks that count.
func pagesSQL(st, page, response string, size int64) string {
	return fmt.Sprintf(`(
    SELECT p.line, p."key" AS key, p.response
    FROM read_json(%s, format = 'newline_delimited', maximum_object_size = %d, columns = {
        line: 'BIGINT',
        walk: 'INTEGER',
        "key": 'VARCHAR',
        response: %s
    }) AS p
    SEMI JOIN %s_walks AS w ON w.key = p."key" AND w.walk = p.walk
)`, page, size, quote("STRUCT(result "+response+")"), st)
}

// A number may come as a string. An empty one is as good as none; a fraction
// is not rounded away.
const numberSQL = `CASE
        WHEN contains(raw_$c, '.') AND TRY_CAST(raw_$c AS DOUBLE) <> trunc(TRY_CAST(raw_$c AS DOUBLE)) THEN NULL
        ELSE TRY_CAST(raw_$c AS $kind)
    END AS $c`

const problemSQL = `CASE WHEN $c IS NULL AND raw_$c <> '' THEN '$c "' || raw_$c[:80] || '"' END`

// A list may come as a lone string.
const listSQL = `CASE
        WHEN raw_$c IS NULL OR json_type(raw_$c) = 'NULL' THEN NULL
        WHEN json_type(raw_$c) = 'ARRAY' THEN from_json(raw_$c, '["VARCHAR"]')
        ELSE [raw_$c ->> '$']
    END AS $c`

// listed is a column of the stage of tasks alone.
func listed(r resource) string {
	if r.name == "tasks" {
		return ", true AS listed"
	}
	return ""
}

// shapes gives the type of result for read_json, and the expression that makes
// items of a response.
func shapes(r resource, cols []column) (response, item string) {
	var fields, spec []string
	for _, c := range cols {
		if c.name == r.asked || c.name == "credential" {
			continue
		}
		kind := "VARCHAR"
		if strings.HasSuffix(c.kind, "[]") {
			kind = "JSON"
		}
		for _, name := range slices.Compact([]string{c.name, camel(c.name)}) {
			fields = append(fields, `"`+name+`" `+kind)
			spec = append(spec, `"`+name+`":"`+kind+`"`)
		}
	}
	one := "STRUCT(" + strings.Join(fields, ", ") + ")"
	switch r.shape {
	case listShape:
		return "STRUCT(list " + one + "[])", "unnest(response.result.list)"
	case arrayShape:
		return one + "[]", "unnest(response.result)"
	case objectShape:
		return one, "response.result"
	case nestedShape:
		return "MAP(VARCHAR, JSON)", "unnest(from_json(" + nestedSQL + ", " + quote("[{"+strings.Join(spec, ",")+"}]") + "))"
	default:
		return blocks(one, cols)
	}
}

// The spellings of recordListVOList that differ in case alone do not fit into
// one STRUCT, so its key is compared without case and underscores.
const nestedSQL = `list_transform(
    list_filter(
        map_entries(response.result),
        lambda e: lower(replace(e.key, '_', '')) IN ('recordlistvolist', 'channellistvolist', 'list')
    ),
    lambda e: CASE json_type(e.value) WHEN 'OBJECT' THEN json_extract(e.value, '$.list') ELSE e.value END
)[1]`

// credentials are those of issue_infos.
var credentials = []string{"person", "card", "card_pwd", "face", "fingerprint"}

// blocks reads one row of each credential, also where its block is absent: so
// that a record which was asked is known by its rows.
func blocks(one string, cols []column) (response, item string) {
	var fields, rows []string
	for _, c := range credentials {
		snake := c + "_issue_result"
		fields = append(fields, snake+" "+one, `"`+camel(snake)+`" `+one)
		block := "coalesce(response.result." + snake + `, response.result."` + camel(snake) + `")`
		var row strings.Builder
		row.WriteString("{credential: " + quote(c))
		for _, x := range cols {
			if slices.Contains([]string{"auth_task_record_id", "credential"}, x.name) {
				continue
			}
			row.WriteString(", " + x.name + ": " + block + "." + x.name + `, "` + camel(x.name) + `": ` + block + `."` + camel(x.name) + `"`)
		}
		rows = append(rows, row.String()+"}")
	}
	return "STRUCT(" + strings.Join(fields, ", ") + ")", "unnest([" + strings.Join(rows, ", ") + "])"
}

// loadTotals replaces the totals of the walks of records, which count pages,
// by the task's own totalNum where the cloud sent one.
func (b *Build) loadTotals(ctx context.Context, st, page string, size int64) error {
	return b.exec(ctx, `
UPDATE `+st+`_walks AS w
SET total = t.total
FROM (
    SELECT key, arg_max(total, line) AS total
    FROM (
        SELECT
            line,
            key,
            TRY_CAST(list_filter(
                map_entries(response.result),
                lambda e: lower(replace(e.key, '_', '')) = 'totalnum'
            )[1].value ->> '$' AS BIGINT) AS total
        FROM `+pagesSQL(st, page, "MAP(VARCHAR, JSON)", size)+`
    )
    WHERE total IS NOT NULL
    GROUP BY key
) AS t
WHERE t.key = w.key`)
}

// tidy leaves one row of each key in the stage and counts.
func (b *Build) tidy(ctx context.Context, st string, r resource) (Loaded, error) {
	var l Loaded
	var problem *string
	absent := each(columnsOf(r.key), " OR ", "coalesce($c, '') = ''")
	keys := each(columnsOf(r.key), ", ", "$c")
	err := b.conn.QueryRowContext(ctx, `
SELECT
    count(*),
    count(DISTINCT (`+keys+`)) FILTER (WHERE NOT (`+absent+`)),
    count(*) FILTER (WHERE problem IS NOT NULL OR `+absent+`),
    arg_min('line ' || landed_line || ': ' || coalesce(problem, 'row without an id'), landed_line)
        FILTER (WHERE problem IS NOT NULL OR `+absent+`)
FROM `+st).Scan(&l.Rows, &l.Distinct, &l.Problems, &problem)
	if err != nil || l.Rows == l.Distinct && problem == nil {
		return l, err
	}
	if problem != nil {
		l.Problem = *problem
	}
	// Among equals of one line any will do, but always the same.
	return l, b.exec(ctx, `
DELETE FROM `+st+` WHERE `+absent+`;
DELETE FROM `+st+`
WHERE rowid IN (
    SELECT row_id
    FROM (
        SELECT
            s.rowid AS row_id,
            row_number() OVER (PARTITION BY `+keys+` ORDER BY s.landed_line DESC, s DESC) AS n
        FROM `+st+` AS s
        SEMI JOIN (SELECT `+keys+` FROM `+st+` GROUP BY ALL HAVING count(*) > 1) AS t USING (`+keys+`)
    )
    WHERE n > 1
)`)
}
