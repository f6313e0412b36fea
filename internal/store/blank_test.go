package store

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

var update = flag.Bool("update", false, "write the blank anew where the schema makes another")

// What new files begin as is what the schema makes today.
func TestBlank(t *testing.T) {
	made, kept := filepath.Join(t.TempDir(), "made.duckdb"), filepath.Join(t.TempDir(), "kept.duckdb")
	makeBlank(t, made)
	if err := writeBlank(kept); err != nil {
		t.Fatal(err)
	}
	diff := cmp.Diff(described(t, made), described(t, kept))
	if diff == "" {
		return
	}
	if !*update {
		t.Fatalf("schema/blank.duckdb.zst is not what the schema makes (-schema +blank):\n%s"+
			"go test ./internal/store -run TestBlank -update writes it anew", diff)
	}
	file, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("schema/blank.duckdb.zst", z.EncodeAll(file, nil), 0o644); err != nil {
		t.Fatal(err)
	}
}

// makeBlank runs the schema into a new file.
func makeBlank(t *testing.T, path string) {
	t.Helper()
	text, err := schemaSQL()
	if err != nil {
		t.Fatal(err)
	}
	db, err := openMemory(func(exec func(string, ...any) error) error {
		return exec("ATTACH " + quote(path) + " AS made (" + newFile + "); USE made")
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(fmt.Sprintf("%sINSERT INTO base.store VALUES (%d, NULL, NULL); CHECKPOINT made", text, schemaVersion)); err != nil {
		t.Fatal(err)
	}
}

// described is all that DuckDB's catalogue says of a file, what the file says of
// itself, and how it is packed.
func described(t *testing.T, path string) []string {
	t.Helper()
	db, err := new(Store).attach(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	queries := []string{
		"SELECT s::VARCHAR FROM base.store AS s",
		"SELECT tags::VARCHAR FROM duckdb_databases() WHERE database_name = 'snap'",
		"SELECT block_size::VARCHAR FROM pragma_database_size() WHERE database_name = 'snap'",
	}
	for kind := range strings.FieldsSeq("schemas tables columns constraints indexes sequences types views functions") {
		queries = append(queries, `
SELECT '`+kind+` ' || row::VARCHAR
FROM (SELECT COLUMNS(c -> NOT suffix(c, 'oid')) FROM duckdb_`+kind+`() WHERE database_name = 'snap') AS row
ORDER BY ALL`)
	}
	var all []string
	for _, query := range queries {
		lines, err := texts(t.Context(), db, query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		all = append(all, lines...)
	}
	return all
}
