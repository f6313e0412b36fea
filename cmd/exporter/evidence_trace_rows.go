package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// fileRow finds the row of a csv or json file that a place names: its number in a csv,
// its key, or an id that it alone has.
func (t *traced) fileRow(src *traceSource, ext, place string) (reports.LocatedRow, error) {
	f := fileRows{place: place, keys: src.keysOf(t.Report), csv: ext == ".csv"}
	if !f.csv {
		made, err := reports.JSONRows(t.File, f.take)
		if err != nil {
			return reports.LocatedRow{}, t.notOurs(err)
		}
		t.Report, t.Snapshot, t.AsOf, t.Mask = made.Report, made.Snapshot, made.AsOf, cmp.Or(made.Mask, store.MaskFull)
		return f.one(t)
	}
	if strings.HasSuffix(t.File, ".excel.csv") {
		plain := strings.TrimSuffix(t.File, ".excel.csv") + ".csv"
		return reports.LocatedRow{}, usage(fmt.Errorf("%s is for Excel: it does not have the names of the columns", t.File),
			"trace "+plain+", which has the same rows")
	}
	if t.Snapshot == "" {
		return reports.LocatedRow{}, usage(fmt.Errorf("%s: the journal knows no such file", t.File),
			"which snapshot a csv was made from is known by its SHA-256 alone: "+
				"trace one that was not changed, or the xlsx, which names its snapshot")
	}
	if n, err := strconv.Atoi(place); err == nil {
		f.number = n
	}
	part := []byte(place[strings.LastIndex(place, "/")+1:]) // a key may be of several columns
	want := func(number int, record []byte) bool {
		f.rows++
		return number == f.number || len(f.byPlace) == 0 && bytes.Contains(record, part)
	}
	if err := reports.CSVRows(t.File, want, f.take); err != nil {
		return reports.LocatedRow{}, usage(fmt.Errorf("%s: %w", t.File, err),
			"of formats with rows trace the xlsx, the csv or the json")
	}
	return f.one(t)
}

// fileRows are the rows of a file that a place may mean.
type fileRows struct {
	place  string
	number int        // what the place is as a number of a row, 0 for none
	keys   [][]string // columns that name a row
	csv    bool

	rows                 int                  // of a csv
	byPlace, byKey, byID []reports.LocatedRow // the first few
	withKey, withID      int                  // how many there are
}

// take looks at a row.
func (f *fileRows) take(r reports.LocatedRow) error {
	switch {
	case r.Number == f.number:
		f.byPlace = append(f.byPlace, r)
	case slices.ContainsFunc(f.keys, func(key []string) bool { return keyIn(r, key) == f.place }):
		if f.withKey++; f.withKey <= maxPlaces {
			f.byKey = append(f.byKey, r)
		}
	case slices.ContainsFunc(r.Cells, func(c reports.LocatedCell) bool {
		return strings.HasSuffix(c.Column, "_id") && c.Text == f.place
	}):
		if f.withID++; f.withID <= maxPlaces {
			f.byID = append(f.byID, r)
		}
	}
	return nil
}

// keyIn is the key of a row; "" where it does not have all the columns.
func keyIn(r reports.LocatedRow, key []string) string {
	var values []string
	for _, column := range key {
		i := slices.IndexFunc(r.Cells, func(c reports.LocatedCell) bool { return c.Column == column })
		if i < 0 {
			return ""
		}
		values = append(values, r.Cells[i].Text)
	}
	return strings.Join(values, "/")
}

// one is the row that is meant.
func (f *fileRows) one(t *traced) (r reports.LocatedRow, err error) {
	switch {
	case len(f.byPlace) == 1:
		return f.byPlace[0], nil
	case f.withKey == 1:
		return f.byKey[0], nil
	case f.withKey > 1:
		return r, usage(fmt.Errorf("%d rows have the key %q", f.withKey, f.place), f.several(f.byKey, f.withKey))
	case f.withID == 1:
		return f.byID[0], nil
	case f.withID > 1:
		return r, usage(fmt.Errorf("%d rows have the id %q", f.withID, f.place), f.several(f.byID, f.withID))
	case f.number > 0 && len(f.place) < len("1000000000"):
		return r, usage(fmt.Errorf("%s has no row %s", t.File, f.place), "it has "+plural(int64(f.rows), "row"))
	}
	hint := "name a row by an id that it alone has"
	for _, key := range f.keys {
		hint += ", or by its " + strings.Join(key, "/")
	}
	if f.csv {
		hint += ", or by its number, of which the first after the header is 1"
	}
	return r, usage(fmt.Errorf("no row of %s has the key %q, nor an id", t.File, f.place), hint)
}

// several is the hint where rows, of which these are the first, may be meant.
func (f *fileRows) several(rows []reports.LocatedRow, count int) string {
	var list []string
	for _, r := range rows {
		list = append(list, strings.TrimPrefix(fmt.Sprintf("%s row %d", r.Section, r.Number), " "))
	}
	if count > len(list) {
		list = append(list, "...")
	}
	if f.csv {
		return "name one by its number: " + strings.ReplaceAll(strings.Join(list, ", "), "row ", "")
	}
	return "they are " + strings.Join(list, ", ") + ": trace the csv or the xlsx, of which one row can be named"
}
