package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/evidence"
	"exporter/internal/reports"
	"exporter/internal/store"
)

// evidenceKind is the kind of the journal's entry of a bundle.
const evidenceKind = "evidence"

// evidenceFlags are those of evidence create.
type evidenceFlags struct {
	from, to, mask, out, project, key string
	reports                           []string
}

func (a *app) evidenceCreateCommand() *cobra.Command {
	var f evidenceFlags
	c := &cobra.Command{
		Use:   "create --from DAY --to DAY --mask MASK",
		Short: "Seal what an auditor needs of a period in one bundle",
		Long: `Makes DIR/evidence-FROM-TO-MASK, a folder and a zip of it: the reports of the
last whole snapshot of the period, the populations that they are drawn from,
the snapshot itself, the cloud's answers as they came, the ledgers and the
journal; signed, so that it can be verified with sha256sum, ssh-keygen and
openssl by the commands in its VERIFY.txt.

The mask is that of everything in it; there is no default. A period with days
without a whole snapshot is sealed as incomplete, and says which days. An answer
that is damaged is not sealed: it is named. The same period of the same store
gives the same payload.`,
		Example: `  exporter evidence create --from 2026-01-01 --to 2026-03-31 --mask full
  exporter evidence create --from 2026-03-01 --to 2026-03-31 --mask pseudonym \
    --out evidence/march --report changes --report leavers`,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.mask == "" {
				return usage(errors.New("evidence create: --mask is missing: what is hidden of persons has to be said"), "use one of "+strings.Join(store.Masks, ", "))
			}
			if err := checkMask(f.mask); err != nil {
				return err
			}
			cfg, err := a.loadReports(c.Context(), false)
			if err != nil {
				return err
			}
			return a.createEvidence(c.Context(), cfg, &f)
		},
	}
	c.Flags().StringVar(&f.from, "from", "", "first day of the period, as 2026-01-01, in the store's zone")
	c.Flags().StringVar(&f.to, "to", "", "last day of the period")
	c.Flags().StringVar(&f.mask, "mask", "", strings.Join(store.Masks, ", ")+": what is hidden of persons in all of it")
	c.Flags().StringVar(&f.out, "out", "evidence", "folder for the bundle")
	c.Flags().StringSliceVar(&f.reports, "report", nil, "only this report; may be repeated; default: all")
	c.Flags().StringVar(&f.project, "project", "", "only this project")
	c.Flags().StringVar(&f.key, "key", "", "key to sign with; default: evidence.key of reports.yaml")
	return c
}

// bundle is what is being made.
type bundle struct {
	app  *app
	cfg  *config
	st   *store.Store
	plan *evidencePlan
	w    *evidence.Writer
	log  *bundleJournal
	mask func(kind, detail string) string // of journal entries; nil under the mask full
	from madeFrom
	made []madeReport
	rows map[string]int64 // of tables, by path
	raw  []store.EvidenceFile
	bars *bars

	mu        sync.Mutex
	originals map[string]string // SHA-256 of the raw files before the mask, by path
	// example is a row that VERIFY.txt follows to its page; nil where none can be.
	example *evidence.VerifyExample
	watched bool // there is a log of a collection that somebody watched
	// laterFile is the snapshot whose file is in the bundle where the chosen one's is gone.
	laterFile string
}

// madeReport is what the index says of a report.
type madeReport struct {
	definition reports.Definition
	answer     string
	complete   bool
	lacks      []string
}

// addReport keeps what the index says of a report.
func (b *bundle) addReport(d reports.Definition, r *reports.Report) {
	m := madeReport{definition: d, answer: r.Answer()}
	m.complete, m.lacks = r.Complete()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.made = append(b.made, m)
}

// sortMade puts the reports, which were made side by side, into the order of their
// names in a list.
func (b *bundle) sortMade(names []string) {
	at := func(m madeReport) int { return slices.Index(names, m.definition.Name) }
	slices.SortFunc(b.made, func(x, y madeReport) int { return at(x) - at(y) })
}

func (a *app) createEvidence(ctx context.Context, cfg *config, f *evidenceFlags) (err error) {
	began := a.now()
	chosen, err := chooseReports(cfg.definitions, f.reports)
	if err != nil {
		return err
	}
	fonts, err := reports.FindFonts(cfg.Fonts)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	seal, err := a.openSeal(cfg, f.key)
	if err != nil {
		return err
	}
	st, err := openStore(cfg)
	if err != nil {
		return err
	}
	plan, err := planEvidence(ctx, cfg, st, f, a.now())
	if err != nil {
		return err
	}
	if err := cfg.journal(a.now).Writable(); err != nil {
		return explainDisk(err)
	}
	b := &bundle{app: a, cfg: cfg, st: st, plan: plan, rows: map[string]int64{}, originals: map[string]string{}}
	if err := os.MkdirAll(f.out, 0o700); err != nil {
		return &hintError{err, hintOut}
	}
	if b.w, err = evidence.Create(f.out, plan.name); errors.Is(err, os.ErrExist) {
		found, failed := a.enterFound(ctx, cfg, filepath.Join(f.out, plan.name))
		if found || failed != nil {
			return failed
		}
		return &hintError{err, "a bundle is never replaced: move it away, or name another folder with --out"}
	} else if errors.Is(err, evidence.ErrHeld) {
		return &hintError{err, "wait for it; its bundle will stand there"}
	} else if err != nil {
		return explainOut(err)
	}
	defer func() {
		if err != nil && len(hints(err)) == 0 {
			err = explainOut(err)
		}
		err = errors.Join(err, b.w.Discard())
	}()
	sealed, err := b.make(ctx, chosen, fonts, f.mask, seal)
	if err != nil {
		return err
	}
	if err := a.enter(cfg, sealed, map[string]any{"reports": b.from.Reports, "program_version": version}); err != nil {
		return err
	}
	a.saySealed(b, sealed, a.now().Sub(began))
	return a.announce(ctx, cfg, sealed)
}

// make makes the bundle, and shows how far it is.
func (b *bundle) make(ctx context.Context, chosen []reports.Definition, fonts reports.Fonts, mask string, s *sealer) (*sealedBundle, error) {
	b.bars = b.app.newBars(false, false)
	defer b.bars.stop()
	b.bars.say = func(r *bar, left string) {
		b.bars.log.Info("sealing", "step", r.resource, "done", r.amount(r.rows), "of", r.amount(*r.total), "left", left)
	}
	if err := b.openJournal(s); err != nil {
		return nil, err
	}
	if err := b.plan.hidden(b.log); err != nil {
		return nil, err
	}
	if err := b.fill(ctx, chosen, fonts, mask); err != nil {
		return nil, err
	}
	return b.seal(ctx, s)
}

// openJournal reads the journal, in which the key stands by then.
func (b *bundle) openJournal(s *sealer) (err error) {
	path := b.cfg.journalPath()
	if b.log, err = readBundleJournal(path); err != nil {
		return err
	}
	if b.log.torn > 0 {
		fmt.Fprintf(b.app.stderr, "line %d of the journal is torn, as a loss of power leaves it: the bundle has those before it;\n"+
			"the next line that is written sets it aside, and says so\n", b.log.torn)
	}
	entered, err := s.enterKey(b.cfg, b.log, b.app.now)
	if err == nil && entered {
		b.log, err = readBundleJournal(path)
	}
	return err
}

// sealedBundle is a bundle that stands under its name, with what bag-info.txt says,
// the fingerprint of the key that signed it, and the time that was stamped, if it was.
type sealedBundle struct {
	evidence.Sealed
	info        evidence.Info
	fingerprint string
	stamped     time.Time
}

// enter enters a bundle in the journal, with what else is known of it.
func (a *app) enter(cfg *config, x *sealedBundle, entry map[string]any) error {
	maps.Copy(entry, map[string]any{"bundle": filepath.Base(x.Dir), "files": x.Files, "bytes": x.Bytes, "key": x.fingerprint,
		"manifest_sha256": x.ManifestSHA256, "tagmanifest_sha256": x.TagManifestSHA256})
	for name, label := range map[string]string{"from": "Period-Start", "to": "Period-End", "snapshot": "Snapshot", "mask": "Mask",
		"verdict": "Verdict", "project": "Project"} {
		if value := x.info.Value(label); value != "" {
			entry[name] = value
		}
	}
	if !x.stamped.IsZero() {
		entry["stamped"] = x.stamped.UTC()
	}
	if _, err := cfg.journal(a.now).Append(evidenceKind, entry); err != nil {
		return fmt.Errorf("the bundle is sealed, but the journal has no entry of it; the same command enters it when it is run again: %w",
			explainDisk(err))
	}
	return nil
}

// saySealed tells on standard error what was made.
func (a *app) saySealed(b *bundle, x *sealedBundle, took time.Duration) {
	color, word := text.FgHiGreen, verdictWord(b.plan)
	if word == "incomplete" {
		color = text.FgHiYellow
	}
	verdict := paint(a.stderr, color, word) + strings.TrimPrefix(b.plan.words(), word)
	fmt.Fprintf(a.stderr, "sealed %s in %s\n", b.plan.name, duration(took))
	line := func(name, format string, args ...any) {
		fmt.Fprintf(a.stderr, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("verdict", "%s", verdict)
	line("folder", "%s, %s, %s", x.Dir, plural(int64(x.Files), "file"), size(x.Bytes))
	line("zip", "%s", x.Zip)
	if b.plan.since != "" {
		line("snapshot", "%s, changes since %s", b.plan.snapshot, b.plan.since)
	} else {
		line("snapshot", "%s", b.plan.snapshot)
	}
	line("raw pages", "%s", rawWords(b.raw))
	line("signed by", "%s", x.info.Value("Signer"))
	line("", "%s", x.fingerprint)
	if !x.stamped.IsZero() {
		line("stamped", "%s by %s", x.stamped.UTC().Format(time.RFC3339), b.cfg.Evidence.Timestamp.URL)
	}
	line("journal", "line %d", b.log.head.Seq)
	line("", "%s", b.log.head.SHA256)
	fmt.Fprintf(a.stderr, "Give the auditor the fingerprint and the journal's line by another way than the\n"+
		"bundle. To verify it, with this program or without:\n  exporter evidence verify %s\n  %s\n",
		x.Dir, filepath.Join(x.Dir, "VERIFY.txt"))
}
