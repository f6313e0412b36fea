package main

import (
	"context"
	"database/sql"
	"io"
	"strings"
	"time"

	"exporter/internal/store"
)

type question struct {
	SQL    string
	Set    map[string]string
	Format string
	Limit  int
	Width  int
	Color  bool
}
type answer struct {
	Rows   int64
	Cut    bool
	SHA256 string
	Took   time.Duration
}
type asker struct {
	a                        *app
	r                        *store.Reader
	snapshot, mask, previous string
	asOf                     time.Time
}

func (a *app) newAsker(ctx context.Context, cfg *config, read readFlags, timeout time.Duration) (*asker, error) {
	r, err := read.open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &asker{a: a, r: r, snapshot: r.Snapshot(), asOf: r.AsOf(), mask: read.mask}, nil
}

func (k *asker) ask(ctx context.Context, q question, out io.Writer) (answer, error) {
	print := formats[q.Format]
	named := map[string]any{"as_of": k.asOf}
	for n, v := range q.Set {
		named[n] = v
	}
	start := time.Now()
	rows, err := k.r.Query(ctx, q.SQL, named)
	if err == nil {
		defer rows.Close()
		err = print(k.a, rows)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return answer{Rows: 1, Took: time.Since(start)}, err
}

var _ *sql.Rows

func statementEnd(text string) (int, bool) {
	i := strings.Index(text, ";")
	if i < 0 {
		return len(text), false
	}
	return i + 1, true
}
