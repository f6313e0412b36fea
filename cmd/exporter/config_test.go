package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reports.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const goodConfig = `
cloud:
  url: https://openapi.tuyaeu.com
  client_id: ${TEST_ID}
  client_secret: ${file:secret.txt}
  projects: ["1424615984265764001"]
store: {dir: data, timezone: Asia/Shanghai}
`

func TestLoadConfigExpands(t *testing.T) {
	t.Setenv("TEST_ID", "an: id # with $signs")
	path := writeConfig(t, goodConfig+"mail: {from: a$$b@example.com}\n")
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "secret.txt"), []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.Cloud.ClientID; got != "an: id # with $signs" {
		t.Errorf("client id = %q", got)
	}
	if got := string(cfg.Cloud.ClientSecret); got != "s3cret" {
		t.Errorf("client secret = %q", got)
	}
	if got := cfg.Mail.From; got != "a$b@example.com" {
		t.Errorf("mail.from = %q", got)
	}
	if want := filepath.Join(filepath.Dir(path), "data"); cfg.Store.Dir != want {
		t.Errorf("store.dir = %q, want %q", cfg.Store.Dir, want)
	}
}

func TestLoadConfigSaysWhatIsWrong(t *testing.T) {
	plain := strings.NewReplacer("${TEST_ID}", "id", "${file:secret.txt}", "topsecret").Replace(goodConfig)
	for _, test := range []struct{ name, text, want, hint string }{
		{"unknown key", strings.Replace(plain, "client_id", "cleint_id", 1), `:4:3: unknown key "cleint_id"`, `did you mean "client_id"?`},
		{"unset variable", goodConfig, "environment variable TEST_ID is unset or empty", ""},
		{"lone dollar", plain + "mail: {from: a$b}\n", "a lone $", ""},
		{"wrong type", strings.Replace(plain, "projects: [", "rate: fast\n  projects: [", 1), "rate: wrong type, want a number", ""},
		{"no project", strings.Replace(plain, `["1424615984265764001"]`, "[]", 1), "cloud.projects: name at least one", ""},
		{"project that is a path", strings.Replace(plain, "1424615984265764001", "../x", 1), `"../x" is not a project id`, ""},
		{"unknown zone", strings.Replace(plain, "Asia/Shanghai", "Mars/Olympus", 1), `unknown zone "Mars/Olympus"`, ""},
		{"secret on the faulty line", strings.Replace(plain, "client_secret: topsecret", "client_secret: [topsecret]", 1), "client_secret", ""},
		{"secret in flow style", strings.Replace(plain, "store: {dir: data", "mail: {passwort: topsecret, password: topsecret}\nstore: {dir: data", 1), `unknown key "passwort"`, "password"},
		{"secret after an unknown key", strings.Replace(plain, "store: {dir: data", "mail: {form: x, password: topsecret}\nstore: {dir: data", 1), `unknown key "form"`, ""},
		{"secret below its key", strings.Replace(plain, "client_secret: topsecret", "client_secret: >-\n    topsecret$x", 1), "a lone $", ""},
		{"secret below its key, then a fault", "cloud: {client_secret:\n  topsecret, rate: 0}\n", ":2:14: cloud.rate: must be more than 0 requests a second\n     2 | [secret]", ""},
		{"secret of several lines, then a fault", "cloud: {client_secret: \"x\n  topsecret: \", rate: 0}\n", ":2:17: cloud.rate: must be more than 0 requests a second\n     2 | [secret]", ""},
		{"secret in a block of several lines", strings.Replace(plain, "client_secret: topsecret", "client_secret: |\n    a: b\n    topsecret$x", 1), "a lone $", ""},
		{"absent key", strings.Replace(plain, "  client_id: id\n", "", 1), ":2:1: cloud.client_id: missing\n     2 | cloud:", ""},
		{"absent section", "store: {dir: data}\n", "reports.yaml: cloud.client_id: missing\n", ""},
		{"an item of a list", strings.Replace(plain, `["1424615984265764001"]`, "\n    - a\n    - a", 1), `:8:7: cloud.projects[1]: "a" is not a project id, or stands twice` + "\n     8 |     - a", ""},
		{"a report under an alias", plain + "mail: {from: &q none.sql}\nreports:\n  - {name: x, title: X, sections: [{title: A, query: *q}]}\n", ":10:47: report x: section 1: query \"none.sql\" is not in", ""},
		{"the second report of a name", plain + "reports:\n- name: failed-issues\n- name: failed-issues\n  title: X\n", ":10:3: report failed-issues: defined twice", ""},
		{"unknown key merged", plain + "reports:\n- name: failed-issues\n  <<: {qestion: x}\n", `:10:8: unknown key "qestion"`, `did you mean "question"?`},
		{"unknown key merged with others", plain + "mail: &m {from: a}\nreports:\n- name: failed-issues\n  <<: [{question: x}, {qestion: x}]\n", `unknown key "qestion"`, ""},
		{"how GET parameters travel", strings.Replace(plain, "  client_id", "  get_params: post\n  client_id", 1), `:4:3: cloud.get_params: "post" is not one of`, ""},
		{"a URL without encryption", strings.Replace(plain, "https:", "http:", 1), `:3:3: cloud.url: url of host "openapi.tuyaeu.com" is not https`, ""},
		{"not yaml", "cloud: [", "reports.yaml", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := loadConfig(writeConfig(t, test.text), true)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not say %q", err, test.want)
			}
			if strings.Contains(err.Error(), "topsecret") {
				t.Errorf("error shows the secret: %q", err)
			}
			if got := strings.Join(hints(err), " "); !strings.Contains(got, test.hint) {
				t.Errorf("hints %q, want %q", got, test.hint)
			}
			var exit *exitError
			if !errors.As(err, &exit) || exit.status != exitUsage {
				t.Errorf("exit status is not %d: %v", exitUsage, err)
			}
		})
	}
}

// Commands that only read the store need no credentials.
func TestLoadConfigWithoutCloud(t *testing.T) {
	for _, text := range []string{
		"store: {dir: data, timezone: UTC}\n",
		"cloud: {url: x, client_id: \"${NO_SUCH_VARIABLE}\", client_secret: \"${file:none}\", projects: []}\nstore: {dir: data}\n",
	} {
		if _, err := loadConfig(writeConfig(t, text), false); err != nil {
			t.Error(err)
		}
		if _, err := loadConfig(writeConfig(t, text), true); err == nil {
			t.Error("no error although the command talks to the cloud")
		}
	}
	if _, err := loadConfig(writeConfig(t, "store: {dir: \"${NO_SUCH_VARIABLE}\"}\n"), false); err == nil {
		t.Error("no error for an unset variable outside the cloud's section")
	}
}

func FuzzLoadConfig(f *testing.F) {
	f.Add(goodConfig)
	f.Add("cloud: {url: ${X}}\nreports: [{name: a, parameters: {n: 1}}]\n")
	f.Add("a: &a [*a]\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "reports.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadConfig(path, true)
		var exit *exitError
		if err != nil && (!errors.As(err, &exit) || exit.status != exitUsage) {
			t.Errorf("not a usage error: %v", err)
		}
	})
}

// Durations are told in days too, and a wrong one at its place with all else.
func TestDurations(t *testing.T) {
	cfg, err := loadConfig(writeConfig(t, "store: {dir: data}\nmail: {give_up: 3d}\nserve: {wait: 90m, grace: 0}\ncollect: {resume: \"2h\"}\n"), false)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Mail.GiveUp != 72*time.Hour || cfg.Serve.Wait != 90*time.Minute || cfg.Serve.Grace != 0 || cfg.Collect.Resume != 2*time.Hour {
		t.Errorf("%v %v %v %v", cfg.Mail.GiveUp, cfg.Serve.Wait, cfg.Serve.Grace, cfg.Collect.Resume)
	}
	_, err = loadConfig(writeConfig(t, "store: {dir: data}\nmail: {give_up: 72}\nserve: {wait: soon, listen: x}\n"), false)
	for _, want := range []string{`:2:17: mail.give_up: "72" is no duration such as 3d, 72h or 90m`, `:3:15: serve.wait: "soon" is no duration`, ":3:21: serve.listen:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// The README shows the whole reports.yaml of a site, from collecting to mail, in
// under 40 lines.
func TestSiteOfReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(readme), "the whole reports.yaml of a site:\n\n```yaml\n")
	text, _, closed := strings.Cut(text, "```")
	if !found || !closed || strings.Count(text, "\n") >= 40 {
		t.Fatalf("no such file in the README, or it is too long:\n%s", text)
	}
	path := filepath.Join(t.TempDir(), "reports.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EXPORTER_CLIENT_ID", "id")
	t.Setenv("EXPORTER_CLIENT_SECRET", "secret")
	cfg, err := loadConfig(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if due := cfg.reportConfig("expiring-permissions"); due.Due.spec == nil || due.Split == nil || cfg.Collect.Due.spec == nil {
		t.Errorf("nothing is due or sent: %+v", due)
	}
}
