// Package delivertest is a mail server for tests, which takes mails over
// loopback or pipes and misbehaves where it is told to.
package delivertest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Options say what the server is like.
type Options struct {
	// TLS is "", "starttls" or "implicit". The certificate is for Names, or for
	// 127.0.0.1 and localhost, by an authority of its own.
	TLS   string
	Names []string
	// User and Password are needed to send, unless User is "". Ways are the ways
	// to show them, PLAIN and LOGIN without.
	User, Password string
	Ways           []string
	// MaxBytes is the largest message, announced as SIZE; 0 for any.
	MaxBytes int64
	// Dir is where each mail is also left, as 0001.eml; "" for nowhere.
	Dir string
	// Pipe serves [Server.Dial] alone, in place of a port on loopback: for
	// testing/synctest.
	Pipe bool
	// Fault is asked at each event what goes wrong, if it is not nil: an error by
	// [Answer], [ErrDrop], [ErrHang], or nil. At connect also [ErrSlow].
	Fault func(Event) error
}

// Event is a moment of a conversation: connect, auth, mail, rcpt, data (none of
// the message has been read), dot (all has been read).
type Event struct {
	At         string
	To         string // from rcpt on
	Connection int    // from 1
}

// What may go wrong besides an answer.
var (
	ErrDrop = errors.New("close the connection")
	ErrHang = errors.New("say nothing any more")
	ErrSlow = errors.New("say a byte every ten seconds")
)

// Answer is an answer with a code, such as 450.
func Answer(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: text}
}

// Mail is a message that the server has, whether or not it said so.
type Mail struct {
	From, To string
	Bytes    []byte
}

// Server is a running mail server.
type Server struct {
	Addr string // host:port
	CA   []byte // PEM: the authority of its certificate

	options Options
	smtp    *smtp.Server
	queue   chan net.Conn
	stopped chan struct{}
	stop    func()
	running sync.WaitGroup

	mu          sync.Mutex
	mails       []Mail
	connections int
}

// Start runs a server until Close.
func Start(o Options) (*Server, error) {
	s := &Server{Addr: "127.0.0.1:2525", options: o, queue: make(chan net.Conn), stopped: make(chan struct{})}
	s.stop = sync.OnceFunc(func() { close(s.stopped) })
	s.smtp = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s, conn: c}, nil
	}))
	s.smtp.Domain, s.smtp.AllowInsecureAuth, s.smtp.MaxMessageBytes = "mail.example.com", true, o.MaxBytes
	s.smtp.ErrorLog = log.New(io.Discard, "", 0)
	var config *tls.Config
	if o.TLS != "" {
		var err error
		if config, s.CA, err = certificate(o.Names); err != nil {
			return nil, err
		}
	}
	if o.TLS == "starttls" {
		s.smtp.TLSConfig = config
	}
	if !o.Pipe {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		s.Addr = l.Addr().String()
		s.running.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				s.running.Go(func() { s.hand(context.Background(), c) })
			}
		})
		s.stop = sync.OnceFunc(func() { close(s.stopped); l.Close() })
	}
	var l net.Listener = listener{s}
	if o.TLS == "implicit" {
		l = tls.NewListener(l, config)
	}
	s.running.Go(func() { s.smtp.Serve(l) })
	return s, nil
}

// Close ends the server and all its connections.
func (s *Server) Close() {
	s.stop()
	s.smtp.Close()
	s.running.Wait()
}

// Mails are the messages that the server has taken.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Connections is how many there were.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections
}

// Dial connects to the server through a pipe.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	if err := s.hand(ctx, ours); err != nil {
		return nil, err
	}
	return theirs, nil
}

// hand gives a new connection to the server.
func (s *Server) hand(ctx context.Context, c net.Conn) error {
	s.mu.Lock()
	s.connections++
	number := s.connections
	s.mu.Unlock()
	switch err := s.fault(Event{At: "connect", Connection: number}); {
	case err == nil:
	case errors.Is(err, ErrSlow):
		c = &slow{c, s.stopped}
	case errors.Is(err, ErrHang):
		s.running.Go(func() { <-s.stopped; c.Close() })
		return nil
	case errors.Is(err, ErrDrop):
		c.Close()
		return fmt.Errorf("dial: %w", net.ErrClosed)
	default:
		s.running.Go(func() {
			answer, _ := errors.AsType[*smtp.SMTPError](err)
			fmt.Fprintf(c, "%d %s\r\n", answer.Code, answer.Message)
			c.Close()
		})
		return nil
	}
	select {
	case s.queue <- &numbered{c, number}:
		return nil
	case <-s.stopped:
		c.Close()
		return net.ErrClosed
	case <-ctx.Done():
		c.Close()
		return ctx.Err()
	}
}

func (s *Server) fault(e Event) error {
	if s.options.Fault == nil {
		return nil
	}
	return s.options.Fault(e)
}

// numbered is a connection that knows which one it is.
type numbered struct {
	net.Conn
	number int
}

// listener accepts the connections of the queue.
type listener struct{ s *Server }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.s.queue:
		return c, nil
	case <-l.s.stopped:
		return nil, net.ErrClosed
	}
}

func (l listener) Close() error   { l.s.stop(); return nil }
func (l listener) Addr() net.Addr { return &net.TCPAddr{} }

// slow says one byte every ten seconds.
type slow struct {
	net.Conn
	stopped chan struct{}
}

func (c *slow) Write(p []byte) (int, error) {
	for i := range p {
		select {
		case <-time.After(10 * time.Second):
		case <-c.stopped:
			return i, net.ErrClosed
		}
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// session is a conversation.
type session struct {
	server   *Server
	conn     *smtp.Conn
	from, to string
	shown    bool // who it is
}

// at does what goes wrong at an event.
func (c *session) at(event string) error { return c.do(c.plan(event)) }

// plan is what goes wrong at an event.
func (c *session) plan(event string) error {
	conn := c.conn.Conn()
	if encrypted, ok := conn.(*tls.Conn); ok {
		conn = encrypted.NetConn()
	}
	return c.server.fault(Event{At: event, To: c.to, Connection: conn.(*numbered).number})
}

func (c *session) do(fault error) error {
	switch {
	case errors.Is(fault, ErrDrop):
		c.conn.Conn().Close()
	case errors.Is(fault, ErrHang):
		<-c.server.stopped
	}
	return fault
}

func (c *session) Reset()        { c.from, c.to = "", "" }
func (c *session) Logout() error { return nil }

func (c *session) Mail(from string, _ *smtp.MailOptions) error {
	if c.server.options.User != "" && !c.shown {
		return Answer(530, "authentication required")
	}
	c.from = from
	return c.at("mail")
}

func (c *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.to = to
	return c.at("rcpt")
}

func (c *session) Data(r io.Reader) error {
	if err := c.at("data"); err != nil {
		return err
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	fault := c.plan("dot")
	if _, refused := errors.AsType[*smtp.SMTPError](fault); !refused {
		if err := c.server.take(Mail{c.from, c.to, b}); err != nil {
			return err
		}
	}
	return c.do(fault)
}

func (s *Server) take(m Mail) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	if s.options.Dir == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(s.options.Dir, fmt.Sprintf("%04d.eml", len(s.mails))), m.Bytes, 0o600)
}

func (c *session) AuthMechanisms() []string {
	switch {
	case c.server.options.User == "":
		return nil
	case c.server.options.Ways != nil:
		return c.server.options.Ways
	}
	return []string{"PLAIN", "LOGIN"}
}

func (c *session) Auth(way string) (sasl.Server, error) {
	check := func(user, password string) error {
		o := c.server.options
		if err := c.at("auth"); err != nil {
			return err
		}
		if user != o.User || password != o.Password {
			return Answer(535, "authentication failed")
		}
		c.shown = true
		return nil
	}
	switch way {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
	case "LOGIN":
		return &login{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// login is the server's side of LOGIN: two questions.
type login struct {
	user  *string
	check func(user, password string) error
}

func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case response == nil:
		return []byte("Username:"), false, nil
	case l.user == nil:
		l.user = new(string(response))
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(*l.user, string(response))
}
