package reports

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file of testdata.
func golden(t testing.TB, name, got string) {
	t.Helper()
	for _, f := range testFonts(t).fallback {
		got = strings.ReplaceAll(got, f.sha256, "(of the system's font)")
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s mismatch (-want +got):\n%s", name, diff)
	}
}

// tsv is a report as text: what its first page says, and its tables.
func tsv(r *Report) string {
	var b strings.Builder
	for _, l := range [][2]string{{"answer", r.answer}, {"what to do", r.whatToDo}, {"tone", r.tone}} {
		b.WriteString(l[0] + "\t" + l[1] + "\n")
	}
	for _, f := range r.figures {
		b.WriteString("figure\t" + strings.Join([]string{f.value, f.label, f.note, f.tone}, "\t") + "\n")
	}
	for _, s := range r.trust.limits {
		b.WriteString("coverage\t" + s + "\n")
	}
	if r.chart != nil {
		for i, label := range r.chart.labels {
			b.WriteString("chart\t" + label)
			for _, series := range r.chart.values {
				b.WriteString("\t" + decimal(series[i]))
			}
			b.WriteString("\n")
		}
	}
	for _, t := range r.tables {
		b.WriteString("\n# " + t.section.Title + "\n")
		for i, c := range t.columns {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(c.Name)
		}
		for row := range t.rows {
			b.WriteByte('\n')
			for i := range t.columns {
				if i > 0 {
					b.WriteByte('\t')
				}
				b.WriteString(t.text(row, i))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// tool runs a program that these tests need; they fail without it.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s, of poppler-utils: %v", name, err)
	}
	return string(out)
}

func pdfOf(t testing.TB, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.WritePDF(&b, testFonts(t)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lookAt keeps an output where go test -artifacts puts it, to be looked at.
func lookAt(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// pdfText is what a reader finds in a PDF, page breaks included.
func pdfText(t testing.TB, pdf []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	return tool(t, "pdftotext", "-layout", "-enc", "UTF-8", path, "-")
}

// testFonts are the built-in fonts and the Chinese one of Debian, whatever
// else the system has.
func testFonts(t testing.TB) Fonts {
	t.Helper()
	f, err := FindFonts(nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(f.fallback, func(f *fontFile) bool { return f.name == "DroidSansFallbackFull.ttf" })
	if i < 0 {
		t.Fatal("the font DroidSansFallbackFull.ttf is not there; install fonts-droid-fallback")
	}
	f.fallback = f.fallback[i : i+1]
	return f
}

// TestReportsOfHandSite compares the reports of a site whose findings are
// worked out by hand with golden tables, and its sums with the numbers that
// were worked out; and with the standard mask, which changes names and mobile
// numbers alone.
func TestReportsOfHandSite(t *testing.T) {
	st := storetest.Open(t)
	storetest.Publish(t, st, handSite(t))
	r, standard := readerOf(t, st), maskedReader(t, st, store.MaskStandard)
	persons := secrets{}
	for _, s := range []string{"张伟", "John Doe", "王小明", "182****2940"} {
		persons.add(s)
	}
	made := map[string]*Report{}
	report := func(t *testing.T, name string) *Report {
		if made[name] == nil {
			made[name] = makeReport(t, r, name, nil)
		}
		return made[name]
	}
	for _, d := range Builtin() {
		t.Run(d.Name, func(t *testing.T) {
			p := report(t, d.Name)
			golden(t, d.Name+".tsv", tsv(p))
			partsAddUp(t, p)
			var said bytes.Buffer
			if _, err := (part{p, Fonts{}, nil}).writeJSON(&said); err != nil {
				t.Error(err)
			}
			if d.Name == "expiring-permissions" && persons.in(said.Bytes(), true) == "" {
				t.Error("without a mask it names nobody")
			}
			compareMasked(t, "with the standard mask", persons, p, makeReport(t, standard, d.Name, nil))
			if m := soundMail(t, p, "张伟", "Jane", "Doe", "王小明", "=1+1", "Gone", "Moved", "Left"); d.Name == "expiring-permissions" || d.Name == "failed-issues" {
				golden(t, d.Name+".mail.txt", mailText(m))
			}
		})
	}
	t.Run("sums", func(t *testing.T) {
		for _, c := range []struct {
			report, section string
			rows            int
			severities      map[string]int
		}{
			{"expiring-permissions", "Permissions", 6, map[string]int{"high": 1, "medium": 5}},
			{"expiring-permissions", "Rules", 1, map[string]int{"medium": 1}},
			{"failed-issues", "Issues", 7, map[string]int{"high": 2, "medium": 4, "low": 1}},
			{"failed-issues", "Deletions", 2, map[string]int{"critical": 1, "low": 1}},
			{"channel-coverage", "Channels", 5, nil},
		} {
			for _, x := range report(t, c.report).tables {
				if x.section.Name != c.section {
					continue
				}
				got := map[string]int{}
				for _, s := range x.severities() {
					got[s.severity] = s.rows
				}
				if x.rows != c.rows || c.severities != nil && !cmp.Equal(got, c.severities) {
					t.Errorf("%s, %s: %d rows %v, want %d %v", c.report, c.section, x.rows, got, c.rows, c.severities)
				}
			}
		}
	})
}
