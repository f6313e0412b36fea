package reports

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
)

// Marks in a page's content, which draw nothing: the drawing of a row stands
// between two of them, and another stands where a section, or the method,
// begins.
const (
	rowBegins     = "/Row BMC"
	rowEnds       = "EMC"
	sectionBegins = "/Section MP"
)

// checkPDF reads a PDF back by its own table of objects. It proves that every
// object is where the table says, that each compressed stream (pages, fonts)
// has the checksum that it carries, that the pages are as many as the document
// says, and that the strings drawn for the rows are, in their order, the
// characters of the query's rows: as many as pdf_rows lets in, of a cell that
// does not fit as much as does. It does not prove that a font draws a
// character's shape, nor where on the page it stands.
func (p part) checkPDF(r *bufio.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	d, err := readPDF(data)
	if err != nil {
		return err
	}
	pages, err := d.pages()
	if err != nil {
		return err
	}
	sections := [][]string{{}} // what stands before the first
	for i, content := range pages {
		if sections, err = rowsDrawn(content, sections); err != nil {
			return fmt.Errorf("page %d: %w", i+1, err)
		}
	}
	if len(sections) != len(p.tables)+2 {
		return fmt.Errorf("%s drawn, not %d", plural(len(sections)-2, "section", "sections"), len(p.tables))
	}
	set := newTypesetter(p.fonts)
	for i, t := range p.tables {
		if err := p.checkDrawn(set, t, sections[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// checkDrawn compares a section's rows with those drawn.
func (p part) checkDrawn(set *typesetter, t *table, rows []string) error {
	if shown := p.shownRows(t); len(rows) != shown {
		return fmt.Errorf("section %s: %s drawn, not %s", t.section.sheet(), plural(len(rows), "row", "rows"), number(int64(shown)))
	}
	y, fits := &tally{t: t}, set.fitting(t)
	for _, got := range rows {
		for n, i := range t.onPages() {
			rest, ok := strings.CutPrefix(got, set.characters(t, y.row, i))
			if !ok {
				rest, ok = cutAny(got, fits(y.row, n))
			}
			if !ok {
				return y.differs(i, got, t.text(y.row, i))
			}
			got = rest
		}
		if got != "" {
			return fmt.Errorf("section %s: row %s: %q drawn beside it", t.section.sheet(), number(int64(y.row+1)), cut(got, 100))
		}
		y.row++
	}
	return nil
}

// characters are those that a page shows of a cell, without spaces.
func (set *typesetter) characters(t *table, row, column int) string {
	text := t.text(row, column)
	st := regular
	switch {
	case t.columns[column].Format == formatSeverity && !unseen(text):
		text, st = strings.ToUpper(text), bold
	case t.columns[column].Format == formatID:
		st = mono
	}
	var b strings.Builder
	for _, a := range set.split([]piece{{text: text, style: st}}, sizeCell) {
		if !a.stop {
			b.WriteString(a.text)
		}
	}
	return withoutSpaces(b.String())
}

func withoutSpaces(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// fitting returns what a page shows of a cell that it cuts short, without
// spaces: one text for each way a page may lie. Column n is the n-th on pages.
func (set *typesetter) fitting(t *table) func(row, n int) []string {
	layouts := sync.OnceValue(func() []pageTable {
		c := &canvas{set: set}
		return []pageTable{c.layout(t, t.onPages(), portrait.width(), maxLines), c.layout(t, t.onPages(), landscape.width(), maxLines)}
	})
	return func(row, n int) []string {
		var texts []string
		for _, p := range layouts() {
			var b strings.Builder
			for _, l := range set.cellLines(p, row, n) {
				for _, r := range l.runs {
					b.WriteString(r.text)
				}
			}
			texts = append(texts, withoutSpaces(b.String()))
		}
		return texts
	}
}

// cutAny takes the first of some texts that drawn begins with off it; none is
// empty.
func cutAny(drawn string, texts []string) (rest string, ok bool) {
	for _, s := range texts {
		if rest, ok := strings.CutPrefix(drawn, s); ok && s != "" {
			return rest, true
		}
	}
	return drawn, false
}

// pdfFile is a PDF by its objects.
type pdfFile struct {
	data    []byte
	objects map[string][]byte // by number; what stands between obj and endobj
	root    string
}

var (
	pdfEnd     = regexp.MustCompile(`startxref\s+(\d+)\s+%%EOF\s*$`)
	pdfTable   = regexp.MustCompile(`^xref\s+0 (\d+)\s+`)
	pdfRoot    = regexp.MustCompile(`/Root (\d+) 0 R`)
	pdfLength  = regexp.MustCompile(`/Length (\d+)`)
	pdfPages   = regexp.MustCompile(`/Pages (\d+) 0 R`)
	pdfKids    = regexp.MustCompile(`/Kids \[([^\]]*)\]`)
	pdfCount   = regexp.MustCompile(`/Count (\d+)`)
	pdfContent = regexp.MustCompile(`/Contents (\d+) 0 R`)
)

var errPDF = errors.New("not a whole PDF")

// group is the first group of a pattern in data, "" where it is not there.
func group(pattern *regexp.Regexp, data []byte) string {
	if m := pattern.FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return ""
}

// readPDF finds every object where the table at the end says it is.
func readPDF(data []byte) (*pdfFile, error) {
	at, err := strconv.Atoi(group(pdfEnd, data[max(len(data)-64, 0):]))
	if err != nil || at <= 0 || at >= len(data) {
		return nil, errPDF
	}
	table := data[at:]
	count, err := strconv.Atoi(group(pdfTable, table))
	if err != nil {
		return nil, errPDF
	}
	d := &pdfFile{data: data, objects: map[string][]byte{}, root: group(pdfRoot, table)}
	entries := table[len(pdfTable.Find(table)):]
	for n := 1; n < count; n++ {
		if len(entries) < (n+1)*20 {
			return nil, errPDF
		}
		offset, err := strconv.Atoi(string(entries[n*20 : n*20+10]))
		if err != nil || offset >= at {
			return nil, errPDF
		}
		name := strconv.Itoa(n)
		body, ok := bytes.CutPrefix(data[offset:at], []byte(name+" 0 obj"))
		if !ok {
			return nil, fmt.Errorf("%w: object %d is not in its place", errPDF, n)
		}
		d.objects[name] = body
	}
	return d, nil
}

// stream is the content of an object that has one; it errs unless the checksum
// that it carries is right.
func (d *pdfFile) stream(object string) ([]byte, error) {
	dict, rest, ok := bytes.Cut(d.objects[object], []byte("stream\n"))
	n, err := strconv.Atoi(group(pdfLength, dict))
	if !ok || err != nil || n > len(rest) {
		return nil, fmt.Errorf("%w: object %s has no stream", errPDF, object)
	}
	if !bytes.Contains(dict, []byte("/FlateDecode")) {
		return rest[:n], nil
	}
	z, err := zlib.NewReader(bytes.NewReader(rest[:n]))
	if err != nil {
		return nil, fmt.Errorf("%w: object %s: %w", errPDF, object, err)
	}
	content, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%w: object %s: %w", errPDF, object, err)
	}
	return content, nil
}

// pages are the contents of the pages in their order. Every other stream is
// read too.
func (d *pdfFile) pages() ([][]byte, error) {
	root := d.dict(group(pdfPages, d.dict(d.root)))
	kids := strings.Fields(strings.ReplaceAll(group(pdfKids, root), " 0 R", ""))
	if count := group(pdfCount, root); count != strconv.Itoa(len(kids)) || len(kids) == 0 {
		return nil, fmt.Errorf("%w: %d pages, not %q", errPDF, len(kids), count)
	}
	var pages [][]byte
	for _, kid := range kids {
		content, err := d.stream(group(pdfContent, d.dict(kid)))
		if err != nil {
			return nil, err
		}
		pages = append(pages, content)
	}
	for name := range d.objects {
		if dict := d.dict(name); bytes.Contains(dict[:min(len(dict), 200)], []byte("/FlateDecode")) {
			if _, err := d.stream(name); err != nil {
				return nil, err
			}
		}
	}
	return pages, nil
}

// dict is an object without what follows it.
func (d *pdfFile) dict(object string) []byte {
	dict, _, _ := bytes.Cut(d.objects[object], []byte("endobj"))
	return dict
}

// rowsDrawn adds to the sections the strings of each marked row of a page's
// content, joined and without spaces.
func rowsDrawn(content []byte, sections [][]string) ([][]string, error) {
	var row *strings.Builder
	for len(content) > 0 {
		i := bytes.IndexAny(content, "(\n")
		if i < 0 {
			i = len(content) - 1
		}
		if content[i] == '(' {
			text, rest, err := drawnString(content[i+1:])
			if err != nil {
				return nil, err
			}
			if row != nil {
				row.WriteString(text)
			}
			content = rest
			continue
		}
		switch string(content[:i]) {
		case sectionBegins:
			sections = append(sections, nil)
		case rowBegins:
			row = &strings.Builder{}
		case rowEnds:
			if row == nil {
				return nil, errPDF
			}
			last := &sections[len(sections)-1]
			*last, row = append(*last, withoutSpaces(row.String())), nil
		}
		content = content[i+1:]
	}
	return sections, nil
}

// drawnString reads a string up to its closing bracket: two bytes a character.
func drawnString(s []byte) (text string, rest []byte, err error) {
	var raw []byte
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ')':
			units := make([]uint16, len(raw)/2)
			for n := range units {
				units[n] = uint16(raw[2*n])<<8 | uint16(raw[2*n+1])
			}
			return string(utf16.Decode(units)), s[i+1:], nil
		case '\\':
			if i++; i == len(s) {
				return "", nil, errPDF
			}
			c := s[i]
			if c == 'r' {
				c = '\r'
			}
			raw = append(raw, c)
		default:
			raw = append(raw, s[i])
		}
	}
	return "", nil, errPDF
}
