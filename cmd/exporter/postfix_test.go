package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"exporter/internal/deliver/delivertest"
)

// startPostfix is `postfix`: it runs a real mail server on loopback until the
// script ends. It takes mails from robot@example.com with the password "pass
// word", encrypted alone, at the ports $STARTTLS and $IMPLICIT; ca.pem is its
// authority. What it delivers is in $BOXES/PERSON, a Maildir that
// `python3 $FETCH` reads.
func startPostfix(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: postfix")
	}
	unpacked, err := filepath.Abs("../../.tools/postfix")
	ts.Check(err)
	if _, err := os.Stat(unpacked); err != nil {
		ts.Fatalf("%v; make test-tools fetches it", err)
	}
	dir, err := os.MkdirTemp("", "postfix")
	ts.Check(err)
	ts.Defer(func() { ts.Check(os.RemoveAll(dir)) })
	ts.Check(os.Chmod(dir, 0o755)) // for its users
	words := []string{"DIR", dir, "UNPACKED", unpacked}
	for _, name := range []string{"STARTTLS", "IMPLICIT"} {
		port := freePort(ts)
		words = append(words, name, port)
		ts.Setenv(name, "127.0.0.1:"+port)
	}
	fetch, err := filepath.Abs("testdata/postfix/fetch.py")
	ts.Check(err)
	ts.Setenv("FETCH", fetch)
	ts.Setenv("BOXES", filepath.Join(dir, "boxes"))
	ts.Check(os.MkdirAll(filepath.Join(dir, "etc", "sasl"), 0o755))
	for from, to := range map[string]string{"main.cf": "etc/main.cf", "master.cf": "etc/master.cf", "sasl.conf": "etc/sasl/smtpd.conf"} {
		text, err := os.ReadFile(filepath.Join("testdata", "postfix", from))
		ts.Check(err)
		ts.Check(os.WriteFile(filepath.Join(dir, to), []byte(strings.NewReplacer(words...).Replace(string(text))), 0o644))
	}
	ca, certificate, key, err := delivertest.Certificate(nil)
	ts.Check(err)
	for path, pem := range map[string][]byte{ts.MkAbs("ca.pem"): ca, filepath.Join(dir, "certificate.pem"): certificate, filepath.Join(dir, "key.pem"): key} {
		ts.Check(os.WriteFile(path, pem, 0o600))
	}
	script, err := filepath.Abs("testdata/postfix/run.sh")
	ts.Check(err)
	argv := []string{"unshare", "--pid", "--fork", "sh", script, unpacked, dir}
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "-n"}, argv...) // it runs as several users
	}
	said, err := os.Create(filepath.Join(dir, "said"))
	ts.Check(err)
	defer said.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = said, said
	stop, err := cmd.StdinPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { ts.Check(errors.Join(stop.Close(), cmd.Wait())) })
	if err := answers(ts.Getenv("STARTTLS"), 30*time.Second); err != nil {
		text, _ := os.ReadFile(said.Name())
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		ts.Fatalf("postfix does not start: %v\n%s%s", err, text, log)
	}
}

// freePort is a port of loopback that nothing listens on.
func freePort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(l.Close())
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	return port
}

// answers waits until a server greets.
func answers(addr string, patience time.Duration) (err error) {
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		c, dialErr := net.Dial("tcp", addr)
		if err = dialErr; err != nil {
			continue
		}
		greeting := make([]byte, 3)
		_, err = c.Read(greeting)
		c.Close()
		if err == nil && string(greeting) == "220" {
			return nil
		}
	}
	return errors.Join(err, fmt.Errorf("no greeting at %s", addr))
}
