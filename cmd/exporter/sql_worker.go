package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// workerCommand is the process that asks. It takes one request from its standard
// input, takes its own rights away, runs the query, and writes the outcome to file
// descriptor 3 and the answer to 4: DuckDB can be asked to write a log to standard
// output. It ends when its standard input does.
func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "sql-worker",
		Short:  "Runs one query for exporter sql",
		Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			var r request
			if err := a.readTask(&r); err != nil {
				return usage(errors.New("sql-worker is started by exporter sql"), "see: exporter sql --help")
			}
			told, answer := os.NewFile(3, "outcome"), os.NewFile(4, "answer")
			spent, full := make(chan os.Signal, 1), make(chan os.Signal, 1)
			signal.Notify(spent, unix.SIGXCPU)
			signal.Notify(full, unix.SIGXFSZ)
			go func() {
				<-spent
				_ = json.NewEncoder(told).Encode(outcome{Limit: "time", Hint: "give it more with --timeout, or ask for less",
					Failed: "the query took more of the processor than its time allows"})
				os.Exit(0)
			}()
			out := work(c.Context(), r, answer)
			if out.Failed != "" {
				select {
				case <-full:
					out = outcome{Limit: "space", Failed: "the query needs more temporary space than it may have", Hint: hintLess}
				case <-time.After(10 * time.Millisecond): // the signal may come after the error
				}
			}
			return errors.Join(json.NewEncoder(told).Encode(out), told.Close(), answer.Close())
		},
	}
}

// readTask reads the one line on the standard input of a process that does what
// another tells it, and lets it end when that does.
func (a *app) readTask(to any) error {
	in := bufio.NewReader(a.stdin)
	line, err := in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, to)
	}
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in)
		os.Exit(exitInterrupted)
	}()
	return nil
}

// work answers a request.
func work(ctx context.Context, r request, w io.Writer) outcome {
	var fonts reports.Fonts
	var err error
	if r.Question.Format == "xlsx" {
		if fonts, err = reports.FindFonts(nil); err != nil {
			return failed(r, nil, err)
		}
	}
	zone, err := time.LoadLocation(r.Place.Timezone)
	if err != nil {
		return failed(r, nil, err)
	}
	if err := confine(queryRights(r)); err != nil {
		return failed(r, nil, fmt.Errorf("take the query's rights away: %w", err))
	}
	r.Place.File = filepath.Join(here(), snapshotLink)
	reader, err := r.Place.OpenSmall(ctx, here())
	if err != nil {
		return failed(r, nil, err)
	}
	named := map[string]any{"as_of": reader.AsOf(), "timezone": r.Place.Timezone, "snapshot": r.Place.Snapshot,
		"since": nil, "since_snapshot": nil}
	if r.Since != nil {
		named["since"], named["since_snapshot"] = *r.Since, r.Place.Previous
	}
	for name, value := range r.Question.Set {
		named[name] = value
	}
	got, err := reader.Answer(ctx, r.Question.SQL, named, r.Question.Limit)
	if err != nil {
		return failed(r, reader, err)
	}
	out := &rows{columns: got.Columns, w: w, zone: zone, width: r.Question.Width}
	sum, err := writeAnswer(ctx, r, out, got, func() error { return writeBinary(ctx, r, reader, got, fonts, w) })
	if err != nil {
		return failed(r, reader, err)
	}
	// The process ends here: to close what it has open would only take time.
	return outcome{Rows: got.Rows, Cut: got.Cut, SHA256: sum}
}

// writeAnswer writes an answer in the format that is asked for, by binary where that is no
// text, and returns the SHA-256 of its rows as csv.
func writeAnswer(ctx context.Context, r request, out *rows, got *store.Answer, binary func() error) (sum string, err error) {
	hash := sha256.New()
	c := store.NewCSV(hash, got.Columns) // of another format
	hashed := func(row func([]any) error) error {
		return got.Each(ctx, func(values []any) error {
			if err := c.Row(values); err != nil {
				return err
			}
			return row(values)
		})
	}
	switch print := printers[r.Question.Format]; {
	case r.Question.Format == "csv":
		out.w, out.each = io.MultiWriter(out.w, hash), func(row func([]any) error) error { return got.Each(ctx, row) }
		err = out.csv()
	case print != nil:
		out.each = hashed
		err = print(out)
	default:
		if err = hashed(func([]any) error { return nil }); err == nil {
			err = binary()
		}
	}
	if r.Question.Format != "csv" {
		err = errors.Join(err, c.End())
	}
	return hex.EncodeToString(hash.Sum(nil)), err
}

// failed is the outcome of an error, with a hint of what was meant.
func failed(r request, reader *store.Reader, err error) outcome {
	o := outcome{Failed: strings.TrimPrefix(err.Error(), store.ErrRefused.Error()+": "), Refused: errors.Is(err, store.ErrRefused)}
	if o.Refused {
		o.Failed = "refused: " + o.Failed
	}
	all := hints(err)
	if meant := hintQuery(err.Error(), reader); meant != "" {
		all = append(all, meant)
	}
	if store.OutOfMemory(err) {
		o.Limit = "memory"
		o.Failed, _, _ = strings.Cut(o.Failed, "\n") // then comes advice that cannot be followed here
		all = append(all, hintLess)
	}
	if len(all) > 0 {
		o.Hint = all[0]
	}
	o.Failed = o.Failed[:min(len(o.Failed), 8<<10)]
	return o
}

// writeBinary writes an answer that is a file and no text.
func writeBinary(ctx context.Context, r request, reader *store.Reader, got *store.Answer, fonts reports.Fonts, w io.Writer) error {
	if r.Question.Format == "xlsx" {
		return writeWorkbook(ctx, r, reader, got, fonts, w)
	}
	path, err := got.WriteParquet(ctx)
	if err != nil {
		return err
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return errors.Join(err, f.Close())
}

// writeWorkbook writes an answer as a report writes its rows, with the method: the
// query's text, the snapshot and what is known of it.
func writeWorkbook(ctx context.Context, r request, reader *store.Reader, got *store.Answer, fonts reports.Fonts, w io.Writer) error {
	const query = "query.sql"
	if err := os.WriteFile(query, []byte(r.Question.SQL), 0o600); err != nil {
		return err
	}
	d := reports.Definition{Name: "query", Title: "Answer to a query", Question: "What does this query give?", Answer: rowsSaid(got),
		Sections: []reports.Section{{Name: "Rows", Title: "Rows", Query: query, Empty: "The query gives no rows."}}}
	if got.Cut {
		d.NotCovered = []string{"the rows behind the first " + count(got.Rows) + ", which the query gives too"}
	}
	d.Parameters = map[string]reports.Parameter{}
	for name, value := range r.Question.Set {
		d.Parameters[name] = reports.Parameter{Type: "text", Default: value}
	}
	report, err := reports.Run(ctx, reader, d, reports.Options{QueryDir: ".", ProgramVersion: version,
		Timezone: r.Place.Timezone, Answer: got})
	if err != nil {
		return err
	}
	return report.WriteXLSX(w, fonts)
}

func rowsSaid(got *store.Answer) string {
	if got.Cut {
		return "The first " + plural(got.Rows, "row") + "; the query gives more."
	}
	return "The query gives " + plural(got.Rows, "row") + "."
}
