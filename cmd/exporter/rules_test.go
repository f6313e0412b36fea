package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestImports keeps the arrows of the README's drawing: which package may
// import which of ours, and where each big library may be imported.
func TestImports(t *testing.T) {
	ours := map[string][]string{
		"internal/cloud":                 {},
		"internal/sandbox":               {},
		"internal/store":                 {},
		"internal/journal":               {},
		"internal/schedule":              {},
		"internal/store/storetest":       {"internal/store"},
		"internal/collect":               {"internal/cloud", "internal/store"},
		"internal/reports":               {"internal/store", "queries"},
		"queries":                        {},
		"cmd/exporter":                   nil, // wires them all
		"internal/deliver":               {},
		"internal/evidence":              {"internal/journal"},
		"internal/evidence/evidencetest": {},
		"internal/deliver/delivertest":   {},
	}
	libraries := map[string]string{
		"github.com/duckdb/duckdb-go": "internal/store",
		"github.com/xuri/excelize":    "internal/reports",
		"codeberg.org/go-pdf/fpdf":    "internal/reports",
		"github.com/robfig/cron":      "internal/schedule",
		"github.com/prometheus":       "cmd/exporter",
		"github.com/wneessen/go-mail": "internal/deliver",
		"charm.land":                  "cmd/exporter",
		"github.com/landlock-lsm":     "cmd/exporter",
		"github.com/elastic":          "cmd/exporter",
		"github.com/emersion":         "internal/deliver/delivertest",
		"github.com/hiddeco/sshsig":   "internal/evidence",
		"github.com/notaryproject":    "internal/evidence",
		"filippo.io/age":              "internal/evidence",
		"golang.org/x/crypto":         "internal/evidence",
	}
	seen := 0
	for d := json.NewDecoder(bytes.NewReader(goTool(t, "list", "-json=ImportPath,Imports", "exporter/..."))); ; seen++ {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "exporter/")
		allowed, known := ours[name]
		if !known {
			t.Errorf("package %s has no import rule", name)
		}
		for _, imported := range p.Imports {
			if short, ok := strings.CutPrefix(imported, "exporter/"); ok && name != "cmd/exporter" && !slices.Contains(allowed, short) {
				t.Errorf("%s imports %s", name, short)
			}
			for library, home := range libraries {
				if strings.HasPrefix(imported, library) && name != home {
					t.Errorf("%s imports %s, which belongs to %s", name, library, home)
				}
			}
		}
	}
	if seen < len(ours) {
		t.Errorf("go list gave %d packages, the rules name %d", seen, len(ours))
	}
}

// goTool is what the command go prints.
func goTool(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestNoSecretsInTestData looks for what must not be committed: phone numbers
// that are not masked, and addresses outside example.com and loopback.
func TestNoSecretsInTestData(t *testing.T) {
	phone := regexp.MustCompile(`(?:^|[^0-9*.])1[3-9][0-9]{9}(?:[^0-9*]|$)`)
	mail := regexp.MustCompile(`[A-Za-z0-9._-]+@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}`)
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if err == nil && (d.Name() == ".git" || d.Name() == "demo") {
				return filepath.SkipDir
			}
			return err
		}
		if !strings.Contains(path, "testdata") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if m := phone.Find(text); m != nil {
			t.Errorf("%s holds what looks like a phone number: %q", path, m)
		}
		for _, m := range mail.FindAllString(string(text), -1) {
			if !strings.HasSuffix(m, "example.com") {
				t.Errorf("%s holds a mail address: %q", path, m)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestCommandsInReports looks up each command that a built-in report tells to run.
func TestCommandsInReports(t *testing.T) {
	root := new(app).root()
	named := regexp.MustCompile(`\bexporter( [a-z]+)+`)
	found := 0
	for _, pattern := range []string{"../../queries/*.sql", "../../internal/reports/catalogue/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, command := range named.FindAllString(string(text), -1) {
				found++
				if c, _, err := root.Find(strings.Fields(command)[1:]); err != nil || c == root || !c.Runnable() {
					t.Errorf("%s: %q is no command", path, command)
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("%d commands are named", found)
	}
}

// TestDependencies holds the README's table of direct dependencies against go.mod,
// the dates of the versions and the texts of the licences.
func TestDependencies(t *testing.T) {
	licences := map[string]string{ // a sentence that only this one has
		"MIT":        "to any person obtaining a copy of this software",
		"BSD-3":      "Neither the name of",
		"Apache-2.0": "http://www.apache.org/licenses/",
	}
	rows := map[string][]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\S+\.\S+/\S+) \| (v\S+), ([0-9-]+) \| ([A-Za-z0-9.-]+)[^|]* \|`).FindAllStringSubmatch(readText(t, "../../README.md"), -1) {
		rows[m[1]] = m[2:]
	}
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(goTool(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	args := []string{"list", "-m", "-json"}
	for _, r := range mod.Require {
		if !r.Indirect {
			args = append(args, r.Path)
		}
	}
	for d := json.NewDecoder(bytes.NewReader(goTool(t, args...))); ; {
		var m struct{ Path, Version, Time, Dir string }
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		row := rows[m.Path]
		delete(rows, m.Path)
		if row == nil || row[0] != m.Version || !strings.HasPrefix(m.Time, row[1]) {
			t.Errorf("%s %s of %s: the README has %q", m.Path, m.Version, m.Time, row)
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, "LICENSE"))
		if err != nil {
			text, err = os.ReadFile(filepath.Join(m.Dir, "LICENSE.txt"))
		}
		flat := strings.Join(strings.Fields(string(text)), " ")
		if want := licences[row[2]]; err != nil || want == "" || !strings.Contains(flat, want) {
			t.Errorf("%s: its licence is not %s", m.Path, row[2])
		}
	}
	for path := range rows {
		t.Errorf("%s is in the README, and no direct dependency", path)
	}
}
