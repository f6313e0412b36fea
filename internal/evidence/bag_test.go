package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/evidence/evidencetest"
	"exporter/internal/journal"
)

// sealedAt is when the bundles of the tests are sealed.
var sealedAt = time.Date(2026, 4, 1, 1, 0, 3, 0, time.UTC)

// payload is what a small bundle has below data/.
func payload(t testing.TB, mask string) map[string][]byte {
	t.Helper()
	incompressible := make([]byte, 3000)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(incompressible); i++ {
		incompressible[i] = byte(r.Uint32())
	}
	return map[string][]byte{
		"README.txt":                                 []byte("What is where.\n"),
		"snapshot/20260331T160000Z.duckdb":           []byte(strings.Repeat("rows of a snapshot ", 200)),
		"reports/expiring/expiring.csv":              []byte("id,name\n1,Li Lei\n2,Han Meimei\n"),
		"reports/expiring/expiring.rows.csv":         []byte("id,name\n3,Lin Tao\n"),
		"raw/20260331T160000Z/p1/persons.ndjson.zst": incompressible,
		"ledger/empty.csv":                           {},
		"journal.ndjson":                             journalText(t, mask, 6),
	}
}

// journalText is a journal of n lines, as a bundle of that mask has it.
func journalText(t testing.TB, mask string, n int) []byte {
	t.Helper()
	j := journal.Open(filepath.Join(t.TempDir(), "journal.ndjson"), func() time.Time { return sealedAt.Add(-time.Hour) })
	for i := range n {
		if _, err := j.Append("mail", map[string]string{"to": fmt.Sprintf("person-%d@example.com", i)}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	if mask == "full" {
		return text
	}
	var masked bytes.Buffer
	for line := range bytes.Lines(text) {
		masked.Write(salted.ReplaceAll(line, []byte(`"sha256":"`+sum(line)+`","detail":{"to":"masked`)))
	}
	return masked.Bytes()
}

var salted = regexp.MustCompile(`"salt":"[0-9a-f]{32}","detail":\{"to":"person`)

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// newKey makes a key and the allowed_signers that has it.
func newKey(t testing.TB) (*Key, []byte) {
	t.Helper()
	key, err := GenerateKey(filepath.Join(t.TempDir(), "key"), identity, nil)
	if err != nil {
		t.Fatal(err)
	}
	return key, []byte(key.AllowedSigner(identity, namespace, sealedAt.Add(-time.Hour)))
}

// info is bag-info.txt of a bundle with that journal.
func info(mask string, text []byte) Info {
	lines := slices.Collect(bytes.Lines(text))
	last := sum(lines[len(lines)-1])
	if _, after, ok := bytes.Cut(lines[len(lines)-1], []byte(`"sha256":"`)); ok {
		last = string(after[:64])
	}
	return Info{
		{"Source-Organization", "Example 示例"}, {"Bagging-Date", "2026-04-01"}, {"Bag-Software-Agent", "exporter 1.0"},
		{"Bundle-Format", Format}, {"Run", "20260401T010003Z"}, {"Period-Start", "2026-01-01"}, {"Period-End", "2026-03-31"},
		{"Timezone", "Asia/Shanghai"}, {"Snapshot", "20260331T160000Z"}, {"As-Of", "2026-04-01T00:00:00+08:00"},
		{"Mask", mask}, {"Verdict", "complete"}, {"Journal-Length", fmt.Sprint(len(lines))}, {"Journal-Head", last},
		{"Signer", identity}, {"Namespace", namespace},
	}
}

// seal is how the bundles of the tests are sealed.
func seal(key *Key, signers []byte, mask string, text []byte) Seal {
	return Seal{
		Info: info(mask, text), At: sealedAt, Verify: []byte("Do this.\n"), Signers: signers,
		Sign: func(tagManifest []byte) (signature, stamp []byte, err error) {
			signature, err = key.Sign(namespace, tagManifest)
			return signature, nil, err
		},
	}
}

// writeBundle makes a bundle of the files in dir.
func writeBundle(t testing.TB, dir, name string, files map[string][]byte, s Seal) Sealed {
	t.Helper()
	w, err := Create(dir, name)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for path, content := range files {
		writers.Go(func() {
			if err := add(w, path, content); err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	sealed, err := w.Seal(t.Context(), s)
	if err := errors.Join(err, w.Discard()); err != nil {
		t.Fatal(err)
	}
	return sealed
}

// add adds a file in one of the ways that there are.
func add(w *Writer, path string, content []byte) error {
	switch filepath.Ext(path) {
	case ".csv":
		return w.WriteFunc(path, func(to io.Writer) error { _, err := to.Write(content); return err })
	case ".duckdb":
		there, err := w.Path(path)
		return errors.Join(err, os.WriteFile(there, content, 0o644), w.Added(path))
	default:
		return w.Write(path, bytes.NewReader(content))
	}
}

// small makes a small bundle and returns it with the allowed_signers.
func small(t testing.TB, mask string) (Sealed, []byte) {
	t.Helper()
	key, signers := newKey(t)
	files := payload(t, mask)
	return writeBundle(t, t.TempDir(), "evidence-2026", files, seal(key, signers, mask, files["journal.ndjson"])), signers
}

func open(t testing.TB, path string) *Bundle {
	t.Helper()
	b, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// What is written is read back the same, from the folder and from the zip; and the
// same input makes the same bytes.
func TestRoundTrip(t *testing.T) {
	key, signers := newKey(t)
	files := payload(t, "full")
	s := seal(key, signers, "full", files["journal.ndjson"])
	sealed := writeBundle(t, t.TempDir(), "evidence-2026", files, s)
	for _, path := range []string{sealed.Dir, sealed.Zip} {
		b := open(t, path)
		if b.Base() != "evidence-2026" || len(b.Manifest()) != len(files) || len(b.tags) != 5 {
			t.Errorf("%s: %s, %d files, %d beside", path, b.Base(), len(b.Manifest()), len(b.tags))
		}
		if got := b.Info().Value("Payload-Oxum"); got != fmt.Sprintf("%d.%d", sealed.Bytes, sealed.Files) {
			t.Errorf("%s: oxum %s", path, got)
		}
		for name, want := range files {
			got, err := fs.ReadFile(b, "data/"+name)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s: %d bytes, want %d, %v", path, name, len(got), len(want), err)
			}
			i := slices.IndexFunc(b.Manifest(), func(f File) bool { return f.Path == "data/"+name })
			if want := (File{"data/" + name, int64(len(want)), sum(want)}); b.Manifest()[i] != want {
				t.Errorf("%s: %v, want %v", path, b.Manifest()[i], want)
			}
		}
		if err := fstest.TestFS(b, "bagit.txt", "data/README.txt"); err != nil {
			t.Error(err)
		}
		dir := filepath.Join(t.TempDir(), "out")
		if err := b.Extract(t.Context(), dir, func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(contents(t, sealed.Dir), contents(t, dir)); diff != "" {
			t.Errorf("%s: extracted (-want +got)\n%s", path, diff)
		}
	}
	again := writeBundle(t, t.TempDir(), "evidence-2026", files, s)
	first, err := os.ReadFile(sealed.Zip)
	second, err2 := os.ReadFile(again.Zip)
	if err := errors.Join(err, err2); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the same zip has other bytes, %v", err)
	}
	err = filepath.WalkDir(sealed.Dir, func(path string, d fs.DirEntry, err error) error {
		info, err2 := d.Info()
		if err := errors.Join(err, err2); err != nil || !info.ModTime().Equal(sealedAt) || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// contents are the files below dir.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The tools of the system take the manifests and the zip as they are.
func TestStockTools(t *testing.T) {
	sealed, _ := small(t, "full")
	for _, dir := range []string{sealed.Dir, t.TempDir()} {
		script := `set -e
[ "$PWD" = "$1" ] || { python3 -m zipfile -e "$2" . && cd evidence-2026; }
sha256sum --strict --quiet -c tagmanifest-sha256.txt
sha256sum --strict --quiet -c manifest-sha256.txt
diff <(find data -type f | LC_ALL=C sort) <(cut -c67- manifest-sha256.txt)`
		cmd := exec.Command("bash", "-c", script, "-", sealed.Dir, sealed.Zip)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// Who follows VERIFY.txt, without this program, finds a bundle of this package in
// order, masked or not.
func TestFollowed(t *testing.T) {
	bin := evidencetest.Tools(t, evidencetest.Linux...)
	for _, mask := range []string{"full", "standard"} {
		key, signers := newKey(t)
		files := payload(t, mask)
		s := seal(key, signers, mask, files["journal.ndjson"])
		stamp(t, &s)
		length, err := strconv.ParseInt(s.Info.Value("Journal-Length"), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		s.Verify = VerifyText(VerifyFacts{
			Name: "evidence-2026", Identity: identity, Namespace: namespace, Fingerprint: key.Fingerprint(),
			Sealed: sealedAt, Stamped: true, Mask: mask, Verdict: "complete", Files: len(files),
			JournalLength: length, JournalHead: s.Info.Value("Journal-Head"), JournalMasked: mask != "full",
		})
		sealed := writeBundle(t, t.TempDir(), "evidence-2026", files, s)
		ran, err := evidencetest.Follow(t.Context(), sealed.Dir, bin, Steps(string(s.Verify)))
		if err != nil || ran < 6 {
			t.Errorf("%s: %d commands ran, %v", mask, ran, err)
		}
	}
}

// Large files are compressed beside each other, and what does not shrink, or shrinks
// too well, stands in the zip as it is.
func TestLargeFiles(t *testing.T) {
	key, signers := newKey(t)
	files := payload(t, "full")
	r := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 3*large)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	files["noise.csv"] = noise
	files["zeros.csv"] = make([]byte, 3*large)
	for i := range 4 {
		var text bytes.Buffer
		for text.Len() < 2*large {
			fmt.Fprintln(&text, r.Uint32N(1000))
		}
		files[fmt.Sprintf("numbers/%d.csv", i)] = text.Bytes()
	}
	sealed := writeBundle(t, t.TempDir(), "large", files, seal(key, signers, "full", files["journal.ndjson"]))
	b := open(t, sealed.Zip)
	for name, want := range files {
		if got, err := fs.ReadFile(b, "data/"+name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, want %d, %v", name, len(got), len(want), err)
		}
	}
	if info, err := os.Stat(sealed.Zip); err != nil || info.Size() > 6*large+4*large || info.Size() < 6*large {
		t.Errorf("zip: %v, %v", info.Size(), err)
	}
}
