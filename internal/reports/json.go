package reports

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// document is a report as JSON: what it is, what it rests on, how it was asked,
// and last its sections, which are written row by row.
type document struct {
	Report     reportJSON      `json:"report"`
	Since      *sinceJSON      `json:"since,omitempty"`
	Trust      trustJSON       `json:"trust"`
	Parameters []parameterJSON `json:"parameters"`
	Queries    []queryJSON     `json:"queries"`
	Figures    []figureJSON    `json:"figures"`
	Chart      *chartJSON      `json:"chart,omitempty"`
	Matrix     *matrixJSON     `json:"matrix,omitempty"`
	Method     []factJSON      `json:"method"`
}

type reportJSON struct {
	Name       string   `json:"name"`
	ID         string   `json:"id,omitempty"`
	Title      string   `json:"title"`
	Question   string   `json:"question"`
	Answer     string   `json:"answer"`
	Severity   string   `json:"severity,omitempty"`
	WhatToDo   string   `json:"what_to_do,omitempty"`
	Controls   []string `json:"controls"`
	NotCovered []string `json:"not_covered"`
	Rows       int      `json:"rows"`
	Accepted   int      `json:"accepted"` // findings that an exception accepts
	Lapsed     int      `json:"lapsed"`   // findings whose exception does so no longer

	Part *partJSON `json:"part,omitempty"`
}

// partJSON says which rows of a report the part of a recipient has.
type partJSON struct {
	Name   string         `json:"name"`
	Column string         `json:"column"`
	Values []string       `json:"values"`
	Whole  map[string]int `json:"whole"` // rows of the sections before they were parted
}

// sinceJSON is the earlier snapshot that findings are compared with.
type sinceJSON struct {
	Snapshot string       `json:"snapshot"`
	AsOf     string       `json:"as_of"`
	Verdict  string       `json:"verdict"`
	Digest   string       `json:"digest"`
	Sections []changeJSON `json:"sections"`
}

type changeJSON struct {
	Section string `json:"section"`
	New     int    `json:"new"`
	Changed int    `json:"changed"`
	Gone    int    `json:"gone"`
	Kept    *int   `json:"as_before"` // null where it is not known
}

type trustJSON struct {
	Snapshot       string         `json:"snapshot"`
	AsOf           string         `json:"as_of"`
	Timezone       string         `json:"timezone"`
	Complete       bool           `json:"complete"`
	Verdict        string         `json:"verdict"`
	Lacks          []string       `json:"lacks"`
	Coverage       []string       `json:"coverage"`
	Digest         string         `json:"digest"`
	Mask           string         `json:"mask"`
	JournalLine    int64          `json:"journal_line,omitempty"`
	ProgramVersion string         `json:"program_version"`
	Projects       []projectJSON  `json:"projects"`
	Resources      []resourceJSON `json:"resources"`
	TieOuts        []tieOutJSON   `json:"tie_outs"`
}

type projectJSON struct {
	ProjectID  string `json:"project_id"`
	Verdict    string `json:"verdict"`
	Digest     string `json:"digest"`
	StartedAt  string `json:"started_at,omitempty"`
	FinishedAt string `json:"finished_at,omitempty"`
	ServerTime string `json:"server_time,omitempty"`
}

type resourceJSON struct {
	ProjectID  string `json:"project_id"`
	Resource   string `json:"resource"`
	Verdict    string `json:"verdict"`
	Problem    string `json:"problem,omitempty"`
	WalkedIn   string `json:"walked_in"`
	Rows       int64  `json:"rows"`
	Distinct   int64  `json:"distinct_rows"`
	TotalFirst any    `json:"total_first"`
	TotalLast  any    `json:"total_last"`
	Covered    any    `json:"covered"`
	Coverable  any    `json:"coverable"`
}

type tieOutJSON struct {
	ProjectID string `json:"project_id"`
	Name      string `json:"name"`
	Ours      any    `json:"ours"`
	Theirs    any    `json:"theirs"`
	Result    string `json:"result"`
	Note      string `json:"note,omitempty"`
}

type parameterJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type queryJSON struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Text   string `json:"text"`
}

type figureJSON struct {
	Label    string `json:"label"`
	Value    string `json:"value"`
	Note     string `json:"note,omitempty"`
	Severity string `json:"severity,omitempty"`
}

type chartJSON struct {
	Title  string   `json:"title"`
	Series []string `json:"series"`
	Marks  []string `json:"marks"`
	Values [][]any  `json:"values"` // by series, then by mark; null in a gap of a line
}

type matrixJSON struct {
	Title   string          `json:"title"`
	Columns []string        `json:"columns"`
	Rows    []matrixRowJSON `json:"rows"`
}

type matrixRowJSON struct {
	Name     string `json:"name"`
	Severity string `json:"severity,omitempty"`
	Values   []any  `json:"values"` // by column; null where there is none
}

type factJSON struct {
	Fact string `json:"fact"`
	Text string `json:"text"`
}

// columnJSON describes a member of a section's rows.
type columnJSON struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Meaning string `json:"meaning,omitempty"`
	Type    string `json:"type"`
	Format  string `json:"format"`
}

// typeName is the type of a column's values in JSON.
func (k kind) typeName() string {
	switch k {
	case kindInteger:
		return "integer"
	case kindNumber:
		return "number"
	case kindYesNo:
		return "boolean"
	case kindMoment:
		return "time (RFC 3339)"
	case kindWall:
		return "time without a zone"
	case kindDay:
		return "date"
	case kindList:
		return "list"
	default:
		return "text"
	}
}

// document gathers what comes before the sections.
func (r *Report) document() document {
	t := r.trust
	at := func(x time.Time) string {
		if x.IsZero() {
			return ""
		}
		return x.In(t.zone).Format(time.RFC3339Nano)
	}
	d := document{
		Report: reportJSON{Name: r.Name(), ID: r.def.ID, Title: r.Title(), Question: r.question, Answer: r.Answer(),
			Severity: r.tone, WhatToDo: strings.ReplaceAll(r.whatToDo, "**", ""),
			Controls: r.def.Controls, NotCovered: r.def.NotCovered, Rows: r.rows(),
			Accepted: r.accepted, Lapsed: r.lapsed},
		Trust: trustJSON{Snapshot: t.snapshot, AsOf: at(t.asOf), Timezone: t.zone.String(),
			Complete: t.complete(), Verdict: t.verdict(), Lacks: t.lacks, Coverage: t.limits,
			Digest: t.digest(), Mask: r.Mask(), JournalLine: t.journalLine, ProgramVersion: t.programVersion},
	}
	if p := r.part; p != nil {
		d.Report.Part = &partJSON{p.name, p.column, p.values, p.whole}
	}
	if s := r.since; s != nil && s.trust.snapshot != "" {
		d.Since = &sinceJSON{Snapshot: s.trust.snapshot, AsOf: at(s.trust.asOf), Verdict: s.trust.verdict(), Digest: s.trust.digest()}
		for _, c := range s.counts {
			x := changeJSON{Section: c.section, New: c.fresh, Changed: c.changed, Gone: c.gone}
			if c.kept >= 0 {
				x.Kept = &c.kept
			}
			d.Since.Sections = append(d.Since.Sections, x)
		}
	}
	for _, p := range t.projects {
		d.Trust.Projects = append(d.Trust.Projects, projectJSON{p.id, p.verdict, p.digest, at(p.started), at(p.finished), at(p.serverTime)})
	}
	for _, x := range t.resources {
		d.Trust.Resources = append(d.Trust.Resources, resourceJSON{x.project, x.resource, x.verdict, x.problem, x.walkedIn,
			x.rows, x.distinct, x.totalFirst, x.totalLast, x.covered, x.coverable})
	}
	for _, x := range t.tieOuts {
		d.Trust.TieOuts = append(d.Trust.TieOuts, tieOutJSON{x.project, x.name, x.ours, x.theirs, x.result, x.note})
	}
	for _, p := range r.parameters {
		d.Parameters = append(d.Parameters, parameterJSON{p.name, p.text})
	}
	for _, q := range r.queries {
		d.Queries = append(d.Queries, queryJSON{q.name, q.sha256, q.text})
	}
	for _, f := range r.figures {
		d.Figures = append(d.Figures, figureJSON{f.label, f.value, f.note, f.tone})
	}
	if c := r.chart; c != nil {
		d.Chart = &chartJSON{Title: c.title, Marks: c.labels}
		for i, s := range c.def.Series {
			d.Chart.Series, d.Chart.Values = append(d.Chart.Series, s.Title), append(d.Chart.Values, orNull(c.values[i]))
		}
	}
	if m := r.matrix; m != nil {
		d.Matrix = &matrixJSON{Title: m.title, Columns: m.columns}
		for _, row := range m.rows {
			d.Matrix.Rows = append(d.Matrix.Rows, matrixRowJSON{row.name, row.tone, orNull(row.cells)})
		}
	}
	for _, f := range r.methodFacts() {
		d.Method = append(d.Method, factJSON{f.name, f.text})
	}
	return d
}

// orNull are numbers as JSON has them, null for none.
func orNull(numbers []float64) []any {
	values := make([]any, len(numbers))
	for i, x := range numbers {
		if !math.IsNaN(x) {
			values[i] = x
		}
	}
	return values
}

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
