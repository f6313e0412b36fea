package evidence

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
)

// Encrypt returns a writer whose bytes are encrypted to recipients, each age1... or
// an SSH public key (ssh-ed25519, ssh-rsa), and go to to; closing it ends the file,
// which age -d reads. It does not close to.
func Encrypt(to io.Writer, recipients []string) (io.WriteCloser, error) {
	var keys []age.Recipient
	var faults []error
	for _, r := range recipients {
		key, err := parseRecipient(r)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		keys = append(keys, key)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return age.Encrypt(to, keys...)
}

// CheckRecipients returns what is wrong with recipients, all at once.
func CheckRecipients(recipients []string) error {
	w, err := Encrypt(io.Discard, recipients)
	if err != nil {
		return err
	}
	return w.Close()
}

func parseRecipient(s string) (age.Recipient, error) {
	var key age.Recipient
	var err error
	switch {
	case strings.HasPrefix(s, "age1pq1"):
		key, err = age.ParseHybridRecipient(s)
	case strings.HasPrefix(s, "age1"):
		key, err = age.ParseX25519Recipient(s)
	case strings.HasPrefix(s, "ssh-"):
		key, err = agessh.ParseRecipient(s)
	case strings.HasPrefix(s, "AGE-SECRET-KEY-"):
		return nil, &keyError{errors.New("a recipient is a secret key"),
			"it must not stand there: give the public half, which begins with age1, and make a new one"}
	default:
		err = errors.New("unknown kind")
	}
	if err != nil {
		return nil, &keyError{fmt.Errorf("recipient %.60q: %w", s, err),
			"a recipient is age1..., ssh-ed25519 ... or ssh-rsa ..."}
	}
	return key, nil
}

// Decrypt returns what from holds, a file that was encrypted to the identity in
// identityFile: lines AGE-SECRET-KEY-..., or an SSH private key, under passphrase
// where it has one. The end of what it returns is good only when it is an [io.EOF].
func Decrypt(from io.Reader, identityFile, passphrase []byte) (io.Reader, error) {
	identities, err := parseIdentities(identityFile, passphrase)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	r, err := age.Decrypt(from, identities...)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, errors.New("decrypt: it was not encrypted to this identity")
	}
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return r, nil
}

func parseIdentities(file, passphrase []byte) ([]age.Identity, error) {
	if !bytes.HasPrefix(file, []byte("-----BEGIN ")) {
		return age.ParseIdentities(bytes.NewReader(file))
	}
	raw, err := parseKey("the identity", file, passphrase)
	if err != nil {
		return nil, err
	}
	var id age.Identity
	switch key := raw.(type) {
	case *ed25519.PrivateKey:
		id, err = agessh.NewEd25519Identity(*key)
	case *rsa.PrivateKey:
		id, err = agessh.NewRSAIdentity(key)
	default:
		err = errors.New("the identity must be of Ed25519 or RSA")
	}
	return []age.Identity{id}, err
}
