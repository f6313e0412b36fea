package reports

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"exporter/internal/sandbox"
)

// TestMatrixTiesOut sums the matrix of coverage by channel and compares with
// the section, which counts the persons of a channel without organizations.
func TestMatrixTiesOut(t *testing.T) {
	sites := map[string]*Report{"hand": makeReport(t, reader(t, handSite(t)), "channel-coverage", nil)}
	for _, site := range []string{"demo"} {
		st := sandbox.New(sandbox.Options{Site: site, Seed: 1, Now: func() time.Time { return siteAt }}).State()
		sites[site] = makeReport(t, reader(t, siteOf(t, st)), "channel-coverage", nil)
	}
	for site, r := range sites {
		var want []string
		channels := r.tables[0]
		for row := range channels.rows {
			want = append(want, channels.text(row, channels.index("channel"))+" "+channels.text(row, channels.index("effective")))
		}
		var got []string
		for _, row := range r.matrix.rows {
			// Channels of one name have their id behind it.
			name, _, _ := strings.Cut(row.name, " (")
			got = append(got, name+" "+number(int64(row.total)))
		}
		for i, w := range want {
			name, persons, _ := strings.Cut(w, " (")
			if _, after, ok := strings.Cut(persons, ") "); ok {
				want[i] = name + " " + after
			}
		}
		slices.Sort(got)
		same(t, "persons by channel of site "+site, want, got)
	}
	// c1: u1 (Facility) and u2; c2: u2 and u4, u5 of no organization begins
	// later; c3: u1 of Facility, u3 and u4 of 第三宿舍, for u5's has ended; c4 and
	// c5 nobody, c4 by the register alone.
	m := sites["hand"].matrix
	if diff := gocmp.Diff([]string{"Facility", "第三宿舍"}, m.columns); diff != "" {
		t.Errorf("organizations mismatch (-want +got):\n%s", diff)
	}
	var got []string
	for _, row := range m.rows {
		got = append(got, fmt.Sprint(row.name, row.cells, row.tone, row.total))
	}
	want := []string{"Archive[1 1]2", "Roof[NaN NaN]medium0", "Server room 2[2 NaN]2", "channel without a name c4[NaN NaN]high0", "第三宿舍 102[1 2]3"}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("matrix mismatch (-want +got):\n%s", diff)
	}
}

func handMatrix(t testing.TB, rows, columns int) *matrix {
	t.Helper()
	x := handTable(Section{Columns: []Column{{Name: "channel"}, {Name: "organization"}, {Name: "persons"}, {Name: "tone"}}})
	long := []string{"Server room 2", "Archive of the northern administration building, third basement", "东区研发中心第三宿舍一层大门", "제3기숙사 1층", "Серверная, второй этаж"}
	for i := range rows {
		name := fmt.Sprintf("%s %03d", long[i%len(long)], i)
		if i%9 == 8 {
			x.fact(name, nil, int64(0), "high")
			continue
		}
		for j := range columns {
			if (i+j)%3 == 1 {
				continue
			}
			tone := any(nil)
			if i%9 == 4 {
				tone = "medium"
			}
			x.fact(name, fmt.Sprintf("%s %d", long[(j+1)%len(long)], j), int64(1+(i*j)%40*(1+j%3)), tone)
		}
	}
	x.settle()
	m, err := newMatrix(Matrix{Row: "channel", Column: "organization", Value: "persons", Tone: "tone"}, x)
	if err != nil {
		t.Fatal(err)
	}
	m.title = "Persons who may open each channel, by organization"
	return m
}

// TestMatrixOfManyColumns sums the columns that a page has no room for.
func TestMatrixOfManyColumns(t *testing.T) {
	m := handMatrix(t, 12, 30)
	short := m.first(5)
	if got := short.columns[4]; len(short.columns) != 5 || got != "26 others" {
		t.Errorf("columns %v, want the four largest and 26 others", short.columns)
	}
	for i, row := range short.rows {
		sum := 0.0
		for _, v := range row.cells {
			if !math.IsNaN(v) {
				sum += v
			}
		}
		if sum != m.rows[i].total {
			t.Errorf("row %s sums to %v, want %v", row.name, sum, m.rows[i].total)
		}
	}
	x := handTable(Section{Columns: []Column{{Name: "channel"}, {Name: "organization"}, {Name: "persons"}}})
	x.fact("a", "b", int64(1))
	x.fact("a", "b", int64(2))
	if _, err := newMatrix(Matrix{}, x); err == nil || !strings.Contains(err.Error(), `two rows are the cell "a", "b"`) {
		t.Errorf("a cell that is there twice: %v", err)
	}
}

// TestSheetOfMatrix reads the matrix back from the workbook.
func TestSheetOfMatrix(t *testing.T) {
	r := handReport{rows: 3}.report(t)
	r.matrix = handMatrix(t, 9, 4)
	f := openXLSX(t, xlsxOf(t, r))
	rows, err := f.GetRows("Matrix")
	if err != nil || len(rows) != 11 {
		t.Fatalf("%d rows on the sheet, %v; want a header, nine rows and the sums", len(rows), err)
	}
	if got := rows[0]; got[0] != "Channel" || got[5] != "Total" || got[6] != "Severity" {
		t.Errorf("the header is %v", got)
	}
	if got := rows[10]; got[0] != "Total" || got[len(got)-1] != number(int64(r.matrix.total)) {
		t.Errorf("the sums are %v, want a total of %v", got, r.matrix.total)
	}
	if got := rows[9]; got[1] != nothing || got[5] != "0" || got[6] != "high" {
		t.Errorf("the row of nobody is %v", got)
	}
	var pdf bytes.Buffer
	if err := r.WritePDF(&pdf, testFonts(t)); err != nil {
		t.Fatal(err)
	}
}
