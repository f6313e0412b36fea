package evidence

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Why a signature is not taken; the errors of [checkSignature] wrap one of them.
var (
	errDamagedSignature = errors.New("the file is damaged: it is no signature")
	errBrokenSignature  = errors.New("the signature is over other content")
	errUnknownKey       = errors.New("wrong key: it is none of those that may sign")
	errKeyTime          = errors.New("the key was not valid at that time")
	errOtherNamespace   = errors.New("wrong namespace: the signature was made for another purpose")
)

// signer is whose signature it is: of whom allowed_signers says that the key
// is his, and the key's fingerprint (SHA256:...).
type signer struct{ Identity, Fingerprint string }

// checkSignature checks the armored signature of message, made in namespace, as
// ssh-keygen -Y verify does: the key must be in signers, a file allowed_signers,
// valid at that time and for the namespace. The errors are those above, and of a
// signers that is not understood; with all but the last the fingerprint is
// returned where there is one.
func checkSignature(signers []byte, namespace string, message, signature []byte, at time.Time) (
	signer, error) {
	lines, err := parseSigners(signers)
	if err != nil {
		return signer{}, err
	}
	s, err := unarmor(signature)
	if err != nil {
		return signer{}, fmt.Errorf("%w: %w", errDamagedSignature, err)
	}
	found := signer{Fingerprint: ssh.FingerprintSHA256(s.PublicKey)}
	if s.Namespace != namespace {
		return found, fmt.Errorf("%w: %.200q, not %q", errOtherNamespace, s.Namespace, namespace)
	}
	err = sshsig.Verify(bytes.NewReader(message), s, s.PublicKey, s.HashAlgorithm, namespace)
	if err != nil {
		return found, fmt.Errorf("%w: %w", errBrokenSignature, err)
	}
	err = fmt.Errorf("%w: %s", errUnknownKey, found.Fingerprint)
	for _, l := range lines {
		if !bytes.Equal(l.key, s.PublicKey.Marshal()) {
			continue
		}
		if err = l.allows(namespace, at); err == nil {
			found.Identity = l.identity
			return found, nil
		}
	}
	return found, err
}

// unarmor reads a signature that is all of b and in the one form that there is of
// it, the length of its lines aside, so that no bit of the file can be another.
func unarmor(b []byte) (*sshsig.Signature, error) {
	s, err := sshsig.Unarmor(b)
	if err != nil {
		return nil, err
	}
	oneLine := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\n"), nil) }
	if !bytes.Equal(oneLine(b), oneLine(sshsig.Armor(s))) || bytes.Contains(b, []byte("\n\n")) ||
		b[0] != '-' || !bytes.HasSuffix(b, []byte("-\n")) {
		return nil, errors.New("it is not written as ssh-keygen writes it")
	}
	return s, nil
}

// allowed is a line of allowed_signers. A bound that is not given is the zero time.
type allowed struct {
	identity      string
	key           []byte
	namespaces    []string // nil: any
	after, before time.Time
}

// allows returns an error where the line does not let its key sign in namespace at
// that time. As with ssh-keygen, both bounds are still inside.
func (l *allowed) allows(namespace string, at time.Time) error {
	const show = "2006-01-02 15:04:05Z"
	switch {
	case l.namespaces != nil && !slices.Contains(l.namespaces, namespace):
		return fmt.Errorf("%w: allowed_signers has the key of %s for %s alone", errOtherNamespace,
			l.identity, strings.Join(l.namespaces, ", "))
	case !l.after.IsZero() && at.Before(l.after):
		return fmt.Errorf("%w: %s is before %s, from when on the key of %s is valid", errKeyTime,
			at.UTC().Format(show), l.after.Format(show), l.identity)
	case !l.before.IsZero() && at.After(l.before):
		return fmt.Errorf("%w: %s is after %s, to when the key of %s was valid", errKeyTime,
			at.UTC().Format(show), l.before.Format(show), l.identity)
	}
	return nil
}

// parseSigners reads a file allowed_signers: lines of an identity, options and a
// public key, empty ones, and comments. It takes less than ssh-keygen does, and
// names the line of what it does not take: several identities or patterns in a
// line, certificate authorities, options it does not know.
func parseSigners(b []byte) ([]allowed, error) {
	var lines []allowed
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		l, err := parseSigner(line)
		if err != nil {
			return nil, &keyError{fmt.Errorf("allowed_signers: line %d: %w", n, err),
				`a line is: NAME@DOMAIN namespaces="..." ssh-ed25519 AAAA...`}
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func parseSigner(line string) (allowed, error) {
	identity, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
	if strings.HasPrefix(identity, "ssh-") || strings.HasPrefix(identity, "ecdsa-") {
		return allowed{}, errors.New("it is a public key: put whose it is before it, as evidence@example.com")
	}
	if _, err := Namespace(identity); err != nil {
		return allowed{}, err
	}
	l := allowed{identity: identity}
	rest = strings.TrimLeft(rest, " ")
	var err error
	kind, _, _ := strings.Cut(rest, " ")
	if strings.ContainsAny(kind, `="`) || kind == "cert-authority" {
		if rest, err = l.parseOptions(rest); err != nil {
			return allowed{}, err
		}
	}
	l.key, err = parsePublic(rest)
	return l, err
}

// parseOptions takes the options at the beginning of s and returns what follows
// them. An option is a name, or name="value" with \" for a quote in it; they are
// separated by commas.
func (l *allowed) parseOptions(s string) (string, error) {
	seen := map[string]bool{}
	for {
		end := strings.IndexAny(s, "=, ")
		if end < 0 || s[end] != '=' || !strings.HasPrefix(s[end:], `="`) {
			return "", fmt.Errorf("unknown option %.40q", s)
		}
		name := strings.ToLower(s[:end])
		value, rest, ok := strings.Cut(s[end+2:], `"`)
		if !ok || strings.Contains(value, `\`) {
			return "", fmt.Errorf("option %s: its value is not quoted", name)
		}
		if seen[name] {
			return "", fmt.Errorf("option %s is given twice", name)
		}
		seen[name] = true
		if err := l.setOption(name, value); err != nil {
			return "", err
		}
		if s, ok = strings.CutPrefix(rest, ","); !ok {
			if !strings.HasPrefix(rest, " ") {
				return "", fmt.Errorf("no blank follows option %s", name)
			}
			return strings.TrimLeft(rest, " "), nil
		}
	}
}

func (l *allowed) setOption(name, value string) (err error) {
	switch name {
	case "namespaces":
		l.namespaces = strings.Split(value, ",")
		if strings.ContainsAny(value, "*?! ") || slices.Contains(l.namespaces, "") {
			err = fmt.Errorf("namespaces: patterns are not taken, nor empty ones: %.200q", value)
		}
	case "valid-after":
		l.after, err = parseBound(value)
	case "valid-before":
		l.before, err = parseBound(value)
	default:
		return fmt.Errorf("unknown option %.40q", name)
	}
	return err
}

// parseBound reads YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, each with Z or without.
// ssh-keygen takes those without for times in the machine's zone; here all are UTC,
// so that a signature is as good on one machine as on another.
func parseBound(value string) (time.Time, error) {
	digits := strings.TrimSuffix(value, "Z")
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(layout) == len(digits) {
			if t, err := time.Parse(layout, digits); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("%.40q is no time: YYYYMMDD or YYYYMMDDHHMMSSZ", value)
}

// parsePublic reads a public key: its kind, its bytes, perhaps a comment.
func parsePublic(s string) ([]byte, error) {
	words := strings.Fields(s)
	if len(words) < 2 {
		return nil, errors.New("there is no public key")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(words[1])
	if err != nil {
		return nil, fmt.Errorf("the public key: %w", err)
	}
	key, err := ssh.ParsePublicKey(b)
	if err != nil {
		return nil, fmt.Errorf("the public key: %w", err)
	}
	if _, ok := key.(*ssh.Certificate); ok || key.Type() != words[0] {
		return nil, fmt.Errorf("the public key is %s, not %.40q", key.Type(), words[0])
	}
	return key.Marshal(), nil
}
