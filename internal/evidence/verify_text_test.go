package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"exporter/internal/evidence/evidencetest"
	"exporter/internal/journal"
)

// handBundle is a small bundle that no code of ours put together, apart from what
// this file tests.
type handBundle struct {
	dir   string
	facts VerifyFacts
	key   *Key
	tsa   *evidencetest.TSA // nil: no time stamp
}

const landed = `{"result":{"list":[{"access_auth_id":"2062685835123237680"}],"total":1},"t":1795351654785,"tid":"e3ce44ab"}`

func newHandBundle(t *testing.T, mask string, tsa *evidencetest.TSA) *handBundle {
	t.Helper()
	key, _ := testKey(t)
	hash := sha256.Sum256([]byte(landed))
	folder := "data/raw/20260102T060000Z/1424615984265764001/"
	b := &handBundle{dir: t.TempDir(), key: key, tsa: tsa, facts: VerifyFacts{
		Name: "evidence-2026-01-01-2026-03-31-" + mask, Organization: "Example", Period: "2026-01-01 to 2026-03-31", Identity: identity, Namespace: namespace,
		Fingerprint: key.Fingerprint(), Sealed: sealed, Stamped: tsa != nil, Mask: mask, Verdict: "complete",
		JournalMasked: mask != "full", Example: &VerifyExample{
			Report: "data/reports/expiring-permissions/expiring-permissions.csv", ID: "2062685835123237680", Column: "access_auth_id",
			Population: "data/population/permissions.csv", Snapshot: "20260102T060000Z", Page: folder + "permissions.ndjson.zst", Line: 2,
			LandedSHA256: hex.EncodeToString(hash[:]),
		},
	}}
	page := strings.Replace(landed, "1795351654785", map[bool]string{true: "1795351654785", false: "1795351654786"}[mask == "full"], 1)
	line := func(n int, page string) string {
		return fmt.Sprintf(`{"line":%d,"walk":1,"page":%d,"key":"","body_sha256":"aa","response":%s}`, n, n, page) + "\n"
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	ex := b.facts.Example
	payload := map[string][]byte{
		"data/README.txt":         []byte("what is where\n"),
		ex.Report:                 []byte("name,access_auth_id\nAda,2062685835123237680\nBen,2062685835123237681\n"),
		ex.Population:             []byte("access_auth_id,landed_snapshot,landed_line\n2062685835123237680,20260102T060000Z,2\n"),
		ex.Page:                   z.EncodeAll([]byte(line(1, `{"result":{}}`)+line(2, page)), nil),
		"data/ledger/calls.csv":   []byte("snapshot,project,resource,line,landed_sha256\n20260102T060000Z,1424615984265764001,permissions,2," + ex.LandedSHA256 + "\n"),
		"data/journal.ndjson":     b.journal(t),
		"data/queries/secret.sql": []byte("SELECT 1;\n"),
	}
	b.facts.Files = len(payload)
	b.files(t, "manifest-sha256.txt", payload)
	tags := map[string][]byte{
		"bagit.txt":       []byte("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"),
		"bag-info.txt":    fmt.Appendf(nil, "Journal-Length: %d\nJournal-Head: %s\n", b.facts.JournalLength, b.facts.JournalHead),
		"allowed_signers": []byte(key.AllowedSigner(identity, namespace, sealed) + "\n"),
		"VERIFY.txt":      VerifyText(b.facts),
	}
	if tags["manifest-sha256.txt"], err = os.ReadFile(filepath.Join(b.dir, "manifest-sha256.txt")); err != nil {
		t.Fatal(err)
	}
	if tsa != nil {
		tags["tsa-roots.pem"] = tsa.Roots
	}
	b.files(t, "tagmanifest-sha256.txt", tags)
	b.sign(t)
	return b
}

// journal is one of three lines, masked as the facts say; its end goes into them.
func (b *handBundle) journal(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.ndjson")
	for _, kind := range []string{"snapshot", "report", "mail"} {
		if _, err := journal.Open(path, sealed.UTC).Append(kind, map[string]string{"to": "ada@example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, err := journal.Verify(path)
	if err != nil {
		t.Fatal(err)
	}
	b.facts.JournalHead, b.facts.JournalLength = head.SHA256, head.Seq
	if !b.facts.JournalMasked {
		return text
	}
	var masked []byte
	for line := range bytes.Lines(text) {
		hash := sha256.Sum256(line)
		before, _, _ := bytes.Cut(line, []byte(`"salt":`))
		masked = fmt.Appendf(masked, "%s\"sha256\":\"%x\",\"detail\":{\"to\":\"masked\"}}\n", before, hash)
	}
	return masked
}

// files writes files and the manifest that has their hashes.
func (b *handBundle) files(t *testing.T, manifest string, files map[string][]byte) {
	t.Helper()
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(b.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, files[name], 0o600); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	if err := os.WriteFile(filepath.Join(b.dir, manifest), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sign signs the tag manifest as it is, and has the signature stamped.
func (b *handBundle) sign(t *testing.T) {
	t.Helper()
	path := filepath.Join(b.dir, "tagmanifest-sha256.txt")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := b.key.Sign(namespace, text)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".sig", sig, 0o600); err != nil {
		t.Fatal(err)
	}
	if b.tsa == nil {
		return
	}
	stamp, err := RequestTimestamp(t.Context(), http.DefaultClient, b.tsa.URL, sig, b.tsa.Roots)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".sig.tsr", stamp, 0o600); err != nil {
		t.Fatal(err)
	}
}

// steps are the commands of the bundle's VERIFY.txt.
func (b *handBundle) steps(t *testing.T) []Step {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.dir, "VERIFY.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return Steps(string(text))
}

// TestVerifyText runs the commands of VERIFY.txt with the real tools and without
// this program, for bundles of all kinds, as Linux and as macOS have the tools.
func TestVerifyText(t *testing.T) {
	tsa := evidencetest.NewTSA(t, "Root")
	for _, tt := range []struct {
		mask  string
		tsa   *evidencetest.TSA
		tools []string
		steps int
	}{
		{"full", nil, evidencetest.Linux, 12},
		{"full", tsa, evidencetest.Linux, 14},
		{"pseudonym", tsa, evidencetest.Linux, 13},
		{"full", tsa, evidencetest.MacOS, 14},
	} {
		b := newHandBundle(t, tt.mask, tt.tsa)
		ran, err := evidencetest.Follow(t.Context(), b.dir, evidencetest.Tools(t, tt.tools...), b.steps(t))
		if err != nil || ran != tt.steps {
			t.Errorf("%s, %v: %d commands ran, %v", tt.mask, tt.tools[0], ran, err)
		}
	}
}

// TestVerifyTextFinds sees that who follows VERIFY.txt finds what was done to a
// bundle, at the step that is there for it.
func TestVerifyTextFinds(t *testing.T) {
	bin := evidencetest.Tools(t, evidencetest.Linux...)
	tsa := evidencetest.NewTSA(t, "Root")
	const signed, unchanged, stamped, whole = "1. Who", "2. No file", "5. When", "3. The journal"
	edit := func(name, from, to string) func(*testing.T, *handBundle) {
		return func(t *testing.T, b *handBundle) {
			path := filepath.Join(b.dir, name)
			text, err := os.ReadFile(path)
			if err != nil || !bytes.Contains(text, []byte(from)) {
				t.Fatalf("%s has no %q: %v", name, from, err)
			}
			if err := os.WriteFile(path, bytes.Replace(text, []byte(from), []byte(to), 1), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tt := range []struct {
		name string
		harm func(*testing.T, *handBundle)
		want []string // the titles of the steps with a bad answer
	}{
		{"a file is changed", edit("data/queries/secret.sql", "1", "2"), []string{unchanged}},
		{"a file is gone", func(t *testing.T, b *handBundle) {
			if err := os.Remove(filepath.Join(b.dir, "data/queries/secret.sql")); err != nil {
				t.Fatal(err)
			}
		}, []string{unchanged, unchanged}},
		{"a file is added", func(t *testing.T, b *handBundle) {
			if err := os.WriteFile(filepath.Join(b.dir, "data/queries/more.sql"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{unchanged}},
		{"a link is added", func(t *testing.T, b *handBundle) {
			if err := os.Symlink("README.txt", filepath.Join(b.dir, "data/link")); err != nil {
				t.Fatal(err)
			}
		}, []string{unchanged}},
		{"the tag manifest is changed", edit("tagmanifest-sha256.txt", "bagit.txt", "tigab.txt"), []string{signed, signed, unchanged, unchanged}},
		{"the signature is changed", edit("tagmanifest-sha256.txt.sig", "U1NIU0lH", "U1NIU0lI"), []string{signed, signed, stamped}},
		{"it is signed anew by another", func(t *testing.T, b *handBundle) {
			b.key, _ = testKey(t)
			b.sign(t)
		}, []string{signed, signed}},
		{"the stamp is another's", func(t *testing.T, b *handBundle) {
			b.tsa = evidencetest.NewTSA(t, "Root")
			b.sign(t)
		}, []string{stamped}},
		{"the journal is changed", edit("data/journal.ndjson", "ada@example.com", "ben@example.com"), []string{unchanged, whole}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newHandBundle(t, "full", tsa)
			tt.harm(t, b)
			_, err := evidencetest.Follow(t.Context(), b.dir, bin, b.steps(t))
			joined, ok := err.(interface{ Unwrap() []error })
			if !ok || len(joined.Unwrap()) != len(tt.want) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			for i, e := range joined.Unwrap() {
				if !strings.HasPrefix(e.Error(), tt.want[i]) {
					t.Errorf("%v, want %s", e, tt.want[i])
				}
			}
		})
	}
}
