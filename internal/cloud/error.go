package cloud

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

var (
	// ErrWrites: the operation changes something, and a [Reader] was asked.
	ErrWrites = errors.New("the operation writes, and this client only reads")

	// ErrNoRelationIDs: edit-by-channels or delete-by-channels without
	// authRelationIds. The API takes such a request, and may mean every rule of
	// the source by it.
	ErrNoRelationIDs = errors.New("authRelationIds is empty, which may mean every rule of the source")

	// ErrParams: the operation or a parameter is not one that the API knows.
	// Nothing was sent.
	ErrParams = errors.New("not sent")

	// ErrEndless: a list went on for far more pages than its first total needs.
	ErrEndless = errors.New("the list does not end")
)

var (
	errNoResult   = errors.New("success without a result")
	errNoList     = errors.New("result without a list")
	errTooLarge   = fmt.Errorf("body larger than %d MiB", maxBody>>20)
	errNoEnvelope = errors.New("an object without success")
)

// Error is a request that did not succeed: the cloud refused it (Code, Msg), or
// something between answered in its place (HTTPStatus), or no whole answer came.
// It holds no secret, token or signature, nor the parameters of the request.
type Error struct {
	Endpoint   string // the operation's name, or "token"
	HTTPStatus int    // 0 when no answer came
	Code       int    // the cloud's code, 0 when it gave none
	Msg        string // the cloud's words, or the first bytes of what is not an envelope
	TraceID    string // the cloud's id of the request

	host       string
	writes     bool
	attempts   int
	retryAfter time.Duration
	cause      error // what went wrong on the way, nil when the cloud refused
}

// Error says what happened in one line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Endpoint + ": ")
	switch {
	case e.Code != 0 || e.cause == nil:
		b.WriteString("refused by the cloud")
		if e.Code != 0 {
			fmt.Fprintf(&b, " with code %d", e.Code)
		}
		if e.Msg != "" {
			fmt.Fprintf(&b, " %q", e.Msg)
		} else if known := codes[e.Code].meaning; known != "" {
			b.WriteString(", " + known)
		}
	case e.HTTPStatus != 0 && e.HTTPStatus != http.StatusOK:
		fmt.Fprintf(&b, "HTTP %d %s", e.HTTPStatus, http.StatusText(e.HTTPStatus))
		if e.Msg != "" {
			fmt.Fprintf(&b, ": %q", e.Msg)
		}
	default:
		b.WriteString(e.cause.Error())
		if e.Msg != "" {
			fmt.Fprintf(&b, ": %q", e.Msg)
		}
	}
	if e.attempts > 1 {
		fmt.Fprintf(&b, " (attempt %d)", e.attempts)
	}
	if e.TraceID != "" {
		fmt.Fprintf(&b, " (trace id %q)", e.TraceID)
	}
	return b.String()
}

// Unwrap gives what went wrong on the way, if it was not the cloud's answer.
func (e *Error) Unwrap() error { return e.cause }

// Hint says what a person can do about it, "" if nothing is known.
func (e *Error) Hint() string {
	hint := e.hint()
	if strings.Contains(hint, "%s") {
		hint = strings.ReplaceAll(hint, "%s", e.host)
	}
	if e.writes && e.uncertain() {
		hint = strings.TrimSuffix("the cloud may have carried the request out: look before sending it again; "+hint, "; ")
	}
	return hint
}

// uncertain says whether a request that failed like this may have been carried
// out all the same.
func (e *Error) uncertain() bool {
	return e.cause != nil || e.class() == classSystem || e.Code == 1110
}

func (e *Error) hint() string {
	if e.Code != 0 {
		return codes[e.Code].hint
	}
	if e.HTTPStatus >= 300 && e.HTTPStatus < 500 && e.HTTPStatus != http.StatusTooManyRequests {
		return "check that %s is the API's host and that no proxy answers in its place"
	}
	if e.HTTPStatus != 0 && e.HTTPStatus != http.StatusOK {
		return hintLater
	}
	var (
		dns      *net.DNSError
		op       *net.OpError
		expired  x509.CertificateInvalidError
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		record   tls.RecordHeaderError
		timeout  net.Error
	)
	switch err := e.cause; {
	case errors.As(err, &dns):
		return "%s cannot be looked up: check url or region, and this machine's network and name server"
	case errors.As(err, &expired) && expired.Reason == x509.Expired:
		return "the certificate of %s is not valid at this machine's time: set the clock"
	case errors.As(err, &unknown), errors.As(err, &expired):
		return "the certificate of %s is not trusted: install ca-certificates, or the certificate of the proxy that inspects TLS (SSL_CERT_FILE)"
	case errors.As(err, &hostname):
		return "%s shows the certificate of another host: check url, and that no proxy answers in its place"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "%s does not speak TLS on this port: check url and port"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "%s does not answer: check the firewall, and HTTPS_PROXY if this network needs one"
	case errors.Is(err, syscall.ECONNREFUSED) && isLoopback(e.host):
		return "nothing runs at %s; where that is the sandbox, which ends with the demo, start it: exporter sandbox --listen %s"
	case errors.As(err, &op) && op.Op == "dial":
		return "%s cannot be reached: check url, the firewall, and HTTPS_PROXY if this network needs one"
	}
	return ""
}

// isLoopback says whether host:port is of this machine alone.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// Lasting says whether the next request for the same project would meet the
// same error, so that going on only costs requests: it speaks of credentials,
// clock, plan, network or project, not of one request.
func (e *Error) Lasting() bool {
	op, ok := errors.AsType[*net.OpError](e.cause)
	return codes[e.Code].lasting || e.Endpoint == tokenOperation.Name || ok && op.Op == "dial" || distrusted(e.cause)
}

// class gives the way of retrying.
func (e *Error) class() class {
	if e.Code != 0 {
		if c, ok := codes[e.Code]; ok {
			return c.class
		}
	}
	switch {
	case e.HTTPStatus == http.StatusTooManyRequests:
		return classThrottle
	case e.HTTPStatus >= 500, e.HTTPStatus == http.StatusRequestTimeout, e.HTTPStatus == http.StatusTooEarly:
		return classBack
	case e.HTTPStatus >= 300:
		return classStop
	case e.cause == nil, errors.Is(e.cause, errTooLarge):
		return classStop
	case errors.Is(e.cause, errNoResult), errors.Is(e.cause, errNoList):
		return classOnce
	case distrusted(e.cause):
		return classStop
	}
	return classBack
}

// distrusted says whether TLS could not be agreed on, which waiting does not mend.
func distrusted(err error) bool {
	var (
		verify *tls.CertificateVerificationError
		record tls.RecordHeaderError
		alert  tls.AlertError
	)
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.Is(err, http.ErrSchemeMismatch)
}

// cut shortens untrusted text to what an error quotes of it.
func cut(s string) string {
	if len(s) <= 200 {
		return s
	}
	return strings.ToValidUTF8(s[:200], "") + "..."
}

// inner gives the error within a [url.Error], whose text holds the URL and so
// the parameters of the request.
func inner(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %v: %w", attemptTimeout, err)
	}
	return err
}
