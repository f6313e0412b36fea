package deliver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"exporter/internal/deliver/delivertest"
)

// firstly makes an event go wrong so many times.
func firstly(times int64, at string, with error) func(delivertest.Event) error {
	var seen atomic.Int64
	return func(e delivertest.Event) error {
		if e.At != at || seen.Add(1) > times {
			return nil
		}
		return with
	}
}

// Whatever a server does, each mail arrives as often as it must, the journal
// has every answer, and none waits longer than the server is in the way.
func TestMisbehavingServer(t *testing.T) {
	answer := delivertest.Answer
	for _, test := range []struct {
		name     string
		options  delivertest.Options
		fault    func(delivertest.Event) error
		got      []string
		journal  []string
		within   time.Duration
		connects int
	}{
		{
			name: "greylisting", fault: firstly(3, "rcpt", answer(450, "try later")), got: []string{"ada", "ben", "eve"},
			journal: []string{"ada 1 deferred 450", "ben 1 deferred 450", "eve 1 deferred 450", "ada 2 accepted 250", "ben 2 accepted 250", "eve 2 accepted 250"},
			within:  2 * time.Minute, connects: 2,
		},
		{
			name: "no room there", fault: firstly(1, "dot", answer(452, "insufficient storage")), got: []string{"ben", "eve", "ada"},
			journal: []string{"ada 1 deferred 452", "ben 1 accepted 250", "eve 1 accepted 250", "ada 2 accepted 250"}, within: 2 * time.Minute, connects: 2,
		},
		{
			name: "closing at the greeting", fault: firstly(3, "connect", answer(421, "too busy")), got: []string{"ada", "ben", "eve"},
			journal: []string{"3 mails 1 deferred 421", "3 mails 2 deferred 421", "3 mails 3 deferred 421", "ada 4 accepted 250", "ben 4 accepted 250", "eve 4 accepted 250"},
			within:  9 * time.Minute, connects: 4,
		},
		{
			name: "closing in between", fault: firstly(1, "mail", answer(421, "too busy")), got: []string{"ben", "eve", "ada"},
			journal: []string{"3 mails 1 deferred 421", "ben 2 accepted 250", "eve 2 accepted 250", "ada 2 accepted 250"}, within: 2 * time.Minute, connects: 2,
		},
		{
			name: "refusing this machine", fault: firstly(1, "connect", answer(554, "no service")), got: []string{"ada", "ben", "eve"},
			journal: []string{"3 mails 1 deferred 554", "ada 2 accepted 250", "ben 2 accepted 250", "eve 2 accepted 250"}, within: 2 * time.Minute, connects: 2,
		},
		{
			name: "wanting a password", fault: firstly(1, "mail", answer(530, "authentication required")), got: []string{"ben", "eve", "ada"},
			journal: []string{"3 mails 1 deferred 530", "ben 2 accepted 250", "eve 2 accepted 250", "ada 2 accepted 250"}, within: 2 * time.Minute, connects: 2,
		},
		{
			name: "refusing one of them", got: []string{"ada", "eve"},
			fault: func(e delivertest.Event) error {
				if e.At == "rcpt" && strings.HasPrefix(e.To, "ben@") {
					return answer(550, "no such mailbox")
				}
				return nil
			},
			journal: []string{"ada 1 accepted 250", "ben 1 refused 550", "eve 1 accepted 250"}, connects: 1,
		},
		{
			name: "too large, as it says before", options: delivertest.Options{MaxBytes: 1000},
			journal: []string{"ada 1 refused 552", "ben 1 refused 552", "eve 1 refused 552"}, connects: 1,
		},
		{
			name: "too large, as it finds", fault: firstly(1, "dot", answer(552, "too large")), got: []string{"ben", "eve"},
			journal: []string{"ada 1 refused 552", "ben 1 accepted 250", "eve 1 accepted 250"}, connects: 1,
		},
		{
			name: "dropping the connection before the last dot", fault: firstly(1, "data", delivertest.ErrDrop), got: []string{"ben", "eve", "ada"},
			journal: []string{"ada 1 no answer 0", "ben 1 accepted 250", "eve 1 accepted 250", "ada 2 accepted 250"}, within: 2 * time.Minute, connects: 3,
		},
		{
			name: "dropping the connection after the last dot", fault: firstly(1, "dot", delivertest.ErrDrop), got: []string{"ada", "ben", "eve", "ada"},
			journal: []string{"ada 1 no answer 0", "ben 1 accepted 250", "eve 1 accepted 250", "ada 2 accepted 250"}, within: 2 * time.Minute, connects: 3,
		},
		{
			name: "always breaking at one of them", got: []string{"ben", "eve"},
			fault: func(e delivertest.Event) error {
				if e.At == "data" && strings.HasPrefix(e.To, "ada@") {
					return delivertest.ErrDrop
				}
				return nil
			},
			connects: 110, within: 74 * time.Hour,
		},
		{
			name: "never greeting", fault: firstly(2, "connect", delivertest.ErrHang), got: []string{"ada", "ben", "eve"},
			journal: []string{"3 mails 1 no answer 0", "3 mails 2 no answer 0", "ada 3 accepted 250", "ben 3 accepted 250", "eve 3 accepted 250"},
			within:  9 * time.Minute, connects: 3,
		},
		{
			name: "never answering to the last dot", fault: firstly(1, "dot", delivertest.ErrHang), got: []string{"ada", "ben", "eve", "ada"},
			journal: []string{"ada 1 no answer 0", "ben 1 accepted 250", "eve 1 accepted 250", "ada 2 accepted 250"}, within: 13 * time.Minute, connects: 3,
		},
		{
			name: "saying a byte every ten seconds", fault: firstly(1, "connect", delivertest.ErrSlow), got: []string{"ada", "ben", "eve"},
			journal: []string{"3 mails 1 no answer 0", "ada 2 accepted 250", "ben 2 accepted 250", "eve 2 accepted 250"}, within: 4 * time.Minute, connects: 2,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.options.Fault = test.fault
				o := newOffice(t, test.options)
				o.put("monday", "ada", "ben", "eve")
				began := time.Now()
				o.sendAll()
				took := time.Since(began)
				if took > test.within {
					t.Errorf("the last mail went after %s, want %s at most", took, test.within)
				}
				o.want("mails", o.got(), test.got)
				if test.journal != nil {
					o.want("journal", o.lines(), test.journal)
				}
				if n := o.server.Connections(); n > test.connects {
					t.Errorf("%d connections, want %d at most", n, test.connects)
				}
				o.wantAccounted("ada", "ben", "eve")
			})
		})
	}
}

// wantAccounted checks that every mail ends in the journal once, that what is
// left in the outbox was refused, and that all copies of a mail are the same.
func (o *office) wantAccounted(people ...string) {
	o.t.Helper()
	ends := map[string]int{}
	for _, a := range o.journal {
		if a.Outcome == Accepted || a.Outcome == Refused {
			ends[a.To]++
		}
	}
	for _, p := range people {
		if ends[p+"@example.com"] != 1 {
			o.t.Errorf("the journal has %d ends of the mail to %s", ends[p+"@example.com"], p)
		}
	}
	left, err := o.List()
	if err != nil {
		o.t.Error(err)
	}
	for _, e := range left {
		refused := slices.ContainsFunc(o.journal, func(a Attempt) bool { return a.MessageID == e.MessageID && a.Outcome == Refused })
		if e.State != Refused || !refused {
			o.t.Errorf("left in the outbox: %+v", e)
		}
	}
	copies := map[string]string{}
	for _, m := range o.server.Mails() {
		if first := copies[m.To]; first != "" && first != string(m.Bytes) {
			o.t.Errorf("the second mail to %s is another one", m.To)
		}
		copies[m.To] = string(m.Bytes)
	}
}

// A server that is away is asked for three days, an hour apart at most, once for
// all mails; then they are given up. When it is back all go at once.
func TestServerIsAway(t *testing.T) {
	for _, away := range []time.Duration{71 * time.Hour, 80 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, delivertest.Options{})
				back := time.Now().Add(away)
				tries := 0
				dial := o.Outbox.Server.Dial
				o.Outbox.Server.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					if tries++; time.Now().Before(back) {
						return nil, errors.New("connection refused")
					}
					return dial(ctx, network, addr)
				}
				var people []string
				for i := range 12 {
					people = append(people, fmt.Sprint("p", i))
				}
				o.put("monday", people...)
				o.sendAll()
				if tries < 60 || tries > 100 || len(o.journal) > tries+12 {
					t.Errorf("%d tries, %d lines in the journal", tries, len(o.journal))
				}
				o.wantAccounted(people...)
				given, _ := o.List()
				if got := len(o.got()); away < 72*time.Hour && (got != 12 || time.Since(back) > 75*time.Minute) {
					t.Errorf("%d mails arrived %s after the server was back", got, time.Since(back))
				} else if away > 72*time.Hour && (got != 0 || len(given) != 12) {
					t.Errorf("%d mails arrived, %d were given up", got, len(given))
				}
				for _, e := range given {
					if e.Attempts != tries {
						t.Errorf("%s was tried %d times of %d", e.To, e.Attempts, tries)
					}
					if !strings.HasPrefix(e.LastAnswer, "given up after 72h0m0s: mail server: connect: connection refused") {
						t.Errorf("last answer %q", e.LastAnswer)
					}
				}
			})
		})
	}
}

// A server that breaks off at every mail is left alone after the second.
func TestServerBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, delivertest.Options{Fault: firstly(2, "data", delivertest.ErrDrop)})
		o.put("monday", "ada", "ben", "eve", "ida", "tom")
		next, err := o.send()
		if wait := time.Until(next); err != nil || wait < 40*time.Second || o.server.Connections() != 2 {
			t.Errorf("%d connections, the next in %s, error %v", o.server.Connections(), wait, err)
		}
		o.sendAll()
		o.want("mails", o.got(), []string{"eve", "ida", "tom", "ada", "ben"})
	})
}

// A machine that was off for longer than mails are tried tries them once more.
func TestNotGivenUpUntried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, delivertest.Options{})
		o.put("monday", "ada")
		time.Sleep(100 * time.Hour)
		o.sendAll()
		o.want("mails", o.got(), []string{"ada"})
	})
}

// No password is sent before the server has proved who it is, and no mail goes
// unencrypted.
func TestUntrustedServer(t *testing.T) {
	for _, test := range []struct {
		name    string
		options delivertest.Options
		mode    TLSMode
		user    bool
		want    string
	}{
		{"no STARTTLS", delivertest.Options{}, StartTLS, false, "offers no STARTTLS"},
		{"no STARTTLS, with a password", delivertest.Options{}, StartTLS, true, "offers no STARTTLS"},
		{"plain with a password", delivertest.Options{}, Plain, true, "a password is not sent unencrypted"},
		{"certificate for another name", delivertest.Options{TLS: "starttls", Names: []string{"mail.example.com"}}, StartTLS, true, "127.0.0.1"},
		{"the same, implicit", delivertest.Options{TLS: "implicit", Names: []string{"mail.example.com"}}, ImplicitTLS, true, "127.0.0.1"},
		{"unknown authority", delivertest.Options{TLS: "starttls", Names: []string{"127.0.0.1"}}, StartTLS, true, "unknown authority"},
		{"wrong password", delivertest.Options{TLS: "starttls"}, StartTLS, true, "answered 535"},
		{"no way to show it", delivertest.Options{TLS: "starttls", Ways: []string{"GSSAPI"}}, StartTLS, true, `offers none of PLAIN, LOGIN, SCRAM-SHA-256, CRAM-MD5, but "GSSAPI"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shown := false
				test.options.User, test.options.Password = "robot", "right"
				test.options.Fault = func(e delivertest.Event) error {
					shown = shown || e.At == "auth"
					return nil
				}
				o := newOffice(t, test.options)
				server := o.Outbox.Server
				server.TLS = test.mode
				if test.name != "unknown authority" {
					server.Roots = pool(o.server.CA)
				}
				if test.user {
					server.User, server.Password = "robot", "wrong"
				}
				o.put("monday", "ada", "ben")
				if _, err := o.send(); err != nil {
					t.Fatal(err)
				}
				if len(o.journal) != 1 || o.journal[0].Mails != 2 || !strings.Contains(o.journal[0].Answer, test.want) {
					t.Errorf("journal %+v does not say %q", o.journal, test.want)
				}
				if got := o.got(); len(got) > 0 || shown != (test.name == "wrong password") {
					t.Errorf("sent to %q, password shown: %v", got, shown)
				}
				if all, _ := o.List(); len(all) != 2 || all[0].State != Waiting {
					t.Errorf("the mails do not wait: %+v", all)
				}
			})
		})
	}
}

// Each way to show a password works over an encrypted connection.
func TestAuthenticates(t *testing.T) {
	for _, test := range []struct{ tls, way string }{{"starttls", "PLAIN"}, {"implicit", "PLAIN"}, {"starttls", "LOGIN"}} {
		t.Run(test.tls+" "+test.way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, delivertest.Options{TLS: test.tls, User: "robot@example.com", Password: "pass word", Ways: []string{test.way}})
				var steps []string
				o.Outbox.Server = &Server{
					Addr: o.server.Addr, User: "robot@example.com", Password: "pass word", Roots: pool(o.server.CA), Dial: o.server.Dial,
					Step: func(name, what string) { steps = append(steps, name+" "+what) },
				}
				if test.tls == "implicit" {
					o.Outbox.Server.TLS = ImplicitTLS
				}
				o.put("monday", "ada")
				o.sendAll()
				o.want("mails", o.got(), []string{"ada"})
				if len(steps) != 4 || steps[2] != "authenticate "+test.way+" as robot@example.com" {
					t.Errorf("steps %q", steps)
				}
			})
		})
	}
}

// An end by the user ends a conversation at once, and the mail waits.
func TestInterrupted(t *testing.T) {
	for _, test := range []struct {
		at              string
		attempts, mails int
	}{{"connect", 1, 1}, {"mail", 2, 1}, {"dot", 2, 2}} {
		t.Run(test.at, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, delivertest.Options{Fault: firstly(1, test.at, delivertest.ErrHang)})
				o.put("monday", "ada")
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				began := time.Now()
				_, err := o.Send(ctx, func() (map[string]bool, error) { return nil, nil }, func(Attempt) error { return nil })
				if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
					t.Errorf("ended after %s with %v", took, err)
				}
				o.sendAll()
				o.want("journal", o.lines(), []string{fmt.Sprintf("ada %d accepted 250", test.attempts)})
				if n := len(o.server.Mails()); n != test.mails {
					t.Errorf("the server has the mail %d times, want %d", n, test.mails)
				}
			})
		})
	}
}

// A server that talks without end is not listened to for ever.
func TestEndlessAnswer(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		line := []byte("220-" + strings.Repeat("x", 60) + "\r\n")
		for {
			if _, err := theirs.Write(line); err != nil {
				return
			}
		}
	}()
	s := &Server{Addr: "127.0.0.1:25", TLS: Plain, Dial: func(context.Context, string, string) (net.Conn, error) { return ours, nil }}
	if err := s.Hello(t.Context()); err == nil || !strings.Contains(err.Error(), "does not end") {
		t.Errorf("error %v", err)
	}
}

func TestParseServer(t *testing.T) {
	for _, test := range []struct {
		url, password string
		addr          string
		mode          TLSMode
	}{
		{"smtp://u@mail.example.com:25", "p", "mail.example.com:25", StartTLS},
		{"smtp://robot@example.com@mail.example.com", "p", "mail.example.com:587", StartTLS},
		{"smtps://u@mail.example.com", "p", "mail.example.com:465", ImplicitTLS},
		{"smtp://mail.example.com", "", "mail.example.com:587", StartTLS},
		{"smtp://127.0.0.1:25", "", "127.0.0.1:25", Plain},
		{"smtp://[::1]:25", "", "[::1]:25", Plain},
		{"smtp://localhost", "", "localhost:587", Plain},
		{"smtp://u@localhost", "p", "localhost:587", StartTLS},
		{"smtps://localhost", "", "localhost:465", ImplicitTLS},
	} {
		s, err := ParseServer(test.url, test.password, "")
		if err != nil || s.Addr != test.addr || s.TLS != test.mode {
			t.Errorf("ParseServer(%q) = %+v, %v", test.url, s, err)
		}
	}
	for _, test := range [][2]string{
		{"mail.example.com", ""}, {"http://mail.example.com", ""}, {"smtp://", ""}, {"smtp://u:topsecret@mail.example.com", ""},
		{"smtp://u@mail.example.com", ""}, {"smtp://mail.example.com", "topsecret"}, {"smtp://mail.example.com/x", ""},
		{"smtp://mail.example.com:x", ""}, {"smtp:u:topsecret@mail.example.com", "p"}, {"smtp://u:topsecret@mail.example.com:x", "p"},
	} {
		if s, err := ParseServer(test[0], test[1], ""); err == nil || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("ParseServer(%q) = %+v, %v", test[0], s, err)
		}
	}
	if _, err := ParseServer("smtp://mail.example.com", "", "testdata/readmail.py"); err == nil {
		t.Error("a file without a certificate is taken")
	}
}
