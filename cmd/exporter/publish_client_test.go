package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A client is a program that is not ours and reads the analysts' copy; it answers a
// line with a line. See testdata/clients.
type client struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Reader
}

// startClient starts a script of testdata/clients with the packages that
// scripts/tools has installed.
func startClient(t *testing.T, script string, args ...string) *client {
	t.Helper()
	modules, err := filepath.Abs("../../.tools/clients")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", append([]string{filepath.Join("testdata/clients", script), modules}, args...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (make test-tools installs it)", err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", script, err)
		}
	})
	return &client{t, in, bufio.NewReader(out)}
}

// tell asks a client and decodes its answer, which may have an error and the time it took.
func (c *client) tell(question string, answer any) error {
	if _, err := fmt.Fprintln(c.in, question); err != nil {
		return err
	}
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	var failed struct{ Error string }
	if err := json.Unmarshal(line, &failed); err != nil {
		return err
	}
	if failed.Error != "" {
		return errors.New(failed.Error)
	}
	return json.Unmarshal(line, answer)
}

// asked is a line of duckdb.mjs.
type asked struct {
	File   string   `json:"file"`
	Attach string   `json:"attach,omitempty"`
	Keep   string   `json:"keep,omitempty"`
	SQL    []string `json:"sql"`
}

type sqlAnswers struct {
	Answers [][][]any
	Ms      float64
}

// first is the first row of each answer, as text.
func (a sqlAnswers) first() string {
	var all []string
	for _, rows := range a.Answers {
		if len(rows) == 0 {
			all = append(all, "no row")
			continue
		}
		all = append(all, fmt.Sprint(rows[0]...))
	}
	return strings.Join(all, ", ")
}

func (c *client) query(q asked) (a sqlAnswers, err error) {
	text, err := json.Marshal(q)
	if err == nil {
		err = c.tell(string(text), &a)
	}
	return a, err
}
