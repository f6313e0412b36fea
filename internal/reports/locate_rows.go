package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// CSVRows calls each with every row of a csv file of a report that want takes by its
// number, from 1, and its text.
func CSVRows(path string, want func(number int, record []byte) bool, each func(LocatedRow) error) error {
	number := -1
	var columns []string
	return csvRecords(path, io.Discard, func(record []byte) error {
		number++
		if number > 0 && !want(number, record) {
			return nil
		}
		fields, err := splitRecord(record)
		if err != nil {
			return fmt.Errorf("row %d: %w", number, err)
		}
		if number == 0 {
			columns = texts(fields)
			return nil
		}
		r := LocatedRow{Number: number}
		for i, text := range texts(fields) {
			r.Cells = append(r.Cells, LocatedCell{Column: cell(columns, i), Text: text})
		}
		return each(r)
	})
}

// Made is what a file of a report says of how it was made. AsOf is in words.
type Made struct{ Report, Snapshot, AsOf, Mask string }

// JSONRows calls each with every row of a json file of a report, numbered from 1 in
// each section, and returns how the file was made. It returns [ErrNotOurs] where it is
// something else.
func JSONRows(path string, each func(LocatedRow) error) (m Made, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	var file struct {
		Report struct{ Name string }
		Trust  struct {
			Snapshot, Mask string
			AsOf           string `json:"as_of"`
		}
		Sections []struct {
			Title   string
			Columns []struct{ Name, Title string }
			Rows    json.RawMessage
		}
	}
	if err := json.Unmarshal(b, &file); err != nil {
		return m, fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	m = Made{file.Report.Name, file.Trust.Snapshot, file.Trust.AsOf, file.Trust.Mask}
	if m.Report == "" || m.Snapshot == "" {
		return m, fmt.Errorf("%w: it names no report and snapshot", ErrNotOurs)
	}
	for _, s := range file.Sections {
		rows := json.NewDecoder(strings.NewReader(string(s.Rows)))
		if t, err := rows.Token(); err != nil || t != json.Delim('[') {
			return m, fmt.Errorf("%w: section %.40q has no list of rows", ErrNotOurs, s.Title)
		}
		for n := 1; rows.More(); n++ {
			var values map[string]json.RawMessage
			if err := rows.Decode(&values); err != nil {
				return m, fmt.Errorf("%w: %w", ErrNotOurs, err)
			}
			r := LocatedRow{Section: s.Title, Number: n}
			for _, c := range s.Columns {
				r.Cells = append(r.Cells, LocatedCell{Title: c.Title, Column: c.Name, Text: textOfJSON(values[c.Name])})
			}
			if err := each(r); err != nil {
				return m, err
			}
		}
	}
	return m, nil
}

// textOfJSON is a value as a csv file has it: a text as it is, null as nothing.
func textOfJSON(value json.RawMessage) string {
	var text *string
	if json.Unmarshal(value, &text) != nil {
		return string(value) // of another type
	}
	if text == nil {
		return ""
	}
	return *text
}
