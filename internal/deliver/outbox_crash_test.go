package deliver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"exporter/internal/deliver/delivertest"
)

// What the journal knows as accepted is not sent again, wherever a loss of power
// left its entry; what it does not know is told once.
func TestSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, delivertest.Options{})
		o.put("monday", "ada", "ben", "eve", "ida")
		file := func(name string) string { return filepath.Join(o.Dir, "monday", name) }
		all, err := o.List()
		if err != nil {
			t.Fatal(err)
		}
		o.known[all[0].MessageID] = true // told, and not marked
		for _, err := range []error{
			os.Rename(file("0002.json"), file("0002.accepted")), // marked, and not told
			os.Rename(file("0003.json"), file("0003.accepted")), // and half removed
			os.Remove(file("0003.eml")),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		o.sendAll()
		o.want("mails", o.got(), []string{"ida"})
		o.want("journal", o.lines(), []string{"ben 0 accepted 250", "eve 0 accepted 250", "ida 1 accepted 250"})
		if left, _ := os.ReadDir(filepath.Join(o.Dir, "monday")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// A journal that takes no entry ends the pass, and a mail that was sent is not
// sent again.
func TestJournalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, delivertest.Options{})
		o.put("monday", "ada", "ben")
		o.tellErr = errors.New("no space left")
		for range 3 {
			if _, err := o.send(); !errors.Is(err, o.tellErr) {
				t.Errorf("error %v", err)
			}
		}
		o.want("mails", o.got(), []string{"ada"})
		o.tellErr = nil
		o.sendAll()
		o.want("mails", o.got(), []string{"ada", "ben"})
		o.want("journal", o.lines(), []string{"ada 1 accepted 250", "ben 1 accepted 250"})
	})
}

// Nor is one that the server may have, or has refused: that it is not to be tried
// now is kept although the journal does not take it.
func TestJournalFailsBesideTheServer(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault error
		state string
		end   []string
	}{
		{"it broke off after the last dot", delivertest.ErrDrop, Waiting, []string{"ada 2 accepted 250"}},
		{"later", delivertest.Answer(451, "greylisted"), Waiting, []string{"ada 2 accepted 250"}},
		{"never", delivertest.Answer(554, "no such mail here"), Refused, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				o := newOffice(t, delivertest.Options{Fault: func(e delivertest.Event) error {
					if e.At == "dot" {
						tries++
					}
					if e.At != "dot" || tries > 1 {
						return nil
					}
					return test.fault
				}})
				o.put("monday", "ada")
				o.tellErr = errors.New("no space left")
				if _, err := o.send(); !errors.Is(err, o.tellErr) {
					t.Errorf("error %v", err)
				}
				o.send()
				all, err := o.List()
				if err != nil || tries != 1 || len(all) != 1 || all[0].State != test.state || all[0].LastAnswer == "" {
					t.Errorf("tried %d times, listed %+v, error %v", tries, all, err)
				}
				o.tellErr = nil
				o.sendAll()
				o.want("journal", o.lines(), test.end)
			})
		})
	}
}

// An entry that cannot be read is named, kept under another name, and keeps no
// other back.
func TestDamagedEntries(t *testing.T) {
	for name, harm := range map[string]func(stem string) error{
		"another mail":     func(stem string) error { return overwrite(stem+".eml", "Message-ID", "Message-IE") },
		"a shorter mail":   func(stem string) error { return os.Truncate(stem+".eml", 10) },
		"no mail":          func(stem string) error { return os.Remove(stem + ".eml") },
		"no entry":         func(stem string) error { return os.Remove(stem + ".json") },
		"half an entry":    func(stem string) error { return os.Truncate(stem+".json", 10) },
		"nobody to get it": func(stem string) error { return overwrite(stem+".json", "ben@example.com", "") },
		"another state":    func(stem string) error { return overwrite(stem+".json", "waiting", "sleeping") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := newOffice(t, delivertest.Options{})
				o.put("monday", "ada", "ben", "eve")
				if err := harm(filepath.Join(o.Dir, "monday", "0002")); err != nil {
					t.Fatal(err)
				}
				_, err := o.send()
				damaged, ok := errors.AsType[*Damaged](err)
				if !ok || damaged.Name != "monday/0002" {
					t.Errorf("error %v", err)
				}
				o.want("mails", o.got(), []string{"ada", "eve"})
				if _, err := o.send(); err != nil {
					t.Errorf("named again: %v", err)
				}
				all, err := o.List()
				if damaged, ok := errors.AsType[*Damaged](err); len(all) > 0 || !ok || damaged.Name != "monday/0002" {
					t.Errorf("listed: %v, %v", all, err)
				}
				if kept, _ := filepath.Glob(filepath.Join(o.Dir, "monday", "0002.*.damaged")); len(kept) == 0 {
					t.Error("nothing of it is kept")
				}
			})
		})
	}
}

func overwrite(path, from, to string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.ReplaceAll(string(b), from, to)), 0o400)
}

// Two processes that send at the same time send each mail once.
func TestTwoSenders(t *testing.T) {
	server, err := delivertest.Start(delivertest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	dir := filepath.Join(t.TempDir(), "outbox")
	var mu sync.Mutex
	known := map[string]bool{}
	var senders sync.WaitGroup
	for i := range 3 {
		o := &Outbox{Dir: dir, Now: time.Now, GiveUp: time.Hour, Server: &Server{Addr: server.Addr, TLS: Plain}}
		if i == 0 {
			if err := o.Put("monday", mailsTo("monday", "ada", "ben", "eve", "ida")); err != nil {
				t.Fatal(err)
			}
		}
		senders.Go(func() {
			_, err := o.Send(t.Context(), func() (map[string]bool, error) {
				mu.Lock()
				defer mu.Unlock()
				return known, nil
			}, func(a Attempt) error {
				mu.Lock()
				defer mu.Unlock()
				known[a.MessageID] = true
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	if n := len(server.Mails()); n != 4 {
		t.Errorf("%d mails arrived, want 4", n)
	}
}

// Who waits too long for another sender is told who that is.
func TestBusy(t *testing.T) {
	o := &Outbox{Dir: filepath.Join(t.TempDir(), "outbox"), Now: time.Now}
	release, err := o.lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	err = o.Drop(ctx, []string{"monday"}, func(Entry) error { return nil })
	if busy, ok := errors.AsType[*Busy](err); !ok || !strings.HasPrefix(busy.Holder, "process ") {
		t.Errorf("error %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// What a crash left of a run that was never whole goes, but not the run that
// somebody is just putting; and a run is forgotten after a month.
func TestTidy(t *testing.T) {
	o := newOffice(t, delivertest.Options{})
	left := filepath.Join(o.Dir, ".tmp-1")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	err := o.Put("monday", func(yield func(Message, error) bool) {
		for m := range mailsTo("monday", "ada", "ben") {
			if _, err := o.send(); err != nil {
				t.Error(err)
			}
			if !yield(m, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := o.List(); len(all) != 2 || err != nil {
		t.Errorf("put: %v, %v", all, err)
	}
	if _, err := o.send(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil || !o.Has("monday") {
		t.Errorf("left: %s, or the run is forgotten", left)
	}
	o.Now = func() time.Time { return time.Now().Add(32 * 24 * time.Hour) }
	if _, err := o.send(); err != nil || o.Has("monday") {
		t.Errorf("after a month the run is still known, error %v", err)
	}
}

// A clock that was years ahead when the server was away keeps no mail for years.
func TestClockWasWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, delivertest.Options{Fault: firstly(2, "connect", delivertest.Answer(421, "busy"))})
		o.Now = func() time.Time { return time.Now().AddDate(10, 0, 0) }
		o.put("monday", "ada")
		if _, err := o.send(); err != nil {
			t.Fatal(err)
		}
		o.Now = time.Now
		for range 2 {
			if next, err := o.send(); err != nil || time.Until(next) > 3*time.Minute {
				t.Errorf("next %s, error %v", next, err)
			}
			time.Sleep(3 * time.Minute)
		}
		o.want("mails", o.got(), []string{"ada"})
	})
}

// By hand a mail is tried at once, though the server is to be left alone, and a
// refused one too.
func TestRetryAndDrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := true
		o := newOffice(t, delivertest.Options{Fault: func(e delivertest.Event) error {
			if e.At == "connect" && away {
				return delivertest.ErrDrop
			}
			if e.At == "rcpt" && strings.HasPrefix(e.To, "ben@") {
				return delivertest.Answer(550, "no such mailbox")
			}
			return nil
		}})
		o.put("monday", "ada", "ben")
		next, err := o.send()
		if err != nil || time.Until(next) < 40*time.Second {
			t.Errorf("next %s, error %v", next, err)
		}
		away = false
		nobody := func(Entry) error { return nil }
		if err := o.Retry(t.Context(), []string{"monday", "tuesday"}, nobody); err == nil {
			t.Error("a run that is not there is tried again")
		}
		if err := o.Retry(t.Context(), []string{"monday"}, nobody); err != nil {
			t.Fatal(err)
		}
		if next, err := o.send(); err != nil || !next.IsZero() {
			t.Errorf("next %s, error %v", next, err)
		}
		o.want("mails", o.got(), []string{"ada"})
		all, _ := o.List()
		if len(all) != 1 || all[0].State != Refused || all[0].Told {
			t.Fatalf("left: %+v", all)
		}
		if err := o.MarkTold(t.Context(), []string{"monday/0002"}); err != nil {
			t.Fatal(err)
		}
		if all, _ = o.List(); !all[0].Told {
			t.Error("the operator is told again")
		}
		stop := errors.New("no journal")
		if err := o.Drop(t.Context(), []string{"monday/0002"}, func(Entry) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("error %v", err)
		}
		if err := o.Drop(t.Context(), []string{"monday/0002", "monday"}, nobody); err != nil {
			t.Fatal(err)
		}
		if all, err := o.List(); len(all) > 0 || err != nil {
			t.Errorf("left: %v, %v", all, err)
		}
	})
}
