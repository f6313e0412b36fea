package evidence

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestEncrypt encrypts to a key of age and to SSH keys, and age and we read it with
// each of the private halves.
func TestEncrypt(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %q: %v", name, args, err)
		}
		return string(out)
	}
	run("age-keygen", "-o", "age")
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "ed25519")
	run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "rsa")
	run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "other")
	recipients := []string{strings.TrimSpace(run("age-keygen", "-y", "age"))}
	for _, name := range []string{"ed25519.pub", "rsa.pub"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		recipients = append(recipients, strings.TrimSpace(string(b)))
	}
	if err := CheckRecipients(recipients); err != nil {
		t.Fatal(err)
	}
	text := bytes.Repeat([]byte("Nobody else reads this. "), 10_000)
	var sealed bytes.Buffer
	w, err := Encrypt(&sealed, recipients)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed.Bytes(), []byte("Nobody")) {
		t.Error("it can be read without a key")
	}
	if err := os.WriteFile(filepath.Join(dir, "sealed.age"), sealed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"age", "ed25519", "rsa"} {
		if got := run("age", "-d", "-i", name, "sealed.age"); got != string(text) {
			t.Errorf("age reads something else with %s", name)
		}
		if got, err := decrypt(t, sealed.Bytes(), filepath.Join(dir, name), ""); err != nil || !bytes.Equal(got, text) {
			t.Errorf("Decrypt with %s: %v", name, err)
		}
	}
	if _, err := decrypt(t, sealed.Bytes(), filepath.Join(dir, "other"), ""); err == nil || !strings.Contains(err.Error(), "not encrypted to this identity") {
		t.Errorf("with another key: %v", err)
	}
	cut, err := decrypt(t, sealed.Bytes()[:sealed.Len()-1], filepath.Join(dir, "age"), "")
	if err == nil {
		t.Errorf("cut by a byte, %d bytes are taken", len(cut))
	}
}

// TestDecryptLocked reads with an SSH key under a passphrase.
func TestDecryptLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if _, err := GenerateKey(path, identity, []byte("open sesame")); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := Encrypt(&sealed, []string{string(public)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := decrypt(t, sealed.Bytes(), path, "open sesame"); err != nil || !bytes.Equal(got, message) {
		t.Errorf("Decrypt = %q, %v", got, err)
	}
	for passphrase, want := range map[string]string{"": "has a passphrase", "sesame": "the passphrase is wrong"} {
		if _, err := decrypt(t, sealed.Bytes(), path, passphrase); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("under %q: %v, want %q", passphrase, err, want)
		}
	}
}

func decrypt(t *testing.T, sealed []byte, identity, passphrase string) ([]byte, error) {
	t.Helper()
	key, err := os.ReadFile(identity)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Decrypt(bytes.NewReader(sealed), key, []byte(passphrase))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestCheckRecipients(t *testing.T) {
	const good = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
	for _, tt := range []struct {
		recipients []string
		want       []string // all of them said
	}{
		{[]string{good}, nil},
		{nil, []string{"no recipients"}},
		{[]string{""}, []string{`recipient ""`}},
		{[]string{"auditor@example.com", good, good[:20]}, []string{`recipient "auditor@example.com"`, `recipient "age1ql3z7hjy54pw3hyw"`}},
		{[]string{"ssh-ed25519 AAAA"}, []string{`recipient "ssh-ed25519 AAAA"`}},
		{[]string{"AGE-SECRET-KEY-1QQQ"}, []string{"a recipient is a secret key"}},
	} {
		err := CheckRecipients(tt.recipients)
		if (err == nil) != (tt.want == nil) {
			t.Errorf("CheckRecipients(%q): %v", tt.recipients, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("CheckRecipients(%q): %v, without %q", tt.recipients, err, want)
			}
		}
		if err != nil && strings.Contains(err.Error(), "1QQQ") {
			t.Errorf("a secret is printed: %v", err)
		}
	}
}
