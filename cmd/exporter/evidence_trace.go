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

// traceTimeout is how long it may take to follow a row in a bundle, which may be made
// so that it takes for ever.
const traceTimeout = 5 * time.Minute

func (a *app) evidenceTraceCommand() *cobra.Command {
	var asJSON, commands bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "trace FILE SHEET!CELL | FILE KEY | FILE.csv ROW",
		Short: "Lead from a cell of a report to the response that it rests on",
		Long: `Follows a cell of a workbook, or a row of it, back to where it comes from: the
row of the snapshot with the history of that row, the page as it was received,
its line and its hash, and the response's operation, trace id and time; and
compares what the page says with the row. With --commands it prints for each
step the commands by which anybody sees the same without this program. KEY is
the row's key, the values of the columns that name it joined by /, or any id
that one row alone has, also of a csv or json; of a csv it may be the number of
a row, from 1, as evidence sample gives them.

A file in an evidence bundle (a folder with bagit.txt above it) is traced in
the bundle alone, by a process that can reach nothing else; any other in the
configured store, in the snapshot that the workbook names. A row that counts or
joins others leads to the first of those that its ids name. A page that
retention has removed is said to be; what is missing, is not what was received,
says otherwise than the snapshot, or was changed after the bundle was sealed,
ends with exit status 4.`,
		Example: `  exporter evidence trace reports/leavers.xlsx 'Leavers!C17'
  exporter evidence trace --commands \
    reports/expired-permissions.xlsx 2122947917273637602
  exporter evidence trace reports/leavers.permissions.csv 3 --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkTimeout(timeout); err != nil {
				return err
			}
			t, err := a.traceFile(c.Context(), args[0], args[1], timeout)
			if err != nil {
				return err
			}
			if asJSON {
				err = a.printJSON(t)
			} else {
				err = a.printTrace(t, commands)
			}
			return errors.Join(err, t.fault())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as json")
	c.Flags().BoolVar(&commands, "commands", false, "print each step with the commands that show the same")
	c.Flags().DurationVar(&timeout, "timeout", traceTimeout, "give up when it takes longer in a bundle")
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

	Missing  []string `json:"missing,omitempty"` // what is, or differs: exit status 4
	Timezone string   `json:"timezone"`          // of the times that people are shown
}

// fault is the error of what is missing or differs.
func (t *traced) fault() error {
	if len(t.Missing) == 0 {
		return nil
	}
	return &exitError{exitMismatch, &hintError{errors.New(strings.Join(t.Missing, "\n")),
		"exporter snapshots verify, or evidence verify of a bundle, names all that differs"}}
}

// traceTask is a place in a file of a bundle that is followed.
type traceTask struct {
	Bundle string `json:"bundle"` // its folder
	File   string `json:"file"`
	Place  string `json:"place"`
}

// traceFile follows a place in a file, in a bundle in a process of its own.
func (a *app) traceFile(ctx context.Context, file, place string, timeout time.Duration) (_ *traced, err error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	bundle := bundleAbove(absolute)
	if bundle == "" {
		return a.trace(ctx, file, place)
	}
	dir, done, err := workFolder()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	d, err := doConfined(ctx, dir, bundleTask{Trace: &traceTask{bundle, absolute, place}, Timeout: timeout}, nil)
	if limit, ok := errors.AsType[*limitError](err); ok {
		return nil, &hintError{fmt.Errorf("evidence trace: the bundle was not read: %w", limit.err), limit.hint}
	}
	if ended, ok := errors.AsType[*endError](err); ok {
		return nil, &exitError{exitMismatch, fmt.Errorf("evidence trace: the bundle cannot be read: the process that did came to an end: %w", ended)}
	}
	if err != nil {
		return nil, err
	}
	d.Traced.File = file
	return d.Traced, nil
}

// trace follows a place in a file.
func (a *app) trace(ctx context.Context, file, place string) (_ *traced, err error) {
	sum, err := fileSHA256(file)
	if err != nil {
		return nil, usage(err, hintTraced)
	}
	src, err := a.traceSource(file)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.close()) }()
	t := &traced{File: file, SHA256: sum, Bundle: src.bundle, Steps: []traceStep{}, Timezone: src.zone.String()}
	if err := src.known(t); err != nil {
		return nil, err
	}
	row, err := a.locate(t, src, place)
	if err != nil {
		return nil, errors.Join(t.fault(), err) // it may not be found since the file was changed
	}
	t.Sheet, t.Section, t.Number, t.Cells = row.Sheet, row.Section, row.Number, row.Cells
	if err := src.open(ctx, t); err != nil {
		return nil, errors.Join(t.fault(), err)
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
	switch ext := strings.ToLower(filepath.Ext(t.File)); ext {
	case ".csv", ".json":
		return t.fileRow(src, ext, place)
	case ".pdf", ".parquet", ".html":
		return reports.LocatedRow{}, usage(fmt.Errorf("%s: a row of a %s file is not traced", t.File, ext[1:]),
			"trace the csv, xlsx or json of that name, which has the same rows")
	}
	w, err := reports.OpenWorkbook(t.File)
	if err != nil {
		return reports.LocatedRow{}, t.notOurs(err)
	}
	row, err := t.workbookRow(w, src, place)
	return row, errors.Join(err, w.Close())
}

// notOurs gives the error of a file that is no report its hint.
func (t *traced) notOurs(err error) error {
	if !errors.Is(err, reports.ErrNotOurs) {
		return err
	}
	return usage(fmt.Errorf("%s: %w", t.File, err), hintTraced)
}

// hintTraced says what can be traced.
const hintTraced = "name a workbook, csv or json that report or evidence create has written"

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
	if len(found) == 0 {
		return t.idRow(w, src, place, keys)
	}
	if len(found) > 1 {
		return reports.LocatedRow{}, usage(fmt.Errorf("%d rows have the key %q", len(found), place),
			"name one by its cell: "+strings.Join(placesOf(src, t.Report, found, len(found)), ", "))
	}
	return found[0], nil
}

// idRow finds the one row that has an id in any of its columns, where no key of
// keys is it.
func (t *traced) idRow(w *reports.Workbook, src *traceSource, id string, keys []string) (reports.LocatedRow, error) {
	var found []reports.LocatedRow
	count := 0
	for _, sheet := range w.SectionSheets() {
		rows, n, err := w.FindID(sheet, id)
		if err != nil {
			return reports.LocatedRow{}, err
		}
		found, count = append(found, rows...), count+n
	}
	switch {
	case count == 1:
		return found[0], nil
	case count > 1:
		return reports.LocatedRow{}, usage(fmt.Errorf("%d rows have the id %q", count, id),
			"name one by its key or its cell: "+strings.Join(placesOf(src, t.Report, found, count), ", "))
	case cellPlace.MatchString(id):
		return reports.LocatedRow{}, usage(fmt.Errorf("%s: of which sheet?", id),
			"a cell is named with its sheet, as "+cellOf(slices.Concat(w.SectionSheets(), w.Sheets)[0], strings.ToUpper(id)))
	case len(keys) == 0:
		return reports.LocatedRow{}, usage(fmt.Errorf("no section of %s has a key, and no row the id %q", w.Report, id),
			"name a cell, as "+exampleCell(w))
	}
	return reports.LocatedRow{}, usage(fmt.Errorf("no row has the key %q, nor an id", id),
		"keys are "+strings.Join(keys, "; ")+"; or name a cell, as "+exampleCell(w))
}

// placesOf are the first cells of rows, with their keys, of which there are so many.
func placesOf(src *traceSource, report string, rows []reports.LocatedRow, count int) []string {
	var at []string
	for _, r := range rows[:min(len(rows), maxPlaces)] {
		var values []string
		for _, column := range src.keyOf(report, r.Sheet) {
			value, _ := r.Value(column)
			values = append(values, value)
		}
		place := cellOf(r.Sheet, fmt.Sprintf("A%d", r.Number))
		if key := strings.Join(values, "/"); key != "" {
			place += " (" + key + ")"
		}
		at = append(at, place)
	}
	if count > len(at) {
		at = append(at, "...")
	}
	return at
}

// maxPlaces is how many rows are named where one was meant.
const maxPlaces = 5

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
		t.Notes = append(t.Notes, "the sheet Method says how the workbook was made"+
			t.elsewhere("; what it says of the snapshot: exporter snapshots show "+shell(t.Snapshot), ""))
	case row.Sheet == "Matrix":
		t.Notes = append(t.Notes, "a cell of the matrix counts rows; the rows are on the other sheets"+t.queryWords())
	default:
		t.Notes = append(t.Notes, "the first page says what the summary's query gives, which reads the whole "+
			"snapshot, or repeats rows of the other sheets: trace the rows there"+t.queryWords())
	}
}

// queryWords says where the query of a report is.
func (t *traced) queryWords() string {
	return t.elsewhere("; the query is printed by: exporter report --explain "+shell(t.Report),
		"; the query is in data/queries, by the name that data/definitions/"+t.Report+".yaml gives it")
}

// elsewhere is what is said of a file of a store, or of a bundle.
func (t *traced) elsewhere(store, bundle string) string {
	if t.Bundle != "" {
		return bundle
	}
	return store
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
