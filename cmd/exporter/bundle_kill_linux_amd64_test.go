package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"exporter/internal/evidence"
)

// makeBundle is the program that is killed: it seals a bundle, evidence, in the
// folder that it is given, with the key that it is given.
func makeBundle() {
	if err := sealBundle(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func sealBundle(dir, keyFile string) (err error) {
	key, err := evidence.OpenKey(keyFile, nil)
	if err != nil {
		return err
	}
	w, err := evidence.Create(dir, "evidence")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Discard()) }()
	zeros := strings.Repeat("0", 64)
	line := `{"prev":"` + zeros + `","seq":1,"at":"2026-03-31T00:00:00Z","kind":"x","sha256":"` + zeros + `","detail":{}}` + "\n"
	for path, text := range map[string]string{"journal.ndjson": line, "README.txt": "What is where.\n", "reports/a/a.csv": strings.Repeat("id\n", 1<<19)} {
		if err := w.Write(path, strings.NewReader(text)); err != nil {
			return err
		}
	}
	at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	_, err = w.Seal(context.Background(), evidence.Seal{
		Info: evidence.Info{
			{Label: "Bagging-Date", Value: "2026-04-01"}, {Label: "Bundle-Format", Value: evidence.Format},
			{Label: "Run", Value: "20260401T000000Z"}, {Label: "Mask", Value: "standard"},
			{Label: "Journal-Length", Value: "1"}, {Label: "Journal-Head", Value: zeros},
			{Label: "Signer", Value: "evidence@example.com"}, {Label: "Namespace", Value: "access-evidence@example.com"},
		},
		Signers: []byte(key.AllowedSigner("evidence@example.com", "access-evidence@example.com", at)),
		Sign: func(m []byte) (signature, stamp []byte, err error) {
			signature, err = key.Sign("access-evidence@example.com", m)
			return signature, nil, err
		},
		At: at,
	})
	return err
}

// A seal that is killed at any moment leaves nothing under a final name, or a whole
// bundle; the next one makes the bundle, or gives the one that was sealed the name that
// it lacks, and leaves nothing beside it.
func TestBundleKill(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, key := filepath.Join(t.TempDir(), "bundle"), filepath.Join(t.TempDir(), "key")
	_, err = evidence.GenerateKey(key, "", nil)
	if err := errors.Join(err, os.Symlink(self, program)); err != nil {
		t.Fatal(err)
	}
	seal := func(dir string, at func(point) bool) syscall.WaitStatus {
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		ended, err := trace([]string{program, dir, key}, out, dir, func(int) {}, at)
		if err != nil {
			t.Fatal(err)
		}
		return ended
	}
	var points []point
	if ended := seal(t.TempDir(), func(p point) bool { points = append(points, p); return false }); ended.ExitStatus() != 0 {
		t.Fatalf("not killed: %v", ended)
	}
	chosen := chooseKills(points)
	for _, p := range chosen {
		dir := t.TempDir()
		if killed := seal(dir, func(at point) bool { return at == p }); !killed.Signaled() {
			t.Errorf("%v: not reached (%v)", p, killed)
			continue
		}
		there := wholeBundles(t, dir)
		if there == "folder" {
			t.Errorf("%v: the folder is there without the zip", p)
		}
		ended := seal(dir, func(point) bool { return false })
		if there != "" && ended.ExitStatus() == 0 {
			t.Errorf("%v: %q was there, and the next one replaces it", p, there)
		}
		if got := wholeBundles(t, dir); got != "zip and folder" {
			t.Errorf("%v: %q was there, after the next one %q (%v)", p, there, got, ended)
		}
		if _, err := os.Stat(filepath.Join(dir, ".evidence.part")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v: left .evidence.part: %v", p, err)
		}
	}
	t.Logf("killed %d times of %d", len(chosen), len(points))
	if len(chosen) < 10 {
		t.Errorf("those are too few of %v", points)
	}
}

// wholeBundles says what is there under a final name, all of which has to be whole.
func wholeBundles(t *testing.T, dir string) string {
	var there []string
	for what, name := range map[string]string{"zip": "evidence.zip", "folder": "evidence"} {
		b, err := evidence.Open(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		v, err := b.Verify(t.Context(), evidence.VerifyOptions{})
		if err := errors.Join(err, b.Close()); err != nil || len(v.Findings) > 0 || v.Files != 3 {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		if there = append(there, what); len(there) == 2 {
			return "zip and folder"
		}
	}
	return strings.Join(there, "")
}
