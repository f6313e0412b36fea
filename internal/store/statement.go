package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/duckdb/duckdb-go/v2"
)

var (
	// reading are the words that a statement which reads begins with.
	reading = strings.Fields("SELECT FROM WITH VALUES TABLE PIVOT UNPIVOT DESCRIBE DESC SUMMARIZE SHOW")

	// changing are the words that change rows behind the queries that WITH names.
	changing = strings.Fields("INSERT UPDATE DELETE MERGE")
)

const hintReads = "a snapshot is never changed; to keep an answer: exporter sql --format csv QUERY > FILE"

// Query runs one statement that reads: SELECT in any of its forms (FROM, WITH,
// VALUES, PIVOT with its values named), DESCRIBE, SUMMARIZE, SHOW, or EXPLAIN
// of one. Every other statement, and more than one, is [ErrRefused] before
// anything runs. Of named it passes the parameters that the statement names;
// one that is missing is an error that names it. Cancelling ctx stops the
// query. The caller closes the rows; DuckDB holds all of them in memory.
func (r *Reader) Query(ctx context.Context, query string, named map[string]any) (*sql.Rows, error) {
	s, err := r.check(ctx, query)
	if err != nil {
		return nil, err
	}
	args, err := s.arguments(named)
	if err != nil {
		return nil, err
	}
	return r.db.QueryContext(ctx, query, args...)
}

// statement is what is known of one before it runs.
type statement struct {
	kind       duckdb.StmtType
	parameters []string
}

// arguments are the values of the statement's parameters.
func (s statement) arguments(named map[string]any) ([]any, error) {
	args := make([]any, len(s.parameters))
	for i, name := range s.parameters {
		value, ok := named[name]
		if !ok {
			return nil, fmt.Errorf("query names the parameter $%s, which has no value", name)
		}
		args[i] = sql.Named(name, value)
	}
	return args, nil
}

// Describe returns the names of the parameters and of the columns of a statement
// that [Reader.Query] takes, without running it. named has values for those of
// its parameters that are known; the others are taken as NULL.
func (r *Reader) Describe(ctx context.Context, query string, named map[string]any) (parameters, columns []string, err error) {
	s, err := r.check(ctx, query)
	if err != nil {
		return nil, nil, err
	}
	args := make([]any, len(s.parameters))
	for i, name := range s.parameters {
		args[i] = sql.Named(name, named[name])
	}
	// A prepared statement with parameters does not tell its columns.
	rows, err := r.db.QueryContext(ctx, "DESCRIBE "+query, args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var rest [5]any // type, whether it may be NULL, key, default and more
		if err := rows.Scan(&name, &rest[0], &rest[1], &rest[2], &rest[3], &rest[4]); err != nil {
			return nil, nil, err
		}
		columns = append(columns, name)
	}
	return s.parameters, columns, rows.Err()
}

// check prepares a statement without running it.
func (r *Reader) check(ctx context.Context, query string) (s statement, err error) {
	conn, err := r.db.Conn(ctx)
	if err != nil {
		return s, err
	}
	defer conn.Close()
	err = conn.Raw(func(c any) (err error) {
		dc, ok := c.(*duckdb.Conn)
		if !ok {
			return fmt.Errorf("connection is a %T", c)
		}
		// What a statement is shows before it is made fast, which takes longer.
		if _, err := dc.ExecContext(ctx, "PRAGMA disable_optimizer", nil); err != nil {
			return err
		}
		defer func() {
			if _, e := dc.ExecContext(context.WithoutCancel(ctx), "PRAGMA enable_optimizer", nil); e != nil {
				err = errors.Join(err, e)
			}
		}()
		asked := explained(query)
		if s, err = prepare(dc, query); err != nil {
			if !errors.Is(err, ErrRefused) && (!reads(asked) || changes(query)) {
				err = refuse(err) // it fails before its kind is known
			}
			return err
		}
		kind := s.kind
		if kind == duckdb.STATEMENT_TYPE_EXPLAIN {
			// EXPLAIN ANALYZE runs what it explains.
			if inner, err := prepare(dc, asked); err == nil {
				kind = inner.kind
			}
		}
		// Some of PRAGMA are SELECT to DuckDB.
		if kind != duckdb.STATEMENT_TYPE_SELECT || !reads(asked) {
			return refuse(nil)
		}
		return nil
	})
	return s, err
}

// reads tells whether a statement begins as one that reads.
func reads(query string) bool {
	word, _ := firstWord(query)
	return slices.Contains(reading, word)
}

// changes tells whether a statement changes rows and names queries before, as WITH does.
func changes(query string) bool {
	word, rest := firstWord(query)
	before := ""
	for token := range Tokens(rest) {
		if IsBlank(token) {
			continue
		}
		if before == ")" && slices.Contains(changing, strings.ToUpper(token)) {
			return word == "WITH"
		}
		before = token
	}
	return false
}

// explained is the statement behind EXPLAIN, ANALYZE and the options in brackets;
// query, where it is none that explains.
func explained(query string) string {
	word, rest := firstWord(query)
	if word != "EXPLAIN" {
		return query
	}
	if word, after := firstWord(rest); word == "ANALYZE" {
		rest = after
	}
	if !reads(rest) {
		_, rest, _ = strings.Cut(rest, ")")
	}
	return rest
}

// refuse is [ErrRefused] for a statement that does not read, of which DuckDB says
// failed. Only where it is no SQL, that tells more.
func refuse(failed error) error {
	if e, ok := errors.AsType[*duckdb.Error](failed); ok && e.Type == duckdb.ErrorTypeParser {
		return &refusedError{why: failed}
	}
	return &refusedError{errors.New("only a statement that reads is run: SELECT, FROM, WITH, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW, EXPLAIN"), hintReads}
}

// prepare returns what is known of a single statement.
func prepare(c *duckdb.Conn, query string) (s statement, err error) {
	prepared, err := c.Prepare(query)
	if err != nil {
		if _, ok := errors.AsType[*duckdb.Error](err); ok {
			return s, err
		}
		// The driver's own two refusals: of several statements, which it joins to
		// another, and of none.
		if _, several := err.(interface{ Unwrap() []error }); several {
			hint := "give them one by one; the prompt takes several: exporter sql"
			if strings.Contains(strings.ToUpper(query), "PIVOT") {
				hint = "name the values of PIVOT here, ON column IN ('a', 'b'): without them it is several"
			}
			return s, &refusedError{errors.New("more than one statement"), hint}
		}
		return s, &refusedError{errors.New("there is no statement"), "for example: FROM permissions LIMIT 5"}
	}
	defer prepared.Close()
	stmt, ok := prepared.(*duckdb.Stmt)
	if !ok {
		return s, fmt.Errorf("statement is a %T", prepared)
	}
	if s.kind, err = stmt.StatementType(); err != nil {
		return s, err
	}
	s.parameters = make([]string, stmt.NumInput())
	for i := range s.parameters {
		if s.parameters[i], err = stmt.ParamName(i + 1); err != nil {
			return s, err
		}
	}
	return s, nil
}
