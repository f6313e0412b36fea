package evidencetest

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TSA is a time-stamping server on loopback (RFC 3161), made of openssl.
type TSA struct {
	URL    string
	Roots  []byte // PEM
	dir    string
	server *httptest.Server
	mu     sync.Mutex // openssl counts its stamps in a file
}

// tsaConfig is for openssl: a root, an authority below it, which the stamps carry, and
// a certificate for time stamps alone.
const tsaConfig = `
[req]
distinguished_name = name
prompt = no
[name]
O = Example
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[stamps]
basicConstraints = CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = server
[server]
serial = serial
signer_cert = tsa.pem
certs = middle.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`

// NewTSA starts a server that ends with the test. subject is a part of the name of its
// root: two servers that have the same still have other keys.
func NewTSA(t testing.TB, subject string) *TSA {
	t.Helper()
	s, err := StartTSA(t.TempDir(), subject)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// StartTSA starts a server that keeps its files in dir and ends with [TSA.Close].
func StartTSA(dir, subject string) (*TSA, error) {
	s := &TSA{dir: dir}
	for name, text := range map[string]string{"openssl.cnf": tsaConfig, "serial": "01\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	err := errors.Join(s.issue("root", "root", "authority", subject),
		s.issue("middle", "root", "authority", subject), s.issue("tsa", "middle", "stamps", subject))
	if err != nil {
		return nil, err
	}
	if s.Roots, err = os.ReadFile(filepath.Join(dir, "root.pem")); err != nil {
		return nil, err
	}
	s.server = httptest.NewServer(http.HandlerFunc(s.stamp))
	s.URL = s.server.URL
	return s, nil
}

// Close ends the server.
func (s *TSA) Close() { s.server.Close() }

// issue makes a key and its certificate, signed by that of from.
func (s *TSA) issue(name, from, extensions, subject string) error {
	by := []string{"-CA", from + ".pem", "-CAkey", from + ".key", "-CAcreateserial"}
	if name == from {
		by = []string{"-signkey", name + ".key"}
	}
	for _, args := range [][]string{
		{"req", "-new", "-config", "openssl.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
			"-nodes", "-keyout", name + ".key", "-out", name + ".csr",
			"-subj", "/O=Example/CN=" + subject + " " + name},
		append([]string{"x509", "-req", "-in", name + ".csr", "-days", "365",
			"-extfile", "openssl.cnf", "-extensions", extensions, "-out", name + ".pem"}, by...),
	} {
		cmd := exec.Command("openssl", args...)
		cmd.Dir = s.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("openssl %q: %w\n%s", args, err, out)
		}
	}
	return nil
}

// stamp answers a query with what openssl makes of it.
func (s *TSA) stamp(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query, err := io.ReadAll(r.Body)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "query.tsq"), query, 0o600)
	}
	if err == nil {
		cmd := exec.CommandContext(r.Context(), "openssl", "ts", "-reply", "-config", "openssl.cnf",
			"-queryfile", "query.tsq", "-out", "reply.tsr")
		cmd.Dir = s.dir
		err = cmd.Run()
	}
	var reply []byte
	if err == nil {
		reply, err = os.ReadFile(filepath.Join(s.dir, "reply.tsr"))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(reply)
}
