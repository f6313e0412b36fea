package reports

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cellPlace is a cell of a workbook.
type cellPlace struct {
	file, sheet string
	row, column int
}

// TestStrictReaders lets LibreOffice and openpyxl read workbooks and compares
// every cell of the sections with what the queries gave.
func TestStrictReaders(t *testing.T) {
	odd := handReport{rows: 0}.report(t)
	values := handTable(Section{Name: "Values", Title: "Values", Columns: []Column{{Name: "n", Format: formatInteger}, {Name: "x", Format: formatNumber},
		{Name: "d", Format: formatDatetime}, {Name: "day", Format: formatDate}, {Name: "s", Format: formatShare}, {Name: "p", Format: formatDuration}, {Name: "l", Format: formatList}}})
	for i, at := range []time.Time{time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 12, 0, 0, 0, time.UTC)} {
		values.fact([]int64{12345, math.MaxInt64, -7}[i], []float64{0.1, 1e300, -2.5}[i], at, at, []float64{0.973, 1, 0}[i], []int64{90061, 0, -60}[i], []any{"a", nil, "张"})
	}
	values.fact(nil, nil, nil, nil, nil, nil, nil)
	values.settle()
	odd.tables, odd.matrix = []*table{values}, handMatrix(t, 12, 30)
	odd.chart.def.Kind, odd.chart.values[0][1] = "lines", math.NaN()
	hard := hostileReport(t, hostile)
	split := handReport{rows: 25, partial: true}.report(t)

	dir := t.TempDir()
	want := map[cellPlace]any{}
	var files []string
	for _, c := range []struct {
		name string
		r    *Report
		most int
	}{{"odd", odd, maxSheetRows - 1}, {"hostile", hard, maxSheetRows - 1}, {"split", split, 10},
		{"site", makeReport(t, reader(t, handSite(t)), "channel-coverage", nil), maxSheetRows - 1}} {
		var b bytes.Buffer
		if err := c.r.writeXLSX(&b, testFonts(t), c.most); err != nil {
			t.Fatal(err)
		}
		lookAt(t, c.name+".xlsx", b.Bytes())
		files = append(files, filepath.Join(dir, c.name+".xlsx"))
		if err := os.WriteFile(files[len(files)-1], b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		cellsWanted(c.r, c.name, c.most, want)
	}
	for name, got := range map[string]map[cellPlace]any{"openpyxl": readByOpenpyxl(t, files), "LibreOffice": readByLibreOffice(t, dir, files)} {
		wrong := 0
		for at, value := range want {
			if !alike(value, got[at]) {
				if wrong++; wrong < 6 {
					t.Errorf("%s reads %v as %.100v, want %.100v", name, at, fmt.Sprintf("%#v", got[at]), fmt.Sprintf("%#v", value))
				}
			}
		}
		for at := range got {
			if _, ok := want[at]; !ok && at.sheet != "Summary" && at.sheet != "Method" && at.sheet != "Matrix" {
				t.Errorf("%s reads %v, which no query gave", name, at)
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d cells are others", name, wrong, len(want))
		}
	}
}

// cellsWanted are the cells of the sections by the queries: float64 or string.
func cellsWanted(r *Report, file string, most int, want map[cellPlace]any) {
	var counts cellCounts
	for _, s := range r.dataSheets(most) {
		t := r.tables[s.section]
		for i, title := range t.headers(&counts) {
			want[cellPlace{file, s.name, 1, i + 1}] = title
		}
		for row := s.first; row < s.last; row++ {
			for i, v := range t.vectors {
				at := cellPlace{file, s.name, row - s.first + 2, i + 1}
				if n, ok := cellNumber(v.at(row), t.columns[i].Format, t.zone); ok {
					want[at] = n
				} else {
					want[at] = counts.cell(t.text(row, i))
				}
			}
		}
		if s.first == s.last {
			want[cellPlace{file, s.name, 2, 1}] = emptyWords(t.section)
		}
	}
}

// sameCell compares a cell. Readers turn dates and times into their own and
// back, which may cost some microseconds.
func alike(want, got any) bool {
	if n, ok := want.(float64); ok {
		x, ok := got.(float64)
		return ok && math.Abs(x-n) <= max(math.Abs(n)*1e-14, 1e-9)
	}
	return want == got
}

func readByOpenpyxl(t *testing.T, files []string) map[cellPlace]any {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", append([]string{filepath.Join("testdata", "cells.py")}, files...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openpyxl, of python3-openpyxl: %v: %s", err, stderr.String())
	}
	got := map[cellPlace]any{}
	for line := range strings.Lines(string(out)) {
		var x []any
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		file := strings.TrimSuffix(filepath.Base(x[0].(string)), ".xlsx")
		got[cellPlace{file, x[1].(string), int(x[2].(float64)), int(x[3].(float64))}] = x[5]
	}
	return got
}

// readByLibreOffice converts all workbooks in one run to flat OpenDocument.
func readByLibreOffice(t *testing.T, dir string, files []string) map[cellPlace]any {
	t.Helper()
	args := []string{"--headless", "-env:UserInstallation=file://" + dir + "/profile", "--convert-to", "fods", "--outdir", dir}
	if out, err := exec.Command("soffice", append(args, files...)...).CombinedOutput(); err != nil {
		t.Fatalf("soffice, of libreoffice-calc-nogui: %v: %s", err, out)
	}
	got := map[cellPlace]any{}
	for _, path := range files {
		file := strings.TrimSuffix(filepath.Base(path), ".xlsx")
		f, err := os.Open(filepath.Join(dir, file+".fods"))
		if err != nil {
			t.Fatal(err)
		}
		readFlat(t, f, file, got)
		f.Close()
	}
	return got
}

// flatCell is a cell of flat OpenDocument.
type flatCell struct {
	Kind     string `xml:"value-type,attr"`
	Value    string `xml:"value,attr"`
	Date     string `xml:"date-value,attr"`
	Time     string `xml:"time-value,attr"`
	Repeated int    `xml:"number-columns-repeated,attr"`
	Formula  string `xml:"formula,attr"`
	Lines    []struct {
		Inner string `xml:",innerxml"`
	} `xml:"p"`
}

func readFlat(t *testing.T, r io.Reader, file string, got map[cellPlace]any) {
	t.Helper()
	at := cellPlace{file: file}
	repeated := 1
	for d := xml.NewDecoder(r); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch start.Name.Local {
		case "table":
			at.row, repeated = 0, 1
			for _, a := range start.Attr {
				if a.Name.Local == "name" {
					at.sheet = a.Value
				}
			}
		case "table-row":
			at.row, at.column = at.row+repeated, 0
			repeated = 1
			for _, a := range start.Attr {
				if a.Name.Local == "number-rows-repeated" {
					repeated, _ = strconv.Atoi(a.Value)
				}
			}
		case "table-cell", "covered-table-cell":
			var c flatCell
			if err := d.DecodeElement(&c, &start); err != nil {
				t.Fatal(err)
			}
			for range min(max(c.Repeated, 1), 100) {
				at.column++
				if value := c.value(t); value != nil {
					got[at] = value
				}
			}
			at.column += max(c.Repeated-100, 0)
			if c.Formula != "" {
				t.Errorf("%v is the formula %s", at, c.Formula)
			}
		}
	}
}

// value is a cell's number, as a spreadsheet counts it, or its text.
func (c flatCell) value(t *testing.T) any {
	t.Helper()
	switch c.Kind {
	case "float", "percentage", "currency":
		x, err := strconv.ParseFloat(c.Value, 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	case "date":
		layout := "2006-01-02T15:04:05.999999999"
		at, err := time.Parse(layout[:min(len(layout), max(len(c.Date), 10))], c.Date)
		if err != nil {
			t.Fatal(err)
		}
		return float64(at.Unix()-time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Unix())/86400 + float64(at.Nanosecond())/86400e9
	case "time":
		text, negative := strings.CutPrefix(c.Time, "-")
		d, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(text, "PT")))
		if err != nil {
			t.Fatal(err)
		}
		if negative {
			d = -d
		}
		return d.Hours() / 24
	case "string":
		var lines []string
		for _, l := range c.Lines {
			lines = append(lines, flatText(t, l.Inner))
		}
		return strings.Join(lines, "\n")
	}
	return nil
}

// flatText is a paragraph's text: runs of spaces and tabs are elements.
func flatText(t *testing.T, inner string) string {
	t.Helper()
	var b strings.Builder
	for d := xml.NewDecoder(strings.NewReader("<p>" + inner + "</p>")); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		switch x := token.(type) {
		case xml.CharData:
			b.Write(x)
		case xml.StartElement:
			switch x.Name.Local {
			case "s":
				n := 1
				for _, a := range x.Attr {
					n, _ = strconv.Atoi(a.Value)
				}
				b.WriteString(strings.Repeat(" ", n))
			case "tab":
				b.WriteByte('\t')
			case "line-break":
				b.WriteByte('\n')
			}
		}
	}
}
