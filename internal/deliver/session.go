package deliver

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// How long a step may take. RFC 5321, 4.5.3.2 asks for minutes: a server may look
// at a message for long before it answers to the last dot.
const (
	connectTime = 30 * time.Second
	commandTime = 2 * time.Minute
	blockTime   = 2 * time.Minute
	dotTime     = 10 * time.Minute
)

// block is how many bytes of a message have to go out within blockTime.
const block = 64 << 10

// Envelope is from and to whom a message goes: addresses alone. Name is that of
// its file where a folder stands for the server.
type Envelope struct{ From, To, Name string }

// Send hands one message over and returns the server's answer to its last dot.
// Its error is a [Failure], or of ctx.
func (s *Server) Send(ctx context.Context, e Envelope, message []byte) (answer string, err error) {
	c, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	defer c.close()
	return c.send(ctx, e, message)
}

// Hello connects, encrypts and authenticates, and sends nothing. Its error is a
// [Failure], or of ctx.
func (s *Server) Hello(ctx context.Context) error {
	c, err := s.open(ctx)
	if err != nil {
		return err
	}
	c.close()
	return nil
}

// session is a connection that has said who it is, and takes one message after
// the other. The end of its context ends it at once.
type session struct {
	server *Server
	conn   *bounded
	client *smtp.Client
	stop   func() bool
	broken bool // nothing more can be said on it
}

// open connects, encrypts and authenticates. Its error is a [Failure] of the
// session, or of ctx.
func (s *Server) open(ctx context.Context) (*session, error) {
	if s.Folder != "" {
		return &session{server: s}, nil
	}
	dial := s.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	dialCtx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := dial(dialCtx, "tcp", s.Addr)
	if err != nil {
		return nil, failed(ctx, "connect", err)
	}
	c := &session{server: s, conn: &bounded{Conn: conn}}
	c.stop = context.AfterFunc(ctx, func() { conn.Close() })
	if step, err := c.greet(); err != nil {
		c.close()
		return nil, failed(ctx, step, err)
	}
	return c, nil
}

// failed is err of a step that concerns the whole session.
func failed(ctx context.Context, step string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f := failure(step, err)
	f.Session = true
	return f
}

// failure is err of a step with the server's answer taken out of it.
func failure(step string, err error) *Failure {
	f := &Failure{Step: step, Text: clip(err.Error()), err: err}
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		f.Code, f.Text = answer.Code, clip(answer.Msg)
	} else if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		f.Text = "no answer in time"
	} else if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		f.Text = "the server closed the connection"
	}
	return f
}

// greet says hello, and returns which step failed.
func (c *session) greet() (step string, err error) {
	s := c.server
	host, _, _ := net.SplitHostPort(s.Addr)
	var plain net.Conn = c.conn
	c.within(connectTime)
	if s.TLS == ImplicitTLS {
		encrypted := tls.Client(plain, s.tlsConfig())
		if err := encrypted.Handshake(); err != nil {
			return "TLS", err
		}
		plain = encrypted
	}
	c.within(commandTime)
	if c.client, err = smtp.NewClient(plain, host); err != nil {
		return "connect", err
	}
	c.client.SkipSMTPUTF8(true) // all is ASCII: a server that cannot do it may stand behind this one
	if err := c.client.Hello(c.name()); err != nil {
		return "connect", err
	}
	c.step("connect", s.Addr)
	if s.TLS == StartTLS {
		if ok, _ := c.client.Extension("STARTTLS"); !ok {
			return "TLS", errors.New("the server offers no STARTTLS, and nothing is sent unencrypted")
		}
		c.within(connectTime)
		if err := c.client.StartTLS(s.tlsConfig()); err != nil {
			return "TLS", err
		}
	}
	state, encrypted := c.client.TLSConnectionState()
	if encrypted {
		c.step("TLS", fmt.Sprintf("%s, certificate of %s valid until %s", tls.VersionName(state.Version), host,
			state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly)))
	} else {
		c.step("TLS", "none, on loopback")
	}
	if s.User == "" {
		return "", nil
	}
	if !encrypted {
		return "authenticate", errors.New("a password is not sent unencrypted")
	}
	c.within(commandTime)
	auth, how, err := c.auth(host)
	if err != nil {
		return "authenticate", err
	}
	if err := c.client.Auth(auth); err != nil {
		return "authenticate", err
	}
	c.step("authenticate", how+" as "+s.User)
	return "", nil
}

// auth chooses how to show the password. The connection is encrypted and the
// server known, so that the plain ways come first: every account works with
// them.
func (c *session) auth(host string) (smtp.Auth, string, error) {
	_, offered := c.client.Extension("AUTH")
	s, ways := c.server, strings.Fields(strings.ToUpper(offered))
	for _, way := range []struct {
		name string
		auth smtp.Auth
	}{
		{"PLAIN", smtp.PlainAuth("", s.User, s.Password, host, false)},
		{"LOGIN", smtp.LoginAuth(s.User, s.Password, host, false)},
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(s.User, s.Password)},
		{"CRAM-MD5", smtp.CRAMMD5Auth(s.User, s.Password)},
	} {
		if slices.Contains(ways, way.name) {
			return way.auth, way.name, nil
		}
	}
	return nil, "", fmt.Errorf("the server offers none of PLAIN, LOGIN, SCRAM-SHA-256, CRAM-MD5, but %q", clip(offered))
}

// name is what this machine calls itself: its full name, or its address.
func (c *session) name() string {
	if host, err := os.Hostname(); err == nil && strings.Contains(host, ".") {
		return host
	}
	addr, ok := c.conn.LocalAddr().(*net.TCPAddr)
	switch {
	case !ok:
		return "localhost"
	case addr.IP.To4() == nil:
		return "[IPv6:" + addr.IP.String() + "]"
	}
	return "[" + addr.IP.String() + "]"
}

// within limits the next step.
func (c *session) within(d time.Duration) {
	c.conn.SetDeadline(time.Now().Add(d)) // its error shows at the next use
	c.conn.left = maxAnswer
}

// maxAnswer is how many bytes a server may say in one step.
const maxAnswer = 1 << 20

// bounded is a connection on which a server that talks without end is not heard
// for ever.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the server's answer does not end")
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (c *session) step(name, what string) {
	if c.server.Step != nil {
		c.server.Step(name, what)
	}
}

// send hands over one message. After a [Failure] of the session, or one without
// an answer, the session is broken.
func (c *session) send(ctx context.Context, e Envelope, message []byte) (answer string, err error) {
	if c.conn == nil {
		return c.server.keep(e, message)
	}
	if limit, ok := c.sizeLimit(); ok && int64(len(message)) > limit {
		text := fmt.Sprintf("message of %d bytes, the server takes %d", len(message), limit)
		return "", &Failure{Step: "message", Code: 552, Text: text}
	}
	step, answer, sent, err := c.transact(e, message)
	if err == nil {
		c.step("accepted", answer)
		return answer, nil
	}
	if ctx.Err() != nil {
		c.broken = true
		return "", &Failure{Step: step, Text: "interrupted", Session: true, Sent: sent, err: ctx.Err()}
	}
	f := failure(step, err)
	f.Sent = sent && f.Code == 0
	switch f.Code {
	case 0:
		c.broken = true
	case 421, 530, 534, 535, 538: // the server is closing, or does not take this client
		f.Session, c.broken = true, true
	default:
		c.within(commandTime)
		c.broken = c.client.Reset() != nil
	}
	return "", f
}

// transact returns the step that failed, and whether the last dot had been begun.
func (c *session) transact(e Envelope, message []byte) (step, answer string, sent bool, err error) {
	c.within(commandTime)
	if err := c.client.Mail("<" + e.From + ">"); err != nil {
		return "from", "", false, err
	}
	c.within(commandTime)
	if err := c.client.Rcpt("<" + e.To + ">"); err != nil {
		return "recipient", "", false, err
	}
	c.within(commandTime)
	w, err := c.client.Data()
	if err != nil {
		return "message", "", false, err
	}
	for part := range slices.Chunk(message, block) {
		c.within(blockTime)
		if _, err := w.Write(part); err != nil {
			return "message", "", false, err // without the dot, so that no half is taken
		}
	}
	c.within(dotTime)
	if err := w.Close(); err != nil {
		return "message", "", true, err
	}
	if closed, ok := w.(*smtp.DataCloser); ok {
		answer = clip(closed.ServerResponse())
	}
	return "message", cmp.Or(answer, "accepted"), true, nil
}

// sizeLimit is the largest message that the server says it takes, in bytes.
func (c *session) sizeLimit() (int64, bool) {
	_, limit := c.client.Extension("SIZE")
	n, err := strconv.ParseInt(limit, 10, 64)
	return n, err == nil && n > 0
}

// close ends the session, politely where it still can.
func (c *session) close() {
	if c.conn == nil { // it is a folder
		return
	}
	if c.client != nil && !c.broken {
		c.within(5 * time.Second)
		c.client.Quit() // the mails have their answers: nothing hangs on this one
	}
	c.stop()
	c.conn.Close()
}
