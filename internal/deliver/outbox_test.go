package deliver

import (
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/deliver/delivertest"
)

// office is an outbox, its server and its journal, within a synctest bubble.
type office struct {
	*Outbox
	t       *testing.T
	server  *delivertest.Server
	journal []Attempt
	known   map[string]bool
	tellErr error
}

func newOffice(t *testing.T, o delivertest.Options) *office {
	t.Helper()
	o.Pipe = true
	server, err := delivertest.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return &office{
		Outbox: &Outbox{
			Dir: filepath.Join(t.TempDir(), "outbox"), Now: time.Now, GiveUp: 72 * time.Hour,
			Server: &Server{Addr: server.Addr, TLS: Plain, Dial: server.Dial},
		},
		t: t, server: server, known: map[string]bool{},
	}
}

// pool holds the certificates of a PEM text.
func pool(pem []byte) *x509.CertPool {
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(pem)
	return p
}

// put puts a run of mails to people, by their names before the @.
func (o *office) put(run string, people ...string) {
	o.t.Helper()
	if err := o.Put(run, mailsTo(run, people...)); err != nil {
		o.t.Fatal(err)
	}
}

func mailsTo(report string, people ...string) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for _, p := range people {
			m := aMessage(p + "@example.com")
			m.Report = report
			m.ID = MessageID(report, aDay, m.To, "example.com")
			if !yield(m, nil) {
				return
			}
		}
	}
}

// send makes one pass, with a journal that knows what it was told.
func (o *office) send() (next time.Time, err error) {
	return o.Send(o.t.Context(), func() (map[string]bool, error) { return o.known, nil }, func(a Attempt) error {
		if o.tellErr != nil {
			return o.tellErr
		}
		o.journal = append(o.journal, a)
		if a.Outcome == Accepted {
			o.known[a.MessageID] = true
		}
		return nil
	})
}

// sendAll makes passes until nothing waits, at most for a week.
func (o *office) sendAll() {
	o.t.Helper()
	for end := time.Now().Add(7 * 24 * time.Hour); time.Now().Before(end); {
		next, err := o.send()
		if err != nil {
			o.t.Fatal(err)
		}
		if next.IsZero() {
			return
		}
		time.Sleep(time.Until(next))
	}
	o.t.Fatal("mails wait after a week")
}

// lines is the journal in short: who, attempt, outcome, code.
func (o *office) lines() (all []string) {
	for _, a := range o.journal {
		who, _, _ := strings.Cut(a.To, "@")
		if a.Mails > 0 {
			who = fmt.Sprintf("%d mails", a.Mails)
		}
		all = append(all, fmt.Sprintf("%s %d %s %d", who, a.Attempt, a.Outcome, a.Code))
	}
	return all
}

// got is who has a mail, in the order in which they came, and checks that each
// is the one that was put.
func (o *office) got() (all []string) {
	for _, m := range o.server.Mails() {
		who, _, _ := strings.Cut(m.To, "@")
		all = append(all, who)
		if !strings.Contains(string(m.Bytes), "\r\nTo: <"+m.To+">\r\n") || m.From != "compliance@example.com" {
			o.t.Errorf("mail from %s to %s is another one", m.From, m.To)
		}
	}
	return all
}

func (o *office) want(what string, got, want []string) {
	o.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		o.t.Errorf("%s (-want +got)\n%s", what, diff)
	}
}

func TestSendsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, delivertest.Options{})
		o.put("monday", "ada", "ben", "eve")
		o.put("tuesday", "ada")
		next, err := o.send()
		if err != nil || !next.IsZero() {
			t.Errorf("next is %s, error %v", next, err)
		}
		o.want("mails", o.got(), []string{"ada", "ben", "eve", "ada"})
		o.want("journal", o.lines(), []string{"ada 1 accepted 250", "ben 1 accepted 250", "eve 1 accepted 250", "ada 1 accepted 250"})
		if n := o.server.Connections(); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
		if all, err := o.List(); len(all) > 0 || err != nil {
			t.Errorf("left in the outbox: %v, error %v", all, err)
		}
		if !o.Has("monday") || o.Has("wednesday") {
			t.Error("the outbox does not know which runs it had")
		}
		if err := o.Put("monday", mailsTo("monday", "ada")); !errors.Is(err, ErrExists) {
			t.Errorf("a run is put twice: error %v", err)
		}
	})
}

// Who is to end finishes the mail under way and begins no other.
func TestEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ending := make(chan struct{})
		o := newOffice(t, delivertest.Options{Fault: func(e delivertest.Event) error {
			if e.At == "dot" && e.To == "ada@example.com" {
				close(ending)
			}
			return nil
		}})
		o.put("monday", "ada", "ben", "eve")
		o.Ending = ending
		next, err := o.send()
		if err != nil || next.IsZero() {
			t.Errorf("next is %s, error %v", next, err)
		}
		o.want("mails", o.got(), []string{"ada"})
		o.want("journal", o.lines(), []string{"ada 1 accepted 250"})
		o.Ending = nil
		o.sendAll()
		o.want("mails", o.got(), []string{"ada", "ben", "eve"})
	})
}

// A run whose making fails leaves nothing.
func TestPutIsAllOrNothing(t *testing.T) {
	o := &Outbox{Dir: filepath.Join(t.TempDir(), "outbox"), Now: time.Now, Domains: []string{"example.com"}}
	broken := errors.New("no paper")
	for name, messages := range map[string]iter.Seq2[Message, error]{
		"an error": func(yield func(Message, error) bool) {
			_ = yield(aMessage("a@example.com"), nil) && yield(Message{}, broken)
		},
		"no address": func(yield func(Message, error) bool) {
			_ = yield(aMessage("a@example.com"), nil) && yield(aMessage("b"), nil)
		},
		"a foreign domain": func(yield func(Message, error) bool) {
			_ = yield(aMessage("a@example.com"), nil) && yield(aMessage("b@other.example"), nil)
		},
	} {
		if err := o.Put("monday", messages); err == nil || name == "an error" && !errors.Is(err, broken) {
			t.Errorf("%s: error %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(o.Dir, "*", "*")); len(left) > 0 || o.Has("monday") {
			t.Errorf("%s: left %q", name, left)
		}
	}
	for _, run := range []string{"", "..", "../x", "a/b", ".tmp-x", "a\nb"} {
		if err := o.Put(run, mailsTo("x", "a")); err == nil || o.Has(run) {
			t.Errorf("a run is called %q", run)
		}
	}
	if entries, _ := os.ReadDir(o.Dir); len(entries) != 1 { // put.lock
		t.Errorf("left: %v", entries)
	}
}

// The operator is told of each refused mail once, although one was dropped meanwhile;
// one that is tried again meanwhile has not been told of.
func TestMarkTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, delivertest.Options{Fault: firstly(3, "rcpt", delivertest.Answer(550, "no such mailbox"))})
		o.put("monday", "ada", "ben", "eve")
		o.sendAll()
		nobody := func(Entry) error { return nil }
		if err := o.Drop(t.Context(), []string{"monday/0001"}, nobody); err != nil {
			t.Fatal(err)
		}
		if err := o.Retry(t.Context(), []string{"monday/0002"}, nobody); err != nil {
			t.Fatal(err)
		}
		if err := o.MarkTold(t.Context(), []string{"monday/0001", "monday/0002", "monday/0003"}); err != nil {
			t.Error(err)
		}
		all, err := o.List()
		if err != nil || len(all) != 2 || all[0].Told || !all[1].Told {
			t.Errorf("listed %+v, error %v", all, err)
		}
	})
}

// A mail that cannot be made due again is not said to be.
func TestRetryFails(t *testing.T) {
	o := &Outbox{Dir: filepath.Join(t.TempDir(), "outbox"), Now: time.Now}
	if err := o.Put("monday", mailsTo("monday", "ada")); err != nil {
		t.Fatal(err)
	}
	if err := o.Retry(t.Context(), []string{"monday"}, func(Entry) error {
		return os.Rename(filepath.Join(o.Dir, "monday"), filepath.Join(t.TempDir(), "elsewhere"))
	}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// The folder of a run that goes while the outbox is read is no fault.
func TestListWhileRunsGo(t *testing.T) {
	o := &Outbox{Dir: filepath.Join(t.TempDir(), "outbox"), Now: time.Now}
	for range 20 {
		var names []string
		for i := range 200 {
			names = append(names, filepath.Join(o.Dir, fmt.Sprintf("run-%03d", i)))
			if err := os.MkdirAll(names[i], 0o700); err != nil {
				t.Fatal(err)
			}
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			for i := range names {
				os.Remove(names[len(names)-1-i])
			}
		}()
		for going := true; going; {
			select {
			case <-gone:
				going = false
			default:
			}
			if all, err := o.List(); err != nil || len(all) > 0 {
				t.Fatalf("listed %v, error %v", all, err)
			}
		}
	}
}

// A mail of which not all could be written is not ended by the dot, by which the server
// would take the half, and nobody is told that the server may have it.
func TestHalfAMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pause := 30 * time.Minute
		o := newOffice(t, delivertest.Options{Fault: func(e delivertest.Event) error {
			if e.At == "data" {
				time.Sleep(pause) // and then reads on
				pause = 0
			}
			return nil
		}})
		o.put("monday", "ada")
		began := time.Now()
		if _, err := o.send(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != blockTime {
			t.Errorf("given up after %s", took)
		}
		if a := o.journal[0]; a.Outcome != NoAnswer || strings.Contains(a.Answer, "may have") {
			t.Errorf("told %+v", a)
		}
		time.Sleep(time.Hour)
		if n := len(o.got()); n > 0 {
			t.Error("the server took the half of a mail")
		}
		o.sendAll()
		o.want("mails", o.got(), []string{"ada"})
	})
}
