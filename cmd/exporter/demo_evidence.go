package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"exporter/internal/evidence"
	"exporter/internal/store"
)

// demoReports are those of the demo's evidence.
var demoReports = []string{"changes", "expiring-permissions", "failed-issues", "channel-coverage", "completeness", "control-calendar"}

// demoIdentity is whose key the demo signs with.
const demoIdentity = "evidence@example.com"

// evidenceDemo seals the demo's two days for an auditor, and verifies them as one
// does who has only stock tools.
func (a *app) evidenceDemo(ctx context.Context, cfg *config, out string) error {
	fmt.Fprintf(a.stderr, "\n%s\n", paint(a.stderr, text.Bold, "Sealing the two days for an auditor"))
	day := func(t time.Time) string { return t.In(cfg.zone).Format(time.DateOnly) }
	f := &evidenceFlags{from: day(a.now().Add(-demoDay)), to: day(a.now()), mask: store.MaskFull, out: filepath.Join(out, "evidence"), reports: demoReports}
	if err := a.createEvidence(ctx, cfg, f); err != nil {
		return err
	}
	made := filepath.Join(f.out, "evidence-"+f.from+"-"+f.to+"-"+f.mask, "VERIFY.txt")
	fmt.Fprintf(a.stderr, "\n%s\n", paint(a.stderr, text.Bold, "Verifying it without this program, by its VERIFY.txt"))
	return a.byHand(ctx, made)
}

// byHand runs the commands of the first sections of a VERIFY.txt, and shows them with
// what they answer.
func (a *app) byHand(ctx context.Context, path string) error {
	verify, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	steps := evidence.Steps(string(verify))
	shown := map[string]bool{}
	for i, s := range steps {
		// The first prepares, and of the others one of each section stands for it.
		if i == 0 || shown[s.Title] || s.Title > "4" {
			continue
		}
		shown[s.Title] = true
		fmt.Fprintf(a.stderr, "\n%s\n", s.Title)
		for line := range strings.Lines(s.Command) {
			fmt.Fprintf(a.stderr, "  %s\n", paint(a.stderr, text.Faint, "$ "+strings.TrimRight(line, "\n")))
		}
		c := exec.CommandContext(ctx, "bash", "--noprofile", "--norc", "-c", steps[0].Command+"\n"+s.Command)
		c.Dir = filepath.Dir(path)
		answer, err := c.CombinedOutput()
		for line := range strings.Lines(string(answer)) {
			fmt.Fprintf(a.stderr, "  %s\n", strings.TrimRight(line, "\n"))
		}
		if errors.Is(err, exec.ErrNotFound) {
			fmt.Fprintf(a.stderr, "  (there is no bash on this machine)\n")
			return nil
		}
		if err != nil {
			return &hintError{fmt.Errorf("VERIFY.txt: %s: %w", s.Title, err), "the demo uses bash, sha256sum and ssh-keygen (openssh-client)"}
		}
	}
	return nil
}
