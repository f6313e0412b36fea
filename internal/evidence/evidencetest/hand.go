// Package evidencetest checks evidence as an auditor does who has no program of
// ours: it runs the commands of a bundle's VERIFY.txt, and has a time-stamping
// server made of openssl. It knows nothing of how a bundle is made.
package evidencetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Step is a command of VERIFY.txt with its good answer.
type Step struct {
	Title   string // of the section: 1. Who signed it
	Command string
	Answer  []string // "..." in a line is any text, as a line any lines
}

// Steps returns the commands in VERIFY.txt for Linux and macOS, in order. A first one
// without an answer is what all others need to have been run before.
func Steps(text string) []Step {
	var steps []Step
	title := ""
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		command, isCommand := strings.CutPrefix(line, "    ")
		answer, isAnswer := strings.CutPrefix(line, "  -> ")
		switch {
		case strings.HasPrefix(line, "---"):
			title = last
		case strings.Contains(title, "Windows"):
		case isCommand && strings.HasPrefix(last, "    "):
			steps[len(steps)-1].Command += "\n" + command
		case isCommand:
			steps = append(steps, Step{Title: title, Command: command})
		case isAnswer:
			steps[len(steps)-1].Answer = append(steps[len(steps)-1].Answer, answer)
		}
		last = line
	}
	return steps
}

// Tools makes a folder that has only the programs of names, as PATH for [Follow].
func Tools(t testing.TB, names ...string) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(bin, name))
		}
		if err != nil {
			t.Fatalf("%v (make test-tools installs it)", err)
		}
	}
	return bin
}

// The programs that VERIFY.txt needs, beside a shell.
var (
	Linux = []string{"sha256sum", "cut", "sort", "comm", "mktemp", "rm", "head", "find", "grep", "sed", "ssh-keygen", "openssl", "zstd"}
	MacOS = append([]string{"shasum", "perl"}, Linux[1:]...)
)

// Follow runs the commands of dir/VERIFY.txt in dir, with the programs in bin and no
// variable of this process, and returns an error for each that does not give its
// good answer; and how many it ran.
func Follow(ctx context.Context, dir, bin string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dir, "VERIFY.txt"))
	if err != nil {
		return 0, err
	}
	steps := Steps(string(text))
	if len(steps) == 0 {
		return 0, errors.New("VERIFY.txt has no commands")
	}
	before := steps[0].Command
	var faults []error
	for _, s := range steps[1:] {
		if err := s.follow(ctx, dir, bin, before); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s\n%w", s.Title, s.Command, err))
		}
	}
	return len(steps) - 1, errors.Join(faults...)
}

func (s Step) follow(ctx context.Context, dir, bin, before string) error {
	bash, err := exec.LookPath("bash")
	if err != nil {
		return err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, bash, "--noprofile", "--norc", "-c", before+"\n"+s.Command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &stdout, &stderr
	cmd.Env = []string{"PATH=" + bin}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s%s", err, &stdout, &stderr)
	}
	if !s.good(stdout.String()) {
		return fmt.Errorf("the answer is\n%s%swhere the good one is\n%s", &stdout, &stderr, strings.Join(s.Answer, "\n"))
	}
	return nil
}

// good says whether output is the good answer.
func (s Step) good(output string) bool {
	var pattern strings.Builder
	pattern.WriteString("^")
	for _, line := range s.Answer {
		if line == "..." {
			pattern.WriteString(`(.*\n)*`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `.*`) + `\n`)
	}
	return regexp.MustCompile(pattern.String() + "$").MatchString(output)
}
