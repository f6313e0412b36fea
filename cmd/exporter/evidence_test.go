package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/evidence"
	"exporter/internal/evidence/evidencetest"
	"exporter/internal/journal"
	"exporter/internal/sandbox"
)

// evidenceSite is a store of two days of a small building, and a key.
type evidenceSite struct {
	dir  string
	day  time.Time
	tick atomic.Int64 // ms: no two moments are the same
}

func (s *evidenceSite) now() time.Time {
	return s.day.Add(time.Duration(s.tick.Add(1)) * time.Millisecond)
}

// The secrets of a site.
const evidencePassphrase, evidenceInbox = "open-sesame-7", "inbox-of-auditor@example.com"

// evidenceConfigText is a configuration; the last line goes on with more of evidence.
const evidenceConfigText = `cloud: {url: %q, client_id: %q, client_secret: %q, projects: [%q], rate: 2000}
store: {dir: data, timezone: Asia/Shanghai}
collect: {tie_outs: 0}
mail: {server: "file:mail", from: "Reports <reports@example.com>", domains: [example.com]}
evidence: {key: key, identity: evidence@example.com, organization: Example, passphrase: ` + evidencePassphrase

// newEvidenceSite is a site of the test's own. All are copies of one: it takes a while
// to collect.
func newEvidenceSite(t *testing.T) *evidenceSite {
	t.Helper()
	collected.Lock()
	defer collected.Unlock()
	if collected.site == nil {
		collected.site = collectEvidenceSite(t)
	}
	s := &evidenceSite{dir: t.TempDir(), day: collected.site.day}
	if err := copyFolder(collected.site.dir, s.dir); err != nil {
		t.Fatal(err)
	}
	return s
}

// collected is the site that the tests copy, in a folder of all of them.
var collected struct {
	sync.Mutex
	site *evidenceSite
}

func collectEvidenceSite(t *testing.T) *evidenceSite {
	t.Helper()
	dir, err := os.MkdirTemp(shared, "")
	if err != nil {
		t.Fatal(err)
	}
	s := &evidenceSite{dir: dir, day: time.Date(2026, 3, 2, 1, 0, 0, 0, time.UTC)}
	cloud := sandbox.New(sandbox.Options{Site: "large", Now: s.now,
		Large: sandbox.Large{Persons: 12, Channels: 3, PerPerson: 2, Tasks: 2, PerTask: 3, Churn: 0.3}})
	srv := httptest.NewServer(cloud)
	defer srv.Close()
	id, secret, project := cloud.Credentials()
	put(t, s.path("reports.yaml"), fmt.Sprintf(evidenceConfigText, srv.URL, id, secret, project)+"}\n")
	put(t, s.path("passphrase"), evidencePassphrase+"\n")
	s.run(t, 0, "evidence", "keygen", "--identity", "evidence@example.com", "--out", s.path("key"), "--passphrase-file", s.path("passphrase"))
	s.run(t, 0, "collect")
	cloud.SetGeneration(1)
	s.day = s.day.AddDate(0, 0, 1)
	s.run(t, 0, "collect")
	s.day = s.day.AddDate(0, 0, 1)
	return s
}

func (s *evidenceSite) path(name string) string { return filepath.Join(s.dir, name) }

// copy is the same site in another folder, with more in its section evidence.
func (s *evidenceSite) copy(t *testing.T, more string) *evidenceSite {
	t.Helper()
	c := &evidenceSite{dir: t.TempDir(), day: s.day.Add(time.Hour)}
	if err := copyFolder(s.dir, c.dir); err != nil {
		t.Fatal(err)
	}
	text := readText(t, c.path("reports.yaml"))
	put(t, c.path("reports.yaml"), strings.TrimSuffix(text, "}\n")+more+"}\n")
	return c
}

// run runs a command, which has to end with a status.
func (s *evidenceSite) run(t *testing.T, want int, args ...string) (out, said string) {
	t.Helper()
	var stdout, stderr strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: s.now, zone: time.UTC}
	if got := a.run(t.Context(), append(args, "--config", s.path("reports.yaml"))); got != want {
		t.Fatalf("exporter %q: %d, want %d\n%s%s", args, got, want, stdout.String(), stderr.String())
	}
	return stdout.String(), stderr.String()
}

// seal makes a bundle of the two days with one report, in the folder out.
func (s *evidenceSite) seal(t *testing.T, mask, out string, more ...string) (dir string) {
	t.Helper()
	s.run(t, 0, slices.Concat([]string{"evidence", "create", "--from", "2026-03-02", "--to", "2026-03-03", "--mask", mask,
		"--report", "changes", "--out", s.path(out)}, more)...)
	return filepath.Join(s.path(out), "evidence-2026-03-02-2026-03-03-"+mask)
}

// verify verifies a bundle.
func (s *evidenceSite) verify(t *testing.T, want int, path string, more ...string) (v struct {
	MadeAgain    int               `json:"made_again"`
	Digests      int               `json:"digests"`
	DigestsFound int               `json:"digests_findings"`
	RowsFound    int               `json:"rows_findings"`
	NotMadeAgain []string          `json:"not_made_again"`
	Info         map[string]string `json:"info"`
	evidence.Verification
}) {
	t.Helper()
	later := &evidenceSite{dir: s.dir, day: s.day.AddDate(0, 0, 1)}
	out, _ := later.run(t, want, append([]string{"evidence", "verify", path, "--format", "json"}, more...)...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// kinds are the kinds of the journal's entries, which have to be a whole chain.
func (s *evidenceSite) kinds(t *testing.T) (list []string) {
	t.Helper()
	if _, err := journal.Read(s.path("data/journal.ndjson"), func(e journal.Entry) error {
		list = append(list, e.Kind)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return list
}

// A store gives the same payload each time, in every mask; it verifies as a folder, as
// a zip and encrypted, by this program and by the stock tools alone; and it tells
// nothing that it may not.
func TestEvidenceBundle(t *testing.T) {
	t.Parallel()
	site := newEvidenceSite(t)
	tsa := evidencetest.NewTSA(t, "stamps")
	put(t, site.path("roots.pem"), string(tsa.Roots))
	age := site.path("age-key")
	recipient := newIdentity(t, age)
	bin := evidencetest.Tools(t, evidencetest.Linux...)
	s := site.copy(t, ", announce: ["+evidenceInbox+"], timestamp: {url: "+tsa.URL+", roots: roots.pem}")
	s.run(t, 0, "sql", "--mask", "pseudonym", "SELECT 'the key is made'")
	told := s.secrets(t)
	for _, mask := range []string{"full", "standard", "pseudonym"} {
		s.run(t, 0, "sql", "--mask", "full", "SELECT 'looked for "+s.person(t)+"'") // and the mails before it
		first, second := s.seal(t, mask, mask+"/first"), s.seal(t, mask, mask+"/second")
		for _, name := range []string{"manifest-sha256.txt", "data/README.txt"} {
			if diff := cmp.Diff(readText(t, filepath.Join(first, name)), readText(t, filepath.Join(second, name))); diff != "" {
				t.Errorf("%s: %s mismatch (-first +second):\n%s", mask, name, diff)
			}
		}
		if said := strings.Contains(readText(t, filepath.Join(first, "data/README.txt")), "Not masked are digests"); said != (mask != "full") {
			t.Errorf("%s: README.txt says what digests can prove: %v", mask, said)
		}
		for _, name := range []string{"VERIFY.txt", "data/README.txt"} {
			text := strings.Join(strings.Fields(readText(t, filepath.Join(first, name))), " ")
			for _, tool := range []string{"ssh-keygen", "sha256sum or shasum", "openssl", "PowerShell and its OpenSSH client",
				"takes zstd too: the package zstd of apt, dnf, apk and Homebrew"} {
				if !strings.Contains(text, tool) {
					t.Errorf("%s: %s does not name %s", mask, name, tool)
				}
			}
		}
		if text := readText(t, filepath.Join(first, "VERIFY.txt")); !strings.Contains(text, "\nPeriod     2026-03-02 to 2026-03-03, days of Asia/Shanghai (") {
			t.Errorf("%s: VERIFY.txt names no period:\n%s", mask, text)
		}
		paths := []string{first}
		switch mask {
		case "standard":
			paths = append(paths, first+".zip")
		case "full":
			locked := s.copy(t, ", recipients: ["+recipient+"]").seal(t, mask, "third") + ".zip.age"
			if _, err := os.Stat(strings.TrimSuffix(locked, ".age")); err == nil {
				t.Error("the zip is there beside the encrypted one")
			}
			paths = append(paths, locked)
		}
		for _, path := range paths {
			v := s.verify(t, 0, path, "--decrypt-key", age)
			if v.MadeAgain < 20 || (v.Digests > 0) != (mask == "full") || len(v.Findings) > 0 || v.Stamped.IsZero() || v.Info["Verdict"] != "complete" {
				t.Errorf("%s: %+v", path, v)
			}
		}
		if left, err := filepath.Glob(s.path(mask + "/*/.*")); err != nil || len(left) > 0 {
			t.Errorf("left %q, %v", left, err)
		}
		n, err := evidencetest.Follow(t.Context(), first, bin, evidence.Steps(readText(t, filepath.Join(first, "VERIFY.txt"))))
		if err != nil || n < 5 {
			t.Errorf("%s: by hand, %d commands: %v", mask, n, err)
		}
		told.check(t, mask, first)
	}
	if mails, err := filepath.Glob(s.path("mail/*.eml")); err != nil || len(mails) == 0 {
		t.Errorf("%d mails, %v", len(mails), err)
	}
}
