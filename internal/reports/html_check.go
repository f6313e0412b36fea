package reports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"
)

// checkHTML reads the rows of the sections' tables as a browser would.
func (p part) checkHTML(r *bufio.Reader) error {
	z := html.NewTokenizer(r)
	sections, ended := 0, false
	for {
		switch z.Next() {
		case html.ErrorToken:
			if err := z.Err(); !errors.Is(err, io.EOF) {
				return err
			}
			switch {
			case !ended:
				return errors.New("the file is cut off")
			case sections != len(p.tables):
				return fmt.Errorf("%s, not %d", plural(sections, "section", "sections"), len(p.tables))
			}
			return nil
		case html.EndTagToken:
			name, _ := z.TagName()
			ended = string(name) == "html"
		case html.StartTagToken:
			name, _ := z.TagName()
			if string(name) != "table" || !hasAttribute(z, "data-section") {
				continue
			}
			if sections++; sections > len(p.tables) {
				return errors.New("more sections than the report has")
			}
			if err := p.tables[sections-1].checkHTML(z); err != nil {
				return err
			}
		}
	}
}

func hasAttribute(z *html.Tokenizer, name string) bool {
	for {
		key, _, more := z.TagAttr()
		if string(key) == name {
			return true
		}
		if !more {
			return false
		}
	}
}

// checkHTML compares a table's rows, up to its end.
func (t *table) checkHTML(z *html.Tokenizer) error {
	y, columns := &tally{t: t}, t.onPages()
	clean := func(s string) string {
		var b strings.Builder
		_, _ = (&cleanText{w: &b}).Write([]byte(s)) // a builder takes all
		return b.String()
	}
	cells, inside := 0, false
	var text []byte
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return errors.New("the file is cut off")
		}
		name, _ := z.TagName()
		tag := string(name)
		switch {
		case kind == html.TextToken && inside:
			text = append(text, z.Text()...)
		case kind == html.StartTagToken && tag == "td":
			text, inside = text[:0], true
		case kind == html.EndTagToken && tag == "td":
			inside = false
			if cells < len(columns) && y.row < t.rows {
				if want := clean(htmlText(t.text(y.row, columns[cells]))); string(text) != want {
					return y.differs(columns[cells], string(text), want)
				}
			}
			cells++
		case kind == html.EndTagToken && tag == "tr" && cells > 0:
			if err := y.one(cells, len(columns)); err != nil {
				return err
			}
			cells = 0
			y.row++
		case kind == html.EndTagToken && tag == "table":
			return y.end()
		}
	}
}
