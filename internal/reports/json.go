package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// writeJSON writes the report as one JSON document. A row is an object, one on
// a line; its members are the columns in their order, in the types that the
// section's columns tell.
func (p part) writeJSON(w io.Writer) ([]Note, error) {
	out := bufio.NewWriter(w)
	head, err := json.MarshalIndent(p.document(), "", "  ")
	if err != nil {
		return nil, err
	}
	out.Write(bytes.TrimSuffix(head, []byte("\n}")))
	out.WriteString(",\n  \"sections\": [")
	var notes []Note
	for i, t := range p.tables {
		if i > 0 {
			out.WriteByte(',')
		}
		notes = append(notes, t.invalidNote()...)
		if err := t.writeJSON(out); err != nil {
			return nil, err
		}
	}
	out.WriteString("\n  ]\n}\n")
	return notes, out.Flush()
}

func (t *table) writeJSON(out *bufio.Writer) error {
	columns := make([]columnJSON, len(t.columns))
	members := make([][]byte, len(t.columns))
	for i, name := range t.names() {
		c := t.columns[i]
		columns[i] = columnJSON{name, c.Title, c.Meaning, t.vectors[i].kind.typeName(), c.Format}
		members[i] = append(jsonText(name), ": "...)
	}
	head, err := json.MarshalIndent(struct {
		Name    string       `json:"name"`
		Title   string       `json:"title"`
		Note    string       `json:"note,omitempty"`
		Query   string       `json:"query"`
		Columns []columnJSON `json:"columns"`
		Count   int          `json:"row_count"`
	}{t.section.sheet(), t.section.Title, t.note, t.section.Query, columns, t.rows}, "    ", "  ")
	if err != nil {
		return err
	}
	out.WriteString("\n    ")
	out.Write(bytes.TrimSuffix(head, []byte("\n    }")))
	out.WriteString(",\n      \"rows\": [")
	var line []byte
	for row := range t.rows {
		line = line[:0]
		if row > 0 {
			line = append(line, ',')
		}
		line = append(line, "\n        {"...)
		for i, v := range t.vectors {
			if i > 0 {
				line = append(line, ", "...)
			}
			line = append(append(line, members[i]...), v.json(row, t.zone)...)
		}
		out.Write(append(line, '}'))
	}
	out.WriteString("\n      ]\n    }")
	return nil
}

// json is a value in JSON.
func (v *vector) json(row int, zone *time.Location) []byte {
	switch x := v.at(row).(type) {
	case nil:
		return []byte("null")
	case string:
		return jsonText(x)
	case float64:
		return jsonText(jsonNumber(x))
	case int64, bool, listValue:
		return []byte(v.exact(row, zone))
	default:
		return jsonText(v.exact(row, zone))
	}
}

// jsonNumber is a number for JSON, which has no text for what is none.
func jsonNumber(x float64) any {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return exactFloat(x)
	}
	return json.Number(exactFloat(x))
}

// jsonText is a value of JSON's own types as JSON, the characters of HTML not
// escaped.
func jsonText(value any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		return []byte("null") // callers pass what JSON has
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// checkJSON reads the document to its end, member by member.
func (p part) checkJSON(r *bufio.Reader) error {
	d := json.NewDecoder(r)
	d.UseNumber()
	sections := 0
	err := eachMember(d, func(name string) error {
		if name != "sections" {
			return skipJSON(d)
		}
		return eachElement(d, func() error {
			if sections++; sections > len(p.tables) {
				return errors.New("more sections than the report has")
			}
			return p.tables[sections-1].checkJSON(d)
		})
	})
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the file is cut off")
	case err != nil:
		return err
	case sections != len(p.tables):
		return fmt.Errorf("%s, not %d", plural(sections, "section", "sections"), len(p.tables))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the document")
	}
	return nil
}

// checkJSON compares a section's rows.
func (t *table) checkJSON(d *json.Decoder) error {
	names, y, found := t.names(), &tally{t: t}, false
	err := eachMember(d, func(name string) error {
		if name != "rows" {
			return skipJSON(d)
		}
		found = true
		return eachElement(d, func() error {
			cells := 0
			err := eachMember(d, func(name string) error {
				var got json.RawMessage
				if err := d.Decode(&got); err != nil {
					return err
				}
				if cells++; cells > len(names) || y.row >= t.rows {
					return nil // said below
				}
				if want := t.vectors[cells-1].json(y.row, t.zone); name != names[cells-1] || !bytes.Equal(got, want) {
					return y.differs(cells-1, name+": "+string(got), names[cells-1]+": "+string(want))
				}
				return nil
			})
			if err != nil {
				return err
			}
			if err := y.one(cells, len(names)); err != nil {
				return err
			}
			y.row++
			return nil
		})
	})
	if err == nil && !found {
		err = fmt.Errorf("section %s has no rows", t.section.sheet())
	}
	if err != nil {
		return err
	}
	return y.end()
}

// eachMember reads an object; member reads the value of each member.
func eachMember(d *json.Decoder, member func(name string) error) error {
	return inside(d, '{', func() error {
		name, err := d.Token()
		if err != nil {
			return err
		}
		s, _ := name.(string)
		return member(s)
	})
}

// eachElement reads a list; element reads each element.
func eachElement(d *json.Decoder, element func() error) error { return inside(d, '[', element) }

func inside(d *json.Decoder, open json.Delim, each func() error) error {
	if token, err := d.Token(); err != nil {
		return err
	} else if token != open {
		return fmt.Errorf("%v where %v should be", token, open)
	}
	for d.More() {
		if err := each(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func skipJSON(d *json.Decoder) error {
	var value json.RawMessage
	return d.Decode(&value)
}
