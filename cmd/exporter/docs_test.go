package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"exporter/internal/evidence/evidencetest"
	"exporter/internal/store/storetest"
)

// TestDemo makes the demo once: it needs nothing and leaves what its script looks
// for; and the pages of docs/ go on with it.
func TestDemo(t *testing.T) {
	t.Parallel()
	// Its clock begins at one time whenever it is run, so that the same is printed.
	ahead := time.Until(time.Date(2026, 11, 22, 12, 10, 0, 0, time.UTC))
	demo := filepath.Join(t.TempDir(), "demo")
	var stdout, stderr strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, zone: time.UTC,
		now: func() time.Time { return time.Now().Add(ahead) }}
	if got := a.run(t.Context(), []string{"demo", "--out", demo}); got != 0 || stdout.Len() > 0 {
		t.Fatalf("exporter demo: %d\n%s%s", got, &stdout, &stderr)
	}
	put(t, demo+".log", strings.ReplaceAll(stderr.String(), demo, "demo"))
	env := []string{"DEMO=" + demo, "TEST_AHEAD=" + ahead.String()}
	t.Run("script", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Files:               []string{"testdata/demo.txtar"},
			RequireExplicitExec: true,
			Cmds:                map[string]func(*testscript.TestScript, bool, []string){"status": wantStatus},
			Setup: func(e *testscript.Env) error {
				e.Vars = append(e.Vars, env...)
				return nil
			},
		})
	})
	runPages(t, env)
}

// runPages runs the pages of docs/, with variables that name the demo.
func runPages(t *testing.T, env []string) {
	t.Helper()
	oldStore := filepath.Join(t.TempDir(), "store")
	if err := storetest.Unpack("../../internal/store/testdata/store-v1.tar.zst", oldStore); err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("exporter")
	if err != nil {
		t.Fatal(err)
	}
	stock := evidencetest.Tools(t, append([]string{"cp", "mkdir", "unzip", "seq", "uniq"}, evidencetest.Linux...)...)
	for _, p := range []page{
		{"newcomers.md", []string{"PATH=" + os.Getenv("PATH")}},
		{"managers.md", []string{"PATH=" + os.Getenv("PATH")}},
		{"analysts.md", []string{"PATH=" + os.Getenv("PATH")}},
		{"auditors.md", []string{"PATH=" + stock, "PROGRAM=" + filepath.Dir(program)}}, // at first without the program
		{"reports.md", []string{"PATH=" + os.Getenv("PATH")}},
		{"operators.md", []string{"PATH=" + os.Getenv("PATH"), "OLD_STORE=" + oldStore}},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.env = append(p.env, env...)
			p.run(t)
		})
	}
}

// page is a page of docs/ whose commands are run. In it
//
//   - a block ```sh is run; ```sh status 1 has to end with that status
//   - a comment <!-- sh ... --> is run too: what readers need not see, for it makes
//     the place that the page speaks of
//   - a block without a language is what the block before it prints, where ... stands
//     for any text and a line of ... for any lines
//
// All are run by one shell, in order. Blocks of other languages are not.
type page struct {
	name string
	env  []string // NAME=VALUE beside HOME
}

// pageBlock is a command of a page and what it has to print.
type pageBlock struct {
	command  string
	status   string
	answer   string
	answered bool
	from, to int // where the answer is in the page
}

var pageBlocks = regexp.MustCompile("(?ms)" +
	"^```sh(?: status ([0-9]+))?\n(.*?)^```\n" +
	"|^<!-- sh\n(.*?)^-->\n" +
	"|^```\n(.*?)^```\n" +
	"|^```[a-z]+\n.*?^```\n")

func parsePage(t *testing.T, text string) (all []pageBlock) {
	t.Helper()
	for _, m := range pageBlocks.FindAllStringSubmatchIndex(text, -1) {
		group := func(n int) string {
			if m[2*n] < 0 {
				return ""
			}
			return text[m[2*n]:m[2*n+1]]
		}
		switch {
		case m[4] >= 0, m[6] >= 0:
			all = append(all, pageBlock{command: group(2) + group(3), status: group(1)})
		case m[8] >= 0:
			if len(all) == 0 || all[len(all)-1].answered {
				t.Fatalf("a block without a language that follows no command:\n%s", group(4))
			}
			last := &all[len(all)-1]
			last.answer, last.answered, last.from, last.to = group(4), true, m[8], m[9]
		}
	}
	return all
}

// run runs the page in an empty folder. With -update it writes what was printed into the page
// where that differs.
func (p page) run(t *testing.T) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", p.name)
	text := readText(t, path)
	blocks := parsePage(t, text)
	if len(blocks) == 0 {
		t.Fatalf("%s has no commands", p.name)
	}
	said := t.TempDir()
	var script strings.Builder
	script.WriteString("trap 'failed=$?' ERR\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n")
	for i, b := range blocks {
		fmt.Fprintf(&script, "failed=0\n{\n%s} >%s/%d 2>&1\necho $failed >%[2]s/%[3]d.status\n", b.command, said, i)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, bash, "--noprofile", "--norc", "-c", script.String())
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.Dir, c.Env = t.TempDir(), append(p.env, "HOME="+t.TempDir())
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %v\n%s", p.name, err, out)
	}
	trailing := regexp.MustCompile(`(?m) +$`)
	for i := len(blocks) - 1; i >= 0; i-- { // from the end, so that places stay when text is put in
		b := blocks[i]
		if _, err := os.Stat(filepath.Join(said, strconv.Itoa(i)+".status")); err != nil {
			t.Errorf("%s: not done:\n%s", p.name, b.command)
			continue
		}
		got := trailing.ReplaceAllString(readText(t, filepath.Join(said, strconv.Itoa(i))), "")
		status := strings.TrimSpace(readText(t, filepath.Join(said, strconv.Itoa(i)+".status")))
		if want := max("0", b.status); status != want {
			t.Errorf("%s: exit status %s, want %s\n%s%s", p.name, status, want, b.command, got)
		}
		if !b.answered || evidencetest.Good(strings.Split(strings.TrimSuffix(b.answer, "\n"), "\n"), got) {
			continue
		}
		if *update {
			text = text[:b.from] + got + text[b.to:]
			continue
		}
		t.Errorf("%s: what is printed differs (-page +printed)\n%s%s", p.name, b.command, cmp.Diff(b.answer, got))
	}
	if *update {
		put(t, path, text)
	}
}

// TestLinks follows each link of the README and of docs/ to a file and a heading; and
// every file of docs/ is linked.
func TestLinks(t *testing.T) {
	root := filepath.Join("..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, filepath.Join(root, "README.md"))
	link := regexp.MustCompile(`\]\(([^)]+)\)`)
	code := regexp.MustCompile("(?ms)^```.*?^```$")
	linked := map[string]bool{}
	for _, path := range pages {
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(readText(t, path), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			name, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if name != "" {
				target = filepath.Join(filepath.Dir(path), name)
			}
			linked[target] = true
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", path, err)
			} else if anchor != "" && !slices.Contains(anchors(readText(t, target)), anchor) {
				t.Errorf("%s: %s has no heading #%s", path, target, anchor)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(root, "docs", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if !linked[path] {
			t.Errorf("nothing leads to %s", path)
		}
	}
}

// anchors are those that GitHub gives to the headings of a page.
func anchors(text string) (all []string) {
	code := regexp.MustCompile("(?ms)^```.*?^```$")
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(code.ReplaceAllString(text, ""), -1) {
		plain := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(plain, " ", "-"))
	}
	return all
}

// TestConfigurationPage holds docs/configuration.md against the keys that there are:
// its file is taken, and none is left out.
func TestConfigurationPage(t *testing.T) {
	text := readText(t, filepath.Join("..", "..", "docs", "configuration.md"))
	_, file, found := strings.Cut(text, "```yaml\n")
	file, _, closed := strings.Cut(file, "```")
	if !found || !closed {
		t.Fatal("no file")
	}
	for _, name := range []string{"EXPORTER_CLIENT_ID", "EXPORTER_CLIENT_SECRET", "MAIL_PASSWORD", "EVIDENCE_PASSPHRASE"} {
		t.Setenv(name, "x")
	}
	if _, err := loadConfig(writeConfig(t, file), true); err != nil {
		t.Error(err)
	}
	var named func(reflect.Type)
	named = func(s reflect.Type) {
		for s.Kind() == reflect.Pointer || s.Kind() == reflect.Slice {
			s = s.Elem()
		}
		if s.Kind() != reflect.Struct || s.PkgPath() != reflect.TypeFor[config]().PkgPath() {
			return
		}
		for f := range s.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key != "" && !regexp.MustCompile(`\b`+key+`\b`).MatchString(text) {
				t.Errorf("the key %s of %s is not told of", key, s.Name())
			}
			named(f.Type)
		}
	}
	named(reflect.TypeFor[config]())
}
