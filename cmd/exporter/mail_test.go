package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"exporter/internal/deliver"
	"exporter/internal/deliver/delivertest"
	"exporter/internal/journal"
	"exporter/internal/reports"
)

// startMailServer is `smtpd [-tls starttls] [-user U] [-password P] [-refuse
// ADDRESS]`: it runs a mail server until the script ends, and adds it to
// reports.yaml. What it takes is left in the folder mail.
func startMailServer(ts *testscript.TestScript, neg bool, args []string) {
	flags := flag.NewFlagSet("smtpd", flag.ContinueOnError)
	var o delivertest.Options
	flags.StringVar(&o.TLS, "tls", "", "")
	flags.StringVar(&o.User, "user", "", "")
	flags.StringVar(&o.Password, "password", "", "")
	refuse := flags.String("refuse", "", "")
	if err := flags.Parse(args); neg || err != nil {
		ts.Fatalf("usage: smtpd [-tls starttls] [-user U] [-password P] [-refuse ADDRESS]")
	}
	o.Dir = ts.MkAbs("mail")
	ts.Check(os.MkdirAll(o.Dir, 0o700))
	o.Fault = func(e delivertest.Event) error {
		if e.At == "rcpt" && e.To == *refuse {
			return delivertest.Answer(550, "no such mailbox")
		}
		return nil
	}
	s, err := delivertest.Start(o)
	ts.Check(err)
	ts.Defer(s.Close)
	ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), s.CA, 0o600))
	server := s.Addr
	if o.User != "" {
		server = o.User + "@" + server
	}
	section := fmt.Sprintf("mail: {server: 'smtp://%s', password: '%s', from: Compliance <compliance@example.com>, operator: operator@example.com, domains: [example.com]", server, o.Password)
	if s.CA != nil {
		section += ", ca_file: ca.pem"
	}
	config := ts.ReadFile("reports.yaml")
	ts.Check(os.WriteFile(ts.MkAbs("reports.yaml"), []byte(config+section+"}\n"), 0o600))
}

// queueMails is the program `queue STORE RUN SIZE ADDRESS...`: it puts a mail of
// so many bytes for each address into the outbox of a store.
func queueMails() {
	var size int
	fmt.Sscan(os.Args[3], &size)
	if err := putMails(os.Args[1], os.Args[2], size, os.Args[4:]...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func putMails(store, run string, size int, to ...string) error {
	o := &deliver.Outbox{Dir: filepath.Join(store, "outbox"), Now: time.Now, GiveUp: 72 * time.Hour}
	slot := time.Date(2026, 3, 31, 7, 0, 0, 0, time.UTC)
	return o.Put(run, func(yield func(deliver.Message, error) bool) {
		for _, to := range to {
			m := deliver.Message{
				ID: deliver.MessageID(run, slot, to, "example.com"), From: "compliance@example.com", To: to, Date: slot,
				Subject: "[2 high] Expiring permissions", Text: "14 permissions end.\n", Report: "expiring-permissions", Slot: slot,
				Attach: []deliver.File{{Name: "expiring.xlsx", Bytes: bytes.Repeat([]byte{'x'}, size)}},
			}
			if !yield(m, nil) {
				return
			}
		}
	})
}

// sendMails is the program `send CONFIG`: one pass over the outbox.
func sendMails() {
	if err := sendOnce(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func sendOnce(configPath string) error {
	a := &app{stderr: os.Stderr, log: slog.New(slog.DiscardHandler), now: time.Now, configPath: configPath}
	cfg, err := a.loadConfig(false)
	if err != nil {
		return err
	}
	_, err = a.sendOutbox(context.Background(), cfg, a.newOutbox(cfg))
	return err
}

func TestMailConfig(t *testing.T) {
	const good = "store: {dir: data}\n"
	for _, test := range []struct{ name, text, want string }{
		{"no scheme", "mail: {server: mail.example.com, from: a@example.com}", `:2:8: mail.server: "mail.example.com" begins with none of file:, smtp://, smtps://`},
		{"password in the URL", "mail: {server: 'smtp://u:topsecret@mail.example.com', from: a@example.com}", "a password does not belong into the URL, but into mail.password"},
		{"a user without password", "mail: {server: 'smtp://u@mail.example.com', from: a@example.com}", "mail.server: there is a user, but no password"},
		{"no sender", "mail: {server: 'smtp://mail.example.com'}", "mail.from: missing"},
		{"sender is no address", "mail: {from: compliance}", `:2:8: mail.from: "compliance" is no mail address`},
		{"operator outside", "mail: {domains: [example.com], operator: a@other.example, from: a@example.com}", "mail.operator: a@other.example: its domain is not one of mail.domains"},
		{"no domain", "mail: {domains: ['*.example.com']}", `mail.domains[0]: "*.example.com" is no domain`},
		{"no size", "mail: {max_attachment: lots}", `mail.max_attachment: "lots" is no size such as 10MB`},
		{"no time", "mail: {give_up: 0s}", "mail.give_up: must be a minute at least"},
		{"recipient is no address", "mail: {from: a@example.com}\nreports:\n- name: leavers\n  to: [a@example.com, Boss]", `:5:23: reports[0].to[1]: "Boss" is no mail address`},
		{"recipient with a line break", "mail: {from: a@example.com}\nreports:\n- name: leavers\n  to: [\"a@example.com\\r\\nBcc: b@example.com\"]", "is no mail address"},
		{"recipient outside", "mail: {from: a@example.com, domains: [EXAMPLE.com]}\nreports:\n- name: leavers\n  to: [A@Example.com, b@sub.example.com]", ":5:23: reports[0].to[1]: b@sub.example.com: its domain is not one"},
		{"recipient twice", "mail: {from: a@example.com}\nreports:\n- name: leavers\n  to: [a@example.com, A@example.com]", "reports[0].to[1]: A@example.com stands twice"},
		{"recipients without a sender", "reports:\n- name: leavers\n  to: [a@example.com]", "mail.from: missing, although reports[0] has recipients"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := loadConfig(writeConfig(t, good+test.text+"\n"), false)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v does not say %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "topsecret") {
				t.Errorf("error shows the secret: %v", err)
			}
		})
	}
}

// A folder that stands for a server is found from the file that names it.
func TestMailFolder(t *testing.T) {
	path := writeConfig(t, "store: {dir: data}\nmail: {server: 'file:mails', from: a@example.com}\n")
	cfg, err := loadConfig(path, false)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := cfg.Mail.mailServer(); err != nil || s.Folder != filepath.Join(filepath.Dir(path), "mails") {
		t.Errorf("%+v, %v", s, err)
	}
}

// Who only reads the store needs no password of the mail server; who sends is
// told which is missing.
func TestMailPasswordIsReadLate(t *testing.T) {
	cfg, err := loadConfig(writeConfig(t, "store: {dir: data}\nmail:\n  server: smtp://u@mail.example.com\n  from: a@example.com\n  password: ${file:none}\n"), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.Mail.mailServer(); err == nil || !strings.Contains(err.Error(), ":5:13: mail.password: open") {
		t.Errorf("error %v", err)
	}
}

// A mail that cannot be read, and whose files cannot be renamed, is told at each pass
// and stands in the journal once.
func TestSetAsideOnce(t *testing.T) {
	path := writeConfig(t, "store: {dir: data}\nmail: {server: 'file:box', from: a@example.com}\n")
	store := filepath.Join(filepath.Dir(path), "data")
	if err := putMails(store, "monday", 10, "ada@example.com", "ben@example.com"); err != nil {
		t.Fatal(err)
	}
	entry := filepath.Join(store, "outbox", "monday", "0001.json")
	if err := errors.Join(os.Truncate(entry, 1), os.MkdirAll(entry+".damaged/in the way", 0o700)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := sendOnce(path); len(damaged(err)) != 1 {
			t.Errorf("error %v", err)
		}
	}
	var asides, accepted int
	if _, err := journal.Read(filepath.Join(store, "journal.ndjson"), func(e journal.Entry) error {
		asides += strings.Count(string(e.Detail), `"action":"set aside","mail":"monday/0001"`)
		accepted += strings.Count(string(e.Detail), `"outcome":"accepted"`)
		return nil
	}); err != nil || asides != 1 || accepted != 1 {
		t.Errorf("%d times set aside, %d times accepted, error %v", asides, accepted, err)
	}
}

// The outbox's help calls a mail as a mail is called.
func TestOutboxHelp(t *testing.T) {
	name := mailRun(time.Date(2026, 3, 31, 7, 0, 0, 0, time.UTC), "expiring-permissions") + "/0002"
	c := new(app).outboxCommand()
	for _, c := range append(c.Commands(), c) {
		if strings.Contains(c.Example, " drop ") &&
			!strings.Contains(c.Example, " drop "+name) {
			t.Errorf("%s: its example is %s", c.Name(), c.Example)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"10MB": 10_000_000, "500 kB": 500_000, "1.5GB": 1_500_000_000, "1234": 1234, "7B": 7} {
		if got, err := parseSize(text); got != want || err != nil {
			t.Errorf("parseSize(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MB", "-1MB", "10 M B", "10MiB", "0", "1e99GB", "NaN"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d", text, got)
		}
	}
}

// A PDF that goes with a mail is not told to stay behind too.
func TestPDFAlone(t *testing.T) {
	dir := t.TempDir()
	var files []file
	for _, name := range []string{"r.xlsx", "r.pdf"} {
		noise := make([]byte, 1000)
		if _, err := rand.Read(noise); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, noise, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file{path: path, draft: path, sha256: name})
	}
	attached, told, err := (&reportRun{drafts: dir}).attach("r", files, 1500)
	if err != nil || len(attached) != 1 || attached[0].name != "r.pdf" {
		t.Fatalf("attached %v, %v", attached, err)
	}
	want := []reports.Attachment{{Name: "r.xlsx", Bytes: 1000, Path: files[0].path, SHA256: "r.xlsx"}, {Name: "r.pdf", Bytes: 1000}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got)\n%s", diff)
	}
}
