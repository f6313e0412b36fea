package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// readmeName is the path below data/ of a bundle's index, whose lines are so wide.
const (
	readmeName  = "README.txt"
	readmeWidth = 96
)

// readme is the index of a bundle: what is in which file, for which control.
func (b *bundle) readme(w io.Writer) error {
	var t bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&t, format+"\n", args...) }
	wrapped := func(indent, format string, args ...any) {
		for s := range strings.Lines(text.WrapSoft(fmt.Sprintf(format, args...), readmeWidth-len(indent))) {
			line("%s%s", indent, strings.TrimSpace(s))
		}
	}
	p, f := b.plan, b.from
	title := fmt.Sprintf("Evidence: access permissions, %s to %s", p.from(), p.to())
	line("%s\n%s\n", title, strings.Repeat("=", len(title)))
	wrapped("", "To verify this bundle with stock tools, without the program that made it: VERIFY.txt, one folder up. "+
		"Begin there; then come back to this list. It needs ssh-keygen, sha256sum or shasum, and openssl where there is a time stamp; "+
		"on Windows PowerShell and its OpenSSH client. To read the cloud's answers (data/raw), which is not needed to verify the rest, "+
		"it takes zstd too: the package zstd of apt, dnf, apk and Homebrew.")
	line("")
	fact := func(name, format string, args ...any) { line("%-14s %s", name, fmt.Sprintf(format, args...)) }
	fact("Verdict", "%s", p.words())
	if b.cfg.Evidence.Organization != "" {
		fact("Organization", "%s", b.cfg.Evidence.Organization)
	}
	fact("Snapshot", "%s, by the cloud's clock %s", p.snapshot, f.AsOf.In(p.zone).Format("2006-01-02 15:04:05 MST"))
	if p.since != "" {
		fact("Compared with", "%s", p.since)
	}
	fact("Project", "%s", cmp.Or(p.project, "all that the store has"))
	fact("Time zone", "%s", f.Timezone)
	fact("Mask", "%s", maskWords[f.Mask])
	fact("Raw pages", "%s", rawWords(b.raw))
	fact("Journal", "line %d, %s", b.log.head.Seq, b.log.head.SHA256)
	fact("Made by", "exporter %s", f.ProgramVersion)
	if b.laterFile != "" {
		line("")
		wrapped("", "The file of snapshot %s was let go by retention; data/snapshot has that of %s, whose history holds the same rows "+
			"as of %s, and what came later too.", p.snapshot, b.laterFile, p.snapshot)
	}
	if len(p.missing) > 0 {
		line("\nDays of the period without a whole snapshot")
		for _, m := range p.missing {
			line("  %s  %s", m.day, m.why)
		}
	}
	b.readmeReports(line, wrapped)
	b.readmeTables(line, wrapped)
	b.readmeRest(line, wrapped)
	_, err := w.Write(t.Bytes())
	return err
}

var maskWords = map[string]string{
	"full":      "full: nothing is hidden",
	"standard":  "standard: names are shortened, numbers of phones hidden",
	"pseudonym": "pseudonym: persons are pseudonyms, small groups have no names",
}

// readmeReports lists the reports: files, controls, answer, rows.
func (b *bundle) readmeReports(line func(string, ...any), wrapped func(string, string, ...any)) {
	line("\nReports: file, control, answer, rows")
	for _, m := range b.made {
		d := m.definition
		line("\n  %s  %s", strings.TrimSpace(d.ID+"  "+d.Title), "data/reports/"+d.Name+"/")
		wrapped("      ", "%s", m.answer)
		if !m.complete {
			wrapped("      ", "Incomplete: %s", strings.Join(m.lacks, "; "))
		}
		if len(d.Controls) > 0 {
			wrapped("      ", "Controls: %s", strings.Join(d.Controls, "; "))
		}
		for _, path := range b.csvs("reports/" + d.Name + "/") {
			line("      %-72s %8s rows", "data/"+path, count(b.rows[path]))
		}
		var queries []string
		for _, q := range d.Queries() {
			if q = "data/queries/" + q; !slices.Contains(queries, q) {
				queries = append(queries, q)
			}
		}
		wrapped("      ", "SQL: %s", strings.Join(queries, ", "))
	}
}

// csvs are the paths of csv files that begin so, in their order.
func (b *bundle) csvs(prefix string) []string {
	var paths []string
	for p := range b.rows {
		if path.Ext(p) == ".csv" && strings.HasPrefix(p, prefix) {
			paths = append(paths, p)
		}
	}
	slices.Sort(paths)
	return paths
}

// readmeTables lists the populations and ledgers.
func (b *bundle) readmeTables(line func(string, ...any), wrapped func(string, string, ...any)) {
	line("\nPopulations (csv and Parquet; columns in data/population/schema.json) and ledgers")
	for _, p := range append(b.csvs("population/"), b.csvs("ledger/")...) {
		line("  data/%-40s %12s rows", p, count(b.rows[p]))
	}
	line("")
	wrapped("  ", "ledger/changes.csv has each permission that came, went or changed from each snapshot to the next: one that was deleted and "+
		"made anew is two rows, removed and added, and one change, re-created, in the report changes, which compares the ends of the period.")
	sealed := ""
	if s := b.from.Sealed; s != nil {
		sealed = fmt.Sprintf(" Line %d of data/journal.ndjson seals it.", s.Line)
	}
	wrapped("  ", "ledger/calendar.csv is as the snapshot has it, which was written before the journal's line that seals it: of its "+
		"last day sealed is \"not yet\", and reports made since are not counted.%s", sealed)
}

// readmeRest says what the other folders hold, and how to read the files.
func (b *bundle) readmeRest(line func(string, ...any), wrapped func(string, string, ...any)) {
	line("\nThe rest")
	for _, x := range [][2]string{
		{"data/snapshot/", "the snapshot, a DuckDB file, from which every report, population and ledger above can be made again"},
		{"data/definitions/", "the definition of each report as it was used"},
		{"data/queries/", "the SQL of every report and table; made_from.json has the parameters that are not in the definitions"},
		{"data/raw/", "the cloud's answers: a line each, in files compressed with zstd; ledger/calls.csv has the SHA-256 of each"},
		{"data/journal.ndjson", "what happened, a line each, as a hash chain up to the sealing of this bundle"},
		{"data/witness/", "what somebody saw who watched a collection"},
	} {
		if x[0] == "data/witness/" && !b.watched {
			continue
		}
		wrapped("  ", "%-20s %s", x[0], x[1])
	}
	line("\nHow to read them")
	wrapped("  ", "csv: UTF-8, LF, nothing escaped for Excel: do not open it by a double click, use Data > From Text and take every "+
		"column as text. Nothing between two commas is no value, \"\" an empty text. Times are UTC with their offset.")
	if b.from.Mask != "full" {
		wrapped("  ", "Masked: equal values have equal masks in all files, so counts and joins hold. Hashes named landed_sha256, "+
			"body_sha256 and original_sha256 are those before the mask; one of fewer than ten rows is masked too, for it would "+
			"prove a guess at who they are of. Rows within an answer stand in another order.")
		wrapped("  ", "Not masked are digests (ledger/digests.csv and snapshots.csv, the journal, the snapshot): the SHA-256 of all rows "+
			"of a resource before the mask. Of few rows one proves a guess at all of them: give the bundle to nobody who may not know.")
	}
}
