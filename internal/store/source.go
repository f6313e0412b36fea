package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Source is a row of a history table, and the page that it was read from.
type Source struct {
	Table   string
	Project string
	Key     []Received // what names the row
	Values  []Received // what the cloud sent, the key among it

	First, Closed string    // snapshots; Closed is "" of a row that is current as of the reader's
	Seen          time.Time // server time of First
	Landed        string    // the snapshot whose raw pages hold the row
	Line          int64     // of the landed file of the table's resource
}

// Received is a column with its value as text, nil for NULL.
type Received struct {
	Column string  `json:"column"`
	Value  *string `json:"value"`
}

// foundBy are columns that a row is found by though they are not of its key.
var foundBy = []string{"project_id", "person_id", "access_control_channel_id", "relation_id"}

// Sources finds the rows of a history table that have the given values in columns
// of their key, or others that are ids of persons and channels: those that are current
// as of the reader's snapshot, or where none is, the last version of each that was.
// It returns the first so many in the order of their key, and how many there are.
func (r *Reader) Sources(ctx context.Context, table string, where map[string]string,
	limit int) (list []Source, count int64, err error) {
	x, err := lookup(table)
	if err != nil {
		return nil, 0, err
	}
	named := map[string]any{"most": limit}
	var conditions []string
	for _, c := range slices.Sorted(maps.Keys(where)) {
		if !slices.Contains(slices.Concat(foundBy, x.key), c) {
			return nil, 0, fmt.Errorf("%s cannot be found by %s", table, c)
		}
		conditions = append(conditions, "h."+c+" = $"+c)
		named[c] = where[c]
	}
	rows, err := r.Query(ctx, `
WITH versions AS (
    SELECT
        h.*,
        coalesce(h.closed_snapshot > getvariable('snapshot_id'), true) AS stands
    FROM base.`+table+` AS h
    WHERE h.first_snapshot <= getvariable('snapshot_id')
        AND `+strings.Join(conditions, " AND ")+`
    QUALIFY row_number() OVER (PARTITION BY h.project_id, `+each(columnsOf(x.key), ", ", "h.$c")+` ORDER BY h.first_snapshot DESC) = 1
)
SELECT
    v.* EXCLUDE (stands) REPLACE (CASE WHEN NOT v.stands THEN v.closed_snapshot END AS closed_snapshot),
    s.server_time AS seen,
    count(*) OVER () AS found
FROM versions AS v
LEFT JOIN base.snapshots AS s
    ON s.snapshot_id = v.first_snapshot AND s.project_id = v.project_id
WHERE v.stands OR NOT EXISTS (FROM versions WHERE stands)
ORDER BY v.project_id, `+each(columnsOf(x.key), ", ", "v.$c")+`
LIMIT $most`, named)
	if err != nil {
		return nil, 0, fmt.Errorf("find the source in %s: %w", table, err)
	}
	defer rows.Close()
	for rows.Next() {
		s, n, err := scanSource(rows, x)
		if err != nil {
			return nil, 0, fmt.Errorf("find the source in %s: %w", table, err)
		}
		list, count = append(list, s), n
	}
	return list, count, rows.Err()
}

// scanSource reads a row of [Reader.Sources].
func scanSource(rows *sql.Rows, x resource) (s Source, found int64, err error) {
	types, values, err := scanValues(rows)
	if err != nil {
		return s, 0, err
	}
	s.Table = x.name
	for i, t := range types {
		text := Text(values[i], t.DatabaseTypeName())
		switch name := t.Name(); name {
		case "project_id":
			s.Project = text
		case "first_snapshot":
			s.First = text
		case "closed_snapshot":
			if values[i] != nil {
				s.Closed = text
			}
		case "landed_snapshot":
			s.Landed = text
		case "landed_line":
			s.Line, _ = values[i].(int64)
		case "seen":
			s.Seen, _ = values[i].(time.Time)
		case "found":
			found, _ = values[i].(int64)
		case "listed": // derived
		default:
			v := Received{Column: name}
			if values[i] != nil {
				v.Value = &text
			}
			s.Values = append(s.Values, v)
			if slices.Contains(x.key, name) {
				s.Key = append(s.Key, v)
			}
		}
	}
	return s, found, nil
}

// scanValues reads the values of a row whose columns are not known before.
func scanValues(rows *sql.Rows) ([]*sql.ColumnType, []any, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, nil, err
	}
	values, targets := make([]any, len(types)), make([]any, len(types))
	for i := range values {
		targets[i] = &values[i]
	}
	return types, values, rows.Scan(targets...)
}

// A Page is the response that a row was read from.
type Page struct {
	Path     string // below the store's folder, with slashes
	At       int64  // which line of the file it is, from 1
	Response []byte // as landed, in a masked bundle masked
	Call     *Call  // nil where none is known
	CallPath string
	CallLine int64 // of CallPath, from 1

	// Member is where in the response the row is, as result.list[3], and Item its
	// text; both are empty where no member has the row's key.
	Member string
	Item   []byte

	line []byte // as landed
}

// Call is one HTTP attempt: what is known of a response, or of one that came to
// nothing. It is a line of calls.ndjson.zst.
type Call struct {
	Resource     string `json:"resource"`
	Operation    string `json:"operation"`
	Walk         int    `json:"walk"`
	Page         int    `json:"page"`
	Key          string `json:"key"`
	Line         *int64 `json:"line"` // of the landed file; nil where nothing landed
	TID          string `json:"tid"`
	T            int64  `json:"t"` // of the cloud, milliseconds since 1970
	HTTPStatus   int    `json:"http_status"`
	Code         int    `json:"code"` // of the cloud, 0 where it gave none
	Rows         int    `json:"rows"`
	Milliseconds int64  `json:"ms"`
	Attempt      int    `json:"attempt"`
	BodySHA256   string `json:"body_sha256"`
	LandedSHA256 string `json:"landed_sha256"`
}

// RawPath is where the pages of a resource, or the calls or walks, of a project in a
// snapshot are: below a store's folder, with slashes.
func RawPath(snapshot, project, name string) string {
	return path.Join("raw", snapshot, folder(project), name+".ndjson.zst")
}

// Page reads the page of a source below dir: a store's folder, or what has raw/ in
// it as one does, with paths as name makes them of the store's; nil for the same. It
// returns [fs.ErrNotExist], and the page with its path, where the file is not there.
func (s Source) Page(dir string, name func(path string) string) (Page, error) {
	p := Page{Path: RawPath(s.Landed, s.Project, s.Table)}
	p.CallPath = RawPath(s.Landed, s.Project, "calls")
	if name != nil {
		p.Path, p.CallPath = name(p.Path), name(p.CallPath)
	}
	if snapshot := folder(s.Landed); snapshot != s.Landed {
		return p, fmt.Errorf("%q is not the id of a snapshot", s.Landed)
	}
	_, err := eachLine(filepath.Join(dir, filepath.FromSlash(p.Path)), func(text []byte) error {
		p.At++
		l, err := ParseLanded(text)
		if err != nil || l.Line != s.Line {
			return err
		}
		p.line, p.Response = slices.Clone(text), slices.Clone(l.Response)
		return errFound
	})
	switch {
	case err == nil:
		return p, fmt.Errorf("%s has no line %d", p.Path, s.Line)
	case !errors.Is(err, errFound):
		return p, fmt.Errorf("%s: %w", p.Path, err)
	}
	_, err = eachLine(filepath.Join(dir, filepath.FromSlash(p.CallPath)), func(text []byte) error {
		var c Call
		p.CallLine++
		if err := json.Unmarshal(text, &c); err != nil {
			return err
		}
		if c.Line == nil || *c.Line != s.Line || c.Resource != s.Table {
			return nil
		}
		p.Call = &c
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) && !errors.Is(err, fs.ErrNotExist) {
		return p, fmt.Errorf("%s: %w", p.CallPath, err)
	}
	p.Member, p.Item, err = s.member(p.Response)
	if err != nil {
		return p, fmt.Errorf("%s, line %d: %w", p.Path, s.Line, err)
	}
	return p, nil
}

// member finds the row in a response, as the loader reads it.
func (s Source) member(response []byte) (where string, item []byte, err error) {
	x, err := lookup(s.Table)
	if err != nil {
		return "", nil, err
	}
	name, result, err := memberOf(response, "result")
	if err != nil {
		return "", nil, err
	}
	where = name
	switch x.shape {
	case objectShape:
		return where, result, nil
	case blocksShape:
		credential := ""
		for _, v := range s.Key {
			if v.Column == "credential" && v.Value != nil {
				credential = *v.Value
			}
		}
		name, item, err = memberOf(result, credential+"_issue_result")
		return where + "." + name, item, err
	case listShape:
		name, result, err = memberOf(result, "list")
		where += "." + name
	case nestedShape:
		name, result, err = memberOf(result, "record_list_vo_list", "channel_list_vo_list", "list")
		if err == nil {
			where += "." + name
			if _, list, err := memberOf(result, "list"); err == nil {
				where, result = where+".list", list
			}
		}
	}
	if err != nil {
		return "", nil, err
	}
	var items []json.RawMessage
	if err := json.Unmarshal(result, &items); err != nil {
		return "", nil, err
	}
	for i, item := range items {
		if s.is(x, item) {
			return fmt.Sprintf("%s[%d]", where, i), item, nil
		}
	}
	return "", nil, nil
}

// is reports whether an item has the row's key, as far as items have one.
func (s Source) is(x resource, item []byte) bool {
	for _, v := range s.Key {
		if v.Column == x.asked {
			continue
		}
		_, text, err := memberOf(item, v.Column)
		if err != nil || v.Value == nil || plainText(text) != *v.Value {
			return false
		}
	}
	return true
}

// memberOf is the first member of an object that has one of some names, whatever
// its case and underscores: its name as it stands there, and its text.
func memberOf(object []byte, names ...string) (name string, value []byte, err error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return "", nil, err
	}
	for _, want := range names {
		for _, have := range slices.Sorted(maps.Keys(members)) {
			if plainName(have) == plainName(want) && string(members[have]) != "null" {
				return have, members[have], nil
			}
		}
	}
	return "", nil, fmt.Errorf("the response has no member %s", names[0])
}

// plainText is a text or a number of JSON as a column has it.
func plainText(value []byte) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}
