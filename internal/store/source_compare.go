package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Difference is a column of which the page of a row says something else than the
// snapshot's row; nil is NULL.
type Difference struct {
	Column string  `json:"column"`
	Row    *string `json:"row"`
	Page   *string `json:"page"`
}

// Compare reads the row of a source from its page, with the loader that reads pages
// into snapshots, and returns what the page says otherwise. Under a mask, in which the
// page has to be too, what it does not tell is no difference. It returns [ErrNoRow]
// where the loader finds none in the page with the row's key.
func (r *Reader) Compare(ctx context.Context, s Source, p Page) (list []Difference, err error) {
	x, err := lookup(s.Table)
	if err != nil {
		return nil, err
	}
	cols, err := receivedOf(ctx, r.db, x)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "exporter-page-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	rows, err := pageRows(ctx, dir, x, cols, s, p)
	if err != nil {
		return nil, fmt.Errorf("%s, line %d: read its rows: %w", p.Path, p.At, err)
	}
	if len(rows) == 0 {
		return nil, ErrNoRow
	}
	for i, row := range rows { // a page may have a key twice
		var other []Difference
		for _, v := range s.Values {
			page := row[v.Column]
			same := (v.Value == nil) == (page == nil) && (page == nil || *v.Value == *page)
			untold := r.place.Mask != MaskFull && page != nil && strings.Contains(*page, "masked")
			if !same && !untold {
				other = append(other, Difference{v.Column, v.Value, page})
			}
		}
		if i == 0 || len(other) < len(list) {
			list = other
		}
	}
	return list, nil
}

// ErrNoRow is a page without the row that was read from it.
var ErrNoRow = errors.New("no member of the response has the row's key")

// pageRows are the rows of a page that have the key of a source, by their columns.
func pageRows(ctx context.Context, dir string, x resource, cols []column, s Source, p Page) (list []map[string]*string, err error) {
	l, err := ParseLanded(p.line)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "page.ndjson")
	if err := os.WriteFile(file, append(slices.Clone(p.line), '\n'), 0o600); err != nil {
		return nil, err
	}
	path, err := quotePath(file)
	if err != nil {
		return nil, err
	}
	db, err := openMemory(func(func(string, ...any) error) error { return nil })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, settings(leastReading, dir, 1)); err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "CREATE TABLE page_walks AS SELECT $1::VARCHAR AS key, $2::INTEGER AS walk", l.Key, l.Walk); err != nil {
		return nil, err
	}
	var conditions []string
	var args []any
	for _, v := range s.Key {
		args = append(args, v.Value)
		conditions = append(conditions, fmt.Sprintf("%s = $%d", v.Column, len(args)))
	}
	rows, err := conn.QueryContext(ctx, "SELECT "+each(cols, ", ", "$c")+" FROM ("+
		stageSQL("page", x, cols, path, max(16<<20, 2*int64(len(p.line))))+") WHERE "+strings.Join(conditions, " AND "), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		types, values, err := scanValues(rows)
		if err != nil {
			return nil, err
		}
		row := map[string]*string{}
		for i, t := range types {
			if values[i] != nil {
				row[t.Name()] = new(Text(values[i], t.DatabaseTypeName()))
			}
		}
		list = append(list, row)
	}
	return list, rows.Err()
}
