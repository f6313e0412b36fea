package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"exporter/internal/evidence"
)

// sealer is what a bundle is sealed with.
type sealer struct {
	key       *evidence.Key
	identity  string
	namespace string
	config    evidenceConfig
	roots     []byte
	patience  time.Duration // with the server of time stamps
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
	s := &sealer{identity: e.Identity, config: e, patience: time.Minute}
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

// enterKey tells the journal when another key signs than the last time, and whether it
// did.
func (s *sealer) enterKey(cfg *config, j *bundleJournal, now func() time.Time) (bool, error) {
	last := ""
	for _, e := range j.entries {
		if e.Kind == "key" {
			last = member(e.Detail, "fingerprint")
		}
	}
	if last == s.key.Fingerprint() {
		return false, nil
	}
	entry := map[string]any{"action": "used", "fingerprint": s.key.Fingerprint(), "identity": s.identity}
	if last != "" {
		entry["previous"] = last
	}
	_, err := cfg.journal(now).Append("key", entry)
	return err == nil, explainDisk(err)
}

// sign signs the tag manifest, and has the signature stamped.
func (s *sealer) sign(ctx context.Context, manifest []byte) (signature, stamp []byte, err error) {
	t := s.config.Timestamp
	if signature, err = s.key.Sign(s.namespace, manifest); err != nil || t.URL == "" {
		return signature, nil, err
	}
	client := &http.Client{Timeout: s.patience}
	if stamp, err = evidence.RequestTimestamp(ctx, client, t.URL, signature, s.roots); err != nil {
		return nil, nil, &hintError{fmt.Errorf("time stamp: %w", err), "see evidence.timestamp in reports.yaml; without it bundles are signed but not stamped"}
	}
	s.stamped, err = evidence.CheckTimestamp(stamp, signature, s.roots)
	return signature, stamp, err
}

// seal closes the bundle.
func (b *bundle) seal(ctx context.Context, s *sealer) (*sealedBundle, error) {
	at := b.app.now().UTC().Truncate(time.Second)
	const step = "seal"
	var total int64
	for _, f := range b.w.Files() {
		total += f.Bytes
	}
	b.bars.start(step, total, true)
	x := &sealedBundle{info: b.info(s, at), fingerprint: s.key.Fingerprint()}
	o := evidence.Seal{
		Info: x.info, At: at, Verify: evidence.VerifyText(b.verifyFacts(s, at)), Roots: s.roots,
		Signers:  []byte(s.key.AllowedSigner(s.identity, s.namespace, at) + "\n"),
		Sign:     func(manifest []byte) (signature, stamp []byte, err error) { return s.sign(ctx, manifest) },
		Progress: func(bytes int64) { b.bars.add(step, bytes) },
	}
	if len(s.config.Recipients) > 0 {
		o.Encrypt = func(w io.Writer) (io.WriteCloser, error) { return evidence.Encrypt(w, s.config.Recipients) }
	}
	var err error
	if x.Sealed, err = b.w.Seal(ctx, o); err != nil {
		return nil, err
	}
	b.bars.finish(step)
	x.stamped = s.stamped
	return x, nil
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
	add("Bundle-Format", evidence.Format)
	add("Run", at.Format(runLayout))
	add("Period-Start", p.from())
	add("Period-End", p.to())
	add("Timezone", b.from.Timezone)
	add("Project", p.project)
	add("Snapshot", p.snapshot)
	add("As-Of", b.from.AsOf.UTC().Format(time.RFC3339))
	add("Since", p.since)
	add("Mask", b.from.Mask)
	add("Verdict", p.words())
	add("Missing-Days", p.missingDays())
	add("Raw-Pages", rawWords(b.raw))
	add("Journal-Length", strconv.FormatInt(b.log.head.Seq, 10))
	add("Journal-Head", b.log.head.SHA256)
	add("Signer", s.identity)
	add("Namespace", s.namespace)
	return list
}
