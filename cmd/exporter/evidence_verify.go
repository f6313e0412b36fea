package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"exporter/internal/evidence"
)

// evidenceVerifyFlags are those of evidence verify.
type evidenceVerifyFlags struct {
	signers, roots, decrypt, format string
	anchors                         []string
	withoutReports                  bool
	timeout                         time.Duration
}

// againTimeout is how long it may take to make again what a bundle holds: a bundle may
// be made so that it takes for ever.
const againTimeout = 30 * time.Minute

func (a *app) evidenceVerifyCommand() *cobra.Command {
	var f evidenceVerifyFlags
	c := &cobra.Command{
		Use:   "verify BUNDLE",
		Short: "Verify a bundle, and make its reports again",
		Long: `Verifies a bundle, its folder, its zip or its encrypted zip: every file against
the manifests, the signature, the time stamp, the chain of the journal; then
makes every report and table again from the bundle's own snapshot and compares
them, in a process that can reach nothing else. It needs no configuration and no
store. Every difference is named, and gives exit status 4.

Give it what you got by another way than the bundle: with --signers the key's
owner's allowed_signers, with --anchor the journal's line as it stood in an old
mail or on the foot of a PDF page.`,
		Example: `  exporter evidence verify evidence/evidence-2026-01-01-2026-03-31-full.zip
  exporter evidence verify evidence-2026-01-01-2026-03-31-full \
    --signers allowed_signers --anchor 37:3f2a9c41b07d`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.verifyEvidence(c.Context(), args[0], &f) },
	}
	c.Flags().StringVar(&f.signers, "signers", "", "file allowed_signers got from the key's owner; default: the one in the bundle, which proves less")
	c.Flags().StringVar(&f.roots, "roots", "", "PEM file of the certificates that time stamps are trusted by; default: the one in the bundle")
	c.Flags().StringArrayVar(&f.anchors, "anchor", nil, "HASH or LINE:HASH of a journal line, at least 12 signs; may be repeated")
	c.Flags().BoolVar(&f.withoutReports, "without-reports", false, "do not make the reports again")
	c.Flags().DurationVar(&f.timeout, "timeout", againTimeout, "give up when it takes longer to make the reports again")
	c.Flags().StringVar(&f.decrypt, "decrypt-key", "", "age identity or ssh key that an encrypted zip is for")
	addFormat(c, &f.format, "table", "json")
	return c
}

// verifiedBundle is the result as JSON.
type verifiedBundle struct {
	Bundle string            `json:"bundle"`
	Info   map[string]string `json:"info"`
	*evidence.Verification
	MadeAgain    int      `json:"made_again"`               // files
	Digests      int      `json:"digests"`                  // of resources, computed from the snapshot's rows
	Pages        int64    `json:"pages"`                    // answers that were compared with their hash
	Rows         int64    `json:"rows"`                     // of the snapshot that were read again from their answer
	DigestsFound int      `json:"digests_findings"`         // how many findings are of digests,
	RowsFound    int      `json:"rows_findings"`            // and how many of answers and their rows
	NotMadeAgain []string `json:"not_made_again,omitempty"` // what was not compared, and why
}

func (a *app) verifyEvidence(ctx context.Context, path string, f *evidenceVerifyFlags) (err error) {
	began := a.now()
	o, err := f.options(began)
	if err != nil {
		return err
	}
	b, done, err := openBundle(path, f.decrypt)
	if err != nil {
		return explainBundle(err)
	}
	defer func() { err = errors.Join(err, done()) }()
	result, err := a.verifyOpened(ctx, b, o, f)
	if err != nil {
		return err
	}
	if f.format == "json" {
		err = a.printJSON(result)
	} else {
		err = a.sayVerifiedBundle(result, a.now().Sub(began))
	}
	if n := len(result.Findings); err == nil && n > 0 {
		err = &exitError{exitMismatch, fmt.Errorf("evidence verify: %s", plural(int64(n), "difference"))}
	}
	return err
}

// verifyOpened verifies a bundle that is open, and on a terminal shows how far it is.
func (a *app) verifyOpened(ctx context.Context, b *evidence.Bundle, o evidence.VerifyOptions, f *evidenceVerifyFlags) (*verifiedBundle, error) {
	bars := a.newBars(false, false)
	defer bars.stop()
	bars.say = func(*bar, string) {} // it is a check, which says its outcome alone
	o.Progress = func(done, total int64) { bars.at(jobFiles, done, total, true) }
	v, err := b.Verify(ctx, o)
	if err != nil {
		return nil, explainBundle(err)
	}
	r := &verifiedBundle{Bundle: b.Base(), Info: map[string]string{}, Verification: v}
	for _, x := range b.Info() {
		r.Info[x.Label] = x.Value
	}
	switch {
	case f.withoutReports:
		r.NotMadeAgain = append(r.NotMadeAgain, "the reports, as --without-reports asks")
	case len(v.Findings) > 0:
		r.NotMadeAgain = append(r.NotMadeAgain, "the reports, digests and rows: they are compared where all files are as they were sealed")
	default:
		err = r.perform(ctx, b, f.timeout, func(s bundleStep) {
			if slices.Contains([]string{jobUnpack, jobReports, jobTables, jobAnswers}, s.Name) { // else it is not of ours
				bars.at(s.Name, s.Done, s.Total, false)
			}
		})
	}
	return r, err
}

// options checks the flags, and reads the files that they name.
func (f *evidenceVerifyFlags) options(now time.Time) (o evidence.VerifyOptions, err error) {
	o = evidence.VerifyOptions{Anchors: f.anchors, Now: now}
	if f.format != "table" && f.format != "json" {
		return o, usage(fmt.Errorf("unknown format %q", f.format), "use table or json")
	}
	if err := checkTimeout(f.timeout); err != nil {
		return o, err
	}
	if err := evidence.CheckAnchors(f.anchors); err != nil {
		return o, &exitError{exitUsage, err}
	}
	for _, x := range []struct {
		path string
		to   *[]byte
	}{{f.signers, &o.Signers}, {f.roots, &o.Roots}} {
		if x.path == "" {
			continue
		}
		if *x.to, err = os.ReadFile(x.path); err != nil {
			return o, &exitError{exitUsage, err}
		}
	}
	return o, nil
}

func checkTimeout(d time.Duration) error {
	if d <= 0 {
		return usage(fmt.Errorf("--timeout %s: must be more than nothing", d), "for example: --timeout 10m")
	}
	return nil
}

// openBundle opens a bundle, also an encrypted one.
func openBundle(path, identity string) (_ *evidence.Bundle, done func() error, err error) {
	if filepath.Ext(path) != ".age" {
		b, err := evidence.Open(path)
		if err != nil {
			return nil, nil, err
		}
		return b, b.Close, nil
	}
	if identity == "" {
		return nil, nil, usage(fmt.Errorf("%s is encrypted", path), "name your key: --decrypt-key FILE; or decrypt it first: age -d -i FILE")
	}
	key, err := os.ReadFile(identity)
	if err != nil {
		return nil, nil, &exitError{exitUsage, err}
	}
	plain, err := decrypted(path, key)
	if err != nil {
		return nil, nil, err
	}
	b, err := evidence.OpenZip(strings.TrimSuffix(path, ".age"), plain)
	if err != nil {
		return nil, nil, err
	}
	return b, b.Close, nil
}

// decrypted is what an encrypted file holds, as a file that has no name: it is gone
// when it is closed, however the process ends.
func decrypted(path string, key []byte) (_ *os.File, err error) {
	from, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	r, err := evidence.Decrypt(from, key, nil)
	if err != nil {
		return nil, usage(err, "--decrypt-key is the age identity or the ssh key, without a passphrase, of one that it is encrypted to")
	}
	to, err := os.CreateTemp("", "exporter-evidence-")
	if err != nil {
		return nil, err
	}
	err = os.Remove(to.Name())
	if err == nil {
		_, err = io.Copy(to, r)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("decrypt %s: %w", path, err), to.Close())
	}
	return to, nil
}

// explainBundle gives the error of a bundle that cannot be opened or read its exit
// status, which is that of a mismatch where it is not as it was sealed, and a hint.
func explainBundle(err error) error {
	if _, ok := errors.AsType[*evidence.Refused](err); ok {
		return &exitError{exitMismatch, &hintError{err,
			"it is not as exporter seals bundles: nothing of it was read further; a bundle is named by its folder or its zip"}}
	}
	if _, ok := errors.AsType[*evidence.ErrNewer](err); ok {
		return &hintError{err, "a later version of exporter made it: read it with that one"}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return usage(err, "name an evidence bundle: its folder, or its zip")
	}
	return err
}

// sayVerifiedBundle prints what was verified, how far it goes, and what differs.
func (a *app) sayVerifiedBundle(r *verifiedBundle, took time.Duration) error {
	var b strings.Builder
	word := paint(a.stdout, text.FgHiGreen, "verified")
	if len(r.Findings) > 0 {
		word = paint(a.stdout, text.FgHiRed, "differs")
	}
	head := fmt.Sprintf("%s  %s: %s, %s in %s", word, r.Bundle, plural(int64(r.Files), "file"), size(r.Bytes), duration(took))
	fmt.Fprintln(&b, wrapped(a.stdout, head))
	width := lineWidth(a.stdout)
	line := func(name, format string, args ...any) {
		b.WriteString(hung(fmt.Sprintf("  %-10s ", name), printable(fmt.Sprintf(format, args...)), width))
	}
	line("period", "%s to %s (%s), %s", r.Info["Period-Start"], r.Info["Period-End"], r.Info["Timezone"], r.Info["Verdict"])
	line("snapshot", "%s, mask %s", r.Info["Snapshot"], r.Info["Mask"])
	if r.SignedBy != "" {
		line("signature", "%s", r.SignedBy)
	} else {
		line("signature", "not good: named below")
	}
	if !r.Stamped.IsZero() {
		line("stamped", "%s", r.Stamped.UTC().Format(time.RFC3339))
	}
	if len(r.Findings) > 0 {
		line("manifests", "%s of %s are as they have them", count(int64(r.AsSealed)), plural(int64(r.Listed), "file"))
	}
	if r.JournalHead != "" {
		line("journal", "%s, the last is %.12s", plural(r.JournalLength, "line"), r.JournalHead)
	} else {
		line("journal", "is not whole: named below")
	}
	for _, x := range r.AnchorsFound {
		line("anchor", "%s is line %s of the journal: up to there it is as it was", x.Given, count(x.Line))
	}
	outcome := func(found int) string {
		if found > 0 {
			return "what differs is named below"
		}
		return "all the same"
	}
	if r.MadeAgain > 0 {
		line("made again", "%s from the snapshot and the journal: %s", plural(int64(r.MadeAgain), "file"),
			outcome(len(r.Findings)-r.DigestsFound-r.RowsFound))
	}
	if r.Digests > 0 {
		line("digests", "%s computed again from the rows and compared with the journal: %s", count(int64(r.Digests)), outcome(r.DigestsFound))
		line("rows", "%s read again from %s, whose SHA-256 was compared too: %s", count(r.Rows), plural(r.Pages, "answer"), outcome(r.RowsFound))
	}
	for _, n := range r.Notes {
		line("note", "%s", n)
	}
	for _, n := range r.NotMadeAgain {
		line("not made", "%s", n)
	}
	a.listFindings(&b, r.Findings)
	_, err := fmt.Fprint(a.stdout, b.String())
	return err
}

// listFindings lists what differs, if anything does.
func (a *app) listFindings(b *strings.Builder, findings []evidence.Finding) {
	for i, f := range findings {
		if i == 0 {
			fmt.Fprintf(b, "\nDifferent\n")
		}
		if i == 1000 {
			fmt.Fprintf(b, "  and %s more; --format json has all\n", count(int64(len(findings)-i)))
			return
		}
		fmt.Fprintln(b, wrapped(a.stdout, fmt.Sprintf("  %s: %s", printable(f.Name), printable(f.Problem))))
	}
}
