package evidence

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"exporter/internal/evidence/evidencetest"
)

// forms are how a bundle is handed over. Each puts the files of a bundle there and
// returns the path to open.
var forms = map[string]func(testing.TB, map[string][]byte) string{
	"folder": func(t testing.TB, files map[string][]byte) string {
		dir := filepath.Join(t.TempDir(), "evidence-2026")
		for name, content := range files {
			path := filepath.Join(dir, name)
			err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, content, 0o600))
			if err != nil {
				t.Fatal(err)
			}
		}
		return dir
	},
	"zip": func(t testing.TB, files map[string][]byte) string {
		path := filepath.Join(t.TempDir(), "evidence-2026.zip")
		if err := os.WriteFile(path, zipOf(t, files), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	},
}

func zipOf(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range sortedKeys(files) {
		to, err := z.Create("evidence-2026/" + name)
		if err == nil {
			_, err = to.Write(files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// found opens and verifies, and returns the names of what was found and how it reads.
func found(t testing.TB, path string, o VerifyOptions) (names []string, text string) {
	t.Helper()
	b, err := Open(path)
	if refused, ok := errors.AsType[*Refused](err); ok {
		return []string{refused.Name}, err.Error()
	}
	if _, ok := errors.AsType[*ErrNewer](err); ok {
		return []string{infoName}, err.Error()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	v, err := b.Verify(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range v.Findings {
		names = append(names, f.Name)
		text += f.Name + ": " + f.Problem + "\n"
	}
	if len(names) > 0 && v.SignedBy != "" && slices.Contains(names, signatureName) {
		t.Errorf("a signature that is not good is said to be of %s", v.SignedBy)
	}
	return names, text
}

// tamperings are what is done to one file; next is another one. They return the
// files that have to be named, and none where it cannot be done to this file.
var tamperings = map[string]func(files map[string][]byte, name, next string) []string{
	"first bit":  func(files map[string][]byte, name, _ string) []string { return flip(files, name, 0) },
	"middle bit": func(files map[string][]byte, name, _ string) []string { return flip(files, name, len(files[name])/2) },
	"last bit":   func(files map[string][]byte, name, _ string) []string { return flip(files, name, len(files[name])-1) },
	"last byte cut": func(files map[string][]byte, name, _ string) []string {
		return cut(files, name, len(files[name])-1)
	},
	"half cut": func(files map[string][]byte, name, _ string) []string { return cut(files, name, len(files[name])/2) },
	"all cut":  func(files map[string][]byte, name, _ string) []string { return cut(files, name, 0) },
	"longer": func(files map[string][]byte, name, _ string) []string {
		files[name] = append(slices.Clone(files[name]), '\n')
		return []string{name}
	},
	"dropped": func(files map[string][]byte, name, _ string) []string {
		delete(files, name)
		return []string{name}
	},
	"another beside": func(files map[string][]byte, name, _ string) []string {
		files[name+".old"] = files[name]
		return []string{name + ".old"}
	},
	"renamed": func(files map[string][]byte, name, _ string) []string {
		files[name+"-1"] = files[name]
		delete(files, name)
		return []string{name, name + "-1"}
	},
	"in capitals": func(files map[string][]byte, name, _ string) []string {
		if upper := strings.TrimSuffix(name, filepath.Base(name)) + strings.ToUpper(filepath.Base(name)); upper != name {
			files[upper] = files[name]
			delete(files, name)
			return []string{name, upper}
		}
		return nil
	},
	"swapped": func(files map[string][]byte, name, next string) []string {
		files[name], files[next] = files[next], files[name]
		return []string{name, next}
	},
}

func flip(files map[string][]byte, name string, at int) []string {
	if at < 0 || at >= len(files[name]) {
		return nil
	}
	b := slices.Clone(files[name])
	b[at] ^= 1
	files[name] = b
	return []string{name}
}

func cut(files map[string][]byte, name string, to int) []string {
	if to < 0 || to >= len(files[name]) {
		return nil
	}
	files[name] = files[name][:to]
	return []string{name}
}

// stamp has the signature stamped, by a server of this test.
func stamp(t testing.TB, s *Seal) {
	tsa := evidencetest.NewTSA(t, "Root")
	s.Roots = tsa.Roots
	sign := s.Sign
	s.Sign = func(tagManifest []byte) (signature, stamp []byte, err error) {
		if signature, _, err = sign(tagManifest); err == nil {
			stamp, err = RequestTimestamp(t.Context(), http.DefaultClient, tsa.URL, signature, tsa.Roots)
		}
		return signature, stamp, err
	}
}

// Whatever is done to whichever file is found, and what is named is that file.
func TestTamper(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, mask := range []string{"full", "standard"} {
		key, signers := newKey(t)
		data := payload(t, mask)
		s := seal(key, signers, mask, data["journal.ndjson"])
		stamp(t, &s)
		sealed := writeBundle(t, t.TempDir(), "evidence-2026", data, s)
		whole := map[string][]byte{}
		for name, content := range contents(t, sealed.Dir) {
			whole[name] = []byte(content)
		}
		all := sortedKeys(whole)
		for form, put := range forms {
			if names, text := found(t, put(t, whole), VerifyOptions{Signers: signers}); len(names) > 0 {
				t.Fatalf("as it was sealed, %s: %s", form, text)
			}
			for i, name := range all {
				for _, kind := range sortedKeys(tamperings) {
					files := maps.Clone(whole)
					want := tamperings[kind](files, name, all[(i+1)%len(all)])
					if want == nil || maps.EqualFunc(files, whole, bytes.Equal) {
						continue
					}
					tried++
					t.Run(fmt.Sprint(mask, " ", form, " ", name, " ", kind), func(t *testing.T) {
						names, text := found(t, put(t, files), VerifyOptions{Signers: signers})
						checkNamed(t, names, want, text)
					})
				}
			}
		}
	}
	t.Logf("%d cases", tried)
	if tried < 500 {
		t.Errorf("%d cases are too few", tried)
	}
}

// checkNamed compares what was found with the files that were changed.
func checkNamed(t *testing.T, names, changed []string, text string) {
	t.Helper()
	lists := []string{infoName, manifestName, tagManifestName} // with one of them changed, others do not fit
	ripple, refused := false, len(names) == 1 && !strings.HasSuffix(text, "\n")
	for _, name := range changed {
		if name == tagManifestName && slices.Contains(names, signatureName) {
			name = signatureName // the signature is what shows it
		}
		if ripple = ripple || slices.Contains(lists, name) || name == signatureName || name == rootsName; !slices.Contains(names, name) && !refused {
			t.Errorf("%s is not named:\n%s", name, text)
		}
	}
	for _, name := range names {
		oxum := name == infoName && strings.Contains(text, "Payload-Oxum")
		if !slices.Contains(changed, name) && !ripple && !oxum {
			t.Errorf("%s is named, and was not changed:\n%s", name, text)
		}
	}
	if refused && !slices.Contains(changed, names[0]) {
		t.Errorf("refused for %s, which was not changed:\n%s", names[0], text)
	}
	if len(names) == 0 {
		t.Error("nothing was found")
	}
}
