package evidence

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"exporter/internal/evidence/evidencetest"
)

// TestTimestamp has a stamp made by openssl, which openssl and we verify; and no
// other message, server, nor any change of the stamp is taken.
func TestTimestamp(t *testing.T) {
	tsa, other := evidencetest.NewTSA(t, "Root"), evidencetest.NewTSA(t, "Root")
	before := time.Now().Truncate(time.Second)
	response, err := RequestTimestamp(t.Context(), http.DefaultClient, tsa.URL, message, tsa.Roots)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "ts", "-verify", "-data", write(t, "message", message),
		"-in", write(t, "message.tsr", response), "-CAfile", write(t, "roots.pem", tsa.Roots)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Verification: OK") {
		t.Errorf("openssl: %v\n%s", err, out)
	}
	at, err := CheckTimestamp(response, message, tsa.Roots)
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("CheckTimestamp = %v, %v", at, err)
	}
	if _, err := CheckTimestamp(response, message, append(bytes.Clone(other.Roots), tsa.Roots...)); err != nil {
		t.Errorf("with a second root: %v", err)
	}
	for _, tt := range []struct {
		name                     string
		response, message, roots []byte
		want                     string
	}{
		{"another message", response, append([]byte("x"), message...), tsa.Roots, "it is not of these bytes"},
		{"another server", response, message, other.Roots, "certificate"},
		{"no roots", response, message, nil, "no root certificate"},
		{"empty", nil, message, tsa.Roots, "it is no response"},
		{"text", []byte("hello"), message, tsa.Roots, "it is no response"},
		{"cut", response[:len(response)-1], message, tsa.Roots, "it is no response"},
		{"more behind", append(bytes.Clone(response), 0), message, tsa.Roots, "it is no response"},
	} {
		_, err := CheckTimestamp(tt.response, tt.message, tt.roots)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	for i := range response {
		b := bytes.Clone(response)
		b[i] ^= 1 << (i % 8)
		if got, err := CheckTimestamp(b, message, tsa.Roots); err == nil && !got.Equal(at) {
			t.Errorf("with bit %d of byte %d changed, it is taken for %v", i%8, i, got)
		}
	}
}

// TestTimestampServers has servers that do not do what they should.
func TestTimestampServers(t *testing.T) {
	tsa := evidencetest.NewTSA(t, "Root")
	old, err := RequestTimestamp(t.Context(), http.DefaultClient, tsa.URL, message, tsa.Roots)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(status int, kind string, body []byte) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write(body)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	const kind = "application/timestamp-reply"
	for _, tt := range []struct{ name, url, want string }{
		{"busy", answer(503, "text/plain", nil), "503"},
		{"a web page", answer(200, "text/html", []byte("<p>hello")), "text/html"},
		{"an old stamp of the same message", answer(200, kind, old), "nonce"},
		{"empty", answer(200, kind, nil), "time stamp from http://"},
		{"gone", "http://127.0.0.1:1/", "refused"},
		{"not a URL", "stamps.example.com", "scheme"},
	} {
		_, err := RequestTimestamp(t.Context(), http.DefaultClient, tt.url, message, tsa.Roots)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if _, err := RequestTimestamp(t.Context(), http.DefaultClient, tsa.URL, message, nil); err == nil {
		t.Error("a stamp that cannot be checked is taken")
	}
}

// FuzzTimestamp reads any response, beginning with one that was kept.
func FuzzTimestamp(f *testing.F) {
	response, err := os.ReadFile("testdata/stamp.tsr")
	if err != nil {
		f.Fatal(err)
	}
	roots, err := os.ReadFile("testdata/stamp.pem")
	if err != nil {
		f.Fatal(err)
	}
	want, err := CheckTimestamp(response, message, roots)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(response)
	f.Fuzz(func(t *testing.T, b []byte) {
		if at, err := CheckTimestamp(b, message, roots); err == nil && !at.Equal(want) {
			t.Errorf("%x is taken for %v", b, at)
		}
	})
}

// TestTimestampSHA1 has a server whose stamps name its certificate by SHA-1, as some
// old ones do.
func TestTimestampSHA1(t *testing.T) {
	dir := t.TempDir()
	tsa, err := evidencetest.StartTSA(dir, "Root")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tsa.Close)
	config, err := os.ReadFile(dir + "/openssl.cnf")
	if err != nil {
		t.Fatal(err)
	}
	config = bytes.Replace(config, []byte("ess_cert_id_alg = sha256"), []byte("ess_cert_id_alg = sha1"), 1)
	if err := os.WriteFile(dir+"/openssl.cnf", config, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = RequestTimestamp(t.Context(), http.DefaultClient, tsa.URL, message, tsa.Roots)
	if e, ok := errors.AsType[*keyError](err); !ok || !strings.Contains(e.Hint(), "SHA-1") {
		t.Errorf("RequestTimestamp: %v", err)
	}
}
