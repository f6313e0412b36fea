package reports

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"github.com/xuri/excelize/v2"
)

// Sizes of what is measured.
const (
	benchSheetRows = 1_000_000
	benchPageRows  = 20_000
	benchLongRows  = maxSheetRows + 50_000 // more than a sheet holds
)

// figureTaken is what a part took, in a process of its own so that its peak memory
// is its own.
type figureTaken struct {
	Took, Processor time.Duration // of the writing alone
	Check           time.Duration // processor of reading it back
	Peak            int64         // of the process, MiB
	Bytes           int
	Sheets          []int // rows of each sheet but the first and the last, headers included
}

// BenchmarkFigures measures the speed and memory of the outputs, each beside
// the bare library writing the same cells, and prints them with their aims. The
// ratios are of processor time, which a busy machine changes less.
func BenchmarkFigures(b *testing.B) {
	if part := os.Getenv("FIGURE"); part != "" {
		b.Run(part, measured)
		return
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(table, "\nOutputs (load of the machine %s)\n", strings.Fields(string(load) + " ?")[0])
	figure := func(what, value, aim string, holds bool) {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", what, value, aim, map[bool]string{true: "holds", false: "MISSED"}[holds])
	}
	ratio := func(bare, ours time.Duration) float64 { return float64(bare) / float64(ours) }
	b.Run("xlsx", func(b *testing.B) {
		bare, ours := inProcess(b, "bare-xlsx"), inProcess(b, "our-xlsx")
		x := ratio(bare.Processor, ours.Processor)
		figure("xlsx of 1,000,000 rows x 12, speed beside excelize alone", fmt.Sprintf("%.2f (%.1f s, %.1f s)", x, ours.Took.Seconds(), bare.Took.Seconds()), "1.0", x >= 1)
		figure("its peak memory, the report's tables included", fmt.Sprintf("%d MiB", ours.Peak), "600 MiB", ours.Peak < 600)
		y := float64(ours.Check) / float64(ours.Processor)
		figure("reading it back, of the writing", fmt.Sprintf("%.2f", y), "0.5", y <= 0.5)
	})
	b.Run("long", func(b *testing.B) {
		ours := inProcess(b, "long-xlsx")
		want := []int{maxSheetRows, benchLongRows - (maxSheetRows - 1) + 1}
		figure(fmt.Sprintf("xlsx of %s rows, read back: rows of its sheets", number(benchLongRows)), fmt.Sprint(ours.Sheets, fmt.Sprintf(", peak %d MiB", ours.Peak)),
			fmt.Sprint(want), len(ours.Sheets) >= 2 && slices.Equal(ours.Sheets[:2], want))
	})
	b.Run("pdf", func(b *testing.B) {
		bare, ours := inProcess(b, "bare-pdf"), inProcess(b, "our-pdf")
		x := ratio(bare.Processor, ours.Processor)
		figure("PDF of 20,000 rows x 11, speed beside fpdf's cells alone", fmt.Sprintf("%.2f (%.1f s, %.1f s)", x, ours.Took.Seconds(), bare.Took.Seconds()), "0.4", x >= 0.4)
	})
	table.Flush()
}

// inProcess measures a part in a process of its own.
func inProcess(b *testing.B, part string) (m figureTaken) {
	b.Helper()
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "measure")
	cmd := exec.Command(program, "-test.run=^$", "-test.bench=^BenchmarkFigures$", "-test.benchtime=1x")
	cmd.Env = append(os.Environ(), "FIGURE="+part, "FIGURE_TO="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%s: %v: %s", part, err, out)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(data, &m); err != nil {
		b.Fatal(err)
	}
	return m
}

// measured is a part, in its process.
func measured(b *testing.B) {
	name := os.Getenv("FIGURE")
	rows := benchSheetRows
	switch {
	case strings.HasSuffix(name, "-pdf"):
		rows = benchPageRows
	case name == "long-xlsx":
		rows = benchLongRows
	}
	r, fonts := handReport{rows: rows}.report(b), testFonts(b)
	all := 0
	r.def.PDFRows = &all
	path := filepath.Join(b.TempDir(), "output")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		b.Fatal(err)
	}
	write := map[string]func(io.Writer) error{
		"our-xlsx":  func(w io.Writer) error { return r.WriteXLSX(w, fonts) },
		"long-xlsx": func(w io.Writer) error { return r.WriteXLSX(w, fonts) },
		"our-pdf":   func(w io.Writer) error { return r.WritePDF(w, fonts) },
		"bare-xlsx": func(w io.Writer) error { return bareXLSX(w, r.tables[0]) },
		"bare-pdf":  func(w io.Writer) error { return barePDF(w, r.tables[0], fonts) },
	}[name]
	var m figureTaken
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	began, processor := time.Now(), processorTime(b)
	if err := write(f); err != nil {
		b.Fatal(err)
	}
	m.Took, m.Processor = time.Since(began), processorTime(b)-processor
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	m.Peak = peakMemory(b)
	if strings.HasSuffix(name, "xlsx") && name != "bare-xlsx" {
		processor = processorTime(b)
		if err := checkXLSX(b.Context(), path, part{r, fonts, nil}); err != nil {
			b.Fatal(err)
		}
		m.Check = processorTime(b) - processor
		m.Sheets = rowsOfSheets(b, path)
	}
	data, err := json.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(os.Getenv("FIGURE_TO"), data, 0o600); err != nil {
		b.Fatal(err)
	}
}

// rowsOfSheets counts the rows of a workbook's sheets between the first and the
// last, by the elements in their parts.
func rowsOfSheets(b *testing.B, path string) (rows []int) {
	b.Helper()
	z, err := zip.OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer z.Close()
	for n := 2; ; n++ {
		part, err := z.Open(fmt.Sprintf("xl/worksheets/sheet%d.xml", n))
		if err != nil {
			return rows[:len(rows)-1] // the method's sheet is the last
		}
		found, text := 0, bufio.NewScanner(part)
		text.Split(func(data []byte, end bool) (int, []byte, error) {
			if i := bytes.Index(data, []byte("<row ")); i >= 0 {
				return i + 5, data[i : i+5], nil
			}
			if end {
				return len(data), nil, nil
			}
			return max(len(data)-4, 0), nil, nil
		})
		for text.Scan() {
			found++
		}
		rows = append(rows, found)
	}
}

// bareXLSX writes the cells of a table with excelize and the standard library's
// deflate.
func bareXLSX(w io.Writer, t *table) error {
	f := excelize.NewFile()
	defer f.Close()
	sw, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		return err
	}
	var styles [3]int
	for i, format := range []int{49, 22, 3} {
		if styles[i], err = f.NewStyle(&excelize.Style{NumFmt: format}); err != nil {
			return err
		}
	}
	cells := make([]any, len(t.columns))
	for row := range t.rows {
		for i, c := range t.columns {
			if n, ok := cellNumber(t.vectors[i].at(row), c.Format, t.zone); ok {
				cells[i] = excelize.Cell{StyleID: styles[1], Value: n}
			} else {
				cells[i] = excelize.Cell{StyleID: styles[0], Value: t.text(row, i)}
			}
		}
		if err := sw.SetRow("A"+strconv.Itoa(row+1), cells); err != nil {
			return err
		}
	}
	if err := sw.Flush(); err != nil {
		return err
	}
	return f.Write(w)
}

// barePDF writes the cells of a table that pages show with fpdf alone: each at
// its place, none measured, none wrapped.
func barePDF(w io.Writer, t *table, fonts Fonts) error {
	pdf := fpdf.New("L", "mm", "A4", "")
	pdf.AddUTF8FontFromBytes("text", "", bytes.Clone(fonts.regular.data))
	pdf.AddUTF8FontFromBytes("cjk", "", bytes.Clone(fonts.fallback[0].data))
	pdf.AddPage()
	for row := range t.rows {
		for _, i := range t.onPages() {
			text, font := t.text(row, i), "text"
			if strings.ContainsFunc(text, wide) {
				font = "cjk"
			}
			pdf.SetFont(font, "", sizeCell)
			pdf.CellFormat(24, 5, text, "B", 0, "L", false, 0, "")
		}
		pdf.Ln(-1)
	}
	return pdf.Output(w)
}

func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most that the process has held, in MiB.
func peakMemory(b *testing.B) int64 {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Maxrss >> 10
}
