package reports

import (
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
	Sealed         *sealedJSON    `json:"sealed,omitempty"`
	Mask           string         `json:"mask"`
	JournalLine    int64          `json:"journal_line,omitempty"`
	ProgramVersion string         `json:"program_version"`
	Projects       []projectJSON  `json:"projects"`
	Resources      []resourceJSON `json:"resources"`
	TieOuts        []tieOutJSON   `json:"tie_outs"`
}

// sealedJSON is the line of the journal that names the snapshot with its digest;
// journal_line beside it is the last one that the snapshot knows.
type sealedJSON struct {
	Line   int64  `json:"line"`
	SHA256 string `json:"sha256"`
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
	d := document{
		Report: reportJSON{Name: r.Name(), ID: r.def.ID, Title: r.Title(), Question: r.question, Answer: r.Answer(),
			Severity: r.tone, WhatToDo: strings.ReplaceAll(r.whatToDo, "**", ""),
			Controls: r.def.Controls, NotCovered: r.def.NotCovered, Rows: r.rows(),
			Accepted: r.accepted, Lapsed: r.lapsed},
		Trust: r.trustJSON(), Since: r.sinceJSON(),
	}
	if p := r.part; p != nil {
		d.Report.Part = &partJSON{p.name, p.column, p.values, p.whole}
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

func (r *Report) trustJSON() trustJSON {
	t := r.trust
	told := trustJSON{Snapshot: t.snapshot, AsOf: t.stamp(t.asOf), Timezone: t.zone.String(),
		Complete: t.complete(), Verdict: t.verdict(), Lacks: t.lacks, Coverage: t.limits,
		Digest: t.digest(), Mask: r.Mask(), JournalLine: t.journalLine, ProgramVersion: t.programVersion}
	if r.sealed != nil {
		told.Sealed = new(sealedJSON(*r.sealed))
	}
	for _, p := range t.projects {
		told.Projects = append(told.Projects,
			projectJSON{p.id, p.verdict, p.digest, t.stamp(p.started), t.stamp(p.finished), t.stamp(p.serverTime)})
	}
	for _, x := range t.resources {
		told.Resources = append(told.Resources, resourceJSON{x.project, x.resource, x.verdict, x.problem, x.walkedIn,
			x.rows, x.distinct, x.totalFirst, x.totalLast, x.covered, x.coverable})
	}
	for _, x := range t.tieOuts {
		told.TieOuts = append(told.TieOuts, tieOutJSON{x.project, x.name, x.ours, x.theirs, x.result, x.note})
	}
	return told
}

// sinceJSON is nil where nothing was compared.
func (r *Report) sinceJSON() *sinceJSON {
	s := r.since
	if s == nil || s.trust.snapshot == "" {
		return nil
	}
	told := &sinceJSON{Snapshot: s.trust.snapshot, AsOf: r.trust.stamp(s.trust.asOf), Verdict: s.trust.verdict(), Digest: s.trust.digest()}
	for _, c := range s.counts {
		x := changeJSON{Section: c.section, New: c.fresh, Changed: c.changed, Gone: c.gone}
		if c.kept >= 0 {
			x.Kept = &c.kept
		}
		told.Sections = append(told.Sections, x)
	}
	return told
}

// stamp is a time in the report's zone as RFC 3339, "" for none.
func (t trust) stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(t.zone).Format(time.RFC3339Nano)
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
