package store

import (
	"context"
	"errors"
	"fmt"
)

// Function is a function of DuckDB that a query may call.
type Function struct {
	Name    string
	Comment string // a sentence on what it returns
}

// Functions returns the functions of DuckDB that its own catalogue explains, in
// the order of their names. It needs no store.
func Functions(ctx context.Context) (_ []Function, err error) {
	db, err := openMemory(func(func(string, ...any) error) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("functions: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, `
SELECT
    function_name,
    min(coalesce(description, 'Rows that are made from values'))
FROM duckdb_functions()
WHERE schema_name IN ('main', 'pg_catalog')
    AND regexp_full_match(function_name, '[a-z][a-z0-9_]*')
    AND (function_type IN ('scalar', 'aggregate') AND description IS NOT NULL
        OR function_name IN ('range', 'generate_series', 'unnest'))
GROUP BY function_name
ORDER BY function_name`)
	if err != nil {
		return nil, fmt.Errorf("functions: %w", err)
	}
	defer rows.Close()
	var all []Function
	for rows.Next() {
		var f Function
		if err := rows.Scan(&f.Name, &f.Comment); err != nil {
			return nil, fmt.Errorf("functions: %w", err)
		}
		all = append(all, f)
	}
	return all, rows.Err()
}
