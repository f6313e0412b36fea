package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/evidence"
	"exporter/internal/journal"
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
		Use:   "create --from DAY --to DAY --mask MASK --out DIR",
		Short: "Seal what an auditor needs of a period in one bundle",
		Long: `Makes DIR/evidence-FROM-TO-MASK, a folder and a zip of it: the reports of the last whole
snapshot of the period, the populations that they are drawn from, the snapshot itself,
the cloud's answers as they came, the ledgers and the journal; signed, so that it can be
verified with sha256sum, ssh-keygen and openssl by the commands in its VERIFY.txt.

The mask is that of everything in it; there is no default. A period with days without
a whole snapshot is sealed as incomplete, and says which days. The same period of the
same store gives the same payload.`,
		Example: `  exporter evidence create --from 2026-01-01 --to 2026-03-31 --mask full --out evidence
  exporter evidence create --from 2026-03-01 --to 2026-03-31 --mask pseudonym --out evidence --report changes --report leavers`,
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

	mu        sync.Mutex
	originals map[string]string // SHA-256 of the raw files before the mask, by path
	// example is a row that VERIFY.txt follows to its page; nil where none can be.
	example *evidence.VerifyExample
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
		return explainOut(err)
	}
	if b.w, err = evidence.Create(f.out, plan.name); errors.Is(err, os.ErrExist) {
		return errors.Join(&hintError{err, "a bundle is never replaced: move it away, or name another folder with --out"},
			a.enterFound(ctx, cfg, filepath.Join(f.out, plan.name)))
	} else if errors.Is(err, evidence.ErrHeld) {
		return &hintError{err, "wait for it; its bundle will stand there"}
	} else if err != nil {
		return explainOut(err)
	}
	defer func() { err = errors.Join(explainOut(err), b.w.Discard()) }()
	if err := seal.enterKey(cfg, a.now); err != nil {
		return err
	}
	if b.log, err = readBundleJournal(cfg.journalPath()); err != nil {
		return err
	}
	if err := b.fill(ctx, chosen, fonts, f.mask); err != nil {
		return err
	}
	sealed, err := b.seal(ctx, seal)
	if err != nil {
		return err
	}
	if err := b.enter(sealed, seal); err != nil {
		return err
	}
	a.saySealed(b, sealed, seal, a.now().Sub(began))
	return b.announce(ctx, sealed, seal)
}

// evidencePlan is which period and snapshots a bundle is of.
type evidencePlan struct {
	name     string
	from, to time.Time // the first moment of the period, and the last
	zone     *time.Location
	project  string
	snapshot string // the last whole one of the period
	since    string // the last whole one before the period, else the first in it; "" for none
	verdict  string // of snapshot
	missing  []missingDay
	today    time.Time
}

// missingDay is a day of the period that has no whole snapshot.
type missingDay struct{ day, why string }

const hintPeriod = "days of the store's time zone, as: --from 2026-01-01 --to 2026-03-31"

// planEvidence chooses the snapshots of a period.
func planEvidence(ctx context.Context, cfg *config, st *store.Store, f *evidenceFlags, now time.Time) (*evidencePlan, error) {
	p := &evidencePlan{zone: cfg.zone, project: f.project, today: now}
	for _, x := range []struct {
		flag, value string
		to          *time.Time
	}{{"--from", f.from, &p.from}, {"--to", f.to, &p.to}} {
		if x.value == "" {
			return nil, usage(fmt.Errorf("evidence create: %s is missing", x.flag), hintPeriod)
		}
		t, err := time.ParseInLocation(time.DateOnly, x.value, cfg.zone)
		if err != nil {
			return nil, usage(fmt.Errorf("%s %s: not a day", x.flag, x.value), hintPeriod)
		}
		*x.to = t
	}
	if p.to.Before(p.from) {
		return nil, usage(fmt.Errorf("--to %s is before --from %s", f.to, f.from), hintPeriod)
	}
	if p.from.After(now) {
		return nil, usage(fmt.Errorf("--from %s is in the future", f.from), hintPeriod)
	}
	p.to = p.to.AddDate(0, 0, 1).Add(-time.Millisecond)
	p.name = "evidence-" + f.from + "-" + f.to + "-" + f.mask
	if f.project != "" {
		p.name += "-" + f.project
	}
	all, err := st.Snapshots(ctx)
	if len(all) == 0 && err == nil {
		return nil, &hintError{fmt.Errorf("%w: the store is empty", store.ErrNotPublished), "make one: exporter collect"}
	}
	if len(all) == 0 {
		return nil, err
	}
	return p, p.choose(all)
}

// wholeSnapshot is a snapshot of which every project is whole.
type wholeSnapshot struct {
	id, verdict string
	at          time.Time
}

// choose finds the last whole snapshot of the period, and the one that changes are
// told since.
func (p *evidencePlan) choose(all []store.Snapshot) error {
	by := map[string]*wholeSnapshot{}
	var ids []string
	for _, s := range all {
		if p.project != "" && s.Project != p.project {
			continue
		}
		w := by[s.ID]
		if w == nil {
			w = &wholeSnapshot{id: s.ID, verdict: store.Complete}
			by[s.ID] = w
			ids = append(ids, s.ID)
		}
		at := s.ServerTime
		if at.IsZero() {
			at = s.Started
		}
		if at.After(w.at) {
			w.at = at
		}
		if s.Verdict == store.Partial || s.Verdict == store.CompleteWithDrift && w.verdict == store.Complete {
			w.verdict = s.Verdict
		}
	}
	if len(ids) == 0 {
		return usage(fmt.Errorf("%w: project %s", store.ErrNotPublished, p.project), "what there is: exporter snapshots list")
	}
	slices.Sort(ids)
	var whole []*wholeSnapshot
	within := 0
	for _, id := range ids {
		w := by[id]
		if inside := !w.at.Before(p.from) && !w.at.After(p.to); inside {
			within++
		}
		if w.verdict != store.Partial {
			whole = append(whole, w)
		}
	}
	var first, last, before *wholeSnapshot
	for _, w := range whole {
		switch {
		case w.at.Before(p.from):
			before = w
		case !w.at.After(p.to):
			last = w
			first = cmp.Or(first, w)
		}
	}
	if last == nil {
		return p.nothing(whole, within)
	}
	p.snapshot, p.verdict = last.id, last.verdict
	switch {
	case before != nil:
		p.since = before.id
	case first != last:
		p.since = first.id
	}
	return nil
}

// nothing says that the period has no whole snapshot, and when there were some.
func (p *evidencePlan) nothing(whole []*wholeSnapshot, within int) error {
	what := "no snapshot"
	if within > 0 {
		what = fmt.Sprintf("no whole snapshot, only %s in part", plural(int64(within), "snapshot"))
	}
	hint := "no snapshot of the store is whole: exporter snapshots show"
	if len(whole) > 0 {
		day := func(w *wholeSnapshot) string { return w.at.In(p.zone).Format(time.DateOnly) }
		hint = fmt.Sprintf("there are whole ones from %s to %s: exporter snapshots list", day(whole[0]), day(whole[len(whole)-1]))
	}
	return &hintError{fmt.Errorf("%w: the period %s to %s has %s", store.ErrNotPublished,
		p.from.Format(time.DateOnly), p.to.Format(time.DateOnly), what), hint}
}

// days counts the days of the period up to a moment.
func (p *evidencePlan) days(until time.Time) int {
	n := 0
	for d := p.from; !d.After(until) && !d.After(p.to); d = d.AddDate(0, 0, 1) {
		n++
	}
	return n
}

// words is the verdict on the period.
func (p *evidencePlan) words() string {
	var parts []string
	if n := len(p.missing); n > 0 {
		parts = append(parts, fmt.Sprintf("%s of %d without a whole snapshot", plural(int64(n), "day"), p.days(p.end())))
	}
	if p.to.Sub(p.today) > 24*time.Hour {
		parts = append(parts, "the period goes on after "+p.today.In(p.zone).Format(time.DateOnly))
	}
	if len(parts) > 0 {
		return "incomplete: " + strings.Join(parts, "; ")
	}
	return "complete"
}

// end is the end of the period, or now where that is earlier.
func (p *evidencePlan) end() time.Time {
	if p.to.After(p.today) {
		return p.today
	}
	return p.to
}

// sealer is what a bundle is sealed with.
type sealer struct {
	key       *evidence.Key
	identity  string
	namespace string
	config    evidenceConfig
	roots     []byte
	stamped   time.Time
}

const hintKeygen = "make one: exporter evidence keygen; then name it in reports.yaml, evidence: {key: FILE, identity: NAME@DOMAIN}"

// openSeal opens the key, and what else a seal needs.
func (a *app) openSeal(cfg *config, path string) (*sealer, error) {
	e := cfg.Evidence
	path = cmp.Or(path, e.Key)
	if path == "" {
		return nil, usage(errors.New("evidence create: no key to sign with"), hintKeygen)
	}
	if e.Identity == "" {
		return nil, usage(errors.New("evidence create: evidence.identity is missing: whose key it is"), hintKeygen)
	}
	s := &sealer{identity: e.Identity, config: e}
	var err error
	if s.namespace, err = evidence.Namespace(e.Identity); err != nil {
		return nil, &exitError{exitUsage, err}
	}
	if s.key, err = evidence.OpenKey(path, []byte(e.Passphrase)); err != nil {
		return nil, &exitError{exitUsage, err}
	}
	if e.Timestamp.Roots != "" {
		if s.roots, err = os.ReadFile(e.Timestamp.Roots); err != nil {
			return nil, &exitError{exitUsage, fmt.Errorf("evidence.timestamp.roots: %w", err)}
		}
	}
	return s, nil
}

// enterKey tells the journal when another key signs than the last time.
func (s *sealer) enterKey(cfg *config, now func() time.Time) error {
	last := ""
	_, err := journal.Read(cfg.journalPath(), func(e journal.Entry) error {
		if e.Kind == "key" {
			last = member(e.Detail, "fingerprint")
		}
		return nil
	})
	var broken *journal.Broken
	if err != nil && !errors.As(err, &broken) { // a break is said by who reads the chain for the bundle
		return err
	}
	if last == s.key.Fingerprint() {
		return nil
	}
	entry := map[string]any{"action": "used", "fingerprint": s.key.Fingerprint(), "identity": s.identity}
	if last != "" {
		entry["previous"] = last
	}
	_, err = cfg.journal(now).Append("key", entry)
	return explainDisk(err)
}

// sign signs the tag manifest, and has the signature stamped.
func (s *sealer) sign(ctx context.Context, manifest []byte) (map[string][]byte, error) {
	const name = "tagmanifest-sha256.txt.sig"
	signature, err := s.key.Sign(s.namespace, manifest)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{name: signature}
	if t := s.config.Timestamp; t.URL != "" {
		client := &http.Client{Timeout: time.Minute}
		stamp, err := evidence.RequestTimestamp(ctx, client, t.URL, signature, s.roots)
		if err != nil {
			return nil, &hintError{fmt.Errorf("time stamp: %w", err), "see evidence.timestamp in reports.yaml; without it bundles are signed but not stamped"}
		}
		if s.stamped, err = evidence.CheckTimestamp(stamp, signature, s.roots); err != nil {
			return nil, err
		}
		files[name+".tsr"] = stamp
	}
	return files, nil
}

// seal closes the bundle.
func (b *bundle) seal(ctx context.Context, s *sealer) (evidence.Sealed, error) {
	at := b.app.now().UTC().Truncate(time.Second)
	tags := map[string][]byte{"allowed_signers": []byte(s.key.AllowedSigner(s.identity, s.namespace, at.AddDate(0, 0, -1)) + "\n")}
	if s.roots != nil {
		tags["tsa-roots.pem"] = s.roots
	}
	tags["VERIFY.txt"] = evidence.VerifyText(b.verifyFacts(s, at))
	o := evidence.Seal{Info: b.info(s, at), Tags: tags, At: at, Zip: true,
		Sign: func(manifest []byte) (map[string][]byte, error) { return s.sign(ctx, manifest) }}
	if len(s.config.Recipients) > 0 {
		o.Encrypt = func(w io.Writer) (io.WriteCloser, error) { return evidence.Encrypt(w, s.config.Recipients) }
	}
	return b.w.Seal(ctx, o)
}

// info is bag-info.txt.
func (b *bundle) info(s *sealer, at time.Time) []evidence.Field {
	p := b.plan
	var list []evidence.Field
	add := func(label, value string) {
		if value != "" {
			list = append(list, evidence.Field{Label: label, Value: value})
		}
	}
	add("Source-Organization", s.config.Organization)
	add("Bagging-Date", at.Format(time.DateOnly))
	add("Bag-Software-Agent", "exporter "+version)
	add("Bundle-Format", "1")
	add("Run", at.Format(runLayout))
	add("Period-Start", p.from.Format(time.DateOnly))
	add("Period-End", p.to.Format(time.DateOnly))
	add("Timezone", b.from.Timezone)
	add("Project", p.project)
	add("Snapshot", p.snapshot)
	add("As-Of", b.from.AsOf.UTC().Format(time.RFC3339))
	add("Since", p.since)
	add("Mask", b.from.Mask)
	add("Verdict", p.words())
	var days []string
	for _, m := range p.missing {
		days = append(days, m.day)
	}
	add("Missing-Days", strings.Join(days, ", "))
	add("Raw-Pages", b.rawWords())
	add("Journal-Length", strconv.FormatInt(b.log.head.Seq, 10))
	add("Journal-Head", b.log.head.SHA256)
	add("Signer", s.identity)
	add("Namespace", s.namespace)
	return list
}

// enter enters the bundle in the journal.
func (b *bundle) enter(x evidence.Sealed, s *sealer) error {
	p := b.plan
	entry := map[string]any{
		"bundle": p.name, "from": p.from.Format(time.DateOnly), "to": p.to.Format(time.DateOnly), "snapshot": p.snapshot,
		"mask": b.from.Mask, "verdict": p.words(), "reports": b.from.Reports, "files": x.Files, "bytes": x.Bytes,
		"manifest_sha256": x.ManifestSHA256, "tagmanifest_sha256": x.TagManifestSHA256, "key": s.key.Fingerprint(),
		"program_version": version,
	}
	if p.project != "" {
		entry["project"] = p.project
	}
	if !s.stamped.IsZero() {
		entry["stamped"] = s.stamped.UTC()
	}
	_, err := b.cfg.journal(b.app.now).Append(evidenceKind, entry)
	return explainDisk(err)
}

// saySealed tells on standard error what was made.
func (a *app) saySealed(b *bundle, x evidence.Sealed, s *sealer, took time.Duration) {
	verdict := paint(a.stderr, text.FgHiGreen, "complete")
	if words, short := strings.CutPrefix(b.plan.words(), "incomplete: "); short {
		verdict = paint(a.stderr, text.FgHiYellow, "incomplete:") + " " + words
	}
	fmt.Fprintf(a.stderr, "sealed %s in %s: %s\n", b.plan.name, duration(took), verdict)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(a.stderr, "  %-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("folder", "%s, %s, %s", x.Dir, plural(int64(x.Files), "file"), size(x.Bytes))
	line("zip", "%s", x.Zip)
	if b.plan.since != "" {
		line("snapshot", "%s, changes since %s", b.plan.snapshot, b.plan.since)
	} else {
		line("snapshot", "%s", b.plan.snapshot)
	}
	line("raw pages", "%s", b.rawWords())
	line("signed by", "%s, %s", s.identity, s.key.Fingerprint())
	if !s.stamped.IsZero() {
		line("stamped", "%s by %s", s.stamped.UTC().Format(time.RFC3339), s.config.Timestamp.URL)
	}
	line("journal", "line %d, %s", b.log.head.Seq, b.log.head.SHA256)
	fmt.Fprintf(a.stderr, "Give the auditor the fingerprint and the journal's line by another way than the bundle.\nTo verify: exporter evidence verify %s; without this program: %s\n",
		x.Dir, filepath.Join(x.Dir, "VERIFY.txt"))
}
