package reports

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// another is a table with some of the rows of t, each as change leaves it.
func another(t *table, rows []int, change func(row int, values []any)) *table {
	x := *t
	x.rows, x.vectors = 0, nil
	for _, v := range t.vectors {
		x.vectors = append(x.vectors, v.alike())
	}
	for _, row := range rows {
		values := make([]any, len(t.vectors))
		for i, v := range t.vectors {
			values[i] = v.at(row)
		}
		if change != nil {
			change(row, values)
		}
		x.fact(values...)
	}
	return &x
}

// TestSelfCheckFindsAnotherAnswer writes whole files of answers that are not
// quite the report's, and has them checked against it. It is what a writer does
// that loses a row, or writes another value than it was given.
func TestSelfCheckFindsAnotherAnswer(t *testing.T) {
	r := handReport{rows: 40}.report(t)
	main, fonts := r.tables[0], testFonts(t)
	var all []int
	for row := range main.rows {
		all = append(all, row)
	}
	column := func(name string, value any) func(int, []any) {
		return func(row int, values []any) {
			if row == 17 {
				values[main.index(name)] = value
			}
		}
	}
	swapped := slices.Clone(all)
	swapped[3], swapped[4] = 4, 3
	for _, c := range []struct {
		name string
		t    *table
		want string
	}{
		{"a lost row", another(main, slices.Delete(slices.Clone(all), 20, 21), nil), "row 21"},
		{"the last row lost", another(main, all[:39], nil), "39"},
		{"a row twice", another(main, append(all, 39), nil), ""},
		{"two rows in each other's place", another(main, swapped, nil), "row 4"},
		{"another name", another(main, all, column("name", "John Dow")), "row 18"},
		{"another id", another(main, all, column("access_auth_id", "15711346000000000018")), "row 18"},
		{"a minute later", another(main, all, column("auth_end", handAsOf.Add(126*time.Hour+time.Minute))), "row 18"},
		{"no name", another(main, all, column("name", nil)), "row 18"},
		{"an ellipsis for a name", another(main, all, column("name", "…")), "row 18"},
		{"no rows", another(main, nil, nil), ""},
	} {
		other := *r
		other.tables = []*table{c.t, r.tables[1]}
		for _, format := range formats {
			path := filepath.Join(t.TempDir(), "file")
			write(t, format, path, part{&other, fonts, c.t})
			err := format.check(t.Context(), path, part{r, fonts, main})
			want := c.want
			if format.name == "xlsx" || format.name == "pdf" && c.t.rows != main.rows { // by the line of its sheet; only how many
				want = ""
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: the check says %v, want an error with %q", c.name, format.name, err, want)
			}
		}
	}
}

// TestSelfCheckOfCutCells takes a cell that a page cuts short as far as it fits
// there, and no shorter.
func TestSelfCheckOfCutCells(t *testing.T) {
	r := handReport{rows: 40}.report(t)
	pdf := formats[slices.IndexFunc(formats, func(f format) bool { return f.name == "pdf" })]
	named := func(name string) part {
		other := *r
		rows := make([]int, 40)
		main := another(r.tables[0], rows, func(_ int, values []any) { values[r.tables[0].index("name")] = name })
		other.tables = []*table{main, r.tables[1]}
		return part{&other, testFonts(t), main}
	}
	long := named(strings.Repeat("长", 10000))
	for name, ok := range map[string]bool{strings.Repeat("长", 10000): true, "长长长…": false, "…": false, strings.Repeat("长", 9): false} {
		path := filepath.Join(t.TempDir(), "file")
		write(t, pdf, path, named(name))
		if err := pdf.check(t.Context(), path, long); (err == nil) != ok {
			t.Errorf("%.30s: the check says %v", name, err)
		}
	}
}

func write(t *testing.T, f format, path string, p part) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.write(t.Context(), path, p); err != nil {
		t.Fatal(err)
	}
}

// TestSelfCheckFindsDamage cuts a file and turns one bit of it.
func TestSelfCheckFindsDamage(t *testing.T) {
	r := handReport{rows: 40}.report(t)
	p := part{r, testFonts(t), r.tables[0]}
	for _, format := range formats {
		path := filepath.Join(t.TempDir(), "file")
		write(t, format, path, p)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		flipped := slices.Clone(whole)
		flipped[amidst(t, format.name, whole)] ^= 1
		for name, data := range map[string][]byte{"whole": whole, "empty": {}, "a third is cut off": whole[:len(whole)*2/3],
			"the end is cut off": whole[:len(whole)-12], "a bit is turned": flipped} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := format.check(t.Context(), path, p); (err == nil) != (name == "whole") {
				t.Errorf("%s, %s: the check says %v", format.name, name, err)
			}
		}
	}
}

// amidst is a place of a file where the rows are.
func amidst(t *testing.T, format string, data []byte) int {
	switch format {
	case "xlsx":
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.File {
			if at, err := f.DataOffset(); err == nil && f.Name == "xl/worksheets/sheet2.xml" {
				return int(at) + int(f.CompressedSize64)/2
			}
		}
	case "pdf":
		return len(data) / 2
	case "parquet":
		return bytes.Index(data, []byte("John Doe"))
	}
	return bytes.LastIndex(data, []byte("090940"))
}

// TestOutputThatIsNotWhole is an error of the output, and so is one that was
// called off.
func TestOutputThatIsNotWhole(t *testing.T) {
	r := handReport{rows: 40}.report(t)
	less := handReport{rows: 39}.report(t)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := r.Outputs("csv", Fonts{})[0]
	honest := o.format.write
	o.format.write = func(ctx context.Context, path string, p part) ([]Note, error) {
		return honest(ctx, path, part{less, p.fonts, less.tables[0]})
	}
	_, err := o.Write(t.Context(), path)
	if want := "expiring-permissions.csv was written but does not hold what the queries gave"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Write = %v, want %q", err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fonts := testFonts(t)
	for _, format := range Formats() {
		if _, err := r.Outputs(format, fonts)[0].Write(ctx, path); err == nil {
			t.Errorf("%s: written although it was called off", format)
		}
	}
}

// TestSelfCheckOfSeveralSheets follows a section from sheet to sheet.
func TestSelfCheckOfSeveralSheets(t *testing.T) {
	r := handReport{rows: 25}.report(t)
	check := func(p *Report) error {
		path := filepath.Join(t.TempDir(), "file.xlsx")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := r.writeXLSX(f, testFonts(t), 10); err != nil {
			t.Fatal(err)
		}
		return checkWorkbook(t.Context(), path, part{p, Fonts{}, nil}, 10)
	}
	if err := check(r); err != nil {
		t.Error(err)
	}
	other := *r
	other.tables = []*table{another(r.tables[0], []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 23}, nil), r.tables[1]}
	if err := check(&other); err == nil || !strings.Contains(err.Error(), "sheet Permissions (3), line 5") {
		t.Errorf("the check says %v", err)
	}
}
