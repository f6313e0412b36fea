package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"exporter/internal/store"
)

// head tells how the sample was drawn, and how to draw it again, as [hung] has lines.
func (s *auditSample) head(width int) string {
	var b strings.Builder
	drawn := fmt.Sprintf("%s of %s", plural(int64(len(s.Sample)), "row"), count(int64(s.Rows)))
	switch {
	case s.Rows == 0:
		drawn = "no row: the section has none"
	case s.N > s.Rows:
		drawn = fmt.Sprintf("all %s: there are fewer than %s", plural(int64(s.Rows), "row"),
			count(int64(s.N)))
	}
	for _, x := range [][2]string{
		{"sample", drawn + ", seed " + s.Seed},
		{"report", s.Report + ", section " + s.Section + ", mask " + s.Mask},
		{"snapshot", s.Snapshot + ", as of " + s.AsOf},
		{"csv", s.CSV + ", SHA-256 " + s.SHA256},
		{"method", s.Method},
	} {
		b.WriteString(hung(fmt.Sprintf("%-9s ", x[0]), printable(x[1]), width))
	}
	if s.Command != "" {
		fmt.Fprintf(&b, "draw it yourself:\n  %s\n", s.Command)
	}
	return b.String() + "\n"
}

// writeSample writes the rows. As csv each is as it stands in the section's file,
// behind its number and hash.
func (a *app) writeSample(w io.Writer, s *auditSample, f *sampleFlags) error {
	switch f.format {
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(s)
	case "csv":
		lines := []string{"row,sample_sha256," + s.drawn.Header}
		for _, r := range s.drawn.Chosen {
			lines = append(lines, fmt.Sprintf("%d,%s,%s", r.Number, r.SHA256, r.Record))
		}
		_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
		return err
	}
	g := newGrid(append([]string{"row"}, s.Columns...)...)
	g.right = []int{0}
	for _, r := range s.Sample {
		cells := []string{strconv.Itoa(r.Number)}
		for _, v := range r.Values {
			cells = append(cells, printable(textOf(store.Received{Value: v})))
		}
		g.add(cells...)
	}
	width := lineWidth(a.stdout)
	if f.outFile != "" {
		width = 0
	}
	if _, err := io.WriteString(w, s.head(width)); err != nil {
		return err
	}
	return g.write(w, width)
}

// replaceFile gives path a content at once: it is the old one or the new.
func replaceFile(path string, content []byte) (err error) {
	draft, err := os.CreateTemp(filepath.Dir(path), ".exporter-sample-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(draft.Name()))
		}
	}()
	_, err = draft.Write(content)
	if err == nil {
		err = draft.Sync()
	}
	if err = errors.Join(err, draft.Close()); err != nil {
		return err
	}
	return os.Rename(draft.Name(), path)
}
