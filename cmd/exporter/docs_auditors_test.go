package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"exporter/internal/evidence/evidencetest"
)

// TestAuditorsPage runs the commands of docs/auditors.md up to where the program comes
// in, one after the other, beside a bundle's zip, with stock tools alone.
func TestAuditorsPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "auditors.md"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(page), "\n## With the program")
	var script strings.Builder
	script.WriteString("set -e\n")
	blocks := strings.Split(text, "\n```sh\n")[1:]
	for _, b := range blocks {
		commands, _, _ := strings.Cut(b, "\n```")
		script.WriteString(commands + "\n")
	}
	if len(blocks) < 6 {
		t.Fatalf("docs/auditors.md has %d blocks of commands", len(blocks))
	}
	s := newEvidenceSite(t)
	bin := evidencetest.Tools(t, append([]string{"unzip", "seq", "uniq"}, evidencetest.Linux...)...)
	s.seal(t, "full", "out")
	if err := os.RemoveAll(filepath.Join(s.path("out"), "evidence-2026-03-02-2026-03-03-full")); err != nil {
		t.Fatal(err)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), bash, "--noprofile", "--norc", "-c", script.String())
	c.Dir, c.Env = s.path("out"), []string{"PATH=" + bin}
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`Good "access-evidence@example.com" signature for evidence@example.com`, "\nunchanged\n", "\nVerdict: complete\n", "\nPeriod-End: 2026-03-03\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in the answers\n%s", want, out)
		}
	}
}
