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
	"exporter/internal/journal"
)

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
	tags := map[string][]byte{"allowed_signers": []byte(s.key.AllowedSigner(s.identity, s.namespace, at) + "\n")}
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
