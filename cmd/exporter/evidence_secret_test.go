package main

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"exporter/internal/store/storetest"
)

// newIdentity writes an age identity to a file, and returns whom to encrypt to.
func newIdentity(t *testing.T, path string) string {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	put(t, path, id.String()+"\n")
	return id.Recipient().String()
}

// column gives the values of a query's only column, without a mask.
func (s *evidenceSite) column(t *testing.T, query string, more ...string) []string {
	t.Helper()
	out, _ := s.run(t, 0, append([]string{"sql", "--mask", "full", "--format", "csv", query}, more...)...)
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(lines) < 2 {
		t.Fatalf("%s: %q, %v", query, lines, err)
	}
	var values []string
	for _, l := range lines[1:] {
		values = append(values, l[0])
	}
	return values
}

// person is the name of somebody in the store.
func (s *evidenceSite) person(t *testing.T) string {
	return s.column(t, "SELECT min(name) FROM permissions")[0]
}

// secretTexts are what a bundle must not hold, by the mask under which it must not;
// those of "full" in none.
type secretTexts map[string][]string

func (s *evidenceSite) secrets(t *testing.T) secretTexts {
	t.Helper()
	hidden := secretTexts{"full": {evidencePassphrase, strings.TrimSpace(readText(t, s.path("data/pseudonym.key")))}}
	for _, name := range []string{"key", "reports.yaml"} {
		for line := range strings.Lines(readText(t, s.path(name))) {
			if line = strings.TrimSpace(line); name == "key" && !strings.HasPrefix(line, "-----") {
				hidden["full"] = append(hidden["full"], line)
			} else if _, after, ok := strings.Cut(line, `client_secret: "`); ok {
				secret, _, _ := strings.Cut(after, `"`)
				hidden["full"] = append(hidden["full"], secret)
			}
		}
	}
	people := "FROM (SELECT name, mobile, person_code, person_id FROM permissions UNION ALL SELECT name, NULL, person_code, person_id FROM persons)"
	hidden["standard"] = append(s.column(t, "SELECT DISTINCT name "+people+" WHERE name <> ''"), evidenceInbox)
	hidden["standard"] = append(hidden["standard"], s.column(t, "SELECT DISTINCT mobile "+people+" WHERE mobile <> ''")...)
	hidden["pseudonym"] = append(s.column(t, "SELECT DISTINCT person_id "+people), s.column(t, "SELECT DISTINCT person_code "+people+" WHERE person_code <> ''")...)
	return hidden
}

// check searches every file of a bundle, unpacked.
func (x secretTexts) check(t *testing.T, mask, dir string) {
	t.Helper()
	hidden := slices.Clone(x["full"])
	if mask != "full" {
		hidden = append(hidden, x["standard"]...)
	}
	if mask == "pseudonym" {
		hidden = append(hidden, x["pseudonym"]...)
	}
	for i, h := range hidden {
		hidden[i] = regexp.QuoteMeta(h)
		if regexp.MustCompile(`^\d+$`).MatchString(h) { // no part of a longer number
			hidden[i] = `\b` + hidden[i] + `\b`
		}
	}
	words := regexp.MustCompile(strings.Join(hidden, "|"))
	seen := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		for _, text := range unpacked(t, path) {
			seen[filepath.Ext(path)]++
			for _, at := range words.FindAllIndex(text, -1) {
				t.Errorf("%s: %s holds %q", mask, path, text[max(0, at[0]-100):min(len(text), at[1]+100)])
			}
			if mask == "full" { // that the search finds what is there
				for _, name := range x["standard"] {
					if bytes.Contains(text, []byte(name)) {
						seen["name "+filepath.Ext(path)]++
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{".csv", ".json", ".xlsx", ".pdf", ".parquet", ".duckdb", ".zst", ".ndjson"} {
		if seen[kind] == 0 || mask == "full" && kind[1] != 'n' && kind != ".pdf" && seen["name "+kind] == 0 {
			t.Errorf("%s: nothing was found in %s: %v", mask, kind, seen)
		}
	}
}

func newFile(t *testing.T, path string) string {
	t.Helper()
	put(t, path, "")
	return path
}

// unpacked is what a file holds, as it is and as its readers see it.
func unpacked(t *testing.T, path string) [][]byte {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	must(err)
	texts := [][]byte{b}
	work := t.TempDir()
	switch filepath.Ext(path) {
	case ".zst":
		d, err := zstd.NewReader(nil)
		must(err)
		defer d.Close()
		text, err := d.DecodeAll(b, nil)
		must(err)
		texts = append(texts, text)
	case ".xlsx":
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		must(err)
		for _, f := range z.File {
			r, err := f.Open()
			must(err)
			text, err := io.ReadAll(r)
			must(err)
			texts = append(texts, text)
		}
	case ".pdf":
		text, err := exec.Command("pdftotext", "-layout", path, "-").Output()
		must(err)
		texts = append(texts, text)
	case ".parquet":
		any, err := filepath.Glob(filepath.Join(filepath.Dir(path), "../snapshot/*.duckdb"))
		must(err)
		file := filepath.Join(work, "x.duckdb")
		must(copyFile(any[0], newFile(t, file)))
		must(storetest.Change(file, "COPY (FROM read_parquet('"+path+"')) TO '"+filepath.Join(work, "x.csv")+"'"))
	case ".duckdb":
		file := filepath.Join(work, "x.duckdb")
		must(os.WriteFile(file, b, 0o600))
		must(storetest.Change(file, "EXPORT DATABASE x TO '"+filepath.Join(work, "x")+"' (FORMAT csv)"))
	}
	must(filepath.WalkDir(work, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(path) != ".duckdb" {
			text, readErr := os.ReadFile(path)
			texts, err = append(texts, text), readErr
		}
		return err
	}))
	return texts
}
