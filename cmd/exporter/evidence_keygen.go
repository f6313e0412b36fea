package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"exporter/internal/evidence"
)

// keygenOptions is what evidence keygen is given.
type keygenOptions struct{ out, identity, passphraseFile string }

func (a *app) evidenceKeygenCommand() *cobra.Command {
	var o keygenOptions
	c := &cobra.Command{
		Use:   "keygen",
		Short: "Make the key that signs evidence",
		Long: `Makes an Ed25519 key in the format of OpenSSH, the file allowed_signers by which
auditors know it, and prints what to do with the two. The store's journal gets
an entry. What is not given is taken from the section evidence of reports.yaml,
where there is one; and where that has no passphrase, a terminal is asked for
it, and elsewhere the key has none.`,
		Example: `  exporter evidence keygen --identity evidence@example.com
  exporter evidence keygen --identity evidence@example.com --out keys/2027 \
    --passphrase-file pass`,
		RunE: func(c *cobra.Command, _ []string) error { return a.keygen(c.Context(), o) },
	}
	c.Flags().StringVar(&o.out, "out", "",
		"file of the private key; the public one gets .pub behind it, and what auditors need .allowed_signers (default: evidence.key of reports.yaml, or evidence-key)")
	c.Flags().StringVar(&o.identity, "identity", "", "who signs, written as an address: NAME@DOMAIN")
	c.Flags().StringVar(&o.passphraseFile, "passphrase-file", "",
		"file with the passphrase, without its last newline")
	return c
}

// keygen makes a key, journals it, and prints what others need of it.
func (a *app) keygen(ctx context.Context, o keygenOptions) error {
	cfg, err := a.keygenStore()
	if err != nil {
		return err
	}
	var had evidenceConfig
	if cfg != nil {
		had = cfg.Evidence
	}
	o.identity, o.out = cmp.Or(o.identity, had.Identity), cmp.Or(o.out, had.Key, "evidence-key")
	if o.identity == "" {
		return usage(errors.New("--identity is missing"),
			"say who signs: --identity evidence@example.com")
	}
	namespace, err := evidence.Namespace(o.identity)
	if err != nil {
		return &exitError{exitUsage, fmt.Errorf("--identity: %w", err)}
	}
	signers := o.out + ".allowed_signers"
	for _, path := range []string{o.out, signers} { // before a passphrase is asked for
		if _, err := os.Lstat(path); err == nil {
			return usage(fmt.Errorf("%s is there already", path), "a key is never replaced: name another file with --out, or move that one away")
		}
	}
	passphrase := []byte(had.Passphrase)
	if o.passphraseFile != "" || len(passphrase) == 0 {
		if passphrase, err = a.newPassphrase(ctx, o.passphraseFile); err != nil {
			return err
		}
	}
	key, err := evidence.GenerateKey(o.out, o.identity, passphrase)
	if err != nil {
		return explainDisk(err)
	}
	err = os.WriteFile(signers, []byte(key.AllowedSigner(o.identity, namespace, a.now())+"\n"), 0o644)
	if err == nil && cfg != nil {
		_, err = cfg.journal(a.now).Append("key", map[string]any{
			"action": "created", "fingerprint": key.Fingerprint(), "identity": o.identity,
		})
	}
	if err != nil {
		return errors.Join(explainDisk(err), os.Remove(o.out), os.Remove(o.out+".pub"), os.RemoveAll(signers))
	}
	path, err := a.keyPath(o.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "private key      %s (keep it secret, and a copy of it safe)\n", o.out)
	fmt.Fprintf(&b, "public key       %s.pub\n", o.out)
	fmt.Fprintf(&b, "allowed signers  %s\n", signers)
	fmt.Fprintf(&b, "fingerprint      %s\n", key.Fingerprint())
	fmt.Fprintf(&b, "identity         %s\n", o.identity)
	if len(passphrase) == 0 {
		fmt.Fprintf(&b, "passphrase       none: who can read the private key can sign; to set one: ssh-keygen -p -f %s\n", shell(o.out))
	}
	b.WriteString("\n")
	fmt.Fprintf(&b, "1. Put this into reports.yaml: exporter evidence create then signs with the key.\n\n")
	fmt.Fprintf(&b, "evidence:\n  key: %s\n  identity: %s\n", path, o.identity)
	if len(passphrase) > 0 {
		fmt.Fprintf(&b, "  passphrase: ${EVIDENCE_PASSPHRASE}\n")
	}
	fmt.Fprintf(&b, `
2. Give auditors the allowed signers by another way than the bundles, or publish
   the fingerprint where they find it without you: a web page, a contract. With
   that file they verify a bundle, by its VERIFY.txt or with this program:

exporter evidence verify BUNDLE --signers %s
`, filepath.Base(signers))
	_, err = io.WriteString(a.stdout, b.String())
	return err
}

// keygenStore is the configuration whose store's journal gets the entry; nil where
// there is none.
func (a *app) keygenStore() (*config, error) {
	if _, err := os.Stat(a.configPath); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	cfg, err := a.loadStore()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Store.Dir, 0o700); err != nil {
		return nil, explainDisk(err)
	}
	if _, err := openStore(cfg); err != nil {
		return nil, err
	}
	return cfg, explainDisk(cfg.journal(a.now).Writable())
}

// keyPath is how reports.yaml names the key at path.
func (a *app) keyPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	config, err := filepath.Abs(a.configPath)
	if err != nil {
		return "", err
	}
	if below, err := filepath.Rel(filepath.Dir(config), path); err == nil && filepath.IsLocal(below) {
		return below, nil
	}
	return path, nil
}

// newPassphrase reads the passphrase of a new key from a file or, where standard
// input is a terminal, from there twice.
func (a *app) newPassphrase(ctx context.Context, file string) ([]byte, error) {
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, usage(err, "name the file that holds the passphrase")
		}
		b = bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
		if len(b) == 0 {
			return nil, usage(fmt.Errorf("%s: it is empty", file),
				"leave --passphrase-file out for a key without a passphrase")
		}
		return b, nil
	}
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil, nil
	}
	first, err := a.askSecret(ctx, f, "Passphrase of the new key (empty for none): ")
	if err != nil || len(first) == 0 {
		return nil, err
	}
	again, err := a.askSecret(ctx, f, "The same again: ")
	if err == nil && !bytes.Equal(first, again) {
		err = errors.New("the two passphrases are not the same")
	}
	return first, err
}

// askSecret asks on a terminal, which does not show the answer.
func (a *app) askSecret(ctx context.Context, f *os.File, prompt string) ([]byte, error) {
	fd := int(f.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(a.stderr, prompt)
	var answer []byte
	done := make(chan error, 1)
	go func() {
		var err error
		answer, err = term.ReadPassword(fd)
		done <- err
	}()
	select {
	case err = <-done:
	case <-ctx.Done(): // who waits for the terminal does not see it
		err = errors.Join(ctx.Err(), term.Restore(fd, before))
	}
	fmt.Fprintln(a.stderr)
	if errors.Is(err, io.EOF) {
		err = errors.New("no passphrase was given")
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}
