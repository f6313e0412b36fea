package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"exporter/internal/journal"
)

// Another version than the one that wrote last says so before its first line, once;
// a journal that no version wrote in yet, or this one, gets nothing.
func TestAnotherVersionIsEntered(t *testing.T) {
	line := func(kind, detail string) string { return kind + " " + detail }
	for name, c := range map[string]struct {
		lines []string
		want  string // the version before, "" for no entry
	}{
		"none":                     {},
		"this one":                 {lines: []string{line("report", `{"program_version":"0.0.1"}`), line("report", `{"program_version":"`+version+`"}`)}},
		"older":                    {lines: []string{line("snapshot", `{"program_version":"0.0.8"}`), line("mail", `{}`)}, want: "0.0.8"},
		"newer":                    {lines: []string{line("report", `{"program_version":"9.0.0"}`)}, want: "9.0.0"},
		"back again":               {lines: []string{line("program", `{"version":"0.0.9","previous":"`+version+`"}`)}, want: "0.0.9"},
		"an older snapshot's":      {lines: []string{line("program", `{"version":"`+version+`"}`), line("snapshot", `{"program_version":"0.0.8"}`)}},
		"words of somebody":        {lines: []string{line("query", `{"text":"\"program_version\":\"0.0.7\""}`), line("query", `{"x":{"program_version":"0.0.7"}}`)}},
		"a member of another sort": {lines: []string{line("report", `{"program_version":"0.0.6"}`), line("report", `{"program_version":"","version":7}`)}, want: "0.0.6"},
	} {
		cfg := witnessConfig(t)
		for _, x := range c.lines {
			kind, detail, _ := strings.Cut(x, " ")
			if _, err := journal.Open(cfg.journalPath(), time.Now).Append(kind, jsonText(detail)); err != nil {
				t.Fatal(err)
			}
		}
		j := cfg.journal(time.Now)
		for range 2 {
			if _, err := j.Append("prune", nil); err != nil {
				t.Fatal(err)
			}
		}
		var want []string
		if c.want != "" {
			want = []string{fmt.Sprintf(`program {"version":%q,"previous":%q}`, version, c.want)}
		}
		want = append(want, "prune {}", "prune {}")
		var got []string
		if _, err := journal.Read(cfg.journalPath(), func(e journal.Entry) error {
			if e.Seq > int64(len(c.lines)) {
				got = append(got, e.Kind+" "+string(e.Detail))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
}

// A torn last line names no version, and is still set aside.
func TestVersionBehindTornLine(t *testing.T) {
	cfg := witnessConfig(t)
	if _, err := journal.Open(cfg.journalPath(), time.Now).Append("report", jsonText(`{"program_version":"0.0.8"}`)); err != nil {
		t.Fatal(err)
	}
	put(t, cfg.journalPath(), readText(t, cfg.journalPath())+`{"prev":"1","seq":2,"kind":"program","detail":{"version":"0.0.9","program_version":"0.0.9"`)
	if _, err := cfg.journal(time.Now).Append("prune", nil); err != nil {
		t.Fatal(err)
	}
	text := readText(t, cfg.journalPath())
	if !regexp.MustCompile(`"kind":"program",.*"detail":{"version":"` + version + `","previous":"0.0.8","torn":"journal.torn-1"}`).MatchString(text) {
		t.Errorf("journal:\n%s", text)
	}
}
