package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// queriesDir is the folder of the store with the texts of queries, which name
// people: they are kept for store.keep.query_days, the journal for ever.
const queriesDir = "queries"

// queryEntry is the journal's entry of a question that ran.
type queryEntry struct {
	By           string    `json:"by"` // the account of the operating system
	SQLSHA256    string    `json:"sql_sha256"`
	Parameters   []string  `json:"parameters,omitempty"` // names
	Snapshot     string    `json:"snapshot"`
	AsOf         time.Time `json:"as_of"`
	Mask         string    `json:"mask"`
	Project      string    `json:"project,omitempty"`
	Previous     string    `json:"previous,omitempty"`
	Format       string    `json:"format"`
	Outcome      string    `json:"outcome"` // ok, failed, interrupted, or the limit: time, memory, space
	Rows         int64     `json:"rows"`
	Cut          bool      `json:"cut,omitempty"`
	ResultSHA256 string    `json:"result_sha256,omitempty"` // of the rows as csv
	MS           int64     `json:"ms"`
	Text         string    `json:"text"` // the file with the query, in the store's directory
}

// queryText is such a file.
type queryText struct {
	SQL        string            `json:"sql"`
	Parameters map[string]string `json:"parameters,omitempty"`
}

// entry is what the journal says of a question. Its outcome is refused where nothing
// has run, and then there is no entry.
func (k *asker) entry(q question, began time.Time, got outcome, err error) queryEntry {
	sum := sha256.Sum256([]byte(q.SQL))
	e := queryEntry{By: account(), SQLSHA256: hex.EncodeToString(sum[:]), Parameters: slices.Sorted(maps.Keys(q.Set)),
		Snapshot: k.place.Snapshot, AsOf: k.place.AsOf, Mask: k.place.Mask, Project: k.place.Project, Previous: k.place.Previous,
		Format: q.Format, Outcome: "failed", Rows: got.Rows, Cut: got.Cut, MS: k.app.now().Sub(began).Milliseconds()}
	limit, limited := errors.AsType[*limitError](err)
	out, written := errors.AsType[*outError](err)
	exit, exits := errors.AsType[*exitError](err)
	switch {
	case err == nil:
		e.Outcome, e.ResultSHA256 = "ok", got.SHA256
	case limited:
		e.Outcome = limit.limit
	case written && out.gone(), errors.Is(err, context.Canceled):
		e.Outcome = "interrupted"
	case exits && exit.status == exitUsage:
		e.Outcome = "refused"
	}
	return e
}

// keepText keeps the text of a question, before it runs, and returns its path in the
// store's directory.
func (k *asker) keepText(q question, began time.Time) (string, error) {
	name := filepath.Join(queriesDir, began.UTC().Format(fineLayout)+"-"+strconv.Itoa(os.Getpid())+".json")
	text, err := json.Marshal(queryText{q.SQL, q.Set})
	if err == nil {
		err = writeSynced(filepath.Join(k.store.Dir(), name), append(text, '\n'))
	}
	if err != nil {
		_ = os.Remove(filepath.Join(k.store.Dir(), name)) // what there is of it
		return "", fmt.Errorf("sql: not asked, since its text could not be kept: %w", explainDisk(err))
	}
	return name, nil
}

// enter enters a question in the journal. Where it cannot, the text goes: what no
// entry names would be kept for ever.
func (k *asker) enter(e queryEntry) error {
	if _, err := k.journal.Append("query", e); err != nil {
		return fmt.Errorf("sql: the answer has no entry in the journal: %w", errors.Join(explainDisk(err), os.Remove(filepath.Join(k.store.Dir(), e.Text))))
	}
	return nil
}

// writeSynced makes a file that is on the disk when it returns.
func writeSynced(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Sync(), f.Close())
}

// account is the name of the operating system's account, or its number.
func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}
