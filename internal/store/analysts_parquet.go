package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// partitioned are the tables of the Parquet directory. Their keys are in sorted.
var partitioned = []string{
	"permissions", "persons", "structures", "rules", "rule_channels", "channels", "tasks", "records", "issue_infos", "snapshots",
}

// manifest is parquet/manifest.json: what the directory holds, and the columns of
// each table. project_id and snapshot_date are in the paths alone.
type manifest struct {
	MadeBy   string                  `json:"made_by"`
	Snapshot string                  `json:"snapshot"`
	Mask     string                  `json:"mask"`
	Timezone string                  `json:"timezone"` // of the days
	Tables   map[string]analystTable `json:"tables"`
	Days     []analystDay            `json:"days"`
	Files    []partition             `json:"files"`
}

const manifestMaker = "exporter publish"

var errManifest = errors.New("no manifest of exporter publish")

type analystTable struct {
	Meaning string          `json:"meaning"`
	Columns []analystColumn `json:"columns"`
}

type analystColumn struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // as DuckDB names it
	Meaning string `json:"meaning,omitempty"`
}

// analystDay is one day of one project, as its last snapshot has it. Content is the
// same as long as every row of it is, whatever is published later.
type analystDay struct {
	Project  string `json:"project_id"`
	Date     string `json:"snapshot_date"`
	Snapshot string `json:"snapshot_id"`
	Verdict  string `json:"verdict"`
	Content  string `json:"content"`
}

// partition is one Parquet file; its path is below the manifest's folder.
type partition struct {
	Table    string `json:"table"`
	Project  string `json:"project_id"`
	Date     string `json:"snapshot_date"`
	Snapshot string `json:"snapshot_id"`
	Verdict  string `json:"verdict"`
	AnalystsFile
}

func readManifest(path string) (*manifest, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil || m.MadeBy != manifestMaker {
		return nil, errManifest
	}
	return &m, nil
}

// buildParquet makes the files of the days whose rows have changed since old, and
// returns the manifest of all.
func (p *publication) buildParquet(ctx context.Context, old *manifest) (*manifest, error) {
	m := &manifest{MadeBy: manifestMaker, Snapshot: p.snapshot, Mask: MaskPseudonym, Timezone: p.o.Timezone}
	var err error
	if m.Tables, err = p.tables(ctx); err != nil {
		return nil, err
	}
	if m.Days, err = p.days(ctx); err != nil {
		return nil, err
	}
	if old != nil && len(old.Days) > 0 && !slices.ContainsFunc(old.Days, m.hasProject) {
		return nil, &copyError{p.o.Dir, "holds the copy of another store, which has project " + old.Days[0].Project, hintForeign}
	}
	for _, d := range m.Days {
		files := p.unchanged(d, old)
		if files == nil {
			if files, err = p.writeDay(ctx, d); err != nil {
				return nil, fmt.Errorf("%s of project %q: %w", d.Date, d.Project, err)
			}
		}
		m.Files = append(m.Files, files...)
	}
	return m, nil
}

// hasProject tells whether the manifest has days of the project of d.
func (m *manifest) hasProject(d analystDay) bool {
	return slices.ContainsFunc(m.Days, func(x analystDay) bool { return x.Project == d.Project })
}

// partitions are the files of days, below the folder of all.
const partitions = "*/project_id=*/snapshot_date=*/part-0.parquet"

// tables describes the columns of the Parquet files.
func (p *publication) tables(ctx context.Context) (map[string]analystTable, error) {
	rows, err := p.conn.QueryContext(ctx, `
SELECT t.table_name, coalesce(t.comment, ''), c.column_name, c.data_type, coalesce(c.comment, '')
FROM duckdb_tables() AS t
JOIN duckdb_columns() AS c
    ON c.database_name = t.database_name AND c.schema_name = t.schema_name AND c.table_name = t.table_name
WHERE t.database_name = 'out' AND t.table_name IN (SELECT unnest($1::VARCHAR[])) AND c.column_name <> 'project_id'
ORDER BY t.table_name, c.column_index`, partitioned)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tables := map[string]analystTable{}
	for rows.Next() {
		var name string
		var t analystTable
		var c analystColumn
		if err := rows.Scan(&name, &t.Meaning, &c.Name, &c.Type, &c.Meaning); err != nil {
			return nil, err
		}
		t.Columns = append(tables[name].Columns, c)
		tables[name] = t
	}
	return tables, rows.Err()
}

// contents is a query of the days of each project. What a day holds is told by a hash
// of the rows that its snapshot knows, of those that stand in it, and of how tables are
// made of them.
func contents() string {
	var parts strings.Builder
	for _, r := range resources {
		fmt.Fprintf(&parts, `
    SELECT
        project_id,
        '%[1]s' AS part,
        first_snapshot,
        closed_snapshot,
        bit_xor(hash(*COLUMNS(* EXCLUDE (closed_snapshot)))) AS rows
    FROM snap.base.%[1]s
    GROUP BY ALL
    UNION ALL`, r.name)
	}
	return `
WITH parts AS (` + parts.String() + `
    SELECT NULL, 'channel_register', f.first_snapshot, f.closed_snapshot, bit_xor(hash(r))
    FROM snap.base.registers AS f
    LEFT JOIN snap.base.channel_register AS r ON r.register_sha256 = f.sha256
    WHERE f."table" = 'channel_register'
    GROUP BY ALL
), known AS (
    SELECT
        d.project_id,
        d.snapshot_id,
        p.part,
        bit_xor(p.rows) AS all_rows,
        bit_xor(p.rows) FILTER (WHERE p.closed_snapshot IS NULL OR p.closed_snapshot > d.snapshot_id) AS standing
    FROM out.main.days AS d
    JOIN parts AS p
        ON (p.project_id IS NULL OR p.project_id = d.project_id)
        AND p.first_snapshot <= d.snapshot_id
    GROUP BY ALL
), made AS (
    SELECT version() || string_agg(sql, '' ORDER BY schema_name, view_name) AS how
    FROM duckdb_views()
    WHERE database_name = 'snap' AND NOT internal
)
SELECT
    d.project_id,
    d.snapshot_date::VARCHAR,
    d.snapshot_id,
    d.verdict,
    sha256(coalesce(k.rows, '') || m.how)
FROM out.main.days AS d
CROSS JOIN made AS m
LEFT JOIN (
    SELECT project_id, snapshot_id, string_agg(concat_ws(' ', part, all_rows, standing), ', ' ORDER BY part) AS rows
    FROM known
    GROUP BY ALL
) AS k
    ON k.project_id = d.project_id AND k.snapshot_id = d.snapshot_id
ORDER BY d.project_id, d.snapshot_date`
}

// days lists the days whose snapshot the store still has.
func (p *publication) days(ctx context.Context) ([]analystDay, error) {
	rows, err := p.conn.QueryContext(ctx, contents())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var days []analystDay
	for rows.Next() {
		var d analystDay
		if err := rows.Scan(&d.Project, &d.Date, &d.Snapshot, &d.Verdict, &d.Content); err != nil {
			return nil, err
		}
		if there, err := exists(p.store.path(d.Snapshot)); err != nil {
			return nil, err
		} else if there {
			days = append(days, d)
		}
	}
	return days, rows.Err()
}

// unchanged returns the files of a day that are there as they should be, nil where
// one is not.
func (p *publication) unchanged(d analystDay, old *manifest) []partition {
	if old == nil || !slices.Contains(old.Days, d) {
		return nil
	}
	var files []partition
	var size int64
	for _, f := range old.Files {
		if f.Project != d.Project || f.Date != d.Date {
			continue
		}
		if !p.holds(f) {
			return nil
		}
		files = append(files, f)
		size += f.Bytes
	}
	if len(files) != len(partitioned) {
		return nil
	}
	p.result.Kept += len(files)
	p.result.Bytes += size
	return files
}

// holds tells whether a file is there as the manifest says.
func (p *publication) holds(want partition) bool {
	f, err := os.Open(filepath.Join(p.o.Dir, parquetDir, want.Path))
	if err != nil {
		return false
	}
	defer f.Close()
	_, sum, err := readSum(f)
	return err == nil && sum == want.SHA256
}

// writeDay makes the files of one day.
func (p *publication) writeDay(ctx context.Context, d analystDay) ([]partition, error) {
	for name, value := range map[string]string{"snapshot_id": d.Snapshot, "project_id": d.Project} {
		if err := p.exec(ctx, "SET VARIABLE "+name+" = $1", value); err != nil {
			return nil, err
		}
	}
	var files []partition
	for _, table := range partitioned {
		path := filepath.Join(table, "project_id="+folder(d.Project), "snapshot_date="+d.Date, "part-0.parquet")
		rows, err := p.copyTable(ctx, table, path, d)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", table, err)
		}
		f, err := p.finish(filepath.Join(parquetDir, path), rows)
		if err != nil {
			return nil, err
		}
		f.Path = path
		files = append(files, partition{table, d.Project, d.Date, d.Snapshot, d.Verdict, f})
	}
	return files, p.exec(ctx, "RESET VARIABLE snapshot_id; RESET VARIABLE project_id")
}

// copyTable writes one table of one day, and returns how many rows it has.
func (p *publication) copyTable(ctx context.Context, table, path string, d analystDay) (int64, error) {
	path = p.inWork(parquetDir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, err
	}
	file, err := quotePath(path)
	if err != nil {
		return 0, err
	}
	// The tables of the newest snapshot are in the analysts' file, in order.
	from := fmt.Sprintf("snap.main.%s WHERE project_id = $1 ORDER BY %s", table, sorted[table])
	switch {
	case table == "snapshots":
		from = "snap.main.snapshots WHERE project_id = $1 AND snapshot_id = " + quote(d.Snapshot)
	case d.Snapshot == p.snapshot:
		from = "out.main." + table + " WHERE project_id = $1"
	}
	res, err := p.conn.ExecContext(ctx, "COPY (SELECT * EXCLUDE (project_id) FROM "+from+") TO "+file+
		fmt.Sprintf(` (
    FORMAT parquet, COMPRESSION zstd, PRESERVE_ORDER true, USE_TMP_FILE false,
    KV_METADATA {'table': %s, project_id: %s, snapshot_date: %s, snapshot_id: %s, mask: %s}
)`, quote(table), quote(d.Project), quote(d.Date), quote(d.Snapshot), quote(MaskPseudonym)), d.Project)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// writeManifest writes the manifest to the work folder.
func (p *publication) writeManifest(m *manifest) error {
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.inWork(parquetDir), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(p.inWork(manifestFile), append(text, '\n'), 0o644); err != nil {
		return err
	}
	_, err = p.finish(manifestFile, int64(len(m.Files)))
	return err
}

// removeOld removes the days that are no more in the manifest, and of what else is
// in the folder nothing.
func (p *publication) removeOld(m *manifest) error {
	listed := map[string]bool{}
	for _, f := range m.Files {
		listed[f.Path] = true
	}
	root := filepath.Join(p.o.Dir, parquetDir)
	for _, table := range partitioned {
		found, err := fs.Glob(os.DirFS(root), table+"/project_id=*/snapshot_date=*/part-0.parquet")
		if err != nil {
			return err
		}
		for _, path := range found {
			_, date, _ := strings.Cut(filepath.Dir(path), "snapshot_date=")
			if _, err := time.Parse(time.DateOnly, date); err != nil || listed[path] {
				continue
			}
			day := filepath.Dir(path)
			for _, step := range []func() error{
				func() error { return removeIfThere(filepath.Join(root, path)) },
				func() error { return removeEmpty(filepath.Join(root, day)) },
				func() error { return removeEmpty(filepath.Join(root, filepath.Dir(day))) },
			} {
				if err := step(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
