package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"exporter/internal/evidence"
	"exporter/internal/journal"
)

// enterFound ends what a killed command began: a bundle that stands under its name, in
// dir or in the zip of it, while the journal has no entry of it, is entered, and told
// of by mail. It says whether there was one: a bundle of another store, or one that
// does not verify, is left alone.
func (a *app) enterFound(ctx context.Context, cfg *config, dir string) (_ bool, err error) {
	x := &sealedBundle{Sealed: evidence.Sealed{Dir: dir}}
	for _, zip := range []string{dir + ".zip.age", dir + ".zip"} {
		if _, err := os.Lstat(zip); err == nil {
			x.Zip = zip
		}
	}
	path := dir
	if _, err := os.Lstat(dir); err != nil {
		path = x.Zip
	}
	b, err := evidence.Open(path)
	if err != nil {
		return false, nil // no bundle of ours: that it is in the way is said
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	v, err := b.Verify(ctx, evidence.VerifyOptions{Now: a.now()})
	if err != nil {
		return false, err
	}
	x.info, x.Files, x.Bytes, x.fingerprint, x.stamped = b.Info(), v.Files, v.Bytes, v.Fingerprint, v.Stamped
	for name, sum := range map[string]*string{"manifest-sha256.txt": &x.ManifestSHA256, "tagmanifest-sha256.txt": &x.TagManifestSHA256} {
		text, err := fs.ReadFile(b, name)
		if err != nil {
			return false, err
		}
		*sum = lineHash(text)
	}
	ours, entered := false, false
	head, err := journal.Read(cfg.journalPath(), func(e journal.Entry) error {
		ours = ours || e.Prev == v.JournalHead
		entered = entered || e.Kind == evidenceKind && member(e.Detail, "tagmanifest_sha256") == x.TagManifestSHA256
		return nil
	})
	if broken, ok := errors.AsType[*journal.Broken](err); ok && broken.Torn {
		err = nil // the entry sets that line aside
	}
	if ours = ours || head.SHA256 == v.JournalHead; err != nil || entered || !ours || len(v.Findings) > 0 {
		return false, err
	}
	if err := a.enter(cfg, x, map[string]any{"found": true}); err != nil {
		return true, err
	}
	fmt.Fprintf(a.stderr, "%s was sealed by a command that was killed: it verifies, and the journal names it now\n"+
		"To make it anew move it away first, both the folder and %s\n", path, filepath.Base(x.Zip))
	return true, a.announce(ctx, cfg, x)
}
