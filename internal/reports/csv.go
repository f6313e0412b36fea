package reports

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// writeCSV writes a section for machines, with nothing lost: UTF-8, lines end
// in LF, the first has the columns' names as the query gives them. NULL is
// nothing, an empty text is "". A moment is RFC 3339 with the distance of the
// report's zone from UTC, what has no zone is written without one. A list is
// JSON. Texts stay as they are, whatever a spreadsheet would make of them.
func (p part) writeCSV(w io.Writer) ([]Note, error) {
	out := bufio.NewWriter(w)
	line := appendCSV(nil, p.table.names(), "\n")
	out.Write(line)
	for row := range p.table.rows {
		line = line[:0]
		for i, v := range p.table.vectors {
			if i > 0 {
				line = append(line, ',')
			}
			if !v.null(row) {
				line = quoteCSV(line, v.exact(row, p.table.zone))
			}
		}
		out.Write(append(line, '\n'))
	}
	return p.table.invalidNote(), out.Flush()
}

// exact is a value as text from which it can be read again.
func (v *vector) exact(row int, zone *time.Location) string {
	switch x := v.at(row).(type) {
	case string:
		return validText(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return exactFloat(x)
	case bool:
		return strconv.FormatBool(x)
	case time.Time:
		switch v.kind {
		case kindDay:
			return x.Format(time.DateOnly)
		case kindWall:
			return x.Format("2006-01-02T15:04:05.999999")
		}
		there := x.In(zone)
		if _, offset := there.Zone(); offset%60 != 0 || there.Year() < 1 || there.Year() > 9999 {
			there = x.UTC() // RFC 3339 has no such year, and no seconds in a distance
		}
		return there.Format(time.RFC3339Nano)
	case listValue:
		return v.text(v.values[row])
	default:
		return ""
	}
}

// exactFloat is the shortest text that reads back as x.
func exactFloat(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(x, 'f', -1, 64)), "+")
	case x != 0 && (math.Abs(x) < 1e-6 || math.Abs(x) >= 1e21):
		return strconv.FormatFloat(x, 'e', -1, 64)
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

func appendCSV(line []byte, fields []string, end string) []byte {
	for i, s := range fields {
		if i > 0 {
			line = append(line, ',')
		}
		line = quoteCSV(line, s)
	}
	return append(line, end...)
}

// quoteCSV appends a field that is not NULL.
func quoteCSV(line []byte, s string) []byte {
	if s != "" && !strings.ContainsAny(s, ",\"\r\n#") {
		return append(line, s...)
	}
	line = append(line, '"')
	line = append(line, strings.ReplaceAll(s, `"`, `""`)...)
	return append(line, '"')
}

// csvField is a field as it stands in a file.
type csvField struct {
	text   []byte
	quoted bool
}

// readCSV gives each record of a file to record; what it is given is
// overwritten by the next. It is stricter than the format's readers usually
// are: every line ends in end, and a quote stands only where a field begins.
func readCSV(r *bufio.Reader, end string, record func([]csvField) error) error {
	var buffer []byte
	for {
		line, err := readRecord(r, buffer[:0])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		buffer = line
		line, ok := bytes.CutSuffix(line, []byte(end))
		if !ok {
			return errors.New("the file's last line is cut off")
		}
		fields, err := splitRecord(line)
		if err != nil {
			return err
		}
		if err := record(fields); err != nil {
			return err
		}
	}
}

// readRecord reads to the first end of a line that is not in quotes.
func readRecord(r *bufio.Reader, to []byte) ([]byte, error) {
	for {
		piece, err := r.ReadSlice('\n')
		to = append(to, piece...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case errors.Is(err, io.EOF) && len(to) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF), bytes.Count(to, []byte{'"'})%2 == 0:
			return to, nil
		}
	}
}

func splitRecord(line []byte) ([]csvField, error) {
	var fields []csvField
	for {
		if len(line) == 0 || line[0] != '"' {
			text, rest, more := bytes.Cut(line, []byte{','})
			if bytes.IndexByte(text, '"') >= 0 {
				return nil, fmt.Errorf("a quote within %q", cut(string(text), 100))
			}
			fields = append(fields, csvField{text, false})
			if line = rest; !more {
				return fields, nil
			}
			continue
		}
		text, rest, err := unquoteCSV(line[1:])
		if err != nil {
			return nil, err
		}
		fields = append(fields, csvField{text, true})
		if len(rest) == 0 {
			return fields, nil
		}
		if rest[0] != ',' {
			return nil, fmt.Errorf("%q after a quoted field", cut(string(rest), 100))
		}
		line = rest[1:]
	}
}

// unquoteCSV reads to the closing quote.
func unquoteCSV(s []byte) (text, rest []byte, err error) {
	if i := bytes.IndexByte(s, '"'); i >= 0 && (i+1 == len(s) || s[i+1] != '"') {
		return s[:i], s[i+1:], nil
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			if i+1 == len(s) || s[i+1] != '"' {
				return text, s[i+1:], nil
			}
			i++
		}
		text = append(text, s[i])
	}
	return nil, nil, errors.New("a quote that is not closed")
}

func (p part) checkCSV(r *bufio.Reader) error {
	return p.compareCSV(r, "", "\n", p.table.names(), func(row, column int) (string, bool) {
		v := p.table.vectors[column]
		return v.exact(row, p.table.zone), !v.null(row)
	})
}

// compareCSV compares a file with a header and with what cell gives for each
// cell: its text, and whether it is not NULL.
func (p part) compareCSV(r *bufio.Reader, mark, end string, header []string, cell func(row, column int) (string, bool)) error {
	if got, err := r.Peek(len(mark)); err != nil || string(got) != mark {
		return errors.New("the file does not begin as it should")
	}
	if _, err := r.Discard(len(mark)); err != nil {
		return err
	}
	y, titled := &tally{t: p.table}, false
	err := readCSV(r, end, func(fields []csvField) error {
		if !titled {
			titled = true
			if !slices.EqualFunc(fields, header, func(f csvField, s string) bool { return string(f.text) == s }) {
				return fmt.Errorf("section %s: the header is another one", p.table.section.sheet())
			}
			return nil
		}
		if err := y.one(len(fields), len(header)); err != nil {
			return err
		}
		for i, f := range fields {
			want, there := cell(y.row, i)
			if there != (f.quoted || len(f.text) > 0) || string(f.text) != want {
				return y.differs(i, string(f.text), want)
			}
		}
		y.row++
		return nil
	})
	if err == nil && !titled {
		err = errors.New("the file is empty")
	}
	if err != nil {
		return err
	}
	return y.end()
}

// byteOrderMark tells a spreadsheet that a file is UTF-8.
const byteOrderMark = "\uFEFF"

// writeExcelCSV writes a section for a spreadsheet that opens it by a double
// click: a byte order mark, lines that end in CR LF, the workbook's titles and
// times in the report's zone. A text has an apostrophe before it where the
// spreadsheet would run it as a formula or read it as a date, a time or another
// number than it says, as 3-2, an id of 19 digits or 090909; and where it begins
// with one, so that taking one apostrophe away gives each text back. NULL is an en
// dash, an empty text (empty).
func (p part) writeExcelCSV(w io.Writer) ([]Note, error) {
	out := bufio.NewWriter(w)
	e := &excelText{}
	out.WriteString(byteOrderMark)
	line := appendCSV(nil, p.excelHeader(e), "\r\n")
	out.Write(line)
	for row := range p.table.rows {
		line = line[:0]
		for i := range p.table.columns {
			if i > 0 {
				line = append(line, ',')
			}
			line = quoteCSV(line, e.cell(p.table, row, i))
		}
		out.Write(append(line, "\r\n"...))
	}
	return e.notes(p.table.rows), out.Flush()
}

func (p part) excelHeader(e *excelText) []string {
	titles := p.table.headers(&e.cellCounts)
	for i, s := range titles {
		titles[i] = e.escape(s)
	}
	return titles
}

func (p part) checkExcelCSV(r *bufio.Reader) error {
	e := &excelText{}
	return p.compareCSV(r, byteOrderMark, "\r\n", p.excelHeader(e), func(row, column int) (string, bool) {
		return e.cell(p.table, row, column), true
	})
}

// excelText makes texts that a spreadsheet takes for what they are.
type excelText struct {
	cellCounts
	numbers int // texts that it would read as a date or another number
}

// cell is a cell's text.
func (e *excelText) cell(t *table, row, column int) string {
	switch x := t.vectors[column].at(row).(type) {
	case int64, float64:
		if seconds, ok := x.(int64); ok && seconds >= 0 && t.columns[column].Format == formatDuration {
			return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
		}
		if rightAligned(t.columns[column].Format) {
			return t.vectors[column].exact(row, t.zone)
		}
		return e.escape(e.cellCounts.cell(show(x, t.columns[column].Format, t.zone)))
	case time.Time:
		return show(x, t.columns[column].Format, t.zone)
	default:
		return e.escape(e.cellCounts.cell(show(x, t.columns[column].Format, t.zone)))
	}
}

func (e *excelText) escape(s string) string {
	switch {
	case strings.HasPrefix(s, "'"):
	case formulaLike(s):
		e.formulas++
	case otherNumber(s):
		e.numbers++
	default:
		return s
	}
	return "'" + s
}

// dateOrNumber are texts that a spreadsheet may read as a number, a date or a
// time.
var dateOrNumber = regexp.MustCompile(`(?i)^(?:[-+\d/:.,%\s()$€£¥]|\d\.?e|jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|` +
	`aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)*(?:\d\s*[ap]m?)?$`)

// otherNumber reports whether a spreadsheet may read a text as a number, a date
// or a time and not show it as it is: of numbers it keeps 15 digits and no zeros
// before them, and 3-2 and 10.11 are dates in one country or another.
func otherNumber(s string) bool {
	digits := strings.Trim(s, "0123456789") == ""
	if digits && len(s) <= 15 && (s == "0" || !strings.HasPrefix(s, "0")) {
		return false
	}
	return strings.ContainsAny(s, "0123456789") && dateOrNumber.MatchString(s)
}

// notes says what was done to texts, as far as anything was.
func (e *excelText) notes(rows int) []Note {
	more := 0
	if rows >= maxSheetRows {
		more = rows - maxSheetRows + 1
	}
	return slices.DeleteFunc([]Note{
		{e.formulas, "texts like formulas have an apostrophe before them", false},
		{e.numbers, "texts that would be read as a date or another number have an apostrophe before them", true},
		{e.controls, "control characters are replaced by \uFFFD", false},
		{e.invalid, "bytes that are no UTF-8 are replaced by \uFFFD", false},
		{e.cut, "texts are cut that are longer than a cell holds", false},
		{more, "rows are more than a sheet shows; the xlsx shows all", false},
	}, func(n Note) bool { return n.Count == 0 })
}
