package reports

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"exporter/queries"
)

// query runs one of the definition's queries in a state and keeps its text.
func (r *runner) query(in state, name string) (*sql.Rows, error) {
	text, err := queryFile(r.queryDir, name)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	q := queryText{name, string(text), hex.EncodeToString(sum[:])}
	if !slices.Contains(r.report.queries, q) {
		r.report.queries = append(r.report.queries, q)
	}
	var rows *sql.Rows
	if r.answer != nil {
		rows, err = r.answer.All(r.ctx)
	} else {
		rows, err = in.reader.Query(r.ctx, q.text, in.named)
	}
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", name, err)
	}
	return rows, nil
}

// inDir reports whether dir has a query of its own, be it one that cannot be
// read.
func inDir(dir, name string) bool {
	if validQuery(name) != nil {
		return false
	}
	_, err := ownQuery(dir, name)
	return !errors.Is(err, fs.ErrNotExist)
}

// ownQuery reads a query by its name from dir, "" for none. A link does not lead
// out of dir. Where there is no such query, the error is [fs.ErrNotExist].
func ownQuery(dir, name string) ([]byte, error) {
	if dir == "" {
		return nil, fs.ErrNotExist
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.ReadFile(filepath.FromSlash(name))
}

// QueryText returns a query by its name from dir, or else a built-in one.
func QueryText(dir, name string) (string, error) {
	text, err := queryFile(dir, name)
	return string(text), err
}

// queryFile reads a query by its name from dir, or else from the built-in
// ones.
func queryFile(dir, name string) ([]byte, error) {
	if err := validQuery(name); err != nil {
		return nil, err
	}
	text, err := ownQuery(dir, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if text, err = queries.Files.ReadFile(name); err != nil {
		where := "among the built-in ones"
		if dir != "" {
			where = "in " + dir + " nor " + where
		}
		return nil, fmt.Errorf("query %q is not %s", name, where)
	}
	return text, nil
}
