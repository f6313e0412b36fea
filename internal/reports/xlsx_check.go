package reports

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
)

// checkXLSX reads a workbook back. Every part is read to its end, where its
// checksum is compared; of the sheets of the sections every cell is compared
// with the query's. A sheet is read as a stream: a million rows take what a
// few take.
func checkXLSX(ctx context.Context, path string, p part) error {
	return checkWorkbook(ctx, path, p, maxSheetRows-1)
}

// checkWorkbook reads back a workbook with at most so many rows on a sheet.
func checkWorkbook(ctx context.Context, path string, p part, most int) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	archive.RegisterDecompressor(zip.Deflate, flate.NewReader)
	parts, err := sheetParts(archive.File)
	if err != nil {
		return err
	}
	sheets := map[string]dataSheet{} // by part
	for _, s := range p.dataSheets(most) {
		name, ok := parts[s.name]
		if !ok {
			return fmt.Errorf("there is no sheet %s", s.name)
		}
		sheets[name] = s
	}
	for _, f := range archive.File {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s, ok := sheets[f.Name]
		err := readPart(f, func(r io.Reader) error {
			if !ok {
				return nil
			}
			return p.checkSheet(r, s)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// readPart reads a part with read, and then to its end.
func readPart(f *zip.File, read func(io.Reader) error) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	err = read(r)
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	return errors.Join(err, r.Close())
}

// sheetParts are the parts of the package by the names of their sheets.
func sheetParts(files []*zip.File) (map[string]string, error) {
	var book struct {
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"http://schemas.openxmlformats.org/officeDocument/2006/relationships id,attr"`
		} `xml:"sheets>sheet"`
	}
	var relations struct {
		Relations []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	for name, to := range map[string]any{"xl/workbook.xml": &book, "xl/_rels/workbook.xml.rels": &relations} {
		i := slices.IndexFunc(files, func(f *zip.File) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no part %s", name)
		}
		if err := readPart(files[i], func(r io.Reader) error { return xml.NewDecoder(r).Decode(to) }); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	parts := map[string]string{}
	for _, s := range book.Sheets {
		for _, r := range relations.Relations {
			if r.ID == s.ID {
				parts[s.Name] = "xl/" + strings.TrimPrefix(strings.TrimPrefix(r.Target, "/"), "xl/")
			}
		}
	}
	return parts, nil
}

// sheetCheck compares the cells of one sheet, in their order.
type sheetCheck struct {
	sheet  dataSheet
	table  *table
	titles []string
	counts cellCounts // of no use here
	texts  [][]string // of columns: the texts that come again, by their number
	line   int        // of the sheet, from 1
	column int        // cells of the line so far
}

func (p part) checkSheet(r io.Reader, s dataSheet) error {
	c := &sheetCheck{sheet: s, table: p.tables[s.section]}
	c.titles = c.table.headers(&c.counts)
	c.texts = c.table.textsAgain()
	x := &tags{r: r, buffer: make([]byte, 0, 1<<16)}
	var text []byte // of the present cell
	kind := ""
	for {
		before, tag, err := x.next()
		if errors.Is(err, io.EOF) {
			return errors.New("the sheet is cut off")
		}
		if err != nil {
			return err
		}
		switch name := tagName(tag); string(name) {
		case "row":
			c.line, c.column = c.line+1, 0
		case "c":
			text, kind = text[:0], typeOf(tag)
			if bytes.HasSuffix(tag, []byte("/")) {
				err = c.cell(nil, "")
			}
		case "/v", "/t":
			text = append(text, before...)
		case "/c":
			err = c.cell(text, kind)
		case "/row":
			err = c.endRow()
		case "/sheetData":
			return c.end()
		}
		if err != nil {
			return err
		}
	}
}

// textsAgain has room for the texts of each column that come again, nil where a
// column has none.
func (t *table) textsAgain() [][]string {
	texts := make([][]string, len(t.columns))
	for i, v := range t.vectors {
		if v.kind == kindText || v.kind == kindList {
			texts[i] = make([]string, min(len(v.ends), internLimit))
		}
	}
	return texts
}

// tags cuts XML into tags and what stands before each.
type tags struct {
	r      io.Reader
	buffer []byte
	at     int
}

// next returns a tag, without its brackets, and the text before it, as it
// stands in the file. Both are overwritten by the next.
func (x *tags) next() (before, tag []byte, err error) {
	for from := x.at; ; {
		if end := bytes.IndexByte(x.buffer[from:], '>'); end >= 0 {
			piece := x.buffer[x.at : from+end]
			x.at = from + end + 1
			before, tag, ok := bytes.Cut(piece, []byte{'<'})
			if !ok {
				return nil, nil, errors.New("not XML")
			}
			return before, tag, nil
		}
		// Nothing whole is left: what is begun moves to the front.
		n := copy(x.buffer, x.buffer[x.at:])
		x.buffer, x.at, from = x.buffer[:n], 0, n
		if n == cap(x.buffer) {
			x.buffer = slices.Grow(x.buffer, n)
		}
		n, err := x.r.Read(x.buffer[n:cap(x.buffer)])
		x.buffer = x.buffer[:from+n]
		if n == 0 && err != nil {
			return nil, nil, err
		}
	}
}

func tagName(tag []byte) []byte {
	if i := bytes.IndexAny(tag, " \t\n\r"); i >= 0 {
		return tag[:i]
	}
	return tag
}

// typeOf is the attribute t of a cell.
func typeOf(tag []byte) string {
	_, rest, ok := bytes.Cut(tag, []byte(` t="`))
	if !ok {
		return ""
	}
	kind, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(kind)
}

func (c *sheetCheck) fault(format string, args ...any) error {
	return fmt.Errorf("sheet %s, line %d: %s", c.sheet.name, c.line, fmt.Sprintf(format, args...))
}

// cell compares the next cell of the line.
func (c *sheetCheck) cell(text []byte, kind string) error {
	column, row := c.column, c.sheet.first+c.line-2
	c.column++
	if column >= len(c.table.columns) || row >= c.sheet.last {
		return nil // the end of the line says so
	}
	name := c.table.columns[column].Name
	want := ""
	if c.line == 1 {
		want = c.titles[column]
	} else {
		again := c.again(column, row)
		if again != nil && kind == "inlineStr" && string(text) == *again && *again != "" {
			return nil
		}
		value, format := c.table.vectors[column].at(row), c.table.columns[column].Format
		if number, ok := cellNumber(value, format, c.table.zone); ok {
			if got, err := strconv.ParseFloat(string(text), 64); err != nil || kind != "" && kind != "n" || got != number {
				return c.fault("column %s: %q in the file, %v by the query", name, cut(string(text), 100), number)
			}
			return nil
		}
		want = c.counts.cell(show(value, format, c.table.zone))
		if again != nil {
			*again = want
		}
	}
	if kind != "inlineStr" {
		return c.fault("column %s: not a text in the file, %q by the query", name, cut(want, 100))
	}
	if string(text) == want {
		return nil
	}
	if got := cellText(text); got != want {
		return c.fault("column %s: %q in the file, %q by the query", name, cut(got, 100), cut(want, 100))
	}
	return nil
}

// again is the place of a text that comes again, nil of another value. It is
// empty until the text has come once.
func (c *sheetCheck) again(column, row int) *string {
	v, texts := c.table.vectors[column], c.texts[column]
	if texts == nil || v.null(row) || v.values[row] >= int64(len(texts)) {
		return nil
	}
	return &texts[v.values[row]]
}

var escapedUnit = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// cellText is the text that a spreadsheet reads from a cell's XML.
func cellText(raw []byte) string {
	s := html.UnescapeString(string(raw))
	return escapedUnit.ReplaceAllStringFunc(s, func(unit string) string {
		n, _ := strconv.ParseUint(unit[2:6], 16, 16)
		return string(rune(n))
	})
}

// endRow refuses a line with too few or too many cells.
func (c *sheetCheck) endRow() error {
	rows := c.sheet.last - c.sheet.first
	if c.line > rows+1 {
		if rows == 0 && c.line == 2 && c.column == 1 {
			return nil // what no rows mean
		}
		return c.fault("more than the %s of the query", plural(rows, "row", "rows"))
	}
	if c.column != len(c.table.columns) {
		return c.fault("%s, not %d", plural(c.column, "cell", "cells"), len(c.table.columns))
	}
	return nil
}

func (c *sheetCheck) end() error {
	if rows := c.sheet.last - c.sheet.first; c.line-1 < rows {
		return c.fault("%s in the file, %s by the query", plural(c.line-1, "row", "rows"), number(int64(rows)))
	}
	return nil
}
