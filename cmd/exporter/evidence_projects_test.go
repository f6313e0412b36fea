package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exporter/internal/evidence"
	"exporter/internal/reports"
	"exporter/internal/store/storetest"
)

// A bundle of a store of several projects has all of them, or with --project all of
// one and nothing of the other; each verifies.
func TestEvidenceOfProjects(t *testing.T) {
	t.Parallel()
	st := storetest.Open(t)
	s := &evidenceSite{dir: filepath.Dir(st.Dir()), day: officeAt.AddDate(0, 0, 1)}
	put(t, s.path("reports.yaml"), `cloud: {url: "http://127.0.0.1:9", client_id: a, client_secret: b, projects: [p1, p2]}
store: {dir: data, timezone: Asia/Shanghai}
evidence: {key: key, identity: evidence@example.com}
`)
	s.run(t, 0, "evidence", "keygen", "--out", s.path("key"))
	for _, now := range []bool{false, true} {
		one, other := office(now), office(now)
		other.Project = "p2"
		storetest.Publish(t, st, one, other)
	}
	cfg := &config{}
	cfg.Store.Dir = st.Dir()
	if err := journalSnapshots(t.Context(), cfg, st, s.now); err != nil {
		t.Fatal(err)
	}
	first, last := officeAt.AddDate(0, 0, -7).Format(time.DateOnly), officeAt.Format(time.DateOnly)
	for _, project := range []string{"", "p2"} {
		args := []string{"evidence", "create", "--from", first, "--to", last, "--mask", "full", "--report", "permanent-permissions", "--out", s.path("out")}
		name := "evidence-" + first + "-" + last + "-full"
		if project != "" {
			args, name = append(args, "--project", project), name+"-"+project
		}
		s.run(t, 0, args...)
		dir := filepath.Join(s.path("out"), name)
		v := s.verify(t, 0, dir+".zip")
		if v.Info["Project"] != project || v.Digests == 0 || v.MadeAgain < 20 {
			t.Errorf("%q: %+v", project, v)
		}
		folders, err := filepath.Glob(filepath.Join(dir, "data/raw/*/p1"))
		if err != nil || (len(folders) == 2) != (project == "") {
			t.Errorf("%q: raw pages %q, %v", project, folders, err)
		}
		persons := readText(t, filepath.Join(dir, "data/population/permissions.csv"))
		if strings.Contains(persons, "p1,") != (project == "") || !strings.Contains(persons, "p2,") {
			t.Errorf("%q: population\n%s", project, persons)
		}
	}
	_, said := s.run(t, 2, "evidence", "create", "--from", first, "--to", last, "--mask", "full", "--project", "p3", "--out", s.path("out"))
	if !strings.Contains(said, "no such snapshot: project p3") {
		t.Errorf("%s", said)
	}
}

// A bundle that another version of the program made verifies, and that is said.
func TestEvidenceOfAnotherVersion(t *testing.T) {
	t.Parallel()
	s := newEvidenceSite(t)
	dir := s.seal(t, "full", "out")
	data := func(path string) string { return filepath.Join(dir, "data", filepath.FromSlash(path)) }
	const other = "0.0.9"
	for _, path := range []string{data("made_from.json"), data("README.txt"), filepath.Join(dir, "bag-info.txt")} {
		put(t, path, strings.ReplaceAll(readText(t, path), version, other))
	}
	var from madeFrom
	if err := json.Unmarshal([]byte(readText(t, data("made_from.json"))), &from); err != nil || from.ProgramVersion != other {
		t.Fatal(from, err)
	}
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: s.now, zone: time.UTC, configPath: s.path("reports.yaml")}
	cfg, err := a.loadReports(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	fonts, err := reports.FindFonts(nil)
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	p := &performance{from: from, queryDir: data("queries"), fonts: fonts,
		file: func(path string) (string, error) { return data(path), os.Truncate(data(path), 0) },
		done: func(string, int64) error { made++; return nil }}
	if p.definitions, err = chooseReports(cfg.definitions, from.Reports); err != nil {
		t.Fatal(err)
	}
	if err := p.open(t.Context(), data(snapshotFile(from.Snapshot)), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := p.report(t.Context(), p.definitions[0]); err != nil || made < 4 {
		t.Fatal(made, err)
	}
	key, err := evidence.OpenKey(s.path("key"), []byte(evidencePassphrase))
	if err != nil {
		t.Fatal(err)
	}
	signAgain(t, dir, key)
	v := s.verify(t, 0, dir)
	if want := "made by exporter " + other + ", made again by " + version; !slices.Contains(v.Notes, want) || v.Info["Bag-Software-Agent"] != "exporter "+other {
		t.Errorf("%+v", v)
	}
}
