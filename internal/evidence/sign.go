package evidence

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// keyError is a key, a stamp or a line that is not taken, with what a person can do.
type keyError struct {
	err  error
	hint string
}

func (e *keyError) Error() string { return e.err.Error() }
func (e *keyError) Unwrap() error { return e.err }
func (e *keyError) Hint() string  { return e.hint }

// Key is a private key that signs bundles. Its methods are safe for concurrent use.
type Key struct{ signer ssh.Signer }

// maxKey is the size of a key's file, in bytes, that is still read.
const maxKey = 64 << 10

// minRSA is the least length of an RSA key, in bits: what is signed today has to
// hold for as long as the records are kept.
const minRSA = 3072

// GenerateKey makes an Ed25519 key in the format of OpenSSH: the private half at
// path (mode 0600, under passphrase unless that is empty), the public one at
// path.pub with comment behind it. It changes no file that is there, and after an
// error leaves none.
func GenerateKey(path, comment string, passphrase []byte) (*Key, error) {
	key, err := generateKey(path, comment, passphrase)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

func generateKey(path, comment string, passphrase []byte) (*Key, error) {
	if strings.ContainsFunc(comment, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, fmt.Errorf("the comment %.200q has a control character", comment)
	}
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if len(passphrase) > 0 {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, comment, passphrase)
	}
	if err != nil {
		return nil, err
	}
	public := bytes.TrimSuffix(ssh.MarshalAuthorizedKey(signer.PublicKey()), []byte("\n"))
	if err := writeNew(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	if err := writeNew(path+".pub", fmt.Appendf(public, " %s\n", comment), 0o644); err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return &Key{signer}, nil
}

// writeNew writes a file that must not be there yet, and syncs it.
func writeNew(path string, b []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return &keyError{err, "a key is never replaced: name another file, or move that one away"}
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// OpenKey reads the private key at path, in the format of OpenSSH or as PEM:
// Ed25519, ECDSA, or RSA of at least 3072 bits. It refuses a file that other
// accounts may read or write. The passphrase is used where the key has one.
func OpenKey(path string, passphrase []byte) (*Key, error) {
	key, err := openKey(path, passphrase)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	return key, nil
}

func openKey(path string, passphrase []byte) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &keyError{err, "is the path right? it is that of --key, else evidence.key of reports.yaml; where there is no key yet: exporter evidence keygen"}
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case strings.HasSuffix(path, ".pub"):
		return nil, &keyError{fmt.Errorf("%s is the public half of a key", path), "name the file without .pub"}
	case info.Mode().Perm()&0o077 != 0:
		return nil, &keyError{
			fmt.Errorf("%s is open to other accounts (mode %04o)", path, info.Mode().Perm()),
			"who reads the key signs in your name: chmod 600 " + path + "; if others had it, make a new one",
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return nil, err
	}
	raw, err := parseKey(path, b, passphrase)
	if err != nil {
		return nil, err
	}
	signer, err := newSigner(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Key{signer}, nil
}

// parseKey returns the private key in the bytes of a file.
func parseKey(path string, b, passphrase []byte) (any, error) {
	raw, err := ssh.ParseRawPrivateKey(b)
	if _, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
		if len(passphrase) == 0 {
			return nil, &keyError{fmt.Errorf("%s has a passphrase", path),
				"give it: in reports.yaml as evidence.passphrase"}
		}
		raw, err = ssh.ParseRawPrivateKeyWithPassphrase(b, passphrase)
	}
	switch {
	case err == nil:
		return raw, nil
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, fmt.Errorf("%s: the passphrase is wrong", path)
	}
	if _, _, _, _, notPublic := ssh.ParseAuthorizedKey(b); notPublic == nil {
		return nil, &keyError{fmt.Errorf("%s is the public half of a key", path),
			"name the private one, mostly the file without .pub"}
	}
	return nil, &keyError{fmt.Errorf("%s is no private key: %w", path, err),
		"make one with: exporter evidence keygen"}
}

// newSigner refuses the kinds of keys that do not sign bundles.
func newSigner(raw any) (ssh.Signer, error) {
	switch key := raw.(type) {
	case *ed25519.PrivateKey, *ecdsa.PrivateKey:
	case ed25519.PrivateKey: // of PEM that is not OpenSSH's
		raw = &key
	case *rsa.PrivateKey:
		if n := key.N.BitLen(); n < minRSA {
			return nil, fmt.Errorf("an RSA key of %d bits is too short, %d are needed", n, minRSA)
		}
	default:
		return nil, errors.New("keys of this kind are not used: it must be Ed25519, ECDSA or RSA")
	}
	return ssh.NewSignerFromKey(raw)
}

// Fingerprint is the public key's, as ssh-keygen -l prints it: SHA256:...
func (k *Key) Fingerprint() string { return ssh.FingerprintSHA256(k.signer.PublicKey()) }

// Sign returns the armored signature (SSHSIG, with SHA-512) of message in a
// namespace, as ssh-keygen -Y sign makes it.
func (k *Key) Sign(namespace string, message []byte) ([]byte, error) {
	s, err := sshsig.Sign(bytes.NewReader(message), k.signer, sshsig.HashSHA512, namespace)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return sshsig.Armor(s), nil
}

// AllowedSigner is the line of allowed_signers, without its newline, by which
// signatures of identity in namespace are taken from the day before from on: the
// date has no zone, and each machine reads it in its own.
func (k *Key) AllowedSigner(identity, namespace string, from time.Time) string {
	public := bytes.TrimSpace(ssh.MarshalAuthorizedKey(k.signer.PublicKey()))
	day := from.UTC().Add(-24 * time.Hour).Format("20060102")
	return fmt.Sprintf("%s namespaces=%q,valid-after=%q %s", identity, namespace, day, public)
}

// Namespace is the namespace that identity, a NAME@DOMAIN, signs in.
func Namespace(identity string) (string, error) {
	name, domain, ok := strings.Cut(identity, "@")
	if !ok || name == "" || domain == "" || strings.Trim(identity, identityRunes) != "" ||
		strings.Contains(domain, "@") {
		return "", &keyError{fmt.Errorf("%.200q is no identity", identity),
			"it is written as an address: evidence@example.com"}
	}
	return "access-evidence@" + domain, nil
}

// identityRunes are what an identity is written with: no quote, blank, comma or
// wildcard, which mean something in allowed_signers.
const identityRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-@"
