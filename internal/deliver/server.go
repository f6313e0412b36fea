package deliver

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
)

// Server is a mail server that takes mails for others: host, port, and how its
// connections are protected. Its fields must not change while it is used.
type Server struct {
	Addr     string // host:port
	User     string // "" for none
	Password string
	TLS      TLSMode
	Roots    *x509.CertPool // nil for those of the system

	// Folder takes the mails as files in place of a server, unless it is "".
	Folder string

	// Dial opens connections in place of a [net.Dialer], unless it is nil.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Step is told each step of a connection that is done, unless it is nil.
	Step func(name, what string)
}

// TLSMode is how connections are protected.
type TLSMode int

// StartTLS turns a connection into an encrypted one, and no mail goes without;
// ImplicitTLS begins encrypted; Plain is for loopback without a password only.
const (
	StartTLS TLSMode = iota
	ImplicitTLS
	Plain
)

// ParseServer takes smtp://user@host:port, or smtps:// for a port that begins
// encrypted, or file:PATH, a folder that stands for a server, to look at mails.
// smtp asks for STARTTLS, unless the host is loopback and there is no user: a
// password never goes unencrypted. Without a port it is 587 or 465. With caFile, a
// PEM file, only certificates by its authorities are taken.
func ParseServer(server, password, caFile string) (*Server, error) {
	if folder, ok := strings.CutPrefix(server, "file:"); ok {
		if folder == "" {
			return nil, errors.New("file: names no folder")
		}
		return &Server{Folder: folder}, nil
	}
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("%q is no URL", clip(withoutUser(server)))
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("a password does not belong into the URL, but into mail.password")
	}
	s := &Server{User: u.User.Username(), Password: password}
	port := "587"
	switch u.Scheme {
	case "smtp":
	case "smtps":
		port, s.TLS = "465", ImplicitTLS
	default:
		return nil, fmt.Errorf("%q begins with none of file:, smtp://, smtps://", clip(withoutUser(server)))
	}
	switch {
	case u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q is not of the form smtp://user@host:port", clip(withoutUser(server)))
	case s.User == "" && password != "":
		return nil, errors.New("there is a password, but no user: smtp://user@host:port")
	case s.User != "" && password == "":
		return nil, errors.New("there is a user, but no password")
	case s.User == "" && s.TLS == StartTLS && isLoopback(u.Hostname()):
		s.TLS = Plain
	}
	if n, err := strconv.Atoi(cmp.Or(u.Port(), port)); err != nil || n < 1 || n > 65535 {
		return nil, fmt.Errorf("%q has no port between 1 and 65535", clip(withoutUser(server)))
	}
	s.Addr = net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		s.Roots = x509.NewCertPool()
		if !s.Roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", caFile)
		}
	}
	return s, nil
}

// withoutUser is a URL without what stands before its last @, where somebody may
// have put a password.
func withoutUser(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return "...@" + s[i+1:]
	}
	return s
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (s *Server) tlsConfig() *tls.Config {
	host, _, _ := net.SplitHostPort(s.Addr)
	return &tls.Config{ServerName: host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
}

// Failure is what came of a mail that was not accepted, or of a connection.
type Failure struct {
	Step string // what was being done: connect, TLS, authenticate, from, recipient, message
	// Code is the server's, as 550; 0 where it gave no answer.
	Code int
	// Text is the server's, or what kept it from answering.
	Text string
	// Session says that the connection, not the mail, is the matter: none could
	// be made, the server refused this client, or is closing.
	Session bool
	// Sent says that the whole message went out and its answer was not seen, so
	// that the server may have it.
	Sent bool

	err error
}

func (f *Failure) Error() string {
	if f.Code == 0 {
		return fmt.Sprintf("mail server: %s: %s", f.Step, f.Text)
	}
	return fmt.Sprintf("mail server: %s: answered %d %s", f.Step, f.Code, f.Text)
}

// Unwrap returns what kept the server from answering.
func (f *Failure) Unwrap() error { return f.err }

// Hint says what a person can do, or "".
func (f *Failure) Hint() string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.As(f.err, &unknown):
		return "its certificate is by an authority that this machine does not know: " +
			"put that authority's certificate (PEM) under mail.ca_file"
	case errors.As(f.err, &name):
		return "its certificate is for another name: write that name in mail.server"
	case f.Step == "authenticate" && f.Code != 0:
		return "check the user in mail.server and mail.password; " +
			"some providers want a password for programs, or have to allow SMTP first"
	case f.Step == "connect":
		return "check host and port in mail.server, and whether a firewall lets this machine out to it"
	}
	return ""
}

// Outcome is what an [Attempt] that came to this is called: [Refused] where another
// would fail too, [Deferred], or [NoAnswer].
func (f *Failure) Outcome() string {
	switch {
	case f.permanent():
		return Refused
	case f.Code != 0:
		return Deferred
	}
	return NoAnswer
}

// permanent says that another attempt would fail too.
func (f *Failure) permanent() bool { return f.Code >= 500 && !f.Session }
