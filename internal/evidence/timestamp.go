package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/notaryproject/tspclient-go"
)

// RequestTimestamp asks the time-stamping server at url (RFC 3161) for a token over
// message and returns its response, as openssl ts -reply has it, after checking it
// with [CheckTimestamp]. It sends nothing of the message but its SHA-256.
func RequestTimestamp(ctx context.Context, client *http.Client, url string, message, roots []byte) (
	[]byte, error) {
	response, err := requestTimestamp(ctx, client, url, message)
	if err == nil {
		_, err = CheckTimestamp(response, message, roots)
	}
	if err != nil {
		return nil, fmt.Errorf("time stamp from %s: %w", url, err)
	}
	return response, nil
}

func requestTimestamp(ctx context.Context, client *http.Client, url string, message []byte) (
	[]byte, error) {
	request, err := tspclient.NewRequest(tspclient.RequestOptions{
		Content: message, HashAlgorithm: crypto.SHA256,
	})
	if err != nil {
		return nil, err
	}
	server, err := tspclient.NewHTTPTimestamper(client, url)
	if err != nil {
		return nil, err
	}
	response, err := server.Timestamp(ctx, request)
	if _, ok := errors.AsType[*tspclient.InvalidResponseError](err); ok {
		return nil, &keyError{err, "the server has to answer the very request, and to send its " +
			"certificate, which the stamp names by SHA-256 and not by SHA-1 alone (RFC 5816)"}
	}
	if err != nil {
		return nil, err
	}
	return response.MarshalBinary()
}

// CheckTimestamp checks that response is a time stamp over message by a server whose
// certificate leads to one of roots (PEM) and was valid at the time of the stamp,
// which it returns, in UTC. It cannot know whether a certificate was revoked, and does
// not find a change in the bytes of a response that nobody signed. Tokens
// that name their certificate by SHA-1 alone (before RFC 5816) are refused.
func CheckTimestamp(response, message, roots []byte) (time.Time, error) {
	var r tspclient.Response
	if rest, err := asn1.Unmarshal(response, &r); err != nil || len(rest) > 0 {
		return time.Time{}, errors.New("it is no response of a time-stamping server")
	}
	token, err := r.SignedToken()
	if err != nil {
		return time.Time{}, err
	}
	info, err := token.Info()
	if err != nil {
		return time.Time{}, err
	}
	stamp, err := info.Validate(message)
	if err != nil {
		return time.Time{}, fmt.Errorf("it is not of these bytes: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(roots) {
		return time.Time{}, errors.New("there is no root certificate (PEM) to check it by")
	}
	at := stamp.Value.UTC()
	valid := x509.VerifyOptions{Roots: pool, CurrentTime: at}
	if _, err := token.Verify(context.Background(), valid); err != nil {
		return time.Time{}, err
	}
	if err := checkCertificates(token.Certificates, roots); err != nil {
		return time.Time{}, err
	}
	return at, nil
}

// checkCertificates returns an error for a certificate of a token that is not signed
// as it says, though the one it names is at hand. Those that the stamp did not need
// are looked at by nobody else.
func checkCertificates(certificates []*x509.Certificate, roots []byte) error {
	issuers := slices.Clone(certificates)
	for block, rest := pem.Decode(roots); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			issuers = append(issuers, c)
		}
	}
	for _, c := range certificates {
		named, signed := false, false
		for _, issuer := range issuers {
			if bytes.Equal(issuer.RawSubject, c.RawIssuer) {
				named = true
				signed = signed || c.CheckSignatureFrom(issuer) == nil
			}
		}
		if named && !signed {
			return fmt.Errorf("a certificate in it is not signed as it says, that of %.200q", c.Subject)
		}
	}
	return nil
}
