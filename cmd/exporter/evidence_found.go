package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"exporter/internal/evidence"
	"exporter/internal/journal"
)

// enterFound enters a bundle that stands under its name while the journal has no entry
// of it: who made it was killed between the two. A bundle of another store, or one that
// does not verify, is left alone.
func (a *app) enterFound(ctx context.Context, cfg *config, dir string) (err error) {
	b, err := evidence.Open(dir)
	if err != nil {
		return nil // the zip alone, or no bundle of ours: that it is in the way is said
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	v, err := b.Verify(ctx, evidence.VerifyOptions{Now: a.now()})
	if err != nil {
		return err
	}
	sums := map[string]string{}
	for _, name := range []string{"manifest-sha256.txt", "tagmanifest-sha256.txt"} {
		text, err := fs.ReadFile(b, name)
		if err != nil {
			return err
		}
		sums[name] = lineHash(text)
	}
	ours, entered := false, false
	head, err := journal.Read(cfg.journalPath(), func(e journal.Entry) error {
		ours = ours || e.Prev == v.JournalHead
		entered = entered || e.Kind == evidenceKind && member(e.Detail, "tagmanifest_sha256") == sums["tagmanifest-sha256.txt"]
		return nil
	})
	if ours = ours || head.SHA256 == v.JournalHead; err != nil || entered || !ours || len(v.Findings) > 0 {
		return err
	}
	info := b.Info()
	entry := map[string]any{"bundle": b.Base(), "found": true, "files": v.Files, "bytes": v.Bytes, "key": v.Fingerprint,
		"manifest_sha256": sums["manifest-sha256.txt"], "tagmanifest_sha256": sums["tagmanifest-sha256.txt"]}
	for name, label := range map[string]string{"from": "Period-Start", "to": "Period-End", "snapshot": "Snapshot", "mask": "Mask",
		"verdict": "Verdict", "project": "Project"} {
		if value := info.Value(label); value != "" {
			entry[name] = value
		}
	}
	h, err := cfg.journal(a.now).Append(evidenceKind, entry)
	if err == nil {
		fmt.Fprintf(a.stderr, "%s was sealed by a command that was killed: it verifies, and line %d of the journal names it now\n", dir, h.Seq)
	}
	return explainDisk(err)
}
