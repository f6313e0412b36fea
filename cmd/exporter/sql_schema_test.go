package main

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
)

// docs/schema.md is what exporter sql --schema prints, with the picture; both are
// made again by -update.
func TestSchemaDocumented(t *testing.T) {
	var out bytes.Buffer
	if err := writeSchema(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	tables, err := store.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	title, rest, _ := strings.Cut(out.String(), "\n")
	documented(t, "schema.md", title+"\n\n![The tables, their keys and how they join](tables.svg)\n"+rest)
	documented(t, "tables.svg", picture(tables))
}

func documented(t *testing.T, name, want string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", name)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/%s is not what the schema says; after looking at the difference, run this test with -update (-schema +file):\n%s", name, diff)
	}
}

// What is drawn: the tables that people join, column by column, and below them the
// others by their groups.
var drawn = [][]string{
	{"structures", "persons", "roster"},
	{"rules", "permission_rules", "permissions", "details"},
	{"rule_channels", "channels", "channel_register"},
	{"tasks", "records", "issue_infos", "task_details"},
}

const (
	boxWidth   = 250
	boxGap     = 84 // between columns of boxes: the lines run there
	margin     = 44
	headHeight = 30
	rowHeight  = 20
	panelsTop  = 700
)

// drawing writes an SVG and knows where the columns of tables are.
type drawing struct {
	bytes.Buffer
	tables map[string]store.Table
	column map[string]int // of boxes, by table
	y      map[string]int // of the middle of a row, by "table.column"
}

const pictureHead = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-label="The tables, their keys and how they join">
<style>
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; fill: #1F2933; }
  .name { font-size: 14px; font-weight: 600; fill: #FFFFFF; }
  .column { font: 12px ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
  .key { font-weight: 700; }
  .muted { fill: #52606D; font-size: 12px; }
  .panel { font-weight: 600; fill: #0B5C8A; }
  .page { fill: #FFFFFF; } .box { fill: #F7F9FB; stroke: #B8C4D0; } .head { fill: #0B5C8A; } .rule { stroke: #D9E2EC; }
  .join { fill: none; stroke: #0B5C8A; stroke-width: 1.5; } .end { fill: #0B5C8A; }
  @media (prefers-color-scheme: dark) {
    text { fill: #E4E7EB; } .muted { fill: #9FB3C8; } .panel { fill: #7CC4EA; }
    .page { fill: #0F1720; } .box { fill: #18242F; stroke: #3E5568; } .rule { stroke: #2B3B49; }
    .join { stroke: #7CC4EA; } .end { fill: #7CC4EA; }
  }
</style>
<rect class="page" width="100%%" height="100%%"/>
<text x="%[3]d" y="34" style="font-size: 18px; font-weight: 600">The tables, their keys and how they join</text>
<text x="%[3]d" y="56" class="muted">A line leads from many rows to one. Bold is what no two rows share. project_id belongs to each line but those of roster and channel_register.</text>
`

// picture draws the tables as SVG.
func picture(tables []store.Table) string {
	d := &drawing{tables: map[string]store.Table{}, column: map[string]int{}, y: map[string]int{}}
	for _, t := range tables {
		d.tables[t.Name] = t
	}
	d.Buffer = *bytes.NewBufferString(fmt.Sprintf(pictureHead, 2*margin+len(drawn)*(boxWidth+boxGap)-boxGap, panelsTop+350, margin))
	var boxes bytes.Buffer
	for i, names := range drawn {
		y := 84
		for _, name := range names {
			d.column[name] = i
			y = d.box(&boxes, d.tables[name], i, y) + 34
		}
	}
	for _, j := range store.Joins() {
		d.join(j)
	}
	d.Write(boxes.Bytes())
	d.panels(tables)
	d.WriteString("</svg>\n")
	return d.String()
}

// x is the left edge of a column of boxes.
func x(column int) int { return margin + column*(boxWidth+boxGap) }

// box draws a table with the columns that joins need, and returns where it ends.
func (d *drawing) box(b *bytes.Buffer, t store.Table, column, top int) int {
	leads := map[string][]string{}
	key := map[string]bool{}
	for _, j := range store.Joins() {
		if last := len(j.Columns) - 1; j.From == t.Name {
			leads[j.Columns[last]] = append(leads[j.Columns[last]], j.To)
		}
		if j.To == t.Name {
			key[j.ToColumns[len(j.ToColumns)-1]] = true
		}
	}
	var rows []string
	for _, c := range t.Columns {
		if leads[c.Name] != nil || key[c.Name] {
			rows = append(rows, c.Name)
		}
	}
	height := headHeight + (len(rows)+1)*rowHeight + 6
	left := x(column)
	fmt.Fprintf(b, `<rect class="box" x="%d" y="%d" width="%d" height="%d" rx="6"/>`+"\n", left, top, boxWidth, height)
	fmt.Fprintf(b, `<path class="head" d="M%d %dv-%dq0 -6 6 -6h%dq6 0 6 6v%dz"/>`+"\n", left, top+headHeight, headHeight-6, boxWidth-12, headHeight-6)
	fmt.Fprintf(b, `<text class="name" x="%d" y="%d">%s</text>`+"\n", left+12, top+20, t.Name)
	y := top + headHeight + 14
	for _, name := range rows {
		class := "column"
		if key[name] {
			class += " key"
		}
		fmt.Fprintf(b, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, left+12, y+4, name)
		var far []string
		for _, to := range leads[name] {
			if !d.near(t.Name, to) {
				far = append(far, to)
			}
		}
		if len(far) > 0 {
			fmt.Fprintf(b, `<text class="muted" x="%d" y="%d" text-anchor="end">→ %s</text>`+"\n", left+boxWidth-12, y+4, strings.Join(far, ", "))
		}
		d.y[t.Name+"."+name] = y
		y += rowHeight
	}
	fmt.Fprintf(b, `<text class="muted" x="%d" y="%d">and %d more columns</text>`+"\n", left+12, y+4, len(t.Columns)-len(rows))
	return top + height
}

// near tells whether two tables are drawn beside or above each other, so that a
// line between them crosses no box.
func (d *drawing) near(from, to string) bool {
	column := func(name string) int {
		return slices.IndexFunc(drawn, func(names []string) bool { return slices.Contains(names, name) })
	}
	a, b := column(from), column(to)
	return a >= 0 && b >= 0 && a-b <= 1 && b-a <= 1
}

// join draws a line from the last column of a join to the key that it means.
func (d *drawing) join(j store.Join) {
	last := len(j.Columns) - 1
	from, to := d.y[j.From+"."+j.Columns[last]], d.y[j.To+"."+j.ToColumns[last]]
	a, b := d.column[j.From], d.column[j.To]
	if !d.near(j.From, j.To) {
		return
	}
	start, end := x(a), x(b)+boxWidth // to the left
	bend, bendTo := -boxGap/2, boxGap/2
	switch {
	case a < b:
		start, end = x(a)+boxWidth, x(b)
		bend, bendTo = boxGap/2, -boxGap/2
	case a == b && a == 0:
		start, end, bend, bendTo = x(a), x(a), -34, -34
	case a == b:
		start, end, bend, bendTo = x(a)+boxWidth, x(a)+boxWidth, 34, 34
	}
	fmt.Fprintf(d, `<path class="join" d="M%d %dC%d %d %d %d %d %d"/>`+"\n", start, from, start+bend, from, end+bendTo, to, end, to)
	fmt.Fprintf(d, `<circle class="end" cx="%d" cy="%d" r="3.5"/>`+"\n", end, to)
}

// panels lists the other tables by their groups.
func (d *drawing) panels(tables []store.Table) {
	leads := map[string][]string{}
	for _, j := range store.Joins() {
		leads[j.From] = append(leads[j.From], j.To)
	}
	group, panel, y := "", -1, 0
	for _, t := range tables {
		if _, ok := d.column[t.Name]; ok {
			continue
		}
		if t.Group != group {
			group, y = t.Group, panelsTop+30
			panel++
			fmt.Fprintf(d, `<text class="panel" x="%d" y="%d">%s</text>`+"\n", x(panel), panelsTop, html.EscapeString(group))
			fmt.Fprintf(d, `<path class="rule" d="M%d %dh%d"/>`+"\n", x(panel), panelsTop+10, boxWidth+20)
		}
		name := t.Name
		if t.Kind != "table" {
			var parameters []string
			for _, p := range t.Parameters {
				parameters = append(parameters, p.Name)
			}
			name += "(" + strings.Join(parameters, ", ") + ")"
			if len(name) > 36 {
				name = t.Name + "(…)"
			}
		}
		fmt.Fprintf(d, `<text class="column" x="%d" y="%d">%s</text>`+"\n", x(panel), y, name)
		if to := leads[t.Name]; to != nil {
			fmt.Fprintf(d, `<text class="muted" x="%d" y="%d" text-anchor="end">→ %s</text>`+"\n", x(panel)+boxWidth+20, y, strings.Join(to, ", "))
		}
		y += rowHeight + 2
	}
}
