package evidence

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/journal"
)

// What parseManifest takes is, but for the order, what formatManifest makes of it;
// and its paths mean the same to everybody.
func FuzzManifest(f *testing.F) {
	line := sum(nil) + "  data/README.txt\n"
	for _, text := range []string{"", line, line + sum([]byte("x")) + "  data/a/b-1_2=20.csv\n", line + line,
		strings.ToUpper(line), strings.Replace(line, "  ", " *", 1), strings.Replace(line, "\n", "\r\n", 1),
		strings.TrimSuffix(line, "\n"), sum(nil) + "  data/../x\n", sum(nil) + "  ./data/x\n", sum(nil) + "  data/%41\n", "\\" + line} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		files, err := parseManifest(manifestName, text, nil)
		if _, ok := errors.AsType[*Refused](err); err != nil && !ok {
			t.Errorf("parseManifest: %v", err)
		}
		if err != nil {
			return
		}
		again := formatManifest(files)
		lines := slices.Sorted(strings.Lines(string(text)))
		if diff := cmp.Diff(lines, slices.Sorted(strings.Lines(string(again)))); diff != "" {
			t.Errorf("parsed and formatted (-before +after)\n%s", diff)
		}
		if twice, err := parseManifest(manifestName, again, nil); err != nil || !slices.Equal(files, twice) {
			t.Errorf("parsed again: %v, %v", twice, err)
		}
		for _, file := range files {
			if !filepath.IsLocal(file.Path) || filepath.Clean(file.Path) != file.Path || strings.ContainsAny(file.Path, "\\:%\r\n ") {
				t.Errorf("path %q", file.Path)
			}
		}
	})
}

// What parseInfo takes is what formatInfo makes of it.
func FuzzInfo(f *testing.F) {
	whole, err := formatInfo(slices.Insert(info("full", []byte("x\n")), 2, Field{"Payload-Oxum", "1.1"}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(bytes.Replace(whole, []byte("Bundle-Format: "+Format), []byte("Bundle-Format: 3"), 1))
	f.Add(bytes.Replace(whole, []byte("\n"), []byte("\r\n"), 1))
	f.Add(bytes.Replace(whole, []byte("\n"), []byte("\n  folded\n"), 1))
	f.Add(append(whole, whole...))
	f.Add(append(whole, "Note: \u202egnp.exe\n"...))
	f.Fuzz(func(t *testing.T, text []byte) {
		in, err := parseInfo(text)
		_, refused := errors.AsType[*Refused](err)
		_, newer := errors.AsType[*ErrNewer](err)
		if err != nil && !refused && !newer {
			t.Errorf("parseInfo: %v", err)
		}
		if err != nil {
			return
		}
		if again, err := formatInfo(in); err != nil || !bytes.Equal(again, text) {
			t.Errorf("formatInfo: %q, %v; parsed from %q", again, err, text)
		}
		for _, field := range in {
			if in.Value(field.Label) != field.Value {
				t.Errorf("%s is %q and %q", field.Label, in.Value(field.Label), field.Value)
			}
		}
	})
}

// A journal that readChain takes as whole is whole for the journal's own reader too,
// and other lines in its place have another head.
func FuzzChain(f *testing.F) {
	full, masked := journalText(f, "full", 3), journalText(f, "standard", 3)
	f.Add(full, false)
	f.Add(masked, true)
	f.Add(full[:len(full)-1], false)
	f.Add(append(slices.Clone(full), '\n'), false)
	f.Add([]byte(nil), false)
	first := `{"prev":"` + journal.Zero + `","seq":1,"at":"2026-01-02T06:00:00Z","kind":"x","detail":{}}` + "\n"
	f.Add([]byte(first), false)
	f.Add([]byte(first+strings.Replace(first, journal.Zero, sum([]byte(first)), 1)), false) // seq is 1 again
	f.Fuzz(func(t *testing.T, text []byte, under bool) {
		hashes, err := readChain(bytes.NewReader(text), under, "")
		if _, ok := errors.AsType[*journal.Broken](err); err != nil && !ok {
			t.Errorf("readChain: %v", err)
		}
		if err != nil {
			return
		}
		if len(hashes) != bytes.Count(text, []byte("\n")) {
			t.Errorf("%d hashes of %d lines", len(hashes), bytes.Count(text, []byte("\n")))
		}
		if under {
			return
		}
		path := filepath.Join(t.TempDir(), "journal.ndjson")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		head, err := journal.Verify(path)
		if err != nil || head.Seq != int64(len(hashes)) || len(hashes) > 0 && head.SHA256 != sum(text[bytes.LastIndexByte(text[:len(text)-1], '\n')+1:]) {
			t.Errorf("journal.Verify: %v, %v", head, err)
		}
	})
}

// random matches what is random in a journal.
var random = regexp.MustCompile(`"(salt|prev)":"[0-9a-f]+",`)

// Whatever a zip says, opening and verifying it ends with a bundle or a refusal, and
// what is not the sealed payload is never found in order.
func FuzzZip(f *testing.F) {
	key, signers := newKey(f)
	text := journalText(f, "full", 2)
	sealed := writeBundle(f, f.TempDir(), "evidence-2026", map[string][]byte{"journal.ndjson": text}, seal(key, signers, "full", text))
	whole, err := os.ReadFile(sealed.Zip)
	if err != nil {
		f.Fatal(err)
	}
	files := map[string][]byte{}
	for name, content := range contents(f, sealed.Dir) {
		files[name] = []byte(content)
	}
	f.Add(whole)
	f.Add(zipOf(f, files))
	f.Add(whole[:len(whole)/2])
	f.Fuzz(func(t *testing.T, zipped []byte) {
		b := &Bundle{sizes: map[string]int64{}}
		err := b.readZip("evidence.zip", bytes.NewReader(zipped), int64(len(zipped)))
		if err == nil {
			err = b.read()
		}
		_, refused := errors.AsType[*Refused](err)
		_, newer := errors.AsType[*ErrNewer](err)
		if err != nil && !refused && !newer {
			t.Errorf("open: %v", err)
		}
		if err != nil {
			return
		}
		// The seeds of another process have another key: each is taken at its word.
		v, err := b.Verify(t.Context(), VerifyOptions{})
		if err != nil {
			t.Errorf("Verify: %v", err)
		}
		// So has its journal other salts, and with them other hashes.
		same := func(text []byte) []byte { return random.ReplaceAll(text, nil) }
		if got, _ := fs.ReadFile(b, journalName); err == nil && len(v.Findings) == 0 && !bytes.Equal(same(got), same(text)) {
			t.Errorf("another journal is taken for sealed: %q", got)
		}
	})
}
