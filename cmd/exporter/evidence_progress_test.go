package main

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// Where there is no terminal, evidence create logs how far it is, now and then.
func TestEvidenceProgress(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	var said strings.Builder
	slow := func() time.Time { return s.day.Add(time.Duration(s.tick.Add(5000)) * time.Millisecond) }
	a := &app{stdin: strings.NewReader(""), stdout: &said, stderr: &said, now: slow, zone: time.UTC}
	if got := a.run(t.Context(), []string{"evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", "full", "--report", "changes",
		"--out", s.path("out"), "--config", s.path("reports.yaml"), "--log-format", "json"}); got != 0 {
		t.Fatalf("%d: %s", got, said.String())
	}
	for _, want := range []string{
		`"msg":"sealing","step":"raw pages","done":"[0-9.]+ kB","of":"[0-9.]+ kB"`,
		`"msg":"sealing","step":"tables","done":"[0-9]+","of":"21"`,
		`"msg":"sealing","step":"seal","done":"[0-9.]+ [kM]B","of":"[0-9.]+ MB"`,
	} {
		if !regexp.MustCompile(want).MatchString(said.String()) {
			t.Errorf("no %s in\n%s", want, said.String())
		}
	}
}

// The help of each command of evidence fits a terminal of 80 columns.
func TestEvidenceHelpFits(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"--help", "keygen", "create", "verify", "trace", "sample"} {
		var said strings.Builder
		a := &app{stdin: strings.NewReader(""), stdout: &said, stderr: &said, now: time.Now, zone: time.UTC}
		if got := a.run(t.Context(), []string{"evidence", name, "--help"}); got != 0 {
			t.Fatalf("%s: %d", name, got)
		}
		for line := range strings.Lines(said.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
	}
}
