package evidence

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	identity  = "evidence@example.com"
	namespace = "access-evidence@example.com"
)

var (
	sealed  = time.Date(2026, 11, 22, 12, 13, 4, 0, time.UTC)
	message = []byte("0123  data/README.txt\n")
)

// sshKeygen runs the real one and returns its output, both streams.
func sshKeygen(t *testing.T, stdin []byte, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command("ssh-keygen", args...)
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if _, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran {
		t.Fatal(err)
	}
	return string(out), err
}

func write(t *testing.T, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// testKey is a new key at a path.
func testKey(t *testing.T) (*Key, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	key, err := GenerateKey(path, identity, nil)
	if err != nil {
		t.Fatal(err)
	}
	return key, path
}

// TestKeys signs with each kind of key, made by us and by ssh-keygen, and each of
// the two verifies what the other signed.
func TestKeys(t *testing.T) {
	for _, tt := range []struct {
		name       string
		passphrase string
		make       []string // arguments of ssh-keygen; nil: ours
	}{
		{"ours", "", nil},
		{"ours under a passphrase", "open sesame", nil},
		{"ed25519", "", []string{"-t", "ed25519"}},
		{"ed25519 under a passphrase", "open sesame", []string{"-t", "ed25519", "-a", "1"}},
		{"ecdsa", "", []string{"-t", "ecdsa", "-b", "384"}},
		{"rsa", "", []string{"-t", "rsa", "-b", "3072"}},
		{"rsa in PEM", "", []string{"-t", "rsa", "-b", "3072", "-m", "PEM"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if tt.make == nil {
				if _, err := GenerateKey(path, identity, []byte(tt.passphrase)); err != nil {
					t.Fatal(err)
				}
			} else if out, err := sshKeygen(t, nil, append(tt.make, "-q", "-N", tt.passphrase, "-C", identity, "-f", path)...); err != nil {
				t.Fatal(out)
			}
			key, err := OpenKey(path, []byte(tt.passphrase))
			if err != nil {
				t.Fatal(err)
			}
			if out, _ := sshKeygen(t, nil, "-l", "-f", path+".pub"); !strings.Contains(out, " "+key.Fingerprint()+" "+identity+" ") {
				t.Errorf("fingerprint %s, ssh-keygen says %s", key.Fingerprint(), out)
			}
			signers := []byte(key.AllowedSigner(identity, namespace, sealed) + "\n")
			ours, err := key.Sign(namespace, message)
			if err != nil {
				t.Fatal(err)
			}
			out, err := sshKeygen(t, message, "-Y", "verify", "-f", write(t, "allowed_signers", signers), "-I", identity,
				"-n", namespace, "-s", write(t, "sig", ours), "-Overify-time=20261122121304Z")
			want := `Good "` + namespace + `" signature for ` + identity + " with "
			if err != nil || !strings.HasPrefix(out, want) || !strings.Contains(out, key.Fingerprint()) {
				t.Errorf("ssh-keygen of our signature: %s", out)
			}
			signed := write(t, "message", message)
			// It asks for the passphrase on a terminal or by a program alone.
			cmd := exec.Command("ssh-keygen", "-Y", "sign", "-n", namespace, "-f", path, signed)
			ask := write(t, "ask", []byte("#!/bin/sh\necho '"+tt.passphrase+"'\n"))
			if err := os.Chmod(ask, 0o700); err != nil {
				t.Fatal(err)
			}
			cmd.Env = append(os.Environ(), "SSH_ASKPASS="+ask, "SSH_ASKPASS_REQUIRE=force")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%s", out)
			}
			theirs, err := os.ReadFile(signed + ".sig")
			if err != nil {
				t.Fatal(err)
			}
			for name, sig := range map[string][]byte{"ours": ours, "theirs": theirs} {
				got, err := checkSignature(signers, namespace, message, sig, sealed)
				if want := (signer{identity, key.Fingerprint()}); err != nil || got != want {
					t.Errorf("checkSignature of %s = %v, %v, want %v", name, got, err, want)
				}
			}
		})
	}
}

// TestSignatureRefused has what an auditor must not be told to be good. ssh-keygen
// refuses the same; we say why.
func TestSignatureRefused(t *testing.T) {
	key, _ := testKey(t)
	other, _ := testKey(t)
	good := key.AllowedSigner(identity, namespace, sealed)
	with := func(options string) string {
		_, public, _ := strings.Cut(good, " ssh-ed25519 ")
		return identity + " " + options + " ssh-ed25519 " + public
	}
	for _, tt := range []struct {
		name              string
		signers           string
		signIn, namespace string
		message           []byte
		want              error
	}{
		{"it is good", good, namespace, namespace, message, nil},
		{"among others", "# keys\n\n" + other.AllowedSigner("other@example.com", namespace, sealed) + "\n" + good, namespace, namespace, message, nil},
		{"an old line before the one that holds", with(`valid-before="20260101"`) + "\n" + good, namespace, namespace, message, nil},
		{"any namespace", with(`valid-after="20261101"`), namespace, namespace, message, nil},
		{"no options", with(""), namespace, namespace, message, nil},
		{"several namespaces, and a comment", with(`namespaces="file,`+namespace+`"`) + " a comment", namespace, namespace, message, nil},
		{"in the first second", with(`valid-after="20261122121304Z",valid-before="20261123"`), namespace, namespace, message, nil},
		{"in the last second", with(`valid-after="20261121",valid-before="20261122121304Z"`), namespace, namespace, message, nil},
		{"no signer at all", "", namespace, namespace, message, errUnknownKey},
		{"another key", other.AllowedSigner(identity, namespace, sealed), namespace, namespace, message, errUnknownKey},
		{"expired", with(`valid-before="20261122121303Z"`), namespace, namespace, message, errKeyTime},
		{"not valid yet", with(`valid-after="20261122121305Z"`), namespace, namespace, message, errKeyTime},
		{"signed for git", good, "git", namespace, message, errOtherNamespace},
		{"signed for the evidence of others", good, "access-evidence@example.org", namespace, message, errOtherNamespace},
		{"the key is for git alone", with(`namespaces="git"`), namespace, namespace, message, errOtherNamespace},
		{"another message", good, namespace, namespace, append([]byte("x"), message...), errBrokenSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sig, err := key.Sign(tt.signIn, message)
			if err != nil {
				t.Fatal(err)
			}
			got, err := checkSignature([]byte(tt.signers), tt.namespace, tt.message, sig, sealed)
			if !errors.Is(err, tt.want) {
				t.Errorf("checkSignature: %v, want %v", err, tt.want)
			}
			if got.Fingerprint != key.Fingerprint() || (got.Identity == identity) != (tt.want == nil) {
				t.Errorf("checkSignature = %v", got)
			}
			out, err := sshKeygen(t, tt.message, "-Y", "verify", "-f", write(t, "allowed_signers", []byte(tt.signers+"\n")),
				"-I", identity, "-n", tt.namespace, "-s", write(t, "sig", sig), "-Overify-time=20261122121304Z")
			if (err == nil) != (tt.want == nil) {
				t.Errorf("ssh-keygen: %v: %s", err, out)
			}
		})
	}
}

// TestSignatureBits changes every bit of a signature, cuts it everywhere, and adds to it.
func TestSignatureBits(t *testing.T) {
	key, _ := testKey(t)
	signers := []byte(key.AllowedSigner(identity, namespace, sealed))
	sig, err := key.Sign(namespace, message)
	if err != nil {
		t.Fatal(err)
	}
	var cases [][]byte
	for i := range sig {
		for bit := range 8 {
			b := bytes.Clone(sig)
			b[i] ^= 1 << bit
			cases = append(cases, b)
		}
		cases = append(cases, sig[:i])
	}
	cases = append(cases, append(bytes.Clone(sig), 'x'), append([]byte("x\n"), sig...),
		append([]byte("\n"), sig...), append(bytes.Clone(sig), '\n'), append(bytes.Clone(sig), sig...),
		bytes.ReplaceAll(sig, []byte("\n"), []byte("\r\n")))
	for _, b := range cases {
		got, err := checkSignature(signers, namespace, message, b, sealed)
		if err == nil || got.Identity != "" {
			t.Fatalf("checkSignature takes\n%q", b)
		}
	}
}

// TestSignersRefused has lines whose meaning is not plain, or that allow more than
// one key of one person.
func TestSignersRefused(t *testing.T) {
	key, _ := testKey(t)
	sig, err := key.Sign(namespace, message)
	if err != nil {
		t.Fatal(err)
	}
	good := key.AllowedSigner(identity, namespace, sealed)
	_, public, _ := strings.Cut(good, " ssh-ed25519 ")
	for _, line := range []string{
		"evidence@example.com", "evidence@example.com ssh-ed25519", "*@example.com ssh-ed25519 " + public,
		"evidence@example.com,other@example.com ssh-ed25519 " + public, "!evidence@example.com ssh-ed25519 " + public,
		`"evidence@example.com" ssh-ed25519 ` + public, "evidence@example.com cert-authority ssh-ed25519 " + public,
		"evidence@example.com ssh-rsa " + public, "evidence@example.com ssh-ed25519 " + public[:20],
		`evidence@example.com namespaces="*" ssh-ed25519 ` + public, `evidence@example.com namespaces="" ssh-ed25519 ` + public,
		`evidence@example.com namespaces="a" ` + public, `evidence@example.com namespaces="a",namespaces="b" ssh-ed25519 ` + public,
		`evidence@example.com namespaces=a ssh-ed25519 ` + public, `evidence@example.com namespaces="a ssh-ed25519 ` + public,
		`evidence@example.com valid-before="soon" ssh-ed25519 ` + public, `evidence@example.com valid-before="20261301" ssh-ed25519 ` + public,
		`evidence@example.com verify-required="x" ssh-ed25519 ` + public, `evidence@example.com namespaces="a"ssh-ed25519 ` + public,
	} {
		_, err := checkSignature([]byte("# keys\n"+line+"\n"+good+"\n"), namespace, message, sig, sealed)
		if err == nil || !strings.HasPrefix(err.Error(), "allowed_signers: line 2: ") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestOpenKeyRefused(t *testing.T) {
	_, path := testKey(t)
	private, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(t.TempDir(), "locked")
	if _, err := GenerateKey(locked, identity, []byte("open sesame")); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short")
	if out, err := sshKeygen(t, nil, "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", short); err != nil {
		t.Fatal(out)
	}
	open := write(t, "open", private)
	if err := os.Chmod(open, 0o640); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, passphrase, want, hint string }{
		{"is not there", path + "x", "", "no such file", "exporter evidence keygen"},
		{"a folder", t.TempDir(), "", "is no file", ""},
		{"open to its group", open, "", "is open to other accounts (mode 0640)", "chmod 600"},
		{"locked", locked, "", "has a passphrase", "evidence.passphrase"},
		{"another passphrase", locked, "open sesam", "the passphrase is wrong", ""},
		{"the public half", write(t, "key.pub", public), "", "is the public half", "without .pub"},
		{"another file", write(t, "notes.txt", message), "", "is no private key", "exporter evidence keygen"},
		{"empty", write(t, "empty", nil), "", "is no private key", ""},
		{"cut", write(t, "cut", private[:200]), "", "is no private key", ""},
		{"too short", short, "", "an RSA key of 2048 bits is too short", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := OpenKey(tt.path, []byte(tt.passphrase))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("OpenKey: %v, want %q", err, tt.want)
			}
			hint := ""
			if e, ok := errors.AsType[*keyError](err); ok {
				hint = e.Hint()
			}
			if !strings.Contains(hint, tt.hint) {
				t.Errorf("the hint is %q, without %q", hint, tt.hint)
			}
		})
	}
}

// TestGenerateKeyKeeps sees that no file that is there is lost, nor half a key left.
func TestGenerateKeyKeeps(t *testing.T) {
	for _, there := range []string{"key", "key.pub"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, there), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := GenerateKey(filepath.Join(dir, "key"), identity, nil); !errors.Is(err, os.ErrExist) {
			t.Errorf("with %s there: %v", there, err)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) != 1 {
			t.Errorf("with %s there: %v are left, %v", there, files, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, there)); string(b) != "mine" {
			t.Errorf("%s is now %q, %v", there, b, err)
		}
	}
	_, path := testKey(t)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
}

func TestNamespace(t *testing.T) {
	for in, want := range map[string]string{
		"evidence@example.com": namespace, "a.b+c@x": "access-evidence@x",
		"": "", "evidence": "", "@example.com": "", "evidence@": "", "a@b@c": "", "a b@c": "", `a"@c`: "", "*@c": "", "a,b@c": "", "ä@c": "",
	} {
		if got, err := Namespace(in); got != want || (err == nil) != (want != "") {
			t.Errorf("Namespace(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

// FuzzSigners reads any file allowed_signers, and sees that what a line is made of
// comes back.
func FuzzSigners(f *testing.F) {
	key, err := GenerateKey(filepath.Join(f.TempDir(), "key"), identity, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key.AllowedSigner(identity, namespace, sealed))
	f.Add("# a\n\na@b valid-before=\"20260101\",namespaces=\"x,y\"\tssh-ed25519 AAAA comment\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := parseSigners([]byte(text))
		if err != nil {
			return
		}
		for _, l := range lines {
			if _, err := Namespace(l.identity); err != nil || len(l.key) == 0 {
				t.Errorf("%q gives %+v", text, l)
			}
		}
	})
}
