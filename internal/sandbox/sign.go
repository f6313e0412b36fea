package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// signer recomputes the signature (version 2) of a request:
//
//	sign         = upper hex HMAC-SHA256(secret, client_id + access_token + t + nonce + stringToSign)
//	stringToSign = METHOD \n hex(SHA-256(body)) \n headers \n path?query
//
// Token calls leave the access token out. The query is sorted and decoded;
// headers is "name:value\n" of each name in Signature-Headers.
type signer struct{ id, secret string }

func (g signer) sign(r *http.Request, body []byte, token string) string {
	h := r.Header
	hash := sha256.Sum256(body)
	var b strings.Builder
	b.WriteString(g.id + token + h.Get("t") + h.Get("nonce"))
	b.WriteString(r.Method + "\n" + hex.EncodeToString(hash[:]) + "\n")
	if names := h.Get("Signature-Headers"); names != "" {
		for name := range strings.SplitSeq(names, ":") {
			b.WriteString(name + ":" + h.Get(name) + "\n")
		}
	}
	b.WriteString("\n" + r.URL.Path)
	b.WriteString(signedQuery(r.URL.Query()))
	return g.mac(b.String())
}

// signV1 is the signature of projects made before 2021-06-30.
func (g signer) signV1(r *http.Request, token string) string {
	return g.mac(g.id + token + r.Header.Get("t"))
}

func (g signer) mac(text string) string {
	m := hmac.New(sha256.New, []byte(g.secret))
	m.Write([]byte(text))
	return strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
}

func signedQuery(q url.Values) string {
	var b strings.Builder
	sep := "?"
	keys := make([]string, 0, len(q))
	for k := range q {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		for _, v := range q[k] {
			b.WriteString(sep + k + "=" + v)
			sep = "&"
		}
	}
	return b.String()
}

func equalSign(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
