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

// Tools makes a folder that has only the programs of names, as PATH for [Follow].
func Tools(t testing.TB, names ...string) string {
	t.Helper()
	bin := t.TempDir()
	if err := LinkTools(bin, names...); err != nil {
		t.Fatal(err)
	}
	return bin
}

// LinkTools is [Tools] for a folder that is there.
func LinkTools(bin string, names ...string) error {
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(bin, name))
		}
		if err != nil {
			return fmt.Errorf("%w (make test-tools installs what the tests use)", err)
		}
	}
	return nil
}

// The programs that VERIFY.txt needs, beside a shell.
var (
	Linux = []string{"sha256sum", "cut", "sort", "comm", "mktemp", "rm", "head", "find", "grep", "sed",
		"ssh-keygen", "openssl", "zstd"}
	MacOS = append([]string{"shasum", "perl"}, Linux[1:]...)
)

// step is evidence.Step: that package's own tests use this one.
type step = struct {
	Title, Command string
	Answer         []string
}

// Follow runs the commands of a VERIFY.txt, which evidence.Steps takes out of it, in
// dir, with the programs in bin and no variable of this process. The first has to
// have been run before each other. It returns an error for each that does not give
// its good answer; and how many it ran.
func Follow[S ~step](ctx context.Context, dir, bin string, commands []S) (int, error) {
	if len(commands) == 0 {
		return 0, errors.New("VERIFY.txt has no commands")
	}
	before := step(commands[0]).Command
	var faults []error
	for _, c := range commands[1:] {
		s := step(c)
		if err := follow(ctx, s, dir, bin, before); err != nil {
			faults = append(faults, fmt.Errorf("%s: %s\n%w", s.Title, s.Command, err))
		}
	}
	return len(commands) - 1, errors.Join(faults...)
}

func follow(ctx context.Context, s step, dir, bin, before string) error {
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
	if !Good(s.Answer, stdout.String()) {
		return fmt.Errorf("the answer is\n%s%swhere the good one is\n%s", &stdout, &stderr,
			strings.Join(s.Answer, "\n"))
	}
	return nil
}

// Good says whether output is the good answer, in which ... stands for any text of a
// line, and a line of ... for any lines.
func Good(answer []string, output string) bool {
	var pattern strings.Builder
	pattern.WriteString("^")
	for _, line := range answer {
		if line == "..." {
			pattern.WriteString(`(.*\n)*`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `.*`) + `\n`)
	}
	return regexp.MustCompile(pattern.String() + "$").MatchString(output)
}
