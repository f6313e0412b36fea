package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/journal"
	"exporter/internal/store"
)

func (a *app) verifyCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Compute again what the store says of itself",
		Long: `Computes the digest of every snapshot again, also of those whose file is gone;
the SHA-256 of every raw page; every row from the page that it came from; and
the chain of the journal with the digests and the witness logs that it names.
Names all that differs. What retention or a purge removed is said, and is no difference.`,
		Example: `  exporter snapshots verify
  exporter snapshots verify --format json`,
		RunE: func(c *cobra.Command, _ []string) error { return a.verify(c.Context(), format) },
	}
	addFormat(c, &format, "table", "json")
	return c
}

// verified is the result of verify as JSON.
type verified struct {
	*store.Verification
	JournalEntries int64  `json:"journal_entries"` // of a whole chain
	JournalHead    string `json:"journal_head"`
}

func (a *app) verify(ctx context.Context, format string) error {
	if format != "table" && format != "json" {
		return unknownFormat(format, "table", "json")
	}
	cfg, err := a.loadConfig(false)
	if err != nil {
		return err
	}
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	started := a.now()
	var o store.VerifyOptions
	if _, live := terminalWidth(a.stderr); live {
		o.Progress = func(done, total int) {
			fmt.Fprintf(a.stderr, "\r\x1b[Kraw files  %s / %s  %s", count(int64(done)), count(int64(total)), progressBar(int64(done), int64(total)))
		}
		defer fmt.Fprint(a.stderr, "\r\x1b[K")
	}
	v, head, err := verifyAtRest(ctx, st, cfg.journalPath(), o)
	if err != nil {
		return err
	}
	if o.Progress != nil {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
	if format == "json" {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		err = e.Encode(verified{v, head.Seq, head.SHA256})
	} else {
		err = a.sayVerified(v, head, a.now().Sub(started))
	}
	if err != nil {
		return err
	}
	if n := len(v.Differences); n > 0 {
		return &exitError{exitMismatch, fmt.Errorf("verify: %s", plural(int64(n), "difference"))}
	}
	return nil
}

// verifyAtRest compares a store with its journal. Where a collection, a prune or a
// purge came in between, of which the journal tells, what differs may be of that
// alone: then the store is verified again. Of a journal whose chain does not hold the
// head is empty, and what is the matter with it the first difference.
func verifyAtRest(ctx context.Context, st *store.Store, path string, o store.VerifyOptions) (*store.Verification, journal.Head, error) {
	for {
		facts, head, broken := journalFacts(path)
		if b := (*journal.Broken)(nil); broken != nil && !errors.As(broken, &b) {
			return nil, head, broken
		}
		o.Journal = facts
		v, err := st.Verify(ctx, o)
		if ctx.Err() != nil {
			return nil, head, ctx.Err()
		}
		if broken != nil && v != nil {
			cause := store.Finding{Name: "journal.ndjson", Problem: strings.TrimPrefix(broken.Error(), path+": ")}
			v.Differences, head = slices.Insert(v.Differences, 0, cause), journal.Head{}
		} else if v != nil {
			logs, e := witnessDiffers(st.Dir(), path)
			v.Differences, err = append(v.Differences, logs...), errors.Join(err, e)
		}
		now, e := journal.Open(path, nil).Head()
		if moved := e == nil && broken == nil && now != head; !moved || err == nil && len(v.Differences) == 0 {
			return v, head, err
		}
	}
}

func plural(n int64, word string) string {
	if n != 1 {
		word += "s"
	}
	return count(n) + " " + word
}

func progressBar(done, total int64) string {
	full := 0
	if total > 0 {
		full = int(min(done, total) * barWidth / total)
	}
	return strings.Repeat("█", full) + strings.Repeat("░", barWidth-full)
}

// sayVerified prints the result for people: what was looked at, what is gone and
// why, what differs.
func (a *app) sayVerified(v *store.Verification, head journal.Head, took time.Duration) error {
	good, bad := paint(a.stdout, text.FgHiGreen, "verified"), paint(a.stdout, text.FgHiRed, "differs")
	word := good
	if len(v.Differences) > 0 {
		word = bad
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s in %s, newest %s, in %s\n", word, plural(int64(v.Snapshots), "snapshot"), plural(int64(v.Files), "file"), v.Newest, duration(took))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("digests", "%s computed again from the rows", count(int64(v.Digests)))
	line("raw pages", "%s in %s, %s, each with its SHA-256", count(v.Pages), plural(int64(v.RawFiles), "file"), size(v.Bytes))
	line("rows", "%s read again from their page", count(v.Rows))
	if v.Unproven > 0 {
		line("", "%s whose page is gone: only their digest speaks for them", count(v.Unproven))
	}
	if v.Purged > 0 {
		line("", "%s purged by policy: their hashes stand for them", count(v.Purged))
	}
	switch {
	case head.SHA256 == "":
		line("journal", "is not whole: named below")
	case head.Seq > 0:
		line("journal", "%s, the last is %s", strings.Replace(plural(head.Seq, "entry"), "entrys", "entries", 1), head.SHA256[:12])
	default:
		line("journal", "none")
	}
	sayFindings(&b, "Gone on purpose", v.Gone, 8)
	sayFindings(&b, "Different", v.Differences, 1000)
	_, err := fmt.Fprint(a.stdout, b.String())
	return err
}

func sayFindings(b *strings.Builder, title string, list []store.Finding, most int) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for i, f := range list {
		if i == most {
			fmt.Fprintf(b, "  and %s more; --format json has all\n", count(int64(len(list)-most)))
			break
		}
		fmt.Fprintf(b, "  %s: %s\n", f.Name, f.Problem)
	}
}

// journalFacts is what the journal says of the store; nil where it is broken.
// The error is then a [*journal.Broken].
func journalFacts(path string) (*store.JournalFacts, journal.Head, error) {
	f := newFacts()
	head, err := journal.Read(path, func(e journal.Entry) error {
		addFact(f, e)
		return nil
	})
	if err != nil {
		return nil, head, err
	}
	return f, head, nil
}

func newFacts() *store.JournalFacts {
	return &store.JournalFacts{Lines: map[string]bool{}, Digests: map[[2]string]string{}, Removed: map[string]string{}}
}

// addFact adds what one entry says of the store.
func addFact(f *store.JournalFacts, e journal.Entry) {
	f.Lines[e.SHA256] = true
	var detail struct {
		Snapshot, Project, Digest string
		Files                     []store.File
	}
	if json.Unmarshal(e.Detail, &detail) != nil {
		return // of another kind
	}
	switch e.Kind {
	case "snapshot":
		at := [2]string{detail.Snapshot, detail.Project}
		if _, ok := f.Digests[at]; !ok { // who adds another line later cannot take it back
			f.Digests[at] = detail.Digest
		}
	case "prune", "purge":
		why := "removed by retention"
		if e.Kind == "purge" {
			why = "purged by policy"
		}
		for _, x := range detail.Files {
			f.Removed[filepath.Clean(x.Path)] = fmt.Sprintf("%s (journal entry %d)", why, e.Seq)
		}
	}
}
