package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"exporter/internal/collect"
	"exporter/internal/journal"
	"exporter/internal/store"
)

// witnessDir has a log for each snapshot whose collection somebody watched. It has
// no personal data and is kept as long as the journal.
const witnessDir = "witness"

// unfiled ends the name of a log that may be of a run that was killed.
const unfiled = ".part"

// witnessLog prints each call of a collection as it comes, and files the same lines.
type witnessLog struct {
	out io.Writer
	cfg *config

	mu       sync.Mutex
	file     *os.File // nil before the first call
	hash     hash.Hash
	snapshot string
	project  string
	calls    int64
	err      error
}

const witnessLine = "%-24s  %-35s %5s %6s %10s %8s  %s\n"

// see takes one call in. What goes wrong is said by filed, for the collection goes on.
func (w *witnessLog) see(c collect.Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file == nil && w.err == nil {
		w.err = w.open(c.Snapshot)
	}
	if w.project != c.Project {
		w.project = c.Project
		w.print("# project %s\n", c.Project)
	}
	w.calls++
	at, total, page := "–", "–", "–"
	if c.T > 0 {
		at = time.UnixMilli(c.T).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if c.Total != nil {
		total = fmt.Sprint(*c.Total)
	}
	if c.Page > 0 {
		page = fmt.Sprint(c.Page)
	}
	told := cmp.Or(c.TID, "–")
	if c.Attempt > 1 {
		told += fmt.Sprintf("  try %d", c.Attempt)
	}
	if c.Kept {
		told += "  of an interrupted run"
	}
	w.print(witnessLine, at, c.Operation, page, fmt.Sprint(c.Rows), total, witnessCode(c), told)
}

// witnessCode is the cloud's code, or why there is none.
func witnessCode(c collect.Call) string {
	switch {
	case c.HTTPStatus == 0:
		return "none"
	case c.Code == 0 && c.HTTPStatus != 200:
		return fmt.Sprintf("HTTP %d", c.HTTPStatus)
	case c.Code == 0 && c.Page == 0:
		return "unusable"
	}
	return fmt.Sprint(c.Code)
}

func (w *witnessLog) print(format string, args ...any) {
	line := fmt.Appendf(nil, format, args...)
	to := []io.Writer{w.out}
	if w.file != nil {
		to = append(to, w.file, w.hash)
	}
	for _, x := range to {
		if _, err := x.Write(line); err != nil && w.err == nil {
			w.err = err
		}
	}
}

// open begins the log of a snapshot, after what a killed run left is settled.
func (w *witnessLog) open(snapshot string) error {
	dir := filepath.Join(w.cfg.Store.Dir, witnessDir)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := settleWitness(dir, w.cfg.journalPath()); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, snapshot+".txt"+unfiled), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w.snapshot, w.file, w.hash = snapshot, f, sha256.New()
	w.print("# calls of snapshot %s, by exporter %s\n", snapshot, version)
	w.print(witnessLine, "# the cloud's clock", "operation", "page", "rows", "total", "code", "tid")
	return nil
}

// filed ends the log and tells what it is; nothing where no call was made.
func (w *witnessLog) filed(told io.Writer, now func() time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.file != nil {
		w.print("# end: %d calls\n", w.calls)
		w.err = errors.Join(w.err, w.file.Sync(), w.file.Close())
	}
	if w.err == nil && w.file != nil {
		w.err = w.enter(told, now)
	}
	if w.err != nil {
		return explainDisk(fmt.Errorf("witness: %w", w.err))
	}
	return nil
}

// enter enters the log in the journal and then gives it its name: a log of a name is
// one that the journal knows.
func (w *witnessLog) enter(told io.Writer, now func() time.Time) error {
	part := w.file.Name()
	path := strings.TrimSuffix(part, unfiled)
	name, sum := witnessDir+"/"+filepath.Base(path), hex.EncodeToString(w.hash.Sum(nil))
	head, err := w.cfg.journal(now).Append("witness", witnessEntry{
		Snapshot: w.snapshot, Calls: w.calls, SHA256: sum, File: name})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(told, "witness log %s: %s, SHA-256 %s, journal line %d\n", path, plural(w.calls, "call"), sum, head.Seq)
	return errors.Join(err, nameWitness(part))
}

func nameWitness(part string) error {
	if err := os.Rename(part, strings.TrimSuffix(part, unfiled)); err != nil {
		return err
	}
	return syncDir(filepath.Dir(part))
}

// witnessEntry is the detail of kind "witness": a log of a collection's calls, also
// of one that published nothing. A run that takes it up files a log of all its calls
// under the same name; the newest entry counts.
type witnessEntry struct {
	Snapshot string `json:"snapshot"`
	Calls    int64  `json:"calls"`
	SHA256   string `json:"sha256"`
	File     string `json:"file"`

	line int64
}

// witnessed are the newest entries of the logs, by their file below the store. The
// error may be a [*journal.Broken], which hides what comes after.
func witnessed(journalPath string) (map[string]witnessEntry, error) {
	known := map[string]witnessEntry{}
	_, err := journal.Read(journalPath, func(e journal.Entry) error {
		if x, ok := detailOf[witnessEntry](e); ok && e.Kind == "witness" {
			x.line = e.Seq
			known[x.File] = x
		}
		return nil
	})
	return known, err
}

// settleWitness names the logs that a killed run had entered in the journal, and
// removes the others that it had begun.
func settleWitness(dir, journalPath string) error {
	parts, err := fs.Glob(os.DirFS(dir), "*"+unfiled)
	if err != nil || len(parts) == 0 {
		return err
	}
	known, err := witnessed(journalPath)
	if broken := (*journal.Broken)(nil); err != nil && !errors.As(err, &broken) {
		return err
	}
	for _, name := range parts {
		part := filepath.Join(dir, name)
		sum, err := fileSHA256(part)
		if err != nil {
			return err
		}
		if known[witnessDir+"/"+strings.TrimSuffix(name, unfiled)].SHA256 == sum {
			err = nameWitness(part)
		} else {
			err = os.Remove(part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// witnessDiffers names the logs that are not as the journal has them.
func witnessDiffers(storeDir, journalPath string) ([]store.Finding, error) {
	known, err := witnessed(journalPath)
	if err != nil {
		return nil, err
	}
	var found []store.Finding
	for _, name := range slices.Sorted(maps.Keys(known)) {
		x := known[name]
		sum, err := fileSHA256(filepath.Join(storeDir, name))
		if err != nil || sum != x.SHA256 {
			// Between its entry and its name a run was killed.
			if part, e := fileSHA256(filepath.Join(storeDir, name+unfiled)); e == nil && part == x.SHA256 {
				continue
			}
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			found = append(found, store.Finding{Name: name, Problem: fmt.Sprintf("is gone, and line %d of the journal names it", x.line)})
		case err != nil:
			return nil, err
		case sum != x.SHA256:
			found = append(found, store.Finding{Name: name, Problem: fmt.Sprintf("is another than line %d of the journal names", x.line)})
		}
	}
	there, err := fs.Glob(os.DirFS(storeDir), witnessDir+"/*.txt")
	for _, name := range there {
		if known[name].line == 0 {
			found = append(found, store.Finding{Name: name, Problem: "is in no line of the journal"})
		}
	}
	return found, err
}
