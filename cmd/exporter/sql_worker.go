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
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"exporter/internal/reports"
	"exporter/internal/store"
)

// What a query may have, which the operating system keeps: DuckDB has limits of its
// own below them.
const (
	maxQueryMemory = 2 << 30 // bytes of memory of the process's own
	maxQueryFile   = 4 << 30 // bytes of one temporary file
	maxQueryFiles  = 64      // files open at a time
)

// workerCommand is the process that asks. It takes one request from its standard
// input, takes its own rights away, runs the query, and writes the answer to
// standard output and the outcome to file descriptor 3. It ends when its standard
// input does.
func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "sql-worker",
		Short:  "Runs one query for exporter sql",
		Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			in := bufio.NewReader(a.stdin)
			line, err := in.ReadBytes('\n')
			var r request
			if err == nil {
				err = json.Unmarshal(line, &r)
			}
			if err != nil {
				return usage(errors.New("sql-worker is started by exporter sql"), "see: exporter sql --help")
			}
			go func() {
				_, _ = io.Copy(io.Discard, in)
				os.Exit(exitInterrupted)
			}()
			told := os.NewFile(3, "outcome")
			out := work(c.Context(), r, a.stdout)
			return errors.Join(json.NewEncoder(told).Encode(out), told.Close())
		},
	}
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
	if err := confine(r); err != nil {
		return failed(r, nil, fmt.Errorf("take the query's rights away: %w", err))
	}
	r.Place.File = "snapshot.duckdb"
	reader, err := r.Place.Open(ctx, ".")
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
	hash := sha256.New()
	c := store.NewCSV(hash, got.Columns)
	out := &rows{columns: got.Columns, w: w, zone: zone, width: r.Question.Width}
	hashed := func(row func([]any) error) error {
		return got.Each(ctx, func(values []any) error {
			if err := c.Row(values); err != nil {
				return err
			}
			return row(values)
		})
	}
	switch print := textFormats[r.Question.Format]; {
	case print != nil:
		out.each = hashed
		err = print(out)
	default:
		if err = hashed(func([]any) error { return nil }); err == nil {
			err = writeBinary(ctx, r, reader, got, fonts, w)
		}
	}
	if err = errors.Join(err, c.End()); err != nil {
		return failed(r, reader, err)
	}
	// The process ends here: to close what it has open would only take time.
	return outcome{Rows: got.Rows, Cut: got.Cut, SHA256: hex.EncodeToString(hash.Sum(nil))}
}

// confine takes from this process all that a query does not need. On a system
// without Landlock DuckDB's own settings keep files away.
func confine(r request) error {
	seconds := uint64(math.Ceil(2*r.Timeout.Seconds())) + 10 // two threads, and what ends the process
	for _, l := range []struct {
		resource int
		most     uint64
	}{
		{unix.RLIMIT_CORE, 0}, {unix.RLIMIT_DATA, maxQueryMemory}, {unix.RLIMIT_FSIZE, maxQueryFile},
		{unix.RLIMIT_NOFILE, maxQueryFiles}, {unix.RLIMIT_CPU, seconds},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.resource, &now); err != nil {
			return err
		}
		most := min(l.most, now.Max)
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return err
		}
	}
	return landlock.V11.BestEffort().Restrict(landlock.ROFiles(r.Place.File), landlock.RWDirs("."),
		// DuckDB reads there how much memory there is, and does not start without.
		landlock.ROFiles("/proc/self/cgroup").IgnoreIfMissing(), landlock.RODirs("/sys/fs/cgroup").IgnoreIfMissing())
}

// failed is the outcome of an error, with a hint of what was meant.
func failed(r request, reader *store.Reader, err error) outcome {
	o := outcome{Failed: strings.TrimPrefix(err.Error(), store.ErrRefused.Error()+": "), Refused: errors.Is(err, store.ErrRefused), Memory: store.OutOfMemory(err)}
	if o.Refused {
		o.Failed = "refused: " + o.Failed
	}
	all := hints(err)
	if meant := hintQuery(err.Error(), reader); meant != "" {
		all = append(all, meant)
	}
	if o.Memory {
		all = append(all, "ask for fewer rows or columns, or aggregate them")
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
	rows := count(got.Rows) + " rows"
	if got.Rows == 1 {
		rows = "1 row"
	}
	if got.Cut {
		return "The first " + rows + "; the query gives more."
	}
	return "The query gives " + rows + "."
}
