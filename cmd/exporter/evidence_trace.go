package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"exporter/internal/reports"
)

func (a *app) evidenceTraceCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "trace FILE SHEET!CELL | FILE KEY | FILE.csv ROW",
		Short: "Lead from a cell of a report to the response that it rests on",
		Long: `Follows a cell of a workbook, or a row of it, back to where it comes from: the
row of the snapshot with the history of that row, the page as it was received,
its line and its hash, and the response's operation, trace id and time; with
the commands by which anybody sees the same without this program. KEY is the
row's key: the values of the columns that name it, joined by /. Of a csv it
takes the number of a row, from 1, as evidence sample gives them.

A file in an evidence bundle (a folder with bagit.txt above it) is traced in
the bundle alone; any other in the configured store, in the snapshot that the
workbook names. A row that counts or joins others leads to the first of those
that its ids name. A page that retention has removed is said to be; what is
missing, or is not what was received, ends with exit status 4.`,
		Example: `  exporter evidence trace reports/leavers.xlsx 'Leavers!C17'
  exporter evidence trace reports/expired-permissions.xlsx 2122947917273637602
  exporter evidence trace reports/leavers.permissions.csv 3 --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := a.trace(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(t)
			} else {
				err = a.printTrace(t)
			}
			return errors.Join(err, t.fault())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as json")
	return c
}

// traced is the way from a cell of a report to the responses that it rests on.
type traced struct {
	File     string `json:"file"`
	SHA256   string `json:"sha256"`
	Known    bool   `json:"known"` // the journal, or the bundle's manifest, has the file as it is
	KnownBy  string `json:"known_by"`
	Report   string `json:"report"`
	Snapshot string `json:"snapshot"`
	AsOf     string `json:"as_of"`
	Mask     string `json:"mask"`
	Bundle   string `json:"bundle,omitempty"`
	Sealed   string `json:"sealed,omitempty"` // by which line of the journal the snapshot is

	Sheet   string                `json:"sheet,omitempty"`
	Section string                `json:"section,omitempty"`
	Number  int                   `json:"row"`
	Cell    *reports.LocatedCell  `json:"cell,omitempty"`
	Cells   []reports.LocatedCell `json:"cells"`
	Notes   []string              `json:"notes,omitempty"`
	Steps   []traceStep           `json:"steps"`
	See     []string              `json:"commands,omitempty"` // that belong to no step

	zone    *time.Location // of the times that people are shown
	missing []string       // what ends with exit status 4
}

// fault is the error of what is missing or differs.
func (t *traced) fault() error {
	if len(t.missing) == 0 {
		return nil
	}
	return &exitError{exitMismatch, &hintError{errors.New(strings.Join(t.missing, "\n")),
		"exporter snapshots verify, or evidence verify of a bundle, names all that differs"}}
}

// trace follows a place in a file.
func (a *app) trace(ctx context.Context, file, place string) (_ *traced, err error) {
	sum, err := fileSHA256(file)
	if err != nil {
		return nil, usage(err, "name a workbook or csv that report or evidence create has written")
	}
	src, err := a.traceSource(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	t := &traced{File: file, SHA256: sum, Bundle: src.bundle, Steps: []traceStep{}, zone: src.zone}
	if err := src.known(t); err != nil {
		return nil, err
	}
	row, err := a.locate(t, src, place)
	if err != nil {
		return nil, err
	}
	t.Sheet, t.Section, t.Number, t.Cells = row.Sheet, row.Section, row.Number, row.Cells
	if err := src.open(ctx, t); err != nil {
		return nil, err
	}
	t.Sealed = src.sealed(t.Snapshot, src.info.Value("Project"))
	if len(t.Notes) > 0 { // no value of a row
		return t, nil
	}
	if err := src.follow(ctx, t, row); err != nil {
		return nil, err
	}
	t.See = append(t.See, src.journalCommands(t)...)
	return t, nil
}

// locate finds the row that a place names.
func (a *app) locate(t *traced, src *traceSource, place string) (reports.LocatedRow, error) {
	if strings.EqualFold(filepath.Ext(t.File), ".csv") {
		return t.csvRow(place)
	}
	w, err := reports.OpenWorkbook(t.File)
	if errors.Is(err, reports.ErrNotOurs) {
		return reports.LocatedRow{}, usage(fmt.Errorf("%s: %w", t.File, err),
			"name a workbook or csv that report or evidence create has written")
	}
	if err != nil {
		return reports.LocatedRow{}, err
	}
	row, err := t.workbookRow(w, src, place)
	return row, errors.Join(err, w.Close())
}

func (t *traced) workbookRow(w *reports.Workbook, src *traceSource,
	place string) (reports.LocatedRow, error) {
	t.Report, t.Snapshot, t.AsOf, t.Mask = w.Report, w.Snapshot, w.AsOf, w.Mask
	if m := cellPlace.FindStringSubmatch(place); m != nil && m[1] != "" {
		return t.cellRow(w, m)
	}
	var found []reports.LocatedRow
	var keys []string
	for _, sheet := range w.SectionSheets() {
		key := src.keyOf(w.Report, sheet)
		if len(key) == 0 {
			continue
		}
		keys = append(keys, sheet+": "+strings.Join(key, "/"))
		rows, err := w.Find(sheet, key, place)
		if err != nil {
			return reports.LocatedRow{}, err
		}
		found = append(found, rows...)
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		var at []string
		for _, r := range found {
			at = append(at, cellOf(r.Sheet, fmt.Sprintf("A%d", r.Number)))
		}
		return reports.LocatedRow{}, usage(fmt.Errorf("%d rows have the key %q", len(found), place),
			"name one by its cell: "+strings.Join(at, ", "))
	case len(keys) == 0:
		return reports.LocatedRow{}, usage(fmt.Errorf("no section of %s has a key", w.Report),
			"name a cell, as "+exampleCell(w))
	}
	return reports.LocatedRow{}, usage(fmt.Errorf("no row has the key %q", place),
		"keys are "+strings.Join(keys, "; ")+"; or name a cell, as "+exampleCell(w))
}

// cellPlace matches a cell with its sheet; the sheet may be quoted.
var cellPlace = regexp.MustCompile(`^(?:(.+)!)?\$?([A-Za-z]{1,3})\$?([1-9][0-9]{0,6})$`)

func cellOf(sheet, cell string) string { return "'" + sheet + "!" + cell + "'" }

func exampleCell(w *reports.Workbook) string {
	if s := w.SectionSheets(); len(s) > 0 {
		return cellOf(s[0], "A2")
	}
	return cellOf(w.Sheets[0], "A1")
}

// cellRow reads the row of a cell, which m has the parts of.
func (t *traced) cellRow(w *reports.Workbook, m []string) (reports.LocatedRow, error) {
	sheet, ref := m[1], strings.ToUpper(m[2])+m[3]
	if inner, ok := strings.CutPrefix(sheet, "'"); ok && strings.HasSuffix(inner, "'") {
		sheet = strings.ReplaceAll(strings.TrimSuffix(inner, "'"), "''", "'")
	}
	same := func(s string) bool { return strings.EqualFold(s, sheet) }
	if i := slices.IndexFunc(w.Sheets, same); i >= 0 {
		sheet = w.Sheets[i]
	} else {
		return reports.LocatedRow{}, usage(fmt.Errorf("%s has no sheet %q", t.File, sheet),
			didYouMean(reports.Nearest(sheet, w.Sheets), "its sheets are "+strings.Join(w.Sheets, ", ")))
	}
	number, _ := strconv.Atoi(m[3]) // as the pattern has it
	row, err := w.Row(sheet, number)
	if err != nil {
		return row, err
	}
	if n := w.Rows(sheet); row.Section != "" && number > n+1 {
		return row, usage(fmt.Errorf("sheet %s has %s, and so no line %d", sheet, plural(int64(n), "row"), number),
			"name a cell of a row, as "+exampleCell(w))
	}
	i := slices.IndexFunc(row.Cells, func(c reports.LocatedCell) bool { return c.Ref == ref })
	if i < 0 && row.Section == "" && len(row.Cells) > 0 {
		return row, usage(fmt.Errorf("%s is empty", cellOf(sheet, ref)),
			"name a cell of a row, as "+exampleCell(w))
	}
	if i < 0 {
		what := fmt.Sprintf("sheet %s has no row %d", sheet, number)
		if len(row.Cells) > 0 {
			what = fmt.Sprintf("sheet %s ends at column %s", sheet,
				strings.TrimRight(row.Cells[len(row.Cells)-1].Ref, "0123456789"))
		}
		return row, usage(errors.New(what), "name a cell with a value, as "+exampleCell(w))
	}
	t.Cell = &row.Cells[i]
	t.describe(row)
	return row, nil
}

// describe says what a cell is that is no value of a row.
func (t *traced) describe(row reports.LocatedRow) {
	switch {
	case row.Section != "" && row.Number == 1:
		t.Notes = append(t.Notes,
			"this is the head of a column; the sheet Method says what the column means")
	case row.Section != "":
	case row.Sheet == "Method":
		t.Notes = append(t.Notes,
			"the sheet Method says how the workbook was made; what it says of the snapshot: "+
				"exporter snapshots show "+shell(t.Snapshot))
	case row.Sheet == "Matrix":
		t.Notes = append(t.Notes,
			"a cell of the matrix counts rows; the rows are on the other sheets, and the query is printed by: "+
				"exporter report --explain "+shell(t.Report))
	default:
		t.Notes = append(t.Notes,
			"the first page says what the summary's query gives, which reads the whole snapshot, or repeats "+
				"rows of the other sheets: trace the rows there; the query is printed by: "+
				"exporter report --explain "+shell(t.Report))
	}
}

// csvRow reads a row of a csv file by its number.
func (t *traced) csvRow(place string) (reports.LocatedRow, error) {
	number, err := strconv.Atoi(place)
	if err != nil || number < 1 {
		return reports.LocatedRow{}, usage(fmt.Errorf("%q is not the number of a row", place),
			"of a csv name the row by its number, the first after the header is 1")
	}
	if t.Snapshot == "" {
		return reports.LocatedRow{}, usage(fmt.Errorf("%s: the journal knows no such file", t.File),
			"which snapshot a csv was made from is known by its SHA-256 alone: "+
				"trace one that was not changed, or the xlsx, which names its snapshot")
	}
	row, rows, err := reports.CSVRow(t.File, number)
	if err != nil {
		return row, usage(fmt.Errorf("%s: %w", t.File, err),
			"of formats with rows trace the xlsx or the csv")
	}
	if len(row.Cells) == 0 {
		return row, usage(fmt.Errorf("%s has no row %d", t.File, number),
			"it has "+plural(int64(rows), "row"))
	}
	return row, nil
}

// fileSHA256 is the SHA-256 of a file, in hex.
func fileSHA256(path string) (_ string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
