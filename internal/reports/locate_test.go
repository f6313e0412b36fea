package reports

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"exporter/internal/store"
)

// oddReport is a report whose sheets and columns have names that need care.
func oddReport(t *testing.T) *Report {
	r := handReport{rows: 7}.report(t)
	r.tables[0].section.Name = "Ends 'soon' 门"
	r.tables[0].section.Key = []string{"person_code", "access_auth_id"}
	r.def.Sections[0] = r.tables[0].section
	return r
}

func openWorkbook(t *testing.T, name string, data []byte) *Workbook {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := OpenWorkbook(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func TestWorkbookIsFoundAgain(t *testing.T) {
	r := oddReport(t)
	var b bytes.Buffer
	if err := r.writeXLSX(&b, testFonts(t), 3); err != nil { // 7 rows on three sheets
		t.Fatal(err)
	}
	again := openXLSX(t, b.Bytes())
	if err := again.SetCellValue("Rules", "A2", "another"); err != nil { // a program that shares texts
		t.Fatal(err)
	}
	saved, err := again.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"as written": b.Bytes(), "saved again": saved.Bytes()} {
		t.Run(name, func(t *testing.T) {
			w := openWorkbook(t, "x.xlsx", data)
			if w.Report != "expiring-permissions" || w.Snapshot != "20260331T050000Z" ||
				w.Mask != store.MaskFull ||
				!strings.HasPrefix(w.AsOf, "2026-03-31 13:02") {
				t.Errorf("report %q, snapshot %q, mask %q, as of %q", w.Report, w.Snapshot, w.Mask, w.AsOf)
			}
			sheets := []string{"Ends 'soon' 门", "Ends 'soon' 门 (2)", "Ends 'soon' 门 (3)", "Rules"}
			if diff := gocmp.Diff(sheets, w.SectionSheets()); diff != "" {
				t.Fatalf("sheets mismatch (-want +got):\n%s", diff)
			}
			main := r.tables[0]
			for i := range main.rows {
				sheet := sheets[i/3]
				row, err := w.Row(sheet, i%3+2)
				if err != nil {
					t.Fatal(err)
				}
				for c, column := range main.columns {
					if got := row.Cells[c]; got.Column != column.Name || !rightAligned(column.Format) &&
						column.Format != formatDatetime && got.Text != main.text(i, c) {
						t.Errorf("%s row %d: %+v, want column %s with %q", sheet, row.Number, got, column.Name,
							main.text(i, c))
					}
				}
				id := main.text(i, main.index("access_auth_id"))
				key := main.text(i, main.index("person_code")) + "/" + id
				if d := r.def.KeyOf(sheet); !gocmp.Equal(d, []string{"person_code", "access_auth_id"}) {
					t.Errorf("the key of %s is %v", sheet, d)
				}
				found, err := w.Find(sheet, r.def.KeyOf(sheet), key)
				if err != nil || len(found) != 1 || found[0].Number != i%3+2 {
					t.Errorf("Find(%s, %s) = %v, %v", sheet, key, found, err)
				}
			}
			if n := w.Rows(sheets[2]); n != 1 {
				t.Errorf("%d rows on the last sheet, want 1", n)
			}
			if row, err := w.Row(sheets[2], 9); err != nil || len(row.Cells) != 0 {
				t.Errorf("beyond the end: %v, %v", row, err)
			}
		})
	}
	if key := r.def.KeyOf("Rules"); key != nil {
		t.Errorf("Rules have the key %v", key)
	}
}

func TestNoWorkbookOfOurs(t *testing.T) {
	r := handReport{rows: 1}.report(t)
	f := openXLSX(t, xlsxOf(t, r))
	if err := f.DeleteSheet(methodSheet); err != nil {
		t.Fatal(err)
	}
	b, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"no zip": []byte("no zip"), "empty": nil,
		"without the method": b.Bytes()} {
		path := filepath.Join(t.TempDir(), "x.xlsx")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenWorkbook(path); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, ok := (LocatedRow{Cells: []LocatedCell{{Column: "a", Text: nothing}}}).Value("a"); ok {
		t.Error("what has no value is an id")
	}
}

func TestCSVRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.csv")
	text := "id,\"a,b\"\n1,\"two\nlines\"\n2,\n3,\"\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	not := func(n int, record []byte) bool { return n != 2 || string(record) != "2," }
	err := CSVRows(path, not, func(r LocatedRow) error {
		got = append(got, fmt.Sprintf("%d: %s=%s, %s=%s", r.Number, r.Cells[0].Column, r.Cells[0].Text, r.Cells[1].Column, r.Cells[1].Text))
		return nil
	})
	want := []string{"1: id=1, a,b=two\nlines", "3: id=3, a,b="}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("rows %q, %v; want %q", got, err, want)
	}
}

func TestJSONRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	text := `{"report":{"name":"x"},"trust":{"snapshot":"20260102T060000Z","as_of":"then","mask":"full"},"sections":[
		{"title":"A","columns":[{"name":"id","title":"Id"},{"name":"n","title":"N"}],"rows":[{"n":1.50,"id":"1"},{"id":null,"n":[2]}]},
		{"title":"B","columns":[{"name":"b","title":"B"}],"rows":[{"b":true}]}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	made, err := JSONRows(path, func(r LocatedRow) error {
		var s strings.Builder
		fmt.Fprint(&s, r.Section, r.Number)
		for _, c := range r.Cells {
			fmt.Fprintf(&s, " %s=%s", c.Column, c.Text)
		}
		got = append(got, s.String())
		return nil
	})
	want := []string{"A1 id=1 n=1.50", "A2 id= n=[2]", "B1 b=true"}
	if err != nil || !slices.Equal(got, want) || made != (Made{"x", "20260102T060000Z", "then", "full"}) {
		t.Errorf("rows %q of %v, %v; want %q", got, made, err, want)
	}
	for _, text := range []string{"", "[]", "{}", "id\n1\n", `{"report":{"name":"x"},"trust":{"snapshot":"y"},"sections":[{"rows":{}}]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := JSONRows(path, func(LocatedRow) error { return nil }); !errors.Is(err, ErrNotOurs) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
