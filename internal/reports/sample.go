package reports

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
)

// A Sample are rows of a csv file that are chosen by a seed alone: those whose
// SHA-256 of SEED:NUMBER, in hex, sorts first. Rows are numbered from 1, the
// header is none of them.
type Sample struct {
	Rows    int      // of the file
	SHA256  string   // of the file
	Columns []string // of the file
	Header  string   // the columns as they stand in the file, without the newline
	Chosen  []SampledRow
}

// A SampledRow is a row of a sample. Values are as the csv has them, nil for NULL.
// Record is the row as it stands in the file, without its newline.
type SampledRow struct {
	Number int
	SHA256 string // of SEED:NUMBER
	Values []*string
	Record string
}

// DrawSample draws n rows, or all where there are fewer, from a csv file as a
// report has them.
func DrawSample(ctx context.Context, path string, n int, seed string) (Sample, error) {
	s := Sample{Rows: -1} // the header
	h := sha256.New()
	err := csvRecords(path, h, func(_ []byte) error {
		s.Rows++
		return ctx.Err()
	})
	if err != nil {
		return Sample{}, err
	}
	if s.Rows < 0 {
		return Sample{}, errors.New("the file is empty")
	}
	s.SHA256 = hex.EncodeToString(h.Sum(nil))
	s.Chosen = drawn(s.Rows, n, seed)
	at := map[int]int{} // places in the sample, by number
	for i, r := range s.Chosen {
		at[r.Number] = i
	}
	number := -1
	err = csvRecords(path, io.Discard, func(record []byte) error {
		number++
		i, ok := at[number]
		if !ok && number > 0 {
			return ctx.Err()
		}
		fields, err := splitRecord(record)
		switch {
		case err != nil:
			return fmt.Errorf("row %d: %w", number, err)
		case number == 0:
			s.Columns, s.Header = texts(fields), string(record)
			return nil
		case len(fields) != len(s.Columns):
			return fmt.Errorf("row %d: %s, not %d", number, plural(len(fields), "field", "fields"),
				len(s.Columns))
		}
		s.Chosen[i].Record, s.Chosen[i].Values = string(record), values(fields)
		return nil
	})
	return s, err
}

// drawn are the numbers of a sample of so many rows, in its order.
func drawn(rows, n int, seed string) []SampledRow {
	type draw struct {
		sum    [sha256.Size]byte
		number int
	}
	all := make([]draw, rows)
	for i := range all {
		all[i] = draw{sha256.Sum256([]byte(seed + ":" + strconv.Itoa(i+1))), i + 1}
	}
	slices.SortFunc(all, func(a, b draw) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	chosen := make([]SampledRow, min(n, rows))
	for i := range chosen {
		chosen[i] = SampledRow{Number: all[i].number, SHA256: hex.EncodeToString(all[i].sum[:])}
	}
	return chosen
}

// csvRecords calls each with every record of a csv file of a report, the header
// first, without its newline. All bytes of the file go into all too.
func csvRecords(path string, all io.Writer, each func(record []byte) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := bufio.NewReaderSize(f, 1<<18)
	var buffer []byte
	for {
		record, err := readRecord(r, buffer[:0])
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		buffer = record
		if _, err := all.Write(record); err != nil {
			return err
		}
		record, ok := bytes.CutSuffix(record, []byte{'\n'})
		if !ok {
			return errors.New("the file's last line is cut off")
		}
		if err := each(record); err != nil {
			return err
		}
	}
}

func texts(fields []csvField) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = string(f.text)
	}
	return list
}

// values are fields of which an empty one without quotes is NULL.
func values(fields []csvField) []*string {
	list := make([]*string, len(fields))
	for i, f := range fields {
		if f.quoted || len(f.text) > 0 {
			list[i] = new(string(f.text))
		}
	}
	return list
}
