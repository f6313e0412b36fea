package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"exporter/internal/evidence"
	"exporter/internal/store/storetest"
)

// signAgain makes the manifests of a bundle's folder again and signs them, as the
// owner of a key can who changed something.
func signAgain(t *testing.T, dir string, key *evidence.Key) {
	t.Helper()
	sums := func(keep func(name string) bool) string {
		var lines []string
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if name, _ := filepath.Rel(dir, path); err == nil && !e.IsDir() && keep(name) {
				sum := sha256.Sum256([]byte(readText(t, path)))
				lines = append(lines, hex.EncodeToString(sum[:])+"  "+name+"\n")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "")
	}
	payload := func(name string) bool { return strings.HasPrefix(name, "data/") }
	size, files := 0, 0
	manifest := sums(payload)
	for line := range strings.Lines(manifest) {
		info, err := os.Stat(filepath.Join(dir, strings.TrimSuffix(line[66:], "\n")))
		if err != nil {
			t.Fatal(err)
		}
		size, files = size+int(info.Size()), files+1
	}
	put(t, filepath.Join(dir, "manifest-sha256.txt"), manifest)
	info := regexp.MustCompile(`Payload-Oxum: .*`).ReplaceAllString(readText(t, filepath.Join(dir, "bag-info.txt")), fmt.Sprintf("Payload-Oxum: %d.%d", size, files))
	put(t, filepath.Join(dir, "bag-info.txt"), info)
	const name = "tagmanifest-sha256.txt"
	tags := sums(func(n string) bool { return !payload(n) && !strings.HasPrefix(n, name) })
	put(t, filepath.Join(dir, name), tags)
	signature, err := key.Sign("access-evidence@example.com", []byte(tags))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, name+".sig"), string(signature))
}

// What somebody changes who has the key, and makes the manifests and the signature
// again, is found when the bundle's outputs are made again, and named.
func TestEvidenceTampered(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	whole := s.seal(t, "full", "out")
	key, err := evidence.OpenKey(s.path("key"), []byte(evidencePassphrase))
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, new string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			text := readText(t, path)
			changed := regexp.MustCompile(old).ReplaceAllString(text, new)
			if changed == text {
				t.Fatalf("nothing to change in %s", text)
			}
			put(t, path, changed)
		}
	}
	change := func(statement string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := storetest.Change(path, statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	const snapshot = "snapshot/20260303T010000Z.duckdb"
	for name, c := range map[string]struct {
		file string // below data/
		do   func(t *testing.T, path string)
		want []string // names of findings
	}{
		"a workbook":             {"reports/changes/changes.xlsx", rezip, []string{"data/reports/changes/changes.xlsx"}},
		"a table":                {"reports/changes/changes.csv", edit(`\n.*\n$`, "\n"), []string{"data/reports/changes/changes.csv"}},
		"a population":           {"population/permissions.csv", edit(`\n.*\n$`, "\n"), []string{"data/population/permissions.csv"}},
		"a query":                {"queries/changes_balance.sql", edit(`\s*$`, "\nLIMIT 0\n"), []string{"data/reports/changes/changes.balance.csv", "data/reports/changes/changes.pdf"}},
		"a query that writes":    {"queries/changes.sql", edit(`^`, "COPY (SELECT 1) TO 'x.csv'; "), []string{"data/reports"}},
		"a definition":           {"definitions/changes.yaml", edit(`title: \S+`, "title: Nothing"), []string{"data/reports/changes/changes.xlsx"}},
		"no definition":          {"definitions/changes.yaml", func(t *testing.T, path string) { put(t, path, "name: [") }, []string{"data/definitions/changes.yaml"}},
		"a ledger":               {"ledger/calls.csv", edit(`,200,`, ",404,"), []string{"data/ledger/calls.csv"}},
		"a ledger of journal":    {"ledger/runs.csv", edit(`complete`, "incomplete"), []string{"data/ledger/runs.csv"}},
		"a page without a line":  {"raw/20260303T010000Z/1424615984265764001/permissions.ndjson.zst", repack(lastLine(0)), []string{"data/raw/20260303T010000Z/1424615984265764001/permissions.ndjson.zst"}},
		"a page, a line twice":   {"raw/20260303T010000Z/1424615984265764001/permissions.ndjson.zst", repack(lastLine(2)), []string{"data/raw/20260303T010000Z/1424615984265764001/permissions.ndjson.zst"}},
		"a row of the snapshot":  {snapshot, change("UPDATE x.base.permissions SET name = 'Nobody' WHERE access_auth_id = (SELECT min(access_auth_id) FROM x.base.permissions WHERE closed_snapshot IS NULL)"), []string{"data/" + snapshot}},
		"a row out of it":        {snapshot, change("DELETE FROM x.base.permissions WHERE access_auth_id = (SELECT min(access_auth_id) FROM x.base.permissions WHERE closed_snapshot IS NULL)"), []string{"data/" + snapshot}},
		"no snapshot":            {snapshot, func(t *testing.T, path string) { put(t, path, "nothing") }, []string{"data/snapshot/"}},
		"what it was made from":  {"made_from.json", edit(`"days": 2`, `"days": 1`), []string{"data/ledger/calendar.csv"}},
		"sealed by another":      {"made_from.json", edit(`"line": \d+`, `"line": 1`), []string{"data/made_from.json"}},
		"raw pages said gone":    {"ledger/raw_files.csv", edit(`,\n$`, ",lost\n"), []string{"data/ledger/raw_files.csv"}},
		"the index":              {"README.txt", edit(`(\d) rows`, "${1}0 rows"), []string{"data/README.txt"}},
		"what columns mean":      {"population/schema.json", edit(`person`, "door"), []string{"data/population/schema.json"}},
		"a page said gone":       {"raw/20260303T010000Z/1424615984265764001/persons.ndjson.zst", func(t *testing.T, path string) { t.Helper(); remove(t, path) }, []string{"data/ledger/raw_files.csv", "bag-info.txt"}},
		"a page of nothing":      {"raw/20260303T010000Z/1424615984265764001/visitors.ndjson.zst", func(t *testing.T, path string) { put(t, path, "x") }, []string{"data/ledger/raw_files.csv"}},
		"a page elsewhere":       {"raw/20250303T010000Z/1424615984265764001/persons.ndjson.zst", putNew, []string{"data/raw/20250303T010000Z/1424615984265764001/persons.ndjson.zst"}},
		"a query nobody asks":    {"queries/more.sql", putNew, []string{"data/queries/more.sql"}},
		"a file beside":          {"more.txt", putNew, []string{"data/more.txt"}},
		"a query elsewhere":      {"definitions/changes.yaml", edit(`query: changes\.sql`, "query: ../changes.sql"), []string{"data/definitions"}},
		"days of no zone":        {"made_from.json", edit(`Asia/Shanghai`, "Asia/Nowhere"), []string{"data/made_from.json"}},
		"from another snapshot":  {"made_from.json", edit(`"since": "[^"]*"`, `"since": "20250101T010000Z"`), []string{"data/snapshot/"}},
		"from what is no report": {"made_from.json", edit(`"changes"`, `"../../x"`), []string{"data/definitions/"}},
		"a file nobody makes":    {"population/visitors.csv", func(t *testing.T, path string) { put(t, path, "a\n1\n") }, []string{"data/population/visitors.csv"}},
		"a file that is gone":    {"ledger/changes.csv", func(t *testing.T, path string) { t.Helper(); remove(t, path) }, []string{"data/ledger/changes.csv"}},
		"a raw page":             {"raw/20260303T010000Z/1424615984265764001/permissions.ndjson.zst", repack(renamed), []string{"data/raw/20260303T010000Z/1424615984265764001/permissions.ndjson.zst"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), filepath.Base(whole))
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			c.do(t, filepath.Join(dir, "data", c.file))
			signAgain(t, dir, key)
			v := s.verify(t, 4, dir)
			if digests := name == "a row of the snapshot" || name == "a row out of it"; (v.DigestsFound > 0) != digests {
				t.Errorf("%d findings are of digests", v.DigestsFound)
			}
			if strings.HasPrefix(c.file, "reports/") && v.RowsFound > 0 || c.file == "raw/20260303T010000Z/1424615984265764001/permissions.ndjson.zst" && v.RowsFound == 0 {
				t.Errorf("%d findings are of rows", v.RowsFound)
			}
			for _, want := range c.want {
				if !slices.ContainsFunc(v.Findings, func(f evidence.Finding) bool { return strings.HasPrefix(f.Name, want) }) {
					t.Errorf("%s is not named: %v", want, v.Findings)
				}
			}
		})
	}
	for name, c := range map[string]struct {
		edits [][2]string // of bag-info.txt
		want  []string    // labels of findings
	}{
		"what the bundle is of": {[][2]string{
			{`Snapshot: .*`, "Snapshot: 20260302T010000Z"},
			{`As-Of: .*`, "As-Of: 2026-03-03T02:00:00Z"},
			{`Since: .*`, "Since: 20260301T010000Z"},
			{`Timezone: .*`, "Timezone: Asia/Tokyo\nProject: another"},
			{`Verdict: .*`, "Verdict: incomplete: 1 day of 2 without a whole snapshot\nMissing-Days: 2026-03-02"},
			{`Raw-Pages: .*`, "Raw-Pages: all 1 file"},
		}, []string{"Snapshot", "As-Of", "Since", "Timezone", "Project", "Verdict", "Missing-Days", "Raw-Pages"}},
		"a longer period": {[][2]string{{`Period-End: .*`, "Period-End: 2026-03-04"}}, []string{"Verdict", "Missing-Days"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), filepath.Base(whole))
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			for _, e := range c.edits {
				edit(e[0], e[1])(t, filepath.Join(dir, "bag-info.txt"))
			}
			signAgain(t, dir, key)
			v := s.verify(t, 4, dir)
			for _, want := range c.want {
				if !slices.ContainsFunc(v.Findings, func(f evidence.Finding) bool {
					return f.Name == "bag-info.txt" && strings.HasPrefix(f.Problem, want+" is ")
				}) {
					t.Errorf("%s is not named: %v", want, v.Findings)
				}
			}
		})
	}
	t.Run("another key", func(t *testing.T) {
		if _, err := evidence.GenerateKey(s.path("other"), "", nil); err != nil {
			t.Fatal(err)
		}
		other, err := evidence.OpenKey(s.path("other"), nil)
		if err != nil {
			t.Fatal(err)
		}
		signers := s.path("allowed_signers")
		put(t, signers, readText(t, filepath.Join(whole, "allowed_signers")))
		line := other.AllowedSigner("evidence@example.com", "access-evidence@example.com", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		put(t, filepath.Join(whole, "allowed_signers"), line+"\n")
		signAgain(t, whole, other)
		s.verify(t, 0, whole, "--without-reports") // it proves its own word only
		v := s.verify(t, 4, whole, "--signers", signers)
		if !slices.ContainsFunc(v.Findings, func(f evidence.Finding) bool { return f.Name == "tagmanifest-sha256.txt.sig" }) {
			t.Errorf("%v", v.Findings)
		}
	})
}

// putNew makes a file, and the folders that it is in.
func putNew(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, path, "x")
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// repack changes what a raw page holds.
func repack(change func(lines []byte) []byte) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		t.Helper()
		lines := unpacked(t, path)[1]
		changed := change(lines)
		if bytes.Equal(lines, changed) {
			t.Fatalf("nothing to change in %s", lines)
		}
		e, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		put(t, path, string(e.EncodeAll(changed, nil)))
	}
}

// renamed has another name of a person.
func renamed(lines []byte) []byte {
	return bytes.Replace(lines, []byte(`"name":"`), []byte(`"name":"X`), 1)
}

// lastLine has the last line so many times.
func lastLine(n int) func(lines []byte) []byte {
	return func(lines []byte) []byte {
		from := bytes.LastIndexByte(lines[:len(lines)-1], '\n') + 1
		return slices.Concat(lines[:from], bytes.Repeat(lines[from:], n))
	}
}

// rezip replaces a workbook by one with other text.
func rezip(t *testing.T, path string) {
	t.Helper()
	old, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range old.File {
		if err := w.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.SetComment("changed"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, path, b.String())
}

// Where a report alone differs it is not said that digests or rows do.
func TestVerifiedSays(t *testing.T) {
	r := &verifiedBundle{MadeAgain: 76, Digests: 20, Pages: 5, Rows: 9, Verification: &evidence.Verification{
		Findings: []evidence.Finding{{Name: "data/reports/changes/changes.csv", Problem: "made again it is another"}}}}
	for _, want := range []string{"all the same", "what differs is named below"} {
		var said strings.Builder
		if err := (&app{stdout: &said}).sayVerifiedBundle(r, time.Second); err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^  digests .*: `+want+`$`).MatchString(said.String()) ||
			!regexp.MustCompile(`(?m)^  rows .*: `+want+`$`).MatchString(said.String()) ||
			!regexp.MustCompile(`(?m)^  made again .*: what differs is named below$`).MatchString(said.String()) {
			t.Errorf("not %s:\n%s", want, said.String())
		}
		r.DigestsFound, r.RowsFound = 1, 1
		r.Findings = append(r.Findings, r.Findings[0], r.Findings[0])
	}
}
